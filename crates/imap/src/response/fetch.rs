//! What does a FETCH line say about its message: the careful reader, over any tokens.

use bytes::Bytes;
use memchr::memchr;

use crate::bytes_ext::{leading_number, starts_with_ignore_case};
use crate::date::InternalDate;
use crate::flags::{FlagSet, KeywordTable};
use crate::token::{Cursor, TokenError, Value};

/// The data of one message (RFC 3501 §7.4.2). An item that was not sent is `None`; so is one that
/// could not be read, which then stands in `bad_items`: an odd item costs that item only.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Fetch {
    /// The message's sequence number at the moment of sending.
    pub sequence: u32,
    /// Its UID. Unsolicited FETCH lines may lack it.
    pub uid: Option<u32>,
    /// Its flags.
    pub flags: Option<FlagSet>,
    /// When it arrived.
    pub internal_date: Option<InternalDate>,
    /// `RFC822.SIZE` in bytes, as the server believes it; the body's own size decides.
    pub size: Option<u64>,
    /// Its mod-sequence (RFC 7162). Some servers send 0 where they keep none.
    pub modseq: Option<u64>,
    /// Its stable id (RFC 8474).
    pub email_id: Option<Bytes>,
    /// `BODY[HEADER]`, `BODY[HEADER.FIELDS …]` or `RFC822.HEADER`. Shares the read buffer.
    pub header: Option<Bytes>,
    /// Where a partial body begins: the `7` of `BODY[]<7>`.
    pub body_origin: Option<u64>,
    /// The body was sent as NIL: the server has none to give.
    pub body_nil: bool,
    /// Items that are none of the above, second bodies among them. Values share the read buffer.
    pub unknown: Vec<(Bytes, Value)>,
    /// Items that could not be read: name and what stood in place of a value, raw.
    pub bad_items: Vec<(Bytes, Bytes)>,
}

/// How far a list of items could be read.
#[derive(Debug, Default)]
pub(crate) struct Items {
    /// The list's closing parenthesis was found, and nothing but spaces after it.
    pub(crate) closed: bool,
    /// Every item had a name and something in place of a value.
    pub(crate) well_formed: bool,
    /// The first body, where it was given in line, with the items before it.
    pub(crate) body: Option<(Box<Fetch>, Bytes)>,
    /// The input ends with the announcement of a body literal of this size.
    pub(crate) body_ahead: Option<u64>,
}

/// Reads `* n FETCH ` from the start of a line: the sequence number and where the rest begins.
pub(crate) fn fetch_head(line: &[u8]) -> Option<(u32, usize)> {
    let digits = line.strip_prefix(b"* ")?;
    let (number, length) = leading_number(digits)?;
    let rest = &digits[length..];
    if !rest.starts_with(b" FETCH ") && !starts_with_ignore_case(rest, b" FETCH ") {
        return None;
    }
    Some((u32::try_from(number).ok()?, 2 + length + 7))
}

/// Whether `name` is a whole body: `BODY[]`, `BINARY[]` or `RFC822`; with the origin of a partial one.
fn body_origin(name: &[u8]) -> Option<Option<u64>> {
    let rest = [&b"BODY[]"[..], b"BINARY[]", b"RFC822"]
        .into_iter()
        .find(|prefix| starts_with_ignore_case(name, prefix))
        .map(|prefix| &name[prefix.len()..])?;
    if rest.is_empty() {
        return Some(None);
    }
    let inner = rest.strip_prefix(b"<")?.strip_suffix(b">")?;
    let (origin, length) = leading_number(inner)?;
    (length == inner.len() || inner[length] == b'.').then_some(Some(origin))
}

/// Whether the text in front of a literal ends with the name of a whole body. Cheap; the reader of
/// items decides.
pub(crate) fn ends_with_body_name(text: &[u8]) -> bool {
    let text = text.strip_suffix(b"~").unwrap_or(text).trim_ascii_end();
    let start = memchr::memrchr2(b' ', b'(', text).map_or(0, |at| at + 1);
    body_origin(&text[start..]).is_some()
}

fn is_header_name(name: &[u8]) -> bool {
    name.eq_ignore_ascii_case(b"BODY[HEADER]")
        // The beginning of it.
        || name.eq_ignore_ascii_case(b"BODY[HEADER]<0>")
        || name.eq_ignore_ascii_case(b"RFC822.HEADER")
        || starts_with_ignore_case(name, b"BODY[HEADER.FIELDS (")
}

/// Names after which a value of another kind can be told from a forgotten value.
fn is_known_name(name: &[u8]) -> bool {
    [&b"UID"[..], b"FLAGS", b"INTERNALDATE", b"RFC822.SIZE", b"MODSEQ", b"EMAILID"]
        .iter()
        .any(|known| name.eq_ignore_ascii_case(known))
        || starts_with_ignore_case(name, b"BODY[")
        || starts_with_ignore_case(name, b"BINARY[")
}

/// Reads items up to the closing parenthesis. The cursor stands behind the opening one.
pub(crate) fn read_items(
    cursor: &mut Cursor<'_>,
    fetch: &mut Fetch,
    keywords: &mut KeywordTable,
    mut body_expected: bool,
) -> Items {
    let mut items = Items { well_formed: true, ..Items::default() };
    let mut extra_parentheses = 0u32;
    loop {
        cursor.skip_spaces();
        if cursor.at_end() {
            return items;
        }
        // Domino puts single items in parentheses of their own.
        if cursor.eat(b'(') {
            extra_parentheses += 1;
            items.well_formed = false;
            continue;
        }
        if cursor.eat(b')') {
            if extra_parentheses > 0 {
                extra_parentheses -= 1;
                continue;
            }
            cursor.skip_spaces();
            items.closed = true;
            items.well_formed &= cursor.at_end();
            return items;
        }
        let start = cursor.position();
        let name = item_name(cursor);
        if cursor.spend().is_err() {
            cursor.seek(start);
            fetch.bad_items.push((Bytes::new(), cursor.slice_to_end()));
            items.well_formed = false;
            return items;
        }
        if !name.first().is_some_and(u8::is_ascii_alphabetic) {
            cursor.seek(start);
            cursor.skip_value();
            fetch.bad_items.push((Bytes::new(), cursor.slice(start, cursor.position())));
            items.well_formed = false;
            continue;
        }
        cursor.skip_spaces();
        let value_start = cursor.position();
        let allowance = cursor.allowance();
        if value_is_missing(cursor) {
            fetch.bad_items.push((name, Bytes::new()));
            continue;
        }
        let read = if name.eq_ignore_ascii_case(b"FLAGS") {
            read_flags(cursor, fetch, keywords).map(|()| true)
        } else if body_expected && let Some(origin) = body_origin(&name) {
            match cursor.value() {
                Ok(Value::Nil) => {
                    fetch.body_nil = true;
                    Ok(true)
                }
                // An empty literal is there as soon as it is announced.
                Ok(Value::Literal(body)) if body.is_empty() && cursor.at_end() => {
                    fetch.body_origin = origin;
                    items.body_ahead = Some(0).filter(|_| extra_parentheses == 0);
                    return items;
                }
                Ok(Value::Quoted(body) | Value::Literal(body)) => {
                    body_expected = false;
                    fetch.body_origin = origin;
                    items.body = Some((Box::new(fetch.clone()), body));
                    Ok(true)
                }
                Ok(_) => Ok(false),
                Err(TokenError::LiteralAhead(size)) => {
                    fetch.body_origin = origin;
                    // Behind a streamed body nobody remembers how many are open.
                    items.body_ahead = Some(size).filter(|_| extra_parentheses == 0);
                    return items;
                }
                Err(error) => Err(error),
            }
        } else {
            cursor.value().map(|value| apply(fetch, &name, value))
        };
        match read {
            Ok(true) => {}
            Ok(false) => fetch.bad_items.push((name, cursor.slice(value_start, cursor.position()))),
            Err(_) => {
                cursor.seek(value_start);
                cursor.refund(allowance);
                cursor.skip_value();
                fetch.bad_items.push((name, cursor.slice(value_start, cursor.position())));
                // A server that can lose a parenthesis can lose a body's end with it.
                items.well_formed &= !cursor.at_end();
            }
        }
    }
}

/// A name with its section in brackets, in which spaces, parentheses and quotes may stand.
fn item_name(cursor: &mut Cursor<'_>) -> Bytes {
    let start = cursor.position();
    cursor.atom_until(|byte| matches!(byte, b'[' | b'"'));
    if cursor.peek() == Some(b'[')
        && let Some(length) = section_length(cursor.rest())
    {
        cursor.seek(cursor.position() + length);
        cursor.atom_until(|byte| byte == b'"');
    }
    cursor.slice(start, cursor.position())
}

/// A section is looked for this far only, or a line of many opening brackets would be read once for each.
const MAX_SECTION: usize = 4 << 10;

/// Length of `[…]` at the start of `bytes`; brackets inside quotes do not count.
fn section_length(bytes: &[u8]) -> Option<usize> {
    let bytes = &bytes[..bytes.len().min(MAX_SECTION)];
    let mut at = 0;
    loop {
        at += memchr::memchr3(b']', b'"', b'\n', &bytes[at..])?;
        match bytes[at] {
            b']' => return Some(at + 1),
            b'"' => at += 2 + memchr(b'"', &bytes[at + 1..])?,
            _ => return None,
        }
    }
}

/// A list that ends, or another item's name, where a value should be. Yandex sends `BODY[2])`.
fn value_is_missing(cursor: &mut Cursor<'_>) -> bool {
    if matches!(cursor.peek(), None | Some(b')')) {
        return true;
    }
    if !cursor.peek().is_some_and(|byte| byte.is_ascii_alphabetic()) {
        return false;
    }
    let start = cursor.position();
    let missing = is_known_name(&item_name(cursor)) && cursor.peek() == Some(b' ');
    cursor.seek(start);
    missing
}

fn read_flags(cursor: &mut Cursor<'_>, fetch: &mut Fetch, keywords: &mut KeywordTable) -> Result<(), TokenError> {
    let mut flags = FlagSet::new();
    cursor.each_name(|name| flags.insert_interned(&name, keywords))?;
    fetch.flags = Some(flags);
    Ok(())
}

/// Puts a value in its place; `false` if it is not of the item's kind.
fn apply(fetch: &mut Fetch, name: &Bytes, value: Value) -> bool {
    let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    if is(b"UID") {
        let uid = value.number().and_then(|uid| u32::try_from(uid).ok()).filter(|uid| *uid > 0);
        fetch.uid = uid.or(fetch.uid);
        return uid.is_some();
    }
    if is(b"RFC822.SIZE") {
        let size = value.number();
        fetch.size = size.or(fetch.size);
        return size.is_some();
    }
    if is(b"INTERNALDATE") {
        let date = value.bytes().and_then(|text| InternalDate::parse(text));
        fetch.internal_date = date.or(fetch.internal_date);
        return date.is_some();
    }
    if is(b"MODSEQ") {
        let modseq = sole(&value).and_then(Value::number);
        fetch.modseq = modseq.or(fetch.modseq);
        return modseq.is_some();
    }
    if is(b"EMAILID") {
        // Copied: ids are kept by those who ask for them, and must not keep read buffers alive.
        let id = sole(&value).and_then(Value::bytes).map(|id| Bytes::copy_from_slice(id));
        let readable = id.is_some();
        fetch.email_id = id.or_else(|| fetch.email_id.take());
        return readable;
    }
    if is_header_name(name) && fetch.header.is_none() {
        return match value {
            Value::Quoted(header) | Value::Literal(header) => {
                fetch.header = Some(header);
                true
            }
            Value::Nil => true,
            _ => false,
        };
    }
    fetch.unknown.push((name.clone(), value));
    true
}

/// The value itself, or the only element of a list.
fn sole(value: &Value) -> Option<&Value> {
    match value {
        Value::List(values) => match &values[..] {
            [only] => Some(only),
            _ => None,
        },
        other => Some(other),
    }
}
