//! What kind of response is this line?

use bytes::Bytes;

use super::code::code_and_text;
use super::fetch::{Fetch, read_items};
use super::list::{folder_status, folder_token, list_entry, namespaces, quota};
use super::search::{esearch, search};
use super::{Condition, Response, Status, Tag, Untagged};
use crate::bytes_ext::number32;
use crate::capability::Capabilities;
use crate::flags::KeywordTable;
use crate::set::UidSet;
use crate::token::{Cursor, Value};

/// What a line without a streamed body comes to.
pub(crate) enum Parsed {
    /// A blank line: nothing was said.
    Nothing,
    /// A response.
    Response(Response),
    /// A FETCH whose body stands in line: items before it, the body, all items.
    InlineBody(Box<Fetch>, Bytes, Fetch),
}

/// Reads one whole response without its last CRLF; its literals stand in line.
pub(crate) fn response(line: &Bytes, keywords: &mut KeywordTable) -> Parsed {
    let mut cursor = Cursor::new(line, 0);
    cursor.skip_spaces();
    let response = match cursor.peek() {
        None => return Parsed::Nothing,
        Some(b'+') => {
            cursor.eat(b'+');
            cursor.eat(b' ');
            Response::Continue { text: cursor.slice_to_end() }
        }
        Some(b'*') if matches!(cursor.rest().get(1), None | Some(b' ')) => {
            cursor.eat(b'*');
            return untagged(&mut cursor, keywords);
        }
        // Exchange: a code on a line of its own, without the `* OK` before it.
        Some(b'[') => {
            let (code, text) = code_and_text(&mut cursor);
            Response::Untagged(Untagged::Condition { kind: Condition::Ok, code, text })
        }
        Some(_) => tagged(&mut cursor),
    };
    Parsed::Response(response)
}

fn tagged(cursor: &mut Cursor<'_>) -> Response {
    let tag = cursor.atom();
    cursor.skip_spaces();
    let after_tag = cursor.position();
    let word = cursor.atom();
    let status = match condition(&word) {
        Some(Condition::Ok) => Status::Ok,
        Some(Condition::No) => Status::No,
        Some(Condition::Bad) => Status::Bad,
        _ => {
            cursor.seek(after_tag);
            let values = cursor.values_to_end();
            return Response::Untagged(Untagged::Unknown { name: tag, values });
        }
    };
    let (code, text) = code_and_text(cursor);
    Response::Tagged { tag: Tag::parse(&tag), status, code, text }
}

fn condition(word: &[u8]) -> Option<Condition> {
    let kinds: [(&[u8], Condition); 5] = [
        (b"OK", Condition::Ok),
        (b"NO", Condition::No),
        (b"BAD", Condition::Bad),
        (b"BYE", Condition::Bye),
        (b"PREAUTH", Condition::Preauth),
    ];
    kinds.into_iter().find(|(name, _)| word.eq_ignore_ascii_case(name)).map(|(_, kind)| kind)
}

/// Whether a line is prose, in which a literal's announcement means nothing: continuations, status
/// lines, and whatever does not begin with `*`.
pub(crate) fn is_prose(line: &[u8]) -> bool {
    let Some(rest) = line.trim_ascii_start().strip_prefix(b"*") else {
        return true;
    };
    let rest = rest.trim_ascii_start();
    let word = rest.iter().take(8).position(|byte| !byte.is_ascii_alphabetic()).unwrap_or(rest.len().min(8));
    condition(&rest[..word]).is_some()
}

fn untagged(cursor: &mut Cursor<'_>, keywords: &mut KeywordTable) -> Parsed {
    cursor.skip_spaces();
    let start = cursor.position();
    let word = cursor.atom();
    if let Some(kind) = condition(&word) {
        let (code, text) = code_and_text(cursor);
        return Parsed::Response(Response::Untagged(Untagged::Condition { kind, code, text }));
    }
    if word.first().is_some_and(u8::is_ascii_digit) {
        return numbered(word, cursor, keywords);
    }
    let after_word = cursor.position();
    let data = named(&word, cursor).unwrap_or_else(|| {
        cursor.seek(if word.is_empty() { start } else { after_word });
        let values = cursor.values_to_end();
        Untagged::Unknown { name: word, values }
    });
    Parsed::Response(Response::Untagged(data))
}

/// `* number NAME …`.
fn numbered(digits: Bytes, cursor: &mut Cursor<'_>, keywords: &mut KeywordTable) -> Parsed {
    cursor.skip_spaces();
    let name = cursor.atom_until(|byte| byte == b'(');
    let number = number32(&digits);
    let is = |wanted: &[u8]| name.eq_ignore_ascii_case(wanted);
    let data = match number {
        Some(number) if is(b"FETCH") => return fetch(number, cursor, keywords),
        Some(number) if is(b"EXISTS") => Untagged::Exists(number),
        Some(number) if is(b"RECENT") => Untagged::Recent(number),
        Some(number) if is(b"EXPUNGE") => Untagged::Expunge(number),
        _ => {
            let mut values = vec![Value::Atom(digits)];
            values.append(&mut cursor.values_to_end());
            Untagged::Unknown { name, values }
        }
    };
    Parsed::Response(Response::Untagged(data))
}

fn fetch(sequence: u32, cursor: &mut Cursor<'_>, keywords: &mut KeywordTable) -> Parsed {
    let mut fetch = Fetch { sequence, ..Fetch::default() };
    cursor.skip_spaces();
    cursor.eat(b'(');
    let items = read_items(cursor, &mut fetch, keywords, true);
    match items.body {
        Some((before, body)) => Parsed::InlineBody(before, body, fetch),
        None if items.body_ahead == Some(0) => Parsed::InlineBody(Box::new(fetch.clone()), Bytes::new(), fetch),
        None => Parsed::Response(Response::Untagged(Untagged::Fetch(fetch))),
    }
}

/// `* NAME …`; `None` for an unknown name and for contents that are not the name's.
fn named(word: &[u8], cursor: &mut Cursor<'_>) -> Option<Untagged> {
    let mut upper = [0u8; 16];
    let upper = upper.get_mut(..word.len())?;
    upper.copy_from_slice(word);
    upper.make_ascii_uppercase();
    Some(match &*upper {
        b"LIST" | b"XLIST" => Untagged::List(list_entry(cursor)?),
        b"LSUB" => Untagged::Lsub(list_entry(cursor)?),
        b"STATUS" => Untagged::Status(folder_status(cursor)?),
        b"CAPABILITY" => Untagged::Capability(Capabilities::parse(cursor.rest())),
        b"SEARCH" | b"SORT" => search(cursor),
        b"ESEARCH" => Untagged::Esearch(esearch(cursor)),
        b"FLAGS" => Untagged::Flags(cursor.names().ok()?),
        b"ENABLED" => Untagged::Enabled(names_to_end(cursor)),
        b"NAMESPACE" => Untagged::Namespace(namespaces(cursor)),
        b"QUOTA" => Untagged::Quota(quota(cursor)?),
        b"QUOTAROOT" => Untagged::QuotaRoot { folder: folder_token(cursor)?, roots: names_to_end(cursor) },
        b"ID" => Untagged::Id(id(cursor)?),
        b"VANISHED" => vanished(cursor)?,
        b"MYRIGHTS" => Untagged::MyRights { folder: folder_token(cursor)?, rights: cursor.value().ok()?.into_name()? },
        _ => return None,
    })
}

fn names_to_end(cursor: &mut Cursor<'_>) -> Vec<Bytes> {
    cursor.values_to_end().into_iter().filter_map(Value::into_name).collect()
}

fn id(cursor: &mut Cursor<'_>) -> Option<Vec<(Bytes, Option<Bytes>)>> {
    let values = match cursor.value().ok()? {
        Value::List(values) => values,
        Value::Nil => Vec::new(),
        _ => return None,
    };
    let pairs = values.chunks(2).filter_map(|pair| {
        let name = pair[0].bytes()?.clone();
        Some((name, pair.get(1).and_then(Value::bytes).cloned()))
    });
    Some(pairs.collect())
}

fn vanished(cursor: &mut Cursor<'_>) -> Option<Untagged> {
    let mut value = cursor.value().ok()?;
    let mut earlier = false;
    if let Value::List(options) = &value {
        earlier =
            options.iter().any(|option| option.bytes().is_some_and(|option| option.eq_ignore_ascii_case(b"EARLIER")));
        value = cursor.value().ok()?;
    }
    Some(Untagged::Vanished { earlier, uids: UidSet::parse(value.bytes()?)? })
}
