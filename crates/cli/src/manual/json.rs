//! Does `docs/json.md` name every field of the JSON documents, and no other?

use std::collections::BTreeSet;

use serde_json::Value;

use super::{page, sample_audit, sample_check, sample_report};
use crate::copy::Failed;
use crate::evidence::make::sample_made;
use crate::evidence::sample_found;
use crate::exceptions::{sample_exported, sample_numbered};
use crate::failure::Failure;
use crate::key::sample_key;
use crate::ledger::sample_standing;

/// Every field with the path to it: `copied.messages`, `folders[].source`.
fn fields(value: &Value, path: &str, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
                found.insert(path.clone());
                fields(member, &path, found);
            }
        }
        Value::Array(elements) => {
            for element in elements {
                fields(element, &format!("{path}[]"), found);
            }
        }
        _ => {}
    }
}

/// The fields that the section of that title describes: first cells of table rows, in backticks.
fn described(title: &str) -> BTreeSet<String> {
    let page = page("json.md");
    let section = page.split("\n## ").find(|section| section.starts_with(title));
    let section = section.unwrap_or_else(|| panic!("docs/json.md has no section \"{title}\""));
    let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
    rows.map(|(field, _)| field.to_owned()).collect()
}

#[track_caller]
fn check(title: &str, document: impl serde::Serialize) {
    let mut written = BTreeSet::new();
    let value = serde_json::to_value(document).expect("it is JSON");
    // A document that is a list stands for its elements.
    let value = if let Value::Array(mut elements) = value { elements.remove(0) } else { value };
    fields(&value, "", &mut written);
    let described = described(title);
    let missing: Vec<_> = written.difference(&described).collect();
    let invented: Vec<_> = described.difference(&written).collect();
    assert!(missing.is_empty() && invented.is_empty(), "{title}: not described {missing:?}, not written {invented:?}");
}

#[test]
fn every_field_of_a_pass_is_described() {
    check("limosa copy --json", sample_report());
}

#[test]
fn every_field_of_a_failure_is_described() {
    let failure = Failure::new("sign-in", "refused");
    let failure = failure.of_pair("imap://a@old.example:993", "imap://a@new.example:993");
    check("When a command cannot work", Failed::new(&failure));
}

#[test]
fn every_field_of_a_check_is_described() {
    check("limosa check --json", sample_check());
}

#[test]
fn every_field_of_an_audit_is_described() {
    check("limosa verify --json", sample_audit());
}

#[test]
fn every_field_of_exceptions_is_described() {
    check("limosa exceptions list --json", [sample_numbered()]);
    check("limosa exceptions export --json", sample_exported());
}

#[test]
fn every_field_of_evidence_is_described() {
    check("limosa evidence make --json", sample_made());
    check("limosa evidence check --json", sample_found());
    check("limosa key new --json", sample_key());
}

#[test]
fn every_field_of_the_list_of_ledgers_is_described() {
    check("limosa ledger list --json", [sample_standing()]);
}
