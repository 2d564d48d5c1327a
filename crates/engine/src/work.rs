//! What a pass knows of one folder while it works on it.

use std::collections::{BTreeSet, HashSet};

use limosa_model::ledger::{DroppedFlag, Entry, Settlement};
use limosa_model::{Exception, Flags, Folder, FolderLedger, LedgerError, MessageId, Watermark};

use crate::exceptions::Reason;
use crate::expected::Expected;
use crate::keeping::Keeping;
use crate::mend::Mends;
use crate::plan::FolderSteps;
use crate::report::Volume;

/// One folder with something to do, or to compare.
#[derive(Debug)]
pub struct Work {
    /// The source folder.
    pub source: Folder,
    /// The target folder.
    pub target: Folder,
    /// Which flags its messages shall have there.
    pub keeping: Keeping,
    /// What stands where; in step with what is settled.
    pub ledger: FolderLedger,
    /// What is to be done.
    pub steps: FolderSteps,
    /// Where the source stood when it was listed: settled when all of the folder's steps are done.
    pub source_watermark: Option<Watermark>,
    /// Where the target stood when it was last compared; `None` if it never was.
    pub target_watermark: Option<Watermark>,
    /// Messages that the source said it holds.
    pub source_messages: u64,
    /// What was done.
    pub done: Done,
    /// Stored, but the target did not say under which id.
    pub unnamed: Vec<(MessageId, Flags)>,
    /// Not taken by the target, or not as they were, or not given by the source.
    pub refused: Vec<Refused>,
    /// Messages copied in this pass that the target may have changed, by source and target id.
    pub doubtful: Vec<(MessageId, MessageId)>,
    /// What the messages copied in this pass should look like on the target.
    pub expected: Expected,
    /// Messages left behind by earlier passes that are still there.
    pub left_behind: HashSet<MessageId>,
    /// Messages left behind by earlier passes that need to be remembered no more.
    pub ended: Vec<MessageId>,
    /// Messages that the source said were gone when they were to be copied.
    pub vanished: Vec<MessageId>,
    /// Messages on the target that stand for none of the source and are not the target's own: to be removed, by target id. They stood
    /// for messages under ids that the source has given anew since, or a run that was cut off had sent them and not settled.
    pub strays: Vec<MessageId>,
    /// What was wrong with the folder's entries in the ledger, so that they were not believed.
    pub damage: Option<LedgerError>,
    /// The ledger keeps what it knew of the folder before, until the strays are removed.
    pub set_aside: bool,
    /// Something was not done that should have been: the folder is looked at again next time.
    pub incomplete: bool,
}

impl Work {
    /// A message stands on the target with these changes made, if there are any: an exception that says so is due.
    pub fn repaired(&mut self, id: &MessageId, mends: Mends) {
        if mends.is_empty() {
            return;
        }
        let mut reason = Reason::new(Exception::REPAIRED, format!("mended to be taken by the target: {mends}"));
        match self.refused.iter_mut().find(|refused| refused.id == *id) {
            Some(refused) => {
                reason.original = refused.reason.original.take();
                refused.reason = reason;
            }
            None => self.refused.push(Refused { id: id.clone(), reason }),
        }
    }

    /// Messages to be removed from the target.
    pub fn removals(&self) -> u64 {
        (self.steps.remove.len() + self.strays.len()) as u64
    }
}

/// A message that was not taken, or not given, or not as it was.
#[derive(Debug)]
pub struct Refused {
    /// Its source id.
    pub id: MessageId,
    /// Why, as it is told.
    pub reason: Reason,
}

/// What was done in one folder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Copied.
    pub copied: Volume,
    /// Found by content on the target.
    pub found: u64,
    /// Flags set.
    pub flags_set: u64,
    /// Removed from the target.
    pub removed: u64,
    /// Moved on the target into this folder.
    pub moved: u64,
}

impl Done {
    /// Adds what another attempt did.
    pub fn add(&mut self, other: Self) {
        self.copied.messages += other.copied.messages;
        self.copied.bytes += other.copied.bytes;
        self.found += other.found;
        self.flags_set += other.flags_set;
        self.removed += other.removed;
        self.moved += other.moved;
    }
}

/// Collects what is to be settled of one folder.
#[derive(Debug, Default)]
pub struct Pending {
    /// What will be written.
    pub settlement: Settlement,
    flags_seen: BTreeSet<String>,
}

impl Pending {
    /// A message arrived.
    pub fn arrived(&mut self, entry: Entry) {
        self.settlement.entries.push(entry);
    }

    /// Flags were found not to be kept.
    pub fn dropped(&mut self, work: &Work, flags: impl IntoIterator<Item = String>) {
        for flag in flags {
            if self.flags_seen.insert(flag.to_ascii_lowercase()) {
                self.settlement.dropped_flags.push(DroppedFlag { folder: work.source.path.clone(), flag });
            }
        }
    }

    /// Entries and exceptions waiting to be written.
    pub fn len(&self) -> usize {
        self.settlement.entries.len() + self.settlement.exceptions.len()
    }

    /// Takes what there is to write; `None` when there is nothing.
    pub fn take(&mut self) -> Option<Settlement> {
        let Settlement { entries, dropped_flags, exceptions, .. } = &self.settlement;
        let empty = entries.is_empty() && dropped_flags.is_empty() && exceptions.is_empty();
        (!empty).then(|| std::mem::take(&mut self.settlement))
    }
}
