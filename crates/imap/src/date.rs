//! When did a message arrive, as IMAP says it: `date-time` of RFC 3501 §9, read leniently, written strictly.

use std::fmt;

use crate::bytes_ext::{leading_number, trim_start};

/// A message's internal date: the moment and the zone in which the server told it.
///
/// The zone is kept because it is part of what the server said: written back unchanged, a copied
/// message shows the same text on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InternalDate {
    /// Seconds since 1970-01-01 00:00:00 UTC.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

const MONTHS: [&[u8; 3]; 12] =
    [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];

/// Seconds of the first and the last moment that four digits of year can say.
const FIRST_SECOND: i64 = -62_135_596_800;
const LAST_SECOND: i64 = 253_402_300_799;

impl InternalDate {
    /// A moment in UTC.
    pub const fn utc(seconds: i64) -> Self {
        Self { seconds, offset_minutes: 0 }
    }

    /// Reads a date as servers send it, without its quotes.
    ///
    /// Beyond the standard's `17-Jul-1996 02:44:25 -0700` these are understood: one digit or a
    /// leading space for the day, spaces for the hyphens, a weekday before and a zone name or none
    /// (UTC) after, `+02:00`, years of two digits. `None` for what is no date: Domino's
    /// `00-Jan-0000`, days that the month does not have, hours above 23.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        parse_fixed(bytes).or_else(|| parse_lenient(bytes))
    }

    /// The strict wire form without quotes, 26 bytes: `17-Jul-1996 02:44:25 -0700`.
    /// A moment outside the years 1 to 9999 is moved to the nearest one inside.
    pub fn format(self) -> String {
        let local = (self.seconds + i64::from(self.offset_minutes) * 60).clamp(FIRST_SECOND, LAST_SECOND);
        let (year, month, day) = civil_from_days(local.div_euclid(86_400));
        let second = local.rem_euclid(86_400);
        let month = MONTHS[(month - 1) as usize];
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let offset = self.offset_minutes.unsigned_abs();
        format!(
            "{day:02}-{}{}{}-{year:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            month[0] as char,
            month[1] as char,
            month[2] as char,
            second / 3600,
            second / 60 % 60,
            second % 60,
            offset / 60,
            offset % 60,
        )
    }

    /// The day alone, as `SEARCH SINCE` wants it: `17-Jul-1996`.
    pub fn format_day(self) -> String {
        let mut text = self.format();
        text.truncate(11);
        text
    }
}

impl fmt::Display for InternalDate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.format())
    }
}

/// The form that nearly every server sends, at fixed places: the hot path of a listing.
fn parse_fixed(bytes: &[u8]) -> Option<InternalDate> {
    let bytes: &[u8; 26] = bytes.try_into().ok()?;
    let punctuation = bytes[2] == b'-'
        && bytes[6] == b'-'
        && bytes[11] == b' '
        && bytes[14] == b':'
        && bytes[17] == b':'
        && bytes[20] == b' ';
    if !punctuation {
        return None;
    }
    let digit = |at: usize| -> u32 { u32::from(bytes[at].wrapping_sub(b'0')) };
    let mut worst = 0;
    let mut two = |at: usize| -> u32 {
        let (tens, ones) = (digit(at), digit(at + 1));
        worst = worst.max(tens).max(ones);
        tens * 10 + ones
    };
    let day = if bytes[0] == b' ' { two(1) } else { two(0) };
    if bytes[0] == b' ' {
        return None;
    }
    let year = two(7) * 100 + two(9);
    let (hour, minute, second) = (two(12), two(15), two(18));
    let (zone_hours, zone_minutes) = (two(22), two(24));
    if worst > 9 {
        return None;
    }
    let month = month_number(&bytes[3..6])?;
    let sign = match bytes[21] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    build(year, month, day, [hour, minute, second], sign, zone_hours, zone_minutes)
}

fn parse_lenient(bytes: &[u8]) -> Option<InternalDate> {
    let mut rest = trim_start(bytes);
    if let Some(comma) = rest.iter().take(10).position(|&byte| byte == b',') {
        rest = trim_start(&rest[comma + 1..]);
    }
    let (day, after) = field(rest, 2)?;
    rest = separator(after, b"- ")?;
    let month = month_number(rest.get(..3)?)?;
    rest = separator(&rest[3..], b"- ")?;
    let (year, length) = leading_number(rest)?;
    let year = match length {
        1 | 2 if year < 50 && length == 2 => year + 2000,
        2 | 3 => year + 1900,
        4 => year,
        _ => return None,
    };
    rest = trim_start(separator(&rest[length..], b" T")?);
    let (hour, after) = field(rest, 2)?;
    let (minute, after) = field(separator(after, b":")?, 2)?;
    rest = after;
    let mut second = 0;
    if let Some(after) = rest.strip_prefix(b":") {
        (second, rest) = field(after, 2)?;
    }
    if let Some(after) = rest.strip_prefix(b".") {
        rest = &after[leading_number(after)?.1..];
    }
    let zone = trim_start(rest).trim_ascii_end();
    let (sign, zone_hours, zone_minutes) = parse_zone(zone)?;
    build(u32::try_from(year).ok()?, month, day, [hour, minute, second], sign, zone_hours, zone_minutes)
}

fn parse_zone(zone: &[u8]) -> Option<(i32, u32, u32)> {
    let sign = match zone.first() {
        None => return Some((1, 0, 0)),
        Some(b'+') => 1,
        Some(b'-') => -1,
        Some(_) => {
            // RFC 5322 §4.3 gives these names their meaning.
            let hours = match zone.to_ascii_uppercase().as_slice() {
                b"UT" | b"UTC" | b"GMT" | b"Z" => 0,
                b"EDT" => 4,
                b"EST" | b"CDT" => 5,
                b"CST" | b"MDT" => 6,
                b"MST" | b"PDT" => 7,
                b"PST" => 8,
                _ => return None,
            };
            return Some((-1, hours, 0));
        }
    };
    let (hours, rest) = field(&zone[1..], 2)?;
    let rest = rest.strip_prefix(b":").unwrap_or(rest);
    let (minutes, rest) = field(rest, 2)?;
    // A comment such as "(CEST)" may follow.
    (rest.is_empty() || rest[0] == b' ').then_some((sign, hours, minutes))
}

fn field(bytes: &[u8], max_digits: usize) -> Option<(u32, &[u8])> {
    let digits = &bytes[..bytes.len().min(max_digits)];
    let (value, length) = leading_number(digits)?;
    Some((u32::try_from(value).ok()?, &bytes[length..]))
}

fn separator<'a>(bytes: &'a [u8], allowed: &[u8]) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_first()?;
    allowed.contains(first).then_some(rest)
}

fn month_number(name: &[u8]) -> Option<u32> {
    let index = MONTHS.iter().position(|month| name.eq_ignore_ascii_case(*month))?;
    Some(index as u32 + 1)
}

fn build(
    year: u32,
    month: u32,
    day: u32,
    [hour, minute, second]: [u32; 3],
    zone_sign: i32,
    zone_hours: u32,
    zone_minutes: u32,
) -> Option<InternalDate> {
    // Second 60 is a leap second; the next second is the same moment for everybody who keeps mail.
    let valid = (1..=9999).contains(&year)
        && (1..=days_in_month(year, month)).contains(&day)
        && hour < 24
        && minute < 60
        && second <= 60
        && zone_hours < 24
        && zone_minutes < 60;
    if !valid {
        return None;
    }
    let offset_minutes = zone_sign * (zone_hours * 60 + zone_minutes) as i32;
    let local = days_from_civil(i64::from(year), month, day) * 86_400 + i64::from(hour * 3600 + minute * 60 + second);
    Some(InternalDate { seconds: local - i64::from(offset_minutes) * 60, offset_minutes: offset_minutes as i16 })
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 of a Gregorian date, by counting 400-year eras from 1 March
/// (Hinnant, "chrono-Compatible Low-Level Date Algorithms").
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((i64::from(month) + 9) % 12) + 2) / 5 + i64::from(day) - 1;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    era * 146_097 + day_of_era - 719_468
}

/// The inverse of [`days_from_civil`].
fn civil_from_days(days: i64) -> (i64, u32, u32) {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * shifted_month + 2) / 5 + 1) as u32;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 } as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day)
}
