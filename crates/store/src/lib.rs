//! Where ledgers and programmes are kept for good.
//!
//! Of a ledger, rows are few: a pair, its folders, each folder's *segments* (see [`limosa_model::ledger::codec`]), and what was left behind
//! by name. No message has a row of its own but an exception.
//!
//! - [`sqlite`]: [`SqliteStore`], one file for one machine.
//! - [`programme`]: pairs by the million, in SQLite or PostgreSQL: who works on which, and what becomes of them.
//! - [`sealing`]: secrets, sealed before they come here.
//! - `rows`: what a settlement and a folder are as values of a table, the same for every database.
//! - `lock`: one run a pair on this machine.
//! - `notes`: which messages are under way, in a file beside the lock.
//!
//! **Invariants of ledgers.** Every write checks the pair's fence in its own transaction. What cannot be read whole is an error that
//! names the folder; nothing of it is handed out. A settlement has reached the disk when its call returns.

mod lock;
mod notes;
pub mod programme;
mod rows;
pub mod sealing;
pub mod sqlite;

pub use sqlite::{PairException, SqliteStore};
