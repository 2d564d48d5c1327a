//! What can be watched while a pass runs.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// Where a pass stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Phase {
    /// Connecting and signing in.
    #[default]
    Connecting,
    /// Learning which folders there are and where they stand.
    Surveying,
    /// Listing what changed.
    Inspecting,
    /// Waiting until the target stands still, after a run that was cut off while it wrote.
    Settling,
    /// Copying messages.
    Copying,
    /// Setting flags, moving, removing.
    Applying,
    /// Comparing both sides.
    Verifying,
    /// Measuring how fast both sides are.
    Measuring,
    /// Waiting before beginning again.
    Waiting {
        /// Why: the error that ended the last attempt.
        reason: String,
        /// For how long.
        pause: Duration,
    },
    /// Over.
    Done,
}

/// A running pass as seen from outside, and the way to stop it. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    planned: AtomicU64,
    copied: AtomicU64,
    bytes: AtomicU64,
    settled: AtomicU64,
    stopping: AtomicBool,
    stop: Notify,
    now: Mutex<Now>,
}

#[derive(Clone, Debug, Default)]
struct Now {
    phase: Phase,
    folder: Option<String>,
}

/// One look at a [`Progress`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Glance {
    /// Where the pass stands.
    pub phase: Phase,
    /// The source folder last begun.
    pub folder: Option<String>,
    /// Messages to be copied, as far as is known yet; 0 until it is.
    pub planned: u64,
    /// Messages that stand on the target by its own word.
    pub copied: u64,
    /// Bytes of message sent to the target.
    pub bytes: u64,
    /// Messages whose arrival is in the ledger.
    pub settled: u64,
}

impl Progress {
    /// What is known now.
    pub fn glance(&self) -> Glance {
        let now = self.0.now.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Glance {
            phase: now.phase,
            folder: now.folder,
            planned: self.0.planned.load(Ordering::Relaxed),
            copied: self.0.copied.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
            settled: self.0.settled.load(Ordering::Relaxed),
        }
    }

    /// Asks the pass to stop: it settles what has arrived, and ends with outcome "unfinished".
    pub fn stop(&self) {
        self.0.stopping.store(true, Ordering::SeqCst);
        self.0.stop.notify_waiters();
    }

    /// Whether [`Progress::stop`] was called.
    pub fn is_stopping(&self) -> bool {
        self.0.stopping.load(Ordering::SeqCst)
    }

    /// Waits until [`Progress::stop`] is called.
    pub async fn stopped(&self) {
        let notified = self.0.stop.notified();
        tokio::pin!(notified);
        notified.as_mut().enable();
        if !self.is_stopping() {
            notified.await;
        }
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).phase = phase;
    }

    pub(crate) fn folder(&self, folder: String) {
        self.0.now.lock().unwrap_or_else(PoisonError::into_inner).folder = Some(folder);
    }

    /// A new attempt plans anew: what was copied before counts as planned and copied.
    pub(crate) fn plan(&self, messages: u64) {
        self.0.planned.store(self.0.copied.load(Ordering::Relaxed) + messages, Ordering::Relaxed);
    }

    pub(crate) fn sent(&self, bytes: u64) {
        self.0.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(crate) fn copied(&self, messages: u64) {
        self.0.copied.fetch_add(messages, Ordering::Relaxed);
    }

    pub(crate) fn settled(&self, messages: u64) {
        self.0.settled.fetch_add(messages, Ordering::Relaxed);
    }
}
