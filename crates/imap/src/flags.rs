//! Which flags does a message bear, without an allocation for the usual ones?

use std::fmt;

use bytes::Bytes;

/// The flags of one message: the system flags as bits, keywords by name in the order given.
///
/// Keywords keep their letter case; comparing them is the caller's question (RFC 3501 §2.3.2 makes
/// flags case-insensitive, servers differ).
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct FlagSet {
    system: u8,
    keywords: Vec<Bytes>,
}

/// The flags with a backslash that RFC 3501 §2.3.2 defines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SystemFlag {
    /// Message has been read.
    Seen,
    /// Message has been answered.
    Answered,
    /// Message is flagged for attention.
    Flagged,
    /// Message is to be removed by a later EXPUNGE.
    Deleted,
    /// Message is not finished.
    Draft,
    /// Message is new to this connection; only the server sets it.
    Recent,
}

impl SystemFlag {
    /// All of them, in the order in which [`FlagSet::iter`] yields them.
    pub const ALL: [Self; 6] = [Self::Seen, Self::Answered, Self::Flagged, Self::Deleted, Self::Draft, Self::Recent];

    /// The name on the wire, with its backslash.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Seen => "\\Seen",
            Self::Answered => "\\Answered",
            Self::Flagged => "\\Flagged",
            Self::Deleted => "\\Deleted",
            Self::Draft => "\\Draft",
            Self::Recent => "\\Recent",
        }
    }

    /// The flag with this name, letter case aside.
    pub fn from_name(name: &[u8]) -> Option<Self> {
        if name.first() != Some(&b'\\') {
            return None;
        }
        Self::ALL.into_iter().find(|flag| name.eq_ignore_ascii_case(flag.name().as_bytes()))
    }

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

impl FlagSet {
    /// No flags at all.
    pub const fn new() -> Self {
        Self { system: 0, keywords: Vec::new() }
    }

    /// Whether a system flag is set.
    pub fn has(&self, flag: SystemFlag) -> bool {
        self.system & flag.bit() != 0
    }

    /// Sets a system flag.
    pub fn set(&mut self, flag: SystemFlag) {
        self.system |= flag.bit();
    }

    /// The flags that are not system flags, as the server spelt them. Unknown names with a
    /// backslash are among them.
    pub fn keywords(&self) -> &[Bytes] {
        &self.keywords
    }

    /// All names: system flags first, in their standard spelling, then keywords.
    pub fn iter(&self) -> impl Iterator<Item = &[u8]> {
        SystemFlag::ALL
            .into_iter()
            .filter(|flag| self.has(*flag))
            .map(|flag| flag.name().as_bytes())
            .chain(self.keywords.iter().map(|keyword| &keyword[..]))
    }

    /// Whether a flag of this name is set, letter case aside.
    pub fn contains(&self, name: &[u8]) -> bool {
        match SystemFlag::from_name(name) {
            Some(flag) => self.has(flag),
            None => self.keywords.iter().any(|keyword| keyword.eq_ignore_ascii_case(name)),
        }
    }

    /// How many flags are set.
    pub fn len(&self) -> usize {
        self.system.count_ones() as usize + self.keywords.len()
    }

    /// Whether no flag is set.
    pub fn is_empty(&self) -> bool {
        self.system == 0 && self.keywords.is_empty()
    }

    /// Adds a flag by name.
    pub fn insert(&mut self, name: Bytes) {
        match SystemFlag::from_name(&name) {
            Some(flag) => self.set(flag),
            None => self.keywords.push(name),
        }
    }

    /// Adds a flag by name; a keyword seen before on this connection costs no allocation.
    pub(crate) fn insert_interned(&mut self, name: &[u8], keywords: &mut KeywordTable) {
        match SystemFlag::from_name(name) {
            Some(flag) => self.set(flag),
            None => self.keywords.push(keywords.intern(name)),
        }
    }
}

impl fmt::Debug for FlagSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.iter().map(|name| String::from_utf8_lossy(name).into_owned());
        formatter.debug_set().entries(names).finish()
    }
}

impl<T: Into<Bytes>> FromIterator<T> for FlagSet {
    fn from_iter<I: IntoIterator<Item = T>>(names: I) -> Self {
        let mut set = Self::new();
        for name in names {
            set.insert(name.into());
        }
        set
    }
}

/// Whether a client may send this flag in STORE or APPEND: `\Recent` and `\*` belong to the server,
/// and a keyword that is no atom (RFC 3501 §9) would break the command's syntax.
pub fn flag_can_be_sent(name: &[u8]) -> bool {
    let atom = name.strip_prefix(b"\\").unwrap_or(name);
    !atom.is_empty()
        && !name.eq_ignore_ascii_case(b"\\Recent")
        && atom.iter().all(|&byte| crate::command::is_atom_byte(byte) && byte != b']')
}

/// Keywords seen on a connection, so that a listing of a million messages holds each name once and
/// never keeps read buffers alive.
#[derive(Debug, Default)]
pub(crate) struct KeywordTable {
    names: Vec<Bytes>,
}

impl KeywordTable {
    /// Searched one by one, so kept short; further keywords are copied each time.
    const CAPACITY: usize = 64;

    fn intern(&mut self, name: &[u8]) -> Bytes {
        if let Some(known) = self.names.iter().find(|known| known[..] == *name) {
            return known.clone();
        }
        let copied = Bytes::copy_from_slice(name);
        if self.names.len() < Self::CAPACITY {
            self.names.push(copied.clone());
        }
        copied
    }
}
