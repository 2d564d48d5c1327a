//! Running again: only what changed, with the ledger and without.

use limosa_lab::{CourierOptions, CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::ordinary;

use crate::world::{Account, Program};

/// Courier takes no emoji in a folder's name.
const NO_EMOJI: &[&str] = &["--map", "Familie 🦆=Familie"];

async fn changes_follow(source: &Server, target: &Server) {
    let from = Account::new(source, "alice").await;
    let to = Account::new(target, "bob").await;
    source.seed("alice", &ordinary(5, 120)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, NO_EMOJI).await.is_complete();

    let mut client = from.client().await;
    let (separator, prefix) = client.namespace().await.unwrap();
    let more = format!("{prefix}More{separator}Deep");
    client.command(&format!("CREATE \"{prefix}More\"")).await.unwrap();
    client.command(&format!("CREATE \"{more}\"")).await.unwrap();
    client.command("SELECT INBOX").await.unwrap();
    client.command("STORE 1 FLAGS (\\Flagged Important)").await.unwrap();
    client.command("STORE 2 +FLAGS (\\Deleted)").await.unwrap();
    client.command("EXPUNGE").await.unwrap();
    client.command(&format!("COPY 3 \"{more}\"")).await.unwrap();
    client.command("STORE 3 +FLAGS (\\Deleted)").await.unwrap();
    client.command("EXPUNGE").await.unwrap();
    client
        .append("INBOX", "(\\Seen)", Some("01-Jan-2001 00:00:00 +0000"), b"Subject: new\r\n\r\nnew\r\n")
        .await
        .unwrap();

    let second = program.copy(&from, &to, NO_EMOJI).await;
    second.is_complete();
    let did = ["/copied/messages", "/moved"].map(|figure| second.number(figure));
    assert_eq!(did, [1, 1], "{second:#?}");
    assert!(second.number("/removed") >= 1, "{second:#?}");
    let (ours, theirs) = (from.snapshot().await, to.snapshot().await);
    assert_eq!(theirs["INBOX"], ours["INBOX"]);
    assert_eq!(theirs["More/Deep"], ours["More/Deep"]);
    program.copy(&from, &to, NO_EMOJI).await.is_complete().did_nothing();
}

#[tokio::test]
async fn changes_follow_from_dovecot_to_dovecot() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    changes_follow(&source, &target).await;
}

#[tokio::test]
async fn changes_follow_from_courier_to_cyrus() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.courier(CourierOptions::default()).await.unwrap();
    let target = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    changes_follow(&source, &target).await;
}

#[tokio::test]
async fn changes_follow_from_cyrus_to_courier() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let target = lab.courier(CourierOptions::default()).await.unwrap();
    changes_follow(&source, &target).await;
}

#[tokio::test]
async fn without_the_ledger_nothing_is_copied_twice() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let courier = lab.courier(CourierOptions::default()).await.unwrap();
    let from = Account::new(&source, "alice").await;
    source.seed("alice", &ordinary(9, 150)).await.unwrap();
    for server in [&cyrus, &courier] {
        let to = Account::new(server, "bob").await;
        Program::new().copy(&from, &to, NO_EMOJI).await.is_complete();
        let before = to.snapshot().await;
        let second = Program::new().copy(&from, &to, NO_EMOJI).await;
        second.is_complete();
        assert_eq!((second.number("/copied/messages"), second.number("/found")), (0, 150), "{second:#?}");
        assert_eq!(to.snapshot().await, before);
    }
}

#[tokio::test]
async fn killed_at_any_moment_it_goes_on_without_loss_or_double() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    source.seed("alice", &ordinary(13, 600)).await.unwrap();
    let expected = from.snapshot().await;
    for (server, kind) in [(&sdbox, "sdbox"), (&cyrus, "cyrus")] {
        for moment in 0..6 {
            let user = format!("bob{moment}");
            let to = Account::new(server, &user).await;
            let program = Program::new();
            let mut child = program.start(&from, &to);
            // Every moment is a good one to be killed at.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(60 + 70 * moment), child.wait()).await;
            child.kill().await.unwrap();
            program.copy(&from, &to, &[]).await.is_complete();
            let arrived = to.snapshot().await;
            for (path, messages) in &expected {
                assert_eq!(arrived.get(path), Some(messages), "{path} on {kind}, killed at moment {moment}");
            }
        }
    }
}
