//! How much does an endpoint bear at present?
//!
//! The share of the budget that is used falls at once and rises slowly, as TCP's window does, and for the same reason: many who share
//! one thing without knowing each other come to even parts, and stay just below what it bears. It falls to seven tenths when the
//! endpoint makes errors or answers twice as slowly as it usually does; at most once in ten seconds, so that one trouble which many
//! sessions notice counts once. It rises by a twentieth after each half minute without trouble.
//!
//! When the endpoint says how long to wait, nothing is used until then, to the second.

use jiff::{SignedDuration, Timestamp};

/// How fast the share falls and rises.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Temper {
    /// The share is multiplied by this when there is trouble.
    pub falls: f64,
    /// Trouble within this time after a fall is the same trouble.
    pub same_trouble: SignedDuration,
    /// The share grows by this in each [`calm`](Self::calm).
    pub rises: f64,
    /// So long without trouble for the share to grow once.
    pub calm: SignedDuration,
    /// It never falls below.
    pub least: f64,
    /// Answers that take so many times the usual time are trouble.
    pub slow: f64,
}

impl Default for Temper {
    fn default() -> Self {
        Self {
            falls: 0.7,
            same_trouble: SignedDuration::from_secs(10),
            rises: 0.05,
            calm: SignedDuration::from_secs(30),
            least: 0.05,
            slow: 2.0,
        }
    }
}

/// Why the share fell last.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Trouble {
    /// The endpoint made errors of its own: it is busy, or drops connections.
    Errors,
    /// It answered slowly.
    Slow {
        /// How slowly.
        took: SignedDuration,
        /// How long it usually takes.
        usually: SignedDuration,
    },
}

impl std::fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Errors => formatter.write_str("it fails"),
            Self::Slow { took, usually } => {
                write!(formatter, "it takes {} ms to answer and usually {} ms", took.as_millis(), usually.as_millis())
            }
        }
    }
}

/// The share of an endpoint's budget that is used.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Share {
    temper: Temper,
    /// The last trouble: what, when, and the share after it. `None` before the first.
    fell: Option<(Trouble, Timestamp, f64)>,
    /// Seconds that an answer usually takes; `None` before the first.
    usual: Option<f64>,
    /// Until when nothing is used, and the endpoint's words.
    pause: Option<(Timestamp, String)>,
}

impl Share {
    /// The whole of it, with that temper.
    pub fn new(temper: Temper) -> Self {
        Self { temper, ..Self::default() }
    }

    /// The share at `now`: from [`Temper::least`] to 1.
    pub fn part(&self, now: Timestamp) -> f64 {
        let Some((_, at, part)) = self.fell else { return 1.0 };
        let calm = at.duration_until(now).as_secs_f64().max(0.0) / self.temper.calm.as_secs_f64();
        (part + calm.floor() * self.temper.rises).min(1.0)
    }

    /// Why it is less than 1 at `now`.
    pub fn trouble(&self, now: Timestamp) -> Option<Trouble> {
        self.fell.filter(|_| self.part(now) < 1.0).map(|(trouble, ..)| trouble)
    }

    /// Until when nothing is to be used, and why in the endpoint's words.
    pub fn pause(&self, now: Timestamp) -> Option<(Timestamp, &str)> {
        self.pause.as_ref().filter(|(until, _)| now < *until).map(|(until, words)| (*until, words.as_str()))
    }

    /// The endpoint asked for a pause. A longer one that it asked for before goes on.
    pub fn paused(&mut self, now: Timestamp, length: SignedDuration, words: &str) {
        let until = now.saturating_add(length).unwrap_or(Timestamp::MAX);
        if self.pause(now).is_none_or(|(before, _)| before < until) {
            self.pause = Some((until, words.to_owned()));
        }
        self.fall(Trouble::Errors, now);
    }

    /// The endpoint failed.
    pub fn failed(&mut self, now: Timestamp) {
        self.fall(Trouble::Errors, now);
    }

    /// The endpoint answered, after that time.
    pub fn answered(&mut self, now: Timestamp, took: SignedDuration) {
        let seconds = took.as_secs_f64();
        let usual = self.usual.unwrap_or(seconds);
        if seconds > usual * self.temper.slow {
            self.fall(Trouble::Slow { took, usually: SignedDuration::from_secs_f64(usual) }, now);
        }
        // What is usual follows slowly, and slow answers count as no slower than what is called slow: trouble that lasts must not
        // become usual at once.
        self.usual = Some(usual + (seconds.min(usual * self.temper.slow) - usual) / 100.0);
    }

    fn fall(&mut self, trouble: Trouble, now: Timestamp) {
        if self.fell.is_some_and(|(_, at, _)| at.duration_until(now) < self.temper.same_trouble) {
            return;
        }
        let part = (self.part(now) * self.temper.falls).max(self.temper.least);
        self.fell = Some((trouble, now, part));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn second(second: i64) -> Timestamp {
        Timestamp::from_second(second).expect("within the calendar")
    }

    fn millis(millis: i64) -> SignedDuration {
        SignedDuration::from_millis(millis)
    }

    #[track_caller]
    fn check(share: &Share, at: i64, expect: f64) {
        assert!((share.part(second(at)) - expect).abs() < 1e-9, "{} at {at} s", share.part(second(at)));
    }

    #[test]
    fn it_falls_at_once_and_rises_slowly() {
        let mut share = Share::default();
        check(&share, 0, 1.0);
        share.failed(second(100));
        check(&share, 100, 0.7);
        check(&share, 129, 0.7);
        check(&share, 130, 0.75);
        check(&share, 160, 0.8);
        check(&share, 280, 1.0);
        assert_eq!(share.trouble(second(279)), Some(Trouble::Errors));
        assert_eq!(share.trouble(second(280)), None);
    }

    #[test]
    fn one_trouble_that_many_notice_counts_once() {
        let mut share = Share::default();
        for at in 100..110 {
            share.failed(second(at));
        }
        check(&share, 110, 0.7);
        share.failed(second(110));
        check(&share, 110, 0.49);
    }

    #[test]
    fn it_never_falls_to_nothing() {
        let mut share = Share::default();
        for at in 0..100 {
            share.failed(second(at * 10));
        }
        check(&share, 990, 0.05);
    }

    #[test]
    fn slow_answers_are_trouble() {
        let mut share = Share::default();
        for at in 0..50 {
            share.answered(second(at), millis(100));
        }
        check(&share, 50, 1.0);
        share.answered(second(50), millis(190));
        check(&share, 50, 1.0);
        share.answered(second(51), millis(250));
        check(&share, 51, 0.7);
        let trouble = share.trouble(second(51)).expect("it is slow");
        assert_eq!(trouble.to_string(), "it takes 250 ms to answer and usually 100 ms");
    }

    #[test]
    fn an_endpoint_that_stays_slow_is_believed_in_the_end() {
        let mut share = Share::default();
        share.answered(second(0), millis(100));
        for at in 1..400 {
            share.answered(second(at), millis(250));
        }
        assert!(share.part(second(400)) < 1.0);
        check(&share, 4_000, 1.0);
        share.answered(second(4_000), millis(250));
        check(&share, 4_000, 1.0);
    }

    #[test]
    fn a_pause_is_kept_to_the_second_and_the_longer_one_holds() {
        let mut share = Share::default();
        share.paused(second(0), SignedDuration::from_secs(60), "Retry-After: 60");
        share.paused(second(1), SignedDuration::from_secs(5), "Retry-After: 5");
        assert_eq!(share.pause(second(59)), Some((second(60), "Retry-After: 60")));
        assert_eq!(share.pause(second(60)), None);
        check(&share, 29, 0.7);
    }

    proptest! {
        #[test]
        fn it_is_a_share(events in prop::collection::vec((0..100_i64, 0..3_000_i64), 0..200)) {
            let mut share = Share::default();
            let mut now = 0;
            for (wait, took) in events {
                now += wait;
                if took == 0 { share.failed(second(now)) } else { share.answered(second(now), millis(took)) }
                prop_assert!((Temper::default().least..=1.0).contains(&share.part(second(now))));
            }
        }
    }
}
