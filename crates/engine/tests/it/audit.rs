//! Both sides compared anew: every kind of difference is told, and nothing where nothing differs.

use std::sync::{Arc, Mutex};

use limosa_engine::audit::{
    AuditOptions, AuditReport, Counts, Depth, Kind, NoLedger, NoRecords, Record, Records, audit,
};
use limosa_engine::{Deletions, Grade, Outcome, Pair, Progress};
use limosa_model::{Connector, ErrorKind, FolderPath, InternalDate, Ledger, MessageId, PermanentFlags, SystemFlags};
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Faults, MemoryConnector, MemoryServer, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, flags, kinds, put, put_bytes};

const DEPTHS: [Depth; 3] = [Depth::Counts, Depth::Metadata, Depth::Content];
/// Messages of [`settled`].
const SEEDED: u64 = 12;

/// A mailbox brought over by a pass: genuine duplicates, same headers with different bodies, no headers at all.
async fn settled(source: MemoryTraits, target: MemoryTraits) -> World {
    let world = World::new(source, target);
    for n in 0..6 {
        let names: &[&str] = if n % 2 == 0 { &["\\Seen"] } else { &["\\Flagged", "$Forwarded"] };
        put(&world.source, "INBOX", &format!("in-{n}"), names);
    }
    for _ in 0..2 {
        put(&world.source, "Lists/Rust", "twin", &["\\Seen"]);
    }
    put_bytes(&world.source, "Lists/Rust", "Subject: draft\r\n\r\none", &["\\Draft"]);
    put_bytes(&world.source, "Lists/Rust", "Subject: draft\r\n\r\ntwo", &["\\Draft"]);
    put_bytes(&world.source, "Lists/Rust", "no header at all", &[]);
    put_bytes(&world.source, "Lists/Rust", "", &[]);
    world.source.add_folder("Empty");
    let report = world.pass().await;
    assert_eq!(contents(&world.target), contents(&world.source), "{report:#?}");
    world
}

/// An audit that must change nothing: looks at both sides and the ledger before and after, and at every step between.
async fn look_with(world: &World, depth: Depth, faults: &Faults, sink: &mut dyn Records) -> AuditReport {
    let ledger: Arc<dyn Ledger> = Arc::new(world.ledger.reopen_with_hook(faults.power_hook()));
    let entries = async |ledger: &dyn Ledger| {
        let mut all = Vec::new();
        for folder in ledger.folders().await.expect("the ledger is there") {
            let entries: Vec<_> = ledger.load(&folder.source).await.expect("the ledger is there").iter().collect();
            all.push((folder, entries));
        }
        (
            all,
            ledger.exceptions().await.expect("the ledger is there"),
            ledger.dropped_flags().await.expect("the ledger is there"),
        )
    };
    let before = entries(ledger.as_ref()).await;
    let source = MemoryConnector::new(&world.source, "source").with_faults(faults);
    let target = MemoryConnector::new(&world.target, "target").with_faults(faults);
    let pair = Pair { source: &source, target: &target, ledger: ledger.clone() };
    let options = AuditOptions { depth, folders: world.options.folders.clone(), ..AuditOptions::default() };
    let report = audit(pair, &options, sink, &Progress::default()).await.expect("it can work");
    let reading = ["open", "survey", "changes", "arrivals", "headers", "fetch", "fetch.next"];
    for step in faults.log() {
        assert!(reading.contains(&step.name), "an audit took the step {step}");
    }
    assert_eq!(entries(ledger.as_ref()).await, before, "the ledger was changed");
    assert_eq!((source.open_connections(), target.open_connections()), (0, 0));
    report
}

async fn look(world: &World, depth: Depth) -> AuditReport {
    let (source, target) = (contents(&world.source), contents(&world.target));
    let report = look_with(world, depth, &Faults::none(), &mut NoRecords).await;
    assert_eq!((contents(&world.source), contents(&world.target)), (source, target), "a side was changed");
    report
}

/// What was told: kind, folder, source id and target id given, messages.
fn told(report: &AuditReport) -> Vec<(Kind, String, bool, bool)> {
    let differences = report.differences.iter();
    differences
        .map(|one| (one.kind, one.folder.to_string(), one.source_id.is_some(), one.target_id.is_some()))
        .collect()
}

#[track_caller]
fn tells(report: &AuditReport, expect: &[(Kind, &str, bool, bool)], grade: Grade) {
    let expect = expect.iter().map(|(kind, folder, ours, theirs)| (*kind, (*folder).to_owned(), *ours, *theirs));
    assert_eq!(told(report), expect.collect::<Vec<_>>(), "{report:#?}");
    assert_eq!(report.grade, grade, "{report:#?}");
    let mut counts = Counts::default();
    report.differences.iter().for_each(|one| *counts.of(one.kind) += one.messages);
    assert_eq!(report.counts, counts);
}

/// The target's like of a message of the source, by its bytes.
fn like(server: &MemoryServer, folder: &str, part: &str) -> MessageId {
    let stored = server.contents(folder).into_iter();
    let mut found = stored.filter(|message| String::from_utf8_lossy(&message.bytes).contains(part));
    found.next().unwrap_or_else(|| panic!("no message with {part:?} in {folder}")).id
}

/// Changes a message on a server behind everybody's back, its id kept.
fn tamper(server: &MemoryServer, folder: &str, part: &str, bytes: &str) {
    server.change_message(folder, &like(server, folder, part), bytes.to_owned().into_bytes(), None);
}

#[derive(Default)]
struct Kept(Vec<Record>);

impl Records for Kept {
    fn record(&mut self, record: &Record) {
        self.0.push(record.clone());
    }
}

#[tokio::test(start_paused = true)]
async fn nothing_is_told_where_nothing_differs() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        for depth in DEPTHS {
            let report = look(&world, depth).await;
            tells(&report, &[], Grade::Perfect);
            let compared = if depth == Depth::Counts { 0 } else { SEEDED };
            assert_eq!((report.compared, report.unfinished.is_none()), (compared, true), "{report:#?}");
            assert_eq!(report.folders.len(), 3);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_everything_is_matched_by_content() {
    for (source, target) in kinds() {
        let mut world = settled(source, target).await;
        world.ledger = MemoryLedger::new();
        for depth in [Depth::Metadata, Depth::Content] {
            let report = look(&world, depth).await;
            tells(&report, &[], Grade::Perfect);
            let by_content: u64 = report.folders.iter().map(|folder| folder.by_content).sum();
            assert_eq!((report.compared, by_content), (SEEDED, SEEDED));
        }
        let (source, target) = (MemoryConnector::new(&world.source, "s"), MemoryConnector::new(&world.target, "t"));
        let pair = Pair { source: &source, target: &target, ledger: Arc::new(NoLedger) };
        let report = audit(pair, &AuditOptions::default(), &mut NoRecords, &Progress::default()).await.unwrap();
        tells(&report, &[], Grade::Perfect);
    }
}

#[tokio::test(start_paused = true)]
async fn renumbered_folders_are_matched_by_content() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.source.change_uidvalidity("INBOX");
        world.target.change_uidvalidity("Lists/Rust");
        for depth in [Depth::Metadata, Depth::Content] {
            let report = look(&world, depth).await;
            tells(&report, &[], Grade::Perfect);
            assert_eq!(report.compared, SEEDED);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_message_gives_a_record_with_its_digest() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        let mut kept = Kept::default();
        let report = look_with(&world, Depth::Content, &Faults::none(), &mut kept).await;
        let mut stored = Vec::new();
        for folder in ["INBOX", "Lists/Rust"] {
            for message in world.source.contents(folder) {
                let digest = *blake3::hash(&message.bytes).as_bytes();
                let (size, date) = (message.bytes.len() as u64, message.internal_date.seconds);
                stored.push((folder.to_owned(), message.id, size, date, digest, message.flags));
            }
        }
        let mut records: Vec<_> = kept.0.into_iter().collect();
        records.sort_by(|a, b| (&a.folder, &a.source).cmp(&(&b.folder, &b.source)));
        stored.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
        let recorded: Vec<_> = records
            .iter()
            .map(|one| {
                let date = one.internal_date.unwrap().seconds;
                (one.folder.to_string(), one.source.clone(), one.size, date, one.digest, one.flags.clone())
            })
            .collect();
        assert_eq!(recorded, stored);
        assert!(records.iter().all(|one| one.digest == one.target_digest));
        assert_eq!(report.read.messages, SEEDED);
        assert_eq!(report.read.bytes, stored.iter().map(|one| one.2).sum::<u64>());
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_missing_on_the_target_is_told_at_every_depth() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.target.expunge("INBOX", &like(&world.target, "INBOX", "in-3"));
        for depth in DEPTHS {
            let report = look(&world, depth).await;
            let by_name = depth != Depth::Counts;
            tells(&report, &[(Kind::Missing, "INBOX", by_name, by_name)], Grade::Poor);
            let message_id = report.differences[0].message_id.as_deref();
            assert_eq!(message_id, by_name.then_some("<in-3@example>"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_is_missing_is_told_with_all_of_its_messages() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.target.delete_folder("Lists/Rust");
        world.target.delete_folder("Empty");
        for depth in DEPTHS {
            let report = look(&world, depth).await;
            assert_eq!((report.counts.missing, report.grade), (6, Grade::Poor), "{depth:?} {report:#?}");
            let absent: Vec<_> = report.folders.iter().filter(|folder| !folder.exists).collect();
            assert_eq!(absent.len(), 2);
            assert!(report.reasons.iter().any(|reason| reason.contains("Empty")), "{report:#?}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_the_ledger_never_settled_is_a_loss_and_what_came_later_is_none() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    // A pass that believed the folder settled without this message.
    let lost = like(&world.source, "INBOX", "in-2");
    let settlement = limosa_model::Settlement { removed: vec![lost], ..Default::default() };
    world.ledger.reopen().settle(&FolderPath::inbox(), &settlement).await.unwrap();
    world.target.expunge("INBOX", &like(&world.target, "INBOX", "in-2"));
    put(&world.source, "INBOX", "later", &[]);
    for depth in [Depth::Metadata, Depth::Content] {
        let report = look(&world, depth).await;
        let expect = [(Kind::LostUnsettled, "INBOX", true, false), (Kind::Arrived, "INBOX", true, false)];
        tells(&report, &expect, Grade::Poor);
    }
    world.source.expunge("INBOX", &like(&world.source, "INBOX", "later"));
    let report = look(&world, Depth::Counts).await;
    assert_eq!(report.counts.arrived, 1, "numbers alone cannot tell it apart: the folder has changed {report:#?}");
}

#[tokio::test(start_paused = true)]
async fn what_people_do_meanwhile_is_no_loss() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        put(&world.source, "INBOX", "later", &["\\Seen"]);
        world.source.expunge("INBOX", &like(&world.source, "INBOX", "in-1"));
        world.source.set_flags("INBOX", &like(&world.source, "INBOX", "in-4"), &flags(&["\\Answered"]));
        put(&world.target, "INBOX", "own", &[]);
        put(&world.target, "Own", "own", &[]);
        for depth in [Depth::Metadata, Depth::Content] {
            let report = look(&world, depth).await;
            let expect = [
                (Kind::Arrived, "INBOX", true, false),
                (Kind::Deleted, "INBOX", true, true),
                (Kind::Own, "INBOX", false, true),
                (Kind::Own, "Own", false, false),
                (Kind::Reflagged, "INBOX", true, true),
            ];
            tells(&report, &expect, Grade::Perfect);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn by_numbers_too_arrivals_deletions_and_own_mail_are_no_loss() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        put(&world.source, "INBOX", "later", &["\\Seen"]);
        world.source.expunge("Lists/Rust", &like(&world.source, "Lists/Rust", "one"));
        put(&world.target, "INBOX", "own", &[]);
        let report = look(&world, Depth::Counts).await;
        let expect = [
            (Kind::Arrived, "INBOX", false, false),
            (Kind::Deleted, "Lists/Rust", false, false),
            (Kind::Own, "INBOX", false, false),
        ];
        tells(&report, &expect, Grade::Perfect);
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_far_behind_its_source_is_worth_a_look() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    for n in 0..2 {
        put(&world.source, "INBOX", &format!("later-{n}"), &[]);
    }
    assert_eq!(look(&world, Depth::Metadata).await.grade, Grade::Investigate);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_no_pass_brought_over_is_worth_a_look() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        put(&world.source, "New", "new", &[]);
        for depth in DEPTHS {
            let by_name = depth != Depth::Counts;
            tells(&look(&world, depth).await, &[(Kind::NewFolder, "New", by_name, false)], Grade::Investigate);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn other_flags_and_dates_on_the_target_are_told() {
    for (source, target) in kinds() {
        let world = settled(source, target).await;
        world.target.set_flags("INBOX", &like(&world.target, "INBOX", "in-0"), &flags(&[]));
        let id = like(&world.target, "INBOX", "in-1");
        let bytes = world.target.contents("INBOX").into_iter().find(|message| message.id == id).unwrap().bytes;
        let date = InternalDate { seconds: 1_000_000_000, offset_minutes: 0 };
        world.target.change_message("INBOX", &id, bytes, Some(date));
        for depth in [Depth::Metadata, Depth::Content] {
            let report = look(&world, depth).await;
            let expect = [(Kind::Flags, "INBOX", true, true), (Kind::Date, "INBOX", true, true)];
            tells(&report, &expect, Grade::Poor);
            assert!(report.differences[0].what.contains("\\Seen"), "{report:#?}");
            assert!(report.differences[1].what.contains("2001-09-09T01:46:40Z"), "{report:#?}");
            assert_eq!(report.differences[1].message_id.as_deref(), Some("<in-1@example>"));
        }
        tells(&look(&world, Depth::Counts).await, &[], Grade::Perfect);
    }
}

#[tokio::test(start_paused = true)]
async fn other_bytes_of_the_same_length_are_found_by_reading_them() {
    for (source, target) in kinds() {
        let world = settled(source.clone(), target.clone()).await;
        let text = "Message-ID: <in-5@example>\r\nSubject: in-5\r\n\r\nbODY of in-5.\r\n";
        tamper(&world.target, "INBOX", "in-5", text);
        let mut kept = Kept::default();
        let report = look_with(&world, Depth::Content, &Faults::none(), &mut kept).await;
        tells(&report, &[(Kind::Content, "INBOX", true, true)], Grade::Poor);
        assert_eq!(report.looked_again, 1);
        assert_eq!(kept.0.iter().filter(|one| one.digest != one.target_digest).count(), 1);
        // Where a store misstates sizes, the bytes have to decide in a listing too.
        let misstated = source.listed_size_error != target.listed_size_error;
        let expect: &[_] = if misstated { &[(Kind::Content, "INBOX", true, true)] } else { &[] };
        let grade = if misstated { Grade::Poor } else { Grade::Perfect };
        tells(&look(&world, Depth::Metadata).await, expect, grade);
    }
}

#[tokio::test(start_paused = true)]
async fn other_sizes_count_only_where_the_bytes_are_others() {
    for (source, target) in kinds() {
        let world = settled(source.clone(), target.clone()).await;
        // The length by which an awkward store misstates sizes would hide the difference.
        tamper(&world.target, "INBOX", "in-5", "Message-ID: <in-5@example>\r\n\r\nshort\r\n");
        for depth in [Depth::Metadata, Depth::Content] {
            tells(&look(&world, depth).await, &[(Kind::Size, "INBOX", true, true)], Grade::Poor);
        }
        let world = settled(source, target).await;
        world.target.change_traits(|traits| traits.listed_size_error += 3);
        tells(&look(&world, Depth::Metadata).await, &[], Grade::Perfect);
    }
}

#[tokio::test(start_paused = true)]
async fn flags_that_the_target_does_not_keep_are_good() {
    let permanent_flags = PermanentFlags { system: SystemFlags::ALL, new_keywords: false, keywords: Vec::new() };
    let world = World::new(MemoryTraits::default(), MemoryTraits { permanent_flags, ..MemoryTraits::default() });
    put(&world.source, "INBOX", "one", &["\\Seen", "Work"]);
    world.pass().await;
    for depth in [Depth::Metadata, Depth::Content] {
        tells(&look(&world, depth).await, &[], Grade::Good);
    }
}

#[tokio::test(start_paused = true)]
async fn known_exceptions_explain_what_differs() {
    let refuse = |bytes: &[u8]| bytes.starts_with(b"Subject: bad").then_some(ErrorKind::Malformed);
    let target = MemoryTraits { refuse: Some(Arc::new(refuse)), ..MemoryTraits::default() };
    for source in [MemoryTraits::default(), MemoryTraits::awkward()] {
        let world = World::new(source, target.clone());
        put_bytes(&world.source, "INBOX", "Subject: bad\r\n\r\nbad", &[]);
        put(&world.source, "INBOX", "good", &[]);
        assert_eq!(world.pass().await.outcome, Outcome::Exceptions);
        for depth in DEPTHS {
            let report = look(&world, depth).await;
            tells(&report, &[(Kind::Excepted, "INBOX", true, false)], Grade::Investigate);
            assert!(report.differences[0].what.contains("(malformed)"), "{report:#?}");
        }
    }
    let mut world = World::new(
        MemoryTraits::default(),
        MemoryTraits { added_header: Some("X-Added: by the target"), ..MemoryTraits::default() },
    );
    put(&world.source, "INBOX", "one", &[]);
    assert_eq!(world.pass().await.outcome, Outcome::Exceptions);
    for depth in [Depth::Metadata, Depth::Content] {
        let report = look(&world, depth).await;
        tells(&report, &[(Kind::Excepted, "INBOX", true, true)], Grade::Investigate);
    }
    // Without the ledger nobody can say that it was known.
    world.ledger = MemoryLedger::new();
    for depth in [Depth::Metadata, Depth::Content] {
        tells(&look(&world, depth).await, &[(Kind::Size, "INBOX", true, true)], Grade::Poor);
    }
}

#[tokio::test(start_paused = true)]
async fn without_a_ledger_what_is_not_on_the_target_is_missing() {
    for (source, target) in kinds() {
        let mut world = settled(source, target).await;
        world.ledger = MemoryLedger::new();
        world.target.expunge("INBOX", &like(&world.target, "INBOX", "in-0"));
        for depth in DEPTHS {
            let by_name = depth != Depth::Counts;
            tells(&look(&world, depth).await, &[(Kind::Missing, "INBOX", by_name, false)], Grade::Poor);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_message_that_cannot_be_read_is_told() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    world.target.set_readable("INBOX", &like(&world.target, "INBOX", "in-0"), false);
    let report = look(&world, Depth::Content).await;
    tells(&report, &[(Kind::Unreadable, "INBOX", true, true)], Grade::Investigate);
}

/// Something that another client does while the audit runs, before that step.
fn meanwhile(server: &MemoryServer, who: &'static str, name: &'static str, act: fn(&MemoryServer)) -> Faults {
    let (server, done) = (server.clone(), Mutex::new(false));
    Faults::hook(move |step, moment| {
        let mut done = done.lock().expect("nobody panicked");
        if moment == Moment::Before && step.who == who && step.name == name && !*done {
            *done = true;
            act(&server);
        }
        Verdict::GoOn
    })
}

#[tokio::test(start_paused = true)]
async fn what_changes_while_it_looks_is_looked_at_again() {
    for (source, target) in kinds() {
        // Gone from the source when the listing has named it, and from the target before it is listed there.
        let world = settled(source.clone(), target.clone()).await;
        world.target.expunge("INBOX", &like(&world.target, "INBOX", "in-2"));
        let gone = meanwhile(&world.source, "source", "headers", |source| {
            let id = like(source, "INBOX", "in-2");
            source.expunge("INBOX", &id);
        });
        let report = look_with(&world, Depth::Metadata, &gone, &mut NoRecords).await;
        tells(&report, &[], Grade::Perfect);
        assert_eq!(report.looked_again, 1);

        // Flagged on one side before, on the other meanwhile.
        let world = settled(source.clone(), target.clone()).await;
        world.target.set_flags("INBOX", &like(&world.target, "INBOX", "in-2"), &flags(&["\\Answered"]));
        let flagged = meanwhile(&world.source, "source", "headers", |source| {
            source.set_flags("INBOX", &like(source, "INBOX", "in-2"), &flags(&["\\Answered"]));
        });
        let report = look_with(&world, Depth::Metadata, &flagged, &mut NoRecords).await;
        tells(&report, &[], Grade::Perfect);

        // Expunged on both sides between listing and reading.
        let world = settled(source, target).await;
        let target = world.target.clone();
        world.target.change_traits(|traits| traits.piece = 64);
        let both = Faults::hook({
            let source = world.source.clone();
            let mut left = true;
            move |step, moment| {
                if moment == Moment::Before && step.name == "fetch" && std::mem::take(&mut left) {
                    for server in [&source, &target] {
                        server.expunge("INBOX", &like(server, "INBOX", "in-2"));
                    }
                }
                Verdict::GoOn
            }
        });
        let report = look_with(&world, Depth::Content, &both, &mut NoRecords).await;
        tells(&report, &[], Grade::Perfect);
    }
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_step_it_goes_on_and_tells_the_same() {
    let mut cuts = 0;
    for (source, target) in kinds() {
        for depth in [Depth::Metadata, Depth::Content] {
            let world = settled(source.clone(), target.clone()).await;
            world.target.expunge("INBOX", &like(&world.target, "INBOX", "in-2"));
            put(&world.source, "INBOX", "later", &[]);
            put(&world.target, "INBOX", "own", &[]);
            let undisturbed = Faults::none();
            let mut all = Kept::default();
            let expect = look_with(&world, depth, &undisturbed, &mut all).await;
            // Before the first survey, an endpoint that cannot be used is an error.
            let surveyed = undisturbed.log().iter().rposition(|step| step.name == "survey").unwrap() as u64 + 1;
            for step in surveyed..undisturbed.steps() {
                let mut kept = Kept::default();
                let faults = Faults::at(step, Moment::After, Verdict::Cut);
                let report = look_with(&world, depth, &faults, &mut kept).await;
                assert_eq!((told(&report), report.grade), (told(&expect), expect.grade), "cut at {step}: {report:#?}");
                assert_eq!(report.compared, expect.compared);
                let ids = |kept: &Kept| {
                    let mut ids: Vec<_> = kept.0.iter().map(|one| (one.folder.clone(), one.source.clone())).collect();
                    ids.sort();
                    ids
                };
                assert_eq!(ids(&kept), ids(&all), "each message gives one record, cut at {step}");
                cuts += 1;
            }
        }
    }
    assert!(cuts >= 100, "{cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn an_endpoint_that_stays_away_leaves_it_unfinished() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    let always = Faults::hook(|step, moment| {
        let cut = step.name == "changes" && step.who == "target" && moment == Moment::Before;
        if cut { Verdict::Cut } else { Verdict::GoOn }
    });
    let report = look_with(&world, Depth::Metadata, &always, &mut NoRecords).await;
    assert_eq!(report.grade, Grade::Poor);
    assert_eq!(report.unfinished.map(|unfinished| unfinished.code).as_deref(), Some("connection-lost"));
}

#[tokio::test(start_paused = true)]
async fn stopped_by_hand_it_says_so() {
    let world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    let (source, target) = (MemoryConnector::new(&world.source, "s"), MemoryConnector::new(&world.target, "t"));
    let progress = Progress::default();
    progress.stop();
    let pair = Pair { source: &source, target: &target, ledger: Arc::new(NoLedger) };
    let report = audit(pair, &AuditOptions::default(), &mut NoRecords, &progress).await.unwrap();
    assert_eq!(report.unfinished.map(|unfinished| unfinished.code).as_deref(), Some("stopped"));
    assert_eq!(source.meter().read().connections, 0);
}

#[tokio::test(start_paused = true)]
async fn messages_kept_on_the_target_are_its_own() {
    let mut world = settled(MemoryTraits::default(), MemoryTraits::default()).await;
    world.options.deletions = Deletions::Keep;
    world.source.expunge("INBOX", &like(&world.source, "INBOX", "in-2"));
    world.pass().await;
    tells(&look(&world, Depth::Metadata).await, &[(Kind::Own, "INBOX", false, true)], Grade::Perfect);
}

#[tokio::test(start_paused = true)]
async fn more_messages_than_one_stretch_are_read_over_several_lanes() {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..5_000 {
        put(&world.source, "INBOX", &format!("in-{n}"), &[]);
    }
    world.pass().await;
    tamper(
        &world.target,
        "INBOX",
        "in-4321",
        "Message-ID: <in-4321@example>\r\nSubject: in-4321\r\n\r\nBody of in-4322.\r\n",
    );
    let mut kept = Kept::default();
    let report = look_with(&world, Depth::Content, &Faults::none(), &mut kept).await;
    tells(&report, &[(Kind::Content, "INBOX", true, true)], Grade::Poor);
    assert_eq!((kept.0.len(), report.read.messages), (5_000, 5_000));
    assert!(report.connections.source > 1, "{}", report.connections.source);
}
