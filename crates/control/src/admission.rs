//! May a pair's cutover begin now?
//!
//! Only while its window is open, and only if its final pass is forecast to end before the window closes, in nine of ten cases: a
//! cutover that steps back in the morning has been for nothing, and has kept a mailbox's owner waiting. Where nothing has been measured
//! yet, [half an hour](UNKNOWN) is taken for the pass.

use jiff::{SignedDuration, Timestamp};
use limosa_model::programme::{WaitReason, Window};

use crate::forecast::Forecast;
use crate::windows::{self, Occurrence};

/// A final pass of which nothing is known is taken to be as long as this.
pub const UNKNOWN: SignedDuration = SignedDuration::from_mins(30);

/// Whether a cutover may begin at `now`, whose final pass takes so long; the occurrence that it would be in.
///
/// # Errors
/// Why it has to wait.
pub fn admit(
    window: &Window,
    final_pass: Option<Forecast<SignedDuration>>,
    now: Timestamp,
) -> Result<Occurrence, WaitReason> {
    let Some(occurrence) = windows::open_at(window, now) else {
        let opens = windows::next_opening(window, now).map(|next| next.opens);
        return Err(WaitReason::Window { opens });
    };
    let length = final_pass.map_or(UNKNOWN, |forecast| forecast.p90);
    let would_end = now.saturating_add(length).unwrap_or(Timestamp::MAX);
    if would_end > occurrence.closes {
        return Err(WaitReason::TooLate { would_end, closes: occurrence.closes });
    }
    Ok(occurrence)
}

#[cfg(test)]
mod tests {
    use jiff::tz::TimeZone;
    use limosa_model::programme::{Capacity, MigrationId, WindowId};

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[track_caller]
    fn check(now: &str, final_pass_minutes: Option<i64>, expect: Result<(), WaitReason>) {
        let window = Window {
            id: WindowId(1),
            migration: MigrationId(1),
            name: "evening".to_owned(),
            zone: TimeZone::UTC,
            openings: windows::parse("Mon-Thu 18:00-06:00").expect("openings"),
            freezes: Vec::new(),
            capacity: Capacity::default(),
        };
        let forecast = |minutes| Forecast { p50: SignedDuration::ZERO, p90: SignedDuration::from_mins(minutes) };
        assert_eq!(admit(&window, final_pass_minutes.map(forecast), at(now)).map(drop), expect);
    }

    #[test]
    fn a_pass_that_ends_inside_the_window_may_begin() {
        check("2026-11-30T18:00:00Z", Some(12 * 60), Ok(()));
        check("2026-12-01T05:00:00Z", Some(60), Ok(()));
        check("2026-12-01T05:30:00Z", None, Ok(()));
    }

    #[test]
    fn a_pass_that_would_end_too_late_says_when() {
        let closes = at("2026-12-01T06:00:00Z");
        let too_late = |would_end: &str| Err(WaitReason::TooLate { would_end: at(would_end), closes });
        check("2026-12-01T05:00:00Z", Some(61), too_late("2026-12-01T06:01:00Z"));
        check("2026-12-01T05:31:00Z", None, too_late("2026-12-01T06:01:00Z"));
    }

    #[test]
    fn a_closed_window_says_when_it_opens() {
        let opens = |opens: &str| Err(WaitReason::Window { opens: Some(at(opens)) });
        check("2026-12-01T06:00:00Z", Some(1), opens("2026-12-01T18:00:00Z"));
        check("2026-12-04T06:00:00Z", Some(1), opens("2026-12-07T18:00:00Z"));
    }
}
