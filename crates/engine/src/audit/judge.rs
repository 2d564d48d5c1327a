//! Are two messages the same, as far as a listing tells? Pure.

use std::collections::HashSet;

use limosa_model::ledger::DroppedFlag;
use limosa_model::message::HeaderItem;
use limosa_model::{Flags, FolderPath, InternalDate, Item, Keywords};

use super::report::Kind;

/// What one side says of a message.
#[derive(Clone, Debug)]
pub struct State {
    /// Its flags.
    pub flags: Flags,
    /// Its size by the store's word.
    pub size: Option<u64>,
    /// When it was received.
    pub date: Option<InternalDate>,
}

impl From<&Item> for State {
    fn from(item: &Item) -> Self {
        Self { flags: item.flags.clone(), size: item.size, date: item.internal_date }
    }
}

impl From<&HeaderItem> for State {
    fn from(item: &HeaderItem) -> Self {
        Self { flags: item.flags.clone(), size: Some(item.size), date: item.internal_date }
    }
}

/// Which flags a target folder keeps, as far as is known without opening it for writing: by what passes found it to drop.
#[derive(Debug, Default)]
pub struct Kept {
    /// In lower case.
    dropped: HashSet<String>,
    no_keywords: bool,
    keywords: Keywords,
}

impl Kept {
    /// By the ledger's word on that folder, the server's on keywords, and the table that names them.
    pub fn new(folder: &FolderPath, dropped: &[DroppedFlag], no_keywords: bool, keywords: Keywords) -> Self {
        let of_folder = dropped.iter().filter(|dropped| dropped.folder == *folder);
        Self { dropped: of_folder.map(|dropped| dropped.flag.to_ascii_lowercase()).collect(), no_keywords, keywords }
    }

    /// Whether a message has the flags on the target that it has on the source, but for what is not kept.
    pub fn same(&self, source: &Flags, target: &Flags) -> bool {
        let source = self.keywords.translate(source);
        source == *target || (self.drops_some() && self.kept(&source) == self.kept(target))
    }

    /// Whether flags of the source are still what they were, as far as that matters to the target.
    fn unchanged(&self, before: &Flags, now: &Flags) -> bool {
        self.same(before, &self.keywords.translate(now))
    }

    fn drops_some(&self) -> bool {
        self.no_keywords || !self.dropped.is_empty()
    }

    fn kept(&self, flags: &Flags) -> Vec<String> {
        let names = flags.names().filter(|name| name.starts_with('\\') || !self.no_keywords);
        names.map(str::to_ascii_lowercase).filter(|name| !self.dropped.contains(name)).collect()
    }
}

/// How flags and internal dates of both sides differ. `settled` are the source's flags when a pass last looked.
///
/// Dates are compared only where both sides know one: a message without one got one from the target.
pub fn differences(source: &State, target: &State, settled: Option<&Flags>, kept: &Kept) -> Vec<Kind> {
    let mut found = Vec::new();
    if !kept.same(&source.flags, &target.flags) {
        let since = settled.is_some_and(|settled| !kept.unchanged(settled, &source.flags));
        found.push(if since { Kind::Reflagged } else { Kind::Flags });
    }
    if source.date.zip(target.date).is_some_and(|(ours, theirs)| ours != theirs) {
        found.push(Kind::Date);
    }
    found
}

/// Whether the stores state other sizes. A store may misstate them: only the bytes can say what that means.
pub fn sizes_differ(source: &State, target: &State) -> bool {
    source.size.zip(target.size).is_some_and(|(ours, theirs)| ours != theirs)
}

/// A difference of flags or dates in words.
pub fn words(kind: Kind, source: &State, target: &State) -> String {
    let names = |flags: &Flags| match flags.is_empty() {
        true => "none".to_owned(),
        false => flags.names().collect::<Vec<_>>().join(" "),
    };
    let date = |date: Option<InternalDate>| match date.and_then(|date| jiff::Timestamp::from_second(date.seconds).ok())
    {
        Some(moment) => moment.to_string(),
        None => "unknown".to_owned(),
    };
    match kind {
        Kind::Date => format!("received {} on the source, {} on the target", date(source.date), date(target.date)),
        Kind::Reflagged => {
            format!("flags now {} on the source, still {} on the target", names(&source.flags), names(&target.flags))
        }
        _ => format!("flags {} on the source, {} on the target", names(&source.flags), names(&target.flags)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(flags: &[&str], size: u64, seconds: i64) -> State {
        let date = Some(InternalDate { seconds, offset_minutes: 60 });
        State { flags: Flags::from_names(flags.iter().copied()).0, size: Some(size), date }
    }

    #[track_caller]
    fn check(source: &State, target: &State, settled: Option<&[&str]>, expect: &[Kind]) {
        let folder = FolderPath::inbox();
        let table = Keywords::new([("Forwarded", "$Forwarded"), ("$Forwarded", "elsewhere")]);
        let kept = Kept::new(&folder, &[DroppedFlag { folder: folder.clone(), flag: "Work".into() }], false, table);
        let settled = settled.map(|names| Flags::from_names(names.iter().copied()).0);
        assert_eq!(differences(source, target, settled.as_ref(), &kept), expect);
    }

    #[test]
    fn flags_that_are_not_kept_are_no_difference() {
        check(&state(&["\\Seen", "work"], 1, 1), &state(&["\\Seen"], 1, 1), Some(&["\\Seen", "work"]), &[]);
        check(&state(&["\\Seen", "other"], 1, 1), &state(&["\\Seen"], 1, 1), None, &[Kind::Flags]);
    }

    #[test]
    fn translated_keywords_are_no_difference() {
        check(&state(&["forwarded"], 1, 1), &state(&["$Forwarded"], 1, 1), Some(&["Forwarded"]), &[]);
        check(&state(&["Forwarded"], 1, 1), &state(&["Forwarded"], 1, 1), Some(&["Forwarded"]), &[Kind::Flags]);
        check(&state(&["Forwarded"], 1, 1), &state(&[], 1, 1), Some(&[]), &[Kind::Reflagged]);
    }

    #[test]
    fn who_changed_flags_since_the_last_pass_makes_a_difference() {
        let (seen, none) = (state(&["\\Seen"], 1, 1), state(&[], 1, 1));
        check(&seen, &none, Some(&["\\Seen"]), &[Kind::Flags]);
        check(&seen, &none, Some(&[]), &[Kind::Reflagged]);
    }

    #[test]
    fn dates_differ_by_the_moment() {
        check(&state(&[], 1, 1), &state(&[], 1, 2), None, &[Kind::Date]);
        check(&state(&[], 1, 1), &State { date: None, ..state(&[], 1, 1) }, None, &[]);
    }
}
