//! Passes over mailboxes in memory: what a pass does, and that it can be cut anywhere.

mod crash;
mod passes;
mod world;
