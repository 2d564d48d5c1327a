//! A folder renamed on the source is renamed on the target: nothing is copied, and nothing is moved.

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server, Storage, quoted};
use limosa_testkit::mail::{ordinary, small};

use crate::world::{Account, Program};

async fn a_rename_follows(source: &Server, target: &Server) {
    let (from, to) = (Account::new(source, "alice").await, Account::new(target, "bob").await);
    source.seed("alice", &ordinary(5, 60)).await.unwrap();
    let mut client = from.client().await;
    let (separator, _) = client.namespace().await.unwrap();
    let (there, _) = to.client().await.namespace().await.unwrap();
    let below = |name: &str, separator: char| format!("{name}{separator}Below");
    for name in ["Work".to_owned(), below("Work", separator)] {
        client.command(&format!("CREATE {}", quoted(&name))).await.unwrap();
        client.command(&format!("SUBSCRIBE {}", quoted(&name))).await.unwrap();
    }
    for number in 0..200 {
        let message = format!("From: a@example.org\r\nSubject: {number}\r\n\r\nNumber {number}.\r\n");
        client.append("Work", "(\\Seen)", None, message.as_bytes()).await.unwrap();
    }
    from.append(&below("Work", separator), "()", "From: a@example.org\r\nSubject: below\r\n\r\nbelow\r\n").await;
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let before = (to.uids("Work").await, to.uids(&below("Work", there)).await);
    assert_eq!((before.0.1.len(), before.1.1.len()), (200, 1));

    client.command("RENAME Work Projects").await.unwrap();
    let dry = program.copy(&from, &to, &["--dry-run"]).await;
    assert_eq!(dry.json["steps"][0], "rename folder Work to Projects", "{dry:#?}");
    assert_eq!((dry.number("/copied/messages"), dry.number("/renamed")), (0, 1), "{dry:#?}");

    let second = program.copy(&from, &to, &[]).await;
    second.is_complete();
    let did = ["/copied/messages", "/found", "/moved", "/removed", "/flags_set"].map(|figure| second.number(figure));
    assert_eq!((did, second.number("/renamed")), ([0; 5], 1), "{second:#?}");
    assert_eq!((to.uids("Projects").await, to.uids(&below("Projects", there)).await), before);
    let (ours, theirs) = (from.snapshot().await, to.snapshot().await);
    // Cyrus makes folders of parents that cannot be selected on Dovecot.
    assert!(ours.iter().all(|(path, messages)| theirs.get(path) == Some(messages)), "{theirs:#?}");
    assert!(!theirs.keys().any(|path| path.starts_with("Work")), "{:?}", theirs.keys());
    let trips = ["/round_trips/source", "/round_trips/target"].map(|side| second.number(side));
    println!("{} round trips to the source, {} to the target", trips[0], trips[1]);
    assert!(trips[0] <= 6 && trips[1] <= 16, "{trips:?}");
    program.copy(&from, &to, &[]).await.is_complete().did_nothing();
}

#[tokio::test]
async fn a_rename_follows_from_dovecot_to_cyrus() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    a_rename_follows(&source, &target).await;
}

#[tokio::test]
async fn a_rename_follows_from_cyrus_to_dovecot() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    a_rename_follows(&source, &target).await;
}

/// Cyrus gives folders that are made in one second their UIDs under the same UIDVALIDITY: only their ids tell two of them apart.
#[tokio::test]
async fn folders_that_change_names_are_not_taken_for_each_other() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &small(3, 20)).await.unwrap();
    let mut client = from.client().await;
    for name in ["One", "Two"] {
        client.command(&format!("CREATE {name}")).await.unwrap();
        for number in 0..3 {
            let message = format!("From: a@example.org\r\nSubject: {name} {number}\r\n\r\n{name}\r\n");
            client.append(name, "()", None, message.as_bytes()).await.unwrap();
        }
    }
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    for command in ["RENAME One Between", "RENAME Two One", "RENAME Between Two"] {
        client.command(command).await.unwrap();
    }
    program.copy(&from, &to, &[]).await.is_complete();
    assert_eq!(to.snapshot().await, from.snapshot().await);
    program.copy(&from, &to, &[]).await.is_complete().did_nothing();
}
