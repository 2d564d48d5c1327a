//! Keeps the pages in `docs/` true: the command line, the JSON documents, the codes of errors.

use std::path::{Path, PathBuf};

mod cli;
mod errors;
mod json;
mod samples;

pub use samples::{sample_audit, sample_check, sample_report};

fn docs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs")
}

fn page(name: &str) -> String {
    let path = docs().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
