//! What is SQLite's own about a programme's database.

#[path = "both/mod.rs"]
mod both;

use std::path::Path;
use std::time::Duration;

use limosa_model::programme::store::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Executor};

use super::migrations::missing;
use super::unopened;
use crate::lock::{private_file, private_folder};

use both::Store;

type Db = sqlx::Sqlite;

/// Readers at once. They never wait for the writer, nor it for them.
const READERS: u32 = 4;

/// How long a write waits for other processes' writes, each of which takes milliseconds.
const WRITERS_TURN: Duration = Duration::from_secs(60);

/// The words that differ.
mod dialect {
    /// Begins a write by taking the write lock, since a transaction that reads first and then wants to write fails when another process
    /// wrote in between.
    pub(super) const BEGIN: &str = "BEGIN IMMEDIATE";
    /// The database's clock, in microseconds of the Unix epoch.
    pub(super) const NOW: &str = "CAST(unixepoch('subsec') * 1000000 AS INTEGER)";
    /// `$1`, a JSON array, as rows with a column `value`.
    pub(super) const LINES: &str = "json_each($1) AS line";
    /// Before a column: no index is taken for its sake. SQLite believes any equality to lead to few rows.
    pub(super) const ASIDE: &str = "+";
    /// There is one writer: nothing has to be locked.
    pub(super) const LOCK: &str = "";
    pub(super) const LOCK_TO_END: &str = "";
    pub(super) const LOCK_UNLOCKED: &str = "";
    pub(super) const KEEP: &str = "";
}

/// Opens the file, or makes it.
pub(super) async fn open(path: &Path) -> Result<Store, StoreError> {
    if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_folder(folder).map_err(unopened)?;
    }
    private_file(path).map_err(unopened)?;
    let options = SqliteConnectOptions::new()
        .filename(path)
        .busy_timeout(WRITERS_TURN)
        .foreign_keys(true)
        // FULL syncs the log at every commit: what has returned is there after a power cut.
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("cache_size", "-65536")
        .disable_statement_logging();
    let writer = SqlitePoolOptions::new().max_connections(1).acquire_timeout(WRITERS_TURN);
    let writer = writer.connect_with(options.clone()).await.map_err(unopened)?;
    let mut transaction = writer.begin_with(dialect::BEGIN).await.map_err(unopened)?;
    let tables =
        sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
    let tables: i64 = tables.fetch_one(&mut *transaction).await.map_err(unopened)?;
    let ours = sqlx::query_scalar("SELECT count(*) FROM sqlite_schema WHERE name = 'programme'");
    let ours: i64 = ours.fetch_one(&mut *transaction).await.map_err(unopened)?;
    let format = match ours {
        0 => None,
        _ => Some(both::format(&mut transaction).await?),
    };
    for migration in missing(tables, format)? {
        transaction.execute(sqlx::raw_sql(migration.sqlite)).await.map_err(unopened)?;
    }
    both::write_format(&mut transaction).await?;
    transaction.commit().await.map_err(unopened)?;
    let readers = SqlitePoolOptions::new().max_connections(READERS).acquire_timeout(WRITERS_TURN);
    let readers = readers.connect_with(options.read_only(true)).await.map_err(unopened)?;
    Ok(Store { writer, readers })
}
