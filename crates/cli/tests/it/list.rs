//! Many pairs in one process.

use std::collections::BTreeMap;

use crate::support::{Maildir, Run, SEEDED, World, seed};

fn copy_list(world: &World, list: &str, options: &[&str]) -> Run {
    let (list, state) = (world.write("pairs.csv", list), world.state());
    let (list, state) = (list.display().to_string(), state.display().to_string());
    let mut arguments = vec!["copy", "--list", &list, "--state", &state];
    arguments.extend(options);
    world.run(&arguments)
}

#[test]
fn one_that_fails_does_not_stop_the_rest() {
    let world = World::new();
    for name in ["a", "b"] {
        seed(world.path(name));
    }
    let list = format!(
        "source,target\n{},{}\n{},{}\nimaps://c:hunter2@old,maildir:c\n\n{},{}\n",
        world.maildir("a"),
        world.maildir("a-new"),
        world.maildir("nowhere"),
        world.maildir("nowhere-new"),
        world.maildir("b"),
        world.maildir("b-new"),
    );
    let run = copy_list(&world, &list, &["--json", "-j", "2"]).ends_with(4);
    run.never_says("hunter2");
    let mut outcomes = BTreeMap::new();
    for line in run.json_lines() {
        let outcome = line.get("outcome").unwrap_or(&line["error"]["code"]).as_str().expect("a code").to_owned();
        *outcomes.entry(outcome).or_insert(0) += 1;
    }
    let expected = [("complete", 2), ("local-io", 1), ("usage", 1)].map(|(code, count)| (code.to_owned(), count));
    assert_eq!(outcomes, BTreeMap::from(expected));
    for name in ["a", "b"] {
        assert_eq!(Maildir::content(&world.path(&format!("{name}-new"))), Maildir::content(&world.path(name)));
    }

    let text = copy_list(&world, &list, &[]).ends_with(4).out;
    for part in [
        "line 4: source: an endpoint holds a password",
        "line 3, ",
        "4 pairs: 2 complete, 0 with exceptions, 0 unfinished, 2 failed",
    ] {
        assert!(text.contains(part), "{part:?} is not in {text}");
    }
}

#[test]
fn a_list_without_trouble_ends_well() {
    let world = World::new();
    seed(world.path("a"));
    let list = format!("target,source\n{},{}\n", world.maildir("new"), world.maildir("a"));
    let lines = copy_list(&world, &list, &["--json"]).ends_with(0).json_lines();
    assert_eq!(lines.len(), 1);
    assert_eq!(lines[0]["copied"]["messages"], SEEDED);
    let quiet = copy_list(&world, &list, &["--quiet"]).ends_with(0);
    assert_eq!((quiet.out.as_str(), quiet.err.as_str()), ("", ""));
}

#[test]
fn a_list_that_cannot_be_read_is_a_mistake() {
    let world = World::new();
    world.run(&["copy", "--list", "nowhere.csv"]).ends_with(2).says_on_err("cannot be read");
    copy_list(&world, "source,target,source_password\n", &[]).ends_with(2).says_on_err("passwords in clear");
    let run = copy_list(&world, "imaps://a:hunter2@old,imaps://a@new\n", &[]).ends_with(2);
    run.never_says("hunter2");
    assert!(!world.state().exists(), "no ledger is made");
}
