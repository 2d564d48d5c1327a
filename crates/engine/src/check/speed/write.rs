//! Writing made-up messages, in rounds that grow until they take long enough to measure.

use std::time::Duration;

use futures_util::future::try_join_all;
use limosa_model::mailbox::Batching;
use limosa_model::message::Outcome;
use limosa_model::{ConnectorError, ErrorKind, Folder, MessageId, Piece, Retry, Scope, Target};
use tokio::time::Instant;

use super::letters::{Letter, Letters, size};
use super::report::Rate;
use crate::report::Volume;

/// Messages of each connection in the first round, and their bytes; twice as many in each further one.
const FIRST: Volume = Volume { messages: 10, bytes: 256 << 10 };
/// All rounds together shall take no longer.
const TIME: Duration = Duration::from_secs(5);

/// Writes over all these connections at once. The last round counts: it is the longest, and what the first one has to do only once is done.
/// `None` if there is no room for a message.
pub(super) async fn rounds(
    targets: &mut [Box<dyn Target>],
    folder: &Folder,
    letters: &mut Letters,
    most: Volume,
) -> Result<Option<Rate>, ConnectorError> {
    let started = Instant::now();
    let room = most.bytes / targets.len() as u64;
    let mut each = FIRST;
    let mut measured: Option<Rate> = None;
    loop {
        let (count, bytes) = (each.messages as usize, each.bytes.min(room));
        let loads: Vec<_> = targets.iter_mut().map(|target| (target, letters.take(count, bytes))).collect();
        let load: u64 = loads.iter().flat_map(|(_, load)| load).map(size).sum();
        // Room is running out: a round with less in it than the one before would measure less.
        if loads.iter().any(|(_, load)| load.is_empty()) || measured.is_some_and(|measured| load < measured.bytes) {
            return Ok(measured);
        }
        let (connections, round) = (loads.len(), Instant::now());
        let written = try_join_all(loads.into_iter().map(|(target, load)| put(&mut **target, folder, load))).await?;
        let time = round.elapsed();
        measured = Rate::new(connections, written, time).or(measured);
        let is_largest = each.messages * 2 > most.messages || each.bytes >= room;
        if is_largest || started.elapsed() + time * 2 > TIME {
            return Ok(measured);
        }
        each = Volume { messages: each.messages * 2, bytes: each.bytes * 2 };
    }
}

/// Writes these messages as a copy would: those of a batch that is rolled back once more, each alone.
async fn put(target: &mut dyn Target, folder: &Folder, mut letters: Vec<Letter>) -> Result<Volume, ConnectorError> {
    let volume = Volume { messages: letters.len() as u64, bytes: letters.iter().map(size).sum() };
    for batching in [Batching::Free, Batching::Alone] {
        let mut writer = target.writer(folder, batching).await?;
        let mut receipts = Vec::new();
        for letter in &letters {
            writer.write(&mut letter.clone()).await?;
            receipts.append(&mut writer.receipts());
        }
        receipts.append(&mut writer.finish().await?);
        let answered = receipts.len();
        let mut again: Vec<MessageId> = Vec::new();
        for receipt in receipts {
            match receipt.outcome {
                Outcome::Stored(_) => {}
                Outcome::RolledBack => again.push(receipt.id),
                Outcome::Refused(error) => return Err(error),
            }
        }
        if answered < letters.len() {
            return Err(not_stored("got no answer", letters.len() - answered));
        }
        if again.is_empty() {
            return Ok(volume);
        }
        letters.retain(|letter| matches!(letter.first(), Some(Piece::Head(head)) if again.contains(&head.id)));
    }
    Err(not_stored("were rolled back although they were written alone", letters.len()))
}

fn not_stored(what: &str, messages: usize) -> ConnectorError {
    let what = format!("{messages} of the messages written to measure {what}");
    ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Protocol, what)
}
