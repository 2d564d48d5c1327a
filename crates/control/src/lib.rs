//! Many pairs over time: what is to be done, and when. Pure decisions.
//!
//! Every function here takes what is known and the time, and answers with a value. There is no I/O, no runtime and no clock: what is
//! decided about two million mailboxes is tested in memory, and a simulation can run through a year in a second. The words are those
//! of [`limosa_model::programme`].
//!
//! # Modules, in reading order
//!
//! - [`phase`]: which phase may follow which.
//! - [`windows`]: when a window is open.
//! - [`due`]: when a pair's next pass is due; [`backoff`]: what becomes of a pair whose pass has failed.
//! - [`planner`]: which pairs cut over together, and when.
//! - [`budget`]: what may be used of an endpoint, and what holds back the rest.
//! - [`forecast`]: when it will be done; [`admission`]: whether a cutover may begin now.
//! - [`random`]: numbers that look random and are the same every time.

pub mod admission;
pub mod backoff;
pub mod budget;
pub mod due;
pub mod forecast;
pub mod phase;
pub mod planner;
pub mod random;
pub mod windows;
