use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;
use limosa_model::programme::{Capacity, MigrationId};
use limosa_testkit::programme::{Dimensions, generate};
use proptest::prelude::*;

use super::*;

fn window(id: i64, openings: &str, pairs: u32) -> Window {
    Window {
        id: WindowId(id),
        migration: MigrationId(1),
        name: format!("window {id}"),
        zone: TimeZone::UTC,
        openings: windows::parse(openings).expect("openings"),
        freezes: Vec::new(),
        capacity: Capacity { pairs: Some(pairs), ..Capacity::default() },
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first evenings from then on: Monday, 30 November 2026 is the first.
fn evening(day: u8) -> Timestamp {
    at("2026-11-30T18:00:00Z") + jiff::SignedDuration::from_hours(24 * i64::from(day))
}

fn pairs(organisations: &[i64]) -> Vec<Candidate> {
    let candidate = |(position, organisation): (usize, &i64)| Candidate {
        pair: PairId(position as i64 + 1),
        organisation: OrganisationId(*organisation),
        bytes: 10,
    };
    organisations.iter().enumerate().map(candidate).collect()
}

fn tie(one: i64, other: i64, weight: u32) -> Tie {
    Tie { one: PairId(one), other: PairId(other), weight }
}

fn ask(pairs: &[Candidate], ties: &[Tie], pins: &[Pin], windows: &[Window]) -> Result<Plan, PlanError> {
    plan(&Question { pairs, ties, pins, windows, from: at("2026-11-30T12:00:00Z"), until: at("2027-11-30T00:00:00Z") })
}

/// The waves, each as the ids of its pairs.
#[track_caller]
fn check(pairs: &[Candidate], ties: &[Tie], pins: &[Pin], capacity: u32, expect: &[&[i64]]) -> Plan {
    let plan = ask(pairs, ties, pins, &[window(1, "Mon-Thu 18:00-06:00", capacity)]).expect("a plan");
    let waves: Vec<Vec<i64>> = plan.waves.iter().map(|wave| wave.pairs.iter().map(|pair| pair.0).collect()).collect();
    assert_eq!(waves, expect);
    plan
}

fn pin_pair(pair: i64, place: Place) -> Pin {
    Pin { who: Who::Pair(PairId(pair)), place }
}

fn pin_organisation(organisation: i64, place: Place) -> Pin {
    Pin { who: Who::Organisation(OrganisationId(organisation)), place }
}

#[test]
fn organisations_stay_together() {
    check(&pairs(&[1, 2, 1, 2, 1, 2]), &[], &[], 3, &[&[1, 3, 5], &[2, 4, 6]]);
}

#[test]
fn ties_join_organisations() {
    // Alone, organisations 1 and 2 would make the first wave.
    let plan = check(&pairs(&[1, 1, 2, 2, 3, 3]), &[tie(1, 6, 1)], &[], 4, &[&[1, 2, 5, 6], &[3, 4]]);
    assert_eq!(plan.cut, []);
}

#[test]
fn a_group_too_large_is_cut_where_it_is_weakest() {
    // A chain of four organisations of two; a window holds two of them.
    let ties = [tie(1, 3, 8), tie(3, 5, 1), tie(5, 7, 8)];
    let plan = check(&pairs(&[1, 1, 2, 2, 3, 3, 4, 4]), &ties, &[], 4, &[&[1, 2, 3, 4], &[5, 6, 7, 8]]);
    assert_eq!(plan.cut, [CutTie { tie: ties[1], because: CutReason::GroupTooLarge }]);
    let load = Load { pairs: 8, bytes: 80 };
    assert_eq!(plan.too_large, [Group { first: PairId(1), load, organisations: 4 }]);
}

#[test]
fn an_organisation_too_large_keeps_its_teams() {
    let ties = [tie(1, 5, 8), tie(2, 6, 8), tie(3, 4, 8), tie(1, 2, 1)];
    let plan = check(&pairs(&[1; 6]), &ties, &[], 2, &[&[1, 5], &[2, 6], &[3, 4]]);
    assert_eq!(plan.cut_weight(), 1);
}

#[test]
fn an_organisation_too_large_neither_fills_gaps_nor_leaves_evenings_empty() {
    let windows = [window(1, "Mon-Thu 18:00-06:00", 20), window(2, "Fri 18:00 - Mon 06:00", 40)];
    // Organisation 1 is larger than a weekend; organisation 2 leaves room for one more on an evening.
    let all = pairs(&[[1; 41].as_slice(), &[2; 19]].concat());
    let ties: Vec<_> = (1..41).map(|pair| tie(pair, pair + 1, 1)).collect();
    let plan = ask(&all, &ties, &[], &windows).expect("a plan");
    let sizes: Vec<_> = plan.waves.iter().map(|wave| (wave.window.0, wave.pairs.len())).collect();
    assert_eq!(sizes, [(1, 19), (1, 20), (1, 20), (1, 1)]);
    assert_eq!(plan.cut_weight(), 2);
}

#[test]
fn pins_are_kept() {
    let all = pairs(&[1, 2, 3, 4]);
    let pins = [
        pin_pair(1, Place::At(evening(2))),
        pin_organisation(2, Place::NotBefore(evening(1))),
        pin_organisation(3, Place::Last),
    ];
    let plan = check(&all, &[], &pins, 4, &[&[4], &[2, 3], &[1]]);
    assert_eq!(plan.waves[2].occurrence.opens, evening(2));
}

#[test]
fn a_pairs_own_wave_goes_before_that_of_its_organisation() {
    let pins = [pin_organisation(1, Place::At(evening(0))), pin_pair(2, Place::Last)];
    check(&pairs(&[1, 1, 1]), &[], &pins, 4, &[&[1, 2, 3]]);
    let pins = [pin_organisation(1, Place::At(evening(0))), pin_pair(2, Place::At(evening(1)))];
    check(&pairs(&[1, 1, 1]), &[], &pins, 4, &[&[1, 3], &[2]]);
}

#[test]
fn what_is_tied_to_a_pinned_pair_follows_it() {
    // The first wave has room for three. Without the tie pair 2 would be in it.
    let pins = [pin_pair(4, Place::At(evening(0)))];
    let plan = check(&pairs(&[1, 2, 3, 4]), &[tie(4, 3, 1)], &pins, 2, &[&[3, 4], &[1, 2]]);
    assert_eq!(plan.cut, []);
}

#[track_caller]
fn check_refused(pins: &[Pin], expect: &str) {
    let refused = ask(&pairs(&[1, 1]), &[], pins, &[window(1, "Mon-Thu 18:00-06:00", 9)]);
    assert_eq!(refused.expect_err("pins that cannot be kept").to_string(), expect);
}

#[test]
fn pins_that_contradict_each_other_are_both_named() {
    check_refused(
        &[pin_pair(1, Place::At(evening(0))), pin_pair(1, Place::At(evening(1)))],
        "the pins `pair 1 at 2026-11-30T18:00:00Z` and `pair 1 at 2026-12-01T18:00:00Z` contradict each other; \
         hint: remove one of them",
    );
    check_refused(
        &[pin_pair(1, Place::At(evening(0))), pin_organisation(1, Place::NotBefore(evening(1)))],
        "the pins `pair 1 at 2026-11-30T18:00:00Z` and `organisation 1 not before 2026-12-01T18:00:00Z` contradict \
         each other; hint: remove one of them",
    );
    check_refused(
        &[pin_pair(1, Place::Last), pin_pair(1, Place::At(evening(0)))],
        "the pins `pair 1 at 2026-11-30T18:00:00Z` and `pair 1 last` contradict each other; hint: remove one of them",
    );
    check_refused(
        &[pin_pair(1, Place::At(at("2026-12-04T18:00:00Z")))],
        "the pin `pair 1 at 2026-12-04T18:00:00Z` is at a time at which no window opens \
         (the next does at 2026-12-07T18:00:00Z); hint: pin it to a time at which one opens",
    );
}

#[test]
fn a_pinned_wave_that_is_too_large_says_which_date_would_do() {
    let windows = [window(1, "Mon-Thu 18:00-06:00", 2), window(2, "Fri 18:00 - Mon 06:00", 4)];
    let pins: Vec<_> = (1..=4).map(|pair| pin_pair(pair, Place::At(evening(0)))).collect();
    let plan = ask(&pairs(&[1, 2, 3, 4]), &[], &pins, &windows).expect("a plan");
    assert_eq!(plan.waves.len(), 1);
    let [LeftOut { pairs, because }] = &plan.left_out[..] else { panic!("{:?}", plan.left_out) };
    assert_eq!(pairs, &[PairId(3), PairId(4)]);
    assert_eq!(
        because.to_string(),
        "pinned to 2026-11-30T18:00:00Z, where 4 pairs with 40 bytes are pinned and 2 pairs fit; \
         all would fit on 2026-12-04T18:00:00Z; spread over all windows from then on, until 2026-12-01T18:00:00Z; \
         hint: pin some to another date"
    );
}

#[test]
fn what_fits_nowhere_is_left_out_with_its_reason() {
    let mut all = pairs(&[1, 2, 3]);
    all[1].bytes = 1_000;
    let mut evening = window(1, "Mon 18:00-06:00", 1);
    evening.capacity.bytes = Some(100);
    let until = at("2026-12-02T00:00:00Z");
    let question =
        Question { pairs: &all, ties: &[], pins: &[], windows: &[evening], from: at("2026-11-30T12:00:00Z"), until };
    let plan = plan(&question).expect("a plan");
    let left_out = |pair, because| LeftOut { pairs: vec![PairId(pair)], because };
    assert_eq!(
        plan.left_out,
        [left_out(2, LeftOutReason::LargerThanAnyWindow), left_out(3, LeftOutReason::NoTimeLeft { until })]
    );
}

#[test]
fn cutovers_an_hour_limit_a_wave() {
    let mut slow = window(1, "Mon-Thu 18:00-20:00", 100);
    slow.capacity.pairs_per_hour = Some(2);
    let plan = ask(&pairs(&[1, 2, 3, 4, 5]), &[], &[], &[slow]).expect("a plan");
    assert_eq!(plan.waves.iter().map(|wave| wave.pairs.len()).collect::<Vec<_>>(), [4, 1]);
}

#[test]
fn many_ties_are_cut_far_less_than_by_filling_in_the_order_of_organisations() {
    let dimensions = Dimensions { pairs: 21_000, organisations: 2_200, grants: 80_000, across: 20 };
    let programme = generate(1, dimensions);
    let pairs: Vec<_> = programme
        .members
        .iter()
        .map(|member| Candidate { pair: member.pair, organisation: member.organisation, bytes: member.bytes })
        .collect();
    let ties: Vec<_> = programme
        .grants
        .iter()
        .map(|(one, other, right)| Tie { one: *one, other: *other, weight: weight(right) })
        .collect();
    let windows = [window(1, "Mon-Thu 18:00-06:00", 660), window(2, "Fri 18:00 - Mon 06:00", 2_500)];
    let plan = ask(&pairs, &ties, &[], &windows).expect("a plan");
    assert_eq!(plan.left_out, []);
    assert_eq!(ask(&pairs, &ties, &[], &windows).as_ref(), Ok(&plan), "the same question has the same answer");

    // The same waves, filled with one pair after another.
    let mut by_order = pairs.iter().map(|candidate| candidate.pair);
    let wave_of: BTreeMap<_, _> = plan
        .waves
        .iter()
        .enumerate()
        .flat_map(|(wave, planned)| {
            by_order.by_ref().take(planned.pairs.len()).map(move |pair| (pair, wave)).collect::<Vec<_>>()
        })
        .collect();
    let cut_by_order: u64 =
        ties.iter().filter(|tie| wave_of[&tie.one] != wave_of[&tie.other]).map(|tie| u64::from(tie.weight)).sum();
    assert!(plan.cut_weight() * 2 < cut_by_order, "{} and {cut_by_order} in order", plan.cut_weight());
}

/// Pairs reached from each other by ties and organisations, as a second, slow opinion.
fn components(pairs: &[Candidate], ties: &[Tie]) -> Vec<BTreeSet<PairId>> {
    let mut components: Vec<BTreeSet<PairId>> =
        pairs.iter().map(|candidate| BTreeSet::from([candidate.pair])).collect();
    let mut join = |one: PairId, other: PairId| {
        let (mut joined, rest): (Vec<_>, Vec<_>) =
            components.drain(..).partition(|members| members.contains(&one) || members.contains(&other));
        components = rest;
        components.push(joined.drain(..).flatten().collect());
    };
    for tie in ties {
        join(tie.one, tie.other);
    }
    for (position, one) in pairs.iter().enumerate() {
        for other in pairs[position + 1..].iter().filter(|other| other.organisation == one.organisation) {
            join(one.pair, other.pair);
        }
    }
    components
}

proptest! {
    #[test]
    fn whatever_is_asked_capacities_and_pins_hold(
        organisations in prop::collection::vec(1..8_i64, 1..40),
        links in prop::collection::vec((1..40_i64, 1..40_i64, 1..9_u32), 0..30),
        pinned in prop::collection::btree_map(1..40_i64, 0..3_u8, 0..6),
        evenings in 1..12_u32,
        weekends in 1..20_u32,
        megabytes in prop::option::of(1..20_u64),
    ) {
        let mut all = pairs(&organisations);
        for candidate in &mut all {
            candidate.bytes = candidate.pair.0.unsigned_abs() % 5 * 1_000_000;
        }
        let is_there = |pair: i64| pair <= organisations.len() as i64;
        let ties: Vec<_> = links.iter().map(|(one, other, weight)| tie(*one, *other, *weight)).collect();
        let place = |kind: u8| match kind {
            0 => Place::At(evening(1)),
            1 => Place::NotBefore(evening(9)),
            _ => Place::Last,
        };
        let pins: Vec<_> = pinned.iter().map(|(pair, kind)| pin_pair(*pair, place(*kind))).collect();
        let mut windows = [window(1, "Mon-Thu 18:00-06:00", evenings), window(2, "Fri 18:00 - Mon 06:00", weekends)];
        windows[0].capacity.bytes = megabytes.map(|megabytes| megabytes * 1_000_000);
        let plan = ask(&all, &ties, &pins, &windows).expect("a plan");

        let mut seen: Vec<_> = plan.waves.iter().flat_map(|wave| wave.pairs.clone()).collect();
        seen.extend(plan.left_out.iter().flat_map(|left_out| left_out.pairs.clone()));
        seen.sort();
        prop_assert_eq!(seen, all.iter().map(|candidate| candidate.pair).collect::<Vec<_>>(), "each pair once");
        let mut opens = BTreeMap::new();
        for wave in &plan.waves {
            let window = &windows[wave.window.0 as usize - 1];
            let room = Room::of(&window.capacity, &wave.occurrence);
            let load = Load { pairs: wave.pairs.len() as u64, bytes: wave.bytes };
            prop_assert!(room.holds(load), "{} in {}", load, room);
            prop_assert_eq!(windows::next_opening(window, wave.occurrence.opens), Some(wave.occurrence));
            opens.extend(wave.pairs.iter().map(|pair| (*pair, wave.occurrence.opens)));
        }
        for pin in &pins {
            let Who::Pair(pair) = pin.who else { unreachable!("only pairs are pinned here") };
            let Some(opens) = opens.get(&pair) else { continue };
            match pin.place {
                Place::At(at) => prop_assert_eq!(*opens, at),
                Place::NotBefore(earliest) => prop_assert!(*opens >= earliest),
                Place::Last => {}
            }
        }
        let cut: BTreeSet<_> = plan.cut.iter().map(|cut| (cut.tie.one, cut.tie.other)).collect();
        for tie in ties.iter().filter(|tie| is_there(tie.one.0) && is_there(tie.other.0)) {
            let apart = opens.get(&tie.one) != opens.get(&tie.other);
            let one_is_out = !opens.contains_key(&tie.one) || !opens.contains_key(&tie.other);
            let is_cut = cut.contains(&(tie.one, tie.other));
            prop_assert_eq!(is_cut, tie.one != tie.other && (apart || one_is_out), "{:?}", tie);
        }
        if pins.is_empty() {
            let there: Vec<_> = ties.iter().copied().filter(|tie| is_there(tie.one.0) && is_there(tie.other.0)).collect();
            for members in components(&all, &there) {
                let bytes = |pair: &PairId| pair.0.unsigned_abs() % 5 * 1_000_000;
                let load = Load { pairs: members.len() as u64, bytes: members.iter().map(bytes).sum() };
                let fits = windows.iter().any(|window| {
                    Room { pairs: window.capacity.pairs.map(u64::from), bytes: window.capacity.bytes }.holds(load)
                });
                let nights: BTreeSet<_> = members.iter().map(|pair| opens.get(pair)).collect();
                prop_assert!(!fits || nights.len() == 1, "{:?} go on {:?}", members, nights);
            }
        }
    }
}
