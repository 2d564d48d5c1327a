//! Writing evidence: rows as they come, in one pass, to a file that takes its name only once it is whole.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::NamedTempFile;

use crate::block::BlockBuilder;
use crate::error::EvidenceError;
use crate::frame::{Counts, FOOTER, Footer, Header, encode_head};
use crate::hash::{Root, sha256};
use crate::key::SigningKey;
use crate::row::{FolderPair, FolderTotal, LeftBehind, Record, Row};
use crate::tree::Tree;

/// Writes one evidence file. Dropped before [`Writer::finish`], it leaves nothing behind.
pub struct Writer<'a> {
    path: PathBuf,
    file: BufWriter<NamedTempFile>,
    key: &'a SigningKey,
    head: Vec<u8>,
    block: BlockBuilder,
    tree: Tree,
    counts: Counts,
    /// By source and target as they are written, so that a total has its place whatever the order of messages.
    totals: BTreeMap<(String, String), FolderTotal>,
    last: Option<(Arc<FolderPair>, (String, String))>,
}

impl<'a> Writer<'a> {
    /// Begins a file. Nothing of that name appears before [`Writer::finish`]; only its owner will be able to read it.
    ///
    /// # Errors
    /// If there is a file of that name, or none can be made beside it: evidence is never overwritten.
    pub fn create(path: &Path, header: &Header, key: &'a SigningKey) -> Result<Self, EvidenceError> {
        let unmade = |error| EvidenceError::file(path, "made", error);
        if path.try_exists().map_err(unmade)? {
            return Err(unmade(std::io::ErrorKind::AlreadyExists.into()));
        }
        let head = encode_head(header)?;
        let file = NamedTempFile::new_in(folder_of(path)).map_err(unmade)?;
        let mut writer = Self {
            path: path.to_owned(),
            file: BufWriter::new(file),
            key,
            head,
            block: BlockBuilder::default(),
            tree: Tree::default(),
            counts: Counts::default(),
            totals: BTreeMap::new(),
            last: None,
        };
        let sum = sha256(&writer.head);
        writer.file.write_all(&writer.head).and_then(|()| writer.file.write_all(&sum)).map_err(unmade)?;
        Ok(writer)
    }

    /// Makes a folder known, so that it is attested even if it holds nothing.
    pub fn folder(&mut self, folder: &Arc<FolderPair>) {
        self.total(folder);
    }

    /// Attests a message. Messages of one folder are best given together, and by ascending ids: that is smallest.
    ///
    /// # Errors
    /// If the file cannot be written, or a text is too long.
    pub fn record(&mut self, record: &Record) -> Result<(), EvidenceError> {
        self.push(Row::Message(record.clone()))?;
        self.counts.messages += 1;
        self.counts.bytes += record.size;
        let total = self.total(&record.folder);
        total.messages += 1;
        total.bytes += record.size;
        Ok(())
    }

    /// Attests an exception.
    ///
    /// # Errors
    /// [`EvidenceError::NamelessApproval`]; otherwise as [`Writer::record`].
    pub fn exception(&mut self, left: &LeftBehind) -> Result<(), EvidenceError> {
        if let Some(approval) = &left.approval {
            approval.validate()?;
        }
        self.push(Row::Exception(left.clone()))?;
        self.counts.exceptions += 1;
        Ok(())
    }

    /// Writes totals and footer, signs, and gives the file its name, durably. `finished`: seconds of the Unix epoch.
    ///
    /// # Errors
    /// If the file cannot be written, or somebody made another of its name meanwhile; there is none of ours then.
    pub fn finish(mut self, finished: i64) -> Result<Root, EvidenceError> {
        for total in std::mem::take(&mut self.totals).into_values() {
            self.push(Row::Folder(total))?;
            self.counts.folders += 1;
        }
        if !self.block.is_empty() {
            self.end_block()?;
        }
        self.counts.leaves = self.tree.leaves();
        let (root, _) = std::mem::take(&mut self.tree).finish();
        let footer = Footer { finished, counts: self.counts, root, key: self.key.public_key() };
        let signature = footer.sign(&self.head, self.key);
        let end = [&[FOOTER], footer.encode().as_slice(), signature.as_slice()].concat();
        self.write(&end)?;
        let unwritten = |error| EvidenceError::file(&self.path, "written", error);
        let file = self.file.into_inner().map_err(|error| unwritten(error.into_error()))?;
        // The name must not come to stand for bytes that a power cut then takes away.
        file.as_file().sync_all().map_err(unwritten)?;
        file.persist_noclobber(&self.path).map_err(|error| unwritten(error.error))?;
        File::open(folder_of(&self.path)).and_then(|folder| folder.sync_all()).map_err(unwritten)?;
        Ok(root)
    }

    fn total(&mut self, folder: &Arc<FolderPair>) -> &mut FolderTotal {
        let key = match &self.last {
            Some((last, key)) if last == folder => key.clone(),
            _ => (folder.source.to_string(), folder.target.to_string()),
        };
        self.last = Some((folder.clone(), key.clone()));
        self.totals.entry(key).or_insert_with(|| FolderTotal { folder: folder.clone(), messages: 0, bytes: 0 })
    }

    fn push(&mut self, row: Row) -> Result<(), EvidenceError> {
        self.block.push(&row)?;
        self.tree.push(&row.leaf());
        if self.block.is_full() {
            self.end_block()?;
        }
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), EvidenceError> {
        let block = self.block.finish().map_err(|error| EvidenceError::file(&self.path, "compressed", error))?;
        self.write(&block)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EvidenceError> {
        self.file.write_all(bytes).map_err(|error| EvidenceError::file(&self.path, "written", error))
    }
}

/// A file's folder: the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
