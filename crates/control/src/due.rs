//! When is a pair's next pass due?
//!
//! The **first** passes go in the order of [`Turn`]: what a person put first, then what cuts over first, and in a wave the largest first,
//! since they take longest.
//!
//! After that the rule is one line: **the interval to the next pass is a quarter of the time to the cutover, but at least 15 minutes and
//! at most 24 hours.** A month before, a pair is looked at once a day; a day before, every six hours; in the last hour, every quarter of an
//! hour. So the last pass has little to do, and a pair costs some twenty passes more than one that is only kept fresh. The same
//! rule holds backwards: reverse passes are close together after a cutover and become rarer.
//!
//! Pairs of a wave have one cutover, and would all be due at once. Each therefore comes earlier than the rule says, by up to a quarter
//! of the interval, by its id.

use std::cmp::Reverse;

use jiff::{SignedDuration, Timestamp};
use limosa_model::programme::PairId;

use crate::random::Random;

/// How often a pair is looked at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pace {
    /// The shortest interval.
    pub least: SignedDuration,
    /// The longest.
    pub most: SignedDuration,
    /// The interval as a part of the time to the cutover: 4 is a quarter. At least 1.
    pub part: i32,
    /// How much earlier than its interval a pair may come, as a part of it.
    pub spread: f64,
}

impl Default for Pace {
    fn default() -> Self {
        Self { least: SignedDuration::from_mins(15), most: SignedDuration::from_hours(24), part: 4, spread: 0.25 }
    }
}

impl Pace {
    /// When the pass after one that ended at `last` is due. `cutover` is when the pair cuts over, or did; `None` where no wave has
    /// it yet.
    pub fn next(&self, pair: PairId, last: Timestamp, cutover: Option<Timestamp>) -> Timestamp {
        let interval = match cutover {
            Some(cutover) => (last.duration_until(cutover).abs() / self.part.max(1)).max(self.least).min(self.most),
            None => self.most,
        };
        last.saturating_add(interval.mul_f64(1.0 - self.spread * place(pair))).unwrap_or(Timestamp::MAX)
    }
}

/// Where in an interval a pair has its place: from 0 to 1, always the same for a pair, and even over many of them.
pub fn place(pair: PairId) -> f64 {
    Random::new(pair.0.cast_unsigned()).fraction()
}

/// A pair's turn for its first pass: the smaller one goes first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Turn {
    priority: Reverse<i32>,
    /// [`Timestamp::MAX`] where no wave has it yet.
    cutover: Timestamp,
    bytes: Reverse<u64>,
    pair: PairId,
}

impl Turn {
    /// The turn of a pair of that priority and size, which is to cut over at `cutover`.
    pub fn new(pair: PairId, priority: i32, cutover: Option<Timestamp>, bytes: u64) -> Self {
        let cutover = cutover.unwrap_or(Timestamp::MAX);
        Self { priority: Reverse(priority), cutover, bytes: Reverse(bytes), pair }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    #[track_caller]
    fn check(minutes_to_cutover: Option<i64>, expect_minutes: i64) {
        let pace = Pace { spread: 0.0, ..Pace::default() };
        let cutover = minutes_to_cutover.map(|minutes| NOW + SignedDuration::from_mins(minutes));
        assert_eq!(pace.next(PairId(1), NOW, cutover), NOW + SignedDuration::from_mins(expect_minutes));
    }

    #[test]
    fn passes_come_closer_together_as_the_cutover_nears() {
        check(None, 24 * 60);
        check(Some(30 * 24 * 60), 24 * 60);
        check(Some(24 * 60), 6 * 60);
        check(Some(4 * 60), 60);
        check(Some(60), 15);
        check(Some(1), 15);
    }

    #[test]
    fn reverse_passes_become_rarer() {
        check(Some(-1), 15);
        check(Some(-4 * 60), 60);
        check(Some(-30 * 24 * 60), 24 * 60);
    }

    #[test]
    fn a_pair_of_a_wave_costs_a_few_passes_more() {
        let cutover = NOW + SignedDuration::from_hours(4 * 24);
        let mut at = NOW;
        let mut passes = 0;
        while at < cutover {
            at = Pace::default().next(PairId(7), at, Some(cutover));
            passes += 1;
        }
        assert!((15..30).contains(&passes), "{passes} passes in the last four days");
    }

    #[test]
    fn pairs_of_a_wave_are_not_all_due_at_once() {
        let cutover = NOW + SignedDuration::from_hours(24);
        let mut in_minute = [0; 90];
        for pair in 1..=22_000 {
            let due = Pace::default().next(PairId(pair), NOW, Some(cutover));
            // From 4:30 to 6:00 hours.
            in_minute[(due.as_second() / 60 - 270).clamp(0, 89) as usize] += 1;
        }
        assert!(in_minute.iter().all(|pairs| (150..340).contains(pairs)), "{in_minute:?}");
    }

    #[test]
    fn first_passes_go_by_priority_then_wave_then_size() {
        let soon = Some(NOW + SignedDuration::from_hours(24));
        let late = Some(NOW + SignedDuration::from_hours(48));
        let mut turns = [
            Turn::new(PairId(1), 0, None, 900),
            Turn::new(PairId(2), 0, late, 900),
            Turn::new(PairId(3), 0, soon, 100),
            Turn::new(PairId(4), 0, soon, 200),
            Turn::new(PairId(5), 0, soon, 200),
            Turn::new(PairId(6), 1, None, 1),
        ];
        turns.sort();
        assert_eq!(turns.map(|turn| turn.pair.0), [6, 4, 5, 3, 2, 1]);
    }

    proptest! {
        #[test]
        fn a_pair_is_never_left_alone_for_more_than_a_day(
            pair: i64,
            last in -1_000_000_000..4_000_000_000_i64,
            cutover in prop::option::of(-1_000_000_000..4_000_000_000_i64),
        ) {
            let at = |second| Timestamp::from_second(second).expect("within the calendar");
            let (pace, last) = (Pace::default(), at(last));
            let next = pace.next(PairId(pair), last, cutover.map(at));
            prop_assert!(next >= last + pace.least.mul_f64(0.75) && next <= last + pace.most);
        }
    }
}
