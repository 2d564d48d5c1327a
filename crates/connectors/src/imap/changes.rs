//! What stands in a folder, what changed in it, what arrived: page by page.

use std::collections::{HashSet, VecDeque};

use limosa_imap::command::{Command, FetchItems, SearchKey};
use limosa_imap::response::{Code, Fetch, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::mailbox::{Basis, Cursor, Detail, Page};
use limosa_model::{ConnectorError, ErrorKind, Folder, IdList, InternalDate, Item, MessageId, Retry, Scope, Watermark};

use super::flags::FlagCache;
use super::mailbox::ImapMailbox;
use super::position::Position;

type Result<T> = std::result::Result<T, ConnectorError>;

/// Messages of one page.
const PAGE: u32 = 10_000;

/// A server tells all changes at once. More than this are not kept, and the folder is listed instead.
const CHANGES_KEPT: usize = 200_000;

/// UIDs that one answer to SEARCH may name: it is one line, and lines have a limit.
const SEARCHED: u32 = 500_000;

/// SEARCH commands sent at once.
const SEARCHES: usize = 64;

/// A listing under way.
pub(crate) struct Listing {
    folder: String,
    basis: Basis,
    position: Position,
    rest: Rest,
    vanished: IdList,
    /// Names the next page.
    cursor: u64,
    count: Count,
}

/// What shows whether a listing of all messages was full.
#[derive(Clone, Copy)]
struct Count {
    /// Messages told so far.
    told: u64,
    /// [`ImapMailbox::expunged_at_opening`] of the folder.
    expunged: u64,
    /// [`ImapMailbox::openings`] then: what went while another folder was open was not announced.
    openings: u64,
}

enum Rest {
    /// All messages, by ranges of UIDs that hold at most a page each.
    Ranges(VecDeque<(u32, u32)>),
    /// Changes that the server has told already.
    Items(VecDeque<Item>),
}

/// What SELECT with QRESYNC, or FETCH with CHANGEDSINCE, says.
struct Changes {
    flags: FlagCache,
    items: Vec<Item>,
    vanished: UidSet,
    too_many: bool,
}

impl Changes {
    fn new(flags: FlagCache) -> Self {
        Self { flags, items: Vec::new(), vanished: UidSet::new(), too_many: false }
    }

    fn take(&mut self, data: Untagged) {
        match data {
            // Until here it was about another folder.
            Untagged::Condition { code: Some(Code::Closed), .. } => {
                self.items.clear();
                self.vanished = UidSet::new();
                self.too_many = false;
            }
            Untagged::Fetch(fetch) => {
                if self.items.len() >= CHANGES_KEPT {
                    self.too_many = true;
                } else if let Some(item) = item(&fetch, &mut self.flags) {
                    self.items.push(item);
                }
            }
            Untagged::Vanished { earlier: true, uids } => {
                for (first, last) in uids.ranges() {
                    self.vanished.push_range(*first, *last);
                }
            }
            _ => {}
        }
    }

    /// Whether these can be all changes, by the number of messages then and now.
    fn add_up(&self, then: &Position, now: &Position) -> bool {
        let new = self.items.iter().filter(|item| uid(item) >= then.next).count() as u64;
        let gone: u64 = self.vanished.ranges().iter().map(|range| below(*range, then.next)).sum();
        let most = then.messages + new;
        // A server may name UIDs as vanished that never were: only the upper bound of their number is known.
        (most.saturating_sub(gone)..=most).contains(&now.messages)
    }
}

/// How many UIDs of a range are below `limit`.
fn below((first, last): (u32, u32), limit: u32) -> u64 {
    if first >= limit { 0 } else { u64::from(last.min(limit - 1) - first) + 1 }
}

fn uid(item: &Item) -> u32 {
    match item.id {
        MessageId::Uid(uid) => uid,
        MessageId::Key(_) => 0,
    }
}

/// A message in a listing; `None` for news of a message without its UID or flags.
fn item(fetch: &Fetch, flags: &mut FlagCache) -> Option<Item> {
    let unreadable = || fetch.bad_items.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"FLAGS"));
    let flags = match &fetch.flags {
        Some(set) => flags.flags(set),
        None if unreadable() => Default::default(),
        None => return None,
    };
    Some(Item {
        id: MessageId::Uid(fetch.uid?),
        flags,
        size: fetch.size,
        internal_date: fetch.internal_date.map(model_date),
    })
}

/// The model's internal date.
pub(crate) fn model_date(date: limosa_imap::InternalDate) -> InternalDate {
    InternalDate { seconds: date.seconds, offset_minutes: date.offset_minutes }
}

/// Ascending, each UID once and as it was told last, none that came after the listing began.
fn in_order(mut items: Vec<Item>, next: u32) -> Vec<Item> {
    items.retain(|item| uid(item) < next);
    items.reverse();
    items.sort_by_key(uid);
    items.dedup_by_key(|item| uid(item));
    items
}

/// The UIDs of a list, ascending.
pub(crate) fn uid_set(ids: &IdList) -> UidSet {
    let mut set = UidSet::new();
    for (first, last) in ids.uid_ranges() {
        set.push_range(*first, *last);
    }
    set.normalized()
}

/// The ids of a set, without those from `next` on, which nobody can have.
fn id_list(set: &UidSet, next: u32) -> IdList {
    let mut ids = IdList::new();
    for (first, last) in set.normalized().ranges() {
        ids.push_uids(*first, (*last).min(next.saturating_sub(1)));
    }
    ids
}

impl ListedItems for Detail {
    fn items(self) -> FetchItems<'static> {
        let metadata = self == Detail::Metadata;
        FetchItems { flags: true, internal_date: metadata, size: metadata, ..FetchItems::default() }
    }
}

/// What is to be fetched for a listing.
trait ListedItems {
    fn items(self) -> FetchItems<'static>;
}

impl ImapMailbox {
    /// The first page of what changed since a watermark, or of all there is.
    pub(crate) async fn first_page(
        &mut self,
        folder: &Folder,
        since: Option<&Watermark>,
        detail: Detail,
    ) -> Result<Page> {
        self.listing = None;
        let then = since.and_then(Position::parse);
        let asked = then.filter(|then| then.validity != 0).and_then(|then| Some((then.validity, then.modseq?)));
        let mut changes = Changes::new(std::mem::take(&mut self.flags));
        let selected = self.select(folder, asked, |data| changes.take(data)).await;
        let now = selected.as_ref().map(|selected| selected.position);
        self.flags = std::mem::take(&mut changes.flags);
        let now = match now {
            Ok(now) => now,
            Err(_) => {
                return Err(selected.err().unwrap_or_else(|| self.connection.place.protocol("no folder is open")));
            }
        };
        let uids_last = selected.is_ok_and(|selected| selected.uids_last);
        let count = Count { told: 0, expunged: self.expunged_at_opening, openings: self.openings };
        let basis = match then {
            Some(then) if !uids_last || !now.keeps_ids_of(&then) => Basis::Renumbered,
            Some(then) => match self.delta(folder, &then, &now, changes).await? {
                Some(changes) => {
                    self.listing = Some(Listing {
                        folder: folder.name.clone(),
                        basis: Basis::Delta,
                        position: now,
                        vanished: id_list(&changes.vanished, now.next),
                        rest: Rest::Items(in_order(changes.items, now.next).into()),
                        cursor: 0,
                        count,
                    });
                    return self.page(folder, detail).await;
                }
                None => Basis::Full,
            },
            None => Basis::Full,
        };
        let ranges = self.ranges(folder, &now).await?;
        self.listing = Some(Listing {
            folder: folder.name.clone(),
            basis,
            position: now,
            rest: Rest::Ranges(ranges),
            vanished: IdList::new(),
            cursor: 0,
            count,
        });
        self.page(folder, detail).await
    }

    /// The page that a cursor names.
    pub(crate) async fn next_page(&mut self, folder: &Folder, detail: Detail, cursor: &Cursor) -> Result<Page> {
        let named = |listing: &Listing| listing.folder == folder.name && listing.cursor.to_string() == cursor.0;
        if !self.listing.as_ref().is_some_and(named) {
            let text = format!("the listing of folder \"{}\" was interrupted by another one", folder.name);
            return Err(ConnectorError::new(Scope::Folder, Retry::Now, ErrorKind::Usage, text));
        }
        self.page(folder, detail).await
    }

    /// All changes since `then`; `None` if the server cannot tell them, or there are too many.
    async fn delta(
        &mut self,
        folder: &Folder,
        then: &Position,
        now: &Position,
        told: Changes,
    ) -> Result<Option<Changes>> {
        let (Some(before), Some(highest)) = (then.modseq, now.modseq) else {
            return Ok(None);
        };
        if highest < before {
            return Ok(None);
        }
        let changes = if self.can_qresync() {
            told
        } else {
            // Who is gone cannot be told without QRESYNC; but whether anybody is gone can.
            let mut changes = Changes::new(std::mem::take(&mut self.flags));
            let all = UidSet::starting_at(1);
            let items = Detail::Flags.items();
            let command = Command::UidFetch { uids: &all, items, changed_since: Some(before), vanished: false };
            let done = self.connection.run(&command, |data| changes.take(data)).await;
            self.flags = std::mem::take(&mut changes.flags);
            if !done?.is_ok() {
                return Ok(None);
            }
            changes.items.retain(|item| uid(item) < now.next);
            changes
        };
        let complete = !changes.too_many && changes.add_up(then, now);
        if !changes.too_many && !complete {
            tracing::debug!(folder = folder.name, %then, %now, "the changes told do not add up: the folder is listed");
        }
        Ok(complete.then_some(changes))
    }

    /// Ranges of UIDs that together hold all messages of the open folder, a page at most each.
    async fn ranges(&mut self, folder: &Folder, now: &Position) -> Result<VecDeque<(u32, u32)>> {
        if now.messages == 0 {
            return Ok(VecDeque::new());
        }
        if now.messages <= u64::from(PAGE) {
            return Ok([(1, now.next - 1)].into());
        }
        let mut ranges = VecDeque::new();
        for chunk in self.search(folder, 1, now).await?.chunks(PAGE) {
            let uids = chunk.uid_ranges();
            if let (Some((first, _)), Some((_, last))) = (uids.first(), uids.last()) {
                ranges.push_back((*first, *last));
            }
        }
        Ok(ranges)
    }

    async fn page(&mut self, folder: &Folder, detail: Detail) -> Result<Page> {
        let Some(mut listing) = self.listing.take() else {
            return Err(self.connection.place.protocol("a page of no listing was asked for"));
        };
        let look_again = (listing.cursor > 0, listing.position.validity);
        let mut present = Vec::new();
        match &mut listing.rest {
            Rest::Ranges(ranges) => {
                if let Some((first, last)) = ranges.pop_front() {
                    let range = [UidSet::range(first, last)];
                    let items = self.list_messages(folder, &range, detail, look_again).await?;
                    present = in_order(items, listing.position.next);
                    present.retain(|item| (first..=last).contains(&uid(item)));
                    listing.count.told += present.len() as u64;
                }
            }
            Rest::Items(items) => {
                let count = items.len().min(PAGE as usize);
                present.extend(items.drain(..count));
                if detail == Detail::Metadata && !present.is_empty() {
                    let uids: UidSet = present.iter().map(uid).collect();
                    let sets = uids.split_for_line(MAX_SET_BYTES);
                    let items = self.list_messages(folder, &sets, detail, look_again).await?;
                    // Who is gone since the changes were told is in the next ones.
                    present = in_order(items, listing.position.next);
                    let known: HashSet<u32> = uids.iter().collect();
                    present.retain(|item| known.contains(&uid(item)));
                }
            }
        }
        let over = match &listing.rest {
            Rest::Ranges(ranges) => {
                if ranges.is_empty() && listing.count.openings == self.openings {
                    self.is_full(folder, listing.count, &listing.position)?;
                }
                ranges.is_empty()
            }
            Rest::Items(items) => items.is_empty(),
        };
        listing.cursor += 1;
        let page = Page {
            basis: listing.basis,
            present,
            vanished: std::mem::take(&mut listing.vanished),
            next: (!over).then(|| Cursor(listing.cursor.to_string())),
            watermark: over.then(|| listing.position.watermark()),
        };
        self.listing = (!over).then_some(listing);
        Ok(page)
    }

    /// That all messages were told, but those that went meanwhile: what a server leaves out would be taken for removed.
    fn is_full(&self, folder: &Folder, count: Count, then: &Position) -> Result<()> {
        let gone = self.connection.expunged.saturating_sub(count.expunged);
        if count.told.saturating_add(gone) >= then.messages {
            return Ok(());
        }
        let (server, name) = (self.connection.place.server(), &folder.name);
        let text = format!(
            "{server} says that folder \"{name}\" holds {} messages, and tells of {} only",
            then.messages, count.told
        );
        Err(ConnectorError::new(Scope::Folder, Retry::Now, ErrorKind::ServerFault, text)
            .hint("the folder's index on the server may be damaged"))
    }

    /// Lists messages of these sets; a folder that the same call has just opened need not be looked at again.
    async fn list_messages(
        &mut self,
        folder: &Folder,
        sets: &[UidSet],
        detail: Detail,
        (look_again, validity): (bool, u32),
    ) -> Result<Vec<Item>> {
        if look_again {
            let selected = self.ensure_selected(folder, &UidSet::new()).await?;
            if selected.position.validity != validity {
                return Err(self.made_anew(folder));
            }
        }
        let mut items = Vec::new();
        let wanted = detail.items();
        let ask = |uids| {
            let command = Command::UidFetch { uids, items: wanted, changed_since: None, vanished: false };
            self.connection.send(&command)
        };
        let tags: Vec<_> = sets.iter().map(ask).collect();
        let flags = &mut self.flags;
        let mut seen = |data: Untagged| {
            if let Untagged::Fetch(fetch) = data {
                items.extend(item(&fetch, flags));
            }
        };
        let done = self.connection.finish(&tags, &mut seen).await?;
        // A message left out here would be taken for one that is gone.
        match done.iter().find(|done| !done.is_ok()) {
            Some(done) => Err(self.connection.place.refused("list", Some(&folder.name), &done.refusal())),
            None => Ok(items),
        }
    }

    /// UIDs of all messages from `first` on in the open folder, in ascending order.
    async fn search(&mut self, folder: &Folder, first: u32, now: &Position) -> Result<IdList> {
        let mut found = UidSet::new();
        if now.messages == 0 || first >= now.next {
            return Ok(IdList::new());
        }
        let return_all = self.can_use(b"ESEARCH");
        let width = if now.messages <= u64::from(SEARCHED) { u32::MAX } else { SEARCHED };
        let mut unreadable = false;
        let mut start = first;
        while start < now.next {
            let mut tags = Vec::new();
            while start < now.next && tags.len() < SEARCHES {
                let end = start.saturating_add(width - 1).min(now.next - 1);
                let uids = UidSet::range(start, end);
                let command = Command::UidSearch { return_all, criteria: &[SearchKey::Uid(&uids)] };
                tags.push(self.connection.send(&command));
                start = end + 1;
            }
            let done = self
                .connection
                .finish(&tags, |data| match data {
                    Untagged::Esearch(answer) => {
                        unreadable |= answer.unknown.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"ALL"));
                        for (first, last) in answer.all.iter().flat_map(|all| all.ranges()) {
                            found.push_range(*first, *last);
                        }
                    }
                    Untagged::Search { ids, .. } => ids.iter().for_each(|uid| found.push(*uid)),
                    _ => {}
                })
                .await?;
            if let Some(done) = done.iter().find(|done| !done.is_ok()) {
                return Err(self.connection.place.refused("search", Some(&folder.name), &done.refusal()));
            }
        }
        if unreadable {
            return Err(self.connection.place.protocol("what it found cannot be read"));
        }
        let mut ids = IdList::new();
        for (low, high) in found.normalized().ranges() {
            ids.push_uids((*low).max(first), (*high).min(now.next - 1));
        }
        if first == 1 {
            let expunged = self.expunged_at_opening;
            let count = Count { told: ids.len(), expunged, openings: self.openings };
            self.is_full(folder, count, now)?;
        }
        Ok(ids)
    }

    /// UIDs that came after a watermark; all of them if its ids mean nothing any more.
    pub(crate) async fn read_arrivals(&mut self, folder: &Folder, since: Option<&Watermark>) -> Result<IdList> {
        let selected = self.select(folder, None, drop).await?;
        self.has_same_ids(folder, &selected)?;
        let now = selected.position;
        let then = since.and_then(Position::parse).filter(|then| selected.uids_last && now.keeps_ids_of(then));
        self.search(folder, then.map_or(1, |then| then.next), &now).await
    }

    /// Bytes of all messages in a folder, by the server's word.
    pub(crate) async fn sum_of_sizes(&mut self, folder: &Folder) -> Result<u64> {
        self.select(folder, None, drop).await?;
        let all = UidSet::starting_at(1);
        let items = FetchItems { size: true, ..FetchItems::default() };
        let mut sum: u64 = 0;
        let command = Command::UidFetch { uids: &all, items, changed_since: None, vanished: false };
        let done = self
            .connection
            .run(&command, |data| {
                if let Untagged::Fetch(fetch) = data {
                    sum = sum.saturating_add(fetch.size.unwrap_or(0));
                }
            })
            .await?;
        if done.is_ok() {
            Ok(sum)
        } else {
            Err(self.connection.place.refused("list", Some(&folder.name), &done.refusal()))
        }
    }
}
