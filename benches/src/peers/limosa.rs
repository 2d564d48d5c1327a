//! How is Limosa run? As anybody would run it, with its defaults.

use std::fmt::Write;

use limosa_lab::Invocation;
use serde::Deserialize;

use super::{Pair, Said, Surroundings, Wire};
use crate::error::{BenchError, Result};
use crate::servers::{Account, PASSWORD};

pub(super) fn copy(pairs: &[Pair], around: Surroundings<'_>) -> Result<Invocation> {
    let mut argv = vec![around.limosa.display().to_string(), "copy".to_owned()];
    if let [pair] = pairs {
        argv.extend([endpoint(&pair.source, pair.tls), endpoint(&pair.target, pair.tls)]);
    } else {
        let mut list = "source,target\n".to_owned();
        for pair in pairs {
            // Writing to a String cannot fail.
            let _ = writeln!(list, "{},{}", endpoint(&pair.source, pair.tls), endpoint(&pair.target, pair.tls));
        }
        let path = around.work.join("pairs.csv");
        std::fs::write(&path, list).map_err(BenchError::file("write", &path))?;
        argv.extend(["--list".to_owned(), path.display().to_string(), "-j".to_owned(), around.at_once.to_string()]);
    }
    let ca_file = around.ca_file.display().to_string();
    let state = around.work.join("state").display().to_string();
    argv.extend(["--source-ca-file", &ca_file, "--target-ca-file", &ca_file].map(str::to_owned));
    argv.extend(["--state", &state, "--json", "--quiet"].map(str::to_owned));
    Ok(Invocation {
        argv,
        environment: ["LIMOSA_SOURCE_PASSWORD", "LIMOSA_TARGET_PASSWORD"]
            .map(|name| (name.to_owned(), PASSWORD.to_owned()))
            .to_vec(),
        directory: around.work.to_owned(),
    })
}

fn endpoint(account: &Account, tls: bool) -> String {
    let user = &account.user;
    match tls {
        true => format!("imaps://{user}@localhost:{}", account.tls_port),
        false => format!("imap://{user}@{}?tls=none", account.address),
    }
}

/// What we read of `limosa copy --json` (docs/json.md).
#[derive(Deserialize)]
struct Report {
    round_trips: Sides<u64>,
    wire_bytes: Sides<Ways>,
}

#[derive(Deserialize)]
struct Sides<T> {
    source: T,
    target: T,
}

#[derive(Deserialize)]
struct Ways {
    #[serde(rename = "in")]
    received: u64,
    #[serde(rename = "out")]
    sent: u64,
}

/// One document, or one a line.
pub(super) fn said(outputs: &[String]) -> Result<Said> {
    let mut wire = Wire::default();
    for output in outputs {
        for report in serde_json::Deserializer::from_str(output).into_iter::<Report>() {
            let report =
                report.map_err(|source| BenchError::Document { what: "limosa's report".to_owned(), source })?;
            wire.source_round_trips += report.round_trips.source;
            wire.target_round_trips += report.round_trips.target;
            wire.source_bytes += report.wire_bytes.source.received + report.wire_bytes.source.sent;
            wire.target_bytes += report.wire_bytes.target.received + report.wire_bytes.target.sent;
        }
    }
    Ok(Said { wire: Some(wire), ..Said::default() })
}
