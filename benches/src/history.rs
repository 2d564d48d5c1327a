//! What is different from last time?

use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{BenchError, Result};
use crate::goals::Goal;
use crate::results::{Results, Summary};

/// `latest.json`.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Kept {
    pub(crate) results: Results,
    pub(crate) goals: Vec<Goal>,
}

/// A change of a median time by less than this is not told.
const NOTICED: f64 = 0.15;

impl Kept {
    /// The results kept in a folder; `None` if there are none.
    ///
    /// # Errors
    /// If they cannot be read or understood.
    pub(crate) fn read(folder: &Path) -> Result<Option<Kept>> {
        let path = folder.join("latest.json");
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(BenchError::file("read", path)(error)),
        };
        let understood = serde_json::from_slice(&text);
        understood.map(Some).map_err(|source| BenchError::Document { what: path.display().to_string(), source })
    }

    /// Keeps these results, as JSON and as a page.
    ///
    /// # Errors
    /// If the files cannot be written.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir_all(folder).map_err(BenchError::file("create", folder))?;
        let json = serde_json::to_string_pretty(self)
            .map_err(|source| BenchError::Document { what: "the results".to_owned(), source })?;
        for (name, text) in
            [("latest.json", json + "\n"), ("latest.md", crate::report::page(&self.results, &self.goals))]
        {
            let path = folder.join(name);
            std::fs::write(&path, text).map_err(BenchError::file("write", path))?;
        }
        Ok(())
    }
}

/// Median times that changed by more than 15 %, a line each.
pub(crate) fn changes(before: &Results, now: &Results) -> Vec<String> {
    let mut lines = Vec::new();
    if before.scale != now.scale || before.machine.processor != now.machine.processor {
        lines.push("the last results are of another machine or scale: not compared".to_owned());
        return lines;
    }
    for row in &now.rows {
        let Some(earlier) = before.row(&row.question, &row.place, &row.contender) else {
            continue;
        };
        if let (Summary::Done { median: earlier, .. }, Summary::Done { median: later, .. }) =
            (earlier.summary(), row.summary())
        {
            let change = later.seconds / earlier.seconds - 1.0;
            if change.abs() > NOTICED {
                lines.push(format!(
                    "{} to {}, {}: {:.3} s, {:+.0} % (was {:.3} s)",
                    row.question,
                    row.place,
                    row.contender,
                    later.seconds,
                    change * 100.0,
                    earlier.seconds
                ));
            }
        }
    }
    lines
}
