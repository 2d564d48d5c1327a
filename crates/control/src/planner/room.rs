//! How much fits into an occurrence of a window?

use std::fmt;

use jiff::Timestamp;
use limosa_model::programme::{Capacity, Window};

use crate::windows::{self, Occurrence};

/// So many pairs, so many bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Load {
    /// Number of pairs.
    pub pairs: u64,
    /// Bytes of their mailboxes.
    pub bytes: u64,
}

impl Load {
    /// Both together.
    #[must_use]
    pub fn with(self, other: Self) -> Self {
        Self { pairs: self.pairs.saturating_add(other.pairs), bytes: self.bytes.saturating_add(other.bytes) }
    }

    /// This without the other.
    #[must_use]
    pub fn without(self, other: Self) -> Self {
        Self { pairs: self.pairs.saturating_sub(other.pairs), bytes: self.bytes.saturating_sub(other.bytes) }
    }
}

impl fmt::Display for Load {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} pairs with {} bytes", self.pairs, self.bytes)
    }
}

/// What fits. `None` is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Room {
    /// Number of pairs.
    pub pairs: Option<u64>,
    /// Bytes of their mailboxes.
    pub bytes: Option<u64>,
}

impl Room {
    /// The room of one occurrence: of the limit by number and the limit by hours, the smaller one.
    pub fn of(capacity: &Capacity, occurrence: &Occurrence) -> Self {
        let seconds = u64::try_from(occurrence.length().as_secs()).unwrap_or(0);
        let by_hours = capacity.pairs_per_hour.map(|pairs| u64::from(pairs) * seconds / 3600);
        let by_number = capacity.pairs.map(u64::from);
        let pairs = [by_hours, by_number].into_iter().flatten().min();
        Self { pairs, bytes: capacity.bytes }
    }

    /// Whether a load fits into it.
    pub fn holds(&self, load: Load) -> bool {
        self.pairs.is_none_or(|pairs| load.pairs <= pairs) && self.bytes.is_none_or(|bytes| load.bytes <= bytes)
    }
}

impl fmt::Display for Room {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pairs, self.bytes) {
            (Some(pairs), Some(bytes)) => write!(formatter, "{pairs} pairs with {bytes} bytes"),
            (Some(pairs), None) => write!(formatter, "{pairs} pairs"),
            (None, Some(bytes)) => write!(formatter, "{bytes} bytes"),
            (None, None) => formatter.write_str("any number"),
        }
    }
}

/// The largest room that each window has in an ordinary week.
pub(super) fn largest(windows: &[Window], from: Timestamp) -> Vec<Room> {
    let of_window = |window: &Window| {
        let longest = windows::occurrences(window, from)
            .filter(|occurrence| occurrence.opens >= from)
            .take(2 * window.openings.len())
            .max_by_key(Occurrence::length)?;
        Some(Room::of(&window.capacity, &longest))
    };
    windows.iter().filter_map(of_window).collect()
}
