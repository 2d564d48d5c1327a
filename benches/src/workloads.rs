//! What is copied? The mail of each workload, made by the project's own generator.

use std::fmt;
use std::time::Duration;

use clap::ValueEnum;
use limosa_testkit::mail::{self, Folder, Mailbox, Sizes};
use serde::{Deserialize, Serialize};

use crate::servers::Place;

/// A question that the benchmark answers. `README.md` says why each is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
#[value(rename_all = "UPPER")]
pub(crate) enum Workload {
    /// 10,000 messages as in a grown mailbox.
    W1,
    /// 100,000 small messages.
    W2,
    /// 200 mailboxes of 50 messages, 4 at once.
    W3,
    /// 300 messages of 10 to 25 MB.
    W4,
    /// 500,000 small messages in one folder.
    W5,
    /// W2 again: unchanged, then with changes.
    W6,
    /// W1 over links with delay.
    W7,
    /// W1 and W2 over TLS.
    W8,
}

impl Workload {
    /// The targets that the workload is copied to.
    pub(crate) fn places(self) -> &'static [Place] {
        match self {
            Workload::W1 => &[Place::Memory, Place::Disk, Place::Cyrus],
            Workload::W2 => &[Place::Memory, Place::Cyrus],
            _ => &[Place::Memory],
        }
    }
}

/// Mail that is seeded once on the source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Mail {
    /// 10,000 messages, log-normal, 12 folders.
    Ordinary,
    /// 100,000 messages of 2 to 6 kB, 5 folders.
    Small,
    /// 300 messages of 10 to 25 MB, 2 folders.
    Large,
    /// 500,000 messages of 2 to 6 kB in INBOX.
    Long,
    /// 1,000 messages like [`Mail::Ordinary`].
    Few,
}

/// The mailboxes of W3.
pub(crate) const FLEET: usize = 200;
/// How many mailboxes of W3 are copied at once.
pub(crate) const FLEET_AT_ONCE: usize = 4;
/// The changes of each kind in W6.
pub(crate) const CHANGES: usize = 100;
/// The bandwidth of W7's links, each way.
pub(crate) const LINK_BYTES_PER_SECOND: u64 = 200_000_000 / 8;
/// The round trips of W7's links with [`LINK_BYTES_PER_SECOND`].
pub(crate) const LINK_ROUND_TRIPS: [Duration; 2] = [Duration::from_millis(40), Duration::from_millis(100)];
/// The round trip of W7's link without limit of bandwidth.
pub(crate) const SHORT_ROUND_TRIP: Duration = Duration::from_millis(20);

const SEED: u64 = 2026;

impl Mail {
    /// The mailbox; `scale` multiplies the number of messages.
    pub(crate) fn mailbox(self, scale: f64) -> Mailbox {
        let messages = |full| scaled(full, scale);
        match self {
            Mail::Ordinary => mail::ordinary(SEED, messages(10_000)),
            Mail::Small => mail::small(SEED, messages(100_000)),
            Mail::Large => mail::large(SEED, messages(300)),
            Mail::Long => one_folder(SEED, messages(500_000), Sizes::Uniform { min: 2_000, max: 6_000 }),
            Mail::Few => mail::ordinary(SEED, messages(1_000)),
        }
    }
}

/// The mailbox of one user of W3.
pub(crate) fn fleet_mailbox(user: usize) -> Mailbox {
    one_folder(SEED + user as u64, 50, Sizes::Uniform { min: 9_000, max: 11_000 })
}

/// How many of `full` a scale leaves; never none.
pub(crate) fn scaled(full: usize, scale: f64) -> usize {
    // Far below 2^52, and not negative.
    ((full as f64 * scale).round() as usize).max(1)
}

fn one_folder(seed: u64, messages: usize, sizes: Sizes) -> Mailbox {
    Mailbox { folders: vec![Folder::composed(&["INBOX"], messages, seed, sizes)] }
}

impl fmt::Display for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Mail::Ordinary => "ordinary",
            Mail::Small => "small",
            Mail::Large => "large",
            Mail::Long => "long",
            Mail::Few => "few",
        })
    }
}
