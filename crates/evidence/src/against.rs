//! A mailbox as it is now, beside what was attested: as attested, missing, flags changed, added later. By content alone,
//! since ids may have changed and the ledger may be gone.
//!
//! Memory: 56 bytes for each attested message of the folders compared together: as many folders as hold a million messages,
//! or one folder that holds more.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::Arc;

use limosa_model::mailbox::{Detail, Fetch, Page};
use limosa_model::{ConnectorError, Fetched, Flags, Folder, FolderPath, IdList, Mailbox, MessageId, Piece};
use serde::Serialize;

use crate::error::EvidenceError;
use crate::hash::Digest;
use crate::reader::{Report, inspect};
use crate::row::{FolderPair, Row};

/// How many differences of a kind are named; all are counted.
const NAMED: usize = 1000;
/// Attested messages in memory at once, unless one folder alone has more.
const AT_ONCE: u64 = 1_000_000;

/// The comparison could not be made.
#[derive(Debug, thiserror::Error)]
pub enum AgainstError {
    /// The evidence cannot be believed, or has changed since it was checked.
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    /// The mailbox cannot be read.
    #[error(transparent)]
    Mailbox(#[from] ConnectorError),
}

/// A message by name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Named {
    /// The folder in the mailbox.
    pub folder: FolderPath,
    /// Its id there: as attested where it is missing, as it is now otherwise.
    pub id: MessageId,
    /// What is different, where that is not said by the list it stands in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub what: Option<String>,
}

/// Messages counted, and the first of them named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Listed {
    /// How many.
    pub messages: u64,
    /// The first 1,000.
    pub named: Vec<Named>,
}

impl Listed {
    fn add(&mut self, folder: &FolderPath, id: MessageId, what: Option<String>) {
        self.messages += 1;
        if self.named.len() < NAMED {
            self.named.push(Named { folder: folder.clone(), id, what });
        }
    }
}

/// A mailbox beside the evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Against {
    /// Messages that stand there as they were attested.
    pub as_attested: u64,
    /// Attested, and not in their folder now: removed, moved or altered since.
    pub missing: Listed,
    /// There, with other flags.
    pub flags_changed: Listed,
    /// There, and not attested.
    pub added: Listed,
    /// The mailbox lists them, and could not hand them over.
    pub unreadable: Listed,
}

impl Against {
    /// Whether everything attested is there, whatever came later or was flagged since.
    pub fn is_whole(&self) -> bool {
        self.missing.messages == 0 && self.unreadable.messages == 0
    }
}

/// Compares a mailbox with evidence that has been checked; `report` is the check's.
///
/// # Errors
/// If the file is not the one that was checked, or the mailbox cannot be read.
pub async fn against(path: &Path, report: &Report, mailbox: &mut dyn Mailbox) -> Result<Against, AgainstError> {
    let mut found = Against::default();
    let mut folders: HashMap<FolderPath, Folder> =
        mailbox.survey().await?.folders.into_iter().map(|folder| (folder.path.clone(), folder)).collect();
    for group in groups(path)? {
        for (path, attested) in load(path, report, &group)? {
            match folders.remove(&path).filter(|folder| folder.selectable) {
                Some(folder) => one_folder(mailbox, &folder, attested, &mut found).await?,
                None => attested.report_missing(&path, &mut found),
            }
        }
    }
    // What is left is not attested at all; its content does not matter.
    let mut later: Vec<Folder> = folders.into_values().filter(|folder| folder.selectable).collect();
    later.sort_by(|a, b| a.path.cmp(&b.path));
    for folder in later {
        let mut after = None;
        while let Some(page) = next_page(mailbox, &folder, &mut after).await? {
            page.present.into_iter().for_each(|item| found.added.add(&folder.path, item.id, None));
        }
    }
    Ok(found)
}

/// The target folders, in groups that fit into memory.
fn groups(path: &Path) -> Result<Vec<Vec<FolderPath>>, EvidenceError> {
    // Several source folders may have gone to one target folder.
    let mut totals: BTreeMap<FolderPath, u64> = BTreeMap::new();
    inspect(path, |row| {
        if let Row::Folder(total) = row {
            *totals.entry(total.folder.target.clone()).or_default() += total.messages;
        }
        Ok(())
    })?;
    let mut groups: Vec<Vec<FolderPath>> = Vec::new();
    let mut held = u64::MAX;
    for (folder, messages) in totals {
        held = held.saturating_add(messages);
        if held > AT_ONCE {
            groups.push(Vec::new());
            held = messages;
        }
        groups.last_mut().expect("the first folder begins a group").push(folder);
    }
    Ok(groups)
}

/// What is attested of one target folder.
#[derive(Debug, Default)]
struct Attested {
    messages: Vec<Expected>,
    flags: Vec<Flags>,
    known: HashMap<Flags, u32>,
}

#[derive(Debug)]
struct Expected {
    digest: Digest,
    flags: u32,
    seen: bool,
    id: MessageId,
}

fn load(path: &Path, report: &Report, group: &[FolderPath]) -> Result<BTreeMap<FolderPath, Attested>, EvidenceError> {
    let mut loaded: BTreeMap<FolderPath, Attested> =
        group.iter().map(|folder| (folder.clone(), Attested::default())).collect();
    let mut last: Option<(Arc<FolderPair>, bool)> = None;
    let again = inspect(path, |row| {
        let Row::Message(record) = row else { return Ok(()) };
        let is_wanted = match &last {
            Some((folder, is_wanted)) if Arc::ptr_eq(folder, &record.folder) => *is_wanted,
            _ => loaded.contains_key(&record.folder.target),
        };
        last = Some((record.folder.clone(), is_wanted));
        if let Some(attested) = is_wanted.then(|| loaded.get_mut(&record.folder.target)).flatten() {
            attested.push(record.digest, &record.flags, record.target_id.clone());
        }
        Ok(())
    })?;
    if again.root != report.root || again.public_key != report.public_key {
        return Err(EvidenceError::Altered { what: "it is not the file that was checked".into() });
    }
    loaded.values_mut().for_each(|attested| attested.messages.sort_by_key(|expected| expected.digest));
    Ok(loaded)
}

impl Attested {
    fn push(&mut self, digest: Digest, flags: &Flags, id: MessageId) {
        let flags = match self.known.get(flags) {
            Some(&known) => known,
            None => {
                let new = self.flags.len() as u32;
                self.flags.push(flags.clone());
                self.known.insert(flags.clone(), new);
                new
            }
        };
        self.messages.push(Expected { digest, flags, seen: false, id });
    }

    /// A message of that content that nothing has been found for yet; of those flags, where they matter.
    fn claim(&mut self, digest: Digest, flags: Option<&Flags>) -> Option<&Flags> {
        let first = self.messages.partition_point(|expected| expected.digest < digest);
        let of_flags = |expected: &Expected| flags.is_none_or(|flags| self.flags[expected.flags as usize] == *flags);
        let same = self.messages[first..].iter().take_while(|expected| expected.digest == digest);
        let at = first + same.enumerate().find(|(_, expected)| !expected.seen && of_flags(expected))?.0;
        self.messages[at].seen = true;
        Some(&self.flags[self.messages[at].flags as usize])
    }

    fn report_missing(mut self, folder: &FolderPath, found: &mut Against) {
        self.messages.sort_by(|a, b| a.id.cmp(&b.id));
        for expected in self.messages.into_iter().filter(|expected| !expected.seen) {
            found.missing.add(folder, expected.id, None);
        }
    }
}

async fn one_folder(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    mut attested: Attested,
    found: &mut Against,
) -> Result<(), AgainstError> {
    // A copy of a message may have its very flags attested: those are matched first, all others once nothing else is left.
    let mut unmatched: Vec<(Digest, Flags, MessageId)> = Vec::new();
    let mut after = None;
    while let Some(page) = next_page(mailbox, folder, &mut after).await? {
        let ids: IdList = page.present.into_iter().map(|item| item.id).collect();
        let mut fetch = mailbox.fetch(folder, &ids).await?;
        each_message(fetch.as_mut(), |message| match message {
            Now::Read(digest, flags, id) => match attested.claim(digest, Some(&flags)) {
                Some(_) => found.as_attested += 1,
                None => unmatched.push((digest, flags, id)),
            },
            Now::Unreadable(id, why) => found.unreadable.add(&folder.path, id, Some(why)),
        })
        .await?;
    }
    for (digest, flags, id) in unmatched {
        match attested.claim(digest, None) {
            Some(before) => {
                let what = format!("had {}, has {}", names(before), names(&flags));
                found.flags_changed.add(&folder.path, id, Some(what));
            }
            None => found.added.add(&folder.path, id, None),
        }
    }
    attested.report_missing(&folder.path, found);
    Ok(())
}

fn names(flags: &Flags) -> String {
    match flags.is_empty() {
        true => "no flags".into(),
        false => flags.names().collect::<Vec<_>>().join(" "),
    }
}

enum Now {
    Read(Digest, Flags, MessageId),
    Unreadable(MessageId, String),
}

/// Reads a fetch to its end; messages that are gone are passed over, since a listing is older than a fetch.
async fn each_message(fetch: &mut dyn Fetch, mut each: impl FnMut(Now)) -> Result<(), ConnectorError> {
    let mut pieces = Vec::new();
    let mut reading: Option<(blake3::Hasher, Flags, MessageId)> = None;
    while fetch.next(&mut pieces).await? {
        for piece in pieces.drain(..) {
            match (piece, &mut reading) {
                (Fetched::Piece(Piece::Head(head)), _) => reading = Some((blake3::Hasher::new(), head.flags, head.id)),
                (Fetched::Piece(Piece::Body(bytes)), Some((hasher, ..))) => {
                    hasher.update(&bytes);
                }
                (Fetched::Piece(Piece::End), _) => {
                    if let Some((hasher, flags, id)) = reading.take() {
                        each(Now::Read(Digest(*hasher.finalize().as_bytes()), flags, id));
                    }
                }
                (Fetched::Unreadable(id, error), _) => {
                    reading = None;
                    each(Now::Unreadable(id, error.to_string()));
                }
                (Fetched::Gone(_), _) => reading = None,
                (Fetched::Piece(Piece::Body(_)), None) => {}
            }
        }
    }
    Ok(())
}

/// The next page of a listing: `after` is `None` before the first, and `Some(None)` after the last.
async fn next_page(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    after: &mut Option<Option<limosa_model::mailbox::Cursor>>,
) -> Result<Option<Page>, ConnectorError> {
    if matches!(after, Some(None)) {
        return Ok(None);
    }
    let cursor = after.as_ref().and_then(Option::as_ref);
    let page = mailbox.changes(folder, None, Detail::Flags, cursor).await?;
    *after = Some(page.next.clone());
    Ok(Some(page))
}
