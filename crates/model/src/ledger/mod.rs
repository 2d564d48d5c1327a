//! The ledger: what stands where.
//!
//! Per pair and folder: which message of the source is which message of the target, with the flags last seen on the
//! source, and how far each side is settled. Kept as *runs* (source UID, target UID, length) and never a row a message.
//!
//! - [`folder`](FolderLedger): one folder's entries in memory, as runs.
//! - [`codec`]: the same as bytes.
//! - [`Sending`]: a message that is about to stand on the target, noted before it does.
//! - [`Exception`]: a message left behind or changed, by name; [`Approval`]: who took it so.
//! - [`Ledger`]: the promise of a store that keeps them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::flags::Flags;
use crate::folder::{FolderPath, Watermark};
use crate::message::MessageId;

pub mod codec;
mod exception;
mod flag_pages;
mod folder;
mod runs;
mod seen;
mod sending;

pub use exception::{Approval, Exception, NamelessApproval};
pub use folder::{Entry, FolderLedger};
pub use seen::Seen;
pub use sending::{Extent, Fingerprint, Sending};

/// What can go wrong with a ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// Another run has taken the pair over: nothing was written, and this one must stop.
    #[error("another run has taken over {pair}")]
    Fenced {
        /// The pair.
        pair: String,
    },
    /// Another run works on the pair now.
    #[error("another run works on {pair}")]
    Busy {
        /// The pair.
        pair: String,
    },
    /// What was read of a folder is not what was written.
    #[error("the ledger of folder {folder} is damaged: {what}")]
    Damaged {
        /// The source folder.
        folder: String,
        /// What is wrong with it.
        what: String,
    },
    /// The file that holds all ledgers is not what was written: nothing of it is believed.
    #[error("the ledger's file is damaged, or no ledger")]
    FileDamaged {
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The ledger was written by a newer version.
    #[error("the ledger has format {found}, and this version reads up to {known}")]
    Newer {
        /// The format found.
        found: i64,
        /// The newest format known.
        known: i64,
    },
    /// The store failed; nothing of the call was written.
    #[error("the ledger could not be {doing}")]
    Store {
        /// What was being done: "opened", "read", "written".
        doing: &'static str,
        /// The cause.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl LedgerError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "pair-taken",
            Self::Busy { .. } => "pair-busy",
            Self::Damaged { .. } => "ledger-damaged",
            Self::FileDamaged { .. } => "ledger-file-damaged",
            Self::Newer { .. } => "ledger-newer",
            Self::Store { .. } => "ledger-store",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::Fenced { .. } => "the other run goes on; this one has changed nothing since",
            Self::Busy { .. } => "give --wait to wait until the other run has ended, or look for it with: ps -C limosa",
            Self::Damaged { .. } => "run again: the folder is then found again by content",
            Self::FileDamaged { .. } => {
                "put a backup of it in its place, however old, or move it away: the next run finds by content what stands on the target"
            }
            Self::Newer { .. } => "use the newer version of limosa, or another --state folder",
            Self::Store { .. } => {
                "is the disk full, or the folder not writable (--state chooses another one)? With room made, run again: nothing that arrived is copied twice"
            }
        }
    }
}

/// One pair of folders in the ledger, without its entries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LedgerFolder {
    /// The source folder: the key.
    pub source: FolderPath,
    /// The target folder its messages stand in.
    pub target: FolderPath,
    /// Up to where the source is settled; `None` while the first pass over the folder has not ended.
    pub source_watermark: Option<Watermark>,
    /// The target's position when it was last compared; `None` likewise.
    pub target_watermark: Option<Watermark>,
    /// Under what the source's ids were given ([`FolderState::ids`](crate::FolderState::ids)).
    pub source_ids: String,
    /// Under what the target's ids were given.
    pub target_ids: String,
    /// By which [`Keywords`](crate::Keywords) flags were translated when the folder was last compared: their fingerprint.
    pub keywords: String,
    /// The source folder's [`object_id`](crate::Folder::object_id), where it was told: by it the folder is known again when it is renamed.
    pub source_object_id: Option<String>,
    /// Number of entries.
    pub messages: u64,
}

/// A flag or keyword that the target does not keep; recorded once for each folder and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct DroppedFlag {
    /// The source folder.
    pub folder: FolderPath,
    /// The flag or keyword.
    pub flag: String,
}

/// What is to be written of one folder, all of it or nothing.
///
/// Applied in the order of the fields. An entry for a source id that is there already replaces it.
#[derive(Clone, Debug, Default)]
pub struct Settlement {
    /// Forget everything known of this folder's messages first: ids have become void. Entries, exceptions and both
    /// watermarks go; flags found not to be kept stay, since they are the target folder's affair.
    pub forget: bool,
    /// Source ids whose entries end.
    pub removed: Vec<MessageId>,
    /// New entries.
    pub entries: Vec<Entry>,
    /// Other flags for existing entries, by source id.
    pub flags: Vec<(MessageId, Flags)>,
    /// Source ids whose exceptions end.
    pub resolved: Vec<MessageId>,
    /// New exceptions; one for the same id is replaced as [`Exception::replacing`] says.
    pub exceptions: Vec<Exception>,
    /// Flags that were found not to be kept, and need no more be: a translation has taken their place.
    pub kept_flags: Vec<DroppedFlag>,
    /// Flags found not to be kept by the target.
    pub dropped_flags: Vec<DroppedFlag>,
    /// The new watermark of the source, when the folder's pass has ended.
    pub source_watermark: Option<Watermark>,
    /// The new watermark of the target, when both sides have been compared.
    pub target_watermark: Option<Watermark>,
    /// The fingerprint of the keywords that flags were translated by, likewise.
    pub keywords: Option<String>,
}

/// The durable record of one pair. Opening one takes the pair: whoever had it before is fenced off.
#[async_trait]
pub trait Ledger: Send + Sync {
    /// All folders. One whose entries cannot be read is told without watermarks and entries, so that somebody looks at it:
    /// [`Ledger::load`] says what is wrong. `[folders.damaged]`
    async fn folders(&self) -> Result<Vec<LedgerFolder>, LedgerError>;

    /// A folder's entries. Empty when the folder is not known.
    ///
    /// # Errors
    /// [`LedgerError::Damaged`] when they are not those that were written: nothing of them is handed out. A settlement that
    /// forgets the folder makes it whole. `[load.damaged]`
    async fn load(&self, source: &FolderPath) -> Result<FolderLedger, LedgerError>;

    /// Makes a folder known, or changes its target, its object id and under what ids are given; entries stay. Watermarks, keywords and the
    /// number of entries move with a settlement only: those given here are not looked at.
    async fn put_folder(&self, folder: &LedgerFolder) -> Result<(), LedgerError>;

    /// The source folder `source` is called `to` from now on, and stands in `target`. Everything known of it stays
    /// (`[rename.keeps]`). Whatever else is known to stand in the old target folder or below it stands in the new one or below that: a
    /// target that renames a folder takes along what is below it (`[rename.below]`).
    ///
    /// # Errors
    /// [`LedgerError::Store`] when `source` is not known, or another folder is known by the name `to`
    /// (`[rename.no-overwrite]`). Nothing was written then (`[rename.atomic]`).
    async fn rename_folder(&self, source: &FolderPath, to: &FolderPath, target: &FolderPath)
    -> Result<(), LedgerError>;

    /// Ends a folder and all that is known of it. No error if it is not known.
    async fn remove_folder(&self, source: &FolderPath) -> Result<(), LedgerError>;

    /// Writes a settlement, durably, in one transaction. `[settle.atomic]` `[settle.durable]` `[settle.fenced]`
    ///
    /// # Errors
    /// [`LedgerError::Fenced`] when somebody else has taken the pair since; [`LedgerError::Store`] when the folder is not
    /// known (`[settle.known-folder]`) or the store failed. Nothing was written then, unless only notes could not be ended.
    async fn settle(&self, source: &FolderPath, settlement: &Settlement) -> Result<(), LedgerError>;

    /// Notes that messages of a source folder are about to stand on the target. Whoever finds a copy there that no message of the source
    /// explains can tell by it whose it is.
    ///
    /// - `[sending.kept]` Notes are there in the next life, however this one ends. When the machine itself fails, some or all may be lost:
    ///   the disk is not waited for.
    /// - `[sending.ends]` All notes of a folder end with a settlement that sets its target watermark, and when it is removed.
    /// - `[sending.renamed]` They go along when the folder is renamed, and stay when what is known of its messages is forgotten.
    /// - `[sending.bounded]` What they take does not grow with messages that are settled.
    async fn note_sending(&self, source: &FolderPath, messages: &[Sending]) -> Result<(), LedgerError>;

    /// The notes of a folder that have not ended, in no order, each once. A message that is settled, under the
    /// ids that hold now, may be among them or not.
    async fn sending(&self, source: &FolderPath) -> Result<Vec<Sending>, LedgerError>;

    /// Merges what settlements have appended to a folder, when that is worth it. Changes nothing that can be read;
    /// no error if the folder is not known.
    async fn compact(&self, source: &FolderPath) -> Result<(), LedgerError>;

    /// All exceptions, by folder and id.
    async fn exceptions(&self) -> Result<Vec<Exception>, LedgerError>;

    /// All flags found not to be kept.
    async fn dropped_flags(&self) -> Result<Vec<DroppedFlag>, LedgerError>;

    /// Notes that messages are about to be written to the target, or that all writing has ended with every answer read.
    /// Answers what was noted before: true means that an earlier run was cut off while it wrote.
    async fn set_writing(&self, writing: bool) -> Result<bool, LedgerError>;

    /// Bytes that the pair's entries take in the store.
    async fn bytes(&self) -> Result<u64, LedgerError>;
}
