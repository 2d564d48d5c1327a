//! How does a segment become bytes?

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::{BASE, CHECKSUM, DELTA, FORGETTING_DELTA, FlagRun, Run, VERSION};
use crate::flags::Flags;
use crate::ledger::{Entry, FolderLedger, Settlement};
use crate::message::MessageId;

/// Most bytes that a key says it shares with the one before: it bounds what a reader must put together for each byte it reads.
pub(super) const MOST_SHARED: usize = 255;

pub(super) fn base(ledger: &FolderLedger) -> Vec<u8> {
    let mut sets = Sets::default();
    let mut entries = Entries::default();
    for entry in ledger.iter() {
        entries.push(&entry, &mut sets);
    }
    let mut out = vec![VERSION, BASE];
    sets.write(&mut out);
    entries.write(&sets, &mut out);
    sealed(out)
}

pub(super) fn delta(settlement: &Settlement) -> Vec<u8> {
    // Of two that concern the same message, the later one counts.
    let removed: BTreeSet<&MessageId> = settlement.removed.iter().collect();
    let new: BTreeMap<&MessageId, &Entry> = settlement.entries.iter().map(|entry| (&entry.source, entry)).collect();
    let changed: BTreeMap<&MessageId, &Flags> = settlement.flags.iter().map(|(id, flags)| (id, flags)).collect();

    let mut sets = Sets::default();
    let mut entries = Entries::default();
    for entry in new.into_values() {
        entries.push(entry, &mut sets);
    }
    let mut changed_flags = FlagRuns::default();
    for flags in changed.values() {
        changed_flags.push(sets.index(flags));
    }

    let mut out = vec![VERSION, if settlement.forget { FORGETTING_DELTA } else { DELTA }];
    sets.write(&mut out);
    ids(removed.into_iter(), &mut out);
    entries.write(&sets, &mut out);
    ids(changed.into_keys(), &mut out);
    changed_flags.write(&sets, &mut out);
    sealed(out)
}

pub(super) fn sealed(mut out: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&out);
    out.extend_from_slice(&hash.as_bytes()[..CHECKSUM]);
    out
}

/// The different flag sets of a segment.
#[derive(Default)]
struct Sets {
    sets: Vec<Flags>,
    known: HashMap<Flags, u32>,
}

impl Sets {
    fn index(&mut self, flags: &Flags) -> u32 {
        if let Some(&index) = self.known.get(flags) {
            return index;
        }
        let index = self.sets.len() as u32;
        self.sets.push(flags.clone());
        self.known.insert(flags.clone(), index);
        index
    }

    fn write(&self, out: &mut Vec<u8>) {
        number(self.sets.len() as u64, out);
        for flags in &self.sets {
            out.push(flags.system.bits());
            number(flags.keywords().len() as u64, out);
            for keyword in flags.keywords() {
                text(keyword, out);
            }
        }
    }
}

#[derive(Default)]
struct FlagRuns(Vec<FlagRun>);

impl FlagRuns {
    fn push(&mut self, set: u32) {
        match self.0.last_mut() {
            Some(run) if run.set == set => run.len += 1,
            _ => self.0.push(FlagRun { len: 1, set }),
        }
    }

    fn write(&self, sets: &Sets, out: &mut Vec<u8>) {
        for run in &self.0 {
            number((run.len - 1) * sets.sets.len() as u64 + u64::from(run.set), out);
        }
    }
}

/// Entries, which come ascending by source id.
#[derive(Default)]
struct Entries {
    runs: Vec<Run>,
    run_flags: FlagRuns,
    others: Vec<(MessageId, MessageId)>,
    other_flags: Vec<u32>,
}

impl Entries {
    fn push(&mut self, entry: &Entry, sets: &mut Sets) {
        let set = sets.index(&entry.flags);
        let (&MessageId::Uid(source), &MessageId::Uid(target)) = (&entry.source, &entry.target) else {
            self.others.push((entry.source.clone(), entry.target.clone()));
            self.other_flags.push(set);
            return;
        };
        self.run_flags.push(set);
        let next = Run { source, target, len: 1 };
        match self.runs.last_mut() {
            Some(run) if run.goes_on_in(next) && run.len < u32::MAX => run.len += 1,
            _ => self.runs.push(next),
        }
    }

    fn write(mut self, sets: &Sets, out: &mut Vec<u8>) {
        number(self.runs.len() as u64, out);
        let (mut next_source, mut next_target) = (0, 0);
        for run in &self.runs {
            let skipped = u64::from(run.source) - next_source;
            let jump = zigzag(i64::from(run.target) - next_target);
            let header = u64::from(run.len - 1) * 4 + u64::from(skipped > 0) * 2 + u64::from(jump > 0);
            number(header, out);
            if skipped > 0 {
                number(skipped - 1, out);
            }
            if jump > 0 {
                number(jump - 1, out);
            }
            next_source = u64::from(run.last_source()) + 1;
            next_target = i64::from(run.last_target()) + 1;
        }

        number(self.others.len() as u64, out);
        let (mut source_side, mut target_side) = (Side::default(), Side::default());
        for (source, target) in &self.others {
            source_side.id(source, out);
            target_side.id(target, out);
        }

        self.other_flags.iter().for_each(|set| self.run_flags.push(*set));
        self.run_flags.write(sets, out);
    }
}

/// The last ids on one side, which the next one is told from.
#[derive(Default)]
pub(super) struct Side<'a> {
    uid: u32,
    key: &'a str,
}

impl<'a> Side<'a> {
    pub(super) fn id(&mut self, id: &'a MessageId, out: &mut Vec<u8>) {
        match id {
            MessageId::Uid(uid) => {
                number(0, out);
                number(zigzag(i64::from(*uid) - i64::from(self.uid)), out);
                self.uid = *uid;
            }
            MessageId::Key(key) => {
                let shared = shared(self.key, key);
                number(1 + shared as u64, out);
                text(&key[shared..], out);
                self.key = key;
            }
        }
    }
}

/// Ids, ascending.
fn ids<'a>(ids: impl Iterator<Item = &'a MessageId>, out: &mut Vec<u8>) {
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    let mut keys: Vec<&str> = Vec::new();
    for id in ids {
        match id {
            MessageId::Key(key) => keys.push(key),
            MessageId::Uid(uid) => match ranges.last_mut() {
                Some((_, last)) if last.checked_add(1) == Some(*uid) => *last = *uid,
                _ => ranges.push((*uid, *uid)),
            },
        }
    }
    number(ranges.len() as u64, out);
    let mut next = 0;
    for (first, last) in ranges {
        number(u64::from(first) - next, out);
        number(u64::from(last - first), out);
        next = u64::from(last) + 1;
    }
    number(keys.len() as u64, out);
    let mut before = "";
    for key in keys {
        let shared = shared(before, key);
        number(shared as u64, out);
        text(&key[shared..], out);
        before = key;
    }
}

/// Bytes that both begin with, cut at a character's border.
fn shared(before: &str, key: &str) -> usize {
    let same = before.bytes().zip(key.bytes()).take(MOST_SHARED).take_while(|(a, b)| a == b).count();
    (0..=same).rev().find(|at| key.is_char_boundary(*at)).unwrap_or(0)
}

pub(super) fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

pub(super) fn text(text: &str, out: &mut Vec<u8>) {
    number(text.len() as u64, out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn number(mut value: u64, out: &mut Vec<u8>) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}
