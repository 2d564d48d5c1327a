//! Flags and keywords of a message, and which of them a folder keeps.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// The system flags that can be stored (RFC 9051 §2.3.2), as a set of bits. `\Recent` is the server's own and never copied.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SystemFlags(u8);

impl SystemFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// `\Seen`
    pub const SEEN: Self = Self(1);
    /// `\Answered`
    pub const ANSWERED: Self = Self(2);
    /// `\Flagged`
    pub const FLAGGED: Self = Self(4);
    /// `\Deleted`
    pub const DELETED: Self = Self(8);
    /// `\Draft`
    pub const DRAFT: Self = Self(16);
    /// All five.
    pub const ALL: Self = Self(31);

    const NAMES: [(Self, &'static str); 5] = [
        (Self::ANSWERED, "\\Answered"),
        (Self::FLAGGED, "\\Flagged"),
        (Self::DELETED, "\\Deleted"),
        (Self::SEEN, "\\Seen"),
        (Self::DRAFT, "\\Draft"),
    ];

    /// The flag of that IMAP name, in any letter case; `None` for anything else (`\Recent`, vendors' own).
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMES.iter().find(|(_, known)| known.eq_ignore_ascii_case(name)).map(|(flag, _)| *flag)
    }

    /// The bits, for a codec. See [`SystemFlags::from_bits`].
    pub const fn bits(self) -> u8 {
        self.0
    }

    /// The set of these bits; unknown bits are dropped.
    pub const fn from_bits(bits: u8) -> Self {
        Self(bits & Self::ALL.0)
    }

    /// Whether every flag of `other` is in this set.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What both sets hold.
    #[must_use]
    pub const fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// This set without `other`.
    #[must_use]
    pub const fn difference(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether no flag is set.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// IMAP names of the flags in this set.
    pub fn names<'a>(self) -> impl Iterator<Item = &'a str> {
        Self::NAMES.into_iter().filter(move |(flag, _)| self.contains(*flag)).map(|(_, name)| name)
    }
}

impl fmt::Debug for SystemFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// The flags of one message: system flags and keywords.
///
/// Keywords compare without regard to ASCII letter case (RFC 9051 §2.3.2), are kept sorted and once each, and hold the
/// spelling in which they were first given. Cloning costs no allocation: a folder's messages share few combinations.
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(from = "Vec<String>", into = "Vec<String>")]
pub struct Flags {
    /// The system flags.
    pub system: SystemFlags,
    keywords: Option<Arc<[Box<str>]>>,
}

impl Flags {
    /// These system flags and keywords. An empty or doubled keyword is dropped.
    pub fn new<S: Into<Box<str>>>(system: SystemFlags, keywords: impl IntoIterator<Item = S>) -> Self {
        let mut keywords: Vec<Box<str>> = keywords.into_iter().map(Into::into).filter(|k| !k.is_empty()).collect();
        if keywords.is_empty() {
            return Self { system, keywords: None };
        }
        keywords.sort_by_cached_key(|k| k.to_ascii_lowercase());
        keywords.dedup_by(|a, b| a.eq_ignore_ascii_case(b));
        Self { system, keywords: Some(keywords.into()) }
    }

    /// Reads IMAP flag names, in any letter case.
    ///
    /// Returns the flags, and the names that are neither a storable system flag nor a keyword: `\Recent`, `\*`, and
    /// backslash flags that a vendor made up.
    pub fn from_names<'a>(names: impl IntoIterator<Item = &'a str>) -> (Self, Vec<&'a str>) {
        let mut system = SystemFlags::NONE;
        let mut keywords: Vec<&str> = Vec::new();
        let mut other = Vec::new();
        for name in names {
            match SystemFlags::from_name(name) {
                Some(flag) => system = system.union(flag),
                None if name.starts_with('\\') => other.push(name),
                None => keywords.push(name),
            }
        }
        (Self::new(system, keywords), other)
    }

    /// The keywords, sorted without regard to letter case.
    pub fn keywords(&self) -> &[Box<str>] {
        self.keywords.as_deref().unwrap_or(&[])
    }

    /// Whether there is no flag and no keyword.
    pub fn is_empty(&self) -> bool {
        self.system.is_empty() && self.keywords.is_none()
    }

    /// IMAP names of all flags and keywords.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.system.names().chain(self.keywords().iter().map(AsRef::as_ref))
    }
}

impl From<SystemFlags> for Flags {
    fn from(system: SystemFlags) -> Self {
        Self { system, keywords: None }
    }
}

impl From<Vec<String>> for Flags {
    fn from(names: Vec<String>) -> Self {
        Self::from_names(names.iter().map(String::as_str)).0
    }
}

impl From<Flags> for Vec<String> {
    fn from(flags: Flags) -> Self {
        flags.names().map(str::to_owned).collect()
    }
}

impl PartialEq for Flags {
    fn eq(&self, other: &Self) -> bool {
        self.system == other.system
            && self.keywords().len() == other.keywords().len()
            && self.keywords().iter().zip(other.keywords()).all(|(a, b)| a.eq_ignore_ascii_case(b))
    }
}

impl Eq for Flags {}

impl std::hash::Hash for Flags {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.system.hash(state);
        for keyword in self.keywords() {
            keyword.to_ascii_lowercase().hash(state);
        }
    }
}

impl fmt::Debug for Flags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// How keywords of the source are named on the target. Compares the source's names without regard to ASCII letter case.
///
/// A keyword that is translated to nothing is left behind on purpose.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keywords(BTreeMap<String, Box<str>>);

impl Keywords {
    /// A table from the source's names to the target's.
    pub fn new<S: Into<Box<str>>>(table: impl IntoIterator<Item = (S, S)>) -> Self {
        let entry = |(from, to): (S, S)| (from.into().to_ascii_lowercase(), to.into());
        Self(table.into_iter().map(entry).collect())
    }

    /// Whether the table says anything of that keyword.
    pub fn names(&self, keyword: &str) -> bool {
        self.0.contains_key(&keyword.to_ascii_lowercase())
    }

    /// The flags as they are named on the target. Cheap where nothing is to be translated.
    #[must_use]
    pub fn translate(&self, flags: &Flags) -> Flags {
        if self.0.is_empty() || !flags.keywords().iter().any(|keyword| self.names(keyword)) {
            return flags.clone();
        }
        let named = |keyword: &str| match self.0.get(&keyword.to_ascii_lowercase()) {
            Some(name) => name.clone(),
            None => keyword.into(),
        };
        Flags::new(flags.system, flags.keywords().iter().map(|keyword| named(keyword)))
    }

    /// Equal for equal tables; empty for the empty one. Kept in ledgers, so that a change of the table is noticed.
    pub fn fingerprint(&self) -> String {
        let pairs: Vec<String> = self.0.iter().map(|(from, to)| format!("{from}={to}")).collect();
        pairs.join(" ")
    }
}

/// Which flags a folder keeps (IMAP's PERMANENTFLAGS, RFC 9051 §7.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermanentFlags {
    /// System flags that are kept.
    pub system: SystemFlags,
    /// Whether keywords never seen before may be made (`\*`).
    pub new_keywords: bool,
    /// Keywords that exist already.
    pub keywords: Vec<Box<str>>,
}

impl Default for PermanentFlags {
    /// Everything is kept: what RFC 9051 §7.1 says to assume where the server is silent.
    fn default() -> Self {
        Self { system: SystemFlags::ALL, new_keywords: true, keywords: Vec::new() }
    }
}

impl PermanentFlags {
    /// What this folder keeps of `flags`, and the names it would drop. A keyword that is no atom (RFC 9051 §9) is dropped
    /// everywhere: no command can carry it.
    pub fn keep(&self, flags: &Flags) -> (Flags, Vec<String>) {
        let system = flags.system.intersection(self.system);
        let mut dropped: Vec<String> = flags.system.difference(self.system).names().map(str::to_owned).collect();
        if self.new_keywords && flags.keywords().iter().all(|keyword| is_atom(keyword)) {
            return (Flags { system, keywords: flags.keywords.clone() }, dropped);
        }
        let (kept, lost): (Vec<&Box<str>>, Vec<&Box<str>>) = flags.keywords().iter().partition(|keyword| {
            let known = || self.keywords.iter().any(|known| known.eq_ignore_ascii_case(keyword));
            is_atom(keyword) && (self.new_keywords || known())
        });
        dropped.extend(lost.into_iter().map(|keyword| keyword.to_string()));
        (Flags::new(system, kept.into_iter().cloned()), dropped)
    }
}

/// Whether this can be an IMAP keyword: `flag-keyword = atom`.
fn is_atom(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_graphic() && !b"({)%*\"\\]".contains(&byte);
    !name.is_empty() && name.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keywords_compare_without_letter_case() {
        let (a, _) = Flags::from_names(["\\seen", "$MDNSent", "Work"]);
        let (b, _) = Flags::from_names(["work", "$MdnSent", "\\Seen"]);
        assert_eq!(a, b);
        assert_eq!(a.names().collect::<Vec<_>>(), ["\\Seen", "$MDNSent", "Work"]);
    }

    #[test]
    fn vendors_backslash_flags_are_set_aside() {
        let (flags, other) = Flags::from_names(["\\Recent", "\\X-EON-Has-Attachment", "\\Draft"]);
        assert_eq!(flags, Flags::from(SystemFlags::DRAFT));
        assert_eq!(other, ["\\Recent", "\\X-EON-Has-Attachment"]);
    }

    #[test]
    fn keywords_are_translated_by_name_in_any_letter_case() {
        let table = Keywords::new([("Forwarded", "$Forwarded"), ("nonjunk", ""), ("Work", "Arbeit")]);
        let flags = Flags::from_names(["\\Seen", "forwarded", "NonJunk", "other"]).0;
        let expect = Flags::from_names(["\\Seen", "$Forwarded", "other"]).0;
        assert_eq!(table.translate(&flags), expect);
        assert_eq!(table.translate(&expect), expect);
        assert_eq!(Keywords::default().fingerprint(), "");
        assert_ne!(table.fingerprint(), Keywords::new([("Forwarded", "$Forwarded")]).fingerprint());
    }

    #[test]
    fn a_folder_without_new_keywords_keeps_only_those_it_knows() {
        let folder = PermanentFlags { system: SystemFlags::SEEN, new_keywords: false, keywords: vec!["$junk".into()] };
        let (kept, dropped) = folder.keep(&Flags::from_names(["\\Seen", "\\Flagged", "$Junk", "Work"]).0);
        assert_eq!(kept.names().collect::<Vec<_>>(), ["\\Seen", "$Junk"]);
        assert_eq!(dropped, ["\\Flagged", "Work"]);
    }

    #[test]
    fn a_keyword_that_no_command_can_carry_is_dropped_and_told() {
        let flags = Flags::new(SystemFlags::SEEN, ["$ok", "two words", "[tag]", "wichtig\u{fc}", "a{b}", "x}"]);
        let (kept, mut dropped) = PermanentFlags::default().keep(&flags);
        assert_eq!(kept.names().collect::<Vec<_>>(), ["\\Seen", "$ok", "x}"]);
        dropped.sort();
        assert_eq!(dropped, ["[tag]", "a{b}", "two words", "wichtig\u{fc}"]);
    }
}
