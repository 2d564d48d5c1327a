//! The program as a person or a script meets it: what is typed, what comes back, what stands on disk.

mod check;
mod copy;
mod evidence;
mod ledger;
mod list;
mod secrets;
mod servers;
mod signals;
mod support;
mod usage;
