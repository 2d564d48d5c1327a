//! Do batches of several messages (MULTIAPPEND) work on this server?

use std::sync::{Mutex, PoisonError};

/// What became of batches so far, over all connections.
#[derive(Debug, Default)]
pub(crate) struct Batches(Mutex<State>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// None has been stored yet, and so many have failed.
    Failed(u8),
    /// One has been stored: when another fails, that is for one of its messages.
    Work,
}

impl Default for State {
    fn default() -> Self {
        Self::Failed(0)
    }
}

/// One that failed may hold a bad message, or have met a bad line. Two, and none stored: the server does not do what it offers, and
/// every further one would have its messages sent twice.
const GIVEN_UP: u8 = 2;

/// What a connection knew when it sent a batch.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Seen(State);

impl Batches {
    pub(crate) fn seen(&self) -> Seen {
        Seen(*self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }

    pub(crate) fn stored(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = State::Work;
    }

    /// One more was refused, and the server has not said that it was for room or size; or the connection broke before it was answered.
    /// What fails on several connections at once, such as for an outage, counts once. Answers whether batches are given up for it.
    pub(crate) fn failed(&self, seen: Seen) -> bool {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match *state {
            State::Failed(failed) if seen.0 == *state && failed < GIVEN_UP => {
                *state = State::Failed(failed + 1);
                failed + 1 == GIVEN_UP
            }
            _ => false,
        }
    }

    pub(crate) fn are_given_up(&self) -> bool {
        self.seen().0 == State::Failed(GIVEN_UP)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_failures_one_after_another_are_enough() {
        let batches = Batches::default();
        assert!(!batches.failed(batches.seen()) && !batches.are_given_up());
        assert!(batches.failed(batches.seen()) && batches.are_given_up());
        assert!(!batches.failed(batches.seen()), "it is told once");
    }

    #[test]
    fn an_outage_counts_once_and_what_was_stored_counts_for_good() {
        let batches = Batches::default();
        let seen = batches.seen();
        assert!(!batches.failed(seen) && !batches.failed(seen));
        assert!(!batches.are_given_up());
        batches.stored();
        for _ in 0..3 {
            assert!(!batches.failed(batches.seen()));
        }
        assert!(!batches.are_given_up());
    }
}
