//! One message, proven to somebody who has nothing but the proof and the public key.

use limosa_evidence::{Digest, EvidenceError, Proof, Root, Row, SigningKey, prove};
use limosa_model::Flags;

use crate::support::{World, folder, record, small};

fn proof(world: &World, count: u32, message_id: &str) -> (Proof, Root) {
    let inbox = folder("INBOX", "INBOX");
    let rows: Vec<Row> = (0..count).map(|number| Row::Message(record(&inbox, number))).collect();
    let (path, root) = world.write(&format!("{count}-{message_id}"), &rows);
    (prove(&path, message_id).expect("it is proven"), root)
}

#[test]
fn every_message_of_a_file_of_any_length_is_proven() {
    for count in [1, 2, 3, 7, 8, 33] {
        let world = World::new();
        for number in 0..count {
            let (proof, root) = proof(&world, count, &format!("{number}@example.org"));
            proof.verify(&root).expect("it is under the root");
            let proven = proof.check(&world.key.public_key()).expect("it is signed");
            assert_eq!((proven.root, proven.records.len()), (root, 1));
            assert_eq!(proven.records[0].digest, Digest::of(&number.to_be_bytes()));
            assert!(proof.is_of(&number.to_be_bytes()) && !proof.is_of(b"another"));
        }
    }
}

#[test]
fn a_proof_is_read_back_from_its_json_and_is_short() {
    let world = World::new();
    let (proof, root) = proof(&world, 9000, "<4711@example.org>");
    let json = serde_json::to_string(&proof).expect("it is JSON");
    assert!(json.len() < 4000, "{} bytes", json.len());
    let read: Proof = serde_json::from_str(&json).expect("it is a proof");
    assert_eq!(read, proof);
    read.verify(&root).expect("it is under the root");
    assert_eq!(read.messages[0].path.len(), 14);
}

#[test]
fn nothing_in_a_proof_can_be_changed() {
    let world = World::new();
    let (proof, root) = proof(&world, 9, "5@example.org");
    let key = world.key.public_key();
    let refused = |change: &dyn Fn(&mut Proof)| {
        let mut changed = proof.clone();
        change(&mut changed);
        changed.check(&key).expect_err("it was changed")
    };
    assert!(matches!(refused(&|proof| proof.message_id = "6@example.org".into()), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.messages[0].record.size += 1), EvidenceError::Unproven { .. }));
    assert!(matches!(
        refused(&|proof| proof.messages[0].record.flags = Flags::default()),
        EvidenceError::Unproven { .. }
    ));
    assert!(matches!(refused(&|proof| proof.messages[0].leaf = "AAAA".into()), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.messages[0].index = 4), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.messages[0].path[0].0[0] ^= 1), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.messages.clear()), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.kind.push('2')), EvidenceError::Unproven { .. }));
    assert!(matches!(refused(&|proof| proof.head.replace_range(30..31, "x")), EvidenceError::BadSignature));
    assert!(matches!(refused(&|proof| proof.footer.replace_range(3..4, "x")), EvidenceError::BadSignature));
    assert!(matches!(proof.verify(&Root([0; 32])), Err(EvidenceError::Unproven { .. })), "{root}");
    let other = SigningKey::create(&world.path("other")).expect("a key");
    assert!(matches!(proof.check(&other.public_key()), Err(EvidenceError::OtherKey { .. })));
}

#[test]
fn a_message_that_is_not_attested_cannot_be_proven() {
    let world = World::new();
    let (path, _) = world.write("evidence", &small());
    assert!(matches!(prove(&path, "<none@example.org>"), Err(EvidenceError::NoSuchMessage { .. })));
    let mut bytes = std::fs::read(&path).expect("it is read");
    *bytes.last_mut().expect("bytes") ^= 1;
    std::fs::write(&path, bytes).expect("it is written");
    assert!(matches!(prove(&path, "<1@example.org>"), Err(EvidenceError::BadSignature)));
}

#[test]
fn every_copy_of_a_message_is_proven_and_what_is_left_out_is_counted() {
    let world = World::new();
    let inbox = folder("INBOX", "INBOX");
    let rows: Vec<Row> = (0..150)
        .map(|number| {
            let mut message = record(&inbox, number);
            message.message_id = record(&inbox, 1).message_id;
            Row::Message(message)
        })
        .collect();
    let (path, root) = world.write("evidence", &rows);
    let proof = prove(&path, "1@example.org").expect("it is proven");
    assert_eq!((proof.messages.len(), proof.left_out), (100, 50));
    proof.verify(&root).expect("each is under the root");
}
