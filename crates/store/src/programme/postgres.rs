//! What is PostgreSQL's own about a programme's database.

#[path = "both/mod.rs"]
mod both;

use std::str::FromStr;
use std::time::Duration;

use limosa_model::programme::store::StoreError;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Executor};

use super::migrations::missing;
use super::unopened;

use both::Store;

type Db = sqlx::Postgres;

/// Connections of one process: statements take milliseconds, and none waits for a mail server.
const CONNECTIONS: u32 = 8;

/// How long a call waits for a connection, and so for a database that is being restarted.
const PATIENCE: Duration = Duration::from_secs(30);

/// Held while the tables are brought to the newest format: "limosa" in ASCII.
const MIGRATING: i64 = 0x6C69_6D6F_7361;

/// The words that differ.
mod dialect {
    pub(super) const BEGIN: &str = "BEGIN";
    /// The database's clock, in microseconds of the Unix epoch. Not that of the transaction's beginning: it may have waited since.
    pub(super) const NOW: &str = "CAST(extract(epoch FROM clock_timestamp()) * 1000000 AS BIGINT)";
    /// `$1`, a JSON array, as rows with a column `value`.
    pub(super) const LINES: &str = "json_array_elements(CAST($1 AS json)) AS line (value)";
    /// It has statistics of its own.
    pub(super) const ASIDE: &str = "";
    /// Locks rows against others that lock them so, and not against rows that refer to them.
    pub(super) const LOCK: &str = " FOR NO KEY UPDATE";
    /// Locks rows that are about to be removed.
    pub(super) const LOCK_TO_END: &str = " FOR UPDATE";
    /// Locks those rows that nobody has locked, and leaves the others out.
    pub(super) const LOCK_UNLOCKED: &str = " FOR NO KEY UPDATE SKIP LOCKED";
    /// Keeps rows from being removed.
    pub(super) const KEEP: &str = " FOR KEY SHARE";
}

/// Opens the database, and makes the tables where there are none.
pub(super) async fn open(url: &str) -> Result<Store, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(unopened)?.disable_statement_logging();
    let pool = PgPoolOptions::new().max_connections(CONNECTIONS).acquire_timeout(PATIENCE);
    let pool = pool.connect_with(options.application_name("limosa")).await.map_err(unopened)?;
    let mut transaction = pool.begin().await.map_err(unopened)?;
    let lock = sqlx::query("SELECT pg_advisory_xact_lock($1)").bind(MIGRATING);
    lock.execute(&mut *transaction).await.map_err(unopened)?;
    let tables = sqlx::query_scalar("SELECT count(*) FROM pg_tables WHERE schemaname = current_schema()");
    let tables: i64 = tables.fetch_one(&mut *transaction).await.map_err(unopened)?;
    let ours = sqlx::query_scalar("SELECT to_regclass('programme') IS NOT NULL");
    let ours: bool = ours.fetch_one(&mut *transaction).await.map_err(unopened)?;
    let format = match ours {
        false => None,
        true => Some(both::format(&mut transaction).await?),
    };
    for migration in missing(tables, format)? {
        transaction.execute(sqlx::raw_sql(migration.postgres)).await.map_err(unopened)?;
    }
    both::write_format(&mut transaction).await?;
    transaction.commit().await.map_err(unopened)?;
    Ok(Store { writer: pool.clone(), readers: pool })
}
