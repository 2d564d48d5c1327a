//! The largest messages of any number, in memory for a few.

use super::report::CheckedMessage;

/// The largest messages seen, in no order.
#[derive(Debug)]
pub(super) struct Largest {
    room: usize,
    messages: Vec<CheckedMessage>,
}

impl Largest {
    /// Keeps that many.
    pub(super) fn new(room: usize) -> Self {
        Self { room, messages: Vec::with_capacity(room) }
    }

    /// Keeps the message if it is among the largest. The first seen wins among equals.
    pub(super) fn offer(&mut self, bytes: u64, message: impl FnOnce() -> CheckedMessage) {
        if self.messages.len() < self.room {
            self.messages.push(message());
            return;
        }
        if let Some(smallest) = self.messages.iter_mut().min_by_key(|message| message.bytes)
            && smallest.bytes < bytes
        {
            *smallest = message();
        }
    }

    /// The largest first.
    pub(super) fn into_sorted(mut self) -> Vec<CheckedMessage> {
        self.messages.sort_by_key(|message| std::cmp::Reverse(message.bytes));
        self.messages
    }
}

#[cfg(test)]
mod tests {
    use limosa_model::{FolderPath, MessageId};

    use super::*;

    #[test]
    fn the_largest_are_kept_in_any_order_of_arrival() {
        let mut largest = Largest::new(3);
        for (uid, bytes) in [(1, 5), (2, 90), (3, 1), (4, 70), (5, 80), (6, 2)] {
            largest.offer(bytes, || CheckedMessage { folder: FolderPath::inbox(), id: MessageId::Uid(uid), bytes });
        }
        assert_eq!(largest.into_sorted().iter().map(|message| message.bytes).collect::<Vec<_>>(), [90, 80, 70]);
    }
}
