//! What ends an attempt or a pass, and what a person is told of it.

use std::time::Duration;

use limosa_model::error::{ErrorKind, Retry, Scope};
use limosa_model::{ConnectorError, LedgerError};

use crate::report::Unfinished;
use crate::sides::{Side, SideError};

/// Why a pass could not work at all. Whatever happens later is in the [`Report`].
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PassError {
    /// Source and target are the same account.
    #[error("source and target are the same account, {account}")]
    SameAccount {
        /// The account.
        account: String,
    },
    /// Source and target are one mailbox under two names.
    #[error(
        "source {source_account} and target {target_account} are the same mailbox: what is made in one shows in the other"
    )]
    SameMailbox {
        /// The source account.
        source_account: String,
        /// The target account.
        target_account: String,
    },
    /// An endpoint cannot be used.
    #[error("the {} cannot be used", if *side == Side::Source { "source" } else { "target" })]
    Connector {
        /// Which.
        side: Side,
        /// Why.
        #[source]
        error: ConnectorError,
    },
    /// The ledger cannot be used.
    #[error("the ledger cannot be used")]
    Ledger(#[source] LedgerError),
}

impl PassError {
    /// The same, as why something did not finish.
    pub fn unfinished(self) -> Unfinished {
        match self {
            Self::Connector { side, error } => Stop::Connector { side, error }.unfinished(),
            Self::Ledger(error) => Stop::Ledger(error).unfinished(),
            Self::SameAccount { .. } | Self::SameMailbox { .. } => {
                Unfinished { code: "same-account".into(), what: self.to_string(), hint: None }
            }
        }
    }
}

/// What ends an attempt.
#[derive(Debug)]
pub enum Stop {
    /// An endpoint's error.
    Connector {
        /// Which side's.
        side: Side,
        /// The error.
        error: ConnectorError,
    },
    /// The ledger's error.
    Ledger(LedgerError),
    /// Source and target are one mailbox under these names.
    SameMailbox {
        /// The source account.
        source_account: String,
        /// The target account.
        target_account: String,
    },
}

impl Stop {
    pub fn source(error: ConnectorError) -> Self {
        Self::Connector { side: Side::Source, error }
    }

    pub fn target(error: ConnectorError) -> Self {
        Self::Connector { side: Side::Target, error }
    }

    /// Whether it may be over in a moment, even if nothing has worked yet.
    pub fn may_pass_by_itself(&self) -> bool {
        let Self::Connector { error, .. } = self else { return false };
        use ErrorKind::{ConnectionLost, ServerFault, Throttled, TimedOut};
        matches!(error.kind(), ConnectionLost | ServerFault | Throttled | TimedOut)
    }

    /// How long to wait before another attempt, if one can help.
    pub fn pause(&self, failures: u32) -> Option<Duration> {
        let Self::Connector { error, .. } = self else { return None };
        match error.retry() {
            Retry::Never => None,
            Retry::Now => Some(Duration::from_secs(1 << failures.min(5))),
            Retry::After(pause) => Some(pause),
        }
    }

    pub fn unfinished(&self) -> Unfinished {
        let (place, code, error, hint): (_, &str, &dyn std::error::Error, _) = match self {
            Self::Connector { side, error } => {
                let place = if *side == Side::Source { "source: " } else { "target: " };
                (place, error.kind().code(), error, error.hint_text().map(str::to_owned))
            }
            Self::Ledger(error) => ("", error.code(), error, Some(error.hint().to_owned())),
            Self::SameMailbox { source_account, target_account } => {
                let what = format!("{source_account} and {target_account} are the same mailbox");
                return Unfinished { code: "same-account".into(), what, hint: None };
            }
        };
        let mut what = format!("{place}{error}");
        let mut cause = error.source();
        while let Some(error) = cause {
            what = format!("{what}: {error}");
            cause = error.source();
        }
        Unfinished { code: code.to_owned(), what, hint }
    }
}

impl From<LedgerError> for Stop {
    fn from(error: LedgerError) -> Self {
        Self::Ledger(error)
    }
}

impl From<SideError> for Stop {
    fn from((side, error): SideError) -> Self {
        Self::Connector { side, error }
    }
}

impl From<Stop> for PassError {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Connector { side, error } => Self::Connector { side, error },
            Stop::Ledger(error) => Self::Ledger(error),
            Stop::SameMailbox { source_account, target_account } => {
                Self::SameMailbox { source_account, target_account }
            }
        }
    }
}

/// Whether an error says that one folder will not do what was asked, and nothing of any other.
pub fn concerns_a_folder(error: &ConnectorError) -> bool {
    error.scope() <= Scope::Folder && error.retry() == Retry::Never
}

/// The pass was stopped by hand.
pub fn stopped() -> Unfinished {
    Unfinished {
        code: "stopped".into(),
        what: "stopped by hand; everything that had arrived is settled".into(),
        hint: Some("run the same command again to go on".into()),
    }
}

/// No folder is left to work on.
pub fn nothing_matches() -> Unfinished {
    Unfinished {
        code: "nothing-matches".into(),
        what: "no folder of the source matches --only, or all are left out by --exclude".into(),
        hint: Some("limosa check shows the folders; `*` does not go beyond one name, `**` does".into()),
    }
}
