//! Does every kind of server hold the mail it was seeded with, quickly?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::time::{Duration, Instant};

use limosa_lab::{Client, CourierOptions, CyrusOptions, DovecotOptions, Lab, Seeded, Server, Storage, mutf7, quoted};
use limosa_testkit::mail::{self, Folder, Mailbox};

/// Compares what the server gives with what was seeded: bytes, flags, keywords, dates' moments.
async fn holds(server: &Server, mailbox: &Mailbox) {
    let users = server.users();
    let mut client = server.client("alice", &users["alice"]).await.unwrap();
    let (separator, prefix) = client.namespace().await.unwrap();
    for folder in &mailbox.folders {
        let name = name_of(folder, separator, &prefix);
        let selected = client.command(&format!("EXAMINE {}", quoted(&name))).await.unwrap().text();
        let exists = format!("* {} EXISTS", folder.message_count);
        assert!(selected.contains(&exists), "{name}: {selected}");
        for (position, message) in folder.messages().enumerate() {
            check(&mut client, position + 1, &message).await;
        }
    }
    let subscribed = client.command("LSUB \"\" *").await.unwrap().text();
    for folder in &mailbox.folders {
        let name = name_of(folder, separator, &prefix);
        let listed =
            subscribed.lines().any(|line| line.trim_matches('"').ends_with(&name) && !line.contains("\\NoSelect"));
        assert_eq!(listed, folder.subscribed, "{name}: {subscribed}");
    }
}

async fn check(client: &mut Client, number: usize, message: &mail::Message) {
    let fetched = client.command(&format!("FETCH {number} (FLAGS INTERNALDATE BODY.PEEK[])")).await.unwrap();
    let answer = &fetched.untagged[0];
    let found = answer.windows(message.bytes.len()).any(|window| window == message.bytes);
    assert!(found, "message {number} differs: {}", String::from_utf8_lossy(answer));
    let text = String::from_utf8_lossy(answer);
    let flags = &text[text.find("FLAGS (").unwrap() + 7..];
    let mut flags: Vec<&str> = flags[..flags.find(')').unwrap()].split_whitespace().collect();
    flags.retain(|flag| *flag != "\\Recent");
    flags.sort_unstable();
    let mut expected: Vec<&str> = message.flags.to_vec();
    expected.extend(message.keywords.iter().map(String::as_str));
    expected.sort_unstable();
    assert_eq!(flags, expected, "message {number}");
    let date = &text[text.find("INTERNALDATE \"").unwrap() + 14..];
    let date = date[..date.find('"').unwrap()].trim().to_owned();
    let moment = jiff::Zoned::strptime("%d-%b-%Y %H:%M:%S %z", &date).unwrap().timestamp();
    assert_eq!(moment.as_second(), message.internal_date.seconds, "{date}");
}

fn name_of(folder: &Folder, separator: char, prefix: &str) -> String {
    if folder.path == ["INBOX"] {
        return "INBOX".to_owned();
    }
    let names: Vec<String> = folder.path.iter().map(|name| mutf7::encode(name)).collect();
    format!("{prefix}{}", names.join(&separator.to_string()))
}

async fn seeded(server: Server) {
    let mailbox = mail::ordinary(11, 150);
    let seeded = server.seed("alice", &mailbox).await.unwrap();
    assert_eq!(seeded.refused, []);
    assert_eq!(seeded.messages, 150);
    holds(&server, &mailbox).await;
}

#[tokio::test]
async fn dovecot_with_maildir_holds_what_was_seeded() {
    let lab = Lab::shared().await.unwrap();
    seeded(lab.dovecot(DovecotOptions::default()).await.unwrap()).await;
}

#[tokio::test]
async fn dovecot_with_sdbox_holds_what_was_seeded() {
    let lab = Lab::shared().await.unwrap();
    let options = DovecotOptions::default().with_storage(Storage::Sdbox);
    seeded(lab.dovecot(options).await.unwrap()).await;
}

#[tokio::test]
async fn cyrus_holds_what_was_seeded() {
    let lab = Lab::shared().await.unwrap();
    let options = CyrusOptions { memory: true, ..CyrusOptions::default() };
    seeded(lab.cyrus(options).await.unwrap()).await;
}

#[tokio::test]
async fn courier_holds_what_was_seeded_but_knows_no_emoji_in_names() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.courier(CourierOptions::default()).await.unwrap();
    let mut mailbox = mail::ordinary(11, 150);
    let seeded = server.seed("alice", &mailbox).await.unwrap();
    let refused: Vec<_> = seeded.refused.iter().map(|refusal| refusal.folder.concat()).collect();
    assert_eq!(refused, ["Familie 🦆"]);
    mailbox.folders.retain(|folder| folder.path != ["Familie 🦆"]);
    assert_eq!(seeded.messages, mailbox.message_count());
    holds(&server, &mailbox).await;
}

async fn counts(server: &Server, mailbox: &Mailbox, seeded: &Seeded) {
    let users = server.users();
    let mut client = server.client("alice", &users["alice"]).await.unwrap();
    let (separator, prefix) = client.namespace().await.unwrap();
    for folder in &mailbox.folders {
        let name = name_of(folder, separator, &prefix);
        let emoji = folder.path[0].starts_with('👩');
        if emoji && server.name().starts_with("courier") {
            continue;
        }
        let refused = seeded.refused.iter().filter(|refusal| refusal.folder == folder.path).count();
        let status = client.command(&format!("STATUS {} (MESSAGES)", quoted(&name))).await.unwrap();
        let expected = format!("(MESSAGES {})", folder.message_count - refused);
        assert!(status.text().contains(&expected), "{}: {}", server.name(), status.text());
    }
}

#[tokio::test]
async fn nasty_mail_gets_in_where_it_can() {
    let lab = Lab::shared().await.unwrap();
    let mailbox = mail::nasty(1);
    for server in [
        lab.dovecot(DovecotOptions::default()).await.unwrap(),
        lab.cyrus(CyrusOptions::default()).await.unwrap(),
        lab.courier(CourierOptions::default()).await.unwrap(),
    ] {
        let seeded = server.seed("alice", &mailbox).await.unwrap();
        let name = server.name();
        let (folders, messages): (Vec<_>, Vec<_>) =
            seeded.refused.iter().partition(|refusal| refusal.position.is_none());
        assert_eq!(folders.len(), usize::from(name.starts_with("courier")), "{name}: {folders:?}");
        assert_eq!(!messages.is_empty(), name.starts_with("cyrus"), "{name}: {messages:?}");
        counts(&server, &mailbox, &seeded).await;
    }
}

#[tokio::test]
async fn ten_thousand_messages_take_seconds() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let before = Instant::now();
    let seeded = server.seed("alice", &mail::small(1, 10_000)).await.unwrap();
    assert_eq!(seeded.messages, 10_000);
    let taken = before.elapsed();
    assert!(taken < Duration::from_secs(20), "{taken:?}");
}
