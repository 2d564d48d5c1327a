//! Costs that do not depend on the machine.

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Storage};
use limosa_testkit::mail::small;

use crate::world::{Account, Program};

#[tokio::test]
async fn an_unchanged_mailbox_costs_one_round_trip_a_side_whatever_its_size() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    for (messages, user) in [(50, "few"), (2_000, "many")] {
        let from = Account::new(&source, user).await;
        source.seed(user, &small(1, messages)).await.unwrap();
        for server in [&sdbox, &cyrus] {
            let to = Account::new(server, user).await;
            let program = Program::new();
            program.copy(&from, &to, &[]).await.is_complete();
            let second = program.copy(&from, &to, &[]).await;
            second.is_complete().did_nothing();
            assert_eq!(second.number("/unchanged"), messages as u64);
            let trips = ["/round_trips/source", "/round_trips/target"].map(|side| second.number(side));
            assert_eq!(trips, [1, 1], "{second:#?}");
            assert!(second.number("/wire_bytes/source/in") < 8_000, "{second:#?}");
        }
    }
}

#[tokio::test]
async fn the_ledger_takes_at_most_four_bytes_a_message() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &small(2, 4_000)).await.unwrap();
    let program = Program::new();
    let first = program.copy(&from, &to, &[]).await;
    first.is_complete();
    assert!(first.number("/ledger_bytes") <= 4 * 4_000, "{first:#?}");
}

#[tokio::test]
async fn after_a_kill_only_the_tail_is_looked_at_again() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    let target = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    let settled = source.seed("alice", &small(31, 3_000)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let new = source.seed("alice", &small(32, 500)).await.unwrap();

    let mut child = program.start(&from, &to);
    let status = ["-f", "tab", "mailbox", "status", "-u", "bob", "-t", "messages", "*"];
    let has_some = async || {
        let counted = target.doveadm(status).await.unwrap();
        counted.lines().filter_map(|line| line.trim().parse::<u64>().ok()).sum::<u64>() > settled.messages as u64
    };
    while !has_some().await && child.try_wait().unwrap().is_none() {
        tokio::task::yield_now().await;
    }
    child.kill().await.unwrap();

    let run = program.copy(&from, &to, &[]).await;
    run.is_complete();
    let [read, sent] = ["in", "out"].map(|way| run.number(&format!("/wire_bytes/target/{way}")));
    let from_source = run.number("/wire_bytes/source/in");
    println!(
        "{} + {} messages of {} + {} bytes: {from_source} read from the source, {read} from the target, {sent} sent",
        settled.messages, new.messages, settled.bytes, new.bytes
    );
    // At most what is new, once whole and once its headers (some 1.1 kB each); nothing of what was settled.
    assert!(from_source < new.bytes + 500 * 1_500 && sent < new.bytes + 500 * 200, "{run:#?}");
    assert!(read < 500 * 1_500, "{run:#?}");
    assert_eq!(to.snapshot().await.values().map(Vec::len).sum::<usize>(), 3_500);
}
