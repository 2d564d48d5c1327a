//! Writing into a memory server: whole messages wait in a window, and are stored alone or in batches.

use std::collections::VecDeque;

use async_trait::async_trait;
use bytes::{Bytes, BytesMut};
use limosa_model::mailbox::{Batching, Result, WholeMessage};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{ConnectorError, ErrorKind, FolderPath, Head, Piece, Retry, Scope, Writer};

use super::connection::MemoryConnection;
use super::state::State;
use super::target::writable;

pub(super) struct MemoryWriter<'a> {
    connection: &'a mut MemoryConnection,
    folder: FolderPath,
    batching: Batching,
    whole: WholeMessage,
    current: Option<(Head, BytesMut)>,
    under_way: VecDeque<(Head, Bytes)>,
    receipts: Vec<Receipt>,
    given: u64,
}

impl<'a> MemoryWriter<'a> {
    pub fn new(connection: &'a mut MemoryConnection, folder: FolderPath, batching: Batching) -> Self {
        Self {
            connection,
            folder,
            batching,
            whole: WholeMessage::default(),
            current: None,
            under_way: VecDeque::new(),
            receipts: Vec::new(),
            given: 0,
        }
    }

    fn take(&mut self, piece: Piece) -> std::result::Result<(), &'static str> {
        match piece {
            Piece::Head(head) => {
                self.whole.head(&head)?;
                self.current = Some((head, BytesMut::new()));
            }
            Piece::Body(part) => {
                self.whole.body(part.len())?;
                self.connection.meter.sent(part.len());
                if let Some((_, bytes)) = &mut self.current {
                    bytes.extend_from_slice(&part);
                }
            }
            Piece::End => {
                self.whole.end()?;
                self.given += 1;
                self.under_way.extend(self.current.take().map(|(head, bytes)| (head, bytes.freeze())));
            }
        }
        Ok(())
    }

    /// Stores the oldest messages under way until at most `rest` are left.
    async fn store_down_to(&mut self, rest: usize) -> Result<()> {
        while self.under_way.len() > rest {
            let traits = self.connection.server.traits();
            let size = if self.batching == Batching::Alone { 1 } else { traits.batch.max(1) };
            let batch: Vec<(Head, Bytes)> = self.under_way.iter().take(size).cloned().collect();
            let (under_way, path) = (&mut self.under_way, &self.folder);
            let receipts = self
                .connection
                .step("append", |state| {
                    let receipts = store(state, path, &batch)?;
                    // Out of the window the moment it is decided: what is cut later must not land twice.
                    under_way.drain(..batch.len());
                    Ok(receipts)
                })
                .await?;
            self.receipts.extend(receipts);
        }
        Ok(())
    }
}

fn store(state: &mut State, path: &FolderPath, batch: &[(Head, Bytes)]) -> Result<Vec<Receipt>> {
    writable(state)?;
    state.folder(path)?;
    let mut more = 0;
    for (head, bytes) in batch {
        let Some(error) = state.refusal(bytes, more) else {
            more += bytes.len() as u64;
            continue;
        };
        if let [_] = batch {
            return Ok(vec![Receipt { id: head.id.clone(), outcome: Outcome::Refused(error) }]);
        }
        let receipts = batch.iter().map(|(head, _)| Receipt { id: head.id.clone(), outcome: Outcome::RolledBack });
        return Ok(receipts.collect());
    }
    let mut receipts = Vec::new();
    for (head, bytes) in batch {
        let id = state.store(path, bytes.clone(), &head.flags, head.internal_date)?;
        let id = state.traits.receipts_with_ids.then_some(id);
        receipts.push(Receipt { id: head.id.clone(), outcome: Outcome::Stored(id) });
    }
    Ok(receipts)
}

#[async_trait]
impl Writer for MemoryWriter<'_> {
    async fn write(&mut self, pieces: &mut Vec<Piece>) -> Result<()> {
        self.connection.step("write", |_| Ok(())).await?;
        for piece in pieces.drain(..) {
            if let Err(what) = self.take(piece) {
                self.connection.die();
                return Err(ConnectorError::new(Scope::Connection, Retry::Never, ErrorKind::Usage, what));
            }
            let traits = self.connection.server.traits();
            // A batch must fill up before it is sent.
            let filling = if self.batching == Batching::Free { traits.batch.max(1) - 1 } else { 0 };
            self.store_down_to(traits.window.max(filling)).await?;
        }
        Ok(())
    }

    fn receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    async fn finish(mut self: Box<Self>) -> Result<Vec<Receipt>> {
        if self.whole.is_open() {
            self.connection.die();
            let what = "the writer was finished in the middle of a message";
            return Err(ConnectorError::new(Scope::Connection, Retry::Never, ErrorKind::Usage, what));
        }
        if self.given > 0 {
            self.connection.meter.round_trip();
        }
        self.store_down_to(0).await?;
        Ok(std::mem::take(&mut self.receipts))
    }

    async fn abort(self: Box<Self>) {}
}

impl Drop for MemoryWriter<'_> {
    /// Given up or cut off: what was whole and on its way may still land, and the connection is lost.
    fn drop(&mut self) {
        if self.current.is_none() && self.under_way.is_empty() {
            return;
        }
        self.connection.die();
        let mut state = self.connection.server.lock();
        if state.traits.late_landing {
            for message in self.under_way.drain(..) {
                // Nobody reads the answer: a refusal is lost like a receipt.
                drop(store(&mut state, &self.folder, &[message]));
            }
        }
    }
}
