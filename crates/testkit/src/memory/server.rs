//! The memory server as tests see it: looked at and changed from outside, as by another client.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use limosa_model::{Flags, Folder, FolderPath, InternalDate, MessageId, Role};

use super::state::{State, Told};
use super::traits::MemoryTraits;
use crate::conformance::Seen;

/// Each folder's messages, sorted.
pub type Picture = BTreeMap<FolderPath, Vec<Seen>>;

/// One message as it stands on the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredMessage {
    /// Its id.
    pub id: MessageId,
    /// Its bytes.
    pub bytes: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// Its internal date.
    pub internal_date: InternalDate,
}

/// A mailbox in memory. Cloning shares it.
///
/// What is done here is done by "the other client": at once, without steps, faults or round trips, and without the
/// limits that a connection meets (quota, refusals, permanent flags).
#[derive(Clone)]
pub struct MemoryServer(Arc<Mutex<State>>);

impl Default for MemoryServer {
    fn default() -> Self {
        Self::new(MemoryTraits::default())
    }
}

impl MemoryServer {
    /// A mailbox that holds an empty inbox.
    pub fn new(traits: MemoryTraits) -> Self {
        Self(Arc::new(Mutex::new(State::new(traits))))
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it behaves.
    pub fn traits(&self) -> MemoryTraits {
        self.lock().traits.clone()
    }

    /// Changes how it behaves, from now on.
    pub fn change_traits(&self, change: impl FnOnce(&mut MemoryTraits)) {
        change(&mut self.lock().traits);
    }

    /// What it has told since this was asked last.
    pub fn take_told(&self) -> Told {
        std::mem::take(&mut self.lock().told)
    }

    /// Everything gone, an empty inbox left, as when new.
    pub fn reset(&self) {
        let mut state = self.lock();
        *state = State::new(state.traits.clone());
    }

    /// Makes a folder and the parents it needs; nothing when it is there.
    pub fn add_folder(&self, path: impl Into<FolderPath>) {
        self.lock().make(&path.into(), true);
    }

    /// Gives a folder a role, or takes it.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn set_role(&self, path: impl Into<FolderPath>, role: Option<Role>) {
        self.with(path, |folder, _| folder.role = role);
    }

    /// Subscribes to a folder, or ends it.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn set_subscribed(&self, path: impl Into<FolderPath>, subscribed: bool) {
        self.with(path, |folder, _| folder.subscribed = subscribed);
    }

    /// Makes a folder one that holds messages, or one that cannot be selected.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn set_selectable(&self, path: impl Into<FolderPath>, selectable: bool) {
        self.with(path, |folder, _| folder.selectable = selectable);
    }

    /// Adds a message; makes the folder where it is missing.
    pub fn append(
        &self,
        path: impl Into<FolderPath>,
        bytes: impl Into<Bytes>,
        flags: &Flags,
        date: InternalDate,
    ) -> MessageId {
        let mut state = self.lock();
        let bytes = bytes.into();
        let path = state.make(&path.into(), true);
        state.bytes += bytes.len() as u64;
        let ids = state.traits.ids;
        let folder = state.folders.get_mut(&path).expect("just made");
        let uid = folder.add(bytes, flags.clone(), date);
        folder.id(ids, uid)
    }

    /// Sets a message's flags to exactly these; nothing when it is gone.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn set_flags(&self, path: impl Into<FolderPath>, id: &MessageId, flags: &Flags) {
        self.with(path, |folder, ids| {
            if let Some(uid) = folder.find(ids, id) {
                folder.set_flags(uid, flags.clone());
            }
        });
    }

    /// Removes a message; false when it is gone already.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn expunge(&self, path: impl Into<FolderPath>, id: &MessageId) -> bool {
        let taken = self.with(path, |folder, ids| folder.find(ids, id).and_then(|uid| folder.take(ids, uid)));
        let Some(message) = taken else { return false };
        self.lock().bytes -= message.bytes.len() as u64;
        true
    }

    /// Moves a message to another folder, which is made where it is missing; answers its new id.
    ///
    /// # Panics
    /// If there is no such folder or message.
    pub fn move_message(&self, from: impl Into<FolderPath>, id: &MessageId, to: impl Into<FolderPath>) -> MessageId {
        let taken = self.with(from, |folder, ids| folder.find(ids, id).and_then(|uid| folder.take(ids, uid)));
        let message = taken.expect("no such message");
        let mut state = self.lock();
        let ids = state.traits.ids;
        let path = state.make(&to.into(), true);
        let folder = state.folders.get_mut(&path).expect("just made");
        let uid = folder.add(message.bytes, message.flags, message.date);
        folder.id(ids, uid)
    }

    /// Makes a message one that the store cannot give, or can again.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn set_readable(&self, path: impl Into<FolderPath>, id: &MessageId, readable: bool) {
        self.with(path, |folder, ids| {
            if let Some(message) = folder.find(ids, id).and_then(|uid| folder.messages.get_mut(&uid)) {
                message.readable = readable;
            }
        });
    }

    /// Gives a message other bytes, and another internal date if there is one, under the same id and with nothing that
    /// tells: what a broken disk does, or somebody who edits files.
    ///
    /// # Panics
    /// If there is no such folder or message.
    pub fn change_message(
        &self,
        path: impl Into<FolderPath>,
        id: &MessageId,
        bytes: impl Into<Bytes>,
        date: Option<InternalDate>,
    ) {
        let bytes = bytes.into();
        let (before, after) = self.with(path, |folder, ids| {
            let message = folder.find(ids, id).and_then(|uid| folder.messages.get_mut(&uid)).expect("no such message");
            let lengths = (message.bytes.len() as u64, bytes.len() as u64);
            message.bytes = bytes;
            message.date = date.unwrap_or(message.date);
            lengths
        });
        let mut state = self.lock();
        state.bytes = state.bytes - before + after;
    }

    /// Renames a folder and all below it; ids, object ids and watermarks stay.
    ///
    /// # Panics
    /// If there is no such folder, it is the inbox, or the new name is taken.
    pub fn rename_folder(&self, from: impl Into<FolderPath>, to: impl Into<FolderPath>) {
        self.lock().rename(&from.into(), &to.into()).expect("it can be renamed");
    }

    /// Removes a folder with all messages in it and the folders below it; false when it is gone already.
    pub fn delete_folder(&self, path: impl Into<FolderPath>) -> bool {
        let mut state = self.lock();
        let Some(path) = state.resolve(&path.into()) else { return false };
        let mut freed = 0;
        state.folders.retain(|known, folder| {
            let gone = known.names().starts_with(path.names());
            if gone {
                freed += folder.messages.values().map(|message| message.bytes.len() as u64).sum::<u64>();
            }
            !gone
        });
        state.bytes -= freed;
        true
    }

    /// Makes all ids of a folder void (IMAP: UIDVALIDITY changes); its messages stay, under new ids.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn change_uidvalidity(&self, path: impl Into<FolderPath>) {
        self.with(path, |folder, _| folder.renumber());
    }

    /// Forgets what changed in a folder until now: earlier watermarks answer with a full listing.
    ///
    /// # Panics
    /// If there is no such folder.
    pub fn forget_history(&self, path: impl Into<FolderPath>) {
        self.with(path, |folder, _| folder.history_from = folder.changes);
    }

    /// What stands in a folder, in the order of arrival; empty when there is no such folder.
    pub fn contents(&self, path: impl Into<FolderPath>) -> Vec<StoredMessage> {
        let state = self.lock();
        let Some(folder) = state.resolve(&path.into()).and_then(|path| state.folders.get(&path)) else {
            return Vec::new();
        };
        folder
            .messages
            .iter()
            .map(|(uid, message)| StoredMessage {
                id: folder.id(state.traits.ids, *uid),
                bytes: message.bytes.clone(),
                flags: message.flags.clone(),
                internal_date: message.date,
            })
            .collect()
    }

    /// All folders, as a survey would tell them, parents before children.
    pub fn folders(&self) -> Vec<Folder> {
        let state = self.lock();
        state.folders.keys().filter_map(|path| state.describe(path)).collect()
    }

    /// What stands where, without ids: for telling whether two mailboxes, or two ends of a run, are the same. Folders
    /// that cannot be selected are left out.
    pub fn picture(&self) -> Picture {
        let folders = self.folders().into_iter().filter(|folder| folder.selectable);
        folders
            .map(|folder| {
                let stored = self.contents(folder.path.clone()).into_iter();
                let mut messages: Vec<Seen> = stored
                    .map(|stored| Seen { bytes: stored.bytes, flags: stored.flags, date: stored.internal_date })
                    .collect();
                messages.sort_by_key(|seen| (seen.bytes.clone(), seen.date.seconds, format!("{:?}", seen.flags)));
                (folder.path, messages)
            })
            .collect()
    }

    /// Bytes of all messages.
    pub fn bytes(&self) -> u64 {
        self.lock().bytes
    }

    fn with<T>(
        &self,
        path: impl Into<FolderPath>,
        act: impl FnOnce(&mut super::state::FolderData, super::traits::Ids) -> T,
    ) -> T {
        let mut state = self.lock();
        let ids = state.traits.ids;
        let path = path.into();
        let path = state.resolve(&path).unwrap_or_else(|| panic!("no folder {path}"));
        act(state.folders.get_mut(&path).expect("just found"), ids)
    }
}
