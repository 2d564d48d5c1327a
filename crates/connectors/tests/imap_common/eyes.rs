//! A second pair of eyes on an IMAP mailbox: the laboratory's own small client, which shares no code with the connector.

use std::sync::Arc;

use async_trait::async_trait;
use limosa_connectors::imap::{ImapConnector, ImapSettings};
use limosa_lab::{Client, Server, mutf7, quoted};
use limosa_model::{Connector, Flags, FolderPath, InternalDate};
use limosa_testkit::conformance::{Declared, Harness, Seen};
use tokio::sync::Mutex;

use super::decoded;

static ADDING: Mutex<()> = Mutex::const_new(());

/// A user of a server, seen through both.
pub struct Eyes {
    connector: Arc<ImapConnector>,
    client: Mutex<Client>,
    declared: Declared,
    separator: char,
    prefix: String,
}

impl Eyes {
    /// Makes a user of that name; `adjust` may change the connector's settings.
    pub async fn new(server: &Server, user: &str, declared: Declared, adjust: impl FnOnce(&mut ImapSettings)) -> Self {
        {
            // Courier's user list is written by one program at a time.
            let _one = ADDING.lock().await;
            server.add_user(user, "secret").await.unwrap();
        }
        let mut settings = super::settings(server, user);
        adjust(&mut settings);
        let mut client = server.client(user, "secret").await.unwrap();
        let (separator, prefix) = client.namespace().await.unwrap();
        Self {
            connector: Arc::new(ImapConnector::new(settings).unwrap()),
            client: Mutex::new(client),
            declared,
            separator,
            prefix,
        }
    }

    fn name(&self, path: &FolderPath) -> String {
        if path.is_inbox() {
            return "INBOX".into();
        }
        let names: Vec<String> = path.names().iter().map(|name| mutf7::encode(name)).collect();
        format!("{}{}", self.prefix, names.join(&self.separator.to_string()))
    }

    fn path(&self, name: &str) -> FolderPath {
        let inner = name.strip_prefix(&self.prefix).unwrap_or(name);
        FolderPath::new(inner.split(self.separator).map(decoded))
    }

    /// UIDs and messages of a folder; nothing if it is not there.
    async fn read(&self, folder: &FolderPath) -> Vec<(u32, Seen)> {
        let mut client = self.client.lock().await;
        let examined = client.exchange(&format!("EXAMINE {}", quoted(&self.name(folder)))).await.unwrap();
        if !examined.status.starts_with("OK") {
            return Vec::new();
        }
        let answer = client.command("UID FETCH 1:* (UID FLAGS INTERNALDATE BODY.PEEK[])").await.unwrap();
        let mut messages: Vec<(u32, Seen)> = answer.untagged.iter().filter_map(|line| read_message(line)).collect();
        messages.sort_by_key(|(uid, _)| *uid);
        messages
    }

    /// Selects a folder and gives the UID of the message at a place.
    async fn select(&self, client: &mut Client, folder: &FolderPath, index: usize) -> u32 {
        client.command(&format!("SELECT {}", quoted(&self.name(folder)))).await.unwrap();
        let answer = client.command(&format!("FETCH {} (UID)", index + 1)).await.unwrap();
        let text = answer.text();
        let (_, rest) = text.split_once("UID ").unwrap();
        rest.trim_end_matches(|c: char| !c.is_ascii_digit()).parse().unwrap()
    }

    async fn validity(&self, client: &mut Client, name: &str) -> String {
        let answer = client.command(&format!("STATUS {} (UIDVALIDITY)", quoted(name))).await.unwrap();
        answer.text()[answer.text().find("(UIDVALIDITY").unwrap()..].to_owned()
    }
}

/// Reads `* n FETCH (…)`, its items in any order, the body a literal or a string.
fn read_message(line: &[u8]) -> Option<(u32, Seen)> {
    let body_at = find(line, b"BODY[] ")? + b"BODY[] ".len();
    let head = &line[..body_at];
    let rest = &line[body_at..];
    // A body with NUL comes as binary.
    let rest = rest.strip_prefix(b"~").unwrap_or(rest);
    let (body, tail) = if rest[0] == b'{' {
        let end = find(rest, b"}\r\n").unwrap();
        let size: usize = std::str::from_utf8(&rest[1..end]).unwrap().parse().unwrap();
        (&rest[end + 3..end + 3 + size], &rest[end + 3 + size..])
    } else {
        let end = rest.iter().skip(1).position(|byte| *byte == b'"').unwrap() + 1;
        (&rest[1..end], &rest[end + 1..])
    };
    let items = [head, tail].concat();
    let items = String::from_utf8_lossy(&items);
    let after = |word: &str| items.split_once(word).unwrap().1;
    let uid = after("UID ").split([' ', ')']).next().unwrap().parse().unwrap();
    let names = after("FLAGS (").split(')').next().unwrap().split_whitespace();
    let date = after("INTERNALDATE \"").split('"').next().unwrap();
    Some((uid, Seen { bytes: body.to_vec().into(), flags: Flags::from_names(names).0, date: read_date(date) }))
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

fn read_date(text: &str) -> InternalDate {
    let parsed = jiff::fmt::strtime::parse("%d-%b-%Y %H:%M:%S %z", text.trim_start()).unwrap();
    let zoned = parsed.to_zoned().unwrap();
    InternalDate { seconds: zoned.timestamp().as_second(), offset_minutes: (zoned.offset().seconds() / 60) as i16 }
}

fn written_date(date: InternalDate) -> String {
    let offset = jiff::tz::Offset::from_seconds(i32::from(date.offset_minutes) * 60).unwrap();
    let moment = jiff::Timestamp::from_second(date.seconds).unwrap().to_zoned(offset.to_time_zone());
    moment.strftime("%d-%b-%Y %H:%M:%S %z").to_string()
}

fn list_of(flags: &Flags) -> String {
    format!("({})", flags.names().collect::<Vec<_>>().join(" "))
}

/// The last string of a LIST or LSUB line: quoted, a literal, or bare.
fn listed_name(line: &[u8]) -> Option<String> {
    let line = std::str::from_utf8(line).ok()?;
    if let Some((_, literal)) = line.split_once("}\r\n") {
        return Some(literal.to_owned());
    }
    let (_, rest) = line.split_once(") ")?;
    let rest = rest.split_once(' ')?.1;
    Some(match rest.strip_prefix('"') {
        Some(rest) => rest.strip_suffix('"')?.replace("\\\"", "\"").replace("\\\\", "\\"),
        None => rest.to_owned(),
    })
}

#[async_trait]
impl Harness for Eyes {
    fn connector(&self) -> Arc<dyn Connector> {
        self.connector.clone()
    }

    fn declared(&self) -> Declared {
        self.declared.clone()
    }

    async fn reset(&self) {
        let mut client = self.client.lock().await;
        // Out of whatever folder is selected.
        client.command("SELECT INBOX").await.unwrap();
        client.exchange("STORE 1:* +FLAGS.SILENT (\\Deleted)").await.unwrap();
        client.command("EXPUNGE").await.unwrap();
        let subscribed = client.command("LSUB \"\" \"*\"").await.unwrap();
        for name in subscribed.untagged.iter().filter_map(|line| listed_name(line)) {
            client.exchange(&format!("UNSUBSCRIBE {}", quoted(&name))).await.unwrap();
        }
        let listed = client.command("LIST \"\" \"*\"").await.unwrap();
        let mut names: Vec<String> = listed.untagged.iter().filter_map(|line| listed_name(line)).collect();
        names.sort_by_key(|name| std::cmp::Reverse(name.matches(self.separator).count()));
        for name in names.iter().filter(|name| !name.eq_ignore_ascii_case("INBOX")) {
            client.exchange(&format!("DELETE {}", quoted(name))).await.unwrap();
        }
    }

    async fn make_folder(&self, folder: &FolderPath) {
        let mut client = self.client.lock().await;
        client.exchange(&format!("CREATE {}", quoted(&self.name(folder)))).await.unwrap();
        client.command(&format!("STATUS {} (MESSAGES)", quoted(&self.name(folder)))).await.unwrap();
    }

    async fn drop_folder(&self, folder: &FolderPath) {
        let mut client = self.client.lock().await;
        client.command("EXAMINE INBOX").await.unwrap();
        client.command(&format!("DELETE {}", quoted(&self.name(folder)))).await.unwrap();
    }

    async fn put(&self, folder: &FolderPath, message: &Seen) {
        let mut client = self.client.lock().await;
        if !folder.is_inbox() {
            client.exchange(&format!("CREATE {}", quoted(&self.name(folder)))).await.unwrap();
        }
        let (flags, date) = (list_of(&message.flags), written_date(message.date));
        client.append(&self.name(folder), &flags, Some(&date), &message.bytes).await.unwrap();
    }

    async fn contents(&self, folder: &FolderPath) -> Vec<Seen> {
        self.read(folder).await.into_iter().map(|(_, seen)| seen).collect()
    }

    async fn set_flags(&self, folder: &FolderPath, index: usize, flags: &Flags) {
        let mut client = self.client.lock().await;
        let uid = self.select(&mut client, folder, index).await;
        client.command(&format!("UID STORE {uid} FLAGS {}", list_of(flags))).await.unwrap();
    }

    /// Without UID EXPUNGE, which not every server has: nobody else marks messages meanwhile.
    async fn expunge(&self, folder: &FolderPath, index: usize) {
        let mut client = self.client.lock().await;
        let uid = self.select(&mut client, folder, index).await;
        client.command(&format!("UID STORE {uid} +FLAGS (\\Deleted)")).await.unwrap();
        let marked = client.command("UID SEARCH DELETED").await.unwrap().text();
        assert_eq!(marked.trim(), format!("* SEARCH {uid}"), "another message is marked");
        client.command("EXPUNGE").await.unwrap();
    }

    async fn renumber(&self, folder: &FolderPath) -> bool {
        let mut client = self.client.lock().await;
        let (name, other) = (self.name(folder), self.name(&FolderPath::from("Renumbering")));
        let before = self.validity(&mut client, &name).await;
        // Some servers number by the second: until the number is another one.
        loop {
            client.command(&format!("CREATE {}", quoted(&other))).await.unwrap();
            if self.validity(&mut client, &other).await != before {
                break;
            }
            client.command(&format!("DELETE {}", quoted(&other))).await.unwrap();
        }
        client.command(&format!("SELECT {}", quoted(&name))).await.unwrap();
        client.command(&format!("COPY 1:* {}", quoted(&other))).await.unwrap();
        client.command("EXAMINE INBOX").await.unwrap();
        client.command(&format!("DELETE {}", quoted(&name))).await.unwrap();
        client.command(&format!("RENAME {} {}", quoted(&other), quoted(&name))).await.unwrap();
        self.validity(&mut client, &name).await != before
    }

    async fn subscribed(&self) -> Vec<FolderPath> {
        let mut client = self.client.lock().await;
        let answer = client.command("LSUB \"\" \"*\"").await.unwrap();
        let own = answer.untagged.iter().filter(|line| !String::from_utf8_lossy(line).contains("\\Noselect"));
        own.filter_map(|line| listed_name(line)).map(|name| self.path(&name)).collect()
    }

    /// What a look could take away: `\Recent`.
    async fn fingerprint(&self) -> String {
        let mut client = self.client.lock().await;
        client.command("STATUS INBOX (MESSAGES RECENT UNSEEN UIDNEXT)").await.unwrap().text()
    }
}
