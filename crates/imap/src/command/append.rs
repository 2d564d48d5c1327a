//! How is a message handed over when its bytes are streamed?

use super::encode::{Encoded, LiteralSupport, Writer};
use crate::date::InternalDate;
use crate::response::Tag;

/// An APPEND under way (RFC 3501 §6.3.11, several messages by RFC 3502), written in pieces, since
/// bodies pass through and are never held.
///
/// For each message: [`message`](Self::message), send what it wrote (and wait where it says so),
/// then send exactly the announced number of body bytes. After the last one: [`finish`](Self::finish).
/// There must be at least one.
///
/// There is no way back from a begun message: a body that turns out shorter than announced can only be answered
/// by closing the connection, upon which servers discard the whole command (RFC 3502 §6.3.11: all or none).
#[derive(Debug)]
#[must_use = "an APPEND that is not finished leaves the connection in the middle of a command"]
pub struct Append {
    tag: Tag,
    folder: Vec<u8>,
    literals: LiteralSupport,
    utf8: bool,
    messages: u32,
}

/// What is said of a message before its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AppendMessage<'a> {
    /// Its flags; see [`flag_can_be_sent`](crate::flags::flag_can_be_sent).
    pub flags: &'a [&'a [u8]],
    /// When it arrived; the server takes the present time otherwise.
    pub date: Option<InternalDate>,
    /// How many bytes follow.
    pub size: u64,
    /// Whether to announce them as binary (`~{n}`): for messages with NUL; needs BINARY (RFC 3516).
    pub binary: bool,
}

impl Append {
    /// An APPEND to a folder (raw name) that is not sent yet. `utf8` as in [`Command::encode`](super::Command::encode).
    pub fn start(tag: Tag, folder: &[u8], literals: LiteralSupport, utf8: bool) -> Self {
        Self { tag, folder: folder.to_vec(), literals, utf8, messages: 0 }
    }

    /// Writes all that comes before a message's bytes, the literal's announcement and its CRLF
    /// included. If it ends in a wait, the body must not be sent before the server's `+`.
    ///
    /// Without LITERAL+ (or LITERAL- and a small message) every message costs a round trip. A second
    /// message needs MULTIAPPEND.
    pub fn message(&mut self, message: &AppendMessage<'_>, out: &mut Encoded) {
        let mut out = Writer { encoded: out, literals: self.literals, utf8: self.utf8 };
        if self.messages == 0 {
            out.raw(b"L");
            out.number(u64::from(self.tag.0));
            out.raw(b" APPEND ");
            out.astring(&self.folder);
        }
        self.messages += 1;
        out.raw(b" ");
        if !message.flags.is_empty() {
            out.flags(message.flags);
            out.raw(b" ");
        }
        if let Some(date) = message.date {
            out.raw(b"\"");
            out.raw(date.format());
            out.raw(b"\" ");
        }
        out.literal_header(message.size, if message.binary { "~" } else { "" });
    }

    /// How many messages were begun.
    pub fn messages(&self) -> u32 {
        self.messages
    }

    /// The tag that its end will bear.
    pub fn tag(&self) -> Tag {
        self.tag
    }

    /// Ends the command behind the last message's bytes; the tagged answer follows.
    pub fn finish(self, out: &mut Encoded) {
        out.out().extend_from_slice(b"\r\n");
    }
}
