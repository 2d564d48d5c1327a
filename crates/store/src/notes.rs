//! Where is it noted which messages are about to be written to the target?
//!
//! In a file of its own for each pair, beside its lock: a durable transaction for every few messages would cost more than copying them. A record
//! is one `write` to the system, which keeps it when the process is killed; the disk is not waited for. The file holds what the notes in
//! memory say and some that have ended; it is emptied when all have, and written anew when most of it is of no use any more.

use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use limosa_model::folder::FolderPath;
use limosa_model::ledger::codec::{Note, decode_notes, encode_note};
use limosa_model::ledger::{Sending, Settlement};
use limosa_model::message::MessageId;

use crate::lock::private_file;

/// A file of fewer bytes is not written anew to make it shorter.
const SHORT: u64 = 64 << 10;

/// The notes of one pair.
#[derive(Debug)]
pub(crate) struct Notes {
    path: PathBuf,
    file: File,
    /// Bytes of the file that are whole records.
    length: u64,
    /// Of these, what the notes that have not ended took when the file was last written anew.
    needed: u64,
    folders: BTreeMap<FolderPath, HashSet<Sending>>,
}

impl Notes {
    /// Reads what earlier lives have noted. A record that was cut off says nothing, and neither does what follows it.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let mut file = private_file(path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let (read, length) = decode_notes(&bytes);
        let length = length as u64;
        let mut notes = Self { path: path.to_owned(), file, length, needed: 0, folders: BTreeMap::new() };
        for note in read {
            match note {
                Note::Sending(folder, messages) => notes.folders.entry(folder).or_default().extend(messages),
                Note::Ended(folder) => drop(notes.folders.remove(&folder)),
            }
        }
        notes.file.set_len(length)?;
        Ok(notes)
    }

    /// The notes of a folder that have not ended.
    pub(crate) fn of(&self, folder: &FolderPath) -> Vec<Sending> {
        self.folders.get(folder).into_iter().flatten().cloned().collect()
    }

    /// Notes that these messages are about to be written.
    pub(crate) fn add(&mut self, folder: &FolderPath, messages: &[Sending]) -> io::Result<()> {
        if self.length > SHORT + 2 * self.needed {
            self.write_anew()?;
        }
        self.append(&Note::Sending(folder.clone(), messages.to_vec()))?;
        match self.folders.get_mut(folder) {
            Some(notes) => notes.extend(messages.iter().cloned()),
            None => drop(self.folders.insert(folder.clone(), messages.iter().cloned().collect())),
        }
        Ok(())
    }

    /// A settlement of a folder has been written, with ids that were given under `ids`.
    pub(crate) fn settled(&mut self, folder: &FolderPath, ids: &str, settlement: &Settlement) -> io::Result<()> {
        if settlement.target_watermark.is_some() {
            return self.end(folder);
        }
        let Some(notes) = self.folders.get_mut(folder) else { return Ok(()) };
        let entries = settlement.entries.iter().map(|entry| &entry.source);
        let settled: HashSet<&MessageId> = entries.chain(&settlement.removed).collect();
        if !settled.is_empty() {
            notes.retain(|note| *note.ids != *ids || !settled.contains(&note.id));
        }
        if !notes.is_empty() {
            return Ok(());
        }
        self.folders.remove(folder);
        self.empty_if_over()
    }

    /// Ends all notes of a folder.
    pub(crate) fn end(&mut self, folder: &FolderPath) -> io::Result<()> {
        self.folders.remove(folder);
        // Settled ones may stand in the file still.
        if !self.folders.is_empty() {
            self.append(&Note::Ended(folder.clone()))?;
        }
        self.empty_if_over()
    }

    fn empty_if_over(&mut self) -> io::Result<()> {
        if self.folders.is_empty() && self.length > 0 {
            self.file.set_len(0)?;
            (self.length, self.needed) = (0, 0);
        }
        Ok(())
    }

    fn append(&mut self, note: &Note) -> io::Result<()> {
        let record = encode_note(note);
        self.file.seek(SeekFrom::Start(self.length))?;
        if let Err(error) = self.file.write_all(&record) {
            // Nothing may stand behind half a record.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += record.len() as u64;
        Ok(())
    }

    /// Puts a file in place of this one that has only what is needed. Killed on the way, either of the two is there.
    fn write_anew(&mut self) -> io::Result<()> {
        let record = |(folder, notes): (&FolderPath, &HashSet<Sending>)| {
            encode_note(&Note::Sending(folder.clone(), notes.iter().cloned().collect()))
        };
        let bytes: Vec<u8> = self.folders.iter().flat_map(record).collect();
        let path = self.path.with_extension("new");
        let mut file = private_file(&path)?;
        file.set_len(0)?;
        file.write_all(&bytes)?;
        std::fs::rename(&path, &self.path)?;
        (self.file, self.length, self.needed) = (file, bytes.len() as u64, bytes.len() as u64);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use limosa_model::ledger::{Entry, Extent, Fingerprint};
    use limosa_model::{Flags, Watermark};

    use super::*;

    const IDS: &str = "1690000000";

    fn sending(uid: u32) -> Sending {
        let print = Fingerprint {
            size: 4_000 + u64::from(uid),
            seconds: 1_600_000_000 + i64::from(uid) * 3_600,
            of: Extent::Whole,
            digest: (u64::from(uid) << 32).to_be_bytes(),
        };
        Sending { id: MessageId::Uid(uid), ids: IDS.into(), print }
    }

    fn settled(uids: impl IntoIterator<Item = u32>) -> Settlement {
        let entry = |uid| Entry { source: MessageId::Uid(uid), target: MessageId::Uid(uid), flags: Flags::default() };
        Settlement { entries: uids.into_iter().map(entry).collect(), ..Settlement::default() }
    }

    fn sorted(notes: &Notes, folder: &FolderPath) -> Vec<Sending> {
        let mut of = notes.of(folder);
        of.sort();
        of
    }

    /// 100,000 messages, noted in tens, settled in two thousands, a thousand behind.
    #[test]
    fn the_file_stays_short_and_a_message_takes_few_bytes() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let inbox = FolderPath::inbox();
        let mut notes = Notes::open(&path).unwrap();
        let (mut longest, mut appended, mut last) = (0, 0, 0);
        for first in (1..100_000).step_by(10) {
            let messages: Vec<_> = (first..first + 10).map(sending).collect();
            notes.add(&inbox, &messages).unwrap();
            let length = path.metadata().unwrap().len();
            longest = longest.max(length);
            appended += length.saturating_sub(last);
            last = length;
            if first > 3_000 && (first - 1) % 2_000 == 0 {
                notes.settled(&inbox, IDS, &settled(first - 3_000..first - 1_000)).unwrap();
            }
        }
        assert!(longest < 256 << 10, "{longest} bytes at most");
        assert!(appended < 100_000 * 24, "{appended} bytes for 100,000 messages");
        let ends = Settlement { target_watermark: Some(Watermark::new("end")), ..Settlement::default() };
        notes.settled(&inbox, IDS, &ends).unwrap();
        assert_eq!(path.metadata().unwrap().len(), 0);
    }

    #[test]
    fn written_anew_it_has_what_has_not_ended_and_goes_on() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let (inbox, other) = (FolderPath::inbox(), FolderPath::from("Other"));
        let mut notes = Notes::open(&path).unwrap();
        notes.add(&other, &[sending(7)]).unwrap();
        notes.add(&inbox, &(1..=20_000).map(sending).collect::<Vec<_>>()).unwrap();
        notes.settled(&inbox, IDS, &settled(1..=19_999)).unwrap();
        let before = path.metadata().unwrap().len();
        notes.add(&inbox, &[sending(20_001)]).unwrap();
        assert!(path.metadata().unwrap().len() < before / 100);
        let notes = Notes::open(&path).unwrap();
        assert_eq!(sorted(&notes, &inbox), [sending(20_000), sending(20_001)]);
        assert_eq!(sorted(&notes, &other), [sending(7)]);
    }

    #[test]
    fn half_a_record_is_no_note_and_what_comes_after_it_is_read() {
        use std::fs;
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notes");
        let inbox = FolderPath::inbox();
        let mut notes = Notes::open(&path).unwrap();
        notes.add(&inbox, &[sending(1)]).unwrap();
        notes.add(&inbox, &[sending(2)]).unwrap();
        drop(notes);
        let bytes = fs::read(&path).unwrap();
        fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
        let mut notes = Notes::open(&path).unwrap();
        assert_eq!(sorted(&notes, &inbox), [sending(1)]);
        notes.add(&inbox, &[sending(3)]).unwrap();
        assert_eq!(sorted(&Notes::open(&path).unwrap(), &inbox), [sending(1), sending(3)]);
    }
}
