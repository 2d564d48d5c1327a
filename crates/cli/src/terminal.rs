//! How text reaches a person: colours only where they are wanted, nothing that could drive the terminal, numbers that
//! can be read.

use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::IsTerminal;
use std::time::Duration;

use unicode_width::UnicodeWidthStr;

/// Whether text may be coloured.
#[derive(Clone, Copy, Debug)]
pub struct Paint(bool);

impl Paint {
    /// For standard output.
    pub fn stdout() -> Self {
        Self(std::io::stdout().is_terminal() && colours_are_wanted())
    }

    /// For standard error.
    pub fn stderr() -> Self {
        Self(std::io::stderr().is_terminal() && colours_are_wanted())
    }

    /// No colours.
    #[cfg(test)]
    pub fn off() -> Self {
        Self(false)
    }

    /// Whether there are colours.
    pub fn is_on(self) -> bool {
        self.0
    }

    pub fn bold(self, text: &str) -> String {
        self.wrap("1", text)
    }

    pub fn red(self, text: &str) -> String {
        self.wrap("1;31", text)
    }

    pub fn green(self, text: &str) -> String {
        self.wrap("32", text)
    }

    pub fn yellow(self, text: &str) -> String {
        self.wrap("33", text)
    }

    pub fn cyan(self, text: &str) -> String {
        self.wrap("36", text)
    }

    fn wrap(self, code: &str, text: &str) -> String {
        if self.0 { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `NO_COLOR` (no-color.org): any value but an empty one turns colours off.
fn colours_are_wanted() -> bool {
    let refused = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
    !refused && !dumb
}

/// The text with all that could drive a terminal, or turn its writing round, shown as `\u{…}`: names of folders and
/// words of servers come from strangers.
pub fn clean(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut cleaned = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_unsafe(c) {
            cleaned.extend(c.escape_unicode());
        } else {
            cleaned.push(c);
        }
    }
    Cow::Owned(cleaned)
}

fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A number with its thousands apart: `1,234,567`.
pub fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// `1 message`, `2 messages`.
pub fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", count(number), if number == 1 { one } else { many })
}

/// Bytes in decimal units: `999 B`, `1.0 kB`, `12.3 GB`.
pub fn bytes(number: u64) -> String {
    const UNITS: [&str; 6] = ["kB", "MB", "GB", "TB", "PB", "EB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A time span in its two largest units: `40 ms`, `1.4 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`.
pub fn span(time: Duration) -> String {
    if time < Duration::from_secs(1) {
        return format!("{} ms", time.as_millis());
    }
    if time < Duration::from_secs(10) {
        return format!("{:.1} s", time.as_secs_f64());
    }
    let seconds = time.as_secs() + u64::from(time.subsec_millis() >= 500);
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3600 => format!("{} min {} s", seconds / 60, seconds % 60),
        3600..86_400 => format!("{} h {} min", seconds / 3600, seconds % 3600 / 60),
        _ => format!("{} d {} h", seconds / 86_400, seconds % 86_400 / 3600),
    }
}

/// On which side a column's text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Align {
    Left,
    Right,
}

/// Lines of a table with a heading; columns two spaces apart, without spaces at line ends. Cells are cleaned.
pub fn table(heading: &[(&str, Align)], rows: &[Vec<String>], paint: Paint) -> String {
    let rows: Vec<Vec<Cow<'_, str>>> = rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()).collect();
    let mut widths: Vec<usize> = heading.iter().map(|(title, _)| title.width()).collect();
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.width());
        }
    }
    let line = |cells: &mut dyn Iterator<Item = &str>| {
        let mut line = String::new();
        for (index, ((cell, width), (_, align))) in cells.zip(&widths).zip(heading).enumerate() {
            if index > 0 {
                line.push_str("  ");
            }
            let padding = " ".repeat(width - cell.width());
            match align {
                Align::Left => line.extend([cell, &padding]),
                Align::Right => line.extend([padding.as_str(), cell]),
            }
        }
        line.truncate(line.trim_end().len());
        line
    };
    let mut text = String::new();
    let _ = writeln!(text, "{}", paint.bold(&line(&mut heading.iter().map(|(title, _)| *title))));
    for row in &rows {
        let _ = writeln!(text, "{}", line(&mut row.iter().map(AsRef::as_ref)));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_can_be_read() {
        for (number, text) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(count(number), text);
        }
        for (number, text) in
            [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (999_960, "1.0 MB"), (12_345_678_901, "12.3 GB")]
        {
            assert_eq!(bytes(number), text);
        }
        for (seconds, text) in [
            (0.042, "42 ms"),
            (1.42, "1.4 s"),
            (12.6, "13 s"),
            (200.0, "3 min 20 s"),
            (7500.0, "2 h 5 min"),
            (273_600.0, "3 d 4 h"),
        ] {
            assert_eq!(span(Duration::from_secs_f64(seconds)), text);
        }
    }

    #[test]
    fn a_strangers_text_cannot_drive_the_terminal() {
        assert_eq!(clean("a\u{1b}]0;x\u{7}b\n"), "a\\u{1b}]0;x\\u{7}b\\u{a}");
        assert_eq!(clean("\u{202e}txt"), "\\u{202e}txt");
        assert_eq!(clean("Entwürfe 🦆"), "Entwürfe 🦆");
    }

    #[test]
    fn a_table_lines_up_by_width_on_the_screen() {
        let rows = vec![vec!["Entwürfe".into(), "1".into()], vec!["予定".into(), "1,000".into()]];
        let heading = [("folder", Align::Left), ("messages", Align::Right)];
        assert_eq!(
            table(&heading, &rows, Paint::off()),
            "folder    messages\nEntwürfe         1\n予定         1,000\n"
        );
    }
}
