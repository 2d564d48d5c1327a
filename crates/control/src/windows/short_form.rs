//! How are a window's times written, in files and by people?
//!
//! `Mon-Thu 18:00-06:00` is an opening on each of these days, which closes at the next 06:00. `Fri 18:00 - Mon 06:00` is one opening
//! over several days. A comma stands between several: `Mon-Thu 18:00-06:00, Fri 18:00 - Mon 06:00`. Midnight is `00:00`; a closing
//! time that is not later than the opening time is of the next day, or, where a day is named, of the next such day.
//!
//! Capitals, blanks and the kind of dash do not matter; days may be written out.

use std::fmt;

use jiff::civil::{Time, Weekday};
use limosa_model::programme::Opening;

const DAYS: [(Weekday, &str, &str); 7] = [
    (Weekday::Monday, "Mon", "monday"),
    (Weekday::Tuesday, "Tue", "tuesday"),
    (Weekday::Wednesday, "Wed", "wednesday"),
    (Weekday::Thursday, "Thu", "thursday"),
    (Weekday::Friday, "Fri", "friday"),
    (Weekday::Saturday, "Sat", "saturday"),
    (Weekday::Sunday, "Sun", "sunday"),
];

/// What cannot be read, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ShortFormError {
    /// There is nothing between two commas, or nothing at all.
    #[error("an opening is missing in `{text}`; hint: write it as in `Mon-Thu 18:00-06:00`")]
    Missing {
        /// All of it.
        text: String,
    },
    /// Something that is no day stands where one should.
    #[error("`{part}` in `{opening}` is not a day; hint: days are Mon, Tue, Wed, Thu, Fri, Sat, Sun")]
    Day {
        /// What cannot be read.
        part: String,
        /// The opening that it is part of.
        opening: String,
    },
    /// Something that is no time stands where one should.
    #[error("`{part}` in `{opening}` is not a time; hint: times go from 00:00, which is midnight, to 23:59")]
    Time {
        /// What cannot be read.
        part: String,
        /// The opening that it is part of.
        opening: String,
    },
    /// The parts are right, and their order is not.
    #[error("`{opening}` is not an opening; hint: write `Mon-Thu 18:00-06:00` or `Fri 18:00 - Mon 06:00`")]
    Shape {
        /// The opening.
        opening: String,
    },
}

/// Reads openings from their short form.
///
/// # Errors
/// [`ShortFormError`], naming the part that cannot be read.
pub fn parse(text: &str) -> Result<Vec<Opening>, ShortFormError> {
    let mut openings = Vec::new();
    for part in text.split(',').map(str::trim) {
        if part.is_empty() {
            return Err(ShortFormError::Missing { text: text.to_owned() });
        }
        parse_one(part, &mut openings)?;
    }
    Ok(openings)
}

/// A word of the short form.
#[derive(Clone, Copy)]
enum Word {
    Day(Weekday),
    Time(Time),
    Dash,
}

fn parse_one(text: &str, openings: &mut Vec<Opening>) -> Result<(), ShortFormError> {
    use Word::{Dash, Day, Time};

    let opening = |opens_on, opens_at, closes_on, closes_at| Opening { opens_on, opens_at, closes_on, closes_at };
    let overnight = |day: Weekday, from, until| opening(day, from, if until > from { day } else { day.next() }, until);
    match words(text)?[..] {
        [Day(day), Time(from), Dash, Time(until)] => openings.push(overnight(day, from, until)),
        [Day(first), Dash, Day(last), Time(from), Dash, Time(until)] => {
            let days = first.cycle_forward().take(first.until(last).unsigned_abs() as usize + 1);
            openings.extend(days.map(|day| overnight(day, from, until)));
        }
        [Day(opens), Time(from), Dash, Day(closes), Time(until)] => openings.push(opening(opens, from, closes, until)),
        _ => return Err(ShortFormError::Shape { opening: text.to_owned() }),
    }
    Ok(())
}

fn words(text: &str) -> Result<Vec<Word>, ShortFormError> {
    let is_dash = |letter: char| matches!(letter, '-' | '–' | '—');
    let spaced: String =
        text.chars().map(|letter| if is_dash(letter) { " - ".to_owned() } else { letter.into() }).collect();
    spaced.split_whitespace().map(|part| word(part, text)).collect()
}

fn word(part: &str, opening: &str) -> Result<Word, ShortFormError> {
    let (part_text, opening) = (part.to_owned(), opening.to_owned());
    match part {
        "-" => Ok(Word::Dash),
        _ if part.starts_with(|first: char| first.is_ascii_digit()) => {
            time(part).map(Word::Time).ok_or(ShortFormError::Time { part: part_text, opening })
        }
        _ => day(part).map(Word::Day).ok_or(ShortFormError::Day { part: part_text, opening }),
    }
}

fn day(part: &str) -> Option<Weekday> {
    let part = part.to_lowercase();
    DAYS.into_iter().find(|(_, short, long)| part == *long || part == short.to_lowercase()).map(|(day, ..)| day)
}

/// `H:MM` or `HH:MM`.
fn time(part: &str) -> Option<Time> {
    let (hour, minute) = part.split_once(':')?;
    let is_digits = |part: &str| part.bytes().all(|letter| letter.is_ascii_digit());
    if hour.len() > 2 || minute.len() != 2 || !is_digits(hour) || !is_digits(minute) {
        return None;
    }
    Time::new(hour.parse().ok()?, minute.parse().ok()?, 0, 0).ok()
}

/// Openings in their short form; [`parse`] reads them again. Seconds are not written.
#[derive(Clone, Copy, Debug)]
pub struct ShortForm<'a>(pub &'a [Opening]);

impl fmt::Display for ShortForm<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(first) = rest.first() {
            if rest.len() < self.0.len() {
                formatter.write_str(", ")?;
            }
            let alike = alike(rest);
            let (days, others) = rest.split_at(alike);
            rest = others;
            let (opens, closes) = (name(first.opens_on), name(first.closes_on));
            let (from, until) = (first.opens_at.strftime("%H:%M"), first.closes_at.strftime("%H:%M"));
            match days.last() {
                Some(last) if alike > 1 => write!(formatter, "{opens}-{} {from}-{until}", name(last.opens_on))?,
                _ if is_short(first) => write!(formatter, "{opens} {from}-{until}")?,
                _ => write!(formatter, "{opens} {from} - {closes} {until}")?,
            }
        }
        Ok(())
    }
}

/// How many openings at the beginning can be written as one: the same times on days that follow one another, at most a week.
fn alike(openings: &[Opening]) -> usize {
    let Some(first) = openings.first().filter(|first| is_short(first)) else { return 1 };
    let expected = first.opens_on.cycle_forward().take(7);
    let same = |(opening, day): &(&Opening, Weekday)| {
        let times = (opening.opens_at, opening.closes_at) == (first.opens_at, first.closes_at);
        opening.opens_on == *day && times && is_short(opening)
    };
    openings.iter().zip(expected).take_while(same).count()
}

/// Whether an opening closes at the first such time after it opens, so that its day need not be written.
fn is_short(opening: &Opening) -> bool {
    let same_day = opening.closes_at > opening.opens_at;
    opening.closes_on == if same_day { opening.opens_on } else { opening.opens_on.next() }
}

fn name(day: Weekday) -> &'static str {
    DAYS[day.to_monday_zero_offset().unsigned_abs() as usize].1
}
