//! A fetch from a memory server: pieces of messages as they stand when their turn comes.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::Bytes;
use limosa_model::mailbox::{Fetch, Result};
use limosa_model::{ConnectorError, ErrorKind, Fetched, FolderPath, Head, IdList, MessageId, Piece, Retry, Scope};

use super::connection::MemoryConnection;
use super::state::State;

/// Most bytes that one call adds, a piece more or less.
const BYTES_PER_CALL: usize = 256 * 1024;

/// Most messages that one call begins.
const MESSAGES_PER_CALL: usize = 8;

pub(super) struct MemoryFetch<'a> {
    connection: &'a mut MemoryConnection,
    folder: FolderPath,
    asked: VecDeque<MessageId>,
    rest: Option<Bytes>,
}

impl<'a> MemoryFetch<'a> {
    pub fn new(connection: &'a mut MemoryConnection, folder: FolderPath, ids: &IdList) -> Self {
        Self { connection, folder, asked: ids.iter().collect(), rest: None }
    }
}

/// Where the message of that id begins: its head and bytes, or why there are none.
fn begin(state: &mut State, path: &FolderPath, id: MessageId) -> Result<std::result::Result<(Head, Bytes), Fetched>> {
    let (ids, sizes_known) = (state.traits.ids, state.traits.sizes_known);
    let folder = state.folder(path)?;
    let Some(message) = folder.find(ids, &id).and_then(|uid| folder.messages.get(&uid)) else {
        return Ok(Err(Fetched::Gone(id)));
    };
    if !message.readable {
        let what = format!("message {id} cannot be read");
        let error = ConnectorError::new(Scope::Item, Retry::Never, ErrorKind::ServerFault, what);
        return Ok(Err(Fetched::Unreadable(id, error)));
    }
    let head = Head {
        id,
        flags: message.flags.clone(),
        internal_date: Some(message.date),
        size: sizes_known.then_some(message.bytes.len() as u64),
    };
    Ok(Ok((head, message.bytes.clone())))
}

#[async_trait]
impl Fetch for MemoryFetch<'_> {
    async fn next(&mut self, into: &mut Vec<Fetched>) -> Result<bool> {
        if self.asked.is_empty() && self.rest.is_none() {
            return Ok(false);
        }
        let (asked, rest, path) = (&mut self.asked, &mut self.rest, &self.folder);
        let (bytes, come) = self
            .connection
            .step("fetch.next", |state| {
                let piece = state.traits.piece.clamp(1, 256 * 1024);
                let (mut bytes, mut begun, mut come) = (0, 0, Vec::new());
                loop {
                    match rest {
                        Some(body) if body.is_empty() => {
                            come.push(Fetched::Piece(Piece::End));
                            *rest = None;
                        }
                        Some(_) if bytes >= BYTES_PER_CALL => break,
                        Some(body) => {
                            let part = body.split_to(body.len().min(piece));
                            bytes += part.len();
                            come.push(Fetched::Piece(Piece::Body(part)));
                        }
                        None if begun >= MESSAGES_PER_CALL || bytes >= BYTES_PER_CALL => break,
                        None => {
                            let Some(id) = asked.pop_front() else { break };
                            begun += 1;
                            match begin(state, path, id)? {
                                Ok((head, body)) => {
                                    state.told.bodies += 1;
                                    come.push(Fetched::Piece(Piece::Head(head)));
                                    *rest = Some(body);
                                }
                                Err(other) => come.push(other),
                            }
                        }
                    }
                }
                Ok((bytes, come))
            })
            .await?;
        self.connection.meter.received(bytes);
        into.extend(come);
        Ok(true)
    }
}

impl Drop for MemoryFetch<'_> {
    /// A fetch given up half-way leaves the connection with answers that nobody reads.
    fn drop(&mut self) {
        if !self.asked.is_empty() || self.rest.is_some() {
            self.connection.die();
        }
    }
}
