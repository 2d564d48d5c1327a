//! What is a set of UIDs (or of sequence numbers), and how does it look on the wire?

use std::fmt;

use crate::bytes_ext::{leading_number, push_number};

/// A `sequence-set` (RFC 3501 §9): ranges of UIDs, kept in the order in which they were given.
///
/// The order matters: `APPENDUID` and `COPYUID` (RFC 4315 §3) pair their UIDs with messages by
/// position. A range itself is always ascending, since `7:5` and `5:7` mean the same.
///
/// A range that ends at [`u32::MAX`] is written `n:*`. Servers answer `n:*` with their last message
/// even if its UID is below `n` (RFC 3501 §6.4.8), so the reader of such an answer drops UIDs below `n`.
#[derive(Clone, Default, PartialEq, Eq, Hash)]
pub struct UidSet {
    ranges: Vec<(u32, u32)>,
}

/// Bytes of UID set that one command line should carry: servers refuse longer lines (RFC 7162 §4
/// names 8,192 bytes for the whole line).
pub const MAX_SET_BYTES: usize = 8_000;

impl UidSet {
    /// The empty set, which has no wire form: commands must not be sent with it.
    pub const fn new() -> Self {
        Self { ranges: Vec::new() }
    }

    /// A set of one UID.
    pub fn single(uid: u32) -> Self {
        Self { ranges: vec![(uid, uid)] }
    }

    /// All UIDs from `first` to `last`, both included, in whichever order they are given.
    pub fn range(first: u32, last: u32) -> Self {
        Self { ranges: vec![(first.min(last), first.max(last))] }
    }

    /// All UIDs from `first` on: `first:*`.
    pub fn starting_at(first: u32) -> Self {
        Self::range(first, u32::MAX)
    }

    /// Builds a set from UIDs; neighbours that follow one another become one range.
    /// Given in ascending order the result is the shortest set; any other order is kept as it is.
    pub fn from_uids(uids: impl IntoIterator<Item = u32>) -> Self {
        let mut set = Self::new();
        for uid in uids {
            set.push(uid);
        }
        set
    }

    /// Adds one UID at the end.
    pub fn push(&mut self, uid: u32) {
        self.push_range(uid, uid);
    }

    /// Adds a range at the end, joined with the last one if it follows it directly.
    pub fn push_range(&mut self, first: u32, last: u32) {
        let (first, last) = (first.min(last), first.max(last));
        if let Some(end) = self.ranges.last_mut()
            && end.1.checked_add(1) == Some(first)
        {
            end.1 = last;
            return;
        }
        self.ranges.push((first, last));
    }

    /// Reads a set as servers send it. Zeroes, which are no UIDs, are dropped; `*` counts as
    /// [`u32::MAX`]. `None` if anything else than numbers, `:`, `,` and `*` stands in it.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        let mut set = Self::new();
        let mut rest = bytes;
        if rest.is_empty() {
            return None;
        }
        loop {
            let (first, after) = parse_end(rest)?;
            rest = after;
            let mut last = first;
            if let Some(after_colon) = rest.strip_prefix(b":") {
                (last, rest) = parse_end(after_colon)?;
            }
            let (low, high) = (first.min(last), first.max(last));
            if high > 0 {
                set.push_range(low.max(1), high);
            }
            match rest {
                [] => return Some(set),
                [b',', after_comma @ ..] => rest = after_comma,
                _ => return None,
            }
        }
    }

    /// The ranges in the order given, each ascending and inclusive.
    pub fn ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// Every UID in the order given. A hostile server can name four billion of them in twelve
    /// bytes: look at [`len`](Self::len) before collecting.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.ranges.iter().flat_map(|&(first, last)| first..=last)
    }

    /// How many UIDs there are; overlapping ranges count twice.
    pub fn len(&self) -> u64 {
        self.ranges.iter().map(|&(first, last)| u64::from(last - first) + 1).sum()
    }

    /// Whether there is no UID at all.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Whether `uid` is in the set.
    pub fn contains(&self, uid: u32) -> bool {
        self.ranges.iter().any(|&(first, last)| first <= uid && uid <= last)
    }

    /// The lowest UID.
    pub fn min(&self) -> Option<u32> {
        self.ranges.iter().map(|range| range.0).min()
    }

    /// The highest UID.
    pub fn max(&self) -> Option<u32> {
        self.ranges.iter().map(|range| range.1).max()
    }

    /// The same UIDs in ascending order, each once, in as few ranges as possible.
    pub fn normalized(&self) -> Self {
        let mut sorted = self.ranges.clone();
        sorted.sort_unstable();
        let mut ranges: Vec<(u32, u32)> = Vec::with_capacity(sorted.len());
        for (first, last) in sorted {
            match ranges.last_mut() {
                Some(end) if first <= end.1.saturating_add(1) => end.1 = end.1.max(last),
                _ => ranges.push((first, last)),
            }
        }
        Self { ranges }
    }

    /// Appends the wire form, such as `1:5,7`.
    pub fn encode(&self, out: &mut Vec<u8>) {
        for (index, &range) in self.ranges.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            encode_range(range, out);
        }
    }

    /// Cuts the set into pieces whose wire form has at most `max_bytes` bytes each (but always at
    /// least one range): one command each. See [`MAX_SET_BYTES`].
    pub fn split_for_line(&self, max_bytes: usize) -> Vec<Self> {
        let mut pieces = Vec::new();
        let mut piece = Self::new();
        let mut bytes = 0;
        let mut text = Vec::with_capacity(24);
        for &range in &self.ranges {
            text.clear();
            encode_range(range, &mut text);
            if !piece.is_empty() && bytes + 1 + text.len() > max_bytes {
                pieces.push(std::mem::take(&mut piece));
                bytes = 0;
            }
            bytes += text.len() + usize::from(!piece.is_empty());
            piece.ranges.push(range);
        }
        if !piece.is_empty() {
            pieces.push(piece);
        }
        pieces
    }
}

fn parse_end(bytes: &[u8]) -> Option<(u32, &[u8])> {
    if let Some(rest) = bytes.strip_prefix(b"*") {
        return Some((u32::MAX, rest));
    }
    let (value, length) = leading_number(bytes)?;
    Some((u32::try_from(value).ok()?, &bytes[length..]))
}

fn encode_range((first, last): (u32, u32), out: &mut Vec<u8>) {
    push_number(out, u64::from(first));
    if first == last {
        return;
    }
    out.push(b':');
    if last == u32::MAX {
        out.push(b'*');
    } else {
        push_number(out, u64::from(last));
    }
}

impl fmt::Display for UidSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = Vec::new();
        self.encode(&mut text);
        formatter.write_str(&String::from_utf8_lossy(&text))
    }
}

impl fmt::Debug for UidSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "UidSet({self})")
    }
}

impl FromIterator<u32> for UidSet {
    fn from_iter<T: IntoIterator<Item = u32>>(uids: T) -> Self {
        Self::from_uids(uids)
    }
}
