//! Looking at each folder: what is to be done in it, and whether so much may be removed.

use std::collections::{BTreeMap, HashSet};

use limosa_model::ledger::LedgerFolder;
use limosa_model::{Folder, FolderLedger, FolderPath, Ledger, MessageId};

use super::Attempt;
use crate::damage;
use crate::folders::FolderPair;
use crate::lanes::{Job, Lanes};
use crate::options::{Deletions, Options};
use crate::outlook::Outlook;
use crate::prepare::{Known, prepare, prepare_gone};
use crate::progress::{Phase, Progress};
use crate::report::Unfinished;
use crate::sides::Sessions;
use crate::stop::{Stop, concerns_a_folder};
use crate::work::Work;

/// A mailbox with fewer messages than this may lose all of them in one pass.
const LARGE_MAILBOX: u64 = 100;

impl Attempt<'_> {
    /// Looks at every folder that may have changed, and at those that are gone.
    pub(super) async fn look(
        &mut self,
        sessions: &mut Sessions,
        lanes: &mut Lanes<'_>,
        outlook: &Outlook,
        places: Vec<Option<Folder>>,
    ) -> Result<Vec<Work>, Stop> {
        self.progress.enter(Phase::Inspecting);
        let ledger = self.pair.ledger.as_ref();
        let mut looks = Vec::new();
        for (pair, place) in outlook.plan.pairs.iter().zip(places) {
            let in_ledger = outlook.imagined.in_ledger(&pair.source.path);
            let again = outlook.to_try_again(in_ledger, self.options);
            let left_out = place.is_none() && !self.options.dry_run;
            let has_to_be = outlook.has_moved(pair, self.options) || !again.is_empty();
            if !left_out && has_to_be {
                looks.push(Look {
                    outlook,
                    pair,
                    place,
                    again,
                    ledger,
                    options: self.options,
                    progress: self.progress,
                });
            }
        }
        let mut works = Vec::new();
        for looked in lanes.work_off(sessions, looks).await? {
            match looked {
                Looked::Work(mut work) => {
                    self.summary.take_unverified(&mut work);
                    self.summary.rebuilt(&work);
                    works.push(*work);
                }
                Looked::Refused(folder, reason) => self.summary.note_folder(&folder, "refused", reason),
                Looked::Stopped => {}
            }
        }
        for gone in &outlook.plan.gone {
            let target = outlook.target.folders.iter().find(|folder| folder.path == gone.target && folder.selectable);
            let target = target.map(|folder| outlook.imagined.as_it_stands(folder));
            let mut work = prepare_gone(sessions, ledger, gone, target, self.options).await?;
            self.summary.rebuilt(&work);
            // A folder renamed on the source may keep its place on the target, and so does one made anew under the old name: what it
            // has taken over stays.
            for pair in outlook.plan.pairs.iter().filter(|pair| *pair.place.path() == gone.target) {
                match works.iter().find(|heir| heir.source.path == pair.source.path) {
                    Some(heir) => keep_for(&heir.ledger, &mut work),
                    None => {
                        let heir = outlook.imagined.in_ledger(&pair.source.path);
                        keep_for(&damage::load(ledger, heir).await?.0, &mut work);
                    }
                }
            }
            works.push(work);
        }
        Ok(works)
    }

    /// Holds back deletions that look like an accident.
    pub(super) fn hold_deletions(
        &mut self,
        works: &mut [Work],
        known: &BTreeMap<FolderPath, LedgerFolder>,
    ) -> Option<Unfinished> {
        // What was set aside is known; what a run that was cut off had sent is not.
        let sent = works.iter().filter(|work| !work.set_aside).map(|work| work.strays.len() as u64);
        let all: u64 = known.values().map(|folder| folder.messages).chain(sent).sum();
        let removed: u64 = works.iter().map(Work::removals).sum();
        if self.options.deletions != Deletions::Follow || all < LARGE_MAILBOX || removed * 2 <= all {
            return None;
        }
        for work in works.iter_mut().filter(|work| work.removals() > 0) {
            work.steps.remove.clear();
            work.strays.clear();
            work.incomplete = true;
        }
        Some(Unfinished {
            code: "deletions-held".into(),
            what: format!("{removed} of {all} messages are gone from the source; nothing was removed from the target"),
            hint: Some("if they were meant to go, run again with --deletions follow-all; to let them stay on the target, with --deletions keep".into()),
        })
    }
}

/// A folder to be looked at.
struct Look<'a> {
    outlook: &'a Outlook,
    pair: &'a FolderPair,
    place: Option<Folder>,
    again: HashSet<MessageId>,
    ledger: &'a dyn Ledger,
    options: &'a Options,
    progress: &'a Progress,
}

/// What came of looking at a folder.
enum Looked {
    Work(Box<Work>),
    /// A side would not have it; the folder and why.
    Refused(FolderPath, String),
    /// The pass was stopped before.
    Stopped,
}

impl Job for Look<'_> {
    type Done = Looked;

    async fn run(self, sessions: &mut Sessions) -> Result<Looked, Stop> {
        let Self { outlook, pair, place, again, ledger, options, progress } = self;
        if progress.is_stopping() {
            return Ok(Looked::Stopped);
        }
        progress.folder(pair.source.path.to_string());
        let known = Known {
            ledger: outlook.known.get(&pair.source.path),
            path: outlook.imagined.in_ledger(&pair.source.path),
            exceptions: &outlook.exceptions,
            again: &again,
        };
        match prepare(sessions, ledger, pair, place, known, options).await {
            Ok(work) => Ok(Looked::Work(Box::new(work))),
            Err(Stop::Connector { error, .. }) if concerns_a_folder(&error) => {
                Ok(Looked::Refused(pair.source.path.clone(), error.to_string()))
            }
            Err(stop) => Err(stop),
        }
    }
}

/// Leaves alone what the ledger of another folder explains.
fn keep_for(heir: &FolderLedger, work: &mut Work) {
    let Work { steps, ledger, strays, .. } = work;
    steps.remove.retain(|id| ledger.get(id).is_none_or(|(target, _)| heir.source_of(&target).is_none()));
    strays.retain(|target| heir.source_of(target).is_none());
}
