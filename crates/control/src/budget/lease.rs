//! How is what may be used divided among the workers?
//!
//! The server leases each worker a slice: what it may use until the slice ends, some seconds later. A worker that is lost costs the others
//! its slice for those seconds and no more, and a server that is lost stops all workers after them. What a worker gives back before is
//! divided again.

use jiff::Timestamp;
use limosa_model::programme::WorkerId;
use serde::{Deserialize, Serialize};

/// What a worker may use of an endpoint for a while.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Slice {
    /// Whose it is.
    pub worker: WorkerId,
    /// How much.
    pub amount: u64,
    /// Until just before then.
    pub until: Timestamp,
}

/// Divides `amount` among workers by what each wants: nobody gets more than that, and who wants more than an even share gets as much as
/// every other such worker (max-min fairness). `held` are slices that still run: they are part of the amount, and of what their
/// holders get.
///
/// The answer is what each worker gets in addition, in the order of `wanted`; what nobody wants is left.
pub fn divide(amount: u64, held: &[Slice], wanted: &[(WorkerId, u64)], now: Timestamp) -> Vec<(WorkerId, u64)> {
    let running = held.iter().filter(|slice| now < slice.until);
    let holds = |worker| running.clone().filter(|slice| slice.worker == worker).map(|slice| slice.amount).sum::<u64>();
    let all_held = running.clone().map(|slice| slice.amount).sum::<u64>();
    let mut free = amount.saturating_sub(all_held);
    let mut given: Vec<_> = wanted.iter().map(|(worker, _)| (*worker, 0)).collect();
    // From who would end with least to who would end with most: each may take an even part of what those before have left.
    let total = |position: &usize| holds(wanted[*position].0).saturating_add(wanted[*position].1);
    let mut order: Vec<usize> = (0..wanted.len()).collect();
    order.sort_by_key(|position| (total(position), wanted[*position].0));
    for (place, position) in order.iter().enumerate() {
        let rest = &order[place..];
        // The level up to which the free amount would fill all that are left, above what they hold.
        let level = level(free, rest.iter().map(|position| holds(wanted[*position].0)).collect());
        let (worker, wants) = wanted[*position];
        let gets = level.saturating_sub(holds(worker)).min(wants).min(free);
        given[*position].1 = gets;
        free -= gets;
    }
    given
}

/// How high `amount` fills vessels of equal width that hold so much already; rounded up.
fn level(amount: u64, mut held: Vec<u64>) -> u64 {
    held.sort_unstable();
    let mut filled = 0_u64;
    for (count, height) in held.iter().enumerate() {
        let count = count as u64;
        // Filled up to this height, those before would take so much.
        if height.saturating_mul(count).saturating_sub(filled) >= amount {
            return amount.saturating_add(filled).div_ceil(count.max(1));
        }
        filled = filled.saturating_add(*height);
    }
    amount.saturating_add(filled).div_ceil((held.len() as u64).max(1))
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    const NOW: Timestamp = Timestamp::UNIX_EPOCH;

    fn slice((worker, amount): (i64, u64)) -> Slice {
        Slice { worker: WorkerId(worker), amount, until: NOW + SignedDuration::from_secs(5) }
    }

    #[track_caller]
    fn check(amount: u64, held: &[(i64, u64)], wanted: &[u64], expect: &[u64]) {
        let held: Vec<_> = held.iter().copied().map(slice).collect();
        let wanted: Vec<_> =
            wanted.iter().enumerate().map(|(worker, wants)| (WorkerId(worker as i64), *wants)).collect();
        let given: Vec<_> = divide(amount, &held, &wanted, NOW).into_iter().map(|(_, gets)| gets).collect();
        assert_eq!(given, expect);
    }

    #[test]
    fn who_wants_little_gets_it_and_the_rest_is_even() {
        check(90, &[], &[100, 100, 100], &[30, 30, 30]);
        check(90, &[], &[10, 100, 100], &[10, 40, 40]);
        check(90, &[], &[10, 20, 30], &[10, 20, 30]);
        check(10, &[], &[9, 9, 9], &[4, 3, 3]);
        check(0, &[], &[5], &[0]);
        check(5, &[], &[], &[]);
    }

    #[test]
    fn what_runs_still_counts() {
        check(90, &[(0, 60)], &[100, 100], &[0, 30]);
        check(90, &[(0, 10)], &[100, 100], &[35, 45]);
        check(90, &[(7, 90)], &[100, 100], &[0, 0]);
    }

    #[test]
    fn what_has_run_out_or_was_returned_is_divided_again() {
        let wanted = [(WorkerId(1), 100)];
        let held = [slice((0, 90))];
        assert_eq!(divide(90, &held, &wanted, NOW), [(WorkerId(1), 0)]);
        assert_eq!(divide(90, &held, &wanted, held[0].until), [(WorkerId(1), 90)]);
        assert_eq!(divide(90, &[slice((0, 50))], &wanted, NOW), [(WorkerId(1), 40)]);
    }

    proptest! {
        #[test]
        fn all_is_given_fairly_and_no_more(
            amount in 0..10_000_u64,
            holding in prop::collection::vec(0..2_000_u64, 1..12),
            wanting in prop::collection::vec(0..3_000_u64, 1..12),
        ) {
            let held: Vec<_> = holding.iter().enumerate().map(|(worker, amount)| slice((worker as i64, *amount))).collect();
            let wanted: Vec<_> = wanting.iter().enumerate().map(|(worker, wants)| (WorkerId(worker as i64), *wants)).collect();
            let given = divide(amount, &held, &wanted, NOW);
            let free = amount.saturating_sub(holding.iter().sum());
            let all: u64 = given.iter().map(|(_, gets)| gets).sum();
            prop_assert_eq!(all, free.min(wanting.iter().sum()), "nothing is left that somebody wants");
            let total = |worker: usize| given[worker].1 + holding.get(worker).copied().unwrap_or(0);
            for (one, (_, wants)) in wanted.iter().enumerate() {
                prop_assert!(given[one].1 <= *wants);
                if given[one].1 < *wants {
                    // Nobody who was given something ends with more than who did not get all; one for rounding.
                    for other in 0..given.len() {
                        prop_assert!(given[other].1 == 0 || total(other) <= total(one) + 1, "{:?}", given);
                    }
                }
            }
        }
    }
}
