//! limosa-testkit

pub mod conformance;
pub mod crash;
pub mod ledger_suite;
pub mod mail;
pub mod memory;
mod memory_ledger;

pub use memory_ledger::{MemoryLedger, PowerCut, PowerHook, When};
