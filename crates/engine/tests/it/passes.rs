//! What a pass does.

use limosa_engine::{Deletions, Grade, Outcome};
use limosa_model::{ErrorKind, PermanentFlags, SystemFlags};
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Changes, MemoryTraits};

use crate::world::{World, contents, flags, kinds, put, put_bytes};

/// A mailbox with what real ones hold: genuine duplicates, same headers with different bodies, no headers at all.
fn seed(world: &World) {
    for n in 0..7 {
        put(
            &world.source,
            "INBOX",
            &format!("in-{n}"),
            if n % 2 == 0 { &["\\Seen"] } else { &["\\Flagged", "$Forwarded"] },
        );
    }
    for _ in 0..3 {
        put(&world.source, "Lists/Rust", "twin", &["\\Seen"]);
    }
    put_bytes(&world.source, "Lists/Rust", "Subject: draft\r\n\r\none", &["\\Draft"]);
    put_bytes(&world.source, "Lists/Rust", "Subject: draft\r\n\r\ntwo", &["\\Draft"]);
    put_bytes(&world.source, "Lists/Rust", "no header at all", &[]);
    put_bytes(&world.source, "Lists/Rust", "", &[]);
    world.source.add_folder("Empty");
}

async fn settled(source: MemoryTraits, target: MemoryTraits) -> World {
    let world = World::new(source, target);
    seed(&world);
    let report = world.pass().await;
    assert_eq!(report.outcome, Outcome::Complete, "{report:#?}");
    assert_eq!(contents(&world.target), contents(&world.source));
    world
}

/// A pass that finds nothing to do: nothing is written anywhere.
async fn has_nothing_to_do(world: &World) {
    let report = world.pass().await;
    let did = (report.copied.messages, report.found, report.flags_set, report.removed, report.moved);
    assert_eq!((report.outcome, did), (Outcome::Complete, (0, 0, 0, 0, 0)), "{report:#?}");
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test(start_paused = true)]
async fn a_first_pass_copies_everything_once_and_a_second_does_nothing() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_mailbox_costs_one_round_trip_a_side() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    let report = world.pass().await;
    assert_eq!((report.round_trips.source, report.round_trips.target), (1, 1));
    assert_eq!(report.unchanged, 14);
}

#[tokio::test(start_paused = true)]
async fn changes_on_the_source_follow() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        let inbox = world.source.contents("INBOX");
        world.source.set_flags("INBOX", &inbox[0].id, &flags(&["\\Answered", "Work"]));
        world.source.expunge("INBOX", &inbox[1].id);
        world.source.move_message("INBOX", &inbox[2].id, "Empty");
        put(&world.source, "INBOX", "new", &[]);
        let report = world.pass().await;
        assert_eq!(contents(&world.target), contents(&world.source), "{report:#?}");
        let did = (report.copied.messages, report.flags_set, report.removed, report.moved);
        assert_eq!((report.outcome, did), (Outcome::Complete, (1, 1, 1, 1)), "{report:#?}");
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_renamed_on_the_source_is_not_copied_again() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.source.rename_folder("Lists/Rust", "Lists/Iron");
        let report = world.pass().await;
        assert_eq!(report.copied.messages, 0, "{report:#?}");
        assert_eq!(contents(&world.target), contents(&world.source));
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn without_its_ledger_a_pass_finds_by_content_what_stands_there() {
    for (source, target) in kinds() {
        let mut world = settled(source, target).await;
        world.ledger = MemoryLedger::new();
        let report = world.pass().await;
        assert_eq!((report.outcome, report.copied.messages, report.found), (Outcome::Complete, 0, 14), "{report:#?}");
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn renumbered_folders_are_matched_by_content_on_either_side() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.source.change_uidvalidity("INBOX");
        let report = world.pass().await;
        assert_eq!((report.outcome, report.copied.messages), (Outcome::Complete, 0), "{report:#?}");
        world.target.change_uidvalidity("Lists/Rust");
        put(&world.source, "Lists/Rust", "new", &[]);
        let report = world.pass().await;
        assert_eq!((report.outcome, report.copied.messages), (Outcome::Complete, 1), "{report:#?}");
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_server_that_adds_a_header_does_not_make_everything_new() {
    let target = MemoryTraits { added_header: Some("X-Added: yes"), ..MemoryTraits::default() };
    let mut world = World::new(MemoryTraits::default(), target);
    for n in 0..5 {
        put(&world.source, "INBOX", &format!("in-{n}"), &[]);
    }
    world.pass().await;
    world.ledger = MemoryLedger::new();
    let report = world.pass().await;
    assert_eq!((report.copied.messages, report.found), (0, 5), "{report:#?}");
    assert_eq!(world.target.contents("INBOX").len(), 5);
}

#[tokio::test(start_paused = true)]
async fn mail_that_the_target_had_before_stays_and_is_not_doubled() {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    seed(&world);
    put(&world.target, "INBOX", "in-3", &[]);
    put(&world.target, "INBOX", "its own", &["\\Seen"]);
    let report = world.pass().await;
    assert_eq!((report.outcome, report.found, report.copied.messages), (Outcome::Complete, 1, 13), "{report:#?}");
    assert_eq!(world.target.contents("INBOX").len(), 8);
    let adopted =
        world.target.contents("INBOX").into_iter().find(|message| message.bytes.starts_with(b"Message-ID: <in-3@"));
    assert_eq!(adopted.expect("it stands there").flags, flags(&["\\Flagged", "$Forwarded"]));
    let second = world.pass().await;
    assert_eq!((second.copied.messages, second.found, second.flags_set), (0, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changes_on_the_target_is_mended() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        let inbox = world.target.contents("INBOX");
        world.target.expunge("INBOX", &inbox[0].id);
        world.target.set_flags("INBOX", &inbox[1].id, &flags(&[]));
        put(&world.source, "INBOX", "new", &[]);
        let report = world.pass().await;
        assert_eq!(contents(&world.target), contents(&world.source), "{report:#?}");
        has_nothing_to_do(&world).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_is_an_exception_by_name_and_the_others_arrive() {
    for batch in [1, 4] {
        let refuse = std::sync::Arc::new(|bytes: &[u8]| {
            bytes.windows(7).any(|part| part == b"of in-3").then_some(ErrorKind::Malformed)
        });
        let target = MemoryTraits { batch, window: 9, refuse: Some(refuse), ..MemoryTraits::default() };
        let mut world = World::new(MemoryTraits::default(), target);
        seed(&world);
        let report = world.pass().await;
        assert_eq!(
            (report.outcome, report.grade, report.copied.messages),
            (Outcome::Exceptions, Grade::Investigate, 13),
            "{report:#?}"
        );
        let [exception] = report.exceptions.as_slice() else { panic!("{report:#?}") };
        assert_eq!(exception.message_id.as_deref(), Some("<in-3@example>"));
        assert_eq!((exception.code.as_str(), exception.folder.to_string().as_str()), ("malformed", "INBOX"));

        let again = world.pass().await;
        assert_eq!((again.outcome, again.copied.messages, again.exceptions.len()), (Outcome::Exceptions, 0, 1));

        world.target.change_traits(|traits| traits.refuse = None);
        world.options.retry_exceptions = true;
        let retried = world.pass().await;
        assert_eq!(
            (retried.outcome, retried.copied.messages, retried.exceptions.len()),
            (Outcome::Complete, 1, 0),
            "{retried:#?}"
        );
        assert_eq!(contents(&world.target), contents(&world.source));
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_over_the_targets_limit_is_not_even_sent() {
    let target = MemoryTraits { message_bytes: Some(1_000), ..MemoryTraits::default() };
    let world = World::new(MemoryTraits::default(), target);
    put(&world.source, "INBOX", "small", &[]);
    put_bytes(&world.source, "INBOX", &"x".repeat(5_000), &[]);
    let report = world.pass().await;
    assert_eq!(report.exceptions[0].code, "too-big");
    assert_eq!(report.exceptions[0].size, Some(5_000));
    assert_eq!(report.copied.messages, 1);
}

#[tokio::test(start_paused = true)]
async fn flags_that_the_target_does_not_keep_are_recorded_once_and_set_never_again() {
    let permanent_flags =
        PermanentFlags { system: SystemFlags::ALL, new_keywords: false, keywords: vec!["$forwarded".into()] };
    let world = World::new(MemoryTraits::default(), MemoryTraits { permanent_flags, ..MemoryTraits::default() });
    put(&world.source, "INBOX", "a", &["\\Seen", "$Forwarded", "Work"]);
    put(&world.source, "INBOX", "b", &["Work"]);
    let report = world.pass().await;
    assert_eq!((report.outcome, report.grade), (Outcome::Complete, Grade::Good), "{report:#?}");
    assert_eq!(report.dropped_flags.len(), 1);
    assert_eq!(report.dropped_flags[0].flag, "Work");
    put(&world.source, "INBOX", "c", &[]);
    let second = world.pass().await;
    assert_eq!((second.flags_set, second.copied.messages, second.dropped_flags.len()), (0, 1, 1), "{second:#?}");
}

#[tokio::test(start_paused = true)]
async fn deletions_can_be_kept_and_a_mass_of_them_is_held() {
    let mut world = World::new(MemoryTraits::default(), MemoryTraits::default());
    let ids: Vec<_> = (0..120).map(|n| put(&world.source, "INBOX", &n.to_string(), &[])).collect();
    world.pass().await;
    for id in &ids[..100] {
        world.source.expunge("INBOX", id);
    }
    let held = world.pass().await;
    assert_eq!((held.outcome, held.removed), (Outcome::Unfinished, 0));
    assert_eq!(held.unfinished.expect("held").code, "deletions-held");
    assert_eq!(world.target.contents("INBOX").len(), 120);

    world.options.deletions = Deletions::Keep;
    let kept = world.pass().await;
    assert_eq!((kept.outcome, kept.removed), (Outcome::Complete, 0), "{kept:#?}");
    assert_eq!(world.target.contents("INBOX").len(), 120);
}

#[tokio::test(start_paused = true)]
async fn with_follow_all_a_mass_of_deletions_follows() {
    let mut world = World::new(MemoryTraits::default(), MemoryTraits::default());
    let ids: Vec<_> = (0..120).map(|n| put(&world.source, "INBOX", &n.to_string(), &[])).collect();
    world.pass().await;
    for id in &ids[..100] {
        world.source.expunge("INBOX", id);
    }
    world.options.deletions = Deletions::FollowAll;
    let report = world.pass().await;
    assert_eq!((report.outcome, report.removed), (Outcome::Complete, 100));
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test(start_paused = true)]
async fn a_dry_run_says_what_would_be_done_and_changes_nothing() {
    for (source, target) in kinds() {
        let mut world = World::new(source, target);
        seed(&world);
        world.options.dry_run = true;
        let before = contents(&world.target);
        let report = world.pass().await;
        assert_eq!(contents(&world.target), before);
        assert_eq!((report.dry_run, report.copied.messages), (true, 14));
        assert!(report.steps.contains(&"copy 7 messages from INBOX to INBOX".to_owned()), "{:?}", report.steps);
        assert!(report.steps.contains(&"create folder Empty".to_owned()), "{:?}", report.steps);
        world.options.dry_run = false;
        assert_eq!(world.pass().await.copied.messages, 14);
    }
}

#[tokio::test(start_paused = true)]
async fn a_full_quota_ends_the_pass_unfinished_and_it_goes_on_when_there_is_room() {
    let world = World::new(MemoryTraits::default(), MemoryTraits { quota: Some(400), ..MemoryTraits::default() });
    seed(&world);
    let report = world.pass().await;
    assert_eq!(report.outcome, Outcome::Unfinished);
    assert_eq!(report.unfinished.expect("unfinished").code, "over-quota");
    assert!(report.exceptions.is_empty());
    world.target.change_traits(|traits| traits.quota = None);
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test(start_paused = true)]
async fn an_exception_ends_with_its_message() {
    for changes in [Changes::Delta, Changes::Full] {
        let target = MemoryTraits { message_bytes: Some(1_000), ..MemoryTraits::default() };
        let world = World::new(MemoryTraits { changes, ..MemoryTraits::default() }, target);
        let large = put_bytes(&world.source, "INBOX", &"x".repeat(5_000), &[]);
        assert_eq!(world.pass().await.outcome, Outcome::Exceptions);
        world.source.expunge("INBOX", &large);
        let report = world.pass().await;
        assert_eq!((report.outcome, report.exceptions.len()), (Outcome::Complete, 0), "{report:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_renamed_on_the_source_that_keeps_its_place_on_the_target_loses_nothing() {
    for (source, target) in kinds() {
        let world = World::new(source, target);
        for n in 0..5 {
            put(&world.source, "Sent Items", &n.to_string(), &["\\Seen"]);
        }
        world.target.add_folder("Sent");
        world.pass().await;
        assert_eq!(world.target.contents("Sent").len(), 5);
        world.source.rename_folder("Sent Items", "Gesendet");
        put(&world.source, "Gesendet", "new", &[]);
        let report = world.pass().await;
        assert_eq!((report.outcome, report.copied.messages, report.removed), (Outcome::Complete, 1, 0), "{report:#?}");
        assert_eq!(world.target.contents("Sent").len(), 6);
        let second = world.pass().await;
        assert_eq!((second.outcome, second.copied.messages, second.found), (Outcome::Complete, 0, 0), "{second:#?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_target_changes_is_named_and_stands() {
    let target = MemoryTraits { added_header: Some("X-Added: yes"), ..MemoryTraits::default() };
    let world = World::new(MemoryTraits::default(), target);
    let id = put(&world.source, "INBOX", "a", &[]);
    let report = world.pass().await;
    assert_eq!((report.outcome, report.grade, report.copied.messages), (Outcome::Exceptions, Grade::Investigate, 1));
    let [exception] = report.exceptions.as_slice() else { panic!("{report:#?}") };
    assert_eq!((exception.code.as_str(), exception.message_id.as_deref()), ("altered", Some("<a@example>")));
    let second = world.pass().await;
    assert_eq!((second.copied.messages, second.exceptions.len()), (0, 1), "{second:#?}");
    world.source.expunge("INBOX", &id);
    let third = world.pass().await;
    assert_eq!((third.removed, third.exceptions.len(), third.outcome), (1, 0, Outcome::Complete), "{third:#?}");
}

#[tokio::test(start_paused = true)]
async fn a_source_that_misstates_sizes_raises_no_alarm() {
    let world = World::new(MemoryTraits { listed_size_error: -3, ..MemoryTraits::default() }, MemoryTraits::default());
    seed(&world);
    assert_eq!(world.pass().await.grade, Grade::Perfect);
    let world = World::new(MemoryTraits::default(), MemoryTraits { listed_size_error: 9, ..MemoryTraits::default() });
    seed(&world);
    assert_eq!(world.pass().await.grade, Grade::Perfect);
}

#[tokio::test(start_paused = true)]
async fn a_message_that_the_source_cannot_give_is_an_exception_and_the_others_arrive() {
    for (source, target) in kinds() {
        let world = World::new(source, target);
        seed(&world);
        let ids: Vec<_> = world.source.contents("INBOX").into_iter().map(|message| message.id).collect();
        world.source.set_readable("INBOX", &ids[3], false);
        let report = world.pass().await;
        assert_eq!(
            (report.outcome, report.copied.messages, report.exceptions.len()),
            (Outcome::Exceptions, 13, 1),
            "{report:#?}"
        );
        let again = world.pass().await;
        assert_eq!(
            (again.outcome, again.copied.messages, again.exceptions.len()),
            (Outcome::Exceptions, 0, 1),
            "{again:#?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_refused_message_stays_named_when_the_target_is_renumbered() {
    let refuse = std::sync::Arc::new(|bytes: &[u8]| {
        bytes.windows(7).any(|part| part == b"of in-3").then_some(ErrorKind::Malformed)
    });
    let world = World::new(MemoryTraits::default(), MemoryTraits { refuse: Some(refuse), ..MemoryTraits::default() });
    seed(&world);
    assert_eq!(world.pass().await.exceptions.len(), 1);
    world.target.change_uidvalidity("INBOX");
    let report = world.pass().await;
    assert_eq!((report.outcome, report.exceptions.len()), (Outcome::Exceptions, 1), "{report:#?}");
    assert_eq!(world.pass().await.exceptions.len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_the_target_made_anew_is_left_alone_when_its_source_is_gone() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    world.source.delete_folder("Lists/Rust");
    world.target.delete_folder("Lists/Rust");
    for n in 0..7 {
        put(&world.target, "Lists/Rust", &format!("somebody else's {n}"), &[]);
    }
    let report = world.pass().await;
    assert_eq!(report.removed, 0, "{report:#?}");
    assert_eq!(world.target.contents("Lists/Rust").len(), 7);
}

#[tokio::test(start_paused = true)]
async fn flags_that_a_cut_run_did_not_set_are_set_by_the_next() {
    for (source, target) in kinds() {
        let world = World::new(source, target);
        put(&world.source, "INBOX", "a", &["\\Seen"]);
        put(&world.target, "INBOX", "a", &["\\Flagged"]);
        let undisturbed = limosa_testkit::memory::Faults::none();
        world.pass_with(&undisturbed).await;
        for step in 0..undisturbed.steps() {
            let (source, target) = (world.source.traits(), world.target.traits());
            let world = World::new(source, target);
            put(&world.source, "INBOX", "a", &["\\Seen"]);
            put(&world.target, "INBOX", "a", &["\\Flagged"]);
            let moment = limosa_testkit::memory::Moment::Before;
            let kill = limosa_testkit::memory::Verdict::Kill;
            world.pass_with(&limosa_testkit::memory::Faults::at(step, moment, kill)).await;
            let report = world.pass().await;
            assert_eq!(report.outcome, Outcome::Complete, "killed at step {step}: {report:#?}");
            assert_eq!(contents(&world.target), contents(&world.source));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_deleted_and_made_anew_on_the_source_leaves_nothing_of_the_old_one() {
    for (source, target) in kinds() {
        let world = World::new(source, target);
        for n in 0..6 {
            put(&world.source, "Work", &format!("old-{n}"), &[]);
        }
        world.pass().await;
        world.source.delete_folder("Work");
        put(&world.source, "Work", "old-2", &[]);
        put(&world.source, "Work", "new", &[]);
        world.pass().await;
        assert_eq!(contents(&world.target), contents(&world.source));
    }
}

#[tokio::test(start_paused = true)]
async fn a_pattern_that_matches_nothing_is_no_success() {
    let mut world = World::new(MemoryTraits::default(), MemoryTraits::default());
    seed(&world);
    world.options.folders.only = vec![globset::Glob::new("Nope").expect("a glob")];
    let report = world.pass().await;
    assert_eq!(
        (report.outcome, report.unfinished.map(|unfinished| unfinished.code)),
        (Outcome::Unfinished, Some("nothing-matches".into()))
    );
}

#[tokio::test(start_paused = true)]
async fn a_folder_with_another_name_on_the_target_is_found_there_again_without_the_ledger() {
    let target = MemoryTraits { case_insensitive_folders: true, ..MemoryTraits::default() };
    let mut world = World::new(MemoryTraits::default(), target);
    put(&world.source, "News", "a", &[]);
    put(&world.source, "news", "b", &[]);
    world.pass().await;
    let folders = world.target.folders().len();
    for _ in 0..3 {
        world.ledger = MemoryLedger::new();
        let report = world.pass().await;
        assert_eq!((report.copied.messages, world.target.folders().len()), (0, folders), "{report:#?}");
    }
}

/// Taught by a target whose connection broke again and again within one large message, until the connector gave it up.
#[tokio::test(start_paused = true)]
async fn what_may_stand_on_the_target_and_cannot_be_compared_is_not_copied() {
    for (source, target) in kinds() {
        let world = World::new(source, target);
        put_bytes(&world.source, "INBOX", "Subject: no id\r\n\r\nbody", &[]);
        put(&world.source, "INBOX", "other", &[]);
        let stands = put_bytes(&world.target, "INBOX", "Subject: no id\r\n\r\nbody", &[]);
        world.target.set_readable("INBOX", &stands, false);
        let report = world.pass().await;
        let why = report.unfinished.as_ref().map(|unfinished| unfinished.code.as_str());
        assert_eq!((why, report.copied.messages), (Some("again"), 1), "{report:#?}");
        world.target.set_readable("INBOX", &stands, true);
        let report = world.pass().await;
        assert_eq!((report.outcome, report.copied.messages), (Outcome::Complete, 0), "{report:#?}");
        assert_eq!(contents(&world.target), contents(&world.source));
    }
}
