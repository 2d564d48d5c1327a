//! One connection to a Maildir, as a target that is written.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use async_trait::async_trait;
use limosa_model::mailbox::{Batching, Moved, Result};
use limosa_model::{
    Flags, Folder, FolderPath, IdList, MessageId, PermanentFlags, Role, Scope, SystemFlags, Target, Writer,
};

use super::connection::{MaildirConnection, blocking, describe};
use super::error::{folder_io, io_error};
use super::files::FolderFiles;
use super::keywords::Keywords;
use super::lists::sync_folder;
use super::name::{self, FORWARDED};
use super::writer::{MaildirWriter, letters_for};
use super::{layout, lists};

/// Directories in which names have changed, to be made durable at the end.
#[derive(Default)]
struct Changed(BTreeSet<PathBuf>);

impl Changed {
    fn note(&mut self, file: &Path) {
        if let Some(directory) = file.parent() {
            self.0.insert(directory.to_owned());
        }
    }

    fn sync(self) -> Result<()> {
        self.0.iter().try_for_each(|directory| sync_folder(directory).map_err(folder_io("written", directory)))
    }
}

/// Does something with each message's file, wherever it is; those that are gone are passed over.
fn each(
    files: &mut FolderFiles,
    ids: &IdList,
    mut act: impl FnMut(&MessageId, &Path, &[u8]) -> Result<io::Result<()>>,
) -> Result<()> {
    for id in ids.iter() {
        let mut failed = None;
        let done = files.with_file(&id, |path, letters, _| {
            act(&id, path, letters).unwrap_or_else(|error| {
                failed = Some(error);
                Ok(())
            })
        })?;
        if let Some(error) = failed {
            return Err(error);
        }
        if let Some(Err(error)) = done {
            return Err(io_error(Scope::Folder, "changed", &files.directory().join(id.to_string()), error));
        }
    }
    Ok(())
}

fn set_flags(files: &mut FolderFiles, ids: &IdList, flags: &Flags) -> Result<()> {
    let directory = files.directory().to_owned();
    let mut keywords = files.keywords().clone();
    let mut changed = Changed::default();
    each(files, ids, |id, path, old| {
        let letters = letters_for(flags, &mut keywords, &directory, old)?;
        let to = directory.join("cur").join(renamed(id, path, &letters));
        if to == path {
            return Ok(Ok(()));
        }
        changed.note(path);
        changed.note(&to);
        Ok(fs::rename(path, to))
    })?;
    changed.sync()?;
    // Names and letters are others now.
    files.list()
}

/// The file name with other letters. The base is taken from the file, since an id may spell it otherwise.
fn renamed(id: &MessageId, path: &Path, letters: &str) -> std::ffi::OsString {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let Some(file) = path.file_name() else { return format!("{id}:2,{letters}").into() };
    let mut name = name::base(file.as_bytes()).to_vec();
    name.extend_from_slice(format!(":2,{letters}").as_bytes());
    std::ffi::OsString::from_vec(name)
}

fn remove(files: &mut FolderFiles, ids: &IdList) -> Result<()> {
    let mut changed = Changed::default();
    each(files, ids, |_, path, _| {
        changed.note(path);
        Ok(fs::remove_file(path))
    })?;
    changed.sync()
}

/// Moves by renaming, which is one act: a message is never in both folders nor in none. It gets a new name, so that it
/// cannot meet a copy of itself there.
fn relocate(files: &mut FolderFiles, ids: &IdList, to: &Path) -> Result<Vec<Moved>> {
    let cur = to.join("cur");
    let mut keywords = Keywords::read(to).map_err(folder_io("read", to))?;
    let own = files.keywords().clone();
    let mut changed = Changed::default();
    let mut moved = Vec::new();
    // The new place is made durable first: after a crash a message may stand in both, but not in none.
    changed.note(&cur.join("x"));
    each(files, ids, |id, path, old| {
        let letters = letters_for(&name::flags(old, &own), &mut keywords, to, b"")?;
        let base = name::unique();
        let done = fs::rename(path, cur.join(format!("{base}:2,{letters}")));
        if done.is_ok() {
            moved.push((id.clone(), Some(MessageId::Key(base.into()))));
            changed.note(path);
        }
        Ok(done)
    })?;
    sync_folder(&cur).map_err(folder_io("written", &cur))?;
    changed.sync()?;
    Ok(moved)
}

#[async_trait]
impl Target for MaildirConnection {
    /// The role is not taken: a Maildir has no place for it.
    async fn create_folder(&mut self, path: &FolderPath, _role: Option<Role>) -> Result<Folder> {
        let (root, path) = (self.root.clone(), path.clone());
        blocking(move || {
            layout::make_folder(&root, &path)?;
            let directory = layout::directory(&root, &path)?;
            let subscriptions = lists::subscriptions(&root).map_err(folder_io("read", &root))?;
            Ok(describe(&root, &path, directory, &subscriptions, false))
        })
        .await
    }

    async fn rename_folder(&mut self, folder: &Folder, to: &FolderPath) -> Result<Folder> {
        self.files = None;
        let (root, from, to) = (self.root.clone(), folder.path.clone(), to.clone());
        blocking(move || {
            layout::rename_folder(&root, &from, &to)?;
            let before = lists::subscriptions(&root).map_err(folder_io("read", &root))?;
            for path in before.iter().filter(|path| **path == from || path.is_below(&from)) {
                let moved = lists::subscribe(&root, &path.renamed(&from, &to), true);
                moved.and_then(|()| lists::subscribe(&root, path, false)).map_err(folder_io("written", &root))?;
            }
            let subscriptions = lists::subscriptions(&root).map_err(folder_io("read", &root))?;
            Ok(describe(&root, &to, layout::directory(&root, &to)?, &subscriptions, false))
        })
        .await
    }

    async fn delete_folder(&mut self, folder: &Folder) -> Result<()> {
        self.files = None;
        let (root, path) = (self.root.clone(), folder.path.clone());
        blocking(move || layout::remove_folder(&root, &path)).await
    }

    async fn subscribe(&mut self, folder: &Folder, subscribed: bool) -> Result<()> {
        let (root, path) = (self.root.clone(), folder.path.clone());
        blocking(move || lists::subscribe(&root, &path, subscribed).map_err(folder_io("written", &root))).await
    }

    async fn permanent_flags(&mut self, folder: &Folder) -> Result<PermanentFlags> {
        let (root, path) = (self.root.clone(), folder.path.clone());
        blocking(move || {
            let directory = layout::directory(&root, &path)?;
            let keywords = Keywords::read(&directory).map_err(folder_io("read", &directory))?;
            let names = keywords.names().filter(|name| !name.eq_ignore_ascii_case(FORWARDED));
            Ok(PermanentFlags {
                system: SystemFlags::ALL,
                new_keywords: keywords.has_room(),
                keywords: names.chain([FORWARDED]).map(Box::from).collect(),
            })
        })
        .await
    }

    async fn writer<'a>(&'a mut self, folder: &Folder, _batching: Batching) -> Result<Box<dyn Writer + 'a>> {
        let (root, path) = (self.root.clone(), folder.path.clone());
        let writer = blocking(move || {
            let directory = layout::directory(&root, &path)?;
            let made = layout::make_parts(&directory, &root).and_then(|()| MaildirWriter::new(directory.clone()));
            made.map_err(folder_io("written", &directory))
        })
        .await?;
        Ok(Box::new(writer))
    }

    async fn set_flags(&mut self, folder: &Folder, ids: &IdList, flags: &Flags) -> Result<()> {
        let (ids, flags) = (ids.clone(), flags.clone());
        self.with_files(folder, move |files| set_flags(files, &ids, &flags)).await
    }

    async fn remove(&mut self, folder: &Folder, ids: &IdList) -> Result<()> {
        let ids = ids.clone();
        self.with_files(folder, move |files| remove(files, &ids)).await
    }

    async fn relocate(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>> {
        let (root, to, ids) = (self.root.clone(), to.path.clone(), ids.clone());
        self.with_files(from, move |files| {
            let to = layout::directory(&root, &to)?;
            relocate(files, &ids, &to)
        })
        .await
    }
}
