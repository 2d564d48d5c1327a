//! The IMAP connector against targets that fail on batches, answer out of turn, or stop reading.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use std::time::Duration;

use imap_common::scripted::{PLAIN, Peer, serve, serve_each, serve_tight};
use imap_common::{copy, pieces, stored};
use limosa_connectors::imap::ImapConnector;
use limosa_model::mailbox::{Batching, Target};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{Connector, ErrorKind, Folder, FolderPath, IdList, MessageId};

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

const BATCHES: &str = "LITERAL+ MULTIAPPEND UIDPLUS";

/// An APPEND with all its messages: its tag, and each message's bytes. `None` when the client has gone.
async fn append(peer: &mut Peer) -> Option<(String, Vec<Vec<u8>>)> {
    let (tag, mut line) = peer.command().await;
    if tag.is_empty() {
        return None;
    }
    assert!(line.starts_with("APPEND "), "{line}");
    let mut messages = Vec::new();
    while let Some((_, size)) = line.strip_suffix("+}").and_then(|rest| rest.rsplit_once('{')) {
        messages.push(peer.read(size.parse().unwrap()).await);
        line = peer.line().await;
    }
    Some((tag, messages))
}

/// Writes these messages, three bytes each, as the engine would: what is rolled back is written again, alone.
async fn write(target: &mut dyn Target, ids: std::ops::RangeInclusive<u32>) -> Vec<Receipt> {
    let mut receipts = Vec::new();
    let mut left: Vec<MessageId> = ids.map(MessageId::Uid).collect();
    for batching in [Batching::Free, Batching::Alone] {
        let mut writer = target.writer(&inbox(), batching).await.unwrap();
        for id in &left {
            writer.write(&mut pieces(imap_common::uid(id), &[], 0, b"abc")).await.unwrap();
            receipts.extend(writer.receipts());
        }
        receipts.extend(writer.finish().await.unwrap());
        let (again, ended) = receipts.into_iter().partition(|receipt| matches!(receipt.outcome, Outcome::RolledBack));
        receipts = ended;
        left = again.into_iter().map(|receipt: Receipt| receipt.id).collect();
        if left.is_empty() {
            break;
        }
    }
    receipts
}

/// Answers batches of several messages with `refusal`, except the `good`-th and later ones; single messages are stored. Answers how many
/// messages each command had.
async fn refuses_batches(peer: &mut Peer, refusal: &str, good: usize) -> Vec<usize> {
    let (mut counts, mut next, mut batches) = (Vec::new(), 1, 0);
    while let Some((tag, messages)) = append(peer).await {
        let count = messages.len();
        counts.push(count);
        assert!(messages.iter().all(|message| message == b"abc"));
        batches += usize::from(count > 1);
        if count > 1 && batches <= good {
            peer.send(format!("{tag} {refusal}\r\n")).await;
            continue;
        }
        peer.send(format!("{tag} OK [APPENDUID 7 {next}:{}] done\r\n", next + count - 1)).await;
        next += count;
    }
    counts
}

/// MULTIAPPEND that is offered and never works costs two batches, and no message.
#[tokio::test]
async fn batches_that_always_fail_are_given_up() {
    for refusal in ["BAD Error in IMAP command APPEND", "NO not more than one"] {
        let (told, heard) = tokio::sync::oneshot::channel();
        let script = move |mut peer: Peer| async move {
            peer.sign_in(&format!("{PLAIN} {BATCHES}")).await;
            peer.select(0).await;
            let counts = refuses_batches(&mut peer, refusal, usize::MAX).await;
            told.send(counts).unwrap();
        };
        let (connector, server) = serve(script).await;
        let mut target = connector.open_target().await.unwrap();
        // Stored or not, each is answered before the next is written: nothing more is under way when the server refuses.
        let mut receipts = write(&mut *target, 1..=2).await;
        receipts.extend(write(&mut *target, 3..=4).await);
        receipts.extend(write(&mut *target, 5..=10).await);
        assert_eq!(stored(&receipts), (1..=10).map(Some).collect::<Vec<_>>());
        drop(target);
        server.await.unwrap();
        assert_eq!(heard.await.unwrap(), [vec![2, 1, 1, 2, 1, 1], vec![1; 6]].concat(), "{refusal}");
    }
}

/// A server may also hang up at MULTIAPPEND: what it does on two connections it would do on all.
#[tokio::test]
async fn batches_that_end_connections_are_given_up() {
    let script = |number: usize, mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} {BATCHES}")).await;
        peer.select(0).await;
        if number < 2 {
            assert_eq!(append(&mut peer).await.unwrap().1.len(), 3);
        } else {
            let counts = refuses_batches(&mut peer, "NO never", usize::MAX).await;
            assert_eq!(counts, [1, 1, 1], "one by one from the third connection on");
        }
    };
    let (connector, server) = serve_each(3, script).await;
    for _ in 0..2 {
        let mut target = connector.open_target().await.unwrap();
        let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
        for id in 1..=3 {
            writer.write(&mut pieces(id, &[], 0, b"abc")).await.unwrap();
        }
        assert_eq!(writer.finish().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    }
    let mut target = connector.open_target().await.unwrap();
    assert_eq!(write(&mut *target, 1..=3).await.len(), 3);
    drop(target);
    server.await.unwrap();
}

/// A batch that is refused for one of its messages says nothing of the others.
#[tokio::test]
async fn batches_that_have_worked_are_not_given_up() {
    let (told, heard) = tokio::sync::oneshot::channel();
    let script = move |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} {BATCHES}")).await;
        peer.select(0).await;
        let mut counts = refuses_batches(&mut peer, "NO one of them is bad", 1).await;
        counts.dedup();
        told.send(counts).unwrap();
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut receipts = write(&mut *target, 1..=3).await;
    receipts.extend(write(&mut *target, 4..=6).await);
    receipts.extend(write(&mut *target, 7..=9).await);
    assert_eq!(stored(&receipts), (1..=9).map(Some).collect::<Vec<_>>());
    drop(target);
    server.await.unwrap();
    assert_eq!(heard.await.unwrap(), [3, 1, 3]);
}

/// A full quota is no fault of MULTIAPPEND's.
#[tokio::test]
async fn batches_are_not_given_up_for_want_of_room() {
    let script = move |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} {BATCHES}")).await;
        peer.select(0).await;
        for _ in 0..3 {
            let (tag, messages) = append(&mut peer).await.unwrap();
            assert_eq!(messages.len(), 2);
            peer.send(format!("{tag} NO [OVERQUOTA] full\r\n")).await;
        }
        peer.at_end().await;
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    for _ in 0..3 {
        let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
        writer.write(&mut pieces(1, &[], 0, b"abc")).await.unwrap();
        writer.write(&mut pieces(2, &[], 0, b"abc")).await.unwrap();
        let receipts = writer.finish().await.unwrap();
        assert!(receipts.iter().all(|receipt| matches!(receipt.outcome, Outcome::RolledBack)));
    }
    drop(target);
    server.await.unwrap();
}

/// RFC 9051 §5.5: answers to commands that do not depend on one another may come in any order.
#[tokio::test]
async fn answers_out_of_turn_go_to_their_own_messages() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ UIDPLUS")).await;
        peer.select(0).await;
        let mut tags = Vec::new();
        for _ in 0..3 {
            tags.push(append(&mut peer).await.unwrap().0);
        }
        // The largest was the first to be sent and is the last to be answered; one says no UID.
        peer.send(format!("{} OK [APPENDUID 7 12] done\r\n", tags[2])).await;
        peer.send(format!("{} OK done\r\n", tags[1])).await;
        peer.send(format!("{} OK [APPENDUID 7 11] done\r\n", tags[0])).await;
        peer.at_end().await;
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
    for (number, size) in [(1, 90_000), (2, 4_000), (3, 3)] {
        writer.write(&mut pieces(number, &[], 0, &vec![b'x'; size])).await.unwrap();
    }
    let mut receipts = writer.finish().await.unwrap();
    receipts.sort_by_key(|receipt| imap_common::uid(&receipt.id));
    assert_eq!(stored(&receipts), [Some(11), None, Some(12)]);
    drop(target);
    server.await.unwrap();
}

const DATE: &str = "INTERNALDATE \" 1-Jan-1970 00:00:09 +0000\"";

/// A source with little room on the way that reads nothing while it speaks.
async fn tight_source(messages: u32, size: usize) -> ImapConnector {
    let script = move |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(messages).await;
        let body = vec![b's'; size];
        loop {
            let (tag, command) = peer.command().await;
            let Some(set) = command.strip_prefix("UID FETCH ").and_then(|rest| rest.split(' ').next()) else { return };
            let (first, last) = set.split_once(':').unwrap_or((set, set));
            for uid in first.parse::<u32>().unwrap()..=last.parse().unwrap() {
                peer.send(format!("* {uid} FETCH (UID {uid} FLAGS () {DATE} BODY[] {{{size}}}\r\n")).await;
                peer.send(&body).await;
                peer.send(")\r\n").await;
            }
            peer.send(format!("{tag} OK done\r\n")).await;
        }
    };
    serve_tight(script).await.0
}

/// A target with little room on the way that reads nothing until all is heard that it has to say before each batch.
async fn tight_target(chatter: usize) -> (ImapConnector, tokio::task::JoinHandle<()>) {
    let script = move |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} {BATCHES}")).await;
        peer.select(0).await;
        let mut next = 1;
        loop {
            for line in 0..chatter {
                if !peer
                    .try_send(
                        format!("* OK still here, and at line {line}, with words that fill buffers\r\n").as_bytes(),
                    )
                    .await
                {
                    return;
                }
            }
            let Some((tag, messages)) = append(&mut peer).await else { return };
            let last = next + messages.len() - 1;
            if !peer.try_send(format!("{tag} OK [APPENDUID 7 {next}:{last}] done\r\n").as_bytes()).await {
                return;
            }
            next = last + 1;
        }
    };
    serve_tight(script).await
}

/// Both sides speak before they listen, with buffers of some kilobytes between; more is under way than all of them hold.
#[tokio::test]
async fn servers_that_stop_reading_until_they_are_read_bring_nobody_to_a_standstill() {
    const MESSAGES: u32 = 400;
    const SIZE: usize = 60_000;
    let source = tight_source(MESSAGES, SIZE).await;
    let (target, server) = tight_target(60_000).await;
    let mut from = source.open().await.unwrap();
    let mut to = target.open_target().await.unwrap();
    let (folder, ids) = (inbox(), IdList::uid_range(1, MESSAGES));
    let copying = copy(&mut *from, &folder, &ids, &mut *to, &folder, Batching::Free);
    let receipts = tokio::time::timeout(Duration::from_secs(120), copying).await.expect("no standstill");
    assert_eq!(stored(&receipts), (1..=MESSAGES).map(Some).collect::<Vec<_>>());
    drop((from, to));
    server.await.unwrap();
}
