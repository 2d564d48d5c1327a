//! When mailboxes cut over, and which together.

use jiff::Timestamp;
use jiff::civil::{Date, Time, Weekday};
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{MigrationId, WaveId, WindowId};

/// The recurring time in which cutovers may happen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// Given by the store.
    pub id: WindowId,
    /// The migration that it is part of.
    pub migration: MigrationId,
    /// Its name, such as `evening`.
    pub name: String,
    /// Whose times these are.
    pub zone: TimeZone,
    /// When it opens and closes.
    pub openings: Vec<Opening>,
    /// Days on which it does not open.
    pub freezes: Vec<Freeze>,
    /// How much fits into one occurrence.
    pub capacity: Capacity,
}

/// One time in the week at which a window opens, by the clocks of its zone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening {
    /// The day on which it opens.
    pub opens_on: Weekday,
    /// The time at which it opens.
    pub opens_at: Time,
    /// The day on which it closes: the next such day, or the same one if that is later on it.
    pub closes_on: Weekday,
    /// The time at which it closes.
    pub closes_at: Time,
}

/// Days on which nothing is cut over: holidays, the end of the year. An opening that touches one does not take place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Freeze {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub until: Date,
    /// Why, for people.
    pub reason: String,
}

/// How much fits. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Capacity {
    /// Pairs that may cut over in one occurrence.
    pub pairs: Option<u32>,
    /// Bytes of their mailboxes.
    pub bytes: Option<u64>,
    /// Cutovers an hour.
    pub pairs_per_hour: Option<u32>,
}

/// Pairs that cut over together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wave {
    /// Given by the store.
    pub id: WaveId,
    /// The migration that it is part of.
    pub migration: MigrationId,
    /// Its name.
    pub name: String,
    /// In which window.
    pub window: WindowId,
    /// When that opens for it; `None` until it is planned.
    pub starts: Option<Timestamp>,
    /// How far it is.
    pub state: WaveState,
}

/// How far a wave is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WaveState {
    /// It can still be changed.
    #[default]
    Planned,
    /// It was approved, and is cut over when its window opens.
    Approved,
    /// Cutovers are under way.
    CuttingOver,
    /// All its pairs live on the target, or were taken out.
    Done,
    /// A person has stopped it.
    Paused,
}
