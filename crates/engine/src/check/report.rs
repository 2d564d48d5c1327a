//! What a check answers. Serialized, it is the JSON document of `limosa check --json`, described in `docs/json.md`.

use std::time::Duration;

use limosa_model::{FolderPath, MessageId, Role};
use serde::Serialize;

use super::speed::SpeedReport;

use crate::report::{FolderNote, Volume};

/// All that a copy would meet.
#[derive(Clone, Debug, Serialize)]
pub struct CheckReport {
    /// The source.
    pub source: CheckedSide,
    /// The target, where one was named.
    pub target: Option<CheckedSide>,
    /// Source folders that would come over.
    pub folders: Vec<CheckedFolder>,
    /// Folders that would be left out or renamed, or that could not be listed.
    pub folder_notes: Vec<FolderNote>,
    /// What would come over.
    pub total: Volume,
    /// The largest messages, the largest first; at most 10.
    pub largest: Vec<CheckedMessage>,
    /// Messages larger than the target takes.
    pub too_big: TooBig,
    /// Whether the target has room, where it tells.
    pub quota: Option<QuotaCheck>,
    /// Flags and keywords that the target would not keep.
    pub unkept_flags: Vec<UnkeptFlag>,
    /// How long a first copy would take; `None` where there was nothing to measure with.
    pub estimate: Option<Estimate>,
    /// How fast both sides are, where that was to be measured.
    pub speed: Option<SpeedReport>,
    /// How long the check took, in seconds.
    pub seconds: f64,
}

/// One side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedSide {
    /// The account, without secrets.
    pub account: String,
    /// What the server calls itself.
    pub server: String,
    /// Capabilities in the protocol's own words.
    pub capabilities: Vec<String>,
    /// Names of extensions that will be made use of.
    pub used: Vec<String>,
    /// What is odd about the server, and how it is dealt with.
    pub quirks: Vec<String>,
    /// Connections that a copy would open at most.
    pub connections: u64,
    /// Largest message that it takes, in bytes, where it tells.
    pub message_bytes: Option<u64>,
    /// Room under the quota, in bytes, where it tells.
    pub room_bytes: Option<u64>,
}

/// One source folder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedFolder {
    /// The folder.
    pub source: FolderPath,
    /// Its name as the server writes it.
    pub source_name: String,
    /// Its role, where it has one.
    pub role: Option<Role>,
    /// Where it would go, where a target was named.
    pub target: Option<FolderPath>,
    /// The target folder would have to be made.
    pub create: bool,
    /// Messages in it.
    pub messages: u64,
    /// Their bytes, by the source's word.
    pub bytes: u64,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CheckedMessage {
    /// Its source folder.
    pub folder: FolderPath,
    /// Its id on the source.
    pub id: MessageId,
    /// Its size in bytes, by the source's word.
    pub bytes: u64,
}

/// Messages larger than the target takes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct TooBig {
    /// How many.
    pub messages: u64,
    /// Their bytes.
    pub bytes: u64,
    /// The first 1,000 of them.
    pub named: Vec<CheckedMessage>,
}

impl TooBig {
    pub(super) fn add(&mut self, bytes: u64, at_most: usize, message: impl FnOnce() -> CheckedMessage) {
        self.messages += 1;
        self.bytes += bytes;
        if self.named.len() < at_most {
            self.named.push(message());
        }
    }
}

/// Whether the target has room.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct QuotaCheck {
    /// Room left under its quota, in bytes.
    pub room_bytes: u64,
    /// Bytes that would come over, if none stands there yet.
    pub needed_bytes: u64,
    /// Whether that fits.
    pub fits: bool,
}

/// A flag or keyword that the target would not keep.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct UnkeptFlag {
    /// The source folder.
    pub folder: FolderPath,
    /// The flag or keyword.
    pub flag: String,
    /// Messages that have it.
    pub messages: u64,
}

/// How long a first copy would take, and what that rests on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Estimate {
    /// Seconds that it would take.
    pub seconds: f64,
    /// Messages a second, as measured on the source.
    pub messages_per_second: f64,
    /// Bytes a second, as measured on the source.
    pub bytes_per_second: f64,
    /// What was read to measure.
    pub sample: Volume,
    /// What has to hold for it.
    pub assumptions: Vec<String>,
}

impl Estimate {
    /// The longer of what the number of messages and what their bytes would take at the sample's speed. `sample` holds at
    /// least one message.
    pub(super) fn new(total: Volume, sample: Volume, time: Duration) -> Self {
        let time = time.as_secs_f64().max(1e-6);
        let messages_per_second = sample.messages as f64 / time;
        let bytes_per_second = sample.bytes as f64 / time;
        let by_messages = total.messages as f64 / messages_per_second;
        let by_bytes = if sample.bytes == 0 { 0.0 } else { total.bytes as f64 / bytes_per_second };
        Self {
            seconds: by_messages.max(by_bytes),
            messages_per_second,
            bytes_per_second,
            sample,
            assumptions: vec![
                format!(
                    "the source goes on giving mail as it gave {} messages just now, on one connection",
                    sample.messages
                ),
                "the target takes mail as fast as the source gives it; many servers write more slowly than they read"
                    .into(),
                "nothing stands on the target yet, and neither side holds us back".into(),
                "more connections than one are not counted on".into(),
            ],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_estimate_takes_the_longer_of_count_and_size() {
        let sample = Volume { messages: 100, bytes: 1_000_000 };
        let second = Duration::from_secs(1);
        let many = Estimate::new(Volume { messages: 10_000, bytes: 1_000_000 }, sample, second);
        assert_eq!(many.seconds, 100.0);
        let big = Estimate::new(Volume { messages: 10, bytes: 500_000_000 }, sample, second);
        assert_eq!(big.seconds, 500.0);
    }

    #[test]
    fn only_so_many_messages_are_named() {
        let mut too_big = TooBig::default();
        for uid in 1..=5 {
            too_big.add(10, 3, || CheckedMessage { folder: FolderPath::inbox(), id: MessageId::Uid(uid), bytes: 10 });
        }
        assert_eq!((too_big.messages, too_big.bytes, too_big.named.len()), (5, 50, 3));
    }
}
