//! What a pass is told.

use limosa_model::Keywords;

use crate::audit::Depth;
use crate::folders::FolderRules;
use crate::grade::Thresholds;
use crate::refusals::Refusals;

/// How a pass is to be run. The default is what a person wants who says nothing.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Which folders come over, and where to.
    pub folders: FolderRules,
    /// What becomes of messages that were expunged on the source.
    pub deletions: Deletions,
    /// Decide and report, and change nothing: neither the target nor the ledger.
    pub dry_run: bool,
    /// Try messages again that were left behind as exceptions by an earlier pass.
    pub retry_exceptions: bool,
    /// What becomes of messages that the target refuses for their content.
    pub refusals: Refusals,
    /// How keywords of the source are named on the target.
    pub keywords: Keywords,
    /// Where a grade turns into a worse one.
    pub thresholds: Thresholds,
    /// How deep both sides are compared anew once the pass has ended; `None`: by the pass's own comparison of what it touched.
    pub verify: Option<Depth>,
    /// How often to begin again after a lost connection while nothing moves on. With progress it begins again each time.
    pub attempts: Attempts,
}

/// What becomes of a message on the target when its source was expunged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Deletions {
    /// It is removed from the target too; but a pass that would remove more than half of a large mailbox stops and asks
    /// ([`Deletions::FollowAll`]), since an emptied source is more often an accident than a wish.
    #[default]
    Follow,
    /// Removed too, however many.
    FollowAll,
    /// It stays on the target.
    Keep,
}

/// How often to begin again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attempts(pub u32);

impl Default for Attempts {
    fn default() -> Self {
        Self(5)
    }
}
