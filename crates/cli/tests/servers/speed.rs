//! `check --speed` on real servers: figures for both sides, and nothing left behind.

use std::process::Stdio;

use limosa_lab::{DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::small;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::Command;

use crate::world::{Account, Program, folders};

async fn two_servers(lab: &Lab) -> [Server; 2] {
    let memory = || DovecotOptions { memory: true, ..DovecotOptions::default() };
    let source = lab.dovecot(memory()).await.unwrap();
    let target = lab.dovecot(memory().with_storage(Storage::Sdbox)).await.unwrap();
    [source, target]
}

async fn paths(account: &Account<'_>) -> Vec<String> {
    folders(&mut account.client().await).await.into_iter().map(|(path, _)| path).collect()
}

#[tokio::test]
async fn both_sides_are_measured_and_nothing_is_left_behind() {
    let lab = Lab::shared().await.unwrap();
    let [source, target] = two_servers(&lab).await;
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(6, 2_000)).await.unwrap();
    to.append("INBOX", "()", "Subject: there before\r\n\r\nx\r\n").await;
    let before = to.snapshot().await;

    let program = Program::new();
    let run = program.check(&from, &to, &["--speed", "--mailboxes", "100", "-j", "10"]).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    let speed = &run.json["speed"];
    println!("{speed:#}");
    for side in ["source", "target"] {
        assert!(speed[side]["round_trip_seconds"].as_f64().unwrap() > 0.0, "{run:#?}");
        for (over, connections) in [("alone", 1), ("together", 4)] {
            assert_eq!(speed[side][over]["connections"], connections, "{run:#?}");
            assert!(speed[side][over]["messages_per_second"].as_f64().unwrap() > 1.0, "{run:#?}");
        }
    }
    assert!(speed["bound"] == "source" || speed["bound"] == "target", "{run:#?}");
    let [least, most] = ["least_seconds", "most_seconds"].map(|name| speed["many"][name].as_f64().unwrap());
    assert!(most > 9.0 * least && speed["seconds"].as_f64().unwrap() > 0.0, "{run:#?}");
    assert_eq!((&speed["scratch"]["left"], &speed["unfinished"]), (&().into(), &().into()), "{run:#?}");
    assert_eq!((to.snapshot().await, paths(&to).await.len()), (before, 1));
}

/// Ctrl-C while it writes.
#[tokio::test]
async fn being_interrupted_leaves_nothing_behind() {
    let lab = Lab::shared().await.unwrap();
    let [source, target] = two_servers(&lab).await;
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(7, 2_000)).await.unwrap();
    let before = paths(&to).await;
    let program = Program::new();
    let mut command = program.command(&["check", &from.url(), &to.url(), "--speed"], source.ca_file());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let announced = said.next_line().await.unwrap().unwrap();
    let folder = announced.split('"').nth(1).unwrap().to_owned();
    while !paths(&to).await.contains(&folder) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended without the folder {folder} having been seen");
    }
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().await.unwrap().success());
    let code = child.wait().await.unwrap().code();
    // On a fast machine all may have been measured by then.
    assert!(code == Some(4) || code == Some(0), "{code:?}");
    assert_eq!(paths(&to).await, before);
}
