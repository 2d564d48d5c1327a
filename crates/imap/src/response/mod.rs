//! What did the server say: one whole response as a value.

mod code;
mod fetch;
mod fetch_fast;
mod list;
mod parse;
mod search;

pub use code::Code;
pub use fetch::Fetch;
pub use list::{FolderStatus, ListEntry, Namespace, Namespaces, Quota, QuotaResource};
pub use search::Esearch;

pub(crate) use fetch::{Items, ends_with_body_name, fetch_head, read_items};
pub(crate) use fetch_fast::{Fast, fast_items};
pub(crate) use parse::{Parsed, is_prose, response};

use std::fmt;

use bytes::Bytes;

use crate::capability::Capabilities;
use crate::set::UidSet;
use crate::token::Value;

/// One response (RFC 3501 §7). Slices inside it share the decoder's read buffer: copy what is kept for long.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one, FETCH, is the frequent one: boxing costs an allocation a message"
)]
pub enum Response {
    /// `+ …`: the server waits for more of a command.
    Continue {
        /// What follows the plus and its space: prose, or a SASL challenge in base64.
        text: Bytes,
    },
    /// The end of a command.
    Tagged {
        /// Which command.
        tag: Tag,
        /// How it went.
        status: Status,
        /// The code in brackets, if any.
        code: Option<Code>,
        /// Prose for people; often empty, not always UTF-8.
        text: Bytes,
    },
    /// Data, asked for or not.
    Untagged(Untagged),
}

/// The name that pairs a command with its end: `L1`, `L2`, … on the wire. `Tag(0)` is never sent;
/// a tagged line that is none of ours has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Tag(pub u32);

impl Tag {
    /// Reads one of our tags; `Tag(0)` for anything else.
    pub fn parse(bytes: &[u8]) -> Self {
        let number = bytes.strip_prefix(b"L").or_else(|| bytes.strip_prefix(b"l"));
        Self(number.and_then(crate::bytes_ext::number32).unwrap_or(0))
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "L{}", self.0)
    }
}

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// Done.
    Ok,
    /// Not done; the command was understood.
    No,
    /// Not understood, or not now.
    Bad,
}

/// The kind of an untagged status line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Condition {
    /// Information, or the greeting.
    Ok,
    /// A warning.
    No,
    /// A protocol error that belongs to no command.
    Bad,
    /// The server is about to close the connection.
    Bye,
    /// The greeting of a connection that needs no authentication.
    Preauth,
}

/// Data and status that belong to no command by tag.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(
    clippy::large_enum_variant,
    reason = "the large one, FETCH, is the frequent one: boxing costs an allocation a message"
)]
pub enum Untagged {
    /// A status line.
    Condition {
        /// Which of the five.
        kind: Condition,
        /// The code in brackets, if any.
        code: Option<Code>,
        /// Prose for people.
        text: Bytes,
    },
    /// The list of capabilities.
    Capability(Capabilities),
    /// What ENABLE switched on (RFC 5161).
    Enabled(Vec<Bytes>),
    /// A folder; also from the old XLIST.
    List(ListEntry),
    /// A subscribed folder, from LSUB.
    Lsub(ListEntry),
    /// The counts of a folder.
    Status(FolderStatus),
    /// The flags that the selected folder knows.
    Flags(Vec<Bytes>),
    /// How many messages the selected folder holds.
    Exists(u32),
    /// How many of them are recent.
    Recent(u32),
    /// The message of this sequence number is gone.
    Expunge(u32),
    /// Data of one message.
    Fetch(Fetch),
    /// UIDs that are gone (RFC 7162 §3.2.10).
    Vanished {
        /// Whether they were gone before this session (`(EARLIER)`), and so change no sequence number.
        earlier: bool,
        /// The UIDs; may name some that never were.
        uids: UidSet,
    },
    /// The answer to SEARCH, or to SORT.
    Search {
        /// Sequence numbers, or UIDs if UIDs were asked for.
        ids: Vec<u32>,
        /// The highest mod-sequence among them (RFC 7162 §3.1.5).
        modseq: Option<u64>,
    },
    /// The answer to SEARCH RETURN (RFC 4731).
    Esearch(Esearch),
    /// The namespaces (RFC 2342).
    Namespace(Namespaces),
    /// Use and limits of a quota root (RFC 9208).
    Quota(Quota),
    /// Which quota roots a folder belongs to.
    QuotaRoot {
        /// The folder, raw.
        folder: Bytes,
        /// Names for GETQUOTA.
        roots: Vec<Bytes>,
    },
    /// The server's name and version (RFC 2971).
    Id(Vec<(Bytes, Option<Bytes>)>),
    /// What we may do in a folder (RFC 4314).
    MyRights {
        /// The folder, raw.
        folder: Bytes,
        /// One letter a right.
        rights: Bytes,
    },
    /// Anything else, and known names with contents that are not theirs.
    Unknown {
        /// The word after `* `, or after `* number `; the first word of a line that is no response at all.
        name: Bytes,
        /// All that follows; for `* number name` the number comes first.
        values: Vec<Value>,
    },
}
