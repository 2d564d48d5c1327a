//! What moving a message costs in memory: places asked for, and bytes in them. The same on every machine.
//!
//! A read buffer is used again once nobody holds a slice of it, and a copy needs a place of its own: so the bytes allocated for each byte
//! moved tell whether bodies are passed on as slices. Servers run in a thread of their own, which is not counted.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use allocation_counter::{AllocationInfo, measure};
use imap_common::scripted::{PLAIN, Peer, serve};
use imap_common::{copy, stored};
use limosa_connectors::imap::ImapConnector;
use limosa_model::mailbox::Batching;
use limosa_model::{Connector, Folder, FolderPath, IdList};

fn inbox() -> Folder {
    Folder {
        path: FolderPath::inbox(),
        name: "INBOX".into(),
        selectable: true,
        role: None,
        subscribed: false,
        object_id: None,
        state: None,
    }
}

async fn source(mut peer: Peer, messages: u32, size: usize) {
    peer.sign_in(PLAIN).await;
    peer.select(messages).await;
    let body = vec![b's'; size];
    loop {
        let (tag, command) = peer.command().await;
        let Some(set) = command.strip_prefix("UID FETCH ").and_then(|rest| rest.split(' ').next()) else { return };
        let (first, last) = set.split_once(':').unwrap_or((set, set));
        let mut answer = Vec::new();
        for uid in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
            let date = "INTERNALDATE \" 1-Jan-1970 00:00:09 +0000\"";
            answer.extend(format!("* {uid} FETCH (UID {uid} FLAGS (\\Seen) {date} BODY[] {{{size}}}\r\n").bytes());
            answer.extend_from_slice(&body);
            answer.extend_from_slice(b")\r\n");
        }
        answer.extend(format!("{tag} OK done\r\n").bytes());
        peer.send(answer).await;
    }
}

async fn target(mut peer: Peer) {
    peer.sign_in(&format!("{PLAIN} LITERAL+ MULTIAPPEND UIDPLUS")).await;
    peer.select(0).await;
    let mut next = 1;
    loop {
        let (tag, mut line) = peer.command().await;
        if tag.is_empty() {
            return;
        }
        let first = next;
        while let Some((_, size)) = line.strip_suffix("+}").and_then(|rest| rest.rsplit_once('{')) {
            peer.read(size.parse().unwrap()).await;
            next += 1;
            line = peer.line().await;
        }
        peer.send(format!("{tag} OK [APPENDUID 7 {first}:{}] done\r\n", next - 1)).await;
    }
}

/// Both servers, in a thread of their own.
fn servers(messages: u32, size: usize) -> [ImapConnector; 2] {
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let (from, giving) = serve(move |peer| source(peer, messages, size)).await;
            let (to, taking) = serve(target).await;
            tell.send([from, to]).unwrap();
            giving.await.unwrap();
            taking.await.unwrap();
        });
    });
    told.recv().unwrap()
}

/// Copies these messages, and answers what that allocated.
fn copied(messages: u32, size: usize) -> AllocationInfo {
    let [from, to] = servers(messages, size);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (mut source, mut target) =
        runtime.block_on(async { (from.open().await.unwrap(), to.open_target().await.unwrap()) });
    let (folder, ids) = (inbox(), IdList::uid_range(1, messages));
    let mut receipts = Vec::new();
    let spent = measure(|| {
        receipts = runtime.block_on(copy(&mut *source, &folder, &ids, &mut *target, &folder, Batching::Free));
    });
    assert_eq!(stored(&receipts), (1..=messages).map(Some).collect::<Vec<_>>());
    spent
}

/// Checks both figures: allocations a message, and bytes allocated a byte moved.
#[track_caller]
fn costs_at_most(messages: u32, size: usize, allocations: f64, bytes: f64) {
    let spent = copied(messages, size);
    let each = spent.count_total as f64 / f64::from(messages);
    let copies = spent.bytes_total as f64 / (f64::from(messages) * size as f64);
    println!(
        "{messages} messages of {size} bytes: {each:.2} allocations a message, {copies:.2} bytes allocated a byte moved, \
         {} bytes at once at most",
        spent.bytes_max
    );
    assert!(each <= allocations, "{each:.2} allocations a message, {allocations} are expected");
    assert!(copies <= bytes, "{copies:.2} bytes allocated a byte moved, {bytes} are expected");
    assert!(spent.bytes_max < 8 << 20, "{} bytes at once", spent.bytes_max);
}

/// Short pieces are gathered into one write, which costs a copy.
#[test]
fn small_messages_are_copied_once() {
    costs_at_most(5_000, 3_000, 8.0, 2.0);
}

#[test]
fn large_messages_go_out_as_they_came_in() {
    costs_at_most(600, 60_000, 12.0, 0.9);
    costs_at_most(12, 5_000_000, 200.0, 0.6);
}
