//! Does a Maildir keep the contract, and does it do so among other clients?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, UNIX_EPOCH};

use async_trait::async_trait;
use limosa_connectors::maildir::{LineEnds, MaildirConnector};
use limosa_model::mailbox::{Batching, Detail};
use limosa_model::message::Outcome;
use limosa_model::{
    Connector, ErrorKind, Fetched, Flags, Folder, FolderPath, Head, IdList, InternalDate, MessageId, Piece, Retry,
    Scope, SystemFlags, Target,
};
use limosa_testkit::conformance::{Declared, Harness, Seen, folder_of, list, read_all, store_all};

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
        let path = if letters.is_empty() && count.is_multiple_of(2) {
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
        let known = ["Read", "Read/Später", "Read/Below", "Read/Not", "Später", "Später/Below", "Später/Not"];
        let known = known.map(FolderPath::from);
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

async fn open(eyes: &Eyes, folder: &FolderPath) -> (Box<dyn Target>, Folder) {
    let mut target = eyes.connector.open_target().await.unwrap();
    let folder = folder_of(target.as_mut(), folder).await;
    (target, folder)
}

fn text(number: usize) -> Seen {
    let date = InternalDate { seconds: 1_600_000_000, offset_minutes: 0 };
    Seen { bytes: format!("Subject: {number}\r\n\r\nbody\r\n").into(), flags: Flags::default(), date }
}

/// What a fetch says of each id, in short.
async fn fetched(mailbox: &mut dyn Target, folder: &Folder, ids: &IdList) -> Vec<String> {
    let mut fetch = mailbox.fetch(folder, ids).await.unwrap();
    let (mut came, mut told) = (Vec::new(), Vec::new());
    while fetch.next(&mut came).await.unwrap() {
        for fetched in came.drain(..) {
            match fetched {
                Fetched::Piece(Piece::Head(head)) => told.push(format!("{} {:?}", head.id, head.flags)),
                Fetched::Piece(_) => {}
                Fetched::Gone(id) => told.push(format!("{id} gone")),
                Fetched::Unreadable(id, error) => told.push(format!("{id} {}", error.kind().code())),
            }
        }
    }
    told
}

#[tokio::test]
async fn a_message_is_found_wherever_another_client_has_put_it_meanwhile() {
    let eyes = Eyes::new();
    for name in ["new/a", "cur/b:2,", "cur/c:2,S", "cur/d:2,", "cur/e:2,"] {
        fs::write(eyes.root.path().join(name), name).unwrap();
    }
    // A link is no message, whatever it points to.
    let link = |name: &str| std::os::unix::fs::symlink("d:2,", eyes.root.path().join(name)).unwrap();
    link("cur/f:2,");
    let (mut target, inbox) = open(&eyes, &FolderPath::inbox()).await;
    let ids = target.arrivals(&inbox, None).await.unwrap();
    assert_eq!(ids.len(), 5);
    let rename = |from: &str, to: &str| fs::rename(eyes.root.path().join(from), eyes.root.path().join(to)).unwrap();
    rename("new/a", "cur/a:2,");
    rename("cur/b:2,", "cur/b:2,FS");
    fs::remove_file(eyes.root.path().join("cur/c:2,S")).unwrap();
    fs::remove_file(eyes.root.path().join("cur/e:2,")).unwrap();
    link("cur/e:2,");
    let told = fetched(target.as_mut(), &inbox, &ids).await;
    assert_eq!(told, ["a {}", "b {\"\\\\Flagged\", \"\\\\Seen\"}", "c gone", "d {}", "e gone"]);
}

#[tokio::test]
async fn no_listing_misses_a_message_that_is_being_renamed() {
    const MESSAGES: usize = 1000;
    let eyes = Eyes::new();
    let cur = eyes.root.path().join("cur");
    for number in 0..MESSAGES {
        fs::write(cur.join(format!("{number:05}.x:2,")), "").unwrap();
    }
    let stop = Arc::new(AtomicBool::new(false));
    let renaming = std::thread::spawn({
        let stop = stop.clone();
        move || {
            for flags in [["", "S"], ["S", "FS"], ["FS", ""]].iter().cycle() {
                for number in 0..MESSAGES {
                    if stop.load(Ordering::SeqCst) {
                        return;
                    }
                    let name = |flags: &str| cur.join(format!("{number:05}.x:2,{flags}"));
                    fs::rename(name(flags[0]), name(flags[1])).unwrap();
                }
            }
        }
    });
    let (mut target, inbox) = open(&eyes, &FolderPath::inbox()).await;
    for _ in 0..10 {
        assert_eq!(target.arrivals(&inbox, None).await.unwrap().len(), MESSAGES as u64);
    }
    stop.store(true, Ordering::SeqCst);
    renaming.join().unwrap();
}

#[tokio::test]
async fn a_folder_of_more_than_a_page_is_listed_whole() {
    let eyes = Eyes::new();
    // One file under many names costs less to make.
    let name = |number: usize| eyes.root.path().join(format!("cur/{number:06}.x:2,S"));
    fs::write(name(0), "x").unwrap();
    (1..10_300).for_each(|number| fs::hard_link(name(0), name(number)).unwrap());
    let (mut target, inbox) = open(&eyes, &FolderPath::inbox()).await;
    let listing = list(target.as_mut(), &inbox, None, Detail::Metadata).await;
    assert_eq!(listing.present.len(), 10_300);
    assert!(listing.present.iter().all(|item| item.size == Some(1) && item.internal_date.is_some()));
    assert_eq!(listing.watermark, inbox.state.unwrap().watermark);
}

#[tokio::test]
async fn a_source_presents_bare_line_ends_as_an_imap_server_would() {
    let eyes = Eyes::new();
    for (name, text) in [("lf", "Subject: a\n\nb\n"), ("crlf", "Subject: a\r\n\r\nb\nc\r\n")] {
        fs::write(eyes.root.path().join("new").join(name), text).unwrap();
    }
    let source = MaildirConnector::new(eyes.root.path(), LineEnds::Crlf);
    let mut mailbox = source.open().await.unwrap();
    let inbox = folder_of(mailbox.as_mut(), &FolderPath::inbox()).await;
    let read = read_all(mailbox.as_mut(), &inbox).await;
    let texts: Vec<&[u8]> = read.iter().map(|seen| &seen.bytes[..]).collect();
    assert_eq!(texts, [&b"Subject: a\r\n\r\nb\nc\r\n"[..], b"Subject: a\r\n\r\nb\r\n"]);
    let ids = mailbox.arrivals(&inbox, None).await.unwrap();
    let mut headers = mailbox.headers(&inbox, &ids).await.unwrap();
    let lf = headers.pop().unwrap();
    assert_eq!((lf.size, &lf.header[..]), (17, &b"Subject: a\r\n\r\n"[..]));
}

#[tokio::test]
async fn keywords_beyond_twenty_six_are_declared_and_never_dropped_in_silence() {
    let eyes = Eyes::new();
    let (mut target, inbox) = open(&eyes, &FolderPath::inbox()).await;
    let with = |range: std::ops::Range<usize>| Flags::new(SystemFlags::NONE, range.map(|n| format!("key{n}")));
    let messages: Vec<Seen> = (0..13).map(|n| Seen { flags: with(n * 2..n * 2 + 2), ..text(n) }).collect();
    store_all(target.as_mut(), &inbox, &messages).await;
    let keeps = target.permanent_flags(&inbox).await.unwrap();
    assert!(!keeps.new_keywords);
    assert_eq!(keeps.keep(&with(25..27)).1, ["key26"]);
    assert_eq!(keeps.keep(&Flags::from_names(["$forwarded"]).0).1, [""; 0]);

    let mut writer = target.writer(&inbox, Batching::Free).await.unwrap();
    for (number, flags) in [with(25..27), with(0..26)].into_iter().enumerate() {
        let head = Head { id: MessageId::Uid(1), flags, internal_date: None, size: None };
        let body = Piece::Body(text(number).bytes);
        writer.write(&mut vec![Piece::Head(head), body, Piece::End]).await.unwrap();
    }
    let outcomes: Vec<Outcome> = writer.finish().await.unwrap().into_iter().map(|receipt| receipt.outcome).collect();
    let [Outcome::Refused(error), Outcome::Stored(_)] = &outcomes[..] else { panic!("{outcomes:?}") };
    assert_eq!((error.scope(), error.retry()), (Scope::Item, Retry::Now));
    assert_eq!(eyes.contents(&FolderPath::inbox()).await.len(), 14);
}

#[tokio::test]
async fn nothing_stays_in_tmp_of_a_message_that_was_given_up() {
    let eyes = Eyes::new();
    let (mut target, inbox) = open(&eyes, &FolderPath::inbox()).await;
    let in_tmp = || fs::read_dir(eyes.root.path().join("tmp")).unwrap().count();
    for drops in [true, false] {
        let mut writer = target.writer(&inbox, Batching::Free).await.unwrap();
        let head = Head { id: MessageId::Uid(1), flags: Flags::default(), internal_date: None, size: Some(1000) };
        writer.write(&mut vec![Piece::Head(head), Piece::Body(text(0).bytes)]).await.unwrap();
        assert_eq!(in_tmp(), 1);
        if drops {
            drop(writer)
        } else {
            writer.abort().await
        }
        assert_eq!(in_tmp(), 0);
    }
}

#[tokio::test]
async fn what_is_no_maildir_is_named_with_a_hint_and_a_target_is_made() {
    let home = tempfile::tempdir().unwrap();
    let at = |name: &str| MaildirConnector::new(home.path().join(name), LineEnds::AsStored);
    let missing = at("mail").open().await.err().unwrap();
    assert_eq!((missing.kind(), missing.scope()), (ErrorKind::LocalIo, Scope::Endpoint));
    assert!(missing.hint_text().is_some());
    at("deep/Maildir").open_target().await.unwrap();
    assert!(["cur", "new", "tmp"].iter().all(|part| home.path().join("deep/Maildir").join(part).is_dir()));
    let wrong = at("deep").open().await.err().unwrap();
    assert_eq!(wrong.kind(), ErrorKind::Usage);
    assert!(wrong.hint_text().unwrap().ends_with("deep/Maildir?"));
    assert_eq!(at("deep").open_target().await.err().unwrap().kind(), ErrorKind::Usage, "nor is it made into one");
}

#[test]
fn one_maildir_is_one_account_however_it_is_written() {
    let home = tempfile::tempdir().unwrap();
    let real = home.path().canonicalize().unwrap().join("real");
    fs::create_dir(&real).unwrap();
    std::os::unix::fs::symlink(&real, home.path().join("link")).unwrap();
    for name in ["real", "link", "real/", "./real", "link/../real"] {
        let connector = MaildirConnector::new(home.path().join(name), LineEnds::Crlf);
        assert_eq!(connector.account(), format!("maildir:{}", real.display()), "{name}");
    }
    let new = MaildirConnector::new(home.path().join("link/new/one"), LineEnds::Crlf);
    assert_eq!(new.account(), format!("maildir:{}/new/one", real.display()));
}

#[tokio::test]
async fn a_message_moved_to_where_its_copy_stands_replaces_nothing() {
    let eyes = Eyes::new();
    let (from, to) = (FolderPath::from("From"), FolderPath::from("To"));
    for (folder, name) in [(&from, "same:2,S"), (&to, "same:2,S")] {
        make(&eyes.directory(folder));
        fs::write(eyes.directory(folder).join("cur").join(name), folder.to_string()).unwrap();
    }
    let (mut target, folder) = open(&eyes, &from).await;
    let other = folder_of(target.as_mut(), &to).await;
    let ids = target.arrivals(&folder, None).await.unwrap();
    let moved = target.relocate(&folder, &ids, &other).await.unwrap();
    assert_eq!(moved.len(), 1);
    let mut bytes: Vec<_> = eyes.contents(&to).await.into_iter().map(|seen| seen.bytes).collect();
    bytes.sort();
    assert_eq!(bytes, ["From", "To"]);
}
