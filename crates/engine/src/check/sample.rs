//! A few messages spread evenly over a folder, read to measure how fast the source gives mail.

use std::time::Duration;

use limosa_model::{ConnectorError, Fetched, Folder, IdList, Mailbox, MessageId, Piece};
use tokio::time::{Instant, timeout_at};

use crate::report::Volume;

/// Candidates kept at most; half of them goes when there are more.
const CANDIDATES: usize = 8_000;
/// Messages read at most.
const MESSAGES: usize = 200;
/// Bytes read at most, but for one message.
const BYTES: u64 = 16 << 20;
/// Time spent on reading at most.
const TIME: Duration = Duration::from_secs(5);

/// Every n-th message of a folder, with n growing with the folder.
#[derive(Debug)]
pub(super) struct Sample {
    offered: u64,
    stride: u64,
    candidates: Vec<(MessageId, u64)>,
}

impl Default for Sample {
    fn default() -> Self {
        Self { offered: 0, stride: 1, candidates: Vec::new() }
    }
}

impl Sample {
    /// A message of that size in bytes.
    pub(super) fn offer(&mut self, id: MessageId, size: u64) {
        if self.offered.is_multiple_of(self.stride) {
            if self.candidates.len() == CANDIDATES {
                let mut index = 0;
                self.candidates.retain(|_| {
                    index += 1;
                    index % 2 == 1
                });
                self.stride *= 2;
            }
            if self.offered.is_multiple_of(self.stride) {
                self.candidates.push((id, size));
            }
        }
        self.offered += 1;
    }

    /// Messages offered.
    pub(super) fn offered(&self) -> u64 {
        self.offered
    }

    /// The messages to be read: spread evenly, few and small enough to be read in moments.
    pub(super) fn ids(&self) -> IdList {
        self.choose(MESSAGES, BYTES).into_iter().map(|(id, _)| id).collect()
    }

    /// Messages spread evenly, and their sizes in bytes: so many at most, and of so many bytes together, but for one message.
    pub(super) fn choose(&self, messages: usize, bytes: u64) -> Vec<(MessageId, u64)> {
        let step = self.candidates.len().div_ceil(messages).max(1);
        let mut chosen = Vec::new();
        let mut taken = 0;
        for (id, size) in self.candidates.iter().step_by(step) {
            if taken + size <= bytes || chosen.is_empty() {
                taken += size;
                chosen.push((id.clone(), *size));
            }
        }
        chosen
    }
}

/// Shares messages out: half of them to one connection, the others to several, so that what was read once is not read again
/// from the server's memory. All of them to both where they are few.
pub(super) fn halves(chosen: &[(MessageId, u64)], connections: usize) -> [Vec<IdList>; 2] {
    let few = chosen.len() < 4 * connections;
    let half = |odd: usize| chosen.iter().enumerate().filter(move |(index, _)| few || index % 2 == odd);
    let mut several = vec![IdList::new(); connections];
    for (number, (_, (id, _))) in half(1).enumerate() {
        several[number % connections].push(id.clone());
    }
    several.retain(|ids| !ids.is_empty());
    [vec![half(0).map(|(_, (id, _))| id.clone()).collect()], several]
}

/// Reads these messages and throws them away. Answers what was read, and how long it took.
///
/// The mailbox may be of no more use afterwards: reading ends in the middle when time is up.
pub(super) async fn read(
    source: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<(Volume, Duration), ConnectorError> {
    let started = Instant::now();
    let mut volume = Volume::default();
    let mut fetch = source.fetch(folder, ids).await?;
    let mut fetched = Vec::new();
    // A server that says nothing for so long has shown how fast it is, too.
    while let Ok(more) = timeout_at(started + TIME, fetch.next(&mut fetched)).await {
        let more = more?;
        count(&mut volume, fetched.drain(..));
        if !more {
            break;
        }
    }
    Ok((volume, started.elapsed()))
}

fn count(volume: &mut Volume, fetched: impl Iterator<Item = Fetched>) {
    for fetched in fetched {
        match fetched {
            Fetched::Piece(Piece::Body(bytes)) => volume.bytes += bytes.len() as u64,
            Fetched::Piece(Piece::End) => volume.messages += 1,
            Fetched::Piece(Piece::Head(_)) | Fetched::Gone(_) | Fetched::Unreadable(..) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(messages: u32, size: u64) -> Sample {
        let mut sample = Sample::default();
        for uid in 1..=messages {
            sample.offer(MessageId::Uid(uid), size);
        }
        sample
    }

    #[test]
    fn a_large_folder_is_sampled_all_over() {
        let sample = sample(100_000, 1000);
        let ids = sample.ids();
        assert!((100..=200).contains(&ids.len()), "{}", ids.len());
        let uids: Vec<u32> = ids.uid_ranges().iter().map(|range| range.0).collect();
        assert!(uids[0] < 1000 && uids[uids.len() - 1] > 99_000, "{uids:?}");
        let widest = uids.windows(2).map(|pair| pair[1] - pair[0]).max();
        assert!(widest.is_some_and(|gap| gap <= 1024), "{widest:?}");
    }

    #[test]
    fn halves_hold_every_message_once_and_a_few_messages_stand_in_both() {
        let chosen = sample(100, 10).choose(1_000, u64::MAX);
        let [alone, together] = halves(&chosen, 3);
        assert_eq!(alone.iter().chain(&together).map(IdList::len).collect::<Vec<_>>(), [50, 17, 17, 16]);
        let all: std::collections::BTreeSet<_> = alone.iter().chain(&together).flat_map(IdList::iter).collect();
        assert_eq!(all.len(), 100);
        let [alone, together] = halves(&chosen[..2], 3);
        assert_eq!((alone[0].len(), together.len()), (2, 2));
    }

    #[test]
    fn huge_messages_are_read_one_at_most() {
        assert_eq!(sample(50, 100 << 20).ids().len(), 1);
        assert_eq!(sample(50, 1000).ids().len(), 50);
        assert!(sample(0, 0).ids().is_empty());
    }
}
