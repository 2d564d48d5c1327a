//! What measuring both sides came to. Part of the document of `limosa check --json`.

use std::time::Duration;

use limosa_model::FolderPath;
use serde::Serialize;

use super::SpeedTest;
use crate::lanes::{WARMING_UP, worth};
use crate::report::{Unfinished, Volume};
use crate::sides::Side;

/// How fast both sides are, and what that means for a first copy.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SpeedReport {
    /// Reading from the source.
    pub source: MeasuredSide,
    /// Writing to the target.
    pub target: MeasuredSide,
    /// Connections to each side that a copy of this mailbox would work over.
    pub connections: u64,
    /// The side that needs longer; `None` if not both could be measured.
    pub bound: Option<Side>,
    /// Seconds that a first copy of this mailbox would take, signing in included; `None` likewise.
    pub seconds: Option<f64>,
    /// The same for many mailboxes like this one, where that was asked for.
    pub many: Option<ManyMailboxes>,
    /// The folder that was written to.
    pub scratch: ScratchFolder,
    /// Those that earlier measurements had left on the target because they were killed, and that were removed now.
    pub earlier: Vec<ScratchFolder>,
    /// Why not everything was measured, if it was not.
    pub unfinished: Option<Unfinished>,
}

/// One side.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct MeasuredSide {
    /// Seconds until a connection was open and signed in; `None` if none ever was.
    pub sign_in_seconds: Option<f64>,
    /// Seconds from a short question to its answer; `None` where nothing is asked over a network.
    pub round_trip_seconds: Option<f64>,
    /// Over one connection.
    pub alone: Option<Rate>,
    /// Over as many connections as a copy of a large mailbox would open, or as the server let in.
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
    /// `None` if nothing came or went.
    pub(super) fn new(connections: usize, volumes: impl IntoIterator<Item = Volume>, time: Duration) -> Option<Self> {
        let (messages, bytes) = volumes
            .into_iter()
            .fold((0, 0), |(messages, bytes), volume| (messages + volume.messages, bytes + volume.bytes));
        let seconds = time.as_secs_f64().max(1e-6);
        (messages > 0 || bytes > 0).then_some(Self {
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
        let time = |all: u64, each_second: f64| if each_second > 0.0 { all as f64 / each_second } else { 0.0 };
        time(total.messages, self.messages_per_second).max(time(total.bytes, self.bytes_per_second))
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

/// A folder on the target that was made to be written to, and removed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ScratchFolder {
    /// Its path.
    pub folder: FolderPath,
    /// Why it was not removed, if so: it may still be there.
    pub left: Option<Unfinished>,
}

impl SpeedReport {
    /// Before anything is measured.
    pub(super) fn new(test: &SpeedTest) -> Self {
        Self {
            source: MeasuredSide::default(),
            target: MeasuredSide::default(),
            connections: 1,
            bound: None,
            seconds: None,
            many: None,
            scratch: ScratchFolder { folder: test.folder.clone(), left: None },
            earlier: Vec::new(),
            unfinished: None,
        }
    }

    /// What the rates mean for this much mail in so many folders. Reading and writing go on together, so the slower side's time is the
    /// copy's.
    pub(super) fn estimate(&mut self, total: Volume, folders: usize, many: Option<(u64, u64)>) {
        let Some([mut reading, mut writing]) = self.times(total, |side| side.alone) else { return };
        // A copy that goes on for longer than it takes to get going opens further connections, and keeps those that pay.
        let pay = self.connections_for(total, folders) > 1 || reading.max(writing) > WARMING_UP.as_secs_f64();
        let together = if pay { self.times(total, |side| side.together) } else { None };
        self.connections = 1;
        if let Some(times) = together.filter(|times| times[0].max(times[1]) < reading.max(writing)) {
            [reading, writing] = times;
            self.connections = self.let_in();
        }
        self.bound = Some(if reading > writing { Side::Source } else { Side::Target });
        let seconds = self.longer(|side| side.sign_in_seconds) + reading.max(writing);
        self.seconds = Some(seconds);
        self.many = many.map(|(mailboxes, jobs)| ManyMailboxes {
            mailboxes,
            jobs,
            least_seconds: seconds * mailboxes.div_ceil(jobs.max(1)) as f64,
            most_seconds: seconds * mailboxes as f64,
        });
    }

    /// As many as pay, and as both sides let in.
    fn connections_for(&self, total: Volume, folders: usize) -> u64 {
        let round_trip = Duration::from_secs_f64(self.longer(|side| side.round_trip_seconds));
        worth(total.messages, folders, round_trip).min(self.let_in()).max(1)
    }

    /// As many connections as both sides let in.
    fn let_in(&self) -> u64 {
        let let_in = |side: &MeasuredSide| side.together.map_or(1, |rate| rate.connections);
        let_in(&self.source).min(let_in(&self.target))
    }

    /// How long reading and writing so much take at these rates.
    fn times(&self, total: Volume, rate: impl Fn(&MeasuredSide) -> Option<Rate>) -> Option<[f64; 2]> {
        Some([rate(&self.source)?.seconds_for(total), rate(&self.target)?.seconds_for(total)])
    }

    /// What the side takes that takes longer, in seconds.
    fn longer(&self, seconds: impl Fn(&MeasuredSide) -> Option<f64>) -> f64 {
        [&self.source, &self.target].into_iter().filter_map(seconds).fold(0.0, f64::max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(alone: (u64, u64), together: (u64, u64)) -> MeasuredSide {
        let rate = |connections, (messages, bytes)| {
            Rate::new(connections, [Volume { messages, bytes }], Duration::from_secs(1))
        };
        MeasuredSide { alone: rate(1, alone), together: rate(4, together), ..MeasuredSide::default() }
    }

    fn estimated(total: Volume, source: MeasuredSide, target: MeasuredSide) -> SpeedReport {
        let test = SpeedTest::new(1, Some((10, 4)));
        let mut report = SpeedReport { source, target, ..SpeedReport::new(&test) };
        report.estimate(total, 10, test.many);
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
    fn a_mailbox_goes_over_several_connections_where_they_pay() {
        let side = measured((100, 1_000_000), (400, 4_000_000));
        let report = estimated(Volume { messages: 500, bytes: 0 }, side.clone(), side.clone());
        assert_eq!(
            (report.connections, report.seconds),
            (4, Some(1.25)),
            "it takes long enough for another to be opened"
        );
        let report = estimated(Volume { messages: 20, bytes: 0 }, side.clone(), side);
        assert_eq!((report.connections, report.seconds), (1, Some(0.2)), "it is over before");
        let side = measured((100, 1_000_000), (90, 900_000));
        let report = estimated(Volume { messages: 500, bytes: 0 }, side.clone(), side);
        assert_eq!((report.connections, report.seconds), (1, Some(5.0)), "more keep one another from work");
    }

    #[test]
    fn many_folders_far_away_go_over_several_connections() {
        let far = MeasuredSide { round_trip_seconds: Some(0.05), ..measured((100, 1_000_000), (400, 4_000_000)) };
        let report = estimated(Volume { messages: 400, bytes: 0 }, measured((100, 1_000_000), (400, 4_000_000)), far);
        assert_eq!((report.connections, report.seconds), (4, Some(1.0)));
    }

    #[test]
    fn a_server_that_lets_in_fewer_connections_is_reckoned_with() {
        let rate = |connections| {
            let volume = Volume { messages: 100 * connections as u64, bytes: 0 };
            Rate::new(connections, [volume], Duration::from_secs(1))
        };
        let limited = MeasuredSide { alone: rate(1), together: rate(2), ..MeasuredSide::default() };
        let report = estimated(Volume { messages: 5_000, bytes: 0 }, measured((1_000, 0), (4_000, 0)), limited);
        assert_eq!((report.connections, report.seconds), (2, Some(25.0)));
    }

    #[test]
    fn signing_in_counts_too() {
        let slow = MeasuredSide { sign_in_seconds: Some(2.0), ..measured((100, 1_000_000), (400, 4_000_000)) };
        let report = estimated(Volume { messages: 100, bytes: 0 }, measured((100, 0), (400, 0)), slow);
        assert_eq!(report.seconds, Some(2.25));
        assert_eq!(report.many.map(|many| many.most_seconds), Some(22.5));
    }

    #[test]
    fn part_of_a_huge_message_tells_how_fast_bytes_come() {
        let rate = Rate::new(1, [Volume { messages: 0, bytes: 1_000_000 }], Duration::from_secs(1));
        let slow = MeasuredSide { alone: rate, ..MeasuredSide::default() };
        let report =
            estimated(Volume { messages: 1, bytes: 30_000_000 }, slow, measured((1, 9_000_000), (1, 9_000_000)));
        assert_eq!((report.bound, report.seconds), (Some(Side::Source), Some(30.0)));
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
