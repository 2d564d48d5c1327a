//! A pair over time: what it is, where it stands, what it waits for.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{MigrationId, OrganisationId, PairId, WaveId};

/// A pair that a programme looks after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Managed {
    /// Given by the store.
    pub id: PairId,
    /// The migration that it is part of.
    pub migration: MigrationId,
    /// Whose it is.
    pub organisation: OrganisationId,
    /// The mailbox on the source endpoint, as one signs in to it.
    pub source: String,
    /// The mailbox on the target endpoint.
    pub target: String,
    /// Whose mailbox it is.
    pub kind: PairKind,
    /// The language of its owner (BCP 47), where it is known.
    pub language: Option<String>,
    /// How large it is, where it is known.
    pub size: Option<Size>,
    /// The wave that it is to cut over with.
    pub wave: Option<WaveId>,
    /// Higher ones first; 0 unless somebody said otherwise.
    pub priority: i32,
    /// Where it stands.
    pub phase: Phase,
    /// What it is doing.
    pub activity: Activity,
    /// How it is.
    pub health: Health,
    /// When the next pass is due; `None` where none is.
    pub next_pass: Option<Timestamp>,
}

/// Whose mailbox it is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PairKind {
    /// A person's.
    #[default]
    User,
    /// A team's, which others open with rights of their own.
    Shared,
    /// A room's or a device's.
    Resource,
    /// A program's.
    Application,
}

impl PairKind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::User, Self::Shared, Self::Resource, Self::Application];

    /// Its name in commands, tables and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Shared => "shared",
            Self::Resource => "resource",
            Self::Application => "application",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// How much mail there is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Size {
    /// Messages.
    pub messages: u64,
    /// Bytes of messages.
    pub bytes: u64,
}

/// Where a pair stands. Which phase may follow which is for one table to say.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It is known, and nothing has been copied.
    Registered,
    /// Its first pass is not complete yet.
    Copying,
    /// The target follows the source.
    Following,
    /// The steps of a cutover are under way.
    CuttingOver,
    /// Mail lives on the target, and the source follows it.
    Coexisting,
    /// The steps of a rollback are under way.
    RollingBack,
    /// The way back was given up.
    Completed,
    /// It was called off.
    Cancelled,
}

impl Phase {
    /// All of them, in the order of a pair's life.
    pub const ALL: [Self; 8] = [
        Self::Registered,
        Self::Copying,
        Self::Following,
        Self::CuttingOver,
        Self::Coexisting,
        Self::RollingBack,
        Self::Completed,
        Self::Cancelled,
    ];

    /// Its name in commands, tables and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Registered => "registered",
            Self::Copying => "copying",
            Self::Following => "following",
            Self::CuttingOver => "cutting-over",
            Self::Coexisting => "coexisting",
            Self::RollingBack => "rolling-back",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The phase of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|phase| phase.name() == name)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Which pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PassKind {
    /// The first: everything.
    Initial,
    /// What has changed since.
    Incremental,
    /// The last before a cutover's record.
    Final,
    /// From the target back to the source.
    Reverse,
}

/// What a pair is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "is")]
pub enum Activity {
    /// Nothing, and nothing is due.
    Idle,
    /// A worker works on it.
    Running {
        /// What it does.
        pass: PassKind,
    },
    /// Something is due and may not be done yet.
    Waiting {
        /// Why.
        reason: WaitReason,
    },
    /// An endpoint or a budget holds it back.
    Throttled {
        /// In words for a person.
        reason: String,
        /// Until then, where that is known.
        until: Option<Timestamp>,
    },
    /// Its last pass failed.
    Retrying {
        /// In words for a person.
        error: String,
        /// When it is tried again.
        at: Timestamp,
    },
    /// A person has paused it.
    Paused {
        /// Who.
        by: String,
    },
}

/// What a pair is doing, without the circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ActivityKind {
    /// [`Activity::Idle`].
    Idle,
    /// [`Activity::Running`].
    Running,
    /// [`Activity::Waiting`].
    Waiting,
    /// [`Activity::Throttled`].
    Throttled,
    /// [`Activity::Retrying`].
    Retrying,
    /// [`Activity::Paused`].
    Paused,
}

impl ActivityKind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Idle, Self::Running, Self::Waiting, Self::Throttled, Self::Retrying, Self::Paused];

    /// Its name in commands, tables and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Running => "running",
            Self::Waiting => "waiting",
            Self::Throttled => "throttled",
            Self::Retrying => "retrying",
            Self::Paused => "paused",
        }
    }

    /// The kind of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl Activity {
    /// What it is, without the circumstances.
    pub fn kind(&self) -> ActivityKind {
        match self {
            Self::Idle => ActivityKind::Idle,
            Self::Running { .. } => ActivityKind::Running,
            Self::Waiting { .. } => ActivityKind::Waiting,
            Self::Throttled { .. } => ActivityKind::Throttled,
            Self::Retrying { .. } => ActivityKind::Retrying,
            Self::Paused { .. } => ActivityKind::Paused,
        }
    }
}

/// Why something that is due is not done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "for")]
pub enum WaitReason {
    /// Its window is closed.
    Window {
        /// When it opens next; `None` where it never does.
        opens: Option<Timestamp>,
    },
    /// All connections that an endpoint's budget allows are in use.
    Budget {
        /// Which endpoint's, by name.
        endpoint: String,
    },
    /// Others come first.
    Order {
        /// How many.
        before: u64,
    },
    /// A person has to approve something.
    Approval {
        /// What.
        of: String,
    },
    /// Its pass would not end inside the window.
    TooLate {
        /// When it would end.
        would_end: Timestamp,
        /// When the window closes.
        closes: Timestamp,
    },
}

/// How a pair is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Health {
    /// The grade of its last comparison.
    pub grade: Option<String>,
    /// Exceptions that wait for approval.
    pub exceptions_waiting: u64,
    /// Passes that have failed one after another.
    pub failures: u32,
    /// Why nothing more is tried until a person does something, with a hint.
    pub blocked: Option<String>,
}
