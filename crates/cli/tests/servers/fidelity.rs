//! What comes over: everything, between each kind of server.

use limosa_lab::{CourierOptions, CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::{nasty, ordinary};

use crate::world::{Account, Program, Seen, Snapshot};

/// Courier takes no emoji in a folder's name.
const NO_EMOJI: &[&str] = &["--map", "Familie 🦆=Familie"];

/// Copies from a Dovecot with Maildir, and compares what another client sees; then runs again.
async fn comes_over_whole(target: &Server) {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let alice = Account::new(&source, "alice").await;
    let bob = Account::new(target, "bob").await;
    source.seed("alice", &ordinary(7, 300)).await.unwrap();
    let program = Program::new();
    let first = program.copy(&alice, &bob, NO_EMOJI).await;
    first.is_complete();
    assert_eq!(first.number("/copied/messages"), 300);
    assert_eq!(by_last_names(bob.snapshot().await), by_last_names(alice.snapshot().await));
    let second = program.copy(&alice, &bob, NO_EMOJI).await;
    second.is_complete().did_nothing();
}

/// Servers may put folders elsewhere (`INBOX/x` beside the inbox); their last names and messages stay.
fn by_last_names(snapshot: Snapshot) -> Vec<(String, Vec<Seen>)> {
    let mut folders: Vec<_> = snapshot
        .into_iter()
        .filter(|(path, messages)| !messages.is_empty() || !path.contains('/'))
        .filter(|(_, messages)| !messages.is_empty())
        .map(|(path, messages)| (path.rsplit('/').next().unwrap_or_default().to_owned(), messages))
        .map(|(name, messages)| (name.strip_suffix(" &2D7dhg-").map_or(name.clone(), str::to_owned), messages))
        .collect();
    folders.sort();
    folders
}

#[tokio::test]
async fn to_dovecot_with_maildir() {
    let lab = Lab::shared().await.unwrap();
    comes_over_whole(&lab.dovecot(DovecotOptions::default()).await.unwrap()).await;
}

#[tokio::test]
async fn to_dovecot_with_sdbox() {
    let lab = Lab::shared().await.unwrap();
    comes_over_whole(&lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap()).await;
}

#[tokio::test]
async fn to_cyrus() {
    let lab = Lab::shared().await.unwrap();
    comes_over_whole(&lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap()).await;
}

#[tokio::test]
async fn to_courier() {
    let lab = Lab::shared().await.unwrap();
    comes_over_whole(&lab.courier(CourierOptions::default()).await.unwrap()).await;
}

#[tokio::test]
async fn from_courier_and_from_cyrus() {
    let lab = Lab::shared().await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let courier = lab.courier(CourierOptions::default()).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    for (source, user) in [(&courier, "carol"), (&cyrus, "dave")] {
        let from = Account::new(source, user).await;
        let to = Account::new(&target, user).await;
        source.seed(user, &ordinary(11, 200)).await.unwrap();
        let program = Program::new();
        program.copy(&from, &to, &[]).await.is_complete();
        assert_eq!(by_last_names(to.snapshot().await), by_last_names(from.snapshot().await));
        program.copy(&from, &to, &[]).await.is_complete().did_nothing();
    }
}

#[tokio::test]
async fn nasty_mail_arrives_byte_for_byte_or_is_named() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let alice = Account::new(&source, "alice").await;
    source.seed("alice", &nasty(3)).await.unwrap();
    let before = alice.snapshot().await;
    let count: usize = before.values().map(Vec::len).sum();
    assert!(count > 20, "the mailbox has {count} messages");
    for (server, user) in [(&sdbox, "bob"), (&cyrus, "carol")] {
        let to = Account::new(server, user).await;
        let program = Program::new();
        let run = program.copy(&alice, &to, &[]).await;
        let exceptions = run.json["exceptions"].as_array().expect("exceptions");
        assert_eq!(run.code, Some(if exceptions.is_empty() { 0 } else { 3 }), "{run:#?}");
        let count = |code: &str| exceptions.iter().filter(|exception| exception["code"] == code).count();
        let (dates_changed, altered) = (count("date-changed"), count("altered"));
        let left_behind = exceptions.len() - dates_changed - altered;
        let arrived: Vec<_> = to.snapshot().await.into_values().flatten().collect();
        let mut missing: Vec<_> = before.values().flatten().collect();
        let (mut other_dates, mut other_bytes) = (0, 0);
        for seen in &arrived {
            let alike = |known: &Seen| known.digest == seen.digest;
            let same_date = missing.iter().position(|known| alike(known) && known.date == seen.date);
            match same_date.or_else(|| missing.iter().position(|known| alike(known))) {
                Some(at) => {
                    missing.remove(at);
                    other_dates += usize::from(same_date.is_none());
                }
                None => other_bytes += 1,
            }
        }
        let found = (missing.len(), other_dates, other_bytes);
        assert_eq!(found, (left_behind + altered, dates_changed, altered), "{user}: {exceptions:#?}");
        assert_eq!(alice.snapshot().await, before, "the source was changed");
    }
}
