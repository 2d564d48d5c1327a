//! What an audit is told, and what it answers. Serialized, the report is the JSON document of `limosa verify --json`,
//! described in `docs/json.md`.

use limosa_model::ledger::DroppedFlag;
use limosa_model::{Flags, FolderPath, InternalDate, Keywords, MessageId};
use serde::Serialize;

use crate::folders::FolderRules;
use crate::grade::Thresholds;
use crate::report::{FolderNote, Grade, Sides, Unfinished, Volume, WireBytes};

/// How deep an audit looks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Depth {
    /// Number of messages in each folder. Differences that offset each other are not seen.
    Counts,
    /// Every message's size, internal date and flags.
    #[default]
    Metadata,
    /// Every message's bytes too.
    Content,
}

/// How an audit is to be run.
#[derive(Clone, Debug, Default)]
pub struct AuditOptions {
    /// How deep it looks.
    pub depth: Depth,
    /// Which folders are compared, and where they stand on the target: as for the copy.
    pub folders: FolderRules,
    /// How keywords of the source are named on the target: as for the copy.
    pub keywords: Keywords,
    /// Where a grade turns into a worse one.
    pub thresholds: Thresholds,
}

/// A kind of difference. `docs/verify.md` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It should stand on the target and does not, and the source still has it.
    Missing,
    /// It is older than what the last pass settled, and neither the ledger nor the target knows it.
    LostUnsettled,
    /// It has come to the source since the last pass.
    Arrived,
    /// It stands in a folder that no pass has brought over.
    NewFolder,
    /// It is gone from the source since the last pass, and still stands on the target.
    Deleted,
    /// The target's own mail.
    Own,
    /// Its flags on the target are not what they should be.
    Flags,
    /// Its flags have changed on the source since the last pass.
    Reflagged,
    /// It bears another internal date on the target.
    Date,
    /// It has more or fewer bytes on the target, by counting them.
    Size,
    /// It has as many bytes on the target, and other ones.
    Content,
    /// It cannot be read on one side, so not compared.
    Unreadable,
    /// A known exception explains it.
    Excepted,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 13] = [
        Self::Missing,
        Self::LostUnsettled,
        Self::Arrived,
        Self::NewFolder,
        Self::Deleted,
        Self::Own,
        Self::Flags,
        Self::Reflagged,
        Self::Date,
        Self::Size,
        Self::Content,
        Self::Unreadable,
        Self::Excepted,
    ];

    /// Its name in reports, as in `docs/verify.md`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::LostUnsettled => "lost-unsettled",
            Self::Arrived => "arrived",
            Self::NewFolder => "new-folder",
            Self::Deleted => "deleted",
            Self::Own => "own",
            Self::Flags => "flags",
            Self::Reflagged => "reflagged",
            Self::Date => "date",
            Self::Size => "size",
            Self::Content => "content",
            Self::Unreadable => "unreadable",
            Self::Excepted => "excepted",
        }
    }
}

/// Number of messages by kind of difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// [`Kind::Missing`]
    pub missing: u64,
    /// [`Kind::LostUnsettled`]
    pub lost_unsettled: u64,
    /// [`Kind::Arrived`]
    pub arrived: u64,
    /// [`Kind::NewFolder`]
    pub new_folder: u64,
    /// [`Kind::Deleted`]
    pub deleted: u64,
    /// [`Kind::Own`]
    pub own: u64,
    /// [`Kind::Flags`]
    pub flags: u64,
    /// [`Kind::Reflagged`]
    pub reflagged: u64,
    /// [`Kind::Date`]
    pub date: u64,
    /// [`Kind::Size`]
    pub size: u64,
    /// [`Kind::Content`]
    pub content: u64,
    /// [`Kind::Unreadable`]
    pub unreadable: u64,
    /// [`Kind::Excepted`]
    pub excepted: u64,
}

impl Counts {
    /// The count of one kind.
    pub fn of(&mut self, kind: Kind) -> &mut u64 {
        match kind {
            Kind::Missing => &mut self.missing,
            Kind::LostUnsettled => &mut self.lost_unsettled,
            Kind::Arrived => &mut self.arrived,
            Kind::NewFolder => &mut self.new_folder,
            Kind::Deleted => &mut self.deleted,
            Kind::Own => &mut self.own,
            Kind::Flags => &mut self.flags,
            Kind::Reflagged => &mut self.reflagged,
            Kind::Date => &mut self.date,
            Kind::Size => &mut self.size,
            Kind::Content => &mut self.content,
            Kind::Unreadable => &mut self.unreadable,
            Kind::Excepted => &mut self.excepted,
        }
    }
}

/// One difference, by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// What kind.
    pub kind: Kind,
    /// The source folder; the target's, where no source folder belongs to it.
    pub folder: FolderPath,
    /// The message's id on the source, where it stands there and one message is concerned.
    pub source_id: Option<MessageId>,
    /// Its id on the target, likewise.
    pub target_id: Option<MessageId>,
    /// Its Message-ID, where it was looked at again and has one.
    pub message_id: Option<String>,
    /// Messages concerned: 1, or those of a folder that differs as a whole.
    pub messages: u64,
    /// What differs, in words.
    pub what: String,
}

/// One folder that was compared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct AuditedFolder {
    /// The source folder.
    pub source: FolderPath,
    /// Its name as the source's server writes it.
    pub source_name: String,
    /// The target folder.
    pub target: FolderPath,
    /// Whether the target folder is there.
    pub exists: bool,
    /// Messages on the source.
    pub source_messages: u64,
    /// Messages on the target.
    pub target_messages: u64,
    /// Messages that stand on both sides and were compared one by one.
    pub compared: u64,
    /// Of these, matched by content, since the ledger is silent about them.
    pub by_content: u64,
}

/// What an audit found.
#[derive(Clone, Debug, Serialize)]
pub struct AuditReport {
    /// The source account.
    pub source: String,
    /// The target account.
    pub target: String,
    /// How deep it looked.
    pub depth: Depth,
    /// How good the target's copy is.
    pub grade: Grade,
    /// Why it is not perfect.
    pub reasons: Vec<String>,
    /// Each folder that was compared.
    pub folders: Vec<AuditedFolder>,
    /// Folders left out or renamed, by the rules of the copy.
    pub folder_notes: Vec<FolderNote>,
    /// Messages that stand on both sides and were compared one by one.
    pub compared: u64,
    /// Of these, read whole from both sides.
    pub read: Volume,
    /// Messages that were looked at a second time before they counted.
    pub looked_again: u64,
    /// Differences by kind.
    pub counts: Counts,
    /// Differences by name; at most 10,000 of a kind.
    pub differences: Vec<Difference>,
    /// Flags and keywords that the target does not keep, by the ledger: not compared.
    pub dropped_flags: Vec<DroppedFlag>,
    /// Why it did not finish, if so.
    pub unfinished: Option<Unfinished>,
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
}

/// One message that was read whole from both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The source folder.
    pub folder: FolderPath,
    /// Its id on the source.
    pub source: MessageId,
    /// Its id on the target.
    pub target: MessageId,
    /// When the source received it; `None` where the source does not know.
    pub internal_date: Option<InternalDate>,
    /// Its size on the source in bytes, counted.
    pub size: u64,
    /// BLAKE3-256 of its bytes on the source.
    pub digest: [u8; 32],
    /// BLAKE3-256 of its bytes on the target: the same, unless the audit tells a difference.
    pub target_digest: [u8; 32],
    /// Its flags on the source.
    pub flags: Flags,
}

/// Takes a record of every message that was read whole from both sides, in no order, each once.
pub trait Records: Send {
    /// One message.
    fn record(&mut self, record: &Record) {
        let _ = record;
    }
}

/// Keeps no records.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoRecords;

impl Records for NoRecords {}
