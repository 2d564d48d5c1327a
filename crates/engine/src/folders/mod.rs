//! Which source folder goes to which target folder.
//!
//! [`match_folders`] is a pure function of both surveys, the ledger's folders and the [`FolderRules`].
//!
//! - [`left_out`]: which folders stay behind.
//! - [`roles`], [`role_names`]: which folders are for the same thing, by SPECIAL-USE or by name.
//! - [`renames`]: which folders were renamed on the source, and can be renamed on the target.
//! - [`placing`], [`names`]: which paths are free on the target, and what it can take in a name.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use limosa_model::folder::{Folder, FolderPath, Role};
use limosa_model::ledger::LedgerFolder;
use limosa_model::mailbox::Limits;
use unicode_normalization::UnicodeNormalization;

use self::left_out::LeftOut;
use self::placing::{Placing, Wish, without_messages_folder};
use self::roles::{Claims, role_pair};
use crate::report::FolderNote;

mod left_out;
mod names;
mod placing;
#[cfg(test)]
mod properties;
pub mod renames;
mod role_names;
mod roles;
#[cfg(test)]
mod tests;

/// Which folders come over, and where to, by the user's word.
#[derive(Clone, Debug, Default)]
pub struct FolderRules {
    /// `--map FOLDER=FOLDER`: this source folder, and what stands below it, goes there.
    pub map: Vec<(FolderPath, FolderPath)>,
    /// `--only GLOB`: if there are any, folders that match none of them stay behind.
    ///
    /// Globs are about paths as [`FolderPath`]'s `Display` writes them. `*` stays within one name, `**` does not; `?` and
    /// `[…]` stand for one byte of UTF-8. A glob that is a folder's path means all below it too.
    pub only: Vec<globset::Glob>,
    /// `--exclude GLOB`: folders that match one of them stay behind.
    pub exclude: Vec<globset::Glob>,
    /// Bring over views (`\All`, `\Flagged`) too, whose messages stand in other folders as well.
    pub include_views: bool,
}

impl FolderRules {
    /// Whether folders may be left out by name.
    pub fn leaves_out(&self) -> bool {
        !self.only.is_empty() || !self.exclude.is_empty()
    }
}

/// Where a source folder's messages go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A folder that is there.
    Exists(Folder),
    /// A folder to be made.
    Create {
        /// Where.
        path: FolderPath,
        /// Its role, if no other folder of the target has it.
        role: Option<Role>,
    },
}

impl Place {
    /// Where it is, or will be.
    pub fn path(&self) -> &FolderPath {
        match self {
            Self::Exists(folder) => &folder.path,
            Self::Create { path, .. } => path,
        }
    }
}

/// A source folder and its place on the target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderPair {
    /// The source folder; it can be selected.
    pub source: Folder,
    /// Its place.
    pub place: Place,
    /// The target folder's subscription has to be set to this; `None` when it is right already, or when the source
    /// knows no subscriptions: not one folder there has one.
    pub subscribe: Option<bool>,
}

/// What [`match_folders`] decides.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FolderPlan {
    /// Selectable source folders with their places; parents before children; no two share a place.
    pub pairs: Vec<FolderPair>,
    /// Folders known to the ledger that are not on the source any more (or are excluded now: then they are left alone
    /// and not listed here).
    pub gone: Vec<LedgerFolder>,
    /// Folders left out or renamed, each with its reason.
    pub notes: Vec<FolderNote>,
}

/// Decides the place of each source folder. The first rule that knows a place decides:
///
/// 1. What is left out by `--exclude` or `--only` stays behind, as do views and folders that cannot hold messages. The
///    target makes parents by itself, so none of those is ever made a real folder.
/// 2. The inbox goes to the inbox, always.
/// 3. A folder that the ledger knows keeps its place, also when the target has lost it; unless `--map` says otherwise now.
/// 4. `--map` sends a folder, and what stands below it, where the user wants it. The longest path that fits counts.
/// 5. The folder for sent mail goes to the folder for sent mail, and so on. One for each role and side: by SPECIAL-USE, else
///    by name; if more than one is left, alike names are paired, else the plain name (`Sent`) counts, else the first path.
/// 6. The others keep their path. Where the folder above them went elsewhere, they go with it.
///
/// No two source folders share a place, not even by `--map`: what comes second gets a free name, with a note. So does
/// what the target cannot take as it is. Paths are compared in Unicode NFC, and in letter case as the target does.
///
/// Notes have the codes `excluded`, `view`, `not-selectable` (only where the owner subscribed to it), `renamed`,
/// `parent-only` (holds no messages, and the target cannot have it beside the folders below it), `inbox-not-mapped`,
/// `duplicate` (the source listed two folders of that path) and `refused` (no free name was found).
pub fn match_folders(
    source: &[Folder],
    target: &[Folder],
    limits: &Limits,
    ledger: &[LedgerFolder],
    rules: &FolderRules,
) -> FolderPlan {
    let mut matching = Matching::new(source, target, limits, ledger, rules);
    matching.leave_out(source);
    matching.place_inbox();
    matching.keep_known_places();
    matching.place_by_map();
    matching.place_by_role();
    matching.place_by_path();
    matching.plan(source)
}

/// A matching under way.
struct Matching<'a> {
    limits: &'a Limits,
    rules: &'a FolderRules,
    left_out: LeftOut<'a>,
    ledger: &'a [LedgerFolder],
    /// By source path; the first where the ledger has two.
    known: BTreeMap<&'a FolderPath, &'a LedgerFolder>,
    target_roles: Claims<'a>,
    /// Source folders that come over.
    coming: BTreeMap<&'a FolderPath, &'a Folder>,
    /// Paths of all source folders that can hold messages.
    present: BTreeSet<&'a FolderPath>,
    /// Those that come over and have no place yet.
    waiting: BTreeMap<&'a FolderPath, &'a Folder>,
    /// Source folders that have a role on their side.
    roles: BTreeMap<&'a FolderPath, Role>,
    /// Source path → target path.
    places: BTreeMap<&'a FolderPath, FolderPath>,
    /// Source path → target path below which the source folder's children belong.
    ways_down: BTreeMap<&'a FolderPath, FolderPath>,
    placing: Placing<'a>,
    notes: Vec<FolderNote>,
}

impl<'a> Matching<'a> {
    fn new(
        source: &'a [Folder],
        target: &'a [Folder],
        limits: &'a Limits,
        ledger: &'a [LedgerFolder],
        rules: &'a FolderRules,
    ) -> Self {
        let mut placing = Placing::new(target, limits);
        let own = source.iter().map(|folder| &folder.path);
        let wanted = own.chain(ledger.iter().map(|folder| &folder.target)).chain(rules.map.iter().map(|(_, to)| to));
        wanted.for_each(|path| placing.reserve(path));
        Self {
            limits,
            rules,
            left_out: LeftOut::new(rules),
            ledger,
            known: ledger.iter().rev().map(|folder| (&folder.source, folder)).collect(),
            target_roles: Claims::new(target),
            coming: BTreeMap::new(),
            present: source.iter().filter(|folder| folder.selectable).map(|folder| &folder.path).collect(),
            waiting: BTreeMap::new(),
            roles: BTreeMap::new(),
            places: BTreeMap::new(),
            ways_down: BTreeMap::new(),
            placing,
            notes: Vec::new(),
        }
    }

    fn leave_out(&mut self, source: &'a [Folder]) {
        for folder in source {
            if !folder.selectable {
                if folder.subscribed && self.left_out.why_by_name(&folder.path).is_none() {
                    self.note(
                        &folder.path,
                        "not-selectable",
                        "subscribed on the source, but it cannot hold messages".into(),
                    );
                }
            } else if let Some((code, reason)) = self.left_out.why(folder) {
                self.note(&folder.path, code, reason);
            } else if self.coming.contains_key(&folder.path) {
                self.note(&folder.path, "duplicate", "the source lists two folders of this path".into());
            } else {
                self.coming.insert(&folder.path, folder);
            }
        }
        self.waiting = self.coming.clone();
    }

    fn place_inbox(&mut self) {
        let inbox = FolderPath::inbox();
        let Some(folder) = self.waiting.get(&inbox).copied() else { return };
        self.placing.take(&inbox, &inbox);
        self.settle(folder, inbox.clone(), inbox.clone());
        if let Some(to) = self.mapped(&inbox).filter(|to| !to.is_inbox()) {
            self.note(&inbox, "inbox-not-mapped", format!("it goes to the target's inbox, not to {to}"));
        }
    }

    fn keep_known_places(&mut self) {
        for folder in self.waiting.clone().into_values() {
            let Some(known) = self.known.get(&folder.path) else { continue };
            let place = &known.target;
            let moved = self.mapped(&folder.path).is_some_and(|to| {
                !self.placing.same(&to, place) && !self.placing.same(&self.placing.mended(&to), place)
            });
            if !moved && self.placing.take(place, &folder.path) {
                let apart = self.limits.folders_or_messages.then(|| without_messages_folder(&folder.path, place));
                let down = apart.flatten().unwrap_or_else(|| place.clone());
                self.settle(folder, place.clone(), down);
            }
        }
        // What stays behind now keeps its place all the same: its messages stand there.
        for known in self.ledger {
            if !self.coming.contains_key(&known.source) && !self.is_gone(known) {
                self.placing.take(&known.target, &known.source);
            }
        }
    }

    fn place_by_map(&mut self) {
        for folder in self.waiting.clone().into_values() {
            if let Some(to) = self.mapped(&folder.path) {
                self.place(folder, &to, true);
            }
        }
    }

    fn place_by_role(&mut self) {
        let claims = Claims::new(self.coming.values().copied());
        for role in claims.roles() {
            let holders = claims.of(role);
            if let Some(placed) = holders.iter().find(|folder| !self.waiting.contains_key(&folder.path)) {
                self.roles.insert(&placed.path, role);
                continue;
            }
            let free = self.target_roles.of(role).iter().filter(|folder| !self.placing.is_taken(&folder.path));
            let free: Vec<&Folder> = free.copied().collect();
            let Some((folder, place)) = role_pair(holders, &free) else { continue };
            self.roles.insert(&folder.path, role);
            if let Some(place) = place.filter(|place| self.placing.take(&place.path, &folder.path)) {
                self.settle(folder, place.path.clone(), place.path.clone());
            }
        }
    }

    fn place_by_path(&mut self) {
        let depths: BTreeSet<usize> = self.waiting.keys().map(|path| path.names().len()).collect();
        for depth in depths {
            let level = self.waiting.values().filter(|folder| folder.path.names().len() == depth);
            let mut level: Vec<_> = level.map(|folder| (*folder, self.own_place(&folder.path))).collect();
            // Whose path is there already, or can be made as it is, comes before those that have to be renamed anyway.
            level.sort_by_key(|(folder, wanted)| (self.placing.distance(wanted), &folder.path));
            for (folder, wanted) in level {
                self.place(folder, &wanted, false);
            }
        }
    }

    /// Finds a place for a folder that is wanted there.
    fn place(&mut self, folder: &'a Folder, wanted: &FolderPath, by_map: bool) {
        let has_children = self.has_children(&folder.path);
        let down = self.placing.mended(wanted);
        let empty = folder.state.as_ref().is_some_and(|state| state.messages == 0);
        let taken = self.limits.folders_or_messages && has_children && self.placing.is_taken(&down);
        if empty && (taken || self.placing.parent_only(&down, has_children)) {
            self.waiting.remove(&folder.path);
            self.ways_down.insert(&folder.path, down);
            let reason = "it holds no messages, and the target cannot have it beside the folders below it";
            self.note(&folder.path, "parent-only", reason.into());
            return;
        }
        let instead = self.known.get(&folder.path).map(|known| &known.target).filter(|_| by_map);
        let Some(found) = self.placing.find(Wish { source: folder, path: wanted, by_map, has_children, instead })
        else {
            self.waiting.remove(&folder.path);
            self.note(&folder.path, "refused", "no free name was found for it on the target".into());
            return;
        };
        if let Some(because) = found.because {
            let reason = format!("it goes to {} instead of {wanted}: {because}", found.path);
            self.note(&folder.path, "renamed", reason);
        }
        self.placing.take(&found.path, &folder.path);
        let apart = self.limits.folders_or_messages.then(|| without_messages_folder(&folder.path, &found.path));
        let down = apart.flatten().unwrap_or_else(|| found.path.clone());
        self.settle(folder, found.path, down);
    }

    fn settle(&mut self, folder: &'a Folder, place: FolderPath, down: FolderPath) {
        // Nothing can be made below system folders that stand in a folder of their own, as Gmail's do.
        let is_system = place != folder.path
            && place.parent().is_some_and(|parent| !parent.is_inbox())
            && self.target_roles.has(&place)
            && self.mapped(&folder.path).is_none();
        if !is_system {
            self.ways_down.insert(&folder.path, down);
        }
        self.waiting.remove(&folder.path);
        self.places.insert(&folder.path, place);
    }

    /// Where a folder belongs by its own path and the places of those above it.
    fn own_place(&self, path: &FolderPath) -> FolderPath {
        let mut above = path.parent();
        while let Some(parent) = above {
            if let Some(down) = self.ways_down.get(&parent) {
                return FolderPath::new(down.names().iter().chain(&path.names()[parent.names().len()..]));
            }
            above = parent.parent();
        }
        path.clone()
    }

    /// Where `--map` sends a folder.
    fn mapped(&self, path: &FolderPath) -> Option<FolderPath> {
        let names = path.names();
        let fits = |from: &FolderPath| {
            let top = from.names();
            names.len() >= top.len() && top.iter().zip(names).all(|(a, b)| a.nfc().eq(b.nfc()))
        };
        // Of two for the same folder the later counts, as with any option given twice.
        let longest = self.rules.map.iter().filter(|(from, _)| fits(from)).max_by_key(|(from, _)| from.names().len());
        longest.map(|(from, to)| FolderPath::new(to.names().iter().chain(&names[from.names().len()..])))
    }

    /// Whether folders come over from below that one. All of them count, wherever they go: the answer must be the same
    /// when they have their places already.
    fn has_children(&self, path: &FolderPath) -> bool {
        let after = (Bound::Excluded(path), Bound::Unbounded);
        self.coming.range::<FolderPath, _>(after).next().is_some_and(|(next, _)| next.names().starts_with(path.names()))
    }

    /// Whether a folder of the ledger is not on the source any more. What is left out is not looked at.
    fn is_gone(&self, known: &LedgerFolder) -> bool {
        !self.present.contains(&known.source) && self.left_out.why_by_name(&known.source).is_none()
    }

    fn note(&mut self, folder: &FolderPath, code: &str, reason: String) {
        self.notes.push(FolderNote { folder: folder.clone(), code: code.to_owned(), reason });
    }

    fn plan(mut self, source: &[Folder]) -> FolderPlan {
        let subscriptions = source.iter().any(|folder| folder.subscribed);
        let mut pairs: Vec<FolderPair> = Vec::with_capacity(self.places.len());
        for (path, place) in &self.places {
            let Some(folder) = self.coming.get(path) else { continue };
            let there = self.placing.on_target(place);
            // A parent that cannot hold messages can be subscribed all the same, and be made a folder that can.
            let is_subscribed = there.is_some_and(|there| there.subscribed);
            let place = match there {
                Some(there) if there.selectable => Place::Exists(there.clone()),
                _ => {
                    Place::Create { path: there.map_or(place, |there| &there.path).clone(), role: self.new_role(path) }
                }
            };
            let subscribe = (subscriptions && folder.subscribed != is_subscribed).then_some(folder.subscribed);
            pairs.push(FolderPair { source: (*folder).clone(), place, subscribe });
        }
        pairs.sort_by_key(|pair| pair.source.path.names()[0] != "INBOX");
        let mut gone: Vec<LedgerFolder> = self.ledger.iter().filter(|known| self.is_gone(known)).cloned().collect();
        gone.sort_by(|a, b| a.source.cmp(&b.source));
        self.notes.sort_by(|a, b| a.folder.cmp(&b.folder));
        FolderPlan { pairs, gone, notes: self.notes }
    }

    /// The role to make a folder with, if the target has no folder of that role.
    fn new_role(&self, source: &FolderPath) -> Option<Role> {
        self.roles.get(source).copied().filter(|role| self.target_roles.of(*role).is_empty())
    }
}
