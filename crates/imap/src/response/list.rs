//! Which folders are there, with what counts, in which namespaces, under what quota?

use bytes::Bytes;

use crate::bytes_ext::number32;
use crate::token::{Cursor, Value};

/// One folder of LIST, LSUB or XLIST (RFC 3501 §7.2.2, RFC 5258).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ListEntry {
    /// `\HasChildren`, `\Noselect`, roles such as `\Sent` …, as spelt by the server.
    pub attributes: Vec<Bytes>,
    /// The hierarchy separator; `None` for a flat namespace.
    pub delimiter: Option<u8>,
    /// The name as on the wire, quotes or literal removed; also the form to use in commands.
    pub name: Bytes,
    /// Extended data: OLDNAME, CHILDINFO ….
    pub extended: Vec<(Bytes, Value)>,
}

impl ListEntry {
    /// Whether an attribute is there, letter case aside.
    pub fn has_attribute(&self, name: &[u8]) -> bool {
        self.attributes.iter().any(|attribute| attribute.eq_ignore_ascii_case(name))
    }
}

/// The counts of one folder (RFC 3501 §7.2.4 and extensions). What could not be read is `None` and
/// stands in `unknown`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderStatus {
    /// The folder, raw as in [`ListEntry::name`].
    pub name: Bytes,
    /// Number of messages.
    pub messages: Option<u64>,
    /// The next UID.
    pub uid_next: Option<u32>,
    /// The UIDs' validity.
    pub uid_validity: Option<u32>,
    /// The highest mod-sequence; 0 where the folder keeps none.
    pub highest_modseq: Option<u64>,
    /// Number of unseen messages.
    pub unseen: Option<u64>,
    /// Number of recent messages.
    pub recent: Option<u64>,
    /// Bytes of all messages (RFC 8438).
    pub size: Option<u64>,
    /// Number of messages flagged `\Deleted` (RFC 9208).
    pub deleted: Option<u64>,
    /// The folder's stable id (RFC 8474; Dovecot's X-GUID).
    pub mailbox_id: Option<Bytes>,
    /// Largest message that APPEND takes; `Some(None)`: no limit (RFC 7889).
    pub append_limit: Option<Option<u64>>,
    /// Items of other names, and known ones that could not be read.
    pub unknown: Vec<(Bytes, Value)>,
}

/// One namespace (RFC 2342).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    /// What names in it begin with, raw; may be empty.
    pub prefix: Bytes,
    /// Its hierarchy separator.
    pub delimiter: Option<u8>,
}

/// The three kinds of namespaces; each list may be empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    /// The account's own folders.
    pub personal: Vec<Namespace>,
    /// Other people's.
    pub other: Vec<Namespace>,
    /// Everybody's.
    pub shared: Vec<Namespace>,
}

/// Use and limits of a quota root (RFC 9208).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quota {
    /// The root's name; often empty.
    pub root: Bytes,
    /// One entry a resource.
    pub resources: Vec<QuotaResource>,
}

/// One limited resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct QuotaResource {
    /// `STORAGE` (in units of 1,024 bytes), `MESSAGE` ….
    pub name: Bytes,
    /// How much is in use.
    pub usage: u64,
    /// How much there may be.
    pub limit: u64,
}

/// `None` only if there is no name at all.
pub(super) fn list_entry(cursor: &mut Cursor<'_>) -> Option<ListEntry> {
    let mut entry = ListEntry::default();
    cursor.skip_spaces();
    let start = cursor.position();
    match cursor.names() {
        Ok(attributes) => entry.attributes = attributes,
        Err(_) => {
            cursor.seek(start);
            if cursor.peek() == Some(b'(') {
                cursor.skip_value();
            }
        }
    }
    entry.delimiter = delimiter(cursor)?;
    entry.name = folder_name(cursor, true)?;
    cursor.skip_spaces();
    if cursor.peek() == Some(b'(')
        && let Ok(Value::List(values)) = cursor.value()
    {
        let mut values = values.into_iter();
        while let (Some(name), Some(value)) = (values.next(), values.next()) {
            if let Some(name) = name.into_name() {
                entry.extended.push((name, value));
            }
        }
    }
    Some(entry)
}

fn delimiter(cursor: &mut Cursor<'_>) -> Option<Option<u8>> {
    cursor.skip_spaces();
    // A backslash that its server forgot to escape: `"\"`.
    if cursor.rest().starts_with(b"\"\\\" ") {
        cursor.seek(cursor.position() + 3);
        return Some(Some(b'\\'));
    }
    let value = cursor.value().ok()?;
    Some(value.bytes().and_then(|bytes| bytes.first().copied()))
}

/// A folder's name. In LIST it is (nearly) the last thing on the line, so that a name with spaces
/// but without quotes, or with quotes inside its quotes, can still be told.
fn folder_name(cursor: &mut Cursor<'_>, to_end_of_line: bool) -> Option<Bytes> {
    cursor.skip_spaces();
    let start = cursor.position();
    match cursor.peek()? {
        b'"' => {
            let quoted = cursor.quoted();
            let ends_well = matches!(cursor.peek(), None | Some(b' '));
            if let Ok(name) = quoted
                && (ends_well || !to_end_of_line)
            {
                return Some(name);
            }
            if !to_end_of_line {
                return None;
            }
            cursor.seek(start + 1);
            let rest = cursor.rest();
            let length = memchr::memrchr(b'"', rest).unwrap_or(rest.len());
            let name = cursor.slice(start + 1, start + 1 + length);
            cursor.seek(start + 1 + rest.len());
            Some(name)
        }
        b'{' | b'~' if crate::token::literal_header(cursor.rest()).is_some() => cursor.value().ok()?.into_name(),
        _ if to_end_of_line => {
            let rest = cursor.rest();
            let length = memchr::memmem::find(rest, b" (").unwrap_or(rest.len());
            let name = rest[..length].trim_ascii_end().len();
            cursor.seek(start + length);
            Some(cursor.slice(start, start + name))
        }
        _ => {
            let name = cursor.atom();
            (!name.is_empty()).then_some(name)
        }
    }
}

pub(super) fn folder_status(cursor: &mut Cursor<'_>) -> Option<FolderStatus> {
    let mut status = FolderStatus { name: status_folder(cursor)?, ..FolderStatus::default() };
    cursor.skip_spaces();
    if !cursor.eat(b'(') {
        return Some(status);
    }
    loop {
        cursor.skip_spaces();
        match cursor.peek() {
            None | Some(b')') => return Some(status),
            Some(_) => {}
        }
        let Some(name) = cursor.value().ok().and_then(Value::into_name) else {
            return Some(status);
        };
        let before = cursor.position();
        let Ok(value) = cursor.value() else {
            cursor.seek(before);
            cursor.skip_spaces();
            status.unknown.push((name, Value::Nil));
            if cursor.at_end() || cursor.peek() == Some(b')') {
                return Some(status);
            }
            cursor.skip_value();
            continue;
        };
        if !status_item(&mut status, &name, &value) {
            status.unknown.push((name, value));
        }
    }
}

/// The name in STATUS: a string, or an atom that may hold spaces, up to the items' list.
fn status_folder(cursor: &mut Cursor<'_>) -> Option<Bytes> {
    cursor.skip_spaces();
    if matches!(cursor.peek()?, b'"' | b'{' | b'~') {
        return folder_name(cursor, false);
    }
    let start = cursor.position();
    let length = memchr::memmem::find(cursor.rest(), b" (")?;
    let name = cursor.slice(start, start + length);
    cursor.seek(start + length);
    (!name.is_empty()).then_some(name)
}

fn status_item(status: &mut FolderStatus, name: &[u8], value: &Value) -> bool {
    let mut upper = [0u8; 16];
    let Some(upper) = upper.get_mut(..name.len()) else {
        return false;
    };
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    fn put<T>(place: &mut Option<T>, value: Option<T>) -> bool {
        *place = value;
        place.is_some()
    }
    let small = || value.bytes().and_then(|bytes| number32(bytes));
    match &*upper {
        b"MESSAGES" => put(&mut status.messages, value.number()),
        b"UIDNEXT" => put(&mut status.uid_next, small()),
        b"UIDVALIDITY" => put(&mut status.uid_validity, small()),
        b"HIGHESTMODSEQ" => put(&mut status.highest_modseq, value.number()),
        b"UNSEEN" => put(&mut status.unseen, value.number()),
        b"RECENT" => put(&mut status.recent, value.number()),
        b"SIZE" => put(&mut status.size, value.number()),
        b"DELETED" => put(&mut status.deleted, value.number()),
        b"MAILBOXID" | b"X-GUID" => {
            let id = match value {
                Value::List(values) => values.first().and_then(Value::bytes),
                other => other.bytes(),
            };
            put(&mut status.mailbox_id, id.cloned())
        }
        b"APPENDLIMIT" => {
            let limit = match value {
                Value::Nil => Some(None),
                other => other.number().map(Some),
            };
            put(&mut status.append_limit, limit)
        }
        _ => false,
    }
}

pub(super) fn namespaces(cursor: &mut Cursor<'_>) -> Namespaces {
    let mut kind = || match cursor.value() {
        Ok(Value::List(values)) => values.iter().filter_map(namespace).collect(),
        _ => Vec::new(),
    };
    Namespaces { personal: kind(), other: kind(), shared: kind() }
}

fn namespace(value: &Value) -> Option<Namespace> {
    let [prefix, delimiter, ..] = value.list()? else {
        return None;
    };
    Some(Namespace {
        prefix: prefix.bytes().cloned().unwrap_or_default(),
        delimiter: delimiter.bytes().and_then(|bytes| bytes.first().copied()),
    })
}

pub(super) fn quota(cursor: &mut Cursor<'_>) -> Option<Quota> {
    cursor.skip_spaces();
    // Some servers leave out an empty root's name.
    let root = if cursor.peek() == Some(b'(') { Bytes::new() } else { cursor.value().ok()?.into_name()? };
    let Ok(Value::List(values)) = cursor.value() else {
        return Some(Quota { root, resources: Vec::new() });
    };
    let resources = values
        .chunks(3)
        .filter_map(|chunk| {
            let [name, usage, limit] = chunk else {
                return None;
            };
            Some(QuotaResource { name: name.bytes()?.clone(), usage: usage.number()?, limit: limit.number()? })
        })
        .collect();
    Some(Quota { root, resources })
}

/// A folder name where the grammar wants a single token.
pub(super) fn folder_token(cursor: &mut Cursor<'_>) -> Option<Bytes> {
    folder_name(cursor, false)
}
