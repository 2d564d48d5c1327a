//! Several connections to each side that read messages at once.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use limosa_model::error::Retry;
use limosa_model::{IdList, Scope};
use tokio::sync::mpsc;

use super::content::{Compared, Found, Looked, Route, compare};
use super::join::Readers;
use crate::progress::Progress;
use crate::sides::SideError;

/// Messages of one folder that a lane reads at once. What it keeps of each until all are read is some 300 bytes.
pub const MESSAGES_A_UNIT: u32 = 1_000;

/// A stretch of one folder, by source ids.
pub type Unit = (Arc<Route>, IdList);

/// What is still to be read; shared by all lanes.
#[derive(Debug)]
pub struct Queue {
    units: Mutex<VecDeque<Unit>>,
    progress: Progress,
}

/// What a lane tells of one stretch.
pub type News = (Arc<Route>, Vec<Compared>, Looked);

impl Queue {
    /// These stretches.
    pub fn new(units: Vec<Unit>, progress: Progress) -> Self {
        Self { units: Mutex::new(units.into()), progress }
    }

    fn units(&self) -> std::sync::MutexGuard<'_, VecDeque<Unit>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything that nobody has read.
    pub fn take_all(&self) -> Vec<Unit> {
        self.units().drain(..).collect()
    }

    /// Number of messages to be read.
    pub fn messages(&self) -> u64 {
        self.units().iter().map(|(_, ids)| ids.len()).sum()
    }
}

/// Reads until there is nothing left to take, or the audit is stopped. A stretch that was cut off goes back to the queue, and
/// nothing is told of it.
///
/// # Errors
/// The one that ends the lane.
pub async fn run_lane(lane: &mut Readers, queue: &Queue, news: mpsc::Sender<News>) -> Result<(), SideError> {
    loop {
        let unit = queue.units().pop_front();
        let Some((route, ids)) = unit else { return Ok(()) };
        queue.progress.folder(route.source.path.to_string());
        let compared = tokio::select! {
            biased;
            () = queue.progress.stopped() => return Ok(()),
            compared = compare(lane, &route, &ids, &queue.progress) => compared,
        };
        let (compared, looked) = match compared {
            Ok(compared) => compared,
            Err((_, error)) if error.scope() <= Scope::Folder && error.retry() == Retry::Never => {
                (all_unreadable(&route, &ids, &error.to_string()), Looked::default())
            }
            Err(error) => {
                queue.units().push_front((route, ids));
                return Err(error);
            }
        };
        queue.progress.copied(ids.len());
        if news.send((route, compared, looked)).await.is_err() {
            return Ok(());
        }
    }
}

fn all_unreadable(route: &Route, ids: &IdList, why: &str) -> Vec<Compared> {
    let pairs = ids.iter().filter_map(|source| Some((source.clone(), route.pairs.get(&source)?.0)));
    pairs.map(|(source, target)| Compared { source, target, found: Found::Unreadable(why.to_owned()) }).collect()
}
