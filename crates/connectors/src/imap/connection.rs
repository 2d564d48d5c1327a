//! The pump of one connection: socket, decoder, commands in flight, and what is counted while waiting.
//!
//! Reading and writing always go on together, so that a server which stops reading until we read cannot bring both
//! sides to a standstill. An operation sends its commands, then takes what comes until all of them are answered. If
//! an operation is dropped half-way, the next one first reads the answers that are still due.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use limosa_imap::capability::Capabilities;
use limosa_imap::command::{Command, Encoded, LiteralSupport};
use limosa_imap::decode::{Decoder, Event, Limits};
use limosa_imap::pipeline::{Class, Pipeline, Window};
use limosa_imap::response::{Code, Condition, Fetch, Namespaces, Response, Status, Tag, Untagged};
use limosa_model::{ConnectorError, Meter};
use tokio::io::{AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::Instant;

use super::connect::Stream;
use super::error::{Place, Reason, Refusal, reason_in_words, speaks_of_throttling, words_for_people};

/// As long as more is to come, less than this is not worth a system call.
const WORTH_WRITING: usize = 64 * 1024;

/// Slices of one vectored write.
const SLICES: usize = 64;

/// So many bytes of messages nobody wants any more are read to keep the connection; a new one is cheaper than more.
const GIVEN_UP: usize = 8 << 20;

/// LOGOUT is a courtesy: no longer than this for it to leave.
const FAREWELL: Duration = Duration::from_secs(1);

type Result<T> = std::result::Result<T, ConnectorError>;

/// One connection to a server.
pub(crate) struct Connection {
    pub(crate) place: Arc<Place>,
    /// What the server can do, by its latest word.
    pub(crate) capabilities: Capabilities,
    /// The server's first words.
    pub(crate) greeting: String,
    /// The server's answer to ID (RFC 2971).
    pub(crate) id: Vec<(Bytes, Option<Bytes>)>,
    /// What ENABLE switched on.
    pub(crate) enabled: Vec<Bytes>,
    pub(crate) namespaces: Option<Namespaces>,
    pub(crate) signed_in: bool,
    /// Messages that were announced as gone since the connection began. Only differences mean something.
    pub(crate) expunged: u64,
    capabilities_known: bool,
    stream: Stream,
    decoder: Decoder,
    queue: super::send_queue::SendQueue,
    pipeline: Pipeline<Owner>,
    encoded: Encoded,
    flush_due: bool,
    sent_since_wait: bool,
    /// It is known how long the server took for its answers, up to the first one after sign-in.
    timed: bool,
    write_error: Option<io::Error>,
    dead: bool,
    meter: Meter,
    answer_limit: Duration,
}

/// Who waits for the end of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// An operation, now under way or given up.
    Operation,
    /// Nobody: what it brings is kept in the connection itself.
    Nobody,
}

/// The end of a command.
#[derive(Clone, Debug)]
pub(crate) struct Done {
    pub(crate) tag: Tag,
    pub(crate) status: Status,
    pub(crate) code: Option<Code>,
    pub(crate) text: Bytes,
}

impl Done {
    pub(crate) fn is_ok(&self) -> bool {
        self.status == Status::Ok
    }

    /// Why it was refused.
    pub(crate) fn refusal(&self) -> Refusal {
        let words = words_for_people(&self.text);
        let reason = match &self.code {
            Some(Code::OverQuota) => Reason::OverQuota,
            Some(Code::TooBig) => Reason::TooBig,
            Some(Code::NoPerm | Code::ReadOnly) => Reason::NoPermission,
            Some(Code::TryCreate | Code::NonExistent) => Reason::Missing,
            Some(Code::Throttled) => Reason::Throttled,
            // Dovecot turns away one connection too many with UNAVAILABLE too; its words say more.
            Some(Code::InUse | Code::Unavailable | Code::ServerBug) if !speaks_of_throttling(&words) => {
                Reason::Transient
            }
            _ => reason_in_words(&words),
        };
        Refusal { reason, words }
    }
}

/// What has come, as far as an operation may care.
pub(crate) enum Incoming {
    /// A command of this or a former operation ended.
    Done(Done),
    /// Data or a status line.
    Data(Untagged),
    /// `+` that no literal waited for.
    Continue(Bytes),
    /// The items of a message up to its body, and the body's announced size.
    BodyStart(Fetch, u64),
    BodyChunk(Bytes),
    /// All items of the message; its body came as announced.
    BodyEnd(Fetch),
}

impl Connection {
    pub(crate) fn new(stream: Stream, place: Arc<Place>, meter: Meter, answer_limit: Duration) -> Self {
        Self {
            place,
            capabilities: Capabilities::new(),
            greeting: String::new(),
            id: Vec::new(),
            enabled: Vec::new(),
            namespaces: None,
            signed_in: false,
            expunged: 0,
            capabilities_known: false,
            stream,
            decoder: Decoder::new(Limits::default()),
            queue: Default::default(),
            pipeline: Pipeline::new(Window::default()),
            encoded: Encoded::new(),
            flush_due: false,
            sent_since_wait: false,
            timed: false,
            write_error: None,
            dead: false,
            meter,
            answer_limit,
        }
    }

    /// How literals may be sent.
    pub(crate) fn literals(&self) -> LiteralSupport {
        self.capabilities.literal_support()
    }

    /// Whether nothing can be done with it any more.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead
    }

    /// Queues a command of the present operation.
    pub(crate) fn send(&mut self, command: &Command<'_>) -> Tag {
        self.enqueue(command, Owner::Operation)
    }

    /// Queues a command that nobody waits for; it goes out with the next one that somebody waits for.
    pub(crate) fn send_along(&mut self, command: &Command<'_>) {
        self.enqueue(command, Owner::Nobody);
    }

    fn enqueue(&mut self, command: &Command<'_>, owner: Owner) -> Tag {
        let tag = self.pipeline.start(command.class(), 0, owner);
        let mut encoded = std::mem::take(&mut self.encoded);
        command.encode(tag, self.literals(), false, &mut encoded);
        self.push_encoded(tag, &encoded);
        // It may have held a password.
        encoded.clear();
        self.encoded = encoded;
        tag
    }

    /// Begins a command whose bytes come by [`push_encoded`](Self::push_encoded) and [`push`](Self::push).
    pub(crate) fn start_append(&mut self) -> Tag {
        self.pipeline.start(Class::Append, 0, Owner::Operation)
    }

    /// Queues encoded bytes of a command.
    pub(crate) fn push_encoded(&mut self, tag: Tag, encoded: &Encoded) {
        for segment in encoded.segments() {
            self.queue.push_slice(tag, segment.bytes);
            if segment.wait {
                self.queue.push_wait(tag);
            }
        }
    }

    /// Queues bytes of a command as they are.
    pub(crate) fn push(&mut self, tag: Tag, bytes: Bytes) {
        self.queue.push(tag, bytes);
    }

    /// Bytes queued and not yet taken by the socket.
    pub(crate) fn queued(&self) -> usize {
        self.queue.len()
    }

    /// What has come already, without waiting.
    pub(crate) fn ready(&mut self) -> Result<Option<Incoming>> {
        loop {
            let event = match self.decoder.next() {
                Ok(Some(event)) => event,
                Ok(None) => return Ok(None),
                Err(error) => {
                    self.dead = true;
                    return Err(self.place.protocol(&error).because(error));
                }
            };
            let incoming = match event {
                Event::BodyStart { fetch, size } => Incoming::BodyStart(fetch, size),
                Event::BodyChunk(chunk) => Incoming::BodyChunk(chunk),
                Event::BodyEnd { fetch } => Incoming::BodyEnd(fetch),
                Event::Response(Response::Continue { text }) => {
                    if self.queue.go_on() {
                        continue;
                    }
                    Incoming::Continue(text)
                }
                Event::Response(Response::Tagged { tag, status, code, text }) => {
                    let Some(ended) = self.pipeline.finish(tag) else {
                        tracing::debug!(server = %self.place.server(), "an answer to no command of ours was passed over");
                        continue;
                    };
                    self.queue.answered(tag);
                    if let Some(Code::Capability(capabilities)) = &code {
                        self.set_capabilities(capabilities.clone());
                    }
                    if ended.state == Owner::Nobody {
                        continue;
                    }
                    Incoming::Done(Done { tag, status, code, text })
                }
                Event::Response(Response::Untagged(data)) => match self.keep(data)? {
                    Some(data) => Incoming::Data(data),
                    None => continue,
                },
            };
            return Ok(Some(incoming));
        }
    }

    /// Keeps what belongs to the connection as a whole; what is left is for the operation.
    fn keep(&mut self, data: Untagged) -> Result<Option<Untagged>> {
        match data {
            Untagged::Capability(capabilities) => self.set_capabilities(capabilities),
            Untagged::Enabled(names) => self.enabled.extend(names.iter().map(|name| Bytes::copy_from_slice(name))),
            Untagged::Namespace(namespaces) => self.namespaces = Some(namespaces),
            Untagged::Id(fields) => self.id = fields,
            Untagged::Expunge(_) => {
                self.expunged += 1;
                return Ok(Some(data));
            }
            Untagged::Vanished { earlier: false, ref uids } => {
                self.expunged = self.expunged.saturating_add(uids.len());
                return Ok(Some(data));
            }
            Untagged::Condition { kind: Condition::Bye, text, .. } => {
                self.dead = true;
                return Err(if self.greeting.is_empty() {
                    self.place.turned_away(&text)
                } else {
                    self.place.farewell(&text)
                });
            }
            Untagged::Condition { code: Some(Code::Capability(capabilities)), kind, text } => {
                self.set_capabilities(capabilities.clone());
                let code = Some(Code::Capability(capabilities));
                return Ok(Some(Untagged::Condition { kind, code, text }));
            }
            Untagged::Condition { code: Some(Code::Alert), ref text, .. } => {
                let words = words_for_people(text);
                tracing::info!(server = %self.place.server(), words, "the server asks for a person's attention");
                return Ok(Some(data));
            }
            other => return Ok(Some(other)),
        }
        Ok(None)
    }

    /// The next thing to come; waits for it.
    pub(crate) async fn next(&mut self) -> Result<Incoming> {
        loop {
            if let Some(incoming) = self.ready()? {
                return Ok(incoming);
            }
            self.exchange(true).await?;
        }
    }

    /// Waits until all these commands have ended; their ends are in the same order. What comes meanwhile goes to `on`.
    pub(crate) async fn finish(&mut self, tags: &[Tag], mut on: impl FnMut(Untagged)) -> Result<Vec<Done>> {
        let mut ends: Vec<Option<Done>> = vec![None; tags.len()];
        let mut missing = tags.len();
        while missing > 0 {
            match self.next().await? {
                Incoming::Done(done) => {
                    if let Some(index) = tags.iter().position(|tag| *tag == done.tag) {
                        ends[index] = Some(done);
                        missing -= 1;
                    }
                }
                Incoming::Data(data) => on(data),
                // A body nobody asked for; or `+` out of turn.
                Incoming::BodyStart(..) | Incoming::BodyChunk(_) | Incoming::BodyEnd(_) | Incoming::Continue(_) => {}
            }
        }
        Ok(ends.into_iter().flatten().collect())
    }

    /// Sends one command and waits for its end.
    pub(crate) async fn run(&mut self, command: &Command<'_>, on: impl FnMut(Untagged)) -> Result<Done> {
        let tag = self.send(command);
        let done = self.finish(&[tag], on).await?;
        done.into_iter().next().ok_or_else(|| self.place.protocol("a command had no end"))
    }

    /// Makes sure that no answer to a former operation can be taken for one to the next.
    pub(crate) async fn begin(&mut self) -> Result<()> {
        if self.dead {
            return Err(self.place.lost("it was broken before"));
        }
        let mut bytes = 0;
        while self.decoder.in_body() || self.pipeline.iter().any(|command| command.state == Owner::Operation) {
            if let Incoming::BodyChunk(chunk) = self.next().await? {
                bytes += chunk.len();
            }
            if bytes > GIVEN_UP {
                self.abort();
                return Err(self.place.lost("more was on its way for an operation given up than is worth reading"));
            }
        }
        Ok(())
    }

    /// Sends and reads whatever is possible; waits if nothing is. With `all` even a little is sent at once.
    pub(crate) async fn exchange(&mut self, all: bool) -> Result<()> {
        let limit = self.answer_limit;
        let (mut waited, mut asked) = (false, None);
        let exchange = poll_fn(|cx| {
            let progress = self.poll_exchange(cx, all);
            if progress.is_pending() && !std::mem::replace(&mut waited, true) && self.count_wait() && !self.timed {
                asked = Some(Instant::now());
            }
            progress
        });
        match tokio::time::timeout(limit, exchange).await {
            Ok(Ok(())) => {
                if let Some(asked) = asked {
                    // Later, what comes may answer what was sent long before.
                    self.timed = self.signed_in;
                    self.meter.answered(asked.elapsed());
                }
                Ok(())
            }
            Ok(Err(error)) => Err(self.broken(error)),
            Err(_) => {
                self.dead = true;
                self.stream.reset_on_close();
                Err(self.place.silent(limit.as_secs()))
            }
        }
    }

    /// Sends and reads what is possible right now.
    pub(crate) async fn exchange_now(&mut self, all: bool) -> Result<()> {
        let exchange = poll_fn(|cx| Poll::Ready(self.poll_exchange(cx, all)));
        match exchange.await {
            Poll::Ready(Err(error)) => Err(self.broken(error)),
            _ => Ok(()),
        }
    }

    fn broken(&mut self, error: io::Error) -> ConnectorError {
        self.dead = true;
        if error.kind() == io::ErrorKind::UnexpectedEof {
            return match self.write_error.take() {
                Some(error) => self.place.lost("it was closed while we were sending").because(error),
                None => self.place.lost("the server closed it without a word"),
            };
        }
        self.place.lost(&error).because(error)
    }

    /// Counts a wait for an answer; answers whether this is one.
    fn count_wait(&mut self) -> bool {
        if self.queue.can_send() || !std::mem::take(&mut self.sent_since_wait) {
            return false;
        }
        // A server that writes an answer in two pieces (Courier) sends the second when the first is acknowledged, which
        // the system would else put off for 40 ms.
        self.stream.acknowledge_at_once();
        if self.signed_in {
            self.meter.round_trip();
        } else {
            self.meter.sign_in_round_trip();
        }
        true
    }

    fn poll_exchange(&mut self, cx: &mut Context<'_>, all: bool) -> Poll<io::Result<()>> {
        let mut progress = false;
        while self.queue.can_send() && (all || self.queue.len() >= WORTH_WRITING) {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.slices(&mut slices);
            let written = match Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]) {
                Poll::Ready(Ok(0)) => Err(io::ErrorKind::WriteZero.into()),
                Poll::Ready(written) => written,
                Poll::Pending => break,
            };
            match written {
                Ok(count) => {
                    self.queue.sent(count);
                    self.sent_since_wait = true;
                    self.flush_due = true;
                }
                // The server's last words may still be on their way to us: they say more than a broken pipe.
                Err(error) => {
                    self.write_error = Some(error);
                    self.queue.clear();
                    self.flush_due = false;
                }
            }
            progress = true;
        }
        if self.flush_due && !(all && self.queue.can_send()) {
            match Pin::new(&mut self.stream).poll_flush(cx) {
                Poll::Ready(Ok(())) => self.flush_due = false,
                Poll::Ready(Err(error)) => {
                    self.write_error = Some(error);
                    self.queue.clear();
                    self.flush_due = false;
                }
                Poll::Pending => {}
            }
        }
        let read = pin!(self.stream.read_buf(self.decoder.buffer()));
        match read.poll(cx) {
            Poll::Ready(Ok(0)) => return Poll::Ready(Err(io::ErrorKind::UnexpectedEof.into())),
            Poll::Ready(Ok(_)) => progress = true,
            Poll::Ready(Err(error)) => return Poll::Ready(Err(self.write_error.take().unwrap_or(error))),
            Poll::Pending => {}
        }
        if progress { Poll::Ready(Ok(())) } else { Poll::Pending }
    }

    /// Takes the stream out to wrap it in another layer; whatever came before that layer is forgotten: an attacker could
    /// have put it there (RFC 9051 §6.2.1). Put it back with [`set_stream`](Self::set_stream).
    pub(crate) fn take_stream(&mut self) -> Stream {
        self.decoder = Decoder::new(Limits::default());
        std::mem::replace(&mut self.stream, Stream::Gone)
    }

    /// Forgets all that was said so far: before TLS it may have been somebody else who said it (RFC 9051 §6.2.1).
    pub(crate) fn forget_all(&mut self) {
        self.capabilities = Capabilities::new();
        self.capabilities_known = false;
        self.id.clear();
        self.enabled.clear();
        self.namespaces = None;
        // Not empty, which it is until the server has greeted.
        self.greeting = "IMAP server".into();
    }

    pub(crate) fn set_stream(&mut self, stream: Stream) {
        self.stream = stream;
    }

    /// From here on all bytes are compressed, in both directions.
    pub(crate) fn compress(&mut self) {
        // What came behind the server's OK is compressed already.
        let ahead = self.decoder.buffer().split().to_vec();
        self.stream = self.take_stream().compressed(ahead);
    }

    /// Forgets what the server can do: from here on it may be something else.
    pub(crate) fn forget_capabilities(&mut self) {
        self.capabilities_known = false;
    }

    /// Asks what the server can do, unless it has said so since [`forget_capabilities`](Self::forget_capabilities).
    pub(crate) async fn learn_capabilities(&mut self) -> Result<()> {
        if !self.capabilities_known {
            let done = self.run(&Command::Capability, drop).await?;
            if !done.is_ok() {
                return Err(self.place.refused("say what it can do for", None, &done.refusal()));
            }
        }
        Ok(())
    }

    fn set_capabilities(&mut self, capabilities: Capabilities) {
        self.capabilities = capabilities;
        self.capabilities_known = true;
    }

    /// Ends the connection so that nothing that is under way can be completed by what the socket still holds.
    pub(crate) fn abort(&mut self) {
        self.dead = true;
        self.queue.clear();
        self.stream.reset_on_close();
        self.stream = Stream::Gone;
    }

    /// Says LOGOUT and goes, without waiting for the answer.
    pub(crate) async fn close(mut self) {
        if self.dead || self.decoder.in_body() {
            return;
        }
        self.send(&Command::Logout);
        let farewell = async {
            while self.queue.can_send() || self.flush_due {
                let sent = poll_fn(|cx| self.poll_send(cx)).await;
                if sent.is_err() {
                    return;
                }
            }
            drop(self.stream.shutdown().await);
        };
        drop(tokio::time::timeout(FAREWELL, farewell).await);
    }

    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while self.queue.can_send() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let count = self.queue.slices(&mut slices);
            let written = std::task::ready!(Pin::new(&mut self.stream).poll_write_vectored(cx, &slices[..count]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.queue.sent(written);
        }
        self.flush_due = false;
        Pin::new(&mut self.stream).poll_flush(cx)
    }
}
