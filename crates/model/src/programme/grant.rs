//! Rights on each other's mailboxes: what ties pairs together.

use serde::{Deserialize, Serialize};

use super::PairId;

/// Somebody may do something with another one's mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    /// Whose mailbox.
    pub owner: PairId,
    /// Who may, by the name of the mailbox on the source.
    pub trustee: String,
    /// What.
    pub right: Right,
}

/// What somebody may do with a mailbox.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "right")]
pub enum Right {
    /// Open it as if it were one's own.
    FullAccess,
    /// Send as if one were its owner.
    SendAs,
    /// Send on its owner's behalf.
    SendOnBehalf,
    /// Rights on one folder (RFC 4314).
    Folder {
        /// Its path.
        path: String,
        /// Letters of RFC 4314 §2.1.
        rights: String,
    },
}
