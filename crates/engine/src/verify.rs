//! The comparison at the end: a listing of the target by its own word, held against the ledger and what was sent.

use std::collections::{BTreeMap, HashMap};

use limosa_model::ledger::{DroppedFlag, Settlement};
use limosa_model::{Exception, Folder, IdList, Ledger, Mailbox, MessageId, Watermark};

use crate::apply::set_flags;
use crate::exceptions::{Reason, describe};
use crate::expected::Difference;
use crate::inspect::{TargetListing, compare_target};
use crate::plan::{by_flags, entries_of};
use crate::recover::{Digests, read_digests};
use crate::report::Discrepancy;
use crate::sides::Sessions;
use crate::stop::Stop;
use crate::work::Work;

/// Differing sizes whose bytes are read back. A target that states another size for more messages than this renders all of
/// them anew, and reading more of them proves nothing more.
const READ_BACK: usize = 1_000;

/// Why a message that stands on the target is an exception.
pub fn other_bytes() -> Reason {
    Reason::new(Exception::ALTERED, "the target changed its bytes")
}

/// What the comparison of a folder came to.
pub struct Comparison {
    /// Differences that nothing explains.
    pub discrepancies: Vec<Discrepancy>,
    /// Where the target stood when it was listed.
    pub watermark: Option<Watermark>,
}

/// Compares a folder. Messages whose bytes or internal dates the target has changed become exceptions, although they stand there.
///
/// # Errors
/// Those of the connections and the ledger.
pub async fn compare(sessions: &mut Sessions, ledger: &dyn Ledger, work: &mut Work) -> Result<Comparison, Stop> {
    let mut listing = list(sessions, work).await?;
    if !listing.delta.drifted.is_empty() {
        // A run that was cut off between noting a message and setting its flags leaves this behind.
        let drifted = entries_of(&work.ledger, &listing.delta.drifted);
        work.steps.set_flags = by_flags(drifted.map(|entry| (entry.source, entry.flags)));
        set_flags(sessions, ledger, work).await?;
        listing = list(sessions, work).await?;
    }
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
    let exceptions = changed_by_target(sessions, work, listing.altered).await?;
    if !exceptions.is_empty() {
        ledger.settle(&work.source.path, &Settlement { exceptions, ..Settlement::default() }).await?;
    }
    // Every message that was to be copied stands there, was refused, or was seen to be gone.
    let accounted = |id: &MessageId| {
        work.ledger.get(id).is_some()
            || work.refused.iter().any(|refused| refused.id == *id)
            || work.vanished.contains(id)
    };
    work.incomplete |= !work.steps.copy.iter().all(|id| accounted(&id));
    Ok(Comparison { discrepancies, watermark: listing.watermark })
}

async fn list(sessions: &mut Sessions, work: &Work) -> Result<TargetListing, Stop> {
    let since = work.target_watermark.as_ref();
    let (entries, keeping, expected) = (&work.ledger, &work.keeping, &work.expected);
    let listing = compare_target(sessions.target.as_mut(), &work.target, since, entries, keeping, expected).await;
    listing.map_err(Stop::target)
}

/// Settles both watermarks, so that the next pass begins from here; and that flags are translated by the table that was given, so that
/// those of `dropped` that it names are kept now. The target's is the one that its listing gave: what was
/// compared is what is remembered.
///
/// # Errors
/// The ledger's.
pub async fn settle_watermarks(
    ledger: &dyn Ledger,
    work: &Work,
    target: Option<Watermark>,
    dropped: &[DroppedFlag],
) -> Result<(), Stop> {
    let keywords = &work.keeping.keywords;
    let translated = |dropped: &&DroppedFlag| dropped.folder == work.source.path && keywords.names(&dropped.flag);
    let settlement = Settlement {
        kept_flags: dropped.iter().filter(translated).cloned().collect(),
        source_watermark: work.source_watermark.clone(),
        target_watermark: target,
        keywords: Some(keywords.fingerprint()),
        ..Settlement::default()
    };
    ledger.settle(&work.source.path, &settlement).await?;
    ledger.compact(&work.source.path).await?;
    Ok(())
}

/// Finds out what the target has really changed. A size may be misstated; the bytes decide.
async fn changed_by_target(
    sessions: &mut Sessions,
    work: &Work,
    altered: Vec<(MessageId, MessageId, Difference)>,
) -> Result<Vec<Exception>, Stop> {
    if altered.is_empty() && work.doubtful.is_empty() {
        return Ok(Vec::new());
    }
    let resized = altered.iter().filter(|(.., difference)| *difference == Difference::Size).take(READ_BACK);
    let resized = resized.map(|(source, target, _)| (source, target));
    let read_back: Vec<_> = resized.chain(work.doubtful.iter().map(|(source, target)| (source, target))).collect();
    let target: &mut dyn Mailbox = sessions.target.as_mut();
    let sent = digests(sessions.source.as_mut(), &work.source, read_back.iter().map(|(source, _)| *source)).await;
    let sent = sent.map_err(Stop::source)?;
    let stands = digests(target, &work.target, read_back.iter().map(|(_, target)| *target)).await;
    let stands = stands.map_err(Stop::target)?;
    let is_same = |source: &MessageId, target: &MessageId| match (sent.get(source), stands.get(target)) {
        (Some(sent), Some(stands)) => Some(sent.is_same(stands)),
        // Gone meanwhile, or not read back.
        _ => None,
    };
    let mut changed: BTreeMap<&MessageId, Reason> = BTreeMap::new();
    for (source, target, difference) in &altered {
        match difference {
            Difference::Date => {
                changed
                    .insert(source, Reason::new(Exception::DATE_CHANGED, "the target gave it another internal date"));
            }
            Difference::Size if is_same(source, target) == Some(true) => {}
            // Where the bytes cannot be read, the size alone says it.
            Difference::Size => {
                changed.insert(source, other_bytes());
            }
        }
    }
    let replaced = work.doubtful.iter().filter(|(source, target)| is_same(source, target) == Some(false));
    changed.extend(replaced.map(|(source, _)| (source, other_bytes())));
    // A message that was mended is an exception already, which says more.
    changed.retain(|source, _| !work.refused.iter().any(|refused| refused.id == **source));
    let reasons: Vec<_> = changed.into_iter().collect();
    describe(sessions.source.as_mut(), &work.source, &reasons).await.map_err(Stop::source)
}

async fn digests<'a>(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: impl Iterator<Item = &'a MessageId>,
) -> Result<HashMap<MessageId, Digests>, limosa_model::ConnectorError> {
    let ids: IdList = ids.cloned().collect();
    match ids.is_empty() {
        true => Ok(HashMap::new()),
        false => Ok(read_digests(mailbox, folder, &ids).await?.made),
    }
}
