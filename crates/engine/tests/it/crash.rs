//! The crash matrix: cut at every step, begun again, the same end.

use limosa_engine::Outcome;
use limosa_engine::options::Attempts;
use limosa_model::FolderPath;
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Changes, Faults, MemoryTraits, Moment, Verdict};

mod altered;
mod owner;
mod vanishing;
mod workers;

use crate::world::{World, contents, flags, put, put_bytes};

struct Case {
    name: &'static str,
    /// What the source holds at first.
    mailbox: fn(&World),
    /// What happens before the pass that is cut.
    prepare: fn(&World),
    /// Whether a pass has settled before that.
    settled: bool,
    /// What the ledger is then.
    ledger: LedgerIs,
}

#[derive(Clone, Copy)]
enum LedgerIs {
    /// As the last pass has left it.
    Kept,
    /// A backup from before the last pass.
    Old,
    /// Gone.
    Gone,
    /// Unreadable where the folders are.
    Damaged,
}

fn mailbox(world: &World) {
    for n in 0..4 {
        put(&world.source, "INBOX", &format!("in-{n}"), if n % 2 == 0 { &["\\Seen"] } else { &["Work"] });
    }
    put(&world.source, "Lists", "twin", &[]);
    put(&world.source, "Lists", "twin", &[]);
    put_bytes(&world.source, "Lists", "Subject: draft\r\n\r\none", &["\\Draft"]);
    put_bytes(&world.source, "Lists", "Subject: draft\r\n\r\ntwo", &["\\Draft"]);
}

/// Folders with one below another.
fn family(world: &World) {
    for (folder, name) in [("INBOX", "in"), ("A", "a-0"), ("A", "a-1"), ("A/Below", "below"), ("B", "b")] {
        put(&world.source, folder, name, &["\\Seen"]);
    }
}

const CASES: [Case; 19] = [
    Case { name: "first", mailbox, settled: false, ledger: LedgerIs::Kept, prepare: |_| {} },
    Case {
        name: "target has some of it",
        mailbox,
        settled: false,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            put(&world.target, "INBOX", "in-1", &["Work"]);
            put(&world.target, "Lists", "twin", &[]);
        },
    },
    Case {
        name: "changes",
        mailbox,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            let inbox = world.source.contents("INBOX");
            world.source.set_flags("INBOX", &inbox[0].id, &flags(&["\\Answered"]));
            world.source.expunge("INBOX", &inbox[1].id);
            world.source.move_message("INBOX", &inbox[2].id, "Lists");
            put(&world.source, "INBOX", "new", &["\\Flagged"]);
            put(&world.source, "More", "more", &[]);
        },
    },
    Case {
        name: "the target lost a message and forgot flags",
        mailbox,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            let inbox = world.target.contents("INBOX");
            world.target.expunge("INBOX", &inbox[0].id);
            world.target.set_flags("INBOX", &inbox[1].id, &flags(&["\\Draft"]));
            put(&world.source, "INBOX", "new", &[]);
        },
    },
    Case {
        name: "a folder ends",
        mailbox,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.delete_folder("Lists");
            put(&world.source, "INBOX", "new", &[]);
        },
    },
    Case {
        name: "renamed and renumbered",
        mailbox,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("Lists", "Iron");
            world.source.change_uidvalidity("INBOX");
            put(&world.source, "INBOX", "new", &[]);
        },
    },
    Case {
        name: "same headers, other bodies",
        mailbox,
        settled: false,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            for body in ["aa", "bb", "cc", "cc"] {
                put_bytes(&world.source, "INBOX", &format!("Message-ID: <same@x>\r\n\r\n{body}"), &[]);
            }
            put_bytes(&world.target, "INBOX", "Message-ID: <same@x>\r\n\r\nbb", &[]);
        },
    },
    Case { name: "the ledger is a backup", mailbox, settled: true, ledger: LedgerIs::Old, prepare: mail_comes },
    Case { name: "the ledger is gone", mailbox, settled: true, ledger: LedgerIs::Gone, prepare: mail_comes },
    Case { name: "the ledger is damaged", mailbox, settled: true, ledger: LedgerIs::Damaged, prepare: mail_comes },
    Case {
        name: "a folder is renamed",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| world.source.rename_folder("B", "C/B"),
    },
    Case {
        name: "a folder is renamed with others below it",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| world.source.rename_folder("A", "Z"),
    },
    Case {
        name: "a folder is renamed, and on the target somebody reads in it",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("A", "Z");
            let there = world.target.contents("A");
            world.target.set_flags("A", &there[0].id, &flags(&[]));
        },
    },
    Case {
        name: "two folders change names",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("A", "Between");
            world.source.rename_folder("B", "A");
            world.source.rename_folder("Between", "B");
        },
    },
    Case {
        name: "a folder takes the name of another one that is renamed",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("B", "C");
            world.source.rename_folder("A", "B");
        },
    },
    Case {
        name: "a folder is renamed, and another one made under the old name",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("A", "Z");
            put(&world.source, "A", "anew", &[]);
        },
    },
    Case {
        name: "a folder is renamed and changed",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.rename_folder("A", "Z");
            let ids: Vec<_> = world.source.contents("Z").into_iter().map(|message| message.id).collect();
            world.source.set_flags("Z", &ids[0], &flags(&["\\Flagged"]));
            world.source.move_message("Z", &ids[1], "B");
            put(&world.source, "Z/Below", "new", &[]);
        },
    },
    Case {
        name: "a folder ends and is made anew",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.delete_folder("A");
            put(&world.source, "A", "anew", &[]);
        },
    },
    Case {
        name: "folders are renamed where others were",
        mailbox: family,
        settled: true,
        ledger: LedgerIs::Kept,
        prepare: |world| {
            world.source.delete_folder("B");
            world.source.rename_folder("A", "B");
            world.source.rename_folder("B/Below", "A");
        },
    },
];

/// New mail in a folder that is known and one that is not, and other flags: what needs no ledger to be told.
fn mail_comes(world: &World) {
    let inbox = world.source.contents("INBOX");
    world.source.set_flags("INBOX", &inbox[0].id, &flags(&["\\Answered"]));
    put(&world.source, "INBOX", "new", &["\\Flagged"]);
    put(&world.source, "Lists", "twin", &[]);
    put(&world.source, "More", "more", &[]);
}

fn kinds() -> Vec<(&'static str, MemoryTraits, MemoryTraits)> {
    let friendly = MemoryTraits::default;
    let asked = || MemoryTraits { surveys_object_ids: false, ..friendly() };
    let batches = || MemoryTraits { batch: 3, window: 8, late_landing: true, ..friendly() };
    let poor =
        || MemoryTraits { changes: Changes::FlagsUnseen, receipts_with_ids: false, object_ids: false, ..friendly() };
    vec![
        ("friendly → friendly", friendly(), friendly()),
        ("asked for object ids → batches that land late", asked(), batches()),
        ("awkward → no ids in receipts", MemoryTraits::awkward(), poor()),
        ("poor → awkward", poor(), MemoryTraits::awkward()),
    ]
}

async fn begin(case: &Case, source: &MemoryTraits, target: &MemoryTraits) -> World {
    let mut world = World::new(source.clone(), target.clone());
    world.options.attempts = Attempts(2);
    (case.mailbox)(&world);
    if case.settled {
        assert_ne!(world.pass().await.outcome, Outcome::Unfinished);
    }
    let backup = world.ledger.backup();
    (case.prepare)(&world);
    match case.ledger {
        LedgerIs::Kept => {}
        LedgerIs::Old => {
            assert_ne!(world.pass().await.outcome, Outcome::Unfinished);
            put(&world.source, "INBOX", "newer", &[]);
            world.ledger = backup;
        }
        LedgerIs::Gone => world.ledger = MemoryLedger::new(),
        LedgerIs::Damaged => ["INBOX", "Lists"].map(FolderPath::from).iter().for_each(|path| world.ledger.damage(path)),
    }
    world
}

/// After whatever happened: at most two more passes, and both sides are alike; one more has nothing to do.
async fn converges(world: &World, what: &str) {
    let mut report = world.pass().await;
    if report.outcome != Outcome::Complete {
        report = world.pass().await;
    }
    assert_eq!(report.outcome, Outcome::Complete, "{what}: {report:#?}");
    assert_eq!(contents(&world.target), contents(&world.source), "{what}");
    let second = world.pass().await;
    let did = (second.copied.messages, second.found, second.flags_set, second.removed, second.moved);
    assert_eq!((second.outcome, did), (Outcome::Complete, (0, 0, 0, 0, 0)), "{what}");
    the_ledger_explains_the_target(world, what).await;
}

/// Every message on the target has exactly one entry, and every entry a message.
async fn the_ledger_explains_the_target(world: &World, what: &str) {
    use limosa_model::Ledger;
    let ledger = world.ledger.reopen();
    for folder in ledger.folders().await.expect("the ledger is there") {
        let entries = ledger.load(&folder.source).await.expect("the ledger is there");
        let mut explained: Vec<_> = entries.iter().map(|entry| entry.target).collect();
        let mut stands: Vec<_> =
            world.target.contents(folder.target.clone()).into_iter().map(|message| message.id).collect();
        explained.sort();
        stands.sort();
        assert_eq!(explained, stands, "{what}: {}", folder.target);
    }
}

async fn matrix(verdict: Verdict, least: u64) {
    let mut cuts = 0;
    for case in &CASES {
        for (kind, source, target) in kinds() {
            let undisturbed = Faults::none();
            begin(case, &source, &target).await.pass_with(&undisturbed).await;
            for step in 0..undisturbed.steps() {
                for moment in [Moment::Before, Moment::After] {
                    let world = begin(case, &source, &target).await;
                    let what =
                        format!("{} / {kind} / {verdict:?} {moment:?} {}", case.name, undisturbed.log()[step as usize]);
                    world.pass_with(&Faults::at(step, moment, verdict)).await;
                    converges(&world, &what).await;
                    cuts += 1;
                }
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts >= least, "{cuts} cuts");
}

#[tokio::test(start_paused = true)]
async fn killed_at_any_step_and_run_again_the_end_is_the_same() {
    matrix(Verdict::Kill, 1_000).await;
}

#[tokio::test(start_paused = true)]
async fn cut_off_at_any_step_the_end_is_the_same() {
    matrix(Verdict::Cut, 1_000).await;
}

/// Cut before the first pass of a folder has ended, and then a side gives its ids anew: what was settled says nothing any more.
#[tokio::test(start_paused = true)]
async fn ids_that_become_void_before_a_first_pass_has_ended_are_not_believed() {
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&CASES[0], &source, &target).await.pass_with(&undisturbed).await;
        for step in 0..undisturbed.steps() {
            for on_source in [true, false] {
                let world = begin(&CASES[0], &source, &target).await;
                world.pass_with(&Faults::at(step, Moment::After, Verdict::Kill)).await;
                let renumbered = if on_source { &world.source } else { &world.target };
                renumbered.change_uidvalidity("INBOX");
                let what =
                    format!("{kind}, killed after {}, then {on_source} renumbered", undisturbed.log()[step as usize]);
                converges(&world, &what).await;
            }
        }
    }
}

/// Every how many-th step of the second run is cut; which of them changes with the seed.
const SECOND_STRIDE: u64 = 11;

/// Cut, begun again and cut again: the worst that recovery can meet.
async fn twice(kinds: impl IntoIterator<Item = (&'static str, MemoryTraits, MemoryTraits)>) {
    let seed = std::env::var("LIMOSA_CRASH_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed: u64 = seed.unwrap_or_else(|| u64::from(std::process::id()));
    println!("LIMOSA_CRASH_SEED={seed}");
    let mut cuts = 0;
    for (kind, source, target) in kinds {
        for case in &CASES {
            let undisturbed = Faults::none();
            begin(case, &source, &target).await.pass_with(&undisturbed).await;
            for (step, moment) in places(undisturbed.steps(), 0, 1) {
                let recovery = Faults::none();
                let world = begin(case, &source, &target).await;
                world.pass_with(&Faults::at(step, moment, Verdict::Kill)).await;
                world.pass_with(&recovery).await;
                for (second, then) in places(recovery.steps(), seed, SECOND_STRIDE) {
                    let verdict = if (second + seed).is_multiple_of(3) { Verdict::Cut } else { Verdict::Kill };
                    let world = begin(case, &source, &target).await;
                    world.pass_with(&Faults::at(step, moment, Verdict::Kill)).await;
                    world.pass_with(&Faults::at(second, then, verdict)).await;
                    let first = &undisturbed.log()[step as usize];
                    let what = format!(
                        "{} / {kind} / killed {moment:?} {first}, {verdict:?} {then:?} step {second}",
                        case.name
                    );
                    converges(&world, &what).await;
                    cuts += 2;
                }
            }
        }
    }
    println!("{cuts} cuts, two a case");
    assert!(cuts >= 45_000, "{cuts} cuts");
}

fn places(steps: u64, seed: u64, stride: u64) -> impl Iterator<Item = (u64, Moment)> {
    let steps = (seed % stride..steps).step_by(stride as usize);
    steps.flat_map(|step| [(step, Moment::Before), (step, Moment::After)])
}

#[tokio::test(start_paused = true)]
async fn cut_twice_the_end_is_the_same() {
    twice(kinds().into_iter().step_by(2)).await;
}

#[tokio::test(start_paused = true)]
async fn cut_twice_between_other_stores_the_end_is_the_same() {
    twice(kinds().into_iter().skip(1).step_by(2)).await;
}

/// The same with a folder made anew, so that its old ids name other messages: each of these must arrive.
#[tokio::test(start_paused = true)]
async fn a_folder_made_anew_before_a_first_pass_has_ended_comes_over_whole() {
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&CASES[0], &source, &target).await.pass_with(&undisturbed).await;
        for step in 0..undisturbed.steps() {
            let world = begin(&CASES[0], &source, &target).await;
            world.pass_with(&Faults::at(step, Moment::After, Verdict::Kill)).await;
            world.source.delete_folder("Lists");
            for n in 0..4 {
                put(&world.source, "Lists", &format!("anew-{n}"), &[]);
            }
            world.pass().await;
            let (wanted, stands) = (contents(&world.source), contents(&world.target));
            let missing: Vec<_> = wanted["Lists"].iter().filter(|message| !stands["Lists"].contains(message)).collect();
            assert!(missing.is_empty(), "{kind}, killed after {}: {missing:#?}", undisturbed.log()[step as usize]);
        }
    }
}
