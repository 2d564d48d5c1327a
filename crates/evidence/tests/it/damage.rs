//! What is not what was signed is refused, each in its own words.

use limosa_evidence::{EvidenceError, FolderTotal, Row, SigningKey, check, inspect};

use crate::support::{World, folder, record, small};

#[test]
fn every_single_byte_flipped_is_noticed() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    let bytes = std::fs::read(&path).expect("it is read");
    let key = world.key.public_key();
    check(&path, &key).expect("unchanged, it is believed");
    let mut seen = std::collections::BTreeSet::new();
    for at in 0..bytes.len() {
        for flip in [0x01, 0x02, 0x80, 0xff] {
            let mut flipped = bytes.clone();
            flipped[at] ^= flip;
            std::fs::write(&path, &flipped).expect("it is written");
            let error = check(&path, &key).expect_err("a flipped byte must be noticed");
            seen.insert(format!("{error:?}").split([' ', '{']).next().unwrap_or_default().to_owned());
        }
    }
    for kind in ["BadSignature", "Damaged", "Newer", "NotEvidence", "Truncated"] {
        assert!(seen.contains(kind), "{kind} was never said: {seen:?}");
    }
}

#[test]
fn cut_off_at_any_length_it_is_refused_as_cut_off() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    let bytes = std::fs::read(&path).expect("it is read");
    for length in 0..bytes.len() {
        std::fs::write(&path, &bytes[..length]).expect("it is written");
        let error = check(&path, &world.key.public_key()).expect_err("a cut must be noticed");
        assert!(matches!(error, EvidenceError::Truncated { .. }), "{length}: {error}");
    }
}

#[test]
fn something_after_the_end_is_refused() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    let mut bytes = std::fs::read(&path).expect("it is read");
    bytes.push(0);
    std::fs::write(&path, &bytes).expect("it is written");
    let error = check(&path, &world.key.public_key()).expect_err("more than a file");
    assert!(matches!(error, EvidenceError::Damaged { .. }), "{error}");
}

#[test]
fn another_key_is_told_from_a_bad_signature() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    let other = SigningKey::create(&world.path("other")).expect("a key");
    match check(&path, &other.public_key()) {
        Err(EvidenceError::OtherKey { found }) => assert_eq!(found, world.key.public_key().to_string()),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_newer_format_is_named_before_anything_else_is_read() {
    let world = World::new();
    let path = world.path("evidence");
    std::fs::write(&path, b"LIMOSAEV\x02\x00what comes is not known").expect("it is written");
    match check(&path, &world.key.public_key()) {
        Err(EvidenceError::Newer { found: 2, known: 1 }) => {}
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_damaged_block_is_named() {
    let world = World::new();
    let inbox = folder("INBOX", "INBOX");
    let rows: Vec<Row> = (0..9000).map(|number| Row::Message(record(&inbox, number))).collect();
    let (path, _) = world.write("evidence", &rows);
    let mut bytes = std::fs::read(&path).expect("it is read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&path, &bytes).expect("it is written");
    match check(&path, &world.key.public_key()) {
        Err(EvidenceError::Damaged { part, .. }) => assert_eq!(part, "block 2"),
        other => panic!("{other:?}"),
    }
}

/// Whoever mends the sums of what he changed still has no root and no signature.
#[test]
fn a_block_of_another_file_is_noticed_although_its_sum_is_right() {
    let world = World::new();
    let inbox = folder("INBOX", "INBOX");
    let file = |name: &str, size: u64| {
        let mut message = record(&inbox, 1);
        message.size = size;
        message.digest.0[0] = size as u8;
        std::fs::read(world.write(name, &[Row::Message(message)]).0).expect("it is read")
    };
    let (one, two) = (file("one", 2001), file("two", 2002));
    assert_eq!(one.len(), two.len());
    const FOOTER: usize = 1 + 6 * 8 + 32 + 32 + 64;
    let grafted = [&two[..two.len() - FOOTER], &one[one.len() - FOOTER..]].concat();
    let path = world.path("grafted");
    std::fs::write(&path, grafted).expect("it is written");
    let error = check(&path, &world.key.public_key()).expect_err("it is two files");
    assert!(matches!(error, EvidenceError::Altered { .. }), "{error}");

    // The same numbers, so that nothing but the root can tell.
    let mut swapped = record(&inbox, 1);
    swapped.digest.0[0] ^= 1;
    let three = std::fs::read(world.write("three", &[Row::Message(record(&inbox, 1))]).0).expect("it is read");
    let four = std::fs::read(world.write("four", &[Row::Message(swapped)]).0).expect("it is read");
    std::fs::write(&path, [&four[..four.len() - FOOTER], &three[three.len() - FOOTER..]].concat())
        .expect("it is written");
    match check(&path, &world.key.public_key()) {
        Err(EvidenceError::Altered { what }) => assert!(what.contains("root"), "{what}"),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_error_of_the_caller_ends_the_reading() {
    let world = World::new();
    let empty = Row::Folder(FolderTotal { folder: folder("a", "a"), messages: 0, bytes: 0 });
    let (path, _) = world.write("evidence", &[empty]);
    let stop = inspect(&path, |_| Err(limosa_model::ledger::NamelessApproval.into()));
    assert!(matches!(stop, Err(EvidenceError::NamelessApproval(_))));
}
