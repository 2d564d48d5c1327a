//! Checks of what a target does with folders and with messages that stand there: `[create.*]`, `[identify.*]`, `[delete.*]`,
//! `[subscribe.*]`, `[remove.*]`, `[relocate.*]`. `[rename.*]` are in [`renaming`](super::renaming).

use std::collections::BTreeSet;

use limosa_model::{Flags, Folder, FolderPath, IdList, MessageId, Role, SystemFlags, Target};

use super::drive::{
    assert_same, assert_written, fetch, find_folder, flags_by_id, folder_of, put_numbered, skip, store_all, whole,
};
use super::harness::{Harness, Seen};
use super::samples::{NAMES, numbered};
use super::writing::open_folder;

pub(super) async fn open(harness: &dyn Harness) -> Box<dyn Target> {
    harness.reset().await;
    harness.connector().open_target().await.expect("open")
}

/// `[create.idempotent]`
pub async fn create_idempotent(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let path = FolderPath::from("Twice/Made");
    let first = target.create_folder(&path, None).await.expect("made");
    store_all(target.as_mut(), &first, &[numbered(0)]).await;
    let second = target.create_folder(&path, None).await.expect("made again");
    assert_eq!(first.path, second.path);
    assert_eq!(second.state.map(|state| state.messages), Some(1), "what it held is there");
    target.create_folder(&FolderPath::inbox(), None).await.expect("the inbox is there");
    assert_eq!(harness.contents(&path).await.len(), 1);
}

/// `[create.idempotent]`: the answer is what a survey says.
pub async fn create_answers_as_survey(harness: &dyn Harness) {
    let mut target = open(harness).await;
    for path in ["Fresh", "Fresh/Below", "Un/made/parents"].map(FolderPath::from) {
        let made = target.create_folder(&path, None).await.expect("made");
        let surveyed = folder_of(target.as_mut(), &path).await;
        assert_eq!(made, surveyed);
        assert!(made.selectable);
        store_all(target.as_mut(), &made, &[numbered(0)]).await;
        assert_written(harness, &path, &[numbered(0)]).await;
    }
}

/// `[create.many]`: as each on its own, in order, whether they were there or not.
pub async fn create_many(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let there = target.create_folder(&FolderPath::from("There"), None).await.expect("made");
    store_all(target.as_mut(), &there, &[numbered(0)]).await;
    let paths = ["Many", "Many/Below", "There", "Un/made"].map(FolderPath::from);
    let wanted: Vec<_> = paths.iter().map(|path| (path.clone(), None)).collect();
    let made = target.create_folders(&wanted).await.expect("nothing concerns more than one folder");
    assert_eq!(made.len(), paths.len());
    for (path, made) in paths.iter().zip(made) {
        assert_eq!(made.unwrap_or_else(|error| panic!("{path}: {error}")), folder_of(target.as_mut(), path).await);
    }
    assert_eq!(harness.contents(&there.path).await.len(), 1);
}

/// `[subscribe.many]`: as each on its own.
pub async fn subscribe_many(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let mut folders = Vec::new();
    for path in ["One", "Two"].map(FolderPath::from) {
        folders.push(target.create_folder(&path, None).await.expect("made"));
    }
    for subscribed in [true, true, false, false] {
        let wanted: Vec<_> = folders.iter().map(|folder| (folder, subscribed)).collect();
        let done = target.subscribe_all(&wanted).await.expect("nothing concerns more than one folder");
        assert!(done.len() == 2 && done.iter().all(Result::is_ok), "{done:?}");
        for folder in &folders {
            assert_eq!(folder_of(target.as_mut(), &folder.path).await.subscribed, subscribed);
        }
    }
}

/// Any name that the store can hold.
pub async fn create_names(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let refused = harness.declared().refused_names;
    for (place, name) in NAMES.iter().enumerate() {
        if refused.contains(name) {
            println!("left out by declaration: folder name {name}");
            continue;
        }
        for path in [FolderPath::new([*name]), FolderPath::new(["Under", *name])] {
            let made = target.create_folder(&path, None).await.unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(made.path, path);
            let message = numbered(place);
            store_all(target.as_mut(), &made, std::slice::from_ref(&message)).await;
            assert_written(harness, &path, &[message]).await;
            assert!(find_folder(target.as_mut(), &path).await.is_some_and(|found| found.selectable), "{path}");
        }
    }
}

/// A role is taken where the store takes one, and changes nothing else.
pub async fn create_role(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let path = FolderPath::from("Sent things");
    let made = target.create_folder(&path, Some(Role::Sent)).await.expect("made with a role");
    let surveyed = folder_of(target.as_mut(), &path).await;
    assert_eq!(made.role, surveyed.role);
    if harness.declared().roles {
        assert_eq!(made.role, Some(Role::Sent));
    } else {
        skip("folders take no roles");
    }
    store_all(target.as_mut(), &made, &[numbered(0)]).await;
    assert_eq!(harness.contents(&path).await.len(), 1);
}

/// `[identify.cheap]`
pub async fn identify_cheap(harness: &dyn Harness) {
    harness.reset().await;
    for path in ["One", "Two", "Three/Four"].map(FolderPath::from) {
        harness.make_folder(&path).await;
    }
    let connector = harness.connector();
    let mut mailbox = connector.open().await.expect("open");
    let mut folders = mailbox.survey().await.expect("a survey").folders;
    let told = folders.iter().filter(|folder| folder.selectable).all(|folder| folder.object_id.is_some());
    let before = connector.meter().read().round_trips;
    mailbox.identify(&mut folders).await.expect("identified");
    let took = connector.meter().read().round_trips - before;
    let wanted = harness.declared().object_ids && !told;
    assert!(took <= u64::from(wanted), "it took {took} round trips");
}

/// `[identify.unique]`: no two folders have the same id, and each has the same one the next time.
pub async fn identify_unique(harness: &dyn Harness) {
    harness.reset().await;
    for path in ["One", "Two", "Three/Four"].map(FolderPath::from) {
        harness.make_folder(&path).await;
    }
    let mut mailbox = harness.connector().open().await.expect("open");
    let mut told = Vec::new();
    for _ in 0..2 {
        let mut folders = mailbox.survey().await.expect("a survey").folders;
        folders.retain(|folder| folder.selectable);
        mailbox.identify(&mut folders).await.expect("identified");
        told.push(folders.into_iter().map(|folder| (folder.path, folder.object_id)).collect::<Vec<_>>());
    }
    assert_eq!(told[0], told[1]);
    let ids: BTreeSet<&String> = told[0].iter().filter_map(|(_, id)| id.as_ref()).collect();
    let expected = if harness.declared().object_ids { told[0].len() } else { 0 };
    assert_eq!(ids.len(), expected, "ids that outlive a rename: {told:?}");
}

/// An empty folder can be removed; what is below it stays.
pub async fn delete_empty(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let (path, below) = (FolderPath::from("Ends"), FolderPath::from("Ends/Stays"));
    for path in [&path, &below] {
        target.create_folder(path, None).await.expect("made");
    }
    let kept = folder_of(target.as_mut(), &below).await;
    store_all(target.as_mut(), &kept, &[numbered(0)]).await;
    let folder = folder_of(target.as_mut(), &path).await;
    if harness.declared().removes_parents {
        target.delete_folder(&folder).await.expect("deleted");
        let left = find_folder(target.as_mut(), &path).await;
        assert!(left.is_none_or(|left| !left.selectable), "it can be selected no more");
    } else {
        skip("a folder with others below it cannot be removed");
    }
    assert_written(harness, &below, &[numbered(0)]).await;
    let last = FolderPath::from("Alone");
    let folder = target.create_folder(&last, None).await.expect("made");
    target.delete_folder(&folder).await.expect("deleted");
    assert!(find_folder(target.as_mut(), &last).await.is_none());
}

/// `[delete.empty-only]`
pub async fn delete_empty_only(harness: &dyn Harness) {
    let path = FolderPath::from("Full");
    let (mut target, folder) = open_folder(harness, &path).await;
    // Put there after the target looked: it must look again.
    harness.put(&path, &numbered(0)).await;
    target.delete_folder(&folder).await.expect_err("a folder that holds a message");
    assert_eq!(harness.contents(&path).await, [numbered(0)]);
    assert!(find_folder(target.as_mut(), &path).await.is_some(), "the mailbox goes on");
}

/// `[subscribe.idempotent]`
pub async fn subscribe_idempotent(harness: &dyn Harness) {
    if !harness.declared().subscriptions {
        return skip("folders cannot be subscribed to");
    }
    let path = FolderPath::from("Read/Später");
    let (mut target, folder) = open_folder(harness, &path).await;
    for subscribed in [true, true, false, false, true] {
        target.subscribe(&folder, subscribed).await.expect("subscribed");
        assert_eq!(folder_of(target.as_mut(), &path).await.subscribed, subscribed);
        assert_eq!(harness.subscribed().await.contains(&path), subscribed, "as the second pair of eyes sees it");
    }
}

pub(super) async fn filled(harness: &dyn Harness, path: &FolderPath) -> (Box<dyn Target>, Folder, Vec<MessageId>) {
    let (mut target, _) = open_folder(harness, path).await;
    put_numbered(harness, path, 0..6).await;
    let folder = folder_of(target.as_mut(), path).await;
    let ids = flags_by_id(target.as_mut(), &folder).await.into_keys().collect();
    (target, folder, ids)
}

/// The message behind an id.
async fn read_one(target: &mut dyn Target, folder: &Folder, id: &MessageId) -> Seen {
    let came = fetch(target, folder, &IdList::from_iter([id.clone()])).await;
    came.into_iter().map(|(id, came)| whole(&id, came)).next().expect("one message")
}

pub(super) fn list_of(ids: &[MessageId]) -> IdList {
    ids.iter().cloned().collect()
}

/// Flags become exactly those given, whatever they were.
pub async fn set_flags_exactly(harness: &dyn Harness) {
    let path = FolderPath::from("Flagged");
    let (mut target, folder, ids) = filled(harness, &path).await;
    let keeps = harness.declared().keeps;
    for names in [&["\\Seen", "\\Flagged", "Work"][..], &["\\Answered", "$Forwarded"], &[], &["\\Draft", "\\Deleted"]] {
        let flags = keeps.keep(&Flags::from_names(names.iter().copied()).0).0;
        target.set_flags(&folder, &list_of(&ids[1..4]), &flags).await.expect("flags set");
        let contents = harness.contents(&path).await;
        assert_eq!(contents.len(), 6);
        let with = contents.iter().filter(|seen| seen.flags == flags).count();
        assert_eq!(with, if flags.is_empty() { 6 } else { 3 }, "{contents:?}");
        let told = flags_by_id(target.as_mut(), &folder).await;
        assert!(ids.iter().enumerate().all(|(n, id)| (told[id] == flags) == (flags.is_empty() || (1..4).contains(&n))));
    }
}

/// Messages that are gone are passed over.
pub async fn set_flags_passes_over_gone(harness: &dyn Harness) {
    let path = FolderPath::from("Flagged");
    let (mut target, folder, ids) = filled(harness, &path).await;
    harness.expunge(&path, 1).await;
    let flags = Flags::from(harness.declared().keeps.system.intersection(SystemFlags::FLAGGED));
    target.set_flags(&folder, &list_of(&ids), &flags).await.expect("flags set");
    let contents = harness.contents(&path).await;
    assert_eq!(contents.iter().filter(|seen| seen.flags == flags).count(), 5, "{contents:?}");
}

/// `[remove.only]`
pub async fn remove_only(harness: &dyn Harness) {
    let path = FolderPath::from("Removed");
    let (mut target, folder, ids) = filled(harness, &path).await;
    let deleted = Flags::from(harness.declared().keeps.system.intersection(SystemFlags::DELETED));
    for index in 0..6 {
        harness.set_flags(&path, index, &deleted).await;
    }
    let goes = [read_one(target.as_mut(), &folder, &ids[2]).await, read_one(target.as_mut(), &folder, &ids[4]).await];
    let mut stays = harness.contents(&path).await;
    stays.retain(|seen| !goes.iter().any(|gone| gone.bytes == seen.bytes));
    target.remove(&folder, &list_of(&[ids[2].clone(), ids[4].clone()])).await.expect("removed");
    assert_eq!(stays.len(), 4);
    assert_same(harness.contents(&path).await, stays, "those marked \\Deleted by somebody else stay");
    let left = flags_by_id(target.as_mut(), &folder).await;
    assert!(!left.contains_key(&ids[2]) && !left.contains_key(&ids[4]));
}

/// Removing what is gone is no error, and the others go.
pub async fn remove_passes_over_gone(harness: &dyn Harness) {
    let path = FolderPath::from("Removed");
    let (mut target, folder, ids) = filled(harness, &path).await;
    harness.expunge(&path, 0).await;
    target.remove(&folder, &list_of(&ids)).await.expect("removed");
    assert!(harness.contents(&path).await.is_empty());
    target.remove(&folder, &list_of(&ids)).await.expect("removed again");
}

/// `[relocate.once]`
pub async fn relocate_once(harness: &dyn Harness) {
    let (path, other) = (FolderPath::from("Old place"), FolderPath::from("New place/Ünter"));
    let (mut target, folder, ids) = filled(harness, &path).await;
    let flags = harness.declared().keeps.keep(&Flags::from_names(["\\Flagged", "\\Seen", "Work"]).0).0;
    for index in [1, 3] {
        harness.set_flags(&path, index, &flags).await;
    }
    // One of those asked for is gone meanwhile.
    harness.expunge(&path, 5).await;
    let left = flags_by_id(target.as_mut(), &folder).await;
    let all = harness.contents(&path).await;
    let to = target.create_folder(&other, None).await.expect("made");
    let moved = target.relocate(&folder, &list_of(&ids[1..]), &to).await.expect("moved");
    let asked: Vec<_> = ids[1..].iter().filter(|id| left.contains_key(id)).collect();
    assert!(moved.iter().all(|(old, _)| ids.contains(old)));
    let (stayed, went) = (harness.contents(&path).await, harness.contents(&other).await);
    assert_eq!((stayed.len(), went.len()), (5 - asked.len(), asked.len()));
    assert_same([stayed, went].concat(), all, "each once, with its flags and date");
    let now = flags_by_id(target.as_mut(), &folder).await;
    assert!(now.keys().all(|id| !asked.contains(&id)));
}

/// A relocation tells new ids where receipts do, and they are the messages'.
pub async fn relocate_tells_ids(harness: &dyn Harness) {
    if !harness.declared().receipt_ids {
        return skip("relocations tell no ids");
    }
    let (path, other) = (FolderPath::from("Here"), FolderPath::from("There"));
    let (mut target, folder, ids) = filled(harness, &path).await;
    let mut before = Vec::new();
    for id in &ids[..3] {
        before.push((id.clone(), read_one(target.as_mut(), &folder, id).await));
    }
    let to = target.create_folder(&other, None).await.expect("made");
    put_numbered(harness, &other, 50..52).await;
    let moved = target.relocate(&folder, &list_of(&ids[..3]), &to).await.expect("moved");
    assert_eq!(moved.len(), 3);
    for (old, seen) in before {
        let (_, new) = moved.iter().find(|(known, _)| *known == old).expect("each old id");
        let new = new.as_ref().expect("the new id");
        assert_eq!(read_one(target.as_mut(), &to, new).await, seen);
    }
}
