//! The core of an IMAP client without any I/O: bytes in, events out; commands in, bytes out.
//!
//! It is made for moving mail in bulk, so three things come first: message bodies are passed on as
//! they come and are never copied or collected; many commands are in flight at once; and a server
//! that answers oddly costs the odd item, never the line it stands in and never the program.
//!
//! # Words
//!
//! - **Folder**: what IMAP calls a mailbox. Its name is *raw* as on the wire (modified UTF-7, UTF-8,
//!   or whatever the server sends) until [`name::decode_folder_name`] makes text of it. Commands take raw names.
//! - **Response**: one whole thing that the server says; its literals, if any, included.
//! - **Literal**: a string whose length is announced: `{5}` CRLF and five bytes.
//! - **Body**: the whole message in a FETCH response (`BODY[]`, `BINARY[]`, `RFC822`); it alone is streamed.
//! - **Item**: a name and a value within FETCH or STATUS. One that cannot be read is a *bad item*.
//! - **Tag**: the number by which the end of a command is known: `L7`.
//! - **Code**: the part in brackets of a status line, for programs; the *text* after it is for people.
//! - **Window**: how many commands and bytes may be in flight.
//! - **Round trip**: a wait for the server that was begun after something had been sent.
//!
//! # The modules, in reading order
//!
//! Receiving:
//! [`decode`] (bytes to events: framing, literals, limits), [`response`] (what was said: codes,
//! folders, messages, searches), [`flags`], [`date`], [`set`], [`name`], [`capability`], and
//! [`token`] (the values of what nobody knows).
//!
//! Sending:
//! [`command`] (typed commands, APPEND in pieces, and where to wait), [`pipeline`] (what may be in
//! flight together, and whose end this is).
//!
//! Around both: [`sasl`] (proving who we are), [`quirk`] (what servers do otherwise than they say).
//!
//! # One conversation
//!
//! ```
//! use limosa_imap::{Command, Decoder, Encoded, Event, FetchItems, BodyKind, Limits, LiteralSupport};
//! use limosa_imap::{Class, Pipeline, Response, UidSet, Window};
//!
//! let mut pipeline = Pipeline::new(Window::default());
//! let mut decoder = Decoder::new(Limits::default());
//! let mut out = Encoded::new();
//!
//! let uids = UidSet::single(7);
//! let items = FetchItems { flags: true, body: BodyKind::Whole, ..FetchItems::default() };
//! let fetch = Command::UidFetch { uids: &uids, items, changed_since: None, vanished: false };
//! assert!(pipeline.may_start(fetch.class(), 0));
//! let tag = pipeline.start(fetch.class(), 0, "the message with UID 7");
//! fetch.encode(tag, LiteralSupport::Plus, false, &mut out);
//! assert_eq!(out.bytes(), b"L1 UID FETCH 7 (UID FLAGS BODY.PEEK[])\r\n");
//!
//! // What a socket would give, in any pieces:
//! decoder.buffer().extend_from_slice(b"* 3 FETCH (UID 7 FLAGS (\\Seen) BODY[] {5}\r\nhe");
//! assert!(matches!(decoder.next()?, Some(Event::BodyStart { size: 5, .. })));
//! assert_eq!(decoder.next()?, Some(Event::BodyChunk("he".into())));
//! assert_eq!(decoder.next()?, None);
//! decoder.buffer().extend_from_slice(b"llo)\r\nL1 OK done\r\n");
//! assert_eq!(decoder.next()?, Some(Event::BodyChunk("llo".into())));
//! let Some(Event::BodyEnd { fetch }) = decoder.next()? else { panic!() };
//! assert_eq!(fetch.uid, Some(7));
//! let Some(Event::Response(Response::Tagged { tag, .. })) = decoder.next()? else { panic!() };
//! assert_eq!(pipeline.finish(tag).map(|command| command.state), Some("the message with UID 7"));
//! # Ok::<(), limosa_imap::ProtocolError>(())
//! ```
//!
//! # What it does not do
//!
//! It opens no connection, knows no clock and starts no task; TLS, COMPRESS, time-outs and retries
//! are the caller's. It does not parse messages, envelopes or body structures: it carries them.
//! ENVELOPE and BODYSTRUCTURE come as [`Value`] trees.

mod bytes_ext;
pub mod capability;
pub mod command;
pub mod date;
pub mod decode;
pub mod flags;
pub mod name;
pub mod pipeline;
pub mod quirk;
pub mod response;
pub mod sasl;
pub mod set;
pub mod token;

pub use capability::Capabilities;
pub use command::{
    Append, AppendMessage, BodyKind, Command, Encoded, FetchItems, HeaderFields, ListReturn, ListSelection,
    LiteralSupport, Qresync, SearchKey, Segment, StatusItems, StoreMode,
};
pub use date::InternalDate;
pub use decode::{Decoder, Event, Limits, ProtocolError};
pub use flags::{FlagSet, SystemFlag, flag_can_be_sent};
pub use name::{decode_folder_name, encode_folder_name};
pub use pipeline::{Class, InFlight, Pipeline, Window};
pub use quirk::{Quirk, Quirks};
pub use response::{
    Code, Condition, Esearch, Fetch, FolderStatus, ListEntry, Namespace, Namespaces, Quota, QuotaResource, Response,
    Status, Tag, Untagged,
};
pub use set::{MAX_SET_BYTES, UidSet};
pub use token::Value;
