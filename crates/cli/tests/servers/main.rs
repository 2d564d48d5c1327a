//! The program between real servers, looked at with other eyes than its own.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should say so and stop")]

mod again;
mod corpora;
mod costs;
mod exceptions;
mod fidelity;
mod ledger;
mod renames;
mod soak;
mod speed;
mod trouble;
mod vanishing;
mod verify;
mod world;
