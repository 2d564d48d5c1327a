//! Checks of what becomes of a folder that a target renames: `[rename.*]`.

use limosa_model::{Flags, Folder, FolderPath, Target};

use super::drive::{assert_same, find_folder, flags_by_id, folder_of, put_numbered, skip};
use super::folders::{filled, open};
use super::harness::Harness;
use super::samples::numbered;

/// What the folder is by an id that outlives a rename.
async fn object_id(target: &mut dyn Target, folder: &Folder) -> Option<String> {
    let mut folders = [folder.clone()];
    target.identify(&mut folders).await.expect("identified");
    let [folder] = folders;
    folder.object_id
}

/// `[rename.keeps]`
pub async fn rename_keeps(harness: &dyn Harness) {
    let (path, new) = (FolderPath::from("Old name"), FolderPath::from("New place/Ünter"));
    let (mut target, folder, _) = filled(harness, &path).await;
    let flags = harness.declared().keeps.keep(&Flags::from_names(["\\Flagged", "\\Seen", "Work"]).0).0;
    for index in [1, 3] {
        harness.set_flags(&path, index, &flags).await;
    }
    let (before, known) = (harness.contents(&path).await, flags_by_id(target.as_mut(), &folder).await);
    let identity = object_id(target.as_mut(), &folder).await;

    let renamed = target.rename_folder(&folder, &new).await.expect("renamed");
    assert_eq!(renamed, folder_of(target.as_mut(), &new).await, "the answer is what a survey says");
    assert_same(harness.contents(&new).await, before, "each with its bytes, flags and date");
    assert!(harness.contents(&path).await.is_empty());
    let left = find_folder(target.as_mut(), &path).await;
    assert!(left.is_none_or(|left| !left.selectable), "it can be selected no more");
    assert_eq!(object_id(target.as_mut(), &renamed).await, identity);
    let ids = |folder: &Folder| folder.state.as_ref().expect("a state").ids.clone();
    if ids(&renamed) == ids(&folder) {
        assert_eq!(flags_by_id(target.as_mut(), &renamed).await, known, "each id names the same message");
    } else {
        println!("ids are given anew");
    }
    // The old name is free, and what is made there is another folder.
    let anew = target.create_folder(&path, None).await.expect("made");
    assert_eq!(anew.state.as_ref().map(|state| state.messages), Some(0));
    let another = object_id(target.as_mut(), &anew).await;
    assert!(another.is_none() || another != identity);
}

/// `[rename.below]`
pub async fn rename_below(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let places = [
        ("Top", "Other"),
        ("Top/Below", "Other/Below"),
        ("Top/Below/Deep", "Other/Below/Deep"),
        ("Topmost", "Topmost"),
    ];
    for (number, (path, _)) in places.iter().enumerate() {
        put_numbered(harness, &FolderPath::from(*path), number..number + 1).await;
    }
    let folder = folder_of(target.as_mut(), &"Top".into()).await;
    target.rename_folder(&folder, &"Other".into()).await.expect("renamed");
    for (number, (before, after)) in places.into_iter().enumerate() {
        let path = FolderPath::from(after);
        assert_eq!(harness.contents(&path).await, [numbered(number)], "{path}");
        assert!(find_folder(target.as_mut(), &path).await.is_some_and(|found| found.selectable), "{path}");
        let left = find_folder(target.as_mut(), &before.into()).await;
        assert!(before == after || left.is_none_or(|left| !left.selectable), "{before}");
    }
}

/// `[rename.subscriptions]`
pub async fn rename_subscriptions(harness: &dyn Harness) {
    if !harness.declared().subscriptions {
        return skip("folders cannot be subscribed to");
    }
    let mut target = open(harness).await;
    let places = [("Read", "Später", true), ("Read/Below", "Später/Below", true), ("Read/Not", "Später/Not", false)];
    for (path, _, subscribed) in places {
        let folder = target.create_folder(&path.into(), None).await.expect("made");
        target.subscribe(&folder, subscribed).await.expect("subscribed");
    }
    let folder = folder_of(target.as_mut(), &"Read".into()).await;
    let renamed = target.rename_folder(&folder, &"Später".into()).await.expect("renamed");
    assert!(renamed.subscribed);
    let seen = harness.subscribed().await;
    for (before, after, subscribed) in places {
        let after = FolderPath::from(after);
        assert_eq!(folder_of(target.as_mut(), &after).await.subscribed, subscribed, "{after}");
        assert_eq!(seen.contains(&after), subscribed, "{after}, as the second pair of eyes sees it");
        assert!(!seen.contains(&before.into()), "{before}, as the second pair of eyes sees it");
    }
}

/// `[rename.no-overwrite]`
pub async fn rename_no_overwrite(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let paths = ["Here", "Here/Below", "There"].map(FolderPath::from);
    for (number, path) in paths.iter().enumerate() {
        put_numbered(harness, path, number..number + 1).await;
    }
    let folder = folder_of(target.as_mut(), &paths[0]).await;
    target.rename_folder(&folder, &paths[2]).await.expect_err("a name that is taken");
    for (number, path) in paths.iter().enumerate() {
        assert_eq!(harness.contents(path).await, [numbered(number)], "{path}");
        assert!(find_folder(target.as_mut(), path).await.is_some(), "the mailbox goes on");
    }
}

/// `[rename.not-inbox]`
pub async fn rename_not_inbox(harness: &dyn Harness) {
    let mut target = open(harness).await;
    let inbox = FolderPath::inbox();
    put_numbered(harness, &inbox, 0..2).await;
    let folder = folder_of(target.as_mut(), &inbox).await;
    target.rename_folder(&folder, &"Old inbox".into()).await.expect_err("the inbox");
    assert_same(harness.contents(&inbox).await, vec![numbered(0), numbered(1)], "nothing has changed");
    assert!(find_folder(target.as_mut(), &"Old inbox".into()).await.is_none());
}
