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

/// What came of reading a sample.
#[derive(Debug)]
pub(super) struct Reading {
    pub volume: Volume,
    pub time: Duration,
    /// Everything was read: time was not up in the middle, and the mailbox can be used further.
    pub is_whole: bool,
}

/// Reads these messages and throws them away, as long as there is time.
pub(super) async fn read(source: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> Result<Reading, ConnectorError> {
    let started = Instant::now();
    let mut volume = Volume::default();
    let mut fetch = source.fetch(folder, ids).await?;
    let mut fetched = Vec::new();
    // A server that says nothing for so long has shown how fast it is, too.
    let is_whole = loop {
        let Ok(more) = timeout_at(started + TIME, fetch.next(&mut fetched)).await else { break false };
        let more = more?;
        count(&mut volume, fetched.drain(..));
        if !more {
            break true;
        }
    };
    Ok(Reading { volume, time: started.elapsed(), is_whole })
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
    fn huge_messages_are_read_one_at_most() {
        assert_eq!(sample(50, 100 << 20).ids().len(), 1);
        assert_eq!(sample(50, 1000).ids().len(), 50);
        assert!(sample(0, 0).ids().is_empty());
    }
}
