//! `limosa ledger`: which pairs are recorded, and how they stand; forgetting one.

use limosa_model::{LedgerError, PairKey};
use limosa_store::SqliteStore;
use serde::Serialize;

use crate::copy::{write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::{LedgerForgetSettings, LedgerListSettings};
use crate::terminal::{Align, Paint, bytes, count, table};

/// One pair, as the ledger has it.
#[derive(Debug, Serialize)]
pub struct Standing {
    source: String,
    target: String,
    /// A run works on it now: nothing more is known.
    busy: bool,
    folders: u64,
    messages: u64,
    exceptions: u64,
    bytes: u64,
}

/// Lists all pairs.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn list(settings: LedgerListSettings) -> Result<Exit, Failure> {
    let file = open::ledger_file(&settings.state);
    let mut standings = Vec::new();
    // Looking must not make a ledger.
    if file.exists() {
        let store = open::store(&settings.state).await?;
        for key in store.pairs().await.map_err(|error| Failure::ledger(&error))? {
            standings.push(standing(&store, key).await.map_err(|error| Failure::ledger(&error))?);
        }
    }
    if settings.json {
        write_json(&standings)?;
    } else if standings.is_empty() {
        write_out(&format!("There is no pair in {}.\n", file.display()))?;
    } else {
        write_out(&render(&standings))?;
    }
    Ok(Exit::Complete)
}

async fn standing(store: &SqliteStore, key: PairKey) -> Result<Standing, LedgerError> {
    let found = match store.pair(&key).await {
        Ok(ledger) => Some(ledger),
        Err(LedgerError::Busy { .. }) => None,
        Err(error) => return Err(error),
    };
    let mut standing = Standing {
        source: key.source,
        target: key.target,
        busy: found.is_none(),
        folders: 0,
        messages: 0,
        exceptions: 0,
        bytes: 0,
    };
    if let Some(ledger) = found {
        let folders = ledger.folders().await?;
        standing.folders = folders.len() as u64;
        standing.messages = folders.iter().map(|folder| folder.messages).sum();
        standing.exceptions = ledger.exceptions().await?.len() as u64;
        standing.bytes = ledger.bytes().await?;
    }
    Ok(standing)
}

fn render(standings: &[Standing]) -> String {
    use Align::{Left, Right};
    let heading = [
        ("source", Left),
        ("target", Left),
        ("folders", Right),
        ("messages", Right),
        ("exceptions", Right),
        ("size", Right),
    ];
    let row = |standing: &Standing| {
        let mut row = vec![standing.source.clone(), standing.target.clone()];
        if standing.busy {
            row.extend(["(a run works on it)", "", "", ""].map(String::from));
        } else {
            row.extend([standing.folders, standing.messages, standing.exceptions].map(count));
            row.push(bytes(standing.bytes));
        }
        row
    };
    table(&heading, &standings.iter().map(row).collect::<Vec<_>>(), Paint::stdout())
}

/// Forgets a pair.
///
/// # Errors
/// If there is none, or a run works on it.
pub async fn forget(settings: LedgerForgetSettings) -> Result<Exit, Failure> {
    let key = PairKey { source: open::account_of(&settings.source), target: open::account_of(&settings.target) };
    let unknown = || {
        Failure::new("pair-unknown", format!("there is no ledger of {key}")).hint("limosa ledger list shows all pairs")
    };
    if !open::ledger_file(&settings.state).exists() {
        return Err(unknown());
    }
    let store = open::store(&settings.state).await?;
    if !store.forget(&key).await.map_err(|error| Failure::ledger(&error))? {
        return Err(unknown());
    }
    write_out(&format!("{key} is forgotten; the next copy finds by content what stands on the target.\n"))?;
    Ok(Exit::Complete)
}

/// A pair in which every field holds something.
#[cfg(test)]
pub fn sample_standing() -> Standing {
    Standing {
        source: "imap://a@old.example:993".into(),
        target: "imap://a@new.example:993".into(),
        busy: false,
        folders: 2,
        messages: 12,
        exceptions: 1,
        bytes: 40,
    }
}
