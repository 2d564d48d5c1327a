//! What becomes of messages that the target refuses for their content: left behind by name, mended, or kept aside.
//!
//! The original is kept before anything else is done, and found by content should a pass be cut off in between; so is a mended copy that
//! stands on the target already ([`recover`](crate::recover)). Neither is ever made twice.

use std::collections::HashMap;
use std::fmt;
use std::io::{Read, Seek, Write};
use std::sync::Arc;

use limosa_model::error::{ErrorKind, Retry, Scope};
use limosa_model::ledger::{Entry, Sending, Settlement};
use limosa_model::mailbox::{Batching, Fetched, Limits};
use limosa_model::message::Outcome;
use limosa_model::{
    Connector, ConnectorError, Exception, Folder, Head, IdList, Ledger, Mailbox, MessageId, Piece, Target,
};
use tempfile::SpooledTempFile;
use tokio::sync::mpsc;

use crate::copy::{Arrival, News, Route, SPOOL_IN_MEMORY, Shared, run_lane, spool_error};
use crate::keeping::Keeping;
use crate::mend::{Mender, Mends};
use crate::portions::{Portions, Queue, Unit};
use crate::progress::Progress;
use crate::reading::Onlooker;
use crate::recover::{Outlines, Seekers, match_by_content};
use crate::sending::{Fingerprinter, given_under};
use crate::sides::{Sessions, Side, SideError};
use crate::stop::Stop;
use crate::work::Work;

/// Bytes of a mended message handed to the writer at once.
const CHUNK: u64 = 64 << 10;

/// The policy for messages that the target refuses for their content, and where originals are kept.
#[derive(Clone, Default)]
pub enum Refusals {
    /// Never altered: each is an exception.
    #[default]
    Exact,
    /// The smallest named change that the target takes; the original is kept in this mailbox.
    Repair(Arc<dyn Connector>),
    /// Kept in this mailbox.
    Park(Arc<dyn Connector>),
}

impl Refusals {
    /// Whether an exception of an earlier pass is to be tried again, since this policy can do more for its message.
    pub fn can_do_more(&self, exception: &Exception) -> bool {
        let is_left_behind = !exception.stands() && exception.original.is_none();
        !matches!(self, Self::Exact) && is_of_content(&exception.code) && is_left_behind
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact => f.write_str("Exact"),
            Self::Repair(originals) => f.debug_tuple("Repair").field(&originals.account()).finish(),
            Self::Park(originals) => f.debug_tuple("Park").field(&originals.account()).finish(),
        }
    }
}

/// Whether a code says that a target does not want a message as it is.
fn is_of_content(code: &str) -> bool {
    [ErrorKind::Malformed.code(), ErrorKind::TooBig.code(), Exception::REPAIRED].contains(&code)
}

/// Keeps originals of what was refused, and mends what can be mended.
///
/// # Errors
/// Those of the connections and the ledger, and that originals cannot be kept: then nothing is mended either.
pub async fn deal(
    refusals: &Refusals,
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    work: &mut Work,
) -> Result<(), Stop> {
    let (Refusals::Repair(originals) | Refusals::Park(originals)) = refusals else { return Ok(()) };
    let concerned = work.refused.iter().filter(|refused| is_of_content(&refused.reason.code));
    let ids: IdList = concerned.map(|refused| refused.id.clone()).collect();
    if ids.is_empty() {
        return Ok(());
    }
    let kept = keep(originals.as_ref(), sessions.source.as_mut(), &work.source, &ids).await?;
    for refused in &mut work.refused {
        refused.reason.original = kept.get(&refused.id).cloned().or(refused.reason.original.take());
    }
    if let Refusals::Repair(_) = refusals {
        let can_be_mended = |code: &str| code == ErrorKind::Malformed.code();
        for id in ids.iter().filter(|id| kept.contains_key(id)) {
            if work.refused.iter().any(|refused| refused.id == id && can_be_mended(&refused.reason.code)) {
                mend(sessions, ledger, work, &id).await?;
            }
        }
    }
    Ok(())
}

/// Keeps these messages in another mailbox, in a folder of the same path, each once however often this is called. Answers where
/// each is kept; those that are gone or cannot be read are left out.
///
/// # Errors
/// The source's, and that nothing can be kept there.
pub async fn keep(
    originals: &dyn Connector,
    source: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<HashMap<MessageId, String>, SideError> {
    let mut aside = originals.open_target().await.map_err(|error| unkept(originals, error))?;
    let done = keep_in(originals, aside.as_mut(), source, folder, ids).await;
    aside.close().await;
    done
}

async fn keep_in(
    originals: &dyn Connector,
    aside: &mut dyn Target,
    source: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<HashMap<MessageId, String>, SideError> {
    let failed = |error| unkept(originals, error);
    let of_side = |(side, error): SideError| match side {
        Side::Source => (side, error),
        Side::Target => unkept(originals, error),
    };
    let place = aside.create_folder(&folder.path, None).await.map_err(failed)?;
    let there = aside.arrivals(&place, None).await.map_err(failed)?;
    let mut kept: HashMap<MessageId, MessageId> = HashMap::new();
    if !there.is_empty() {
        let mut ours = Outlines::read(source, folder, ids).await.map_err(|error| (Side::Source, error))?;
        let kept_there: &mut dyn Mailbox = aside;
        let mut theirs = Outlines::read(kept_there, &place, &there).await.map_err(failed)?;
        let ours = Seekers { mailbox: source, folder, outlines: &mut ours };
        let found =
            match_by_content(ours, Seekers { mailbox: kept_there, folder: &place, outlines: &mut theirs }).await;
        let exact = found.map_err(of_side)?.found.into_iter().filter(|found| !found.differs);
        kept.extend(exact.map(|found| (found.entry.source, found.entry.target)));
    }
    let missing: IdList = ids.iter().filter(|id| !kept.contains_key(id)).collect();
    if !missing.is_empty() {
        let route = Route { source: folder.clone(), target: place.clone(), keeping: Keeping::default() };
        let unit = Unit { folder: 0, ids: missing, batching: Batching::Alone };
        let shared =
            Shared::new(vec![route], Queue::new(vec![unit], Portions::Large), Limits::default(), Progress::default());
        let (news, mut told) = mpsc::channel::<News>(64);
        let arrivals = async {
            let mut stored = Vec::new();
            while let Some((_, arrivals)) = told.recv().await {
                stored.extend(arrivals.into_iter().filter_map(|arrival| match arrival {
                    Arrival::Stored { entry, .. } => Some((entry.source, entry.target)),
                    _ => None,
                }));
            }
            stored
        };
        let (ended, stored) = tokio::join!(run_lane(source, aside, 0, &shared, news), arrivals);
        ended.map_err(of_side)?;
        kept.extend(stored);
    }
    let named = |(source, id): (MessageId, MessageId)| (source, format!("{} {} {id}", originals.account(), place.path));
    Ok(kept.into_iter().map(named).collect())
}

fn unkept(originals: &dyn Connector, error: ConnectorError) -> SideError {
    let what = format!("originals cannot be kept in {}", originals.account());
    let error = ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::LocalIo, what)
        .hint("make room there; or run with --policy exact, which keeps none")
        .because(error);
    (Side::Target, error)
}

/// Tries the smallest changes first, until the target takes the message or there is nothing left to try.
async fn mend(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work, id: &MessageId) -> Result<(), Stop> {
    let read = read_original(sessions.source.as_mut(), &work.source, id).await.map_err(Stop::source)?;
    let Some((head, mut original)) = read else { return Ok(()) };
    let needed = mended(&mut original, Mends::all(), |_| Ok(())).map_err(|error| Stop::source(spool_error(error)))?;
    for mends in needed.to_try() {
        let mut spool = SpooledTempFile::new(SPOOL_IN_MEMORY);
        let mut size = 0;
        let mut fingerprinter = Fingerprinter::of(head.internal_date);
        let copied = mended(&mut original, mends, |bytes| {
            if let Some(fingerprinter) = &mut fingerprinter {
                fingerprinter.update(bytes);
            }
            size += bytes.len() as u64;
            spool.write_all(bytes)
        });
        copied.map_err(|error| Stop::source(spool_error(error)))?;
        if let Some(fingerprinter) = fingerprinter {
            let note = Sending { id: id.clone(), ids: given_under(&work.source), print: fingerprinter.finish() };
            ledger.note_sending(&work.source.path, &[note]).await?;
        }
        let flags = work.keeping.wanted(&head.flags).0;
        let wanted = Head { flags, size: Some(size), ..head.clone() };
        match store(sessions.target.as_mut(), &work.target, wanted, spool).await.map_err(Stop::target)? {
            Some(Outcome::Stored(Some(target))) => {
                let entry = Entry { source: id.clone(), target, flags: head.flags.clone() };
                work.expected.stored(&entry.target, size, head.internal_date);
                work.done.copied.messages += 1;
                work.done.copied.bytes += size;
                work.repaired(id, mends);
                return settle(ledger, work, entry).await;
            }
            // Under an id that its content will tell, and what was changed too.
            Some(Outcome::Stored(None)) => {
                work.unnamed.push((id.clone(), head.flags));
                return Ok(());
            }
            Some(Outcome::Refused(error)) if error.scope() > Scope::Item || error.retry() != Retry::Never => {
                return Err(Stop::target(error));
            }
            Some(Outcome::Refused(_) | Outcome::RolledBack) | None => {}
        }
    }
    Ok(())
}

/// The entry and what was changed, in one: a message that stands there mended must never pass for an equal one.
async fn settle(ledger: &dyn Ledger, work: &mut Work, entry: Entry) -> Result<(), Stop> {
    let changed = work.refused.iter().filter(|refused| refused.id == entry.source);
    let exceptions = changed.map(|refused| refused.reason.exception(&work.source, &refused.id, None)).collect();
    let settlement = Settlement { entries: vec![entry.clone()], exceptions, ..Settlement::default() };
    ledger.settle(&work.source.path, &settlement).await?;
    work.ledger.insert(entry);
    Ok(())
}

/// One message, whole; `None` when it is gone or cannot be read.
async fn read_original(
    source: &mut dyn Mailbox,
    folder: &Folder,
    id: &MessageId,
) -> Result<Option<(Head, SpooledTempFile)>, ConnectorError> {
    let mut fetch = source.fetch(folder, &IdList::from_iter([id.clone()])).await?;
    let mut fetched = Vec::new();
    let mut spool = SpooledTempFile::new(SPOOL_IN_MEMORY);
    let (mut head, mut whole, mut more) = (None, false, true);
    while more {
        more = fetch.next(&mut fetched).await?;
        for one in fetched.drain(..) {
            match one {
                Fetched::Piece(Piece::Head(came)) => head = Some(came),
                Fetched::Piece(Piece::Body(bytes)) => spool.write_all(&bytes).map_err(spool_error)?,
                Fetched::Piece(Piece::End) => whole = true,
                Fetched::Gone(_) | Fetched::Unreadable(..) => {}
            }
        }
    }
    Ok(head.filter(|_| whole).map(|head| (head, spool)))
}

/// Reads a message from its beginning with these changes made; answers those that were needed.
fn mended(
    original: &mut SpooledTempFile,
    mends: Mends,
    mut each: impl FnMut(&[u8]) -> std::io::Result<()>,
) -> std::io::Result<Mends> {
    original.rewind()?;
    let mut mender = Mender::new(mends);
    let mut chunk = vec![0; CHUNK as usize];
    let mut out = Vec::new();
    loop {
        let read = original.read(&mut chunk)?;
        if read == 0 {
            break;
        }
        mender.feed(&chunk[..read], &mut out);
        each(&out)?;
        out.clear();
    }
    let changed = mender.finish(&mut out);
    each(&out)?;
    Ok(changed)
}

/// Writes one message on its own.
async fn store(
    target: &mut dyn Target,
    folder: &Folder,
    head: Head,
    mut spool: SpooledTempFile,
) -> Result<Option<Outcome>, ConnectorError> {
    spool.rewind().map_err(spool_error)?;
    let mut left = head.size.unwrap_or(0);
    let mut writer = target.writer(folder, Batching::Alone).await?;
    let mut pieces = vec![Piece::Head(head)];
    while left > 0 {
        let mut chunk = vec![0; left.min(CHUNK) as usize];
        spool.read_exact(&mut chunk).map_err(spool_error)?;
        left -= chunk.len() as u64;
        pieces.push(Piece::Body(chunk.into()));
        writer.write(&mut pieces).await?;
    }
    pieces.push(Piece::End);
    writer.write(&mut pieces).await?;
    let mut receipts = writer.receipts();
    receipts.extend(writer.finish().await?);
    Ok(receipts.pop().map(|receipt| receipt.outcome))
}
