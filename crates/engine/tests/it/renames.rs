//! What a pass does when folders were renamed on the source.

use limosa_engine::{Outcome, Report};
use limosa_model::ledger::LedgerFolder;
use limosa_model::{FolderPath, Ledger, MessageId};
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, flags, kinds, put};

async fn settled(source: MemoryTraits, target: MemoryTraits) -> World {
    let world = World::new(source, target);
    for (folder, name) in [("A", "a-0"), ("A", "a-1"), ("A/Below", "below"), ("B", "b"), ("INBOX", "in")] {
        put(&world.source, folder, name, &["\\Seen"]);
    }
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    world
}

async fn friendly() -> World {
    settled(MemoryTraits::default(), MemoryTraits::default()).await
}

fn ids(server: &MemoryServer, folder: &str) -> Vec<MessageId> {
    server.contents(folder).into_iter().map(|message| message.id).collect()
}

/// Copied, found by content, moved, removed; folders renamed.
fn did(report: &Report) -> [u64; 5] {
    [report.copied.messages, report.found, report.moved, report.removed, report.renamed]
}

/// Both sides are alike, and another pass finds nothing to do.
async fn is_done(world: &mut World) {
    assert_eq!(contents(&world.target), contents(&world.source));
    let report = world.pass().await;
    assert_eq!((report.outcome, did(&report)), (Outcome::Complete, [0; 5]), "{report:#?}");
    assert_eq!((report.round_trips.source, report.round_trips.target), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_renamed_folder_is_renamed_with_what_is_below_it() {
    let asked = MemoryTraits { surveys_object_ids: false, ..MemoryTraits::default() };
    for source in [MemoryTraits::default(), asked] {
        let mut world = settled(source, MemoryTraits::default()).await;
        let before = (ids(&world.target, "A"), ids(&world.target, "A/Below"));
        world.source.rename_folder("A", "New/Z");
        put(&world.source, "New/Z", "new", &[]);
        let report = world.pass().await;
        assert_eq!(did(&report), [1, 0, 0, 0, 1], "{report:#?}");
        assert!(report.folder_notes.is_empty());
        let after = (ids(&world.target, "New/Z"), ids(&world.target, "New/Z/Below"));
        assert_eq!((&after.0[..2], &after.1), (&before.0[..], &before.1));
        is_done(&mut world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn folders_that_take_each_others_names_in_turn_are_renamed_in_that_order() {
    let mut world = friendly().await;
    world.source.rename_folder("B", "C");
    world.source.rename_folder("A", "B");
    put(&world.source, "A", "anew", &[]);
    assert_eq!(did(&world.pass().await), [1, 0, 0, 0, 2]);
    is_done(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn a_folder_below_a_renamed_one_may_go_on_from_there() {
    let mut world = friendly().await;
    world.source.rename_folder("A", "Z");
    world.source.rename_folder("Z/Below", "Beside");
    assert_eq!(did(&world.pass().await), [0, 0, 0, 0, 2]);
    is_done(&mut world).await;
}

#[tokio::test(start_paused = true)]
async fn without_object_ids_a_renamed_folder_is_followed_by_content() {
    for (source, target) in kinds() {
        let with_ids = source.object_ids;
        let world = settled(source, target).await;
        world.source.rename_folder("A", "Z");
        let report = world.pass().await;
        assert_eq!(report.outcome, Outcome::Complete, "{report:#?}");
        let expected = if with_ids { [0, 0, 0, 0, 1] } else { [0, 0, 3, 0, 0] };
        assert_eq!(did(&report), expected, "{report:#?}");
        assert_eq!(contents(&world.target), contents(&world.source));
    }
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_on_the_target_is_not_overwritten() {
    let world = friendly().await;
    put(&world.target, "Z", "their own", &[]);
    world.source.rename_folder("B", "Z");
    let report = world.pass().await;
    assert_eq!(did(&report), [0, 0, 1, 0, 0], "{report:#?}");
    assert_eq!(contents(&world.target)["Z"].len(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_the_target_has_made_anew_under_the_old_name_is_left_alone() {
    let world = friendly().await;
    world.target.delete_folder("B");
    put(&world.target, "B", "their own", &[]);
    world.source.rename_folder("B", "Z");
    assert_eq!(did(&world.pass().await), [1, 0, 0, 0, 0]);
    assert_eq!(contents(&world.target)["B"].len(), 1);
    assert_eq!(contents(&world.target)["Z"], contents(&world.source)["Z"]);
}

/// The ledger alone is behind: nothing of the folder is looked at, let alone copied.
#[tokio::test(start_paused = true)]
async fn cut_off_before_the_rename_is_settled_the_next_pass_settles_it() {
    for (name, moment) in [("rename_folder", Moment::After), ("survey", Moment::After)] {
        let mut world = friendly().await;
        world.source.rename_folder("A", "Z");
        let second_survey = u64::from(name == "survey") * 2;
        world.pass_with(&Faults::at_name(name, second_survey, moment, Verdict::Kill)).await;
        assert!(contents(&world.target).contains_key("Z"), "the target has done it");
        assert_eq!(did(&world.pass().await), [0; 5]);
        is_done(&mut world).await;
    }
}

/// The folder under the new name is not as the ledger left it: its messages are found there.
#[tokio::test(start_paused = true)]
async fn cut_off_and_changed_on_the_target_a_renamed_folder_is_found_by_content() {
    let mut world = friendly().await;
    world.source.rename_folder("A", "Z");
    world.pass_with(&Faults::at_name("rename_folder", 0, Moment::After, Verdict::Kill)).await;
    let there = ids(&world.target, "Z");
    world.target.set_flags("Z", &there[0], &flags(&[]));
    assert_eq!(did(&world.pass().await), [0, 3, 0, 0, 0]);
    is_done(&mut world).await;
    assert_eq!(ids(&world.target, "Z"), there);
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_tells_a_rename_and_what_is_to_be_done_after_it() {
    for (source, target) in kinds().into_iter().filter(|(source, _)| source.object_ids) {
        let mut world = settled(source, target).await;
        world.source.rename_folder("A", "Z");
        put(&world.source, "Z", "new", &[]);
        put(&world.source, "A", "anew", &[]);
        let before = (contents(&world.target), world.ledger.reopen().folders().await.expect("the ledger is there"));
        world.options.dry_run = true;
        let report = world.pass().await;
        assert_eq!(report.steps[..2], ["rename folder A to Z", "create folder A"], "{:#?}", report.steps);
        assert_eq!(did(&report), [2, 0, 0, 0, 1], "{report:#?}");
        let after = (contents(&world.target), world.ledger.reopen().folders().await.expect("the ledger is there"));
        assert_eq!(after, before);
        world.options.dry_run = false;
        assert_eq!(did(&world.pass().await), [2, 0, 0, 0, 1]);
        assert_eq!(contents(&world.target), contents(&world.source));
    }
}

#[tokio::test(start_paused = true)]
async fn object_ids_that_the_ledger_does_not_know_are_noted_though_nothing_has_changed() {
    let mut world = friendly().await;
    let ledger = world.ledger.reopen();
    for folder in ledger.folders().await.expect("the ledger is there") {
        let older = LedgerFolder { source_object_id: None, ..folder };
        ledger.put_folder(&older).await.expect("the ledger takes it");
    }
    is_done(&mut world).await;
    world.source.rename_folder("A", "Z");
    assert_eq!(did(&world.pass().await), [0, 0, 0, 0, 1]);
    is_done(&mut world).await;
}

/// Cyrus gives folders that are made in one second their UIDs under the same UIDVALIDITY.
#[tokio::test(start_paused = true)]
async fn folders_that_change_names_are_not_taken_for_each_other_though_their_ids_look_alike() {
    let mut world = World::new(MemoryTraits::default(), MemoryTraits::default());
    put(&world.source, "A", "a", &[]);
    put(&world.source, "B", "b", &[]);
    world.source.change_uidvalidity("A");
    let validity = |path: &str| {
        let folders = world.source.folders().into_iter();
        folders
            .filter(|folder| folder.path == FolderPath::from(path))
            .find_map(|folder| folder.state)
            .map(|state| state.ids)
    };
    assert_eq!(validity("A"), validity("B"));
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    for (from, to) in [("A", "Between"), ("B", "A"), ("Between", "B")] {
        world.source.rename_folder(from, to);
    }
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    is_done(&mut world).await;
}
