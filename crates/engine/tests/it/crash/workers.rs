//! Two workers, of which one loses its lease in the middle: a machine that slept, or was taken for dead.

use limosa_engine::{Outcome, PassError, Report};
use limosa_testkit::memory::{Faults, Moment, Verdict};
use tokio::sync::watch;

use super::{CASES, begin, contents, converges, kinds, places};

/// What a worker says that was fenced off: nothing of its own failed, and it has stopped.
fn has_stopped(ended: &Result<Report, PassError>) -> bool {
    match ended {
        Ok(report) => match &report.unfinished {
            None => report.outcome == Outcome::Complete,
            Some(unfinished) => ["pair-taken", "differs", "again", "gone"].contains(&unfinished.code.as_str()),
        },
        Err(PassError::Ledger(error)) => error.code() == "pair-taken",
        Err(_) => false,
    }
}

/// The first stands still at a step; the second takes the pair and looks around; then both go on at once. What the first
/// still writes before the ledger refuses it is there before the second believes that the target stands still.
#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_lease_in_the_middle_does_no_harm() {
    let mut stops = 0;
    for case in &CASES {
        for (kind, source, target) in kinds() {
            let undisturbed = Faults::none();
            begin(case, &source, &target).await.pass_with(&undisturbed).await;
            for (number, at) in places(undisturbed.steps(), 0, 1) {
                let world = begin(case, &source, &target).await;
                let stands_still = watch::Sender::new(false);
                let tell = stands_still.clone();
                let first = Faults::hook(move |step, moment| {
                    if step.number != number || moment != at {
                        return Verdict::GoOn;
                    }
                    tell.send_replace(true);
                    Verdict::Hold
                });
                let release = first.clone();
                let second = Faults::hook(move |step, moment| {
                    if step.name == "survey" && moment == Moment::After {
                        release.release();
                    }
                    Verdict::GoOn
                });
                let second = async {
                    let mut told = stands_still.subscribe();
                    told.wait_for(|still| *still).await.expect("the first comes to that step");
                    world.pass_with(&second).await.expect("nothing kills it")
                };
                let (first, second) = tokio::join!(world.pass_with(&first), second);
                let what = format!(
                    "{} / {kind} / the first stood still {at:?} {}",
                    case.name,
                    undisturbed.log()[number as usize]
                );
                let first = first.expect("nothing kills it");
                assert!(has_stopped(&first), "{what}: {first:#?}");
                assert!(second.is_ok(), "{what}: {second:#?}");
                converges(&world, &what).await;
                stops += 1;
            }
        }
    }
    println!("{stops} leases lost");
    assert!(stops >= 3_000, "{stops} leases lost");
}

/// As long as the first likes: whatever the second has done meanwhile stays as it is in the ledger, and nothing is lost. What
/// the first was just writing may come twice to a target that knows no fence.
#[tokio::test(start_paused = true)]
async fn a_worker_that_wakes_after_the_other_has_ended_loses_nothing() {
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&CASES[0], &source, &target).await.pass_with(&undisturbed).await;
        for (number, at) in places(undisturbed.steps(), 0, 1) {
            let world = begin(&CASES[0], &source, &target).await;
            let stands_still = watch::Sender::new(false);
            let tell = stands_still.clone();
            let first = Faults::hook(move |step, moment| {
                if step.number != number || moment != at {
                    return Verdict::GoOn;
                }
                tell.send_replace(true);
                Verdict::Hold
            });
            let second = async {
                let mut told = stands_still.subscribe();
                told.wait_for(|still| *still).await.expect("the first comes to that step");
                let ended = world.pass().await;
                first.release();
                ended
            };
            let (ended, second) = tokio::join!(world.pass_with(&first), second);
            let what = format!("{kind} / the first stood still {at:?} {}", undisturbed.log()[number as usize]);
            let ended = ended.expect("nothing kills it");
            assert!(has_stopped(&ended), "{what}: {ended:#?}");
            assert_eq!(second.outcome, Outcome::Complete, "{what}: {second:#?}");
            assert_eq!(world.pass().await.copied.messages, 0, "{what}");
            let (wanted, stands) = (contents(&world.source), contents(&world.target));
            for (folder, messages) in &wanted {
                let missing: Vec<_> = messages.iter().filter(|message| !stands[folder].contains(message)).collect();
                assert!(missing.is_empty(), "{what}: {folder} lacks {missing:#?}");
            }
        }
    }
}
