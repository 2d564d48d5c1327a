//! What a survey of both sides comes to, held against the ledger.

use std::collections::BTreeMap;

use limosa_model::ledger::LedgerFolder;
use limosa_model::mailbox::Survey;
use limosa_model::{Exception, Folder, FolderPath, Ledger, LedgerError, Watermark};

use crate::folders::{FolderPair, FolderPlan, FolderRules, Place, match_folders};
use crate::prepare::is_another;
use crate::renames::Imagined;

/// What a pass knows before it opens a folder.
pub struct Outlook {
    /// Which folder goes where.
    pub plan: FolderPlan,
    /// The ledger's folders, by source path.
    pub known: BTreeMap<FolderPath, LedgerFolder>,
    /// All exceptions of the pair.
    pub exceptions: Vec<Exception>,
    /// The target as it was surveyed.
    pub target: Survey,
    /// Renames that are taken for done in a dry run.
    pub imagined: Imagined,
}

impl Outlook {
    /// Decides the folders' places.
    pub fn new(
        source: &Survey,
        target: Survey,
        imagined: Imagined,
        folders: Vec<LedgerFolder>,
        exceptions: Vec<Exception>,
        rules: &FolderRules,
    ) -> Self {
        let plan = match_folders(&source.folders, &target.folders, &target.limits, &folders, rules);
        let known = folders.into_iter().map(|folder| (folder.source.clone(), folder)).collect();
        Self { plan, known, exceptions, target, imagined }
    }

    /// Whether there is nothing to do, `retry_exceptions` or not.
    pub fn is_unchanged(&self, retry_exceptions: bool) -> bool {
        let retrying = retry_exceptions && !self.exceptions.is_empty();
        let same = |pair: &FolderPair| pair.subscribe.is_none() && !has_moved(pair, self.known.get(&pair.source.path));
        !retrying && self.plan.gone.is_empty() && self.plan.pairs.iter().all(same)
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

/// Whether a pair of folders has to be looked at: it is new, or a watermark moved, or watermarks prove nothing.
pub fn has_moved(pair: &FolderPair, known: Option<&LedgerFolder>) -> bool {
    let (Place::Exists(target), Some(known)) = (&pair.place, known) else { return true };
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
