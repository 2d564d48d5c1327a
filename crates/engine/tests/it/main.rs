//! Passes over mailboxes in memory: what a pass does, and that it can be cut anywhere.

mod audit;
mod crash;
mod lanes;
mod ledger;
mod passes;
mod recovery;
mod refusals;
mod renames;
mod speed;
mod world;
