//! Does `docs/errors.md` have a section for every code?

use std::collections::BTreeSet;

use super::page;

/// The codes of endpoints' errors, read where they are written down: an enum cannot be asked for all of its variants.
fn endpoint_codes() -> BTreeSet<String> {
    let source = include_str!("../../../model/src/error.rs");
    let codes: BTreeSet<String> = source
        .lines()
        .filter_map(|line| line.trim().strip_prefix("Self::")?.split_once(" => \"")?.1.strip_suffix("\","))
        .map(str::to_owned)
        .collect();
    assert!(codes.len() >= 18 && codes.contains("sign-in"), "the codes are not found any more: {codes:?}");
    codes
}

/// The codes that the program itself gives.
fn own_codes() -> BTreeSet<String> {
    const SOURCES: [&str; 5] = [
        include_str!("../copy.rs"),
        include_str!("../failure.rs"),
        include_str!("../ledger.rs"),
        include_str!("../list/mod.rs"),
        include_str!("../secrets.rs"),
    ];
    let mut codes = BTreeSet::from(["usage".to_owned()]);
    for source in SOURCES {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let calls = code.split("Failure::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
        codes.extend(calls.map(str::to_owned));
    }
    codes.extend(["pair-busy", "pair-taken", "ledger-damaged", "ledger-newer", "ledger-store"].map(str::to_owned));
    codes
}

/// The codes that only a report has: why a pass is unfinished.
fn engine_codes() -> BTreeSet<String> {
    let source = include_str!("../../../engine/src/pass.rs");
    let found = source.split("code: \"").skip(1).filter_map(|rest| rest.split('"').next());
    found.map(str::to_owned).collect()
}

#[test]
fn every_code_has_a_section() {
    let page = page("errors.md");
    let sections: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).map(str::to_owned).collect();
    let wanted: BTreeSet<String> =
        endpoint_codes().into_iter().chain(own_codes()).chain(engine_codes()).collect();
    let missing: Vec<_> = wanted.difference(&sections).collect();
    assert!(missing.is_empty(), "docs/errors.md has no section for {missing:?}");
    let unknown: Vec<_> = sections.difference(&wanted).collect();
    assert!(unknown.is_empty(), "docs/errors.md has sections for codes that nothing gives: {unknown:?}");
}
