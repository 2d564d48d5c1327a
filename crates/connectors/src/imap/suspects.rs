//! At which messages did connections break?

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// A message at which the connection broke this often at the very same byte is given up.
const BREAKS: u32 = 2;

/// Messages at which connections broke: servers that find a message damaged while sending it can only hang up
/// (Dovecot), and would do so for ever.
#[derive(Debug, Default)]
pub(crate) struct Suspects(Mutex<HashMap<Place, Break>>);

/// Folder, UIDVALIDITY, UID.
pub(crate) type Place = (String, u32, u32);

#[derive(Clone, Copy, Debug)]
struct Break {
    /// Bytes of the body that had come.
    offset: u64,
    times: u32,
}

impl Suspects {
    /// UIDs of the suspects in a folder.
    pub(crate) fn of_folder(&self, folder: &str, validity: u32) -> Vec<u32> {
        let breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breaks.keys().filter(|place| place.0 == folder && place.1 == validity).map(|place| place.2).collect()
    }

    /// Whether the message is not worth another connection.
    pub(crate) fn is_given_up(&self, place: &Place) -> bool {
        self.breaks(place) >= BREAKS
    }

    fn breaks(&self, place: &Place) -> u32 {
        let breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        breaks.get(place).map_or(0, |known| known.times)
    }

    /// A connection broke there. Only breaks at the same byte count: a bad line breaks anywhere. Where it is not certain
    /// that the message was to blame, it becomes a suspect and no more: the next time it is asked for with nothing else.
    pub(crate) fn note(&self, place: Place, offset: u64, certain: bool) {
        let mut breaks = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let known = breaks.entry(place).or_insert(Break { offset, times: 0 });
        if !certain {
            return;
        }
        *known =
            if known.offset == offset { Break { offset, times: known.times + 1 } } else { Break { offset, times: 1 } };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_breaks_at_the_same_byte_make_a_message_suspicious() {
        let suspects = Suspects::default();
        let place = || ("INBOX".to_owned(), 1, 7);
        suspects.note(place(), 100, true);
        suspects.note(place(), 5000, true);
        assert_eq!(suspects.breaks(&place()), 1);
        suspects.note(place(), 5000, true);
        assert!(suspects.is_given_up(&place()));
    }

    #[test]
    fn an_outage_makes_a_suspect_and_counts_for_nothing() {
        let suspects = Suspects::default();
        let place = || ("INBOX".to_owned(), 1, 7);
        for _ in 0..5 {
            suspects.note(place(), 0, false);
        }
        assert_eq!(suspects.breaks(&place()), 0);
        assert_eq!(suspects.of_folder("INBOX", 1), [7], "it is asked for alone");
    }
}
