//! What a survey asks, and what it makes of the answers.

use std::collections::{HashMap, HashSet};

use bytes::Bytes;
use limosa_imap::Capabilities;
use limosa_imap::command::{Command, ListReturn, ListSelection, StatusItems};
use limosa_imap::quirk::Quirk;
use limosa_imap::response::{FolderStatus, ListEntry, Status, Tag, Untagged};
use limosa_model::ConnectorError;
use limosa_model::folder::{Folder, FolderPath, FolderState, Role};
use limosa_model::mailbox::{Limits, Survey};

use super::connection::Connection;
use super::error::{Reason, words_for_people};
use super::mailbox::ImapMailbox;
use super::names::{Names, is_inbox, kept_name, wire_name};
use super::position::Position;
use crate::twins::free_path;

type Result<T> = std::result::Result<T, ConnectorError>;

/// What a server said about folders.
#[derive(Default)]
pub(crate) struct Listed {
    pub(crate) entries: Vec<ListEntry>,
    /// Names from LSUB; `None` where LIST itself says who is subscribed.
    pub(crate) subscribed: Option<HashSet<Bytes>>,
    pub(crate) statuses: HashMap<Bytes, FolderStatus>,
    /// A line that names a folder could not be read.
    unreadable: Option<String>,
}

impl Listed {
    /// Takes what belongs to it. Names are copied: they must not keep read buffers alive.
    pub(crate) fn take(&mut self, data: Untagged) {
        match data {
            Untagged::List(mut entry) => {
                entry.name = Bytes::copy_from_slice(&entry.name);
                let attributes = entry.attributes.iter().map(|name| Bytes::copy_from_slice(name));
                entry.attributes = attributes.collect();
                entry.extended.clear();
                self.entries.push(entry);
            }
            // A parent of subscribed folders that is not subscribed itself (RFC 3501 §6.3.9).
            Untagged::Lsub(entry) if !entry.has_attribute(b"\\Noselect") => {
                self.subscribed.get_or_insert_default().insert(key(&entry.name));
            }
            Untagged::Status(mut status) => {
                status.name = Bytes::copy_from_slice(&status.name);
                status.mailbox_id =
                    status.mailbox_id.filter(|id| is_object_id(id)).map(|id| Bytes::copy_from_slice(&id));
                self.statuses.insert(key(&status.name), status);
            }
            Untagged::Unknown { name, values }
                if [&b"LIST"[..], b"XLIST"].iter().any(|list| name.eq_ignore_ascii_case(list)) =>
            {
                self.unreadable = Some(words_for_people(format!("{values:?}").as_bytes()));
            }
            _ => {}
        }
    }

    /// The folder is listed and does not exist.
    fn is_missing(&mut self, name: &Bytes) {
        for entry in self.entries.iter_mut().filter(|entry| entry.name == *name) {
            entry.attributes.push(Bytes::from_static(b"\\NonExistent"));
        }
    }

    /// Folders that can be selected and of which no counts came.
    fn uncounted(&self, names: &Names) -> Vec<Bytes> {
        let entries = self.entries.iter().filter(|entry| is_selectable(entry) && !names.is_foreign(&entry.name));
        let mut uncounted: Vec<Bytes> = entries.map(|entry| entry.name.clone()).collect();
        if !uncounted.iter().any(|name| is_inbox(name)) {
            uncounted.push(Bytes::from_static(b"INBOX"));
        }
        uncounted.retain(|name| !self.statuses.contains_key(&key(name)));
        uncounted
    }

    /// The owner's folders, parents before children, the inbox first.
    pub(crate) fn folders(&self, names: &Names) -> Vec<Folder> {
        let mut folders: Vec<Folder> = Vec::with_capacity(self.entries.len());
        let inbox = ListEntry { name: Bytes::from_static(b"INBOX"), ..ListEntry::default() };
        let listed_inbox = self.entries.iter().any(|entry| is_inbox(&entry.name));
        let entries = self.entries.iter().chain((!listed_inbox).then_some(&inbox));
        let mut taken = HashSet::new();
        for entry in entries {
            if names.is_foreign(&entry.name) || is_leftover(entry) || !taken.insert(key(&entry.name)) {
                continue;
            }
            folders.push(self.folder(entry, names));
        }
        // Two names that are one path (modified UTF-7 and UTF-8, `foo` beside `foo/`): the one that we would have made keeps
        // it. One that holds no mail is no loss.
        let rank = |folder: &Folder| {
            let ours = names.raw(&folder.path).is_ok_and(|raw| kept_name(&raw) == folder.name);
            (!folder.selectable, !ours)
        };
        folders.sort_by_cached_key(|folder| (folder.path.clone(), rank(folder), folder.name.clone()));
        let mut taken: HashSet<FolderPath> = folders.iter().map(|folder| folder.path.clone()).collect();
        let mut before: Option<FolderPath> = None;
        folders.retain_mut(|folder| {
            if before.as_ref() != Some(&folder.path) {
                before = Some(folder.path.clone());
                return true;
            }
            if folder.selectable {
                folder.path = free_path(&folder.path, |path| taken.contains(path));
                taken.insert(folder.path.clone());
            }
            folder.selectable
        });
        folders.sort_by(|a, b| b.path.is_inbox().cmp(&a.path.is_inbox()).then_with(|| a.path.cmp(&b.path)));
        folders
    }

    fn object_id(&self, name: &Bytes) -> Option<String> {
        let id = self.statuses.get(&key(name))?.mailbox_id.as_ref()?;
        Some(String::from_utf8_lossy(id).into_owned())
    }

    fn folder(&self, entry: &ListEntry, names: &Names) -> Folder {
        let path = names.path(&entry.name);
        let status = self.statuses.get(&key(&entry.name));
        let selectable = is_selectable(entry);
        let subscribed = match &self.subscribed {
            Some(subscribed) => subscribed.contains(&key(&entry.name)),
            None => entry.has_attribute(b"\\Subscribed"),
        };
        let state = status.filter(|_| selectable).and_then(|status| {
            let position = Position::from_status(status)?;
            Some(FolderState {
                watermark: position.watermark(),
                ids: position.validity.to_string(),
                proves_unchanged: position.modseq.is_some(),
                messages: position.messages,
                bytes: status.size,
            })
        });
        Folder {
            role: if path.is_inbox() { Some(Role::Inbox) } else { role(entry) },
            path,
            name: kept_name(&entry.name),
            selectable,
            subscribed,
            object_id: self.object_id(&entry.name),
            state,
        }
    }
}

/// The name under which a folder's data are found: INBOX comes in any letter case.
fn key(name: &Bytes) -> Bytes {
    if is_inbox(name) { Bytes::from_static(b"INBOX") } else { Bytes::copy_from_slice(name) }
}

fn is_selectable(entry: &ListEntry) -> bool {
    !entry.has_attribute(b"\\Noselect") && !entry.has_attribute(b"\\NonExistent")
}

/// Whether this can be an id (RFC 8474 §4).
fn is_object_id(id: &[u8]) -> bool {
    let allowed = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    (1..=255).contains(&id.len()) && id.iter().all(allowed)
}

/// A folder that was removed and is still subscribed.
fn is_leftover(entry: &ListEntry) -> bool {
    entry.has_attribute(b"\\NonExistent") && entry.has_attribute(b"\\HasNoChildren")
}

/// The role by the server's word: SPECIAL-USE, or XLIST's attributes that came before it.
fn role(entry: &ListEntry) -> Option<Role> {
    const XLIST: [(&str, Role); 3] = [("\\AllMail", Role::All), ("\\Spam", Role::Junk), ("\\Starred", Role::Flagged)];
    entry.attributes.iter().find_map(|attribute| {
        let attribute = std::str::from_utf8(attribute).ok()?;
        let xlist = XLIST.iter().find(|(name, _)| name.eq_ignore_ascii_case(attribute));
        Role::from_attribute(attribute).or(xlist.map(|(_, role)| *role))
    })
}

impl ImapMailbox {
    /// Which counts a survey asks for.
    pub(crate) fn status_items(&self, bytes: bool) -> StatusItems {
        StatusItems {
            messages: true,
            uid_next: true,
            uid_validity: true,
            highest_modseq: self.can_use(b"CONDSTORE"),
            // Cyrus 3.6 answers STATUS within LIST with freed memory in place of the id.
            mailbox_id: self.can_use(b"OBJECTID") && self.quirks().server() != Some("Cyrus"),
            // Dovecot 2.3 has no OBJECTID, and the same under a name of its own.
            guid: !self.without_guid && !self.can_use(b"OBJECTID") && self.quirks().server() == Some("Dovecot"),
            size: bytes && self.can_use(b"STATUS=SIZE"),
            ..StatusItems::default()
        }
    }

    /// All folders and where they stand: one round trip where LIST-STATUS is offered, two elsewhere.
    pub(crate) async fn read_survey(&mut self) -> Result<Survey> {
        let (_, survey) = self.list_all(false).await?;
        Ok(survey)
    }

    async fn list_all(&mut self, bytes: bool) -> Result<(Listed, Survey)> {
        self.leave().await?;
        let listed = self.list(b"*", bytes).await?;
        let names = Names::new(self.connection.namespaces.as_ref(), &listed.entries);
        let folders = listed.folders(&names);
        let limits = Limits {
            case_insensitive_folders: self.quirks().server() == Some("Exchange"),
            no_keywords: self.quirks().has(Quirk::NoKeywords),
            keeps_eight_bit_headers: self.quirks().has(Quirk::KeepsEightBitHeaders),
            ..limits(&self.connection.capabilities, &names, &listed.entries)
        };
        self.names = Some(names);
        let survey = Survey {
            folders,
            server: server_name(&self.connection),
            capabilities: self.connection.capabilities.iter().map(text).collect(),
            used: used(&self.connection.capabilities),
            quirks: self.quirks_for_people(),
            limits,
        };
        Ok((listed, survey))
    }

    /// Lists the folders that a pattern matches, with their counts.
    pub(crate) async fn list(&mut self, pattern: &[u8], bytes: bool) -> Result<Listed> {
        let items = self.status_items(bytes);
        if let Some(listed) = self.list_with(pattern, items).await? {
            return Ok(listed);
        }
        self.without_guid = true;
        let items = StatusItems { guid: false, ..items };
        Ok(self.list_with(pattern, items).await?.unwrap_or_default())
    }

    /// `None` if the server does not know X-GUID, of which it says nothing before.
    async fn list_with(&mut self, pattern: &[u8], items: StatusItems) -> Result<Option<Listed>> {
        let extended = (self.can_use(b"LIST-EXTENDED") || self.can_use(b"LIST-STATUS")) && !self.without_list_status;
        let with_status = self.can_use(b"LIST-STATUS");
        let returns = ListReturn {
            status: with_status.then_some(items),
            special_use: extended && self.can_use(b"SPECIAL-USE"),
            subscribed: extended,
            children: extended,
        };
        let mut listed = Listed::default();
        let mut plain = !extended;
        if extended && !self.ask_list(pattern, returns, false, &mut listed).await? {
            if items.guid {
                return Ok(None);
            }
            // What is offered does not work: by the oldest means then.
            self.without_list_status = true;
            listed = Listed::default();
            plain = true;
        }
        if plain {
            listed.subscribed = Some(HashSet::new());
            self.ask_list(pattern, ListReturn::default(), true, &mut listed).await?;
        }
        let names = Names::new(self.connection.namespaces.as_ref(), &listed.entries);
        let mut uncounted = listed.uncounted(&names);
        if pattern != b"*" {
            uncounted.retain(|name| listed.entries.iter().any(|entry| entry.name == *name));
        }
        let ask = |name: &Bytes| self.connection.send(&Command::Status { folder: name, items });
        let tags: Vec<Tag> = uncounted.iter().map(ask).collect();
        let done = self.connection.finish(&tags, |data| listed.take(data)).await?;
        if items.guid && done.iter().any(|done| done.status == Status::Bad) {
            return Ok(None);
        }
        for (name, done) in uncounted.iter().zip(&done) {
            // A folder that refuses has no counts. One that was just removed is still listed by Dovecot if others are below.
            if !done.is_ok() && done.refusal().reason == Reason::Missing {
                listed.is_missing(name);
            }
        }
        Ok(Some(listed))
    }

    /// Asks for the ids of folders that a survey could not tell: one round trip.
    pub(crate) async fn read_object_ids(&mut self, folders: &mut [Folder]) -> Result<()> {
        if !self.can_use(b"OBJECTID") || self.status_items(false).mailbox_id {
            return Ok(());
        }
        self.connection.begin().await?;
        let items = StatusItems { mailbox_id: true, ..StatusItems::default() };
        let mut unknown: Vec<(Bytes, &mut Folder)> = Vec::new();
        for folder in folders.iter_mut().filter(|folder| folder.selectable) {
            unknown.push((raw(folder).into(), folder));
        }
        let ask = |(name, _): &(Bytes, _)| self.connection.send(&Command::Status { folder: name, items });
        let tags: Vec<Tag> = unknown.iter().map(ask).collect();
        let mut listed = Listed::default();
        // A folder that refuses has no id.
        self.connection.finish(&tags, |data| listed.take(data)).await?;
        for (name, folder) in unknown {
            folder.object_id = listed.object_id(&name);
        }
        Ok(())
    }

    /// False if the server did not understand.
    async fn ask_list(&mut self, pattern: &[u8], returns: ListReturn, lsub: bool, listed: &mut Listed) -> Result<bool> {
        let list = Command::List { reference: b"", patterns: &[pattern], selection: ListSelection::default(), returns };
        let mut tags = vec![self.connection.send(&list)];
        if lsub {
            tags.push(self.connection.send(&Command::Lsub { reference: b"", pattern }));
        }
        let done = self.connection.finish(&tags, |data| listed.take(data)).await?;
        if let Some(line) = listed.unreadable.take() {
            // A folder left out would be taken for one that was removed.
            return Err(self.connection.place.protocol(format_args!("a folder it lists cannot be read: {line}")));
        }
        match done.first() {
            Some(list) if list.is_ok() => Ok(true),
            Some(list) if list.status == Status::Bad && !lsub => Ok(false),
            Some(list) => Err(self.connection.place.refused("list folders", None, &list.refusal())),
            None => Ok(false),
        }
    }

    /// The survey, with quota and the bytes of every folder.
    pub(crate) async fn read_check(&mut self) -> Result<Survey> {
        let (_, mut survey) = self.list_all(true).await?;
        if self.can_use(b"QUOTA") {
            survey.limits.room_bytes = self.room().await?;
        }
        let mut unmeasured: Vec<Folder> = Vec::new();
        for folder in &survey.folders {
            let measured = folder.state.as_ref().is_none_or(|state| state.bytes.is_some() || state.messages == 0);
            if folder.selectable && !measured {
                unmeasured.push(folder.clone());
            }
        }
        for folder in unmeasured {
            let bytes = self.sum_of_sizes(&folder).await?;
            let state = survey.folders.iter_mut().find(|other| other.path == folder.path);
            if let Some(state) = state.and_then(|folder| folder.state.as_mut()) {
                state.bytes = Some(bytes);
            }
        }
        for state in survey.folders.iter_mut().filter_map(|folder| folder.state.as_mut()) {
            if state.messages == 0 {
                state.bytes = Some(0);
            }
        }
        Ok(survey)
    }

    /// Bytes left under the tightest quota of the inbox.
    async fn room(&mut self) -> Result<Option<u64>> {
        let mut room: Option<u64> = None;
        self.connection
            .run(&Command::GetQuotaRoot(b"INBOX"), |data| {
                let Untagged::Quota(quota) = data else { return };
                for resource in quota.resources.iter().filter(|r| r.name.eq_ignore_ascii_case(b"STORAGE")) {
                    // Units of 1,024 bytes (RFC 9208 §5.1).
                    let left = resource.limit.saturating_sub(resource.usage).saturating_mul(1024);
                    room = Some(room.map_or(left, |room| room.min(left)));
                }
            })
            .await?;
        Ok(room)
    }

    /// What the server is found to be odd in, for people.
    fn quirks_for_people(&self) -> Vec<String> {
        let known = self.quirks();
        let mut quirks: Vec<String> = known.iter().map(|(_, reason)| reason.to_owned()).collect();
        quirks.extend(known.broken_capabilities().map(|(name, reason)| format!("{name} is not used: {reason}")));
        if self.without_list_status {
            quirks.push("offers LIST-STATUS and refuses it: folders are asked one by one".into());
        }
        if self.without_qresync {
            quirks.push("offers QRESYNC and refuses it: changes are found by listing".into());
        }
        quirks
    }

    /// The owner's part of the server's names; asked for if no survey has been made.
    pub(crate) async fn names(&mut self) -> Result<Names> {
        if let Some(names) = &self.names {
            return Ok(names.clone());
        }
        let mut listed = Listed::default();
        // An empty pattern asks for the separator alone (RFC 9051 §6.3.9); namespaces come along with it.
        self.ask_list(b"", ListReturn::default(), true, &mut listed).await?;
        let names = Names::new(self.connection.namespaces.as_ref(), &listed.entries);
        self.names = Some(names.clone());
        Ok(names)
    }
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// What a server calls itself: in its answer to ID, else in its greeting.
fn server_name(connection: &Connection) -> String {
    let field = |wanted: &[u8]| {
        let found = connection.id.iter().find(|(name, _)| name.eq_ignore_ascii_case(wanted));
        found.and_then(|(_, value)| value.as_ref()).map(|value| text(value))
    };
    match (field(b"name"), field(b"version")) {
        (Some(name), Some(version)) => format!("{name} {version}"),
        (Some(name), None) => name,
        _ => connection.greeting.clone(),
    }
}

/// Extensions that make a difference to us.
const USEFUL: [&str; 17] = [
    "LIST-STATUS",
    "LIST-EXTENDED",
    "SPECIAL-USE",
    "CREATE-SPECIAL-USE",
    "NAMESPACE",
    "CONDSTORE",
    "QRESYNC",
    "ESEARCH",
    "MULTIAPPEND",
    "LITERAL+",
    "LITERAL-",
    "UIDPLUS",
    "MOVE",
    "OBJECTID",
    "QUOTA",
    "STATUS=SIZE",
    "BINARY",
];

fn used(capabilities: &Capabilities) -> Vec<String> {
    let offered = USEFUL.iter().filter(|name| capabilities.has(name.as_bytes()));
    let better = |name: &&&str| **name != "LITERAL-" || !capabilities.has(b"LITERAL+");
    offered.filter(better).map(|name| (*name).to_owned()).collect()
}

fn limits(capabilities: &Capabilities, names: &Names, entries: &[ListEntry]) -> Limits {
    let no_children = |entry: &&ListEntry| is_selectable(entry) && entry.has_attribute(b"\\NoInferiors");
    let mut forbidden: Vec<char> = ('\0'..' ').chain(['\u{7f}']).collect();
    forbidden.extend(names.delimiter.map(char::from));
    Limits {
        message_bytes: capabilities.append_limit(),
        flat_inbox: names.inbox_is_prefix() || entries.iter().any(|entry| is_inbox(&entry.name) && no_children(&entry)),
        // Where a folder is a file and a level is a directory, as in mbox trees.
        folders_or_messages: entries.iter().any(|entry| !is_inbox(&entry.name) && no_children(&entry)),
        forbidden_in_names: forbidden,
        ..Limits::default()
    }
}

/// The raw name of a folder for commands.
pub(crate) fn raw(folder: &Folder) -> Vec<u8> {
    wire_name(&folder.name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &'static str, attributes: &[&'static str]) -> ListEntry {
        ListEntry {
            name: Bytes::from_static(name.as_bytes()),
            delimiter: Some(b'/'),
            attributes: attributes.iter().map(|name| Bytes::from_static(name.as_bytes())).collect(),
            ..ListEntry::default()
        }
    }

    fn paths(folders: &[Folder]) -> Vec<String> {
        folders.iter().map(|folder| folder.path.to_string()).collect()
    }

    #[test]
    fn parents_come_before_children_and_the_inbox_first() {
        let mut listed = Listed::default();
        for name in ["b/a/x", "b", "a", "b/a", "Inbox"] {
            listed.take(Untagged::List(entry(name, &[])));
        }
        let folders = listed.folders(&Names::new(None, &listed.entries));
        assert_eq!(paths(&folders), ["INBOX", "a", "b", "b/a", "b/a/x"]);
        assert_eq!(folders[0].name, "Inbox");
        assert_eq!(folders[0].role, Some(Role::Inbox));
    }

    #[test]
    fn there_is_always_an_inbox() {
        let listed = Listed::default();
        let folders = listed.folders(&Names::default());
        assert_eq!(paths(&folders), ["INBOX"]);
        assert!(folders[0].selectable);
    }

    #[test]
    fn two_names_of_one_path_are_two_folders() {
        let mut listed = Listed::default();
        for (name, attributes) in [
            ("Entw\u{fc}rfe", &[][..]),
            ("Entw&APw-rfe", &[]),
            ("Entw&APw-rfe (2)", &[]),
            ("list/", &["\\Noselect"]),
            ("list", &[]),
        ] {
            listed.take(Untagged::List(entry(name, attributes)));
        }
        let folders = listed.folders(&Names::new(None, &listed.entries));
        let got: Vec<_> = folders.iter().map(|folder| format!("{} = {}", folder.path, folder.name)).collect();
        assert_eq!(
            got,
            [
                "INBOX = INBOX",
                "Entw\u{fc}rfe = Entw&APw-rfe",
                "Entw\u{fc}rfe (2) = Entw&APw-rfe (2)",
                "Entw\u{fc}rfe (3) = Entw\u{fc}rfe",
                "list = list"
            ]
        );
    }

    #[test]
    fn attributes_say_what_a_folder_is() {
        let mut listed = Listed::default();
        listed.take(Untagged::List(entry("Sent", &["\\sent", "\\Subscribed"])));
        listed.take(Untagged::List(entry("Parent", &["\\Noselect", "\\HasChildren"])));
        listed.take(Untagged::List(entry("Gone", &["\\NonExistent", "\\Subscribed", "\\HasNoChildren"])));
        listed.take(Untagged::List(entry("Mail", &["\\AllMail"])));
        let folders = listed.folders(&Names::new(None, &listed.entries));
        assert_eq!(paths(&folders), ["INBOX", "Mail", "Parent", "Sent"]);
        assert_eq!(folders[1].role, Some(Role::All));
        assert!(!folders[2].selectable);
        assert_eq!((folders[3].role, folders[3].subscribed), (Some(Role::Sent), true));
    }

    #[test]
    fn counts_become_a_state() {
        let mut listed = Listed::default();
        listed.take(Untagged::List(entry("INBOX", &[])));
        listed.take(Untagged::List(entry("old", &[])));
        let status = FolderStatus {
            messages: Some(3),
            uid_next: Some(9),
            uid_validity: Some(5),
            highest_modseq: Some(77),
            ..FolderStatus::default()
        };
        listed.take(Untagged::Status(FolderStatus { name: "inbox".into(), ..status.clone() }));
        listed.take(Untagged::Status(FolderStatus { name: "old".into(), highest_modseq: Some(0), ..status }));
        let folders = listed.folders(&Names::default());
        let state = folders[0].state.as_ref().unwrap();
        assert_eq!(state.watermark.as_str(), "v=5;n=9;m=77;c=3");
        assert!(state.proves_unchanged);
        assert!(!folders[1].state.as_ref().unwrap().proves_unchanged);
    }
}
