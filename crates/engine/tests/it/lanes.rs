//! Several connections at once: one that stalls or breaks holds up no other, and what it had to do is done.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use limosa_engine::Outcome;
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, put};

/// Enough in each folder for two lanes in all.
const EACH: usize = 300;

fn world() -> World {
    let world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..EACH {
        put(&world.source, "A", &format!("a-{n}"), &[]);
        put(&world.source, "B", &format!("b-{n}"), &["\\Seen"]);
    }
    world
}

/// Messages in both folders, the fuller one first.
fn counts(server: &MemoryServer) -> [usize; 2] {
    let mut counts = ["A", "B"].map(|folder| server.contents(folder).len());
    counts.sort_by_key(|count| std::cmp::Reverse(*count));
    counts
}

#[tokio::test]
async fn a_source_that_stalls_in_one_message_stalls_no_other_lane() {
    let world = world();
    let faults = Faults::at_name("fetch.next", 0, Moment::After, Verdict::Hold);
    let others_are_done = async {
        while counts(&world.target)[0] < EACH {
            tokio::task::yield_now().await;
        }
        let [done, stalled] = counts(&world.target);
        faults.release();
        (done, stalled)
    };
    let pass = async { world.pass_with(&faults).await.expect("nothing kills it").expect("it can work") };
    let both = async { tokio::join!(pass, others_are_done) };
    let (report, (done, stalled)) = tokio::time::timeout(Duration::from_secs(60), both).await.expect("no lane waits");
    assert_eq!((done, stalled), (EACH, 0), "the folder of the stalled message waits, the other is done");
    assert_eq!((report.outcome, report.attempts), (Outcome::Complete, 1));
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
            seen.lock().unwrap().get_or_insert_with(|| counts(&target));
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
    let [done, broken] = when_begun_again.lock().unwrap().expect("it was begun again");
    assert!(done == EACH && broken < EACH, "the other lane has gone on to its end: {done} and {broken}");
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
