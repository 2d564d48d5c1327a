//! limosa-testkit

pub mod conformance;
pub mod ledger_suite;
pub mod memory;
mod memory_ledger;

pub use memory_ledger::{MemoryLedger, PowerCut, PowerHook, When};
