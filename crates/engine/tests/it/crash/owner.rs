//! The owner goes on working between a run that was cut and the next.

use limosa_engine::Outcome;
use limosa_model::MessageId;
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Verdict};

use super::{converges, kinds, places};
use crate::world::{World, flags, put, put_bytes};

type Act = fn(&MemoryServer);

/// What the owner does to messages that were settled before the run that is cut.
const ACTS: [(&str, Act); 9] = [
    ("edits a draft", |source| {
        source.expunge("Drafts", &settled(source, "Drafts", "one"));
        put_bytes(source, "Drafts", "Subject: draft\r\n\r\none, and a half", &["\\Draft"]);
    }),
    ("edits a draft to no other length", |source| {
        source.expunge("Drafts", &settled(source, "Drafts", "two"));
        put_bytes(source, "Drafts", "Subject: draft\r\n\r\nTWO", &["\\Draft"]);
    }),
    ("moves a message", |source| {
        source.move_message("INBOX", &settled(source, "INBOX", "old-0"), "Drafts");
    }),
    ("copies a message", |source| {
        put(source, "Drafts", "old-0", &["\\Seen"]);
    }),
    ("deletes a message", |source| {
        source.expunge("INBOX", &settled(source, "INBOX", "old-1"));
    }),
    ("flags a message", |source| {
        source.set_flags("INBOX", &settled(source, "INBOX", "old-1"), &flags(&["\\Flagged", "Work"]));
    }),
    ("unflags a message", |source| {
        source.set_flags("INBOX", &settled(source, "INBOX", "old-0"), &flags(&[]));
    }),
    ("deletes a folder", |source| {
        source.delete_folder("Work");
    }),
    ("deletes a folder and makes it anew", |source| {
        source.delete_folder("Work");
        put(source, "Work", "work-1", &[]);
        put(source, "Work", "anew", &["\\Seen"]);
    }),
];

/// The message whose bytes have that in them.
pub(super) fn settled(source: &MemoryServer, folder: &str, part: &str) -> MessageId {
    let holds = |bytes: &[u8]| bytes.windows(part.len()).any(|window| window == part.as_bytes());
    let found = source.contents(folder).into_iter().find(|message| holds(&message.bytes));
    found.expect("it stands there").id
}

/// A mailbox that has been copied, and changes that the run to be cut brings over.
async fn begin(source: &MemoryTraits, target: &MemoryTraits) -> World {
    let world = World::new(source.clone(), target.clone());
    for n in 0..3 {
        put(&world.source, "INBOX", &format!("old-{n}"), &["\\Seen"]);
        put(&world.source, "Work", &format!("work-{n}"), &[]);
    }
    put_bytes(&world.source, "Drafts", "Subject: draft\r\n\r\none", &["\\Draft"]);
    put_bytes(&world.source, "Drafts", "Subject: draft\r\n\r\ntwo", &["\\Draft"]);
    assert_eq!(world.pass().await.outcome, Outcome::Complete);
    put(&world.source, "INBOX", "new", &[]);
    put(&world.source, "More", "more", &[]);
    world.source.set_flags("INBOX", &settled(&world.source, "INBOX", "old-2"), &flags(&["\\Answered"]));
    world.source.set_flags("Work", &settled(&world.source, "Work", "work-0"), &flags(&["\\Flagged"]));
    world
}

#[tokio::test(start_paused = true)]
async fn the_owner_works_between_a_cut_and_the_next_run() {
    let mut cuts = 0;
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&source, &target).await.pass_with(&undisturbed).await;
        for (name, act) in ACTS {
            for (step, moment) in places(undisturbed.steps(), 0, 1) {
                let world = begin(&source, &target).await;
                world.pass_with(&Faults::at(step, moment, Verdict::Kill)).await;
                act(&world.source);
                let step = &undisturbed.log()[step as usize];
                converges(&world, &format!("{kind}, killed {moment:?} {step}, then the owner {name}")).await;
                cuts += 1;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts >= 3_000, "{cuts} cuts");
}

/// The same while a run goes on, which nobody cuts. A folder made anew in that moment is tested elsewhere, for loss alone: what
/// stood in the old one may stay on the target.
#[tokio::test(start_paused = true)]
async fn the_owner_works_while_a_run_goes_on() {
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&source, &target).await.pass_with(&undisturbed).await;
        for (name, act) in ACTS.into_iter().filter(|(name, _)| *name != "deletes a folder and makes it anew") {
            for (number, at) in places(undisturbed.steps(), 0, 1) {
                let world = begin(&source, &target).await;
                let owner = world.source.clone();
                let meanwhile = Faults::hook(move |step, moment| {
                    if step.number == number && moment == at {
                        act(&owner);
                    }
                    Verdict::GoOn
                });
                world.pass_with(&meanwhile).await;
                let step = &undisturbed.log()[number as usize];
                converges(&world, &format!("{kind}, {at:?} {step} the owner {name}")).await;
            }
        }
    }
}

/// A side gives its ids anew while a run goes on: none of the old ones is believed from there on.
#[tokio::test(start_paused = true)]
async fn ids_become_void_while_a_run_goes_on() {
    for (kind, source, target) in kinds() {
        let undisturbed = Faults::none();
        begin(&source, &target).await.pass_with(&undisturbed).await;
        for (number, at) in places(undisturbed.steps(), 0, 1) {
            for of_source in [true, false] {
                let world = begin(&source, &target).await;
                let renumbered = if of_source { world.source.clone() } else { world.target.clone() };
                let meanwhile = Faults::hook(move |step, moment| {
                    if step.number == number && moment == at {
                        renumbered.change_uidvalidity("INBOX");
                    }
                    Verdict::GoOn
                });
                world.pass_with(&meanwhile).await;
                let side = if of_source { "source" } else { "target" };
                let step = &undisturbed.log()[number as usize];
                converges(&world, &format!("{kind}, {at:?} {step} the {side} was renumbered")).await;
            }
        }
    }
}
