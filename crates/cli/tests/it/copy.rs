//! One pair, from Maildir to Maildir: what stands on disk afterwards, and what is told of it.

use crate::support::{Maildir, SEEDED, World, seed};

#[test]
fn everything_comes_over_and_a_second_run_does_nothing() {
    let world = World::new();
    seed(world.path("source"));
    let run = world.copy("source", "target", &["--json"]).ends_with(0);
    let report = run.json();
    assert_eq!(report["pass"], "initial");
    assert_eq!(report["outcome"], "complete");
    assert_eq!(report["copied"]["messages"], SEEDED);
    assert!(report["peak_rss_bytes"].as_u64().is_some_and(|bytes| bytes > 1_000_000), "{report}");
    assert_eq!(Maildir::content(&world.path("target")), Maildir::content(&world.path("source")));

    let again = world.copy("source", "target", &["--json"]).ends_with(0).json();
    assert_eq!(again["pass"], "incremental");
    assert_eq!(again["copied"]["messages"], 0);
    assert_eq!(again["unchanged"], SEEDED);
    assert_eq!(Maildir::content(&world.path("target")), Maildir::content(&world.path("source")));
}

#[test]
fn changes_follow() {
    let world = World::new();
    let source = seed(world.path("source"));
    let gone = source.add("", 20, "S", "Message-ID: <20@example.org>\r\n\r\ngoes\r\n");
    let read = source.add("", 21, "", "Message-ID: <21@example.org>\r\n\r\nis read\r\n");
    world.copy("source", "target", &[]).ends_with(0);

    std::fs::remove_file(&gone).expect("a message is expunged");
    std::fs::rename(&read, read.with_file_name("1700000021.M21P1.test:2,S")).expect("a message is read");
    source.add(".Sent", 22, "S", "Message-ID: <22@example.org>\r\n\r\nis new\r\n");
    let report = world.copy("source", "target", &["--json"]).ends_with(0).json();
    assert_eq!(
        (&report["copied"]["messages"], &report["removed"], &report["flags_set"]),
        (&1.into(), &1.into(), &1.into())
    );
    assert_eq!(Maildir::content(&world.path("target")), Maildir::content(&world.path("source")));
}

#[test]
fn what_was_deleted_on_the_source_can_stay() {
    let world = World::new();
    let source = seed(world.path("source"));
    let gone = source.add("", 20, "S", "Message-ID: <20@example.org>\r\n\r\ngoes\r\n");
    world.copy("source", "target", &[]).ends_with(0);
    let before = Maildir::content(&world.path("target"));
    std::fs::remove_file(&gone).expect("a message is expunged");
    world.copy("source", "target", &["--deletions", "keep"]).ends_with(0);
    assert_eq!(Maildir::content(&world.path("target")), before);
}

#[test]
fn a_dry_run_tells_and_changes_nothing() {
    let world = World::new();
    seed(world.path("source"));
    let report = world.copy("source", "target", &["--dry-run", "--json"]).ends_with(0).json();
    assert_eq!(report["dry_run"], true);
    assert_eq!(report["copied"]["messages"], SEEDED);
    assert!(report["steps"].as_array().is_some_and(|steps| !steps.is_empty()), "{report}");
    assert!(!world.path("target").exists() || Maildir::content(&world.path("target")).is_empty());
    let text = world.copy("source", "target", &["--dry-run"]).ends_with(0).out;
    assert!(text.contains("What would be done:") && text.contains("nothing was changed"), "{text}");
    assert_eq!(world.copy("source", "target", &["--json"]).json()["pass"], "initial");
}

#[test]
fn folders_are_chosen_and_mapped() {
    let world = World::new();
    seed(world.path("source"));
    let options = ["--exclude", "Archive", "--map", "Entwürfe=Werkstatt/Neues"];
    world.copy("source", "target", &options).ends_with(0);
    let folders: Vec<String> = Maildir::content(&world.path("target")).into_keys().collect();
    assert_eq!(folders, ["", ".Sent", ".Werkstatt.Neues"]);
}

#[test]
fn the_summary_is_for_people() {
    let world = World::new();
    seed(world.path("source"));
    let run = world.copy("source", "target", &[]).ends_with(0);
    for part in
        ["folder", "Archive/2019", "Entwürfe", "8 messages copied", "Complete:", "Grade: perfect", "Ledger: ", "Next: "]
    {
        assert!(run.out.contains(part), "{part:?} is not in {run:#?}");
    }
    run.never_says("\u{1b}");
    run.says_on_err("signing in");
}

#[test]
fn quiet_says_nothing_where_all_is_well() {
    let world = World::new();
    seed(world.path("source"));
    let run = world.copy("source", "target", &["--quiet"]).ends_with(0);
    assert_eq!((run.out.as_str(), run.err.as_str()), ("", ""));
}

#[test]
fn a_mailbox_is_not_copied_to_itself() {
    let world = World::new();
    seed(world.path("source"));
    std::os::unix::fs::symlink(world.path("source"), world.path("link")).expect("a link");
    world.copy("source", "source", &[]).ends_with(1).says_on_err("the same mailbox");
    let run = world.copy("source", "link", &["--json"]).ends_with(1);
    assert_eq!(run.json()["error"]["code"], "same-account");
}

#[test]
fn a_source_that_is_not_there_cannot_work() {
    let world = World::new();
    let run = world.copy("nowhere", "target", &[]).ends_with(1);
    run.says_on_err("error: source maildir:");
    run.says_on_err("hint: ");
    assert_eq!(run.out, "");
    let error = &world.copy("nowhere", "target", &["--json"]).ends_with(1).json()["error"];
    assert_eq!(error["code"], "local-io");
}

#[test]
fn a_ledger_that_cannot_be_made_is_told() {
    let world = World::new();
    seed(world.path("source"));
    world.write("state", "a file where a folder should be");
    let run = world.copy("source", "target", &["--json"]).ends_with(1);
    assert_eq!(run.json()["error"]["code"], "ledger-store");
    run.says_on_err("--state");
    assert!(!world.path("target").exists());
}
