//! How fast a copy goes, and when it may say how long it still takes. Pure: time is given.

use std::collections::VecDeque;
use std::time::Duration;

use limosa_engine::Phase;
use limosa_engine::progress::Glance;

/// How far back the rate looks.
const WINDOW: Duration = Duration::from_secs(10);
/// How long a rate must have been steady before a remaining time is told.
const STEADY: Duration = Duration::from_secs(5);
/// How far the two halves of the window may differ to count as steady.
const TOLERANCE: f64 = 0.3;

/// Measures one pass.
#[derive(Debug, Default)]
pub struct RateMeter {
    samples: VecDeque<Sample>,
    planned: u64,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    at: Duration,
    messages: u64,
    bytes: u64,
}

/// A speed, in units a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rate {
    pub messages: f64,
    pub bytes: f64,
}

impl RateMeter {
    /// Takes a look at the pass, `at` this long after it began.
    pub fn observe(&mut self, at: Duration, glance: &Glance) {
        // A pass that plans more, or does something else than copying, has to be measured anew.
        if glance.phase != Phase::Copying || glance.planned != self.planned {
            self.samples.clear();
            self.planned = glance.planned;
        }
        if glance.phase != Phase::Copying {
            return;
        }
        self.samples.push_back(Sample { at, messages: glance.copied, bytes: glance.bytes });
        while self.samples.get(1).is_some_and(|second| at.saturating_sub(second.at) >= WINDOW) {
            self.samples.pop_front();
        }
    }

    /// The speed over the last seconds; `None` until one second has been seen.
    pub fn rate(&self) -> Option<Rate> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        (last.at - first.at >= Duration::from_secs(1)).then(|| Rate::between(first, last))
    }

    /// How long the messages that are left will take; `None` while that would be a guess.
    pub fn remaining(&self) -> Option<Duration> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        if last.at - first.at < STEADY {
            return None;
        }
        let middle_time = first.at + (last.at - first.at) / 2;
        let middle = self.samples.iter().find(|sample| sample.at >= middle_time)?;
        let (early, late) = (Rate::between(first, middle).messages, Rate::between(middle, last).messages);
        let steady = early > 0.0 && late > 0.0 && (early - late).abs() <= TOLERANCE * early.max(late);
        if !steady {
            return None;
        }
        let left = self.planned.saturating_sub(last.messages) as f64;
        Duration::try_from_secs_f64(left / Rate::between(first, last).messages).ok()
    }
}

impl Rate {
    fn between(from: &Sample, to: &Sample) -> Self {
        let seconds = (to.at - from.at).as_secs_f64().max(f64::EPSILON);
        Self {
            messages: to.messages.saturating_sub(from.messages) as f64 / seconds,
            bytes: to.bytes.saturating_sub(from.bytes) as f64 / seconds,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copying(copied: u64, planned: u64) -> Glance {
        Glance { phase: Phase::Copying, copied, planned, bytes: copied * 1000, ..Glance::default() }
    }

    /// A meter that has seen `copied(second)` messages at each second up to `seconds`.
    fn meter(seconds: u64, planned: u64, copied: impl Fn(u64) -> u64) -> RateMeter {
        let mut meter = RateMeter::default();
        for second in 0..=seconds {
            meter.observe(Duration::from_secs(second), &copying(copied(second), planned));
        }
        meter
    }

    #[test]
    fn a_steady_copy_tells_how_long_it_takes() {
        let meter = meter(6, 1000, |second| second * 50);
        assert_eq!(meter.rate(), Some(Rate { messages: 50.0, bytes: 50_000.0 }));
        assert_eq!(meter.remaining(), Some(Duration::from_secs(14)));
    }

    #[test]
    fn nothing_is_told_before_it_was_steady_for_five_seconds() {
        assert_eq!(meter(4, 1000, |second| second * 50).remaining(), None);
        assert_eq!(meter(8, 1000, |second| second * second * 5).remaining(), None, "it speeds up");
        assert_eq!(meter(8, 1000, |_| 7).remaining(), None, "it stands still");
    }

    #[test]
    fn an_old_stall_is_forgotten() {
        let meter = meter(40, 100_000, |second| if second < 20 { 0 } else { (second - 20) * 10 });
        assert_eq!(meter.rate().map(|rate| rate.messages), Some(10.0));
        assert!(meter.remaining().is_some());
    }

    #[test]
    fn a_new_plan_or_another_phase_begins_anew() {
        let mut meter = meter(8, 1000, |second| second * 50);
        meter.observe(Duration::from_secs(9), &copying(450, 2000));
        assert_eq!(meter.remaining(), None);
        meter.observe(Duration::from_secs(10), &Glance { phase: Phase::Verifying, ..copying(500, 2000) });
        assert_eq!(meter.rate(), None);
    }
}
