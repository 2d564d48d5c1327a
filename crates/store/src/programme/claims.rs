//! Which of the pairs that are due does a worker get, and how many connections may it have?

use std::cmp::Reverse;
use std::collections::HashMap;

use limosa_model::programme::EndpointId;
use limosa_model::programme::store::PairRecord;

/// A pair that is due.
pub(super) struct Candidate {
    pub record: PairRecord,
    /// Source, then target.
    pub endpoints: [EndpointId; 2],
}

/// Connections that may still be opened, by endpoint. One that is not named has no limit.
#[derive(Clone, Debug, Default)]
pub(super) struct Free(HashMap<EndpointId, u32>);

impl Free {
    /// Of these limits, this much is in use.
    pub(super) fn new(limits: &[(EndpointId, u32)], in_use: &[(EndpointId, u32)]) -> Self {
        let mut free: HashMap<EndpointId, u32> = limits.iter().copied().collect();
        for (endpoint, used) in in_use {
            if let Some(free) = free.get_mut(endpoint) {
                *free = free.saturating_sub(*used);
            }
        }
        Self(free)
    }

    /// How many may be opened to an endpoint.
    pub(super) fn at(&self, endpoint: EndpointId) -> u32 {
        self.0.get(&endpoint).copied().unwrap_or(u32::MAX)
    }

    /// Takes one at each of these, or none where one has none.
    fn take(&mut self, endpoints: [EndpointId; 2]) -> bool {
        if endpoints.iter().any(|endpoint| self.at(*endpoint) == 0) {
            return false;
        }
        for endpoint in endpoints {
            if let Some(free) = self.0.get_mut(&endpoint) {
                *free -= 1;
            }
        }
        true
    }
}

/// The first of all candidates, in the order of `[claim.order]`, that there are connections for.
pub(super) fn choose(mut candidates: Vec<Candidate>, mut free: Free, limit: usize) -> Vec<Candidate> {
    candidates.sort_by_key(|candidate| {
        let pair = &candidate.record.pair;
        (Reverse(pair.priority), pair.next_pass, pair.id)
    });
    candidates.retain(|candidate| free.take(candidate.endpoints));
    candidates.truncate(limit);
    candidates
}

/// How many connections a pair has that has `now`, wants `wanted`, and may have `free` more.
pub(super) fn granted(now: u32, wanted: u32, free: u32) -> u32 {
    wanted.max(1).min(now.saturating_add(free)).max(now.min(wanted.max(1)))
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use limosa_model::programme::{
        Activity, Fence, Health, Managed, MigrationId, OrganisationId, PairId, PairKind, Phase, Size,
    };

    use super::*;

    const OLD: EndpointId = EndpointId(1);
    const NEW: EndpointId = EndpointId(2);
    const OTHER: EndpointId = EndpointId(3);

    fn candidate(id: i64, priority: i32, due: i64, endpoints: [EndpointId; 2]) -> Candidate {
        let pair = Managed {
            id: PairId(id),
            migration: MigrationId(1),
            organisation: OrganisationId(1),
            source: String::new(),
            target: String::new(),
            kind: PairKind::User,
            language: None,
            size: None,
            wave: None,
            priority,
            phase: Phase::Following,
            activity: Activity::Idle,
            health: Health::default(),
            next_pass: Timestamp::from_second(due).ok(),
        };
        let copied = Size::default();
        let record = PairRecord { pair, fence: Fence(0), worker: None, passes: 0, copied, last_pass: None };
        Candidate { record, endpoints }
    }

    fn chosen(candidates: Vec<Candidate>, free: Free, limit: usize) -> Vec<i64> {
        choose(candidates, free, limit).iter().map(|candidate| candidate.record.pair.id.0).collect()
    }

    #[test]
    fn the_highest_priority_goes_first_then_the_longest_due_then_the_first_known() {
        let candidates = || {
            vec![
                candidate(4, 0, 10, [OLD, NEW]),
                candidate(3, 0, 10, [OLD, NEW]),
                candidate(2, 0, 5, [OTHER, NEW]),
                candidate(1, 7, 90, [OLD, NEW]),
            ]
        };
        assert_eq!(chosen(candidates(), Free::default(), 9), [1, 2, 3, 4]);
        assert_eq!(chosen(candidates(), Free::default(), 2), [1, 2]);
    }

    #[test]
    fn whoever_finds_no_connection_is_passed_over() {
        let candidates = vec![
            candidate(1, 0, 1, [OLD, NEW]),
            candidate(2, 0, 2, [OLD, NEW]),
            candidate(3, 0, 3, [OTHER, NEW]),
            candidate(4, 0, 4, [OTHER, NEW]),
        ];
        let free = Free::new(&[(OLD, 5), (NEW, 2)], &[(OLD, 4), (OTHER, 100)]);
        assert_eq!(chosen(candidates, free, 9), [1, 3]);
    }

    #[test]
    fn a_budget_made_smaller_than_what_is_in_use_gives_nothing() {
        let free = Free::new(&[(OLD, 2)], &[(OLD, 5)]);
        assert_eq!(free.at(OLD), 0);
        assert_eq!(chosen(vec![candidate(1, 0, 1, [OLD, NEW])], free, 9), [0; 0]);
    }

    #[test]
    fn connections_grow_as_far_as_the_budget_goes_and_shrink_at_will() {
        let check = |now, wanted, free, expected| assert_eq!(granted(now, wanted, free), expected);
        check(1, 4, 9, 4);
        check(1, 4, 2, 3);
        check(2, 4, 0, 2);
        check(4, 2, 0, 2);
        check(4, 0, 0, 1);
        check(1, 1, 0, 1);
    }
}
