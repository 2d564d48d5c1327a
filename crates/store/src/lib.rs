//! Where ledgers are kept for good.
//!
//! Rows are few: a pair, its folders, each folder's *segments* (see [`limosa_model::ledger::codec`]), and what was left behind
//! by name. No message has a row of its own but an exception.
//!
//! - [`sqlite`]: [`SqliteStore`], one file for one machine.
//! - `rows`: what a settlement and a folder are as values of a table, the same for every database.
//! - `lock`: one run a pair on this machine.
//! - `notes`: which messages are under way, in a file beside the lock.
//!
//! **Invariants.** Every write checks the pair's fence in its own transaction. What cannot be read whole is an error that
//! names the folder; nothing of it is handed out. A settlement has reached the disk when its call returns.

mod lock;
mod notes;
mod rows;
pub mod sqlite;

pub use sqlite::SqliteStore;
