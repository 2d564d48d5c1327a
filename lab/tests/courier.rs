//! Does Courier start, take mail and end without leftovers?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod common;

use std::time::{Duration, Instant};

use common::{lives, tls_greeting};
use limosa_lab::{Client, CourierOptions, Lab, LabError, Server};

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nbody\r\n";

async fn start(options: CourierOptions) -> Server {
    let server = Lab::shared().await.unwrap().courier(options).await.unwrap();
    server.add_user("alice", "secret").await.unwrap();
    server
}

#[tokio::test]
async fn it_takes_mail_survives_a_kill_and_leaves_nothing() {
    let server = start(CourierOptions::default()).await;
    let greeting = tls_greeting(server.imaps_address(), server.ca_file()).await.unwrap();
    assert!(greeting.starts_with("* OK"), "{greeting}");
    let mut client = server.client("alice", "secret").await.unwrap();
    client.append("INBOX", "(\\Seen $Forwarded)", Some("01-Feb-2003 04:05:06 +0000"), MESSAGE).await.unwrap();
    server.kill9();
    assert!(server.processes().is_empty());
    server.restart().await.unwrap();
    let before = Instant::now();
    let mut client = server.client("alice", "secret").await.unwrap();
    client.command("SELECT INBOX").await.unwrap();
    assert!(before.elapsed() < Duration::from_secs(1), "waits for a file alteration monitor");
    let fetched = client.command("FETCH 1 (FLAGS BODY.PEEK[])").await.unwrap().text();
    assert!(fetched.contains("$Forwarded"), "{fetched}");
    assert!(fetched.contains("Subject: hi\r\n\r\nbody\r\n"), "{fetched}");
    assert_eq!(client.namespace().await.unwrap(), ('.', "INBOX.".to_owned()));
    let capabilities = client.capabilities().await.unwrap();
    assert!(!capabilities.iter().any(|capability| capability == "CONDSTORE"), "{capabilities:?}");

    server.wipe().await.unwrap();
    let mut client = server.client("alice", "secret").await.unwrap();
    let selected = client.command("SELECT INBOX").await.unwrap().text();
    assert!(selected.contains("* 0 EXISTS"), "{selected}");

    let processes = server.processes();
    assert!(!processes.is_empty());
    drop(server);
    assert!(!processes.into_iter().any(lives));
}

#[tokio::test]
async fn several_users_sign_in_and_passwords_change() {
    let server = start(CourierOptions::default()).await;
    server.add_user("bob", "other").await.unwrap();
    server.client("alice", "secret").await.unwrap();
    server.client("bob", "other").await.unwrap();
    server.add_user("bob", "better").await.unwrap();
    server.client("bob", "better").await.unwrap();
    assert!(server.client("bob", "other").await.is_err());
}

#[tokio::test]
async fn a_full_quota_says_no() {
    let server = start(CourierOptions { quota_kib: Some(8), ..CourierOptions::default() }).await;
    let mut client = server.client("alice", "secret").await.unwrap();
    let message = [MESSAGE, &[b'x'; 16384]].concat();
    let refused = client.append("INBOX", "()", None, &message).await;
    assert!(matches!(refused, Err(LabError::Answer { .. })), "{refused:?}");
}

#[tokio::test]
async fn cleartext_sign_in_is_refused_where_tls_is_required() {
    let server = start(CourierOptions { require_tls: true, ..CourierOptions::default() }).await;
    let mut client = Client::connect(server.imap_address()).await.unwrap();
    match client.login("alice", "secret").await {
        Err(LabError::Answer { answer, .. }) => assert!(answer.contains("TLS"), "{answer}"),
        other => panic!("{other:?}"),
    }
}
