//! Folders that were renamed on the source: renamed on the target, not copied again and not moved message by message.
//!
//! What is to be renamed is decided by [`find_renames`]. Here it is carried out and settled, or, in a dry run, [`Imagined`].

use std::collections::BTreeMap;

use limosa_model::ledger::LedgerFolder;
use limosa_model::mailbox::Survey;
use limosa_model::{Folder, FolderPath, Ledger};

use crate::folders::FolderRules;
use crate::folders::renames::{Rename, find_renames};
use crate::sides::Sessions;
use crate::stop::{Stop, concerns_a_folder};
use crate::summary::Summary;

/// Carries renames out on the target, one after the other, each settled before the next; answers the target's survey after them.
///
/// Cut off between a rename and its settlement, the next pass finds the folder under its new name as the ledger has left it, and settles
/// that. If somebody has changed it meanwhile, its messages are found there by content: then too nothing is copied or moved. What the
/// target refuses to rename is followed by content, and so is all that would come after it.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn follow(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    source: &Survey,
    mut target: Survey,
    rules: &FolderRules,
    summary: &mut Summary,
) -> Result<Survey, Stop> {
    let known = ledger.folders().await?;
    for rename in find_renames(&source.folders, &target.folders, &target.limits, &known, rules) {
        let Rename { source_from, source_to, target_from, target_to, stands } = &rename;
        if !stands {
            let Some(folder) = target.folders.iter().find(|folder| folder.path == *target_from) else { break };
            let renamed = sessions.target.rename_folder(folder, target_to).await;
            let refused = match renamed {
                Err(error) if concerns_a_folder(&error) => Some(error),
                Err(error) => return Err(Stop::target(error)),
                Ok(_) => None,
            };
            target = sessions.target.survey().await.map_err(Stop::target)?;
            if let Some(error) = refused {
                tracing::warn!(from = %target_from, to = %target_to, %error, "not renamed on the target: followed by content");
                break;
            }
            summary.renamed(target_from, target_to);
        }
        ledger.rename_folder(source_from, source_to, target_to).await?;
    }
    Ok(target)
}

/// What a dry run takes for done: the renames that a pass would begin with.
#[derive(Debug, Default)]
pub struct Imagined {
    /// Source path now → source path in the ledger.
    sources: BTreeMap<FolderPath, FolderPath>,
    /// Target path after the renames → the folder as it stands.
    targets: BTreeMap<FolderPath, Folder>,
}

impl Imagined {
    /// Changes the ledger's folders and the target's survey to what they would be after the renames.
    pub fn new(
        known: &mut [LedgerFolder],
        source: &Survey,
        target: &mut Survey,
        rules: &FolderRules,
        summary: &mut Summary,
    ) -> Self {
        let mut imagined = Self::default();
        let renames = find_renames(&source.folders, &target.folders, &target.limits, known, rules);
        for rename in renames.iter().filter(|rename| !rename.stands) {
            summary.renamed(&rename.target_from, &rename.target_to);
        }
        for known in known {
            let before = known.source.clone();
            for Rename { source_from, source_to, target_from, target_to, .. } in &renames {
                known.target = known.target.renamed(target_from, target_to);
                if before == *source_from {
                    known.source = source_to.clone();
                }
            }
            imagined.sources.insert(known.source.clone(), before);
        }
        for folder in &mut target.folders {
            let before = folder.clone();
            for rename in &renames {
                folder.path = folder.path.renamed(&rename.target_from, &rename.target_to);
            }
            imagined.targets.insert(folder.path.clone(), before);
        }
        imagined
    }

    /// The name under which the ledger has a source folder.
    pub fn in_ledger<'a>(&'a self, source: &'a FolderPath) -> &'a FolderPath {
        self.sources.get(source).unwrap_or(source)
    }

    /// A target folder as it stands.
    pub fn as_it_stands(&self, folder: &Folder) -> Folder {
        self.targets.get(&folder.path).unwrap_or(folder).clone()
    }
}
