//! What becomes of a pair whose pass has failed?
//!
//! It is tried again, each time after twice as long, from a minute to an hour; **when the endpoint says how long to wait, exactly
//! that long**, since it knows better. After some failures in a row the pair is *blocked*: nothing more is tried until a person does
//! something, and the other pairs go on.
//!
//! Not every failure counts towards that. Being held back is no failure. What passes by itself (a lost connection, a busy server)
//! and what is the whole endpoint's trouble never block a pair: an endpoint that is gone for a day would otherwise block all. What the
//! endpoint says will never work is tried once more, because servers in trouble say such things too, and no oftener, because refused
//! sign-ins lock accounts.

use jiff::{SignedDuration, Timestamp};
use limosa_model::programme::{Activity, Health, PairId};
use limosa_model::{ErrorKind, Retry, Scope};

use crate::random::Random;

/// How a pass failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What happened, for a person.
    pub error: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// How far it reaches.
    pub scope: Scope,
    /// Whether trying again can help.
    pub retry: Retry,
    /// Which kind of error.
    pub kind: ErrorKind,
}

impl Failure {
    /// Whether it goes away without anybody doing something about this pair.
    pub fn passes_by_itself(&self) -> bool {
        let passes = matches!(
            self.kind,
            ErrorKind::Unreachable | ErrorKind::ConnectionLost | ErrorKind::TimedOut | ErrorKind::ServerFault
        );
        self.is_throttle() || self.scope == Scope::Endpoint || (passes && self.retry != Retry::Never)
    }

    fn is_throttle(&self) -> bool {
        self.kind == ErrorKind::Throttled
    }
}

/// How patient we are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The wait after the first failure.
    pub first: SignedDuration,
    /// The longest wait.
    pub longest: SignedDuration,
    /// Failures in a row that block a pair.
    pub failures: u32,
    /// Failures in a row that block a pair where the last is said to happen again for ever.
    pub failures_for_ever: u32,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            first: SignedDuration::from_mins(1),
            longest: SignedDuration::from_hours(1),
            failures: 8,
            failures_for_ever: 2,
        }
    }
}

impl Patience {
    /// What a pair does after a failure, and how it is.
    pub fn after(&self, pair: PairId, health: &Health, failure: &Failure, now: Timestamp) -> (Activity, Health) {
        let mut health = health.clone();
        if !failure.is_throttle() {
            health.failures = health.failures.saturating_add(1);
        }
        let enough = if failure.retry == Retry::Never { self.failures_for_ever } else { self.failures };
        if !failure.passes_by_itself() && health.failures >= enough {
            health.blocked = Some(blocked(failure, health.failures));
            return (Activity::Idle, health);
        }
        let at = now.saturating_add(self.wait(pair, failure, health.failures)).unwrap_or(Timestamp::MAX);
        let activity = if failure.is_throttle() {
            Activity::Throttled { reason: failure.error.clone(), until: Some(at) }
        } else {
            Activity::Retrying { error: failure.error.clone(), at }
        };
        (activity, health)
    }

    fn wait(&self, pair: PairId, failure: &Failure, failures: u32) -> SignedDuration {
        if let Retry::After(wait) = failure.retry {
            return SignedDuration::try_from(wait).unwrap_or(SignedDuration::MAX);
        }
        let doubled = 1_i32.checked_shl(failures.saturating_sub(1)).filter(|times| *times > 0).unwrap_or(i32::MAX);
        let wait = self.first.saturating_mul(doubled).min(self.longest);
        // Pairs that failed together do not come back together.
        let mut random = Random::new(pair.0.cast_unsigned() ^ u64::from(failures) << 48);
        wait.mul_f64(1.0 - random.fraction() / 4.0)
    }
}

fn blocked(failure: &Failure, failures: u32) -> String {
    let Failure { error, hint, .. } = failure;
    let hint = hint.as_deref().unwrap_or("mend the cause, then let the pair be tried again");
    format!("{error} ({failures} failures in a row); hint: {hint}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn failure(kind: ErrorKind, scope: Scope, retry: Retry) -> Failure {
        Failure { error: "it failed".to_owned(), hint: None, scope, retry, kind }
    }

    /// What a pair does after `times` such failures in a row.
    fn after(failure: &Failure, times: u32) -> (Activity, Health) {
        let mut health = Health::default();
        let mut activity = Activity::Idle;
        for _ in 0..times {
            (activity, health) = Patience::default().after(PairId(5), &health, failure, NOW);
        }
        (activity, health)
    }

    #[track_caller]
    fn check_blocked(failure: &Failure, expect: Option<u32>) {
        let found = (1..200).find(|times| after(failure, *times).1.blocked.is_some());
        assert_eq!(found, expect, "{failure:?}");
    }

    #[test]
    fn a_pair_that_keeps_failing_is_blocked() {
        check_blocked(&failure(ErrorKind::Protocol, Scope::Mailbox, Retry::Now), Some(8));
        check_blocked(&failure(ErrorKind::SignIn, Scope::Mailbox, Retry::Never), Some(2));
        check_blocked(&failure(ErrorKind::OverQuota, Scope::Mailbox, Retry::Now), Some(8));
    }

    #[test]
    fn what_passes_by_itself_blocks_no_pair() {
        check_blocked(&failure(ErrorKind::Unreachable, Scope::Endpoint, Retry::Now), None);
        check_blocked(&failure(ErrorKind::ConnectionLost, Scope::Connection, Retry::Now), None);
        check_blocked(&failure(ErrorKind::ServerFault, Scope::Mailbox, Retry::Now), None);
        check_blocked(&failure(ErrorKind::Tls, Scope::Endpoint, Retry::Never), None);
        check_blocked(&failure(ErrorKind::Throttled, Scope::Mailbox, Retry::After(Duration::from_secs(9))), None);
    }

    #[test]
    fn a_blocked_pair_says_why_and_what_to_do() {
        let mut refused = failure(ErrorKind::SignIn, Scope::Mailbox, Retry::Never);
        refused.error = "the source refuses user anna".to_owned();
        refused.hint = Some("ask for the password again".to_owned());
        let (activity, health) = after(&refused, 2);
        assert_eq!(activity, Activity::Idle);
        assert_eq!(
            health.blocked.as_deref(),
            Some("the source refuses user anna (2 failures in a row); hint: ask for the password again")
        );
    }

    #[test]
    fn a_hint_of_the_server_is_obeyed_to_the_second() {
        let hinted = Retry::After(Duration::from_secs(123));
        let at = NOW + SignedDuration::from_secs(123);
        let lost = failure(ErrorKind::ConnectionLost, Scope::Connection, hinted);
        assert_eq!(after(&lost, 5).0, Activity::Retrying { error: "it failed".to_owned(), at });
        let throttled = failure(ErrorKind::Throttled, Scope::Mailbox, hinted);
        let (activity, health) = after(&throttled, 5);
        assert_eq!(activity, Activity::Throttled { reason: "it failed".to_owned(), until: Some(at) });
        assert_eq!(health.failures, 0, "being held back is no failure");
    }

    proptest! {
        #[test]
        fn waits_double_up_to_the_longest(pair: i64, failures in 1..1_000_u32) {
            let lost = failure(ErrorKind::ConnectionLost, Scope::Connection, Retry::Now);
            let patience = Patience::default();
            let whole = patience.first.as_secs_f64() * 2_f64.powi(failures.min(20) as i32 - 1);
            let whole = whole.min(patience.longest.as_secs_f64());
            let wait = patience.wait(PairId(pair), &lost, failures).as_secs_f64();
            prop_assert!(wait <= whole + 0.001 && wait >= whole * 0.749, "{} of {}", wait, whole);
        }
    }
}
