//! What stands in a server's data when nothing is known about it: atoms, strings, lists, NIL.
//!
//! The reader works on one whole response whose literals stand in line, as they came. It never
//! fails on an unknown atom: whatever is no string, list or literal is an atom up to the next space
//! or parenthesis.

use bytes::Bytes;
use memchr::{memchr, memchr2};

use crate::bytes_ext::{leading_number, number};

/// One value of a response, as a slice of what the server sent.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Value {
    /// Anything without quotes: names, numbers, sets, and what no grammar foresees.
    Atom(Bytes),
    /// A quoted string, its quotes and escapes removed.
    Quoted(Bytes),
    /// A literal's bytes.
    Literal(Bytes),
    /// A parenthesised list.
    List(Vec<Value>),
    /// The atom NIL in any letter case.
    Nil,
}

impl Value {
    /// The bytes of an atom or a string; `None` for lists and NIL.
    pub fn bytes(&self) -> Option<&Bytes> {
        match self {
            Self::Atom(bytes) | Self::Quoted(bytes) | Self::Literal(bytes) => Some(bytes),
            Self::List(_) | Self::Nil => None,
        }
    }

    /// The elements of a list.
    pub fn list(&self) -> Option<&[Value]> {
        match self {
            Self::List(values) => Some(values),
            _ => None,
        }
    }

    /// The value as an unsigned number, be it quoted or not.
    pub fn number(&self) -> Option<u64> {
        number(self.bytes()?)
    }

    /// The bytes that a value stands for where a name is expected: NIL is then a name like any other.
    pub(crate) fn into_name(self) -> Option<Bytes> {
        match self {
            Self::Atom(bytes) | Self::Quoted(bytes) | Self::Literal(bytes) => Some(bytes),
            Self::Nil => Some(Bytes::from_static(b"NIL")),
            Self::List(_) => None,
        }
    }
}

impl std::fmt::Debug for Value {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Atom(bytes) => write!(formatter, "{}", bytes.escape_ascii()),
            Self::Quoted(bytes) => write!(formatter, "\"{}\"", bytes.escape_ascii()),
            Self::Literal(bytes) => write!(formatter, "{{{}}}", bytes.escape_ascii()),
            Self::List(values) => formatter.debug_list().entries(values).finish(),
            Self::Nil => formatter.write_str("NIL"),
        }
    }
}

/// Parentheses deeper than this are not followed: BODYSTRUCTURE of honest mail needs about twenty.
pub(crate) const MAX_DEPTH: usize = 64;

/// Values that one response may unfold into: at 40 bytes each, a hostile line of two-byte atoms
/// would otherwise cost twenty times its own size.
pub(crate) const MAX_VALUES: usize = 200_000;

/// Why a value could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenError {
    /// The list or the line ended where a value was expected.
    Missing,
    /// A quoted string without its closing quote, or a list without its parenthesis.
    Unterminated,
    /// More parentheses than [`MAX_DEPTH`].
    TooDeep,
    /// More values than [`MAX_VALUES`].
    TooMany,
    /// A literal of this many bytes is announced where the input ends.
    LiteralAhead(u64),
}

/// Reads `{n}`, `{n+}`, `~{n}` or `~{n+}` with its line end from the start of `bytes`: the size, and how long the header is.
pub(crate) fn literal_header(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut at = usize::from(bytes.first() == Some(&b'~'));
    if bytes.get(at) != Some(&b'{') {
        return None;
    }
    at += 1;
    let (size, digits) = leading_number(&bytes[at..])?;
    at += digits;
    at += usize::from(bytes.get(at) == Some(&b'+'));
    if bytes.get(at) != Some(&b'}') {
        return None;
    }
    at += 1;
    while bytes.get(at) == Some(&b'\r') {
        at += 1;
    }
    (bytes.get(at) == Some(&b'\n')).then_some((size, at + 1))
}

/// A place in one whole response.
pub(crate) struct Cursor<'a> {
    bytes: &'a Bytes,
    at: usize,
    values_left: usize,
}

impl<'a> Cursor<'a> {
    pub(crate) fn new(bytes: &'a Bytes, at: usize) -> Self {
        Self { bytes, at: at.min(bytes.len()), values_left: MAX_VALUES }
    }

    pub(crate) fn position(&self) -> usize {
        self.at
    }

    pub(crate) fn seek(&mut self, at: usize) {
        self.at = at.min(self.bytes.len());
    }

    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.bytes[self.at..]
    }

    pub(crate) fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    pub(crate) fn at_end(&self) -> bool {
        self.at >= self.bytes.len()
    }

    pub(crate) fn slice(&self, from: usize, to: usize) -> Bytes {
        self.bytes.slice(from.min(to)..to)
    }

    pub(crate) fn slice_to_end(&self) -> Bytes {
        self.bytes.slice(self.at..)
    }

    pub(crate) fn skip_spaces(&mut self) {
        while self.peek() == Some(b' ') {
            self.at += 1;
        }
    }

    /// Steps over `byte` if it comes next.
    pub(crate) fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    /// Counts one value (a flag, an item) against the response's allowance.
    pub(crate) fn spend(&mut self) -> Result<(), TokenError> {
        self.values_left = self.values_left.checked_sub(1).ok_or(TokenError::TooMany)?;
        Ok(())
    }

    /// How many values may still be made.
    pub(crate) fn allowance(&self) -> usize {
        self.values_left
    }

    /// Takes back what was spent since, because its values are not kept.
    pub(crate) fn refund(&mut self, allowance: usize) {
        self.values_left = allowance;
    }

    /// An atom up to the next space, parenthesis or literal; may be empty.
    pub(crate) fn atom(&mut self) -> Bytes {
        self.atom_until(|_| false)
    }

    /// As [`atom`](Self::atom), and ending before a byte that `stop` names.
    pub(crate) fn atom_until(&mut self, stop: impl Fn(u8) -> bool) -> Bytes {
        let start = self.at;
        while let Some(byte) = self.peek() {
            let ends = match byte {
                b' ' | b'(' | b')' => true,
                b'{' | b'~' => literal_header(self.rest()).is_some(),
                _ => stop(byte),
            };
            if ends {
                break;
            }
            self.at += 1;
        }
        self.bytes.slice(start..self.at)
    }

    /// The next value; leading spaces are skipped.
    pub(crate) fn value(&mut self) -> Result<Value, TokenError> {
        self.value_at_depth(0, false)
    }

    /// As [`value`](Self::value), where a `]` outside of parentheses ends an atom: inside a response code.
    pub(crate) fn value_in_code(&mut self) -> Result<Value, TokenError> {
        self.value_at_depth(0, true)
    }

    fn value_at_depth(&mut self, depth: usize, bracket_ends: bool) -> Result<Value, TokenError> {
        self.skip_spaces();
        self.spend()?;
        match self.peek() {
            None | Some(b')') => Err(TokenError::Missing),
            Some(b'"') => Ok(Value::Quoted(self.quoted()?)),
            Some(b'(') => self.list(depth),
            Some(b'{' | b'~') if literal_header(self.rest()).is_some() => Ok(Value::Literal(self.literal()?)),
            Some(_) => {
                let atom = self.atom_until(|byte| bracket_ends && byte == b']');
                if atom.is_empty() {
                    return Err(TokenError::Missing);
                }
                if atom.eq_ignore_ascii_case(b"NIL") {
                    return Ok(Value::Nil);
                }
                Ok(Value::Atom(atom))
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Value, TokenError> {
        if depth >= MAX_DEPTH {
            return Err(TokenError::TooDeep);
        }
        self.at += 1;
        let mut values = Vec::new();
        loop {
            self.skip_spaces();
            match self.peek() {
                None => return Err(TokenError::Unterminated),
                Some(b')') => {
                    self.at += 1;
                    return Ok(Value::List(values));
                }
                Some(_) => values.push(self.value_at_depth(depth + 1, false)?),
            }
        }
    }

    /// A quoted string; the cursor stands on its opening quote.
    pub(crate) fn quoted(&mut self) -> Result<Bytes, TokenError> {
        let start = self.at + 1;
        let mut end = start;
        let mut unescaped: Option<Vec<u8>> = None;
        loop {
            let rest = self.bytes.get(end..).unwrap_or_default();
            let length = memchr2(b'"', b'\\', rest).ok_or(TokenError::Unterminated)?;
            if memchr(b'\n', &rest[..length]).is_some() {
                return Err(TokenError::Unterminated);
            }
            if let Some(text) = &mut unescaped {
                text.extend_from_slice(&rest[..length]);
            }
            end += length;
            if rest[length] == b'"' {
                break;
            }
            let escaped = *rest.get(length + 1).ok_or(TokenError::Unterminated)?;
            let text = unescaped.get_or_insert_with(|| self.bytes[start..end].to_vec());
            text.push(escaped);
            end += 2;
        }
        self.at = end + 1;
        Ok(unescaped.map_or_else(|| self.bytes.slice(start..end), Bytes::from))
    }

    /// A literal; the cursor stands on a header that [`literal_header`] accepts.
    fn literal(&mut self) -> Result<Bytes, TokenError> {
        let (size, header) = literal_header(self.rest()).ok_or(TokenError::Missing)?;
        let start = self.at + header;
        let end = usize::try_from(size).ok().and_then(|size| start.checked_add(size));
        match end {
            Some(end) if end <= self.bytes.len() => {
                self.at = end;
                Ok(self.bytes.slice(start..end))
            }
            _ => Err(TokenError::LiteralAhead(size)),
        }
    }

    /// Steps over one value of any depth without keeping it, so that what follows an unreadable
    /// item can still be read. With an unclosed quote or list nothing follows: steps to the end.
    pub(crate) fn skip_value(&mut self) {
        self.skip_spaces();
        let mut depth = 0usize;
        loop {
            match self.peek() {
                None => return,
                Some(b'(') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b')') => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                Some(b'"') => {
                    if self.quoted().is_err() {
                        self.at = self.bytes.len();
                    }
                }
                Some(b' ') => self.at += 1,
                Some(b'{' | b'~') if literal_header(self.rest()).is_some() => {
                    if self.literal().is_err() {
                        self.at = self.bytes.len();
                    }
                }
                Some(_) => {
                    self.atom();
                }
            }
            if depth == 0 {
                return;
            }
        }
    }

    /// All values up to the end of the line; what cannot be read ends them as one last atom.
    pub(crate) fn values_to_end(&mut self) -> Vec<Value> {
        let mut values = Vec::new();
        loop {
            self.skip_spaces();
            if self.at_end() {
                return values;
            }
            let start = self.at;
            match self.value() {
                Ok(value) => values.push(value),
                Err(_) => {
                    values.push(Value::Atom(self.bytes.slice(start..)));
                    self.at = self.bytes.len();
                    return values;
                }
            }
        }
    }

    /// A list of flags or attributes in parentheses, spelt as sent. Tolerates several spaces,
    /// quoted names and NIL for the whole list.
    pub(crate) fn names(&mut self) -> Result<Vec<Bytes>, TokenError> {
        let mut names = Vec::new();
        self.each_name(|name| names.push(name))?;
        Ok(names)
    }

    /// As [`names`](Self::names), without a vector.
    pub(crate) fn each_name(&mut self, mut take: impl FnMut(Bytes)) -> Result<(), TokenError> {
        self.skip_spaces();
        if !self.eat(b'(') {
            let start = self.at;
            if self.atom().eq_ignore_ascii_case(b"NIL") {
                return Ok(());
            }
            self.at = start;
            return Err(TokenError::Missing);
        }
        loop {
            self.skip_spaces();
            self.spend()?;
            match self.peek() {
                None => return Err(TokenError::Unterminated),
                Some(b')') => {
                    self.at += 1;
                    return Ok(());
                }
                Some(b'"') => take(self.quoted()?),
                Some(b'{' | b'~') if literal_header(self.rest()).is_some() => take(self.literal()?),
                Some(b'(') => return Err(TokenError::Missing),
                Some(_) => take(self.atom()),
            }
        }
    }
}
