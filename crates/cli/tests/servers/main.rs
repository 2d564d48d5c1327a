//! The program between real servers, looked at with other eyes than its own.

mod again;
mod costs;
mod fidelity;
mod trouble;
mod world;
