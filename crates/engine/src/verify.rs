//! The comparison at the end: a listing of the target by its own word, held against the ledger.

use limosa_model::ledger::Settlement;
use limosa_model::{Ledger, MessageId};

use crate::inspect::compare_target;
use crate::pass::{Sessions, Stop};
use crate::report::Discrepancy;
use crate::work::Work;

/// Compares a folder, and settles both watermarks if nothing is missing, so that the next pass begins from here.
///
/// The target's watermark is the one that its listing gave: what was compared is what is remembered.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn verify(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work) -> Result<Vec<Discrepancy>, Stop> {
    let since = work.target_watermark.clone();
    let target = sessions.target.as_mut();
    let listing = compare_target(target, &work.target, since.as_ref(), &work.ledger, &work.permanent)
        .await
        .map_err(Stop::target)?;
    let differing = |id: &MessageId, what: &str| Discrepancy {
        folder: work.source.path.clone(),
        id: Some(id.clone()),
        what: what.to_owned(),
    };
    let mut discrepancies: Vec<Discrepancy> = Vec::new();
    if listing.renumbered {
        let what = "the target folder was made anew while the pass ran".to_owned();
        discrepancies.push(Discrepancy { folder: work.source.path.clone(), id: None, what });
    }
    discrepancies.extend(listing.delta.lost.iter().map(|id| differing(id, "missing on the target")));
    discrepancies.extend(listing.delta.drifted.iter().map(|id| differing(id, "other flags on the target")));
    if discrepancies.is_empty() && !work.incomplete {
        let source_watermark = work.source_watermark.clone();
        let settlement = Settlement { source_watermark, target_watermark: listing.watermark, ..Settlement::default() };
        ledger.settle(&work.source.path, &settlement).await?;
        ledger.compact(&work.source.path).await?;
    }
    Ok(discrepancies)
}
