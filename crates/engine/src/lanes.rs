//! As many connections as pay: several folders looked at or compared at once, and copying.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use limosa_model::error::Retry;
use limosa_model::mailbox::{Batching, Limits};
use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::copy::{News, Route, Shared, run_lane};
use crate::pass::Pair;
use crate::portions::{Portions, Queue, Unit};
use crate::progress::Progress;
use crate::settle::settle_arrivals;
use crate::sides::{Sessions, SideError};
use crate::stop::Stop;
use crate::work::Work;

/// Messages below which another lane is not worth its sign-in.
const MESSAGES_A_LANE: u64 = 500;
/// Folders below which another lane is not worth its sign-in, where servers are far away.
const FOLDERS_A_LANE: usize = 2;
/// Servers with longer round trips are far away: those are what a pass waits for.
const FAR: Duration = Duration::from_millis(10);
/// Lanes that are opened where servers are near before others are tried: more may keep one another from work.
const LANES_AT_FIRST: usize = 2;
/// How long is copied over one lane before the second is opened.
pub const WARMING_UP: Duration = Duration::from_millis(250);
/// How long is copied before a third is tried: it has to be worth the time of trying.
const SETTLED_IN: Duration = Duration::from_secs(5);
/// How long is measured how fast copying goes, before a lane is tried and with it: several batches, on slow lines too.
const TRIAL: Duration = Duration::from_secs(3);
/// Copying has to become faster by this for a lane to pay.
const PAYS: f64 = 1.1;

/// How many lanes pay for so many messages in so many folders, where the longer one of both sides' round trips takes that long.
pub fn worth(messages: u64, folders: usize, round_trip: Duration) -> u64 {
    let by_messages = messages.div_ceil(MESSAGES_A_LANE);
    let by_folders = if round_trip >= FAR { folders.div_ceil(FOLDERS_A_LANE) as u64 } else { 0 };
    by_messages.max(by_folders)
}

/// The connections of a pass beside its main ones: opened when they are worth it, and kept for what comes after.
pub struct Lanes<'a> {
    pair: &'a Pair<'a>,
    progress: &'a Progress,
    slots: Vec<Option<Sessions>>,
    far: bool,
    /// One was refused: there are no more to be had.
    refused: bool,
}

impl<'a> Lanes<'a> {
    /// None yet.
    pub fn new(pair: &'a Pair<'a>, progress: &'a Progress) -> Self {
        Self { pair, progress, slots: Vec::new(), far: false, refused: false }
    }

    /// Lanes that pay for so many messages in so many folders, as far as can be said before copying.
    pub fn prepare(&mut self, messages: u64, folders: usize) {
        let round_trips = [self.pair.source.meter(), self.pair.target.meter()].map(|meter| meter.quickest_answer());
        let round_trip = round_trips.into_iter().flatten().max().unwrap_or_default();
        self.far = round_trip >= FAR;
        self.widen(worth(messages, folders, round_trip));
    }

    fn widen(&mut self, lanes: u64) {
        if self.refused {
            return;
        }
        let most = if self.far { self.most() } else { self.most().min(LANES_AT_FIRST as u64) };
        let more = lanes.min(most).saturating_sub(1) as usize;
        self.slots.resize_with(more.max(self.slots.len()), || None);
    }

    /// Opens them beforehand where that takes long; elsewhere each is opened when it is needed, and the main connections go ahead.
    pub async fn open_if_far(&mut self) {
        if self.far {
            self.open().await;
        }
    }

    async fn open(&mut self) {
        let (pair, progress) = (self.pair, self.progress);
        let closed = self.slots.iter_mut().filter(|slot| slot.is_none());
        join_all(closed.map(async |slot| *slot = open(pair, progress).await)).await;
        self.keep_those_open(self.slots.len());
    }

    /// Of the first so many, which were to be opened: servers that refused one are not asked again.
    fn keep_those_open(&mut self, tried: usize) {
        if self.slots.iter().take(tried).any(Option::is_none) {
            self.slots.retain(Option::is_some);
            self.refused = true;
        }
    }

    fn most(&self) -> u64 {
        self.pair.source.connections().min(self.pair.target.connections()) as u64
    }

    /// Does all jobs, the main connections and each lane one after another; lanes that are not open yet are opened. Answers what came of
    /// them, in the order of the jobs.
    ///
    /// # Errors
    /// The first; then no further job is begun.
    pub async fn work_off<J: Job>(&mut self, main: &mut Sessions, jobs: Vec<J>) -> Result<Vec<J::Done>, Stop> {
        let lanes = self.slots.len().min(jobs.len().saturating_sub(1));
        let queue = Jobs::new(jobs);
        let (pair, progress) = (self.pair, self.progress);
        let further: Vec<_> = self.slots[..lanes]
            .iter_mut()
            .map(|slot| {
                let queue = &queue;
                async move {
                    if slot.is_none() {
                        *slot = open(pair, progress).await;
                    }
                    match slot {
                        Some(lane) => queue.work_off(lane).await,
                        None => Ok(()),
                    }
                }
            })
            .collect();
        let (first, mut ended) = tokio::join!(queue.work_off(main), join_all(further));
        self.keep_those_open(lanes);
        ended.insert(0, first);
        let mut failures: Vec<Stop> = ended.into_iter().filter_map(Result::err).collect();
        for failure in &failures {
            tracing::warn!(reason = failure.unfinished().what, "a lane ended");
        }
        // What another attempt does not mend matters most.
        failures.sort_by_key(|failure| failure.pause(0).is_some());
        match failures.into_iter().next() {
            Some(failure) => Err(failure),
            None => Ok(queue.done()),
        }
    }

    /// Ends their connections politely.
    pub async fn close(self) {
        join_all(self.slots.into_iter().flatten().map(Sessions::close)).await;
    }
}

/// Something to be done over any connections.
pub trait Job: Send {
    /// What comes of it.
    type Done: Send;

    /// Does it.
    fn run(self, sessions: &mut Sessions) -> impl Future<Output = Result<Self::Done, Stop>> + Send;
}

/// Jobs to be done, and what came of those that are.
struct Jobs<J: Job> {
    waiting: Mutex<VecDeque<(usize, J)>>,
    done: Mutex<Vec<(usize, J::Done)>>,
}

impl<J: Job> Jobs<J> {
    fn new(jobs: Vec<J>) -> Self {
        Self { waiting: Mutex::new(jobs.into_iter().enumerate().collect()), done: Mutex::new(Vec::new()) }
    }

    async fn work_off(&self, sessions: &mut Sessions) -> Result<(), Stop> {
        loop {
            let Some((index, job)) = lock(&self.waiting).pop_front() else { return Ok(()) };
            match job.run(sessions).await {
                Ok(done) => lock(&self.done).push((index, done)),
                Err(stop) => {
                    lock(&self.waiting).clear();
                    return Err(stop);
                }
            }
        }
    }

    fn done(self) -> Vec<J::Done> {
        let mut done = self.done.into_inner().unwrap_or_else(PoisonError::into_inner);
        done.sort_by_key(|(index, _)| *index);
        done.into_iter().map(|(_, done)| done).collect()
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Opens a lane. One that is refused is no reason to stop: servers limit the number of connections.
async fn open(pair: &Pair<'_>, progress: &Progress) -> Option<Sessions> {
    let opened = tokio::select! {
        biased;
        () = progress.stopped() => return None,
        opened = async { tokio::try_join!(pair.source.open(), pair.target.open_target()) } => opened,
    };
    let opened = opened.inspect_err(|error| tracing::warn!(%error, "no further connection"));
    opened.ok().map(|(source, target)| Sessions { source, target })
}

/// Copies what is planned, and settles what arrives. The main connections are the first lane.
///
/// # Errors
/// The one of all lanes' errors that matters most, or the ledger's. What has arrived by then is settled.
pub async fn copy(
    lanes: &mut Lanes<'_>,
    sessions: &mut Sessions,
    works: &mut [Work],
    limits: &Limits,
) -> Result<(), Stop> {
    let (pair, progress) = (lanes.pair, lanes.progress);
    let total: u64 = works.iter().map(|work| work.steps.copy.len()).sum();
    progress.plan(total);
    if total == 0 {
        return Ok(());
    }
    let routes = works.iter().map(|work| Route {
        source: work.source.clone(),
        target: work.target.clone(),
        keeping: work.keeping.clone(),
    });
    let unit = |(folder, work): (usize, &Work)| Unit { folder, ids: work.steps.copy.clone(), batching: Batching::Free };
    let units = works.iter().enumerate().filter(|(_, work)| !work.steps.copy.is_empty()).map(unit);
    let portions = if lanes.far || lanes.most() == 1 { Portions::Large } else { Portions::Measured };
    let queue = Queue::new(units.collect(), portions);
    let shared = Shared::new(routes.collect(), queue, limits.clone(), progress.clone());
    let shared = Arc::new(shared.noting(pair.ledger.clone()));
    lanes.widen(total.div_ceil(MESSAGES_A_LANE));
    lanes.open().await;
    let (news, told) = mpsc::channel(64);
    // Dropped, the set ends its lanes: nothing is written that nobody would settle.
    let mut running = JoinSet::new();
    let further: Vec<Sessions> = lanes.slots.drain(..).flatten().collect();
    // Beforehand: a lane that finds that it may take nothing has ended.
    shared.queue.allow(further.len() + 1);
    for (number, lane) in (1..).zip(further) {
        running.spawn(run_further(lane, number, shared.clone(), news.clone()));
    }
    let over = Notify::new();
    let main = run_one(sessions, 0, &shared, news.clone());
    let main = async {
        let ended = main.await;
        over.notify_one();
        ended
    };
    let widening = widen_while_copying(lanes, &mut running, &shared, news, &over);
    let settling = settle_arrivals(pair.ledger.as_ref(), works, told, progress);
    let (settled, ended, ()) = tokio::join!(settling, main, widening);
    let mut failures: Vec<SideError> = ended.err().into_iter().collect();
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((lane, Ok(()))) => lanes.slots.push(Some(lane)),
            Ok((lane, Err(failure))) => {
                lane.close().await;
                failures.push(failure);
            }
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
        }
    }
    settled?;
    for (side, error) in &failures {
        tracing::warn!(?side, %error, "a lane ended");
    }
    failures.sort_by_key(|(_, error)| error.retry() == Retry::Now);
    failures.into_iter().next().map_or(Ok(()), |failure| Err(failure.into()))
}

type Running = JoinSet<(Sessions, Result<(), SideError>)>;

/// Opens further lanes as long as there is work for them and they pay; returns when no more may come.
async fn widen_while_copying(
    lanes: &mut Lanes<'_>,
    running: &mut Running,
    shared: &Arc<Shared>,
    news: mpsc::Sender<News>,
    over: &Notify,
) {
    let mut pace = Pace::new(&shared.queue);
    let mut wait = WARMING_UP;
    while !lanes.refused && ((running.len() + 1) as u64) < lanes.most() {
        let number = running.len() + 1;
        let on_trial = number >= LANES_AT_FIRST;
        if on_trial {
            wait = SETTLED_IN.saturating_sub(pace.begun.elapsed());
        }
        pace.over(wait, over).await;
        let before = if on_trial { pace.over(TRIAL, over).await } else { 0.0 };
        if !shared.can_be_helped() {
            break;
        }
        let opened = tokio::select! {
            biased;
            () = over.notified() => break,
            opened = open(lanes.pair, lanes.progress) => opened,
        };
        let Some(lane) = opened else {
            lanes.refused = true;
            break;
        };
        shared.queue.allow(number + 1);
        running.spawn(run_further(lane, number, shared.clone(), news.clone()));
        pace.look();
        if on_trial && !pays(before, pace.over(TRIAL, over).await) {
            shared.queue.allow(number);
            break;
        }
    }
}

/// Whether a lane pays that has made so many bytes a second of so many.
fn pays(before: f64, with_it: f64) -> bool {
    with_it > before * PAYS
}

/// How fast bytes arrive, by the target's word.
struct Pace<'a> {
    queue: &'a Queue,
    begun: Instant,
    looked: Instant,
    bytes: u64,
}

impl<'a> Pace<'a> {
    fn new(queue: &'a Queue) -> Self {
        let now = Instant::now();
        Self { queue, begun: now, looked: now, bytes: queue.answered_bytes() }
    }

    /// Bytes a second since the last look; 0 where no time has gone by.
    fn look(&mut self) -> f64 {
        let (bytes, now) = (self.queue.answered_bytes(), Instant::now());
        let (more, time) = (bytes - self.bytes, now - self.looked);
        (self.looked, self.bytes) = (now, bytes);
        if time.is_zero() { 0.0 } else { more as f64 / time.as_secs_f64() }
    }

    /// The same, after this time, or when everything is over.
    async fn over(&mut self, time: Duration, over: &Notify) -> f64 {
        tokio::select! {
            () = over.notified() => over.notify_one(),
            () = tokio::time::sleep(time) => {}
        }
        self.look()
    }
}

/// One lane beside the main one.
async fn run_further(
    mut lane: Sessions,
    number: usize,
    shared: Arc<Shared>,
    news: mpsc::Sender<News>,
) -> (Sessions, Result<(), SideError>) {
    let ended = run_one(&mut lane, number, &shared, news).await;
    (lane, ended)
}

/// One lane, over these connections. What it learns that more of the same does not mend holds for all of them: a full quota, a request
/// to pause.
async fn run_one(
    lane: &mut Sessions,
    number: usize,
    shared: &Shared,
    news: mpsc::Sender<News>,
) -> Result<(), SideError> {
    let ended = run_lane(lane.source.as_mut(), lane.target.as_mut(), number, shared, news).await;
    if ended.is_err() {
        shared.broke();
    }
    if ended.as_ref().is_err_and(|(_, error)| error.retry() != Retry::Now) {
        shared.halt();
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lane_pays_that_makes_copying_faster_by_more_than_a_tenth() {
        for (before, with_it, expected) in
            [(100.0, 111.0, true), (100.0, 109.0, false), (100.0, 60.0, false), (0.0, 0.0, false)]
        {
            assert_eq!(pays(before, with_it), expected, "{before} to {with_it}");
        }
    }
}
