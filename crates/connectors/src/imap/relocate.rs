//! How messages move from one folder to another, and which new ids they have there.

use std::collections::HashMap;

use limosa_imap::command::Command;
use limosa_imap::response::{Code, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::mailbox::Moved;
use limosa_model::{ConnectorError, Folder, IdList, MessageId};

use super::changes::uid_set;
use super::mailbox::ImapMailbox;
use super::survey::raw;

type Result<T> = std::result::Result<T, ConnectorError>;

/// Messages of one command.
const MESSAGES: usize = 1_000;

impl ImapMailbox {
    /// Moves messages to another folder. Each command is seen to its end before the next, so that a refusal leaves no
    /// message in both folders.
    pub(crate) async fn move_messages(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>> {
        let uids = uid_set(ids);
        let mut moved: Vec<Moved> = Vec::new();
        if uids.is_empty() {
            return Ok(moved);
        }
        self.select_to_change(from, &uids).await?;
        // Who was not there cannot have moved.
        let there: Vec<u32> = self.present(from, &uids).await?.iter().collect();
        for part in there.chunks(MESSAGES) {
            let part: UidSet = part.iter().copied().collect();
            for set in part.split_for_line(MAX_SET_BYTES) {
                moved.extend(self.move_some(from, &set, to).await?);
            }
        }
        Ok(moved)
    }

    async fn move_some(&mut self, from: &Folder, uids: &UidSet, to: &Folder) -> Result<Vec<Moved>> {
        let (raw_to, can_move) = (raw(to), self.can_use(b"MOVE"));
        let folder = &raw_to;
        let command = if can_move { Command::UidMove { uids, folder } } else { Command::UidCopy { uids, folder } };
        let mut told = Told::default();
        let done = self
            .connection
            .run(&command, |data| {
                if let Untagged::Condition { code: Some(code), .. } = data {
                    told.take(&code, uids);
                }
            })
            .await?;
        if !done.is_ok() {
            let refused = self.connection.place.refused("move messages from", Some(&from.name), &done.refusal());
            return Err(refused);
        }
        if let Some(code) = &done.code {
            told.take(code, uids);
        }
        let moved = told.moved(uids, to);
        if !can_move {
            let copied: IdList = moved.iter().map(|(id, _)| id.clone()).collect();
            self.expunge(from, &copied).await?;
        }
        Ok(moved)
    }
}

/// What COPYUID says (RFC 4315 §3), as far as it can be believed.
#[derive(Default)]
struct Told {
    /// New UIDs by old ones.
    new: HashMap<u32, u32>,
    validity: Option<u32>,
}

impl Told {
    fn take(&mut self, code: &Code, asked: &UidSet) {
        let Code::CopyUid { validity, from, to } = code else { return };
        if from.len() != to.len() || from.len() > asked.len() {
            return;
        }
        self.validity = Some(*validity);
        self.new.extend(from.iter().zip(to.iter()).filter(|(from, _)| asked.contains(*from)));
    }

    /// The messages that moved: those told of, or all where none is. New ids of another folder that has this name
    /// meanwhile are none.
    fn moved(&self, asked: &UidSet, to: &Folder) -> Vec<Moved> {
        let known = to.state.as_ref().map(|state| state.ids.as_str());
        let valid = self.validity.is_some_and(|told| known.is_none_or(|known| known == told.to_string()));
        let named = asked.iter().filter(|uid| self.new.is_empty() || self.new.contains_key(uid));
        let new = |uid: &u32| self.new.get(uid).filter(|_| valid).map(|new| MessageId::Uid(*new));
        named.map(|uid| (MessageId::Uid(uid), new(&uid))).collect()
    }
}
