//! What measuring both sides came to. Part of the document of `limosa check --json`.

use std::time::Duration;

use limosa_model::FolderPath;
use serde::Serialize;

use super::SpeedTest;
use crate::lanes::MESSAGES_A_LANE;
use crate::report::{Unfinished, Volume};
use crate::sides::Side;

/// How fast both sides are, and what that means for a first copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeedReport {
    /// Reading from the source.
    pub source: MeasuredSide,
    /// Writing to the target.
    pub target: MeasuredSide,
    /// Connections to each side that a copy of this mailbox would open.
    pub connections: u64,
    /// The side that needs longer; `None` if not both could be measured.
    pub bound: Option<Side>,
    /// Seconds that a first copy of this mailbox would take; `None` likewise.
    pub seconds: Option<f64>,
    /// The same for many mailboxes like this one, where that was asked for.
    pub many: Option<ManyMailboxes>,
    /// The folder that was written to.
    pub scratch: ScratchFolder,
    /// Why not everything was measured, if it was not.
    pub unfinished: Option<Unfinished>,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MeasuredSide {
    /// Seconds from a short question to its answer; `None` where nothing is asked over a network.
    pub round_trip_seconds: Option<f64>,
    /// Over one connection.
    pub alone: Option<Rate>,
    /// Over as many connections as a copy of a large mailbox would open.
    pub together: Option<Rate>,
}

/// What was read or written in how much time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// Over so many connections at once.
    pub connections: u64,
    /// Messages read or written to measure.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// How long that took, in seconds.
    pub seconds: f64,
    /// Messages a second.
    pub messages_per_second: f64,
    /// Bytes a second.
    pub bytes_per_second: f64,
}

impl Rate {
    /// `None` if no message was whole.
    pub(super) fn new(connections: usize, volumes: impl IntoIterator<Item = Volume>, time: Duration) -> Option<Self> {
        let (messages, bytes) = volumes
            .into_iter()
            .fold((0, 0), |(messages, bytes), volume| (messages + volume.messages, bytes + volume.bytes));
        let seconds = time.as_secs_f64().max(1e-6);
        (messages > 0).then_some(Self {
            connections: connections as u64,
            messages,
            bytes,
            seconds,
            messages_per_second: messages as f64 / seconds,
            bytes_per_second: bytes as f64 / seconds,
        })
    }

    /// What was read or written.
    pub(in crate::check) fn volume(&self) -> Volume {
        Volume { messages: self.messages, bytes: self.bytes }
    }

    /// Seconds for all of a mailbox: the longer of what the number of messages and what their bytes would take.
    fn seconds_for(&self, total: Volume) -> f64 {
        let by_messages = total.messages as f64 / self.messages_per_second;
        let by_bytes = if self.bytes == 0 { 0.0 } else { total.bytes as f64 / self.bytes_per_second };
        by_messages.max(by_bytes)
    }
}

/// How long many mailboxes would take. Nobody knows before how much more servers give to several at once than to one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct ManyMailboxes {
    /// How many mailboxes like this one.
    pub mailboxes: u64,
    /// How many at once.
    pub jobs: u64,
    /// Seconds if the servers give to each of them what they gave to this one.
    pub least_seconds: f64,
    /// Seconds if they give to all of them together what they gave to this one.
    pub most_seconds: f64,
}

/// The folder on the target that was made to write to, and removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScratchFolder {
    /// Its path.
    pub folder: FolderPath,
    /// Why it could not be removed, if so: it may still be there.
    pub left: Option<Unfinished>,
}

impl SpeedReport {
    /// Before anything is measured.
    pub(super) fn new(test: &SpeedTest, connections: usize) -> Self {
        Self {
            source: MeasuredSide::default(),
            target: MeasuredSide::default(),
            connections: connections as u64,
            bound: None,
            seconds: None,
            many: None,
            scratch: ScratchFolder { folder: test.folder.clone(), left: None },
            unfinished: None,
        }
    }

    /// What the rates mean for this much mail. Reading and writing go on together, so the slower side's time is the copy's.
    pub(super) fn estimate(&mut self, total: Volume, many: Option<(u64, u64)>) {
        self.connections = self.connections.min(total.messages.div_ceil(MESSAGES_A_LANE)).max(1);
        let rate = |side: &MeasuredSide| if self.connections > 1 { side.together } else { side.alone };
        let (Some(source), Some(target)) = (rate(&self.source), rate(&self.target)) else { return };
        let (reading, writing) = (source.seconds_for(total), target.seconds_for(total));
        self.bound = Some(if reading > writing { Side::Source } else { Side::Target });
        let seconds = reading.max(writing);
        self.seconds = Some(seconds);
        self.many = many.map(|(mailboxes, jobs)| ManyMailboxes {
            mailboxes,
            jobs,
            least_seconds: seconds * mailboxes.div_ceil(jobs.max(1)) as f64,
            most_seconds: seconds * mailboxes as f64,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(alone: (u64, u64), together: (u64, u64)) -> MeasuredSide {
        let rate = |connections, (messages, bytes)| {
            Rate::new(connections, [Volume { messages, bytes }], Duration::from_secs(1))
        };
        MeasuredSide { round_trip_seconds: None, alone: rate(1, alone), together: rate(4, together) }
    }

    fn estimated(total: Volume, source: MeasuredSide, target: MeasuredSide) -> SpeedReport {
        let test = SpeedTest::new(FolderPath::from("scratch"), Some((10, 4)));
        let mut report = SpeedReport { source, target, ..SpeedReport::new(&test, 4) };
        report.estimate(total, test.many);
        report
    }

    #[test]
    fn the_slower_side_is_the_bound() {
        let fast = measured((1_000, 10_000_000), (4_000, 40_000_000));
        let slow = measured((100, 1_000_000), (200, 2_000_000));
        let total = Volume { messages: 20_000, bytes: 100_000_000 };
        let report = estimated(total, fast.clone(), slow.clone());
        assert_eq!((report.connections, report.bound, report.seconds), (4, Some(Side::Target), Some(100.0)));
        let many = report.many.unwrap();
        assert_eq!((many.least_seconds, many.most_seconds), (300.0, 1_000.0));
        assert_eq!(estimated(total, slow, fast).bound, Some(Side::Source));
    }

    #[test]
    fn a_small_mailbox_goes_over_one_connection() {
        let side = measured((100, 1_000_000), (400, 4_000_000));
        let report = estimated(Volume { messages: 500, bytes: 0 }, side.clone(), side);
        assert_eq!((report.connections, report.seconds), (1, Some(5.0)));
    }

    #[test]
    fn large_messages_count_by_their_bytes() {
        let side = measured((100, 1_000_000), (100, 1_000_000));
        let report = estimated(Volume { messages: 10, bytes: 50_000_000 }, side.clone(), side);
        assert_eq!(report.seconds, Some(50.0));
    }

    #[test]
    fn half_a_measurement_is_no_estimate() {
        let side = measured((100, 1_000_000), (100, 1_000_000));
        let report = estimated(Volume { messages: 10, bytes: 10 }, side, MeasuredSide::default());
        assert_eq!((report.bound, report.seconds, report.many), (None, None, None));
    }
}
