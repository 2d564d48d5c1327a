//! Messages under way: what each is, noted before it is written, and whose a copy is that no message of the source explains.
//!
//! What a run has written and not settled is found again by content ([`recover`](crate::recover)), as long as the source has it. If its
//! owner removes, moves or edits it before the next run, nothing but the note tells its copy from mail of the target's own. A copy is taken
//! for ours only if a note says exactly what it is: one that the target has altered on arrival stays.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use limosa_model::error::{ErrorKind, Retry, Scope};
use limosa_model::ledger::{Extent, Fingerprint, Sending};
use limosa_model::{ConnectorError, Folder, IdList, InternalDate, LedgerError, Mailbox, MessageId, Piece};

use crate::reading::{Onlooker, read_whole};
use crate::recover::Outlines;
use crate::work::Work;

/// Takes the fingerprint of a message as it passes.
#[derive(Debug)]
pub struct Printing {
    seconds: i64,
    size: u64,
    digest: blake3::Hasher,
}

impl Printing {
    /// One that was received then. A message without an internal date gets one of the target's own, so that nothing could be told by a
    /// print: it has none.
    pub fn of(received: Option<InternalDate>) -> Option<Self> {
        received.map(|received| Self { seconds: received.seconds, size: 0, digest: blake3::Hasher::new() })
    }
}

impl Onlooker for Printing {
    type Made = Fingerprint;

    fn update(&mut self, bytes: &[u8]) {
        self.size += bytes.len() as u64;
        self.digest.update(bytes);
    }

    fn finish(self) -> Fingerprint {
        let mut digest = [0; 8];
        self.digest.finalize_xof().fill(&mut digest);
        Fingerprint { size: self.size, seconds: self.seconds, of: Extent::Whole, digest }
    }
}

/// Looks at messages of one folder as they pass.
#[derive(Debug)]
pub struct Passing {
    ids: Arc<str>,
    current: Option<(MessageId, Printing)>,
}

impl Passing {
    /// Nothing has passed yet.
    pub fn new(folder: &Folder) -> Self {
        Self { ids: given_under(folder), current: None }
    }

    /// The messages that end with these pieces: none is stored before its end was given.
    pub fn ending(&mut self, pieces: &[Piece]) -> Vec<Sending> {
        pieces.iter().filter_map(|piece| self.look_at(piece)).collect()
    }

    fn look_at(&mut self, piece: &Piece) -> Option<Sending> {
        match piece {
            Piece::Head(head) => {
                self.current = Printing::of(head.internal_date).map(|printing| (head.id.clone(), printing));
                None
            }
            Piece::Body(bytes) => {
                let (_, printing) = self.current.as_mut()?;
                printing.update(bytes);
                None
            }
            Piece::End => {
                let (id, printing) = self.current.take()?;
                Some(Sending { id, ids: self.ids.clone(), print: printing.finish() })
            }
        }
    }
}

/// Under what a folder gives its ids.
pub fn given_under(folder: &Folder) -> Arc<str> {
    folder.state.as_ref().map(|state| state.ids.as_str()).unwrap_or_default().into()
}

/// A note could not be written: nothing is sent that nobody would know.
pub fn noting_error(error: LedgerError) -> ConnectorError {
    let what = "it could not be noted which messages are under way";
    ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::LocalIo, what).hint(error.hint()).because(error)
}

/// Adds to the strays of a folder what earlier runs have written of messages that its source has no more. `left` are notes of such
/// messages: each explains one copy at most.
///
/// # Errors
/// The target's.
pub async fn claim(
    target: &mut dyn Mailbox,
    work: &mut Work,
    left: &[Sending],
    unexplained: &IdList,
) -> Result<(), ConnectorError> {
    let is_free = |id: &MessageId| work.ledger.source_of(id).is_none() && !work.strays.contains(id);
    let free: IdList = unexplained.iter().filter(is_free).collect();
    if left.is_empty() || free.is_empty() {
        return Ok(());
    }
    let mut wanted: HashMap<Fingerprint, u64> = HashMap::new();
    for note in left {
        *wanted.entry(note.print).or_default() += 1;
    }
    let mut is_ours = |print: Option<Fingerprint>| {
        let notes = print.and_then(|print| wanted.get_mut(&print)).filter(|notes| **notes > 0);
        notes.map(|notes| *notes -= 1).is_some()
    };
    let dates: HashSet<i64> = left.iter().map(|note| note.print.seconds).collect();
    let outlines = Outlines::read(target, &work.target, &free).await?;
    let mut to_read = IdList::new();
    for (id, received, print) in outlines.prints() {
        if is_ours(print) {
            work.strays.push(id.clone());
        } else if dates.contains(&received.seconds) {
            to_read.push(id.clone());
        }
    }
    let read = read_whole(target, &work.target, &to_read, |head| Printing::of(head.internal_date)).await?;
    let is_copy = |id: &MessageId| is_ours(read.made.get(id).copied());
    work.strays.extend(to_read.iter().filter(is_copy));
    Ok(())
}
