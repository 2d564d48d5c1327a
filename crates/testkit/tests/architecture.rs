//! Who may know whom. A crate is a firewall only as long as nobody climbs over it.

use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// Each crate and the ones it may use, tests aside. A line may only get shorter without a reason in `ARCHITECTURE.md`.
const MAY_USE: [(&str, &[&str]); 11] = [
    ("limosa-model", &[]),
    ("limosa-imap", &[]),
    ("limosa-control", &["limosa-model"]),
    ("limosa-engine", &["limosa-model"]),
    ("limosa-evidence", &["limosa-model"]),
    ("limosa-store", &["limosa-model"]),
    ("limosa-connectors", &["limosa-imap", "limosa-model"]),
    ("limosa-testkit", &["limosa-model"]),
    ("limosa-lab", &["limosa-testkit"]),
    ("limosa-bench", &["limosa-lab", "limosa-testkit"]),
    ("limosa", &["limosa-connectors", "limosa-engine", "limosa-evidence", "limosa-model", "limosa-store"]),
];

#[test]
fn crates_know_only_whom_they_may_know() {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--no-deps", "--offline", "--format-version", "1"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: serde_json::Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let allowed: BTreeMap<&str, &[&str]> = MAY_USE.into_iter().collect();
    let mut seen = 0;
    for package in metadata["packages"].as_array().expect("packages") {
        let name = package["name"].as_str().expect("a name");
        let Some(allowed) = allowed.get(name) else { panic!("{name} is new: say in MAY_USE whom it may know") };
        let used: BTreeSet<&str> = package["dependencies"]
            .as_array()
            .expect("dependencies")
            .iter()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .filter(|dependency| dependency.starts_with("limosa"))
            .collect();
        let allowed: BTreeSet<&str> = allowed.iter().copied().collect();
        let climbed: Vec<_> = used.difference(&allowed).collect();
        assert!(climbed.is_empty(), "{name} must not know {climbed:?}");
        seen += 1;
    }
    assert_eq!(seen, MAY_USE.len());
}
