//! What does a server say it can do?

use std::fmt;

use bytes::Bytes;

use crate::bytes_ext::{number, starts_with_ignore_case};
use crate::command::LiteralSupport;

/// The capabilities that a server announced (RFC 3501 §7.2.1); names are compared without letter case.
///
/// Capabilities change with authentication and TLS: take the latest list, never a union.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Capabilities {
    names: Vec<Bytes>,
}

/// What a server without IMAP4rev1 but with IMAP4rev2 can do without naming it (RFC 9051 appendix E).
const IN_REV2: [&[u8]; 15] = [
    b"NAMESPACE",
    b"UNSELECT",
    b"UIDPLUS",
    b"ESEARCH",
    b"SEARCHRES",
    b"ENABLE",
    b"IDLE",
    b"SASL-IR",
    b"LIST-EXTENDED",
    b"LIST-STATUS",
    b"MOVE",
    b"LITERAL-",
    b"SPECIAL-USE",
    b"CHILDREN",
    b"STATUS=SIZE",
];

impl Capabilities {
    /// Nothing known.
    pub const fn new() -> Self {
        Self { names: Vec::new() }
    }

    /// Reads the text after `CAPABILITY`. Copies it, since capabilities outlive every buffer.
    pub fn parse(text: &[u8]) -> Self {
        let copied = Bytes::copy_from_slice(text);
        let names = copied
            .split(|&byte| byte == b' ')
            .filter(|name| !name.is_empty())
            .take(crate::token::MAX_VALUES)
            .map(|name| copied.slice_ref(name))
            .collect();
        Self { names }
    }

    /// Whether `name` is announced, or implied by what is: QRESYNC brings CONDSTORE and ENABLE
    /// (RFC 7162 §3.2.3), LITERAL+ brings LITERAL- (RFC 7888 §4), IMAP4rev2 alone brings what it took in.
    pub fn has(&self, name: &[u8]) -> bool {
        if self.announces(name) {
            return true;
        }
        let is = |other: &[u8]| name.eq_ignore_ascii_case(other);
        if (is(b"CONDSTORE") || is(b"ENABLE")) && self.announces(b"QRESYNC") {
            return true;
        }
        if is(b"LITERAL-") && self.announces(b"LITERAL+") {
            return true;
        }
        self.announces(b"IMAP4rev2") && !self.announces(b"IMAP4rev1") && IN_REV2.iter().any(|implied| is(implied))
    }

    /// Whether `name` itself was in the list.
    pub fn announces(&self, name: &[u8]) -> bool {
        self.names.iter().any(|known| known.eq_ignore_ascii_case(name))
    }

    /// The values of capabilities of the form `key=value`, such as `AUTH=PLAIN`.
    pub fn values<'a>(&'a self, key: &'a [u8]) -> impl Iterator<Item = &'a [u8]> + 'a {
        self.names.iter().filter_map(move |name| {
            let rest = starts_with_ignore_case(name, key).then(|| &name[key.len()..])?;
            rest.strip_prefix(b"=").filter(|value| !value.is_empty())
        })
    }

    /// The SASL mechanisms on offer, as spelt by the server.
    pub fn mechanisms(&self) -> impl Iterator<Item = &[u8]> {
        self.values(b"AUTH")
    }

    /// Whether a SASL mechanism is on offer.
    pub fn has_mechanism(&self, name: &[u8]) -> bool {
        self.mechanisms().any(|mechanism| mechanism.eq_ignore_ascii_case(name))
    }

    /// The largest message in bytes that APPEND takes, where one limit holds for all folders (RFC 7889).
    pub fn append_limit(&self) -> Option<u64> {
        self.values(b"APPENDLIMIT").find_map(number)
    }

    /// Whether `COMPRESS=DEFLATE` (RFC 4978) is on offer.
    pub fn compress_deflate(&self) -> bool {
        self.announces(b"COMPRESS=DEFLATE")
    }

    /// Whether UTF-8 names and headers can be had (RFC 6855).
    pub fn utf8(&self) -> bool {
        self.announces(b"UTF8=ACCEPT") || self.announces(b"UTF8=ONLY")
    }

    /// How literals may be sent.
    pub fn literal_support(&self) -> LiteralSupport {
        if self.has(b"LITERAL+") {
            return LiteralSupport::Plus;
        }
        if self.has(b"LITERAL-") {
            return LiteralSupport::Minus;
        }
        LiteralSupport::Synchronizing
    }

    /// All names, as spelt by the server.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        self.names.iter().map(|name| &name[..])
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }
}

impl fmt::Display for Capabilities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.iter().enumerate() {
            if index > 0 {
                formatter.write_str(" ")?;
            }
            formatter.write_str(&String::from_utf8_lossy(name))?;
        }
        Ok(())
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Capabilities({self})")
    }
}
