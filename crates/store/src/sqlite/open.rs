//! How does a file become a database of ledgers?

use std::path::Path;
use std::time::Duration;

use limosa_model::ledger::LedgerError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection};

use super::{BEGIN_WRITE, Doing, FORMAT};
use crate::lock::{FileLock, private_file, private_folder};

/// What brings the tables from each format to the next; each ends by setting `user_version` to its place in the list.
pub(super) const MIGRATIONS: [&str; 3] =
    [include_str!("0001-ledger.sql"), include_str!("0002-object-ids.sql"), include_str!("0003-exceptions.sql")];

/// Marks the file as ours for `file` and for ourselves: "Lims" in ASCII.
const APPLICATION_ID: i64 = 0x4C69_6D73;

/// No database has smaller pages, in bytes.
const SMALLEST_FILE: u64 = 512;

/// Held while a file is looked at and brought to the newest format.
const OPEN_LOCK: &str = "open.lock";

/// How long a write waits for other processes' writes, each of which takes milliseconds.
const WRITERS_TURN: Duration = Duration::from_secs(60);

pub(super) async fn open(path: &Path, locks: &Path) -> Result<SqliteConnection, LedgerError> {
    let failed = |error: std::io::Error| Doing::Open.failed(error);
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(failed)?;
    }
    private_folder(locks).map_err(failed)?;
    if was_emptied(path, locks).map_err(failed)? {
        return Err(LedgerError::FileDamaged {
            source: "nothing is left of it, and it has held ledgers before".into(),
        });
    }
    private_file(path).map_err(failed)?;
    // Switching to WAL and making tables are not for two at once.
    let _lock = FileLock::take(&locks.join(OPEN_LOCK)).await.map_err(failed)?;
    let failed = |error: sqlx::Error| Doing::Open.failed(error);
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(WRITERS_TURN)
        .foreign_keys(true)
        .disable_statement_logging();

    // Looked at before anything is changed: it may be somebody else's file, or a newer version's.
    let mut connection = options.clone().connect().await.map_err(failed)?;
    let known = format(&mut connection).await?;
    look_through(&mut connection).await?;
    connection.close().await.map_err(failed)?;

    // FULL syncs the log at every commit; with NORMAL a power cut would undo settlements whose messages are on the target.
    let options = options.journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
    let mut connection = options.connect().await.map_err(failed)?;
    if known < FORMAT {
        migrate(&mut connection, known).await.map_err(failed)?;
    }
    Ok(connection)
}

/// The format that the tables have; 0 when there are none.
async fn format(connection: &mut SqliteConnection) -> Result<i64, LedgerError> {
    let failed = |error: sqlx::Error| Doing::Open.failed(error);
    let format: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut *connection).await.map_err(failed)?;
    let application: i64 =
        sqlx::query_scalar("PRAGMA application_id").fetch_one(&mut *connection).await.map_err(failed)?;
    let tables: i64 =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema").fetch_one(&mut *connection).await.map_err(failed)?;
    match (application, format, tables) {
        (0, 0, 0) => Ok(0),
        (APPLICATION_ID, found, _) if found > FORMAT => Err(LedgerError::Newer { found, known: FORMAT }),
        (APPLICATION_ID, found, _) => Ok(found),
        _ => Err(Doing::Open.failed("the file is a database of another program")),
    }
}

/// SQLite would take an empty file, or one of a byte, for a new database. Locks of pairs beside it tell that it was one before.
fn was_emptied(path: &Path, locks: &Path) -> std::io::Result<bool> {
    if !path.metadata().is_ok_and(|file| file.len() < SMALLEST_FILE) {
        return Ok(false);
    }
    for lock in locks.read_dir()? {
        if lock?.file_name() != OPEN_LOCK {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether all pages hang together: SQLite itself meets a damaged page only when a query happens to need it. Entries have
/// checksums of their own.
async fn look_through(connection: &mut SqliteConnection) -> Result<(), LedgerError> {
    let found: String = sqlx::query_scalar("PRAGMA quick_check(1)")
        .fetch_one(connection)
        .await
        .map_err(|error| Doing::Open.failed(error))?;
    match found.as_str() {
        "ok" => Ok(()),
        damage => Err(LedgerError::FileDamaged { source: damage.into() }),
    }
}

async fn migrate(connection: &mut SqliteConnection, from: i64) -> Result<(), sqlx::Error> {
    let mut transaction = connection.begin_with(BEGIN_WRITE).await?;
    for migration in MIGRATIONS.iter().copied().skip(from as usize) {
        sqlx::raw_sql(migration).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}
