//! Connections broken, servers and the program killed, no room on the disk, at random, while the owner goes on working: one
//! more run, and both sides are compared message by message.
//!
//! `LIMOSA_SOAK_RUNS` says how often (20 if it does not), `LIMOSA_SOAK_SEED` with which dice.

use std::collections::BTreeMap;
use std::time::Instant;

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server};
use limosa_testkit::mail::ordinary;

mod dice;
mod owner;
mod road;
mod troubles;

use dice::Dice;
use owner::{Uids, uids};
use road::Road;

use crate::world::Account;

/// What happened, in figures.
#[derive(Debug, Default)]
struct Figures {
    troubles: BTreeMap<&'static str, u64>,
    faults: u64,
    /// Runs in trouble that completed all the same, did not, or were killed.
    completed: u64,
    unfinished: u64,
    killed: u64,
    /// Attempts that runs in trouble took beyond their first.
    begun_again: u64,
    changes: u64,
    /// Good runs that had to be run twice.
    twice: u64,
}

/// So many runs, one after another, over servers of their own.
async fn row(target: &Server, kind: &str, runs: u64, seed: u64) {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let seeded = source.seed("alice", &ordinary(seed, 250)).await.unwrap();
    let mut dice = Dice(seed);
    let (began, mut figures) = (Instant::now(), Figures::default());
    for run in 0..runs {
        let user = format!("bob{run}");
        let to = Account::new(target, &user).await;
        let road = Road::new(from, to).await;
        let mut story = format!("run {run} of seed {seed} on {kind}");
        // Half of the mailboxes have been copied before: only there is it certain what is settled.
        let mut settled = Uids::new();
        if dice.roll(2) == 0 {
            road.copy().await.is_complete();
            settled = uids(&from).await;
            story.push_str(", copied before");
            let changes = owner::works(&from, &mut dice, &mut settled).await;
            story.push_str(&format!(", {changes:?}"));
        }
        for _ in 0..1 + dice.roll(2) {
            let trouble = troubles::trouble(&mut dice, seeded.bytes / 3);
            let broken = road.meets(&trouble).await;
            let changes = owner::works(&from, &mut dice, &mut settled).await;
            story.push_str(&format!(", {trouble}, {changes:?}"));
            *figures.troubles.entry(trouble.what.kind()).or_default() += 1;
            figures.changes += changes.len() as u64;
            let attempts = broken.as_ref().and_then(|run| run.json["attempts"].as_u64());
            figures.begun_again += attempts.unwrap_or(1) - 1;
            match broken {
                None => figures.killed += 1,
                Some(run) if run.code == Some(0) => figures.completed += 1,
                Some(run) => {
                    assert!(matches!(run.code, Some(1 | 4)) && run.code_of_failure().is_some(), "{story}: {run:#?}");
                    figures.unfinished += 1;
                }
            }
        }
        let mut last = road.copy().await;
        if last.code == Some(4) {
            figures.twice += 1;
            last = road.copy().await;
        }
        assert_eq!(last.code, Some(0), "{story}: {last:#?}");
        let (expected, arrived) = (from.snapshot().await, to.snapshot().await);
        for (path, messages) in &expected {
            let arrived = arrived.get(path).map_or(&[][..], Vec::as_slice);
            let surplus: Vec<_> = arrived.iter().filter(|message| !messages.contains(message)).collect();
            let missing: Vec<_> = messages.iter().filter(|message| !arrived.contains(message)).collect();
            assert!(arrived == messages, "{path} after {story}: missing {missing:#?}, surplus {surplus:#?}; {last:#?}");
        }
        let second = road.copy().await;
        assert_eq!(second.code, Some(0), "{story}: {second:#?}");
        second.did_nothing();
        figures.faults += road.faults();
    }
    println!("{runs} runs on {kind} with seed {seed} in {:.0?}: {figures:?}", began.elapsed());
}

/// How many runs, and with which seed.
fn wanted() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (number("LIMOSA_SOAK_RUNS").unwrap_or(20), number("LIMOSA_SOAK_SEED").unwrap_or(now))
}

/// Half of all runs, over targets of one kind. They wait most of the time, for silence or for a target to stand still: so three
/// rows at once, each with dice of its own.
async fn soak(kind: &str, start: impl AsyncFn(Lab) -> Server, first: u64) {
    let (runs, seed) = wanted();
    println!("LIMOSA_SOAK_SEED={seed}");
    let lab = Lab::shared().await.unwrap();
    let row = async |number: u64| {
        let target = start(lab.clone()).await;
        row(&target, kind, (runs / 2 + 2 - number) / 3, seed.wrapping_add(first + number)).await;
    };
    tokio::join!(row(0), row(1), row(2));
}

#[tokio::test]
async fn dovecot_survives_everything() {
    let options = || DovecotOptions { memory: true, ..DovecotOptions::default() };
    soak("Dovecot", async |lab| lab.dovecot(options()).await.unwrap(), 0).await;
}

#[tokio::test]
async fn cyrus_survives_everything() {
    let options = || CyrusOptions { memory: true, ..CyrusOptions::default() };
    soak("Cyrus", async |lab| lab.cyrus(options()).await.unwrap(), 3).await;
}
