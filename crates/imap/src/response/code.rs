//! What does the code in brackets say (`resp-text-code`, RFC 3501 §7.1, RFC 5530 and extensions)?

use bytes::Bytes;
use memchr::memchr;

use crate::bytes_ext::number32;
use crate::capability::Capabilities;
use crate::set::UidSet;
use crate::token::{Cursor, Value};

/// A response code: the part of a status line that is for programs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Code {
    /// The text must be shown to a person.
    Alert,
    /// Capabilities without being asked.
    Capability(Capabilities),
    /// The folder's UIDs are good under this number only.
    UidValidity(u32),
    /// The next message will have at least this UID.
    UidNext(u32),
    /// The first unseen message's sequence number.
    Unseen(u32),
    /// The folder's highest mod-sequence (RFC 7162).
    HighestModSeq(u64),
    /// The folder keeps no mod-sequences.
    NoModSeq,
    /// Flags that a client can change for good; `\*` means it can invent some.
    PermanentFlags(Vec<Bytes>),
    /// Selected for reading only.
    ReadOnly,
    /// Selected for reading and writing.
    ReadWrite,
    /// The folder does not exist, but CREATE would work.
    TryCreate,
    /// Where appended messages went (RFC 4315), in the order of the messages.
    AppendUid {
        /// The target folder's UIDVALIDITY.
        validity: u32,
        /// One UID a message, in the order given.
        uids: UidSet,
    },
    /// Where copied messages went (RFC 4315).
    CopyUid {
        /// The target folder's UIDVALIDITY.
        validity: u32,
        /// UIDs in the source, in the order given.
        from: UidSet,
        /// UIDs in the target, in the same order.
        to: UidSet,
    },
    /// The folder's UIDs do not last.
    UidNotSticky,
    /// Messages that STORE UNCHANGEDSINCE left alone (RFC 7162 §3.1.3).
    Modified(UidSet),
    /// The folder that was selected before is closed now (RFC 7162 §3.2.11).
    Closed,
    /// The folder's stable id (RFC 8474).
    MailboxId(Bytes),
    /// Quota is full.
    OverQuota,
    /// The message is too big (RFC 7889, RFC 4469).
    TooBig,
    /// Some limit of the server's.
    Limit,
    /// A part of the server is down; try later.
    Unavailable,
    /// Wrong name or password.
    AuthenticationFailed,
    /// Right password, but this account may not act for that one.
    AuthorizationFailed,
    /// The password or token is too old.
    Expired,
    /// Only over TLS.
    PrivacyRequired,
    /// The access rights do not allow it.
    NoPerm,
    /// Somebody else has it locked.
    InUse,
    /// Some other connection expunged the messages.
    ExpungeIssued,
    /// The server found its own data damaged.
    Corruption,
    /// The server met a bug of its own.
    ServerBug,
    /// The server thinks us wrong.
    ClientBug,
    /// Never possible.
    Cannot,
    /// The folder exists already.
    AlreadyExists,
    /// The folder does not exist.
    NonExistent,
    /// Compression is on already (RFC 4978).
    CompressionActive,
    /// The server cannot decode the part (RFC 3516).
    UnknownCte,
    /// The server holds us back.
    Throttled,
    /// Anything else, and known codes with arguments that are not theirs.
    Other {
        /// The first word in the brackets.
        name: Bytes,
        /// The rest.
        values: Vec<Value>,
    },
}

impl Code {
    /// Whether this is the code of that name without a variant of its own.
    pub fn is_other(&self, wanted: &[u8]) -> bool {
        matches!(self, Self::Other { name, .. } if name.eq_ignore_ascii_case(wanted))
    }
}

/// Reads a code in brackets if the cursor stands on one; then the text. A bracket that is never
/// closed is text.
pub(super) fn code_and_text(cursor: &mut Cursor<'_>) -> (Option<Code>, Bytes) {
    cursor.skip_spaces();
    let start = cursor.position();
    if !cursor.eat(b'[') {
        return (None, cursor.slice_to_end());
    }
    let Some(code) = code(cursor) else {
        cursor.seek(start);
        return (None, cursor.slice_to_end());
    };
    cursor.eat(b' ');
    (Some(code), cursor.slice_to_end())
}

/// The code after its opening bracket; the cursor ends behind the closing one.
fn code(cursor: &mut Cursor<'_>) -> Option<Code> {
    cursor.skip_spaces();
    let name = cursor.atom_until(|byte| byte == b']');
    if name.is_empty() {
        return None;
    }
    let arguments = cursor.position();
    if let Some(code) = known(&name, cursor) {
        cursor.skip_spaces();
        if cursor.eat(b']') {
            return Some(code);
        }
    }
    cursor.seek(arguments);
    let mut values = Vec::new();
    loop {
        cursor.skip_spaces();
        match cursor.peek() {
            Some(b']') => {
                cursor.eat(b']');
                return Some(Code::Other { name, values });
            }
            None => break,
            Some(_) => {}
        }
        let before = cursor.position();
        match cursor.value_in_code() {
            Ok(value) => values.push(value),
            Err(_) => {
                cursor.seek(before);
                break;
            }
        }
    }
    // Unreadable from here on: the rest up to the first bracket is one raw value.
    let start = cursor.position();
    let length = memchr(b']', cursor.rest())?;
    values.push(Value::Atom(cursor.slice(start, start + length)));
    cursor.seek(start + length + 1);
    Some(Code::Other { name, values })
}

fn known(name: &[u8], cursor: &mut Cursor<'_>) -> Option<Code> {
    let mut upper = [0u8; 24];
    let upper = upper.get_mut(..name.len())?;
    upper.copy_from_slice(name);
    upper.make_ascii_uppercase();
    if let Some(code) = without_arguments(upper) {
        // Arguments to these exist in the wild (OVERQUOTA), and say nothing to a program.
        while !matches!(cursor.peek(), None | Some(b']')) {
            cursor.value_in_code().ok()?;
            cursor.skip_spaces();
        }
        return Some(code);
    }
    Some(match &*upper {
        b"CAPABILITY" => {
            let length = memchr(b']', cursor.rest())?;
            let capabilities = Capabilities::parse(&cursor.rest()[..length]);
            cursor.seek(cursor.position() + length);
            Code::Capability(capabilities)
        }
        b"UIDVALIDITY" => Code::UidValidity(small(cursor)?),
        b"UIDNEXT" => Code::UidNext(small(cursor)?),
        b"UNSEEN" => Code::Unseen(small(cursor)?),
        b"HIGHESTMODSEQ" => Code::HighestModSeq(cursor.value_in_code().ok()?.number()?),
        b"PERMANENTFLAGS" => Code::PermanentFlags(cursor.names().ok()?),
        b"APPENDUID" => Code::AppendUid { validity: small(cursor)?, uids: set(cursor)? },
        b"COPYUID" => Code::CopyUid { validity: small(cursor)?, from: set(cursor)?, to: set(cursor)? },
        b"MODIFIED" => Code::Modified(set(cursor)?),
        b"MAILBOXID" => match cursor.value_in_code().ok()? {
            Value::List(values) => Code::MailboxId(values.into_iter().next()?.into_name()?),
            other => Code::MailboxId(other.into_name()?),
        },
        _ => return None,
    })
}

fn without_arguments(upper: &[u8]) -> Option<Code> {
    Some(match upper {
        b"ALERT" => Code::Alert,
        b"NOMODSEQ" => Code::NoModSeq,
        b"READ-ONLY" => Code::ReadOnly,
        b"READ-WRITE" => Code::ReadWrite,
        b"TRYCREATE" => Code::TryCreate,
        b"UIDNOTSTICKY" => Code::UidNotSticky,
        b"CLOSED" => Code::Closed,
        b"OVERQUOTA" => Code::OverQuota,
        b"TOOBIG" => Code::TooBig,
        b"LIMIT" => Code::Limit,
        b"UNAVAILABLE" => Code::Unavailable,
        b"AUTHENTICATIONFAILED" => Code::AuthenticationFailed,
        b"AUTHORIZATIONFAILED" => Code::AuthorizationFailed,
        b"EXPIRED" => Code::Expired,
        b"PRIVACYREQUIRED" => Code::PrivacyRequired,
        b"NOPERM" => Code::NoPerm,
        b"INUSE" => Code::InUse,
        b"EXPUNGEISSUED" => Code::ExpungeIssued,
        b"CORRUPTION" => Code::Corruption,
        b"SERVERBUG" => Code::ServerBug,
        b"CLIENTBUG" => Code::ClientBug,
        b"CANNOT" => Code::Cannot,
        b"ALREADYEXISTS" => Code::AlreadyExists,
        b"NONEXISTENT" => Code::NonExistent,
        b"COMPRESSIONACTIVE" => Code::CompressionActive,
        b"UNKNOWN-CTE" => Code::UnknownCte,
        b"THROTTLED" => Code::Throttled,
        _ => return None,
    })
}

fn small(cursor: &mut Cursor<'_>) -> Option<u32> {
    number32(cursor.value_in_code().ok()?.bytes()?)
}

fn set(cursor: &mut Cursor<'_>) -> Option<UidSet> {
    UidSet::parse(cursor.value_in_code().ok()?.bytes()?)
}
