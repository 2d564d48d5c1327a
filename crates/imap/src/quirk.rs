//! In which ways does this server differ from what it says, and why do we think so?
//!
//! A table, one entry a server, each peculiarity with its reason. What the reader of responses can
//! simply tolerate (odd dates, missing text, stray spaces) needs no entry.

use std::fmt;
use std::time::Duration;

use bytes::Bytes;

use crate::bytes_ext::leading_number;
use crate::capability::Capabilities;

/// A way in which a server differs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Quirk {
    /// `RFC822.SIZE` is an estimate: only the body's own size counts.
    SizesLie,
    /// Messages are rendered anew from another form: two readings, and what was appended, may differ.
    BodiesRendered,
    /// Folders are labels: one message stands in several, and in one that holds all.
    FoldersAreLabels,
    /// A message that is there already is not appended a second time.
    MergesDuplicates,
    /// SELECT is refused until the client has said who it is with ID.
    IdBeforeSelect,
    /// APPENDUID is missing or wrong although UIDPLUS is announced: look for the message instead.
    AppendUidUnreliable,
    /// Keywords cannot be stored, whatever is announced.
    NoKeywords,
    /// 8-bit bytes in message headers are stored as given.
    KeepsEightBitHeaders,
    /// Messages that contain NUL are refused.
    RefusesNul,
    /// Messages with a LF that no CR precedes are refused.
    RefusesBareLf,
}

/// What the table says of a server's peculiarities.
#[derive(Debug)]
struct Entry {
    server: &'static str,
    /// Words of which one stands in the greeting, letter case aside.
    greeting: &'static [&'static str],
    /// How the name in its ID begins, letter case aside.
    id: &'static [&'static str],
    /// Capabilities that only this server has.
    capabilities: &'static [&'static str],
    quirks: &'static [(Quirk, &'static str)],
    /// Capabilities that it announces and that must not be used.
    broken: &'static [(&'static str, &'static str)],
    /// Connections that one account or address may have by its defaults.
    connections: Option<u32>,
}

const TABLE: &[Entry] = &[
    Entry {
        server: "Dovecot",
        greeting: &["dovecot"],
        id: &["dovecot"],
        capabilities: &[],
        quirks: &[(Quirk::KeepsEightBitHeaders, "stores 8-bit bytes in headers as given")],
        broken: &[],
        // mail_max_userip_connections
        connections: Some(10),
    },
    Entry {
        server: "Cyrus",
        greeting: &["cyrus imap"],
        id: &["cyrus"],
        capabilities: &["X-REPLICATION"],
        quirks: &[
            (Quirk::RefusesNul, "APPEND answers NO Message contains NUL characters"),
            (Quirk::RefusesBareLf, "APPEND answers NO Message contains bare newlines"),
        ],
        broken: &[],
        connections: None,
    },
    Entry {
        server: "Courier",
        greeting: &["courier-imap"],
        id: &["courier"],
        capabilities: &["ACL2=UNION"],
        quirks: &[(Quirk::KeepsEightBitHeaders, "stores 8-bit bytes in headers as given")],
        broken: &[],
        // MAXPERIP
        connections: Some(4),
    },
    Entry {
        server: "Exchange",
        greeting: &["microsoft exchange"],
        id: &["microsoft.exchange"],
        capabilities: &["CLIENTACCESSRULES", "BACKENDAUTHENTICATE"],
        quirks: &[
            (Quirk::SizesLie, "EnableExactRFC822Size is off by default, and RFC822.SIZE is then an estimate"),
            (
                Quirk::BodiesRendered,
                "MIME is made on demand from MAPI properties; boundaries may differ between readings",
            ),
            (Quirk::NoKeywords, "only $MDNSent is kept beside the system flags"),
        ],
        broken: &[("IMAP4REV2", "once it is enabled SEARCH gives wrong answers (September 2026)")],
        // MaxConnectionsPerUser
        connections: Some(16),
    },
    Entry {
        server: "Gmail",
        greeting: &["gimap"],
        id: &["gimap"],
        capabilities: &["X-GM-EXT-1"],
        quirks: &[
            (Quirk::FoldersAreLabels, "a message stands under each of its labels and in All Mail"),
            (Quirk::MergesDuplicates, "APPEND of a message that is there adds a label to it"),
        ],
        broken: &[],
        connections: Some(15),
    },
    Entry {
        server: "NetEase",
        greeting: &["coremail"],
        id: &["coremail"],
        capabilities: &[],
        quirks: &[(Quirk::IdBeforeSelect, "SELECT answers NO Unsafe Login until ID was sent")],
        broken: &[],
        connections: None,
    },
    Entry {
        server: "Zoho",
        greeting: &["zoho"],
        id: &["zoho"],
        capabilities: &[],
        quirks: &[],
        broken: &[("CONDSTORE", "mod-sequences are zero or negative")],
        connections: None,
    },
    Entry {
        server: "Proton Bridge",
        greeting: &["protonmail", "proton mail"],
        id: &["protonmail", "proton mail", "gluon"],
        capabilities: &[],
        quirks: &[
            (Quirk::SizesLie, "older bridges announce 0 bytes for messages that were not read yet"),
            (Quirk::BodiesRendered, "messages are put together anew after decryption"),
            (Quirk::AppendUidUnreliable, "older bridges announce UIDPLUS and answer APPEND without APPENDUID"),
        ],
        broken: &[],
        connections: None,
    },
    Entry {
        server: "DavMail",
        greeting: &["davmail"],
        id: &["davmail"],
        capabilities: &[],
        quirks: &[
            (Quirk::SizesLie, "sizes are estimated from Exchange's own property"),
            (Quirk::BodiesRendered, "Exchange stands behind it"),
            (Quirk::AppendUidUnreliable, "older versions put UID and validity the wrong way round in APPENDUID"),
        ],
        broken: &[],
        connections: None,
    },
    Entry {
        server: "hMailServer",
        greeting: &["hmailserver"],
        id: &["hmailserver"],
        capabilities: &[],
        quirks: &[],
        broken: &[("UTF8=ACCEPT", "once it is enabled clients that append UTF-8 messages are answered BAD")],
        connections: None,
    },
    Entry {
        server: "Zimbra",
        greeting: &["zimbra"],
        id: &["zimbra"],
        capabilities: &[],
        quirks: &[],
        broken: &[],
        connections: None,
    },
    Entry {
        server: "Domino",
        greeting: &["domino imap"],
        id: &["domino", "lotus domino"],
        capabilities: &[],
        quirks: &[(Quirk::BodiesRendered, "messages in Notes' own format become MIME on demand")],
        broken: &[],
        connections: None,
    },
];

/// What is known of one server beyond what it announces.
#[derive(Clone, Copy, Default)]
pub struct Quirks {
    entry: Option<&'static Entry>,
}

impl Quirks {
    /// A server of which nothing is known.
    pub const fn none() -> Self {
        Self { entry: None }
    }

    /// Finds the server by what it said: its ID where it has sent one, else its greeting's text,
    /// else a capability that only it has. Pass what is known so far; ask again after ID.
    pub fn detect(greeting: &[u8], id: &[(Bytes, Option<Bytes>)], capabilities: &Capabilities) -> Self {
        let id_name = id
            .iter()
            .find(|(field, _)| field.eq_ignore_ascii_case(b"name"))
            .and_then(|(_, value)| value.as_ref())
            .map(|value| value.to_ascii_lowercase());
        let by_id = |entry: &&Entry| {
            id_name.as_ref().is_some_and(|name| entry.id.iter().any(|word| name.starts_with(word.as_bytes())))
        };
        let greeting = greeting.to_ascii_lowercase();
        let by_greeting = |entry: &&Entry| {
            entry.greeting.iter().any(|word| memchr::memmem::find(&greeting, word.as_bytes()).is_some())
        };
        let by_capability =
            |entry: &&Entry| entry.capabilities.iter().any(|name| capabilities.announces(name.as_bytes()));
        let entry = TABLE
            .iter()
            .find(by_id)
            .or_else(|| TABLE.iter().find(by_greeting))
            .or_else(|| TABLE.iter().find(by_capability));
        Self { entry }
    }

    /// The server's name in the table.
    pub fn server(&self) -> Option<&'static str> {
        self.entry.map(|entry| entry.server)
    }

    /// Whether the server has this quirk.
    pub fn has(&self, quirk: Quirk) -> bool {
        self.iter().any(|(known, _)| known == quirk)
    }

    /// All quirks with their reasons.
    pub fn iter(&self) -> impl Iterator<Item = (Quirk, &'static str)> {
        self.entry.map_or(&[][..], |entry| entry.quirks).iter().copied()
    }

    /// Capabilities not to be used, with their reasons.
    pub fn broken_capabilities(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.entry.map_or(&[][..], |entry| entry.broken).iter().copied()
    }

    /// Whether a capability is there and works: [`Capabilities::has`] without the broken ones. One
    /// that only follows from a broken one is not there either.
    pub fn can_use(&self, capabilities: &Capabilities, name: &[u8]) -> bool {
        let is_broken =
            |name: &[u8]| self.broken_capabilities().any(|(broken, _)| name.eq_ignore_ascii_case(broken.as_bytes()));
        if is_broken(name) || (name.eq_ignore_ascii_case(b"QRESYNC") && is_broken(b"CONDSTORE")) {
            return false;
        }
        capabilities.has(name)
    }

    /// How many connections one account or address may have by the server's defaults.
    pub fn max_connections(&self) -> Option<u32> {
        self.entry.and_then(|entry| entry.connections)
    }
}

impl fmt::Debug for Quirks {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "Quirks({})", self.server().unwrap_or("unknown"))
    }
}

/// How long a server asks us to wait, where it says so in prose: Exchange's
/// `Request is throttled. Suggested Backoff Time: 299609 milliseconds`.
pub fn suggested_backoff(text: &[u8]) -> Option<Duration> {
    const PHRASE: &[u8] = b"suggested backoff time: ";
    let lower = text.to_ascii_lowercase();
    let start = memchr::memmem::find(&lower, PHRASE)? + PHRASE.len();
    let (milliseconds, _) = leading_number(&lower[start..])?;
    Some(Duration::from_millis(milliseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn detect(greeting: &str, id: Option<&str>, capabilities: &str) -> Quirks {
        let id: Vec<_> = id
            .map(|name| (Bytes::from_static(b"Name"), Some(Bytes::copy_from_slice(name.as_bytes()))))
            .into_iter()
            .collect();
        Quirks::detect(greeting.as_bytes(), &id, &Capabilities::parse(capabilities.as_bytes()))
    }

    #[test]
    fn servers_are_told_by_id_then_greeting_then_capability() {
        let cases = [
            ("Dovecot (Debian) ready.", None, "IMAP4rev1", Some("Dovecot")),
            ("ready", Some("Dovecot"), "IMAP4rev1", Some("Dovecot")),
            ("ready", None, "IMAP4rev1 X-GM-EXT-1", Some("Gmail")),
            ("The Microsoft Exchange IMAP4 service is ready. [QQ==]", None, "IMAP4", Some("Exchange")),
            ("Courier-IMAP ready. Copyright 1998-2022", None, "IMAP4rev1", Some("Courier")),
            ("server ready", None, "IMAP4rev1 ACL ACL2=UNION", Some("Courier")),
            ("mx Cyrus IMAP 3.6.1-Debian server ready", None, "IMAP4rev1", Some("Cyrus")),
            ("Proxy in front of Dovecot", Some("Cyrus IMAPD"), "", Some("Cyrus")),
            ("* OK ready", Some("something new"), "IMAP4rev1", None),
        ];
        for (greeting, id, capabilities, expected) in cases {
            assert_eq!(detect(greeting, id, capabilities).server(), expected, "{greeting} {id:?} {capabilities}");
        }
    }

    #[test]
    fn broken_capabilities_and_what_follows_from_them_cannot_be_used() {
        let zoho = detect("imap.zoho.com ready", None, "");
        let capabilities = Capabilities::parse(b"IMAP4rev1 QRESYNC UIDPLUS");
        assert!(capabilities.has(b"CONDSTORE"));
        assert!(!zoho.can_use(&capabilities, b"condstore"));
        assert!(!zoho.can_use(&capabilities, b"QRESYNC"));
        assert!(zoho.can_use(&capabilities, b"UIDPLUS"));
        assert!(Quirks::none().can_use(&capabilities, b"CONDSTORE"));
    }

    #[test]
    fn every_entry_gives_reasons() {
        for entry in TABLE {
            assert!(!entry.greeting.is_empty() || !entry.id.is_empty(), "{} cannot be told", entry.server);
            for (_, reason) in entry.quirks {
                assert!(reason.len() > 15, "{}: {reason}", entry.server);
            }
            for word in entry.greeting.iter().chain(entry.id) {
                assert_eq!(**word, word.to_lowercase());
            }
        }
    }

    #[test]
    fn backoff_is_read_from_prose() {
        let text = b"Request is throttled. Suggested Backoff Time: 299609 milliseconds";
        assert_eq!(suggested_backoff(text), Some(Duration::from_millis(299_609)));
        assert_eq!(suggested_backoff(b"Server busy"), None);
    }
}
