use jiff::civil::{Date, Time, Weekday, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use limosa_model::programme::{Capacity, Freeze, MigrationId, Opening, Window, WindowId};
use proptest::prelude::*;

use super::*;

fn window(zone: &str, openings: &str) -> Window {
    Window {
        id: WindowId(1),
        migration: MigrationId(1),
        name: "evening".to_owned(),
        zone: TimeZone::get(zone).expect("a zone"),
        openings: parse(openings).expect("openings"),
        freezes: Vec::new(),
        capacity: Capacity::default(),
    }
}

fn freeze(from: Date, until: Date) -> Freeze {
    Freeze { from, until, reason: "holidays".to_owned() }
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

/// The first occurrences from a time on, by the clock of the window's zone.
#[track_caller]
fn check_occurrences(window: &Window, from: &str, expect: &[&str]) {
    let by_clock = |instant: Timestamp| instant.to_zoned(window.zone.clone()).strftime("%a %d %H:%M %Z").to_string();
    let found: Vec<_> = occurrences(window, at(from))
        .take(expect.len())
        .map(|occurrence| {
            let length = occurrence.length();
            let (hours, minutes) = (length.as_hours(), length.as_mins() % 60);
            format!("{} to {}, {hours}:{minutes:02}", by_clock(occurrence.opens), by_clock(occurrence.closes))
        })
        .collect();
    assert_eq!(found, expect);
}

#[test]
fn evenings_and_weekends_follow_one_another() {
    let window = window("Europe/London", "Mon-Thu 18:00-06:00, Fri 18:00 - Mon 06:00");
    check_occurrences(
        &window,
        "2026-11-25T12:00:00Z",
        &[
            "Wed 25 18:00 GMT to Thu 26 06:00 GMT, 12:00",
            "Thu 26 18:00 GMT to Fri 27 06:00 GMT, 12:00",
            "Fri 27 18:00 GMT to Mon 30 06:00 GMT, 60:00",
            "Mon 30 18:00 GMT to Tue 01 06:00 GMT, 12:00",
        ],
    );
}

#[test]
fn an_open_window_is_the_first_occurrence_and_not_the_next_opening() {
    let window = window("Europe/London", "Fri 18:00 - Mon 06:00");
    let sunday = at("2026-11-29T12:00:00Z");
    assert_eq!(open_at(&window, sunday).map(|occurrence| occurrence.opens), Some(at("2026-11-27T18:00:00Z")));
    assert_eq!(next_opening(&window, sunday).map(|occurrence| occurrence.opens), Some(at("2026-12-04T18:00:00Z")));
    assert!(is_open(&window, at("2026-11-27T18:00:00Z")));
    assert!(!is_open(&window, at("2026-11-30T06:00:00Z")));
}

#[test]
fn a_night_is_longer_or_shorter_by_what_the_clock_was_changed() {
    let london = window("Europe/London", "Sat 22:00-06:00");
    check_occurrences(&london, "2026-03-28T12:00:00Z", &["Sat 28 22:00 GMT to Sun 29 06:00 BST, 7:00"]);
    check_occurrences(&london, "2026-10-24T12:00:00Z", &["Sat 24 22:00 BST to Sun 25 06:00 GMT, 9:00"]);
    let new_york = window("America/New_York", "Sat 22:00-06:00");
    check_occurrences(&new_york, "2026-03-07T12:00:00Z", &["Sat 07 22:00 EST to Sun 08 06:00 EDT, 7:00"]);
    check_occurrences(&new_york, "2026-10-31T12:00:00Z", &["Sat 31 22:00 EDT to Sun 01 06:00 EST, 9:00"]);
}

#[test]
fn a_time_that_is_skipped_is_the_moment_of_the_change() {
    // London skips 01:00 to 02:00 on 29 March 2026, New York 02:00 to 03:00 on 8 March.
    let opens = window("Europe/London", "Sun 01:30-06:00");
    check_occurrences(&opens, "2026-03-28T12:00:00Z", &["Sun 29 02:00 BST to Sun 29 06:00 BST, 4:00"]);
    let closes = window("Europe/London", "Sat 22:00-01:30");
    check_occurrences(&closes, "2026-03-28T12:00:00Z", &["Sat 28 22:00 GMT to Sun 29 02:00 BST, 3:00"]);
    let opens = window("America/New_York", "Sun 02:30-06:00");
    check_occurrences(&opens, "2026-03-07T12:00:00Z", &["Sun 08 03:00 EDT to Sun 08 06:00 EDT, 3:00"]);
    let closes = window("America/New_York", "Sat 22:00-02:30");
    check_occurrences(&closes, "2026-03-07T12:00:00Z", &["Sat 07 22:00 EST to Sun 08 03:00 EDT, 4:00"]);
}

#[test]
fn an_opening_within_the_skipped_hour_does_not_take_place() {
    let london = window("Europe/London", "Sun 01:15-01:45");
    check_occurrences(&london, "2026-03-28T12:00:00Z", &["Sun 05 01:15 BST to Sun 05 01:45 BST, 0:30"]);
    let new_york = window("America/New_York", "Sun 02:15-02:45");
    check_occurrences(&new_york, "2026-03-07T12:00:00Z", &["Sun 15 02:15 EDT to Sun 15 02:45 EDT, 0:30"]);
}

#[test]
fn a_time_that_comes_twice_is_the_first() {
    // London shows 01:00 to 02:00 twice on 25 October 2026, New York on 1 November.
    let opens = window("Europe/London", "Sun 01:30-06:00");
    check_occurrences(&opens, "2026-10-24T12:00:00Z", &["Sun 25 01:30 BST to Sun 25 06:00 GMT, 5:30"]);
    let closes = window("Europe/London", "Sat 22:00-01:30");
    check_occurrences(&closes, "2026-10-24T12:00:00Z", &["Sat 24 22:00 BST to Sun 25 01:30 BST, 3:30"]);
    let both = window("America/New_York", "Sun 01:15-01:45");
    check_occurrences(&both, "2026-10-31T12:00:00Z", &["Sun 01 01:15 EDT to Sun 01 01:45 EDT, 0:30"]);
    let closes = window("America/New_York", "Sat 22:00-01:30");
    check_occurrences(&closes, "2026-10-31T12:00:00Z", &["Sat 31 22:00 EDT to Sun 01 01:30 EDT, 3:30"]);
}

#[test]
fn what_touches_a_freeze_day_does_not_take_place() {
    let mut window = window("Europe/London", "Mon-Thu 18:00-06:00, Fri 18:00 - Mon 00:00");
    // Christmas: Friday 25 to Monday 28 December 2026.
    window.freezes = vec![freeze(date(2026, 12, 25), date(2026, 12, 28))];
    check_occurrences(
        &window,
        "2026-12-23T12:00:00Z",
        &["Wed 23 18:00 GMT to Thu 24 06:00 GMT, 12:00", "Tue 29 18:00 GMT to Wed 30 06:00 GMT, 12:00"],
    );
    // A weekend that closes at midnight does not touch the Monday.
    window.freezes = vec![freeze(date(2026, 12, 28), date(2026, 12, 28))];
    check_occurrences(
        &window,
        "2026-12-25T12:00:00Z",
        &["Fri 25 18:00 GMT to Mon 28 00:00 GMT, 54:00", "Tue 29 18:00 GMT to Wed 30 06:00 GMT, 12:00"],
    );
}

#[test]
fn a_window_that_never_opens_is_named() {
    let mut window = window("Europe/London", "Sat 18:00-06:00");
    window.freezes = vec![freeze(date(2026, 1, 1), date(2027, 6, 30)), freeze(date(2027, 7, 1), Date::MAX)];
    let now = at("2026-11-25T12:00:00Z");
    let found = check(&window, now).expect_err("it never opens");
    assert_eq!(
        found.to_string(),
        "the window evening never opens after 2026-11-25T12:00:00Z: `holidays` freezes it until 9999-12-31; \
         hint: shorten that freeze"
    );
    window.freezes.pop();
    assert_eq!(check(&window, now), Ok(()));
    assert_eq!(next_opening(&window, now).map(|next| next.opens), Some(at("2027-07-03T17:00:00Z")));
    window.openings.clear();
    assert!(matches!(check(&window, now), Err(WindowError::NoOpenings { .. })));
}

#[test]
fn what_is_wrong_with_a_window_is_said() {
    let now = at("2026-11-25T12:00:00Z");
    let overlapping = window("Europe/London", "Mon-Thu 18:00-06:00, Sun 20:00 - Mon 18:30");
    let found = check(&overlapping, now).expect_err("Monday evening is in both");
    assert_eq!(
        found.to_string(),
        "the openings `Mon 18:00-06:00` and `Sun 20:00-18:30` of the window evening overlap; \
         hint: make them one, or close the first earlier"
    );
    let mut backwards = window("Europe/London", "Mon 18:00-06:00");
    backwards.freezes = vec![freeze(date(2026, 12, 28), date(2026, 12, 24))];
    assert!(matches!(check(&backwards, now), Err(WindowError::Backwards { .. })));
    // Openings that only meet are two occurrences.
    assert_eq!(check(&window("Europe/London", "Mon-Sun 00:00-12:00, Mon-Sun 12:00-00:00"), now), Ok(()));
}

#[track_caller]
fn check_refused(text: &str, expect: &str) {
    assert_eq!(parse(text).expect_err(text).to_string(), expect);
}

#[test]
fn the_part_that_cannot_be_read_is_named() {
    check_refused("", "an opening is missing in ``; hint: write it as in `Mon-Thu 18:00-06:00`");
    check_refused(
        "Mon 18:00-06:00,, Tue 18:00-06:00",
        "an opening is missing in `Mon 18:00-06:00,, Tue 18:00-06:00`; hint: write it as in `Mon-Thu 18:00-06:00`",
    );
    check_refused(
        "Mon-Thu 18:00-06:00, Fry 18:00 - Mon 06:00",
        "`Fry` in `Fry 18:00 - Mon 06:00` is not a day; hint: days are Mon, Tue, Wed, Thu, Fri, Sat, Sun",
    );
    for time in ["24:00", "18", "18:60", "1:1", "18:00:00", "18:+5", "018:00"] {
        check_refused(
            &format!("Mon {time}-06:00"),
            &format!(
                "`{time}` in `Mon {time}-06:00` is not a time; hint: times go from 00:00, which is midnight, to 23:59"
            ),
        );
    }
    for shape in ["Mon", "Mon 18:00", "18:00-06:00", "Mon-Thu 18:00", "Mon-Thu 18:00 - Fri 06:00", "Mon 18:00 06:00"] {
        check_refused(
            shape,
            &format!("`{shape}` is not an opening; hint: write `Mon-Thu 18:00-06:00` or `Fri 18:00 - Mon 06:00`"),
        );
    }
}

#[test]
fn people_write_as_they_like() {
    let plain = parse("Mon-Thu 18:00-06:00, Fri 18:00 - Mon 06:00");
    assert_eq!(parse("monday–THURSDAY 18:00 – 6:00 ,fri 18:00-mon 06:00"), plain);
    assert_eq!(ShortForm(&plain.expect("openings")).to_string(), "Mon-Thu 18:00-06:00, Fri 18:00 - Mon 06:00");
}

fn any_time() -> impl Strategy<Value = Time> {
    (0..24_i8, 0..60_i8).prop_map(|(hour, minute)| Time::constant(hour, minute, 0, 0))
}

fn any_day() -> impl Strategy<Value = Weekday> {
    (0..7_i8).prop_map(|day| Weekday::from_monday_zero_offset(day).expect("a day"))
}

fn any_opening() -> impl Strategy<Value = Opening> {
    (any_day(), any_time(), any_day(), any_time()).prop_map(|(opens_on, opens_at, closes_on, closes_at)| Opening {
        opens_on,
        opens_at,
        closes_on,
        closes_at,
    })
}

/// Openings as people give them: some on one day after another.
fn any_openings() -> impl Strategy<Value = Vec<Opening>> {
    let in_a_row = (any_day(), any_time(), any_time(), 1..9_usize).prop_map(|(day, from, until, days)| {
        let day_of = |opens_on: Weekday| if until > from { opens_on } else { opens_on.next() };
        let opening = |opens_on| Opening { opens_on, opens_at: from, closes_on: day_of(opens_on), closes_at: until };
        day.cycle_forward().take(days).map(opening).collect::<Vec<_>>()
    });
    prop::collection::vec(prop_oneof![in_a_row, any_opening().prop_map(|opening| vec![opening])], 1..4)
        .prop_map(|openings| openings.concat())
}

proptest! {
    #[test]
    fn the_short_form_is_read_as_it_was_written(openings in any_openings()) {
        let text = ShortForm(&openings).to_string();
        prop_assert_eq!(parse(&text), Ok(openings), "{}", text);
    }

    #[test]
    fn nonsense_is_refused_and_not_more(text in "[-–, :0-9a-zA-Zé]{0,40}") {
        if let Ok(openings) = parse(&text) {
            prop_assert_eq!(parse(&ShortForm(&openings).to_string()), Ok(openings));
        }
    }

    #[test]
    fn occurrences_of_a_sound_window_come_by_time_and_do_not_overlap(
        openings in any_openings(),
        zone in prop::sample::select(&["Europe/London", "America/New_York", "Australia/Lord_Howe", "Pacific/Apia", "UTC"][..]),
        day in 0..7_000_i64,
        frozen in 0..40_i64,
    ) {
        // From 2010 on: Apia skipped a whole day on 30 December 2011.
        let from = at("2010-01-01T00:00:00Z") + SignedDuration::from_hours(24 * day);
        let mut window = window(zone, "Mon 00:00-01:00");
        window.openings = openings;
        let first = window.zone.to_datetime(from).date();
        let freeze = freeze(first + Span::new().days(20), first + Span::new().days(20 + frozen));
        window.freezes = vec![freeze.clone()];
        prop_assume!(check(&window, from).is_ok());
        let found: Vec<_> = occurrences(&window, from).take(40).collect();
        prop_assert_eq!(found.len(), 40);
        prop_assert!(found[0].closes > from);
        for occurrence in &found {
            prop_assert!(occurrence.opens < occurrence.closes);
            prop_assert_eq!(open_at(&window, occurrence.opens), Some(*occurrence));
            let last = occurrence.closes - SignedDuration::from_nanos(1);
            prop_assert_eq!(open_at(&window, last), Some(*occurrence));
            let days = [occurrence.opens, last].map(|moment| window.zone.to_datetime(moment).date());
            prop_assert!(days[1] < freeze.from || days[0] > freeze.until, "{:?} touches {:?}", occurrence, freeze);
        }
        for both in found.windows(2) {
            prop_assert!(both[0].closes <= both[1].opens);
        }
    }
}
