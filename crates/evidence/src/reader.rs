//! Reading evidence: a row at a time, and believed only at its end.

use std::fs::File;
use std::io::{BufReader, ErrorKind, Read};
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::block::{self, BlockHead};
use crate::error::EvidenceError;
use crate::frame::{BLOCK, Counts, FOOTER, FOOTER_LENGTH, Footer, Header, MAX_HEADER, decode_head, readable};
use crate::hash::{MessageIdHash, Node, Root, sha256};
use crate::key::PublicKey;
use crate::row::{Record, Row};
use crate::tree::Tree;

/// How many messages of one Message-ID are proven at once.
const FOLLOWED: usize = 100;

/// A record that was followed: its place among the leaves, and the path from there to the root.
pub type Followed = (u64, Record, Vec<Node>);

/// Reads a file's rows. **What it hands over is not to be believed before it has answered `None`**: only then sums, root, counts
/// and signature have all been found to agree. [`check`] first, where that matters.
#[derive(Debug)]
pub struct Reader<R = BufReader<File>> {
    input: Input<R>,
    head: Vec<u8>,
    header: Header,
    rows: std::vec::IntoIter<Row>,
    blocks: u64,
    tree: Tree,
    seen: Counts,
    wanted: Option<MessageIdHash>,
    followed: Vec<Record>,
    not_followed: u64,
    end: Option<End>,
}

/// What was found at the end of a file that agrees with itself.
#[derive(Clone, Debug)]
pub struct End {
    /// The footer.
    pub footer: Footer,
    /// Its signature, found valid.
    pub signature: [u8; 64],
    /// Records of the Message-ID that was asked for.
    pub followed: Vec<Followed>,
    /// How many more there were.
    pub not_followed: u64,
}

#[derive(Debug)]
struct Input<R> {
    path: PathBuf,
    bytes: R,
}

impl<R: Read> Input<R> {
    fn fill(&mut self, into: &mut [u8], part: impl Fn() -> String) -> Result<(), EvidenceError> {
        self.bytes.read_exact(into).map_err(|error| match error.kind() {
            ErrorKind::UnexpectedEof => EvidenceError::Truncated { part: part() },
            _ => EvidenceError::file(&self.path, "read", error),
        })
    }
}

impl Reader {
    /// Opens a file and reads its header.
    ///
    /// # Errors
    /// If it cannot be opened, or its header cannot be believed.
    pub fn open(path: &Path) -> Result<Self, EvidenceError> {
        let file = File::open(path).map_err(|error| EvidenceError::file(path, "opened", error))?;
        Self::of(path, BufReader::with_capacity(1 << 16, file))
    }
}

impl<R: Read> Reader<R> {
    /// Reads from anything; `path` is for errors.
    ///
    /// # Errors
    /// If its header cannot be believed.
    pub fn of(path: &Path, bytes: R) -> Result<Self, EvidenceError> {
        let mut input = Input { path: path.to_owned(), bytes };
        let part = || "the header".to_owned();
        let mut head = vec![0; 14];
        // A file too short to tell what it is is cut off if it began as evidence does.
        input.fill(&mut head[..8], part)?;
        if &head[..8] != crate::frame::MAGIC {
            return Err(EvidenceError::NotEvidence);
        }
        input.fill(&mut head[8..14], part)?;
        readable(u16::from_le_bytes([head[8], head[9]]))?;
        let length = u32::from_le_bytes([head[10], head[11], head[12], head[13]]) as usize;
        if length > MAX_HEADER {
            return Err(EvidenceError::damaged(part(), "its length cannot be"));
        }
        head.resize(14 + length, 0);
        input.fill(&mut head[14..], part)?;
        let mut sum = [0; 32];
        input.fill(&mut sum, part)?;
        if sha256(&head) != sum {
            return Err(EvidenceError::damaged(part(), "its sum is another"));
        }
        let header = decode_head(&head)?;
        Ok(Self {
            input,
            head,
            header,
            rows: Vec::new().into_iter(),
            blocks: 0,
            tree: Tree::default(),
            seen: Counts::default(),
            wanted: None,
            followed: Vec::new(),
            not_followed: 0,
            end: None,
        })
    }

    /// Follows records of this Message-ID, so that they can be proven in the end.
    #[must_use]
    pub fn following(mut self, wanted: MessageIdHash) -> Self {
        self.wanted = Some(wanted);
        self
    }

    /// The header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Everything before the blocks, as the signature covers it.
    pub fn head(&self) -> &[u8] {
        &self.head
    }

    /// What was found at the end, once there was one.
    pub fn end(&self) -> Option<&End> {
        self.end.as_ref()
    }

    /// The next row; `None` once all have come and everything agrees.
    ///
    /// # Errors
    /// If something does not agree: nothing that came before is to be believed either.
    pub fn next_row(&mut self) -> Result<Option<Row>, EvidenceError> {
        loop {
            if let Some(row) = self.rows.next() {
                self.saw(&row);
                return Ok(Some(row));
            }
            if self.end.is_some() {
                return Ok(None);
            }
            let mut tag = [0];
            let blocks = self.blocks;
            self.input.fill(&mut tag, || format!("what follows block {blocks}"))?;
            match tag[0] {
                BLOCK => self.block()?,
                FOOTER => self.footer()?,
                _ => return Err(EvidenceError::damaged(format!("what follows block {blocks}"), "it is no block")),
            }
        }
    }

    fn saw(&mut self, row: &Row) {
        let leaf = row.leaf();
        self.seen.leaves += 1;
        match row {
            Row::Message(record) => {
                self.seen.messages += 1;
                self.seen.bytes = self.seen.bytes.wrapping_add(record.size);
                if self.wanted.is_some() && record.message_id == self.wanted {
                    if self.followed.len() < FOLLOWED {
                        self.followed.push(record.clone());
                        return self.tree.push_followed(&leaf);
                    }
                    self.not_followed += 1;
                }
            }
            Row::Exception(_) => self.seen.exceptions += 1,
            Row::Folder(_) => self.seen.folders += 1,
        }
        self.tree.push(&leaf);
    }

    fn block(&mut self) -> Result<(), EvidenceError> {
        self.blocks += 1;
        let number = self.blocks;
        let part = || format!("block {number}");
        let mut head = [BLOCK; block::HEAD];
        self.input.fill(&mut head[1..], part)?;
        let lengths = BlockHead::read(&head).map_err(|what| EvidenceError::damaged(part(), what))?;
        let mut bytes = head.to_vec();
        bytes.resize(block::HEAD + lengths.packed + lengths.hashes, 0);
        self.input.fill(&mut bytes[block::HEAD..], part)?;
        let mut sum = [0; 32];
        self.input.fill(&mut sum, part)?;
        if sha256(&bytes) != sum {
            return Err(EvidenceError::damaged(part(), "its sum is another"));
        }
        let rows = lengths.rows(&bytes[block::HEAD..]).map_err(|what| EvidenceError::damaged(part(), what))?;
        self.rows = rows.into_iter();
        Ok(())
    }

    fn footer(&mut self) -> Result<(), EvidenceError> {
        let part = || "the footer".to_owned();
        let (mut footer, mut signature) = ([0; FOOTER_LENGTH], [0; 64]);
        self.input.fill(&mut footer, part)?;
        self.input.fill(&mut signature, part)?;
        let after =
            self.input.bytes.read(&mut [0]).map_err(|error| EvidenceError::file(&self.input.path, "read", error))?;
        if after > 0 {
            return Err(EvidenceError::damaged(part(), "something follows it"));
        }
        let footer = Footer::decode(&footer);
        footer.verify(&self.head, &signature)?;
        let altered = |what: &str| EvidenceError::Altered { what: what.into() };
        if footer.counts != self.seen {
            return Err(altered("it holds another number of messages, exceptions, folders or bytes"));
        }
        let (root, paths) = std::mem::take(&mut self.tree).finish();
        if footer.root != root {
            return Err(altered("its rows have another root"));
        }
        let records = std::mem::take(&mut self.followed);
        let followed = paths.into_iter().zip(records).map(|((index, path), record)| (index, record, path)).collect();
        self.end = Some(End { footer, signature, followed, not_followed: self.not_followed });
        Ok(())
    }
}

/// What a file says that agrees with itself and is signed.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Who moved to where, when, and with what.
    pub header: Header,
    /// When the comparison ended, in seconds of the Unix epoch.
    pub finished: i64,
    /// What is attested.
    pub counts: Counts,
    /// Exceptions that somebody approved.
    pub approved: u64,
    /// The root.
    pub root: Root,
    /// Who signed, as text.
    pub public_key: String,
}

/// Whether a file is whole, unaltered, and signed by that key.
///
/// # Errors
/// The first thing that is wrong; the file is then not to be believed at all.
pub fn check(path: &Path, key: &PublicKey) -> Result<Report, EvidenceError> {
    let report = inspect(path, |_| Ok(()))?;
    if report.public_key != key.to_string() {
        return Err(EvidenceError::OtherKey { found: report.public_key });
    }
    Ok(report)
}

/// Hands over every row of a file, and says at the end whether it agrees with itself. Whose key signed it is left to the
/// caller: it is in the report.
///
/// # Errors
/// As [`check`]; or the first that `each` gives.
pub fn inspect(path: &Path, mut each: impl FnMut(&Row) -> Result<(), EvidenceError>) -> Result<Report, EvidenceError> {
    let mut reader = Reader::open(path)?;
    let mut approved = 0;
    while let Some(row) = reader.next_row()? {
        if let Row::Exception(left) = &row
            && let Some(approval) = &left.approval
        {
            approval.validate()?;
            approved += 1;
        }
        each(&row)?;
    }
    let end = reader.end.as_ref().expect("a reader answers that there is no more only once it has found the end");
    Ok(Report {
        header: reader.header.clone(),
        finished: end.footer.finished,
        counts: end.footer.counts,
        approved,
        root: end.footer.root,
        public_key: end.footer.key.to_string(),
    })
}
