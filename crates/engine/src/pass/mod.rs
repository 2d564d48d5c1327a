//! The order of things in a pass, and what happens when a connection is lost.
//!
//! One **attempt**:
//!
//! 1. sign in on both sides, survey both: where no watermark has moved, that was all;
//! 2. note in the ledger that writing begins; after a run that was cut off while it wrote, wait until the target is quiet;
//! 3. rename folders that were renamed on the source;
//! 4. make folders, set subscriptions;
//! 5. look at each folder whose watermark moved: list both sides, find by content what stands already, plan;
//! 6. move what was moved on the source;
//! 7. copy, settling as receipts come;
//! 8. deal with what was refused: mended, kept aside, in any case an exception; set flags; remove what was expunged;
//! 9. compare, and settle the watermarks;
//! 10. survey the target once more, and note that writing has ended.
//!
//! Each step can be cut off anywhere and begun again: a second attempt does what the first left open. So that is also what
//! happens after a lost connection, and there is no other way of recovering.

mod conclude;
mod look;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use limosa_model::error::{ErrorKind, Retry, Scope};
use limosa_model::ledger::LedgerFolder;
use limosa_model::mailbox::Survey;
use limosa_model::{Connector, ConnectorError, Folder, FolderPath, Ledger};
use tokio::time::Instant;

use crate::audit::{AuditOptions, AuditReport, Depth, NoRecords, audit};
use crate::folders::{FolderPair, Place};
use crate::identity::is_one_mailbox;
use crate::lanes::Lanes;
use crate::moves::{Move, find_moves, relocate};
use crate::options::Options;
use crate::outlook::{Outlook, Recorded};
use crate::prepare::adopt;
use crate::progress::{Phase, Progress};
use crate::refusals::deal;
use crate::renames::Imagined;
use crate::report::{Report, Sides, Unfinished, Verified};
use crate::sides::Sessions;
use crate::stop::{PassError, Stop, concerns_a_folder, nothing_matches, stopped};
use crate::summary::Summary;
use crate::work::Work;
use crate::{apply, lanes, renames};

/// What a pass works on.
pub struct Pair<'a> {
    /// Where mail comes from.
    pub source: &'a dyn Connector,
    /// Where it goes to.
    pub target: &'a dyn Connector,
    /// What stands where.
    pub ledger: Arc<dyn Ledger>,
}

/// Brings the target up to its source.
///
/// # Errors
/// When it cannot work at all: the same account twice, an endpoint that cannot be signed in to, no ledger. From the first
/// survey on, whatever stops the pass is told in the report.
pub async fn run(pair: Pair<'_>, options: &Options, progress: &Progress) -> Result<Report, PassError> {
    let (source, target) = (pair.source.account(), pair.target.account());
    if source == target {
        return Err(PassError::SameAccount { account: source });
    }
    let started = Instant::now();
    let mut summary = Summary::new(source, target, options);
    let mut failures = 0;
    let unfinished = loop {
        let before = summary.volume_done();
        summary.attempts += 1;
        let mut attempt = Attempt { pair: &pair, options, progress, summary: &mut summary, refused: BTreeSet::new() };
        let stop = match attempt.run().await {
            Ok(unfinished) => break unfinished,
            Err(stop) => stop,
        };
        failures = if summary.volume_done() > before { 1 } else { failures + 1 };
        let pause = stop
            .pause(failures - 1)
            .filter(|_| summary.surveyed || stop.may_pass_by_itself())
            .filter(|_| failures <= options.attempts.0 && !progress.is_stopping());
        let Some(pause) = pause else {
            if summary.surveyed {
                break Some(stop.unfinished());
            }
            return Err(stop.into());
        };
        tracing::warn!(reason = stop.unfinished().what, ?pause, "beginning again");
        progress.enter(Phase::Waiting { reason: stop.unfinished().what, pause });
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = progress.stopped() => break Some(stop.unfinished()),
        }
    };
    let (unfinished, verified) = match (unfinished, options.verify) {
        (None, Some(depth)) if !options.dry_run => verify(&pair, depth, options, progress).await,
        (unfinished, _) => (unfinished, None),
    };
    progress.enter(Phase::Done);
    let (unfinished, ledger_bytes) = match summary.read_ledger(pair.ledger.as_ref()).await {
        Ok(bytes) => (unfinished, bytes),
        Err(error) => (unfinished.or_else(|| Some(Stop::from(error).unfinished())), 0),
    };
    let meters = Sides { source: pair.source.meter().read(), target: pair.target.meter().read() };
    Ok(summary.report(unfinished, verified, &meters, started.elapsed(), ledger_bytes))
}

/// Compares both sides anew.
async fn verify(
    pair: &Pair<'_>,
    depth: Depth,
    options: &Options,
    progress: &Progress,
) -> (Option<Unfinished>, Option<Verified>) {
    let options = AuditOptions {
        depth,
        folders: options.folders.clone(),
        keywords: options.keywords.clone(),
        thresholds: options.thresholds,
    };
    let pair = Pair { source: pair.source, target: pair.target, ledger: pair.ledger.clone() };
    match audit(pair, &options, &mut NoRecords, progress).await {
        Ok(AuditReport { depth, grade, reasons, compared, counts, unfinished, .. }) => {
            (unfinished, Some(Verified { depth, grade, reasons, compared, counts }))
        }
        Err(error) => (Some(error.unfinished()), None),
    }
}

struct Attempt<'a> {
    pair: &'a Pair<'a>,
    options: &'a Options,
    progress: &'a Progress,
    summary: &'a mut Summary,
    /// Source folders that a side would not have: what should stand in their places does not.
    refused: BTreeSet<FolderPath>,
}

/// How long a target must stand still to be taken as quiet, after a run that was cut off while it wrote.
const QUIET: Duration = Duration::from_secs(1);
/// How many times that is waited for at most: mail keeps coming to mailboxes that people use.
const QUIET_AT_MOST: u32 = 30;

impl Attempt<'_> {
    /// One attempt; answers why it is not finished, if it is not.
    async fn run(&mut self) -> Result<Option<Unfinished>, Stop> {
        let ledger = self.pair.ledger.clone();
        self.progress.enter(Phase::Connecting);
        let open = async { self.pair.source.open().await.map_err(Stop::source) };
        let open_target = async { self.pair.target.open_target().await.map_err(Stop::target) };
        let opened = async { tokio::try_join!(open, open_target) };
        let (source, target) = tokio::select! {
            biased;
            () = self.progress.stopped() => return Ok(Some(stopped())),
            opened = opened => opened?,
        };
        let mut sessions = Sessions { source, target };
        self.progress.enter(Phase::Surveying);
        let (mut source, mut target) =
            tokio::try_join!(async { sessions.source.survey().await.map_err(Stop::source) }, async {
                sessions.target.survey().await.map_err(Stop::target)
            },)?;
        if !self.options.dry_run && is_one_mailbox(&mut sessions, ledger.as_ref(), &source, &target).await? {
            let (source_account, target_account) = (self.pair.source.account(), self.pair.target.account());
            return Err(Stop::SameMailbox { source_account, target_account });
        }
        let outlook = self.outlook(&source, target.clone()).await?;
        self.summary.surveyed(&outlook.known);
        if outlook.plan.pairs.is_empty() && self.options.folders.leaves_out() {
            return Ok(Some(nothing_matches()));
        }
        if outlook.is_unchanged(self.options) {
            if !self.options.dry_run {
                outlook.note_object_ids(ledger.as_ref()).await?;
            }
            self.summary.unchanged(&outlook.plan, &outlook.known);
            sessions.close().await;
            return Ok(None);
        }
        if !self.options.dry_run && ledger.set_writing(true).await? {
            target = self.wait_until_quiet(&mut sessions, target).await?;
            if self.progress.is_stopping() {
                // The note stays: the next run waits, too.
                return Ok(Some(stopped()));
            }
        }
        sessions.source.identify(&mut source.folders).await.map_err(Stop::source)?;
        let outlook = self.outlook_after_renames(&mut sessions, &source, target).await?;
        let mut lanes = Lanes::new(self.pair, self.progress);
        let (folders, messages) = outlook.to_be_listed(self.options);
        lanes.prepare(messages, folders);
        let unfinished = self.bring_up(&mut sessions, &mut lanes, &outlook).await?;
        lanes.close().await;
        if !self.options.dry_run {
            ledger.set_writing(false).await?;
        }
        sessions.close().await;
        Ok(unfinished)
    }

    async fn outlook(&self, source: &Survey, target: Survey) -> Result<Outlook, Stop> {
        let recorded = Recorded::read(self.pair.ledger.as_ref()).await?;
        Ok(Outlook::new(source, target, Imagined::default(), recorded, self.options))
    }

    /// Follows what was renamed on the source, first of all: everything after it finds folders under the names that they keep.
    async fn outlook_after_renames(
        &mut self,
        sessions: &mut Sessions,
        source: &Survey,
        mut target: Survey,
    ) -> Result<Outlook, Stop> {
        let (ledger, rules) = (self.pair.ledger.as_ref(), &self.options.folders);
        if self.options.dry_run {
            let mut recorded = Recorded::read(ledger).await?;
            let imagined = Imagined::new(&mut recorded.folders, source, &mut target, rules, self.summary);
            return Ok(Outlook::new(source, target, imagined, recorded, self.options));
        }
        let target = renames::follow(sessions, ledger, source, target, rules, self.summary).await?;
        let outlook = self.outlook(source, target).await?;
        outlook.note_object_ids(ledger).await?;
        Ok(outlook)
    }

    /// An APPEND whose answer was lost may still land: what is absent counts as absent only when the target stands still, or
    /// when so much time has passed that no server still works on what it was sent before.
    async fn wait_until_quiet(&self, sessions: &mut Sessions, mut last: Survey) -> Result<Survey, Stop> {
        self.progress.enter(Phase::Settling);
        for _ in 0..QUIET_AT_MOST {
            tokio::select! {
                () = tokio::time::sleep(QUIET) => {}
                () = self.progress.stopped() => break,
            }
            let now = sessions.target.survey().await.map_err(Stop::target)?;
            if now.folders == last.folders {
                break;
            }
            last = now;
        }
        Ok(last)
    }

    /// Everything from the first change on.
    async fn bring_up(
        &mut self,
        sessions: &mut Sessions,
        lanes: &mut Lanes<'_>,
        outlook: &Outlook,
    ) -> Result<Option<Unfinished>, Stop> {
        self.confirm_gone(sessions, &outlook.plan.gone).await?;
        let (places, ()) = tokio::join!(self.make_folders(sessions, outlook), lanes.open_if_far());
        let places = places?;
        let mut works = self.look(sessions, lanes, outlook, places).await?;
        if self.progress.is_stopping() {
            return Ok(Some(stopped()));
        }
        let moves = find_moves(sessions, &mut works).await?;
        let held = self.hold_deletions(&mut works, &outlook.known);
        self.summary.plan(&works, &moves, &outlook.plan);
        if self.options.dry_run {
            self.summary.finished(&works, &outlook.plan, &outlook.known);
            return Ok(held);
        }
        let done = self.carry_out(sessions, lanes, &mut works, moves, &outlook.target).await;
        let ended = match done {
            Ok(()) if self.progress.is_stopping() => Ok(Some(stopped())),
            Ok(()) => self.conclude(sessions, lanes, &mut works, outlook).await.map(|unfinished| held.or(unfinished)),
            Err(stop) => Err(stop),
        };
        if ended.is_err() {
            self.summary.keep_unverified(&mut works);
        }
        self.summary.finished(&works, &outlook.plan, &outlook.known);
        ended
    }

    /// A folder that one listing left out is not gone yet: its messages are removed only if another one leaves it out too.
    async fn confirm_gone(&self, sessions: &mut Sessions, gone: &[LedgerFolder]) -> Result<(), Stop> {
        if gone.is_empty() {
            return Ok(());
        }
        let again = sessions.source.survey().await.map_err(Stop::source)?;
        let is_there = |path: &FolderPath| again.folders.iter().any(|folder| folder.path == *path && folder.selectable);
        match gone.iter().find(|gone| is_there(&gone.source)) {
            None => Ok(()),
            Some(gone) => {
                let what = format!("folder {} was missing from one listing and is in the next", gone.source);
                let error = ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ServerFault, what);
                Err(Stop::source(error))
            }
        }
    }

    /// Makes the folders that are missing; answers the place of each source folder, `None` where a dry run made none or the target refused.
    async fn make_folders(&mut self, sessions: &mut Sessions, outlook: &Outlook) -> Result<Vec<Option<Folder>>, Stop> {
        let pairs = &outlook.plan.pairs;
        let mut places: Vec<Option<Folder>> = pairs.iter().map(|pair| outlook.stands(pair)).collect();
        if self.options.dry_run {
            return Ok(places);
        }
        let wanted = |pair: &FolderPair| match &pair.place {
            Place::Exists(_) => None,
            Place::Create { path, role } => Some((path.clone(), *role)),
        };
        let (missing, wanted): (Vec<usize>, Vec<_>) =
            pairs.iter().enumerate().filter_map(|(index, pair)| Some((index, wanted(pair)?))).unzip();
        let made = sessions.target.create_folders(&wanted).await.map_err(Stop::target)?;
        for (index, made) in missing.into_iter().zip(made) {
            match made {
                Ok(folder) => places[index] = Some(folder),
                Err(error) => {
                    self.refused.insert(pairs[index].source.path.clone());
                    let path = pairs[index].place.path();
                    let reason =
                        format!("the target does not make the folder {path}: {error}; give it another name with --map");
                    self.summary.note_folder(&pairs[index].source.path, "refused", reason);
                }
            }
        }
        let subscribe = |(pair, place): (&FolderPair, &Option<Folder>)| {
            Some((pair.source.path.clone(), place.clone()?, pair.subscribe?))
        };
        let subscribe: Vec<_> = pairs.iter().zip(&places).filter_map(subscribe).collect();
        let wanted: Vec<_> = subscribe.iter().map(|(_, folder, subscribed)| (folder, *subscribed)).collect();
        let done = sessions.target.subscribe_all(&wanted).await.map_err(Stop::target)?;
        for ((source, ..), done) in subscribe.iter().zip(done) {
            if let Err(error) = done {
                self.summary.note_folder(source, "not-subscribed", error.to_string());
            }
        }
        Ok(places)
    }

    async fn carry_out(
        &mut self,
        sessions: &mut Sessions,
        lanes: &mut Lanes<'_>,
        works: &mut [Work],
        moves: Vec<Move>,
        target: &Survey,
    ) -> Result<(), Stop> {
        let ledger = self.pair.ledger.clone();
        self.progress.enter(Phase::Applying);
        relocate(sessions, ledger.as_ref(), works, moves).await?;
        self.progress.enter(Phase::Copying);
        lanes::copy(lanes, sessions, works, &target.limits).await?;
        if self.progress.is_stopping() {
            return Ok(());
        }
        self.progress.enter(Phase::Applying);
        for work in works.iter_mut() {
            deal(&self.options.refusals, sessions, ledger.as_ref(), work).await?;
            self.name_the_unnamed(sessions, work).await?;
            apply::confirm_vanished(sessions, work).await?;
            apply::leave_behind(sessions, ledger.as_ref(), work).await?;
            let set = apply::set_flags(sessions, ledger.as_ref(), work).await;
            self.tolerate(work, "flags-not-set", set)?;
        }
        // Removing comes last, after everything that was to be copied or moved stands.
        let all_stands = works.iter().all(|work| !work.incomplete);
        for work in works.iter_mut().filter(|work| work.removals() > 0) {
            work.incomplete |= !all_stands;
            if all_stands {
                let removed = apply::remove(sessions, ledger.as_ref(), work).await;
                self.tolerate(work, "not-removed", removed)?;
            }
        }
        Ok(())
    }

    /// What one folder refuses for good is noted, and does not keep the others back.
    fn tolerate(&mut self, work: &mut Work, code: &str, done: Result<(), Stop>) -> Result<(), Stop> {
        match done {
            Err(Stop::Connector { error, .. }) if concerns_a_folder(&error) => {
                work.incomplete = true;
                self.summary.note_folder(&work.source.path, code, error.to_string());
                Ok(())
            }
            other => other,
        }
    }

    /// Where the target did not say under which ids it stored messages, finds them by content.
    async fn name_the_unnamed(&self, sessions: &mut Sessions, work: &mut Work) -> Result<(), Stop> {
        if work.unnamed.is_empty() {
            return Ok(());
        }
        let unnamed = work.unnamed.drain(..).map(|(id, _)| id).collect();
        let planned = std::mem::replace(&mut work.steps.copy, unnamed);
        let stored =
            sessions.target.arrivals(&work.target, work.target_watermark.as_ref()).await.map_err(Stop::target)?;
        let unexplained = work.ledger.unknown_targets(&stored);
        let found_before = work.done.found;
        adopt(sessions, self.pair.ledger.as_ref(), work, &unexplained, false).await?;
        work.done.found = found_before;
        // What is not found now is found, or copied again, when the folder is looked at next.
        work.incomplete |= !work.steps.copy.is_empty();
        work.steps.copy = planned;
        Ok(())
    }
}
