//! Pairs and grants, by the million.

use std::fmt;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::programme::{
    ActivityKind, Fence, Grant, Managed, MigrationId, OrganisationId, PairId, PairKind, Phase, Right, Size, WaveId,
    WorkerId,
};

/// A pair as it is taken in: a line of a file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairLine {
    /// The mailbox on the source.
    pub source: String,
    /// The mailbox on the target.
    pub target: String,
    /// Whose it is, by name; made where there is none of this name.
    pub organisation: String,
    /// Whose mailbox it is.
    pub kind: PairKind,
    /// The language of its owner, where it is known.
    pub language: Option<String>,
    /// How large it is, where it is known.
    pub size: Option<Size>,
}

/// A grant as it is taken in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GrantLine {
    /// Whose mailbox, by its name on the source.
    pub owner: String,
    /// Who may, likewise.
    pub trustee: String,
    /// What.
    pub right: Right,
}

/// What became of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Imported {
    /// It was new.
    Added,
    /// It was known, and something of it was other.
    Changed,
    /// It was known just so.
    Same,
    /// It was not taken.
    Refused(Refusal),
}

/// Why a line was not taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A name is empty, or has characters that no name has.
    NoName {
        /// Which column.
        column: &'static str,
    },
    /// The source is known with another target, in this file or from before.
    OtherTarget {
        /// That target.
        target: String,
    },
    /// The target is that of another source, in this file or from before.
    TargetTaken {
        /// That source.
        source: String,
    },
    /// The mailbox is in another migration.
    OtherMigration {
        /// Which mailbox.
        mailbox: String,
        /// That migration, by name.
        migration: String,
    },
    /// Whose mailbox it is to be is not known in this migration.
    NoSuchOwner {
        /// The name.
        owner: String,
    },
}

impl Refusal {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoName { .. } => "no-name",
            Self::OtherTarget { .. } => "other-target",
            Self::TargetTaken { .. } => "target-taken",
            Self::OtherMigration { .. } => "other-migration",
            Self::NoSuchOwner { .. } => "no-such-owner",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName { column } => write!(f, "the {column} is empty, or holds control characters"),
            Self::OtherTarget { target } => write!(f, "this source goes to {target} already"),
            Self::TargetTaken { source } => write!(f, "this target is that of {source} already"),
            Self::OtherMigration { mailbox, migration } => {
                write!(f, "{mailbox} is part of the migration {migration} already")
            }
            Self::NoSuchOwner { owner } => write!(f, "{owner} is no source of this migration"),
        }
    }
}

/// A pair with what the store keeps about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairRecord {
    /// The pair.
    pub pair: Managed,
    /// What a write has to carry.
    pub fence: Fence,
    /// Who works on it.
    pub worker: Option<WorkerId>,
    /// Passes that have ended.
    pub passes: u64,
    /// What they have copied.
    pub copied: Size,
    /// When the last one ended.
    pub last_pass: Option<Timestamp>,
}

/// Which pairs of a migration. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PairFilter {
    /// In this phase.
    pub phase: Option<Phase>,
    /// Doing this.
    pub activity: Option<ActivityKind>,
    /// Having this trouble.
    pub trouble: Option<Trouble>,
    /// Of this organisation.
    pub organisation: Option<OrganisationId>,
    /// In this wave.
    pub wave: Option<WaveId>,
    /// The name of the source or the target begins with this text.
    pub name: Option<String>,
}

/// What a person would have to look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Trouble {
    /// Nothing more is tried.
    Blocked,
    /// Exceptions wait for approval.
    Exceptions,
}

/// How many pairs of a migration are in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Counted {
    /// The phase.
    pub phase: Phase,
    /// What they do.
    pub activity: ActivityKind,
    /// How many.
    pub pairs: u64,
}

/// Pairs and grants.
#[async_trait]
pub trait Pairs: Send + Sync {
    /// Takes in pairs, some thousands at once. Answers for each line, in their order.
    ///
    /// - `[import.rest]` A line that is refused leaves the others as they are.
    /// - `[import.idempotent]` The same lines again are all [`Imported::Same`], however often, and also beside one another.
    /// - `[import.changes]` Organisation, kind, language and size of a known pair follow the line; where a line tells no size or language,
    ///   that which is known stays. Nothing else of it does.
    /// - `[import.one-target]` A source has one target and a target one source, at an endpoint, whatever the migrations.
    async fn import_pairs(&self, migration: MigrationId, lines: &[PairLine]) -> Result<Vec<Imported>, StoreError>;

    /// Takes in grants, likewise. Owner, trustee, and what of which folder it is about tell one from another; the letters of a folder's
    /// rights follow the line.
    async fn import_grants(&self, migration: MigrationId, lines: &[GrantLine]) -> Result<Vec<Imported>, StoreError>;

    /// A pair.
    ///
    /// # Errors
    /// [`StoreError::Unknown`].
    async fn pair(&self, pair: PairId) -> Result<PairRecord, StoreError>;

    /// The pair with this source.
    async fn find_pair(&self, migration: MigrationId, source: &str) -> Result<Option<PairRecord>, StoreError>;

    /// Pairs that a filter lets through, by id, beginning after one: at most `limit`. What is added, removed or changed between two pages
    /// makes no other pair appear twice or not at all. `[pages.steady]`
    async fn pairs(
        &self,
        migration: MigrationId,
        filter: &PairFilter,
        after: Option<PairId>,
        limit: u32,
    ) -> Result<Vec<PairRecord>, StoreError>;

    /// How many pairs of a migration are in which state; no entry where there are none. By phase, then activity.
    async fn counts(&self, migration: MigrationId) -> Result<Vec<Counted>, StoreError>;

    /// What others may do with a pair's mailbox.
    async fn grants(&self, owner: PairId) -> Result<Vec<Grant>, StoreError>;
}
