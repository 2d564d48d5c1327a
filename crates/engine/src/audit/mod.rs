//! Both sides compared anew, independent of what the copy believed. Nothing is changed: neither side, nor the ledger.
//!
//! 1. Both sides are opened to be read only, and surveyed; folders are paired as a pass pairs them.
//! 2. Each folder is listed on both sides and joined by the ledger; what the ledger is silent about is matched by content.
//! 3. What differs is looked at a second time, since people go on working; then it is told, each by its kind.
//! 4. At [`Depth::Content`], every pair of messages is read whole from both sides, over several connections.
//!
//! After a lost connection it goes on with the folder, or the thousand messages, that were under way. It cannot be taken up
//! again in another process: metadata of 100,000 messages take seconds, and bytes are read faster than they were copied.
//!
//! - [`report`](AuditReport): what is told. [`told`]: how it is gathered.
//! - [`folder`]: one folder, by [`join`] (listings, page by page) and [`judge`] (pure); [`counts`]: by numbers alone (pure).
//! - [`content`], [`lanes`]: messages read whole.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;
use std::time::Duration;

use limosa_model::error::Retry;
use limosa_model::ledger::{DroppedFlag, LedgerFolder};
use limosa_model::{Exception, FolderPath, Scope};
use tokio::sync::mpsc;
use tokio::time::Instant;

mod content;
mod counts;
mod folder;
mod join;
mod judge;
mod lanes;
mod no_ledger;
mod report;
mod told;

pub use no_ledger::NoLedger;
pub use report::{
    AuditOptions, AuditReport, AuditedFolder, Counts, Depth, Difference, Kind, NoRecords, Record, Records,
};

use crate::folders::{FolderPair, FolderPlan, match_folders};
use crate::grade::{Findings, grade};
use crate::pass::Pair;
use crate::progress::{Phase, Progress};
use crate::report::{FolderNote, Sides, Unfinished, Volume};
use crate::stop::{PassError, Stop, nothing_matches};
use folder::{Look, tell_compared};
use join::Readers;
use lanes::{MESSAGES_A_UNIT, Queue, Unit, run_lane};
use told::Told;

/// How often to begin again after a lost connection while nothing moves on.
const ATTEMPTS: u32 = 5;
/// Messages below which another lane is not worth its sign-in.
const MESSAGES_A_LANE: u64 = 2_000;

/// Compares both sides of a pair.
///
/// # Errors
/// When it cannot work at all: the same account twice, an endpoint that cannot be signed in to, no ledger. From the first
/// survey on, whatever stops the audit is told in the report.
pub async fn audit(
    pair: Pair<'_>,
    options: &AuditOptions,
    sink: &mut dyn Records,
    progress: &Progress,
) -> Result<AuditReport, PassError> {
    let (source, target) = (pair.source.account(), pair.target.account());
    if source == target {
        return Err(PassError::SameAccount { account: source });
    }
    let started = Instant::now();
    let mut audit = Audit {
        pair: &pair,
        options,
        progress,
        exceptions: pair.ledger.exceptions().await.map_err(PassError::Ledger)?,
        dropped: pair.ledger.dropped_flags().await.map_err(PassError::Ledger)?,
        surveyed: false,
        notes: Vec::new(),
        done_notes: Vec::new(),
        folders: BTreeMap::new(),
        done: HashSet::new(),
        told_folders: false,
        units: Vec::new(),
        told: Told::default(),
        read: Volume::default(),
        looked_again: 0,
        steps: 0,
    };
    let unfinished = audit.run_to_the_end(sink).await?;
    progress.enter(Phase::Done);
    Ok(audit.report(unfinished, started.elapsed()))
}

struct Audit<'a> {
    pair: &'a Pair<'a>,
    options: &'a AuditOptions,
    progress: &'a Progress,
    exceptions: Vec<Exception>,
    dropped: Vec<DroppedFlag>,
    surveyed: bool,
    notes: Vec<FolderNote>,
    /// Notes on folders that need not be listed again.
    done_notes: Vec<FolderNote>,
    folders: BTreeMap<FolderPath, AuditedFolder>,
    /// Source folders that need not be listed again.
    done: HashSet<FolderPath>,
    /// Folders that stand on one side only have been told.
    told_folders: bool,
    /// What is to be read whole.
    units: Vec<Unit>,
    told: Told,
    read: Volume,
    looked_again: u64,
    /// Counts folders and stretches done, as a sign that things move on.
    steps: u64,
}

impl Audit<'_> {
    /// Attempts until one comes to its end, or nothing helps; answers why it is not finished, if it is not.
    async fn run_to_the_end(&mut self, sink: &mut dyn Records) -> Result<Option<Unfinished>, PassError> {
        let progress = self.progress;
        let mut failures = 0;
        loop {
            let before = self.steps;
            let attempt = tokio::select! {
                biased;
                () = progress.stopped() => None,
                attempt = self.attempt(sink) => Some(attempt),
            };
            let stop = match attempt {
                None => return Ok(Some(stopped())),
                Some(Ok(_)) if progress.is_stopping() => return Ok(Some(stopped())),
                Some(Ok(unfinished)) => return Ok(unfinished),
                Some(Err(stop)) => stop,
            };
            failures = if self.steps > before { 1 } else { failures + 1 };
            let pause = stop.pause(failures - 1).filter(|_| self.surveyed && failures <= ATTEMPTS);
            let Some(pause) = pause else {
                return if self.surveyed { Ok(Some(stop.unfinished())) } else { Err(stop.into()) };
            };
            tracing::warn!(reason = stop.unfinished().what, ?pause, "beginning again");
            progress.enter(Phase::Waiting { reason: stop.unfinished().what, pause });
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = progress.stopped() => return Ok(Some(stop.unfinished())),
            }
        }
    }

    /// One attempt; answers why it is not finished, if it is not.
    async fn attempt(&mut self, sink: &mut dyn Records) -> Result<Option<Unfinished>, Stop> {
        self.progress.enter(Phase::Connecting);
        let mut readers = self.open().await?;
        self.progress.enter(Phase::Surveying);
        let (source, target) =
            tokio::try_join!(async { readers.source.survey().await.map_err(Stop::source) }, async {
                readers.target.survey().await.map_err(Stop::target)
            },)?;
        self.surveyed = true;
        let known = self.pair.ledger.folders().await?;
        let plan = match_folders(&source.folders, &target.folders, &target.limits, &known, &self.options.folders);
        self.notes.clone_from(&plan.notes);
        if plan.pairs.is_empty() && self.options.folders.leaves_out() {
            return Ok(Some(nothing_matches()));
        }
        self.progress.enter(Phase::Verifying);
        if self.options.depth == Depth::Metadata {
            let left = plan.pairs.iter().filter(|pair| !self.done.contains(&pair.source.path));
            self.progress.plan(left.filter_map(|pair| pair.source.state.as_ref()).map(|state| state.messages).sum());
        }
        for pair in &plan.pairs {
            if !self.done.contains(&pair.source.path) {
                self.progress.folder(pair.source.path.to_string());
                self.folder(&mut readers, pair, &known, target.limits.no_keywords).await?;
                self.done.insert(pair.source.path.clone());
                self.steps += 1;
            }
        }
        self.folders_of_one_side(&plan, &target.folders);
        self.read_whole(readers, sink).await?;
        Ok(None)
    }

    async fn open(&self) -> Result<Readers, Stop> {
        let (source, target) =
            tokio::try_join!(async { self.pair.source.open().await.map_err(Stop::source) }, async {
                self.pair.target.open().await.map_err(Stop::target)
            },)?;
        Ok(Readers { source, target })
    }

    async fn folder(
        &mut self,
        readers: &mut Readers,
        pair: &FolderPair,
        known: &[LedgerFolder],
        no_keywords: bool,
    ) -> Result<(), Stop> {
        let look = Look {
            pair,
            known: known.iter().find(|folder| folder.source == pair.source.path),
            no_ledger: known.is_empty(),
            exceptions: &self.exceptions,
            dropped: &self.dropped,
            no_keywords,
            keywords: &self.options.keywords,
            depth: self.options.depth,
        };
        let (mut report, told) = counts::look(&look);
        if self.options.depth == Depth::Counts {
            self.told.merge(told);
            self.folders.insert(report.source.clone(), report);
            return Ok(());
        }
        let mut told = Told::default();
        match folder::look(readers, self.pair.ledger.as_ref(), &look, self.progress).await {
            Ok(looked) => {
                report = looked.report;
                told = looked.told;
                self.done_notes.extend(looked.note);
                self.read.messages += looked.read.messages;
                self.read.bytes += looked.read.bytes;
                self.looked_again += looked.looked_again;
                if let Some((route, ids)) = looked.to_read {
                    let route = Arc::new(route);
                    self.units.extend(ids.chunks(MESSAGES_A_UNIT).into_iter().map(|ids| (route.clone(), ids)));
                }
            }
            Err(Stop::Connector { error, .. }) if error.scope() <= Scope::Folder && error.retry() == Retry::Never => {
                let what = format!("the folder cannot be compared: {error}");
                told.folder(Kind::Unreadable, &pair.source.path, report.source_messages.max(1), what);
            }
            Err(stop) => return Err(stop),
        }
        self.told.merge(told);
        self.folders.insert(report.source.clone(), report);
        Ok(())
    }

    /// Folders that are gone from the source, and folders that the source never had.
    fn folders_of_one_side(&mut self, plan: &FolderPlan, target: &[limosa_model::Folder]) {
        let mut taken: HashSet<&FolderPath> = plan.pairs.iter().map(|pair| pair.place.path()).collect();
        let mut told = Told::default();
        for gone in &plan.gone {
            let stands = target.iter().any(|folder| folder.path == gone.target && folder.selectable);
            if taken.insert(&gone.target) && stands {
                told.folder(Kind::Deleted, &gone.source, gone.messages, "the folder is gone from the source");
            }
        }
        for folder in target.iter().filter(|folder| folder.selectable && !taken.contains(&folder.path)) {
            let messages = folder.state.as_ref().map_or(0, |state| state.messages);
            told.folder(Kind::Own, &folder.path, messages, "a folder of the target's own");
        }
        // Once, however often it begins again.
        if !std::mem::replace(&mut self.told_folders, true) {
            self.told.merge(told);
        }
    }

    /// Reads what is to be read over as many lanes as pay; the main connections are the first.
    async fn read_whole(&mut self, main: Readers, sink: &mut dyn Records) -> Result<(), Stop> {
        let queue = Arc::new(Queue::new(std::mem::take(&mut self.units), self.progress.clone()));
        let total = queue.messages();
        if self.options.depth == Depth::Content {
            self.progress.plan(total);
        }
        let most = self.pair.source.connections().min(self.pair.target.connections()) as u64;
        let mut lanes = vec![main];
        while (lanes.len() as u64) < most.min(total.div_ceil(MESSAGES_A_LANE)) {
            match self.open().await {
                Ok(lane) => lanes.push(lane),
                // One that is refused is no reason to stop: servers limit the number of connections.
                Err(stop) => {
                    tracing::warn!(reason = stop.unfinished().what, lanes = lanes.len(), "no further connection");
                    break;
                }
            }
        }
        let (news, mut told) = mpsc::channel(4);
        let mut running = tokio::task::JoinSet::new();
        for mut lane in lanes {
            let (queue, news) = (queue.clone(), news.clone());
            running.spawn(async move {
                let ended = run_lane(&mut lane, &queue, news).await;
                (lane, ended)
            });
        }
        drop(news);
        while let Some((route, compared, looked)) = told.recv().await {
            self.steps += 1;
            self.read.messages += looked.read.messages;
            self.read.bytes += looked.read.bytes;
            self.looked_again += looked.again;
            for one in &compared {
                tell_compared(&mut self.told, &route, one);
                if let content::Found::Both(record, _) = &one.found {
                    sink.record(record);
                }
            }
        }
        let mut failure = None;
        while let Some(ended) = running.join_next().await {
            let (lane, ended) = ended.expect("a lane neither panics nor is cancelled");
            failure = failure.or(ended.err());
            lane.close().await;
        }
        // What no lane came to is read in the next attempt.
        self.units = queue.take_all();
        match failure {
            Some(failure) if !self.units.is_empty() => Err(failure.into()),
            _ => Ok(()),
        }
    }

    fn report(mut self, unfinished: Option<Unfinished>, took: Duration) -> AuditReport {
        self.notes.append(&mut self.done_notes);
        let counts = self.told.counts;
        let sum = |figure: fn(&AuditedFolder) -> u64| self.folders.values().map(figure).sum::<u64>();
        let compared = sum(|folder| folder.compared);
        let absent = self.folders.values().filter(|folder| !folder.exists);
        let mut folders: BTreeSet<String> =
            absent.map(|folder| format!("folder {} is not on the target", folder.source)).collect();
        let unknown = self.told.named.iter().filter(|one| one.kind == Kind::NewFolder);
        folders.extend(unknown.map(|one| format!("folder {} was not brought over by any pass", one.folder)));
        let found = Findings {
            dropped_flags: self.dropped.len() as u64,
            left_behind: self.told.left_behind,
            changed: counts.excepted - self.told.left_behind - self.told.approved,
            approved: self.told.approved,
            folders: folders.into_iter().collect(),
            unreadable: counts.unreadable,
            metadata: counts.flags + counts.date,
            compared,
            source_messages: sum(|folder| folder.source_messages),
            arrived: counts.arrived,
            unexplained: counts.missing + counts.lost_unsettled + counts.size + counts.content,
            unfinished: unfinished.as_ref().map(|unfinished| unfinished.what.as_str()),
        };
        let (grade, reasons) = grade(&found, &self.options.thresholds);
        let mut differences = self.told.named;
        differences.sort_by(|a, b| {
            let key = |one: &Difference| (one.kind, one.folder.clone(), one.source_id.clone(), one.target_id.clone());
            key(a).cmp(&key(b))
        });
        let meters = Sides { source: self.pair.source.meter().read(), target: self.pair.target.meter().read() };
        AuditReport {
            source: self.pair.source.account(),
            target: self.pair.target.account(),
            depth: self.options.depth,
            grade,
            reasons,
            folders: self.folders.into_values().collect(),
            folder_notes: self.notes,
            compared,
            read: self.read,
            looked_again: self.looked_again,
            counts,
            differences,
            dropped_flags: self.dropped,
            unfinished,
            round_trips: meters.round_trips(),
            wire_bytes: meters.wire_bytes(),
            connections: meters.connections(),
            seconds: took.as_secs_f64(),
            peak_rss_bytes: 0,
        }
    }
}

/// It was stopped by hand.
fn stopped() -> Unfinished {
    Unfinished {
        code: "stopped".into(),
        what: "stopped by hand, before everything was compared".into(),
        hint: Some("run the same command again: it begins anew".into()),
    }
}
