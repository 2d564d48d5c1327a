//! What an IMAP watermark holds: where a folder stood at one moment.

use std::fmt;

use limosa_imap::response::FolderStatus;
use limosa_model::Watermark;

/// A folder's UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ and number of messages.
///
/// As text: `v=1700000000;n=1234;m=5678;c=1000`, with `-` for an unknown mod-sequence. SELECT and STATUS give the same
/// text as long as nothing changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Position {
    /// 0 where the server does not know it, so that its UIDs do not last.
    pub(crate) validity: u32,
    pub(crate) next: u32,
    /// `None` where the folder keeps none; never 0.
    pub(crate) modseq: Option<u64>,
    pub(crate) messages: u64,
}

impl Position {
    /// From the counts of a folder, if all that is needed is there.
    pub(crate) fn from_status(status: &FolderStatus) -> Option<Self> {
        Some(Self {
            validity: status.uid_validity?,
            next: status.uid_next?,
            modseq: status.highest_modseq.filter(|modseq| *modseq > 0),
            messages: status.messages?,
        })
    }

    /// Reads a watermark; `None` if it is no IMAP folder's.
    pub(crate) fn parse(watermark: &Watermark) -> Option<Self> {
        Self::from_text(watermark.as_str())
    }

    pub(crate) fn from_text(text: &str) -> Option<Self> {
        let mut parts = text.split(';');
        let mut part = |key: &str| parts.next()?.strip_prefix(key)?.strip_prefix('=');
        let position = Self {
            validity: part("v")?.parse().ok()?,
            next: part("n")?.parse().ok()?,
            modseq: match part("m")? {
                "-" => None,
                number => Some(number.parse().ok()?),
            },
            messages: part("c")?.parse().ok()?,
        };
        parts.next().is_none().then_some(position)
    }

    pub(crate) fn watermark(&self) -> Watermark {
        Watermark::new(self.to_string())
    }

    /// Whether ids given at `earlier` still mean the same messages.
    pub(crate) fn keeps_ids_of(&self, earlier: &Self) -> bool {
        // A UIDNEXT that went back: the folder was restored from a backup, and new messages get the UIDs of others.
        self.validity != 0 && self.validity == earlier.validity && self.next >= earlier.next
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "v={};n={};m=", self.validity, self.next)?;
        match self.modseq {
            Some(modseq) => write!(f, "{modseq}")?,
            None => f.write_str("-")?,
        }
        write!(f, ";c={}", self.messages)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_read_back_from_its_text() {
        let position = Position { validity: u32::MAX, next: 1, modseq: Some(u64::MAX), messages: 0 };
        assert_eq!(Position::parse(&position.watermark()), Some(position));
        let without = Position { modseq: None, ..position };
        assert_eq!(without.to_string(), "v=4294967295;n=1;m=-;c=0");
        assert_eq!(Position::parse(&without.watermark()), Some(without));
        for text in ["", "v=1", "v=1;n=1;m=1;c=1;x=1", "n=1;v=1;m=1;c=1", "v=1;n=1;m=;c=1"] {
            assert_eq!(Position::from_text(text), None, "{text}");
        }
    }

    #[test]
    fn ids_are_void_after_a_restore_from_backup() {
        let now = Position { validity: 7, next: 100, modseq: None, messages: 3 };
        assert!(now.keeps_ids_of(&Position { next: 100, ..now }));
        assert!(!now.keeps_ids_of(&Position { next: 101, ..now }));
        assert!(!now.keeps_ids_of(&Position { validity: 8, ..now }));
        let unstable = Position { validity: 0, ..now };
        assert!(!unstable.keeps_ids_of(&unstable));
    }
}
