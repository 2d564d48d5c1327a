//! Which source UID is which target UID, as runs that go on together?

use std::collections::BTreeMap;

/// Messages whose UIDs follow one another on both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first source UID.
    pub source: u32,
    /// The first target UID.
    pub target: u32,
    /// Number of messages; at least 1.
    pub len: u32,
}

impl Run {
    pub(super) fn last_source(self) -> u32 {
        self.source + (self.len - 1)
    }

    pub(super) fn last_target(self) -> u32 {
        self.target + (self.len - 1)
    }

    /// The part from the `skip`th message on, `len` messages long.
    fn part(self, skip: u32, len: u32) -> Self {
        Self { source: self.source + skip, target: self.target + skip, len }
    }

    pub(super) fn goes_on_in(self, next: Self) -> bool {
        self.last_source().checked_add(1) == Some(next.source) && self.last_target().checked_add(1) == Some(next.target)
    }
}

/// Runs that overlap on neither side, found from either.
#[derive(Clone, Debug, Default)]
pub(super) struct Runs {
    /// Target and length of the run that begins at this source UID.
    by_source: BTreeMap<u32, (u32, u32)>,
    /// Source of the run that begins at this target UID.
    by_target: BTreeMap<u32, u32>,
    messages: u64,
}

impl Runs {
    /// Number of messages in all runs.
    pub(super) fn messages(&self) -> u64 {
        self.messages
    }

    /// All runs, ascending by source.
    pub(super) fn iter(&self) -> impl Iterator<Item = Run> + '_ {
        self.by_source.iter().map(|(&source, &(target, len))| Run { source, target, len })
    }

    pub(super) fn target_of(&self, source: u32) -> Option<u32> {
        self.at_source(source).map(|run| run.target + (source - run.source))
    }

    pub(super) fn source_of(&self, target: u32) -> Option<u32> {
        self.at_target(target).map(|run| run.source + (target - run.target))
    }

    /// The run that a source UID is part of.
    pub(super) fn at_source(&self, uid: u32) -> Option<Run> {
        let (&source, &(target, len)) = self.by_source.range(..=uid).next_back()?;
        (uid - source < len).then_some(Run { source, target, len })
    }

    fn at_target(&self, uid: u32) -> Option<Run> {
        let (&target, &source) = self.by_target.range(..=uid).next_back()?;
        let &(_, len) = self.by_source.get(&source)?;
        (uid - target < len).then_some(Run { source, target, len })
    }

    /// What stands at the source UIDs from `first` to `last`, ascending by source.
    pub(super) fn within_sources(&self, first: u32, last: u32) -> impl Iterator<Item = Run> + '_ {
        let start = self.at_source(first).map_or(first, |run| run.source);
        self.by_source.range(start..=last).map(move |(&source, &(target, len))| {
            let run = Run { source, target, len };
            let skip = first.saturating_sub(source);
            run.part(skip, last.min(run.last_source()) - source - skip + 1)
        })
    }

    /// What stands at the target UIDs from `first` to `last`, ascending by target.
    pub(super) fn within_targets(&self, first: u32, last: u32) -> impl Iterator<Item = Run> + '_ {
        let start = self.at_target(first).map_or(first, |run| run.target);
        self.by_target.range(start..=last).filter_map(move |(&target, &source)| {
            let &(_, len) = self.by_source.get(&source)?;
            let run = Run { source, target, len };
            let skip = first.saturating_sub(target);
            Some(run.part(skip, last.min(run.last_target()) - target - skip + 1))
        })
    }

    /// Adds a run that overlaps with none on either side, and joins it with the runs that it continues.
    pub(super) fn insert(&mut self, mut run: Run) {
        self.messages += u64::from(run.len);
        let after = run.last_source().checked_add(1).and_then(|next| self.at_source(next));
        if let Some(after) = after.filter(|after| run.goes_on_in(*after))
            && let Some(len) = run.len.checked_add(after.len)
        {
            self.by_source.remove(&after.source);
            self.by_target.remove(&after.target);
            run.len = len;
        }
        let before = run.source.checked_sub(1).and_then(|previous| self.at_source(previous));
        if let Some(before) = before.filter(|before| before.goes_on_in(run))
            && let Some(len) = run.len.checked_add(before.len)
        {
            self.by_source.insert(before.source, (before.target, len));
            return;
        }
        self.put(run);
    }

    /// Takes one message out, and answers its target UID.
    pub(super) fn remove(&mut self, source: u32) -> Option<u32> {
        let run = self.at_source(source)?;
        self.messages -= 1;
        self.by_source.remove(&run.source);
        self.by_target.remove(&run.target);
        let before = source - run.source;
        if before > 0 {
            self.put(run.part(0, before));
        }
        let after = run.len - before - 1;
        if after > 0 {
            self.put(run.part(before + 1, after));
        }
        Some(run.target + before)
    }

    fn put(&mut self, run: Run) {
        self.by_source.insert(run.source, (run.target, run.len));
        self.by_target.insert(run.target, run.source);
    }

    /// Number of runs, for tests of what a folder costs.
    #[cfg(test)]
    pub(super) fn runs(&self) -> usize {
        self.by_source.len()
    }
}
