//! Does a small benchmark run through, and does a contender that copies nothing get no time?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::process::Command;

use serde_json::Value;

/// Runs the benchmark with a Limosa that always fails, and answers with the rows of `latest.json`.
fn rows(arguments: &[&str]) -> Vec<Value> {
    let out = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_limosa-bench"))
        .args(["--limosa", "/bin/false", "--rounds", "1", "--scale", "0.01", "--out"])
        .arg(out.path())
        .args(arguments)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let page = std::fs::read_to_string(out.path().join("latest.md")).unwrap();
    assert!(page.contains("| limosa | failed: exit code 1"), "{page}");
    let kept: Value = serde_json::from_slice(&std::fs::read(out.path().join("latest.json")).unwrap()).unwrap();
    kept["results"]["rows"].as_array().unwrap().clone()
}

fn outcome<'a>(rows: &'a [Value], question: &str, contender: &str) -> &'a Value {
    let found = rows.iter().find(|row| row["question"] == question && row["contender"] == contender);
    &found.unwrap_or_else(|| panic!("no row of {contender} at {question}"))["outcomes"][0]
}

#[test]
fn everybody_copies_all_mail_or_has_no_time() {
    let rows = rows(&["--workloads", "W1", "--targets", "memory"]);
    assert!(outcome(&rows, "W1", "limosa")["failed"].is_string());
    for contender in ["mbsync", "dsync", "raw FETCH and MULTIAPPEND 50 x2", "raw APPEND one by one x1", "raw FETCH x4"]
    {
        let done = &outcome(&rows, "W1", contender)["done"];
        assert_eq!(done["messages"], 100, "{contender}: {done}");
        assert!(done["seconds"].as_f64().unwrap() > 0.0, "{contender}: {done}");
    }
    let mbsync = &outcome(&rows, "W1", "mbsync")["done"];
    assert!(mbsync["peak_memory_bytes"].as_u64().unwrap() > 1_000_000, "{mbsync}");
}

#[test]
fn what_others_send_again_is_counted() {
    let rows = rows(&["--workloads", "W6"]);
    for (question, contender) in [("W6 unchanged", "mbsync"), ("W6 changed", "mbsync"), ("W6 changed", "dsync")] {
        let row = rows.iter().find(|row| row["question"] == question && row["contender"] == contender).unwrap();
        assert!(row["outcomes"][0]["done"].is_object(), "{row}");
        assert!(row["wire"]["source_bytes"].as_u64().unwrap() > 1_000, "{row}");
        assert!(row["wire"]["source_round_trips"].as_u64().unwrap() > 1, "{row}");
    }
}
