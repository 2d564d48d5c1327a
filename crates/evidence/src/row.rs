//! What evidence attests: messages, exceptions, folders' totals.

use std::sync::Arc;

use limosa_model::{Approval, Flags, FolderPath, InternalDate, MessageId};
use serde::{Deserialize, Serialize};

use crate::hash::{Digest, MessageIdHash};

/// A folder of the source and the one of the target that its messages stand in.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FolderPair {
    /// On the source.
    pub source: FolderPath,
    /// On the target.
    pub target: FolderPath,
}

/// One message that was found equal on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it stands.
    pub folder: Arc<FolderPair>,
    /// Its id on the source.
    pub source_id: MessageId,
    /// Its id on the target.
    pub target_id: MessageId,
    /// When it was received, by the source's word; `None` where that is not known.
    pub internal_date: Option<InternalDate>,
    /// Bytes, as they were counted when it was read.
    pub size: u64,
    /// Of these bytes.
    pub digest: Digest,
    /// Of its Message-ID, where it has one.
    pub message_id: Option<MessageIdHash>,
    /// As they stand on the target.
    pub flags: Flags,
}

/// A message that was left behind, or stands on the target not quite as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// The source folder.
    pub folder: FolderPath,
    /// Its id on the source.
    pub id: MessageId,
    /// Its Message-ID, where it has one.
    pub message_id: Option<String>,
    /// Its subject as it stands in the header, where it has one.
    pub subject: Option<String>,
    /// When it was received, where that is known.
    pub internal_date: Option<InternalDate>,
    /// Its size in bytes, where that is known.
    pub size: Option<u64>,
    /// Stable code of the reason, as in `docs/errors.md`.
    pub code: String,
    /// The reason, in words.
    pub reason: String,
    /// Who approved it; `None` while nobody did.
    pub approval: Option<Approval>,
}

/// How many messages of a folder are attested. Written for empty folders too, so that their standing is attested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FolderTotal {
    /// The folder.
    pub folder: Arc<FolderPair>,
    /// Messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One thing attested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Row {
    /// A message.
    Message(Record),
    /// A message left behind.
    Exception(LeftBehind),
    /// A folder's total; these stand after everything else.
    Folder(FolderTotal),
}
