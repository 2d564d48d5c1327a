//! How much is looked at again after a pass was cut: in a mailbox of 100,000 messages, only where it must be.

use limosa_engine::Outcome;
use limosa_model::{Flags, InternalDate};
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Moment, Told, Verdict};

use crate::world::World;

const FOLDERS: u64 = 5;
const MESSAGES_A_FOLDER: u64 = 20_000;
/// What a settlement holds at most, and what is under way between two of them.
const TAIL: u64 = 4_000;

fn folder(n: u64) -> String {
    format!("Folder {n}")
}

fn fill(server: &MemoryServer, folder: &str, numbers: std::ops::Range<u64>) {
    for n in numbers {
        let bytes = format!("Message-ID: <{n}@{}>\r\nSubject: {n}\r\n\r\nBody {n}\r\n", folder.replace(' ', "-"));
        let date = InternalDate { seconds: 1_600_000_000 + n as i64, offset_minutes: 0 };
        server.append(folder, bytes, &Flags::default(), date);
    }
}

fn world() -> World {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..FOLDERS {
        fill(&world.source, &folder(n), 0..MESSAGES_A_FOLDER);
    }
    world
}

/// Runs a pass that is killed after so many messages have arrived; then one that must complete. Answers what the second
/// copied and found, and what either side told it.
async fn killed_after(world: &World, appends: u64) -> ((u64, u64), Told, Told) {
    assert!(world.pass_with(&Faults::at_name("append", appends, Moment::After, Verdict::Kill)).await.is_none());
    world.source.take_told();
    world.target.take_told();
    let report = world.pass().await;
    assert_eq!(report.outcome, Outcome::Complete, "{:#?}", report.unfinished);
    let told = (world.source.take_told(), world.target.take_told());
    for n in 0..FOLDERS {
        let (ours, theirs) = (world.source.contents(folder(n).as_str()), world.target.contents(folder(n).as_str()));
        assert_eq!(ours.len(), theirs.len(), "{}", folder(n));
    }
    ((report.copied.messages, report.found), told.0, told.1)
}

#[tokio::test(start_paused = true)]
async fn of_a_settled_mailbox_only_the_tail_is_looked_at() {
    const NEW: u64 = 10_000;
    let world = world();
    assert_eq!(world.pass().await.copied.messages, FOLDERS * MESSAGES_A_FOLDER);
    fill(&world.source, &folder(3), MESSAGES_A_FOLDER..MESSAGES_A_FOLDER + NEW);
    let ((copied, found), source, target) = killed_after(&world, NEW / 2).await;
    println!("{copied} copied, {found} found; the source told {source:?}, the target {target:?}");
    assert!(copied + found >= NEW / 2 && copied + found <= NEW / 2 + TAIL && found <= TAIL, "{copied} {found}");
    // The changes of that one folder; of what had not been settled, headers; what was not there, whole.
    assert_eq!(source.listed, NEW);
    assert!(source.headers <= copied + found && source.bodies == copied, "{source:?}");
    // What has come there since the last pass, once to find it and once to compare it.
    assert!(target.listed <= 2 * NEW && target.arrivals <= NEW, "{target:?}");
    assert!(target.headers <= TAIL && target.bodies == 0, "{target:?}");
}

#[tokio::test(start_paused = true)]
async fn in_a_first_pass_no_header_is_read_again_but_of_the_tail() {
    let world = world();
    let all = FOLDERS * MESSAGES_A_FOLDER;
    let ((copied, found), source, target) = killed_after(&world, all / 2).await;
    println!("{copied} copied, {found} found; the source told {source:?}, the target {target:?}");
    assert!(copied + found <= all / 2 + TAIL && found <= TAIL, "{copied} copied, {found} found");
    // Ids and flags of folders that no pass has ended in are listed once more; that is all that is known of them.
    assert_eq!(source.listed, all);
    assert_eq!(source.bodies, copied);
    assert!(target.listed <= all && target.arrivals <= all / 2 + TAIL, "{target:?}");
    assert!(target.headers <= TAIL && target.bodies == 0, "{target:?}");
    assert!(source.headers <= MESSAGES_A_FOLDER * 2, "{source:?}");
}
