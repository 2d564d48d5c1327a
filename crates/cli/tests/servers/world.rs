//! Servers, the program run against them, and what another client sees of a mailbox.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;

use imap_proto::{AttributeValue, MailboxDatum, Response};
use limosa_lab::{Client, Server, quoted};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::{Child, Command};

pub const PASSWORD: &str = "not for anybody's eyes";

/// One message as another client sees it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Seen {
    pub digest: String,
    pub size: usize,
    pub flags: Vec<String>,
    pub date: String,
}

/// Folders by their path, and their messages in no order.
pub type Snapshot = BTreeMap<String, Vec<Seen>>;

/// A mailbox on a server of the lab.
#[derive(Clone, Copy)]
pub struct Account<'a> {
    pub server: &'a Server,
    pub user: &'a str,
}

impl<'a> Account<'a> {
    /// A new mailbox on this server.
    pub async fn new(server: &'a Server, user: &'a str) -> Self {
        server.add_user(user, PASSWORD).await.unwrap();
        Self { server, user }
    }

    pub fn url(&self) -> String {
        format!("imaps://{}@{}:{}", self.user, self.server.host(), self.server.imaps_port())
    }

    pub fn cleartext_url(&self) -> String {
        format!("imap://{}@{}:{}?tls=none", self.user, self.server.host(), self.server.imap_port())
    }

    pub async fn client(&self) -> Client {
        // Dovecot's login process may fall over when a client that it served over TLS was killed ("epoll_ctl: Bad file descriptor"), and
        // takes along who signs in then.
        for _ in 0..5 {
            if let Ok(client) = self.server.client(self.user, PASSWORD).await {
                return client;
            }
        }
        self.server.client(self.user, PASSWORD).await.unwrap()
    }

    pub async fn append(&self, folder: &str, flags: &str, message: &str) {
        self.client()
            .await
            .append(folder, flags, Some("17-Jul-2019 02:44:25 -0700"), message.as_bytes())
            .await
            .unwrap();
    }

    /// Everything in the mailbox, read by another parser.
    pub async fn snapshot(&self) -> Snapshot {
        let mut client = self.client().await;
        let mut snapshot = Snapshot::new();
        for (path, name) in folders(&mut client).await {
            snapshot.insert(path, self.messages(&mut client, &name).await);
        }
        snapshot
    }

    /// The UIDs of a folder's messages, and under what they are given, as another client sees them.
    pub async fn uids(&self, folder: &str) -> (String, Vec<u32>) {
        let mut client = self.client().await;
        let status = client.command(&format!("STATUS {} (UIDVALIDITY)", quoted(folder))).await.unwrap().text();
        let validity = status.split_once("UIDVALIDITY ").unwrap().1;
        let validity = validity.chars().take_while(char::is_ascii_digit).collect();
        client.command(&format!("EXAMINE {}", quoted(folder))).await.unwrap();
        let found = client.command("UID SEARCH ALL").await.unwrap().text();
        let line = found.lines().find_map(|line| line.strip_prefix("* SEARCH")).unwrap();
        (validity, line.split_ascii_whitespace().map(|uid| uid.parse().unwrap()).collect())
    }

    async fn messages(&self, client: &mut Client, folder: &str) -> Vec<Seen> {
        let selected = client.command(&format!("EXAMINE {}", quoted(folder))).await.unwrap();
        if selected.text().contains("* 0 EXISTS") {
            return Vec::new();
        }
        let answer = client.command("UID FETCH 1:* (FLAGS INTERNALDATE BODY.PEEK[])").await;
        let answer =
            answer.unwrap_or_else(|error| panic!("{folder}: {error}; {}", self.server.log().unwrap_or_default()));
        let mut messages: Vec<Seen> = answer.untagged.iter().filter_map(|line| Seen::read(line)).collect();
        messages.sort();
        messages
    }
}

/// All folders that can be opened, by their path and by the server's own name.
pub async fn folders(client: &mut Client) -> Vec<(String, String)> {
    let (_, prefix) = client.namespace().await.unwrap();
    let mut folders = Vec::new();
    for line in client.command("LIST \"\" \"*\"").await.unwrap().untagged {
        let line = [&line[..], b"\r\n"].concat();
        let Ok((_, Response::MailboxData(MailboxDatum::List(list)))) = Response::parse(&line) else {
            panic!("not a LIST response: {}", String::from_utf8_lossy(&line));
        };
        let attributes = format!("{:?}", list.name_attributes).to_lowercase();
        if attributes.contains("noselect") || attributes.contains("nonexistent") {
            continue;
        }
        let name = list.name.to_string();
        let path = match name.strip_prefix(prefix.as_str()) {
            Some(rest) if !prefix.is_empty() => rest.to_owned(),
            _ => name.clone(),
        };
        folders.push((path.replace(list.delimiter.as_deref().unwrap_or("/"), "/"), name));
    }
    folders
}

impl Seen {
    fn read(line: &[u8]) -> Option<Self> {
        let line = [line, b"\r\n"].concat();
        let Ok((_, Response::Fetch(_, attributes))) = Response::parse(&line) else { return None };
        let mut seen = Self { digest: String::new(), size: 0, flags: Vec::new(), date: String::new() };
        let mut whole = false;
        for attribute in attributes {
            match attribute {
                AttributeValue::BodySection { data, .. } => {
                    let data = data.unwrap_or_default();
                    seen.digest = blake3::hash(&data).to_hex()[..16].to_owned();
                    seen.size = data.len();
                    whole = true;
                }
                AttributeValue::Flags(flags) => {
                    seen.flags =
                        flags.iter().map(|flag| flag.to_lowercase()).filter(|flag| flag != "\\recent").collect();
                    seen.flags.sort();
                }
                AttributeValue::InternalDate(date) => seen.date = moment(&date),
                _ => {}
            }
        }
        whole.then_some(seen)
    }
}

/// An internal date without its zone, which servers may change: the moment in UTC.
fn moment(date: &str) -> String {
    let parsed = jiff::fmt::strtime::parse("%e-%b-%Y %H:%M:%S %z", date.trim()).and_then(|date| date.to_timestamp());
    parsed.unwrap_or_else(|error| panic!("{date}: {error}")).to_string()
}

/// The program, with a ledger of its own.
pub struct Program {
    state: TempDir,
}

impl Program {
    pub fn new() -> Self {
        Self { state: tempfile::tempdir().unwrap() }
    }

    pub fn state(&self) -> PathBuf {
        self.state.path().to_owned()
    }

    pub fn command(&self, arguments: &[&str], ca_file: &std::path::Path) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_limosa"));
        command.args(arguments);
        if arguments.first() != Some(&"check") {
            command.arg("--state").arg(self.state.path());
        }
        if matches!(arguments.first(), Some(&"copy" | &"check" | &"verify")) {
            command.arg("--source-ca-file").arg(ca_file).arg("--target-ca-file").arg(ca_file);
        }
        command.env("LIMOSA_SOURCE_PASSWORD", PASSWORD).env("LIMOSA_TARGET_PASSWORD", PASSWORD);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        command
    }

    /// `limosa copy --json` with these options, to its end.
    pub async fn copy(&self, source: &Account<'_>, target: &Account<'_>, options: &[&str]) -> Run {
        self.copy_urls(&source.url(), &target.url(), source.server, options).await
    }

    pub async fn copy_urls(&self, source: &str, target: &str, server: &Server, options: &[&str]) -> Run {
        self.run("copy", [source, target], server, options).await
    }

    /// `limosa verify --json` with these options, to its end.
    pub async fn verify(&self, source: &Account<'_>, target: &Account<'_>, options: &[&str]) -> Run {
        self.run("verify", [&source.url(), &target.url()], source.server, options).await
    }

    /// `limosa check --json` with these options, to its end.
    pub async fn check(&self, source: &Account<'_>, target: &Account<'_>, options: &[&str]) -> Run {
        self.run("check", [&source.url(), &target.url()], source.server, options).await
    }

    async fn run(&self, command: &str, urls: [&str; 2], server: &Server, options: &[&str]) -> Run {
        let mut arguments = vec![command, urls[0], urls[1], "--json"];
        arguments.extend(options);
        Run::of(self.command(&arguments, server.ca_file())).await
    }

    /// `limosa copy --json` whose files cannot grow beyond so many KiB, as on a full disk: writing fails, the process lives.
    pub async fn copy_with_room(&self, [source, target]: &[String; 2], server: &Server, kib: u64) -> Run {
        let copy = self.command(&["copy", source, target, "--json"], server.ca_file());
        let copy = copy.as_std();
        let mut limited = Command::new("sh");
        // Blocks are of 512 bytes (POSIX). Ignored here, the signal of a file that is too large is ignored by the program.
        let blocks = (2 * kib).to_string();
        limited.args(["-c", "trap '' XFSZ; ulimit -f \"$0\"; exec \"$@\"", &blocks]);
        limited.arg(copy.get_program()).args(copy.get_args());
        limited.envs(copy.get_envs().filter_map(|(name, value)| Some((name, value?))));
        limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        Run::of(limited).await
    }

    /// The same in the background, to be killed.
    pub fn start(&self, source: &Account<'_>, target: &Account<'_>) -> Child {
        let (source_url, target_url) = (source.url(), target.url());
        self.command(&["copy", &source_url, &target_url, "--quiet"], source.server.ca_file()).spawn().unwrap()
    }
}

/// What a run of the program gave.
#[derive(Debug)]
pub struct Run {
    pub code: Option<i32>,
    pub json: Value,
    #[allow(dead_code, reason = "shown when an assertion fails")]
    pub err: String,
}

impl Run {
    /// Runs the program to its end.
    async fn of(mut command: Command) -> Self {
        let output = command.output().await.unwrap();
        let out = String::from_utf8(output.stdout).unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert!(!out.contains(PASSWORD) && !err.contains(PASSWORD), "a secret was printed");
        let json = serde_json::from_str(&out).unwrap_or(Value::Null);
        Self { code: output.status.code(), json, err }
    }

    /// Why it did not finish, or could not work.
    pub fn code_of_failure(&self) -> Option<&str> {
        let code = self.json.pointer("/unfinished/code").or_else(|| self.json.pointer("/error/code"));
        code.and_then(Value::as_str)
    }

    pub fn number(&self, pointer: &str) -> u64 {
        self.json.pointer(pointer).and_then(Value::as_u64).unwrap_or_else(|| panic!("no {pointer} in {self:#?}"))
    }

    /// It finished, and everything stands on the target.
    pub fn is_complete(&self) -> &Self {
        assert_eq!(self.code, Some(0), "{self:#?}");
        assert_eq!(self.json["outcome"], "complete", "{self:#?}");
        self
    }

    /// It did nothing, since there was nothing to do.
    pub fn did_nothing(&self) -> &Self {
        for figure in ["/copied/messages", "/found", "/flags_set", "/removed", "/moved", "/renamed"] {
            assert_eq!(self.number(figure), 0, "{figure}: {self:#?}");
        }
        self
    }
}
