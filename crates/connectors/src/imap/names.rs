//! How folder names on the wire become paths, and paths names.

use limosa_imap::name::{decode_folder_name, encode_folder_name};
use limosa_imap::response::{ListEntry, Namespaces};
use limosa_model::FolderPath;

/// The owner's part of the server's names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Names {
    /// What every name but INBOX begins with, raw; often empty, `INBOX.` on Courier and Cyrus.
    pub(crate) prefix: Vec<u8>,
    /// The separator; `None` where folders have no hierarchy.
    pub(crate) delimiter: Option<u8>,
    /// Further namespaces of the owner, whose prefixes stay part of the path.
    personal: Vec<Vec<u8>>,
    /// Namespaces of other people and of everybody.
    foreign: Vec<Vec<u8>>,
}

impl Names {
    /// From the server's namespaces, or without them from the separator of what it lists.
    pub(crate) fn new(namespaces: Option<&Namespaces>, entries: &[ListEntry]) -> Self {
        let listed = || entries.iter().find_map(|entry| entry.delimiter);
        let Some(first) = namespaces.and_then(|namespaces| namespaces.personal.first()) else {
            // No prefix is guessed: a guess could change with the next folder that somebody makes, and all paths with it.
            return Self { delimiter: listed(), ..Self::default() };
        };
        let others = namespaces.map(|all| all.other.iter().chain(&all.shared)).into_iter().flatten();
        let personal = namespaces.map(|all| all.personal.iter().skip(1)).into_iter().flatten();
        Self {
            prefix: first.prefix.to_vec(),
            delimiter: first.delimiter.or_else(listed),
            personal: personal.map(|namespace| namespace.prefix.to_vec()).collect(),
            foreign: others.map(|namespace| namespace.prefix.to_vec()).collect(),
        }
    }

    /// Whether the folder belongs to somebody else, or to everybody.
    pub(crate) fn is_foreign(&self, raw: &[u8]) -> bool {
        if is_inbox(raw) {
            return false;
        }
        let longest = |prefixes: &[Vec<u8>]| {
            let matching = prefixes.iter().filter(|prefix| begins_with(raw, prefix));
            matching.map(Vec::len).max()
        };
        // The name above a foreign namespace is listed too: `Other Users`.
        let above = |prefix: &Vec<u8>| {
            prefix.split_last().is_some_and(|(last, name)| Some(*last) == self.delimiter && name == raw)
        };
        if self.foreign.iter().any(above) {
            return true;
        }
        let own = begins_with(raw, &self.prefix).then_some(self.prefix.len()).max(longest(&self.personal));
        longest(&self.foreign) > own
    }

    /// The path of a folder of the owner's.
    pub(crate) fn path(&self, raw: &[u8]) -> FolderPath {
        if is_inbox(raw) {
            return FolderPath::inbox();
        }
        let inner = if begins_with(raw, &self.prefix) { &raw[self.prefix.len()..] } else { raw };
        let Some(delimiter) = self.delimiter else {
            return FolderPath::new([decode_folder_name(inner, false)]);
        };
        // Servers with files for folders list directories with a separator at the end.
        let inner = inner.strip_suffix(&[delimiter]).filter(|rest| !rest.is_empty()).unwrap_or(inner);
        let path = FolderPath::new(inner.split(|byte| *byte == delimiter).map(|name| decode_folder_name(name, false)));
        // `INBOX.INBOX` under the prefix `INBOX.` is a folder of its own.
        if path.is_inbox() { path.child("INBOX") } else { path }
    }

    /// The name that a folder of this path has or would have.
    ///
    /// # Errors
    /// If the path needs what the server does not have: levels without a separator, a separator within a name.
    pub(crate) fn raw(&self, path: &FolderPath) -> Result<Vec<u8>, String> {
        if path.is_inbox() {
            return Ok(b"INBOX".to_vec());
        }
        let mut raw = self.prefix.clone();
        for (index, name) in path.names().iter().enumerate() {
            let encoded = encode_folder_name(name, false);
            let encoded: &[u8] = encoded.as_ref();
            if name.is_empty() {
                return Err("an empty name cannot be made".into());
            }
            match self.delimiter {
                Some(delimiter) if encoded.contains(&delimiter) => {
                    return Err(format!("\"{}\" separates levels there and cannot stand in a name", delimiter as char));
                }
                Some(delimiter) if index > 0 => raw.push(delimiter),
                None if index > 0 => return Err("the server has no levels of folders".into()),
                _ => {}
            }
            raw.extend_from_slice(encoded);
        }
        Ok(raw)
    }

    /// Whether a prefix hides what would stand below the inbox: `INBOX.x` is then a top-level folder.
    pub(crate) fn inbox_is_prefix(&self) -> bool {
        self.prefix.len() > 5 && is_inbox(&self.prefix[..5])
    }
}

/// Whether this is the one name that is told in any letter case (RFC 9051 §5.1).
pub(crate) fn is_inbox(raw: &[u8]) -> bool {
    raw.eq_ignore_ascii_case(b"INBOX")
}

fn begins_with(raw: &[u8], prefix: &[u8]) -> bool {
    if raw.len() < prefix.len() {
        return false;
    }
    let same = |a: &[u8], b: &[u8]| a == b;
    if prefix.len() >= 5 && is_inbox(&prefix[..5]) {
        return is_inbox(&raw[..5]) && same(&raw[5..prefix.len()], &prefix[5..]);
    }
    same(&raw[..prefix.len()], prefix)
}

/// Where bytes that are no UTF-8 are kept in a `String`: 128 characters of the private use area.
const RAW_BYTES: u32 = 0xF700;

/// A raw name as a `String` from which [`wire_name`] makes the same bytes again.
pub(crate) fn kept_name(raw: &[u8]) -> String {
    let mut name = String::with_capacity(raw.len());
    for chunk in raw.utf8_chunks() {
        for c in chunk.valid().chars() {
            if is_raw_byte(c) {
                name.extend(c.encode_utf8(&mut [0; 4]).bytes().map(keep_byte));
            } else {
                name.push(c);
            }
        }
        name.extend(chunk.invalid().iter().copied().map(keep_byte));
    }
    name
}

/// The bytes of a name that [`kept_name`] made.
pub(crate) fn wire_name(name: &str) -> Vec<u8> {
    let mut raw = Vec::with_capacity(name.len());
    for c in name.chars() {
        if is_raw_byte(c) {
            raw.push((u32::from(c) - RAW_BYTES) as u8);
        } else {
            raw.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
    }
    raw
}

fn is_raw_byte(c: char) -> bool {
    (RAW_BYTES + 0x80..=RAW_BYTES + 0xFF).contains(&u32::from(c))
}

fn keep_byte(byte: u8) -> char {
    char::from_u32(RAW_BYTES + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use limosa_imap::response::Namespace;

    use super::*;

    fn namespace(prefix: &'static str, delimiter: u8) -> Namespace {
        Namespace { prefix: Bytes::from_static(prefix.as_bytes()), delimiter: Some(delimiter) }
    }

    /// As Cyrus without altnamespace has it.
    fn cyrus() -> Names {
        let namespaces = Namespaces {
            personal: vec![namespace("INBOX.", b'.')],
            other: vec![namespace("user.", b'.')],
            shared: vec![namespace("", b'.')],
        };
        Names::new(Some(&namespaces), &[])
    }

    fn dovecot() -> Names {
        let namespaces = Namespaces {
            personal: vec![namespace("", b'/'), namespace("Old/", b'/')],
            other: vec![namespace("Other Users/", b'/')],
            shared: vec![namespace("Old/Shared/", b'/')],
        };
        Names::new(Some(&namespaces), &[])
    }

    #[test]
    fn the_prefix_is_taken_off_and_put_on() {
        for (raw, path) in [("INBOX", "INBOX"), ("INBOX.Sent", "Sent"), ("INBOX.a.b&APw-", "a/bü")] {
            assert_eq!(cyrus().path(raw.as_bytes()), FolderPath::from(path));
            assert_eq!(cyrus().raw(&FolderPath::from(path)).unwrap(), raw.as_bytes());
        }
        assert_eq!(cyrus().path(b"inbox.Sent"), FolderPath::from("Sent"));
        assert_eq!(cyrus().path(b"INBOX.INBOX"), FolderPath::from("INBOX/INBOX"));
        assert!(cyrus().inbox_is_prefix());
        assert!(!dovecot().inbox_is_prefix());
    }

    #[test]
    fn only_the_owners_folders_are_his() {
        for own in ["INBOX", "inbox", "INBOX.a"] {
            assert!(!cyrus().is_foreign(own.as_bytes()), "{own}");
        }
        for foreign in ["user.bob", "user", "news"] {
            assert!(cyrus().is_foreign(foreign.as_bytes()), "{foreign}");
        }
        for own in ["INBOX", "a/b", "Old/x", "Other"] {
            assert!(!dovecot().is_foreign(own.as_bytes()), "{own}");
        }
        for foreign in ["Other Users", "Other Users/bob", "Old/Shared/x"] {
            assert!(dovecot().is_foreign(foreign.as_bytes()), "{foreign}");
        }
    }

    #[test]
    fn a_path_that_the_server_cannot_have_is_refused() {
        assert!(dovecot().raw(&FolderPath::new(["a/b"])).is_err());
        assert!(dovecot().raw(&FolderPath::new(["a", ""])).is_err());
        let flat = Names::default();
        assert!(flat.raw(&FolderPath::new(["a", "b"])).is_err());
        assert_eq!(flat.raw(&FolderPath::new(["a.b"])).unwrap(), b"a.b");
    }

    #[test]
    fn any_bytes_come_back_from_a_kept_name() {
        for raw in [&b"Entw&APw-rfe"[..], "Entwürfe".as_bytes(), b"Entw\xFCrfe", "\u{F7FC}".as_bytes(), b"\xF0\x9F"] {
            assert_eq!(wire_name(&kept_name(raw)), raw);
        }
        assert_eq!(kept_name("Entwürfe".as_bytes()), "Entwürfe");
    }
}
