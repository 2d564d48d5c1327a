//! Rows packed, some thousand at a time: what repeats is said once, numbers as differences, and zstd over that. Hashes, which
//! nothing can compress, stand beside it as they are.

use std::sync::Arc;

use limosa_model::{Approval, Flags, FolderPath, InternalDate, MessageId, SystemFlags};

use crate::error::EvidenceError;
use crate::frame::BLOCK;
use crate::hash::{Digest, MessageIdHash, sha256};
use crate::leaf::{self, CONTEXT, DATED, EXCEPTION, FOLDER, MESSAGE, NAMED, SOURCE_KEY, TARGET_KEY};
use crate::row::{FolderPair, FolderTotal, LeftBehind, Record, Row};
use crate::wire::{Bytes, MAX_TEXT, put_number, put_signed, put_text};

/// A block is ended at this many rows.
pub const ROWS: u32 = 4096;
/// A block is ended at this many bytes before compression, hashes aside.
const PLAIN: usize = 1 << 20;
/// The most that a reader takes: a row of the longest texts on top of a block that was almost full.
pub const MAX_PLAIN: usize = 16 << 20;
pub const MAX_ROWS: u32 = 1 << 14;
/// Bytes of a block before its packed rows: tag, and the numbers of rows, plain, packed and hash bytes.
pub const HEAD: usize = 17;
/// How hard zstd tries. Blocks are small, so that even this is far faster than reading the mail was.
const LEVEL: i32 = 12;
/// What the hashes of one message take at most.
const HASHES: usize = 44;

/// What differences are taken to: the message before, in the same block and folder.
#[derive(Clone, Debug, Default)]
struct Before {
    source: i64,
    target: i64,
    seconds: i64,
    offset: i64,
}

/// Packs rows into a block.
#[derive(Debug, Default)]
pub struct BlockBuilder {
    rows: u32,
    plain: Vec<u8>,
    hashes: Vec<u8>,
    folder: Option<Arc<FolderPair>>,
    before: Before,
    flags: Vec<Flags>,
}

impl BlockBuilder {
    /// Adds a row.
    ///
    /// # Errors
    /// [`EvidenceError::TooLong`]; nothing was added then.
    pub fn push(&mut self, row: &Row) -> Result<(), EvidenceError> {
        texts_fit(row)?;
        match row {
            Row::Message(record) => self.message(record),
            Row::Exception(left) => leaf::put_exception(left, &mut self.plain),
            Row::Folder(total) => leaf::put_total(total, &mut self.plain),
        }
        self.rows += 1;
        Ok(())
    }

    /// Whether it is time to end the block.
    pub fn is_full(&self) -> bool {
        self.rows >= ROWS || self.plain.len() >= PLAIN
    }

    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    fn message(&mut self, record: &Record) {
        if self.folder.as_ref() != Some(&record.folder) {
            self.plain.push(CONTEXT);
            put_text(&record.folder.source.to_string(), &mut self.plain);
            put_text(&record.folder.target.to_string(), &mut self.plain);
            self.folder = Some(record.folder.clone());
            self.before = Before::default();
        }
        self.plain.push(leaf::message_tag(record));
        put_id(&record.source_id, &mut self.before.source, &mut self.plain);
        put_id(&record.target_id, &mut self.before.target, &mut self.plain);
        if let Some(date) = record.internal_date {
            put_difference(date.seconds, &mut self.before.seconds, &mut self.plain);
            put_difference(date.offset_minutes.into(), &mut self.before.offset, &mut self.plain);
        }
        put_number(record.size, &mut self.plain);
        match self.flags.iter().position(|known| known.names().eq(record.flags.names())) {
            Some(index) => put_number(index as u64, &mut self.plain),
            None => {
                put_number(self.flags.len() as u64, &mut self.plain);
                leaf::put_flags(record, &mut self.plain);
                self.flags.push(record.flags.clone());
            }
        }
        self.hashes.extend_from_slice(&record.digest.0);
        if let Some(hash) = record.message_id {
            self.hashes.extend_from_slice(&hash.0);
        }
    }

    /// The block as it stands in the file; the builder is empty again.
    pub fn finish(&mut self) -> std::io::Result<Vec<u8>> {
        let packed = zstd::bulk::compress(&self.plain, LEVEL)?;
        let mut block = Vec::with_capacity(HEAD + packed.len() + self.hashes.len() + 32);
        block.push(BLOCK);
        block.extend_from_slice(&self.rows.to_le_bytes());
        for length in [self.plain.len(), packed.len(), self.hashes.len()] {
            block.extend_from_slice(&(length as u32).to_le_bytes());
        }
        block.extend_from_slice(&packed);
        block.extend_from_slice(&self.hashes);
        block.extend_from_slice(&sha256(&block));
        *self = Self::default();
        Ok(block)
    }
}

fn put_id(id: &MessageId, before: &mut i64, into: &mut Vec<u8>) {
    match id {
        MessageId::Uid(uid) => put_difference((*uid).into(), before, into),
        MessageId::Key(key) => put_text(key, into),
    }
}

/// Wraps around at the ends, since a date may be any number.
fn put_difference(number: i64, before: &mut i64, into: &mut Vec<u8>) {
    put_signed(number.wrapping_sub(*before), into);
    *before = number;
}

/// Refuses what no reader would take.
fn texts_fit(row: &Row) -> Result<(), EvidenceError> {
    let fits = |text: &str| match text.len() {
        0..=MAX_TEXT => Ok(()),
        bytes => Err(EvidenceError::TooLong { bytes }),
    };
    let id_fits = |id: &MessageId| match id {
        MessageId::Uid(_) => Ok(()),
        MessageId::Key(key) => fits(key),
    };
    match row {
        Row::Message(record) => {
            fits(&record.folder.source.to_string())?;
            fits(&record.folder.target.to_string())?;
            id_fits(&record.source_id)?;
            id_fits(&record.target_id)?;
            // All names together, since there may be any number of them.
            match record.flags.names().map(str::len).sum() {
                0..=MAX_TEXT => Ok(()),
                bytes => Err(EvidenceError::TooLong { bytes }),
            }
        }
        Row::Exception(left) => {
            id_fits(&left.id)?;
            let approval = left.approval.as_ref().map(|approval| [&approval.by, &approval.because]);
            let texts = [left.message_id.as_ref(), left.subject.as_ref(), Some(&left.code), Some(&left.reason)];
            fits(&left.folder.to_string())?;
            texts.into_iter().flatten().chain(approval.into_iter().flatten()).try_for_each(|text| fits(text))
        }
        Row::Folder(total) => {
            fits(&total.folder.source.to_string())?;
            fits(&total.folder.target.to_string())
        }
    }
}

/// The lengths that a block begins with.
#[derive(Clone, Copy, Debug)]
pub struct BlockHead {
    rows: u32,
    plain: usize,
    pub packed: usize,
    pub hashes: usize,
}

impl BlockHead {
    /// Reads them; refuses what no writer writes, before memory is spent on it.
    pub fn read(head: &[u8; HEAD]) -> Result<Self, &'static str> {
        let number = |at: usize| u32::from_le_bytes([head[at], head[at + 1], head[at + 2], head[at + 3]]);
        let (rows, [plain, packed, hashes]) = (number(1), [number(5), number(9), number(13)].map(|n| n as usize));
        if rows == 0 || rows > MAX_ROWS {
            return Err("its number of rows cannot be");
        }
        if plain > MAX_PLAIN || packed > MAX_PLAIN || hashes > rows as usize * HASHES {
            return Err("its length cannot be");
        }
        Ok(Self { rows, plain, packed, hashes })
    }

    /// Unpacks the rows; `body` is what stands between head and sum.
    pub fn rows(self, body: &[u8]) -> Result<Vec<Row>, &'static str> {
        let (packed, hashes) = body.split_at_checked(self.packed).ok_or("it ends too early")?;
        let plain = zstd::bulk::decompress(packed, self.plain).map_err(|_| "it cannot be decompressed")?;
        if plain.len() != self.plain {
            return Err("it is not as long as it says");
        }
        let mut unpacking = Unpacking {
            plain: Bytes(&plain),
            hashes: Bytes(hashes),
            folder: None,
            before: Before::default(),
            flags: Vec::new(),
        };
        let rows: Vec<Row> = (0..self.rows).map(|_| unpacking.row()).collect::<Result<_, _>>()?;
        match unpacking.plain.0.is_empty() && unpacking.hashes.0.is_empty() {
            true => Ok(rows),
            false => Err("it holds more than its rows"),
        }
    }
}

struct Unpacking<'a> {
    plain: Bytes<'a>,
    hashes: Bytes<'a>,
    folder: Option<Arc<FolderPair>>,
    before: Before,
    flags: Vec<Flags>,
}

impl Unpacking<'_> {
    fn row(&mut self) -> Result<Row, &'static str> {
        let mut tag = self.plain.byte()?;
        if tag == CONTEXT {
            self.folder = Some(self.folder_pair()?);
            self.before = Before::default();
            tag = self.plain.byte()?;
            if tag & 0x0f != MESSAGE {
                return Err("a folder is followed by no message");
            }
        }
        match tag {
            _ if tag & 0x0f == MESSAGE => self.message(tag).map(Row::Message),
            EXCEPTION => self.exception().map(Row::Exception),
            FOLDER => {
                let folder = self.folder_pair()?;
                Ok(Row::Folder(FolderTotal { folder, messages: self.plain.number()?, bytes: self.plain.number()? }))
            }
            _ => Err("a row is of no known kind"),
        }
    }

    fn folder_pair(&mut self) -> Result<Arc<FolderPair>, &'static str> {
        let source = FolderPath::from(self.plain.text()?);
        let target = FolderPath::from(self.plain.text()?);
        Ok(Arc::new(FolderPair { source, target }))
    }

    fn message(&mut self, tag: u8) -> Result<Record, &'static str> {
        let folder = self.folder.clone().ok_or("a message is in no folder")?;
        let source_id = read_id(&mut self.plain, tag & SOURCE_KEY != 0, &mut self.before.source)?;
        let target_id = read_id(&mut self.plain, tag & TARGET_KEY != 0, &mut self.before.target)?;
        let internal_date = match tag & DATED != 0 {
            true => {
                let seconds = read_difference(&mut self.plain, &mut self.before.seconds)?;
                let offset = read_difference(&mut self.plain, &mut self.before.offset)?;
                Some(date(seconds, offset)?)
            }
            false => None,
        };
        let size = self.plain.number()?;
        let flags = self.flags()?;
        let digest = Digest(self.hashes.array()?);
        let message_id = match tag & NAMED != 0 {
            true => Some(MessageIdHash(self.hashes.array()?)),
            false => None,
        };
        Ok(Record { folder, source_id, target_id, internal_date, size, digest, message_id, flags })
    }

    fn flags(&mut self) -> Result<Flags, &'static str> {
        let index = self.plain.number()?;
        if let Some(known) = usize::try_from(index).ok().and_then(|index| self.flags.get(index)) {
            return Ok(known.clone());
        }
        if index != self.flags.len() as u64 {
            return Err("flags are not known yet");
        }
        let mut system = SystemFlags::NONE;
        let mut keywords = Vec::new();
        for _ in 0..self.plain.number()? {
            let name = self.plain.text()?;
            match SystemFlags::from_name(name) {
                Some(flag) => system = system.union(flag),
                None => keywords.push(name),
            }
        }
        let flags = Flags::new(system, keywords);
        self.flags.push(flags.clone());
        Ok(flags)
    }

    fn exception(&mut self) -> Result<LeftBehind, &'static str> {
        let bytes = &mut self.plain;
        let folder = FolderPath::from(bytes.text()?);
        let is_key = is_there(bytes)?;
        let id = match is_key {
            true => MessageId::Key(bytes.text()?.into()),
            false => MessageId::Uid(uid(bytes.number()?)?),
        };
        Ok(LeftBehind {
            folder,
            id,
            message_id: optional(bytes, |bytes| bytes.text().map(str::to_owned))?,
            subject: optional(bytes, |bytes| bytes.text().map(str::to_owned))?,
            internal_date: optional(bytes, |bytes| date(bytes.signed()?, bytes.signed()?))?,
            size: optional(bytes, Bytes::number)?,
            code: bytes.text()?.to_owned(),
            reason: bytes.text()?.to_owned(),
            approval: optional(bytes, |bytes| {
                let (by, because) = (bytes.text()?.to_owned(), bytes.text()?.to_owned());
                Ok(Approval { by, because, at: bytes.signed()? })
            })?,
        })
    }
}

fn is_there(bytes: &mut Bytes<'_>) -> Result<bool, &'static str> {
    match bytes.byte()? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err("a value is neither there nor not"),
    }
}

fn optional<'a, T>(
    bytes: &mut Bytes<'a>,
    read: impl FnOnce(&mut Bytes<'a>) -> Result<T, &'static str>,
) -> Result<Option<T>, &'static str> {
    is_there(bytes)?.then(|| read(bytes)).transpose()
}

fn read_id(bytes: &mut Bytes<'_>, is_key: bool, before: &mut i64) -> Result<MessageId, &'static str> {
    match is_key {
        true => Ok(MessageId::Key(bytes.text()?.into())),
        false => Ok(MessageId::Uid(uid(read_difference(bytes, before)?)?)),
    }
}

fn uid(number: impl TryInto<u32>) -> Result<u32, &'static str> {
    number.try_into().map_err(|_| "an id is too large")
}

fn read_difference(bytes: &mut Bytes<'_>, before: &mut i64) -> Result<i64, &'static str> {
    *before = before.wrapping_add(bytes.signed()?);
    Ok(*before)
}

fn date(seconds: i64, offset: i64) -> Result<InternalDate, &'static str> {
    let offset_minutes = offset.try_into().map_err(|_| "a zone is too far away")?;
    Ok(InternalDate { seconds, offset_minutes })
}
