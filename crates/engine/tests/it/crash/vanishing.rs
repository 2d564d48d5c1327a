//! Messages that a killed run had written leave their place on the source before the next run: their copies are known as ours, and mail
//! of the target's own is left alone.

use limosa_engine::options::Attempts;
use limosa_engine::{Deletions, Outcome};
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Moment, Verdict};

use super::owner::settled as holding;
use super::{kinds, places};
use crate::world::{Contents, World, contents, flags, put};

type Act = fn(&MemoryServer);

const ACTS: [(&str, Act); 8] = [
    ("removes messages", |source| {
        for name in ["in-1", "in-3", "new2"] {
            remove(source, "INBOX", name);
        }
        remove(source, "Lists", "twin");
    }),
    ("moves messages", |source| {
        source.move_message("INBOX", &holding(source, "INBOX", "in-1"), "Lists");
        source.move_message("INBOX", &holding(source, "INBOX", "new1"), "Lists");
        source.add_folder("Aside");
        source.move_message("Lists", &holding(source, "Lists", "list"), "Aside");
    }),
    ("edits messages to no other length", |source| {
        for (folder, name, edited) in [("INBOX", "in-1", "IN-1"), ("INBOX", "new1", "NEW1"), ("Lists", "list", "LIST")]
        {
            remove(source, folder, name);
            put(source, folder, edited, &[]);
        }
    }),
    ("removes what was moved", |source| remove(source, "Lists", "gone")),
    ("moves what was moved", |source| {
        source.move_message("Lists", &holding(source, "Lists", "gone"), "INBOX");
    }),
    ("deletes a folder", |source| {
        source.delete_folder("Lists");
    }),
    ("renames a folder", |source| source.rename_folder("Lists", "Iron")),
    ("deletes a folder and makes it anew", |source| {
        source.delete_folder("Lists");
        put(source, "Lists", "list", &[]);
        put(source, "Lists", "anew", &[]);
    }),
];

fn remove(source: &MemoryServer, folder: &str, name: &str) {
    source.expunge(folder, &holding(source, folder, name));
}

/// Mail of the target's own: as long as what is copied there, and of the same moment.
fn put_own(world: &World, name: &str) {
    put(&world.target, "INBOX", name, &["\\Seen"]);
}

/// A mailbox to be copied, `after` an earlier pass or not.
async fn begin(after: bool, source: &MemoryTraits, target: &MemoryTraits) -> World {
    let mut world = World::new(source.clone(), target.clone());
    world.options.attempts = Attempts(2);
    let first = |world: &World| {
        for n in 0..4 {
            put(&world.source, "INBOX", &format!("in-{n}"), if n % 2 == 0 { &["\\Seen"] } else { &["Work"] });
        }
        for name in ["list", "twin", "twin"] {
            put(&world.source, "Lists", name, &[]);
        }
        put(&world.source, if after { "INBOX" } else { "Lists" }, "gone", &[]);
    };
    if after {
        first(&world);
        assert_eq!(world.pass().await.outcome, Outcome::Complete);
        world.source.move_message("INBOX", &holding(&world.source, "INBOX", "gone"), "Lists");
        world.source.set_flags("INBOX", &holding(&world.source, "INBOX", "in-2"), &flags(&["\\Answered"]));
        remove(&world.source, "INBOX", "in-0");
        put(&world.source, "Lists", "more", &[]);
    } else {
        first(&world);
    }
    put_own(&world, "own1");
    for name in ["new1", "new2"] {
        put(&world.source, "INBOX", name, &["\\Flagged"]);
    }
    world
}

/// A pass that is killed there, in the moment in which somebody puts mail of the target's own.
async fn kill(world: &World, number: u64, at: Moment) {
    let target = world.target.clone();
    let faults = Faults::hook(move |step, now| {
        if (step.number, now) != (number, at) {
            return Verdict::GoOn;
        }
        put(&target, "INBOX", "own2", &["\\Seen"]);
        Verdict::Kill
    });
    world.pass_with(&faults).await;
}

/// Messages by folder. A folder that a killed run has made and not settled may stay, empty.
fn messages(mut contents: Contents) -> Contents {
    contents.retain(|_, messages| !messages.is_empty());
    contents
}

/// What should stand on the target: what stands on the source, and what is the target's own.
fn wanted(world: &World) -> Contents {
    let own = World::new(MemoryTraits::default(), MemoryTraits::default());
    put_own(&own, "own1");
    put_own(&own, "own2");
    let mut wanted = contents(&world.source);
    let inbox = wanted.entry("INBOX".into()).or_default();
    inbox.extend(contents(&own.target).remove("INBOX").into_iter().flatten());
    inbox.sort();
    messages(wanted)
}

/// At most two passes, and all is as it should be; one more has nothing to do.
async fn ends_alike(world: &World) -> Result<(), String> {
    let mut report = world.pass().await;
    if report.outcome != Outcome::Complete {
        report = world.pass().await;
    }
    if report.outcome != Outcome::Complete {
        return Err(format!("{report:#?}"));
    }
    let second = world.pass().await;
    let did = (second.copied.messages, second.found, second.flags_set, second.removed, second.moved);
    if (second.outcome, did) != (Outcome::Complete, (0, 0, 0, 0, 0)) {
        return Err(format!("once more there was something to do: {second:#?}"));
    }
    let (stands, wanted) = (messages(contents(&world.target)), wanted(world));
    match stands == wanted {
        true => Ok(()),
        false => Err(format!("there stands {stands:#?}\nbut should stand {wanted:#?}")),
    }
}

/// Kills a pass at every step, lets the owner act, and `then` says what is wrong.
async fn matrix<Ending: Future<Output = Result<(), String>>>(
    acts: &[(&str, Act)],
    then: impl Fn(World) -> Ending,
) -> usize {
    let (mut cuts, mut wrong) = (0, Vec::new());
    for (kind, source, target) in kinds() {
        for after in [false, true] {
            let undisturbed = Faults::none();
            begin(after, &source, &target).await.pass_with(&undisturbed).await;
            for (name, act) in acts {
                for (step, moment) in places(undisturbed.steps(), 0, 1) {
                    let world = begin(after, &source, &target).await;
                    kill(&world, step, moment).await;
                    act(&world.source);
                    let step = &undisturbed.log()[step as usize];
                    if let Err(what) = then(world).await {
                        let pass = if after { "second" } else { "first" };
                        wrong.push(format!("{kind}, {pass} pass killed {moment:?} {step}, the owner {name}: {what}"));
                    }
                    cuts += 1;
                }
            }
        }
    }
    println!("{cuts} cuts, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    cuts
}

#[tokio::test(start_paused = true)]
async fn copies_of_messages_that_left_before_the_next_run_do_not_stay() {
    let cuts = matrix(&ACTS, async |world: World| ends_alike(&world).await).await;
    assert!(cuts >= 3_000, "{cuts} cuts");
}

/// The run that would mend it is killed too, at some of its steps.
#[tokio::test(start_paused = true)]
async fn nor_do_they_when_the_next_run_is_killed_too() {
    let mut wrong = Vec::new();
    let mut cuts = 0;
    for (kind, source, target) in kinds() {
        for after in [false, true] {
            let undisturbed = Faults::none();
            begin(after, &source, &target).await.pass_with(&undisturbed).await;
            for (name, act) in &ACTS {
                for (step, moment) in places(undisturbed.steps(), cuts % 3, 3) {
                    let again = async || {
                        let world = begin(after, &source, &target).await;
                        kill(&world, step, moment).await;
                        act(&world.source);
                        world
                    };
                    let recovery = Faults::none();
                    again().await.pass_with(&recovery).await;
                    for (second, then) in places(recovery.steps(), cuts % 7, 7) {
                        let world = again().await;
                        world.pass_with(&Faults::at(second, then, Verdict::Kill)).await;
                        let steps = (&undisturbed.log()[step as usize], &recovery.log()[second as usize]);
                        if let Err(what) = ends_alike(&world).await {
                            let killed = format!("killed {moment:?} {}, then {then:?} {}", steps.0, steps.1);
                            wrong.push(format!("{kind}, {killed}, the owner {name}: {what}"));
                        }
                        cuts += 1;
                    }
                }
            }
        }
    }
    println!("{cuts} cuts, {} wrong", wrong.len());
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(cuts >= 10_000, "{cuts} cuts");
}

/// The machine failed, and the notes with it: copies may stay, and nothing else is wrong.
#[tokio::test(start_paused = true)]
async fn without_notes_nothing_is_lost_and_nothing_of_the_targets_own_is_removed() {
    let lost = async |world: World| {
        world.ledger.lose_notes();
        while world.pass().await.outcome != Outcome::Complete {}
        let (stands, wanted) = (contents(&world.target), wanted(&world));
        let missing = |(folder, messages): (&String, &Vec<_>)| {
            let mut stands = stands.get(folder).cloned().unwrap_or_default();
            let mut missing = messages.clone();
            missing.retain(|message| {
                let found = stands.iter().position(|one| one == message);
                found.map(|at| stands.remove(at)).is_none()
            });
            missing
        };
        let missing: Vec<_> = wanted.iter().flat_map(missing).collect();
        if missing.is_empty() { Ok(()) } else { Err(format!("missing: {missing:#?}")) }
    };
    matrix(&ACTS, lost).await;
}

/// A first pass over a mailbox of this many messages, killed when all have been written and none is settled, after which the owner removes
/// some; and the next pass.
async fn unsettled(messages: u64, removed: u64, deletions: Deletions) -> (World, limosa_engine::Report) {
    let mut world = World::new(MemoryTraits::default(), MemoryTraits::default());
    for n in 0..messages {
        put(&world.source, "INBOX", &format!("{n:04}"), &[]);
    }
    world.pass_with(&Faults::at_name("settle", 0, Moment::Before, Verdict::Kill)).await;
    assert_eq!(world.target.contents("INBOX").len() as u64, messages, "all were written");
    for n in 0..removed {
        remove(&world.source, "INBOX", &format!("{n:04}"));
    }
    world.options.deletions = deletions;
    let report = world.pass().await;
    (world, report)
}

#[tokio::test(start_paused = true)]
async fn what_is_removed_is_told() {
    let (world, report) = unsettled(20, 5, Deletions::Follow).await;
    assert_eq!((report.outcome, report.found, report.removed), (Outcome::Complete, 15, 5), "{report:#?}");
    assert_eq!(contents(&world.target), contents(&world.source));
}

#[tokio::test(start_paused = true)]
async fn where_deletions_are_not_followed_copies_stay() {
    let (world, report) = unsettled(20, 5, Deletions::Keep).await;
    assert_eq!((report.outcome, report.found, report.removed), (Outcome::Complete, 15, 0), "{report:#?}");
    assert_eq!(world.target.contents("INBOX").len(), 20);
}

#[tokio::test(start_paused = true)]
async fn copies_of_a_mailbox_that_has_vanished_are_held_like_any_other() {
    let (mut world, report) = unsettled(200, 101, Deletions::Follow).await;
    let unfinished = report.unfinished.as_ref().map(|unfinished| unfinished.code.as_str());
    assert_eq!((unfinished, report.found, report.removed), (Some("deletions-held"), 99, 0), "{report:#?}");
    assert_eq!(world.target.contents("INBOX").len(), 200);
    world.options.deletions = Deletions::FollowAll;
    let report = world.pass().await;
    assert_eq!((report.outcome, report.removed), (Outcome::Complete, 101), "{report:#?}");
    assert_eq!(contents(&world.target), contents(&world.source));
}
