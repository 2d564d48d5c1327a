//! Messages: their ids, what is known of them, and how their bytes travel.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::error::ConnectorError;
use crate::flags::Flags;

/// The id of a message in one folder of one mailbox.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(untagged)]
pub enum MessageId {
    /// An IMAP UID: a number that grows with arrival (RFC 9051 §2.3.1.1).
    Uid(u32),
    /// Any other id (JMAP, Graph, Maildir): a string that knows no order.
    Key(Arc<str>),
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uid(uid) => write!(f, "{uid}"),
            Self::Key(key) => f.write_str(key),
        }
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// When the store received a message: seconds of the Unix epoch, and the zone it was written in.
///
/// Equality is of the moment alone: servers keep the moment and show it in a zone of their own.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct InternalDate {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of UTC.
    pub offset_minutes: i16,
}

impl PartialEq for InternalDate {
    fn eq(&self, other: &Self) -> bool {
        self.seconds == other.seconds
    }
}

impl Eq for InternalDate {}

/// One message in a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its id.
    pub id: MessageId,
    /// Its flags.
    pub flags: Flags,
    /// Its size in bytes by the store's word, when asked for. Some stores misstate it: never cut or refuse a message by it.
    pub size: Option<u64>,
    /// When it was received, when asked for.
    pub internal_date: Option<InternalDate>,
}

/// The header block of one message, for telling by content which message it is.
#[derive(Clone, Debug)]
pub struct HeaderItem {
    /// The message.
    pub id: MessageId,
    /// Its flags.
    pub flags: Flags,
    /// Its size in bytes by the store's word.
    pub size: u64,
    /// When it was received.
    pub internal_date: Option<InternalDate>,
    /// The header block as stored, the empty line after it included where there is one.
    pub header: Bytes,
}

/// What goes before a message's bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// The message's id on the source.
    pub id: MessageId,
    /// Its flags: on the way out of a source as they stand there; on the way into a target only those that it keeps.
    pub flags: Flags,
    /// When it was received; `None` where the store does not know (a broken INTERNALDATE): the target then sets its own.
    pub internal_date: Option<InternalDate>,
    /// Exact number of body bytes that follow; `None` where the store can tell only at the end (chunked HTTP).
    pub size: Option<u64>,
}

/// A message under way: one `Head`, any number of `Body`, one `End`.
#[derive(Clone, Debug)]
pub enum Piece {
    /// A message begins.
    Head(Head),
    /// Some of its bytes, at most 256 KiB at a time.
    Body(Bytes),
    /// It is whole: every byte has come, and the store has confirmed it.
    End,
}

/// Ids of messages of one folder. UIDs are kept as ranges, so that a folder of any size costs little.
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct IdList {
    ranges: Vec<(u32, u32)>,
    keys: Vec<Arc<str>>,
}

impl IdList {
    /// No ids.
    pub fn new() -> Self {
        Self::default()
    }

    /// All UIDs from `first` to `last`, both included.
    pub fn uid_range(first: u32, last: u32) -> Self {
        let mut list = Self::new();
        list.push_uids(first, last);
        list
    }

    /// Adds one id. Cheap when UIDs come in ascending order.
    pub fn push(&mut self, id: MessageId) {
        match id {
            MessageId::Uid(uid) => self.push_uids(uid, uid),
            MessageId::Key(key) => self.keys.push(key),
        }
    }

    /// Adds the UIDs from `first` to `last`, both included; nothing when `first > last`.
    pub fn push_uids(&mut self, first: u32, last: u32) {
        if first > last {
            return;
        }
        match self.ranges.last_mut() {
            Some((_, end)) if end.checked_add(1) == Some(first) => *end = last,
            _ => self.ranges.push((first, last)),
        }
    }

    /// Number of ids.
    pub fn len(&self) -> u64 {
        let uids: u64 = self.ranges.iter().map(|(first, last)| u64::from(last - first) + 1).sum();
        uids + self.keys.len() as u64
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty() && self.keys.is_empty()
    }

    /// The UIDs as ranges, both ends included, in the order they were added.
    pub fn uid_ranges(&self) -> &[(u32, u32)] {
        &self.ranges
    }

    /// The ids that are not UIDs.
    pub fn keys(&self) -> &[Arc<str>] {
        &self.keys
    }

    /// Whether the id is in the list. Takes time in proportion to the number of ranges and keys.
    pub fn contains(&self, id: &MessageId) -> bool {
        match id {
            MessageId::Uid(uid) => self.ranges.iter().any(|(first, last)| (first..=last).contains(&uid)),
            MessageId::Key(key) => self.keys.contains(key),
        }
    }

    /// Every id. Beware of ranges that a server made up (`VANISHED 1:4294967295`): ask [`IdList::len`] first.
    pub fn iter(&self) -> impl Iterator<Item = MessageId> + '_ {
        let uids = self.ranges.iter().flat_map(|&(first, last)| (first..=last).map(MessageId::Uid));
        uids.chain(self.keys.iter().cloned().map(MessageId::Key))
    }

    /// Leaves the first `at` ids, and answers the others.
    #[must_use = "the ids after the first ones would be lost"]
    pub fn split_off(&mut self, at: u64) -> Self {
        let (mut rest, mut room) = (Self::new(), at);
        for (first, last) in std::mem::take(&mut self.ranges) {
            let here = room.min(u64::from(last - first) + 1);
            room -= here;
            // No more than the range has, so within its numbers.
            let here = here as u32;
            if here > 0 {
                self.push_uids(first, first + (here - 1));
            }
            if here <= last - first {
                rest.push_uids(first + here, last);
            }
        }
        let keys = usize::try_from(room).unwrap_or(usize::MAX).min(self.keys.len());
        rest.keys = self.keys.split_off(keys);
        rest
    }

    /// Cuts the list into lists of at most `size` ids each, in order.
    ///
    /// # Panics
    /// If `size` is 0.
    pub fn chunks(&self, size: u32) -> Vec<Self> {
        assert!(size > 0, "a chunk holds at least one id");
        let mut chunks = Vec::new();
        let mut current = Self::new();
        let mut room = size;
        for &(mut first, last) in &self.ranges {
            loop {
                let end = last.min(first.saturating_add(room - 1));
                current.push_uids(first, end);
                room -= end - first + 1;
                if room == 0 {
                    chunks.push(std::mem::take(&mut current));
                    room = size;
                }
                if end == last {
                    break;
                }
                first = end + 1;
            }
        }
        for key in &self.keys {
            current.keys.push(key.clone());
            room -= 1;
            if room == 0 {
                chunks.push(std::mem::take(&mut current));
                room = size;
            }
        }
        if !current.is_empty() {
            chunks.push(current);
        }
        chunks
    }
}

impl FromIterator<MessageId> for IdList {
    fn from_iter<I: IntoIterator<Item = MessageId>>(ids: I) -> Self {
        let mut list = Self::new();
        list.extend(ids);
        list
    }
}

impl Extend<MessageId> for IdList {
    fn extend<I: IntoIterator<Item = MessageId>>(&mut self, ids: I) {
        for id in ids {
            self.push(id);
        }
    }
}

/// What became of one message given to a [`Writer`](crate::mailbox::Writer).
#[derive(Debug)]
pub struct Receipt {
    /// The id in the message's [`Head`].
    pub id: MessageId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What a target did with one message.
#[derive(Debug)]
pub enum Outcome {
    /// It stands on the target, durably by the target's own word. `None` where the target does not say under which id.
    Stored(Option<MessageId>),
    /// The target will not have this message: too big, malformed in its eyes. It was not stored.
    Refused(ConnectorError),
    /// It was not stored because another message of its batch was refused: write it again, alone.
    RolledBack,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ascending_uids_become_ranges() {
        let list: IdList = [1, 2, 3, 7, 8, 20].map(MessageId::Uid).into_iter().collect();
        assert_eq!(list.uid_ranges(), [(1, 3), (7, 8), (20, 20)]);
        assert_eq!(list.len(), 6);
    }

    #[test]
    fn a_list_is_split_anywhere() {
        let mut whole = IdList::uid_range(1, 3);
        whole.push_uids(7, 9);
        whole.push(MessageId::Key("a".into()));
        whole.push(MessageId::Key("b".into()));
        for at in 0..=whole.len() + 1 {
            let mut first = whole.clone();
            let rest = first.split_off(at);
            assert_eq!(first.len(), at.min(whole.len()), "at {at}");
            assert_eq!(
                first.iter().chain(rest.iter()).collect::<Vec<_>>(),
                whole.iter().collect::<Vec<_>>(),
                "at {at}"
            );
        }
        let mut all = IdList::uid_range(0, u32::MAX);
        assert_eq!(all.split_off(5).uid_ranges(), [(5, u32::MAX)]);
        assert_eq!(all.uid_ranges(), [(0, 4)]);
    }

    #[test]
    fn chunks_hold_every_id_once() {
        let mut list = IdList::uid_range(1, 10);
        list.push_uids(20, 24);
        list.push(MessageId::Key("k".into()));
        let chunks = list.chunks(4);
        assert_eq!(chunks.iter().map(IdList::len).collect::<Vec<_>>(), [4, 4, 4, 4]);
        let joined: IdList = chunks.iter().flat_map(IdList::iter).collect();
        assert_eq!(joined, list);
    }

    #[test]
    fn the_whole_uid_space_is_one_range() {
        let list = IdList::uid_range(1, u32::MAX);
        assert_eq!(list.len(), u64::from(u32::MAX));
        assert_eq!(list.chunks(u32::MAX).len(), 1);
    }
}
