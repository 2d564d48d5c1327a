//! Which flags has each UID, at a byte or less a message?

use std::collections::{BTreeMap, HashMap};

use crate::flags::Flags;

/// Different flag sets that one folder can have in its pages. Messages with further ones are kept apart. Few in tests, so that
/// they go there too.
const MOST_SETS: usize = if cfg!(test) { 12 } else { 1 << 24 };

const OFFSET_BITS: u32 = 8;
const PAGE: usize = 1 << OFFSET_BITS;
const INDEX_MASK: u32 = (1 << 24) - 1;

/// Flags of UIDs. The caller knows which UIDs there are: it asks for no other.
#[derive(Clone, Debug, Default)]
pub(super) struct FlagPages {
    sets: FlagSets,
    pages: BTreeMap<u32, Page>,
}

/// 256 UIDs: the flags that most of them have, and which ones have others. Scattered flags would break runs at every
/// message; this way they cost 4 bytes each, and a page where all are alike costs nothing beyond itself.
#[derive(Clone, Debug)]
struct Page {
    /// Number of UIDs that are there; the page ends with the last.
    messages: u16,
    usual: u32,
    /// Offset in the page (high 8 bits) and flag set (low 24 bits) of the unusual, ascending. May name UIDs that are not
    /// there, and then means nothing.
    unusual: Vec<u32>,
}

impl FlagPages {
    /// Flags of a UID that is there.
    pub(super) fn get(&self, uid: u32) -> Option<&Flags> {
        let page = self.pages.get(&(uid >> OFFSET_BITS))?;
        self.sets.get(page.get(uid as u8))
    }

    /// Adds UIDs that are not there yet; false, and nothing added, when there are too many different flag sets.
    pub(super) fn insert(&mut self, first: u32, last: u32, flags: &Flags) -> bool {
        let Some(set) = self.sets.hold(flags, u64::from(last - first) + 1) else { return false };
        let mut from = first;
        loop {
            let to = last.min(from | (PAGE as u32 - 1));
            let count = (to - from + 1) as u16;
            let page =
                self.pages.entry(from >> OFFSET_BITS).or_insert(Page { messages: 0, usual: set, unusual: vec![] });
            page.messages += count;
            // An emptied page is gone, so a page that has only these UIDs was made for them.
            if page.messages > count {
                (from..=to).for_each(|uid| page.set(uid as u8, set));
            }
            if to == last {
                return true;
            }
            from = to + 1;
        }
    }

    /// Changes the flags of a UID that is there; false, and nothing changed, when there are too many different flag sets.
    pub(super) fn set(&mut self, uid: u32, flags: &Flags) -> bool {
        let Some(page) = self.pages.get_mut(&(uid >> OFFSET_BITS)) else { return false };
        let Some(set) = self.sets.hold(flags, 1) else { return false };
        let old = page.get(uid as u8);
        page.set(uid as u8, set);
        self.sets.release(old);
        true
    }

    /// Takes a UID out that is there, and answers its flags.
    pub(super) fn remove(&mut self, uid: u32) -> Flags {
        let Some(page) = self.pages.get_mut(&(uid >> OFFSET_BITS)) else { return Flags::default() };
        let set = page.get(uid as u8);
        let flags = self.sets.get(set).cloned().unwrap_or_default();
        self.sets.release(set);
        page.messages -= 1;
        if page.messages == 0 {
            self.pages.remove(&(uid >> OFFSET_BITS));
        } else if let Ok(at) = page.find(uid as u8) {
            page.unusual.remove(at);
        }
        flags
    }

    /// Bytes of the pages' content, for tests of what a folder costs.
    #[cfg(test)]
    pub(super) fn heap_bytes(&self) -> usize {
        // Leaves of a map are half full when appended to; an allocation costs some 16 bytes of its own.
        let page = |page: &Page| 2 * (size_of::<Page>() + 4) + 16 + page.unusual.capacity() * 4;
        self.pages.values().map(page).sum()
    }
}

impl Page {
    fn find(&self, offset: u8) -> Result<usize, usize> {
        self.unusual.binary_search_by_key(&u32::from(offset), |entry| entry >> 24)
    }

    fn get(&self, offset: u8) -> u32 {
        self.find(offset).map_or(self.usual, |at| self.unusual[at] & INDEX_MASK)
    }

    fn set(&mut self, offset: u8, set: u32) {
        let entry = (u32::from(offset) << 24) | set;
        match self.find(offset) {
            Ok(at) if set == self.usual => {
                self.unusual.remove(at);
            }
            Ok(at) => self.unusual[at] = entry,
            Err(_) if set == self.usual => {}
            Err(at) => {
                self.unusual.insert(at, entry);
                if self.unusual.len() > PAGE / 2 && self.unusual.len().is_multiple_of(16) {
                    self.choose_usual();
                }
            }
        }
    }

    /// Makes the most frequent of the unusual sets the usual one, where that makes the page smaller.
    fn choose_usual(&mut self) {
        let mut counts: HashMap<u32, usize> = HashMap::new();
        for entry in &self.unusual {
            *counts.entry(entry & INDEX_MASK).or_default() += 1;
        }
        let Some((frequent, count)) = counts.into_iter().max_by_key(|&(set, count)| (count, set)) else { return };
        if count <= PAGE - self.unusual.len() {
            return;
        }
        let all = (0..=u8::MAX).map(|offset| (u32::from(offset) << 24) | self.get(offset));
        self.unusual = all.filter(|entry| entry & INDEX_MASK != frequent).collect();
        self.usual = frequent;
    }
}

/// The different flag sets of a folder, each with the number of messages that have it.
#[derive(Clone, Debug, Default)]
struct FlagSets {
    sets: Vec<(Flags, u64)>,
    known: HashMap<Flags, u32>,
    free: Vec<u32>,
    /// The set last asked for: neighbours are mostly alike.
    last: u32,
}

impl FlagSets {
    fn get(&self, set: u32) -> Option<&Flags> {
        self.sets.get(set as usize).map(|(flags, _)| flags)
    }

    /// The number of that set, with so many more messages that have it; `None` when there is no room for another set.
    fn hold(&mut self, flags: &Flags, messages: u64) -> Option<u32> {
        if let Some((last, count)) = self.sets.get_mut(self.last as usize)
            && *count > 0
            && last == flags
        {
            *count += messages;
            return Some(self.last);
        }
        if let Some(&set) = self.known.get(flags) {
            self.sets[set as usize].1 += messages;
            self.last = set;
            return Some(set);
        }
        let set = match self.free.pop() {
            Some(set) => {
                self.sets[set as usize] = (flags.clone(), messages);
                set
            }
            None if self.sets.len() < MOST_SETS => {
                self.sets.push((flags.clone(), messages));
                self.sets.len() as u32 - 1
            }
            None => return None,
        };
        self.known.insert(flags.clone(), set);
        self.last = set;
        Some(set)
    }

    fn release(&mut self, set: u32) {
        let Some((flags, count)) = self.sets.get_mut(set as usize) else { return };
        *count -= 1;
        if *count == 0 {
            self.known.remove(flags);
            *flags = Flags::default();
            self.free.push(set);
        }
    }
}
