//! What both databases are told, in the same words.
//!
//! - `catalogue`, `pairs`, `imports`, `secrets`, `work`: the contract's parts.
//! - `rows`: what a row says.

mod catalogue;
mod imports;
mod pairs;
mod rows;
mod secrets;
mod work;

use limosa_model::programme::store::{ProgrammeStore, StoreError};
use sqlx::{Pool, Transaction};

use super::{Db, dialect};
use crate::programme::migrations::MIGRATIONS;
use crate::programme::{unopened, unread, unwritten};

type Connection = <Db as sqlx::Database>::Connection;
type Row = <Db as sqlx::Database>::Row;
type Result<T> = std::result::Result<T, StoreError>;

/// A programme's database.
pub(in crate::programme) struct Store {
    pub(super) writer: Pool<Db>,
    pub(super) readers: Pool<Db>,
}

impl ProgrammeStore for Store {}

impl Store {
    /// Begins a write. Dropped without a commit, nothing of it has happened.
    async fn begin(&self) -> Result<Transaction<'static, Db>> {
        self.writer.begin_with(dialect::BEGIN).await.map_err(unwritten)
    }
}

/// The format that is written in the tables.
pub(super) async fn format(connection: &mut Connection) -> Result<i64> {
    let format = sqlx::query_scalar("SELECT format FROM programme").fetch_optional(connection);
    format.await.map_err(unopened)?.ok_or(StoreError::Foreign)
}

/// Notes that all migrations have been made.
pub(super) async fn write_format(connection: &mut Connection) -> Result<()> {
    let newest = MIGRATIONS.len() as i64;
    let update = sqlx::query("UPDATE programme SET format = $1").bind(newest);
    if update.execute(&mut *connection).await.map_err(unopened)?.rows_affected() == 0 {
        let insert = sqlx::query("INSERT INTO programme (format) VALUES ($1)").bind(newest);
        insert.execute(connection).await.map_err(unopened)?;
    }
    Ok(())
}

/// A statement put together from constants of this crate.
fn statement(text: String) -> sqlx::AssertSqlSafe<String> {
    sqlx::AssertSqlSafe(text)
}

/// What a foreign key that leads nowhere, or two rows of one name, say to the caller.
fn refused(what: impl Fn() -> String) -> impl Fn(sqlx::Error) -> StoreError {
    move |error| match error.as_database_error().map(|error| error.kind()) {
        Some(sqlx::error::ErrorKind::ForeignKeyViolation) => StoreError::Unknown { what: what() },
        Some(sqlx::error::ErrorKind::UniqueViolation) => StoreError::Conflict { what: what() },
        _ => unwritten(error),
    }
}
