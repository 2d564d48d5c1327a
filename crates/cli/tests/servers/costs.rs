//! Costs that do not depend on the machine.

use std::ops::Range;

use limosa_lab::chaos::{Chaos, Counts, Plan};
use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server, Storage};
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

/// What passed between the program and both servers.
#[derive(Debug)]
struct Passed {
    commands: [u64; 2],
    bytes: u64,
}

/// 100 messages are new, 100 have other flags, 100 are gone, 100 stand in another folder. Counted by a proxy: how often one waits for an
/// answer depends on how fast it comes, how often one asks does not.
async fn cost_of_a_delta(source: &Server, target: &Server, user: &str, messages: usize) -> Passed {
    let (from, to) = (Account::new(source, user).await, Account::new(target, user).await);
    source.seed(user, &small(3, messages)).await.unwrap();
    let roads = [
        Chaos::start(source.imap_address(), Plan::default()).await.unwrap(),
        Chaos::start(target.imap_address(), Plan::default()).await.unwrap(),
    ];
    let urls = [(&from, &roads[0]), (&to, &roads[1])]
        .map(|(account, road)| format!("imap://{}@{}?tls=none", account.user, road.address()));
    let program = Program::new();
    program.copy_urls(&urls[0], &urls[1], source, &[]).await.is_complete();
    let (_, uids) = from.uids("INBOX").await;
    let set = |range: Range<usize>| uids[range].iter().map(u32::to_string).collect::<Vec<_>>().join(",");
    let mut client = from.client().await;
    for number in 0..100 {
        let message = format!("From: a@example.org\r\nSubject: new {number}\r\n\r\n{}\r\n", "words ".repeat(300));
        client.append("INBOX", "()", None, message.as_bytes()).await.unwrap();
    }
    client.command("CREATE \"Moved here\"").await.unwrap();
    client.command("SELECT INBOX").await.unwrap();
    for command in [
        format!("UID STORE {} +FLAGS ($Delta)", set(0..100)),
        format!("UID STORE {} +FLAGS (\\Deleted)", set(100..200)),
        format!("UID EXPUNGE {}", set(100..200)),
        format!("UID MOVE {} \"Moved here\"", set(200..300)),
    ] {
        client.command(&command).await.unwrap();
    }
    let before = roads.each_ref().map(Chaos::counts);
    // More connections are opened where servers answer slowly, as they do on a machine with much to do.
    let alone = ["--source-connections", "1", "--target-connections", "1"];
    let delta = program.copy_urls(&urls[0], &urls[1], source, &alone).await;
    let after = roads.each_ref().map(Chaos::counts);
    delta.is_complete();
    let did = ["/copied/messages", "/flags_set", "/removed", "/moved"].map(|figure| delta.number(figure));
    assert_eq!(did, [100; 4], "{delta:#?}");
    let bytes = |counts: &Counts| counts.to_server + counts.to_client;
    Passed {
        commands: [0, 1].map(|side| after[side].commands - before[side].commands),
        bytes: after.iter().map(bytes).sum::<u64>() - before.iter().map(bytes).sum::<u64>(),
    }
}

#[tokio::test]
async fn a_delta_costs_what_has_changed_whatever_the_mailboxs_size() {
    let lab = Lab::shared().await.unwrap();
    let memory = || DovecotOptions { memory: true, ..DovecotOptions::default() };
    let source = lab.dovecot(memory()).await.unwrap();
    let target = lab.dovecot(memory().with_storage(Storage::Sdbox)).await.unwrap();
    let few = cost_of_a_delta(&source, &target, "few", 2_000).await;
    let many = cost_of_a_delta(&source, &target, "many", 20_000).await;
    println!("2,000 messages: {few:?}; 20,000: {many:?}");
    for (few, many) in few.commands.into_iter().zip(many.commands) {
        // The last one is LOGOUT, and nobody waits until it has passed.
        assert!(few.abs_diff(many) <= 1, "{few} and {many} commands");
    }
    assert!(many.commands.iter().sum::<u64>() <= 100, "{many:?}");
    // 100 messages of 2 kB are read and written; 18,000 more listed would be half a megabyte.
    assert!(many.bytes < few.bytes + 20_000 && many.bytes < 800_000, "{few:?} and {many:?}");
}
