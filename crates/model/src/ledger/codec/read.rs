//! What does a segment say, if it is one?

use super::write::MOST_SHARED;
use super::{BASE, CHECKSUM, CodecError, DELTA, FORGETTING_DELTA, FlagRun, MOST_ENTRIES, Run, Segment, VERSION};
use crate::flags::{Flags, SystemFlags};
use crate::ledger::{Entry, FolderLedger};
use crate::message::{IdList, MessageId};

type Result<T> = std::result::Result<T, CodecError>;

pub(super) fn segment(bytes: &[u8]) -> Result<Segment> {
    let mut reader = Reader::new(unsealed(bytes)?, "beginning");
    match reader.byte()? {
        VERSION => {}
        0 => return Err(reader.nonsense("there is no format 0")),
        found => return Err(CodecError::Newer { found }),
    }
    let kind = reader.byte()?;
    if ![BASE, DELTA, FORGETTING_DELTA].contains(&kind) {
        return Err(reader.nonsense("there is no such kind of segment"));
    }
    let sets = reader.sets()?;
    let removed = if kind == BASE { IdList::new() } else { reader.ids("removed ids")? };
    let runs = reader.runs()?;
    let others = reader.others()?;
    let messages = runs.iter().map(|run| u64::from(run.len)).sum::<u64>() + others.len() as u64;
    let entry_flags = reader.flags(messages, sets.len())?;
    let (changed, changed_flags) = if kind == BASE {
        (IdList::new(), Vec::new())
    } else {
        let changed = reader.ids("changed ids")?;
        let flags = reader.flags(changed.len(), sets.len())?;
        (changed, flags)
    };
    reader.part = "end";
    if !reader.bytes.is_empty() {
        return Err(reader.nonsense("bytes follow after it"));
    }
    Ok(Segment { kind, sets, removed, runs, others, entry_flags, changed, changed_flags })
}

/// What stands before a checksum that matches.
pub(super) fn unsealed(bytes: &[u8]) -> Result<&[u8]> {
    let content = bytes.len().checked_sub(CHECKSUM).ok_or(CodecError::Truncated { part: "checksum" })?;
    let (content, checksum) = bytes.split_at(content);
    if blake3::hash(content).as_bytes()[..CHECKSUM] != *checksum {
        return Err(CodecError::Checksum { bytes: bytes.len() });
    }
    Ok(content)
}

impl Segment {
    pub(super) fn apply(self, ledger: &mut FolderLedger) {
        if self.kind != DELTA {
            *ledger = FolderLedger::new();
        }
        for source in ledger.known_sources(&self.removed) {
            ledger.remove(&source);
        }
        let mut flags = FlagCursor::new(&self.sets, &self.entry_flags);
        for mut run in self.runs {
            loop {
                let (len, set) = flags.take(run.len);
                ledger.insert_run(Run { len, ..run }, set);
                if len == run.len {
                    break;
                }
                run = Run { source: run.source + len, target: run.target + len, len: run.len - len };
            }
        }
        for (source, target) in self.others {
            ledger.insert(Entry { source, target, flags: flags.take(1).1.clone() });
        }
        let mut flags = FlagCursor::new(&self.sets, &self.changed_flags);
        for &(mut first, last) in self.changed.uid_ranges() {
            loop {
                let (len, set) = flags.take(last - first + 1);
                for source in ledger.known_sources(&IdList::uid_range(first, first + (len - 1))) {
                    ledger.set_flags(&source, set.clone());
                }
                if len == last - first + 1 {
                    break;
                }
                first += len;
            }
        }
        for key in self.changed.keys() {
            ledger.set_flags(&MessageId::Key(key.clone()), flags.take(1).1.clone());
        }
    }
}

/// Hands out the flags of messages one after another. [`Reader::flags`] has seen to it that there are enough.
struct FlagCursor<'a> {
    sets: &'a [Flags],
    runs: std::slice::Iter<'a, FlagRun>,
    run: FlagRun,
    none: Flags,
}

impl<'a> FlagCursor<'a> {
    fn new(sets: &'a [Flags], runs: &'a [FlagRun]) -> Self {
        Self { sets, runs: runs.iter(), run: FlagRun { len: 0, set: 0 }, none: Flags::default() }
    }

    /// For how many of the next `most` messages the same flags hold, at least 1, and these flags.
    fn take(&mut self, most: u32) -> (u32, &Flags) {
        if self.run.len == 0
            && let Some(run) = self.runs.next()
        {
            self.run = *run;
        }
        let len = u32::try_from(self.run.len).unwrap_or(u32::MAX).min(most).max(1);
        self.run.len = self.run.len.saturating_sub(u64::from(len));
        (len, self.sets.get(self.run.set as usize).unwrap_or(&self.none))
    }
}

pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    part: &'static str,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8], part: &'static str) -> Self {
        Self { bytes, part }
    }

    /// What has not been read yet.
    pub(super) fn rest(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) fn nonsense(&self, what: &'static str) -> CodecError {
        CodecError::Nonsense { part: self.part, what }
    }

    fn truncated(&self) -> CodecError {
        CodecError::Truncated { part: self.part }
    }

    pub(super) fn byte(&mut self) -> Result<u8> {
        let (&byte, rest) = self.bytes.split_first().ok_or_else(|| self.truncated())?;
        self.bytes = rest;
        Ok(byte)
    }

    pub(super) fn number(&mut self) -> Result<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            let part = u64::from(byte & 0x7F);
            if part << shift >> shift != part {
                return Err(self.nonsense("a number has more than 64 bits"));
            }
            value |= part << shift;
            if byte & 0x80 == 0 {
                let shortest = byte != 0 || shift == 0;
                return if shortest { Ok(value) } else { Err(self.nonsense("a number is longer than it must be")) };
            }
        }
        Err(self.nonsense("a number has more than 64 bits"))
    }

    pub(super) fn signed(&mut self) -> Result<i64> {
        Ok(unzigzag(self.number()?))
    }

    /// How many things follow, each of at least `least` bytes: what cannot be there is not made room for.
    pub(super) fn count(&mut self, least: usize) -> Result<usize> {
        let count = usize::try_from(self.number()?).map_err(|_| self.truncated())?;
        if count > self.bytes.len() / least {
            return Err(self.truncated());
        }
        Ok(count)
    }

    pub(super) fn text(&mut self) -> Result<&str> {
        let len = self.count(1)?;
        let (text, rest) = self.bytes.split_at(len);
        self.bytes = rest;
        std::str::from_utf8(text).map_err(|_| self.nonsense("a text is not UTF-8"))
    }

    /// A text of which so many bytes are those of the one before.
    fn front_coded(&mut self, shared: u64, before: &str) -> Result<String> {
        let shared = usize::try_from(shared).ok().filter(|shared| *shared <= MOST_SHARED);
        let shared = shared.and_then(|shared| before.get(..shared));
        let shared = shared.ok_or_else(|| self.nonsense("a key shares more than there is"))?;
        Ok([shared, self.text()?].concat())
    }

    fn uid(&self, uid: Option<i64>) -> Result<u32> {
        uid.and_then(|uid| u32::try_from(uid).ok()).ok_or_else(|| self.nonsense("a UID is out of range"))
    }

    /// A range of UIDs that begins `skipped` after `next` and has `more` after its first.
    fn range(&self, next: u64, skipped: u64, more: u64) -> Result<(u32, u32)> {
        let first = next.checked_add(skipped).and_then(|first| i64::try_from(first).ok());
        let last = first.and_then(|first| first.checked_add_unsigned(more));
        Ok((self.uid(first)?, self.uid(last)?))
    }

    fn sets(&mut self) -> Result<Vec<Flags>> {
        self.part = "flag sets";
        let count = self.count(2)?;
        let mut sets = Vec::with_capacity(count);
        for _ in 0..count {
            let bits = self.byte()?;
            let system = SystemFlags::from_bits(bits);
            if system.bits() != bits {
                return Err(self.nonsense("there is no such system flag"));
            }
            let mut keywords = Vec::with_capacity(0);
            for _ in 0..self.count(1)? {
                keywords.push(Box::<str>::from(self.text()?));
            }
            sets.push(Flags::new(system, keywords));
        }
        Ok(sets)
    }

    fn ids(&mut self, part: &'static str) -> Result<IdList> {
        self.part = part;
        let mut list = IdList::new();
        let mut next = 0;
        for _ in 0..self.count(2)? {
            let (skipped, more) = (self.number()?, self.number()?);
            let (first, last) = self.range(next, skipped, more)?;
            list.push_uids(first, last);
            next = u64::from(last) + 1;
        }
        let mut before = String::new();
        for _ in 0..self.count(2)? {
            let shared = self.number()?;
            let key = self.front_coded(shared, &before)?;
            list.push(MessageId::Key(key.as_str().into()));
            before = key;
        }
        if list.len() > MOST_ENTRIES && part == "changed ids" {
            return Err(self.nonsense("there are more than a segment can hold"));
        }
        Ok(list)
    }

    fn runs(&mut self) -> Result<Vec<Run>> {
        self.part = "runs";
        let count = self.count(1)?;
        let mut runs = Vec::with_capacity(count);
        let (mut next_source, mut next_target, mut messages) = (0, 0, 0);
        for _ in 0..count {
            let header = self.number()?;
            let more = header / 4;
            let skipped = if header & 2 == 0 { 0 } else { self.number()?.saturating_add(1) };
            let jump = if header & 1 == 0 { 0 } else { unzigzag(self.number()?.saturating_add(1)) };
            let (source, last_source) = self.range(next_source, skipped, more)?;
            let target = self.uid(jump.checked_add(next_target))?;
            let len = last_source - source;
            let last_target = self.uid(Some(i64::from(target) + i64::from(len)))?;
            messages += more + 1;
            if messages > MOST_ENTRIES {
                return Err(self.nonsense("there are more than a segment can hold"));
            }
            runs.push(Run { source, target, len: len + 1 });
            next_source = u64::from(last_source) + 1;
            next_target = i64::from(last_target) + 1;
        }
        Ok(runs)
    }

    fn others(&mut self) -> Result<Vec<(MessageId, MessageId)>> {
        self.part = "other entries";
        let mut others = Vec::new();
        let (mut source_side, mut target_side) = ((0, String::new()), (0, String::new()));
        for _ in 0..self.count(4)? {
            let source = self.id(&mut source_side)?;
            others.push((source, self.id(&mut target_side)?));
        }
        Ok(others)
    }

    /// An id, and the last UID and key on its side.
    pub(super) fn id(&mut self, (last_uid, last_key): &mut (u32, String)) -> Result<MessageId> {
        match self.number()?.checked_sub(1) {
            None => {
                let difference = self.signed()?;
                *last_uid = self.uid(difference.checked_add(i64::from(*last_uid)))?;
                Ok(MessageId::Uid(*last_uid))
            }
            Some(shared) => {
                *last_key = self.front_coded(shared, last_key)?;
                Ok(MessageId::Key(last_key.as_str().into()))
            }
        }
    }

    fn flags(&mut self, messages: u64, sets: usize) -> Result<Vec<FlagRun>> {
        self.part = "flags";
        let mut runs = Vec::new();
        let mut left = messages;
        while left > 0 {
            let value = self.number()?;
            let sets = sets as u64;
            let (Some(more), Some(set)) = (value.checked_div(sets), value.checked_rem(sets)) else {
                return Err(self.nonsense("there are no flag sets"));
            };
            if more >= left {
                return Err(self.nonsense("there are more than messages"));
            }
            left -= more + 1;
            runs.push(FlagRun { len: more + 1, set: set as u32 });
        }
        Ok(runs)
    }
}

fn unzigzag(value: u64) -> i64 {
    (value >> 1) as i64 ^ -((value & 1) as i64)
}
