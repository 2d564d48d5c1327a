//! Which events do the bytes from the server make: framing, literals, streamed bodies.
//!
//! A response ends at the first LF that does not announce a literal. Until then it stays in the
//! read buffer, literals in line, so that nothing is copied; only a message body is handed on as it
//! comes. Caps hold for what is kept, text and buffered literals, and never for bodies.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use crate::flags::KeywordTable;
use crate::response::{
    Fast, Fetch, Items, Parsed, Response, Untagged, ends_with_body_name, fast_items, fetch_head, is_prose, read_items,
    response,
};
use crate::token::Cursor;

/// How much a server may make us keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of text in one response, literals aside. Answers to SEARCH and LIST are one long line.
    pub line: usize,
    /// Bytes of all buffered literals in one response: header blocks, names. Message bodies are
    /// streamed and have no limit.
    pub literal: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { line: 8 << 20, literal: 16 << 20 }
    }
}

/// What the server said, piece by piece.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one, FETCH, is the frequent one: boxing costs an allocation a message"
)]
pub enum Event {
    /// One whole response, its literals buffered.
    Response(Response),
    /// A FETCH line with a whole body (`BODY[]`, `BINARY[]`, `RFC822`) has come as far as that body.
    BodyStart {
        /// The items that came before the body.
        fetch: Fetch,
        /// Bytes that the server announced.
        size: u64,
    },
    /// The next bytes of the body, as many as have arrived: a slice of the read buffer.
    BodyChunk(Bytes),
    /// The body came as announced and its line was closed as it should.
    BodyEnd {
        /// All items of the line.
        fetch: Fetch,
    },
}

/// Why the bytes from the server cannot be read on. The connection is of no more use.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProtocolError {
    /// More text in one response than [`Limits::line`].
    #[error("a response has more than {limit} bytes of text")]
    LineTooLong {
        /// The limit in bytes.
        limit: usize,
    },
    /// More bytes of buffered literals in one response than [`Limits::literal`].
    #[error("a response announces a literal of {size} bytes where at most {limit} are taken")]
    LiteralTooLong {
        /// The announced size in bytes; [`u64::MAX`] if it does not even fit.
        size: u64,
        /// The limit in bytes for one response.
        limit: usize,
    },
    /// What followed a message body does not close its FETCH line: the body was shorter or longer
    /// than announced, and the bytes taken for it must not be used.
    #[error("the body of message {sequence} was announced with {size} bytes, but its line does not end after them")]
    BodyNotClosed {
        /// The message's sequence number.
        sequence: u32,
        /// The announced size in bytes.
        size: u64,
    },
}

/// Bytes in, events out.
///
/// The caller reads from its socket into [`buffer`](Self::buffer) and takes events with
/// [`next`](Self::next) until that returns `None`. Both halves are synchronous and know no socket.
///
/// Slices in events share the read buffer, which lives as long as the last of them: pass them on or
/// copy them, but do not collect them. Flags and ids that are made to be kept are copies already.
pub struct Decoder {
    buffer: BytesMut,
    limits: Limits,
    keywords: KeywordTable,
    use_fast_path: bool,
    /// Up to where the response at the buffer's start was looked through; may lie beyond the
    /// buffer's end while a literal is awaited.
    scanned: usize,
    /// Where its present line of text begins, behind its last literal.
    line_start: usize,
    /// Bytes of its literals so far.
    literals: usize,
    /// How often the careful reader looked for a body and found none: each look costs a copy.
    looks: u8,
    state: State,
    failure: Option<ProtocolError>,
}

#[allow(clippy::large_enum_variant, reason = "one of them a connection, never moved")]
enum State {
    /// In front of, or within, a response.
    Response,
    /// Within a body; `remaining` bytes are still to come.
    Body { fetch: Fetch, size: u64, remaining: u64 },
    /// Behind a body, up to the end of its line.
    Tail { fetch: Fetch, size: u64 },
    /// A body that stood in line is to be handed on.
    InlineBody { body: Bytes, fetch: Fetch },
}

impl std::fmt::Debug for Decoder {
    /// Without the contents of the buffer, which are other people's mail.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Decoder")
            .field("unread", &self.buffer.len())
            .field("in_body", &self.in_body())
            .field("failure", &self.failure)
            .finish_non_exhaustive()
    }
}

/// Free space below which the read buffer is replaced, and the size of a fresh one: with slices of
/// the old one still in use a new allocation serves several reads.
const MIN_FREE: usize = 64 << 10;
const FRESH: usize = 256 << 10;

/// See [`Decoder::looks`].
const MAX_LOOKS: u8 = 4;

/// A line of text was found in the buffer.
struct Line {
    /// Its length with all before it in this response, line end included.
    end: usize,
    /// Size of the literal that it announces.
    literal: Option<u64>,
}

impl Decoder {
    /// A decoder in front of the greeting.
    pub fn new(limits: Limits) -> Self {
        Self {
            buffer: BytesMut::new(),
            limits,
            keywords: KeywordTable::default(),
            use_fast_path: true,
            scanned: 0,
            line_start: 0,
            literals: 0,
            looks: 0,
            state: State::Response,
            failure: None,
        }
    }

    /// A decoder that sends every line through the careful reader: the oracle for the quick one.
    #[doc(hidden)]
    pub fn without_fast_path(limits: Limits) -> Self {
        Self { use_fast_path: false, ..Self::new(limits) }
    }

    /// The read buffer, with at least 64 KiB free: append what the socket gives.
    ///
    /// To take bytes out use [`take_unread`](Self::take_unread).
    pub fn buffer(&mut self) -> &mut BytesMut {
        if self.buffer.capacity() - self.buffer.len() < MIN_FREE {
            self.buffer.reserve(FRESH);
        }
        &mut self.buffer
    }

    /// Takes out what is not read yet, where the protocol changes under the connection: after the
    /// OK to COMPRESS these are compressed bytes, to be fed in again once they are inflated; after
    /// the OK to STARTTLS there must be none, or somebody has injected them. Take no further event
    /// between that OK and this call.
    pub fn take_unread(&mut self) -> BytesMut {
        self.forget_scan();
        self.buffer.split()
    }

    /// Whether nothing is unread and no response is begun.
    pub fn is_idle(&self) -> bool {
        self.buffer.is_empty() && matches!(self.state, State::Response)
    }

    /// Whether a body was begun whose [`Event::BodyEnd`] is still to come.
    pub fn in_body(&self) -> bool {
        !matches!(self.state, State::Response)
    }

    /// The next event; `None`: more bytes are needed.
    ///
    /// # Errors
    /// [`ProtocolError`] where the stream cannot be followed any longer; from then on the same
    /// error again. Lines that are merely odd are no errors.
    #[allow(clippy::should_implement_trait, reason = "None means not yet, not the end")]
    pub fn next(&mut self) -> Result<Option<Event>, ProtocolError> {
        if let Some(failure) = &self.failure {
            return Err(failure.clone());
        }
        let result = self.advance();
        if let Err(error) = &result {
            self.failure = Some(error.clone());
            self.buffer.clear();
        }
        result
    }

    fn advance(&mut self) -> Result<Option<Event>, ProtocolError> {
        loop {
            match &mut self.state {
                State::Response => {}
                State::Body { remaining, .. } => {
                    if self.buffer.is_empty() {
                        return Ok(None);
                    }
                    let available = self.buffer.len() as u64;
                    let length = (*remaining).min(available) as usize;
                    *remaining -= length as u64;
                    if *remaining == 0 {
                        self.enter_tail();
                    }
                    return Ok(Some(Event::BodyChunk(self.buffer.split_to(length).freeze())));
                }
                State::InlineBody { body, .. } if !body.is_empty() => {
                    return Ok(Some(Event::BodyChunk(std::mem::take(body))));
                }
                State::InlineBody { .. } => {
                    let State::InlineBody { fetch, .. } = std::mem::replace(&mut self.state, State::Response) else {
                        continue;
                    };
                    return Ok(Some(Event::BodyEnd { fetch }));
                }
                State::Tail { fetch, size } => {
                    // Said at the first byte, so that a lying server's next message is not awaited.
                    if self.buffer.first().is_some_and(|byte| !matches!(byte, b' ' | b')')) {
                        return Err(ProtocolError::BodyNotClosed { sequence: fetch.sequence, size: *size });
                    }
                }
            }
            let Some(line) = self.find_line()? else {
                return Ok(None);
            };
            if let Some(size) = line.literal {
                if let Some(fetch) = self.body_ahead(line.end) {
                    return Ok(Some(self.start_body(line.end, fetch, size)));
                }
                self.keep_literal(line.end, size)?;
                continue;
            }
            if matches!(self.state, State::Tail { .. }) {
                return self.end_body(line.end).map(Some);
            }
            if let Some(event) = self.finish_response(line.end) {
                return Ok(Some(event));
            }
        }
    }

    /// Looks for the end of the present line of text.
    fn find_line(&mut self) -> Result<Option<Line>, ProtocolError> {
        if self.buffer.len() <= self.scanned {
            return Ok(None);
        }
        let found = memchr(b'\n', &self.buffer[self.scanned..]);
        let end = found.map_or(self.buffer.len(), |length| self.scanned + length + 1);
        self.scanned = end;
        if end - self.literals > self.limits.line {
            return Err(ProtocolError::LineTooLong { limit: self.limits.line });
        }
        if found.is_none() {
            return Ok(None);
        }
        let literal = match literal_at_end(&self.buffer[self.line_start..end]) {
            Some(_) if matches!(self.state, State::Response) && is_prose(&self.buffer) => None,
            Some(Some(size)) => Some(size),
            Some(None) => {
                return Err(ProtocolError::LiteralTooLong { size: u64::MAX, limit: self.limits.literal });
            }
            None => None,
        };
        Ok(Some(Line { end, literal }))
    }

    /// The items so far, if the literal that ends the present line is a whole body of a FETCH.
    fn body_ahead(&mut self, end: usize) -> Option<Fetch> {
        if !matches!(self.state, State::Response) || self.looks >= MAX_LOOKS {
            return None;
        }
        let (sequence, items_start) = fetch_head(&self.buffer)?;
        let line = &self.buffer[self.line_start..end];
        if !ends_with_body_name(&line[..memchr::memrchr(b'{', line)?]) {
            return None;
        }
        let items_start = items_start + usize::from(self.buffer[items_start..].starts_with(b"("));
        let mut fetch = Fetch { sequence, ..Fetch::default() };
        if self.use_fast_path && self.line_start == 0 {
            let items = without_line_end(&self.buffer[items_start..end]);
            if let Fast::BodyAhead(_) = fast_items(items, &mut fetch, &mut self.keywords, true) {
                return Some(fetch);
            }
            fetch = Fetch { sequence, ..Fetch::default() };
        }
        // A copy, so that the buffer stays in one piece if this turns out to be no body.
        let copy = Bytes::copy_from_slice(&self.buffer[..end]);
        let mut cursor = Cursor::new(&copy, items_start);
        let items = read_items(&mut cursor, &mut fetch, &mut self.keywords, true);
        if let Items { body_ahead: Some(_), body: None, .. } = items {
            return Some(fetch);
        }
        self.looks += 1;
        None
    }

    fn start_body(&mut self, end: usize, fetch: Fetch, size: u64) -> Event {
        self.buffer.advance(end);
        self.forget_scan();
        self.state = State::Body { fetch: fetch.clone(), size, remaining: size };
        if size == 0 {
            self.enter_tail();
        }
        Event::BodyStart { fetch, size }
    }

    fn enter_tail(&mut self) {
        if let State::Body { fetch, size, .. } = std::mem::replace(&mut self.state, State::Response) {
            self.state = State::Tail { fetch, size };
        }
    }

    fn keep_literal(&mut self, end: usize, size: u64) -> Result<(), ProtocolError> {
        let limit = self.limits.literal;
        let total = usize::try_from(size).ok().and_then(|size| self.literals.checked_add(size));
        match total {
            Some(total) if total <= limit => {
                self.scanned = end + (total - self.literals);
                self.literals = total;
                self.line_start = self.scanned;
                Ok(())
            }
            _ => Err(ProtocolError::LiteralTooLong { size, limit }),
        }
    }

    fn end_body(&mut self, end: usize) -> Result<Event, ProtocolError> {
        let State::Tail { mut fetch, size } = std::mem::replace(&mut self.state, State::Response) else {
            return Err(ProtocolError::BodyNotClosed { sequence: 0, size: 0 });
        };
        let tail = without_line_end(&self.buffer[..end]);
        if self.use_fast_path
            && self.line_start == 0
            && fast_items(tail, &mut fetch, &mut self.keywords, false) == Fast::Closed
        {
            self.buffer.advance(end);
            self.forget_scan();
            return Ok(Event::BodyEnd { fetch });
        }
        // Whatever the quick reader has filled in, the careful one fills in again.
        let tail = self.take_line(end);
        let mut cursor = Cursor::new(&tail, 0);
        let items = read_items(&mut cursor, &mut fetch, &mut self.keywords, false);
        if items.closed && items.well_formed {
            return Ok(Event::BodyEnd { fetch });
        }
        Err(ProtocolError::BodyNotClosed { sequence: fetch.sequence, size })
    }

    /// Reads the whole response that ends at `end`; `None` if it says nothing.
    fn finish_response(&mut self, end: usize) -> Option<Event> {
        if self.use_fast_path
            && self.line_start == 0
            && let Some((sequence, items_start)) = fetch_head(&self.buffer[..end])
            && self.buffer[items_start] == b'('
        {
            let mut fetch = Fetch { sequence, ..Fetch::default() };
            let items = without_line_end(&self.buffer[items_start + 1..end]);
            if fast_items(items, &mut fetch, &mut self.keywords, false) == Fast::Closed {
                self.buffer.advance(end);
                self.forget_scan();
                return Some(Event::Response(Response::Untagged(Untagged::Fetch(fetch))));
            }
        }
        let line = self.take_line(end);
        match response(&line, &mut self.keywords) {
            Parsed::Nothing => None,
            Parsed::Response(response) => Some(Event::Response(response)),
            Parsed::InlineBody(before, body, fetch) => {
                let size = body.len() as u64;
                self.state = State::InlineBody { body, fetch };
                Some(Event::BodyStart { fetch: *before, size })
            }
        }
    }

    fn take_line(&mut self, end: usize) -> Bytes {
        self.forget_scan();
        let mut line = self.buffer.split_to(end).freeze();
        let length = without_line_end(&line).len();
        line.truncate(length);
        line
    }

    fn forget_scan(&mut self) {
        self.scanned = 0;
        self.line_start = 0;
        self.literals = 0;
        self.looks = 0;
    }
}

/// `line` without its LF and the CRs before it. Some servers send two CRs, some none.
fn without_line_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let crs = line.iter().rev().take_while(|&&byte| byte == b'\r').count();
    &line[..line.len() - crs]
}

/// The size of the literal that a line of text (with its line end) announces at its end:
/// `Some(None)` for one that no number can hold.
fn literal_at_end(line: &[u8]) -> Option<Option<u64>> {
    let line = without_line_end(line).strip_suffix(b"}")?;
    let open = memchr::memrchr(b'{', line)?;
    let digits = line[open + 1..].strip_suffix(b"+").unwrap_or(&line[open + 1..]);
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(crate::bytes_ext::number(digits))
}
