//! Single changes to a target: flags, removal, moving, folders, subscriptions.

use bytes::Bytes;
use limosa_imap::command::{Command, SearchKey, StatusItems, StoreMode};
use limosa_imap::response::{Code, ListEntry, Tag, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::folder::{FolderPath, Role};
use limosa_model::mailbox::Moved;
use limosa_model::{ConnectorError, ErrorKind, Flags, Folder, IdList, MessageId, Retry, Scope};

use super::changes::uid_set;
use super::connection::Done;
use super::mailbox::ImapMailbox;
use super::names::{is_inbox, kept_name};
use super::survey::{Listed, raw};

type Result<T> = std::result::Result<T, ConnectorError>;

impl ImapMailbox {
    fn refused(&self, doing: &str, folder: &Folder, done: &Done) -> ConnectorError {
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
        self.select_to_change(folder, &uids).await?;
        if !self.can_use(b"UIDPLUS") {
            return self.expunge_among_others(folder, &uids).await;
        }
        // The server carries them out in this order; an expunge of what is not marked does nothing.
        let mut tags = self.send_store(&uids, StoreMode::Add, &[b"\\Deleted"]);
        for set in uids.split_for_line(MAX_SET_BYTES) {
            tags.push(self.connection.send(&Command::UidExpunge(&set)));
        }
        self.all_done(&tags, "remove messages from", folder, drop).await?;
        Ok(())
    }

    /// EXPUNGE takes all that is marked: what others have marked is unmarked for the moment (RFC 4549 §4.2.4).
    async fn expunge_among_others(&mut self, folder: &Folder, uids: &UidSet) -> Result<()> {
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
        let others: UidSet = marked.into_iter().filter(|uid| !uids.contains(*uid)).collect();
        let mut tags = Vec::new();
        if !others.is_empty() {
            tags.extend(self.send_store(&others, StoreMode::Remove, &[b"\\Deleted"]));
        }
        tags.extend(self.send_store(uids, StoreMode::Add, &[b"\\Deleted"]));
        // Expunging must not begin before it is certain that the others are unmarked.
        let marking = self.all_done(&tags, "mark messages in", folder, drop).await;
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

    /// Moves messages to another folder.
    pub(crate) async fn move_messages(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>> {
        let uids = uid_set(ids);
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        self.select_to_change(from, &uids).await?;
        let (raw_to, can_move) = (raw(to), self.can_use(b"MOVE"));
        let sets = uids.split_for_line(MAX_SET_BYTES);
        let send = |uids| {
            let folder = &raw_to;
            let command = if can_move { Command::UidMove { uids, folder } } else { Command::UidCopy { uids, folder } };
            self.connection.send(&command)
        };
        let tags: Vec<Tag> = sets.iter().map(send).collect();
        let mut moved: Vec<Moved> = Vec::new();
        let mut told = false;
        let mut take = |code: &Code| {
            if let Code::CopyUid { from, to, .. } = code
                && from.len() == to.len()
                && from.len() <= uids.len()
            {
                told = true;
                moved.extend(
                    from.iter().zip(to.iter()).map(|(from, to)| (MessageId::Uid(from), Some(MessageId::Uid(to)))),
                );
            }
        };
        let done = self
            .all_done(&tags, "move messages from", from, |data| {
                if let Untagged::Condition { code: Some(code), .. } = data {
                    take(&code);
                }
            })
            .await?;
        done.iter().filter_map(|done| done.code.as_ref()).for_each(take);
        if !told && !self.can_use(b"UIDPLUS") {
            moved.extend(uids.iter().map(|uid| (MessageId::Uid(uid), None)));
        }
        if !can_move {
            let copied: IdList = moved.iter().map(|(id, _)| id.clone()).collect();
            self.expunge(from, &copied).await?;
        }
        Ok(moved)
    }

    /// Makes a folder.
    pub(crate) async fn make_folder(&mut self, path: &FolderPath, role: Option<Role>) -> Result<Folder> {
        self.leave().await?;
        let names = self.names().await?;
        let named = |path: &FolderPath| {
            names.raw(path).map_err(|why| {
                let text = format!("the folder \"{path}\" cannot be made on {}: {why}", self.connection.place.server());
                ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, text).hint("map it to another name")
            })
        };
        let raw = named(path)?;
        let mut parents = Vec::new();
        let mut above = path.parent();
        while let Some(parent) = above {
            parents.push(named(&parent)?);
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
    async fn find_folder(&mut self, raw: &[u8]) -> Result<Option<Folder>> {
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
