//! The smallest changes that make a message acceptable to a target that refuses it, each with a name.
//!
//! A [`Mender`] makes them as the bytes pass, in bounded memory. None of them takes away what a person can read.

use std::fmt;

/// Bytes of a line, without its line end, that every server takes (RFC 5322 §2.1.1).
const LONGEST_LINE: usize = 998;

/// A change with a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Mend {
    /// A line feed or carriage return on its own becomes both (RFC 5322 §2.3). Cyrus: "Message contains bare newlines".
    LineEnds = 1,
    /// NUL bytes are taken out (RFC 3501 §4.3.1). Cyrus: "Message contains NUL characters".
    Nul = 2,
    /// Lines of more than 998 bytes are folded in the header, and broken in the body.
    LongLines = 4,
    /// The `From ` line of an mbox, before the header, is taken out.
    MboxLine = 8,
    /// An empty line is put where the header ends without one: before a line that is no header field, or at the end. Cyrus:
    /// "Message contains invalid header", "Message has no header/body separator".
    HeaderEnd = 16,
}

impl Mend {
    const ALL: [Self; 5] = [Self::LineEnds, Self::Nul, Self::LongLines, Self::MboxLine, Self::HeaderEnd];

    /// What was done, for people.
    fn words(self) -> &'static str {
        match self {
            Self::LineEnds => "bare line ends made CRLF",
            Self::Nul => "NUL bytes taken out",
            Self::LongLines => "lines over 998 bytes broken",
            Self::MboxLine => "the From line of an mbox taken out",
            Self::HeaderEnd => "an empty line put where the header ends",
        }
    }
}

/// Changes made together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Mends(u8);

impl Mends {
    /// Every change there is.
    pub fn all() -> Self {
        Mend::ALL.into_iter().fold(Self::default(), Self::with)
    }

    /// No change at all.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the change is among them.
    pub fn has(self, mend: Mend) -> bool {
        self.0 & mend as u8 != 0
    }

    fn with(self, mend: Mend) -> Self {
        Self(self.0 | mend as u8)
    }

    /// What to try, the smallest first: each change alone, then all together.
    pub fn to_try(self) -> Vec<Self> {
        let singles = Mend::ALL.into_iter().filter(|mend| self.has(*mend)).map(|mend| Self::default().with(mend));
        let mut to_try: Vec<Self> = singles.collect();
        if to_try.len() > 1 {
            to_try.push(self);
        }
        to_try
    }
}

impl fmt::Display for Mends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let words: Vec<&str> = Mend::ALL.into_iter().filter(|mend| self.has(*mend)).map(|mend| mend.words()).collect();
        f.write_str(&words.join(", "))
    }
}

/// Mends one message as its bytes pass.
#[derive(Debug)]
pub struct Mender {
    mends: Mends,
    changed: Mends,
    after_cr: bool,
    in_header: bool,
    first_line: bool,
    /// The line under way began with bytes that have been passed on.
    broken: bool,
    line: Vec<u8>,
}

impl Mender {
    /// Makes these changes where they are needed.
    pub fn new(mends: Mends) -> Self {
        let (changed, line) = (Mends::default(), Vec::new());
        Self { mends, changed, after_cr: false, in_header: true, first_line: true, broken: false, line }
    }

    /// Takes some of the message's bytes, and adds what becomes of them to `out`; at most a line is held back.
    pub fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        for &byte in bytes {
            if byte == 0 && self.makes(Mend::Nul) {
                continue;
            }
            let bare = match byte {
                b'\n' => !self.after_cr,
                _ => self.after_cr,
            };
            let mended = bare && self.makes(Mend::LineEnds);
            if mended {
                self.put(if byte == b'\n' { b'\r' } else { b'\n' }, out);
            }
            self.after_cr = byte == b'\r';
            self.put(byte, out);
        }
    }

    /// The message has ended: adds its last bytes to `out`, and answers the changes that were made.
    pub fn finish(mut self, out: &mut Vec<u8>) -> Mends {
        if self.after_cr && self.makes(Mend::LineEnds) {
            self.put(b'\n', out);
        }
        let unended = !self.line.is_empty() || self.broken;
        if self.in_header && !self.line.is_empty() {
            self.look_at_header_line(out);
        }
        out.append(&mut self.line);
        if self.in_header && self.makes(Mend::HeaderEnd) {
            out.extend_from_slice(if unended { b"\r\n\r\n" } else { b"\r\n" });
        }
        self.changed
    }

    /// Whether that change is wanted; it is then taken to be made.
    fn makes(&mut self, mend: Mend) -> bool {
        let wanted = self.mends.has(mend);
        if wanted {
            self.changed = self.changed.with(mend);
        }
        wanted
    }

    fn put(&mut self, byte: u8, out: &mut Vec<u8>) {
        self.line.push(byte);
        if byte == b'\n' {
            if self.in_header {
                self.look_at_header_line(out);
            }
            out.append(&mut self.line);
            (self.first_line, self.broken) = (false, false);
        } else if self.line.len() > LONGEST_LINE && !(byte == b'\r' && self.line.len() == LONGEST_LINE + 1) {
            self.pass_on_a_long_line(out);
        }
    }

    /// Finds out whether the line under way still belongs to the header.
    fn look_at_header_line(&mut self, out: &mut Vec<u8>) {
        if std::mem::replace(&mut self.broken, false) {
            return;
        }
        let is_mbox_line = self.first_line && self.line.starts_with(b"From ") && self.line.ends_with(b"\n");
        if self.line.iter().all(|byte| matches!(byte, b'\r' | b'\n')) {
            self.in_header = false;
        } else if is_mbox_line && self.makes(Mend::MboxLine) {
            self.line.clear();
        } else if !belongs_to_header(&self.line, self.first_line) && self.makes(Mend::HeaderEnd) {
            out.extend_from_slice(b"\r\n");
            self.in_header = false;
        }
    }

    fn pass_on_a_long_line(&mut self, out: &mut Vec<u8>) {
        if self.in_header {
            self.look_at_header_line(out);
            if self.line.is_empty() {
                return;
            }
        }
        self.broken = true;
        if !self.makes(Mend::LongLines) {
            out.append(&mut self.line);
            return;
        }
        // Folded before white space (RFC 5322 §2.2.3), so that unfolding gives the field back.
        let fold =
            self.line.iter().rposition(|byte| matches!(byte, b' ' | b'\t')).filter(|at| self.in_header && *at > 1);
        let rest = self.line.split_off(fold.unwrap_or(LONGEST_LINE));
        out.append(&mut self.line);
        out.extend_from_slice(b"\r\n");
        if self.in_header && fold.is_none() {
            self.line.push(b' ');
        }
        self.line.extend(rest);
    }
}

/// Whether a line can stand in a header: a field, or the continuation of one (RFC 5322 §2.2). A line that is longer than what is
/// seen of it must have its colon in that.
fn belongs_to_header(line: &[u8], first: bool) -> bool {
    if line.first().is_some_and(|byte| matches!(byte, b' ' | b'\t')) {
        return !first;
    }
    let Some(colon) = memchr::memchr(b':', line) else { return false };
    let name = line[..colon].trim_ascii_end();
    !name.is_empty() && name.iter().all(u8::is_ascii_graphic)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(message: &[u8], mends: Mends, cut: usize) -> (Vec<u8>, Mends) {
        let (mut mender, mut out) = (Mender::new(mends), Vec::new());
        mender.feed(&message[..cut], &mut out);
        mender.feed(&message[cut..], &mut out);
        let changed = mender.finish(&mut out);
        (out, changed)
    }

    #[track_caller]
    fn check(message: &[u8], expect: &[u8], mends: &[Mend]) {
        let expected = mends.iter().fold(Mends::default(), |mends, mend| mends.with(*mend));
        for cut in 0..=message.len() {
            let (out, changed) = mended(message, Mends::all(), cut);
            assert_eq!(String::from_utf8_lossy(&out), String::from_utf8_lossy(expect), "cut at {cut}");
            assert_eq!(changed, expected, "{changed}");
        }
        let (again, changed) = mended(expect, Mends::all(), 0);
        assert_eq!((again.as_slice(), changed), (expect, Mends::default()), "a mended message needs no mending");
        let (same, changed) = mended(message, Mends::default(), 0);
        assert_eq!((same.as_slice(), changed), (message, Mends::default()), "nothing is changed unasked");
    }

    #[test]
    fn what_is_well_stays_as_it_is() {
        for message in
            ["A: b\r\n\r\nbody", "A: b\r\n c\r\nSubject : x\r\n\r\n", "\r\nonly a body\r\n", "A:\r\n \r\n\r\n"]
        {
            check(message.as_bytes(), message.as_bytes(), &[]);
        }
    }

    #[test]
    fn bare_line_ends_become_crlf() {
        check(b"A: b\n\nx\ry\r\n\r", b"A: b\r\n\r\nx\r\ny\r\n\r\n", &[Mend::LineEnds]);
        check(b"A: b\r\r\n\r\n", b"A: b\r\n\r\n\r\n", &[Mend::LineEnds]);
    }

    #[test]
    fn nul_bytes_are_taken_out() {
        check(b"A: \0b\r\n\r\n\0c\r\0\n\0", b"A: b\r\n\r\nc\r\n", &[Mend::Nul]);
    }

    #[test]
    fn the_header_is_ended_before_what_is_no_field_and_at_the_end() {
        check(b"A: b\r\nno field\r\nC: d\r\n\r\nx", b"A: b\r\n\r\nno field\r\nC: d\r\n\r\nx", &[Mend::HeaderEnd]);
        check(b"A: b\r\n", b"A: b\r\n\r\n", &[Mend::HeaderEnd]);
        check(b"A: b", b"A: b\r\n\r\n", &[Mend::HeaderEnd]);
        check(b"", b"\r\n", &[Mend::HeaderEnd]);
        check(b" b: c\r\n\r\n", b"\r\n b: c\r\n\r\n", &[Mend::HeaderEnd]);
        check(b"two words: c\r\n\r\n", b"\r\ntwo words: c\r\n\r\n", &[Mend::HeaderEnd]);
    }

    #[test]
    fn the_line_of_an_mbox_is_taken_out() {
        check(b"From a@b Mon\r\nA: b\r\n\r\nFrom here\r\n", b"A: b\r\n\r\nFrom here\r\n", &[Mend::MboxLine]);
    }

    #[test]
    fn long_lines_are_folded_in_the_header_and_broken_in_the_body() {
        let long = "y".repeat(LONGEST_LINE);
        check(format!("A: b\r\n\r\n{long}\r\n").as_bytes(), format!("A: b\r\n\r\n{long}\r\n").as_bytes(), &[]);
        let body = format!("A: b\r\n\r\n{long}z");
        check(body.as_bytes(), format!("A: b\r\n\r\n{long}\r\nz").as_bytes(), &[Mend::LongLines]);
        let words = format!("A: {} {}\r\n\r\n", "x".repeat(600), "y".repeat(600));
        let folded = format!("A: {}\r\n {}\r\n\r\n", "x".repeat(600), "y".repeat(600));
        check(words.as_bytes(), folded.as_bytes(), &[Mend::LongLines]);
        let (one, rest) = ("x".repeat(LONGEST_LINE - 2), "x".repeat(10));
        let solid = format!("A:{one}{rest}\r\n\r\n");
        check(solid.as_bytes(), format!("A:{one}\r\n {rest}\r\n\r\n").as_bytes(), &[Mend::LongLines]);
    }

    #[test]
    fn each_change_is_tried_alone_before_all_together() {
        let (_, changed) = mended(b"A: b\n\0c", Mends::all(), 0);
        let words: Vec<String> = changed.to_try().iter().map(ToString::to_string).collect();
        let all = "bare line ends made CRLF, NUL bytes taken out, an empty line put where the header ends";
        assert_eq!(words.last().map(String::as_str), Some(all));
        assert_eq!(words.len(), 4);
        assert_eq!(Mends::default().to_try(), []);
    }
}
