//! Real mail servers on loopback, for tests, demo and rehearsals.

mod certificates;
mod client;
mod error;
mod files;
mod lab;
mod maildir;
pub mod mutf7;
mod packages;
mod ports;
mod process;
mod server;
mod watchdog;

pub use certificates::Certificate;
pub use client::{Answer, Client, quoted};
pub use error::{LabError, Result};
pub use lab::{Lab, cache_folder};
pub use server::{CourierOptions, CyrusOptions, DovecotOptions, Fsync, Server, Storage};
