//! Reading a sample over several connections at once.

use futures_util::future::try_join_all;
use limosa_model::{ConnectorError, Folder, IdList, Mailbox, MessageId};
use tokio::time::Instant;

use super::report::Rate;
use crate::check::sample;

/// Half of these messages, and the other half, so that what was read once is not read again from the server's memory. All of them twice
/// where they are no more than `few`.
pub(super) fn halves(chosen: &[(MessageId, u64)], few: usize) -> [Vec<MessageId>; 2] {
    let half = |odd: usize| {
        let own = chosen.iter().enumerate().filter(|(index, _)| chosen.len() <= few || index % 2 == odd);
        own.map(|(_, (id, _))| id.clone()).collect()
    };
    [half(0), half(1)]
}

/// Reads these messages over all connections at once, and keeps the connections that can be used further. `None` if nothing came.
pub(super) async fn over(
    mailboxes: &mut Vec<Box<dyn Mailbox>>,
    folder: &Folder,
    ids: Vec<MessageId>,
) -> Result<Option<Rate>, ConnectorError> {
    let lists = deal(ids, mailboxes.len());
    let started = Instant::now();
    let reading = mailboxes.iter_mut().zip(&lists).map(|(mailbox, ids)| sample::read(&mut **mailbox, folder, ids));
    let readings = try_join_all(reading).await?;
    let rate = Rate::new(readings.len(), readings.iter().map(|reading| reading.volume), started.elapsed());
    let mut ended = readings.iter().map(|reading| reading.is_whole);
    mailboxes.retain(|_| ended.next().unwrap_or(true));
    Ok(rate)
}

/// A list for each connection, none of them empty: each message to one in turn.
fn deal(ids: Vec<MessageId>, connections: usize) -> Vec<IdList> {
    let mut lists = vec![IdList::new(); connections.min(ids.len())];
    for (number, id) in ids.into_iter().enumerate() {
        let count = lists.len();
        lists[number % count].push(id);
    }
    lists
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chosen(messages: u32) -> Vec<(MessageId, u64)> {
        (1..=messages).map(|uid| (MessageId::Uid(uid), 10)).collect()
    }

    #[test]
    fn halves_hold_every_message_once_and_a_few_messages_stand_in_both() {
        let [first, second] = halves(&chosen(101), 10);
        assert_eq!((first.len(), second.len()), (51, 50));
        assert_eq!(first.iter().chain(&second).collect::<std::collections::BTreeSet<_>>().len(), 101);
        let [first, second] = halves(&chosen(10), 10);
        assert_eq!((first.len(), second.len()), (10, 10));
    }

    #[test]
    fn every_connection_has_its_share() {
        let ids = |count| (1..=count).map(MessageId::Uid).collect();
        assert_eq!(deal(ids(50), 3).iter().map(IdList::len).collect::<Vec<_>>(), [17, 17, 16]);
        assert_eq!(deal(ids(2), 3).len(), 2);
        assert!(deal(ids(0), 3).is_empty());
    }
}
