//! How do commands become bytes, and where among them must the sender wait?

use std::fmt;

use crate::bytes_ext::push_number;

/// How literals may be sent to this server (RFC 7888).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum LiteralSupport {
    /// Each one only after the server's `+`: a round trip a literal.
    #[default]
    Synchronizing,
    /// LITERAL-: without waiting up to 4,096 bytes.
    Minus,
    /// LITERAL+: without waiting.
    Plus,
}

impl LiteralSupport {
    /// Whether a literal of `size` bytes has to wait for `+`.
    pub fn must_wait(self, size: u64) -> bool {
        match self {
            Self::Synchronizing => true,
            Self::Minus => size > 4_096,
            Self::Plus => false,
        }
    }
}

/// Bytes to send, with the places where the sender must wait for the server's `+`.
///
/// Several commands can be encoded one behind the other. May hold passwords: it prints none of its
/// contents, and [`clear`](Self::clear) overwrites them.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Encoded {
    bytes: Vec<u8>,
    waits: Vec<usize>,
}

/// A stretch of bytes to be sent at once.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Segment<'a> {
    /// What to send.
    pub bytes: &'a [u8],
    /// Whether to wait for `+` after it. A tagged NO or BAD instead means that the rest of the
    /// command must not be sent.
    pub wait: bool,
}

impl fmt::Debug for Segment<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Segment({} bytes, wait: {})", self.bytes.len(), self.wait)
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Encoded({} bytes, {} waits)", self.bytes.len(), self.waits.len())
    }
}

impl Encoded {
    /// Nothing to send yet.
    pub const fn new() -> Self {
        Self { bytes: Vec::new(), waits: Vec::new() }
    }

    /// The stretches to send, in order. The last one may be a wait with nothing behind it: an
    /// APPEND whose body comes from elsewhere.
    pub fn segments(&self) -> impl Iterator<Item = Segment<'_>> {
        let ends = self.waits.iter().copied().chain(std::iter::once(self.bytes.len()));
        let mut start = 0;
        let waits = self.waits.len();
        ends.enumerate().filter_map(move |(index, end)| {
            let wait = index < waits;
            let segment = Segment { bytes: &self.bytes[start..end], wait };
            start = end;
            (wait || !segment.bytes.is_empty()).then_some(segment)
        })
    }

    /// All bytes, waits aside.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Whether there is a place to wait at.
    pub fn must_wait(&self) -> bool {
        !self.waits.is_empty()
    }

    /// Number of bytes.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Overwrites and forgets everything; the allocation stays.
    pub fn clear(&mut self) {
        self.bytes.fill(0);
        self.bytes.clear();
        self.waits.clear();
    }

    pub(crate) fn out(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    pub(crate) fn wait_here(&mut self) {
        self.waits.push(self.bytes.len());
    }
}

/// Whether a byte can stand in an `atom` (RFC 3501 §9 ATOM-CHAR, and `]`, which flags must not have
/// but names may).
pub(crate) fn is_atom_byte(byte: u8) -> bool {
    byte > b' ' && byte < 0x7f && !matches!(byte, b'(' | b')' | b'{' | b'%' | b'*' | b'"' | b'\\')
}

/// Whether a byte needs no quotes on any server. Courier takes fewer bytes for atoms than the standard has, in patterns
/// especially: `~`, `[`.
fn is_simple_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'/')
}

/// Writes arguments: knows how literals may be sent and whether quoted strings may hold UTF-8.
pub(crate) struct Writer<'a> {
    pub(crate) encoded: &'a mut Encoded,
    pub(crate) literals: LiteralSupport,
    pub(crate) utf8: bool,
}

impl Writer<'_> {
    pub(crate) fn raw(&mut self, text: impl AsRef<[u8]>) {
        self.encoded.out().extend_from_slice(text.as_ref());
    }

    pub(crate) fn number(&mut self, number: u64) {
        push_number(self.encoded.out(), number);
    }

    /// `{n}` or `{n+}` with its CRLF; `prefix` is `~` for binary content.
    pub(crate) fn literal_header(&mut self, size: u64, prefix: &str) {
        let wait = self.literals.must_wait(size);
        self.raw(prefix);
        self.raw(b"{");
        self.number(size);
        self.raw(if wait { &b"}\r\n"[..] } else { b"+}\r\n" });
        if wait {
            self.encoded.wait_here();
        }
    }

    /// An `astring`: as an atom where that is enough, else quoted, else as a literal.
    pub(crate) fn astring(&mut self, text: &[u8]) {
        // NIL as an atom would be read as "nothing" by some servers.
        let plain =
            !text.is_empty() && text.iter().all(|&byte| is_atom_byte(byte)) && !text.eq_ignore_ascii_case(b"NIL");
        if plain {
            self.raw(text);
            return;
        }
        self.string(text);
    }

    /// A `list-mailbox`: as [`astring`](Self::astring), wildcards and all.
    pub(crate) fn list_pattern(&mut self, text: &[u8]) {
        let plain = !text.is_empty() && text.iter().all(|&byte| is_simple_byte(byte) || matches!(byte, b'%' | b'*'));
        if plain && !text.eq_ignore_ascii_case(b"NIL") {
            self.raw(text);
            return;
        }
        self.string(text);
    }

    /// A `string`: quoted where that is possible, else as a literal.
    pub(crate) fn string(&mut self, text: &[u8]) {
        let quotable = text.len() <= MAX_QUOTED
            && !text.iter().any(|&byte| matches!(byte, b'\r' | b'\n' | 0))
            && (text.is_ascii() || (self.utf8 && std::str::from_utf8(text).is_ok()));
        if !quotable {
            self.literal_header(text.len() as u64, "");
            self.raw(text);
            return;
        }
        self.raw(b"\"");
        for &byte in text {
            if matches!(byte, b'"' | b'\\') {
                self.raw(b"\\");
            }
            self.raw([byte]);
        }
        self.raw(b"\"");
    }

    /// Words with a space between them, in parentheses.
    pub(crate) fn list<I>(&mut self, words: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.raw(b"(");
        for (index, word) in words.into_iter().enumerate() {
            if index > 0 {
                self.raw(b" ");
            }
            self.raw(word);
        }
        self.raw(b")");
    }

    /// A list of flags. One that cannot be sent is left out: the caller was to filter with
    /// [`flag_can_be_sent`](crate::flags::flag_can_be_sent) and say so; here it only must not break the line.
    pub(crate) fn flags<I>(&mut self, flags: I)
    where
        I: IntoIterator,
        I::Item: AsRef<[u8]>,
    {
        self.list(flags.into_iter().filter(|flag| crate::flags::flag_can_be_sent(flag.as_ref())));
    }
}

/// Servers limit the length of a line; a longer string goes as a literal.
const MAX_QUOTED: usize = 1_000;
