//! How do settlements and folders stand in tables, whatever the database?

use limosa_model::folder::FolderPath;
use limosa_model::ledger::codec::{self, CodecError};
use limosa_model::ledger::{FolderLedger, LedgerError, Settlement};
use limosa_model::message::MessageId;

/// One segment of a folder, as it stands in its row.
pub(crate) struct SegmentRow {
    /// Grows by one with every segment of a folder; the first one's is 1, until a base takes the place of those before it.
    pub number: i64,
    pub is_base: bool,
    pub bytes: Vec<u8>,
}

/// How many bytes a folder's segments take, and in how many.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SegmentSizes {
    pub base: i64,
    pub deltas: i64,
    pub segments: i64,
}

impl SegmentSizes {
    /// Whether one base instead of all of them saves more than it costs: deltas a quarter of the base and a page of the database
    /// at least, or more segments than can be read in one go.
    pub(crate) fn worth_compacting(self) -> bool {
        self.segments > 32 || self.deltas > (self.base / 4).max(4096)
    }
}

/// A folder's entries from its segments in ascending order.
///
/// `written` is how many entries there were after the last settlement, where that is known.
pub(crate) fn read_segments(
    folder: &FolderPath,
    segments: &[SegmentRow],
    written: Option<i64>,
) -> Result<FolderLedger, LedgerError> {
    let damaged = |what: String| LedgerError::Damaged { folder: folder.to_string(), what };
    let mut ledger = FolderLedger::new();
    let first = segments.first().filter(|first| first.is_base).map_or(1, |base| base.number);
    for (segment, expected) in segments.iter().zip(first..) {
        if segment.number != expected {
            return Err(damaged(format!("segment {expected} is not there")));
        }
        codec::apply(&segment.bytes, &mut ledger).map_err(|error| match error {
            CodecError::Newer { found } => LedgerError::Newer { found: found.into(), known: codec::VERSION.into() },
            error => damaged(format!("segment {}: {error}", segment.number)),
        })?;
    }
    match written {
        Some(written) if i64::try_from(ledger.len()) != Ok(written) => {
            Err(damaged(format!("{} entries were read where {written} were written", ledger.len())))
        }
        _ => Ok(ledger),
    }
}

/// What is known of a folder's entries without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Number of entries; `None` until somebody reads and counts them.
    pub messages: Option<i64>,
    /// No entry has had a higher source UID since the folder was last empty.
    pub highest: i64,
}

impl Tally {
    /// Of a folder without entries. UIDs begin with 1.
    pub(crate) const EMPTY: Self = Self { messages: Some(0), highest: 0 };

    /// What is known after a settlement. A first pass only appends, and stays counted; what might replace or
    /// remove an entry, or not, makes the number unknown.
    pub(crate) fn after(self, settlement: &Settlement) -> Self {
        let mut tally = if settlement.forget { Self::EMPTY } else { self };
        if !settlement.removed.is_empty() && tally.messages != Some(0) {
            tally.messages = None;
        }
        for entry in &settlement.entries {
            match entry.source {
                MessageId::Uid(uid) if i64::from(uid) > tally.highest => {
                    tally.highest = uid.into();
                    tally.messages = tally.messages.map(|messages| messages + 1);
                }
                _ => tally.messages = None,
            }
        }
        tally
    }
}

/// Whether a settlement says anything about entries beyond forgetting them.
pub(crate) fn touches_entries(settlement: &Settlement) -> bool {
    !(settlement.removed.is_empty() && settlement.entries.is_empty() && settlement.flags.is_empty())
}

/// A message id as text: a number, or a string in quotes (JSON).
pub(crate) fn id_text(id: &MessageId) -> Result<String, LedgerError> {
    serde_json::to_string(id).map_err(|source| LedgerError::Store { doing: "written", source: source.into() })
}

/// Reads what [`id_text`] writes.
pub(crate) fn read_id(folder: &FolderPath, text: &str) -> Result<MessageId, LedgerError> {
    serde_json::from_str(text).map_err(|error| LedgerError::Damaged {
        folder: folder.to_string(),
        what: format!("an exception has no readable id: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use limosa_model::Flags;
    use limosa_model::ledger::Entry;

    use super::*;

    fn settlement(sources: &[MessageId]) -> Settlement {
        let entry =
            |source: &MessageId| Entry { source: source.clone(), target: MessageId::Uid(1), flags: Flags::default() };
        Settlement { entries: sources.iter().map(entry).collect(), ..Settlement::default() }
    }

    #[test]
    fn only_what_is_certain_is_counted() {
        let check = |before: Tally, settlement: &Settlement, messages: Option<i64>, highest: i64| {
            assert_eq!(before.after(settlement), Tally { messages, highest });
        };
        let some = Tally { messages: Some(3), highest: 9 };
        let uids = |uids: &[u32]| settlement(&uids.iter().copied().map(MessageId::Uid).collect::<Vec<_>>());
        check(Tally::EMPTY, &uids(&[1, 2, 7]), Some(3), 7);
        check(some, &uids(&[10, 11]), Some(5), 11);
        check(some, &uids(&[9]), None, 9);
        check(some, &uids(&[11, 10]), None, 11);
        check(some, &settlement(&[MessageId::Key("k".into())]), None, 9);
        check(some, &Settlement { removed: vec![MessageId::Uid(1)], ..Settlement::default() }, None, 9);
        check(some, &Settlement { forget: true, ..uids(&[4]) }, Some(1), 4);
        check(Tally { messages: None, highest: 9 }, &uids(&[10]), None, 10);
    }

    #[test]
    fn small_deltas_wait_and_many_do_not() {
        let check = |base, deltas, segments, expected| {
            assert_eq!(SegmentSizes { base, deltas, segments }.worth_compacting(), expected);
        };
        check(0, 4096, 32, false);
        check(0, 4097, 2, true);
        check(100_000, 25_000, 9, false);
        check(100_000, 25_001, 9, true);
        check(100_000, 10, 33, true);
    }
}
