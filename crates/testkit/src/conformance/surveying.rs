//! Checks of surveys: `[survey.*]`, and what opening promises.

use limosa_model::mailbox::Detail;
use limosa_model::{FolderPath, Role};

use super::drive::{fetch, find_folder, flags_by_id, folder_of, list, put_numbered, skip, watermark_of};
use super::harness::Harness;
use super::samples::{NAMES, samples};

/// The account is named the same each time, without a password's place.
pub async fn account_is_stable(harness: &dyn Harness) {
    let connector = harness.connector();
    assert!(!connector.account().is_empty());
    assert_eq!(connector.account(), harness.connector().account());
}

/// As many connections as the connector says can be open at once (two are tried).
pub async fn connections_are_several(harness: &dyn Harness) {
    harness.reset().await;
    let connector = harness.connector();
    let mut open = Vec::new();
    for _ in 0..connector.connections().min(2) {
        open.push(connector.open().await.expect("another connection"));
    }
    assert!(!open.is_empty(), "at least one connection");
    for mut mailbox in open {
        mailbox.survey().await.expect("a survey");
        mailbox.close().await;
    }
}

/// `[source.read-only]`
pub async fn source_read_only(harness: &dyn Harness) {
    harness.reset().await;
    let inbox = FolderPath::inbox();
    for sample in samples(harness) {
        harness.put(&inbox, &sample.message).await;
    }
    harness.make_folder(&FolderPath::from("Other/Below")).await;
    let before = (harness.contents(&inbox).await, harness.fingerprint().await);
    let mut mailbox = harness.connector().open().await.expect("open");
    mailbox.check().await.expect("a check");
    let folder = folder_of(mailbox.as_mut(), &inbox).await;
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Metadata).await;
    list(mailbox.as_mut(), &folder, Some(&listing.watermark), Detail::Flags).await;
    mailbox.arrivals(&folder, None).await.expect("arrivals");
    let ids = listing.present.into_iter().map(|item| item.id).collect();
    mailbox.headers(&folder, &ids).await.expect("headers");
    fetch(mailbox.as_mut(), &folder, &ids).await;
    mailbox.close().await;
    assert_eq!((harness.contents(&inbox).await, harness.fingerprint().await), before);
}

/// `[survey.inbox]`
pub async fn survey_inbox(harness: &dyn Harness) {
    harness.reset().await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let survey = mailbox.survey().await.expect("a survey");
    let inboxes: Vec<_> = survey.folders.iter().filter(|folder| folder.path.is_inbox()).collect();
    assert_eq!(inboxes.len(), 1, "one inbox");
    assert!(inboxes[0].selectable);
    assert_eq!(inboxes[0].role.unwrap_or(Role::Inbox), Role::Inbox);
    assert_eq!(inboxes[0].state.as_ref().map(|state| state.messages), Some(0));
}

/// `[survey.one-round-trip]`
pub async fn survey_one_round_trip(harness: &dyn Harness) {
    let Some(most) = harness.declared().survey_round_trips else {
        return skip("no promise on a survey's round trips");
    };
    harness.reset().await;
    for name in ["One", "Two", "Three/Four"] {
        put_numbered(harness, &FolderPath::from(name), 0..3).await;
    }
    let connector = harness.connector();
    let mut mailbox = connector.open().await.expect("open");
    let before = connector.meter().read().round_trips;
    mailbox.survey().await.expect("a survey");
    let took = connector.meter().read().round_trips - before;
    assert!(took <= most, "a survey of five folders took {took} round trips");
}

/// `[survey.cheap]`
pub async fn survey_cheap(harness: &dyn Harness) {
    harness.reset().await;
    let path = FolderPath::from("Growing");
    let connector = harness.connector();
    let mut costs = Vec::new();
    for numbers in [0..3, 3..120] {
        put_numbered(harness, &path, numbers).await;
        let mut mailbox = connector.open().await.expect("open");
        let before = connector.meter().read();
        mailbox.survey().await.expect("a survey");
        let after = connector.meter().read();
        costs.push((after.round_trips - before.round_trips, after.bytes_in - before.bytes_in));
        mailbox.close().await;
    }
    assert_eq!(costs[0].0, costs[1].0, "round trips must not grow with messages");
    let growth = costs[1].1.saturating_sub(costs[0].1);
    // Numbers may get longer by a digit or two; a byte a message is too much.
    assert!(growth < 64, "a survey grew by {growth} bytes with 117 messages");
}

/// Parents stand before children, and a parent that holds no messages has no state.
pub async fn survey_parents_first(harness: &dyn Harness) {
    harness.reset().await;
    let deep = FolderPath::from("Up/Middle/Down");
    harness.make_folder(&deep).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let survey = mailbox.survey().await.expect("a survey");
    let place = |path: &FolderPath| survey.folders.iter().position(|folder| folder.path == *path);
    for folder in &survey.folders {
        let Some(parent) = folder.path.parent() else { continue };
        if let (Some(parent), Some(child)) = (place(&parent), place(&folder.path)) {
            assert!(parent < child, "{} stands before its parent", folder.path);
        }
        assert!(folder.selectable || folder.state.is_none(), "{} has a state but cannot be selected", folder.path);
    }
    let found = &survey.folders[place(&deep).expect("the deep folder")];
    assert!(found.selectable && found.state.is_some());
}

/// Folder names come as Unicode, without separators or encodings, at the top and below another folder.
pub async fn survey_names(harness: &dyn Harness) {
    harness.reset().await;
    let mut paths: Vec<FolderPath> = Vec::new();
    for name in NAMES.iter().filter(|name| !harness.declared().refused_names.contains(name)) {
        paths.push(FolderPath::new([*name]));
        paths.push(FolderPath::new(["Below", *name]));
    }
    if harness.declared().below_inbox {
        paths.push(FolderPath::from("INBOX/Sub ä"));
    } else {
        skip("no folders below the inbox");
    }
    for path in &paths {
        harness.make_folder(path).await;
    }
    let mut mailbox = harness.connector().open().await.expect("open");
    let survey = mailbox.survey().await.expect("a survey");
    for path in &paths {
        let found = survey.folders.iter().filter(|folder| folder.path == *path).count();
        assert_eq!(found, 1, "folder {path} among {:?}", survey.folders.iter().map(|f| &f.path).collect::<Vec<_>>());
    }
    for folder in &survey.folders {
        let wanted = folder.path.is_inbox() || paths.iter().any(|path| path.names().starts_with(folder.path.names()));
        // Stores come with folders of their own (Trash, Drafts); made-up twins of ours would begin like them.
        assert!(wanted || !folder.path.names()[0].contains(['&', '%', '"']), "unknown folder {}", folder.path);
    }
}

/// A survey counts messages.
pub async fn survey_counts(harness: &dyn Harness) {
    harness.reset().await;
    let path = FolderPath::from("Counted");
    put_numbered(harness, &path, 0..7).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let state = folder_of(mailbox.as_mut(), &path).await.state.expect("a state");
    assert_eq!(state.messages, 7);
    harness.expunge(&path, 3).await;
    let state = folder_of(mailbox.as_mut(), &path).await.state.expect("a state");
    assert_eq!(state.messages, 6);
}

/// Where an equal watermark proves that nothing changed, every change makes another one.
pub async fn survey_proves_unchanged(harness: &dyn Harness) {
    harness.reset().await;
    let path = FolderPath::from("Proof");
    put_numbered(harness, &path, 0..4).await;
    harness.make_folder(&FolderPath::from("Elsewhere")).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let proves = folder.state.as_ref().is_some_and(|state| state.proves_unchanged);
    assert_eq!(proves, harness.declared().proves_unchanged);
    let mut watermarks = vec![watermark_of(&folder)];
    assert_eq!(watermark_of(&folder_of(mailbox.as_mut(), &path).await), watermarks[0], "nothing changed");
    harness.put(&path, &super::samples::numbered(4)).await;
    watermarks.push(watermark_of(&folder_of(mailbox.as_mut(), &path).await));
    harness.expunge(&path, 0).await;
    watermarks.push(watermark_of(&folder_of(mailbox.as_mut(), &path).await));
    harness.relocate(&path, 0, &FolderPath::from("Elsewhere")).await;
    watermarks.push(watermark_of(&folder_of(mailbox.as_mut(), &path).await));
    if proves {
        let (flags, _) = limosa_model::Flags::from_names(["\\Seen", "\\Flagged"]);
        harness.set_flags(&path, 0, &harness.declared().keeps.keep(&flags).0).await;
        watermarks.push(watermark_of(&folder_of(mailbox.as_mut(), &path).await));
    } else {
        skip("flags change unseen");
    }
    for (place, watermark) in watermarks.iter().enumerate() {
        assert!(!watermarks[..place].contains(watermark), "change {place} left the watermark {watermark:?}");
    }
}

/// `check` tells what a survey tells, and bytes where the store knows them.
pub async fn check_tells_bytes(harness: &dyn Harness) {
    harness.reset().await;
    let path = FolderPath::from("Weighed");
    put_numbered(harness, &path, 0..5).await;
    let bytes: u64 = harness.contents(&path).await.iter().map(|seen| seen.bytes.len() as u64).sum();
    let mut mailbox = harness.connector().open().await.expect("open");
    let checked = mailbox.check().await.expect("a check");
    let folder = checked.folders.iter().find(|folder| folder.path == path).expect("the folder");
    let state = folder.state.as_ref().expect("a state");
    assert_eq!(state.messages, 5);
    if let Some(told) = state.bytes.filter(|_| harness.declared().sizes_exact) {
        assert_eq!(told, bytes);
    }
    let surveyed = find_folder(mailbox.as_mut(), &path).await.expect("the folder");
    assert_eq!(watermark_of(&surveyed), state.watermark);
    assert_eq!(flags_by_id(mailbox.as_mut(), &surveyed).await.len(), 5);
}
