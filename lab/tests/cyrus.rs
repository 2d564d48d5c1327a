//! Does Cyrus start in its shapes, take mail and end without leftovers?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

mod common;

use common::{lives, tls_greeting};
use limosa_lab::{CyrusOptions, Lab, LabError, Server};

const MESSAGE: &[u8] = b"Subject: hi\r\n\r\nbody\r\n";

async fn start(options: CyrusOptions) -> Server {
    let server = Lab::shared().await.unwrap().cyrus(options).await.unwrap();
    server.add_user("alice", "secret").await.unwrap();
    server
}

#[tokio::test]
async fn it_takes_mail_survives_a_kill_and_leaves_nothing() {
    let server = start(CyrusOptions::default()).await;
    let greeting = tls_greeting(server.imaps_address(), server.ca_file()).await.unwrap();
    assert!(greeting.starts_with("* OK"), "{greeting}");
    let mut client = server.client("alice", "secret").await.unwrap();
    client.append("INBOX", "(\\Seen $Forwarded)", Some("01-Feb-2003 04:05:06 +0000"), MESSAGE).await.unwrap();
    server.kill9();
    assert!(server.processes().is_empty());
    server.restart().await.unwrap();
    let mut client = server.client("alice", "secret").await.unwrap();
    client.command("SELECT INBOX").await.unwrap();
    let fetched = client.command("FETCH 1 (FLAGS BODY.PEEK[])").await.unwrap().text();
    assert!(fetched.contains("$Forwarded"), "{fetched}");
    assert!(fetched.contains("Subject: hi\r\n\r\nbody\r\n"), "{fetched}");
    let (administrator, password) = server.master().unwrap();
    let mut client = server.client(administrator, password).await.unwrap();
    let listed = client.command("LIST \"\" *").await.unwrap().text();
    assert!(listed.contains("user/alice"), "{listed}");

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
async fn separators_and_namespaces_are_as_asked() {
    for (separator, beside_inbox, expect) in [('/', true, ('/', "")), ('.', false, ('.', "INBOX."))] {
        let server = start(CyrusOptions { separator, beside_inbox, ..CyrusOptions::default() }).await;
        let mut client = server.client("alice", "secret").await.unwrap();
        let (separator, prefix) = client.namespace().await.unwrap();
        assert_eq!((separator, prefix.as_str()), expect);
    }
}

#[tokio::test]
async fn limits_say_no() {
    let server = start(CyrusOptions {
        append_limit: Some(4096),
        suppress: vec!["LITERAL+".to_owned()],
        ..CyrusOptions::default()
    })
    .await;
    let mut client = server.client("alice", "secret").await.unwrap();
    let capabilities = client.capabilities().await.unwrap();
    assert!(capabilities.contains(&"APPENDLIMIT=4096".to_owned()), "{capabilities:?}");
    assert!(!capabilities.contains(&"LITERAL+".to_owned()), "{capabilities:?}");
    let refused = client.append("INBOX", "()", None, &[b'x'; 8192]).await;
    assert!(matches!(refused, Err(LabError::Answer { .. })), "{refused:?}");
}

#[tokio::test]
async fn a_full_quota_says_no() {
    let server = start(CyrusOptions { quota_kib: Some(1), ..CyrusOptions::default() }).await;
    let mut client = server.client("alice", "secret").await.unwrap();
    let message = [MESSAGE, &[b'x'; 4096]].concat();
    match client.append("INBOX", "()", None, &message).await {
        Err(LabError::Answer { answer, .. }) => assert!(answer.contains("Over quota"), "{answer}"),
        other => panic!("{other:?}"),
    }
}
