//! How messages go in: APPEND commands of many messages, sent ahead, each message with a receipt.
//!
//! Where MULTIAPPEND (RFC 3502) is offered, messages go in batches that the server stores or refuses as a whole; that is
//! the one large lever on speed, since servers lock, index and sync once a batch. Elsewhere single APPENDs are sent without
//! waiting for one another. While bytes wait to be sent, answers are read.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use limosa_imap::UidSet;
use limosa_imap::command::{Append, AppendMessage, Encoded, LiteralSupport};
use limosa_imap::quirk::Quirk;
use limosa_imap::response::{Code, Tag};
use limosa_model::mailbox::{Batching, Result, WholeMessage, Writer};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{ConnectorError, ErrorKind, Folder, Head, MessageId, Piece, Retry, Scope};

use super::batches::Seen;
use super::connection::{Done, Incoming};
use super::error::{Reason, Refusal};
use super::mailbox::ImapMailbox;
use super::survey::raw;

/// A batch ends with the message that brings it to one of these.
const BATCH_MESSAGES: usize = 100;
const BATCH_BYTES: u64 = 8 << 20;

/// Commands whose answer may be due.
const COMMANDS: usize = 16;

/// More bytes than this do not wait in our own queue; sending goes on until there are few.
const QUEUE_FULL: usize = 1 << 20;
const QUEUE_LOW: usize = 256 << 10;

/// So much of a message is looked through for NUL before it is announced.
const LOOKED_THROUGH: usize = 256 << 10;

/// A message whose size is not known beforehand is kept in memory to be counted, up to this size.
const COUNTED: usize = 64 << 20;

/// Writes messages into one folder.
pub(crate) struct ImapWriter<'a> {
    mailbox: &'a mut ImapMailbox,
    folder: String,
    raw: Vec<u8>,
    validity: u32,
    /// UIDNEXT when the folder was opened.
    next: u32,
    /// Several messages may go in one command, unless those are given up meanwhile.
    multi: bool,
    /// What was known of such commands when the last of them began.
    seen: Seen,
    /// NUL can be sent as binary.
    binary: bool,
    limit: Option<u64>,
    /// The command whose line is not ended.
    batch: Option<Batch>,
    in_flight: VecDeque<Sent>,
    whole: WholeMessage,
    message: Message,
    receipts: Vec<Receipt>,
    encoded: Encoded,
    /// The end of a command waits to be sent: with it the server has something to do.
    end_waits: bool,
}

struct Batch {
    append: Append,
    ids: Vec<MessageId>,
    bytes: u64,
    /// Its refusal came before its end was sent. Only as long as a message of it is under way: nothing may be added then.
    early: Option<Done>,
}

/// A command that is wholly sent or queued.
struct Sent {
    tag: Tag,
    ids: Vec<MessageId>,
}

/// The message that is coming in.
enum Message {
    None,
    /// It goes to the server as it comes.
    Sent,
    /// Kept back until it is known how to announce it.
    Held {
        head: Head,
        pieces: Vec<Bytes>,
        bytes: usize,
    },
    /// It will not be sent.
    Refused(MessageId, ConnectorError),
}

impl ImapMailbox {
    pub(crate) async fn start_writer(&mut self, folder: &Folder, batching: Batching) -> Result<ImapWriter<'_>> {
        // Selected also because Dovecot reads its whole UID list again for every APPEND to a Maildir that is not.
        let selected = self.select_to_change(folder, &UidSet::new()).await?;
        let multi = batching == Batching::Free && self.can_use(b"MULTIAPPEND") && !self.batches.are_given_up();
        Ok(ImapWriter {
            folder: folder.name.clone(),
            raw: raw(folder),
            validity: selected.position.validity,
            next: selected.position.next,
            multi,
            seen: self.batches.seen(),
            binary: self.can_use(b"BINARY"),
            limit: self.connection.capabilities.append_limit(),
            batch: None,
            in_flight: VecDeque::new(),
            whole: WholeMessage::default(),
            message: Message::None,
            receipts: Vec::new(),
            encoded: Encoded::new(),
            end_waits: false,
            mailbox: self,
        })
    }
}

impl ImapWriter<'_> {
    fn misused(&mut self, what: &'static str) -> ConnectorError {
        // Half a message may be on its way.
        self.mailbox.connection.abort();
        ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Usage, what)
    }

    fn take(&mut self, piece: Piece) -> Result<()> {
        match piece {
            Piece::Head(head) => {
                self.whole.head(&head).map_err(|what| self.misused(what))?;
                self.begin(head);
            }
            Piece::Body(bytes) => {
                self.whole.body(bytes.len()).map_err(|what| self.misused(what))?;
                self.add(bytes);
            }
            Piece::End => {
                self.whole.end().map_err(|what| self.misused(what))?;
                self.end()?;
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: Head) {
        if let (Some(size), Some(limit)) = (head.size, self.limit)
            && size > limit
        {
            let text = format!("message {} has {size} bytes, and the server takes {limit} at most", head.id);
            let error = ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::TooBig, text)
                .hint("raise the server's limit for messages");
            self.message = Message::Refused(head.id, error);
            return;
        }
        match head.size {
            Some(size) if !self.binary => {
                self.announce(&head, size, false);
                self.message = Message::Sent;
            }
            _ => self.message = Message::Held { head, pieces: Vec::new(), bytes: 0 },
        }
    }

    fn add(&mut self, data: Bytes) {
        match &mut self.message {
            Message::Sent => self.push(data),
            Message::Held { head, pieces, bytes } => {
                *bytes += data.len();
                pieces.push(data);
                let (held, size) = (*bytes, head.size);
                if size.is_some() && held >= LOOKED_THROUGH {
                    self.release();
                } else if size.is_none() && held > COUNTED {
                    let text = format!("message {} has more than {COUNTED} bytes and no size beforehand", head.id);
                    let error = ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::TooBig, text);
                    self.message = Message::Refused(head.id.clone(), error);
                }
            }
            Message::Refused(..) | Message::None => {}
        }
    }

    /// Sends a message that was kept back.
    fn release(&mut self) {
        let Message::Held { head, pieces, bytes } = std::mem::replace(&mut self.message, Message::Sent) else { return };
        let binary = self.binary && pieces.iter().any(|piece| memchr::memchr(0, piece).is_some());
        self.announce(&head, head.size.unwrap_or(bytes as u64), binary);
        for piece in pieces {
            self.push(piece);
        }
    }

    fn push(&mut self, data: Bytes) {
        if let Some(batch) = &self.batch {
            self.mailbox.connection.push(batch.append.tag(), data);
        }
    }

    /// Sends what goes before a message's bytes, within the open batch or in a new one.
    fn announce(&mut self, head: &Head, size: u64, binary: bool) {
        let connection = &mut self.mailbox.connection;
        let batch = self.batch.get_or_insert_with(|| {
            self.seen = self.mailbox.batches.seen();
            let tag = connection.start_append();
            let append = Append::start(tag, &self.raw, connection.literals(), false);
            Batch { append, ids: Vec::new(), bytes: 0, early: None }
        });
        let flags: Vec<&[u8]> = head.flags.names().map(str::as_bytes).collect();
        let date = head
            .internal_date
            .map(|date| limosa_imap::InternalDate { seconds: date.seconds, offset_minutes: date.offset_minutes });
        self.encoded.clear();
        batch.append.message(&AppendMessage { flags: &flags, date, size, binary }, &mut self.encoded);
        batch.ids.push(head.id.clone());
        batch.bytes += size;
        connection.push_encoded(batch.append.tag(), &self.encoded);
    }

    fn end(&mut self) -> Result<()> {
        if matches!(self.message, Message::Held { .. }) {
            self.release();
        }
        if let Message::Refused(id, error) = std::mem::replace(&mut self.message, Message::None) {
            self.receipts.push(Receipt { id, outcome: Outcome::Refused(error) });
        }
        let full = |batch: &Batch| batch.ids.len() >= BATCH_MESSAGES || batch.bytes >= BATCH_BYTES;
        let multi = self.multi && !self.mailbox.batches.are_given_up();
        let over = |batch: &Batch| !multi || full(batch) || batch.early.is_some();
        if self.batch.as_ref().is_some_and(over) {
            self.end_batch()?;
        }
        Ok(())
    }

    /// Ends the open command's line.
    fn end_batch(&mut self) -> Result<()> {
        let Some(Batch { append, ids, early, .. }) = self.batch.take() else { return Ok(()) };
        let tag = append.tag();
        self.encoded.clear();
        append.finish(&mut self.encoded);
        self.mailbox.connection.push_encoded(tag, &self.encoded);
        self.end_waits = true;
        match early {
            Some(done) => self.settle(&ids, &done),
            None => {
                self.in_flight.push_back(Sent { tag, ids });
                Ok(())
            }
        }
    }

    /// Takes the answers that have come.
    fn hear(&mut self) -> Result<()> {
        while let Some(incoming) = self.mailbox.connection.ready()? {
            let Incoming::Done(done) = incoming else { continue };
            if let Some(batch) = self.batch.as_mut().filter(|batch| batch.append.tag() == done.tag) {
                if done.is_ok() {
                    self.mailbox.connection.abort();
                    return Err(self.mailbox.connection.place.protocol("it has stored what was not sent to its end"));
                }
                batch.early = Some(done);
                // The rest of the message that is under way still has to be sent, or the server would take it for commands;
                // so it would anything more.
                if !matches!(self.message, Message::Sent) {
                    self.end_batch()?;
                }
                continue;
            }
            if let Some(index) = self.in_flight.iter().position(|sent| sent.tag == done.tag)
                && let Some(sent) = self.in_flight.remove(index)
            {
                self.settle(&sent.ids, &done)?;
            }
        }
        Ok(())
    }

    /// Gives the messages of an answered command their receipts.
    fn settle(&mut self, ids: &[MessageId], done: &Done) -> Result<()> {
        if done.is_ok() {
            if ids.len() > 1 {
                self.mailbox.batches.stored();
            }
            let uids = self.new_uids(ids, done);
            let outcomes = (0..ids.len()).map(|index| Outcome::Stored(uids.get(index).copied().map(MessageId::Uid)));
            self.receipts.extend(ids.iter().cloned().zip(outcomes).map(|(id, outcome)| Receipt { id, outcome }));
            return Ok(());
        }
        let refusal = done.refusal();
        if matches!(refusal.reason, Reason::Missing | Reason::NoPermission | Reason::Throttled) {
            return Err(self.mailbox.connection.place.refused("store messages in", Some(&self.folder), &refusal));
        }
        if let [id] = ids {
            let error = self.refused(id, &refusal)?;
            self.receipts.push(Receipt { id: id.clone(), outcome: Outcome::Refused(error) });
            return Ok(());
        }
        if !matches!(refusal.reason, Reason::OverQuota | Reason::TooBig | Reason::Transient) {
            self.note_failed_batch(&refusal.words);
        }
        let rolled_back = |id: &MessageId| Receipt { id: id.clone(), outcome: Outcome::RolledBack };
        self.receipts.extend(ids.iter().map(rolled_back));
        Ok(())
    }

    fn note_failed_batch(&self, words: &str) {
        if self.mailbox.batches.failed(self.seen) {
            let server = self.mailbox.connection.place.server();
            tracing::warn!(%server, words, "MULTIAPPEND is offered and fails: messages go one by one from here on");
        }
    }

    /// Where the messages went, one UID each; nothing if the server does not say so for all of them.
    fn new_uids(&self, ids: &[MessageId], done: &Done) -> Vec<u32> {
        match &done.code {
            Some(Code::AppendUid { validity, uids })
                if *validity == self.validity
                    && uids.len() == ids.len() as u64
                    && self.can_be_new(uids)
                    && !self.mailbox.quirks().has(Quirk::AppendUidUnreliable) =>
            {
                uids.iter().collect()
            }
            _ => Vec::new(),
        }
    }

    /// UIDs of messages just stored ascend, and nobody had them before (RFC 9051 §2.3.1.1).
    fn can_be_new(&self, uids: &UidSet) -> bool {
        let ascending = uids.ranges().windows(2).all(|pair| pair[0].1 < pair[1].0);
        ascending && uids.min().is_some_and(|first| first >= self.next)
    }

    /// What it means that one message was refused; an error if that was not for the message's sake.
    fn refused(&self, id: &MessageId, refusal: &Refusal) -> Result<ConnectorError> {
        let place = &self.mailbox.connection.place;
        let folder = &self.folder;
        let words = &refusal.words;
        let item = |kind, what: &str| {
            let text = format!("{} {what} (message {id} for folder \"{folder}\"): \"{words}\"", place.server());
            ConnectorError::new(Scope::Item, Retry::Never, kind, text)
        };
        match refusal.reason {
            Reason::OverQuota => Ok(place.refused("store messages in", Some(folder), refusal)),
            Reason::TooBig => Ok(item(ErrorKind::TooBig, "says that the message is too big")
                .hint("raise the server's limit for messages")),
            Reason::Transient => Err(place.refused("store messages in", Some(folder), refusal)),
            _ => Ok(item(ErrorKind::Malformed, "refuses the message")),
        }
    }

    /// Sends until few bytes wait, and few commands; takes the answers meanwhile.
    async fn pump(&mut self) -> Result<()> {
        let mut low = QUEUE_FULL;
        loop {
            self.hear()?;
            if self.mailbox.connection.queued() <= low && self.in_flight.len() < COMMANDS {
                return Ok(());
            }
            low = QUEUE_LOW;
            let commands_wait = self.in_flight.len() >= COMMANDS;
            self.mailbox.connection.exchange(commands_wait || self.is_eager()).await?;
        }
    }

    /// A server may answer MULTIAPPEND by hanging up, or not at all.
    fn note_break<T>(&self, done: Result<T>) -> Result<T> {
        let open = self.batch.iter().map(|batch| &batch.ids);
        let mut unanswered = open.chain(self.in_flight.iter().map(|sent| &sent.ids));
        if let Err(error) = &done
            && matches!(error.kind(), ErrorKind::ConnectionLost | ErrorKind::TimedOut)
            && unanswered.any(|ids| ids.len() > 1)
        {
            self.note_failed_batch(&error.to_string());
        }
        done
    }

    async fn write_all(&mut self, pieces: Vec<Piece>) -> Result<()> {
        for piece in pieces {
            self.take(piece)?;
            if self.mailbox.connection.queued() > QUEUE_FULL || self.in_flight.len() >= COMMANDS {
                self.pump().await?;
            }
        }
        let all = std::mem::take(&mut self.end_waits) || self.is_eager();
        self.mailbox.connection.exchange_now(all).await?;
        self.hear()
    }

    /// Waits until all that was sent is answered.
    async fn drain(&mut self) -> Result<()> {
        self.end_batch()?;
        while !self.in_flight.is_empty() {
            self.hear()?;
            if !self.in_flight.is_empty() {
                self.mailbox.connection.exchange(true).await?;
            }
        }
        Ok(())
    }

    /// Whether even a little is worth sending: the server answers it before more can follow.
    fn is_eager(&self) -> bool {
        self.mailbox.connection.literals() != LiteralSupport::Plus
    }
}

#[async_trait]
impl Writer for ImapWriter<'_> {
    async fn write(&mut self, pieces: &mut Vec<Piece>) -> Result<()> {
        let written = self.write_all(std::mem::take(pieces)).await;
        self.note_break(written)
    }

    fn receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    async fn finish(mut self: Box<Self>) -> Result<Vec<Receipt>> {
        if self.whole.is_open() {
            return Err(self.misused("the writer was finished in the middle of a message"));
        }
        let drained = self.drain().await;
        self.note_break(drained)?;
        Ok(std::mem::take(&mut self.receipts))
    }

    async fn abort(mut self: Box<Self>) {
        if self.batch.take().is_some() {
            self.mailbox.connection.abort();
        }
    }
}

/// A writer that is dropped in the middle of a command takes the connection with it: there is no other way back.
impl Drop for ImapWriter<'_> {
    fn drop(&mut self) {
        if self.batch.is_some() {
            self.mailbox.connection.abort();
        }
    }
}
