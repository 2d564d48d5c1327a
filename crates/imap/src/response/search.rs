//! What did a search find?

use bytes::Bytes;

use super::{Tag, Untagged};
use crate::bytes_ext::number;
use crate::set::UidSet;
use crate::token::{Cursor, Value};

/// The answer to SEARCH RETURN (RFC 4731, RFC 9394).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Esearch {
    /// The command that asked; servers leave it out at times.
    pub tag: Option<Tag>,
    /// Whether the numbers are UIDs.
    pub uid: bool,
    /// The lowest.
    pub min: Option<u32>,
    /// The highest.
    pub max: Option<u32>,
    /// All of them; missing if nothing was found.
    pub all: Option<UidSet>,
    /// How many.
    pub count: Option<u64>,
    /// The highest mod-sequence among them.
    pub modseq: Option<u64>,
    /// Results of other names, and known ones that could not be read.
    pub unknown: Vec<(Bytes, Value)>,
}

/// Numbers separated by spaces; `(MODSEQ n)` may follow. Anything else among them is stepped over.
pub(super) fn search(cursor: &mut Cursor<'_>) -> Untagged {
    let rest = cursor.rest();
    let mut ids = Vec::with_capacity(rest.len() / 7);
    let mut modseq = None;
    let mut at = 0;
    while at < rest.len() {
        let word_end = memchr::memchr(b' ', &rest[at..]).map_or(rest.len(), |length| at + length);
        let word = &rest[at..word_end];
        if let Some(id) = crate::bytes_ext::number32(word) {
            ids.push(id);
        } else if word.eq_ignore_ascii_case(b"(MODSEQ") {
            let digits = rest.get(word_end + 1..).unwrap_or_default();
            let length = digits.iter().take_while(|byte| byte.is_ascii_digit()).count();
            modseq = number(&digits[..length]);
            break;
        }
        at = word_end + 1;
    }
    Untagged::Search { ids, modseq }
}

pub(super) fn esearch(cursor: &mut Cursor<'_>) -> Esearch {
    let mut found = Esearch::default();
    cursor.skip_spaces();
    if cursor.peek() == Some(b'(') {
        let start = cursor.position();
        match cursor.value() {
            Ok(Value::List(correlator)) => {
                if let [name, tag] = &correlator[..]
                    && name.bytes().is_some_and(|name| name.eq_ignore_ascii_case(b"TAG"))
                {
                    found.tag = tag.bytes().map(|tag| Tag::parse(tag));
                }
            }
            _ => {
                cursor.seek(start);
                cursor.skip_value();
            }
        }
    }
    loop {
        cursor.skip_spaces();
        if cursor.at_end() {
            return found;
        }
        let Some(name) = cursor.value().ok().and_then(Value::into_name) else {
            return found;
        };
        if name.eq_ignore_ascii_case(b"UID") {
            found.uid = true;
            continue;
        }
        let Ok(value) = cursor.value() else {
            return found;
        };
        if !known(&mut found, &name, &value) {
            found.unknown.push((name, value));
        }
    }
}

fn known(found: &mut Esearch, name: &[u8], value: &Value) -> bool {
    let small = || value.number().and_then(|number| u32::try_from(number).ok());
    let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    if is(b"MIN") {
        found.min = small();
        return found.min.is_some();
    }
    if is(b"MAX") {
        found.max = small();
        return found.max.is_some();
    }
    if is(b"COUNT") {
        found.count = value.number();
        return found.count.is_some();
    }
    if is(b"MODSEQ") {
        found.modseq = value.number();
        return found.modseq.is_some();
    }
    if is(b"ALL") {
        found.all = value.bytes().and_then(|set| UidSet::parse(set));
        return found.all.is_some();
    }
    false
}
