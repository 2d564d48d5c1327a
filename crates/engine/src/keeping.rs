//! Which flags a message shall have on the target: translated by the table, without what the folder does not keep.

use limosa_model::{Flags, Keywords, PermanentFlags};

/// The way of flags into one target folder.
#[derive(Clone, Debug, Default)]
pub struct Keeping {
    /// Which flags the folder keeps.
    pub permanent: PermanentFlags,
    /// How keywords are named there.
    pub keywords: Keywords,
}

impl Keeping {
    /// The flags that a message with these on the source shall have, and the names of those that are not kept.
    pub fn wanted(&self, source: &Flags) -> (Flags, Vec<String>) {
        self.permanent.keep(&self.keywords.translate(source))
    }

    /// Whether a message has the flags there that it shall have.
    pub fn is_right(&self, source: &Flags, target: &Flags) -> bool {
        self.wanted(source).0 == self.permanent.keep(target).0
    }
}
