//! The exit codes, as documented in `docs/cli.md`.

use limosa_engine::{Grade, Outcome};

/// How the command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// Everything stands on the target, and the comparison agrees.
    Complete,
    /// It cannot work: wrong password, unknown host, another run on the same pair.
    CannotWork,
    /// What was typed makes no sense.
    Usage,
    /// Finished; some messages or folders were left behind, each by name.
    Exceptions,
    /// Not finished: run it again.
    Unfinished,
}

impl Exit {
    /// The number.
    pub const fn code(self) -> u8 {
        match self {
            Self::Complete => 0,
            Self::CannotWork => 1,
            Self::Usage => 2,
            Self::Exceptions => 3,
            Self::Unfinished => 4,
        }
    }

    /// What a list of pairs ends with: unfinished if any pair did not finish or cannot work, else exceptions if any has some.
    pub fn of_list(pairs: impl IntoIterator<Item = Self>) -> Self {
        pairs.into_iter().fold(Self::Complete, |worst, pair| match (worst, pair) {
            (_, Self::Unfinished | Self::CannotWork | Self::Usage) | (Self::Unfinished, _) => Self::Unfinished,
            (_, Self::Exceptions) => Self::Exceptions,
            (worst, Self::Complete) => worst,
        })
    }
}

impl From<Outcome> for Exit {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Complete => Self::Complete,
            Outcome::Exceptions => Self::Exceptions,
            Outcome::Unfinished => Self::Unfinished,
        }
    }
}

/// A comparison ends with what it found.
impl From<Grade> for Exit {
    fn from(grade: Grade) -> Self {
        match grade {
            Grade::Perfect | Grade::Good => Self::Complete,
            Grade::Investigate => Self::Exceptions,
            Grade::Poor => Self::Unfinished,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_ends_with_its_worst_pair() {
        use Exit::{CannotWork, Complete, Exceptions, Unfinished};
        for (pairs, exit) in [
            (vec![], Complete),
            (vec![Complete, Complete], Complete),
            (vec![Exceptions, Complete], Exceptions),
            (vec![Complete, Unfinished, Exceptions], Unfinished),
            (vec![CannotWork, Exceptions], Unfinished),
        ] {
            assert_eq!(Exit::of_list(pairs.clone()), exit, "{pairs:?}");
        }
    }
}
