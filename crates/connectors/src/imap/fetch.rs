//! How messages come out: FETCH commands in flight, bodies as they arrive, each message ended once.
//!
//! Several commands of many messages each are under way, so that the server never waits for us. Bodies are passed on as
//! slices of the read buffer. The order of a FETCH line's items is the server's choice: where the UID, the flags or the
//! date come behind the body (which is legal), those are asked for beforehand, message by message. What a command leaves
//! unanswered is asked for once more on its own, so that one bad message costs no other. Silence is no proof that a message
//! is gone: it is, when a listing made after a NOOP lacks it.

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use async_trait::async_trait;
use bytes::Bytes;
use limosa_imap::command::{BodyKind, Command, FetchItems};
use limosa_imap::response::{Code, Fetch as Items, Tag, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::mailbox::{Fetch, Fetched, Result};
use limosa_model::{
    ConnectorError, ErrorKind, Flags, Folder, Head, IdList, InternalDate, MessageId, Piece, Retry, Scope,
};

use super::changes::{model_date, uid_set};
use super::connection::{Done, Incoming};
use super::mailbox::ImapMailbox;
use super::suspects::Place;

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

/// A fetch under way.
pub(crate) struct ImapFetch<'a> {
    mailbox: &'a mut ImapMailbox,
    folder: String,
    validity: u32,
    waiting: VecDeque<Request>,
    in_flight: VecDeque<Asked>,
    body: Body,
    /// What was asked for beforehand.
    metadata: HashMap<u32, Metadata>,
    /// Messages whose metadata were asked for once more, each alone.
    metadata_again: HashSet<u32>,
    /// Messages of which the server said nothing: they may be gone.
    doubtful: BTreeSet<u32>,
    /// Messages that the server lists, although it said nothing when asked for them.
    listed: HashSet<u32>,
    /// A body has come with all that must stand before it.
    order_is_good: bool,
    /// The server sends bodies before what we need to know of them.
    order_is_bad: bool,
    /// Ends that are known without asking.
    known: Vec<Fetched>,
}

/// What must be known of a message before its body.
#[derive(Clone, Default)]
struct Metadata {
    flags: Option<Flags>,
    /// The inner one is `None` where the server's date cannot be read.
    internal_date: Option<Option<InternalDate>>,
}

impl Metadata {
    fn is_complete(&self) -> bool {
        self.flags.is_some() && self.internal_date.is_some()
    }
}

enum Request {
    Many(UidSet),
    Metadata(UidSet),
    /// Which of these are there.
    Presence(UidSet),
    /// A message on its own; with nothing else in flight if it may break the connection.
    Alone {
        uid: u32,
        suspect: bool,
    },
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Bodies,
    /// The body of one message.
    Alone {
        suspect: bool,
    },
    Metadata,
    /// So that the server takes note of who is gone.
    Noop,
    Presence,
}

impl Purpose {
    fn is_alone(self) -> bool {
        matches!(self, Self::Alone { .. })
    }
}

struct Asked {
    tag: Tag,
    unanswered: BTreeSet<u32>,
    purpose: Purpose,
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
            metadata_again: HashSet::new(),
            doubtful: BTreeSet::new(),
            listed: HashSet::new(),
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
        let mut suspects = self.mailbox.suspects.of_folder(&self.folder, self.validity);
        suspects.retain(|uid| uids.contains(*uid));
        if suspects.is_empty() {
            self.waiting.push_back(Request::Many(uids));
            return;
        }
        self.waiting.push_back(Request::Many(uids.iter().filter(|uid| !suspects.contains(uid)).collect()));
        for uid in suspects {
            if !self.mailbox.suspects.is_given_up(&self.place(uid)) {
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
            let Some(request) = self.waiting.pop_front() else {
                self.look_for_the_doubtful();
                return;
            };
            match request {
                Request::Many(uids) if uids.is_empty() => {}
                Request::Many(uids) if self.order_is_bad => self.ask_carefully(uids),
                Request::Many(uids) => {
                    let most = if self.order_is_good { MESSAGES } else { FIRST_MESSAGES };
                    let (now, later) = split(&uids, most);
                    if !later.is_empty() {
                        self.waiting.push_front(Request::Many(later));
                    }
                    self.send(&now, WHOLE, Purpose::Bodies);
                }
                Request::Metadata(uids) => {
                    self.send(&uids, FetchItems { body: BodyKind::None, ..WHOLE }, Purpose::Metadata);
                }
                Request::Presence(uids) => self.send(&uids, FetchItems::default(), Purpose::Presence),
                Request::Alone { uid, suspect } => {
                    if suspect && !self.in_flight.is_empty() {
                        self.waiting.push_front(Request::Alone { uid, suspect });
                        return;
                    }
                    self.send(&UidSet::single(uid), WHOLE, Purpose::Alone { suspect });
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

    fn send(&mut self, uids: &UidSet, items: FetchItems<'_>, purpose: Purpose) {
        let command = Command::UidFetch { uids, items, changed_since: None, vanished: false };
        self.in_flight.push_back(Asked {
            tag: self.mailbox.connection.send(&command),
            unanswered: uids.iter().collect(),
            purpose,
            heard_of: BTreeSet::new(),
        });
    }

    /// When all else is answered: begins to find out which of those that nothing was said of are there. The NOOP comes
    /// first and alone, since Dovecot carries it out after the commands behind it.
    fn look_for_the_doubtful(&mut self) {
        if !self.in_flight.is_empty() || self.doubtful.is_empty() {
            return;
        }
        self.in_flight.push_back(Asked {
            tag: self.mailbox.connection.send(&Command::Noop),
            unanswered: std::mem::take(&mut self.doubtful),
            purpose: Purpose::Noop,
            heard_of: BTreeSet::new(),
        });
    }

    /// Whether the server was asked for this message's body and has not given it.
    fn awaits(&self, uid: u32) -> bool {
        let bodies = self.in_flight.iter().filter(|asked| asked.purpose == Purpose::Bodies || asked.purpose.is_alone());
        bodies.into_iter().any(|asked| asked.unanswered.contains(&uid))
    }

    /// Takes one thing that came; how many bytes it added.
    fn take(&mut self, incoming: Incoming, into: &mut Vec<Fetched>) -> Result<usize> {
        match incoming {
            Incoming::BodyStart(items, size) => self.start_body(&items, size, into)?,
            Incoming::BodyChunk(chunk) => return Ok(self.add_chunk(chunk, into)),
            Incoming::BodyEnd(items) => self.end_body(&items, into)?,
            Incoming::Data(Untagged::Fetch(items)) => self.hear(&items),
            Incoming::Done(done) => self.end_command(&done, into),
            Incoming::Data(_) | Incoming::Continue(_) => {}
        }
        Ok(64)
    }

    fn start_body(&mut self, items: &Items, size: u64, into: &mut Vec<Fetched>) -> Result<()> {
        if items.body_origin.is_some() {
            return Err(self.out_of_step("it sends part of a message in place of the whole"));
        }
        self.body = Body::Skipped;
        let alone = self.in_flight.front().filter(|asked| asked.purpose.is_alone());
        let only = alone.and_then(|asked| asked.unanswered.first().copied());
        let Some(uid) = items.uid.or(only) else {
            self.order_is_bad = true;
            return Ok(());
        };
        if !self.awaits(uid) {
            return Ok(());
        }
        let here = self.metadata_in(items);
        let told = here.is_complete();
        let beforehand = self.metadata.get(&uid).cloned().unwrap_or_default();
        let flags = here.flags.or(beforehand.flags);
        let internal_date = here.internal_date.or(beforehand.internal_date);
        let (Some(flags), Some(internal_date)) = (flags, internal_date) else {
            self.order_is_bad = true;
            return Ok(());
        };
        self.order_is_good |= items.uid.is_some() && told;
        self.body = Body::Of(uid, 0);
        let head = Head { id: MessageId::Uid(uid), flags, internal_date, size: Some(size) };
        into.push(Fetched::Piece(Piece::Head(head)));
        Ok(())
    }

    /// What a FETCH line tells; what cannot be read counts as told.
    fn metadata_in(&mut self, items: &Items) -> Metadata {
        let unreadable = |wanted: &[u8]| items.bad_items.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted));
        let flags = items.flags.as_ref().map(|set| self.mailbox.flags.flags(set));
        let internal_date = items.internal_date.map(|date| Some(model_date(date)));
        Metadata {
            flags: flags.or_else(|| unreadable(b"FLAGS").then(Flags::default)),
            internal_date: internal_date.or_else(|| unreadable(b"INTERNALDATE").then_some(None)),
        }
    }

    /// The next operation must not read on either: its answers could be mixed up as well.
    fn out_of_step(&mut self, what: &str) -> ConnectorError {
        self.mailbox.connection.abort();
        self.mailbox.connection.place.protocol(what)
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
        if items.uid != Some(uid) {
            return Err(self.out_of_step("a message came without its UID, or under two of them"));
        }
        for asked in &mut self.in_flight {
            asked.unanswered.remove(&uid);
        }
        self.metadata.remove(&uid);
        self.listed.remove(&uid);
        into.push(Fetched::Piece(Piece::End));
        Ok(())
    }

    /// A FETCH line without a body, or with one that was passed over.
    fn hear(&mut self, items: &Items) {
        let Some(uid) = items.uid else { return };
        match self.in_flight.front_mut().map(|asked| (asked.purpose, asked)) {
            Some((Purpose::Metadata, _)) => {
                let told = self.metadata_in(items);
                let known = self.metadata.entry(uid).or_default();
                // News of its flags may come in between.
                known.flags = told.flags.or(known.flags.take());
                known.internal_date = told.internal_date.or(known.internal_date.take());
                return;
            }
            Some((Purpose::Presence, asked)) => {
                asked.heard_of.insert(uid);
                return;
            }
            _ => {}
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
        match asked.purpose {
            Purpose::Bodies => self.end_many(&asked, done),
            Purpose::Alone { .. } => self.end_alone(&asked, done, into),
            Purpose::Metadata => self.end_metadata(&asked, done),
            Purpose::Noop => {
                let uids: UidSet = asked.unanswered.into_iter().collect();
                self.waiting.extend(uids.split_for_line(MAX_SET_BYTES).into_iter().map(Request::Presence));
            }
            Purpose::Presence => {
                for uid in asked.unanswered {
                    if done.is_ok() && !asked.heard_of.contains(&uid) {
                        self.listed.remove(&uid);
                        into.push(Fetched::Gone(MessageId::Uid(uid)));
                    } else if self.listed.insert(uid) {
                        self.waiting.push_back(Request::Alone { uid, suspect: false });
                    } else {
                        let error = self.unreadable(uid, "it lists the message and sends nothing for it");
                        into.push(Fetched::Unreadable(MessageId::Uid(uid), error));
                    }
                }
            }
        }
    }

    fn end_many(&mut self, asked: &Asked, done: &Done) {
        let mut again = UidSet::new();
        for uid in &asked.unanswered {
            if done.is_ok() && !asked.heard_of.contains(uid) && !self.order_is_bad {
                self.doubtful.insert(*uid);
            } else {
                again.push(*uid);
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
            // Dovecot sends NIL for a message that was expunged a moment ago, as for one that it cannot read.
            self.waiting.push_back(Request::Alone { uid, suspect: false });
        }
    }

    fn end_alone(&mut self, asked: &Asked, done: &Done, into: &mut Vec<Fetched>) {
        let Some(&uid) = asked.unanswered.first() else { return };
        let heard_of = asked.heard_of.contains(&uid);
        if done.is_ok() && !heard_of || done.code == Some(Code::ExpungeIssued) {
            self.doubtful.insert(uid);
            return;
        }
        let without_metadata = self.order_is_bad && !self.metadata.get(&uid).is_some_and(Metadata::is_complete);
        if done.is_ok() && without_metadata && self.metadata_again.insert(uid) {
            self.waiting.push_back(Request::Metadata(UidSet::single(uid)));
            self.waiting.push_back(Request::Alone { uid, suspect: false });
            return;
        }
        let error = if done.is_ok() {
            self.unreadable(uid, "it sends nothing for the message's body")
        } else {
            self.unreadable(uid, format_args!("\"{}\"", done.refusal().words))
        };
        into.push(Fetched::Unreadable(MessageId::Uid(uid), error));
    }

    /// One message whose metadata cannot be told must not cost the others theirs.
    fn end_metadata(&mut self, asked: &Asked, done: &Done) {
        if done.is_ok() || asked.unanswered.len() < 2 {
            return;
        }
        for uid in asked.unanswered.iter().rev() {
            let known = self.metadata.get(uid).is_some_and(Metadata::is_complete);
            if !known && self.metadata_again.insert(*uid) {
                self.waiting.push_front(Request::Metadata(UidSet::single(*uid)));
            }
        }
    }

    /// The connection is lost: remembers at which message, if it was at one. Outages are no message's fault: a break
    /// counts in the middle of a body, or where nothing else was asked for.
    fn note_break(&self, error: &ConnectorError) {
        if !matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::Protocol | ErrorKind::TimedOut) {
            return;
        }
        let alone = self.in_flight.front().filter(|asked| asked.purpose.is_alone());
        let suspect = alone.is_some_and(|asked| asked.purpose == Purpose::Alone { suspect: true });
        let under_way = match self.body {
            Body::Of(uid, bytes) => Some((uid, bytes)),
            _ => alone.and_then(|asked| asked.unanswered.first()).map(|uid| (*uid, 0)),
        };
        if let Some((uid, offset)) = under_way {
            self.mailbox.suspects.note(self.place(uid), offset, suspect || offset > 0);
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
            if self.in_flight.is_empty() && self.waiting.is_empty() && self.doubtful.is_empty() {
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
}
