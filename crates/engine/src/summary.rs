//! What was done, gathered over all attempts, for the report.

use std::collections::BTreeMap;
use std::time::Duration;

use limosa_model::ledger::{DroppedFlag, LedgerFolder};
use limosa_model::meter::MeterReading;
use limosa_model::{Exception, FolderPath, Ledger, LedgerError, MessageId};

use crate::expected::Expected;
use crate::folders::{FolderPair, FolderPlan, Place};
use crate::grade::{Findings, Thresholds, grade};
use crate::moves::Move;
use crate::options::Options;
use crate::plan::Step;
use crate::report::{
    Discrepancy, FolderNote, FolderReport, Grade, Outcome, PassKind, Report, Sides, Unfinished, Verified, Volume,
};
use crate::work::{Done, Work};

/// What is known so far of a pass.
pub struct Summary {
    source: String,
    target: String,
    dry_run: bool,
    thresholds: Thresholds,
    kind: PassKind,
    folders: BTreeMap<FolderPath, FolderReport>,
    done: BTreeMap<FolderPath, Done>,
    counted: BTreeMap<FolderPath, u64>,
    notes: Vec<FolderNote>,
    /// Notes on folders whose damaged ledger was rebuilt; a later attempt finds no damage any more.
    rebuilt: BTreeMap<FolderPath, FolderNote>,
    steps: Vec<Step>,
    unverified: BTreeMap<FolderPath, Unverified>,
    /// Folders renamed on the target.
    renamed: u64,
    /// A survey of both sides has been seen: from here on, errors are told in the report.
    pub surveyed: bool,
    /// How often the pass began.
    pub attempts: u32,
    /// What the last comparison found.
    pub discrepancies: Vec<Discrepancy>,
    /// Messages left behind.
    exceptions: Vec<Exception>,
    /// Flags that the target does not keep.
    dropped_flags: Vec<DroppedFlag>,
}

/// What was copied and not compared yet.
#[derive(Default)]
struct Unverified {
    expected: Expected,
    doubtful: Vec<(MessageId, MessageId)>,
}

impl Summary {
    /// Nothing done yet.
    pub fn new(source: String, target: String, options: &Options) -> Self {
        Self {
            source,
            target,
            dry_run: options.dry_run,
            thresholds: options.thresholds,
            kind: PassKind::Initial,
            folders: BTreeMap::new(),
            done: BTreeMap::new(),
            counted: BTreeMap::new(),
            notes: Vec::new(),
            rebuilt: BTreeMap::new(),
            steps: Vec::new(),
            unverified: BTreeMap::new(),
            renamed: 0,
            surveyed: false,
            attempts: 0,
            discrepancies: Vec::new(),
            exceptions: Vec::new(),
            dropped_flags: Vec::new(),
        }
    }

    /// Both sides were surveyed; these folders are in the ledger.
    pub fn surveyed(&mut self, known: &BTreeMap<FolderPath, LedgerFolder>) {
        if !self.surveyed && known.values().any(|folder| folder.source_watermark.is_some()) {
            self.kind = PassKind::Incremental;
        }
        self.surveyed = true;
        if self.dry_run {
            // Each attempt imagines them anew.
            self.renamed = 0;
        }
        self.notes.clear();
        self.steps.clear();
    }

    /// A folder was renamed on the target, or would be.
    pub fn renamed(&mut self, from: &FolderPath, to: &FolderPath) {
        self.renamed += 1;
        self.steps.push(Step::RenameFolder(from.clone(), to.clone()));
    }

    /// A folder was left out, renamed or refused.
    pub fn note_folder(&mut self, folder: &FolderPath, code: &str, reason: String) {
        self.notes.push(FolderNote { folder: folder.clone(), code: code.to_owned(), reason });
    }

    /// If a folder's entries were damaged, notes that they were found again by content.
    pub fn rebuilt(&mut self, work: &Work) {
        let Some(damage) = &work.damage else { return };
        let found = match work.source.selectable {
            true => "what stands on the target was found again by content",
            false => {
                "it is gone from the source, so what stands on the target stays there, but for what a run that was cut off had sent"
            }
        };
        let (folder, code) = (work.source.path.clone(), "ledger-rebuilt".to_owned());
        let note = FolderNote { folder, code, reason: format!("{damage}; {found}") };
        self.rebuilt.insert(work.source.path.clone(), note);
    }

    /// An attempt has failed: what it copied is compared by the next one.
    pub fn keep_unverified(&mut self, works: &mut [Work]) {
        for work in works {
            let kept = self.unverified.entry(work.source.path.clone()).or_default();
            kept.expected.extend(std::mem::take(&mut work.expected));
            kept.doubtful.append(&mut work.doubtful);
        }
    }

    /// Hands over what an earlier attempt copied into a folder.
    pub fn take_unverified(&mut self, work: &mut Work) {
        if let Some(kept) = self.unverified.remove(&work.source.path) {
            work.expected.extend(kept.expected);
            work.doubtful.extend(kept.doubtful);
        }
    }

    /// Reads what the ledger keeps of exceptions; answers the bytes that it takes.
    ///
    /// # Errors
    /// The ledger's.
    pub async fn read_ledger(&mut self, ledger: &dyn Ledger) -> Result<u64, LedgerError> {
        self.exceptions = ledger.exceptions().await?;
        self.dropped_flags = ledger.dropped_flags().await?;
        ledger.bytes().await
    }

    /// How many messages and folders have been brought to their places, as a sign that things move on. Flags do not count: a target that
    /// forgets them would keep a pass going for ever.
    pub fn volume_done(&self) -> u64 {
        let messages = self.done.values().map(|done| done.copied.messages + done.found + done.removed + done.moved);
        let renamed = if self.dry_run { 0 } else { self.renamed };
        renamed + messages.sum::<u64>()
    }

    /// Nothing has changed on either side.
    pub fn unchanged(&mut self, plan: &FolderPlan, known: &BTreeMap<FolderPath, LedgerFolder>) {
        self.notes.clone_from(&plan.notes);
        self.finished(&[], plan, known);
    }

    /// What will be done, as steps.
    pub fn plan(&mut self, works: &[Work], moves: &[Move], plan: &FolderPlan) {
        let steps = &mut self.steps;
        for pair in &plan.pairs {
            let path = match &pair.place {
                Place::Exists(folder) => &folder.path,
                Place::Create { path, role } => {
                    steps.push(Step::CreateFolder(path.clone(), *role));
                    path
                }
            };
            steps.extend(pair.subscribe.map(|subscribed| Step::Subscribe(path.clone(), subscribed)));
        }
        let mut ways: BTreeMap<(usize, usize), u64> = BTreeMap::new();
        for moved in moves {
            *ways.entry((moved.from, moved.to)).or_default() += 1;
        }
        for ((from, to), count) in ways {
            steps.push(Step::Relocate(works[from].target.path.clone(), works[to].target.path.clone(), count));
        }
        for work in works {
            let target = work.target.path.clone();
            let some = |count: u64, step: Step| (count > 0).then_some(step);
            steps.extend(some(work.done.found, Step::Adopt(target.clone(), work.done.found)));
            let copied = work.steps.copy.len();
            steps.extend(some(copied, Step::Copy(work.source.path.clone(), target.clone(), copied)));
            for (flags, ids) in &work.steps.set_flags {
                steps.push(Step::SetFlags(target.clone(), ids.len() as u64, flags.clone()));
            }
            let removed = work.removals();
            steps.extend(some(removed, Step::Remove(target.clone(), removed)));
        }
        let used = |path: &FolderPath| plan.pairs.iter().any(|pair| pair.place.path() == path);
        for gone in plan.gone.iter().filter(|gone| !used(&gone.target)) {
            steps.push(Step::DeleteFolder(gone.target.clone()));
        }
        for note in &plan.notes {
            self.notes.push(note.clone());
        }
    }

    /// An attempt has ended: what was done in each folder, and how it stands.
    pub fn finished(&mut self, works: &[Work], plan: &FolderPlan, known: &BTreeMap<FolderPath, LedgerFolder>) {
        for work in works {
            self.done.entry(work.source.path.clone()).or_default().add(work.done);
        }
        for pair in &plan.pairs {
            let work = works.iter().find(|work| work.source.path == pair.source.path);
            let known = known.get(&pair.source.path);
            let report = self.folder_report(pair, work, known);
            self.folders.insert(pair.source.path.clone(), report);
        }
    }

    fn folder_report(&self, pair: &FolderPair, work: Option<&Work>, known: Option<&LedgerFolder>) -> FolderReport {
        let done = self.done.get(&pair.source.path).copied().unwrap_or_default();
        let stands = work.map_or(known.map_or(0, |folder| folder.messages), |work| work.ledger.len());
        let (target, target_messages) = match &pair.place {
            Place::Exists(folder) => (folder.path.clone(), folder.state.as_ref().map_or(0, |state| state.messages)),
            Place::Create { path, .. } => (path.clone(), 0),
        };
        FolderReport {
            source: pair.source.path.clone(),
            source_name: pair.source.name.clone(),
            target,
            source_messages: work
                .map_or(pair.source.state.as_ref().map_or(0, |state| state.messages), |work| work.source_messages),
            target_messages,
            copied: if self.dry_run {
                Volume { messages: work.map_or(0, |work| work.steps.copy.len()), bytes: 0 }
            } else {
                done.copied
            },
            found: done.found,
            flags_set: if self.dry_run {
                work.map_or(0, |work| work.steps.set_flags.iter().map(|(_, ids)| ids.len() as u64).sum())
            } else {
                done.flags_set
            },
            removed: if self.dry_run { work.map_or(0, Work::removals) } else { done.removed },
            moved: done.moved,
            unchanged: stands.saturating_sub(done.copied.messages + done.found + done.flags_set + done.moved),
            exceptions: 0,
        }
    }

    /// What the target counts in the folder of that source folder, at the end.
    pub fn target_messages(&mut self, source: &FolderPath, messages: u64) {
        self.counted.insert(source.clone(), messages);
    }

    /// The report.
    pub fn report(
        mut self,
        unfinished: Option<Unfinished>,
        verify: Option<Verified>,
        meters: &Sides<MeterReading>,
        took: Duration,
        ledger_bytes: u64,
    ) -> Report {
        for folder in self.folders.values_mut() {
            folder.target_messages = self.counted.get(&folder.source).copied().unwrap_or(folder.target_messages);
            folder.exceptions =
                self.exceptions.iter().filter(|exception| exception.folder == folder.source).count() as u64;
        }
        self.notes.extend(self.rebuilt.into_values());
        let folders: Vec<FolderReport> = self.folders.into_values().collect();
        let sum = |figure: fn(&FolderReport) -> u64| folders.iter().map(figure).sum::<u64>();
        let left_out = self.notes.iter().any(|note| note.code == "refused");
        let found =
            findings(&self.exceptions, &self.dropped_flags, &self.discrepancies, unfinished.as_ref(), &self.notes);
        let (mut grade, mut reasons) = grade(&found, &self.thresholds);
        if let Some(verified) = &verify {
            grade = grade.max(verified.grade);
            let new: Vec<String> =
                verified.reasons.iter().filter(|reason| !reasons.contains(reason)).cloned().collect();
            reasons.extend(new);
        }
        let unfinished = unfinished.or_else(|| verify.as_ref().and_then(worse_than_finished));
        let verified_exceptions = verify.as_ref().is_some_and(|verified| verified.grade == Grade::Investigate);
        Report {
            outcome: match () {
                () if unfinished.is_some() => Outcome::Unfinished,
                () if verified_exceptions => Outcome::Exceptions,
                () if self.exceptions.iter().any(|exception| exception.approval.is_none()) || left_out => {
                    Outcome::Exceptions
                }
                () => Outcome::Complete,
            },
            grade,
            reasons,
            copied: Volume { messages: sum(|folder| folder.copied.messages), bytes: sum(|folder| folder.copied.bytes) },
            found: sum(|folder| folder.found),
            flags_set: sum(|folder| folder.flags_set),
            // Messages removed from folders that are gone belong to no folder of the report.
            removed: if self.dry_run {
                sum(|folder| folder.removed)
            } else {
                self.done.values().map(|done| done.removed).sum()
            },
            moved: sum(|folder| folder.moved),
            renamed: self.renamed,
            unchanged: sum(|folder| folder.unchanged),
            folders,
            source: self.source,
            target: self.target,
            pass: self.kind,
            dry_run: self.dry_run,
            folder_notes: self.notes,
            exceptions: self.exceptions,
            verify,
            dropped_flags: self.dropped_flags,
            discrepancies: self.discrepancies,
            unfinished,
            steps: if self.dry_run { self.steps.iter().map(ToString::to_string).collect() } else { Vec::new() },
            attempts: self.attempts,
            round_trips: meters.round_trips(),
            wire_bytes: meters.wire_bytes(),
            connections: meters.connections(),
            seconds: took.as_secs_f64(),
            peak_rss_bytes: 0,
            ledger_bytes,
        }
    }
}

/// What the comparison anew found and nothing explains, as why the pass has not finished.
fn worse_than_finished(verified: &Verified) -> Option<Unfinished> {
    (verified.grade == Grade::Poor).then(|| Unfinished {
        code: "differs".into(),
        what: format!("comparing both sides anew: {}", verified.reasons.join("; ")),
        hint: Some("limosa verify names each message; a message that is missing is copied by the next run".into()),
    })
}

/// What a pass found, as it is graded.
fn findings<'a>(
    exceptions: &[Exception],
    dropped_flags: &[DroppedFlag],
    discrepancies: &[Discrepancy],
    unfinished: Option<&'a Unfinished>,
    notes: &[FolderNote],
) -> Findings<'a> {
    let open = || exceptions.iter().filter(|exception| exception.approval.is_none());
    let changed = open().filter(|exception| exception.stands()).count();
    let refused = notes.iter().filter(|note| note.code == "refused");
    Findings {
        dropped_flags: dropped_flags.len() as u64,
        left_behind: (open().count() - changed) as u64,
        changed: changed as u64,
        approved: (exceptions.len() - open().count()) as u64,
        folders: refused.map(|note| format!("folder {}: {}", note.folder, note.reason)).collect(),
        unexplained: discrepancies.len() as u64,
        unfinished: unfinished.map(|unfinished| unfinished.what.as_str()),
        ..Findings::default()
    }
}
