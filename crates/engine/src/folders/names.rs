//! When two paths are one folder on the target, and what a target cannot take in a name.

use limosa_model::folder::FolderPath;
use limosa_model::mailbox::Limits;
use unicode_normalization::UnicodeNormalization;

/// The longest name that is asked of a target, in bytes: what file systems take, on which most servers stand.
pub(super) const LONGEST_NAME: usize = 255;

/// Two paths with equal keys are one folder on the target. Ordered so that what stands below a folder comes right after it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Key(Vec<String>);

impl Key {
    /// The key of a path on a target with these limits. Composed and decomposed letters are the same (RFC 5198, 3):
    /// servers on some file systems turn one into the other.
    pub(super) fn new(path: &FolderPath, limits: &Limits) -> Self {
        let fold = |name: &String| {
            let composed: String = name.nfc().collect();
            if limits.case_insensitive_folders { composed.to_lowercase().nfc().collect() } else { composed }
        };
        Self(path.names().iter().map(fold).collect())
    }

    /// Whether this folder stands somewhere below that one.
    pub(super) fn is_below(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }

    /// The keys of all folders above, from the top down.
    pub(super) fn above(&self) -> impl Iterator<Item = Self> {
        (1..self.0.len()).map(|depth| Self(self.0[..depth].to_vec()))
    }
}

/// The nearest name that the target can take.
pub(super) fn mended_name(name: &str, limits: &Limits) -> String {
    let allowed: String = name.chars().filter_map(|c| in_place_of(c, limits)).collect();
    shortened(&allowed, LONGEST_NAME).to_owned()
}

/// The same folder name with a number, as the target can take it: `Name (2)`.
pub(super) fn numbered(path: &FolderPath, number: usize, limits: &Limits) -> FolderPath {
    let end = mended_name(&format!(" ({number})"), limits);
    let name = format!("{}{end}", shortened(&mended_name(path.last(), limits), LONGEST_NAME - end.len()));
    path.parent().map_or_else(|| FolderPath::new([&name]), |parent| parent.child(&name))
}

fn in_place_of(c: char, limits: &Limits) -> Option<char> {
    if !limits.forbidden_in_names.contains(&c) {
        return Some(c);
    }
    ['_', '-', ' ', 'x'].into_iter().find(|substitute| !limits.forbidden_in_names.contains(substitute))
}

fn shortened(name: &str, bytes: usize) -> &str {
    &name[..name.floor_char_boundary(bytes)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(forbidden: &str) -> Limits {
        Limits { forbidden_in_names: forbidden.chars().collect(), ..Limits::default() }
    }

    #[test]
    fn a_name_is_mended_only_where_it_must_be() {
        #[track_caller]
        fn check(name: &str, forbidden: &str, expect: &str) {
            assert_eq!(mended_name(name, &limits(forbidden)), expect);
        }
        check("a.b/c", "./", "a_b_c");
        check(" a ", "/", " a ");
        check(" a ", " ", "_a_");
        check("", "/", "");
        check("a_b", "_", "a-b");
        check("a/b", "/_- x", "ab");
        check(&"ü".repeat(200), "", &"ü".repeat(127));
    }

    #[test]
    fn a_numbered_name_fits() {
        let path = FolderPath::new(["a".to_owned(), "😀".repeat(70)]);
        let second = numbered(&path, 2, &limits(""));
        assert_eq!(second.last(), format!("{} (2)", "😀".repeat(62)));
        assert_eq!(numbered(&FolderPath::from("a/b"), 12, &limits("( ")), FolderPath::from("a/b__12)"));
    }

    #[test]
    fn keys() {
        let folded = Limits { case_insensitive_folders: true, ..Limits::default() };
        let key = |path: &str, limits: &Limits| Key::new(&FolderPath::from(path), limits);
        assert_eq!(key("Entwu\u{308}rfe", &limits("")), key("Entwürfe", &limits("")));
        assert_ne!(key("a", &limits("")), key("A", &limits("")));
        assert_eq!(key("É/a", &folded), key("e\u{301}/A", &folded));
        assert!(key("a/b/c", &folded).is_below(&key("A", &folded)));
        assert!(!key("ab", &folded).is_below(&key("a", &folded)));
    }
}
