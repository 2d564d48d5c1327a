//! One connection to a Maildir, as a mailbox that is read.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use limosa_model::mailbox::{Basis, Cursor, Detail, Fetch, Limits, Page, Result};
use limosa_model::message::HeaderItem;
use limosa_model::{
    ConnectorError, ErrorKind, Folder, FolderPath, FolderState, IdList, Item, Mailbox, MessageId, Retry, Role, Scope,
    Survey, Watermark,
};

use super::content::{Content, LineEnds, date_of};
use super::error::io_error;
use super::fetch::MaildirFetch;
use super::files::FolderFiles;
use super::{layout, lists};

/// Messages on one page of a listing.
const PAGE: usize = 10_000;

/// One connection. There is nothing to keep open: it remembers the last folder's listing.
pub(super) struct MaildirConnection {
    pub root: PathBuf,
    pub line_ends: LineEnds,
    pub files: Option<FolderFiles>,
}

/// Runs what waits for the file system on a thread made for waiting.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(answer) => answer,
        Err(error) => Err(stopped(error)),
    }
}

/// What became of work that did not come to its end: it panicked, and so do we; or the program is being stopped.
pub(super) fn stopped(error: tokio::task::JoinError) -> ConnectorError {
    match error.try_into_panic() {
        Ok(panic) => std::panic::resume_unwind(panic),
        Err(error) => {
            let what = "the work was stopped";
            ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ConnectionLost, what).because(error)
        }
    }
}

/// A folder's listing: the one remembered, if it is of this folder.
pub(super) fn files_of(root: &Path, path: &FolderPath, remembered: Option<FolderFiles>) -> Result<FolderFiles> {
    let directory = layout::directory(root, path)?;
    match remembered {
        Some(files) if files.directory() == directory => Ok(files),
        _ => FolderFiles::open(directory),
    }
}

impl MaildirConnection {
    pub fn new(root: PathBuf, line_ends: LineEnds) -> Self {
        Self { root, line_ends, files: None }
    }

    /// Does something with a folder's files.
    pub async fn with_files<T: Send + 'static>(
        &mut self,
        folder: &Folder,
        act: impl FnOnce(&mut FolderFiles) -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let (root, path, remembered) = (self.root.clone(), folder.path.clone(), self.files.take());
        let (files, answer) = blocking(move || {
            let mut files = files_of(&root, &path, remembered)?;
            let answer = act(&mut files);
            Ok((files, answer))
        })
        .await?;
        self.files = Some(files);
        answer
    }

    async fn survey_with(&self, everything: bool) -> Result<Survey> {
        let root = self.root.clone();
        blocking(move || survey(&root, everything)).await
    }
}

fn survey(root: &Path, everything: bool) -> Result<Survey> {
    layout::check(root)?;
    let mailbox_error = |error| io_error(Scope::Mailbox, "read", root, error);
    let directories = layout::folders(root).map_err(mailbox_error)?;
    let subscriptions = lists::subscriptions(root).map_err(mailbox_error)?;
    let mut folders = BTreeMap::new();
    let mut quirks = Vec::new();
    for (path, directory) in directories {
        // A folder above others need not be there itself.
        let mut above = path.parent();
        while let Some(parent) = above {
            above = parent.parent();
            folders.entry(parent.clone()).or_insert_with(|| absent(parent, &subscriptions));
        }
        let folder = describe(root, &path, directory, &subscriptions, everything);
        if folder.state.is_none() {
            quirks.push(format!("folder {path} cannot be read"));
        }
        folders.insert(path, folder);
    }
    Ok(Survey {
        folders: folders.into_values().collect(),
        server: "Maildir++".into(),
        capabilities: Vec::new(),
        used: Vec::new(),
        quirks,
        limits: Limits {
            forbidden_in_names: layout::FORBIDDEN.to_vec(),
            keeps_eight_bit_headers: true,
            ..Limits::default()
        },
    })
}

fn absent(path: FolderPath, subscriptions: &[FolderPath]) -> Folder {
    Folder {
        name: path.to_string(),
        selectable: false,
        role: None,
        subscribed: subscriptions.contains(&path),
        object_id: None,
        state: None,
        path,
    }
}

/// A folder that holds messages, as a survey tells it. One that cannot be read has no state.
pub(super) fn describe(
    root: &Path,
    path: &FolderPath,
    directory: PathBuf,
    subscriptions: &[FolderPath],
    everything: bool,
) -> Folder {
    let name = directory.strip_prefix(root).unwrap_or(&directory).display().to_string();
    let state = FolderFiles::open(directory).ok().map(|mut files| FolderState {
        watermark: files.watermark(),
        // A file's name is never given to another message.
        ids: String::new(),
        proves_unchanged: true,
        messages: files.len() as u64,
        bytes: everything.then(|| bytes(&mut files)).flatten(),
    });
    Folder {
        name: if path.is_inbox() { "INBOX".into() } else { name },
        selectable: true,
        role: path.is_inbox().then_some(Role::Inbox),
        subscribed: subscriptions.contains(path),
        object_id: None,
        state,
        path: path.clone(),
    }
}

/// Bytes of all files, as they are stored.
fn bytes(files: &mut FolderFiles) -> Option<u64> {
    let ids: Vec<MessageId> = (0..files.len()).map(|index| files.id(index)).collect();
    let mut sum = 0;
    for id in ids {
        let size = files.with_file(&id, |path, _, _| Ok(std::fs::metadata(path)?.len())).ok()?;
        sum += size.transpose().ok()?.unwrap_or(0);
    }
    Some(sum)
}

/// A cursor holds where the listing began and the last message told: pages need no memory, and a message that is renamed
/// between two of them is told once.
fn page(files: &mut FolderFiles, basis: Basis, detail: Detail, after: Option<&Cursor>) -> Result<Page> {
    let (began, first) = match after.and_then(|cursor| cursor.0.split_once('/')) {
        Some((began, base)) => {
            let base: Vec<u8> = base.chars().filter_map(|c| u8::try_from(c).ok()).collect();
            (Watermark::new(began), files.place_after(&base))
        }
        None => {
            files.list()?;
            (files.watermark(), 0)
        }
    };
    let end = files.len().min(first + PAGE);
    let mut present: Vec<Item> = (first..end)
        .map(|index| Item { id: files.id(index), flags: files.flags(index), size: None, internal_date: None })
        .collect();
    let next = (end < files.len()).then(|| {
        // Each byte as a character of its own: names need not be UTF-8.
        let base: String = files.base(end - 1).iter().map(|byte| char::from(*byte)).collect();
        Cursor(format!("{}/{base}", began.as_str()))
    });
    if detail == Detail::Metadata {
        let mut there = Vec::with_capacity(present.len());
        for mut item in present {
            let measured = files.with_file(&item.id, |path, _, _| {
                let metadata = std::fs::metadata(path)?;
                Ok((metadata.len(), date_of(metadata.modified()?)))
            })?;
            // Gone since the listing: it is told as it is, by being left out.
            let Some(measured) = measured else { continue };
            if let Ok((size, date)) = measured {
                (item.size, item.internal_date) = (Some(size), Some(date));
            }
            there.push(item);
        }
        present = there;
    }
    let watermark = next.is_none().then_some(began);
    Ok(Page { basis, present, vanished: IdList::new(), next, watermark })
}

fn headers(files: &mut FolderFiles, ids: &IdList, line_ends: LineEnds) -> Result<Vec<HeaderItem>> {
    let mut items = Vec::new();
    for id in ids.iter() {
        let found = files.with_file(&id, |path, letters, files| {
            let mut content = Content::open(path, line_ends)?;
            Ok(HeaderItem {
                id: id.clone(),
                flags: super::name::flags(letters, files.keywords()),
                size: content.size(),
                internal_date: Some(content.modified()),
                header: content.header()?,
            })
        })?;
        // Gone, or not to be read: what it is cannot be told, and a fetch will say which.
        items.extend(found.and_then(std::io::Result::ok));
    }
    Ok(items)
}

#[async_trait]
impl Mailbox for MaildirConnection {
    async fn survey(&mut self) -> Result<Survey> {
        self.survey_with(false).await
    }

    /// A Maildir has no ids for its folders.
    async fn identify(&mut self, _folders: &mut [Folder]) -> Result<()> {
        Ok(())
    }

    async fn check(&mut self) -> Result<Survey> {
        self.survey_with(true).await
    }

    /// Always everything: a Maildir remembers no changes.
    async fn changes(
        &mut self,
        folder: &Folder,
        _since: Option<&Watermark>,
        detail: Detail,
        after: Option<&Cursor>,
    ) -> Result<Page> {
        let after = after.cloned();
        self.with_files(folder, move |files| page(files, Basis::Full, detail, after.as_ref())).await
    }

    async fn arrivals(&mut self, folder: &Folder, _since: Option<&Watermark>) -> Result<IdList> {
        self.with_files(folder, |files| {
            files.list()?;
            Ok((0..files.len()).map(|index| files.id(index)).collect())
        })
        .await
    }

    async fn headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>> {
        let (ids, line_ends) = (ids.clone(), self.line_ends);
        self.with_files(folder, move |files| headers(files, &ids, line_ends)).await
    }

    async fn fetch<'a>(&'a mut self, folder: &Folder, ids: &IdList) -> Result<Box<dyn Fetch + 'a>> {
        let fetch = MaildirFetch::begin(self, folder.path.clone(), ids).await?;
        Ok(Box::new(fetch))
    }

    async fn close(self: Box<Self>) {}
}
