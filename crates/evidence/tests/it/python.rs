//! A second pair of eyes: `tools/check-evidence.py` shares no code with this crate, and comes to the same results.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use limosa_evidence::{PublicKey, Row, SigningKey, prove};
use limosa_model::InternalDate;

use crate::support::{World, folder, record, small};

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tools")
}

/// A Python with the checker's packages; `None`, said loudly, where they cannot be had.
fn python() -> Option<PathBuf> {
    let found = Command::new(tools().join("python")).output().expect("the script runs");
    if found.status.success() {
        return Some(String::from_utf8(found.stdout).expect("a path").trim().into());
    }
    eprintln!("SKIPPED: NO PYTHON WITH zstandard AND cryptography: {}", String::from_utf8_lossy(&found.stderr));
    None
}

fn run(python: &Path, file: &Path, key: &PublicKey) -> Output {
    let script = tools().join("check-evidence.py");
    Command::new(python).arg(script).arg(file).arg(key.to_string()).output().expect("python runs")
}

#[track_caller]
fn refused(output: &Output, why: &str) {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.starts_with("refused: ") && said.contains(why), "{said}");
}

#[test]
fn the_python_checker_agrees_and_refuses_what_was_changed() {
    let Some(python) = python() else { return };
    let world = World::new();
    let key = world.key.public_key();
    let (inbox, sent) = (folder("INBOX", "INBOX"), folder("Gesendet/\\/x", "Sent"));
    // More than one block, folders in turn, dates at both ends of time.
    let mut rows: Vec<Row> = (0..5000).map(|n| Row::Message(record([&inbox, &sent][n as usize % 2], n))).collect();
    for (seconds, offset_minutes) in [(i64::MIN, -720), (i64::MAX, 840), (-1, 0)] {
        let dated = Some(InternalDate { seconds, offset_minutes });
        rows.push(Row::Message(limosa_evidence::Record { internal_date: dated, ..record(&inbox, u32::MAX / 2) }));
    }
    rows.extend(small());
    let (path, root) = world.write("evidence", &rows);

    let output = run(&python, &path, &key);
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(&format!("5006 messages, 2 exceptions, root {root}")), "{said}");

    let other = SigningKey::create(&world.path("other")).expect("a key");
    refused(&run(&python, &path, &other.public_key()), "another key");

    let bytes = std::fs::read(&path).expect("it is read");
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let (mut bytes, path) = (bytes.clone(), world.path(name));
        change(&mut bytes);
        std::fs::write(&path, bytes).expect("it is written");
        run(&python, &path, &key)
    };
    refused(&changed("magic", &|bytes| bytes[0] ^= 1), "not an evidence file");
    refused(&changed("newer", &|bytes| bytes[8] = 2), "format 2");
    refused(&changed("header", &|bytes| bytes[40] ^= 1), "");
    refused(&changed("block", &|bytes| bytes[50_000] ^= 1), "the sum of block 1 is another");
    let footer = bytes.len() - 112 - 64;
    refused(&changed("counts", &|bytes| bytes[footer + 16] ^= 1), "signature");
    refused(&changed("cut", &|bytes| bytes.truncate(bytes.len() - 1)), "too early");
    refused(&changed("longer", &|bytes| bytes.push(0)), "follows the footer");

    // One file's rows under another's signature.
    rows.pop();
    let (fewer, _) = world.write("fewer", &rows);
    let fewer = std::fs::read(fewer).expect("it is read");
    let graft = [&fewer[..fewer.len() - 177], &bytes[bytes.len() - 177..]].concat();
    refused(&changed("graft", &|bytes| bytes.clone_from(&graft)), "counts are others");
}

#[test]
fn the_python_checker_checks_proofs() {
    let Some(python) = python() else { return };
    let world = World::new();
    let key = world.key.public_key();
    for count in [1, 6, 100] {
        let inbox = folder("INBOX", "INBOX");
        let rows: Vec<Row> = (0..count).map(|number| Row::Message(record(&inbox, number))).collect();
        let (path, root) = world.write(&format!("evidence {count}"), &rows);
        let proof = prove(&path, &format!("<{}@example.org>", count - 1)).expect("it is proven");
        let file = world.path("proof");
        let check = |proof: &limosa_evidence::Proof| {
            std::fs::write(&file, serde_json::to_vec(proof).expect("it is JSON")).expect("it is written");
            run(&python, &file, &key)
        };
        let output = check(&proof);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains(&root.to_string()));
        let mut changed = proof.clone();
        changed.messages[0].path[0].0[0] ^= 1;
        refused(&check(&changed), "not under the root");
        let mut changed = proof.clone();
        changed.message_id = "another@example.org".into();
        refused(&check(&changed), "Message-ID");
        let mut changed = proof;
        changed.messages[0].record.digest.0[0] ^= 1;
        refused(&check(&changed), "digest");
    }
}
