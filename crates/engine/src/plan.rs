//! Changes and ledger → steps.
//!
//! [`plan_folder`] is pure: the dry run prints what it answers, and the pass carries out the same values.

use std::collections::{BTreeMap, HashSet};
use std::fmt;

use limosa_model::ledger::{Entry, FolderLedger};
use limosa_model::{Flags, FolderPath, IdList, MessageId, Role};

use crate::options::Deletions;

/// What became of a source folder since it was settled.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SourceDelta {
    /// Messages that the ledger does not know.
    pub new: IdList,
    /// Messages that the ledger knows with other flags.
    pub flags: Vec<(MessageId, Flags)>,
    /// Messages that the ledger knows and that are not there any more.
    pub gone: Vec<MessageId>,
}

/// What became of a target folder since it was compared, beside what the ledger explains.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TargetDelta {
    /// Messages that the ledger does not know: the target's own mail, or what a pass wrote whose end it did not live to see.
    pub unexplained: IdList,
    /// Source ids of messages that should stand there and do not.
    pub lost: Vec<MessageId>,
    /// Source ids of messages whose flags there are not what they should be.
    pub drifted: Vec<MessageId>,
}

/// What is to be done in one folder.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderSteps {
    /// Messages to be copied, by source id.
    pub copy: IdList,
    /// Flags to be set, and the messages they are for, by source id.
    pub set_flags: Vec<(Flags, Vec<MessageId>)>,
    /// Messages to be removed from the target, by source id.
    pub remove: Vec<MessageId>,
    /// Entries to be dropped from the ledger, with nothing done on the target, by source id.
    pub drop: Vec<MessageId>,
}

/// Decides what is to be done in one folder.
///
/// `left_behind` are messages that are exceptions already and not to be tried again.
pub fn plan_folder(
    ledger: &FolderLedger,
    source: &SourceDelta,
    target: &TargetDelta,
    left_behind: &HashSet<MessageId>,
    deletions: Deletions,
) -> FolderSteps {
    let gone: HashSet<&MessageId> = source.gone.iter().collect();
    let lost: HashSet<&MessageId> = target.lost.iter().collect();
    let mut steps = FolderSteps { copy: without(&source.new, left_behind), ..FolderSteps::default() };
    // What was lost keeps its entry until its new copy replaces it: an entry ended too early would be forgotten if the pass is cut off.
    let (lost_on_both, lost_here): (Vec<_>, Vec<_>) = target.lost.iter().partition(|id| gone.contains(id));
    steps.copy.extend(lost_here.into_iter().cloned());
    steps.drop.extend(lost_on_both.into_iter().cloned());
    let still_there = source.gone.iter().filter(|id| !lost.contains(id)).cloned();
    match deletions {
        Deletions::Keep => steps.drop.extend(still_there),
        Deletions::Follow | Deletions::FollowAll => steps.remove.extend(still_there),
    }
    let mut wanted: BTreeMap<MessageId, Flags> = BTreeMap::new();
    for id in &target.drifted {
        if let Some((_, flags)) = ledger.get(id) {
            wanted.insert(id.clone(), flags.clone());
        }
    }
    wanted.extend(source.flags.iter().cloned());
    wanted.retain(|id, _| !lost.contains(id) && !gone.contains(id));
    steps.set_flags = by_flags(wanted);
    steps
}

/// The ids of `list` that are not in `excluded`.
fn without(list: &IdList, excluded: &HashSet<MessageId>) -> IdList {
    if excluded.is_empty() {
        return list.clone();
    }
    list.iter().filter(|id| !excluded.contains(id)).collect()
}

/// Groups messages by the flags they shall have, so that each group costs one command.
pub fn by_flags(wanted: impl IntoIterator<Item = (MessageId, Flags)>) -> Vec<(Flags, Vec<MessageId>)> {
    let mut order: Vec<(Flags, Vec<MessageId>)> = Vec::new();
    let mut index = std::collections::HashMap::new();
    for (id, flags) in wanted {
        let at = *index.entry(flags.clone()).or_insert_with(|| {
            order.push((flags, Vec::new()));
            order.len() - 1
        });
        order[at].1.push(id);
    }
    order
}

/// One step in words: a line of a dry run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Make a folder.
    CreateFolder(FolderPath, Option<Role>),
    /// Rename a folder and what stands below it.
    RenameFolder(FolderPath, FolderPath),
    /// Subscribe to a folder, or end it.
    Subscribe(FolderPath, bool),
    /// Copy messages.
    Copy(FolderPath, FolderPath, u64),
    /// Note messages that stand on the target already.
    Adopt(FolderPath, u64),
    /// Move messages on the target.
    Relocate(FolderPath, FolderPath, u64),
    /// Set flags.
    SetFlags(FolderPath, u64, Flags),
    /// Remove messages from the target.
    Remove(FolderPath, u64),
    /// Remove an empty folder from the target.
    DeleteFolder(FolderPath),
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = |n: &u64| if *n == 1 { "" } else { "s" };
        match self {
            Self::CreateFolder(path, None) => write!(f, "create folder {path}"),
            Self::CreateFolder(path, Some(role)) => write!(f, "create folder {path} as {role:?}"),
            Self::RenameFolder(from, to) => write!(f, "rename folder {from} to {to}"),
            Self::Subscribe(path, true) => write!(f, "subscribe to {path}"),
            Self::Subscribe(path, false) => write!(f, "unsubscribe from {path}"),
            Self::Copy(from, to, n) => write!(f, "copy {n} message{} from {from} to {to}", plural(n)),
            Self::Adopt(folder, n) => write!(
                f,
                "note {n} message{} that stand{} in {folder} already",
                plural(n),
                if *n == 1 { "s" } else { "" }
            ),
            Self::Relocate(from, to, n) => write!(f, "move {n} message{} on the target from {from} to {to}", plural(n)),
            Self::SetFlags(folder, n, flags) => {
                write!(f, "set flags of {n} message{} in {folder} to {flags:?}", plural(n))
            }
            Self::Remove(folder, n) => write!(f, "remove {n} message{} from {folder} on the target", plural(n)),
            Self::DeleteFolder(path) => write!(f, "delete empty folder {path}"),
        }
    }
}

/// The ledger entries of these source ids, with their target ids.
pub fn entries_of<'a>(ledger: &'a FolderLedger, sources: &'a [MessageId]) -> impl Iterator<Item = Entry> + 'a {
    sources.iter().filter_map(|source| {
        let (target, flags) = ledger.get(source)?;
        Some(Entry { source: source.clone(), target, flags: flags.clone() })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn uid(n: u32) -> MessageId {
        MessageId::Uid(n)
    }

    fn flags(names: &[&str]) -> Flags {
        Flags::from_names(names.iter().copied()).0
    }

    /// Source UIDs 1, 2, 3 stand on the target as 11, 12, 13, all seen.
    fn ledger() -> FolderLedger {
        let mut ledger = FolderLedger::new();
        for n in 1..=3 {
            ledger.insert(Entry { source: uid(n), target: uid(n + 10), flags: flags(&["\\Seen"]) });
        }
        ledger
    }

    fn check(source: SourceDelta, target: TargetDelta, deletions: Deletions, expect: FolderSteps) {
        assert_eq!(plan_folder(&ledger(), &source, &target, &HashSet::from([uid(9)]), deletions), expect);
    }

    #[test]
    fn nothing_changed_means_nothing_to_do() {
        check(SourceDelta::default(), TargetDelta::default(), Deletions::Follow, FolderSteps::default());
    }

    #[test]
    fn new_messages_are_copied_but_not_those_left_behind() {
        let source = SourceDelta { new: IdList::uid_range(8, 10), ..Default::default() };
        let copy = [uid(8), uid(10)].into_iter().collect();
        check(source, TargetDelta::default(), Deletions::Follow, FolderSteps { copy, ..Default::default() });
    }

    #[test]
    fn what_was_lost_on_the_target_is_copied_again_unless_it_is_gone_from_the_source() {
        let source = SourceDelta { gone: vec![uid(2)], ..Default::default() };
        let target = TargetDelta { lost: vec![uid(1), uid(2)], ..Default::default() };
        let expect = FolderSteps { copy: [uid(1)].into_iter().collect(), drop: vec![uid(2)], ..Default::default() };
        check(source, target, Deletions::Follow, expect);
    }

    #[test]
    fn expunged_messages_are_removed_or_only_forgotten() {
        let source = SourceDelta { gone: vec![uid(3)], ..Default::default() };
        let removed = FolderSteps { remove: vec![uid(3)], ..Default::default() };
        check(source.clone(), TargetDelta::default(), Deletions::Follow, removed);
        let kept = FolderSteps { drop: vec![uid(3)], ..Default::default() };
        check(source, TargetDelta::default(), Deletions::Keep, kept);
    }

    #[test]
    fn the_sources_flags_win_over_the_targets() {
        let source = SourceDelta { flags: vec![(uid(1), flags(&["\\Flagged"]))], ..Default::default() };
        let target = TargetDelta { drifted: vec![uid(1), uid(2)], ..Default::default() };
        let set_flags = vec![(flags(&["\\Flagged"]), vec![uid(1)]), (flags(&["\\Seen"]), vec![uid(2)])];
        check(source, target, Deletions::Follow, FolderSteps { set_flags, ..Default::default() });
    }
}
