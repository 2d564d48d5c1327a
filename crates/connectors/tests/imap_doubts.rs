//! The IMAP connector against servers that leave out what they were asked for: nothing is taken for gone without proof.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use std::time::Duration;

use imap_common::pieces;
use imap_common::scripted::{PLAIN, Peer, serve};
use limosa_model::folder::FolderState;
use limosa_model::mailbox::{Batching, Detail, Fetched, Mailbox};
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

const DATE: &str = "INTERNALDATE \" 1-Jan-1970 00:00:09 +0000\"";

fn message(uid: u32) -> String {
    format!("* {uid} FETCH (UID {uid} FLAGS () {DATE} BODY[] {{3}}\r\nabc)\r\n")
}

/// How each message of a fetch ends, in order of ids; or the error that ended it.
async fn fetch(mailbox: &mut dyn Mailbox, last: u32) -> Result<Vec<String>, ConnectorError> {
    let mut fetch = mailbox.fetch(&inbox(), &IdList::uid_range(1, last)).await?;
    let (mut ends, mut under_way) = (Vec::new(), String::new());
    loop {
        let mut things = Vec::new();
        let more = fetch.next(&mut things).await?;
        for thing in things {
            match thing {
                Fetched::Piece(Piece::Head(head)) => {
                    under_way =
                        format!("{} {:?} {:?}", head.id, head.flags, head.internal_date.map(|date| date.seconds));
                }
                Fetched::Piece(Piece::Body(_)) => {}
                Fetched::Piece(Piece::End) => ends.push(std::mem::take(&mut under_way)),
                Fetched::Gone(id) => ends.push(format!("{id} gone")),
                Fetched::Unreadable(id, _) => ends.push(format!("{id} unreadable")),
            }
        }
        if !more {
            ends.sort();
            return Ok(ends);
        }
    }
}

#[tokio::test]
async fn silence_does_not_make_a_message_gone() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(4).await;
        let (tag, _) = peer.command().await;
        peer.send(format!("{}{tag} OK done\r\n", message(1))).await;
        // 2 comes when asked for alone, 3 is gone, 4 is there and never comes.
        let mut times = 0;
        while times < 2 {
            let (tag, command) = peer.command().await;
            assert!(command.ends_with(" (UID)"), "{command}");
            assert!(peer.heard[peer.heard.len() - 2].ends_with("NOOP"), "the server must look first");
            times += 1;
            let two = if times == 1 { "* 2 FETCH (UID 2)\r\n" } else { "" };
            peer.send(format!("{two}* 3 FETCH (UID 4)\r\n{tag} OK done\r\n")).await;
            if times == 1 {
                for uid in [2, 4] {
                    let (tag, command) = peer.command().await;
                    assert!(command.starts_with(&format!("UID FETCH {uid} ")), "{command}");
                    let body = if uid == 2 { message(2) } else { String::new() };
                    peer.send(format!("{body}{tag} OK done\r\n")).await;
                }
            }
        }
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let ends = fetch(&mut *mailbox, 4).await.unwrap();
    assert_eq!(ends, ["1 {} Some(9)", "2 {} Some(9)", "3 gone", "4 unreadable"]);
    server.await.unwrap();
}

#[tokio::test]
async fn one_message_without_metadata_costs_no_other_and_news_of_flags_no_date() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(2).await;
        let (tag, _) = peer.command().await;
        for uid in 1..=2 {
            peer.send(format!("* {uid} FETCH (BODY[] {{3}}\r\nabc FLAGS () {DATE} UID {uid})\r\n")).await;
        }
        peer.send(format!("{tag} OK done\r\n")).await;
        let mut refused = false;
        loop {
            let (tag, command) = peer.command().await;
            let Some(set) = command.strip_prefix("UID FETCH ").and_then(|rest| rest.split(' ').next()) else { return };
            if !command.contains("BODY") {
                let answer = match set {
                    "1:2" => format!("* 2 FETCH (UID 2 {DATE} FLAGS (\\Seen))\r\n{tag} NO one of them is odd\r\n"),
                    uid => format!(
                        "* {uid} FETCH (UID {uid} FLAGS (\\Seen) {DATE})\r\n* {uid} FETCH (UID {uid} FLAGS (\\Draft))\r\n{tag} OK done\r\n"
                    ),
                };
                assert!(!std::mem::replace(&mut refused, set == "1:2") || set != "1:2");
                peer.send(answer).await;
                continue;
            }
            peer.send(format!("* {set} FETCH (BODY[] {{3}}\r\nabc UID {set})\r\n{tag} OK done\r\n")).await;
        }
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let ends = fetch(&mut *mailbox, 2).await.unwrap();
    assert_eq!(ends, ["1 {\"\\\\Draft\"} Some(9)", "2 {\"\\\\Seen\"} Some(9)"]);
    mailbox.close().await;
    server.await.unwrap();
}

#[tokio::test]
async fn a_body_without_uid_and_a_part_of_a_body_are_no_message() {
    for line in [
        format!("* 1 FETCH (FLAGS () {DATE} BODY[] {{3}}\r\nabc)\r\n"),
        format!("* 1 FETCH (UID 1 FLAGS () {DATE} BODY[]<0> {{3}}\r\nabc)\r\n"),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(PLAIN).await;
            peer.select(1).await;
            let (tag, _) = peer.command().await;
            peer.send(format!("* 1 FETCH (UID 1 FLAGS () {DATE} BODY[] NIL)\r\n{tag} OK done\r\n")).await;
            let (_, command) = peer.command().await;
            assert!(command.starts_with("UID FETCH 1 "), "{command}");
            peer.send(line).await;
            peer.at_end().await;
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        assert_eq!(fetch(&mut *mailbox, 1).await.unwrap_err().kind(), ErrorKind::Protocol);
        server.await.unwrap();
    }
}

/// Messages that a listing lacks would be removed from the target.
#[tokio::test]
async fn a_listing_that_is_not_full_is_an_error() {
    for (lines, full) in [
        ("* 1 FETCH (UID 1 FLAGS ())\r\n* 3 FETCH (UID 3 FLAGS ())\r\n", false),
        ("* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (FLAGS ())\r\n* 3 FETCH (UID 3 FLAGS ())\r\n", false),
        ("* 1 FETCH (UID 1 FLAGS ())\r\n* 2 FETCH (UID 2)\r\n* 3 FETCH (UID 3 FLAGS ())\r\n", false),
        ("* 1 FETCH (UID 1 FLAGS ())\r\n* 2 EXPUNGE\r\n* 2 FETCH (UID 3 FLAGS ())\r\n", true),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(PLAIN).await;
            peer.select(3).await;
            let (tag, _) = peer.command().await;
            peer.send(format!("{lines}{tag} OK done\r\n")).await;
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        let listed = mailbox.changes(&inbox(), None, Detail::Flags, None).await;
        match listed {
            Ok(page) => assert_eq!((full, page.present.len()), (true, 2), "{lines}"),
            Err(error) => {
                assert!(!full, "{error}");
                assert_eq!((error.scope(), error.retry()), (Scope::Folder, Retry::Now));
            }
        }
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_search_for_all_that_finds_too_few_or_cannot_be_read_is_an_error() {
    for answer in ["* SEARCH 1 3", "* ESEARCH (TAG \"x\") UID ALL (what)"] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(PLAIN).await;
            peer.select(3).await;
            let (tag, _) = peer.command().await;
            peer.send(format!("{answer}\r\n{tag} OK done\r\n")).await;
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        mailbox.arrivals(&inbox(), None).await.unwrap_err();
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_whose_counts_nobody_tells_is_an_error() {
    for (opened, status) in [
        ("* OK [UIDVALIDITY 3] v", None),
        ("* 5 EXISTS\r\n* OK [UIDVALIDITY 3] v", Some("* STATUS INBOX (MESSAGES 5 UIDNEXT 1 UIDVALIDITY 3)")),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(PLAIN).await;
            let (tag, _) = peer.command().await;
            peer.send(format!("{opened}\r\n{tag} OK done\r\n")).await;
            let (tag, command) = peer.command().await;
            assert!(command.starts_with("STATUS"), "{command}");
            match status {
                Some(status) => peer.send(format!("{status}\r\n{tag} OK done\r\n")).await,
                None => peer.send(format!("{tag} NO not now\r\n")).await,
            }
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        let error = mailbox.changes(&inbox(), None, Detail::Flags, None).await.unwrap_err();
        assert_eq!(error.scope(), Scope::Folder);
        server.await.unwrap();
    }
}

#[tokio::test]
async fn uids_that_do_not_last_are_void_after_the_next_opening() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        let (tag, _) = peer.command().await;
        peer.send("* 1 EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT 2] n\r\n* NO [UIDNOTSTICKY] s\r\n").await;
        peer.send(format!("{tag} OK done\r\n")).await;
        let (tag, _) = peer.command().await;
        peer.send(format!("* 1 FETCH (UID 1 FLAGS ())\r\n{tag} OK done\r\n")).await;
        let (tag, command) = peer.command().await;
        assert!(command.starts_with("UID FETCH 1 "), "{command}");
        peer.send(format!("{}{tag} OK done\r\n", message(1))).await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    // What STATUS told.
    let state = FolderState {
        watermark: Watermark::new("v=7;n=2;m=-;c=1"),
        ids: "7".into(),
        proves_unchanged: false,
        messages: 1,
        bytes: None,
    };
    let folder = Folder { state: Some(state.clone()), ..inbox() };
    let page = mailbox.changes(&folder, Some(&state.watermark), Detail::Flags, None).await.unwrap();
    assert_eq!(page.basis, limosa_model::mailbox::Basis::Renumbered);
    assert_eq!(page.watermark, Some(state.watermark), "as the survey has it");
    mailbox.fetch(&folder, &IdList::uid_range(1, 1)).await.unwrap().next(&mut Vec::new()).await.unwrap();
    server.await.unwrap();
}

#[tokio::test]
async fn a_header_that_does_not_come_is_an_error_and_a_message_gone_is_left_out() {
    for (answer, expected) in [
        ("NO [UNAVAILABLE] broken", Err(Retry::Now)),
        ("NO [NOPERM] hands off", Err(Retry::Never)),
        ("OK nothing", Err(Retry::Now)),
        ("OK here", Ok(2)),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(PLAIN).await;
            peer.select(3).await;
            let header = |uid: u32| {
                format!("* {uid} FETCH (UID {uid} RFC822.SIZE 3 FLAGS () {DATE} BODY[HEADER]<0> {{2}}\r\n\r\n)\r\n")
            };
            let (tag, command) = peer.command().await;
            assert!(command.contains("BODY.PEEK[HEADER]<0.1048576>"), "{command}");
            peer.send(format!("{}{tag} NO one of them is bad\r\n", header(1))).await;
            let (tag, command) = peer.command().await;
            assert_eq!(command, "UID FETCH 2:3 (UID)");
            peer.send(format!("* 2 FETCH (UID 2)\r\n{tag} OK done\r\n")).await;
            let (tag, command) = peer.command().await;
            assert!(command.starts_with("UID FETCH 2 "), "{command}");
            let found = if answer == "OK here" { header(2) } else { String::new() };
            peer.send(format!("{found}{tag} {answer}\r\n")).await;
        };
        let (connector, server) = serve(script).await;
        let mut mailbox = connector.open().await.unwrap();
        let headers = mailbox.headers(&inbox(), &IdList::uid_range(1, 3)).await;
        let got = headers.map(|headers| headers.len()).map_err(|error| (error.scope(), error.retry()));
        assert_eq!(got, expected.map_err(|retry| (Scope::Folder, retry)), "{answer}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_read_in_the_list_is_an_error() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        let (tag, _) = peer.command().await;
        let (lsub, _) = peer.command().await;
        peer.send(format!("* LIST () \"/\" INBOX\r\n* LIST () \"/\"\r\n{tag} OK done\r\n{lsub} OK done\r\n")).await;
        peer.line().await;
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    assert_eq!(mailbox.survey().await.unwrap_err().kind(), ErrorKind::Protocol);
    drop(mailbox);
    server.await.unwrap();
}

/// COPYUID tells what moved; only what was asked for is expunged.
#[tokio::test]
async fn only_what_was_moved_is_removed_and_nothing_else() {
    for (code, expunged, expected) in [
        ("[COPYUID 9 1:2 11:12] ", "1:2", vec![(1, Some(11)), (2, Some(12))]),
        ("[COPYUID 9 2:3 11:12] ", "2", vec![(2, Some(11))]),
        ("[COPYUID 8 1:2 11:12] ", "1:2", vec![(1, None), (2, None)]),
        ("", "1:2", vec![(1, None), (2, None)]),
    ] {
        let script = move |mut peer: Peer| async move {
            peer.sign_in(&format!("{PLAIN} UIDPLUS")).await;
            peer.select(5).await;
            let (tag, command) = peer.command().await;
            assert_eq!(command, "UID FETCH 1:2,5 (UID)");
            peer.send(format!("* 1 FETCH (UID 1)\r\n* 2 FETCH (UID 2)\r\n{tag} OK done\r\n")).await;
            let (tag, command) = peer.command().await;
            assert_eq!(command, "UID COPY 1:2 Done");
            peer.send(format!("{tag} OK {code}done\r\n")).await;
            let (tag, command) = peer.command().await;
            assert!(command.starts_with(&format!("UID STORE {expunged} +FLAGS")), "{command}");
            peer.send(format!("{tag} OK done\r\n")).await;
            let (tag, command) = peer.command().await;
            assert_eq!(command, format!("UID EXPUNGE {expunged}"));
            peer.send(format!("{tag} OK done\r\n")).await;
        };
        let (connector, server) = serve(script).await;
        let mut target = connector.open_target().await.unwrap();
        let state = FolderState {
            watermark: Watermark::new("v=9;n=11;m=-;c=0"),
            ids: "9".into(),
            proves_unchanged: false,
            messages: 0,
            bytes: None,
        };
        let to = Folder { path: FolderPath::from("Done"), name: "Done".into(), state: Some(state), ..inbox() };
        let ids: IdList = [1, 2, 5].into_iter().map(MessageId::Uid).collect();
        let moved = target.relocate(&inbox(), &ids, &to).await.unwrap();
        let expected: Vec<_> =
            expected.into_iter().map(|(old, new)| (MessageId::Uid(old), new.map(MessageId::Uid))).collect();
        assert_eq!(moved, expected, "{code}");
        server.await.unwrap();
    }
}

#[tokio::test]
async fn what_somebody_marks_meanwhile_is_not_expunged() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(3).await;
        for (begins, answer) in [
            ("UID SEARCH DELETED", "* SEARCH\r\n"),
            ("UID STORE 1 +FLAGS", ""),
            ("UID SEARCH DELETED", "* SEARCH 1 3\r\n"),
            ("UID STORE 3 -FLAGS", ""),
            ("UID STORE 1 +FLAGS", ""),
            ("UID SEARCH DELETED", "* SEARCH 1\r\n"),
            ("EXPUNGE", "* 1 EXPUNGE\r\n"),
            ("UID STORE 3 +FLAGS", ""),
        ] {
            let (tag, command) = peer.command().await;
            assert!(command.starts_with(begins), "{command} for {begins}");
            peer.send(format!("{answer}{tag} OK done\r\n")).await;
        }
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    target.remove(&inbox(), &IdList::uid_range(1, 1)).await.unwrap();
    server.await.unwrap();
}

/// More of it would be read as commands.
#[tokio::test]
async fn a_batch_that_was_answered_takes_no_more_messages() {
    let (ended, mut at_end) = tokio::sync::oneshot::channel();
    let script = |mut peer: Peer| async move {
        peer.sign_in(&format!("{PLAIN} LITERAL+ MULTIAPPEND BINARY")).await;
        peer.select(0).await;
        let first = peer.line().await;
        assert!(first.ends_with("{300000+}"), "{first}");
        peer.send(format!("{} NO [TOOBIG] no\r\n", first.split_once(' ').unwrap().0)).await;
        peer.read(300_000).await;
        assert_eq!(peer.line().await, "", "the batch is ended");
        ended.send(()).unwrap();
        let second = peer.line().await;
        assert!(second.contains(" APPEND ") && second.ends_with("{3+}"), "{second}");
        assert_eq!(peer.line().await, "abc");
        peer.send(format!("{} OK done\r\n", second.split_once(' ').unwrap().0)).await;
    };
    let (connector, server) = serve(script).await;
    let mut target = connector.open_target().await.unwrap();
    let mut writer = target.writer(&inbox(), Batching::Free).await.unwrap();
    writer.write(&mut pieces(1, &[], 0, &vec![b'x'; 300_000])).await.unwrap();
    let mut second = pieces(2, &[], 0, b"abc");
    let rest = second.split_off(1);
    // It is held back, to be looked through, while the refusal comes.
    writer.write(&mut second).await.unwrap();
    let waiting = async {
        while at_end.try_recv().is_err() {
            writer.write(&mut Vec::new()).await.unwrap();
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), waiting).await.expect("the batch ends at once");
    writer.write(&mut { rest }).await.unwrap();
    let mut receipts = writer.receipts();
    receipts.extend(writer.finish().await.unwrap());
    assert!(matches!(&receipts[0].outcome, Outcome::Refused(error) if error.kind() == ErrorKind::TooBig));
    assert!(matches!(receipts[1].outcome, Outcome::Stored(None)));
    server.await.unwrap();
}

#[tokio::test]
async fn a_fetch_given_up_is_not_downloaded_to_its_end() {
    let script = |mut peer: Peer| async move {
        peer.sign_in(PLAIN).await;
        peer.select(1).await;
        peer.command().await;
        let start = format!("* 1 FETCH (UID 1 FLAGS () {DATE} BODY[] {{4000000000}}\r\n");
        peer.send(start).await;
        // As much as anybody reads.
        while peer.try_send(&[b'x'; 1 << 16]).await {}
    };
    let (connector, server) = serve(script).await;
    let mut mailbox = connector.open().await.unwrap();
    let mut fetch = mailbox.fetch(&inbox(), &IdList::uid_range(1, 1)).await.unwrap();
    fetch.next(&mut Vec::new()).await.unwrap();
    drop(fetch);
    let error = mailbox.survey().await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (ErrorKind::ConnectionLost, Retry::Now));
    drop(mailbox);
    server.await.unwrap();
}

#[tokio::test]
async fn a_secret_that_the_server_repeats_in_base64_is_not_shown() {
    let script = |mut peer: Peer| async move {
        peer.send(format!("* OK [CAPABILITY {PLAIN}] hello\r\n")).await;
        let (tag, command) = peer.command().await;
        let reply = command.strip_prefix("AUTHENTICATE PLAIN ").unwrap();
        // Cut, so that the whole of it does not stand there.
        let reply = &reply[4..reply.len() - 3];
        peer.send(format!("{tag} NO [AUTHENTICATIONFAILED] what is {reply}?\r\n")).await;
        peer.line().await;
    };
    let (connector, server) = serve(script).await;
    let Err(error) = connector.open().await else { panic!("let in") };
    assert_eq!(error.kind(), ErrorKind::SignIn);
    assert!(error.to_string().contains("(not shown)"), "{error:?}");
    server.await.unwrap();
}
