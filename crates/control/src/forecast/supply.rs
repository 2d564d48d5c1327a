//! When is there time to work?

use jiff::{SignedDuration, Timestamp};
use limosa_model::programme::{Hours, Window};

use crate::budget;
use crate::windows::{self, Occurrence};

/// The speed is looked at so often: hours change it, by any clock, at quarters at most.
const STEP: i64 = 15 * 60;

/// Ten years, in steps: who needs longer needs another plan.
const STEPS: usize = 10 * 366 * 24 * 4;

/// Time in which work goes on.
#[derive(Clone, Copy, Debug, Default)]
pub struct Supply<'a> {
    /// Only while this is open; `None` is always.
    pub window: Option<&'a Window>,
    /// At such a part of the speed, on each endpoint that takes part: the slowest counts.
    pub hours: &'a [&'a [Hours]],
}

impl Supply<'_> {
    /// When work is done that takes `length` at full speed and begins at `from` or as soon as there is time; `None` where that is more than
    /// ten years of work away.
    pub fn after(&self, from: Timestamp, length: SignedDuration) -> Option<Timestamp> {
        let mut now = from;
        let mut left = length.as_secs_f64();
        for _ in 0..STEPS {
            let open = self.open_from(now)?;
            now = now.max(open.opens);
            let step = (now.as_second().div_euclid(STEP) + 1) * STEP;
            let until = Timestamp::from_second(step).ok()?.min(open.closes);
            let speed = self.speed(now);
            let done = now.duration_until(until).as_secs_f64() * speed;
            if done >= left {
                let rest = if speed > 0.0 { left / speed } else { 0.0 };
                return now.checked_add(SignedDuration::try_from_secs_f64(rest).ok()?).ok();
            }
            left -= done;
            now = until;
        }
        None
    }

    /// The time that is open at `now` or next.
    fn open_from(&self, now: Timestamp) -> Option<Occurrence> {
        match self.window {
            Some(window) => windows::occurrences(window, now).next(),
            None => Some(Occurrence { opens: now, closes: Timestamp::MAX }),
        }
    }

    fn speed(&self, now: Timestamp) -> f64 {
        let percent = self.hours.iter().map(|hours| budget::percent(hours, now)).min();
        f64::from(percent.unwrap_or(100)) / 100.0
    }
}
