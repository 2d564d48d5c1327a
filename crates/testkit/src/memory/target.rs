//! One connection to a memory server, as a target that is written.

use async_trait::async_trait;
use limosa_model::mailbox::{Batching, Moved, Result};
use limosa_model::{
    ConnectorError, ErrorKind, Flags, Folder, FolderPath, IdList, PermanentFlags, Retry, Role, Scope, Target, Writer,
};

use super::connection::MemoryConnection;
use super::state::{State, folder_error};
use super::writer::MemoryWriter;

pub(super) fn writable(state: &State) -> Result<()> {
    if !state.traits.read_only {
        return Ok(());
    }
    let what = "the mailbox can only be read";
    Err(ConnectorError::new(Scope::Mailbox, Retry::Never, ErrorKind::NotPermitted, what))
}

#[async_trait]
impl Target for MemoryConnection {
    async fn create_folder(&mut self, path: &FolderPath, role: Option<Role>) -> Result<Folder> {
        self.call("create_folder", |state| {
            writable(state)?;
            if state.traits.flat_inbox && path.names()[0] == "INBOX" && !path.is_inbox() {
                return Err(folder_error(ErrorKind::Folder, format!("no folder can be made below the inbox: {path}")));
            }
            let made = state.make(path, true);
            let roles = state.traits.roles;
            if let Some(folder) = state.folders.get_mut(&made) {
                folder.role = folder.role.or(role.filter(|_| roles));
            }
            state.describe(&made).ok_or_else(|| folder_error(ErrorKind::Gone, format!("folder {path} is not there")))
        })
        .await
    }

    async fn rename_folder(&mut self, folder: &Folder, to: &FolderPath) -> Result<Folder> {
        self.call("rename_folder", |state| {
            writable(state)?;
            state.open(folder)?;
            state.rename(&folder.path, to)?;
            state.describe(to).ok_or_else(|| folder_error(ErrorKind::Gone, format!("folder {to} is not there")))
        })
        .await
    }

    async fn delete_folder(&mut self, folder: &Folder) -> Result<()> {
        self.call("delete_folder", |state| {
            writable(state)?;
            let Some(path) = state.resolve(&folder.path) else {
                return Err(folder_error(ErrorKind::Gone, format!("folder {} is not there", folder.path)));
            };
            if path.is_inbox() {
                return Err(folder_error(ErrorKind::Folder, "the inbox cannot be deleted"));
            }
            let has_children = state.has_children(&path);
            let Some(data) = state.folders.get_mut(&path) else { return Ok(()) };
            if !data.messages.is_empty() {
                let what = format!("folder {path} holds {} messages", data.messages.len());
                return Err(folder_error(ErrorKind::Folder, what));
            }
            if has_children {
                data.selectable = false;
            } else {
                state.folders.remove(&path);
            }
            Ok(())
        })
        .await
    }

    async fn subscribe(&mut self, folder: &Folder, subscribed: bool) -> Result<()> {
        self.call("subscribe", |state| {
            writable(state)?;
            let found = state.resolve(&folder.path).and_then(|path| state.folders.get_mut(&path));
            let Some(data) = found else {
                return Err(folder_error(ErrorKind::Gone, format!("folder {} is not there", folder.path)));
            };
            data.subscribed = subscribed;
            Ok(())
        })
        .await
    }

    async fn permanent_flags(&mut self, folder: &Folder) -> Result<PermanentFlags> {
        self.call("permanent_flags", |state| {
            state.open(folder)?;
            Ok(state.traits.permanent_flags.clone())
        })
        .await
    }

    async fn writer<'a>(&'a mut self, folder: &Folder, batching: Batching) -> Result<Box<dyn Writer + 'a>> {
        self.call("writer", |state| {
            writable(state)?;
            state.open(folder).map(drop)
        })
        .await?;
        Ok(Box::new(MemoryWriter::new(self, folder.path.clone(), batching)))
    }

    async fn set_flags(&mut self, folder: &Folder, ids: &IdList, flags: &Flags) -> Result<()> {
        self.call("set_flags", |state| {
            writable(state)?;
            let (flags, _) = state.traits.permanent_flags.keep(flags);
            let kind = state.traits.ids;
            let data = state.open(folder)?;
            for uid in data.find_all(kind, ids) {
                data.set_flags(uid, flags.clone());
            }
            Ok(())
        })
        .await
    }

    async fn remove(&mut self, folder: &Folder, ids: &IdList) -> Result<()> {
        self.call("remove", |state| {
            writable(state)?;
            let kind = state.traits.ids;
            let data = state.open(folder)?;
            let taken: Vec<_> = data.find_all(kind, ids).into_iter().filter_map(|uid| data.take(kind, uid)).collect();
            state.bytes -= taken.iter().map(|message| message.bytes.len() as u64).sum::<u64>();
            Ok(())
        })
        .await
    }

    async fn relocate(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>> {
        self.call("relocate", |state| {
            writable(state)?;
            let (kind, tells) = (state.traits.ids, state.traits.receipts_with_ids);
            state.open(to)?;
            let data = state.open(from)?;
            let mut taken = Vec::new();
            for uid in data.find_all(kind, ids) {
                let id = data.id(kind, uid);
                taken.extend(data.take(kind, uid).map(|message| (id, message)));
            }
            let data = state.open(to)?;
            let moved = taken.into_iter().map(|(old, message)| {
                let uid = data.add(message.bytes, message.flags, message.date);
                (old, tells.then(|| data.id(kind, uid)))
            });
            Ok(moved.collect())
        })
        .await
    }
}
