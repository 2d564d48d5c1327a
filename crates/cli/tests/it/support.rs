//! Running the program, and looking at Maildirs without its help.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with a ledger and Maildirs in it.
pub struct World {
    folder: TempDir,
}

impl World {
    pub fn new() -> Self {
        Self { folder: tempfile::tempdir().expect("a folder") }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn state(&self) -> PathBuf {
        self.path("state")
    }

    /// The endpoint of a Maildir in this world.
    pub fn maildir(&self, name: &str) -> String {
        format!("maildir:{}", self.path(name).display())
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("the file is written");
        path
    }

    /// The program with these arguments, this world's ledger, no terminal, and none of the variables it would look at.
    pub fn command<S: AsRef<str>>(&self, arguments: &[S]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limosa"));
        command.args(arguments.iter().map(AsRef::as_ref)).current_dir(self.folder.path()).stdin(Stdio::null());
        for variable in ["LIMOSA_SOURCE_PASSWORD", "LIMOSA_TARGET_PASSWORD", "LIMOSA_LOG", "NO_COLOR"] {
            command.env_remove(variable);
        }
        command.env("XDG_STATE_HOME", self.folder.path()).env("HOME", self.folder.path());
        command
    }

    /// Runs the program to its end.
    pub fn run<S: AsRef<str>>(&self, arguments: &[S]) -> Run {
        Run::of(self.command(arguments).output().expect("the program runs"))
    }

    /// `limosa copy` from one Maildir to another, with this world's ledger.
    pub fn copy(&self, source: &str, target: &str, options: &[&str]) -> Run {
        let (source, target, state) = (self.maildir(source), self.maildir(target), self.state());
        let state = state.display().to_string();
        let mut arguments = vec!["copy", &source, &target, "--state", &state];
        arguments.extend(options);
        self.run(&arguments)
    }
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    pub code: i32,
    pub out: String,
    pub err: String,
}

impl Run {
    pub fn of(output: Output) -> Self {
        Self {
            code: output.status.code().expect("it ended by itself"),
            out: String::from_utf8(output.stdout).expect("UTF-8"),
            err: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }

    /// Checks the exit code.
    #[track_caller]
    pub fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{self:#?}");
        self
    }

    /// The one JSON document on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {self:#?}"))
    }

    /// Standard output as JSON lines.
    #[track_caller]
    pub fn json_lines(&self) -> Vec<Value> {
        let read = |line: &str| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {self:#?}"));
        self.out.lines().map(read).collect()
    }

    /// Checks that neither output holds the text.
    #[track_caller]
    pub fn never_says(&self, text: &str) {
        assert!(!self.out.contains(text) && !self.err.contains(text), "{text:?} is said: {self:#?}");
    }

    #[track_caller]
    pub fn says_on_err(&self, text: &str) {
        assert!(self.err.contains(text), "{text:?} is not said: {self:#?}");
    }
}

/// A running program whose standard error can be waited for.
pub struct Running {
    child: Child,
    seen: String,
}

impl Running {
    pub fn start(mut command: Command) -> Self {
        let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
        Self { child, seen: String::new() }
    }

    /// Reads standard error until it has said that.
    #[track_caller]
    pub fn wait_for(&mut self, text: &str) {
        let stderr = self.child.stderr.as_mut().expect("standard error is piped");
        while !self.seen.contains(text) {
            let mut buffer = [0; 512];
            let read = stderr.read(&mut buffer).expect("standard error is read");
            assert!(read > 0, "it ended without saying {text:?}: {}", self.seen);
            self.seen.push_str(&String::from_utf8_lossy(&buffer[..read]));
        }
    }

    pub fn signal(&self, name: &str) {
        let status = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status();
        assert!(status.expect("kill runs").success());
    }

    pub fn end(self) -> Run {
        let output = self.child.wait_with_output().expect("the program ends");
        let mut run = Run::of(output);
        run.err.insert_str(0, &self.seen);
        run
    }
}

/// A Maildir++ written by hand.
pub struct Maildir(PathBuf);

/// One message as it stands on disk: flags, keywords not included, and the second it was received.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OnDisk {
    pub bytes: Vec<u8>,
    pub flags: String,
    pub received: u64,
}

impl Maildir {
    pub fn new(path: PathBuf) -> Self {
        let maildir = Self(path);
        maildir.folder("");
        maildir
    }

    /// A folder by its name on disk, the inbox by the empty one; made if it is not there.
    fn folder(&self, name: &str) -> PathBuf {
        let path = self.0.join(name);
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(path.join(part)).expect("the folder is made");
        }
        path
    }

    /// Adds a message; answers its path. `folder` as on disk: `""`, `.Sent`, `.Archive.2019`.
    pub fn add(&self, folder: &str, number: u32, flags: &str, text: &str) -> PathBuf {
        let path = self.folder(folder).join(format!("cur/17000000{number:02}.M{number}P1.test:2,{flags}"));
        fs::write(&path, text).expect("the message is written");
        let received = SystemTime::UNIX_EPOCH + Duration::from_secs(1_500_000_000 + u64::from(number));
        let file = fs::File::options().append(true).open(&path).expect("the message opens");
        file.set_modified(received).expect("its date is set");
        path
    }

    /// Every folder that holds messages, with its messages in order of their bytes.
    pub fn content(path: &Path) -> BTreeMap<String, Vec<OnDisk>> {
        let mut folders = BTreeMap::new();
        let mut roots = vec![(String::new(), path.to_owned())];
        for entry in fs::read_dir(path).expect("the maildir is there").map(|entry| entry.expect("an entry")) {
            let name = entry.file_name().into_string().expect("UTF-8");
            if name.starts_with('.') && entry.path().is_dir() {
                roots.push((name, entry.path()));
            }
        }
        for (name, root) in roots {
            let mut messages: Vec<OnDisk> = ["cur", "new"].iter().flat_map(|part| messages(&root.join(part))).collect();
            messages.sort();
            if !messages.is_empty() {
                folders.insert(name, messages);
            }
        }
        folders
    }
}

fn messages(folder: &Path) -> Vec<OnDisk> {
    let Ok(entries) = fs::read_dir(folder) else { return Vec::new() };
    let entries = entries.map(|entry| entry.expect("an entry"));
    entries
        .map(|entry| {
            let name = entry.file_name().into_string().expect("UTF-8");
            let flags = name.split_once(":2,").map_or("", |(_, flags)| flags);
            let modified = entry.metadata().expect("a file").modified().expect("a date");
            OnDisk {
                bytes: fs::read(entry.path()).expect("the message is read"),
                flags: flags.chars().filter(char::is_ascii_uppercase).collect(),
                received: modified.duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_secs(),
            }
        })
        .collect()
}

/// A small mailbox: an inbox with flags and duplicates, mail without a Message-ID, bare LF, folders below folders.
pub fn seed(path: PathBuf) -> Maildir {
    let maildir = Maildir::new(path);
    let mail = |number: u32| {
        format!(
            "From: a@example.org\r\nMessage-ID: <{number}@example.org>\r\nSubject: No. {number}\r\n\r\nHello {number}\r\n"
        )
    };
    maildir.add("", 1, "", &mail(1));
    maildir.add("", 2, "S", &mail(2));
    maildir.add("", 3, "FRS", &mail(3));
    maildir.add("", 4, "S", &mail(3));
    maildir.add("", 5, "S", "Subject: without an id\r\n\r\nHello\r\n");
    maildir.add(".Sent", 6, "S", "Message-ID: <6@example.org>\n\nbare line feeds\n");
    maildir.add(".Archive.2019", 7, "ST", &mail(7));
    maildir.add(".Entw&APw-rfe", 8, "DS", &mail(8));
    maildir
}

/// Messages of [`seed`].
pub const SEEDED: u64 = 8;
