//! For tests only: a reference of the contract in memory, the conformance suites, the crash matrix, and mail to move.

pub mod conformance;
pub mod crash;
pub mod ledger_suite;
pub mod mail;
pub mod memory;
mod memory_ledger;
pub mod programme;
pub mod programme_suite;

pub use memory_ledger::{MemoryLedger, PowerCut, PowerHook, When};
