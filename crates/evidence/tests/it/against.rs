//! A mailbox that went on living, beside what was attested of it.

use std::sync::Arc;

use bytes::Bytes;
use limosa_evidence::against::{Against, against};
use limosa_evidence::{Digest, EvidenceError, FolderPair, MessageIdHash, Record, Row, check};
use limosa_model::{Connector, Flags, FolderPath, InternalDate, MessageId, SystemFlags};
use limosa_testkit::memory::{MemoryConnector, MemoryServer, MemoryTraits};

use crate::support::{World, folder};

const DATE: InternalDate = InternalDate { seconds: 1_600_000_000, offset_minutes: 0 };

fn mail(number: u32) -> Bytes {
    format!("Message-ID: <{number}@example.org>\r\n\r\nNo. {number}\r\n").into()
}

fn seen() -> Flags {
    SystemFlags::SEEN.into()
}

/// Puts messages into a folder of the server and attests them as they stand there.
fn moved(server: &MemoryServer, folder: &Arc<FolderPair>, numbers: impl IntoIterator<Item = u32>) -> Vec<Row> {
    let row = |number| {
        let target_id = server.append(folder.target.clone(), mail(number), &seen(), DATE);
        Row::Message(Record {
            folder: folder.clone(),
            source_id: MessageId::Uid(number),
            target_id,
            internal_date: Some(DATE),
            size: mail(number).len() as u64,
            digest: Digest::of(&mail(number)),
            message_id: Some(MessageIdHash::of(&format!("<{number}@example.org>"))),
            flags: seen(),
        })
    };
    numbers.into_iter().map(row).collect()
}

async fn compare(world: &World, name: &str, server: &MemoryServer) -> Against {
    let path = world.path(name);
    let report = check(&path, &world.key.public_key()).expect("it is believed");
    let connector = MemoryConnector::new(server, "now");
    let mut mailbox = connector.open().await.expect("it opens");
    against(&path, &report, mailbox.as_mut()).await.expect("it is compared")
}

fn ids(named: &[limosa_evidence::against::Named]) -> Vec<(String, MessageId)> {
    named.iter().map(|named| (named.folder.to_string(), named.id.clone())).collect()
}

#[tokio::test]
async fn an_untouched_mailbox_is_as_attested() {
    let (world, server) = (World::new(), MemoryServer::default());
    let mut rows = moved(&server, &folder("INBOX", "INBOX"), 1..=30);
    // Two source folders may have become one, and one message may stand in it twice.
    rows.extend(moved(&server, &folder("Gesendet", "Sent"), [40, 41, 40]));
    rows.extend(moved(&server, &folder("Sent Items", "Sent"), [41, 42]));
    world.write("evidence", &rows);
    let found = compare(&world, "evidence", &server).await;
    assert_eq!(found, Against { as_attested: 35, ..Against::default() });
    assert!(found.is_whole());

    // Other ids are no other messages.
    server.change_uidvalidity("INBOX");
    assert_eq!(compare(&world, "evidence", &server).await.as_attested, 35);
}

#[tokio::test]
async fn what_happened_since_is_told_apart() {
    let (world, server) = (World::new(), MemoryServer::new(MemoryTraits::default()));
    let mut rows = moved(&server, &folder("INBOX", "INBOX"), 1..=10);
    rows.extend(moved(&server, &folder("Alt", "Old"), 20..=22));
    world.write("evidence", &rows);
    let at = |index: usize| server.contents("INBOX")[index].id.clone();
    let (removed, flagged, unreadable) = (at(0), at(1), at(2));
    server.set_flags("INBOX", &flagged, &Flags::new(SystemFlags::SEEN, ["Work"]));
    server.set_readable("INBOX", &unreadable, false);
    server.expunge("INBOX", &removed);
    let added = server.append("INBOX", mail(99), &seen(), DATE);
    let elsewhere = server.append("New", mail(98), &seen(), DATE);
    server.delete_folder("Old");

    let found = compare(&world, "evidence", &server).await;
    assert!(!found.is_whole());
    assert_eq!(found.as_attested, 7);
    assert_eq!(ids(&found.flags_changed.named), [("INBOX".into(), flagged)]);
    assert_eq!(found.flags_changed.named[0].what.as_deref(), Some("had \\Seen, has \\Seen Work"));
    assert_eq!(ids(&found.added.named), [("INBOX".into(), added), ("New".into(), elsewhere)]);
    assert_eq!(ids(&found.unreadable.named), [("INBOX".into(), unreadable.clone())]);
    // What cannot be read cannot be said to be there.
    assert_eq!(found.missing.messages, 5);
    assert!(ids(&found.missing.named).contains(&("INBOX".into(), removed)));
    assert!(ids(&found.missing.named).contains(&("INBOX".into(), unreadable)));
    assert_eq!(found.missing.named.iter().filter(|named| named.folder == FolderPath::from("Old")).count(), 3);
}

#[tokio::test]
async fn copies_of_one_message_with_other_flags_are_not_mistaken_for_one_another() {
    let (world, server) = (World::new(), MemoryServer::default());
    let inbox = folder("INBOX", "INBOX");
    let mut rows = moved(&server, &inbox, [1, 1]);
    let Row::Message(second) = &mut rows[1] else { panic!("a message") };
    second.flags = Flags::default();
    world.write("evidence", &rows);
    // The first copy has changed into what nobody attested; the second was \Seen all along on the server.
    let first = server.contents("INBOX")[0].id.clone();
    server.set_flags("INBOX", &first, &SystemFlags::FLAGGED.into());
    let found = compare(&world, "evidence", &server).await;
    assert_eq!((found.as_attested, found.flags_changed.messages, found.missing.messages), (1, 1, 0));
    assert_eq!(ids(&found.flags_changed.named), [("INBOX".into(), first)]);
}

#[tokio::test]
async fn a_file_exchanged_after_its_check_is_refused() {
    let (world, server) = (World::new(), MemoryServer::default());
    world.write("checked", &moved(&server, &folder("INBOX", "INBOX"), [1]));
    world.write("other", &moved(&server, &folder("INBOX", "INBOX"), [2]));
    let report = check(&world.path("checked"), &world.key.public_key()).expect("it is believed");
    let connector = MemoryConnector::new(&server, "now");
    let mut mailbox = connector.open().await.expect("it opens");
    let error = against(&world.path("other"), &report, mailbox.as_mut()).await.expect_err("another file");
    let limosa_evidence::against::AgainstError::Evidence(error) = error else { panic!("{error}") };
    assert!(matches!(error, EvidenceError::Altered { .. }));
}
