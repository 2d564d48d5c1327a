//! What is noted of a message before it is written to the target.

use std::sync::Arc;

use crate::message::MessageId;

/// A message that is about to stand on the target: enough to know its copy there when nobody has lived to settle it and the message
/// has left the source.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Sending {
    /// Its id on the source.
    pub id: MessageId,
    /// Under what that id was given ([`FolderState::ids`](crate::FolderState::ids)).
    pub ids: Arc<str>,
    /// What it is.
    pub print: Fingerprint,
}

/// What a message is, in a few bytes. Flags are no part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    /// Its bytes.
    pub size: u64,
    /// When it was received: seconds of the Unix epoch.
    pub seconds: i64,
    /// What was read of it.
    pub of: Extent,
    /// The beginning of the digest of what was read.
    pub digest: [u8; 8],
}

/// What of a message a digest was taken of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Extent {
    /// All of its bytes: it was copied.
    Whole,
    /// Its header block: it was moved on the target, where its body was not read.
    Header,
}
