//! Takes note of what an audit's records do not say, while messages pass: the Message-ID on one side, the flags on the other.
//!
//! A connector around a connector, so that nobody else need know. What is noted is taken away when its record comes.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use limosa_evidence::MessageIdHash;
use limosa_model::error::ErrorKind;
use limosa_model::mailbox::{Cursor, Detail, Fetch, Page, Result};
use limosa_model::message::HeaderItem;
use limosa_model::{
    Connector, ConnectorError, Fetched, Flags, Folder, FolderPath, IdList, Mailbox, MessageId, Meter, Piece, Retry,
    Scope, Survey, Target, Watermark,
};

/// A header longer than this has no Message-ID for us: it is kept in memory while it passes.
const LONGEST_HEADER: usize = 256 << 10;

/// What was noted of one message.
#[derive(Clone, Debug, Default)]
pub struct Note {
    /// Its flags.
    pub flags: Flags,
    /// Of its Message-ID, where it has one.
    pub message_id: Option<MessageIdHash>,
}

/// What was noted of all messages whose records have not come yet. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Notes(Arc<Mutex<HashMap<(FolderPath, MessageId), Note>>>);

impl Notes {
    fn lock(&self) -> MutexGuard<'_, HashMap<(FolderPath, MessageId), Note>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The note of a message, which is forgotten by that.
    pub fn take(&self, folder: &FolderPath, id: &MessageId) -> Option<Note> {
        self.lock().remove(&(folder.clone(), id.clone()))
    }
}

/// Notes what passes through a connector.
pub struct Noting {
    inner: Arc<dyn Connector>,
    notes: Notes,
}

impl Noting {
    /// Around that connector.
    pub fn new(inner: Arc<dyn Connector>) -> (Self, Notes) {
        let notes = Notes::default();
        (Self { inner, notes: notes.clone() }, notes)
    }
}

#[async_trait]
impl Connector for Noting {
    fn account(&self) -> String {
        self.inner.account()
    }

    async fn open(&self) -> Result<Box<dyn Mailbox>> {
        Ok(Box::new(NotingMailbox { inner: self.inner.open().await?, notes: self.notes.clone() }))
    }

    /// Never: whoever takes notes only reads.
    async fn open_target(&self) -> Result<Box<dyn Target>> {
        Err(ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Usage, "this side is only read"))
    }

    fn meter(&self) -> &Meter {
        self.inner.meter()
    }

    fn connections(&self) -> usize {
        self.inner.connections()
    }
}

struct NotingMailbox {
    inner: Box<dyn Mailbox>,
    notes: Notes,
}

#[async_trait]
impl Mailbox for NotingMailbox {
    async fn survey(&mut self) -> Result<Survey> {
        self.inner.survey().await
    }

    async fn identify(&mut self, folders: &mut [Folder]) -> Result<()> {
        self.inner.identify(folders).await
    }

    async fn check(&mut self) -> Result<Survey> {
        self.inner.check().await
    }

    async fn changes(
        &mut self,
        folder: &Folder,
        since: Option<&Watermark>,
        detail: Detail,
        after: Option<&Cursor>,
    ) -> Result<Page> {
        self.inner.changes(folder, since, detail, after).await
    }

    async fn arrivals(&mut self, folder: &Folder, since: Option<&Watermark>) -> Result<IdList> {
        self.inner.arrivals(folder, since).await
    }

    async fn headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>> {
        self.inner.headers(folder, ids).await
    }

    async fn fetch<'a>(&'a mut self, folder: &Folder, ids: &IdList) -> Result<Box<dyn Fetch + 'a>> {
        let inner = self.inner.fetch(folder, ids).await?;
        Ok(Box::new(NotingFetch { inner, folder: folder.path.clone(), notes: self.notes.clone(), passing: None }))
    }

    async fn close(self: Box<Self>) {
        self.inner.close().await;
    }
}

struct NotingFetch<'a> {
    inner: Box<dyn Fetch + 'a>,
    folder: FolderPath,
    notes: Notes,
    passing: Option<(MessageId, Flags, HeaderBlock)>,
}

#[async_trait]
impl Fetch for NotingFetch<'_> {
    async fn next(&mut self, into: &mut Vec<Fetched>) -> Result<bool> {
        let before = into.len();
        let more = self.inner.next(into).await?;
        for fetched in &into[before..] {
            match fetched {
                Fetched::Piece(Piece::Head(head)) => {
                    self.passing = Some((head.id.clone(), head.flags.clone(), HeaderBlock::default()));
                }
                Fetched::Piece(Piece::Body(bytes)) => {
                    if let Some((_, _, header)) = &mut self.passing {
                        header.push(bytes);
                    }
                }
                Fetched::Piece(Piece::End) => {
                    if let Some((id, flags, header)) = self.passing.take() {
                        let message_id = header.message_id().as_deref().map(MessageIdHash::of);
                        self.notes.lock().insert((self.folder.clone(), id), Note { flags, message_id });
                    }
                }
                Fetched::Gone(_) | Fetched::Unreadable(..) => self.passing = None,
            }
        }
        Ok(more)
    }
}

/// The header block of a message that passes.
#[derive(Debug, Default)]
struct HeaderBlock {
    bytes: Vec<u8>,
    whole: bool,
}

impl HeaderBlock {
    fn push(&mut self, bytes: &[u8]) {
        if self.whole {
            return;
        }
        // An empty line may be cut in two by the pieces.
        let looked = self.bytes.len().saturating_sub(3);
        let room = LONGEST_HEADER - self.bytes.len();
        self.bytes.extend_from_slice(&bytes[..bytes.len().min(room)]);
        let rest = &self.bytes[looked..];
        let has_ended = rest.windows(2).any(|pair| pair == b"\n\n") || rest.windows(4).any(|four| four == b"\r\n\r\n");
        self.whole = has_ended || self.bytes.len() == LONGEST_HEADER;
    }

    /// The first Message-ID field's value, unfolded (RFC 5322 §2.2.3); what is not UTF-8 in it is replaced.
    fn message_id(&self) -> Option<String> {
        const NAME: &[u8] = b"message-id";
        let mut lines = self.bytes.split(|byte| *byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut value: Option<Vec<u8>> = None;
        for line in &mut lines {
            if line.is_empty() {
                break;
            }
            let is_folded = line.starts_with(b" ") || line.starts_with(b"\t");
            match &mut value {
                Some(value) if is_folded => value.extend_from_slice(line),
                Some(_) => break,
                None => {
                    let named = line.split_at_checked(NAME.len()).filter(|(name, _)| name.eq_ignore_ascii_case(NAME));
                    value = named.and_then(|(_, rest)| rest.trim_ascii_start().strip_prefix(b":")).map(<[u8]>::to_vec);
                }
            }
        }
        let value = String::from_utf8_lossy(&value?).trim().to_owned();
        (!value.is_empty()).then_some(value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_message_id_is_found_however_the_header_comes() {
        for (text, expected) in [
            ("Message-ID: <a@b>\r\n\r\nMessage-ID: <body@b>\r\n", Some("<a@b>")),
            ("Subject: x\nMESSAGE-id :<a@b>\n\nx", Some("<a@b>")),
            ("Message-ID:\r\n <a@b>\r\nX: y\r\n\r\n", Some("<a@b>")),
            ("Message-ID:\r\nX: y\r\n\r\n", None),
            ("X-Message-ID: <no@b>\r\n\r\nMessage-ID: <body@b>\r\n", None),
            ("Message-ID: <a@b>", Some("<a@b>")),
            ("", None),
        ] {
            for size in [1, 2, 3, 1000] {
                let mut header = HeaderBlock::default();
                text.as_bytes().chunks(size).for_each(|piece| header.push(piece));
                assert_eq!(header.message_id().as_deref(), expected, "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn an_endless_header_is_not_kept() {
        let mut header = HeaderBlock::default();
        for _ in 0..100 {
            header.push(&[b'x'; 10_000]);
        }
        assert_eq!(header.bytes.len(), LONGEST_HEADER);
    }
}
