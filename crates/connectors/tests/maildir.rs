//! Does a Maildir keep the contract, and does it do so among other clients?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use limosa_connectors::maildir::{LineEnds, MaildirConnector};
use limosa_model::{Connector, Flags, FolderPath, InternalDate};
use limosa_testkit::conformance::{Declared, Harness, Seen};

/// Plain code over the same files: one message one file, names and letters by hand.
struct Eyes {
    root: tempfile::TempDir,
    connector: MaildirConnector,
    count: AtomicU32,
}

impl Eyes {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let connector = MaildirConnector::new(root.path(), LineEnds::AsStored);
        let eyes = Self { root, connector, count: AtomicU32::new(0) };
        make(eyes.root.path());
        eyes
    }

    fn directory(&self, folder: &FolderPath) -> PathBuf {
        if folder.is_inbox() {
            return self.root.path().to_owned();
        }
        let names: Vec<String> = folder.names().iter().map(|name| format!(".{}", mutf7(name))).collect();
        self.root.path().join(names.concat())
    }

    /// All files of a folder by base name.
    fn files(&self, folder: &FolderPath) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for part in ["cur", "new"] {
            let Ok(entries) = fs::read_dir(self.directory(folder).join(part)) else { continue };
            files.extend(entries.map(|entry| entry.unwrap().path()));
        }
        files.sort_by_key(|path| base(path));
        files
    }

    fn keywords(&self, folder: &FolderPath) -> Vec<String> {
        let text = fs::read_to_string(self.directory(folder).join("dovecot-keywords")).unwrap_or_default();
        text.lines().map(|line| line.split_once(' ').unwrap().1.to_owned()).collect()
    }

    fn letters(&self, folder: &FolderPath, flags: &Flags) -> String {
        let mut keywords = self.keywords(folder);
        let mut letters: Vec<char> = Vec::new();
        for name in flags.names() {
            letters.push(match name {
                "\\Seen" => 'S',
                "\\Answered" => 'R',
                "\\Flagged" => 'F',
                "\\Deleted" => 'T',
                "\\Draft" => 'D',
                "$Forwarded" => 'P',
                keyword => {
                    if !keywords.iter().any(|known| known.eq_ignore_ascii_case(keyword)) {
                        keywords.push(keyword.to_owned());
                    }
                    let place = keywords.iter().position(|known| known.eq_ignore_ascii_case(keyword)).unwrap();
                    char::from(b'a' + place as u8)
                }
            });
        }
        let lines: Vec<String> = keywords.iter().enumerate().map(|(n, keyword)| format!("{n} {keyword}\n")).collect();
        fs::write(self.directory(folder).join("dovecot-keywords"), lines.concat()).unwrap();
        letters.sort_unstable();
        letters.into_iter().collect()
    }
}

fn make(directory: &Path) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(directory.join(part)).unwrap();
    }
}

fn base(path: &Path) -> String {
    let name = path.file_name().unwrap().to_str().unwrap();
    name.split(':').next().unwrap().to_owned()
}

/// Modified UTF-7 of RFC 3501 §5.1.3, written by its text.
fn mutf7(name: &str) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut text = String::new();
    let mut shifted: Vec<u16> = Vec::new();
    let flush = |text: &mut String, shifted: &mut Vec<u16>| {
        if shifted.is_empty() {
            return;
        }
        let mut bits: Vec<bool> =
            shifted.drain(..).flat_map(|unit| (0..16).rev().map(move |bit| unit >> bit & 1 == 1)).collect();
        bits.resize(bits.len().div_ceil(6) * 6, false);
        text.push('&');
        for six in bits.chunks(6) {
            let value = six.iter().fold(0, |value, bit| value * 2 + usize::from(*bit));
            text.push(char::from(ALPHABET[value]));
        }
        text.push('-');
    };
    for c in name.chars() {
        if !(' '..='~').contains(&c) {
            shifted.extend(c.encode_utf16(&mut [0; 2]).iter());
            continue;
        }
        flush(&mut text, &mut shifted);
        text.push(c);
        if c == '&' {
            text.push('-');
        }
    }
    flush(&mut text, &mut shifted);
    text
}

#[async_trait]
impl Harness for Eyes {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(self.connector.clone())
    }

    fn declared(&self) -> Declared {
        Declared {
            delta: false,
            ids_ordered: false,
            object_ids: false,
            roles: false,
            survey_round_trips: Some(0),
            ..Declared::default()
        }
    }

    async fn reset(&self) {
        for entry in fs::read_dir(self.root.path()).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() { fs::remove_dir_all(path).unwrap() } else { fs::remove_file(path).unwrap() }
        }
        make(self.root.path());
    }

    async fn make_folder(&self, folder: &FolderPath) {
        make(&self.directory(folder));
    }

    async fn drop_folder(&self, folder: &FolderPath) {
        fs::remove_dir_all(self.directory(folder)).unwrap();
    }

    /// Every second message without flags is one that was just delivered, and lies in `new`.
    async fn put(&self, folder: &FolderPath, message: &Seen) {
        let directory = self.directory(folder);
        make(&directory);
        let count = self.count.fetch_add(1, Ordering::SeqCst);
        let letters = self.letters(folder, &message.flags);
        let path = if letters.is_empty() && count % 2 == 0 {
            directory.join(format!("new/16000.{count:06}.eyes"))
        } else {
            directory.join(format!("cur/16000.{count:06}.eyes,S=1:2,{letters}"))
        };
        fs::write(&path, &message.bytes).unwrap();
        let time = UNIX_EPOCH + Duration::from_secs(message.date.seconds.try_into().unwrap());
        File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
    }

    async fn contents(&self, folder: &FolderPath) -> Vec<Seen> {
        let keywords = self.keywords(folder);
        let seen = |path: PathBuf| {
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            let letters = name.split_once(":2,").map_or("", |(_, letters)| letters);
            let names = letters.chars().map(|letter| match letter {
                'S' => "\\Seen",
                'R' => "\\Answered",
                'F' => "\\Flagged",
                'T' => "\\Deleted",
                'D' => "\\Draft",
                'P' => "$Forwarded",
                letter => &keywords[letter as usize - 'a' as usize],
            });
            let modified = fs::metadata(&path).unwrap().modified().unwrap();
            let seconds = modified.duration_since(UNIX_EPOCH).unwrap().as_secs() as i64;
            Seen {
                bytes: fs::read(&path).unwrap().into(),
                flags: Flags::from_names(names).0,
                date: InternalDate { seconds, offset_minutes: 0 },
            }
        };
        self.files(folder).into_iter().map(seen).collect()
    }

    async fn set_flags(&self, folder: &FolderPath, index: usize, flags: &Flags) {
        let path = self.files(folder).swap_remove(index);
        let letters = self.letters(folder, flags);
        fs::rename(&path, self.directory(folder).join(format!("cur/{}:2,{letters}", base(&path)))).unwrap();
    }

    async fn expunge(&self, folder: &FolderPath, index: usize) {
        fs::remove_file(self.files(folder).swap_remove(index)).unwrap();
    }

    async fn subscribed(&self) -> Vec<FolderPath> {
        let text = fs::read_to_string(self.root.path().join("subscriptions")).unwrap_or_default();
        let unknown = |name: &str| FolderPath::new(["unknown", name]);
        let known = [FolderPath::from("Read/Später")];
        let find = |line: &str| known.iter().find(|path| self.directory(path).ends_with(format!(".{line}"))).cloned();
        text.lines().map(|line| find(line).unwrap_or_else(|| unknown(line))).collect()
    }

    /// Every name and time below the root: reading must not even move a file out of `new`.
    async fn fingerprint(&self) -> String {
        fn walk(directory: &Path, into: &mut Vec<String>) {
            for entry in fs::read_dir(directory).unwrap() {
                let entry = entry.unwrap();
                let modified = entry.metadata().unwrap().modified().unwrap();
                into.push(format!("{} {modified:?}", entry.path().display()));
                if entry.path().is_dir() {
                    walk(&entry.path(), into);
                }
            }
        }
        let mut lines = Vec::new();
        walk(self.root.path(), &mut lines);
        lines.sort();
        lines.join("\n")
    }
}

limosa_testkit::conformance_suite!(Eyes::new());
