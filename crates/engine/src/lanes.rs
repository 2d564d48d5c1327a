//! Copying over as many connections as pay.

use std::sync::Arc;

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
pub const MESSAGES_A_LANE: u64 = 500;
/// Messages of one folder that a lane takes at once.
const MESSAGES_A_UNIT: u32 = 5_000;

/// Copies what is planned, and settles what arrives. The main connections are the first lane.
///
/// # Errors
/// The one of all lanes' errors that matters most, or the ledger's. What has arrived by then is settled.
pub async fn copy(
    pair: &Pair<'_>,
    sessions: &mut Sessions,
    works: &mut [Work],
    limits: &Limits,
    progress: &Progress,
) -> Result<(), Stop> {
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
    let shared = Arc::new(Shared::new(routes.collect(), units.collect(), limits.clone(), progress.clone()));
    let most = pair.source.connections().min(pair.target.connections()) as u64;
    let (news, told) = mpsc::channel(64);
    // Dropped, the set ends its lanes: nothing is written that nobody would settle.
    let mut lanes = JoinSet::new();
    for lane in open_more(pair, most.min(total.div_ceil(MESSAGES_A_LANE)).saturating_sub(1), progress).await {
        lanes.spawn(drive(lane, shared.clone(), news.clone()));
    }
    let settling = settle_arrivals(pair.ledger.as_ref(), works, told, progress);
    let (settled, ended) = tokio::join!(settling, halting(run_one(sessions, &shared, news), &shared));
    let mut failures: Vec<SideError> = ended.err().into_iter().collect();
    while let Some(lane) = lanes.join_next().await {
        match lane {
            Ok(ended) => failures.extend(ended.err()),
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

/// One further lane, to its end.
async fn drive(mut lane: Sessions, shared: Arc<Shared>, news: mpsc::Sender<News>) -> Result<(), SideError> {
    let ended = halting(run_one(&mut lane, &shared, news), &shared).await;
    lane.close().await;
    ended
}

/// What one lane learns that more of the same does not mend holds for all of them: a full quota, a request to pause.
async fn halting(lane: impl Future<Output = Result<(), SideError>>, shared: &Shared) -> Result<(), SideError> {
    let ended = lane.await;
    if ended.as_ref().is_err_and(|(_, error)| error.retry() != Retry::Now) {
        shared.halt();
    }
    ended
}

/// Opens up to that many more connections to each side.
async fn open_more(pair: &Pair<'_>, count: u64, progress: &Progress) -> Vec<Sessions> {
    let mut lanes = Vec::new();
    for _ in 0..count {
        let opened = tokio::select! {
            biased;
            () = progress.stopped() => break,
            opened = async { tokio::try_join!(pair.source.open(), pair.target.open_target()) } => opened,
        };
        match opened {
            Ok((source, target)) => lanes.push(Sessions { source, target }),
            // One that is refused is no reason to stop: servers limit the number of connections.
            Err(error) => {
                tracing::warn!(%error, lanes = lanes.len() + 1, "no further connection");
                break;
            }
        }
    }
    lanes
}
