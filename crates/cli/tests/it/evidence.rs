//! Evidence of a move: made, checked, proven, held beside a mailbox that went on living.

use std::fs;

use serde_json::Value;

use crate::support::{Maildir, Run, SEEDED, World, seed};

/// A world with a key, in which a mailbox has been moved.
struct Moved {
    world: World,
    public_key: String,
}

impl Moved {
    fn new() -> Self {
        let world = World::new();
        let public_key = world.run(&["key", "new", "key"]).ends_with(0).out.trim().to_owned();
        seed(world.path("source"));
        world.copy("source", "target", &[]).ends_with(0);
        Self { world, public_key }
    }

    fn make(&self, out: &str) -> Run {
        let (source, target) = (self.world.maildir("source"), self.world.maildir("target"));
        let state = self.world.state().display().to_string();
        let arguments = ["evidence", "make", &source, &target, "--state", &state, "--key", "key", "-o", out, "--json"];
        self.world.run(&arguments)
    }

    fn check(&self, file: &str, options: &[&str]) -> Run {
        let mut arguments = vec!["evidence", "check", file, "--public-key", &self.public_key, "--json"];
        arguments.extend(options);
        self.world.run(&arguments)
    }
}

#[test]
fn a_move_is_attested_and_checked_and_one_message_proven() {
    let moved = Moved::new();
    let made = moved.make("evidence").ends_with(0).json();
    assert_eq!((&made["messages"], &made["exceptions"]), (&SEEDED.into(), &0.into()));
    assert_eq!(made["public_key"], moved.public_key);

    let checked = moved.check("evidence", &[]).ends_with(0).json();
    assert_eq!(checked["root"], made["root"]);
    assert_eq!(checked["counts"]["messages"], SEEDED);
    assert_eq!(checked["header"]["source"], moved.world.maildir("source"));

    let shown = moved.world.run(&["evidence", "show", "evidence", "--json"]).ends_with(0).json_lines();
    let flags = |row: &Value| row["message"]["flags"].to_string();
    assert_eq!(shown.iter().filter(|row| row.get("message").is_some()).count() as u64, SEEDED);
    assert!(shown.iter().any(|row| flags(row).contains("Draft")), "{shown:?}");
    assert!(moved.world.run(&["evidence", "show", "evidence"]).ends_with(0).out.contains(&moved.public_key));

    let world = &moved.world;
    // The same message stands in the inbox twice.
    world.run(&["evidence", "prove", "evidence", "--message-id", "<3@example.org>", "-o", "proof"]).ends_with(0);
    let proven = moved.check("proof", &[]).ends_with(0).json();
    assert_eq!(proven["records"].as_array().map(Vec::len), Some(2));
    let bytes = b"From: a@example.org\r\nMessage-ID: <3@example.org>\r\nSubject: No. 3\r\n\r\nHello 3\r\n";
    assert_eq!(proven["records"][0]["digest"], blake3::hash(bytes).to_string());
    world.run(&["evidence", "prove", "evidence", "--message-id", "<none@example.org>"]).ends_with(1);
    let changed = fs::read_to_string(world.path("proof")).expect("a proof").replace("\"size\":", "\"size\":1");
    world.write("changed", &changed);
    moved.check("changed", &[]).ends_with(1).says_on_err("the proof does not hold");
}

#[test]
fn a_mailbox_that_went_on_living_is_told_apart() {
    let moved = Moved::new();
    moved.make("evidence").ends_with(0);
    let target = moved.world.maildir("target");
    let untouched = moved.check("evidence", &["--against", &target]).ends_with(0).json();
    assert_eq!(untouched["against"]["as_attested"], SEEDED);
    // The source is the same mail under other ids.
    let source = moved.world.maildir("source");
    assert_eq!(moved.check("evidence", &["--against", &source]).ends_with(0).json()["against"]["as_attested"], SEEDED);

    let files = |folder: &str| -> Vec<std::path::PathBuf> {
        let entries = ["cur", "new"].map(|part| fs::read_dir(moved.world.path("target").join(folder).join(part)));
        entries.into_iter().flatten().flatten().map(|entry| entry.expect("an entry").path()).collect()
    };
    fs::remove_file(&files(".Archive.2019")[0]).expect("it is removed");
    Maildir::new(moved.world.path("target")).add("", 90, "S", "Subject: later\r\n\r\nLater\r\n");
    let draft = files(".Entw&APw-rfe").remove(0);
    let name = draft.to_str().expect("UTF-8");
    let (base, _) = name.split_once(":2,").expect("flags");
    fs::rename(&draft, format!("{base}:2,DFS")).expect("it is flagged");

    let found = moved.check("evidence", &["--against", &target]).ends_with(3).json();
    let against = &found["against"];
    assert_eq!(against["as_attested"], SEEDED - 2, "{against}");
    assert_eq!(against["missing"]["named"][0]["folder"], "Archive/2019");
    assert_eq!(against["flags_changed"]["messages"], 1);
    assert_eq!(against["added"]["messages"], 1);
}

#[test]
fn what_cannot_be_believed_is_refused_each_in_its_own_words() {
    let moved = Moved::new();
    moved.make("evidence").ends_with(0);
    let world = &moved.world;
    let bytes = fs::read(world.path("evidence")).expect("it is read");
    let changed = |name: &str, change: &dyn Fn(&mut Vec<u8>)| {
        let mut bytes = bytes.clone();
        change(&mut bytes);
        fs::write(world.path(name), bytes).expect("it is written");
        moved.check(name, &[]).ends_with(1)
    };
    let middle = bytes.len() / 2;
    changed("damaged", &|bytes| bytes[middle] ^= 1).says_on_err("damaged in");
    changed("cut", &|bytes| bytes.truncate(2 * middle - 1)).says_on_err("cut off in the footer");
    changed("newer", &|bytes| bytes[8] = 9).says_on_err("format 9");
    changed("signature", &|bytes| *bytes.last_mut().expect("bytes") ^= 1).says_on_err("the signature is not valid");
    world.run(&["evidence", "show", "damaged"]).ends_with(1);

    let other = world.run(&["key", "new", "other"]).ends_with(0).out;
    let refused = world.run(&["evidence", "check", "evidence", "--public-key", other.trim()]).ends_with(1);
    refused.says_on_err("signed by another key");
    refused.says_on_err(&moved.public_key);
    // A public key may stand in a file; a private one given for it is not repeated.
    world.write("public", &moved.public_key);
    world.run(&["evidence", "check", "evidence", "--public-key", "public"]).ends_with(0);
    let secret = fs::read_to_string(world.path("key")).expect("it is read");
    let refused = world.run(&["evidence", "check", "evidence", "--public-key", "key"]).ends_with(2);
    refused.never_says(secret.lines().nth(1).expect("the key"));
    world.run(&["key", "new", "key"]).ends_with(1);
    assert_eq!(world.run(&["key", "show", "key"]).ends_with(0).out.trim(), moved.public_key);
    moved.make("evidence").ends_with(1);
    assert_eq!(fs::read(world.path("evidence")).expect("it is read"), bytes, "evidence is never overwritten");
}

#[test]
fn nothing_is_attested_while_something_is_neither_equal_nor_an_exception() {
    let moved = Moved::new();
    Maildir::new(moved.world.path("source")).add("", 50, "S", "Subject: new\r\n\r\nNot copied yet\r\n");
    moved.make("evidence").ends_with(1).says_on_err("nothing was attested");
    assert!(!moved.world.path("evidence").exists());
    moved.world.copy("source", "target", &[]).ends_with(0);
    assert_eq!(moved.make("evidence").ends_with(0).json()["messages"], SEEDED + 1);

    let never = World::new();
    never.run(&["key", "new", "key"]).ends_with(0);
    seed(never.path("source"));
    let (source, target) = (never.maildir("source"), never.maildir("target"));
    never.run(&["evidence", "make", &source, &target, "--key", "key", "-o", "evidence"]).ends_with(1);
    assert!(!never.path("limosa").exists(), "looking makes no ledger");
}
