//! Reading messages whole, to make something of each: a digest, a fingerprint.

use std::collections::{HashMap, HashSet};

use limosa_model::mailbox::Fetched;
use limosa_model::{ConnectorError, Folder, Head, IdList, Mailbox, MessageId, Piece};

/// Looks at a message's bytes as they pass.
pub trait Onlooker: Send {
    /// What it makes of them.
    type Made: Send;

    /// Some more of them.
    fn update(&mut self, bytes: &[u8]);

    /// That was all.
    fn finish(self) -> Self::Made;
}

/// What came of reading messages. Those that are gone are in neither.
#[derive(Debug)]
pub struct Read<T> {
    /// What was made of each.
    pub made: HashMap<MessageId, T>,
    /// Those that are there and cannot be read.
    pub unreadable: HashSet<MessageId>,
}

/// Reads these messages whole. `begin` gives each its onlooker, unless it is to be left out.
///
/// # Errors
/// The connection's.
pub async fn read_whole<O: Onlooker>(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
    begin: impl Fn(&Head) -> Option<O> + Send,
) -> Result<Read<O::Made>, ConnectorError> {
    let mut read = Read { made: HashMap::new(), unreadable: HashSet::new() };
    if ids.is_empty() {
        return Ok(read);
    }
    let mut fetch = mailbox.fetch(folder, ids).await?;
    let mut fetched = Vec::new();
    let mut current: Option<(MessageId, O)> = None;
    let mut more = true;
    while more {
        more = fetch.next(&mut fetched).await?;
        for one in fetched.drain(..) {
            match one {
                Fetched::Piece(Piece::Head(head)) => current = begin(&head).map(|onlooker| (head.id, onlooker)),
                Fetched::Piece(Piece::Body(bytes)) => {
                    if let Some((_, onlooker)) = &mut current {
                        onlooker.update(&bytes);
                    }
                }
                Fetched::Piece(Piece::End) => {
                    read.made.extend(current.take().map(|(id, onlooker)| (id, onlooker.finish())));
                }
                Fetched::Gone(_) => current = None,
                Fetched::Unreadable(id, _) => {
                    current = None;
                    read.unreadable.insert(id);
                }
            }
        }
    }
    Ok(read)
}
