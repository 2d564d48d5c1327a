//! As many connections as pay: several folders looked at or compared at once, and copying.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use limosa_model::error::Retry;
use limosa_model::mailbox::{Batching, Limits};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::copy::{News, Route, Shared, Unit, run_lane};
use crate::pass::Pair;
use crate::progress::Progress;
use crate::settle::settle_arrivals;
use crate::sides::{Sessions, SideError};
use crate::stop::Stop;
use crate::work::Work;

/// Messages below which another lane is not worth its sign-in.
const MESSAGES_A_LANE: u64 = 500;
/// Folders below which another lane is not worth its sign-in, where servers are far away.
const FOLDERS_A_LANE: usize = 2;
/// Servers that take longer to tell where they stand are far away: round trips are what a pass waits for.
const FAR: Duration = Duration::from_millis(10);
/// Messages of one folder that a lane takes at once.
const MESSAGES_A_UNIT: u32 = 5_000;

/// How many lanes pay for so many messages in so many folders, where it took that long to be told where both sides stand.
pub fn worth(messages: u64, folders: usize, surveyed_in: Duration) -> u64 {
    let by_messages = messages.div_ceil(MESSAGES_A_LANE);
    let by_folders = if surveyed_in >= FAR { folders.div_ceil(FOLDERS_A_LANE) as u64 } else { 0 };
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

    /// Lanes that pay for so many messages in so many folders, where both sides took that long to be surveyed.
    pub fn prepare(&mut self, messages: u64, folders: usize, surveyed_in: Duration) {
        self.far = surveyed_in >= FAR;
        self.widen(worth(messages, folders, surveyed_in));
    }

    fn widen(&mut self, lanes: u64) {
        if self.refused {
            return;
        }
        let more = lanes.min(self.most()).saturating_sub(1) as usize;
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
        let queue = Queue::new(jobs);
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
struct Queue<J: Job> {
    waiting: Mutex<VecDeque<(usize, J)>>,
    done: Mutex<Vec<(usize, J::Done)>>,
}

impl<J: Job> Queue<J> {
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
    let units = works.iter().enumerate().flat_map(|(folder, work)| {
        let stretches = work.steps.copy.chunks(MESSAGES_A_UNIT);
        stretches.into_iter().map(move |ids| Unit { folder, ids, batching: Batching::Free })
    });
    let shared = Shared::new(routes.collect(), units.collect(), limits.clone(), progress.clone());
    let shared = Arc::new(shared.noting(pair.ledger.clone()));
    lanes.widen(total.div_ceil(MESSAGES_A_LANE));
    lanes.open().await;
    let (news, told) = mpsc::channel(64);
    // Dropped, the set ends its lanes: nothing is written that nobody would settle.
    let mut running = JoinSet::new();
    for mut lane in lanes.slots.iter_mut().filter_map(Option::take) {
        let (shared, news) = (shared.clone(), news.clone());
        running.spawn(async move {
            let ended = halting(run_one(&mut lane, &shared, news), &shared).await;
            (lane, ended)
        });
    }
    let settling = settle_arrivals(pair.ledger.as_ref(), works, told, progress);
    let (settled, ended) = tokio::join!(settling, halting(run_one(sessions, &shared, news), &shared));
    let mut failures: Vec<SideError> = ended.err().into_iter().collect();
    lanes.slots.clear();
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

/// One lane, over these connections.
async fn run_one(lane: &mut Sessions, shared: &Shared, news: mpsc::Sender<News>) -> Result<(), SideError> {
    run_lane(lane.source.as_mut(), lane.target.as_mut(), shared, news).await
}

/// What one lane learns that more of the same does not mend holds for all of them: a full quota, a request to pause.
async fn halting(lane: impl Future<Output = Result<(), SideError>>, shared: &Shared) -> Result<(), SideError> {
    let ended = lane.await;
    if ended.as_ref().is_err_and(|(_, error)| error.retry() != Retry::Now) {
        shared.halt();
    }
    ended
}
