//! Seeing and forgetting what is recorded; two runs on one pair.

use limosa_model::PairKey;
use limosa_store::SqliteStore;

use crate::support::{Maildir, Running, SEEDED, World, seed};

fn ledger(world: &World, arguments: &[&str]) -> crate::support::Run {
    let state = world.state().display().to_string();
    let mut all = vec!["ledger"];
    all.extend(arguments);
    all.extend(["--state", &state]);
    world.run(&all)
}

#[test]
fn pairs_are_listed_and_forgotten_at_the_cost_of_no_duplicate() {
    let world = World::new();
    assert!(ledger(&world, &["list"]).ends_with(0).out.contains("no pair"));
    assert!(!world.state().exists(), "looking makes no ledger");
    seed(world.path("source"));
    world.copy("source", "target", &[]).ends_with(0);

    let listed = ledger(&world, &["list", "--json"]).ends_with(0).json();
    assert_eq!(listed[0]["messages"], SEEDED);
    assert_eq!(listed[0]["exceptions"], 0);
    let (source, target) = (world.maildir("source"), world.maildir("target"));
    ledger(&world, &["forget", &source, &target]).ends_with(0);
    ledger(&world, &["forget", &source, &target]).ends_with(1).says_on_err("there is no ledger of");
    assert_eq!(ledger(&world, &["list", "--json"]).ends_with(0).json(), serde_json::json!([]));

    let report = world.copy("source", "target", &["--json"]).ends_with(0).json();
    assert_eq!((&report["copied"]["messages"], &report["found"]), (&0.into(), &SEEDED.into()));
    assert_eq!(Maildir::content(&world.path("target")), Maildir::content(&world.path("source")));
}

/// Holds a pair's ledger, as another run would.
pub async fn hold(world: &World) -> impl Sized {
    std::fs::create_dir_all(world.state()).expect("the state folder");
    let real = |name: &str| {
        let root = world.path("").canonicalize().expect("the folder is there");
        format!("maildir:{}", root.join(name).display())
    };
    let store = SqliteStore::open(&world.state().join("ledger.db")).await.expect("the ledger opens");
    let key = PairKey { source: real("source"), target: real("target") };
    (store.pair(&key).await.expect("the pair is free"), store)
}

#[tokio::test]
async fn two_runs_on_one_pair_do_not_meet() {
    let world = World::new();
    seed(world.path("source"));
    let held = hold(&world).await;
    let run = world.copy("source", "target", &["--json"]).ends_with(1);
    assert_eq!(run.json()["error"]["code"], "pair-busy");
    run.says_on_err("--wait");
    let listed = ledger(&world, &["list", "--json"]).ends_with(0).json();
    assert_eq!(listed[0]["busy"], true);

    let state = world.state().display().to_string();
    let arguments = ["copy", &world.maildir("source"), &world.maildir("target"), "--wait", "--state", &state];
    let mut waiting = Running::start(world.command(&arguments));
    waiting.wait_for("waiting until it has ended");
    drop(held);
    waiting.end().ends_with(0);
    assert_eq!(Maildir::content(&world.path("target")), Maildir::content(&world.path("source")));
}
