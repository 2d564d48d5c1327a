//! Which paths of the target are taken, and the nearest one that is free.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::ops::Bound;

use limosa_model::folder::{Folder, FolderPath};
use limosa_model::mailbox::Limits;

use super::names::{Key, mended_name, numbered};

/// Where the messages of a folder go that cannot hold both messages and folders.
pub(super) const MESSAGES: &str = "Messages";

/// The target's folders, and who has got which of its paths so far.
pub(super) struct Placing<'a> {
    limits: &'a Limits,
    target: BTreeMap<Key, Vec<&'a Folder>>,
    /// By key: the source folder that has the path.
    taken: BTreeMap<Key, FolderPath>,
    /// Paths that no invented name may have, since a folder may want them as its own.
    reserved: HashSet<Key>,
    /// Per path: the number that was given last to a folder that wanted it.
    numbers: HashMap<Key, usize>,
}

/// What a source folder wants.
#[derive(Clone, Copy)]
pub(super) struct Wish<'a> {
    pub(super) source: &'a Folder,
    /// The path, if nothing stood against it.
    pub(super) path: &'a FolderPath,
    /// The user named the path: it may be the inbox, or a view.
    pub(super) by_map: bool,
    /// Folders are going to stand below it.
    pub(super) has_children: bool,
    /// A path to be had before one is invented: where the folder's messages stand already.
    pub(super) instead: Option<&'a FolderPath>,
}

/// A path that was found free, and what stood against the one wished for.
pub(super) struct Found {
    pub(super) path: FolderPath,
    pub(super) because: Option<String>,
}

impl<'a> Placing<'a> {
    pub(super) fn new(target: &'a [Folder], limits: &'a Limits) -> Self {
        let mut by_key: BTreeMap<Key, Vec<&Folder>> = BTreeMap::new();
        for folder in target {
            by_key.entry(Key::new(&folder.path, limits)).or_default().push(folder);
        }
        for folders in by_key.values_mut() {
            folders.sort_by_key(|folder| (!folder.selectable, &folder.path));
        }
        Self { limits, target: by_key, taken: BTreeMap::new(), reserved: HashSet::new(), numbers: HashMap::new() }
    }

    /// No invented name shall be this path.
    pub(super) fn reserve(&mut self, path: &FolderPath) {
        self.reserved.insert(self.key(path));
    }

    /// Gives a path to a source folder, unless another one has it.
    pub(super) fn take(&mut self, path: &FolderPath, source: &FolderPath) -> bool {
        let key = self.key(path);
        if self.taken.contains_key(&key) {
            return false;
        }
        self.taken.insert(key, source.clone());
        true
    }

    pub(super) fn is_taken(&self, path: &FolderPath) -> bool {
        self.taken.contains_key(&self.key(path))
    }

    /// Whether both paths are one folder on the target.
    pub(super) fn same(&self, a: &FolderPath, b: &FolderPath) -> bool {
        self.key(a) == self.key(b)
    }

    /// What stands at that path now.
    pub(super) fn on_target(&self, path: &FolderPath) -> Option<&'a Folder> {
        let folders = self.target.get(&self.key(path))?;
        folders.iter().find(|folder| folder.path == *path).or(folders.first()).copied()
    }

    /// The folder at that path, if messages can be put into it.
    pub(super) fn selectable(&self, path: &FolderPath) -> Option<&'a Folder> {
        self.on_target(path).filter(|folder| folder.selectable)
    }

    /// The path with every name as the target can take it. What stands there already is called as it is.
    pub(super) fn mended(&self, path: &FolderPath) -> FolderPath {
        let names = path.names();
        let is_there = |depth: &usize| self.on_target(&FolderPath::new(&names[..*depth])).is_some();
        let there = (1..=names.len()).rev().find(is_there).unwrap_or(0);
        let rest = names[there..].iter().map(|name| mended_name(name, self.limits));
        FolderPath::new(names[..there].iter().cloned().chain(rest))
    }

    /// How sure a path is to be got as it is wished; small is sure.
    pub(super) fn distance(&self, path: &FolderPath) -> u8 {
        match self.on_target(path) {
            Some(folder) if folder.path == *path => 0,
            _ if !self.flat(path) && self.mended(path) == *path => 1,
            _ => 2,
        }
    }

    /// Whether a folder there can only be a parent of others, and never hold messages.
    pub(super) fn parent_only(&self, path: &FolderPath, has_children: bool) -> bool {
        self.limits.folders_or_messages
            && self.selectable(path).is_none()
            && !path.is_inbox()
            && (has_children || self.has_below(&self.key(path)))
    }

    /// The path wished for, or the nearest one that is free. `None` when none can be found.
    pub(super) fn find(&mut self, wish: Wish<'_>) -> Option<Found> {
        let mut because = None;
        let mut last = wish.path.clone();
        for (path, reason) in self.ways(wish) {
            because = because.or(reason);
            match self.obstacle(wish, &path) {
                None => return Some(Found { path, because }),
                Some(obstacle) => because = because.or(Some(obstacle)),
            }
            last = path;
        }
        if let Some(path) = wish.instead.filter(|path| !self.is_taken(path)) {
            return Some(Found { path: path.clone(), because });
        }
        let key = self.key(&last);
        let first = self.numbers.get(&key).map_or(2, |number| number + 1);
        let enough = first + self.taken.len() + self.reserved.len() + self.target.len() + 1;
        for number in first..enough {
            let path = numbered(&last, number, self.limits);
            let invented = self.key(&path);
            // A folder of such a name that stands there was made by an earlier run whose ledger is lost: taken up again, it is
            // filled by content, where another number would make another copy.
            if self.reserved.contains(&invented) {
                continue;
            }
            if self.obstacle(wish, &path).is_none() {
                self.numbers.insert(key, number);
                return Some(Found { path, because });
            }
        }
        None
    }

    /// Paths to be tried in this order, each with what stands against the one before.
    fn ways(&self, wish: Wish<'_>) -> Vec<(FolderPath, Option<String>)> {
        if self.selectable(wish.path).is_some() {
            return vec![(wish.path.clone(), None)];
        }
        let (names, mut ways) = (wish.path.names(), Vec::new());
        if self.flat(wish.path) {
            let reason = "the target can have no folders below its inbox";
            if !names[1].eq_ignore_ascii_case("INBOX") {
                ways.push((FolderPath::new(&names[1..]), Some(reason.to_owned())));
            }
            let joined = FolderPath::new([format!("INBOX_{}", names[1])].iter().chain(&names[2..]));
            ways.push((joined, Some(reason.to_owned())));
        } else {
            ways.push((wish.path.clone(), None));
        }
        for (path, reason) in &mut ways {
            let fits = self.mended(path);
            if fits != *path {
                let forbidden: Vec<char> = self.limits.forbidden_in_names.clone();
                let character = path.names().iter().flat_map(|name| name.chars()).find(|c| forbidden.contains(c));
                let mending = character.map_or_else(
                    || "the name is too long".to_owned(),
                    |c| format!("the target takes no {c:?} in a name"),
                );
                *reason = Some(reason.take().unwrap_or(mending));
                *path = fits;
            }
            if self.limits.folders_or_messages {
                self.part(wish, path, reason);
            }
        }
        ways
    }

    /// Keeps folders and messages apart.
    fn part(&self, wish: Wish<'_>, path: &mut FolderPath, reason: &mut Option<String>) {
        while let Some(depth) = self.key(path).above().position(|above| self.holds_messages(&above)) {
            let names = path.names();
            let joined = format!("{}_{}", names[depth], names[depth + 1]);
            let names: Vec<&str> = names[..depth].iter().map(String::as_str).collect();
            let rest = path.names()[depth + 2..].iter().map(String::as_str);
            let parted = FolderPath::new(names.into_iter().chain([joined.as_str()]).chain(rest));
            *path = self.mended(&parted);
            reason.get_or_insert_with(|| "the target can have no folders below one that holds messages".to_owned());
        }
        if !self.is_taken(path) && self.parent_only(path, wish.has_children) {
            *path = path.child(MESSAGES);
            reason.get_or_insert_with(|| "the target can have no messages in a folder with others below it".to_owned());
        }
    }

    /// What stands against that path.
    fn obstacle(&self, wish: Wish<'_>, path: &FolderPath) -> Option<String> {
        let key = self.key(path);
        if let Some(holder) = self.taken.get(&key) {
            return Some(format!("folder {holder} stands there"));
        }
        if path.is_inbox() && !wish.by_map {
            return Some("the target's inbox stands there".to_owned());
        }
        if let Some(folder) = self.selectable(path) {
            let is_view = |folder: &Folder| folder.role.is_some_and(|role| role.is_view());
            let refused = is_view(folder) && !wish.by_map && !is_view(wish.source);
            return refused.then(|| "a view of the target stands there".to_owned());
        }
        if !self.limits.folders_or_messages {
            return None;
        }
        let blocked = self.has_below(&key) || key.above().any(|above| self.holds_messages(&above));
        blocked.then(|| "the target can have no folders below one that holds messages".to_owned())
    }

    /// Directly below the inbox of a target that can have nothing there.
    fn flat(&self, path: &FolderPath) -> bool {
        let flat = self.limits.flat_inbox || self.limits.folders_or_messages;
        flat && path.names().len() > 1 && path.names()[0] == "INBOX"
    }

    fn holds_messages(&self, key: &Key) -> bool {
        let on_target = self.target.get(key).and_then(|folders| folders.first());
        self.taken.contains_key(key) || on_target.is_some_and(|folder| folder.selectable)
    }

    /// Whether a folder stands or is going to stand somewhere below.
    fn has_below(&self, key: &Key) -> bool {
        let after = (Bound::Excluded(key), Bound::Unbounded);
        let taken = self.taken.range::<Key, _>(after).next().map(|(next, _)| next);
        let there = self.target.range::<Key, _>(after).next().map(|(next, _)| next);
        taken.into_iter().chain(there).any(|next| next.is_below(key))
    }

    fn key(&self, path: &FolderPath) -> Key {
        Key::new(path, self.limits)
    }
}

/// Where the children of a folder belong whose own messages went to a [`MESSAGES`] folder at an earlier time.
pub(super) fn without_messages_folder(source: &FolderPath, place: &FolderPath) -> Option<FolderPath> {
    (place.last() == MESSAGES && source.last() != MESSAGES).then(|| place.parent()).flatten()
}
