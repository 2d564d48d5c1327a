//! Ledgers in one SQLite file.

mod ledger;
mod open;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limosa_model::ledger::{Exception, Ledger, LedgerError};
use limosa_model::pair::PairKey;
use sqlx::sqlite::SqliteConnection;
use sqlx::{Connection, Row};
use tokio::sync::{Mutex, MutexGuard};

use crate::lock::FileLock;
use crate::notes::Notes;
use ledger::SqliteLedger;

/// The newest format of the tables that this version reads.
pub const FORMAT: i64 = open::MIGRATIONS.len() as i64;

/// What is being done, for [`LedgerError::Store`].
#[derive(Clone, Copy)]
enum Doing {
    Open,
    Read,
    Write,
}

impl Doing {
    fn failed(self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LedgerError {
        let doing = match self {
            Self::Open => "opened",
            Self::Read => "read",
            Self::Write => "written",
        };
        let source = source.into();
        match source.downcast_ref().is_some_and(tells_damage) {
            true => LedgerError::FileDamaged { source },
            false => LedgerError::Store { doing, source },
        }
    }
}

/// Whether SQLite says that the file is not what it wrote: SQLITE_CORRUPT and SQLITE_NOTADB, with their extended codes.
fn tells_damage(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(|error| error.code()?.parse::<i32>().ok());
    matches!(code.map(|code| code & 0xff), Some(11 | 26))
}

/// Every write begins by taking SQLite's write lock, since a transaction that reads first and then wants to write
/// fails when another process wrote in between.
const BEGIN_WRITE: &str = "BEGIN IMMEDIATE";

/// Ledgers of any number of pairs in one file. Cloning gives another handle on the same connection.
///
/// One connection does everything, one transaction after another: SQLite has one writer anyway. Other processes may work on
/// other pairs of the same file at the same time; each write waits for theirs.
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connection: Mutex<SqliteConnection>,
    locks: PathBuf,
}

impl SqliteStore {
    /// Opens the database file, and makes it where there is none, with the folder it stands in. New ones are for their owner's
    /// eyes alone (0600, 0700): what mail somebody has is told by the names of folders and subjects.
    ///
    /// Beside `ledger.db` there is a folder `ledger.db.locks`, with a lock and the notes of messages under way for each pair.
    ///
    /// # Errors
    /// [`LedgerError::Newer`] when a newer version has written it; [`LedgerError::FileDamaged`] when it is not what was
    /// written, or was never a database; [`LedgerError::Store`] when it cannot be opened, or is another program's.
    pub async fn open(path: &Path) -> Result<Self, LedgerError> {
        let mut locks = path.as_os_str().to_owned();
        locks.push(".locks");
        let locks = PathBuf::from(locks);
        let connection = open::open(path, &locks).await?;
        Ok(Self(Arc::new(Inner { connection: Mutex::new(connection), locks })))
    }

    /// Takes a pair, and answers its ledger; an empty one for a pair never seen. The pair is held until the ledger is
    /// dropped or the process ends.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] when another one has it, in this process or another one of this machine.
    pub async fn pair(&self, key: &PairKey) -> Result<Arc<dyn Ledger>, LedgerError> {
        let lock = self.try_lock(key)?;
        self.take(key, lock).await
    }

    /// Like [`SqliteStore::pair`], but waits for as long as another one has the pair.
    ///
    /// # Errors
    /// Any but [`LedgerError::Busy`].
    pub async fn pair_waiting(&self, key: &PairKey) -> Result<Arc<dyn Ledger>, LedgerError> {
        let lock = FileLock::take(&self.lock_path(key)).await.map_err(|error| Doing::Open.failed(error))?;
        self.take(key, lock).await
    }

    /// All pairs that have a ledger, by source and target.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when it cannot be read.
    pub async fn pairs(&self) -> Result<Vec<PairKey>, LedgerError> {
        let mut connection = self.0.connection().await;
        let rows = sqlx::query("SELECT source, target FROM pair ORDER BY source, target").fetch_all(&mut *connection);
        let rows = rows.await.map_err(|error| Doing::Read.failed(error))?;
        let key = |row: &sqlx::sqlite::SqliteRow| Ok(PairKey { source: row.try_get(0)?, target: row.try_get(1)? });
        rows.iter().map(key).collect::<Result<_, sqlx::Error>>().map_err(|error| Doing::Read.failed(error))
    }

    /// The exceptions of all pairs, by pair, folder and id; also of those that somebody works on now.
    ///
    /// # Errors
    /// [`LedgerError::Store`] when they cannot be read; [`LedgerError::Damaged`].
    pub async fn exceptions(&self) -> Result<Vec<(PairKey, Exception)>, LedgerError> {
        let mut connection = self.0.connection().await;
        ledger::all_exceptions(&mut connection).await
    }

    /// Ends a pair's ledger and all that is in it; false when there is none. Its messages stay where they are: a later pass
    /// finds them by content.
    ///
    /// # Errors
    /// [`LedgerError::Busy`] when somebody works on the pair; [`LedgerError::Store`] when it cannot be written.
    pub async fn forget(&self, key: &PairKey) -> Result<bool, LedgerError> {
        let _lock = self.try_lock(key)?;
        let failed = |error| Doing::Write.failed(error);
        match std::fs::remove_file(self.notes_path(key)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let mut connection = self.0.connection().await;
        let delete =
            sqlx::query("DELETE FROM pair WHERE source = ? AND target = ?").bind(&key.source).bind(&key.target);
        let deleted = delete.execute(&mut *connection).await.map_err(|error| Doing::Write.failed(error))?;
        Ok(deleted.rows_affected() > 0)
    }

    fn try_lock(&self, key: &PairKey) -> Result<FileLock, LedgerError> {
        let lock = FileLock::try_take(&self.lock_path(key)).map_err(|error| Doing::Open.failed(error))?;
        lock.ok_or_else(|| LedgerError::Busy { pair: key.to_string() })
    }

    fn lock_path(&self, key: &PairKey) -> PathBuf {
        self.path(key, "lock")
    }

    fn notes_path(&self, key: &PairKey) -> PathBuf {
        self.path(key, "sending")
    }

    /// A name for a pair that any file system takes. The length before the source keeps two pairs from having one text.
    fn path(&self, key: &PairKey, kind: &str) -> PathBuf {
        let text = format!("{} {} {}", key.source.len(), key.source, key.target);
        let name = blake3::hash(text.as_bytes()).to_hex();
        self.0.locks.join(format!("{}.{kind}", &name[..32]))
    }

    /// Raises the pair's fence: whoever held it without our lock, on another machine, cannot write from here on.
    async fn take(&self, key: &PairKey, lock: FileLock) -> Result<Arc<dyn Ledger>, LedgerError> {
        let mut connection = self.0.connection().await;
        let failed = |error: sqlx::Error| Doing::Open.failed(error);
        let mut transaction = connection.begin_with(BEGIN_WRITE).await.map_err(failed)?;
        let row = sqlx::query(
            "INSERT INTO pair (source, target, fence, writing) VALUES (?, ?, 1, 0)
             ON CONFLICT (source, target) DO UPDATE SET fence = fence + 1
             RETURNING id, fence",
        );
        let row = row.bind(&key.source).bind(&key.target).fetch_one(&mut *transaction).await.map_err(failed)?;
        let (id, fence) = (row.try_get(0).map_err(failed)?, row.try_get(1).map_err(failed)?);
        transaction.commit().await.map_err(failed)?;
        drop(connection);
        let notes = Notes::open(&self.notes_path(key)).map_err(|error| Doing::Open.failed(error))?;
        Ok(Arc::new(SqliteLedger::new(self.0.clone(), id, fence, key.to_string(), notes, lock)))
    }
}

impl Inner {
    async fn connection(&self) -> MutexGuard<'_, SqliteConnection> {
        self.connection.lock().await
    }
}
