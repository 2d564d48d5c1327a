//! What a check tells beforehand.

use crate::support::{Maildir, SEEDED, World, seed};

#[test]
fn both_sides_are_looked_at_and_nothing_is_written() {
    let world = World::new();
    seed(world.path("source"));
    Maildir::new(world.path("target"));
    let (source, target) = (world.maildir("source"), world.maildir("target"));
    let before = (Maildir::content(&world.path("source")), Maildir::content(&world.path("target")));

    let report = world.run(&["check", &source, &target, "--json"]).ends_with(0).json();
    assert_eq!(report["total"]["messages"], SEEDED);
    assert_eq!(report["largest"].as_array().map(Vec::len), Some(8));
    assert_eq!(report["estimate"]["sample"]["messages"], 5, "the inbox is the largest folder");
    let folders = report["folders"].as_array().expect("folders");
    let sent = folders.iter().find(|folder| folder["source"] == "Sent").expect("the folder Sent");
    assert_eq!((&sent["target"], &sent["create"]), (&"Sent".into(), &true.into()));

    let text = world.run(&["check", &source, &target]).ends_with(0).out;
    for part in
        ["Source maildir:", "Target maildir:", "Archive/2019", "(new)", "in all", "Largest messages", "Time: about"]
    {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
    assert_eq!((Maildir::content(&world.path("source")), Maildir::content(&world.path("target"))), before);
    assert!(!world.path("limosa").exists(), "no ledger is made");
}

#[test]
fn speed_is_measured_and_the_target_is_left_as_it_was() {
    let world = World::new();
    seed(world.path("source"));
    Maildir::new(world.path("target"));
    let (source, target) = (world.maildir("source"), world.maildir("target"));
    let before = Maildir::content(&world.path("target"));
    let run = world.run(&["check", &source, &target, "--speed", "--mailboxes", "10"]).ends_with(0);
    run.says_on_err("the speed test writes to the folder \"Limosa speed test ");
    for part in [
        "reading the source",
        "writing to the target",
        "first copy over one connection. The ",
        "10 mailboxes like this one, 4 at once",
    ] {
        assert!(run.out.contains(part), "{part:?} is not in {}", run.out);
    }
    assert_eq!(Maildir::content(&world.path("target")), before);

    world.run(&["check", &source, "--speed"]).ends_with(2);
    world.run(&["check", &source, &target, "--mailboxes", "10"]).ends_with(2);
}

#[test]
fn a_source_can_be_looked_at_alone() {
    let world = World::new();
    seed(world.path("source"));
    let report = world.run(&["check", &world.maildir("source"), "--exclude", "Archive", "--json"]).ends_with(0).json();
    assert_eq!(report["target"], serde_json::Value::Null);
    assert_eq!(report["total"]["messages"], SEEDED - 1);
    assert_eq!(report["folder_notes"][0]["code"], "excluded");
}

#[test]
fn what_is_not_there_cannot_be_checked() {
    let world = World::new();
    world.run(&["check", &world.maildir("nowhere")]).ends_with(1).says_on_err("error: source maildir:");
}
