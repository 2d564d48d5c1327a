//! Which source folder goes to which target folder because both are for the same thing.

use std::collections::BTreeMap;

use limosa_model::folder::{Folder, FolderPath, Role};

use super::role_names::{fold, is_plain, role_by_name};

/// The folders of one side that are for something: only those with the best claim (SPECIAL-USE before names), and of
/// these the plainly named first, then by path.
pub(super) struct Claims<'a>(BTreeMap<Role, Vec<&'a Folder>>);

impl<'a> Claims<'a> {
    pub(super) fn new(folders: impl IntoIterator<Item = &'a Folder>) -> Self {
        let mut declared: BTreeMap<Role, Vec<&Folder>> = BTreeMap::new();
        let mut named: BTreeMap<Role, Vec<&Folder>> = BTreeMap::new();
        for folder in folders {
            if !folder.selectable || folder.path.is_inbox() {
                continue;
            }
            match folder.role {
                Some(role) if role.is_view() => {}
                Some(role) if role != Role::Inbox => declared.entry(role).or_default().push(folder),
                _ => {
                    if let Some(role) = role_by_name(&folder.path) {
                        named.entry(role).or_default().push(folder);
                    }
                }
            }
        }
        for (role, folders) in named {
            declared.entry(role).or_insert(folders);
        }
        for (role, folders) in &mut declared {
            folders.sort_by_key(|folder| (!is_plain(*role, folder.path.last()), &folder.path));
        }
        Self(declared)
    }

    pub(super) fn of(&self, role: Role) -> &[&'a Folder] {
        self.0.get(&role).map_or(&[], Vec::as_slice)
    }

    /// Whether the folder at that path has a role.
    pub(super) fn has(&self, path: &FolderPath) -> bool {
        self.0.values().flatten().any(|folder| folder.path == *path)
    }

    pub(super) fn roles(&self) -> impl Iterator<Item = Role> {
        self.0.keys().copied()
    }
}

/// The source folder that has a role, and the target folder with that role that it goes to, if there is one.
pub(super) fn role_pair<'a>(source: &[&'a Folder], target: &[&'a Folder]) -> Option<(&'a Folder, Option<&'a Folder>)> {
    let find = |alike: fn(&FolderPath, &FolderPath) -> bool| {
        source.iter().find_map(|s| target.iter().find(|t| alike(&s.path, &t.path)).map(|t| (*s, Some(*t))))
    };
    find(|s, t| s == t)
        .or_else(|| find(|s, t| fold(s.last()) == fold(t.last())))
        .or_else(|| source.first().map(|s| (*s, target.first().copied())))
}
