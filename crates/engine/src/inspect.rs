//! What changed in each folder since it was settled, on both sides.

use std::collections::HashSet;

use limosa_model::ledger::FolderLedger;
use limosa_model::mailbox::{Basis, Cursor, Detail, Page};
use limosa_model::{ConnectorError, Folder, IdList, Mailbox, MessageId, Target, Watermark};

use crate::expected::{Difference, Expected};
use crate::keeping::Keeping;
use crate::plan::{SourceDelta, TargetDelta};

/// What a listing of the source told.
#[derive(Debug)]
pub struct SourceListing {
    /// What became of the folder.
    pub delta: SourceDelta,
    /// Messages left behind that are not there any more.
    pub ended: Vec<MessageId>,
    /// All ids that the ledger holds of the source are void.
    pub renumbered: bool,
    /// The listing named fewer messages than the folder was said to hold: nobody can tell what is gone.
    pub short: bool,
    /// Messages in the folder, where the listing named them all.
    pub messages: Option<u64>,
    /// Where the folder stood.
    pub watermark: Option<Watermark>,
}

/// What a listing of the target told.
#[derive(Debug, Default)]
pub struct TargetListing {
    /// What became of the folder.
    pub delta: TargetDelta,
    /// All ids that the ledger holds of the target are void.
    pub renumbered: bool,
    /// Where the folder stood; `None` where only ids were asked for.
    pub watermark: Option<Watermark>,
    /// Messages that differ from what was sent, by source and target id.
    pub altered: Vec<(MessageId, MessageId, Difference)>,
}

/// Lists the source since `since`, and holds it against the ledger and the messages left behind. If its ids are void,
/// everything there is new.
pub async fn inspect_source(
    source: &mut dyn Mailbox,
    folder: &Folder,
    since: Option<&Watermark>,
    ledger: &FolderLedger,
    left_behind: &HashSet<MessageId>,
) -> Result<SourceListing, ConnectorError> {
    let nothing = FolderLedger::new();
    let mut known = ledger;
    let mut seen = ledger.seen();
    let mut delta = SourceDelta::default();
    let mut ended: HashSet<&MessageId> = HashSet::new();
    let mut still_there: HashSet<MessageId> = HashSet::new();
    let (mut renumbered, mut full, mut messages, mut watermark) = (false, false, 0, None);
    let mut pages = Pages::new(folder, since, Detail::Flags);
    while let Some(page) = pages.next(source).await? {
        if page.basis == Basis::Renumbered && !renumbered {
            renumbered = true;
            known = &nothing;
            seen = nothing.seen();
        }
        full |= page.basis != Basis::Delta;
        messages += page.present.len() as u64;
        for item in page.present {
            match known.get(&item.id) {
                None => {
                    if left_behind.contains(&item.id) {
                        still_there.insert(item.id.clone());
                    }
                    delta.new.push(item.id);
                }
                Some((_, flags)) => {
                    seen.mark(known, &item.id);
                    if *flags != item.flags {
                        delta.flags.push((item.id, item.flags));
                    }
                }
            }
        }
        delta.gone.extend(known.known_sources(&page.vanished));
        ended.extend(left_behind.iter().filter(|id| page.vanished.contains(id)));
        watermark = page.watermark.or(watermark);
    }
    if full {
        delta.gone = known.missing(&seen);
        ended = left_behind.iter().filter(|id| renumbered || !still_there.contains(*id)).collect();
    }
    let ended = ended.into_iter().cloned().collect();
    let short = full && folder.state.as_ref().is_some_and(|state| messages < state.messages) && !delta.gone.is_empty();
    if short {
        delta.gone.clear();
    }
    Ok(SourceListing { delta, ended, renumbered, short, messages: full.then_some(messages), watermark })
}

/// Looks on the target for what the ledger does not explain.
///
/// Without `since` (no pass over the folder has ended), only ids are asked for: what an interrupted pass wrote and settled
/// costs nothing to tell from what it did not.
pub async fn inspect_target(
    target: &mut dyn Target,
    folder: &Folder,
    since: Option<&Watermark>,
    ledger: &FolderLedger,
    keeping: &Keeping,
) -> Result<TargetListing, ConnectorError> {
    let Some(since) = since else {
        let ids = target.arrivals(folder, None).await?;
        let delta = TargetDelta {
            unexplained: ledger.unknown_targets(&ids),
            lost: not_among(ledger, &ids),
            drifted: Vec::new(),
        };
        return Ok(TargetListing { delta, watermark: None, ..TargetListing::default() });
    };
    compare_target(target, folder, Some(since), ledger, keeping, &Expected::default()).await
}

/// Lists the target since `since` (all of it without), and holds it against the ledger and what was sent in this pass.
pub async fn compare_target(
    target: &mut dyn Target,
    folder: &Folder,
    since: Option<&Watermark>,
    ledger: &FolderLedger,
    keeping: &Keeping,
    expected: &Expected,
) -> Result<TargetListing, ConnectorError> {
    let mut altered = Vec::new();
    let detail = if expected.is_empty() { Detail::Flags } else { Detail::Metadata };
    let mut delta = TargetDelta::default();
    let mut seen = ledger.seen();
    let (mut full, mut watermark) = (false, None);
    let mut pages = Pages::new(folder, since, detail);
    while let Some(page) = pages.next(target).await? {
        if page.basis == Basis::Renumbered {
            return Ok(TargetListing { renumbered: true, ..TargetListing::default() });
        }
        full |= page.basis == Basis::Full;
        for item in page.present {
            let Some(source) = ledger.source_of(&item.id) else {
                delta.unexplained.push(item.id);
                continue;
            };
            seen.mark(ledger, &source);
            if let Some(difference) = expected.difference(&item) {
                altered.push((source.clone(), item.id.clone(), difference));
            }
            if ledger.get(&source).is_some_and(|(_, flags)| !keeping.is_right(flags, &item.flags)) {
                delta.drifted.push(source);
            }
        }
        for (first, last) in page.vanished.uid_ranges().iter().copied() {
            delta.lost.extend(targets_between(ledger, first, last));
        }
        delta.lost.extend(page.vanished.keys().iter().filter_map(|key| ledger.source_of(&MessageId::Key(key.clone()))));
        watermark = page.watermark.or(watermark);
    }
    if full {
        delta.lost = ledger.missing(&seen);
    }
    Ok(TargetListing { delta, renumbered: false, watermark, altered })
}

/// Source ids of entries whose target id is not among `ids`.
fn not_among(ledger: &FolderLedger, ids: &IdList) -> Vec<MessageId> {
    if ledger.is_empty() {
        return Vec::new();
    }
    let mut seen = ledger.seen();
    for id in ids.iter() {
        if let Some(source) = ledger.source_of(&id) {
            seen.mark(ledger, &source);
        }
    }
    ledger.missing(&seen)
}

/// Source ids of entries whose target UID lies between the two. Walks the narrower of range and ledger, since a server
/// may name any range as vanished.
fn targets_between(ledger: &FolderLedger, first: u32, last: u32) -> Vec<MessageId> {
    use MessageId::Uid;
    if u64::from(last - first) < ledger.len() {
        return (first..=last).filter_map(|uid| ledger.source_of(&Uid(uid))).collect();
    }
    ledger
        .iter()
        .filter(|entry| matches!(entry.target, Uid(uid) if (first..=last).contains(&uid)))
        .map(|entry| entry.source)
        .collect()
}

/// A listing, page by page.
pub struct Pages<'a> {
    folder: &'a Folder,
    since: Option<&'a Watermark>,
    detail: Detail,
    next: Option<Cursor>,
    over: bool,
}

impl<'a> Pages<'a> {
    /// A listing of `folder` since `since`.
    pub fn new(folder: &'a Folder, since: Option<&'a Watermark>, detail: Detail) -> Self {
        Self { folder, since, detail, next: None, over: false }
    }

    /// The next page; `None` after the last.
    pub async fn next<M: Mailbox + ?Sized>(&mut self, mailbox: &mut M) -> Result<Option<Page>, ConnectorError> {
        if self.over {
            return Ok(None);
        }
        let page = mailbox.changes(self.folder, self.since, self.detail, self.next.as_ref()).await?;
        self.next = page.next.clone();
        self.over = self.next.is_none();
        Ok(Some(page))
    }
}
