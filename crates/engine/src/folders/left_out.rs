//! Which source folders stay behind, by the user's word or because they are views.

use globset::{Glob, GlobBuilder, GlobMatcher};
use limosa_model::folder::{Folder, FolderPath};
use unicode_normalization::UnicodeNormalization;

use super::FolderRules;

/// `--only` and `--exclude`, ready to be asked.
pub(super) struct LeftOut<'a> {
    rules: &'a FolderRules,
    only: Vec<Pattern>,
    exclude: Vec<Pattern>,
}

/// Why a folder stays behind: a stable code, and the reason in words.
pub(super) type Why = (&'static str, String);

impl<'a> LeftOut<'a> {
    pub(super) fn new(rules: &'a FolderRules) -> Self {
        let ready = |globs: &[Glob]| globs.iter().map(Pattern::new).collect();
        Self { rules, only: ready(&rules.only), exclude: ready(&rules.exclude) }
    }

    /// Why that folder stays behind, if it does.
    pub(super) fn why(&self, folder: &Folder) -> Option<Why> {
        let by_name = self.why_by_name(&folder.path);
        if by_name.is_some() || self.rules.include_views || !folder.role.is_some_and(|role| role.is_view()) {
            return by_name;
        }
        // A view that is mapped by its own name is wanted.
        if self.rules.map.iter().any(|(from, _)| *from == folder.path) {
            return None;
        }
        Some(("view", "its messages stand in other folders too, from where they come over".into()))
    }

    /// Why a folder of that path stays behind, whatever it is.
    pub(super) fn why_by_name(&self, path: &FolderPath) -> Option<Why> {
        if let Some(pattern) = self.exclude.iter().find(|pattern| pattern.matches(path)) {
            return Some(("excluded", format!("excluded by {}", pattern.text)));
        }
        if self.only.is_empty() || self.only.iter().any(|pattern| pattern.matches(path)) {
            return None;
        }
        Some(("excluded", "not among the folders asked for".into()))
    }
}

/// One glob.
struct Pattern {
    /// As the user wrote it.
    text: String,
    /// The same, read as the name of a folder: it means all below it too. Tried for globs with wildcards as well, for
    /// `[Gmail]/Spam` is a glob to the letter.
    folder: FolderPath,
    glob: GlobMatcher,
}

impl Pattern {
    fn new(glob: &Glob) -> Self {
        let text: String = glob.glob().nfc().collect();
        let folder = FolderPath::from(text.strip_suffix('/').unwrap_or(&text));
        // `*` is to stay within one name, however the glob was made; what could be parsed once can be again.
        let strict = GlobBuilder::new(&text).literal_separator(true).backslash_escape(true).build();
        Self { folder, glob: strict.unwrap_or_else(|_| glob.clone()).compile_matcher(), text }
    }

    fn matches(&self, path: &FolderPath) -> bool {
        let (top, names) = (self.folder.names(), path.names());
        (names.len() >= top.len() && top.iter().zip(names).all(|(a, b)| a.nfc().eq(b.nfc())))
            || self.glob.is_match(path.to_string().nfc().collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn globs() {
        #[track_caller]
        fn check(glob: &str, path: &str, expect: bool) {
            let pattern = Pattern::new(&Glob::new(glob).expect("a glob"));
            assert_eq!(pattern.matches(&FolderPath::from(path)), expect, "{glob} on {path}");
        }
        check("Work", "Work", true);
        check("Work", "Work/a/b", true);
        check("Work/", "Work/a", true);
        check("Work", "Workshop", false);
        check("Work*", "Workshop", true);
        check("Work*", "Work/a", false);
        check("Work/*", "Work/a", true);
        check("Work/*", "Work/a/b", false);
        check("Work/**", "Work/a/b", true);
        check("Work/**", "Work", false);
        check("**/old", "a/b/old", true);
        check("{a,b}", "b", true);
        check("inbox", "INBOX", true);
        check("INBOX", "INBOX/Sub", true);
        check("[Gg]mail", "Gmail", true);
        check("[Gmail]/Spam", "[Gmail]/Spam", true);
        check("[Gmail]", "[Gmail]/Spam", true);
        check(r"a\/b", r"a\/b", true);
        check("Entwu\u{308}rfe", "Entwürfe", true);
        check("Entw*rfe", "Entwu\u{308}rfe", true);
    }
}
