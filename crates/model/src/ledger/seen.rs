//! Which entries has a full listing named?

use super::folder::FolderLedger;
use super::runs::Runs;
use crate::message::MessageId;

/// Which entries a full listing has named so far: one bit an entry.
#[derive(Clone, Debug)]
pub struct Seen {
    /// The first source UID of each run, ascending, and how many entries stand before the run.
    runs: Vec<(u32, u64)>,
    /// Source ids of the entries outside of runs, ascending. They are counted after all runs.
    others: Vec<MessageId>,
    others_begin: u64,
    bits: Vec<u64>,
}

impl Seen {
    pub(super) fn new<'a>(runs: &Runs, others: impl Iterator<Item = &'a MessageId>) -> Self {
        let mut before = 0;
        let starts = runs.iter().map(|run| {
            let start = (run.source, before);
            before += u64::from(run.len);
            start
        });
        let starts = starts.collect();
        let others: Vec<MessageId> = others.cloned().collect();
        let bits = vec![0; (before + others.len() as u64).div_ceil(64) as usize];
        Self { runs: starts, others, others_begin: before, bits }
    }

    /// Marks the entry of that source id; nothing when there is none.
    pub fn mark(&mut self, ledger: &FolderLedger, source: &MessageId) {
        let Some(ordinal) = self.ordinal(ledger, source) else { return };
        if let Some(word) = self.bits.get_mut((ordinal / 64) as usize) {
            *word |= 1 << (ordinal % 64);
        }
    }

    fn ordinal(&self, ledger: &FolderLedger, source: &MessageId) -> Option<u64> {
        if let MessageId::Uid(uid) = *source
            && let Some(run) = ledger.runs().at_source(uid)
        {
            let at = self.runs.binary_search_by_key(&run.source, |start| start.0).ok()?;
            return Some(self.runs[at].1 + u64::from(uid - run.source));
        }
        Some(self.others_begin + self.others.binary_search(source).ok()? as u64)
    }

    fn is_marked(&self, ordinal: u64) -> bool {
        self.bits.get((ordinal / 64) as usize).is_some_and(|word| word & (1 << (ordinal % 64)) != 0)
    }

    pub(super) fn missing_in(&self, runs: &Runs) -> impl Iterator<Item = MessageId> {
        let uids = runs.iter().flat_map(|run| run.source..=run.last_source());
        uids.zip(0..).filter(|(_, ordinal)| !self.is_marked(*ordinal)).map(|(uid, _)| MessageId::Uid(uid))
    }

    pub(super) fn missing_others(&self) -> impl Iterator<Item = MessageId> {
        self.others.iter().zip(self.others_begin..).filter(|(_, at)| !self.is_marked(*at)).map(|(id, _)| id.clone())
    }
}
