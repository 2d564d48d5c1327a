//! When is a window open?
//!
//! A window opens by the clocks of its zone, and those are changed twice a year. A time of the clock becomes an instant by one rule, for
//! opening and closing alike: **a time that the clock skips is the moment at which it skips; a time that it shows twice is the first of
//! the two.** An occurrence is therefore longer or shorter than others by what the clock was changed, its neighbours never come to
//! overlap it, and one that would lie wholly in the skipped hour does not take place.
//!
//! **An occurrence that touches a freeze day does not take place**, rather than being cut at midnight: its capacity was meant for all
//! of it, and on the morning after a cutover people must be there to help.

mod short_form;
#[cfg(test)]
mod tests;

use jiff::civil::{Date, DateTime};
use jiff::tz::{AmbiguousOffset, TimeZone};
use jiff::{SignedDuration, Span, Timestamp};
use limosa_model::programme::{Freeze, Opening, Window};

pub use short_form::{ShortForm, ShortFormError, parse};

/// No opening is longer than a week and a day, however the clocks are changed meanwhile.
const LONGEST: i64 = 8;

/// One time that a window is open: from `opens` until just before `closes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Occurrence {
    /// The first instant.
    pub opens: Timestamp,
    /// The first instant after it.
    pub closes: Timestamp,
}

impl Occurrence {
    /// How long it is open.
    pub fn length(&self) -> SignedDuration {
        self.opens.duration_until(self.closes)
    }

    /// Whether it is open at an instant.
    pub fn contains(&self, now: Timestamp) -> bool {
        self.opens <= now && now < self.closes
    }
}

/// What is wrong with a window.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WindowError {
    /// It has no opening.
    #[error("the window {window} has no time at which it opens; hint: give it one, as in `Mon-Thu 18:00-06:00`")]
    NoOpenings {
        /// Its name.
        window: String,
    },
    /// Two openings share time, so that one instant would belong to two occurrences.
    #[error(
        "the openings `{first}` and `{second}` of the window {window} overlap; hint: make them one, or close the first earlier"
    )]
    Overlap {
        /// Its name.
        window: String,
        /// The one.
        first: String,
        /// The other.
        second: String,
    },
    /// A freeze ends before it begins.
    #[error(
        "the freeze `{reason}` of the window {window} ends on {until}, before it begins on {from}; hint: exchange its days"
    )]
    Backwards {
        /// Its name.
        window: String,
        /// What the freeze is for.
        reason: String,
        /// Its first day.
        from: Date,
        /// Its last day.
        until: Date,
    },
    /// Freezes leave nothing of it.
    #[error(
        "the window {window} never opens after {from}: `{reason}` freezes it until {until}; hint: shorten that freeze"
    )]
    NeverOpens {
        /// Its name.
        window: String,
        /// From then on.
        from: Timestamp,
        /// What the last freeze is for.
        reason: String,
        /// Its last day.
        until: Date,
    },
}

/// Looks for all that is wrong with a window, seen from `from` on.
///
/// # Errors
/// The first thing found.
pub fn check(window: &Window, from: Timestamp) -> Result<(), WindowError> {
    let name = || window.name.clone();
    if window.openings.is_empty() {
        return Err(WindowError::NoOpenings { window: name() });
    }
    if let Some((first, second)) = overlapping(&window.openings) {
        let text = |opening: &Opening| ShortForm(std::slice::from_ref(opening)).to_string();
        return Err(WindowError::Overlap { window: name(), first: text(first), second: text(second) });
    }
    if let Some(freeze) = window.freezes.iter().find(|freeze| freeze.until < freeze.from) {
        let Freeze { from, until, reason } = freeze.clone();
        return Err(WindowError::Backwards { window: name(), reason, from, until });
    }
    if next_opening(window, from).is_some() {
        return Ok(());
    }
    match window.freezes.iter().max_by_key(|freeze| freeze.until) {
        Some(Freeze { until, reason, .. }) => {
            Err(WindowError::NeverOpens { window: name(), from, reason: reason.clone(), until: *until })
        }
        // Without a freeze only the end of the calendar is left, ten thousand years after Christ.
        None => Err(WindowError::NoOpenings { window: name() }),
    }
}

/// The occurrence that is open at `now`.
pub fn open_at(window: &Window, now: Timestamp) -> Option<Occurrence> {
    occurrences(window, now).next().filter(|occurrence| occurrence.contains(now))
}

/// Whether it is open at `now`.
pub fn is_open(window: &Window, now: Timestamp) -> bool {
    open_at(window, now).is_some()
}

/// The first occurrence that opens at `now` or later; `None` where there is none.
pub fn next_opening(window: &Window, now: Timestamp) -> Option<Occurrence> {
    occurrences(window, now).find(|occurrence| occurrence.opens >= now)
}

/// All occurrences that close after `from`, by time. The first may have opened before.
///
/// Each step looks at a few weeks and leaps over freezes, so that the end is found in bounded time where there are no more.
pub fn occurrences(window: &Window, from: Timestamp) -> Occurrences<'_> {
    let today = window.zone.to_datetime(from).date();
    let date = today.checked_sub(Span::new().days(LONGEST)).unwrap_or(Date::MIN);
    let mut openings: Vec<_> = window.openings.iter().collect();
    openings.sort_by_key(|opening| opening.opens_at);
    Occurrences { window, openings, from, date: Some(date), position: 0 }
}

/// What [`occurrences`] gives.
#[derive(Clone, Debug)]
pub struct Occurrences<'a> {
    window: &'a Window,
    /// By time of day.
    openings: Vec<&'a Opening>,
    from: Timestamp,
    /// The day that is looked at; `None` after the last of the calendar.
    date: Option<Date>,
    /// The opening that is looked at next.
    position: usize,
}

impl Iterator for Occurrences<'_> {
    type Item = Occurrence;

    fn next(&mut self) -> Option<Occurrence> {
        if self.openings.is_empty() {
            return None;
        }
        loop {
            let date = self.date?;
            let Some(opening) = self.openings.get(self.position) else {
                (self.date, self.position) = (date.tomorrow().ok(), 0);
                continue;
            };
            self.position += 1;
            if opening.opens_on != date.weekday() {
                continue;
            }
            let (opens, closes) = clock_times(opening, date)?;
            if let Some(freeze) = self.window.freezes.iter().find(|freeze| touches(freeze, opens, closes)) {
                if freeze.from <= date {
                    // Whatever opens on a day of the freeze touches it.
                    (self.date, self.position) = (freeze.until.tomorrow().ok(), 0);
                }
                continue;
            }
            let occurrence =
                Occurrence { opens: instant(&self.window.zone, opens)?, closes: instant(&self.window.zone, closes)? };
            if occurrence.closes > self.from && occurrence.opens < occurrence.closes {
                return Some(occurrence);
            }
        }
    }
}

/// When an opening that opens on `date` opens and closes by the clock; `None` beyond the end of the calendar.
fn clock_times(opening: &Opening, date: Date) -> Option<(DateTime, DateTime)> {
    let opens = date.to_datetime(opening.opens_at);
    let days = match opening.opens_on.until(opening.closes_on) {
        0 if opening.closes_at <= opening.opens_at => 7,
        days => i64::from(days),
    };
    let closing_date = date.checked_add(Span::new().days(days)).ok()?;
    Some((opens, closing_date.to_datetime(opening.closes_at)))
}

/// The instant at which the clock shows a time: see the rule at the top. `None` at the ends of the calendar.
fn instant(zone: &TimeZone, time: DateTime) -> Option<Timestamp> {
    let ambiguous = zone.to_ambiguous_timestamp(time);
    match ambiguous.offset() {
        AmbiguousOffset::Unambiguous { .. } | AmbiguousOffset::Fold { .. } => ambiguous.earlier().ok(),
        // The earlier reading of a skipped time lies before the change, by as much as the time is from the end of the gap.
        AmbiguousOffset::Gap { .. } => {
            let before = ambiguous.earlier().ok()?;
            zone.following(before).next().map(|change| change.timestamp())
        }
    }
}

/// Whether an opening from `opens` until just before `closes` has a moment on a day of the freeze.
fn touches(freeze: &Freeze, opens: DateTime, closes: DateTime) -> bool {
    let begins = freeze.from.to_datetime(jiff::civil::Time::midnight());
    opens.date() <= freeze.until && closes > begins
}

/// Two openings that share a moment of the week.
fn overlapping(openings: &[Opening]) -> Option<(&Opening, &Opening)> {
    const WEEK: i64 = 7 * 24 * 3600;
    let span = |opening: &Opening| {
        // Any Monday will do.
        let monday = jiff::civil::date(2024, 1, 1);
        let date = monday + Span::new().days(i64::from(opening.opens_on.to_monday_zero_offset()));
        let (opens, closes) = clock_times(opening, date).expect("the calendar does not end in 2024");
        let seconds = |time: DateTime| time.duration_since(monday.to_datetime(jiff::civil::Time::midnight())).as_secs();
        (seconds(opens), seconds(closes))
    };
    let shares = |(opens, closes): (i64, i64), (other_opens, other_closes): (i64, i64)| {
        [-WEEK, 0, WEEK].iter().any(|shift| opens < other_closes + shift && other_opens + shift < closes)
    };
    openings.iter().enumerate().find_map(|(position, first)| {
        let second = openings[position + 1..].iter().find(|second| shares(span(first), span(second)))?;
        Some((first, second))
    })
}
