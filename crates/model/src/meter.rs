//! Counting what a pass costs on the wire.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Serialize;

/// Counts round trips and bytes of one endpoint; shared by all of its connections in one pass. Cloning shares the counts.
#[derive(Clone, Debug, Default)]
pub struct Meter(Arc<Counters>);

#[derive(Debug)]
struct Counters {
    round_trips: AtomicU64,
    sign_in_round_trips: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
    connections: AtomicU64,
    /// In microseconds; `u64::MAX` as long as there was no answer.
    quickest_answer: AtomicU64,
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            round_trips: AtomicU64::new(0),
            sign_in_round_trips: AtomicU64::new(0),
            bytes_in: AtomicU64::new(0),
            bytes_out: AtomicU64::new(0),
            connections: AtomicU64::new(0),
            quickest_answer: AtomicU64::new(u64::MAX),
        }
    }
}

/// What a [`Meter`] has counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct MeterReading {
    /// Times that a connection waited for an answer after it had sent something, from sign-in on.
    pub round_trips: u64,
    /// The same from connect to the end of sign-in.
    pub sign_in_round_trips: u64,
    /// Bytes received, as on the wire: below TLS, where there is TLS.
    pub bytes_in: u64,
    /// Bytes sent, as on the wire.
    pub bytes_out: u64,
    /// Connections opened.
    pub connections: u64,
}

impl Meter {
    /// Counts one wait for an answer after sign-in.
    pub fn round_trip(&self) {
        self.0.round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts one wait for an answer during sign-in.
    pub fn sign_in_round_trip(&self) {
        self.0.sign_in_round_trips.fetch_add(1, Ordering::Relaxed);
    }

    /// Counts bytes received.
    pub fn received(&self, bytes: usize) {
        self.0.bytes_in.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts bytes sent.
    pub fn sent(&self, bytes: usize) {
        self.0.bytes_out.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a connection opened.
    pub fn connected(&self) {
        self.0.connections.fetch_add(1, Ordering::Relaxed);
    }

    /// Notes how long the first bytes of an answer were waited for, when nothing else was under way.
    pub fn answered(&self, after: Duration) {
        let micros = u64::try_from(after.as_micros()).unwrap_or(u64::MAX);
        self.0.quickest_answer.fetch_min(micros, Ordering::Relaxed);
    }

    /// The shortest wait for an answer: about one round trip of the network. `None` before the first.
    pub fn quickest_answer(&self) -> Option<Duration> {
        let micros = self.0.quickest_answer.load(Ordering::Relaxed);
        (micros < u64::MAX).then(|| Duration::from_micros(micros))
    }

    /// What has been counted so far.
    pub fn read(&self) -> MeterReading {
        MeterReading {
            round_trips: self.0.round_trips.load(Ordering::Relaxed),
            sign_in_round_trips: self.0.sign_in_round_trips.load(Ordering::Relaxed),
            bytes_in: self.0.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.0.bytes_out.load(Ordering::Relaxed),
            connections: self.0.connections.load(Ordering::Relaxed),
        }
    }
}
