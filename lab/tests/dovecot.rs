//! Does every shape of Dovecot start, take mail and end without leftovers?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod common;

use std::time::{Duration, Instant};

use common::{lives, tls_greeting};
use limosa_lab::{Certificate, Client, DovecotOptions, Lab, LabError, Server, Storage};

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nbody\r\n";

async fn start(options: DovecotOptions) -> Server {
    let server = Lab::shared().await.unwrap().dovecot(options).await.unwrap();
    server.add_user("alice", "secret").await.unwrap();
    server
}

async fn takes_mail(options: DovecotOptions) {
    let server = start(options).await;
    let mut client = server.client("alice", "secret").await.unwrap();
    client.append("INBOX", "(\\Seen $Forwarded)", Some("01-Feb-2003 04:05:06 +0000"), MESSAGE).await.unwrap();
    client.command("SELECT INBOX").await.unwrap();
    let fetched = client.command("FETCH 1 (FLAGS INTERNALDATE BODY.PEEK[])").await.unwrap().text();
    assert!(fetched.contains("01-Feb-2003"), "{fetched}");
    assert!(fetched.contains("Subject: hi\r\n\r\nbody\r\n"), "{fetched}");
    let seen =
        server.doveadm(["-f", "flow", "fetch", "-u", "alice", "mailbox flags", "mailbox", "INBOX"]).await.unwrap();
    assert!(seen.contains("\\Seen $Forwarded"), "{seen}");
    assert!(server.mail_dir("alice").unwrap().is_dir());
    let processes = server.processes();
    assert!(!processes.is_empty());
    drop(server);
    assert!(!processes.into_iter().any(lives));
}

#[tokio::test]
async fn maildir_takes_mail() {
    takes_mail(DovecotOptions::default()).await;
}

#[tokio::test]
async fn sdbox_in_memory_takes_mail() {
    let options = DovecotOptions { memory: true, ..DovecotOptions::default() };
    takes_mail(options.with_storage(Storage::Sdbox)).await;
}

#[tokio::test]
async fn mdbox_takes_mail() {
    takes_mail(DovecotOptions::default().with_storage(Storage::Mdbox)).await;
}

#[tokio::test]
async fn one_more_server_takes_less_than_a_second() {
    // The machine may be busy with other tests, so the quickest of some starts counts.
    let mut quickest = Duration::MAX;
    for _ in 0..5 {
        let before = Instant::now();
        let _server = start(DovecotOptions::default()).await;
        quickest = quickest.min(before.elapsed());
    }
    assert!(quickest < Duration::from_secs(1), "{quickest:?}");
}

#[tokio::test]
async fn certificates_are_right_or_wrong_as_asked() {
    for (certificate, reason) in [
        (Certificate::Valid, None),
        (Certificate::Expired, Some("expired")),
        (Certificate::WrongName, Some("not valid for name")),
        (Certificate::SelfSigned, Some("UnknownIssuer")),
    ] {
        let server = start(DovecotOptions { certificate, ..DovecotOptions::default() }).await;
        let greeting = tls_greeting(server.imaps_address(), server.ca_file()).await;
        match (greeting, reason) {
            (Ok(greeting), None) => assert!(greeting.starts_with("* OK"), "{greeting}"),
            (Err(error), Some(reason)) => {
                assert!(error.to_string().contains(reason), "{certificate:?}: {error}");
            }
            (other, _) => panic!("{certificate:?}: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_poorer_server_announces_less() {
    let server = start(DovecotOptions {
        capability: Some("IMAP4rev1 UIDPLUS".to_owned()),
        compress: true,
        ..DovecotOptions::default()
    })
    .await;
    let mut client = server.client("alice", "secret").await.unwrap();
    assert_eq!(client.capabilities().await.unwrap(), ["IMAP4REV1", "UIDPLUS"]);
}

#[tokio::test]
async fn compression_is_offered_when_asked() {
    let server = start(DovecotOptions { compress: true, ..DovecotOptions::default() }).await;
    let mut client = server.client("alice", "secret").await.unwrap();
    let capabilities = client.capabilities().await.unwrap();
    assert!(capabilities.contains(&"COMPRESS=DEFLATE".to_owned()), "{capabilities:?}");
}

#[tokio::test]
async fn a_full_quota_and_a_read_only_mailbox_say_no() {
    for (options, code) in [
        (DovecotOptions { quota_kib: Some(1), ..DovecotOptions::default() }, "OVERQUOTA"),
        (DovecotOptions { read_only: true, ..DovecotOptions::default() }, "NOPERM"),
    ] {
        let server = start(options).await;
        let mut client = server.client("alice", "secret").await.unwrap();
        let refused = client.append("INBOX", "()", None, &[b'x'; 4096]).await;
        match refused {
            Err(LabError::Answer { answer, .. }) => assert!(answer.contains(code), "{answer}"),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn separators_and_prefixes_are_as_asked() {
    for (separator, inbox_prefix, expect) in [(None, false, ('.', "")), (Some('/'), true, ('/', "INBOX/"))] {
        let server = start(DovecotOptions { separator, inbox_prefix, ..DovecotOptions::default() }).await;
        let mut client = server.client("alice", "secret").await.unwrap();
        let (separator, prefix) = client.namespace().await.unwrap();
        assert_eq!((separator, prefix.as_str()), expect);
    }
}

#[tokio::test]
async fn every_way_to_sign_in_is_open() {
    use base64::Engine;
    let encode = |text: &str| base64::engine::general_purpose::STANDARD.encode(text);
    let server = start(DovecotOptions::default()).await;
    server.set_token("alice", Some("token-1")).await.unwrap();
    let (master, secret) = server.master().unwrap();
    server.client(&format!("alice*{master}"), secret).await.unwrap();
    for (mechanism, response) in [
        ("PLAIN", "\0alice\0secret".to_owned()),
        ("PLAIN", format!("alice\0{master}\0{secret}")),
        ("XOAUTH2", "user=alice\x01auth=Bearer token-1\x01\x01".to_owned()),
        ("OAUTHBEARER", "n,a=alice,\x01auth=Bearer token-1\x01\x01".to_owned()),
    ] {
        let mut client = Client::connect(server.imap_address()).await.unwrap();
        let command = format!("AUTHENTICATE {mechanism} {}", encode(&response));
        client.command(&command).await.unwrap();
    }
    let mut client = Client::connect(server.imap_address()).await.unwrap();
    let capabilities = client.capabilities().await.unwrap();
    for mechanism in ["LOGIN", "CRAM-MD5", "SCRAM-SHA-1", "SCRAM-SHA-256"] {
        assert!(capabilities.contains(&format!("AUTH={mechanism}")), "{capabilities:?}");
    }
}

#[tokio::test]
async fn a_changed_password_counts_at_once() {
    let server = start(DovecotOptions::default()).await;
    server.client("alice", "secret").await.unwrap();
    server.add_user("alice", "better").await.unwrap();
    server.client("alice", "better").await.unwrap();
    assert!(server.client("alice", "secret").await.is_err());
}

#[tokio::test]
async fn cleartext_sign_in_is_refused_where_tls_is_required() {
    let server = start(DovecotOptions { require_tls: true, ..DovecotOptions::default() }).await;
    let mut client = Client::connect(server.imap_address()).await.unwrap();
    let capabilities = client.capabilities().await.unwrap();
    assert!(capabilities.contains(&"STARTTLS".to_owned()), "{capabilities:?}");
    assert!(capabilities.contains(&"LOGINDISABLED".to_owned()), "{capabilities:?}");
    assert!(client.login("alice", "secret").await.is_err());
}

#[tokio::test]
async fn killed_and_restarted_it_keeps_its_mail_and_ports() {
    let server = start(DovecotOptions::default()).await;
    let port = server.imap_port();
    let mut client = server.client("alice", "secret").await.unwrap();
    client.append("INBOX", "()", None, MESSAGE).await.unwrap();
    server.kill9();
    assert!(server.processes().is_empty());
    assert!(client.command("NOOP").await.is_err());
    server.restart().await.unwrap();
    assert_eq!(server.imap_port(), port);
    let mut client = server.client("alice", "secret").await.unwrap();
    let selected = client.command("SELECT INBOX").await.unwrap().text();
    assert!(selected.contains("* 1 EXISTS"), "{selected}");
    server.wipe().await.unwrap();
    let mut client = server.client("alice", "secret").await.unwrap();
    let selected = client.command("SELECT INBOX").await.unwrap().text();
    assert!(selected.contains("* 0 EXISTS"), "{selected}");
}

#[tokio::test]
async fn its_processor_time_grows_with_its_work_and_never_shrinks() {
    let server = start(DovecotOptions::default()).await;
    let before = server.cpu_time();
    let mut least = before;
    // Sessions end and are waited for: what they used must stay.
    while server.cpu_time() < before + Duration::from_millis(50) {
        server.client("alice", "secret").await.unwrap();
        let now = server.cpu_time();
        assert!(now >= least, "{now:?} after {least:?}");
        least = now;
    }
}

#[tokio::test]
async fn frozen_it_is_silent_until_thawed() {
    let server = start(DovecotOptions::default()).await;
    let mut client = server.client("alice", "secret").await.unwrap();
    server.freeze();
    let silent = tokio::time::timeout(Duration::from_millis(200), client.command("NOOP")).await;
    assert!(silent.is_err());
    server.thaw();
    let mut client = server.client("alice", "secret").await.unwrap();
    client.command("NOOP").await.unwrap();
}
