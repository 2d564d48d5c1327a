//! Folders and their directories: `.Name.Below` beside the inbox's `cur`, `new` and `tmp`.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, DirBuilder, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};

use limosa_imap::{decode_folder_name, encode_folder_name};
use limosa_model::mailbox::Result;
use limosa_model::{ConnectorError, ErrorKind, FolderPath, Retry, Scope};
use rustix::fs::OFlags;

use super::error::{folder_io, io_error};
use super::lists::sync_folder;
use crate::twins::free_path;

/// What cannot stand in a folder's name: `.` parts the levels, `/` is the file system's.
pub(super) const FORBIDDEN: [char; 3] = ['.', '/', '\0'];

const PARTS: [&str; 3] = ["cur", "new", "tmp"];

fn not_a_maildir(root: &Path) -> ConnectorError {
    let what = format!("{} is not a Maildir: it has no folder \"cur\"", root.display());
    let error = ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Usage, what);
    let inside = ["Maildir", "mail", ".maildir"].map(|name| root.join(name));
    match inside.iter().find(|inside| inside.join("cur").is_dir()) {
        Some(inside) => error.hint(format!("did you mean maildir:{}?", inside.display())),
        None => error.hint("give the folder that holds \"cur\", \"new\" and \"tmp\""),
    }
}

/// That there is a Maildir that can be read.
pub(super) fn check(root: &Path) -> Result<()> {
    if let Err(error) = fs::read_dir(root) {
        return Err(match error.kind() {
            io::ErrorKind::NotFound => ConnectorError::new(
                Scope::Endpoint,
                Retry::Never,
                ErrorKind::LocalIo,
                format!("{} is not there", root.display()),
            )
            .hint("check the path; a relative one begins at the current folder"),
            io::ErrorKind::NotADirectory => not_a_maildir(root),
            _ => io_error(Scope::Endpoint, "read", root, error),
        });
    }
    if !root.join("cur").is_dir() {
        return Err(not_a_maildir(root));
    }
    fs::read_dir(root.join("cur"))
        .map(drop)
        .map_err(|error| io_error(Scope::Endpoint, "read", &root.join("cur"), error))
}

/// That there is a Maildir: makes one where there is nothing, or an empty directory.
pub(super) fn make_root(root: &Path) -> Result<()> {
    let failed = |error| io_error(Scope::Endpoint, "made", root, error);
    match fs::read_dir(root) {
        Ok(mut entries) => {
            // Somebody's home or spool must not become a mailbox because a path was mistyped.
            if !root.join("cur").is_dir() && entries.next().is_some() {
                return Err(not_a_maildir(root));
            }
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(failed)?;
            if let Some(above) = root.parent() {
                sync_folder(above).map_err(failed)?;
            }
        }
        Err(_) => return check(root),
    }
    make_parts(root, root).map_err(failed)?;
    check(root)
}

/// Makes what is missing of `cur`, `new` and `tmp`, with the rights and owner of `like`.
pub(super) fn make_parts(folder: &Path, like: &Path) -> io::Result<()> {
    let mut any = false;
    for part in PARTS {
        any |= make_directory(&folder.join(part), like)?;
    }
    if any { sync_folder(folder) } else { Ok(()) }
}

/// Answers whether it had to be made.
fn make_directory(path: &Path, like: &Path) -> io::Result<bool> {
    let like = fs::metadata(like)?;
    match DirBuilder::new().mode(like.mode() & 0o777).create(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(false),
        Err(error) => return Err(error),
    }
    // Whoever owns the folder above could put a link to something else in its place.
    let flags = (OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed();
    let directory = OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    let made = directory.metadata()?;
    if (made.uid(), made.gid()) == (like.uid(), like.gid()) {
        return Ok(true);
    }
    match fchown(&directory, Some(like.uid()), Some(like.gid())) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(true),
        result => result.map(|()| true),
    }
}

/// A name in this path that no directory can have; it could also lead out of the Maildir.
fn forbidden_name(path: &FolderPath) -> Option<&String> {
    path.names().iter().find(|name| name.is_empty() || name.contains(FORBIDDEN))
}

/// The name of a folder's directory, as it is made.
fn directory_name(path: &FolderPath) -> OsString {
    let mut name = Vec::new();
    for part in path.names() {
        name.push(b'.');
        name.extend_from_slice(&encode_folder_name(part, false));
    }
    OsString::from_vec(name)
}

/// The folder of that directory name; `None` where it is no folder's.
fn path_of(name: &OsStr) -> Option<FolderPath> {
    let name = name.as_bytes().strip_prefix(b".")?;
    let parts: Vec<String> = name.split(|byte| *byte == b'.').map(|part| decode_folder_name(part, false)).collect();
    parts.iter().all(|part| !part.is_empty()).then(|| FolderPath::new(parts))
}

/// All folders that hold messages, by path, with their directories.
///
/// Two directories may say the same name (modified UTF-7 and UTF-8): the one that we would have made keeps it, others are
/// told apart by a number behind it.
pub(super) fn folders(root: &Path) -> io::Result<BTreeMap<FolderPath, PathBuf>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(root)? {
        let name = entry?.file_name();
        let Some(path) = path_of(&name) else { continue };
        let directory = root.join(&name);
        if directory.join("cur").is_dir() {
            let ours = directory_name(&path) == name;
            found.push((path, !ours, name, directory));
        }
    }
    found.sort();
    let mut folders = BTreeMap::from([(FolderPath::inbox(), root.to_owned())]);
    for (path, _, _, directory) in found {
        let free = free_path(&path, |path| folders.contains_key(path));
        folders.insert(free, directory);
    }
    Ok(folders)
}

/// A folder's directory.
pub(super) fn directory(root: &Path, path: &FolderPath) -> Result<PathBuf> {
    if path.is_inbox() {
        return Ok(root.to_owned());
    }
    let made_by_us = root.join(directory_name(path));
    if forbidden_name(path).is_none() && made_by_us.join("cur").is_dir() {
        return Ok(made_by_us);
    }
    let mut folders = folders(root).map_err(folder_io("read", root))?;
    folders.remove(path).ok_or_else(|| {
        ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Gone, format!("folder {path} is not there"))
    })
}

/// Makes a folder; nothing where it is there. Parents need not exist here.
pub(super) fn make_folder(root: &Path, path: &FolderPath) -> Result<()> {
    if directory(root, path).is_ok() {
        return Ok(());
    }
    let directory = allowed_directory(root, path)?;
    let made = make_directory(&directory, root)
        .and_then(|_| fs::write(directory.join("maildirfolder"), b""))
        .and_then(|()| make_parts(&directory, root))
        .and_then(|()| sync_folder(root));
    made.map_err(folder_io("made", &directory))
}

/// The directory of a folder that is to be made.
fn allowed_directory(root: &Path, path: &FolderPath) -> Result<PathBuf> {
    let Some(name) = forbidden_name(path) else { return Ok(root.join(directory_name(path))) };
    let what = format!("folder {path} cannot be made: a Maildir cannot hold the name \"{name}\"");
    let error = ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, what);
    Err(error.hint("map the folder to another name; \".\" and \"/\" cannot stand in one"))
}

/// Gives a folder and those below it another name.
pub(super) fn rename_folder(root: &Path, from: &FolderPath, to: &FolderPath) -> Result<()> {
    let refused = |what: String| ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, what);
    if from.is_inbox() {
        return Err(refused("the inbox cannot be renamed".into()));
    }
    directory(root, from)?;
    let folders = folders(root).map_err(folder_io("read", root))?;
    let mut ways = Vec::new();
    for (path, directory) in folders.iter().filter(|(path, _)| *path == from || path.is_below(from)) {
        let new = path.renamed(from, to);
        let place = allowed_directory(root, &new)?;
        if folders.contains_key(&new) || place.exists() {
            return Err(refused(format!("folder {from} cannot be renamed to {to}: folder {new} is there already")));
        }
        ways.push((directory, place));
    }
    // The folder itself comes last: cut off before that, it is still there under its old name, to be renamed with what is left.
    for (directory, place) in ways.into_iter().rev() {
        fs::rename(directory, place).map_err(folder_io("renamed", directory))?;
    }
    sync_folder(root).map_err(folder_io("written", root))
}

/// Removes a folder that holds no messages; a message that arrives meanwhile stops it.
pub(super) fn remove_folder(root: &Path, path: &FolderPath) -> Result<()> {
    if path.is_inbox() {
        return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, "the inbox cannot be deleted"));
    }
    let directory = directory(root, path)?;
    // Directories that hold anything cannot be removed, and without them nothing more can arrive.
    for part in ["new", "cur"] {
        let removed = fs::remove_dir(directory.join(part));
        match removed {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                make_parts(&directory, root).map_err(folder_io("made again", &directory))?;
                if error.kind() != io::ErrorKind::DirectoryNotEmpty {
                    return Err(io_error(Scope::Folder, "removed", &directory, error));
                }
                let what = format!("folder {path} holds messages and is not deleted");
                return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, what));
            }
        }
    }
    fs::remove_dir_all(&directory).and_then(|()| sync_folder(root)).map_err(folder_io("removed", &directory))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(root: &Path, names: &[&str]) {
        for name in names {
            fs::create_dir_all(root.join(name).join("cur")).unwrap();
        }
    }

    #[test]
    fn directories_are_named_as_dovecot_does() {
        for (path, name) in [("A", ".A"), ("A/B c", ".A.B c"), ("Entwürfe", ".Entw&APw-rfe"), ("R&D", ".R&-D")] {
            let path = FolderPath::from(path);
            assert_eq!(directory_name(&path), name);
            assert_eq!(path_of(OsStr::new(name)), Some(path));
        }
        for name in ["..DOVECOT-TRASHED", ".", ".A..B", "cur", ".A."] {
            assert_eq!(path_of(OsStr::new(name)), None, "{name}");
        }
    }

    #[test]
    fn folders_that_say_the_same_name_are_told_apart() {
        let root = tempfile::tempdir().unwrap();
        make(root.path(), &[".Entwürfe", ".Entw&APw-rfe", ".inbox", ".Other"]);
        fs::create_dir(root.path().join(".no-maildir")).unwrap();
        let folders = folders(root.path()).unwrap();
        let names: Vec<_> = folders
            .iter()
            .map(|(path, directory)| format!("{path}: {}", directory.strip_prefix(root.path()).unwrap().display()))
            .collect();
        assert_eq!(
            names,
            ["Entwürfe: .Entw&APw-rfe", "Entwürfe (2): .Entwürfe", "INBOX: ", "INBOX (2): .inbox", "Other: .Other"]
        );
        for (path, found) in &folders {
            assert_eq!(directory(root.path(), path).unwrap(), *found);
        }
    }

    #[test]
    fn a_home_does_not_become_a_maildir() {
        let home = tempfile::tempdir().unwrap();
        make(home.path(), &["Maildir"]);
        for error in [make_root(home.path()).unwrap_err(), check(home.path()).unwrap_err()] {
            assert_eq!(error.kind(), ErrorKind::Usage);
            assert!(error.hint_text().unwrap().ends_with("Maildir?"), "{error:?}");
        }
        let new = home.path().join("deep/new");
        make_root(&new).unwrap();
        check(&new).unwrap();
    }

    #[test]
    fn names_that_cannot_be_held_are_refused() {
        let root = tempfile::tempdir().unwrap();
        make_root(root.path()).unwrap();
        for name in ["a.b", "a/b", "/../..", ""] {
            let error = make_folder(root.path(), &FolderPath::new([name])).unwrap_err();
            assert_eq!((error.scope(), error.kind()), (Scope::Folder, ErrorKind::Folder));
        }
        let error = make_folder(root.path(), &FolderPath::new(["x".repeat(300)])).unwrap_err();
        assert_eq!((error.scope(), error.kind()), (Scope::Folder, ErrorKind::Folder), "{error}");
    }
}
