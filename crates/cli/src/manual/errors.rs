//! Does `docs/errors.md` have a section for every code?

use std::collections::BTreeSet;

use limosa_model::Exception;

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
    const SOURCES: [&str; 11] = [
        include_str!("../evidence/make.rs"),
        include_str!("../evidence/mod.rs"),
        include_str!("../exceptions/approve.rs"),
        include_str!("../exceptions/export.rs"),
        include_str!("../exceptions/numbered.rs"),
        include_str!("../copy.rs"),
        include_str!("../failure.rs"),
        include_str!("../ledger.rs"),
        include_str!("../list/mod.rs"),
        include_str!("../secrets.rs"),
        include_str!("../verify.rs"),
    ];
    let mut codes = BTreeSet::from(["usage".to_owned()]);
    for source in SOURCES {
        let code = source.split("#[cfg(test)]").next().unwrap_or_default();
        let calls = code.split("Failure::new(\"").skip(1).filter_map(|rest| rest.split('"').next());
        codes.extend(calls.map(str::to_owned));
    }
    codes.extend([Exception::ALTERED, Exception::DATE_CHANGED, Exception::REPAIRED].map(str::to_owned));
    let of_ledgers =
        ["pair-busy", "pair-taken", "ledger-damaged", "ledger-file-damaged", "ledger-newer", "ledger-store"];
    codes.extend(of_ledgers.map(str::to_owned));
    codes
}

/// The codes that only a report has: why a pass is unfinished.
fn engine_codes() -> BTreeSet<String> {
    let source = concat!(
        include_str!("../../../engine/src/pass/mod.rs"),
        include_str!("../../../engine/src/pass/conclude.rs"),
        include_str!("../../../engine/src/pass/look.rs"),
        include_str!("../../../engine/src/stop.rs"),
        include_str!("../../../engine/src/check/speed/mod.rs"),
        include_str!("../../../engine/src/check/speed/scratch.rs"),
    );
    let unfinished = source.split("Unfinished {").skip(1).filter_map(|rest| {
        let code = rest.split("code: \"").nth(1)?.split('"').next()?;
        // Another use of the word has its braces closed before the next code.
        (!rest.split("code: \"").next()?.contains('}')).then(|| code.to_owned())
    });
    let codes: BTreeSet<String> = unfinished.collect();
    assert!(codes.contains("stopped"), "the codes are not found any more: {codes:?}");
    codes
}

/// The codes of notes on folders.
fn folder_codes() -> BTreeSet<String> {
    let notes = include_str!("../../../engine/src/folders/mod.rs");
    let left_out = include_str!("../../../engine/src/folders/left_out.rs");
    let noted = notes.split("self.note(").skip(1).filter_map(|rest| rest.split('"').nth(1));
    let why = left_out.split("Some((\"").skip(1).filter_map(|rest| rest.split('"').next());
    let codes: BTreeSet<String> = noted.chain(why).map(str::to_owned).collect();
    assert!(codes.contains("renamed") && codes.contains("view"), "the codes are not found any more: {codes:?}");
    codes
}

#[test]
fn every_code_of_a_folder_has_a_line() {
    let page = page("errors.md");
    let (_, folders) = page.split_once("## Codes of folders").expect("the section on folders");
    let lines: BTreeSet<String> = folders
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(code, _)| code.to_owned())
        .collect();
    let missing: Vec<_> = folder_codes().difference(&lines).cloned().collect();
    assert!(missing.is_empty(), "docs/errors.md has no line for {missing:?}");
}

#[test]
fn every_code_has_a_section() {
    let page = page("errors.md");
    let sections: BTreeSet<String> =
        page.lines().filter_map(|line| line.strip_prefix("## `")?.strip_suffix('`')).map(str::to_owned).collect();
    let wanted: BTreeSet<String> = endpoint_codes().into_iter().chain(own_codes()).chain(engine_codes()).collect();
    let missing: Vec<_> = wanted.difference(&sections).collect();
    assert!(missing.is_empty(), "docs/errors.md has no section for {missing:?}");
    let unknown: Vec<_> = sections.difference(&wanted).collect();
    assert!(unknown.is_empty(), "docs/errors.md has sections for codes that nothing gives: {unknown:?}");
}
