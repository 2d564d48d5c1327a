//! What is written is read, whatever it is.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use limosa_evidence::{
    Approval, Digest, EvidenceError, FolderPair, FolderTotal, LeftBehind, MessageIdHash, PublicKey, Reader, Record,
    Row, SigningKey, Writer, check, inspect,
};
use limosa_model::{Flags, FolderPath, InternalDate, MessageId, SystemFlags};
use proptest::prelude::*;

use crate::support::{World, folder, header, left_behind, record, small};

fn id() -> impl Strategy<Value = MessageId> {
    prop_oneof![any::<u32>().prop_map(MessageId::Uid), any::<String>().prop_map(|key| MessageId::Key(key.into()))]
}

fn path() -> impl Strategy<Value = FolderPath> {
    proptest::collection::vec(any::<String>(), 1..3).prop_map(FolderPath::new)
}

fn date() -> impl Strategy<Value = Option<InternalDate>> {
    let date = |(seconds, offset_minutes)| InternalDate { seconds, offset_minutes };
    proptest::option::of(any::<(i64, i16)>().prop_map(date))
}

fn flags() -> impl Strategy<Value = Flags> {
    let keywords = proptest::collection::vec("[a-zA-Z$][a-z$_é]{0,6}", 0..3);
    (any::<u8>(), keywords).prop_map(|(bits, keywords)| Flags::new(SystemFlags::from_bits(bits), keywords))
}

prop_compose! {
    fn message()(
        folder in (0..3usize), ids in (id(), id()), internal_date in date(), size in 0..u64::MAX / 1000,
        digest in any::<[u8; 32]>(), name in proptest::option::of(any::<[u8; 12]>()), flags in flags(),
    ) -> (usize, Record) {
        let pair = Arc::new(FolderPair { source: FolderPath::inbox(), target: FolderPath::inbox() });
        (folder, Record {
            folder: pair, source_id: ids.0, target_id: ids.1, internal_date, size, digest: Digest(digest),
            message_id: name.map(MessageIdHash), flags,
        })
    }
}

prop_compose! {
    fn exception()(
        folder in path(), id in id(), texts in any::<(Option<String>, Option<String>, String, String)>(),
        internal_date in date(), size: Option<u64>, approval in proptest::option::of(("[a-z]{1,5}", "[a-z]{1,5}", any::<i64>())),
    ) -> LeftBehind {
        let approval = approval.map(|(by, because, at)| Approval { by, because, at });
        LeftBehind {
            folder, id, message_id: texts.0, subject: texts.1, internal_date, size, code: texts.2, reason: texts.3, approval,
        }
    }
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    let folders = proptest::collection::vec((path(), path()), 3);
    let row = prop_oneof![8 => message().prop_map(Ok), 1 => exception().prop_map(Err)];
    (folders, proptest::collection::vec(row, 0..40)).prop_map(|(folders, rows)| {
        let pairs: Vec<_> =
            folders.into_iter().map(|(source, target)| Arc::new(FolderPair { source, target })).collect();
        let place =
            |(folder, record): (usize, Record)| Row::Message(Record { folder: pairs[folder].clone(), ..record });
        rows.into_iter().map(|row| row.map_or_else(Row::Exception, place)).collect()
    })
}

/// Dates are equal by their moment alone, so the zone is looked at through the leaf.
fn leaves(rows: &[Row]) -> Vec<Vec<u8>> {
    rows.iter().map(Row::leaf).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_row_is_read_as_it_was_written(rows in rows()) {
        let world = World::new();
        let (path, root) = world.write("evidence", &rows);
        let mut read = Vec::new();
        let report = inspect(&path, |row| { read.push(row.clone()); Ok(()) }).expect("it agrees with itself");
        prop_assert_eq!(report.root, root);
        let totals = read.split_off(rows.len());
        prop_assert_eq!(leaves(&read), leaves(&rows));
        prop_assert_eq!(&read, &rows);
        let messages = rows.iter().filter(|row| matches!(row, Row::Message(_))).count() as u64;
        let summed: u64 = totals.iter().map(|row| match row { Row::Folder(total) => total.messages, _ => 1 << 40 }).sum();
        prop_assert_eq!((report.counts.messages, summed), (messages, messages));
        prop_assert_eq!(report.counts.leaves, (rows.len() + totals.len()) as u64);
    }
}

#[test]
fn a_report_says_who_what_and_how_many() {
    let world = World::new();
    let (path, root) = world.write("evidence", &small());
    let report = check(&path, &world.key.public_key()).expect("it is believed");
    assert_eq!(report.header, header());
    assert_eq!((report.counts.folders, report.counts.messages, report.counts.exceptions), (2, 3, 2));
    assert_eq!((report.approved, report.root, report.finished), (1, root, 1_700_000_100));
    let mode = std::fs::metadata(&path).expect("it is there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "addresses and subjects are not for all to read");
}

#[test]
fn an_empty_folder_and_an_empty_mailbox_are_attested() {
    let world = World::new();
    let empty = folder("Leer", "Empty");
    let total = Row::Folder(FolderTotal { folder: empty, messages: 0, bytes: 0 });
    let (path, _) = world.write("folder", std::slice::from_ref(&total));
    let mut read = Vec::new();
    inspect(&path, |row| {
        read.push(row.clone());
        Ok(())
    })
    .expect("it agrees with itself");
    assert_eq!(read, [total]);
    let (path, _) = world.write("nothing", &[]);
    assert_eq!(check(&path, &world.key.public_key()).expect("it is believed").counts.leaves, 0);
}

#[test]
fn folders_may_come_in_any_order_and_more_than_one_block() {
    let world = World::new();
    let folders = [folder("a", "a"), folder("b", "b")];
    let rows: Vec<Row> = (0..9000).map(|n| Row::Message(record(&folders[n as usize % 2], n))).collect();
    let (path, _) = world.write("evidence", &rows);
    let mut reader = Reader::open(&path).expect("it opens");
    for row in &rows {
        assert_eq!(reader.next_row().expect("it is read").as_ref(), Some(row));
    }
    let Some(Row::Folder(total)) = reader.next_row().expect("it is read") else { panic!("a total follows") };
    assert_eq!((total.folder, total.messages), (folders[0].clone(), 4500));
}

#[test]
fn nothing_is_overwritten_and_nothing_half_written_is_left() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    let before = std::fs::read(&path).expect("it is read");
    assert!(matches!(Writer::create(&path, &header(), &world.key), Err(EvidenceError::File { .. })));
    assert_eq!(std::fs::read(&path).expect("it is read"), before);

    let late = world.path("late");
    let writer = Writer::create(&late, &header(), &world.key).expect("it begins");
    std::fs::write(&late, "somebody else's").expect("it is written");
    assert!(writer.finish(0).is_err(), "the name was taken meanwhile");
    assert_eq!(std::fs::read(&late).expect("it is read"), b"somebody else's");

    let mut dropped = Writer::create(&world.path("dropped"), &header(), &world.key).expect("it begins");
    dropped.record(&record(&folder("a", "a"), 1)).expect("it is written");
    drop(dropped);
    let mut names: Vec<_> =
        std::fs::read_dir(world.path("")).expect("a folder").map(|e| e.expect("e").file_name()).collect();
    names.sort();
    assert_eq!(names, ["evidence", "key", "late"]);
}

#[test]
fn an_approval_needs_a_name_and_a_reason() {
    let world = World::new();
    let mut writer = Writer::create(&world.path("evidence"), &header(), &world.key).expect("it begins");
    let nameless = Approval { by: String::new(), because: "because".into(), at: 1 };
    let left = LeftBehind { approval: Some(nameless), ..left_behind() };
    assert!(matches!(writer.exception(&left), Err(EvidenceError::NamelessApproval(_))));
}

#[test]
fn a_text_that_no_reader_would_take_is_not_written() {
    let world = World::new();
    let mut writer = Writer::create(&world.path("evidence"), &header(), &world.key).expect("it begins");
    let left = LeftBehind { reason: "x".repeat(3 << 20), ..left_behind() };
    assert!(matches!(writer.exception(&left), Err(EvidenceError::TooLong { .. })));
    let long = LeftBehind { reason: "x".repeat(2 << 20), ..left_behind() };
    writer.exception(&long).expect("the longest text is written");
    writer.finish(0).expect("it ends");
    check(&world.path("evidence"), &world.key.public_key()).expect("and read");
}

#[test]
fn keys_are_read_back_and_kept_to_their_owner() {
    let world = World::new();
    let file = world.path("key");
    let public = world.key.public_key();
    assert_eq!(SigningKey::read(&file).expect("it is read").public_key(), public);
    assert_eq!(public.to_string().parse::<PublicKey>().expect("it is a key"), public);
    assert_eq!(std::fs::metadata(&file).expect("it is there").permissions().mode() & 0o777, 0o600);
    assert!(SigningKey::create(&file).is_err(), "a key is never overwritten");
    let text = std::fs::read_to_string(&file).expect("it is read");
    assert!(text.starts_with("-----BEGIN PRIVATE KEY-----\n"));
    let secret = text.lines().nth(1).expect("the key");
    assert!(!format!("{:?}", world.key).contains(&secret[20..40]));

    for (name, text) in [("empty", ""), ("other", "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")] {
        std::fs::write(world.path(name), text).expect("it is written");
        let error = SigningKey::read(&world.path(name)).expect_err("it is no key");
        assert!(matches!(error, EvidenceError::Key { .. }) && !error.to_string().contains("AAAA"), "{error}");
    }
    assert!("AAAA".parse::<PublicKey>().is_err());
}

/// What OpenSSL 3 writes: PKCS#8 without the public key. The key is the first of RFC 8032 §7.1.
#[test]
fn a_key_of_openssl_is_read() {
    let world = World::new();
    let file = world.path("openssl");
    let pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIJ1hsZ3v/VpguoRK9JLsLMREScVpezJpGXA7rAMcrn9g\n-----END PRIVATE KEY-----\n";
    std::fs::write(&file, pem).expect("it is written");
    let public = SigningKey::read(&file).expect("it is read").public_key();
    assert_eq!(public.to_string(), "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=");
}
