//! How messages come out: FETCH commands in flight, bodies as they arrive, each message ended once.
//!
//! Several commands of many messages each are under way, so that the server never waits for us. Bodies are passed on as
//! slices of the read buffer. The order of a FETCH line's items is the server's choice: where the UID, the flags or the
//! date come behind the body (which is legal), those are asked for beforehand, message by message. What a command leaves
//! unanswered is asked for once more on its own, so that one bad message costs no other.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use limosa_imap::UidSet;
use limosa_imap::command::{BodyKind, Command, FetchItems};
use limosa_imap::response::{Code, Fetch as Items, Tag, Untagged};
use limosa_model::mailbox::{Fetch, Fetched, Result};
use limosa_model::{
    ConnectorError, ErrorKind, Flags, Folder, Head, IdList, InternalDate, MessageId, Piece, Retry, Scope,
};

use super::changes::{model_date, uid_set};
use super::connection::{Done, Incoming};
use super::mailbox::ImapMailbox;

/// Messages of one command.
const MESSAGES: u64 = 200;

/// Messages of one command until the first body has shown in which order the server answers.
const FIRST_MESSAGES: u64 = 50;

/// Commands in flight.
const COMMANDS: usize = 4;

/// One call of `next` adds about this many bytes.
const BUDGET: usize = 1 << 20;

/// Largest piece of a body.
const PIECE: usize = 256 * 1024;

/// A message at which the connection broke this often at the very same byte is given up.
const BREAKS: u32 = 2;

const WHOLE: FetchItems<'static> = FetchItems {
    flags: true,
    internal_date: true,
    size: false,
    modseq: false,
    email_id: false,
    header: limosa_imap::command::HeaderFields::None,
    body: BodyKind::Whole,
    extra: &[],
};

/// Messages at which connections broke: servers that find a message damaged while sending it can only hang up
/// (Dovecot), and would do so for ever.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<HashMap<Place, Break>>);

/// Folder, UIDVALIDITY, UID.
type Place = (String, u32, u32);

#[derive(Clone, Copy, Debug)]
struct Break {
    /// Bytes of the body that had come.
    offset: u64,
    times: u32,
}

impl Suspects {
    fn breaks(&self, place: &Place) -> u32 {
        let breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breaks.get(place).map_or(0, |known| known.times)
    }

    /// A connection broke there. Only breaks at the same byte count: a bad line breaks anywhere.
    fn note(&self, place: Place, offset: u64) {
        let mut breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = breaks.entry(place).or_insert(Break { offset, times: 0 });
        *known =
            if known.offset == offset { Break { offset, times: known.times + 1 } } else { Break { offset, times: 1 } };
    }
}

/// A fetch under way.
pub(crate) struct ImapFetch<'a> {
    mailbox: &'a mut ImapMailbox,
    folder: String,
    validity: u32,
    waiting: VecDeque<Request>,
    in_flight: VecDeque<Asked>,
    body: Body,
    /// What was asked for beforehand.
    metadata: HashMap<u32, (Flags, Option<InternalDate>)>,
    /// A body has come with all that must stand before it.
    order_is_good: bool,
    /// The server sends bodies before what we need to know of them.
    order_is_bad: bool,
    /// Ends that are known without asking.
    known: Vec<Fetched>,
}

enum Request {
    Many(UidSet),
    Metadata(UidSet),
    /// A message on its own; with nothing else in flight if it may break the connection.
    Alone {
        uid: u32,
        suspect: bool,
    },
}

struct Asked {
    tag: Tag,
    unanswered: BTreeSet<u32>,
    alone: bool,
    metadata: bool,
    /// Of `unanswered`: the server had something to say of them.
    heard_of: BTreeSet<u32>,
}

/// The body that is coming in.
enum Body {
    None,
    /// Handed on; this many bytes so far.
    Of(u32, u64),
    /// Nobody can use it.
    Skipped,
}

impl ImapMailbox {
    pub(crate) async fn start_fetch(&mut self, folder: &Folder, ids: &IdList) -> Result<ImapFetch<'_>> {
        let uids = uid_set(ids);
        let selected = self.ensure_selected(folder, &uids).await?;
        let mut fetch = ImapFetch {
            folder: folder.name.clone(),
            validity: selected.position.validity,
            waiting: VecDeque::new(),
            in_flight: VecDeque::new(),
            body: Body::None,
            metadata: HashMap::new(),
            order_is_good: false,
            order_is_bad: false,
            known: Vec::new(),
            mailbox: self,
        };
        // Ids of another kind of store are of no message here.
        fetch.known.extend(ids.keys().iter().map(|key| Fetched::Gone(MessageId::Key(key.clone()))));
        fetch.plan(uids);
        Ok(fetch)
    }
}

impl ImapFetch<'_> {
    /// Messages that broke connections go last and alone.
    fn plan(&mut self, uids: UidSet) {
        let suspects: Vec<u32> = {
            let breaks = self.mailbox.suspects.0.lock().unwrap_or_else(PoisonError::into_inner);
            let here =
                breaks.keys().filter(|(folder, validity, _)| *folder == self.folder && *validity == self.validity);
            here.map(|(_, _, uid)| *uid).filter(|uid| uids.contains(*uid)).collect()
        };
        if suspects.is_empty() {
            self.waiting.push_back(Request::Many(uids));
            return;
        }
        self.waiting.push_back(Request::Many(uids.iter().filter(|uid| !suspects.contains(uid)).collect()));
        for uid in suspects {
            if self.mailbox.suspects.breaks(&self.place(uid)) < BREAKS {
                self.waiting.push_back(Request::Alone { uid, suspect: true });
                continue;
            }
            let error = self.unreadable(uid, "the server hangs up whenever it comes to it");
            self.known.push(Fetched::Unreadable(MessageId::Uid(uid), error));
        }
    }

    fn place(&self, uid: u32) -> Place {
        (self.folder.clone(), self.validity, uid)
    }

    fn unreadable(&self, uid: u32, why: impl std::fmt::Display) -> ConnectorError {
        let server = self.mailbox.connection.place.server();
        let text = format!("{server} cannot give message {uid} of folder \"{}\": {why}", self.folder);
        ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::ServerFault, text)
            .hint("the message may be damaged on the server: look at it there")
    }

    /// Sends commands as long as there is room for them.
    fn ask(&mut self) {
        let room = if self.order_is_good || self.order_is_bad { COMMANDS } else { 2 };
        // Single messages make small commands.
        while self.in_flight.len() < if self.order_is_bad { 16 * COMMANDS } else { room } {
            let Some(request) = self.waiting.pop_front() else { return };
            match request {
                Request::Many(uids) if uids.is_empty() => {}
                Request::Many(uids) if self.order_is_bad => self.ask_carefully(uids),
                Request::Many(uids) => {
                    let most = if self.order_is_good { MESSAGES } else { FIRST_MESSAGES };
                    let (now, later) = split(&uids, most);
                    if !later.is_empty() {
                        self.waiting.push_front(Request::Many(later));
                    }
                    self.send(&now, WHOLE, false);
                }
                Request::Metadata(uids) => {
                    self.send(&uids, FetchItems { body: BodyKind::None, ..WHOLE }, false);
                }
                Request::Alone { uid, suspect } => {
                    if suspect && !self.in_flight.is_empty() {
                        self.waiting.push_front(Request::Alone { uid, suspect });
                        return;
                    }
                    self.send(&UidSet::single(uid), WHOLE, true);
                    if suspect {
                        return;
                    }
                }
            }
        }
    }

    /// Asks for what must be known before bodies, then for the bodies one by one.
    fn ask_carefully(&mut self, uids: UidSet) {
        let (now, later) = split(&uids, FIRST_MESSAGES);
        if !later.is_empty() {
            self.waiting.push_front(Request::Many(later));
        }
        for uid in now.iter().collect::<Vec<_>>().into_iter().rev() {
            self.waiting.push_front(Request::Alone { uid, suspect: false });
        }
        self.waiting.push_front(Request::Metadata(now));
    }

    fn send(&mut self, uids: &UidSet, items: FetchItems<'_>, alone: bool) {
        let command = Command::UidFetch { uids, items, changed_since: None, vanished: false };
        let metadata = items.body == BodyKind::None;
        self.in_flight.push_back(Asked {
            tag: self.mailbox.connection.send(&command),
            unanswered: if metadata { BTreeSet::new() } else { uids.iter().collect() },
            alone,
            metadata,
            heard_of: BTreeSet::new(),
        });
    }

    /// Takes one thing that came; how many bytes it added.
    fn take(&mut self, incoming: Incoming, into: &mut Vec<Fetched>) -> Result<usize> {
        match incoming {
            Incoming::BodyStart(items, size) => self.start_body(&items, size, into),
            Incoming::BodyChunk(chunk) => return Ok(self.add_chunk(chunk, into)),
            Incoming::BodyEnd(items) => self.end_body(&items, into)?,
            Incoming::Data(Untagged::Fetch(items)) => self.hear(&items),
            Incoming::Done(done) => self.end_command(&done, into),
            Incoming::Data(_) | Incoming::Continue(_) => {}
        }
        Ok(64)
    }

    fn start_body(&mut self, items: &Items, size: u64, into: &mut Vec<Fetched>) {
        self.body = Body::Skipped;
        let alone = self.in_flight.front().filter(|asked| asked.alone);
        let only = alone.and_then(|asked| asked.unanswered.first().copied());
        let Some(uid) = items.uid.or(only) else {
            self.order_is_bad = true;
            return;
        };
        if !self.in_flight.iter().any(|asked| asked.unanswered.contains(&uid)) {
            return;
        }
        let beforehand = self.metadata.get(&uid);
        let unreadable = |wanted: &[u8]| items.bad_items.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let told = (items.flags.is_some() || unreadable(b"FLAGS"))
            && (items.internal_date.is_some() || unreadable(b"INTERNALDATE"));
        if !told && beforehand.is_none() {
            self.order_is_bad = true;
            return;
        }
        let (known_flags, known_date) = beforehand.cloned().unwrap_or_default();
        let flags = items.flags.as_ref().map_or(known_flags, |set| self.mailbox.flags.flags(set));
        let internal_date = items.internal_date.map(model_date).or(known_date);
        self.order_is_good |= items.uid.is_some() && told;
        self.body = Body::Of(uid, 0);
        let head = Head { id: MessageId::Uid(uid), flags, internal_date, size: Some(size) };
        into.push(Fetched::Piece(Piece::Head(head)));
    }

    fn add_chunk(&mut self, mut chunk: Bytes, into: &mut Vec<Fetched>) -> usize {
        let length = chunk.len();
        if let Body::Of(_, bytes) = &mut self.body {
            *bytes += length as u64;
            while chunk.len() > PIECE {
                into.push(Fetched::Piece(Piece::Body(chunk.split_to(PIECE))));
            }
            into.push(Fetched::Piece(Piece::Body(chunk)));
        }
        length
    }

    fn end_body(&mut self, items: &Items, into: &mut Vec<Fetched>) -> Result<()> {
        let Body::Of(uid, _) = std::mem::replace(&mut self.body, Body::None) else {
            self.hear(items);
            return Ok(());
        };
        if items.uid.is_some_and(|told| told != uid) {
            // The next operation must not read on: its answers could be mixed up as well.
            self.mailbox.connection.abort();
            return Err(self.mailbox.connection.place.protocol("a message came under two UIDs"));
        }
        for asked in &mut self.in_flight {
            asked.unanswered.remove(&uid);
        }
        self.metadata.remove(&uid);
        into.push(Fetched::Piece(Piece::End));
        Ok(())
    }

    /// A FETCH line without a body, or with one that was passed over.
    fn hear(&mut self, items: &Items) {
        let Some(uid) = items.uid else { return };
        if self.in_flight.front().is_some_and(|asked| asked.metadata) {
            let flags = items.flags.as_ref().map(|set| self.mailbox.flags.flags(set)).unwrap_or_default();
            self.metadata.insert(uid, (flags, items.internal_date.map(model_date)));
            return;
        }
        // News of its flags alone are no answer.
        if items.body_nil || items.internal_date.is_some() || matches!(self.body, Body::Skipped) {
            for asked in self.in_flight.iter_mut().filter(|asked| asked.unanswered.contains(&uid)) {
                asked.heard_of.insert(uid);
            }
        }
    }

    fn end_command(&mut self, done: &Done, into: &mut Vec<Fetched>) {
        let Some(index) = self.in_flight.iter().position(|asked| asked.tag == done.tag) else { return };
        let Some(asked) = self.in_flight.remove(index) else { return };
        let mut again = UidSet::new();
        for uid in asked.unanswered {
            let heard_of = asked.heard_of.contains(&uid);
            let id = MessageId::Uid(uid);
            let nothing_there = done.is_ok() && !heard_of || done.code == Some(Code::ExpungeIssued);
            if asked.alone && nothing_there || done.is_ok() && !heard_of && !self.order_is_bad {
                into.push(Fetched::Gone(id));
            } else if !asked.alone {
                // Dovecot sends NIL for a message that was expunged a moment ago, as for one that it cannot read.
                again.push(uid);
            } else if done.is_ok() {
                let error = self.unreadable(uid, "it sends nothing for the message's body");
                into.push(Fetched::Unreadable(id, error));
            } else {
                let error = self.unreadable(uid, format_args!("\"{}\"", done.refusal().words));
                into.push(Fetched::Unreadable(id, error));
            }
        }
        if again.is_empty() {
            return;
        }
        if self.order_is_bad {
            self.waiting.push_front(Request::Many(again));
            return;
        }
        for uid in again.iter() {
            self.waiting.push_back(Request::Alone { uid, suspect: false });
        }
    }

    /// The connection is lost: remembers at which message, if it was at one.
    fn note_break(&self, error: &ConnectorError) {
        if error.kind() != ErrorKind::ConnectionLost && error.kind() != ErrorKind::Protocol {
            return;
        }
        let under_way = match self.body {
            Body::Of(uid, bytes) => Some((uid, bytes)),
            _ => None,
        };
        let alone = || {
            let asked = self.in_flight.front().filter(|asked| asked.alone)?;
            asked.unanswered.first().map(|uid| (*uid, 0))
        };
        if let Some((uid, offset)) = under_way.or_else(alone) {
            self.mailbox.suspects.note(self.place(uid), offset);
        }
    }
}

/// The first `most` UIDs of an ascending set, and the others.
fn split(uids: &UidSet, most: u64) -> (UidSet, UidSet) {
    let (mut now, mut later) = (UidSet::new(), UidSet::new());
    let mut room = most;
    for &(first, last) in uids.ranges() {
        let length = u64::from(last - first) + 1;
        if room == 0 {
            later.push_range(first, last);
        } else if length <= room {
            now.push_range(first, last);
            room -= length;
        } else {
            let cut = first + room as u32;
            now.push_range(first, cut - 1);
            later.push_range(cut, last);
            room = 0;
        }
    }
    (now, later)
}

#[async_trait]
impl Fetch for ImapFetch<'_> {
    async fn next(&mut self, into: &mut Vec<Fetched>) -> Result<bool> {
        let before = into.len();
        into.append(&mut self.known);
        let mut bytes = 0;
        loop {
            self.ask();
            while bytes < BUDGET {
                let incoming = self.mailbox.connection.ready();
                let Some(incoming) = incoming.inspect_err(|error| self.note_break(error))? else { break };
                bytes += self.take(incoming, into)?;
            }
            if into.len() > before {
                return Ok(true);
            }
            if self.in_flight.is_empty() && self.waiting.is_empty() {
                return Ok(false);
            }
            bytes = 0;
            // What was just answered may have to be asked once more.
            self.ask();
            let exchanged = self.mailbox.connection.exchange(true).await;
            exchanged.inspect_err(|error| self.note_break(error))?;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_is_split_by_count() {
        let mut uids = UidSet::range(1, 3);
        uids.push_range(10, 20);
        let (now, later) = split(&uids, 5);
        assert_eq!((now.to_string(), later.to_string()), ("1:3,10:11".into(), "12:20".into()));
        let (now, later) = split(&uids, 100);
        assert_eq!((now.to_string(), later.is_empty()), ("1:3,10:20".into(), true));
    }

    #[test]
    fn only_breaks_at_the_same_byte_make_a_message_suspicious() {
        let suspects = Suspects::default();
        let place = || ("INBOX".to_owned(), 1, 7);
        suspects.note(place(), 100);
        suspects.note(place(), 5000);
        assert_eq!(suspects.breaks(&place()), 1);
        suspects.note(place(), 5000);
        assert_eq!(suspects.breaks(&place()), 2);
    }
}
