//! The IMAP connector against servers that lie, refuse, hang up and fall silent.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use std::time::Duration;

use imap_common::scripted::{PLAIN, Peer, serve, serve_settings};
use imap_common::{pieces, stored, uid};
use limosa_connectors::imap::{ImapConnector, Security};
use limosa_model::mailbox::{Basis, Batching, Detail, Fetched, Mailbox};
use limosa_model::message::Outcome;
use limosa_model::{
    Connector, ConnectorError, ErrorKind, Folder, FolderPath, IdList, MessageId, Piece, Retry, Scope, Watermark,
};

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

/// What a fetch of these UIDs comes to: the ends of messages, and the error that ended it.
async fn fetch(mailbox: &mut dyn Mailbox, ids: &IdList) -> (Vec<String>, Option<ConnectorError>) {
    let mut fetch = mailbox.fetch(&inbox(), ids).await.unwrap();
    let mut ends = Vec::new();
    let mut body = String::new();
    loop {
        let mut things = Vec::new();
        let more = fetch.next(&mut things).await;
        for thing in things {
            match thing {
                Fetched::Piece(Piece::Head(head)) => {
                    let date = head.internal_date.map(|date| date.seconds);
                    let head = format!("{} {:?} {date:?} {:?} ", head.id, head.flags, head.size.unwrap());
                    body = head;
                }
                Fetched::Piece(Piece::Body(bytes)) => body.push_str(&String::from_utf8_lossy(&bytes)),
                Fetched::Piece(Piece::End) => ends.push(std::mem::take(&mut body)),
                Fetched::Gone(id) => ends.push(format!("{id} gone")),
                Fetched::Unreadable(id, error) => {
                    assert_eq!(error.scope(), Scope::Item);
                    ends.push(format!("{id} unreadable"));
                }
            }
        }
        match more {
            Ok(true) => {}
            Ok(false) => return (ends, None),
            Err(error) => return (ends, Some(error)),
        }
    }
}

async fn refused(connector: ImapConnector) -> ConnectorError {
    match connector.open().await {
        Ok(_) => panic!("the server was taken for a good one"),
        Err(error) => error,
    }
}

const DATE: &str = "INTERNALDATE \" 1-Jan-1970 00:00:09 +0000\"";

#[tokio::test]
async fn the_order_of_items_is_the_servers_choice() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(2).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "UID FETCH 1:2 (UID FLAGS INTERNALDATE BODY.PEEK[])");
        for number in 1..=2 {
            peer.send(format!("* {number} FETCH (BODY[] {{3}}\r\nab{number} FLAGS (\\Seen) {DATE} UID {number})\r\n"))
                .await;
        }
        peer.send(format!("{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "UID FETCH 1:2 (UID FLAGS INTERNALDATE)");
        for number in 1..=2 {
            peer.send(format!("* {number} FETCH ({DATE} FLAGS (\\Seen) UID {number})\r\n")).await;
        }
        peer.send(format!("{tag} OK done\r\n")).await;
        for number in 1..=2 {
            let (tag, command) = peer.command().await;
            assert_eq!(command, format!("UID FETCH {number} (UID FLAGS INTERNALDATE BODY.PEEK[])"));
            peer.send(format!(
                "* {number} FETCH (BODY[] {{3}}\r\nab{number} FLAGS (\\Seen) UID {number})\r\n{tag} OK done\r\n"
            ))
            .await;
        }
        peer.line().await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let (ends, error) = fetch(&mut *mailbox, &IdList::uid_range(1, 2)).await;
    assert!(error.is_none());
    assert_eq!(ends, ["1 {\"\\\\Seen\"} Some(9) 3 ab1", "2 {\"\\\\Seen\"} Some(9) 3 ab2"]);
    mailbox.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn one_bad_message_costs_no_other() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(5).await;
        let (tag, _) = peer.command().await;
        let good =
            |number: u32| format!("* {number} FETCH (UID {number} FLAGS () {DATE} BODY[] {{1}}\r\n{number})\r\n");
        // News in between belong to nobody.
        peer.send(format!("{}* 6 EXISTS\r\n* 4 FETCH (FLAGS (\\Seen))\r\n{}", good(1), good(5))).await;
        peer.send(format!("* 2 FETCH (UID 2 FLAGS () {DATE} BODY[] NIL)\r\n{tag} NO some could not be read\r\n")).await;
        for (number, answer) in [(2, "NO damaged"), (3, "OK nothing there"), (4, "OK")] {
            let (tag, command) = peer.command().await;
            assert!(command.starts_with(&format!("UID FETCH {number} ")), "{command}");
            if number == 4 {
                peer.send(good(4)).await;
            }
            peer.send(format!("{tag} {answer}\r\n")).await;
        }
        let (tag, command) = peer.command().await;
        assert_eq!((command.as_str(), peer.heard[peer.heard.len() - 2].contains("NOOP")), ("UID FETCH 3 (UID)", true));
        peer.send(format!("{tag} OK not there\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let (mut ends, error) = fetch(&mut *mailbox, &IdList::uid_range(1, 5)).await;
    assert!(error.is_none());
    ends.sort();
    assert_eq!(ends, ["1 {} Some(9) 1 1", "2 unreadable", "3 gone", "4 {} Some(9) 1 4", "5 {} Some(9) 1 5"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_short_literal_is_no_message() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(2).await;
        let (tag, _) = peer.command().await;
        let rest = format!("* 2 FETCH (UID 2 FLAGS () {DATE} BODY[] {{3}}\r\nabc)\r\n{tag} OK done\r\n");
        // Ten bytes are announced, and five come: the next line is taken for the rest.
        peer.send(format!("* 1 FETCH (UID 1 FLAGS () {DATE} BODY[] {{10}}\r\nabcde)\r\n{rest}")).await;
        assert!(peer.at_end().await);
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let (ends, error) = fetch(&mut *mailbox, &IdList::uid_range(1, 2)).await;
    assert_eq!(ends, Vec::<String>::new(), "no message is whole");
    let error = error.expect("an error");
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Protocol, Scope::Connection));
    assert!(mailbox.survey().await.is_err(), "a connection that is out of step is not used again");
    drop(mailbox);
    server.await.unwrap();
}

#[tokio::test]
async fn bye_in_the_middle_of_a_message_is_told_in_the_servers_words() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(2).await;
        peer.command().await;
        peer.send(format!("* 1 FETCH (UID 1 FLAGS () {DATE} BODY[] {{3}}\r\nabc)\r\n* BYE going down for tea\r\n"))
            .await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let (ends, error) = fetch(&mut *mailbox, &IdList::uid_range(1, 2)).await;
    assert_eq!(ends, ["1 {} Some(9) 3 abc"]);
    let error = error.expect("an error");
    assert_eq!((error.kind(), error.retry()), (ErrorKind::ConnectionLost, Retry::Now));
    assert!(error.to_string().contains("going down for tea"), "{error}");
    server.await.unwrap();
}

/// Dovecot hangs up on a message that turns out damaged while it is sent.
#[tokio::test]
async fn a_message_at_which_connections_break_is_given_up_at_last() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let mut requests = Vec::new();
        while requests.len() < 4 {
            let (stream, _) = listener.accept().await.unwrap();
            let mut peer = Peer::new(stream);
            peer.sign_in(PLAIN).await;
            peer.select(3).await;
            let mut asked = Vec::new();
            loop {
                let (tag, command) = peer.command().await;
                if !command.starts_with("UID FETCH") {
                    break;
                }
                let set = command.split(' ').nth(2).unwrap().to_owned();
                let uids: Vec<u32> = match set.as_str() {
                    "1:3" => vec![1, 2, 3],
                    "1,3" => vec![1, 3],
                    one => vec![one.parse().unwrap()],
                };
                asked.push(set);
                let mut broken = false;
                for number in uids {
                    let size = if number == 2 { 900 } else { 3 };
                    peer.send(format!("* {number} FETCH (UID {number} FLAGS () {DATE} BODY[] {{{size}}}\r\nabc")).await;
                    if number == 2 {
                        broken = true;
                        break;
                    }
                    peer.send(")\r\n").await;
                }
                if broken {
                    break;
                }
                peer.send(format!("{tag} OK done\r\n")).await;
            }
            requests.push(asked);
        }
        requests
    });
    let (mut settings, idle) = serve_settings(|_| async {}).await;
    idle.abort();
    settings.port = port;
    let connector = ImapConnector::new(settings).unwrap();
    let mut ends = Vec::new();
    for round in 0..3 {
        let mut mailbox = connector.open().await.unwrap();
        let (got, error) = fetch(&mut *mailbox, &IdList::uid_range(1, 3)).await;
        assert_eq!(error.is_some(), round < 2, "{error:?}");
        ends.push(got);
        mailbox.close().await;
    }
    assert_eq!(ends[0], ["1 {} Some(9) 3 abc"]);
    assert_eq!(ends[1], ["1 {} Some(9) 3 abc", "3 {} Some(9) 3 abc"], "the others go first");
    assert_eq!(ends[2], ["2 unreadable", "1 {} Some(9) 3 abc", "3 {} Some(9) 3 abc"]);
    server.abort();
}

#[tokio::test]
async fn silence_is_an_error_and_not_for_ever() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        while let Ok(1..) = peer.try_read(&mut 0).await {}
    };
    let (mut settings, server) = serve_settings(script).await;
    settings.timeouts.answer = Duration::from_millis(200);
    let mut mailbox = ImapConnector::new(settings).unwrap().open().await.unwrap();
    let error = mailbox.survey().await.unwrap_err();
    assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::TimedOut, Scope::Connection, Retry::Now));
    drop(mailbox);
    server.await.unwrap();
}

#[tokio::test]
async fn a_server_that_reads_only_when_it_is_read_does_not_bring_us_to_a_standstill() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ MULTIAPPEND UIDPLUS")).await;
        peer.select(0).await;
        let line = peer.line().await;
        let (tag, _) = line.split_once(' ').unwrap();
        // More than all buffers on the way hold, before a byte of the message is read.
        for number in 0..200_000 {
            peer.send(format!("* OK still here, and at line {number}, with words that fill buffers on the way\r\n"))
                .await;
        }
        peer.read(12_000_000).await;
        assert_eq!(peer.line().await, "");
        peer.send(format!("{tag} OK [APPENDUID 7 1] done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
    let body = vec![b'x'; 12_000_000];
    let writing = async {
        writer.write(&mut pieces(1, &[], 0, &body)).await.unwrap();
        writer.finish().await.unwrap()
    };
    let receipts = tokio::time::timeout(Duration::from_secs(60), writing).await.expect("no standstill");
    assert_eq!(stored(&receipts), [Some(1)]);
    server.await.unwrap();
}

/// The outcomes of messages `1..=count`, each three bytes long.
async fn write_three_bytes(connector: &ImapConnector, count: u32, batching: Batching) -> Vec<String> {
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), batching).await.unwrap();
    let mut receipts = Vec::new();
    for number in 1..=count {
        writer.write(&mut pieces(number, &[], 0, b"abc")).await.unwrap();
        receipts.extend(writer.receipts());
    }
    receipts.extend(writer.finish().await.unwrap());
    let outcome = |outcome: &Outcome| match outcome {
        Outcome::Stored(id) => format!("stored {:?}", id.as_ref().map(uid)),
        Outcome::Refused(error) => format!("{:?} {:?}", error.kind(), error.scope()),
        Outcome::RolledBack => "rolled back".into(),
    };
    receipts.iter().map(|receipt| format!("{} {}", receipt.id, outcome(&receipt.outcome))).collect()
}

#[tokio::test]
async fn a_refused_batch_is_rolled_back_and_a_refused_message_is_refused() {
    for (answer, expected) in [
        ("NO [OVERQUOTA] full", "1 OverQuota Mailbox"),
        ("NO [TOOBIG] no", "1 TooBig Item"),
        ("NO You exceeded your mail quota.", "1 OverQuota Mailbox"),
        ("BAD what is this", "1 Malformed Item"),
        ("OK done", "1 stored None"),
        ("OK [APPENDUID 8 5] of another validity", "1 stored None"),
        ("OK [APPENDUID 7 5:6] too many", "1 stored None"),
        ("OK [APPENDUID 7 2] of a message that was there before", "1 stored None"),
        ("OK [APPENDUID 7 5] done", "1 stored Some(5)"),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(&format!("{PLAIN} LITERAL+ UIDPLUS")).await;
            peer.select(2).await;
            let line = peer.line().await;
            assert!(line.ends_with("{3+}"), "{line}");
            assert_eq!(peer.line().await, "abc");
            peer.send(format!("{} {answer}\r\n", line.split_once(' ').unwrap().0)).await;
        };
        let (connector, server) = serve(script).await;
        assert_eq!(write_three_bytes(&connector, 1, Batching::Free).await, [expected]);
        server.await.unwrap();
    }
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ MULTIAPPEND UIDPLUS")).await;
        peer.select(0).await;
        let line = peer.line().await;
        for _ in 0..2 {
            assert!(peer.line().await.starts_with("abc \""), "the next message of the batch");
        }
        assert_eq!(peer.line().await, "abc");
        peer.send(format!("{} NO one of them is bad\r\n", line.split_once(' ').unwrap().0)).await;
    };
    let (connector, server) = serve(script).await;
    let outcomes = write_three_bytes(&connector, 3, Batching::Free).await;
    assert_eq!(outcomes, ["1 rolled back", "2 rolled back", "3 rolled back"]);
    server.await.unwrap();
}

#[tokio::test]
async fn trouble_that_is_not_the_messages_fault_is_an_error() {
    for (answer, kind, scope, retry) in [
        ("NO [UNAVAILABLE] later", ErrorKind::ServerFault, Scope::Folder, Retry::Now),
        ("NO [INUSE] locked", ErrorKind::ServerFault, Scope::Folder, Retry::Now),
        ("NO [TRYCREATE] no such folder", ErrorKind::Gone, Scope::Folder, Retry::Never),
        ("NO [NOPERM] hands off", ErrorKind::NotPermitted, Scope::Folder, Retry::Never),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(&format!("{PLAIN} LITERAL+")).await;
            peer.select(0).await;
            let line = peer.line().await;
            peer.line().await;
            peer.send(format!("{} {answer}\r\n", line.split_once(' ').unwrap().0)).await;
        };
        let (connector, server) = serve(script).await;
        let mut target = connector.open_target().await.unwrap();
        let mut writer = target.writer(&inbox(), Batching::Alone).await.unwrap();
        let written = writer.write(&mut pieces(1, &[], 0, b"abc")).await;
        let error = match written {
            Ok(()) => writer.finish().await.unwrap_err(),
            Err(error) => error,
        };
        assert_eq!((error.kind(), error.scope(), error.retry()), (kind, scope, retry), "{answer}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_literal_that_was_refused_is_not_sent() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(0).await;
        let first = peer.line().await;
        assert!(first.ends_with("{3}"), "{first}");
        peer.send(format!("{} NO [TOOBIG] not this one\r\n", first.split_once(' ').unwrap().0)).await;
        let second = peer.line().await;
        assert!(second.contains(" APPEND ") && second.ends_with("{3}"), "{second}");
        peer.send("+ go on\r\n").await;
        assert_eq!(peer.line().await, "abc");
        peer.send(format!("{} OK done\r\n", second.split_once(' ').unwrap().0)).await;
    };
    let (connector, server) = serve(script).await;
    let outcomes = write_three_bytes(&connector, 2, Batching::Free).await;
    assert_eq!(outcomes, ["1 TooBig Item", "2 stored None"]);
    server.await.unwrap();
}

#[tokio::test]
async fn a_literal_under_way_is_sent_to_its_end_though_the_server_has_refused() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ MULTIAPPEND")).await;
        peer.select(0).await;
        let first = peer.line().await;
        assert!(first.ends_with("{3000000+}"), "{first}");
        peer.read(10).await;
        peer.send(format!("{} NO [TOOBIG] no\r\n", first.split_once(' ').unwrap().0)).await;
        peer.read(3_000_000 - 10).await;
        assert_eq!(peer.line().await, "", "and the batch is ended");
        let second = peer.line().await;
        assert!(second.contains(" APPEND ") && second.ends_with("{3+}"), "{second}");
        assert_eq!(peer.line().await, "abc");
        peer.send(format!("{} OK done\r\n", second.split_once(' ').unwrap().0)).await;
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
    // Piece by piece, so that the refusal comes while the message is under way.
    for piece in pieces(1, &[], 0, &vec![b'x'; 3_000_000]) {
        writer.write(&mut vec![piece]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let mut receipts = writer.receipts();
    writer.write(&mut pieces(2, &[], 0, b"abc")).await.unwrap();
    receipts.extend(writer.finish().await.unwrap());
    assert_eq!(receipts.len(), 2);
    assert!(matches!(&receipts[0].outcome, Outcome::Refused(error) if error.kind() == ErrorKind::TooBig));
    assert!(matches!(receipts[1].outcome, Outcome::Stored(None)));
    server.await.unwrap();
}

#[tokio::test]
async fn a_message_over_the_servers_limit_is_not_even_sent() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ APPENDLIMIT=2")).await;
        peer.select(0).await;
        assert_eq!(peer.line().await, "", "nothing more comes");
    };
    let (connector, server) = serve(script).await;
    assert_eq!(write_three_bytes(&connector, 1, Batching::Free).await, ["1 TooBig Item"]);
    server.await.unwrap();
}

#[tokio::test]
async fn an_aborted_message_never_arrives_whole() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+")).await;
        peer.select(0).await;
        let line = peer.line().await;
        assert!(line.ends_with("{1000000+}"), "{line}");
        let mut got = 0;
        while let Ok(1..) = peer.try_read(&mut got).await {}
        assert!(got < 1_000_000, "{got}");
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
    let mut unfinished = pieces(1, &[], 0, &vec![b'x'; 1_000_000]);
    unfinished.truncate(unfinished.len() - 2);
    writer.write(&mut unfinished).await.unwrap();
    writer.abort().await;
    assert!(target.survey().await.is_err(), "the connection is gone with it");
    server.await.unwrap();
}

/// RFC 9051 §6.4.9: `n:*` always holds the last message.
#[tokio::test]
async fn the_last_message_is_no_arrival() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(9).await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("UID SEARCH"), "{command}");
        peer.send(format!("* SEARCH 9 4\r\n{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let arrived = mailbox.arrivals(&inbox(), Some(&Watermark::new("v=7;n=9;m=-;c=8"))).await.unwrap();
    assert_eq!(arrived, IdList::uid_range(9, 9));
    server.await.unwrap();
}

#[tokio::test]
async fn what_an_old_server_does_not_say_on_opening_is_asked_for() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "EXAMINE INBOX");
        peer.send(format!("* 1 EXISTS\r\n* OK [UIDVALIDITY 3] v\r\n{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "STATUS INBOX (MESSAGES UIDNEXT UIDVALIDITY)");
        peer.send(format!("* STATUS INBOX (MESSAGES 1 UIDNEXT 12 UIDVALIDITY 3)\r\n{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "UID FETCH 1:11 (UID FLAGS)");
        peer.send(format!("* 1 FETCH (UID 11 FLAGS (Work))\r\n{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let page = mailbox.changes(&inbox(), None, Detail::Flags, None).await.unwrap();
    assert_eq!(page.basis, Basis::Full);
    assert_eq!(page.present.iter().map(|item| item.id.clone()).collect::<Vec<_>>(), [MessageId::Uid(11)]);
    assert_eq!(page.watermark, Some(Watermark::new("v=3;n=12;m=-;c=1")));
    server.await.unwrap();
}

/// A listing that lacks messages would make them look removed.
#[tokio::test]
async fn a_listing_that_the_server_could_not_finish_is_an_error() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(3).await;
        let (tag, _) = peer.command().await;
        peer.send(format!("* 1 FETCH (UID 1 FLAGS ())\r\n{tag} NO could not read the rest\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    mailbox.changes(&inbox(), None, Detail::Flags, None).await.unwrap_err();
    server.await.unwrap();
}

/// Changes that do not add up with the number of messages are not believed.
#[tokio::test]
async fn a_delta_that_does_not_add_up_becomes_a_listing() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} ENABLE QRESYNC")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "EXAMINE INBOX (QRESYNC (7 50))");
        peer.send("* 3 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 9] n\r\n* OK [HIGHESTMODSEQ 60] m\r\n").await;
        // One message is said to be new, but the folder has lost two.
        peer.send(format!("* 3 FETCH (UID 8 FLAGS () MODSEQ (60))\r\n{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "UID FETCH 1:8 (UID FLAGS)");
        for (number, uid) in [(1, 2), (2, 5), (3, 8)] {
            peer.send(format!("* {number} FETCH (UID {uid} FLAGS ())\r\n")).await;
        }
        peer.send(format!("{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let since = Watermark::new("v=7;n=8;m=50;c=4");
    let page = mailbox.changes(&inbox(), Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.present.len()), (Basis::Full, 3));
    server.await.unwrap();
}

#[tokio::test]
async fn what_a_former_folder_still_had_to_say_is_no_change_in_the_next() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} ENABLE QRESYNC")).await;
        let (tag, _) = peer.command().await;
        // Until CLOSED it is about the folder before (RFC 7162 §3.2.11).
        peer.send("* VANISHED (EARLIER) 1:2\r\n* 9 FETCH (UID 99 FLAGS () MODSEQ (70))\r\n* OK [CLOSED] .\r\n").await;
        peer.send("* 4 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 120] n\r\n* OK [HIGHESTMODSEQ 60] m\r\n")
            .await;
        peer.send(format!("* 1 FETCH (UID 3 FLAGS (\\Seen) MODSEQ (60))\r\n{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let since = Watermark::new("v=7;n=120;m=50;c=4");
    let page = mailbox.changes(&inbox(), Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.vanished.len()), (Basis::Delta, 0));
    assert_eq!(page.present.iter().map(|item| item.id.clone()).collect::<Vec<_>>(), [MessageId::Uid(3)]);
    server.await.unwrap();
}

#[tokio::test]
async fn qresync_that_is_offered_and_refused_is_done_without() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} ENABLE QRESYNC")).await;
        let (tag, command) = peer.command().await;
        assert!(command.contains("QRESYNC"), "{command}");
        peer.send(format!("{tag} BAD no such parameter\r\n")).await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "EXAMINE INBOX (CONDSTORE)");
        peer.send(format!("{tag} BAD nor this one\r\n")).await;
        peer.select(1).await;
        let (tag, _) = peer.command().await;
        peer.send(format!("* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let since = Watermark::new("v=7;n=2;m=50;c=1");
    let page = mailbox.changes(&inbox(), Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.present.len()), (Basis::Full, 1));
    server.await.unwrap();
}

#[tokio::test]
async fn a_bye_for_a_greeting_is_told() {
    for (words, kind) in [
        ("Too many connections, try again later", ErrorKind::Throttled),
        ("No room for strangers", ErrorKind::ServerFault),
    ] {
        let script = move |mut peer: Peer| async move { peer.send(format!("* BYE {words}\r\n")).await };
        let (connector, _) = serve(script).await;
        let error = refused(connector).await;
        assert_eq!(error.kind(), kind);
        assert!(error.to_string().contains(words), "{error}");
    }
}

#[tokio::test]
async fn what_is_no_imap_server_is_named() {
    for greeting in [
        "220 mail.example ESMTP\r\n",
        "+OK POP3 ready\r\n",
        "SSH-2.0-OpenSSH_9.2\r\n",
        "HTTP/1.1 400 Bad Request\r\n\r\n",
    ] {
        let script = move |mut peer: Peer| async move {
            peer.send(greeting).await;
            peer.at_end().await;
        };
        let (connector, _) = serve(script).await;
        let error = refused(connector).await;
        assert_eq!((error.kind(), error.retry()), (ErrorKind::Protocol, Retry::Never), "{greeting}");
        assert!(error.to_string().contains("127.0.0.1:"), "{error}");
        assert!(error.hint_text().is_some());
    }
}

#[tokio::test]
async fn preauth_needs_no_sign_in_and_no_tls_is_no_starttls() {
    let script = |mut peer: Peer| async move {
        peer.send("* PREAUTH [CAPABILITY IMAP4rev1] hello\r\n").await;
        let (tag, command) = peer.command().await;
        assert_eq!(command, "LIST \"\" *");
        let (lsub, _) = peer.command().await;
        peer.send(format!("* LIST () \"/\" INBOX\r\n{tag} OK done\r\n{lsub} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("STATUS INBOX"), "{command}");
        peer.send(format!("* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 5)\r\n{tag} OK done\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    assert_eq!(mailbox.survey().await.unwrap().folders.len(), 1);
    assert_eq!(connector.meter().read().round_trips, 2);
    server.await.unwrap();

    for greeting in ["* PREAUTH hello\r\n", "* OK [CAPABILITY IMAP4rev1] hello\r\n", "* OK hello\r\n"] {
        let script = move |mut peer: Peer| async move {
            peer.send(greeting).await;
            let line = peer.line().await;
            if let Some((tag, _)) = line.split_once(' ') {
                peer.send(format!("{tag} BAD no\r\n")).await;
                assert_eq!(peer.line().await, "", "nothing is said in the clear");
            }
        };
        let (mut settings, server) = serve_settings(script).await;
        settings.security = Security::StartTls;
        let error = refused(ImapConnector::new(settings).unwrap()).await;
        assert_eq!(error.kind(), ErrorKind::TlsRefused, "{greeting}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_password_that_the_server_repeats_is_not_shown() {
    let script = |mut peer: Peer| async move {
        peer.send("* OK [CAPABILITY IMAP4rev1] hello\r\n").await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("LOGIN"), "{command}");
        peer.send(format!("{tag} BAD cannot understand: {command}\r\n")).await;
    };
    let (connector, server) = serve(script).await;
    let error = refused(connector).await;
    assert_eq!(error.kind(), ErrorKind::SignIn);
    assert!(!format!("{error} {error:?}").contains("open-sesame"), "{error:?}");
    server.await.unwrap();
}

#[tokio::test]
async fn an_operation_that_was_given_up_does_not_disturb_the_next() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(300).await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("UID FETCH 1:50 "), "{command}");
        let message = |number: u32| format!("* {number} FETCH (UID {number} FLAGS () {DATE} BODY[] {{3}}\r\nabc)\r\n");
        for number in 1..=50 {
            peer.send(message(number)).await;
        }
        peer.send(format!("{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("UID FETCH 51:100 "), "{command}");
        peer.send(format!("{}{tag} OK done\r\n", message(51))).await;
        loop {
            let (tag, command) = peer.command().await;
            if command.contains("[HEADER]") {
                peer.send(format!(
                    "* 1 FETCH (UID 1 RFC822.SIZE 3 FLAGS () {DATE} BODY[HEADER] {{2}}\r\n\r\n)\r\n{tag} OK done\r\n"
                ))
                .await;
                break;
            }
            peer.send(format!("{tag} OK done\r\n")).await;
        }
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let mut fetch = mailbox.fetch(&inbox(), &IdList::uid_range(1, 300)).await.unwrap();
    let mut things = Vec::new();
    fetch.next(&mut things).await.unwrap();
    drop(fetch);
    let headers = mailbox.headers(&inbox(), &IdList::uid_range(1, 1)).await.unwrap();
    assert_eq!(headers.len(), 1);
    assert_eq!(&headers[0].header[..], b"\r\n");
    server.await.unwrap();
}

/// A Dovecot in front of another server calls itself so, and what is behind it does not know X-GUID.
#[tokio::test]
async fn a_dovecot_that_does_not_know_its_own_ids_is_asked_without_them() {
    const OFFERS: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR LIST-EXTENDED LIST-STATUS";
    for offers in [OFFERS, PLAIN] {
        let script = move |mut peer: Peer| async move {
            peer.send(format!("* OK [CAPABILITY {offers}] Dovecot ready.\r\n")).await;
            let (tag, _) = peer.command().await;
            peer.send(format!("{tag} OK [CAPABILITY {offers}] welcome\r\n")).await;
            for known in [false, true, true] {
                loop {
                    let (tag, command) = peer.command().await;
                    if command.starts_with("LIST") && !command.contains("STATUS") {
                        peer.send(format!("* LIST () \"/\" INBOX\r\n{tag} OK done\r\n")).await;
                        continue;
                    }
                    if command.starts_with("LSUB") {
                        peer.send(format!("{tag} OK done\r\n")).await;
                        continue;
                    }
                    assert_eq!(command.contains("X-GUID"), !known, "{command}");
                    let counts = "* STATUS INBOX (MESSAGES 3 UIDNEXT 4 UIDVALIDITY 7)\r\n";
                    let answer = match known {
                        false => format!("{tag} BAD Invalid status item X-GUID\r\n"),
                        true => format!("* LIST () \"/\" INBOX\r\n{counts}{tag} OK done\r\n"),
                    };
                    peer.send(answer).await;
                    break;
                }
            }
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        for _ in 0..2 {
            let survey = mailbox.survey().await.unwrap();
            assert_eq!(survey.folders[0].state.as_ref().unwrap().messages, 3);
            assert!(!survey.quirks.iter().any(|quirk| quirk.contains("LIST-STATUS")), "{:?}", survey.quirks);
        }
        server.await.unwrap();
    }
}
