//! Small text files that other clients change too: replaced as a whole, under the lock that Dovecot uses for them.
//! And what stands in `subscriptions`.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, fchown};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use limosa_imap::{decode_folder_name, encode_folder_name};
use limosa_model::FolderPath;

use super::content::read_regular;

/// How long another client's lock is waited for; it holds one for the time of writing a small file.
const LOCK_PATIENCE: Duration = Duration::from_secs(5);

/// Subscriptions as Dovecot keeps them, and as Courier does.
const SUBSCRIPTIONS: &str = "subscriptions";
const COURIER_SUBSCRIPTIONS: &str = "courierimapsubscribed";

/// The first lines of Dovecot's second format: names are then parted by tabs.
const VERSION_2: &[u8] = b"V\t2\n\n";

/// Removes a lock that was not turned into the file.
struct Lock(Option<PathBuf>);

impl Drop for Lock {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(fs::remove_file(path));
        }
    }
}

/// Replaces a file's text by what `change` makes of it (empty where there is no file); `None` leaves it.
///
/// The new text is written into `FILE.lock`, which keeps other writers out, made durable, and renamed over the file.
pub(super) fn replace(path: &Path, change: impl FnOnce(&[u8]) -> Option<Vec<u8>>) -> io::Result<()> {
    let mut name = path.as_os_str().to_owned();
    name.push(".lock");
    let lock_path = PathBuf::from(name);
    let folder = path.parent().unwrap_or(Path::new("."));
    let mode = fs::metadata(folder)?.mode() & 0o666;
    let patience = Instant::now() + LOCK_PATIENCE;
    let mut file = loop {
        match OpenOptions::new().write(true).create_new(true).mode(mode).open(&lock_path) {
            Ok(file) => break file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && Instant::now() < patience => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(error),
        }
    };
    let mut lock = Lock(Some(lock_path.clone()));
    let old = match read_regular(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(error) => return Err(error),
    };
    let Some(new) = change(&old) else { return Ok(()) };
    file.write_all(&new)?;
    give_to_owner(&file, folder)?;
    file.sync_all()?;
    fs::rename(&lock_path, path)?;
    lock.0 = None;
    sync_folder(folder)
}

/// Makes renames and new names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

/// Run as root, files are made root's: they must be the mailbox owner's, or his mail server cannot touch them.
pub(super) fn give_to_owner(file: &File, folder: &Path) -> io::Result<()> {
    let (ours, owner) = (file.metadata()?, fs::metadata(folder)?);
    if (ours.uid(), ours.gid()) == (owner.uid(), owner.gid()) {
        return Ok(());
    }
    match fchown(file, Some(owner.uid()), Some(owner.gid())) {
        // Another user than root cannot give files away, and was let in here on purpose.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        result => result,
    }
}

fn path_of(line: &[u8], separator: u8) -> Option<FolderPath> {
    let names: Vec<String> =
        line.split(|byte| *byte == separator).map(|name| decode_folder_name(name, false)).collect();
    names.iter().all(|name| !name.is_empty()).then(|| FolderPath::new(names))
}

fn lines(text: &[u8]) -> impl Iterator<Item = &[u8]> {
    text.split(|byte| *byte == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
        .filter(|line| !line.is_empty())
}

fn parse(text: &[u8]) -> Vec<FolderPath> {
    match text.strip_prefix(VERSION_2) {
        Some(text) => lines(text).filter_map(|line| path_of(line, b'\t')).collect(),
        None => lines(text).filter_map(|line| path_of(line, b'.')).collect(),
    }
}

/// Courier writes full IMAP names: everything but the inbox itself stands below `INBOX.`.
fn parse_courier(text: &[u8]) -> Vec<FolderPath> {
    let names = lines(text).map(|line| line.strip_prefix(b"INBOX.").unwrap_or(line));
    names.filter_map(|line| path_of(line, b'.')).collect()
}

/// The folders that the owner subscribed to, by Dovecot's list, or by Courier's where that is the only one.
pub(super) fn subscriptions(root: &Path) -> io::Result<Vec<FolderPath>> {
    for (file, parse) in [(SUBSCRIPTIONS, parse as fn(&[u8]) -> _), (COURIER_SUBSCRIPTIONS, parse_courier)] {
        match read_regular(&root.join(file)) {
            Ok(text) => return Ok(parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(Vec::new())
}

/// Adds a folder to Dovecot's list or takes it out, in the format that the file has. Other lines stay as they are.
pub(super) fn subscribe(root: &Path, path: &FolderPath, subscribed: bool) -> io::Result<()> {
    let known = subscriptions(root)?;
    if known.contains(path) == subscribed {
        return Ok(());
    }
    replace(&root.join(SUBSCRIPTIONS), |text| {
        let (header, separator, body) = match text.strip_prefix(VERSION_2) {
            Some(body) => (VERSION_2, b'\t', body),
            None => (&b""[..], b'.', text),
        };
        let mut new = header.to_vec();
        if text.is_empty() {
            // Courier's list, if it was that, lives on in the new file.
            known.iter().for_each(|path| push_line(&mut new, path, separator));
        }
        for line in lines(body).filter(|line| subscribed || path_of(line, separator).as_ref() != Some(path)) {
            new.extend_from_slice(line);
            new.push(b'\n');
        }
        if subscribed {
            push_line(&mut new, path, separator);
        }
        Some(new)
    })
}

fn push_line(text: &mut Vec<u8>, path: &FolderPath, separator: u8) {
    let names: Vec<Vec<u8>> = path.names().iter().map(|name| encode_folder_name(name, false)).collect();
    text.extend_from_slice(&names.join(&separator));
    text.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(text: Option<&str>, path: &str, subscribed: bool) -> String {
        let root = tempfile::tempdir().unwrap();
        if let Some(text) = text {
            fs::write(root.path().join(SUBSCRIPTIONS), text).unwrap();
        }
        subscribe(root.path(), &FolderPath::from(path), subscribed).unwrap();
        assert_eq!(subscriptions(root.path()).unwrap().contains(&FolderPath::from(path)), subscribed);
        fs::read_to_string(root.path().join(SUBSCRIPTIONS)).unwrap_or_default()
    }

    #[test]
    fn both_formats_are_read_and_kept() {
        assert_eq!(after(None, "Entwürfe/A", true), "Entw&APw-rfe.A\n");
        assert_eq!(after(Some("INBOX\nA.B\n"), "A/C", true), "INBOX\nA.B\nA.C\n");
        assert_eq!(after(Some("INBOX\nA.B\nZ\n"), "A/B", false), "INBOX\nZ\n");
        assert_eq!(after(Some("V\t2\n\nINBOX\nA\tB\n"), "A/C", true), "V\t2\n\nINBOX\nA\tB\nA\tC\n");
        assert_eq!(after(Some("V\t2\n\nINBOX\nA\tB\n"), "A/B", false), "V\t2\n\nINBOX\n");
        assert_eq!(after(Some("INBOX\nA.B\n"), "A/B", true), "INBOX\nA.B\n");
    }

    #[test]
    fn couriers_list_is_read_where_it_is_the_only_one() {
        let root = tempfile::tempdir().unwrap();
        fs::write(root.path().join(COURIER_SUBSCRIPTIONS), "INBOX\nINBOX.Sent.Old\n").unwrap();
        let paths = ["INBOX", "Sent/Old"].map(FolderPath::from);
        assert_eq!(subscriptions(root.path()).unwrap(), paths);
        subscribe(root.path(), &FolderPath::from("New"), true).unwrap();
        assert_eq!(fs::read_to_string(root.path().join(SUBSCRIPTIONS)).unwrap(), "INBOX\nSent.Old\nNew\n");
    }

    #[test]
    fn a_lock_left_by_nobody_is_not_left_by_us() {
        let root = tempfile::tempdir().unwrap();
        replace(&root.path().join("list"), |_| None).unwrap();
        replace(&root.path().join("list"), |_| Some(b"text".to_vec())).unwrap();
        let names: Vec<_> = fs::read_dir(root.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["list"]);
    }
}
