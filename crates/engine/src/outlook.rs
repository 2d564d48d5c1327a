//! What a survey of both sides comes to, held against the ledger.

use std::collections::{BTreeMap, HashSet};

use limosa_model::ledger::{DroppedFlag, LedgerFolder};
use limosa_model::mailbox::Survey;
use limosa_model::{Exception, Folder, FolderPath, Ledger, LedgerError, MessageId, Watermark};

use crate::folders::{FolderPair, FolderPlan, Place, match_folders};
use crate::options::Options;
use crate::prepare::is_another;
use crate::renames::Imagined;

/// What the ledger has of a pair, entries aside.
pub struct Recorded {
    /// All folders.
    pub folders: Vec<LedgerFolder>,
    exceptions: Vec<Exception>,
    dropped_flags: Vec<DroppedFlag>,
}

impl Recorded {
    /// Reads it.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn read(ledger: &dyn Ledger) -> Result<Self, LedgerError> {
        let (folders, exceptions) = (ledger.folders().await?, ledger.exceptions().await?);
        Ok(Self { folders, exceptions, dropped_flags: ledger.dropped_flags().await? })
    }
}

/// What a pass knows before it opens a folder.
pub struct Outlook {
    /// Which folder goes where.
    pub plan: FolderPlan,
    /// The ledger's folders, by source path.
    pub known: BTreeMap<FolderPath, LedgerFolder>,
    /// All exceptions of the pair.
    pub exceptions: Vec<Exception>,
    /// Flags found not to be kept.
    pub dropped_flags: Vec<DroppedFlag>,
    /// The target as it was surveyed.
    pub target: Survey,
    /// Renames that are taken for done in a dry run.
    pub imagined: Imagined,
}

impl Outlook {
    /// Decides the folders' places.
    pub fn new(source: &Survey, target: Survey, imagined: Imagined, recorded: Recorded, options: &Options) -> Self {
        let Recorded { folders, exceptions, dropped_flags } = recorded;
        let plan = match_folders(&source.folders, &target.folders, &target.limits, &folders, &options.folders);
        let known = folders.into_iter().map(|folder| (folder.source.clone(), folder)).collect();
        Self { plan, known, exceptions, dropped_flags, target, imagined }
    }

    /// The folder that a pair goes to, where it stands already.
    pub fn stands(&self, pair: &FolderPair) -> Option<Folder> {
        match &pair.place {
            Place::Exists(folder) => Some(self.imagined.as_it_stands(folder)),
            Place::Create { .. } => None,
        }
    }

    /// Whether there is nothing to do.
    pub fn is_unchanged(&self, options: &Options) -> bool {
        let retrying = self.exceptions.iter().any(|exception| tries_again(exception, options));
        let same = |pair: &FolderPair| pair.subscribe.is_none() && !self.has_moved(pair, options);
        !retrying && self.plan.gone.is_empty() && self.plan.pairs.iter().all(same)
    }

    /// Whether a pair of folders has to be looked at: it is new, or a watermark moved, or watermarks prove nothing, or flags are
    /// translated otherwise now.
    pub fn has_moved(&self, pair: &FolderPair, options: &Options) -> bool {
        let Some(known) = self.known.get(&pair.source.path) else { return true };
        known.keywords != options.keywords.fingerprint() || has_moved(pair, known)
    }

    /// How many folders have to be looked at, and how many messages are in those that no pass has ended before.
    pub fn to_be_listed(&self, options: &Options) -> (usize, u64) {
        let moved = self.plan.pairs.iter().filter(|pair| self.has_moved(pair, options));
        let messages = moved
            .clone()
            .filter(|pair| self.known.get(&pair.source.path).is_none_or(|known| known.source_watermark.is_none()));
        (moved.count(), messages.filter_map(|pair| pair.source.state.as_ref()).map(|state| state.messages).sum())
    }

    /// Messages of that folder of the ledger that were left behind and are to be tried again.
    pub fn to_try_again(&self, folder: &FolderPath, options: &Options) -> HashSet<MessageId> {
        let of_folder = self.exceptions.iter().filter(|exception| exception.folder == *folder);
        of_folder.filter(|exception| tries_again(exception, options)).map(|exception| exception.id.clone()).collect()
    }

    /// Writes down object ids that the ledger does not know yet: an older version has not noted them, or a server not told them.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn note_object_ids(&self, ledger: &dyn Ledger) -> Result<(), LedgerError> {
        for pair in &self.plan.pairs {
            let Some(known) = self.known.get(&pair.source.path) else { continue };
            let same_ids = pair.source.state.as_ref().is_some_and(|state| state.ids == known.source_ids);
            if same_ids && pair.source.object_id.is_some() && known.source_object_id.is_none() {
                let noted = LedgerFolder { source_object_id: pair.source.object_id.clone(), ..known.clone() };
                ledger.put_folder(&noted).await?;
            }
        }
        Ok(())
    }
}

/// Whether an exception's message is to be tried again.
fn tries_again(exception: &Exception, options: &Options) -> bool {
    (options.retry_exceptions && !exception.stands()) || options.refusals.can_do_more(exception)
}

fn has_moved(pair: &FolderPair, known: &LedgerFolder) -> bool {
    let Place::Exists(target) = &pair.place else { return true };
    let same = |folder: &Folder, settled: &Option<Watermark>| {
        folder.state.as_ref().is_some_and(|state| state.proves_unchanged && Some(&state.watermark) == settled.as_ref())
    };
    let fewer = target.state.as_ref().is_some_and(|state| state.messages < known.messages);
    known.target != target.path
        || is_another(&pair.source, known)
        || fewer
        || !same(&pair.source, &known.source_watermark)
        || !same(target, &known.target_watermark)
}
