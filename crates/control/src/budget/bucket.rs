//! How fast may something go? (A token bucket.)

use jiff::{SignedDuration, Timestamp};

/// A bucket that fills at a steady rate, and that what is used is taken from.
///
/// What is larger than the bucket may be taken when it is full, and leaves a debt: a message of 50 MB passes at 1 MB a second too, and
/// what comes after it waits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bucket {
    /// What comes in a second.
    rate: f64,
    /// How much it holds.
    size: f64,
    /// How much was in it at `at`; less than 0 is a debt.
    level: f64,
    at: Timestamp,
}

impl Bucket {
    /// A full bucket that holds what comes in `burst`, and at least 1.
    pub fn new(rate: f64, burst: SignedDuration, now: Timestamp) -> Self {
        let size = (rate * burst.as_secs_f64()).max(1.0);
        Self { rate, size, level: size, at: now }
    }

    /// Takes `amount` out.
    ///
    /// # Errors
    /// The time at which it can be taken, where it cannot now; `None` where it never can, because the rate is 0. Nothing was taken.
    pub fn take(&mut self, amount: f64, now: Timestamp) -> Result<(), Option<Timestamp>> {
        self.fill(now);
        let needed = amount.min(self.size);
        if self.level >= needed {
            self.level -= amount;
            return Ok(());
        }
        if self.rate <= 0.0 {
            return Err(None);
        }
        // A nanosecond more, since the moment is rounded down.
        let seconds = (needed - self.level) / self.rate;
        let wait = SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX);
        let wait = wait.saturating_add(SignedDuration::from_nanos(1));
        Err(Some(self.at.saturating_add(wait).unwrap_or(Timestamp::MAX)))
    }

    /// Changes the rate; what is in it stays, as far as it still fits.
    pub fn set_rate(&mut self, rate: f64, burst: SignedDuration, now: Timestamp) {
        self.fill(now);
        let level = self.level;
        *self = Self::new(rate, burst, self.at);
        self.level = level.min(self.size);
    }

    /// What can be taken now.
    pub fn level(&self, now: Timestamp) -> f64 {
        let mut bucket = *self;
        bucket.fill(now);
        bucket.level
    }

    fn fill(&mut self, now: Timestamp) {
        // A clock that was set back gives nothing and takes nothing.
        let elapsed = self.at.duration_until(now).as_secs_f64().max(0.0);
        self.level = (self.level + elapsed * self.rate).min(self.size);
        self.at = self.at.max(now);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;
    const SECOND: SignedDuration = SignedDuration::from_secs(1);

    #[test]
    fn what_is_used_up_comes_again() {
        let mut bucket = Bucket::new(10.0, SECOND, NOW);
        assert_eq!(bucket.take(10.0, NOW), Ok(()));
        let Err(Some(when)) = bucket.take(5.0, NOW) else { panic!("it is empty") };
        assert_eq!(when.as_millisecond(), 500);
        assert_eq!(bucket.take(5.0, when), Ok(()));
    }

    #[test]
    fn what_is_larger_than_the_bucket_passes_and_is_waited_for() {
        let mut bucket = Bucket::new(10.0, SECOND, NOW);
        assert_eq!(bucket.take(100.0, NOW), Ok(()));
        let Err(Some(when)) = bucket.take(1.0, NOW) else { panic!("it is in debt") };
        assert_eq!(when.as_millisecond(), 9_100);
    }

    #[test]
    fn a_rate_of_nothing_never_gives() {
        let mut bucket = Bucket::new(0.0, SECOND, NOW);
        assert_eq!(bucket.take(1.0, NOW), Ok(()));
        assert_eq!(bucket.take(1.0, NOW), Err(None));
    }

    #[test]
    fn a_clock_set_back_changes_nothing() {
        let later = NOW + SECOND * 100;
        let mut bucket = Bucket::new(10.0, SECOND, later);
        assert_eq!(bucket.take(10.0, later), Ok(()));
        assert!(bucket.take(1.0, NOW).is_err());
        assert!((bucket.level(later + SECOND / 2) - 5.0).abs() < 1e-6);
    }

    proptest! {
        #[test]
        fn over_time_the_rate_is_kept(rate in 0.5..1_000_f64, amounts in prop::collection::vec(0.1..500_f64, 1..100)) {
            let mut bucket = Bucket::new(rate, SECOND, NOW);
            let mut now = NOW;
            let mut taken = 0.0;
            for amount in &amounts {
                while let Err(when) = bucket.take(*amount, now) {
                    let when = when.expect("the rate is not 0");
                    prop_assert!(when > now);
                    now = when;
                }
                taken += amount;
            }
            // The bucket's size at the beginning, and a debt of one at the end.
            let most = rate * NOW.duration_until(now).as_secs_f64() + rate.max(1.0) + 500.0;
            prop_assert!(taken <= most + 1e-3, "{} of {}", taken, most);
            let least = rate * NOW.duration_until(now).as_secs_f64() - rate.max(1.0);
            prop_assert!(taken >= least - 1e-3 * taken, "no more waiting than needed: {} of {}", taken, least);
        }
    }
}
