//! What does a FETCH line say about its message: the quick reader, for the items that a migration
//! asks for, spelt as servers spell them.
//!
//! It works on the read buffer itself, makes no token and allocates nothing but a new keyword. At
//! the first byte that it does not expect it gives up, and the careful reader starts anew; what both
//! can read they read to the same value.

use super::fetch::Fetch;
use crate::bytes_ext::{leading_number, starts_with_ignore_case};
use crate::date::InternalDate;
use crate::flags::{FlagSet, KeywordTable, SystemFlag};

/// What the quick reader made of a list of items.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fast {
    /// Read to the closing parenthesis at the end.
    Closed,
    /// Read to a body literal of this size, whose announcement ends the input.
    BodyAhead(u64),
    /// Not plain enough; the `Fetch` is half filled. What it holds are items that were read to their
    /// end, so that the careful reader may start on it anew.
    NotPlain,
}

/// More keywords on one message go to the careful reader, which counts what they cost.
const MAX_KEYWORDS: usize = 1_000;

/// Reads items from behind the opening parenthesis, or from behind a body literal. `bytes` ends
/// where the line ends, its CRLF removed.
#[inline]
pub(crate) fn fast_items(bytes: &[u8], fetch: &mut Fetch, keywords: &mut KeywordTable, body_expected: bool) -> Fast {
    match read(bytes, fetch, keywords, body_expected) {
        Some(outcome) => outcome,
        None => Fast::NotPlain,
    }
}

fn read(mut rest: &[u8], fetch: &mut Fetch, keywords: &mut KeywordTable, body_expected: bool) -> Option<Fast> {
    loop {
        match rest.first()? {
            b' ' => rest = &rest[1..],
            b')' => return (rest.len() == 1).then_some(Fast::Closed),
            b'U' | b'u' => {
                let (uid, after) = number_item(strip(rest, b"UID ")?)?;
                fetch.uid = Some(u32::try_from(uid).ok().filter(|uid| *uid > 0)?);
                rest = after;
            }
            b'F' | b'f' => {
                let (flags, after) = flags(strip(rest, b"FLAGS (")?, keywords)?;
                fetch.flags = Some(flags);
                rest = after;
            }
            b'I' | b'i' => {
                let text = strip(rest, b"INTERNALDATE \"")?;
                let date = text.get(..26).filter(|_| text.get(26) == Some(&b'"'))?;
                if date.contains(&b'\\') {
                    return None;
                }
                let date = InternalDate::parse(date)?;
                rest = item_end(&text[27..])?;
                fetch.internal_date = Some(date);
            }
            b'R' | b'r' => {
                let (size, after) = number_item(strip(rest, b"RFC822.SIZE ")?)?;
                fetch.size = Some(size);
                rest = after;
            }
            b'M' | b'm' => {
                let text = strip(rest, b"MODSEQ (")?;
                let (modseq, length) = leading_number(text)?;
                rest = item_end(text[length..].strip_prefix(b")")?)?;
                fetch.modseq = Some(modseq);
            }
            b'B' | b'b' if body_expected => {
                let text = strip(rest, b"BODY[] {")?;
                let (size, length) = leading_number(text)?;
                return (text[length..] == *b"}").then_some(Fast::BodyAhead(size));
            }
            _ => return None,
        }
    }
}

/// `bytes` behind `prefix`; the common spelling is compared first.
#[inline]
fn strip<'a>(bytes: &'a [u8], prefix: &[u8]) -> Option<&'a [u8]> {
    if bytes.starts_with(prefix) || starts_with_ignore_case(bytes, prefix) {
        return Some(&bytes[prefix.len()..]);
    }
    None
}

#[inline]
fn number_item(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (value, length) = leading_number(bytes)?;
    Some((value, item_end(&bytes[length..])?))
}

/// `bytes`, provided that an item can end before them.
#[inline]
fn item_end(bytes: &[u8]) -> Option<&[u8]> {
    matches!(bytes.first(), Some(b' ' | b')')).then_some(bytes)
}

fn flags<'a>(mut rest: &'a [u8], keywords: &mut KeywordTable) -> Option<(FlagSet, &'a [u8])> {
    let mut flags = FlagSet::new();
    loop {
        let length = rest.iter().position(|byte| matches!(byte, b' ' | b')' | b'(' | b'"' | b'{' | b'~'))?;
        let name = &rest[..length];
        match name {
            [] => {}
            b"\\Seen" => flags.set(SystemFlag::Seen),
            b"\\Answered" => flags.set(SystemFlag::Answered),
            b"\\Flagged" => flags.set(SystemFlag::Flagged),
            b"\\Deleted" => flags.set(SystemFlag::Deleted),
            b"\\Draft" => flags.set(SystemFlag::Draft),
            b"\\Recent" => flags.set(SystemFlag::Recent),
            _ if flags.keywords().len() >= MAX_KEYWORDS => return None,
            _ => flags.insert_interned(name, keywords),
        }
        let stop = rest[length];
        rest = &rest[length + 1..];
        match stop {
            b' ' => {}
            b')' => return Some((flags, item_end(rest)?)),
            _ => return None,
        }
    }
}
