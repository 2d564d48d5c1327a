//! Made-up messages to write: as large as the mailbox's own, and with nothing of what those say.

use bytes::Bytes;
use limosa_model::mailbox::Limits;
use limosa_model::{Flags, Head, InternalDate, MessageId, Piece};

/// Sizes of messages where the source has none to go by, in bytes.
const SIZE: u64 = 10_000;
/// Bytes that are written at most, over one connection and over several together.
const BYTES: u64 = 128 << 20;
/// A message is no larger: huge ones say no more of how fast bytes go, and would take long where that is slow.
const LARGEST: u64 = 1 << 20;
/// This part of the room under a quota is used at most.
const ROOM: u64 = 4;

/// A line of the bodies, line end included; lines of bodies that were made up, one after another.
const LINE: usize = 78;
const LINES: usize = 3_000;

/// When the first of them is said to have been received: 2020-01-01. Each further one comes a second later.
const RECEIVED: i64 = 1_577_836_800;
/// No measurement makes so many.
const MOST: i64 = 100_000;

/// Whether a message received then may be one of ours.
pub(super) fn is_received_by_us(date: InternalDate) -> bool {
    (RECEIVED..RECEIVED + MOST).contains(&date.seconds)
}

/// One message as pieces.
pub(super) type Letter = Vec<Piece>;

/// An endless supply of messages, as far as there is room for them.
pub(super) struct Letters {
    sizes: Vec<u64>,
    /// Bytes that may still be written.
    room: u64,
    made: u32,
    text: Bytes,
}

impl Letters {
    /// Of these sizes in turn, but for those that the target would not take; huge ones are made smaller.
    pub(super) fn new(sizes: impl Iterator<Item = u64>, limits: &Limits) -> Self {
        let most = limits.message_bytes.unwrap_or(u64::MAX);
        let mut sizes: Vec<u64> = sizes.filter(|size| *size <= most).map(|size| size.min(LARGEST)).collect();
        if sizes.is_empty() {
            sizes.push(SIZE.min(most));
        }
        let room = limits.room_bytes.map_or(BYTES, |room| BYTES.min(room / ROOM));
        Self { sizes, room, made: 0, text: text() }
    }

    /// Up to so many messages, with so many bytes together; none if there is no more room. At least one where there is.
    pub(super) fn take(&mut self, messages: usize, bytes: u64) -> Vec<Letter> {
        let mut letters = Vec::new();
        let mut left = bytes;
        while letters.len() < messages {
            let size = self.sizes[self.made as usize % self.sizes.len()];
            if size > self.room || (size > left && !letters.is_empty()) {
                break;
            }
            self.room -= size;
            left = left.saturating_sub(size);
            letters.push(self.letter(size));
        }
        letters
    }

    /// About that many bytes: whole lines, and a header.
    fn letter(&mut self, size: u64) -> Letter {
        self.made += 1;
        let number = self.made;
        let header = format!(
            "From: Limosa <limosa@localhost>\r\nTo: Limosa <limosa@localhost>\r\nSubject: Limosa speed test {number}\r\n\
             Message-ID: <{number}.speed@limosa.invalid>\r\nDate: Wed, 1 Jan 2020 00:00:00 +0000\r\n\r\n"
        );
        let mut lines = (size as usize).saturating_sub(header.len()) / LINE;
        let total = (header.len() + lines * LINE) as u64;
        let date = InternalDate { seconds: RECEIVED + i64::from(number), offset_minutes: 0 };
        let head =
            Head { id: MessageId::Uid(number), flags: Flags::default(), internal_date: Some(date), size: Some(total) };
        let mut letter = vec![Piece::Head(head), Piece::Body(header.into())];
        // Each begins elsewhere, so that no two of them are alike.
        let mut line = number as usize * 7 % LINES;
        while lines > 0 {
            let count = lines.min(LINES - line);
            letter.push(Piece::Body(self.text.slice(line * LINE..(line + count) * LINE)));
            lines -= count;
            line = 0;
        }
        letter.push(Piece::End);
        letter
    }
}

/// Bytes of a message.
pub(super) fn size(letter: &Letter) -> u64 {
    letter.iter().map(|piece| if let Piece::Body(bytes) = piece { bytes.len() as u64 } else { 0 }).sum()
}

/// Lines that look like an attachment's and do not compress much better.
fn text() -> Bytes {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    // Xorshift (Marsaglia 2003), from any number but 0.
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut text = Vec::with_capacity(LINES * LINE);
    for _ in 0..LINES {
        for _ in 0..LINE - 2 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(DIGITS[(state >> 58) as usize]);
        }
        text.extend_from_slice(b"\r\n");
    }
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sizes(letters: &[Letter]) -> Vec<u64> {
        letters.iter().map(size).collect()
    }

    #[test]
    fn letters_are_as_large_as_was_asked_but_for_a_line() {
        let mut letters = Letters::new([5_000, 400_000, 50 << 20].into_iter(), &Limits::default());
        let sizes = sizes(&letters.take(4, u64::MAX));
        for (size, wanted) in sizes.into_iter().zip([5_000, 400_000, LARGEST, 5_000]) {
            assert!(size <= wanted && wanted - size < LINE as u64, "{size} for {wanted}");
        }
    }

    #[test]
    fn letters_tell_their_size_and_are_no_two_alike() {
        let letters = Letters::new([300, 3_000].into_iter(), &Limits::default()).take(50, u64::MAX);
        let mut seen = std::collections::BTreeSet::new();
        for letter in &letters {
            let Piece::Head(head) = &letter[0] else { panic!("no head first") };
            assert_eq!(head.size, Some(size(letter)));
            assert!(head.internal_date.is_some_and(is_received_by_us));
            assert!(matches!(letter.last(), Some(Piece::End)));
            let bytes: Vec<u8> = letter
                .iter()
                .flat_map(|piece| if let Piece::Body(bytes) = piece { bytes.to_vec() } else { Vec::new() })
                .collect();
            assert!(bytes.ends_with(b"\r\n"));
            assert!(seen.insert(bytes));
        }
    }

    #[test]
    fn what_the_target_would_not_take_is_not_made() {
        let limits = Limits { message_bytes: Some(1_000), room_bytes: Some(10_000), ..Limits::default() };
        let mut letters = Letters::new([900, 2_000].into_iter(), &limits);
        assert_eq!(letters.take(100, u64::MAX).len(), 2, "a quarter of the room");
        assert!(letters.take(1, u64::MAX).is_empty());
        let mut large = Letters::new([50_000].into_iter(), &Limits::default());
        assert_eq!(large.take(100, 10).len(), 1, "one at least");
        assert_eq!(large.take(100, 120_000).len(), 2);
    }
}
