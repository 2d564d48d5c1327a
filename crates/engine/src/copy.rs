//! Bytes from source to target, many messages in flight.
//!
//! A **lane** is one connection to the source and one to the target, driven by one task: it takes pieces of messages as they
//! come and hands them on at once. Nothing is queued between the two: while the target is slow, the source's bytes wait in
//! the sockets' buffers, so memory stays what one read holds. Several lanes share one queue of **units**, each a stretch
//! of one folder.

use std::collections::HashMap;
use std::io::{Read, Seek, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use limosa_model::error::{ErrorKind, Retry, Scope};
use limosa_model::ledger::Entry;
use limosa_model::mailbox::{Batching, Fetch, Fetched, Limits};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{
    ConnectorError, Flags, Folder, Head, InternalDate, Ledger, Mailbox, MessageId, Piece, Target, Writer,
};
use tokio::sync::mpsc;

use crate::doubt::Doubt;
use crate::keeping::Keeping;
use crate::portions::{Queue, Unit};
use crate::progress::Progress;
use crate::sending::{SendingTracker, noting_error};
use crate::sides::{Side, SideError};

/// What a lane needs to know of a folder.
#[derive(Clone, Debug)]
pub struct Route {
    /// The source folder.
    pub source: Folder,
    /// The target folder.
    pub target: Folder,
    /// Which flags its messages shall have there.
    pub keeping: Keeping,
}

/// What lanes share.
pub struct Shared {
    /// All folders.
    pub routes: Vec<Route>,
    /// What the target cannot take or keep.
    pub limits: Limits,
    /// Where the pass is watched and stopped.
    pub progress: Progress,
    /// Where messages are noted before they are written; `None` where nobody would look for their copies.
    ledger: Option<Arc<dyn Ledger>>,
    /// What is to be copied.
    pub queue: Queue,
    broken: AtomicBool,
    halted: AtomicBool,
}

impl Shared {
    /// These folders and stretches.
    pub fn new(routes: Vec<Route>, queue: Queue, limits: Limits, progress: Progress) -> Self {
        let (broken, halted) = (AtomicBool::new(false), AtomicBool::new(false));
        Self { routes, limits, progress, ledger: None, queue, broken, halted }
    }

    /// The same, and messages are noted in this ledger before they are written.
    #[must_use]
    pub fn noting(self, ledger: Arc<dyn Ledger>) -> Self {
        Self { ledger: Some(ledger), ..self }
    }

    /// Whether another lane can help: there are messages that no lane has taken yet, and none has broken.
    pub fn can_be_helped(&self) -> bool {
        !self.is_stopping() && !self.broken.load(Ordering::Relaxed) && !self.queue.is_empty()
    }

    /// Notes that a lane has broken.
    pub fn broke(&self) {
        self.broken.store(true, Ordering::Relaxed);
    }

    /// Lets all lanes come to an end after the message under way.
    pub fn halt(&self) {
        self.halted.store(true, Ordering::Relaxed);
    }

    /// Whether lanes shall come to an end after the message under way.
    fn is_stopping(&self) -> bool {
        self.progress.is_stopping() || self.halted.load(Ordering::Relaxed)
    }
}

/// What a lane has to tell of one message.
#[derive(Debug)]
pub enum Arrival {
    /// It stands on the target.
    Stored {
        /// Source id, target id, source's flags.
        entry: Entry,
        /// Its size.
        bytes: u64,
        /// When the source received it.
        internal_date: Option<InternalDate>,
        /// Holds bytes that the target may have replaced.
        doubtful: bool,
    },
    /// It stands on the target, which does not say under which id.
    Unnamed {
        /// Source id.
        id: MessageId,
        /// The source's flags.
        flags: Flags,
        /// Its size.
        bytes: u64,
    },
    /// It was not taken, or not given.
    Refused {
        /// Source id.
        id: MessageId,
        /// Its size, where it is known.
        size: Option<u64>,
        /// Why.
        error: ConnectorError,
    },
    /// The source says that it is gone.
    Gone(MessageId),
    /// The target does not keep these flags.
    Dropped(Vec<String>),
}

/// News from a lane: folder and what arrived.
pub type News = (usize, Vec<Arrival>);

/// Copies until there is nothing left to take, this lane may take no more, or the pass is stopped.
///
/// # Errors
/// The first one that ends the lane. All that is known to have arrived has been told by then.
pub async fn run_lane(
    source: &mut dyn Mailbox,
    target: &mut dyn Target,
    number: usize,
    shared: &Shared,
    news: mpsc::Sender<News>,
) -> Result<(), SideError> {
    while !shared.is_stopping()
        && let Some(unit) = shared.queue.take(number, None)
    {
        let route = &shared.routes[unit.folder];
        shared.progress.folder(route.source.path.to_string());
        let like = (unit.folder, unit.batching);
        // Both folders are opened at once.
        let begun = async { target.writer(&route.target, unit.batching).await.map_err(|error| (Side::Target, error)) };
        let (mut writer, first) = tokio::try_join!(begun, begin(source, route, &unit))?;
        let mut carrier = Carrier::new(shared, &news, like);
        let mut fed = carrier.feed(first, writer.as_mut()).await;
        while fed.is_ok()
            && carrier.fatal.is_none()
            && !shared.is_stopping()
            && let Some(unit) = shared.queue.take(number, Some(like))
        {
            fed = match begin(source, route, &unit).await {
                Ok(fetch) => carrier.feed(fetch, writer.as_mut()).await,
                Err(error) => Err(error),
            };
        }
        let rolled_back = carrier.end(writer, fed).await?;
        if !rolled_back.is_empty() && !shared.is_stopping() {
            let ids = rolled_back.into_iter().collect();
            shared.queue.put_back(Unit { folder: like.0, ids, batching: Batching::Alone });
        }
    }
    Ok(())
}

/// Begins to fetch the messages of a stretch.
async fn begin<'a>(source: &'a mut dyn Mailbox, route: &Route, unit: &Unit) -> Result<Box<dyn Fetch + 'a>, SideError> {
    source.fetch(&route.source, &unit.ids).await.map_err(|error| (Side::Source, error))
}

/// Carries messages of one folder through one writer.
struct Carrier<'a> {
    shared: &'a Shared,
    route: &'a Route,
    folder: usize,
    batching: Batching,
    news: &'a mpsc::Sender<News>,
    /// Given to the writer, without a receipt yet.
    in_flight: HashMap<MessageId, InFlight>,
    /// Not given to the writer yet.
    pieces: Vec<Piece>,
    told: Vec<Arrival>,
    rolled_back: Vec<MessageId>,
    /// A message has begun and not ended.
    mid_message: bool,
    /// Its id, once it is on its way to the target.
    current: Option<MessageId>,
    doubt: Doubt,
    passing: SendingTracker,
    /// Why a side gives or takes nothing more, or not now: the lane ends after the message under way.
    fatal: Option<SideError>,
}

/// What a receipt does not repeat of its message.
struct InFlight {
    /// The source's flags.
    flags: Flags,
    size: u64,
    internal_date: Option<InternalDate>,
    doubtful: bool,
}

/// What is to happen with the pieces of the message under way.
enum Course {
    /// They go to the target.
    Through,
    /// They go to a spool first, since the source cannot say beforehand how many bytes there are and targets want to know.
    Spool(Head, tempfile::SpooledTempFile, u64),
    /// They are read and thrown away: the target would not take them.
    Aside,
}

/// Bytes of a message of unknown size that are kept in memory; more go to a temporary file.
pub const SPOOL_IN_MEMORY: usize = 1 << 20;
/// Bytes handed to the writer at once.
const WRITE_AT_ONCE: usize = 1 << 20;

impl<'a> Carrier<'a> {
    fn new(shared: &'a Shared, news: &'a mpsc::Sender<News>, (folder, batching): (usize, Batching)) -> Self {
        let route = &shared.routes[folder];
        Self {
            shared,
            route,
            folder,
            batching,
            news,
            in_flight: HashMap::new(),
            pieces: Vec::new(),
            told: Vec::new(),
            rolled_back: Vec::new(),
            mid_message: false,
            current: None,
            doubt: Doubt::new(false),
            passing: SendingTracker::new(&route.source),
            fatal: None,
        }
    }

    /// Copies these messages; returns early, between two messages, when the pass is stopped.
    async fn feed(&mut self, mut fetch: Box<dyn Fetch + '_>, writer: &mut dyn Writer) -> Result<(), SideError> {
        let of_source = |error| (Side::Source, error);
        let mut fetched = Vec::new();
        let mut course = Course::Through;
        loop {
            let more = tokio::select! {
                biased;
                () = self.shared.progress.stopped(), if !self.mid_message => return Ok(()),
                more = fetch.next(&mut fetched) => more.map_err(of_source)?,
            };
            for one in fetched.drain(..) {
                match one {
                    Fetched::Piece(Piece::Head(head)) => {
                        if self.shared.is_stopping() || self.fatal.is_some() {
                            self.write(writer).await?;
                            return Ok(());
                        }
                        course = self.begin(head);
                    }
                    Fetched::Piece(Piece::Body(bytes)) => {
                        self.doubt.update(&bytes);
                        match &mut course {
                            Course::Through => self.pieces.push(Piece::Body(bytes)),
                            Course::Spool(_, spool, size) => {
                                *size += bytes.len() as u64;
                                spool.write_all(&bytes).map_err(|error| (Side::Source, spool_error(error)))?;
                            }
                            Course::Aside => {}
                        }
                    }
                    Fetched::Piece(Piece::End) => {
                        match std::mem::replace(&mut course, Course::Through) {
                            Course::Through => self.pieces.push(Piece::End),
                            Course::Spool(head, spool, size) => self.unspool(writer, head, spool, size).await?,
                            Course::Aside => {}
                        }
                        let current = self.current.take().and_then(|id| self.in_flight.get_mut(&id));
                        if let Some(in_flight) = current {
                            in_flight.doubtful = self.doubt.found();
                        }
                        self.mid_message = false;
                        self.shared.queue.carried();
                    }
                    Fetched::Gone(id) => self.told.push(Arrival::Gone(id)),
                    Fetched::Unreadable(id, error) => {
                        course = Course::Through;
                        self.unreadable(id, error)?;
                    }
                }
            }
            self.write(writer).await?;
            self.take_receipts(writer.receipts());
            self.tell().await;
            if !more || (self.fatal.is_some() && !self.mid_message) {
                return Ok(());
            }
        }
    }

    fn begin(&mut self, head: Head) -> Course {
        self.mid_message = true;
        self.current = None;
        self.doubt = Doubt::new(!self.shared.limits.keeps_eight_bit_headers);
        match head.size {
            None => Course::Spool(head, tempfile::SpooledTempFile::new(SPOOL_IN_MEMORY), 0),
            Some(size) => self.admit(head, size),
        }
    }

    /// Sends a message's head on its way, unless the target has said that it takes no message of that size.
    fn admit(&mut self, head: Head, size: u64) -> Course {
        if let Some(limit) = self.shared.limits.message_bytes.filter(|limit| size > *limit) {
            let what = format!("the message has {size} bytes, and the target takes at most {limit}");
            let error = ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::TooBig, what);
            self.told.push(Arrival::Refused { id: head.id, size: Some(size), error });
            return Course::Aside;
        }
        let (kept, dropped) = self.route.keeping.wanted(&head.flags);
        if !dropped.is_empty() {
            self.told.push(Arrival::Dropped(dropped));
        }
        let in_flight = InFlight { flags: head.flags, size, internal_date: head.internal_date, doubtful: false };
        self.current = Some(head.id.clone());
        self.in_flight.insert(head.id.clone(), in_flight);
        self.pieces.push(Piece::Head(Head { flags: kept, size: Some(size), ..head }));
        Course::Through
    }

    /// The source cannot give a message, or not all of it: none of it must reach the target.
    fn unreadable(&mut self, id: MessageId, error: ConnectorError) -> Result<(), SideError> {
        let begun = self.in_flight.remove(&id).is_some();
        match error.retry() {
            Retry::Never => self.told.push(Arrival::Refused { id: id.clone(), size: None, error }),
            _ => {
                self.fatal.get_or_insert((Side::Source, error));
            }
        }
        if begun {
            let head = self.pieces.iter().rposition(|piece| matches!(piece, Piece::Head(head) if head.id == id));
            let Some(head) = head else {
                let what = "a message ended in the middle, after part of it had been sent";
                return Err((
                    Side::Source,
                    ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ConnectionLost, what),
                ));
            };
            self.pieces.truncate(head);
        }
        self.mid_message = false;
        Ok(())
    }

    async fn unspool(
        &mut self,
        writer: &mut dyn Writer,
        head: Head,
        mut spool: tempfile::SpooledTempFile,
        size: u64,
    ) -> Result<(), SideError> {
        if matches!(self.admit(head, size), Course::Aside) {
            return Ok(());
        }
        spool.rewind().map_err(|error| (Side::Source, spool_error(error)))?;
        let mut left = size;
        while left > 0 {
            let mut chunk = vec![0; left.min(256 << 10) as usize];
            spool.read_exact(&mut chunk).map_err(|error| (Side::Source, spool_error(error)))?;
            left -= chunk.len() as u64;
            self.pieces.push(Piece::Body(chunk.into()));
            if self.pieces.len() * (256 << 10) >= WRITE_AT_ONCE {
                self.write(writer).await?;
            }
        }
        self.pieces.push(Piece::End);
        Ok(())
    }

    async fn write(&mut self, writer: &mut dyn Writer) -> Result<(), SideError> {
        if self.pieces.is_empty() {
            return Ok(());
        }
        let bytes: u64 =
            self.pieces.iter().map(|piece| if let Piece::Body(bytes) = piece { bytes.len() as u64 } else { 0 }).sum();
        if let Some(ledger) = &self.shared.ledger {
            let ending = self.passing.ending(&self.pieces);
            if !ending.is_empty() {
                let noted = ledger.note_sending(&self.route.source.path, &ending).await;
                noted.map_err(|error| (Side::Target, noting_error(error)))?;
            }
        }
        writer.write(&mut self.pieces).await.map_err(|error| (Side::Target, error))?;
        self.shared.progress.sent(bytes);
        Ok(())
    }

    fn take_receipts(&mut self, receipts: Vec<Receipt>) {
        for Receipt { id, outcome } in receipts {
            let Some(InFlight { flags, size: bytes, internal_date, doubtful }) = self.in_flight.remove(&id) else {
                continue;
            };
            self.shared.queue.answered(bytes);
            self.told.push(match outcome {
                Outcome::Stored(Some(target)) => {
                    Arrival::Stored { entry: Entry { source: id, target, flags }, bytes, internal_date, doubtful }
                }
                Outcome::Stored(None) => Arrival::Unnamed { id, flags, bytes },
                Outcome::Refused(error) if error.scope() == Scope::Item && error.retry() == Retry::Never => {
                    Arrival::Refused { id, size: Some(bytes), error }
                }
                Outcome::Refused(error) => {
                    self.fatal.get_or_insert((Side::Target, error));
                    continue;
                }
                Outcome::RolledBack if self.batching == Batching::Free => {
                    self.rolled_back.push(id);
                    continue;
                }
                Outcome::RolledBack => {
                    let what = format!("message {id} was rolled back although it was written alone");
                    let error = ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::Protocol, what);
                    Arrival::Refused { id, size: Some(bytes), error }
                }
            });
        }
    }

    async fn tell(&mut self) {
        if !self.told.is_empty() {
            // Nobody listens any more only when settling has failed: then nothing more shall be written.
            if self.news.send((self.folder, std::mem::take(&mut self.told))).await.is_err() {
                self.shared.halt();
            }
        }
    }

    /// Brings the writer to an end that fits how feeding went, and answers the messages to be written again, alone.
    async fn end(
        mut self,
        mut writer: Box<dyn Writer + '_>,
        fed: Result<(), SideError>,
    ) -> Result<Vec<MessageId>, SideError> {
        self.take_receipts(writer.receipts());
        let last = match &fed {
            Err((Side::Target, _)) => Ok(Vec::new()),
            _ if self.mid_message => {
                writer.abort().await;
                Ok(Vec::new())
            }
            _ => writer.finish().await.map_err(|error| (Side::Target, error)),
        };
        let ended = last.map(|receipts| self.take_receipts(receipts));
        self.tell().await;
        // What came first says why the rest went wrong.
        self.fatal.take().map_or(Ok(()), Err)?;
        fed.and(ended)?;
        if !self.in_flight.is_empty() && !self.mid_message {
            let what = format!("{} messages got no answer", self.in_flight.len());
            return Err((Side::Target, ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Protocol, what)));
        }
        Ok(self.rolled_back)
    }
}

/// Room for temporary files has run out.
pub fn spool_error(error: std::io::Error) -> ConnectorError {
    ConnectorError::new(
        Scope::Endpoint,
        Retry::Never,
        ErrorKind::LocalIo,
        "a message could not be kept in a temporary file",
    )
    .hint("make room in the folder for temporary files, or set TMPDIR to another one")
    .because(error)
}
