//! One folder's entries in memory.

use std::collections::{BTreeMap, BTreeSet};

use super::Settlement;
use super::flag_pages::FlagPages;
use super::runs::{Run, Runs};
use super::seen::Seen;
use crate::flags::Flags;
use crate::message::{IdList, MessageId};

/// One message that stands on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its id on the source.
    pub source: MessageId,
    /// Its id on the target.
    pub target: MessageId,
    /// Its flags on the source when they were last settled.
    pub flags: Flags,
}

/// One folder's entries, as runs: where both sides number upwards, a run of any length costs some 50 bytes.
///
/// Three parts, so that what is regular on its own stays cheap on its own: runs of UIDs that go on together on both sides,
/// found from either side; flags, in pages of 256 source UIDs that name only those that differ from their neighbours; and
/// the other entries one by one. These are those with an id that is not a UID, and those whose target UID is another
/// entry's too: a store that keeps equal messages once may answer the same id for two. A source id is in one part only.
///
/// Everything costs the logarithm of the number of runs, or is proportional to what it answers. Half a million messages with scattered
/// flags and a hole in every 30 UIDs take some 2 bytes each; with target UIDs in no order, some 50.
#[derive(Clone, Debug, Default)]
pub struct FolderLedger {
    runs: Runs,
    flags: FlagPages,
    others: BTreeMap<MessageId, (MessageId, Flags)>,
    /// Target and source ids of the others.
    others_by_target: BTreeSet<(MessageId, MessageId)>,
}

impl FolderLedger {
    /// No entries.
    pub fn new() -> Self {
        Self::default()
    }

    /// Number of entries.
    pub fn len(&self) -> u64 {
        self.runs.messages() + self.others.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The entry of that source id: its target id and flags.
    pub fn get(&self, source: &MessageId) -> Option<(MessageId, &Flags)> {
        if let MessageId::Uid(uid) = *source
            && let Some(target) = self.runs.target_of(uid)
        {
            return Some((MessageId::Uid(target), self.flags.get(uid)?));
        }
        self.others.get(source).map(|(target, flags)| (target.clone(), flags))
    }

    /// The source id whose message stands under that target id; the lowest, should several.
    pub fn source_of(&self, target: &MessageId) -> Option<MessageId> {
        let in_runs = match *target {
            MessageId::Uid(uid) => self.runs.source_of(uid).map(MessageId::Uid),
            MessageId::Key(_) => None,
        };
        let lowest = (target.clone(), MessageId::Uid(0));
        let other = self.others_by_target.range(lowest..).next().filter(|(found, _)| found == target);
        in_runs.into_iter().chain(other.map(|(_, source)| source.clone())).min()
    }

    /// Adds an entry; replaces the one of the same source id.
    pub fn insert(&mut self, entry: Entry) {
        self.remove(&entry.source);
        if let (&MessageId::Uid(source), &MessageId::Uid(target)) = (&entry.source, &entry.target)
            && self.runs.source_of(target).is_none()
            && self.flags.insert(source, source, &entry.flags)
        {
            self.runs.insert(Run { source, target, len: 1 });
            return;
        }
        self.insert_other(entry);
    }

    /// Adds `len` entries whose UIDs go on together, all with these flags. As [`FolderLedger::insert`] of each.
    pub(super) fn insert_run(&mut self, run: Run, flags: &Flags) {
        let free = self.runs.within_sources(run.source, run.last_source()).next().is_none()
            && self.runs.within_targets(run.target, run.last_target()).next().is_none()
            && self.others.range(MessageId::Uid(run.source)..=MessageId::Uid(run.last_source())).next().is_none();
        if free && self.flags.insert(run.source, run.last_source(), flags) {
            self.runs.insert(run);
            return;
        }
        for step in 0..run.len {
            let (source, target) = (MessageId::Uid(run.source + step), MessageId::Uid(run.target + step));
            self.insert(Entry { source, target, flags: flags.clone() });
        }
    }

    /// Ends the entry of that source id, and answers it.
    pub fn remove(&mut self, source: &MessageId) -> Option<Entry> {
        if let MessageId::Uid(uid) = *source
            && let Some(target) = self.runs.remove(uid)
        {
            let flags = self.flags.remove(uid);
            return Some(Entry { source: source.clone(), target: MessageId::Uid(target), flags });
        }
        let (target, flags) = self.others.remove(source)?;
        self.others_by_target.remove(&(target.clone(), source.clone()));
        Some(Entry { source: source.clone(), target, flags })
    }

    /// Changes the flags of an entry; false when there is none.
    pub fn set_flags(&mut self, source: &MessageId, flags: Flags) -> bool {
        if let Some(entry) = self.others.get_mut(source) {
            entry.1 = flags;
            return true;
        }
        let MessageId::Uid(uid) = *source else { return false };
        let Some(target) = self.runs.target_of(uid) else { return false };
        if !self.flags.set(uid, &flags) {
            self.remove(source);
            self.insert_other(Entry { source: source.clone(), target: MessageId::Uid(target), flags });
        }
        true
    }

    fn insert_other(&mut self, entry: Entry) {
        self.others_by_target.insert((entry.target.clone(), entry.source.clone()));
        self.others.insert(entry.source, (entry.target, entry.flags));
    }

    /// Does to the entries what [`Ledger::settle`](super::Ledger::settle) does to them in the store.
    pub fn settle(&mut self, settlement: &Settlement) {
        if settlement.forget {
            *self = Self::default();
        }
        for source in &settlement.removed {
            self.remove(source);
        }
        for entry in &settlement.entries {
            self.insert(entry.clone());
        }
        for (source, flags) in &settlement.flags {
            self.set_flags(source, flags.clone());
        }
    }

    /// All entries, in ascending order of source ids.
    pub fn iter(&self) -> impl Iterator<Item = Entry> + '_ {
        let in_runs = self.runs.iter().flat_map(move |run| {
            (0..run.len).map(move |step| {
                let uid = run.source + step;
                let flags = self.flags.get(uid).cloned().unwrap_or_default();
                Entry { source: MessageId::Uid(uid), target: MessageId::Uid(run.target + step), flags }
            })
        });
        let others = self.others.iter().map(|(source, (target, flags))| Entry {
            source: source.clone(),
            target: target.clone(),
            flags: flags.clone(),
        });
        merge(in_runs, others, |entry| entry.source.clone())
    }

    /// Source ids in `ids` that have an entry, ascending. Walks the entries, not the ids: ranges may be as wide as a server
    /// likes.
    pub fn known_sources(&self, ids: &IdList) -> Vec<MessageId> {
        let mut known = Vec::new();
        for (first, last) in disjoint(ids) {
            let runs = self.runs.within_sources(first, last);
            let in_runs = runs.flat_map(|run| (run.source..=run.last_source()).map(MessageId::Uid));
            let others = self.others.range(MessageId::Uid(first)..=MessageId::Uid(last)).map(|(id, _)| id.clone());
            known.extend(merge(in_runs, others, Clone::clone));
        }
        let keys: BTreeSet<_> = ids.keys().iter().cloned().map(MessageId::Key).collect();
        known.extend(keys.into_iter().filter(|key| self.others.contains_key(key)));
        known
    }

    /// Target ids in `ids` that have no entry, ascending.
    pub fn unknown_targets(&self, ids: &IdList) -> IdList {
        let mut unknown = IdList::new();
        for (first, last) in disjoint(ids) {
            let in_runs = self.runs.within_targets(first, last).map(|run| (run.target, run.last_target()));
            let from = (MessageId::Uid(first), MessageId::Uid(0));
            let others = self.others_by_target.range(from..).map_while(|(target, _)| match *target {
                MessageId::Uid(uid) if uid <= last => Some((uid, uid)),
                _ => None,
            });
            let mut next = Some(first);
            for (known_first, known_last) in merge(in_runs, others, |range| range.0) {
                let Some(from) = next.filter(|from| *from <= known_last) else { continue };
                if from < known_first {
                    unknown.push_uids(from, known_first - 1);
                }
                next = known_last.checked_add(1);
            }
            if let Some(from) = next {
                unknown.push_uids(from, last);
            }
        }
        let keys: BTreeSet<_> = ids.keys().iter().cloned().map(MessageId::Key).collect();
        unknown.extend(keys.into_iter().filter(|key| self.source_of(key).is_none()));
        unknown
    }

    /// Begins to note which entries a listing of the source names.
    pub fn seen(&self) -> Seen {
        Seen::new(&self.runs, self.others.keys())
    }

    /// Entries that were not marked, by source id. The ledger must not have changed since [`FolderLedger::seen`].
    pub fn missing(&self, seen: &Seen) -> Vec<MessageId> {
        merge(seen.missing_in(&self.runs), seen.missing_others(), Clone::clone).collect()
    }

    pub(super) fn runs(&self) -> &Runs {
        &self.runs
    }
}

/// Joins two ascending sequences into one.
fn merge<T, K: Ord>(
    a: impl Iterator<Item = T>,
    b: impl Iterator<Item = T>,
    key: impl Fn(&T) -> K,
) -> impl Iterator<Item = T> {
    let (mut a, mut b) = (a.peekable(), b.peekable());
    std::iter::from_fn(move || match (a.peek(), b.peek()) {
        (Some(x), Some(y)) if key(y) < key(x) => b.next(),
        (Some(_), _) => a.next(),
        _ => b.next(),
    })
}

/// The UIDs of a list as ranges that are ascending and apart, whatever the order and overlaps they were given in.
fn disjoint(ids: &IdList) -> Vec<(u32, u32)> {
    let mut ranges = ids.uid_ranges().to_vec();
    ranges.sort_unstable();
    ranges.dedup_by(|next, kept| {
        let overlap = next.0 <= kept.1.saturating_add(1);
        if overlap {
            kept.1 = kept.1.max(next.1);
        }
        overlap
    });
    ranges
}

#[cfg(test)]
#[path = "folder_tests.rs"]
mod tests;
