//! The database of a programme, in SQLite for one machine or in PostgreSQL for many.
//!
//! The statements are written once, in `both`, and compiled twice: `sqlite` and `postgres` are what differs, which is how a database is
//! opened and a handful of words (`dialect`). Types are concrete in both, so that what the compiler says can be read.
//!
//! Columns hold 64-bit integers and text only, times in microseconds of the Unix epoch, what is never searched for as JSON.

#![allow(clippy::duplicate_mod, reason = "one text is meant to be compiled for two databases")]

mod claims;
mod imports;
mod migrations;
mod postgres;
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use limosa_model::programme::store::{ProgrammeStore, StoreError};

/// Opens the database in a file, and makes it where there is none, for its owner's eyes alone.
///
/// # Errors
/// [`StoreError::Newer`], [`StoreError::Foreign`], [`StoreError::Database`].
pub async fn open_sqlite(path: &Path) -> Result<Arc<dyn ProgrammeStore>, StoreError> {
    Ok(Arc::new(sqlite::open(path).await?))
}

/// Opens the database at a `postgres://` address, and makes the tables where there are none.
///
/// # Errors
/// As [`open_sqlite`].
pub async fn open_postgres(url: &str) -> Result<Arc<dyn ProgrammeStore>, StoreError> {
    Ok(Arc::new(postgres::open(url).await?))
}

fn unopened(source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> StoreError {
    StoreError::Database { doing: "opened", source: source.into() }
}

fn unread(source: sqlx::Error) -> StoreError {
    StoreError::Database { doing: "read", source: source.into() }
}

fn unwritten(source: sqlx::Error) -> StoreError {
    StoreError::Database { doing: "written", source: source.into() }
}
