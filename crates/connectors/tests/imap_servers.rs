//! What the contract's suite does not ask of the IMAP connector, on real servers: sizes, costs, limits, breakdowns.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use imap_common::*;
use limosa_connectors::imap::{ImapConnector, ImapSettings};
use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Storage};
use limosa_model::mailbox::{Basis, Batching, Detail, Mailbox, Page};
use limosa_model::message::Outcome;
use limosa_model::{Connector, ErrorKind, Folder, FolderPath, IdList, Retry, Scope, SystemFlags, Watermark};

#[tokio::test]
async fn real_mail_goes_from_one_dovecot_to_another() {
    let lab = Lab::shared().await.unwrap();
    let maildir = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions { storage: Storage::Sdbox, ..DovecotOptions::default() }).await.unwrap();
    let alice = new_user(&maildir, "alice").await;
    let bob = new_user(&sdbox, "bob").await;

    let mut source = alice.open_target().await.unwrap();
    let inbox = folder(&mut *source, "INBOX").await;
    let messages: Vec<Vec<u8>> = (1..=450).map(|number| message(number, (number as usize * 37) % 9000)).collect();
    let uids = write_all(&mut *source, &inbox, &messages).await;
    assert_eq!(uids, (1..=450).map(Some).collect::<Vec<_>>());
    source.close().await;

    let mut source = alice.open().await.unwrap();
    let before = folder(&mut *source, "INBOX").await;
    let mut target = bob.open_target().await.unwrap();
    let to = target.create_folder(&FolderPath::from("Entwürfe/x"), None).await.unwrap();
    let page = source.changes(&before, None, Detail::Metadata, None).await.unwrap();
    assert_eq!((page.basis, page.present.len(), page.next), (Basis::Full, 450, None));
    assert_eq!(page.watermark.as_ref(), Some(&before.state.as_ref().unwrap().watermark));
    let ids: IdList = page.present.iter().map(|item| item.id.clone()).collect();
    let receipts = copy(&mut *source, &before, &ids, &mut *target, &to, Batching::Free).await;
    assert_eq!(stored(&receipts), (1..=450).map(Some).collect::<Vec<_>>());

    let copied = target.changes(&to, None, Detail::Metadata, None).await.unwrap();
    for (old, new) in page.present.iter().zip(&copied.present) {
        assert_eq!((&old.flags, &old.internal_date), (&new.flags, &new.internal_date));
    }
    let all = bodies(&mut *target, &to, &ids).await;
    for ((uid, body), message) in all.iter().zip(&messages) {
        assert!(body == message, "message {uid} is another one");
    }
    let after = folder(&mut *source, "INBOX").await;
    assert_eq!(before.state, after.state);
}

fn in_memory() -> DovecotOptions {
    DovecotOptions { memory: true, ..DovecotOptions::default().with_storage(Storage::Sdbox) }
}

async fn pages(mailbox: &mut dyn Mailbox, folder: &Folder, since: Option<&Watermark>) -> Vec<Page> {
    let mut pages = vec![mailbox.changes(folder, since, Detail::Flags, None).await.unwrap()];
    while let Some(next) = pages.last().unwrap().next.clone() {
        pages.push(mailbox.changes(folder, since, Detail::Flags, Some(&next)).await.unwrap());
    }
    pages
}

#[tokio::test]
async fn a_large_folder_comes_in_pages_and_its_changes_cost_little() {
    let server = Lab::shared().await.unwrap().dovecot(in_memory()).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    let inbox = folder(&mut *target, "INBOX").await;
    let messages: Vec<Vec<u8>> = (1..=10_050).map(|number| message(number, 200)).collect();
    write_all(&mut *target, &inbox, &messages).await;
    target.close().await;

    let mut source = alice.open().await.unwrap();
    let inbox = folder(&mut *source, "INBOX").await;
    let listed = pages(&mut *source, &inbox, None).await;
    assert_eq!(listed.iter().map(|page| page.present.len()).collect::<Vec<_>>(), [10_000, 50]);
    let since = listed[1].watermark.clone().unwrap();
    assert_eq!(since, inbox.state.as_ref().unwrap().watermark);

    let mut other = server.client("alice", "secret").await.unwrap();
    other.command("SELECT INBOX").await.unwrap();
    other.command("UID STORE 17 +FLAGS (\\Flagged $Urgent)").await.unwrap();
    other.command("UID STORE 100:199 +FLAGS.SILENT (\\Deleted)").await.unwrap();
    other.command("EXPUNGE").await.unwrap();
    let before = alice.meter().read();
    let changed = pages(&mut *source, &inbox, Some(&since)).await;
    let after = alice.meter().read();
    assert_eq!((changed.len(), changed[0].basis), (1, Basis::Delta));
    assert_eq!(changed[0].present.iter().map(|item| uid(&item.id)).collect::<Vec<_>>(), [17]);
    assert!(changed[0].present[0].flags.system.contains(SystemFlags::FLAGGED));
    assert_eq!(changed[0].vanished, IdList::uid_range(100, 199));
    assert_eq!(after.round_trips - before.round_trips, 1, "changes cost one round trip");
    assert!(after.bytes_in - before.bytes_in < 2_000, "{} bytes", after.bytes_in - before.bytes_in);

    // Every message changed: the changes come in pages too.
    let since = changed[0].watermark.clone().unwrap();
    other.command("UID STORE 1:* +FLAGS.SILENT (\\Answered)").await.unwrap();
    let changed = pages(&mut *source, &inbox, Some(&since)).await;
    assert_eq!(changed.iter().map(|page| page.basis).collect::<Vec<_>>(), [Basis::Delta]);
    assert_eq!(changed[0].present.len(), 9_950);
    assert!(changed[0].present.iter().all(|item| item.flags.system.contains(SystemFlags::ANSWERED)));

    let before = alice.meter().read();
    let arrived = source.arrivals(&inbox, None).await.unwrap();
    assert_eq!(arrived.len(), 9_950);
    assert!(alice.meter().read().bytes_in - before.bytes_in < 2_000, "ranges cost nothing a message");
}

#[tokio::test]
async fn an_unchanged_mailbox_costs_one_round_trip_whatever_it_holds() {
    let server = Lab::shared().await.unwrap().dovecot(in_memory()).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    for number in 0..40 {
        target.create_folder(&FolderPath::new(["Projects".to_owned(), format!("p{number}")]), None).await.unwrap();
    }
    target.close().await;
    let before = alice.meter().read();
    let mut source = alice.open().await.unwrap();
    assert_eq!(round_trips(&alice), before.round_trips, "signing in is counted apart");
    let survey = source.survey().await.unwrap();
    assert_eq!(round_trips(&alice) - before.round_trips, 1);
    assert!(survey.folders.len() > 40);
    let known = |folder: &Folder| folder.selectable == folder.state.is_some();
    assert!(survey.folders.iter().all(known), "{:?}", survey.folders);
    assert_eq!(survey.server, "Dovecot");
    let again = source.survey().await.unwrap();
    assert_eq!(round_trips(&alice) - before.round_trips, 2);
    assert_eq!(again.folders, survey.folders);
}

#[tokio::test]
async fn a_full_quota_is_the_mailboxs_error() {
    let server =
        Lab::shared().await.unwrap().dovecot(DovecotOptions { quota_kib: Some(100), ..in_memory() }).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    let checked = target.check().await.unwrap();
    assert_eq!(checked.limits.room_bytes, Some(100 * 1024));
    let inbox = checked.folders[0].clone();
    write_all(&mut *target, &inbox, &[message(1, 30_000), message(2, 30_000)]).await;
    let room = target.check().await.unwrap().limits.room_bytes.unwrap();
    assert!((30_000..45_000).contains(&room), "{room}");
    let mut writer = target.writer(&inbox, Batching::Alone).await.unwrap();
    writer.write(&mut pieces(3, &[], 0, &message(3, 60_000))).await.unwrap();
    writer.write(&mut pieces(4, &[], 0, &message(4, 1_000))).await.unwrap();
    let receipts = writer.finish().await.unwrap();
    let Outcome::Refused(error) = &receipts[0].outcome else { panic!("{receipts:?}") };
    assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::OverQuota, Scope::Mailbox, Retry::Never));
    assert!(matches!(receipts[1].outcome, Outcome::Stored(Some(_))), "a small one still fits: {receipts:?}");
}

#[tokio::test]
async fn a_mailbox_that_can_only_be_read_is_told_before_anything_is_sent() {
    let server = Lab::shared().await.unwrap().dovecot(DovecotOptions { read_only: true, ..in_memory() }).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    let inbox = folder(&mut *target, "INBOX").await;
    let Err(error) = target.writer(&inbox, Batching::Free).await else { panic!("a writer") };
    assert_eq!((error.kind(), error.scope()), (ErrorKind::NotPermitted, Scope::Folder));
    let error = target.create_folder(&FolderPath::from("New"), None).await.unwrap_err();
    assert_eq!((error.kind(), error.scope()), (ErrorKind::NotPermitted, Scope::Folder), "{error}");
    target.survey().await.unwrap();
}

#[tokio::test]
async fn a_server_that_dies_leaves_messages_in_doubt_and_says_so() {
    let server = Lab::shared().await.unwrap().dovecot(in_memory()).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    let inbox = folder(&mut *target, "INBOX").await;
    let mut writer = target.writer(&inbox, Batching::Free).await.unwrap();
    writer.write(&mut pieces(1, &[], 0, &message(1, 1_000))).await.unwrap();
    server.kill9();
    let error = writer.finish().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.scope(), error.retry()),
        (ErrorKind::ConnectionLost, Scope::Connection, Retry::Now)
    );
    assert_eq!(target.survey().await.unwrap_err().kind(), ErrorKind::ConnectionLost);
    let Err(error) = alice.open().await else { panic!("a dead server answers") };
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Unreachable, Scope::Endpoint));
}

/// Cyrus refuses NUL in an ordinary literal, and takes it as binary (RFC 3516).
#[tokio::test]
async fn a_message_with_nul_goes_as_binary_where_that_is_offered() {
    let server = Lab::shared().await.unwrap().cyrus(CyrusOptions::default()).await.unwrap();
    let alice = new_user(&server, "alice").await;
    let mut target = alice.open_target().await.unwrap();
    let inbox = folder(&mut *target, "INBOX").await;
    let mut with_nul = message(1, 2_000);
    with_nul[1_500] = 0;
    let messages = [message(2, 500), with_nul, message(3, 500)];
    let uids = write_all(&mut *target, &inbox, &messages).await;
    assert_eq!(uids, [Some(1), Some(2), Some(3)]);
    let stored = bodies(&mut *target, &inbox, &IdList::uid_range(1, 3)).await;
    assert!(stored.iter().zip(&messages).all(|((_, body), message)| body == message));
}

#[tokio::test]
async fn mail_goes_from_dovecot_to_cyrus_and_comes_out_the_same() {
    let lab = Lab::shared().await.unwrap();
    let dovecot = lab.dovecot(in_memory()).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let (alice, bob) = (new_user(&dovecot, "alice").await, new_user(&cyrus, "bob").await);
    let mut source = alice.open_target().await.unwrap();
    let inbox = folder(&mut *source, "INBOX").await;
    let messages: Vec<Vec<u8>> = (1..=250).map(|number| message(number, 3_000)).collect();
    write_all(&mut *source, &inbox, &messages).await;
    let mut target = bob.open_target().await.unwrap();
    let to = target.create_folder(&FolderPath::from("Größe/Tiefer"), None).await.unwrap();
    let ids = IdList::uid_range(1, 250);
    let receipts = copy(&mut *source, &inbox, &ids, &mut *target, &to, Batching::Free).await;
    assert_eq!(stored(&receipts), (1..=250).map(Some).collect::<Vec<_>>());
    let (old, new) = (
        source.changes(&inbox, None, Detail::Metadata, None).await.unwrap(),
        target.changes(&to, None, Detail::Metadata, None).await.unwrap(),
    );
    assert_eq!(old.present, new.present);
    assert_eq!(bodies(&mut *source, &inbox, &ids).await, bodies(&mut *target, &to, &ids).await);
}

#[tokio::test]
async fn tls_and_compression_carry_large_messages_and_the_meter_sees_the_wire() {
    let server = Lab::shared().await.unwrap().dovecot(DovecotOptions { compress: true, ..in_memory() }).await.unwrap();
    server.add_user("alice", "secret").await.unwrap();
    let messages = [message(1, 3_000_000), message(2, 10), message(3, 700_000)];
    let mut wire = Vec::new();
    for compress in [false, true] {
        let settings = ImapSettings { compress, ..tls_settings(&server, "alice") };
        let alice = ImapConnector::new(settings).unwrap();
        let mut target = alice.open_target().await.unwrap();
        let to = target.create_folder(&FolderPath::new([format!("compress {compress}")]), None).await.unwrap();
        assert_eq!(write_all(&mut *target, &to, &messages).await, [Some(1), Some(2), Some(3)]);
        let read = bodies(&mut *target, &to, &IdList::uid_range(1, 3)).await;
        assert!(read.iter().zip(&messages).all(|((_, body), message)| body == message));
        let reading = alice.meter().read();
        wire.push((reading.bytes_in, reading.bytes_out));
    }
    let size: u64 = messages.iter().map(|message| message.len() as u64).sum();
    let (plain, compressed) = (wire[0], wire[1]);
    assert!(plain.0 > size && plain.1 > size, "TLS adds to {size} bytes: {plain:?}");
    assert!(plain.0 < size + size / 20, "but not much: {plain:?}");
    assert!(compressed.0 < size / 4 && compressed.1 < size / 4, "{compressed:?}");
}
