//! The reference of the contract, in memory: what every connector must do, with nothing in the way.
//!
//! - [`MemoryServer`]: a mailbox, to be looked at and changed from outside as by another client.
//! - [`MemoryConnector`]: the way to it through the contract; each step passes through [`Faults`].
//! - [`MemoryTraits`]: the ways in which real stores differ.
//! - [`Faults`]: counts steps and cuts them.

mod connection;
mod connector;
mod faults;
mod fetch;
mod server;
mod state;
mod target;
mod traits;
mod writer;

pub use connector::MemoryConnector;
pub use faults::{Cut, Faults, Moment, Step, Verdict};
pub use server::{MemoryServer, Picture, StoredMessage};
pub use state::Told;
pub use traits::{Changes, Ids, MemoryTraits, Refuse};
