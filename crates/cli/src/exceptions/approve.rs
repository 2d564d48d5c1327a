//! Noting that somebody takes exceptions as they are.

use limosa_engine::Progress;
use limosa_model::ledger::Settlement;
use limosa_model::{Exception, PairKey};

use super::numbered::{Numbered, find};
use crate::copy::{take_ledger, write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::ExceptionsApproveSettings;
use crate::status::Screen;
use crate::terminal::counted;

/// Approves exceptions.
///
/// # Errors
/// If there are none of these numbers, a run works on a pair, or the ledger cannot be written.
pub async fn approve(settings: ExceptionsApproveSettings, screen: Screen) -> Result<Exit, Failure> {
    let mut found = find(&settings.of, &settings.state).await?;
    for of_pair in found.chunk_by_mut(|a, b| a.key() == b.key()) {
        let key = of_pair[0].key();
        approve_some(&settings, &key, of_pair, &screen).await?;
    }
    match settings.json {
        true => write_json(&found)?,
        false => write_out(&format!(
            "{} approved by {}.\n",
            counted(found.len() as u64, "exception", "exceptions"),
            settings.approval.by
        ))?,
    }
    Ok(Exit::Complete)
}

async fn approve_some(
    settings: &ExceptionsApproveSettings,
    key: &PairKey,
    chosen: &mut [Numbered],
    screen: &Screen,
) -> Result<(), Failure> {
    let store = open::store(&settings.state).await?;
    let ledger = take_ledger(&store, key, settings.wait, &Progress::default(), screen).await?;
    // As they stand now that nobody else works on the pair.
    let now = ledger.exceptions().await.map_err(|error| Failure::ledger(&error))?;
    for one in chosen {
        let is_this = |other: &&Exception| (&other.folder, &other.id) == (&one.exception.folder, &one.exception.id);
        let Some(exception) = now.iter().find(is_this).filter(|other| other.code == one.exception.code) else {
            let what = format!("exception {} is not what it was any more", one.number);
            return Err(
                Failure::new("exception-unknown", what).hint("a run has changed it meanwhile: look at it again")
            );
        };
        one.exception = Exception { approval: Some(settings.approval.clone()), ..exception.clone() };
        let settlement = Settlement { exceptions: vec![one.exception.clone()], ..Settlement::default() };
        ledger.settle(&exception.folder, &settlement).await.map_err(|error| Failure::ledger(&error))?;
    }
    Ok(())
}
