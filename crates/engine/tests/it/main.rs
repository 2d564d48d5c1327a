//! Passes over mailboxes in memory: what a pass does, and that it can be cut anywhere.

mod audit;
mod crash;
mod passes;
mod renames;
mod world;
