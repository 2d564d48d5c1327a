//! Single changes to a target: flags, removal, moving, folders, subscriptions.

use bytes::Bytes;
use limosa_imap::command::{Command, SearchKey, StatusItems, StoreMode};
use limosa_imap::response::{Code, ListEntry, Tag, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::folder::{FolderPath, Role};
use limosa_model::mailbox::of_one_folder;
use limosa_model::{ConnectorError, ErrorKind, Flags, Folder, IdList, Retry, Scope};

use super::changes::uid_set;
use super::connection::Done;
use super::mailbox::ImapMailbox;
use super::names::{Names, is_inbox, kept_name};
use super::survey::{Listed, raw};

type Result<T> = std::result::Result<T, ConnectorError>;

/// Commands of one kind sent before their answers are read.
const COMMANDS_AT_ONCE: usize = 100;

/// So often it is tried to be the only one whose messages are marked.
const MARKINGS: u32 = 8;

impl ImapMailbox {
    pub(crate) fn refused(&self, doing: &str, folder: &Folder, done: &Done) -> ConnectorError {
        self.connection.place.refused(doing, Some(&folder.name), &done.refusal())
    }

    /// Waits for these commands on a folder; the first that failed is the error.
    async fn all_done(
        &mut self,
        tags: &[Tag],
        doing: &str,
        folder: &Folder,
        on: impl FnMut(Untagged),
    ) -> Result<Vec<Done>> {
        let done = self.connection.finish(tags, on).await?;
        match done.iter().find(|done| !done.is_ok()) {
            Some(refused) => Err(self.refused(doing, folder, refused)),
            None => Ok(done),
        }
    }

    /// Queues STORE commands that make, add or take away flags; as many as the length of a line asks for.
    fn send_store(&mut self, uids: &UidSet, mode: StoreMode, flags: &[&[u8]]) -> Vec<Tag> {
        let sets = uids.split_for_line(MAX_SET_BYTES);
        let store = |uids| Command::UidStore { uids, unchanged_since: None, mode, silent: true, flags };
        sets.iter().map(|uids| self.connection.send(&store(uids))).collect()
    }

    /// Sets the flags of messages to exactly these.
    pub(crate) async fn store_flags(&mut self, folder: &Folder, ids: &IdList, flags: &Flags) -> Result<()> {
        let uids = uid_set(ids);
        if uids.is_empty() {
            return Ok(());
        }
        self.select_to_change(folder, &uids).await?;
        let names: Vec<&[u8]> = flags.names().map(str::as_bytes).collect();
        let tags = self.send_store(&uids, StoreMode::Set, &names);
        self.all_done(&tags, "set flags in", folder, drop).await?;
        Ok(())
    }

    /// Removes these messages and no others.
    pub(crate) async fn expunge(&mut self, folder: &Folder, ids: &IdList) -> Result<()> {
        let uids = uid_set(ids);
        if uids.is_empty() {
            return Ok(());
        }
        if !self.can_use(b"UIDPLUS") {
            return self.expunge_among_others(folder, &uids).await;
        }
        self.select_to_change(folder, &uids).await?;
        // The server carries them out in this order; an expunge of what is not marked does nothing.
        let mut tags = self.send_store(&uids, StoreMode::Add, &[b"\\Deleted"]);
        for set in uids.split_for_line(MAX_SET_BYTES) {
            tags.push(self.connection.send(&Command::UidExpunge(&set)));
        }
        self.all_done(&tags, "remove messages from", folder, drop).await?;
        Ok(())
    }

    /// EXPUNGE takes all that is marked: what others have marked is unmarked for the moment (RFC 4549 §4.2.4).
    ///
    /// What is marked is looked up again right before. A mark that somebody sets between that and EXPUNGE, within one round
    /// trip, is carried out then: without UIDPLUS nothing can prevent that.
    async fn expunge_among_others(&mut self, folder: &Folder, uids: &UidSet) -> Result<()> {
        // A view opened some time ago may not show what others have marked since.
        self.selected = None;
        self.select_to_change(folder, uids).await?;
        let mut others = UidSet::new();
        let marking = self.mark_only(folder, uids, &mut others).await;
        let mut tags = Vec::new();
        if marking.is_ok() {
            tags.push(self.connection.send(&Command::Expunge));
        }
        if !others.is_empty() && !self.connection.is_dead() {
            tags.extend(self.send_store(&others, StoreMode::Add, &[b"\\Deleted"]));
        }
        let expunging = self.all_done(&tags, "remove messages from", folder, drop).await;
        marking.and(expunging)?;
        Ok(())
    }

    /// Marks these and unmarks all others, which are added to `others`, until a look shows it so.
    async fn mark_only(&mut self, folder: &Folder, uids: &UidSet, others: &mut UidSet) -> Result<()> {
        for attempt in 0..MARKINGS {
            self.connection.run(&Command::Noop, drop).await?;
            let foreign: UidSet = self.marked(folder).await?.into_iter().filter(|uid| !uids.contains(*uid)).collect();
            if attempt > 0 && foreign.is_empty() {
                return Ok(());
            }
            let mut tags = Vec::new();
            if !foreign.is_empty() {
                for (first, last) in foreign.ranges() {
                    others.push_range(*first, *last);
                }
                *others = others.normalized();
                tags.extend(self.send_store(&foreign, StoreMode::Remove, &[b"\\Deleted"]));
            }
            tags.extend(self.send_store(uids, StoreMode::Add, &[b"\\Deleted"]));
            // Expunging must not begin before it is certain that the others are unmarked.
            self.all_done(&tags, "mark messages in", folder, drop).await?;
        }
        let text =
            format!("others go on marking messages of folder \"{}\" as deleted: nothing is removed", folder.name);
        Err(ConnectorError::new(Scope::Folder, Retry::Now, ErrorKind::ServerFault, text))
    }

    /// Which messages of the open folder are marked, ascending.
    async fn marked(&mut self, folder: &Folder) -> Result<Vec<u32>> {
        let mut marked = Vec::new();
        let search = Command::UidSearch { return_all: false, criteria: &[SearchKey::Deleted] };
        let tag = self.connection.send(&search);
        let take = |data| {
            if let Untagged::Search { ids, .. } = data {
                marked.extend(ids);
            }
        };
        self.all_done(&[tag], "search", folder, take).await?;
        marked.sort_unstable();
        Ok(marked)
    }

    /// Makes folders: all CREATEs in one round trip, and what became of them in another. Where something else came of one than was wanted,
    /// it is made on its own.
    pub(crate) async fn make_folders(&mut self, wanted: &[(FolderPath, Option<Role>)]) -> Result<Vec<Result<Folder>>> {
        let mut there = Vec::new();
        if wanted.len() > 1 {
            self.leave().await?;
            let names = self.names().await?;
            for wanted in wanted.chunks(COMMANDS_AT_ONCE) {
                let mut tags = Vec::new();
                for (path, role) in wanted {
                    // One that cannot be named is refused below, with the reason.
                    let Ok(raw) = names.raw(path) else { continue };
                    let special_use = role.and_then(Role::attribute).filter(|_| self.can_use(b"CREATE-SPECIAL-USE"));
                    tags.push(self.connection.send(&Command::Create { folder: &raw, special_use }));
                }
                self.connection.finish(&tags, drop).await?;
            }
            there = self.read_survey().await?.folders;
        }
        let mut made = Vec::new();
        for (path, role) in wanted {
            made.push(match there.iter().find(|folder| folder.path == *path && folder.selectable) {
                Some(folder) => Ok(folder.clone()),
                None => of_one_folder(self.make_folder(path, *role).await)?,
            });
        }
        Ok(made)
    }

    /// Makes a folder.
    pub(crate) async fn make_folder(&mut self, path: &FolderPath, role: Option<Role>) -> Result<Folder> {
        self.leave().await?;
        let names = self.names().await?;
        let raw = self.new_name(&names, path)?;
        let mut parents = Vec::new();
        let mut above = path.parent();
        while let Some(parent) = above {
            parents.push(self.new_name(&names, &parent)?);
            above = parent.parent();
        }
        let special_use = role.and_then(Role::attribute).filter(|_| self.can_use(b"CREATE-SPECIAL-USE"));
        let mut done = self.connection.run(&Command::Create { folder: &raw, special_use }, drop).await?;
        if !done.is_ok() && special_use.is_some() && done.code != Some(Code::AlreadyExists) {
            // A role can be taken already, or not be for clients to give (RFC 6154 §3: USEATTR).
            done = self.connection.run(&Command::Create { folder: &raw, special_use: None }, drop).await?;
        }
        let mut found = self.find_made_folder(&raw, &done).await?;
        if found.is_none() && !done.is_ok() && !parents.is_empty() {
            // Servers should make the levels above themselves (RFC 9051 §6.3.4); some do not.
            for parent in parents.iter().rev() {
                self.connection.run(&Command::Create { folder: parent, special_use: None }, drop).await?;
            }
            done = self.connection.run(&Command::Create { folder: &raw, special_use: None }, drop).await?;
            found = self.find_made_folder(&raw, &done).await?;
        }
        match found {
            Some(folder) => Ok(folder),
            None if done.is_ok() => {
                let text =
                    format!("the folder \"{path}\" was made on {} and is not there", self.connection.place.server());
                Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, text)
                    .hint("the server may have given it another name"))
            }
            None => Err(self
                .connection
                .place
                .refused("make", Some(&kept_name(&raw)), &done.refusal())
                .hint("map the folder to a name that the server takes")),
        }
    }

    /// The raw name of a folder that is to be made.
    pub(crate) fn new_name(&self, names: &Names, path: &FolderPath) -> Result<Vec<u8>> {
        names.raw(path).map_err(|why| {
            let text = format!("the folder \"{path}\" cannot be made on {}: {why}", self.connection.place.server());
            ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, text).hint("map it to another name")
        })
    }

    /// The folder, if it is there after this answer to CREATE.
    async fn find_made_folder(&mut self, raw: &[u8], done: &Done) -> Result<Option<Folder>> {
        // A name that cannot be is asked for by STATUS only: Cyrus 3.6 breaks down when it is to list `{3}`.
        if !done.is_ok() && done.code != Some(Code::AlreadyExists) {
            let items = StatusItems { messages: true, ..StatusItems::default() };
            if !self.connection.run(&Command::Status { folder: raw, items }, drop).await?.is_ok() {
                return Ok(None);
            }
        }
        self.find_folder(raw).await
    }

    /// The folder of this name as a survey shows it.
    pub(crate) async fn find_folder(&mut self, raw: &[u8]) -> Result<Option<Folder>> {
        let mut listed = self.list(raw, false).await?;
        // The name may hold characters that are wildcards in a pattern.
        let is_it = |name: &[u8]| name == raw || is_inbox(name) && is_inbox(raw);
        let exact = listed.entries.iter().any(|entry| is_it(&entry.name));
        listed.entries.retain(|entry| is_it(&entry.name) || !exact && entry.name.eq_ignore_ascii_case(raw));
        if listed.entries.is_empty() {
            // Dovecot lists from an index that can be a moment behind.
            let items = self.status_items(false);
            let mut counted = false;
            let take = |data| {
                counted |= matches!(data, Untagged::Status(_));
                listed.take(data);
            };
            let done = self.connection.run(&Command::Status { folder: raw, items }, take).await?;
            if done.is_ok() && counted {
                listed.entries.push(ListEntry { name: Bytes::copy_from_slice(raw), ..ListEntry::default() });
            }
        }
        let names = self.names().await?;
        let Listed { entries, .. } = &listed;
        let wanted = entries.first().map(|entry| kept_name(&entry.name));
        Ok(listed.folders(&names).into_iter().find(|folder| Some(&folder.name) == wanted.as_ref()))
    }

    /// Removes a folder that holds no message.
    pub(crate) async fn remove_folder(&mut self, folder: &Folder) -> Result<()> {
        self.leave().await?;
        let raw = raw(folder);
        if folder.selectable {
            let items = StatusItems { messages: true, ..StatusItems::default() };
            let mut messages = None;
            let status = Command::Status { folder: &raw, items };
            let take = |data| {
                if let Untagged::Status(counts) = data {
                    messages = counts.messages;
                }
            };
            let done = self.connection.run(&status, take).await?;
            if !done.is_ok() {
                return Err(self.refused("count the messages in", folder, &done));
            }
            if messages != Some(0) {
                let text =
                    format!("folder \"{}\" of {} is not empty and stays", folder.name, self.connection.place.user);
                return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, text));
            }
        }
        let done = self.connection.run(&Command::Delete(&raw), drop).await?;
        if done.is_ok() { Ok(()) } else { Err(self.refused("remove", folder, &done)) }
    }

    /// Subscribes to folders, or ends it, in one round trip; what is refused is tried on its own.
    pub(crate) async fn set_all_subscribed(&mut self, wanted: &[(&Folder, bool)]) -> Result<Vec<Result<()>>> {
        self.connection.begin().await?;
        let mut ended = Vec::new();
        for wanted in wanted.chunks(COMMANDS_AT_ONCE) {
            let mut tags = Vec::new();
            for (folder, subscribed) in wanted {
                let raw = raw(folder);
                let command = if *subscribed { Command::Subscribe(&raw) } else { Command::Unsubscribe(&raw) };
                tags.push(self.connection.send(&command));
            }
            ended.extend(self.connection.finish(&tags, drop).await?);
        }
        let mut done = Vec::new();
        for ((folder, subscribed), ended) in wanted.iter().zip(ended) {
            done.push(match ended.is_ok() {
                true => Ok(()),
                false => of_one_folder(self.set_subscribed(folder, *subscribed).await)?,
            });
        }
        Ok(done)
    }

    /// Subscribes to a folder, or ends it.
    pub(crate) async fn set_subscribed(&mut self, folder: &Folder, subscribed: bool) -> Result<()> {
        self.connection.begin().await?;
        let raw = raw(folder);
        let command = if subscribed { Command::Subscribe(&raw) } else { Command::Unsubscribe(&raw) };
        let done = self.connection.run(&command, drop).await?;
        if done.is_ok() {
            return Ok(());
        }
        // Some refuse what is so already.
        let mut found = false;
        let lsub = Command::Lsub { reference: b"", pattern: &raw };
        let take = |data| {
            if let Untagged::Lsub(entry) = data {
                found |= entry.name[..] == raw[..] && !entry.has_attribute(b"\\Noselect");
            }
        };
        self.connection.run(&lsub, take).await?;
        if found == subscribed {
            return Ok(());
        }
        Err(self.refused(if subscribed { "subscribe to" } else { "unsubscribe from" }, folder, &done))
    }
}
