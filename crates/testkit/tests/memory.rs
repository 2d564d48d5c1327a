//! Does the memory server do what its traits say?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::sync::Arc;

use bytes::Bytes;
use limosa_model::ledger::{Ledger, LedgerFolder};
use limosa_model::mailbox::{Basis, Batching, Detail};
use limosa_model::message::Outcome;
use limosa_model::{
    Connector, ErrorKind, Flags, Folder, FolderPath, Head, IdList, InternalDate, MessageId, Piece, Scope, Target,
};
use limosa_testkit::MemoryLedger;
use limosa_testkit::memory::{Faults, MemoryConnector, MemoryServer, MemoryTraits, Moment, Verdict};

const DATE: InternalDate = InternalDate { seconds: 1_600_000_000, offset_minutes: 0 };

fn pieces(number: u32, text: &str) -> Vec<Piece> {
    let head = Head { id: MessageId::Uid(number), flags: Flags::default(), internal_date: Some(DATE), size: None };
    vec![Piece::Head(head), Piece::Body(Bytes::copy_from_slice(text.as_bytes())), Piece::End]
}

async fn open(server: &MemoryServer, faults: &Faults) -> (Box<dyn Target>, Folder) {
    let mut target = MemoryConnector::new(server, "t").with_faults(faults).open_target().await.unwrap();
    let inbox = target.survey().await.unwrap().folders.remove(0);
    (target, inbox)
}

/// Outcomes of writing these texts, in short.
async fn write(server: &MemoryServer, batching: Batching, texts: &[&str]) -> Vec<String> {
    let (mut target, inbox) = open(server, &Faults::none()).await;
    let mut writer = target.writer(&inbox, batching).await.unwrap();
    for (number, text) in (1..).zip(texts) {
        writer.write(&mut pieces(number, text)).await.unwrap();
    }
    let receipts = writer.finish().await.unwrap();
    let told = |outcome: &Outcome| match outcome {
        Outcome::Stored(id) => format!("stored {}", id.as_ref().map_or("?".into(), ToString::to_string)),
        Outcome::RolledBack => "rolled back".into(),
        Outcome::Refused(error) => error.kind().code().into(),
    };
    receipts.iter().map(|receipt| told(&receipt.outcome)).collect()
}

fn refusing_bad() -> MemoryTraits {
    let refuse = |bytes: &[u8]| bytes.starts_with(b"bad").then_some(ErrorKind::Malformed);
    MemoryTraits { refuse: Some(Arc::new(refuse)), message_bytes: Some(10), quota: Some(25), ..MemoryTraits::default() }
}

#[tokio::test]
async fn one_refusal_rolls_its_batch_back_and_alone_it_is_named() {
    let server = MemoryServer::new(MemoryTraits { batch: 3, ..refusing_bad() });
    let outcomes = write(&server, Batching::Free, &["a", "b", "c", "d", "bad", "e", "f"]).await;
    let rolled = "rolled back";
    assert_eq!(outcomes, ["stored 1", "stored 2", "stored 3", rolled, rolled, rolled, "stored 4"]);
    let outcomes = write(&server, Batching::Alone, &["d", "bad", "e"]).await;
    assert_eq!(outcomes, ["stored 5", "malformed", "stored 6"]);
    assert_eq!(server.contents("INBOX").len(), 6);
}

#[tokio::test]
async fn size_and_quota_are_limits() {
    let server = MemoryServer::new(refusing_bad());
    let outcomes =
        write(&server, Batching::Free, &["0123456789", "01234567890", "0123456789", "012345", "01234"]).await;
    assert_eq!(outcomes, ["stored 1", "too-big", "stored 2", "over-quota", "stored 3"]);
    assert_eq!(server.bytes(), 25);
    let (mut target, inbox) = open(&server, &Faults::none()).await;
    target.remove(&inbox, &IdList::uid_range(1, 1)).await.unwrap();
    let limits = target.check().await.unwrap().limits;
    assert_eq!((limits.message_bytes, limits.room_bytes), (Some(10), Some(10)));
}

#[tokio::test]
async fn whole_messages_under_way_land_late_and_only_then() {
    for (late_landing, stored) in [(false, 1), (true, 3)] {
        let server = MemoryServer::new(MemoryTraits { window: 2, late_landing, ..MemoryTraits::default() });
        let faults = Faults::at_name("write", 4, Moment::Before, Verdict::Cut);
        let (mut target, inbox) = open(&server, &faults).await;
        let mut writer = target.writer(&inbox, Batching::Free).await.unwrap();
        for number in 1..=3 {
            writer.write(&mut pieces(number, "whole")).await.unwrap();
        }
        writer.write(&mut pieces(4, "never whole")[..2].to_vec()).await.unwrap();
        assert_eq!(writer.receipts().len(), 1, "two of three are under way");
        writer.write(&mut vec![Piece::End]).await.unwrap_err();
        drop(writer);
        assert_eq!(server.contents("INBOX").len(), stored);
        assert!(target.survey().await.is_err(), "the connection is lost");
    }
}

#[tokio::test]
async fn history_forgotten_or_ids_void_are_told() {
    let server = MemoryServer::default();
    let id = server.append("INBOX", "one", &Flags::default(), DATE);
    let (mut target, inbox) = open(&server, &Faults::none()).await;
    let since = inbox.state.clone().unwrap().watermark;
    server.append("INBOX", "two", &Flags::default(), DATE);
    server.expunge("INBOX", &id);
    let page = target.changes(&inbox, Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.present.len(), page.vanished.len()), (Basis::Delta, 1, 1));
    server.forget_history("INBOX");
    let page = target.changes(&inbox, Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.present.len(), page.vanished.len()), (Basis::Full, 1, 0));
    server.change_uidvalidity("INBOX");
    let page = target.changes(&inbox, Some(&since), Detail::Flags, None).await.unwrap();
    assert_eq!((page.basis, page.present.len()), (Basis::Renumbered, 1));
}

#[tokio::test]
async fn the_other_client_can_act_between_two_steps() {
    let server = MemoryServer::default();
    let id = server.append("INBOX", "one", &Flags::default(), DATE);
    let other = server.clone();
    let faults = Faults::hook(move |step, moment| {
        if step.name == "fetch.next" && moment == Moment::Before {
            other.expunge("INBOX", &id);
        }
        Verdict::GoOn
    });
    let (mut target, inbox) = open(&server, &faults).await;
    let mut came = Vec::new();
    let mut fetch = target.fetch(&inbox, &IdList::uid_range(1, 1)).await.unwrap();
    while fetch.next(&mut came).await.unwrap() {}
    assert!(matches!(came[..], [limosa_model::Fetched::Gone(_)]), "{came:?}");
}

#[tokio::test]
async fn folders_are_told_apart_as_the_traits_say() {
    let traits = MemoryTraits { case_insensitive_folders: true, flat_inbox: true, ..MemoryTraits::default() };
    let server = MemoryServer::new(traits);
    let (mut target, _) = open(&server, &Faults::none()).await;
    let first = target.create_folder(&FolderPath::from("Work/A"), None).await.unwrap();
    let second = target.create_folder(&FolderPath::from("work/a"), None).await.unwrap();
    assert_eq!(first.object_id, second.object_id);
    let error = target.create_folder(&FolderPath::from("INBOX/Below"), None).await.unwrap_err();
    assert_eq!((error.scope(), error.kind()), (Scope::Folder, ErrorKind::Folder));
    server.rename_folder("Work", "Play/Now");
    let there: Vec<String> = server.folders().iter().map(|folder| folder.path.to_string()).collect();
    assert_eq!(there, ["INBOX", "Play", "Play/Now", "Play/Now/A"]);
    server.change_traits(|traits| traits.read_only = true);
    let error = target.create_folder(&FolderPath::from("New"), None).await.unwrap_err();
    assert_eq!((error.scope(), error.kind()), (Scope::Mailbox, ErrorKind::NotPermitted));
}

#[tokio::test]
async fn no_more_connections_than_allowed_and_a_lost_one_is_given_back() {
    let server = MemoryServer::new(MemoryTraits { connections: 1, ..MemoryTraits::default() });
    let connector = MemoryConnector::new(&server, "t");
    let first = connector.open().await.unwrap();
    assert_eq!(connector.open().await.err().unwrap().kind(), ErrorKind::Throttled);
    first.close().await;
    drop(connector.open().await.unwrap());
    assert_eq!(connector.meter().read().connections, 2);
}

#[tokio::test]
async fn a_ledgers_steps_are_numbered_among_the_others_and_cut_like_them() {
    let faults = Faults::at_name("put_folder", 0, Moment::After, Verdict::Kill);
    let ledger = MemoryLedger::with_hook(faults.power_hook());
    let (mut target, _) = open(&MemoryServer::default(), &faults).await;
    let folder = LedgerFolder {
        source: FolderPath::inbox(),
        target: FolderPath::inbox(),
        source_watermark: None,
        target_watermark: None,
        source_ids: "1".into(),
        target_ids: "1".into(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    };
    ledger.put_folder(&folder).await.unwrap_err();
    assert!(faults.is_killed());
    let names: Vec<&str> = faults.log().iter().map(|step| step.name).collect();
    assert_eq!(names, ["open", "survey", "put_folder"]);
    tokio::select! {
        biased;
        _ = target.survey() => panic!("a dead process got an answer"),
        () = faults.killed() => {}
    }
    assert_eq!(ledger.reopen().folders().await.unwrap().len(), 1, "done, though nobody was told");
}
