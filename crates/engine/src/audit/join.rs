//! Both sides' listings of a folder, page by page, joined by the ledger.
//!
//! Only what waits for its other half is kept: where both sides number upwards that is a page or two, whatever the size
//! of the folder. Where ids have no order, or lanes brought messages in another one, it is up to the whole folder, at
//! some 200 bytes a message.

use std::collections::HashMap;

use limosa_model::mailbox::Detail;
use limosa_model::{Folder, FolderLedger, IdList, Item, MessageId};

use super::judge::{Kept, State, differences, sizes_differ};
use crate::inspect::Pages;
use crate::progress::Progress;
use crate::sides::{Side, SideError};

/// A connection to each side, both to be read only.
pub struct Readers {
    /// To the source.
    pub source: Box<dyn limosa_model::Mailbox>,
    /// To the target.
    pub target: Box<dyn limosa_model::Mailbox>,
}

impl Readers {
    /// Ends both connections politely.
    pub async fn close(self) {
        tokio::join!(self.source.close(), self.target.close());
    }
}

/// What the join of a folder told. Ids are of the source where nothing else is said.
#[derive(Debug, Default)]
pub struct Joined {
    /// Messages on the source.
    pub source_messages: u64,
    /// Messages on the target.
    pub target_messages: u64,
    /// Stand on both sides.
    pub matched: IdList,
    /// Of these, with other flags or another internal date.
    pub odd: Vec<MessageId>,
    /// Of these, with other sizes by the stores' word.
    pub resized: Vec<MessageId>,
    /// Known to the ledger, on the source and not on the target.
    pub lost: Vec<MessageId>,
    /// Known to the ledger, not on the source and still on the target.
    pub gone: Vec<MessageId>,
    /// On the source, unknown to the ledger.
    pub unknown: IdList,
    /// On the target, unknown to the ledger; by target id.
    pub unexplained: IdList,
}

/// Lists both sides; the target only where it has the folder.
///
/// # Errors
/// The connections', with their side.
pub async fn join(
    readers: &mut Readers,
    source: &Folder,
    target: Option<&Folder>,
    ledger: &FolderLedger,
    kept: &Kept,
    progress: Option<&Progress>,
) -> Result<Joined, SideError> {
    let mut join = Join { ledger, kept, waiting: HashMap::new(), stands: HashMap::new(), told: Joined::default() };
    let mut ours = Some(Pages::new(source, None, Detail::Metadata));
    let mut theirs = target.map(|folder| Pages::new(folder, None, Detail::Metadata));
    while ours.is_some() || theirs.is_some() {
        let of_source = async {
            match &mut ours {
                None => Ok(None),
                Some(pages) => pages.next(readers.source.as_mut()).await.map_err(|error| (Side::Source, error)),
            }
        };
        let of_target = async {
            match &mut theirs {
                None => Ok(None),
                Some(pages) => pages.next(readers.target.as_mut()).await.map_err(|error| (Side::Target, error)),
            }
        };
        let (our_page, their_page) = tokio::try_join!(of_source, of_target)?;
        match our_page {
            None => ours = None,
            Some(page) => {
                if let Some(progress) = progress {
                    progress.copied(page.present.len() as u64);
                }
                page.present.into_iter().for_each(|item| join.ours(item));
            }
        }
        match their_page {
            None => theirs = None,
            Some(page) => page.present.into_iter().for_each(|item| join.theirs(item)),
        }
    }
    Ok(join.end())
}

struct Join<'a> {
    ledger: &'a FolderLedger,
    kept: &'a Kept,
    /// Listed on the source, not on the target yet; by source id.
    waiting: HashMap<MessageId, State>,
    /// Listed on the target, not on the source yet; by target id.
    stands: HashMap<MessageId, State>,
    told: Joined,
}

impl Join<'_> {
    fn ours(&mut self, item: Item) {
        self.told.source_messages += 1;
        let Some((target, _)) = self.ledger.get(&item.id) else {
            self.told.unknown.push(item.id);
            return;
        };
        let here = State::from(&item);
        match self.stands.remove(&target) {
            Some(there) => self.pair(item.id, &here, &there),
            None => {
                self.waiting.insert(item.id, here);
            }
        }
    }

    fn theirs(&mut self, item: Item) {
        self.told.target_messages += 1;
        let Some(source) = self.ledger.source_of(&item.id) else {
            self.told.unexplained.push(item.id);
            return;
        };
        let there = State::from(&item);
        match self.waiting.remove(&source) {
            Some(here) => self.pair(source, &here, &there),
            None => {
                self.stands.insert(item.id, there);
            }
        }
    }

    fn pair(&mut self, source: MessageId, here: &State, there: &State) {
        let settled = self.ledger.get(&source).map(|(_, flags)| flags);
        if !differences(here, there, settled, self.kept).is_empty() {
            self.told.odd.push(source.clone());
        }
        if sizes_differ(here, there) {
            self.told.resized.push(source.clone());
        }
        self.told.matched.push(source);
    }

    fn end(mut self) -> Joined {
        self.told.lost = self.waiting.into_keys().collect();
        self.told.lost.sort();
        self.told.gone = self.stands.keys().filter_map(|target| self.ledger.source_of(target)).collect();
        self.told.gone.sort();
        self.told
    }
}
