//! What a pass and an audit do when a folder's entries in the ledger cannot be read.

use limosa_engine::audit::{AuditOptions, Depth, NoRecords, audit};
use limosa_engine::{Grade, Outcome, Pair, Progress, Report};
use limosa_model::{ErrorKind, FolderPath};
use limosa_testkit::memory::{MemoryConnector, MemoryTraits};

use crate::world::{World, contents, flags, kinds, put, put_bytes};

/// A mailbox that was copied, and then lost the entries of its inbox.
async fn damaged(source: MemoryTraits, target: MemoryTraits) -> World {
    let world = World::new(source, target);
    for n in 0..5 {
        put(&world.source, "INBOX", &format!("in-{n}"), &["\\Seen"]);
        put(&world.source, "Lists", &format!("list-{n}"), &[]);
    }
    put_bytes(&world.source, "INBOX", "Subject: twin\r\n\r\nhere", &[]);
    put_bytes(&world.source, "INBOX", "Subject: twin\r\n\r\nhere", &[]);
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    world.ledger.damage(&FolderPath::inbox());
    world
}

fn notes(report: &Report) -> Vec<(&str, String)> {
    report.folder_notes.iter().map(|note| (note.code.as_str(), note.folder.to_string())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_damaged_folder_is_named_and_found_again_in_the_same_pass() {
    for (source, target) in kinds() {
        let world = damaged(source, target).await;
        put(&world.source, "INBOX", "new", &[]);
        let report = world.pass().await;
        assert_eq!((report.outcome, report.grade), (Outcome::Complete, Grade::Perfect), "{report:#?}");
        assert_eq!((report.copied.messages, report.found), (1, 7), "{report:#?}");
        assert_eq!(notes(&report), [("ledger-rebuilt", "INBOX".into())]);
        assert_eq!(contents(&world.target), contents(&world.source));
        let again = world.pass().await;
        assert_eq!((again.outcome, again.copied.messages, again.found), (Outcome::Complete, 0, 0), "{again:#?}");
        assert_eq!(notes(&again), []);
    }
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_so_and_mends_nothing() {
    let mut world = damaged(MemoryTraits::default(), MemoryTraits::default()).await;
    world.options.dry_run = true;
    for _ in 0..2 {
        let report = world.pass().await;
        assert_eq!((report.copied.messages, report.found), (0, 7), "{report:#?}");
        assert_eq!(notes(&report), [("ledger-rebuilt", "INBOX".into())]);
    }
}

#[tokio::test(start_paused = true)]
async fn what_was_left_behind_by_name_stays_named() {
    let refuse = std::sync::Arc::new(|bytes: &[u8]| bytes.starts_with(b"Subject: no").then_some(ErrorKind::Malformed));
    let world = World::new(MemoryTraits::default(), MemoryTraits { refuse: Some(refuse), ..MemoryTraits::default() });
    put(&world.source, "INBOX", "yes", &[]);
    put_bytes(&world.source, "INBOX", "Subject: no\r\n\r\nnever", &[]);
    let before = world.pass().await.exceptions;
    assert_eq!(before.len(), 1);
    world.ledger.damage(&FolderPath::inbox());
    put(&world.source, "INBOX", "new", &[]);
    let report = world.pass().await;
    assert_eq!((report.outcome, report.found, report.copied.messages), (Outcome::Exceptions, 1, 1), "{report:#?}");
    assert_eq!(report.exceptions, before);
}

#[tokio::test(start_paused = true)]
async fn of_a_damaged_folder_that_is_gone_from_the_source_nothing_is_removed() {
    let world = damaged(MemoryTraits::default(), MemoryTraits::default()).await;
    world.ledger.damage(&FolderPath::from("Lists"));
    world.source.delete_folder("Lists");
    let report = world.pass().await;
    assert_eq!((report.outcome, report.removed), (Outcome::Complete, 0), "{report:#?}");
    assert_eq!(world.target.contents("Lists").len(), 5);
    assert!(notes(&report).contains(&("ledger-rebuilt", "Lists".into())), "{report:#?}");
}

#[tokio::test(start_paused = true)]
async fn an_audit_compares_a_damaged_folder_by_content_and_changes_nothing() {
    let world = damaged(MemoryTraits::default(), MemoryTraits::default()).await;
    let inbox = world.target.contents("INBOX");
    for (depth, missing) in [(Depth::Metadata, 0), (Depth::Content, 1)] {
        if missing > 0 {
            world.target.expunge("INBOX", &inbox[0].id);
        }
        let source = MemoryConnector::new(&world.source, "source");
        let target = MemoryConnector::new(&world.target, "target");
        let ledger = std::sync::Arc::new(world.ledger.reopen());
        let pair = Pair { source: &source, target: &target, ledger };
        let options = AuditOptions { depth, ..AuditOptions::default() };
        let report = audit(pair, &options, &mut NoRecords, &Progress::default()).await.expect("it can work");
        assert_eq!((report.compared, report.counts.missing), (12 - missing, missing), "{report:#?}");
        let note = &report.folder_notes[0];
        assert_eq!((note.code.as_str(), note.folder.is_inbox()), ("ledger-damaged", true), "{report:#?}");
    }
}

/// What a target has altered is named although the ledger that knew of it is gone.
#[tokio::test(start_paused = true)]
async fn what_the_target_has_altered_is_named_again_without_the_ledger() {
    let target = MemoryTraits { added_header: Some("X-Added: yes"), ..MemoryTraits::default() };
    let mut world = World::new(MemoryTraits::default(), target);
    put(&world.source, "INBOX", "with an id", &[]);
    put_bytes(&world.source, "INBOX", "Subject: without one\r\n\r\nbody", &[]);
    let before = world.pass().await.exceptions;
    assert_eq!(before.iter().map(|exception| exception.code.as_str()).collect::<Vec<_>>(), ["altered"; 2]);
    world.ledger = limosa_testkit::MemoryLedger::new();
    let report = world.pass().await;
    assert_eq!((report.copied.messages, report.found), (0, 2), "{report:#?}");
    assert_eq!(report.exceptions, before);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_refused_alone_is_no_success() {
    use limosa_testkit::memory::{Faults, Moment, Verdict};
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    put(&world.source, "INBOX", "a", &[]);
    put(&world.source, "Lists", "b", &[]);
    world.pass().await;
    put(&world.source, "Lists", "c", &[]);
    let source = world.source.clone();
    // Another client makes the folder one that cannot be opened, once it has been surveyed.
    let meanwhile = Faults::hook(move |step, moment| {
        if step.name == "survey" && step.who == "source" && moment == Moment::After {
            source.set_selectable("Lists", false);
        }
        Verdict::GoOn
    });
    let report = world.pass_with(&meanwhile).await.expect("nothing kills it").expect("it can work");
    assert_eq!((report.outcome, notes(&report)), (Outcome::Exceptions, vec![("refused", "Lists".into())]));
    world.source.set_selectable("Lists", true);
    let id = &world.source.contents("Lists")[0].id;
    world.source.set_flags("Lists", id, &flags(&["\\Seen"]));
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
}
