//! How much has a mailbox moved today?

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

/// Bytes that one mailbox has moved on an endpoint, on the last day on which it did. Kept by the store: a limit a day outlives processes.
///
/// A day is that of the endpoint's zone, from midnight to midnight, and so may have 23 or 25 hours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayUse {
    /// Which day; `None` before the first byte.
    pub day: Option<Date>,
    /// Bytes.
    pub bytes: u64,
}

impl DayUse {
    /// Counts bytes that were moved.
    pub fn add(&mut self, bytes: u64, zone: &TimeZone, now: Timestamp) {
        let today = zone.to_datetime(now).date();
        // A clock that was set back to yesterday must not open yesterday's budget again.
        match self.day {
            Some(day) if day >= today => self.bytes = self.bytes.saturating_add(bytes),
            _ => *self = Self { day: Some(today), bytes },
        }
    }

    /// How many bytes are left of `limit` today.
    ///
    /// # Errors
    /// When the next day begins, where none are left.
    pub fn left(&self, limit: u64, zone: &TimeZone, now: Timestamp) -> Result<u64, Timestamp> {
        let today = zone.to_datetime(now).date();
        let used = if self.day.is_some_and(|day| day >= today) { self.bytes } else { 0 };
        match limit.saturating_sub(used) {
            0 => Err(tomorrow(self.day.unwrap_or(today).max(today), zone, now)),
            left => Ok(left),
        }
    }
}

/// The first instant of the day after `day`, which in some zones is not midnight.
fn tomorrow(day: Date, zone: &TimeZone, now: Timestamp) -> Timestamp {
    let midnight = day.tomorrow().and_then(|date| date.to_zoned(zone.clone()));
    // At the end of the calendar there is no tomorrow: to ask again in a day costs nothing.
    midnight.map_or_else(|_| now + SignedDuration::from_hours(24), |midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    #[track_caller]
    fn check(used: &DayUse, now: &str, expect: Result<u64, &str>) {
        let london = TimeZone::get("Europe/London").expect("a zone");
        assert_eq!(used.left(1_000, &london, at(now)), expect.map_err(at));
    }

    #[test]
    fn a_day_is_the_endpoints() {
        let london = TimeZone::get("Europe/London").expect("a zone");
        let mut used = DayUse::default();
        check(&used, "2026-10-24T12:00:00Z", Ok(1_000));
        used.add(600, &london, at("2026-10-24T12:00:00Z"));
        check(&used, "2026-10-24T12:00:00Z", Ok(400));
        used.add(600, &london, at("2026-10-24T13:00:00Z"));
        // Midnight in London is 23:00 UTC on this day, and 00:00 UTC on the next one, which has 25 hours.
        check(&used, "2026-10-24T13:00:00Z", Err("2026-10-24T23:00:00Z"));
        check(&used, "2026-10-24T23:00:00Z", Ok(1_000));
        used.add(1_000, &london, at("2026-10-24T23:00:00Z"));
        check(&used, "2026-10-24T23:00:00Z", Err("2026-10-26T00:00:00Z"));
    }

    #[test]
    fn a_clock_set_back_opens_nothing_again() {
        let london = TimeZone::get("Europe/London").expect("a zone");
        let mut used = DayUse::default();
        used.add(1_000, &london, at("2026-11-25T00:30:00Z"));
        check(&used, "2026-11-24T23:30:00Z", Err("2026-11-26T00:00:00Z"));
    }

    #[test]
    fn what_is_kept_is_read_again_on_the_next_day() {
        let used = DayUse { day: Some(jiff::civil::date(2026, 11, 24)), bytes: 5_000 };
        check(&used, "2026-11-25T00:00:00Z", Ok(1_000));
    }
}
