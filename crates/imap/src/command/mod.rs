//! What can be said to a server: typed commands, and their form on the wire.

mod append;
mod encode;
mod write;

pub use append::{Append, AppendMessage};
pub use encode::{Encoded, LiteralSupport, Segment};

pub(crate) use encode::is_atom_byte;

use std::fmt;

use secrecy::SecretString;

use crate::pipeline::Class;
use crate::response::Tag;
use crate::set::UidSet;

/// A command, APPEND aside (see [`Append`]).
///
/// Folders are given raw, as [`ListEntry::name`](crate::response::ListEntry::name) has them or
/// [`encode_folder_name`](crate::name::encode_folder_name) makes them. Its `Debug` form is its name only.
#[derive(Clone, Copy)]
pub enum Command<'a> {
    /// Ask for the capabilities.
    Capability,
    /// Nothing, or news.
    Noop,
    /// End the session.
    Logout,
    /// Go on under TLS.
    StartTls,
    /// Go on under DEFLATE (RFC 4978).
    Compress,
    /// Say who we are (RFC 2971): pairs of field and value.
    Id(&'a [(&'a str, &'a str)]),
    /// Switch extensions on (RFC 5161).
    Enable(&'a [&'a str]),
    /// Ask for the namespaces.
    Namespace,
    /// Sign in without SASL.
    Login {
        /// The account.
        user: &'a str,
        /// Its password.
        password: &'a SecretString,
    },
    /// Sign in with SASL.
    Authenticate {
        /// The mechanism's name.
        mechanism: &'a str,
        /// The first message, not yet in base64; only where SASL-IR is offered (RFC 4959).
        initial: Option<&'a [u8]>,
    },
    /// List folders (RFC 3501 §6.3.8; RFC 5258 and RFC 5819 where options are set).
    List {
        /// What the patterns are relative to; usually empty.
        reference: &'a [u8],
        /// Patterns; several need LIST-EXTENDED.
        patterns: &'a [&'a [u8]],
        /// Which folders; needs LIST-EXTENDED.
        selection: ListSelection,
        /// What to tell of each; needs the extensions named there.
        returns: ListReturn,
    },
    /// List subscribed folders the old way.
    Lsub {
        /// What the pattern is relative to.
        reference: &'a [u8],
        /// The pattern.
        pattern: &'a [u8],
    },
    /// Ask for a folder's counts.
    Status {
        /// The folder.
        folder: &'a [u8],
        /// Which counts.
        items: StatusItems,
    },
    /// Open a folder.
    Select {
        /// The folder.
        folder: &'a [u8],
        /// EXAMINE: change nothing by looking.
        read_only: bool,
        /// Ask for mod-sequences; needs CONDSTORE.
        condstore: bool,
        /// Ask for what changed since; needs QRESYNC, enabled.
        qresync: Option<Qresync<'a>>,
    },
    /// Close the folder and expunge nothing (RFC 3691).
    Unselect,
    /// Close the folder and expunge.
    Close,
    /// Make a folder.
    Create {
        /// Its name.
        folder: &'a [u8],
        /// Its role, such as `\Sent`; needs CREATE-SPECIAL-USE (RFC 6154).
        special_use: Option<&'a str>,
    },
    /// Remove a folder.
    Delete(&'a [u8]),
    /// Rename a folder and those below it.
    Rename {
        /// Its name.
        from: &'a [u8],
        /// Its new name.
        to: &'a [u8],
    },
    /// Subscribe to a folder.
    Subscribe(&'a [u8]),
    /// Unsubscribe from a folder.
    Unsubscribe(&'a [u8]),
    /// Fetch messages; the UID always comes with them.
    UidFetch {
        /// Which.
        uids: &'a UidSet,
        /// What of them.
        items: FetchItems<'a>,
        /// Only those changed after this mod-sequence; needs CONDSTORE.
        changed_since: Option<u64>,
        /// With it: also say which are gone; needs QRESYNC, enabled.
        vanished: bool,
    },
    /// Change flags.
    UidStore {
        /// Of which messages.
        uids: &'a UidSet,
        /// Unless changed after this mod-sequence; needs CONDSTORE.
        unchanged_since: Option<u64>,
        /// How.
        mode: StoreMode,
        /// Without being told the outcome.
        silent: bool,
        /// The flags; see [`flag_can_be_sent`](crate::flags::flag_can_be_sent).
        flags: &'a [&'a [u8]],
    },
    /// Move messages (RFC 6851).
    UidMove {
        /// Which.
        uids: &'a UidSet,
        /// Where to.
        folder: &'a [u8],
    },
    /// Copy messages.
    UidCopy {
        /// Which.
        uids: &'a UidSet,
        /// Where to.
        folder: &'a [u8],
    },
    /// Remove those of these messages that are flagged `\Deleted` (RFC 4315).
    UidExpunge(&'a UidSet),
    /// Remove all messages that are flagged `\Deleted`.
    Expunge,
    /// Search in the folder.
    UidSearch {
        /// Answer as a set (ESEARCH, RFC 4731) rather than number by number.
        return_all: bool,
        /// What all of must hold; empty stands for all messages.
        criteria: &'a [SearchKey<'a>],
    },
    /// Ask for a folder's quota roots and their limits.
    GetQuotaRoot(&'a [u8]),
    /// Ask for one quota root.
    GetQuota(&'a [u8]),
    /// Ask what we may do in a folder (RFC 4314).
    MyRights(&'a [u8]),
}

impl Command<'_> {
    /// Appends the command, CRLF included, to `out`.
    ///
    /// `utf8`: UTF8=ACCEPT is enabled, so that quoted strings may hold UTF-8 (RFC 6855 §3).
    ///
    /// An empty UID set has no wire form: such a command must not be sent (servers answer BAD).
    pub fn encode(&self, tag: Tag, literals: LiteralSupport, utf8: bool, out: &mut Encoded) {
        write::command(self, tag, &mut encode::Writer { encoded: out, literals, utf8 });
    }

    /// The command's name, for logs.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Capability => "CAPABILITY",
            Self::Noop => "NOOP",
            Self::Logout => "LOGOUT",
            Self::StartTls => "STARTTLS",
            Self::Compress => "COMPRESS",
            Self::Id(_) => "ID",
            Self::Enable(_) => "ENABLE",
            Self::Namespace => "NAMESPACE",
            Self::Login { .. } => "LOGIN",
            Self::Authenticate { .. } => "AUTHENTICATE",
            Self::List { .. } => "LIST",
            Self::Lsub { .. } => "LSUB",
            Self::Status { .. } => "STATUS",
            Self::Select { read_only: true, .. } => "EXAMINE",
            Self::Select { .. } => "SELECT",
            Self::Unselect => "UNSELECT",
            Self::Close => "CLOSE",
            Self::Create { .. } => "CREATE",
            Self::Delete(_) => "DELETE",
            Self::Rename { .. } => "RENAME",
            Self::Subscribe(_) => "SUBSCRIBE",
            Self::Unsubscribe(_) => "UNSUBSCRIBE",
            Self::UidFetch { .. } => "UID FETCH",
            Self::UidStore { .. } => "UID STORE",
            Self::UidMove { .. } => "UID MOVE",
            Self::UidCopy { .. } => "UID COPY",
            Self::UidExpunge(_) => "UID EXPUNGE",
            Self::Expunge => "EXPUNGE",
            Self::UidSearch { .. } => "UID SEARCH",
            Self::GetQuotaRoot(_) => "GETQUOTAROOT",
            Self::GetQuota(_) => "GETQUOTA",
            Self::MyRights(_) => "MYRIGHTS",
        }
    }

    /// What it may share the connection with while it is in flight.
    pub fn class(&self) -> Class {
        match self {
            Self::StartTls
            | Self::Compress
            | Self::Login { .. }
            | Self::Authenticate { .. }
            | Self::Select { .. }
            | Self::Unselect
            | Self::Close => Class::Alone,
            Self::Logout => Class::Last,
            Self::Capability
            | Self::Noop
            | Self::Id(_)
            | Self::Enable(_)
            | Self::Namespace
            | Self::Status { .. }
            | Self::GetQuotaRoot(_)
            | Self::GetQuota(_)
            | Self::MyRights(_) => Class::Ask,
            Self::List { .. } => Class::List,
            Self::Lsub { .. } => Class::Lsub,
            Self::Create { .. } | Self::Delete(_) | Self::Rename { .. } | Self::Subscribe(_) | Self::Unsubscribe(_) => {
                Class::Folders
            }
            Self::UidFetch { .. } => Class::Fetch,
            Self::UidSearch { .. } => Class::Search,
            Self::UidStore { .. }
            | Self::UidMove { .. }
            | Self::UidCopy { .. }
            | Self::UidExpunge(_)
            | Self::Expunge => Class::Change,
        }
    }
}

impl fmt::Debug for Command<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}

/// Which folders LIST lists (RFC 5258 §3.1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListSelection {
    /// Subscribed ones, even if they no longer exist.
    pub subscribed: bool,
    /// With it: also parents of subscribed ones.
    pub recursive_match: bool,
    /// Those on other servers too.
    pub remote: bool,
    /// Those with a role (RFC 6154).
    pub special_use: bool,
}

/// What LIST tells of each folder (RFC 5258 §3.2).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ListReturn {
    /// Its counts (LIST-STATUS, RFC 5819).
    pub status: Option<StatusItems>,
    /// Its role (SPECIAL-USE, RFC 6154).
    pub special_use: bool,
    /// Whether it is subscribed.
    pub subscribed: bool,
    /// Whether it has children.
    pub children: bool,
}

/// Which counts STATUS tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StatusItems {
    /// Number of messages.
    pub messages: bool,
    /// The next UID.
    pub uid_next: bool,
    /// The UIDs' validity.
    pub uid_validity: bool,
    /// The highest mod-sequence; needs CONDSTORE.
    pub highest_modseq: bool,
    /// Number of unseen messages.
    pub unseen: bool,
    /// Number of recent messages.
    pub recent: bool,
    /// Bytes of all messages; needs STATUS=SIZE.
    pub size: bool,
    /// Number of messages flagged `\Deleted`; needs QUOTA=RES-MESSAGE or IMAP4rev2.
    pub deleted: bool,
    /// The folder's id; needs OBJECTID.
    pub mailbox_id: bool,
    /// The same from a Dovecot without OBJECTID (`X-GUID`, which is not announced).
    pub guid: bool,
    /// Largest message that APPEND takes; needs APPENDLIMIT.
    pub append_limit: bool,
}

/// What is known of a folder from an earlier session (RFC 7162 §3.2.5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Qresync<'a> {
    /// Its UIDVALIDITY then.
    pub uid_validity: u32,
    /// Its mod-sequence then; must not be 0.
    pub modseq: u64,
    /// Its UIDs then; left out, the server may name UIDs that never were.
    pub known_uids: Option<&'a UidSet>,
}

/// What FETCH tells of a message. The UID always comes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FetchItems<'a> {
    /// Its flags.
    pub flags: bool,
    /// When it arrived.
    pub internal_date: bool,
    /// Its size in bytes.
    pub size: bool,
    /// Its mod-sequence; needs CONDSTORE.
    pub modseq: bool,
    /// Its id; needs OBJECTID.
    pub email_id: bool,
    /// Its header, or some of it.
    pub header: HeaderFields<'a>,
    /// All of it, as it is, without setting `\Seen`.
    pub body: BodyKind,
    /// Further items, verbatim, such as `X-GM-LABELS`.
    pub extra: &'a [&'a str],
}

/// How much of a header to fetch, without setting `\Seen`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum HeaderFields<'a> {
    /// Nothing.
    #[default]
    None,
    /// All of it.
    All,
    /// Its first bytes, so many at most.
    First(u32),
    /// The fields of these names.
    Only(&'a [&'a str]),
}

/// How to fetch a message's bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BodyKind {
    /// Not at all.
    #[default]
    None,
    /// `BODY.PEEK[]`.
    Whole,
    /// `BODY.PEEK[]<offset.length>`: some bytes of it.
    Part {
        /// The first byte.
        offset: u64,
        /// How many at most.
        length: u64,
    },
    /// `BINARY.PEEK[]`; needs BINARY (RFC 3516), and servers decode transfer encodings.
    Binary,
}

/// What STORE does to a message's flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoreMode {
    /// Exactly these.
    Set,
    /// These too.
    Add,
    /// Not these.
    Remove,
}

/// One condition of a search (RFC 3501 §6.4.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SearchKey<'a> {
    /// Every message.
    All,
    /// Those with these UIDs.
    Uid(&'a UidSet),
    /// Those flagged `\Deleted`.
    Deleted,
    /// Those not flagged `\Deleted`.
    Undeleted,
    /// Those that bear a keyword.
    Keyword(&'a str),
    /// Those whose header field contains this text.
    Header {
        /// The field's name.
        field: &'a str,
        /// What it contains; empty: that it is there at all.
        value: &'a [u8],
    },
    /// Those larger than this many bytes.
    Larger(u64),
    /// Those smaller than this many bytes.
    Smaller(u64),
    /// Those changed at or after this mod-sequence; needs CONDSTORE.
    ModSeq(u64),
    /// Those that arrived on that day or later.
    Since(crate::date::InternalDate),
    /// Those that arrived before that day.
    Before(crate::date::InternalDate),
    /// Those for which the other does not hold.
    Not(&'a SearchKey<'a>),
}
