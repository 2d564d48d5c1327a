//! Which folders were renamed on the source, and what follows from it on the target. Pure.

use std::collections::{BTreeMap, HashMap};

use limosa_model::folder::{Folder, FolderPath};
use limosa_model::ledger::LedgerFolder;
use limosa_model::mailbox::Limits;

use super::left_out::LeftOut;
use super::{FolderRules, match_folders};

/// A folder that has another name on the source now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    /// Its name on the source, as the ledger knows it.
    pub source_from: FolderPath,
    /// Its name on the source now.
    pub source_to: FolderPath,
    /// Where it stands on the target, by the ledger and the renames before this one.
    pub target_from: FolderPath,
    /// Where it shall stand.
    pub target_to: FolderPath,
    /// It stands there already: only the ledger has to be told.
    pub stands: bool,
}

/// Finds the renames that can be followed on the target, in the order in which they have to be carried out.
///
/// A folder of the ledger was renamed if its object id is that of a source folder of another name, which gives its ids under what the
/// ledger knows. Its place on the target is the one that it would have if it came over for the first time ([`match_folders`]). It is
/// renamed there if
///
/// - nothing stands at that place, and
/// - what the ledger knows stands where the ledger says, is for nothing in particular, and takes along no folder of the ledger that
///   keeps its name.
///
/// If nothing stands at the old place and what stands at the new one has the very watermark that the ledger has settled, a run was cut
/// off after it had renamed the folder. Whatever else there is, two folders that changed names among it, is left to be followed by content.
pub fn find_renames(
    source: &[Folder],
    target: &[Folder],
    limits: &Limits,
    ledger: &[LedgerFolder],
    rules: &FolderRules,
) -> Vec<Rename> {
    let mut waiting = renamed(source, ledger, rules);
    if waiting.is_empty() {
        return Vec::new();
    }
    let was_renamed = |known: &LedgerFolder| waiting.iter().any(|(renamed, _)| renamed.source == known.source);
    let others: Vec<LedgerFolder> = ledger.iter().filter(|known| !was_renamed(known)).cloned().collect();
    let plan = match_folders(source, target, limits, &others, rules);
    let places: BTreeMap<_, _> = plan.pairs.iter().map(|pair| (&pair.source.path, pair.place.path())).collect();
    let mut following = Following::new(source, target, ledger);
    let mut renames = Vec::new();
    // A folder may be in the way of another one until it is renamed itself.
    loop {
        let found = waiting.iter().position(|(known, folder)| {
            // What stands below another one goes along with it, and may go on from there.
            let above = waiting.iter().any(|(above, _)| known.source.is_below(&above.source));
            let rename = places.get(&folder.path).filter(|_| !above);
            let rename = rename.and_then(|place| following.rename(known, folder, place, &waiting));
            renames.extend(rename.clone());
            rename.is_some()
        });
        let (Some(found), Some(rename)) = (found, renames.last()) else { return renames };
        waiting.remove(found);
        following.follow(rename);
    }
}

/// Folders of the ledger and the source folders that they are now, parents before children.
fn renamed<'a>(
    source: &'a [Folder],
    ledger: &'a [LedgerFolder],
    rules: &FolderRules,
) -> Vec<(&'a LedgerFolder, &'a Folder)> {
    let now = by_object_id(source.iter().map(|folder| (folder.object_id.as_ref(), folder)));
    let before = by_object_id(ledger.iter().map(|known| (known.source_object_id.as_ref(), known)));
    let left_out = LeftOut::new(rules);
    let mut renamed: Vec<_> = before
        .into_iter()
        .filter_map(|(id, known)| Some((known?, (*now.get(id)?)?)))
        .filter(|(known, folder)| {
            let same_ids = folder.state.as_ref().is_some_and(|state| state.ids == known.source_ids);
            let inbox = known.source.is_inbox() || folder.path.is_inbox();
            known.source != folder.path && same_ids && !inbox && left_out.why_by_name(&known.source).is_none()
        })
        .collect();
    renamed.sort_by(|(a, _), (b, _)| a.source.cmp(&b.source));
    renamed
}

/// `None` for an id that two have: it says nothing then.
fn by_object_id<'a, T>(things: impl Iterator<Item = (Option<&'a String>, T)>) -> HashMap<&'a String, Option<T>> {
    let mut by_id = HashMap::new();
    for (id, thing) in things {
        let Some(id) = id else { continue };
        by_id.entry(id).and_modify(|known| *known = None).or_insert(Some(thing));
    }
    by_id
}

/// The ledger and the target as they are after the renames found so far.
struct Following<'a> {
    source: &'a [Folder],
    /// Source path → target path.
    known: BTreeMap<FolderPath, FolderPath>,
    target: BTreeMap<FolderPath, &'a Folder>,
}

impl<'a> Following<'a> {
    fn new(source: &'a [Folder], target: &'a [Folder], ledger: &[LedgerFolder]) -> Self {
        Self {
            source,
            known: ledger.iter().map(|known| (known.source.clone(), known.target.clone())).collect(),
            target: target.iter().map(|folder| (folder.path.clone(), folder)).collect(),
        }
    }

    /// How a folder is renamed, if it can be now.
    fn rename(
        &self,
        known: &LedgerFolder,
        folder: &Folder,
        place: &FolderPath,
        waiting: &[(&LedgerFolder, &Folder)],
    ) -> Option<Rename> {
        let from = self.known.get(&known.source)?;
        let rename = |stands| Rename {
            source_from: known.source.clone(),
            source_to: folder.path.clone(),
            target_from: from.clone(),
            target_to: place.clone(),
            stands,
        };
        if self.known.contains_key(&folder.path) {
            return None;
        }
        let taken = self.known.iter().any(|(source, target)| target == place && *source != known.source);
        match (self.target.get(from), self.target.get(place)) {
            _ if from == place => Some(rename(true)),
            (Some(old), None) if self.can_be_renamed(old, known, from, place, waiting) => Some(rename(false)),
            (None, Some(new)) if !taken && stands_as_settled(new, known) => Some(rename(true)),
            _ => None,
        }
    }

    fn can_be_renamed(
        &self,
        old: &Folder,
        known: &LedgerFolder,
        from: &FolderPath,
        place: &FolderPath,
        waiting: &[(&LedgerFolder, &Folder)],
    ) -> bool {
        let same_ids = old.state.as_ref().is_some_and(|state| state.ids == known.target_ids);
        let free = old.selectable && old.role.is_none() && !from.is_inbox() && !place.is_below(from);
        let keeps_its_name = |source: &FolderPath| {
            let renamed = waiting.iter().any(|(renamed, _)| renamed.source == *source);
            !renamed && self.source.iter().any(|folder| folder.path == *source)
        };
        let mut along = self
            .known
            .iter()
            .filter(|(source, target)| **source != known.source && (*target == from || target.is_below(from)));
        same_ids && free && !along.any(|(source, _)| keeps_its_name(source))
    }

    /// What the target and the ledger make of a rename.
    fn follow(&mut self, rename: &Rename) {
        let Rename { source_from, source_to, target_from, target_to, .. } = rename;
        self.target =
            self.target.iter().map(|(path, folder)| (path.renamed(target_from, target_to), *folder)).collect();
        let renamed = |(source, target): (&FolderPath, &FolderPath)| {
            let source = if source == source_from { source_to } else { source };
            (source.clone(), target.renamed(target_from, target_to))
        };
        self.known = self.known.iter().map(renamed).collect();
    }
}

/// Whether a target folder stands exactly where the ledger left the one that it knows.
fn stands_as_settled(folder: &Folder, known: &LedgerFolder) -> bool {
    let watermark = folder.state.as_ref().map(|state| &state.watermark);
    watermark.is_some() && watermark == known.target_watermark.as_ref()
}

#[cfg(test)]
mod tests {
    use limosa_model::folder::{FolderState, Role, Watermark};

    use super::*;

    /// `path`, `path #id`, and at its end ` @watermark` (`settled` where it is not given) or ` \Role`.
    fn folder(text: &str) -> Folder {
        let (text, role) = text.split_once(" \\").map_or((text, None), |(text, _)| (text, Some(Role::Archive)));
        let (text, watermark) = text.split_once(" @").unwrap_or((text, "settled"));
        let (path, id) = text.split_once(" #").map_or((text, None), |(path, id)| (path, Some(id.to_owned())));
        let watermark = Watermark::new(watermark);
        Folder {
            path: path.into(),
            name: path.into(),
            selectable: true,
            role,
            subscribed: false,
            object_id: id,
            state: Some(FolderState { watermark, ids: "1".into(), proves_unchanged: true, messages: 1, bytes: None }),
        }
    }

    /// `source #id` or `source = target #id`.
    fn known(text: &str) -> LedgerFolder {
        let (paths, id) = text.split_once(" #").expect("an id");
        let (source, target) = paths.split_once(" = ").unwrap_or((paths, paths));
        LedgerFolder {
            source: source.into(),
            target: target.into(),
            source_watermark: None,
            target_watermark: Some(Watermark::new("settled")),
            source_ids: "1".into(),
            target_ids: "1".into(),
            keywords: String::new(),
            source_object_id: Some(id.into()),
            messages: 1,
        }
    }

    /// Expects a line each: `source > source: target > target`, and ` stands`.
    #[track_caller]
    fn check(source: &[&str], target: &[&str], ledger: &[&str], expect: &[&str]) {
        check_with(&FolderRules::default(), source, target, ledger, expect);
    }

    #[track_caller]
    fn check_with(rules: &FolderRules, source: &[&str], target: &[&str], ledger: &[&str], expect: &[&str]) {
        let folders = |texts: &[&str]| texts.iter().map(|text| folder(text)).collect::<Vec<_>>();
        let ledger: Vec<_> = ledger.iter().map(|text| known(text)).collect();
        let renames = find_renames(&folders(source), &folders(target), &Limits::default(), &ledger, rules);
        let lines = renames.iter().map(|rename| {
            let Rename { source_from, source_to, target_from, target_to, stands } = rename;
            let stands = if *stands { " stands" } else { "" };
            format!("{source_from} > {source_to}: {target_from} > {target_to}{stands}")
        });
        assert_eq!(lines.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn a_folder_is_known_again_by_its_id() {
        check(&["b #1"], &["a"], &["a #1"], &["a > b: a > b"]);
        check(&["b #1"], &["x"], &["a = x #1"], &["a > b: x > b"]);
        check(&["b #2"], &["a"], &["a #1"], &[]);
        check(&["a #1"], &["a"], &["a #1"], &[]);
        check(&["b"], &["a"], &["a #1"], &[]);
    }

    #[test]
    fn an_id_that_two_have_says_nothing() {
        check(&["b #1", "c #1"], &["a"], &["a #1"], &[]);
        check(&["b #1"], &["a", "c"], &["a #1", "c #1"], &[]);
    }

    #[test]
    fn ids_given_anew_are_another_folder() {
        let mut anew = folder("b #1");
        anew.state.as_mut().expect("a state").ids = "2".into();
        let (target, rules) = ([folder("a")], FolderRules::default());
        assert_eq!(find_renames(&[anew], &target, &Limits::default(), &[known("a #1")], &rules), []);
    }

    #[test]
    fn what_is_below_goes_along() {
        let target = &["a", "a/x", "a/y"];
        let ledger = &["a #1", "a/x #2", "a/y #3"];
        let whole: &[&str] = &["a > b: a > b", "a/x > b/x: b/x > b/x stands", "a/y > b/y: b/y > b/y stands"];
        check(&["b #1", "b/x #2", "b/y #3"], target, ledger, whole);
        check(&["b #1", "c #2"], target, ledger, &["a > b: a > b", "a/x > c: b/x > c"]);
        // A folder that keeps its name would be taken along.
        check(&["b #1", "a/x #2", "b/y #3"], target, ledger, &[]);
    }

    #[test]
    fn names_are_free_once_their_folders_are_renamed() {
        check(&["b #1", "c #2"], &["a", "b"], &["a #1", "b #2"], &["b > c: b > c", "a > b: a > b"]);
        check(&["b #1", "a #3"], &["a"], &["a #1"], &["a > b: a > b"]);
        check(&["b #1", "a #2"], &["a", "b"], &["a #1", "b #2"], &[]);
    }

    #[test]
    fn nothing_is_overwritten_and_nothing_else_is_touched() {
        check(&["b #1"], &["a", "b @other"], &["a #1"], &[]);
        check(&["b #1"], &["a \\Archive"], &["a #1"], &[]);
        check(&["a/b #1"], &["a"], &["a #1"], &[]);
        check(&["b #1"], &["INBOX"], &["a = INBOX #1"], &[]);
        let exclude = |glob: &str| FolderRules {
            exclude: vec![globset::Glob::new(glob).expect("a glob")],
            ..FolderRules::default()
        };
        check_with(&exclude("a"), &["b #1"], &["a"], &["a #1"], &[]);
        check_with(&exclude("b"), &["b #1"], &["a"], &["a #1"], &[]);
    }

    #[test]
    fn what_stands_at_its_new_place_as_it_was_settled_was_renamed_before() {
        check(
            &["b #1", "b/x #2"],
            &["b", "b/x @other"],
            &["a #1", "a/x #2"],
            &["a > b: a > b stands", "a/x > b/x: b/x > b/x stands"],
        );
        check(&["b #1"], &["b @other"], &["a #1"], &[]);
        check(&["b #1"], &["a @other", "b"], &["a #1"], &[]);
        check(&["b #1", "c #2"], &["b"], &["a #1", "c = b #2"], &[]);
    }

    #[test]
    fn a_map_says_where_it_goes() {
        let rules = FolderRules { map: vec![("b".into(), "n/b".into())], ..FolderRules::default() };
        check_with(&rules, &["b #1"], &["a"], &["a #1"], &["a > b: a > n/b"]);
        let rules = FolderRules { map: vec![("b".into(), "a".into())], ..FolderRules::default() };
        check_with(&rules, &["b #1"], &["a"], &["a #1"], &["a > b: a > a stands"]);
    }
}
