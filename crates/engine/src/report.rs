//! What a pass answers. Serialized, it is the JSON document of `limosa copy --json`, described in `docs/json.md`.

use limosa_model::ledger::DroppedFlag;
use limosa_model::meter::MeterReading;
use limosa_model::{Exception, FolderPath, MessageId};
use serde::Serialize;

use crate::audit::{Counts, Depth};

/// How a pass ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Everything stands on the target but what somebody approved to be left behind, and the comparison agrees.
    Complete,
    /// Finished; some messages or folders were left behind or changed, each by name, and nobody has approved that yet.
    Exceptions,
    /// Not finished: run it again.
    Unfinished,
}

/// How good the target's copy is, by the rules in `docs/grades.md`; the worst that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grade {
    /// Every message stands there as it stands on the source.
    Perfect,
    /// The same but for a flag or keyword that the target does not keep, or for exceptions that somebody approved.
    Good,
    /// Something was left behind by name.
    Investigate,
    /// The comparison found a difference that nothing explains, or the pass did not finish.
    Poor,
}

/// Whether a pair was copied for the first time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum PassKind {
    /// No pass over this pair has ended before.
    Initial,
    /// Brings changes only.
    Incremental,
}

/// Messages and their bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Volume {
    /// Number of messages.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
}

/// One figure for each side.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Sides<T> {
    /// Of the source.
    pub source: T,
    /// Of the target.
    pub target: T,
}

/// Bytes on the wire, below TLS.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct WireBytes {
    /// Received.
    #[serde(rename = "in")]
    pub received: u64,
    /// Sent.
    #[serde(rename = "out")]
    pub sent: u64,
}

/// What a pass did in one folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FolderReport {
    /// The source folder.
    pub source: FolderPath,
    /// Its name as the source's server writes it.
    pub source_name: String,
    /// The target folder.
    pub target: FolderPath,
    /// Messages on the source when it was listed.
    pub source_messages: u64,
    /// Messages on the target when it was compared; more than on the source if the target had mail of its own.
    pub target_messages: u64,
    /// Copied in this pass.
    pub copied: Volume,
    /// Found by content on the target, so not copied.
    pub found: u64,
    /// Messages whose flags were set.
    pub flags_set: u64,
    /// Removed from the target, because they were expunged on the source.
    pub removed: u64,
    /// Moved on the target, because they were moved on the source; counted where they went.
    pub moved: u64,
    /// Messages that were as they should be.
    pub unchanged: u64,
    /// Left behind by name.
    pub exceptions: u64,
}

/// A difference that the comparison found and nothing explains.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Discrepancy {
    /// The source folder.
    pub folder: FolderPath,
    /// The message's id on the source, where one message is concerned.
    pub id: Option<MessageId>,
    /// What differs.
    pub what: String,
}

/// A folder that was not brought over, or not as it was.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FolderNote {
    /// The source folder.
    pub folder: FolderPath,
    /// Stable code: `excluded`, `view`, `not-selectable`, `renamed`, `refused`, `merged`, `deletions-held`, …
    pub code: String,
    /// The reason, in words.
    pub reason: String,
}

/// Why a pass did not finish.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Unfinished {
    /// Stable code, as in `docs/errors.md`.
    pub code: String,
    /// What happened.
    pub what: String,
    /// What to do about it.
    pub hint: Option<String>,
}

/// What the comparison of both sides anew came to, after a pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Verified {
    /// How deep it looked.
    pub depth: Depth,
    /// How good the copy is by its word.
    pub grade: Grade,
    /// Why it is not perfect.
    pub reasons: Vec<String>,
    /// Messages that stand on both sides and were compared one by one.
    pub compared: u64,
    /// Differences by kind.
    pub counts: Counts,
}

/// All that a pass did, and how things stand after it.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The source account.
    pub source: String,
    /// The target account.
    pub target: String,
    /// Initial or incremental.
    pub pass: PassKind,
    /// Nothing was changed: the figures say what would be done.
    pub dry_run: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// How good the copy is.
    pub grade: Grade,
    /// Why it is not perfect.
    pub reasons: Vec<String>,
    /// Each folder that has a place on the target.
    pub folders: Vec<FolderReport>,
    /// Folders left out, renamed or refused.
    pub folder_notes: Vec<FolderNote>,
    /// Copied.
    pub copied: Volume,
    /// Found by content on the target, so not copied.
    pub found: u64,
    /// Messages whose flags were set.
    pub flags_set: u64,
    /// Messages removed from the target.
    pub removed: u64,
    /// Messages moved on the target.
    pub moved: u64,
    /// Folders renamed on the target, each with all that stands below it, because they were renamed on the source.
    pub renamed: u64,
    /// Messages that were as they should be.
    pub unchanged: u64,
    /// Messages left behind or changed by the target, each by name; of this pass and earlier ones.
    pub exceptions: Vec<Exception>,
    /// What the comparison of both sides anew came to, where one was asked for.
    pub verify: Option<Verified>,
    /// Flags and keywords that the target does not keep.
    pub dropped_flags: Vec<DroppedFlag>,
    /// Differences that nothing explains.
    pub discrepancies: Vec<Discrepancy>,
    /// Why it did not finish, if so.
    pub unfinished: Option<Unfinished>,
    /// Steps that a dry run would carry out, in words.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub steps: Vec<String>,
    /// How often the pass began: 1, and 1 more for each lost connection.
    pub attempts: u32,
    /// Round trips after sign-in.
    pub round_trips: Sides<u64>,
    /// Bytes on the wire.
    pub wire_bytes: Sides<WireBytes>,
    /// Connections opened.
    pub connections: Sides<u64>,
    /// Wall-clock time in seconds.
    pub seconds: f64,
    /// Most memory that the process has held, in bytes; 0 where the system does not tell.
    pub peak_rss_bytes: u64,
    /// Bytes that the pair's entries take in the ledger.
    pub ledger_bytes: u64,
}

impl Sides<MeterReading> {
    pub(crate) fn round_trips(&self) -> Sides<u64> {
        Sides { source: self.source.round_trips, target: self.target.round_trips }
    }

    pub(crate) fn wire_bytes(&self) -> Sides<WireBytes> {
        let bytes = |reading: &MeterReading| WireBytes { received: reading.bytes_in, sent: reading.bytes_out };
        Sides { source: bytes(&self.source), target: bytes(&self.target) }
    }

    pub(crate) fn connections(&self) -> Sides<u64> {
        Sides { source: self.source.connections, target: self.target.connections }
    }
}
