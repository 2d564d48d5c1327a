//! One pair, one pass: brings a target mailbox up to its source.
//!
//! A **pass** surveys both sides, compares that with the ledger, decides what to do as plain values, does it, settles what
//! has arrived, and compares again. It knows no protocol: it works on [`Mailbox`](limosa_model::Mailbox),
//! [`Target`](limosa_model::Target) and [`Ledger`](limosa_model::Ledger) alone.
//!
//! # Modules, in reading order
//!
//! - [`options`], [`report`], [`progress`]: what a pass is told, what it answers, what can be watched meanwhile.
//! - [`pass`]: the order of things in a pass, and what happens when a connection is lost.
//! - [`outlook`]: what a survey of both sides comes to, held against the ledger. [`identity`]: whether they are two mailboxes.
//! - [`folders`]: which source folder goes to which target folder. Pure.
//! - [`prepare`]: from a pair of folders to what is to be done in it, by [`inspect`] (what changed on both sides),
//!   [`recover`] (what stands there already, by content) and [`plan`] (changes and ledger → steps; pure). [`reading`]: messages read
//!   whole. [`damage`]: where the ledger cannot be read. [`sending`]: what is noted of messages under way, and what the notes of a run that was cut off explain.
//! - [`renames`]: folders renamed on the source; [`moves`]: messages moved between folders.
//! - [`lanes`], [`copy`]: bytes from source to target over several connections, many messages in flight; [`settle`]: writing down what arrived.
//! - [`refusals`]: what becomes of messages that the target refuses, by [`mend`] (the smallest changes; pure). [`exceptions`]: naming them.
//! - [`apply`]: the steps that move no bytes. [`keeping`]: which flags a message shall have on the target.
//! - [`verify`]: the comparison at the end, with what is [`expected`], and what is in [`doubt`].
//! - [`check`]: what a copy would meet, with nothing written.
//! - [`audit`]: both sides compared anew, with nothing written; [`grade`]: how good the target's copy is.
//! - [`sides`], [`stop`]: the connections to both sides, and what ends an attempt.
//! - [`summary`]: what was done, gathered for the report; [`work`]: one folder while it is worked on.

mod apply;
pub mod audit;
pub mod check;
mod copy;
mod damage;
mod doubt;
mod exceptions;
mod expected;
pub mod folders;
pub mod grade;
mod identity;
mod inspect;
mod keeping;
mod lanes;
mod mend;
mod moves;
pub mod options;
mod outlook;
pub mod pass;
mod plan;
mod portions;
mod prepare;
pub mod progress;
mod reading;
mod recover;
pub mod refusals;
mod renames;
pub mod report;
mod sending;
mod settle;
mod sides;
mod stop;
mod summary;
mod verify;
mod work;

pub use options::{Deletions, Options};
pub use pass::{Pair, run};
pub use progress::{Phase, Progress};
pub use refusals::Refusals;
pub use report::{Grade, Outcome, Report};
pub use sides::{Side, SideError};
pub use stop::PassError;
