//! The steps that move no bytes: flags, removals, exceptions, folders that are gone.

use limosa_model::ledger::Settlement;
use limosa_model::{Exception, IdList, Ledger};

use crate::exceptions::describe;
use crate::plan::entries_of;
use crate::sides::Sessions;
use crate::stop::{Stop, concerns_a_folder};
use crate::work::Work;

/// Sets flags, and settles them. Cut off between the two, the next pass sets them again.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn set_flags(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work) -> Result<(), Stop> {
    for (flags, sources) in std::mem::take(&mut work.steps.set_flags) {
        let ids: IdList = entries_of(&work.ledger, &sources).map(|entry| entry.target).collect();
        let (kept, dropped) = work.keeping.wanted(&flags);
        if !ids.is_empty() {
            sessions.target.set_flags(&work.target, &ids, &kept).await.map_err(Stop::target)?;
        }
        let mut pending = crate::work::Pending::default();
        pending.dropped(work, dropped);
        pending.settlement.flags = sources.iter().map(|id| (id.clone(), flags.clone())).collect();
        ledger.settle(&work.source.path, &pending.settlement).await?;
        for id in &sources {
            work.ledger.set_flags(id, flags.clone());
        }
        work.done.flags_set += ids.len();
    }
    Ok(())
}

/// Removes messages from the target, and settles that. Cut off between the two, the next pass finds them gone on both sides.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn remove(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work) -> Result<(), Stop> {
    let removed = std::mem::take(&mut work.steps.remove);
    let mut ids: IdList = entries_of(&work.ledger, &removed).map(|entry| entry.target).collect();
    ids.extend(work.strays.drain(..));
    if ids.is_empty() {
        return Ok(());
    }
    sessions.target.remove(&work.target, &ids).await.map_err(Stop::target)?;
    work.done.removed += ids.len();
    for id in &removed {
        work.ledger.remove(id);
    }
    ledger.settle(&work.source.path, &Settlement { removed, ..Settlement::default() }).await?;
    Ok(())
}

/// Makes exceptions of what was not taken, not as it was, or not given, with what the messages' headers tell of them; ends exceptions
/// whose message has arrived or is gone; and settles that.
///
/// # Errors
/// Those of the source and the ledger.
pub async fn leave_behind(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work) -> Result<(), Stop> {
    let mut resolved = std::mem::take(&mut work.ended);
    // Arrived after all, and as it is.
    work.refused.retain(|refused| refused.reason.code == Exception::REPAIRED || work.ledger.get(&refused.id).is_none());
    let arrived = work.left_behind.extract_if(|id| work.ledger.get(id).is_some());
    resolved.extend(arrived.filter(|id| !work.refused.iter().any(|refused| refused.id == *id)));
    if work.refused.is_empty() && resolved.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = work.refused.iter().map(|refused| (&refused.id, refused.reason.clone())).collect();
    let exceptions = describe(sessions.source.as_mut(), &work.source, &reasons).await.map_err(Stop::source)?;
    ledger.settle(&work.source.path, &Settlement { exceptions, resolved, ..Settlement::default() }).await?;
    Ok(())
}

/// Makes sure that messages which the source said were gone are: one that is still listed has to be looked at again.
///
/// # Errors
/// Those of the source.
pub async fn confirm_vanished(sessions: &mut Sessions, work: &mut Work) -> Result<(), Stop> {
    let ids: IdList = work.vanished.iter().cloned().collect();
    for ids in ids.chunks(500) {
        let still_there = sessions.source.headers(&work.source, &ids).await.map_err(Stop::source)?;
        work.incomplete |= !still_there.is_empty();
    }
    Ok(())
}

/// Ends a folder that the source has no more; with `delete`, its target folder is deleted if nothing is left in it. Answers
/// why it was not, where the target would not.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn end_folder(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    work: &Work,
    delete: bool,
) -> Result<Option<String>, Stop> {
    let ours_alone = work.target.selectable && work.target.role.is_none() && !work.target.path.is_inbox();
    let mut kept = None;
    if delete && ours_alone {
        match sessions.target.delete_folder(&work.target).await {
            Ok(()) => {}
            Err(error) if concerns_a_folder(&error) => kept = Some(error.to_string()),
            Err(error) => return Err(Stop::target(error)),
        }
    }
    ledger.remove_folder(&work.source.path).await?;
    Ok(kept)
}
