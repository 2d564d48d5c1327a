//! What waits to be sent, in which pieces, and where it must wait for the server's `+`.

use std::collections::VecDeque;
use std::io::IoSlice;

use bytes::{Buf, Bytes, BytesMut};
use limosa_imap::Tag;

/// Shorter pieces are copied together: an own slice costs more than the copy, and a short slice of a large read buffer
/// would keep all of that buffer in memory.
const COPIED: usize = 8 * 1024;

/// Copied pieces are gathered up to this length.
const GATHERED: usize = 64 * 1024;

/// Bytes of commands in the order in which they go out.
#[derive(Default)]
pub(crate) struct SendQueue {
    segments: VecDeque<Segment>,
    gathering: BytesMut,
    /// Whose bytes are being gathered.
    gathering_for: Option<Tag>,
    bytes: usize,
    /// A command that was answered while it waited for its `+`: the rest of it must not be sent.
    cancelled: Option<Tag>,
    /// Commands that were answered before their last wait was reached: no `+` will come for it.
    answered: Vec<Tag>,
}

enum Segment {
    Data(Tag, Bytes),
    /// Nothing behind it may go before the server has said `+`.
    Wait(Tag),
}

impl SendQueue {
    /// Adds bytes of a command.
    pub(crate) fn push(&mut self, tag: Tag, data: Bytes) {
        if data.is_empty() || self.cancelled == Some(tag) {
            return;
        }
        if data.len() < COPIED {
            self.push_slice(tag, &data);
            return;
        }
        self.gathered();
        self.bytes += data.len();
        self.segments.push_back(Segment::Data(tag, data));
    }

    /// Adds a copy of bytes of a command.
    pub(crate) fn push_slice(&mut self, tag: Tag, data: &[u8]) {
        if data.is_empty() || self.cancelled == Some(tag) {
            return;
        }
        let room = self.gathering.capacity() - self.gathering.len();
        if self.gathering_for != Some(tag) || self.gathering.len() + data.len() > GATHERED || room < data.len() {
            self.gathered();
            self.gathering_for = Some(tag);
        }
        // All of it at once: growing bit by bit would move the bytes at every step.
        if self.gathering.capacity() < data.len() {
            self.gathering.reserve(GATHERED.max(data.len()));
        }
        self.bytes += data.len();
        self.gathering.extend_from_slice(data);
    }

    /// From here on the command waits for the server's `+`.
    pub(crate) fn push_wait(&mut self, tag: Tag) {
        if self.cancelled == Some(tag) {
            return;
        }
        self.gathered();
        self.segments.push_back(Segment::Wait(tag));
        self.pass_vain_waits();
    }

    /// The server said `+`; false if nothing waits for it.
    pub(crate) fn go_on(&mut self) -> bool {
        let waits = matches!(self.segments.front(), Some(Segment::Wait(_)));
        if waits {
            self.segments.pop_front();
            self.pass_vain_waits();
        }
        waits
    }

    /// The command was answered. What goes before its next wait is sent, since the server counts on it; when it comes to
    /// that wait, none of the rest will be sent, now or later.
    pub(crate) fn answered(&mut self, tag: Tag) {
        let waits = |segment: &Segment| matches!(segment, Segment::Wait(owner) if *owner == tag);
        if self.segments.iter().any(waits) {
            self.answered.push(tag);
            self.pass_vain_waits();
        }
    }

    /// Drops what waits for a `+` that cannot come.
    fn pass_vain_waits(&mut self) {
        while let Some(Segment::Wait(tag)) = self.segments.front() {
            let tag = *tag;
            let Some(index) = self.answered.iter().position(|answered| *answered == tag) else { return };
            self.answered.swap_remove(index);
            self.gathered();
            self.cancelled = Some(tag);
            self.segments.retain(|segment| match segment {
                Segment::Data(owner, data) if *owner == tag => {
                    self.bytes -= data.len();
                    false
                }
                Segment::Wait(owner) => *owner != tag,
                Segment::Data(..) => true,
            });
        }
    }

    /// Bytes that have not gone out, those behind a wait included.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Whether something can be sent now.
    pub(crate) fn can_send(&self) -> bool {
        match self.segments.front() {
            Some(segment) => matches!(segment, Segment::Data(..)),
            None => !self.gathering.is_empty(),
        }
    }

    /// Fills `slices` with what can be sent now; how many were filled.
    pub(crate) fn slices<'a>(&'a mut self, slices: &mut [IoSlice<'a>]) -> usize {
        self.gathered();
        let ready = self.segments.iter().map_while(|segment| match segment {
            Segment::Data(_, data) => Some(data),
            Segment::Wait(_) => None,
        });
        let mut count = 0;
        for (slice, data) in slices.iter_mut().zip(ready) {
            *slice = IoSlice::new(data);
            count += 1;
        }
        count
    }

    /// That many bytes have gone out.
    pub(crate) fn sent(&mut self, mut count: usize) {
        self.bytes -= count;
        while count > 0 {
            let Some(Segment::Data(_, data)) = self.segments.front_mut() else {
                return;
            };
            if count < data.len() {
                data.advance(count);
                return;
            }
            count -= data.len();
            self.segments.pop_front();
        }
        self.pass_vain_waits();
    }

    /// Drops everything: the connection is lost.
    pub(crate) fn clear(&mut self) {
        *self = Self::default();
    }

    fn gathered(&mut self) {
        if let Some(tag) = self.gathering_for.take()
            && !self.gathering.is_empty()
        {
            self.segments.push_back(Segment::Data(tag, self.gathering.split().freeze()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ready(queue: &mut SendQueue) -> Vec<Vec<u8>> {
        let mut slices = [IoSlice::new(&[]); 8];
        let count = queue.slices(&mut slices);
        slices[..count].iter().map(|slice| slice.to_vec()).collect()
    }

    #[test]
    fn small_pieces_of_a_command_go_together_and_large_ones_alone() {
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"a");
        queue.push(Tag(1), Bytes::from_static(b"b"));
        queue.push(Tag(1), vec![b'c'; COPIED].into());
        queue.push_slice(Tag(1), b"d");
        assert_eq!(ready(&mut queue), [b"ab".to_vec(), vec![b'c'; COPIED], b"d".to_vec()]);
        assert_eq!(queue.len(), COPIED + 3);
        queue.sent(1);
        queue.sent(COPIED);
        assert_eq!(ready(&mut queue), [b"c".to_vec(), b"d".to_vec()]);
        queue.sent(2);
        assert!(!queue.can_send());
        assert_eq!(queue.len(), 0);
    }

    #[test]
    fn a_large_piece_is_not_copied() {
        let data = Bytes::from(vec![b'x'; COPIED]);
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"head");
        queue.push(Tag(1), data.clone());
        let mut slices = [IoSlice::new(&[]); 8];
        assert_eq!(queue.slices(&mut slices), 2);
        assert!(std::ptr::eq(slices[1].as_ptr(), data.as_ptr()));
    }

    #[test]
    fn gathered_bytes_are_not_moved_again() {
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"a");
        let place = queue.gathering.as_ptr();
        for _ in 0..GATHERED / 100 - 1 {
            queue.push_slice(Tag(1), &[b'x'; 100]);
        }
        assert!(std::ptr::eq(queue.gathering.as_ptr(), place));
    }

    #[test]
    fn nothing_passes_a_wait() {
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"head");
        queue.push_wait(Tag(1));
        queue.push_slice(Tag(1), b"body");
        queue.push_slice(Tag(2), b"next");
        assert_eq!(ready(&mut queue), [b"head"]);
        assert!(!queue.go_on());
        queue.sent(4);
        assert!(!queue.can_send());
        assert!(queue.go_on());
        assert_eq!(ready(&mut queue), [b"body", b"next"]);
    }

    #[test]
    fn the_rest_of_a_command_that_was_refused_is_never_sent() {
        let mut queue = SendQueue::default();
        queue.push_wait(Tag(1));
        queue.push_slice(Tag(1), b"body");
        queue.push_slice(Tag(2), b"next");
        queue.push_wait(Tag(2));
        queue.answered(Tag(1));
        queue.push_slice(Tag(1), b"more of the body");
        queue.push_wait(Tag(1));
        assert_eq!(ready(&mut queue), [b"next"]);
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn a_wait_of_an_answered_command_holds_nobody_up() {
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"small and {9}");
        queue.push_wait(Tag(1));
        queue.push_slice(Tag(1), b"large");
        queue.answered(Tag(1));
        queue.push_slice(Tag(2), b"next");
        assert_eq!(ready(&mut queue), [b"small and {9}"], "the server counts on it");
        queue.sent(13);
        assert!(queue.can_send());
        queue.push_slice(Tag(1), b"the end");
        assert_eq!(ready(&mut queue), [b"next"]);
        assert_eq!(queue.len(), 4);
    }

    #[test]
    fn a_command_whose_bytes_are_on_their_way_is_sent_to_its_end() {
        let mut queue = SendQueue::default();
        queue.push_slice(Tag(1), b"body");
        queue.answered(Tag(1));
        assert_eq!(ready(&mut queue), [b"body"]);
    }
}
