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
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opening {
    /// The day on which it opens.
    #[serde(with = "weekday")]
    pub opens_on: Weekday,
    /// The time at which it opens.
    pub opens_at: Time,
    /// The day on which it closes: the next such day, or the same one if that is later on it.
    #[serde(with = "weekday")]
    pub closes_on: Weekday,
    /// The time at which it closes.
    pub closes_at: Time,
}

/// Days on which nothing is cut over: holidays, the end of the year. An opening that touches one does not take place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
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

impl WaveState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Planned, Self::Approved, Self::CuttingOver, Self::Done, Self::Paused];

    /// Its name in commands, tables and columns.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::Approved => "approved",
            Self::CuttingOver => "cutting-over",
            Self::Done => "done",
            Self::Paused => "paused",
        }
    }

    /// The state of this name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.name() == name)
    }
}

/// Days of the week by name.
mod weekday {
    use jiff::civil::Weekday;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    const NAMES: [&str; 7] = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];

    pub(super) fn serialize<S: Serializer>(day: &Weekday, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(NAMES[usize::from(day.to_monday_zero_offset().unsigned_abs())])
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Weekday, D::Error> {
        let name = String::deserialize(deserializer)?;
        let day = NAMES.iter().position(|known| *known == name).and_then(|day| i8::try_from(day).ok());
        let day = day.and_then(|day| Weekday::from_monday_zero_offset(day).ok());
        day.ok_or_else(|| D::Error::custom(format!("{name} is no day of the week")))
    }
}
