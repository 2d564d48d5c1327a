use std::cmp::Reverse;
use std::collections::BinaryHeap;

use jiff::civil::time;
use jiff::tz::TimeZone;
use limosa_model::programme::{Capacity, Hours, MigrationId, Window, WindowId};

use super::*;
use crate::windows;

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn seconds(seconds: f64) -> SignedDuration {
    SignedDuration::from_secs_f64(seconds)
}

/// A world in which passes take what they really take.
struct World {
    /// Of the logarithm of seconds, by the size's power of two from 20 on.
    means: [f64; 6],
    deviation: f64,
}

impl World {
    fn new(random: &mut Random) -> Self {
        let base = 1.0 + 2.0 * random.fraction();
        let growth = 0.2 + 0.5 * random.fraction();
        Self {
            means: std::array::from_fn(|class| base + growth * class as f64),
            deviation: 0.2 + 0.7 * random.fraction(),
        }
    }

    fn mailbox(random: &mut Random) -> (usize, u64) {
        let class = random.below(6);
        (class, (1 << (20 + class)) + random.below(1 << 20) as u64)
    }

    fn pass(&self, class: usize, random: &mut Random) -> f64 {
        (self.means[class] + self.deviation * random.normal()).exp()
    }

    fn measure(&self, passes: usize, random: &mut Random) -> Rates {
        let mut rates = Rates::default();
        for _ in 0..passes {
            let (class, bytes) = Self::mailbox(random);
            rates.add(bytes, seconds(self.pass(class, random)));
        }
        rates
    }
}

/// How many in a hundred of so many truths were no later than the forecast.
#[track_caller]
fn check_share(kept: usize, of: usize, expect: std::ops::RangeInclusive<f64>) {
    let share = kept as f64 * 100.0 / of as f64;
    assert!(expect.contains(&share), "{share:.1} % of {of}");
}

#[test]
fn nine_of_ten_passes_are_no_longer_than_forecast() {
    let mut random = Random::new(1);
    let (mut in_half, mut in_nine, mut all) = (0, 0, 0);
    for _ in 0..5_000 {
        let world = World::new(&mut random);
        let measured = 6 + random.below(200);
        let rates = world.measure(measured, &mut random);
        let (class, bytes) = World::mailbox(&mut random);
        // Only sizes that were measured: what is concluded from others is a guess on the safe side.
        let Some(forecast) = pass(&rates, bytes).filter(|_| rates.knows(bytes)) else { continue };
        let truth = seconds(world.pass(class, &mut random));
        in_half += usize::from(truth <= forecast.p50);
        in_nine += usize::from(truth <= forecast.p90);
        all += 1;
    }
    check_share(in_half, all, 47.0..=53.0);
    check_share(in_nine, all, 88.0..=92.0);
}

#[test]
fn nine_of_ten_waves_end_no_later_than_forecast() {
    let mut random = Random::new(2);
    let from = at("2026-11-30T18:00:00Z");
    let (mut in_half, mut in_nine) = (0, 0);
    const WAVES: usize = 2_000;
    for wave in 0..WAVES {
        let world = World::new(&mut random);
        let measured = 60 + random.below(400);
        let rates = world.measure(measured, &mut random);
        let mut passes: Vec<_> = (0..100 + random.below(400)).map(|_| World::mailbox(&mut random)).collect();
        let lanes = 1 + random.below(16);
        let mailboxes: Vec<_> = passes.iter().map(|(_, bytes)| *bytes).collect();
        let work = Work { rates: &rates, mailboxes: &mailboxes, lanes: lanes as u32, bytes_per_second: None };
        let forecast = end(&work, &Supply::default(), from, wave as u64).expect("enough is measured");

        // The truth is lived through, pass by pass, the largest first.
        passes.sort_by_key(|(class, _)| Reverse(*class));
        let mut free: BinaryHeap<_> = (0..lanes).map(|_| Reverse(0_u64)).collect();
        let mut last = 0;
        for (class, _) in passes {
            let Reverse(begins) = free.pop().expect("a lane");
            let ends = begins + (world.pass(class, &mut random) * 1_000.0) as u64;
            last = last.max(ends);
            free.push(Reverse(ends));
        }
        let truth = from + SignedDuration::from_millis(last as i64);
        in_half += usize::from(truth <= forecast.p50);
        in_nine += usize::from(truth <= forecast.p90);
    }
    check_share(in_nine, WAVES, 85.0..=95.0);
    check_share(in_half, WAVES, 40.0..=60.0);
}

#[test]
fn the_same_question_has_the_same_answer() {
    let mut random = Random::new(3);
    let rates = World::new(&mut random).measure(200, &mut random);
    let mailboxes: Vec<_> = (0..1_000).map(|_| World::mailbox(&mut random).1).collect();
    let work = Work { rates: &rates, mailboxes: &mailboxes, lanes: 8, bytes_per_second: None };
    let ask =
        |work: &Work<'_>| end(work, &Supply::default(), at("2026-11-30T18:00:00Z"), 7).expect("enough is measured");
    assert_eq!(ask(&work), ask(&work));
    assert!(ask(&work).p50 < ask(&work).p90);
    assert!(ask(&Work { lanes: 4, ..work.clone() }).p50 > ask(&work).p50);
    // At 1 kB a second, the bytes alone take years.
    let slow = Work { bytes_per_second: Some(1_000), ..work.clone() };
    let bytes: u64 = mailboxes.iter().sum();
    assert_eq!(ask(&slow).p50, at("2026-11-30T18:00:00Z") + seconds(bytes as f64 / 1_000.0));
}

#[test]
fn what_was_not_measured_is_not_forecast() {
    let mut rates = Rates::default();
    assert_eq!(pass(&rates, 1_000), None);
    rates.add(1_000, seconds(1.0));
    rates.add(1_000, seconds(2.0));
    assert_eq!(pass(&rates, 1_000), None);
    rates.add(1_000, seconds(4.0));
    let forecast = pass(&rates, 1_000).expect("three are enough");
    assert_eq!(forecast.p50.as_millis(), 2_000);
    // 1,000 bytes are of the class of 512; 8,000 of that of 4,096, eight times as large.
    assert_eq!(pass(&rates, 8_000).map(|larger| larger.p50.as_millis()), Some(16_000));
    assert_eq!(pass(&rates, 10).map(|smaller| smaller.p50.as_millis()), Some(2_000));
}

#[track_caller]
fn check_supply(supply: &Supply<'_>, from: &str, hours: i64, expect: Option<&str>) {
    assert_eq!(supply.after(at(from), SignedDuration::from_hours(hours)), expect.map(at));
}

#[test]
fn work_goes_on_while_a_window_is_open() {
    let mut window = Window {
        id: WindowId(1),
        migration: MigrationId(1),
        name: "evening".to_owned(),
        zone: TimeZone::UTC,
        openings: windows::parse("Mon-Thu 18:00-06:00, Fri 18:00 - Mon 06:00").expect("openings"),
        freezes: Vec::new(),
        capacity: Capacity::default(),
    };
    let supply = Supply { window: Some(&window), hours: &[] };
    check_supply(&supply, "2026-11-30T12:00:00Z", 0, Some("2026-11-30T18:00:00Z"));
    check_supply(&supply, "2026-11-30T12:00:00Z", 12, Some("2026-12-01T06:00:00Z"));
    check_supply(&supply, "2026-11-30T12:00:00Z", 13, Some("2026-12-01T19:00:00Z"));
    check_supply(&supply, "2026-11-30T23:30:00Z", 7, Some("2026-12-01T18:30:00Z"));
    window.openings.clear();
    check_supply(&Supply { window: Some(&window), hours: &[] }, "2026-11-30T12:00:00Z", 1, None);
}

#[test]
fn work_is_slower_in_hours_with_a_part_of_the_budget() {
    let hours = |percent| {
        let (from, until) = (time(8, 0, 0, 0), time(18, 0, 0, 0));
        [Hours { days: [true; 7], from, until, zone: TimeZone::UTC, percent }]
    };
    let (half, none) = (hours(50), hours(0));
    let supply = Supply { window: None, hours: &[&half] };
    check_supply(&supply, "2026-11-30T06:00:00Z", 4, Some("2026-11-30T12:00:00Z"));
    // Two endpoints: the slower one decides.
    let supply = Supply { window: None, hours: &[&half, &none] };
    check_supply(&supply, "2026-11-30T06:00:00Z", 4, Some("2026-11-30T20:00:00Z"));
}
