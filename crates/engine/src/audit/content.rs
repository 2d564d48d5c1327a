//! Messages read whole from both sides at once, and their digests compared. Nothing of a message is kept but its digest.

use std::collections::HashMap;

use limosa_model::error::Retry;
use limosa_model::mailbox::Fetched;
use limosa_model::{
    ConnectorError, Exception, Flags, Folder, FolderLedger, FolderPath, IdList, InternalDate, Mailbox, MessageId, Piece,
};

use super::join::Readers;
use super::report::Record;
use crate::progress::Progress;
use crate::report::Volume;
use crate::sides::{Side, SideError};

/// What a lane needs to know of a folder.
#[derive(Debug)]
pub struct Route {
    /// The source folder.
    pub source: Folder,
    /// The target folder.
    pub target: Folder,
    /// Which message is which.
    pub pairs: FolderLedger,
    /// What is known already of messages left behind or changed, by source id.
    pub exceptions: HashMap<MessageId, Exception>,
}

/// What became of one pair of messages, by source and target id.
#[derive(Debug)]
pub struct Compared {
    /// Id on the source.
    pub source: MessageId,
    /// Id on the target.
    pub target: MessageId,
    /// What was found.
    pub found: Found,
}

/// What reading both found.
#[derive(Debug)]
pub enum Found {
    /// Both were read. Digests and sizes may differ: the size on the target is told beside.
    Both(Box<Record>, u64),
    /// The source has it and the target has not.
    Missing,
    /// The target has it and the source has not.
    Deleted,
    /// Neither has it any more.
    Gone,
    /// It cannot be read; by whom, and why.
    Unreadable(String),
}

impl Found {
    /// Whether there is nothing to look at again.
    fn is_same(&self) -> bool {
        matches!(self, Self::Both(record, size) if record.digest == record.target_digest && record.size == *size)
    }
}

/// Compares these messages, by source id. What differs is read once more before it counts.
///
/// # Errors
/// The connections', with their side.
pub async fn compare(
    readers: &mut Readers,
    route: &Route,
    ids: &IdList,
    progress: &Progress,
) -> Result<(Vec<Compared>, Looked), SideError> {
    let pairs: Vec<(MessageId, MessageId)> =
        ids.iter().filter_map(|source| Some((source.clone(), route.pairs.get(&source)?.0))).collect();
    let mut compared = read_both(readers, route, pairs, progress).await?;
    let looked = |compared: &[Compared]| {
        let sizes = compared
            .iter()
            .filter_map(|one| if let Found::Both(record, _) = &one.found { Some(record.size) } else { None });
        sizes.fold(Volume::default(), |sum, size| Volume { messages: sum.messages + 1, bytes: sum.bytes + size })
    };
    let doubtful: Vec<usize> = (0..compared.len()).filter(|at| !compared[*at].found.is_same()).collect();
    if !doubtful.is_empty() {
        let pairs = doubtful.iter().map(|at| (compared[*at].source.clone(), compared[*at].target.clone())).collect();
        let again = read_both(readers, route, pairs, progress).await?;
        for (at, again) in doubtful.iter().zip(again) {
            compared[*at] = again;
        }
    }
    let looked = Looked { read: looked(&compared), again: doubtful.len() as u64 };
    Ok((compared, looked))
}

/// How much was read.
#[derive(Clone, Copy, Debug, Default)]
pub struct Looked {
    /// Messages read whole from both sides.
    pub read: Volume,
    /// Of all, looked at twice.
    pub again: u64,
}

/// Both sides at once; answers in the order of `pairs`.
async fn read_both(
    readers: &mut Readers,
    route: &Route,
    pairs: Vec<(MessageId, MessageId)>,
    progress: &Progress,
) -> Result<Vec<Compared>, SideError> {
    let ours: IdList = pairs.iter().map(|(source, _)| source.clone()).collect();
    let theirs: IdList = pairs.iter().map(|(_, target)| target.clone()).collect();
    let of_source = async {
        read(readers.source.as_mut(), &route.source, &ours, Some(progress)).await.map_err(|error| (Side::Source, error))
    };
    let of_target = async {
        read(readers.target.as_mut(), &route.target, &theirs, None).await.map_err(|error| (Side::Target, error))
    };
    let (ours, theirs) = tokio::try_join!(of_source, of_target)?;
    let compared = pairs.into_iter().map(|(source, target)| {
        let found = judge(&route.source.path, (&source, ours.get(&source)), (&target, theirs.get(&target)));
        Compared { source, target, found }
    });
    Ok(compared.collect())
}

fn judge(
    folder: &FolderPath,
    (source, ours): (&MessageId, Option<&Reading>),
    (target, theirs): (&MessageId, Option<&Reading>),
) -> Found {
    match (ours, theirs) {
        (None, None) => Found::Gone,
        (Some(_), None) => Found::Missing,
        (None, Some(_)) => Found::Deleted,
        (Some(Reading::Unreadable(why)), _) => Found::Unreadable(format!("it cannot be read from the source: {why}")),
        (_, Some(Reading::Unreadable(why))) => Found::Unreadable(format!("it cannot be read from the target: {why}")),
        (Some(Reading::Whole(ours)), Some(Reading::Whole(theirs))) => {
            let record = Record {
                folder: folder.clone(),
                source: source.clone(),
                target: target.clone(),
                internal_date: ours.internal_date,
                size: ours.size,
                digest: ours.digest,
                target_digest: theirs.digest,
                flags: ours.flags.clone(),
            };
            Found::Both(Box::new(record), theirs.size)
        }
    }
}

/// What was read of one message.
enum Reading {
    Whole(Whole),
    Unreadable(String),
}

struct Whole {
    digest: [u8; 32],
    size: u64,
    flags: Flags,
    internal_date: Option<InternalDate>,
}

/// Reads these messages; those that are gone are left out.
async fn read(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
    progress: Option<&Progress>,
) -> Result<HashMap<MessageId, Reading>, ConnectorError> {
    let mut readings = HashMap::new();
    let mut fetch = mailbox.fetch(folder, ids).await?;
    let mut fetched = Vec::new();
    let mut current = None;
    let mut more = true;
    while more {
        more = fetch.next(&mut fetched).await?;
        for one in fetched.drain(..) {
            match one {
                Fetched::Piece(Piece::Head(head)) => current = Some((head, blake3::Hasher::new())),
                Fetched::Piece(Piece::Body(bytes)) => {
                    if let Some((_, hasher)) = &mut current {
                        hasher.update(&bytes);
                    }
                    if let Some(progress) = progress {
                        progress.sent(bytes.len() as u64);
                    }
                }
                Fetched::Piece(Piece::End) => {
                    if let Some((head, hasher)) = current.take() {
                        let whole = Whole {
                            digest: *hasher.finalize().as_bytes(),
                            size: hasher.count(),
                            flags: head.flags,
                            internal_date: head.internal_date,
                        };
                        readings.insert(head.id, Reading::Whole(whole));
                    }
                }
                Fetched::Gone(_) => current = None,
                Fetched::Unreadable(_, error) if error.retry() != Retry::Never => return Err(error),
                Fetched::Unreadable(id, error) => {
                    current = None;
                    readings.insert(id, Reading::Unreadable(error.to_string()));
                }
            }
        }
    }
    Ok(readings)
}
