//! How a pair of mailboxes is named.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The key under which the ledger keeps a pair: both accounts, each as its connector names it without secrets
/// (`imap://alice@old.example:993`, `maildir:/var/mail/alice`).
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct PairKey {
    /// The source account.
    pub source: String,
    /// The target account.
    pub target: String,
}

impl fmt::Display for PairKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} → {}", self.source, self.target)
    }
}
