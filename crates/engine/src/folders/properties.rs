//! What holds for any two mailboxes.

use std::collections::HashSet;

use limosa_model::folder::{FolderState, Watermark};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

use super::names::Key;
use super::*;

const NAMES: [&str; 24] = [
    "INBOX",
    "inbox",
    "a",
    "A",
    "b",
    "a.b",
    "a_b",
    "a (2)",
    "A (2)",
    "Messages",
    "Sent",
    "sent",
    "Sent Items",
    "Gesendet",
    "Trash",
    "Papierkorb",
    "Archive",
    "",
    " ",
    "é",
    "e\u{301}",
    "INBOX_a",
    "x/y",
    "x_y",
];

fn path() -> impl Strategy<Value = FolderPath> {
    vec(select(NAMES.to_vec()), 1..4).prop_map(FolderPath::new)
}

fn folder() -> impl Strategy<Value = Folder> {
    let role = option::weighted(0.2, select(vec![Role::All, Role::Sent, Role::Trash, Role::Archive, Role::Inbox]));
    (path(), prop::bool::weighted(0.85), role, any::<bool>(), option::of(0..2_u64)).prop_map(
        |(path, selectable, role, subscribed, messages)| Folder {
            name: path.to_string(),
            path,
            selectable,
            role,
            subscribed,
            object_id: None,
            state: messages.map(|messages| FolderState {
                watermark: Watermark::new(""),
                ids: String::new(),
                proves_unchanged: true,
                messages,
                bytes: None,
            }),
        },
    )
}

fn known() -> impl Strategy<Value = LedgerFolder> {
    (path(), path()).prop_map(|(source, target)| ledger_folder(&source, &target))
}

fn ledger_folder(source: &FolderPath, target: &FolderPath) -> LedgerFolder {
    LedgerFolder {
        source: source.clone(),
        target: target.clone(),
        source_watermark: None,
        target_watermark: None,
        source_ids: String::new(),
        target_ids: String::new(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    }
}

fn limits() -> impl Strategy<Value = Limits> {
    let forbidden = select(vec!["", ".", "./", "._", "_- x", " ()", "0123456789 ()_-x"]);
    (any::<bool>(), any::<bool>(), prop::bool::weighted(0.3), forbidden).prop_map(
        |(case_insensitive_folders, flat_inbox, folders_or_messages, forbidden)| Limits {
            case_insensitive_folders,
            flat_inbox,
            folders_or_messages,
            forbidden_in_names: forbidden.chars().collect(),
            ..Limits::default()
        },
    )
}

fn rules() -> impl Strategy<Value = FolderRules> {
    let globs = || vec(select(vec!["a", "INBOX", "*", "**/a", "Sent*", "a/**"]), 0..2);
    (vec((path(), path()), 0..3), globs(), globs(), any::<bool>()).prop_map(|(map, only, exclude, include_views)| {
        let ready =
            |globs: Vec<&str>| globs.into_iter().map(|glob| globset::Glob::new(glob).expect("a glob")).collect();
        FolderRules { map, only: ready(only), exclude: ready(exclude), include_views }
    })
}

fn place(pair: &FolderPair) -> &FolderPath {
    match &pair.place {
        Place::Exists(folder) => &folder.path,
        Place::Create { path, .. } => path,
    }
}

/// Where a target lists that folder; what holds messages counts, should it list the path twice.
fn index_of(target: &[Folder], path: &FolderPath) -> Option<usize> {
    let at =
        |selectable: bool| target.iter().position(|folder| folder.path == *path && folder.selectable == selectable);
    at(true).or_else(|| at(false))
}

/// The target after the plan was carried out.
fn carried_out(plan: &FolderPlan, target: &[Folder], limits: &Limits) -> Vec<Folder> {
    let mut target = target.to_vec();
    for pair in &plan.pairs {
        let there = place(pair);
        let key = Key::new(there, limits);
        let index = index_of(&target, there).unwrap_or_else(|| {
            assert!(target.iter().all(|folder| !folder.selectable || Key::new(&folder.path, limits) != key));
            target.push(Folder { path: there.clone(), subscribed: false, role: None, ..pair.source.clone() });
            target.len() - 1
        });
        target[index].selectable = true;
        if let Place::Create { role: Some(role), .. } = pair.place {
            target[index].role = Some(role);
        }
        target[index].subscribed = pair.subscribe.unwrap_or(target[index].subscribed);
    }
    target
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_folder_has_its_own_place_and_keeps_it(
        source in vec(folder(), 0..14),
        target in vec(folder(), 0..10),
        first_ledger in vec(known(), 0..4),
        limits in limits(),
        rules in rules(),
    ) {
        let plan = match_folders(&source, &target, &limits, &first_ledger, &rules);

        let paired: HashSet<_> = plan.pairs.iter().map(|pair| &pair.source.path).collect();
        let noted: HashSet<_> = plan.notes.iter().map(|note| &note.folder).collect();
        prop_assert_eq!(paired.len(), plan.pairs.len());
        for folder in source.iter().filter(|folder| folder.selectable) {
            prop_assert!(paired.contains(&folder.path) || noted.contains(&folder.path), "{:?}", folder.path);
        }
        prop_assert!(plan.pairs.iter().all(|pair| pair.source.selectable && source.contains(&pair.source)));

        let places: HashSet<_> = plan.pairs.iter().map(|pair| Key::new(place(pair), &limits)).collect();
        prop_assert_eq!(places.len(), plan.pairs.len());

        for (index, pair) in plan.pairs.iter().enumerate() {
            let above = |other: &FolderPair| pair.source.path.names().starts_with(other.source.path.names());
            prop_assert!(plan.pairs[index + 1..].iter().all(|later| !above(later)));
        }

        let mut roles = HashSet::new();
        for pair in &plan.pairs {
            let Place::Create { path, role } = &pair.place else { continue };
            prop_assert!(role.is_none_or(|role| roles.insert(role)));
            let as_it_was = first_ledger.iter().any(|known| known.target == *path)
                || target.iter().any(|folder| folder.path == *path);
            if as_it_was {
                continue;
            }
            prop_assert!(!limits.flat_inbox || path.is_inbox() || path.names()[0] != "INBOX", "{:?}", path);
            // What is there, or was there once, may be called what it is.
            let parent = path.parent();
            let new_name = |name: &&String| !parent.as_ref().is_some_and(|parent| parent.names().contains(name));
            let bad = path.names().iter().filter(new_name).any(|name| {
                name.contains(|c| limits.forbidden_in_names.contains(&c)) && !path.is_inbox()
            });
            prop_assert!(!bad, "{:?}", path);
        }

        let mut shuffled = source.clone();
        shuffled.sort_by(|a, b| b.path.cmp(&a.path));
        shuffled.dedup_by(|a, b| a.path == b.path);
        let mut sorted = shuffled.clone();
        sorted.reverse();
        prop_assert_eq!(
            match_folders(&shuffled, &target, &limits, &first_ledger, &rules),
            match_folders(&sorted, &target, &limits, &first_ledger, &rules)
        );
    }

    #[test]
    fn a_second_matching_changes_nothing(
        source in vec(folder(), 0..14),
        target in vec(folder(), 0..10),
        limits in limits(),
        rules in rules(),
    ) {
        let plan = match_folders(&source, &target, &limits, &[], &rules);
        let target = carried_out(&plan, &target, &limits);
        let ledger: Vec<_> = plan.pairs.iter().map(|pair| ledger_folder(&pair.source.path, place(pair))).collect();

        let again = match_folders(&source, &target, &limits, &ledger, &rules);
        prop_assert!(again.gone.is_empty());
        prop_assert_eq!(again.pairs.len(), plan.pairs.len());
        for (first, second) in plan.pairs.iter().zip(&again.pairs) {
            prop_assert_eq!(&first.source, &second.source);
            prop_assert_eq!(place(first), place(second));
            prop_assert!(matches!(second.place, Place::Exists(_)), "{:?}", second);
            prop_assert_eq!(second.subscribe, None);
        }
    }

    #[test]
    fn folders_and_messages_stay_apart_where_they_must(
        source in vec(folder(), 0..14),
        forbidden in select(vec!["", "./"]),
    ) {
        let limits = Limits {
            folders_or_messages: true,
            forbidden_in_names: forbidden.chars().collect(),
            ..Limits::default()
        };
        let plan = match_folders(&source, &[], &limits, &[], &FolderRules::default());
        let places: Vec<_> = plan.pairs.iter().map(|pair| Key::new(place(pair), &limits)).collect();
        for a in &places {
            prop_assert!(places.iter().all(|b| !b.is_below(a)), "{:?}", places);
        }
    }
}
