//! What a memory server holds: folders, messages and their history, and the pure rules over them.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use limosa_model::{
    ConnectorError, ErrorKind, Flags, Folder, FolderPath, FolderState, IdList, InternalDate, MessageId, Retry, Role,
    Scope, Watermark,
};

use super::traits::{Changes, Ids, MemoryTraits};

pub(super) type Result<T> = std::result::Result<T, ConnectorError>;

/// The date that the server sets where none is given: 2020-01-01T00:00:00Z, so that runs can be compared.
pub(super) const OWN_DATE: InternalDate = InternalDate { seconds: 1_577_836_800, offset_minutes: 0 };

pub(super) struct Message {
    pub key: Arc<str>,
    pub bytes: Bytes,
    pub flags: Flags,
    pub date: InternalDate,
    /// The folder's change number when this message last changed.
    pub changed: u64,
    pub readable: bool,
}

pub(super) struct FolderData {
    pub selectable: bool,
    pub role: Option<Role>,
    pub subscribed: bool,
    pub number: u64,
    pub validity: u32,
    pub next_uid: u32,
    pub changes: u64,
    pub messages: BTreeMap<u32, Message>,
    pub vanished: Vec<(u64, MessageId)>,
    /// Changes before this one are forgotten.
    pub history_from: u64,
}

pub(super) struct State {
    pub traits: MemoryTraits,
    pub folders: BTreeMap<FolderPath, FolderData>,
    pub next_number: u64,
    pub bytes: u64,
    pub told: Told,
}

/// What a server has told over all connections so far, in messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Named in listings.
    pub listed: u64,
    /// Named as arrivals.
    pub arrivals: u64,
    /// Header blocks given.
    pub headers: u64,
    /// Bodies given, or begun.
    pub bodies: u64,
}

/// A watermark's content: validity, next UID, change number, number of messages.
pub(super) struct Position {
    pub validity: u32,
    pub next_uid: u32,
    pub changes: u64,
}

impl Position {
    pub fn read(watermark: &Watermark) -> Option<Self> {
        let mut numbers = watermark.as_str().split(':');
        Some(Self {
            validity: numbers.next()?.parse().ok()?,
            next_uid: numbers.next()?.parse().ok()?,
            changes: numbers.next()?.parse().ok()?,
        })
    }
}

pub(super) fn folder_error(kind: ErrorKind, what: impl Into<String>) -> ConnectorError {
    ConnectorError::new(Scope::Folder, Retry::Never, kind, what)
}

/// A key as Graph makes them: long, with the part that differs at the end and no order in it.
fn key(folder: u64, validity: u32, uid: u32) -> Arc<str> {
    let mut mixed = (folder << 48) ^ (u64::from(validity) << 32) ^ u64::from(uid);
    let mut text = format!("AAMkAGVmMDEzMTM4LTZmYWUtNDdkNC1hMDZiLTU1OGY5OTZhYmY4OABGAAAAAAD{folder:04}");
    for _ in 0..3 {
        // splitmix64: scatters neighbours, never maps two to one.
        mixed = mixed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        text.push_str(&format!("{mixed:016x}"));
    }
    text.push('=');
    text.into()
}

impl FolderData {
    fn new(number: u64, selectable: bool, first_validity: u32) -> Self {
        Self {
            selectable,
            role: None,
            subscribed: false,
            number,
            // A folder made anew under an old name gives its ids under another one.
            validity: first_validity + number as u32,
            next_uid: 1,
            changes: 1,
            messages: BTreeMap::new(),
            vanished: Vec::new(),
            history_from: 0,
        }
    }

    pub fn id(&self, ids: Ids, uid: u32) -> MessageId {
        match (ids, self.messages.get(&uid)) {
            (Ids::Keys, Some(message)) => MessageId::Key(message.key.clone()),
            _ => MessageId::Uid(uid),
        }
    }

    /// The UID behind an id, if such a message is there.
    pub fn find(&self, ids: Ids, id: &MessageId) -> Option<u32> {
        match (ids, id) {
            (Ids::Uids, MessageId::Uid(uid)) => self.messages.contains_key(uid).then_some(*uid),
            (Ids::Keys, MessageId::Key(key)) => {
                self.messages.iter().find(|(_, message)| message.key == *key).map(|(uid, _)| *uid)
            }
            _ => None,
        }
    }

    /// UIDs of those of these messages that are there. Ranges may be as wide as they like.
    pub fn find_all(&self, ids: Ids, list: &IdList) -> Vec<u32> {
        if ids == Ids::Keys {
            return list.keys().iter().filter_map(|key| self.find(ids, &MessageId::Key(key.clone()))).collect();
        }
        let ranges = list.uid_ranges().iter().filter(|(first, last)| first <= last);
        ranges.flat_map(|&(first, last)| self.messages.range(first..=last).map(|(uid, _)| *uid)).collect()
    }

    pub fn watermark(&self, changes: Changes) -> Watermark {
        let known = if changes == Changes::FlagsUnseen { 0 } else { self.changes };
        Watermark::new(format!("{}:{}:{known}:{}", self.validity, self.next_uid, self.messages.len()))
    }

    pub fn add(&mut self, bytes: Bytes, flags: Flags, date: InternalDate) -> u32 {
        let uid = self.next_uid;
        self.next_uid += 1;
        self.changes += 1;
        let message = Message {
            key: key(self.number, self.validity, uid),
            bytes,
            flags,
            date,
            changed: self.changes,
            readable: true,
        };
        self.messages.insert(uid, message);
        uid
    }

    pub fn set_flags(&mut self, uid: u32, flags: Flags) {
        let Some(message) = self.messages.get_mut(&uid) else { return };
        if message.flags == flags {
            return;
        }
        self.changes += 1;
        message.flags = flags;
        message.changed = self.changes;
    }

    pub fn take(&mut self, ids: Ids, uid: u32) -> Option<Message> {
        let id = self.id(ids, uid);
        let message = self.messages.remove(&uid)?;
        self.changes += 1;
        self.vanished.push((self.changes, id));
        Some(message)
    }

    /// All ids void: what a restored or rebuilt folder looks like.
    pub fn renumber(&mut self) {
        self.validity += 1;
        self.changes += 1;
        self.vanished.clear();
        let messages = std::mem::take(&mut self.messages);
        self.next_uid = 1;
        for message in messages.into_values() {
            self.add(message.bytes, message.flags, message.date);
        }
    }
}

impl State {
    pub fn new(traits: MemoryTraits) -> Self {
        let mut state = Self { traits, folders: BTreeMap::new(), next_number: 1, bytes: 0, told: Told::default() };
        state.make(&FolderPath::inbox(), true);
        if let Some(inbox) = state.folders.get_mut(&FolderPath::inbox()) {
            inbox.subscribed = true;
        }
        state
    }

    /// The path under which the folder stands: another one only where letter case does not count.
    pub fn resolve(&self, path: &FolderPath) -> Option<FolderPath> {
        if self.folders.contains_key(path) {
            return Some(path.clone());
        }
        if !self.traits.case_insensitive_folders {
            return None;
        }
        let wanted = path.to_string().to_lowercase();
        self.folders.keys().find(|known| known.to_string().to_lowercase() == wanted).cloned()
    }

    /// Makes a folder and the parents it needs, which can then not be selected. Answers the path it stands under.
    pub fn make(&mut self, path: &FolderPath, selectable: bool) -> FolderPath {
        let path = match path.parent() {
            Some(parent) => self.make(&parent, false).child(path.last()),
            None => path.clone(),
        };
        if let Some(known) = self.resolve(&path) {
            if let Some(folder) = self.folders.get_mut(&known) {
                folder.selectable |= selectable;
            }
            return known;
        }
        let mut folder = FolderData::new(self.next_number, selectable, self.traits.first_validity);
        if path.is_inbox() {
            folder.role = Some(Role::Inbox);
        }
        self.next_number += 1;
        self.folders.insert(path.clone(), folder);
        path
    }

    /// `[ids.valid]`: a folder that is there and gives its ids under what they were given when it was surveyed.
    pub fn open(&mut self, surveyed: &Folder) -> Result<&mut FolderData> {
        let folder = self.folder(&surveyed.path)?;
        let ids = folder.validity.to_string();
        if surveyed.state.as_ref().is_some_and(|state| state.ids != ids) {
            let what = format!("folder {} was made anew meanwhile", surveyed.path);
            return Err(ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Gone, what));
        }
        Ok(folder)
    }

    /// A folder that is there and can hold messages.
    pub fn folder(&mut self, path: &FolderPath) -> Result<&mut FolderData> {
        let found = self.resolve(path).and_then(|path| self.folders.get_mut(&path));
        match found {
            Some(folder) if folder.selectable => Ok(folder),
            Some(_) => Err(folder_error(ErrorKind::Folder, format!("folder {path} cannot be selected"))),
            None => Err(folder_error(ErrorKind::Gone, format!("folder {path} is not there"))),
        }
    }

    pub fn describe(&self, path: &FolderPath) -> Option<Folder> {
        let path = self.resolve(path)?;
        let folder = self.folders.get(&path)?;
        let state = FolderState {
            watermark: folder.watermark(self.traits.changes),
            ids: folder.validity.to_string(),
            proves_unchanged: self.traits.changes != Changes::FlagsUnseen,
            messages: folder.messages.len() as u64,
            bytes: None,
        };
        Some(Folder {
            name: path.to_string(),
            selectable: folder.selectable,
            role: folder.role.filter(|role| self.traits.roles || *role == Role::Inbox),
            subscribed: folder.subscribed,
            object_id: self.traits.surveys_object_ids.then(|| self.object_id(&path)).flatten(),
            state: folder.selectable.then_some(state),
            path,
        })
    }

    /// A folder's id that outlives a rename, where folders have one.
    pub fn object_id(&self, path: &FolderPath) -> Option<String> {
        let folder = self.folders.get(&self.resolve(path)?)?;
        self.traits.object_ids.then(|| format!("F{:08}", folder.number))
    }

    /// Gives a folder and all below it another name, and makes the parents it needs; everything else of them stays.
    pub fn rename(&mut self, from: &FolderPath, to: &FolderPath) -> Result<()> {
        let Some(from) = self.resolve(from) else {
            return Err(folder_error(ErrorKind::Gone, format!("folder {from} is not there")));
        };
        if from.is_inbox() {
            return Err(folder_error(ErrorKind::Folder, "the inbox cannot be renamed"));
        }
        if self.resolve(to).is_some() {
            return Err(folder_error(ErrorKind::Folder, format!("folder {to} is there already")));
        }
        if to.is_below(&from) {
            return Err(folder_error(ErrorKind::Folder, format!("folder {from} cannot come to stand below itself")));
        }
        if let Some(parent) = to.parent() {
            self.make(&parent, false);
        }
        let folders = std::mem::take(&mut self.folders);
        self.folders = folders.into_iter().map(|(path, folder)| (path.renamed(&from, to), folder)).collect();
        Ok(())
    }

    /// Whether there are folders below this one.
    pub fn has_children(&self, path: &FolderPath) -> bool {
        self.folders.keys().any(|known| known.parent().as_ref() == Some(path))
    }

    /// Stores one message with the rules of the store: keeps what it keeps, adds what it adds.
    pub fn store(
        &mut self,
        path: &FolderPath,
        bytes: Bytes,
        flags: &Flags,
        date: Option<InternalDate>,
    ) -> Result<MessageId> {
        let (flags, _) = self.traits.permanent_flags.keep(flags);
        let bytes = match self.traits.added_header {
            Some(header) => [header.as_bytes(), b"\r\n", &bytes[..]].concat().into(),
            None => bytes,
        };
        let (ids, size) = (self.traits.ids, bytes.len() as u64);
        let folder = self.folder(path)?;
        let uid = folder.add(bytes, flags, date.unwrap_or(OWN_DATE));
        let id = folder.id(ids, uid);
        self.bytes += size;
        Ok(id)
    }

    /// Why a message of these bytes is not taken now, `more` bytes before it in its batch.
    pub fn refusal(&self, bytes: &[u8], more: u64) -> Option<ConnectorError> {
        let size = bytes.len() as u64;
        let refused = |kind, what: String| Some(ConnectorError::new(Scope::Item, Retry::Never, kind, what));
        if self.traits.message_bytes.is_some_and(|limit| size > limit) {
            return refused(ErrorKind::TooBig, format!("a message of {size} bytes is too big"));
        }
        if let Some(kind) = self.traits.refuse.as_ref().and_then(|refuse| refuse(bytes)) {
            return refused(kind, "the message is refused".into());
        }
        if self.traits.quota.is_some_and(|quota| self.bytes + more + size > quota) {
            return Some(ConnectorError::new(Scope::Mailbox, Retry::Never, ErrorKind::OverQuota, "the quota is full"));
        }
        None
    }

    pub fn listed_size(&self, bytes: &[u8]) -> u64 {
        (bytes.len() as u64).saturating_add_signed(self.traits.listed_size_error)
    }
}
