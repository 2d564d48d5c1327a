//! `check --speed` on real servers: figures for both sides, and nothing left behind.

use std::process::Stdio;

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::small;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use crate::world::{Account, Program, Run, folders};

fn memory() -> DovecotOptions {
    DovecotOptions { memory: true, ..DovecotOptions::default() }
}

async fn two_dovecots(lab: &Lab) -> [Server; 2] {
    let source = lab.dovecot(memory()).await.unwrap();
    let target = lab.dovecot(memory().with_storage(Storage::Sdbox)).await.unwrap();
    [source, target]
}

async fn paths(account: &Account<'_>) -> Vec<String> {
    folders(&mut account.client().await).await.into_iter().map(|(path, _)| path).collect()
}

/// Both sides have figures over so many connections, and nothing went wrong.
#[track_caller]
fn is_measured(run: &Run, together: [u64; 2]) {
    assert_eq!(run.code, Some(0), "{run:#?}");
    let speed = &run.json["speed"];
    for (side, together) in ["source", "target"].into_iter().zip(together) {
        for seconds in ["sign_in_seconds", "round_trip_seconds"] {
            assert!(speed[side][seconds].as_f64().unwrap() > 0.0, "{run:#?}");
        }
        for (over, connections) in [("alone", 1), ("together", together)] {
            assert_eq!(speed[side][over]["connections"], connections, "{run:#?}");
            assert!(speed[side][over]["messages_per_second"].as_f64().unwrap() > 1.0, "{run:#?}");
        }
    }
    assert!(speed["bound"] == "source" || speed["bound"] == "target", "{run:#?}");
    assert!(speed["seconds"].as_f64().unwrap() > 0.0, "{run:#?}");
    assert_eq!((&speed["scratch"]["left"], &speed["unfinished"]), (&().into(), &().into()), "{run:#?}");
}

#[tokio::test]
async fn both_sides_are_measured_and_nothing_is_left_behind() {
    let lab = Lab::shared().await.unwrap();
    let [source, target] = two_dovecots(&lab).await;
    let cyrus = lab.cyrus(CyrusOptions::default()).await.unwrap();
    for (source, target) in [(&source, &target), (&cyrus, &cyrus)] {
        let (from, to) = (Account::new(source, "alice").await, Account::new(target, "bob").await);
        source.seed("alice", &small(6, 2_000)).await.unwrap();
        to.append("INBOX", "()", "Subject: there before\r\n\r\nx\r\n").await;
        let before = (paths(&to).await, to.snapshot().await);
        let run = Program::new().check(&from, &to, &["--speed", "--mailboxes", "100", "-j", "10"]).await;
        is_measured(&run, [4, 4]);
        let [least, most] =
            ["least_seconds", "most_seconds"].map(|name| run.json["speed"]["many"][name].as_f64().unwrap());
        assert!(most > 9.0 * least, "{run:#?}");
        assert_eq!((paths(&to).await, to.snapshot().await), before);
    }
}

/// Dovecot's `mail_max_userip_connections`: the first connections are let in, the others are turned away.
#[tokio::test]
async fn a_server_that_lets_in_few_connections_is_measured_over_those() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(memory()).await.unwrap();
    let limited = DovecotOptions { max_connections_per_user: 2, ..memory() };
    let target = lab.dovecot(limited.with_storage(Storage::Sdbox)).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(8, 1_000)).await.unwrap();
    let run = Program::new().check(&from, &to, &["--speed"]).await;
    is_measured(&run, [4, 2]);
    let connections = run.json["speed"]["connections"].as_u64().unwrap();
    assert!((1..=2).contains(&connections), "{run:#?}");
}

#[tokio::test]
async fn a_target_that_makes_no_folder_is_told_with_a_hint() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(memory()).await.unwrap();
    let target = lab.dovecot(DovecotOptions { read_only: true, ..memory() }).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(4, 100)).await.unwrap();
    let output =
        Program::new().command(&["check", &from.url(), &to.url(), "--speed"], source.ca_file()).output().await.unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!(output.status.code(), Some(4), "{said}");
    for part in ["reading the source", "Not everything was measured: target: ", "  hint: how fast it takes mail"] {
        assert!(said.contains(part), "{part:?} is not in\n{said}");
    }
}

/// Begins to measure, and waits until the folder can be seen on the target.
async fn begin(program: &Program, from: &Account<'_>, to: &Account<'_>) -> (Child, String) {
    let mut command = program.command(&["check", &from.url(), &to.url(), "--speed"], from.server.ca_file());
    let mut child = command.stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let announced = said.next_line().await.unwrap().unwrap();
    let folder = announced.split('"').nth(1).unwrap().to_owned();
    while !paths(to).await.contains(&folder) {
        assert!(child.try_wait().unwrap().is_none(), "it has ended without the folder {folder} having been seen");
    }
    (child, folder)
}

/// Ctrl-C while it writes.
#[tokio::test]
async fn being_interrupted_leaves_nothing_behind() {
    let lab = Lab::shared().await.unwrap();
    let [source, target] = two_dovecots(&lab).await;
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(7, 2_000)).await.unwrap();
    let before = paths(&to).await;
    let (mut child, _) = begin(&Program::new(), &from, &to).await;
    let pid = child.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-s", "INT", &pid]).status().await.unwrap().success());
    let code = child.wait().await.unwrap().code();
    // On a fast machine all may have been measured by then.
    assert!(code == Some(4) || code == Some(0), "{code:?}");
    assert_eq!(paths(&to).await, before);
}

#[tokio::test]
async fn what_a_killed_measurement_left_is_removed_by_the_next() {
    let lab = Lab::shared().await.unwrap();
    let [source, target] = two_dovecots(&lab).await;
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(7, 2_000)).await.unwrap();
    let before = paths(&to).await;
    let program = Program::new();
    let (mut child, folder) = begin(&program, &from, &to).await;
    child.kill().await.unwrap();
    assert!(paths(&to).await.contains(&folder), "it was killed while it wrote");
    let run = program.check(&from, &to, &["--speed"]).await;
    is_measured(&run, [4, 4]);
    assert_eq!(run.json["speed"]["earlier"][0]["folder"], folder, "{run:#?}");
    assert_eq!(run.json["speed"]["earlier"][0]["left"], serde_json::Value::Null, "{run:#?}");
    assert_eq!(paths(&to).await, before);
}
