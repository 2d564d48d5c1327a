//! Notes of messages under way as bytes: records that are appended to a file one after the other.
//!
//! # Format 1
//!
//! A record; numbers, signed numbers and text are as in a segment:
//!
//! | part | content |
//! |---|---|
//! | length | how many bytes follow, as a number |
//! | version | one byte: 1 |
//! | kind | one byte: 0 messages are sent, 1 all notes of the folder end |
//! | folder | text |
//! | messages | until the checksum; for each: its id as in *others* of a segment; `4 × size + 2 × other + header`; if `other` is 1, under what the id was given, as text: else as the one before, which is empty at first; the seconds of its internal date, signed, less those of the one before; 8 bytes of digest, which is of the header block alone if `header` is 1 |
//! | checksum | the first 4 bytes of the BLAKE3 hash of all before but the length |

use std::sync::Arc;

use super::read::{Reader, unsealed};
use super::write::{self, number, sealed, text, zigzag};
use super::{CodecError, VERSION};
use crate::folder::FolderPath;
use crate::ledger::{Extent, Fingerprint, Sending};

const SENT: u8 = 0;
const ENDED: u8 = 1;

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// These messages of a source folder are about to be written.
    Sending(FolderPath, Vec<Sending>),
    /// What was noted of this folder has ended.
    Ended(FolderPath),
}

/// One record.
pub fn encode_note(note: &Note) -> Vec<u8> {
    let (kind, folder, messages) = match note {
        Note::Sending(folder, messages) => (SENT, folder, messages.as_slice()),
        Note::Ended(folder) => (ENDED, folder, &[][..]),
    };
    let mut content = vec![VERSION, kind];
    text(&folder.to_string(), &mut content);
    let (mut side, mut under, mut last) = (write::Side::default(), "", 0_i64);
    for Sending { id, ids, print } in messages {
        side.id(id, &mut content);
        let is_other = **ids != *under;
        number(print.size << 2 | u64::from(is_other) << 1 | u64::from(print.of == Extent::Header), &mut content);
        if is_other {
            text(ids, &mut content);
            under = ids;
        }
        number(zigzag(print.seconds.wrapping_sub(last)), &mut content);
        content.extend_from_slice(&print.digest);
        last = print.seconds;
    }
    let content = sealed(content);
    let mut record = Vec::with_capacity(content.len() + 3);
    number(content.len() as u64, &mut record);
    record.extend_from_slice(&content);
    record
}

/// Reads records as far as they are whole; answers how many bytes these have. What follows was cut off while it was written, or is
/// damaged: nothing is known of it.
pub fn decode_notes(bytes: &[u8]) -> (Vec<Note>, usize) {
    let mut notes = Vec::new();
    let mut rest = bytes;
    while let Ok((note, after)) = record(rest) {
        notes.push(note);
        rest = after;
    }
    (notes, bytes.len() - rest.len())
}

fn record(bytes: &[u8]) -> Result<(Note, &[u8]), CodecError> {
    let mut reader = Reader::new(bytes, "note's length");
    let length = reader.count(1)?;
    let (content, after) = reader.rest().split_at(length);
    let mut reader = Reader::new(unsealed(content)?, "note");
    if reader.byte()? != VERSION {
        return Err(reader.nonsense("it has another format"));
    }
    let kind = reader.byte()?;
    let folder = FolderPath::from(reader.text()?);
    let note = match kind {
        SENT => Note::Sending(folder, reader.sent()?),
        ENDED => Note::Ended(folder),
        _ => return Err(reader.nonsense("there is no such kind of note")),
    };
    Ok((note, after))
}

impl Reader<'_> {
    fn sent(&mut self) -> Result<Vec<Sending>, CodecError> {
        let (mut side, mut ids, mut last) = ((0, String::new()), Arc::<str>::default(), 0_i64);
        let mut messages = Vec::new();
        while !self.rest().is_empty() {
            let id = self.id(&mut side)?;
            let size = self.number()?;
            let of = if size & 1 == 0 { Extent::Whole } else { Extent::Header };
            if size & 2 != 0 {
                ids = self.text()?.into();
            }
            last = last.wrapping_add(self.signed()?);
            let mut digest = [0; 8];
            for byte in &mut digest {
                *byte = self.byte()?;
            }
            let print = Fingerprint { size: size >> 2, seconds: last, of, digest };
            messages.push(Sending { id, ids: ids.clone(), print });
        }
        Ok(messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::MessageId;

    fn sending(id: MessageId, size: u64, seconds: i64, of: Extent) -> Sending {
        let ids = if seconds < 0 { "F1" } else { "F2 ä" };
        Sending { id, ids: ids.into(), print: Fingerprint { size, seconds, of, digest: *b"8 bytes." } }
    }

    fn notes() -> Vec<Note> {
        let key = |key: &str| MessageId::Key(key.into());
        vec![
            Note::Sending(
                "Arbeit/Größe".into(),
                vec![
                    sending(MessageId::Uid(u32::MAX), 0, i64::MIN, Extent::Header),
                    sending(MessageId::Uid(1), u64::MAX >> 2, i64::MAX, Extent::Whole),
                    sending(key("1735689600.M1P2.høst:2,S"), 4_000, 1_600_000_000, Extent::Whole),
                    sending(key("1735689600.M1P3.høst:2,S"), 4_001, 1_600_000_001, Extent::Whole),
                ],
            ),
            Note::Ended(FolderPath::inbox()),
            Note::Sending(FolderPath::inbox(), Vec::new()),
        ]
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes: Vec<u8> = notes().iter().flat_map(encode_note).collect();
        assert_eq!(decode_notes(&bytes), (notes(), bytes.len()));
    }

    #[test]
    fn cut_off_anywhere_the_whole_records_before_are_read() {
        let records: Vec<Vec<u8>> = notes().iter().map(encode_note).collect();
        let bytes = records.concat();
        for cut in 0..bytes.len() {
            let mut whole = 0;
            let read = records.iter().take_while(|record| {
                let fits = whole + record.len() <= cut;
                whole += if fits { record.len() } else { 0 };
                fits
            });
            let expect = notes()[..read.count()].to_vec();
            assert_eq!(decode_notes(&bytes[..cut]), (expect, whole), "cut at {cut}");
        }
    }

    #[test]
    fn a_record_with_a_bit_flipped_ends_what_is_read() {
        let first = encode_note(&notes()[0]);
        let bytes = [first.clone(), encode_note(&notes()[1])].concat();
        for bit in first.len() * 8..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_notes(&flipped), (notes()[..1].to_vec(), first.len()), "bit {bit}");
        }
    }
}
