//! What may be used of an endpoint now, and what holds back the rest?
//!
//! Three things make the limit of the moment: what its [`Budget`] allows, the percent of the hour, and the [`Share`] that the endpoint
//! bears at present. Workers are leased [`Slice`]s of it for some seconds, so that no message waits for the server's word; a worker
//! keeps to its slice by [`Bucket`]s. Bytes a day of one mailbox are counted by [`DayUse`], which the store keeps over days.
//!
//! Every refusal is a [`Hold`]: what holds, why, and until when.

mod bucket;
mod day;
mod lease;
mod share;

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Time;
use limosa_model::programme::{Activity, Budget, Hours, WaitReason};

pub use bucket::Bucket;
pub use day::DayUse;
pub use lease::{Slice, divide};
pub use share::{Share, Temper, Trouble};

/// What holds something back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    /// Which endpoint, by name.
    pub endpoint: String,
    /// What of it.
    pub limit: Limit,
    /// Until then, where that is known.
    pub until: Option<Timestamp>,
}

/// What can hold something back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Limit {
    /// All connections are in use.
    Connections,
    /// All connections to this mailbox are in use.
    ConnectionsOfMailbox,
    /// Messages a second.
    Messages,
    /// Bytes a second.
    Bytes,
    /// Bytes a day of this mailbox.
    BytesOfDay,
    /// No part of the budget may be used at this hour.
    Hours,
    /// The endpoint said so, in these words.
    Endpoint(String),
}

impl fmt::Display for Hold {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let endpoint = &self.endpoint;
        match &self.limit {
            Limit::Connections => write!(formatter, "all connections to {endpoint} are in use"),
            Limit::ConnectionsOfMailbox => {
                write!(formatter, "all connections to this mailbox on {endpoint} are in use")
            }
            Limit::Messages => write!(formatter, "the messages a second of {endpoint} are used up"),
            Limit::Bytes => write!(formatter, "the bytes a second of {endpoint} are used up"),
            Limit::BytesOfDay => {
                write!(formatter, "the bytes that this mailbox may move on {endpoint} today are used up")
            }
            Limit::Hours => write!(formatter, "{endpoint} may not be used at this hour"),
            Limit::Endpoint(words) => write!(formatter, "{endpoint} asks us to wait: {words}"),
        }
    }
}

impl Hold {
    /// What a pair that is held back does.
    pub fn activity(&self) -> Activity {
        match self.limit {
            Limit::Connections | Limit::ConnectionsOfMailbox => {
                Activity::Waiting { reason: WaitReason::Budget { endpoint: self.endpoint.clone() } }
            }
            _ => Activity::Throttled { reason: self.to_string(), until: self.until },
        }
    }
}

/// The percent of a budget that may be used at a time: of the first hours that hold; 100 where none do.
pub fn percent(hours: &[Hours], now: Timestamp) -> u8 {
    hours.iter().find(|hours| holds(hours, now)).map_or(100, |hours| hours.percent.min(100))
}

/// Whether hours hold, by the clock of their zone: what it skips is not missed, and what it shows twice holds twice.
fn holds(hours: &Hours, now: Timestamp) -> bool {
    let clock = hours.zone.to_datetime(now);
    let day = clock.date().weekday();
    let begins_on = |day: jiff::civil::Weekday| hours.days[day.to_monday_zero_offset().unsigned_abs() as usize];
    let time: Time = clock.time();
    if hours.until > hours.from {
        return begins_on(day) && (hours.from..hours.until).contains(&time);
    }
    (begins_on(day) && time >= hours.from) || (begins_on(day.previous()) && time < hours.until)
}

/// What all workers together may use of an endpoint at the moment. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Allowance {
    /// Connections at once.
    pub connections: Option<u32>,
    /// Messages a second.
    pub messages_per_second: Option<f64>,
    /// Bytes a second.
    pub bytes_per_second: Option<f64>,
}

/// What may be used of an endpoint of that name at `now`.
///
/// # Errors
/// The [`Hold`] where nothing may be used at all: the endpoint asked for a pause, or the hour has none of the budget.
pub fn allowance(endpoint: &str, budget: &Budget, share: &Share, now: Timestamp) -> Result<Allowance, Hold> {
    let hold = |limit, until| Err(Hold { endpoint: endpoint.to_owned(), limit, until });
    if let Some((until, words)) = share.pause(now) {
        return hold(Limit::Endpoint(words.to_owned()), Some(until));
    }
    let percent = percent(&budget.hours, now);
    if percent == 0 {
        return hold(Limit::Hours, end_of_hours(&budget.hours, now));
    }
    let part = share.part(now) * f64::from(percent) / 100.0;
    Ok(Allowance {
        // One connection is always left: with none, nothing would find out that the endpoint is well again.
        connections: budget.connections.map(|most| ((f64::from(most) * part) as u32).clamp(1.min(most), most)),
        messages_per_second: budget.messages_per_second.map(|most| f64::from(most) * part),
        bytes_per_second: budget.bytes_per_second.map(|most| most as f64 * part),
    })
}

/// When something of the budget may be used again: looked for minute by minute, through a week and the hour that a clock may be changed.
fn end_of_hours(hours: &[Hours], now: Timestamp) -> Option<Timestamp> {
    const MINUTES: i64 = (7 * 24 + 1) * 60;
    let next_minute = now.as_second().div_euclid(60) + 1;
    let minutes = (next_minute..=next_minute + MINUTES).filter_map(|minute| Timestamp::from_second(minute * 60).ok());
    minutes.into_iter().find(|minute| percent(hours, *minute) > 0)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use jiff::civil::time;
    use jiff::tz::TimeZone;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().expect("a time")
    }

    /// Half of it in working hours, nothing in the nights of the backup.
    fn budget() -> Budget {
        let zone = TimeZone::get("Europe/London").expect("a zone");
        let workdays = [true, true, true, true, true, false, false];
        let hours = |days, from, until, percent| Hours { days, from, until, zone: zone.clone(), percent };
        let work = hours(workdays, time(8, 0, 0, 0), time(18, 0, 0, 0), 50);
        let backup = hours([false, false, false, false, true, false, false], time(23, 0, 0, 0), time(2, 30, 0, 0), 0);
        Budget {
            connections: Some(40),
            messages_per_second: Some(100),
            bytes_per_second: Some(1_000_000),
            hours: vec![work, backup],
            ..Budget::default()
        }
    }

    #[track_caller]
    fn check_percent(now: &str, expect: u8) {
        assert_eq!(percent(&budget().hours, at(now)), expect);
    }

    #[test]
    fn hours_hold_by_the_clock_of_their_zone() {
        // A Wednesday in winter, and one in summer, when London is an hour ahead of UTC.
        check_percent("2026-11-25T07:59:59Z", 100);
        check_percent("2026-11-25T08:00:00Z", 50);
        check_percent("2026-11-25T17:59:59Z", 50);
        check_percent("2026-11-25T18:00:00Z", 100);
        check_percent("2026-07-22T07:00:00Z", 50);
        check_percent("2026-11-28T12:00:00Z", 100);
    }

    #[test]
    fn hours_go_on_after_midnight() {
        check_percent("2026-11-27T22:59:59Z", 100);
        check_percent("2026-11-27T23:00:00Z", 0);
        check_percent("2026-11-28T02:29:59Z", 0);
        check_percent("2026-11-28T02:30:00Z", 100);
        check_percent("2026-11-28T23:30:00Z", 100);
    }

    #[test]
    fn the_allowance_is_the_budget_by_the_hour() {
        let allowance = allowance("old", &budget(), &Share::default(), at("2026-11-25T12:00:00Z"));
        let expect =
            Allowance { connections: Some(20), messages_per_second: Some(50.0), bytes_per_second: Some(500_000.0) };
        assert_eq!(allowance, Ok(expect));
    }

    #[test]
    fn an_hour_with_nothing_says_when_it_ends() {
        let hold = allowance("old", &budget(), &Share::default(), at("2026-11-27T23:10:30Z")).expect_err("nothing");
        assert_eq!((&hold.limit, hold.until), (&Limit::Hours, Some(at("2026-11-28T02:30:00Z"))));
        assert_eq!(
            hold.activity(),
            Activity::Throttled {
                reason: "old may not be used at this hour".to_owned(),
                until: Some(at("2026-11-28T02:30:00Z"))
            }
        );
        let mut never = budget();
        never.hours =
            vec![Hours { days: [true; 7], from: Time::midnight(), until: Time::midnight(), ..never.hours[1].clone() }];
        let hold = allowance("old", &never, &Share::default(), at("2026-11-27T23:10:30Z")).expect_err("nothing");
        assert_eq!(hold.until, None);
    }

    #[test]
    fn what_the_endpoint_asks_for_is_obeyed_and_told() {
        let now = at("2026-11-28T12:00:00Z");
        let mut share = Share::default();
        share.paused(now, SignedDuration::from_secs(90), "Backoff 90000 milliseconds");
        let hold = allowance("new", &budget(), &share, now + SignedDuration::from_secs(89)).expect_err("a pause");
        assert_eq!(hold.to_string(), "new asks us to wait: Backoff 90000 milliseconds");
        assert_eq!(hold.until, Some(now + SignedDuration::from_secs(90)));
        assert!(allowance("new", &budget(), &share, now + SignedDuration::from_secs(90)).is_ok());
    }

    #[test]
    fn connections_in_use_are_waited_for() {
        let hold = Hold { endpoint: "old".to_owned(), limit: Limit::Connections, until: None };
        assert_eq!(hold.activity(), Activity::Waiting { reason: WaitReason::Budget { endpoint: "old".to_owned() } });
    }
}
