//! What the messages copied in this pass should look like on the target: sizes and internal dates, in a few bytes each.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use limosa_model::{InternalDate, Item, MessageId};

/// Sizes and internal dates of messages by target id, as two 32-bit digests each: enough to notice a difference.
#[derive(Debug, Default)]
pub struct Expected {
    uids: HashMap<u32, (u32, u32)>,
    keys: HashMap<Arc<str>, (u32, u32)>,
}

/// How a message differs from what was sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Difference {
    /// The target states another size.
    Size,
    /// It bears another internal date.
    Date,
}

impl Expected {
    /// A message was stored under this id.
    pub fn stored(&mut self, target: &MessageId, size: u64, date: Option<InternalDate>) {
        let both = (digest(&size), date.map_or(0, |date| digest(&date.seconds)));
        match target {
            MessageId::Uid(uid) => self.uids.insert(*uid, both),
            MessageId::Key(key) => self.keys.insert(key.clone(), both),
        };
    }

    /// Adds what is expected elsewhere.
    pub fn extend(&mut self, other: Self) {
        self.uids.extend(other.uids);
        self.keys.extend(other.keys);
    }

    /// Whether anything was stored.
    pub fn is_empty(&self) -> bool {
        self.uids.is_empty() && self.keys.is_empty()
    }

    /// How the message that the target lists differs from what was stored under its id, if it does and something was.
    pub fn difference(&self, item: &Item) -> Option<Difference> {
        let (size, date) = match &item.id {
            MessageId::Uid(uid) => self.uids.get(uid)?,
            MessageId::Key(key) => self.keys.get(key)?,
        };
        if item.size.is_some_and(|listed| digest(&listed) != *size) {
            return Some(Difference::Size);
        }
        // A message without a date got one from the target.
        let other_date = *date != 0 && item.internal_date.is_some_and(|listed| digest(&listed.seconds) != *date);
        other_date.then_some(Difference::Date)
    }
}

/// Never 0, which stands for "not known".
fn digest(value: &impl Hash) -> u32 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    (hasher.finish() >> 32) as u32 | 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(size: u64, seconds: i64) -> Item {
        let internal_date = Some(InternalDate { seconds, offset_minutes: 60 });
        Item { id: MessageId::Uid(7), flags: Default::default(), size: Some(size), internal_date }
    }

    #[test]
    fn differences_are_noticed_and_zones_are_none() {
        let mut expected = Expected::default();
        expected.stored(&MessageId::Uid(7), 100, Some(InternalDate { seconds: 5, offset_minutes: 0 }));
        assert_eq!(expected.difference(&item(100, 5)), None);
        assert_eq!(expected.difference(&item(101, 5)), Some(Difference::Size));
        assert_eq!(expected.difference(&item(100, 6)), Some(Difference::Date));
        assert_eq!(expected.difference(&Item { id: MessageId::Uid(8), ..item(1, 1) }), None);
    }
}
