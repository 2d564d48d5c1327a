//! The promise of the database of a programme.
//!
//! - [`Catalogue`]: endpoints, migrations, organisations, windows, waves: few, and known by name.
//! - [`Pairs`]: pairs and grants, by the million: taken in, looked through, counted.
//! - [`Secrets`]: what opens endpoints and mailboxes, sealed.
//! - [`Work`]: who works on what: workers, leases, fences, connections.
//!
//! Clauses have names (`[claim.order]`); a check of the same name in `testkit` runs over every database.
//!
//! # Two clocks
//!
//! A lease ends by the database's own clock, since it is the only one that all workers share. What is *due* is told by the caller,
//! whose clock knows zones and windows.

use super::{Fence, PairId, WorkerId};

mod catalogue;
mod pairs;
mod secrets;
mod work;

pub use catalogue::Catalogue;
pub use pairs::{Counted, GrantLine, Imported, PairFilter, PairLine, PairRecord, Pairs, Refusal, Trouble};
pub use secrets::{Sealed, SecretOf, Secrets};
pub use work::{Claimed, PairWrite, Work};

/// The database of a programme. Cheap to share; every call is whole or did nothing (`[atomic]`) and has reached the disk when it
/// returns (`[durable]`).
pub trait ProgrammeStore: Catalogue + Pairs + Secrets + Work {}

/// What can go wrong with the database of a programme.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// Somebody else has taken the pair since, or changed it: nothing was written.
    #[error("pair {pair} is not at fence {} any more: somebody else has it", fence.0)]
    Fenced {
        /// The pair.
        pair: PairId,
        /// The fence that has become stale.
        fence: Fence,
    },
    /// The worker's lease has ended, and its pairs may be others' by now: nothing was written.
    #[error("the lease of worker {worker} has ended")]
    LeaseEnded {
        /// The worker.
        worker: WorkerId,
    },
    /// Something that was named is not there.
    #[error("there is no {what}")]
    Unknown {
        /// What, with its name or number.
        what: String,
    },
    /// What was to be put contradicts what is there.
    #[error("{what}")]
    Conflict {
        /// The contradiction.
        what: String,
    },
    /// The database was written by a newer version.
    #[error("the database has format {found}, and this version reads up to {known}")]
    Newer {
        /// The format found.
        found: i64,
        /// The newest format known.
        known: i64,
    },
    /// The database is not one of ours.
    #[error("the database belongs to another program")]
    Foreign,
    /// A row cannot be what this version wrote.
    #[error("the database holds what cannot be read: {what}")]
    Unreadable {
        /// Which row, and what is wrong with it.
        what: String,
    },
    /// The database failed; nothing of the call was written.
    #[error("the database could not be {doing}")]
    Database {
        /// What was being done: "opened", "read", "written".
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl StoreError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "pair-fenced",
            Self::LeaseEnded { .. } => "lease-ended",
            Self::Unknown { .. } => "unknown",
            Self::Conflict { .. } => "conflict",
            Self::Newer { .. } => "database-newer",
            Self::Foreign => "database-foreign",
            Self::Unreadable { .. } => "database-unreadable",
            Self::Database { .. } => "database-failed",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "nothing: whoever has the pair now goes on with it",
            Self::LeaseEnded { .. } => {
                "is this machine overloaded, or cut off from the database? The worker registers anew by itself"
            }
            Self::Unknown { .. } => "look at the names that there are",
            Self::Conflict { .. } => "change one of the two",
            Self::Newer { .. } => "use the newer version of limosa for all servers and workers",
            Self::Foreign => "give limosa a database of its own",
            Self::Unreadable { .. } => "was the database changed by hand? Put a backup in its place",
            Self::Database { .. } => "does the database run, is it reachable, and is there room on its disk?",
        }
    }
}
