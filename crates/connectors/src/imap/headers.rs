//! Header blocks of messages, none left out that is there.

use std::collections::HashSet;

use bytes::Bytes;
use limosa_imap::command::{Command, FetchItems, HeaderFields};
use limosa_imap::response::{Code, Fetch, Untagged};
use limosa_imap::{MAX_SET_BYTES, UidSet};
use limosa_model::message::HeaderItem;
use limosa_model::{ConnectorError, ErrorKind, Folder, IdList, MessageId, Retry, Scope};

use super::changes::{model_date, uid_set};
use super::connection::Done;
use super::flags::FlagCache;
use super::mailbox::ImapMailbox;

type Result<T> = std::result::Result<T, ConnectorError>;

/// A header longer than this is cut, by the server: sent whole, one of these could be more than the connection takes.
const HEADER: u32 = 1 << 20;

const ITEMS: FetchItems<'static> = FetchItems {
    flags: true,
    size: true,
    internal_date: true,
    modseq: false,
    email_id: false,
    header: HeaderFields::First(HEADER),
    body: limosa_imap::command::BodyKind::None,
    extra: &[],
};

impl ImapMailbox {
    /// Header blocks of messages. Left out are only those that a listing proves gone; a message that is there and whose
    /// header does not come is an error.
    pub(crate) async fn read_headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>> {
        let uids = uid_set(ids);
        if uids.is_empty() {
            return Ok(Vec::new());
        }
        self.ensure_selected(folder, &uids).await?;
        let (mut headers, _) = self.ask_headers(&uids.split_for_line(MAX_SET_BYTES)).await?;
        let told: HashSet<MessageId> = headers.iter().map(|header| header.id.clone()).collect();
        let missing: UidSet = uids.iter().filter(|uid| !told.contains(&MessageId::Uid(*uid))).collect();
        if missing.is_empty() {
            return Ok(headers);
        }
        // A command may fail because of one message, and silence may mean anything.
        for uid in self.present(folder, &missing).await?.iter() {
            let (mut alone, done) = self.ask_headers(&[UidSet::single(uid)]).await?;
            let Some(done) = done.first() else { continue };
            if !alone.is_empty() {
                headers.append(&mut alone);
            } else if done.code != Some(Code::ExpungeIssued) {
                return Err(self.no_header(folder, uid, done));
            }
        }
        Ok(headers)
    }

    fn no_header(&self, folder: &Folder, uid: u32, done: &Done) -> ConnectorError {
        if !done.is_ok() {
            let doing = format!("give the header of message {uid} from");
            return self.connection.place.refused(&doing, Some(&folder.name), &done.refusal());
        }
        let server = self.connection.place.server();
        let text = format!("{server} sends no header for message {uid} of folder \"{}\"", folder.name);
        ConnectorError::new(Scope::Folder, Retry::Now, ErrorKind::ServerFault, text)
            .hint("the message may be damaged on the server: look at it there")
    }

    async fn ask_headers(&mut self, sets: &[UidSet]) -> Result<(Vec<HeaderItem>, Vec<Done>)> {
        let ask = |uids| {
            let command = Command::UidFetch { uids, items: ITEMS, changed_since: None, vanished: false };
            self.connection.send(&command)
        };
        let tags: Vec<_> = sets.iter().map(ask).collect();
        let flags = &mut self.flags;
        let mut headers = Vec::new();
        let mut known = HashSet::new();
        let take = |data: Untagged| {
            let Untagged::Fetch(fetch) = data else { return };
            let header = header(fetch, flags).filter(|(uid, _)| sets.iter().any(|set| set.contains(*uid)));
            if let Some((uid, header)) = header
                && known.insert(uid)
            {
                headers.push(header);
            }
        };
        let done = self.connection.finish(&tags, take).await?;
        Ok((headers, done))
    }

    /// Which of these messages of the open folder are there. The NOOP is awaited, since Dovecot carries it out after
    /// the commands behind it.
    pub(crate) async fn present(&mut self, folder: &Folder, uids: &UidSet) -> Result<UidSet> {
        self.connection.run(&Command::Noop, drop).await?;
        let ask = |uids| {
            let items = FetchItems::default();
            self.connection.send(&Command::UidFetch { uids, items, changed_since: None, vanished: false })
        };
        let sets = uids.split_for_line(MAX_SET_BYTES);
        let tags: Vec<_> = sets.iter().map(ask).collect();
        let mut there = Vec::new();
        let take = |data| {
            if let Untagged::Fetch(Fetch { uid: Some(uid), .. }) = data {
                there.push(uid);
            }
        };
        let done = self.connection.finish(&tags, take).await?;
        if let Some(done) = done.iter().find(|done| !done.is_ok()) {
            return Err(self.connection.place.refused("list", Some(&folder.name), &done.refusal()));
        }
        there.retain(|uid| uids.contains(*uid));
        Ok(there.into_iter().collect::<UidSet>().normalized())
    }
}

fn header(fetch: Fetch, flags: &mut FlagCache) -> Option<(u32, HeaderItem)> {
    let flags = fetch.flags.as_ref().map(|set| flags.flags(set)).unwrap_or_default();
    let (uid, header) = (fetch.uid?, fetch.header?);
    // A copy, since a slice would keep the whole read buffer in memory.
    let header = Bytes::copy_from_slice(&header[..header.len().min(HEADER as usize)]);
    let size = fetch.size.unwrap_or(header.len() as u64);
    let internal_date = fetch.internal_date.map(model_date);
    Some((uid, HeaderItem { id: MessageId::Uid(uid), flags, size, internal_date, header }))
}
