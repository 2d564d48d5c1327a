//! Folder ledgers as bytes.
//!
//! A folder is kept as a row of *segments*: a base (all of its entries) and then deltas (what each settlement did to them),
//! applied in order. Ids and flags are coded apart, each in runs of its own, so that a flag here and there does not break
//! the runs of ids: where both sides number upwards a hole costs 2 bytes, flags that differ from their neighbours' 1 or 2.
//!
//! # Format 1
//!
//! Numbers are unsigned LEB128 (seven bits a byte, the lowest first, the high bit set on all bytes but the last) of at most
//! 64 bits and in the shortest form. *Signed* numbers are zigzag-coded first (0, -1, 1, -2 … as 0, 1, 2, 3 …). *Text* is its length
//! in bytes and UTF-8.
//!
//! | part | content |
//! |---|---|
//! | version | one byte: 1 |
//! | kind | one byte: 0 base, 1 delta, 2 delta that forgets everything before it |
//! | flag sets | how many; for each: one byte of [`SystemFlags`] bits, number of keywords, each as text |
//! | removed | *ids* whose entries end; not in a base |
//! | entries | *runs*, then *others*, then *flags* of both in that order |
//! | changed | *ids* of entries with other flags, then their *flags*; not in a base |
//! | checksum | the first 4 bytes of the BLAKE3 hash of all before |
//!
//! - *ids*: how many ranges of UIDs; for each, ascending: UIDs skipped since the last one's end (from 0 on), and its length
//!   less 1. Then how many keys; each, ascending, front-coded: bytes shared with the key before, and the rest as text.
//! - *runs*: how many; for each, ascending by source UID: `4 × (length − 1) + 2 × skips + jumps`; if `skips` is 1, the
//!   source UIDs skipped since the last run's end (from 0 on) less 1; if `jumps` is 1, how far the first target UID is
//!   from the one after the last run's end (from 0 on), signed, less 1 once it is zigzag-coded.
//! - *others*: how many; for each the source id, then the target id: 0 and the UID's difference to the last UID on that side,
//!   signed; or 1 + bytes shared with the last key on that side, and the rest as text. At most 255 bytes are shared,
//!   cut at a character's border.
//! - *flags*: for as many messages as there are: `(length of the run − 1) × flag sets + flag set`, until all have theirs.
//!
//! The version is raised when any of this changes; what an earlier version wrote stays readable. The checksum stays where
//! it is, so that damage is never taken for a newer version.

mod notes;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use notes::{Note, decode_notes, encode_note};

use super::runs::Run;
use super::{FolderLedger, Settlement};
use crate::flags::Flags;
#[cfg(doc)]
use crate::flags::SystemFlags;
use crate::message::{IdList, MessageId};

/// The format that is written.
pub const VERSION: u8 = 1;

/// Entries that one segment can hold: a bound on what bytes from who knows where make us do. No mail store comes near it.
pub const MOST_ENTRIES: u64 = 1 << 26;

const CHECKSUM: usize = 4;
const BASE: u8 = 0;
const DELTA: u8 = 1;
const FORGETTING_DELTA: u8 = 2;

/// Why bytes are not a segment.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A newer version wrote it.
    #[error("the segment has format {found}, and this version reads up to {VERSION}")]
    Newer {
        /// The format found.
        found: u8,
    },
    /// It ends too soon.
    #[error("the segment ends in the middle of its {part}")]
    Truncated {
        /// Where.
        part: &'static str,
    },
    /// The checksum is of other bytes.
    #[error("the checksum does not match: {bytes} bytes were read that are not those that were written")]
    Checksum {
        /// Length of the segment.
        bytes: usize,
    },
    /// The checksum is right, and the content makes no sense.
    #[error("the segment makes no sense in its {part}: {what}")]
    Nonsense {
        /// Where.
        part: &'static str,
        /// Why.
        what: &'static str,
    },
}

/// What a segment says, read and not yet applied.
struct Segment {
    kind: u8,
    sets: Vec<Flags>,
    removed: IdList,
    runs: Vec<Run>,
    others: Vec<(MessageId, MessageId)>,
    /// Lengths and flag sets, for `runs` and then `others`.
    entry_flags: Vec<FlagRun>,
    changed: IdList,
    changed_flags: Vec<FlagRun>,
}

/// Messages one after another that have the same flags.
#[derive(Clone, Copy)]
struct FlagRun {
    len: u64,
    /// Index of the flag set.
    set: u32,
}

/// A whole folder as a base segment.
pub fn encode_base(ledger: &FolderLedger) -> Vec<u8> {
    write::base(ledger)
}

/// What a settlement does to a folder's entries, as a delta segment; nothing else of the settlement is in it.
pub fn encode_delta(settlement: &Settlement) -> Vec<u8> {
    write::delta(settlement)
}

/// Applies a segment to a folder's entries.
///
/// # Errors
/// If the bytes are not what was encoded; the ledger is then as it was.
pub fn apply(segment: &[u8], ledger: &mut FolderLedger) -> Result<(), CodecError> {
    read::segment(segment)?.apply(ledger);
    Ok(())
}
