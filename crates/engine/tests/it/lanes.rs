//! Several connections at once: one that stalls or breaks holds up no other, and what it had to do is done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limosa_engine::Outcome;
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, put};

/// Enough in each folder for two lanes in all.
const EACH: usize = 400;

fn world() -> World {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..EACH {
        put(&world.source, "A", &format!("a-{n}"), &[]);
        put(&world.source, "B", &format!("b-{n}"), &["\\Seen"]);
    }
    world
}

/// What a lane takes at first.
const PORTION: usize = 50;

/// Messages in both folders.
fn count(server: &MemoryServer) -> usize {
    ["A", "B"].map(|folder| server.contents(folder).len()).iter().sum()
}

#[tokio::test]
async fn a_source_that_stalls_in_one_message_stalls_no_other_lane() {
    let world = world();
    let faults = Faults::at_name("fetch.next", 0, Moment::After, Verdict::Hold);
    let others_are_done = async {
        while count(&world.target) < 2 * EACH - PORTION {
            tokio::task::yield_now().await;
        }
        let done = count(&world.target);
        faults.release();
        done
    };
    let pass = async { world.pass_with(&faults).await.expect("nothing kills it").expect("it can work") };
    let both = async { tokio::join!(pass, others_are_done) };
    let (report, done) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("no lane waits");
    assert_eq!(done, 2 * EACH - PORTION, "what the stalled lane had taken waits, all else is done");
    assert_eq!((report.outcome, report.attempts), (Outcome::Complete, 1));
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test]
async fn another_lane_is_opened_where_few_messages_take_long() {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..2 * PORTION {
        put(&world.source, "A", &format!("a-{n}"), &[]);
    }
    let faults = Faults::at_name("fetch.next", 0, Moment::After, Verdict::Hold);
    let other_half_is_done = async {
        while world.target.contents("A").len() < PORTION {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        faults.release();
    };
    let pass = async { world.pass_with(&faults).await.expect("nothing kills it").expect("it can work") };
    let both = async { tokio::join!(pass, other_half_is_done) };
    let (report, ()) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("another lane comes");
    assert_eq!((report.outcome, report.attempts), (Outcome::Complete, 1));
    assert_eq!((report.connections.source, report.connections.target), (2, 2));
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test(start_paused = true)]
async fn what_a_broken_lane_leaves_is_taken_over_and_the_others_go_on() {
    let world = world();
    let target = world.target.clone();
    let when_begun_again = Arc::new(Mutex::new(None));
    let (seen, mut cut, mut reads) = (when_begun_again.clone(), false, 0);
    let faults = Faults::hook(move |step, moment| {
        if cut && step.name == "open" {
            seen.lock().unwrap().get_or_insert_with(|| count(&target));
        }
        reads += u64::from(step.name == "fetch.next" && moment == Moment::After);
        if reads == 3 && !cut {
            cut = true;
            return Verdict::Cut;
        }
        Verdict::GoOn
    });
    let report = world.pass_with(&faults).await.expect("nothing kills it").expect("it can work");
    assert_eq!((report.outcome, report.attempts), (Outcome::Complete, 2));
    let done = when_begun_again.lock().unwrap().expect("it was begun again");
    assert!((2 * EACH - PORTION..2 * EACH).contains(&done), "the other lane has gone on to the end: {done}");
    assert_eq!(contents(&world.target), contents(&world.source));
}

/// A server that lets in fewer connections from some moment on ends one that stands, and refuses all but one that are opened after it.
#[tokio::test(start_paused = true)]
async fn fewer_connections_from_the_middle_on_are_enough() {
    for who in ["source", "target"] {
        let world = world();
        let (mut limited, mut opened, mut steps) = (false, 0, 0);
        let faults = Faults::hook(move |step, moment| {
            if step.who != who || moment != Moment::Before {
                return Verdict::GoOn;
            }
            if limited && step.name == "open" {
                opened += 1;
                return if opened > 1 { Verdict::Cut } else { Verdict::GoOn };
            }
            steps += u64::from(["fetch.next", "append"].contains(&step.name));
            if steps == 20 && !limited {
                limited = true;
                return Verdict::Cut;
            }
            Verdict::GoOn
        });
        let report = world.pass_with(&faults).await.expect("nothing kills it").expect("it can work");
        assert_eq!((report.outcome, report.attempts), (Outcome::Complete, 2), "{who}");
        assert_eq!(contents(&world.target), contents(&world.source), "{who}");
        assert_eq!(report.copied.messages, 2 * EACH as u64, "{who}");
    }
}

/// Whatever a lane that was told so would meet afterwards, the quota is what a person has to know.
#[tokio::test(start_paused = true)]
async fn a_full_quota_is_told_as_such() {
    let world = World::new(MemoryTraits::default(), MemoryTraits { quota: Some(400), ..MemoryTraits::default() });
    for n in 0..4 * EACH {
        put(&world.source, "A", &format!("a-{n}"), &[]);
    }
    let report = world.pass_with(&Faults::none()).await.expect("nothing kills it").expect("it can work");
    assert_eq!(report.unfinished.expect("unfinished").code, "over-quota");
    assert_eq!(report.attempts, 1, "trying again makes no room");
}
