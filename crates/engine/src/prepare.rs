//! From a pair of folders to what is to be done in it: lists both sides, finds what stands already, plans.

use std::collections::HashSet;

use limosa_model::ledger::{LedgerFolder, Sending, Settlement};
use limosa_model::{
    Exception, Folder, FolderLedger, FolderPath, IdList, Keywords, Ledger, Mailbox, MessageId, PermanentFlags,
};

use crate::damage;
use crate::exceptions::{Reason, describe};
use crate::expected::Expected;
use crate::folders::FolderPair;
use crate::inspect::{SourceListing, TargetListing, inspect_source, inspect_target};
use crate::keeping::Keeping;
use crate::options::{Deletions, Options};
use crate::plan::{FolderSteps, SourceDelta, TargetDelta, by_flags, plan_folder};
use crate::recover::{Found, Matched, Outlines, Seekers, match_by_content};
use crate::sending::{claim, given_under};
use crate::sides::Sessions;
use crate::stop::Stop;
use crate::verify::other_bytes;
use crate::work::{Done, Refused, Work};

/// What is known of a folder before it is looked at.
pub struct Known<'a> {
    /// The folder in the ledger.
    pub ledger: Option<&'a LedgerFolder>,
    /// The source folder's name in the ledger: another one than it has in a dry run that follows a rename.
    pub path: &'a FolderPath,
    /// All exceptions of the pair.
    pub exceptions: &'a [Exception],
    /// Messages of the folder that were left behind and are to be tried again.
    pub again: &'a HashSet<MessageId>,
}

/// Lists both sides of a pair of folders, holds them against the ledger, and decides what is to be done.
///
/// `target` is the folder as it stands; `None` where it does not exist yet, as in a dry run.
///
/// # Errors
/// Those of the connections and the ledger.
pub async fn prepare(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    pair: &FolderPair,
    target: Option<Folder>,
    known: Known<'_>,
    options: &Options,
) -> Result<Work, Stop> {
    let target_path = pair.place.path().clone();
    // A folder that the ledger does not know may stand where another one's entries are.
    let (mut entries, damage) = match known.ledger {
        Some(_) => damage::load(ledger, known.path).await?,
        None => (FolderLedger::new(), None),
    };
    let mut before = known.ledger.cloned().unwrap_or_else(|| unknown(&pair.source, &target_path, target.as_ref()));
    let same_ids = |folder: Option<&Folder>, ids: &str| ids_of(folder).is_none_or(|now| now == ids);
    let void = before.target != target_path
        || is_another(&pair.source, &before)
        || !same_ids(Some(&pair.source), &before.source_ids)
        || !same_ids(target.as_ref(), &before.target_ids);
    let mut forget = void || damage.is_some();
    if known.ledger.is_none() && !options.dry_run {
        ledger.put_folder(&before).await?;
    }
    if before.keywords != options.keywords.fingerprint() {
        // By another table flags may have to be other ones everywhere: the target is listed whole.
        before.target_watermark = before.target_watermark.take().filter(|_| entries.is_empty());
    }
    let of_folder = || known.exceptions.iter().filter(|exception| exception.folder == *known.path);
    // Damage is of entries alone: exceptions are kept apart from them, and hold as long as the source's ids do.
    let holds = damage.is_some() && !void && ids_of(Some(&pair.source)).is_some();
    let exceptions: Vec<Exception> = of_folder().filter(|_| holds).cloned().collect();
    let (changed, left): (Vec<&Exception>, Vec<&Exception>) = of_folder().partition(|exception| exception.stands());
    let mut left_behind: HashSet<MessageId> = left.into_iter().map(|exception| exception.id.clone()).collect();
    let mut ended = Vec::new();
    let mut former = FolderLedger::new();
    let (source, found_there, keeping) = loop {
        if forget {
            // What stood there for another folder, or under other ids, is told by content, as long as the target's ids hold.
            if before.target == target_path && same_ids(target.as_ref(), &before.target_ids) {
                former = std::mem::take(&mut entries);
            }
            if !former.is_empty() && options.deletions != Deletions::Keep && !options.dry_run {
                set_aside(ledger, &before, &former).await?;
            }
            entries = FolderLedger::new();
            before = unknown(&pair.source, &target_path, target.as_ref());
            if !holds {
                // The ledger forgets them with all the rest.
                left_behind.clear();
            }
            if !options.dry_run {
                // Forget first: ids of another folder must never be taken for this one's.
                let exceptions = exceptions.clone();
                let settlement = Settlement { forget: true, exceptions, ..Settlement::default() };
                ledger.settle(&pair.source.path, &settlement).await?;
                ledger.put_folder(&before).await?;
            }
        }
        let keywords = &options.keywords;
        let (source, listing, keeping) =
            list(sessions, &pair.source, target.as_ref(), &before, &entries, keywords, &left_behind).await?;
        if forget || !(source.renumbered || listing.renumbered) {
            break (source, listing, keeping);
        }
        // Ids of one side have become void, so the ledger says nothing any more: list both sides whole.
        forget = true;
    };
    for id in source.ended {
        left_behind.remove(&id);
        ended.push(id);
    }
    let mut delta = source.delta;
    if !changed.is_empty() {
        let gone: HashSet<&MessageId> = delta.gone.iter().collect();
        ended.extend(changed.into_iter().map(|exception| exception.id.clone()).filter(|id| gone.contains(id)));
    }
    let (again, not_again): (HashSet<MessageId>, HashSet<MessageId>) =
        left_behind.iter().cloned().partition(|id| known.again.contains(id));
    let unnamed: Vec<MessageId> = again.into_iter().filter(|id| !delta.new.contains(id)).collect();
    delta.new.extend(unnamed);
    let steps = plan_folder(&entries, &delta, &found_there.delta, &not_again, options.deletions);
    // A pass that was cut off has not come to reading what these messages' headers tell.
    let is_there = |id: &MessageId| not_again.contains(id) || entries.get(id).is_some();
    let undescribed = of_folder().filter(|exception| is_there(&exception.id)).filter_map(|exception| {
        let reason = Reason::of_undescribed(exception)?;
        Some(Refused { id: exception.id.clone(), reason })
    });
    let refused = undescribed.collect();
    let mut work = Work {
        target: target.unwrap_or_else(|| absent(&target_path)),
        source: pair.source.clone(),
        keeping,
        ledger: entries,
        steps,
        source_watermark: source.watermark,
        target_watermark: before.target_watermark,
        source_messages: source.messages.or(pair.source.state.as_ref().map(|state| state.messages)).unwrap_or(0),
        done: Done::default(),
        unnamed: Vec::new(),
        refused,
        doubtful: Vec::new(),
        expected: Expected::default(),
        left_behind,
        ended,
        vanished: Vec::new(),
        strays: Vec::new(),
        damage,
        set_aside: false,
        incomplete: source.short,
    };
    if !work.steps.drop.is_empty() && !options.dry_run {
        let removed = std::mem::take(&mut work.steps.drop);
        for id in &removed {
            work.ledger.remove(id);
        }
        ledger.settle(&work.source.path, &Settlement { removed, ..Settlement::default() }).await?;
    }
    adopt(sessions, ledger, &mut work, &found_there.delta.unexplained, options.dry_run).await?;
    if options.deletions != Deletions::Keep {
        let stands = |target: &MessageId| found_there.delta.unexplained.contains(target);
        let targets = former.iter().map(|entry| entry.target);
        work.set_aside = !former.is_empty();
        work.strays = targets.filter(|target| work.ledger.source_of(target).is_none() && stands(target)).collect();
        let sent = ledger.sending(known.path).await?;
        let still_there: HashSet<MessageId> = match sent.is_empty() {
            true => HashSet::new(),
            false => delta.new.iter().chain(work.left_behind.iter().cloned()).collect(),
        };
        let under = given_under(&pair.source);
        let is_there = |id: &MessageId| work.ledger.get(id).is_some() || still_there.contains(id);
        let is_gone = |note: &Sending| note.ids != under || !is_there(&note.id);
        let left: Vec<Sending> = sent.into_iter().filter(is_gone).collect();
        // A listing that named fewer messages than there are does not say which are gone.
        let said = pair.source.state.as_ref().map_or(0, |state| state.messages);
        match source.messages.is_some_and(|listed| listed < said) {
            true => work.incomplete |= !left.is_empty(),
            false => {
                let unexplained = &found_there.delta.unexplained;
                claim(sessions.target.as_mut(), &mut work, &left, unexplained).await.map_err(Stop::target)?;
            }
        }
    }
    Ok(work)
}

/// Keeps what the ledger is about to forget of a folder under a name that no source folder has. Cut off before the pass has removed what
/// has no like on the source any more, the next one finds it there, as a folder that is gone.
async fn set_aside(ledger: &dyn Ledger, folder: &LedgerFolder, entries: &FolderLedger) -> Result<(), Stop> {
    let aside = LedgerFolder { source: aside(&folder.source), source_object_id: None, ..folder.clone() };
    ledger.put_folder(&aside).await?;
    let entries = entries.iter().collect();
    ledger.settle(&aside.source, &Settlement { entries, ..Settlement::default() }).await?;
    Ok(())
}

/// Where the ledger keeps what it had forgotten of a folder: below it, so that it is left out where the folder is.
pub fn aside(source: &FolderPath) -> FolderPath {
    source.child("\u{1}before")
}

/// Lists both sides at once; a side that is known to hold nothing costs nothing.
async fn list(
    sessions: &mut Sessions,
    source: &Folder,
    target: Option<&Folder>,
    before: &LedgerFolder,
    entries: &FolderLedger,
    keywords: &Keywords,
    left_behind: &HashSet<MessageId>,
) -> Result<(SourceListing, TargetListing, Keeping), Stop> {
    let of_source = async {
        if let (true, Some(state)) = (entries.is_empty(), source.state.as_ref().filter(|state| state.messages == 0)) {
            let watermark = Some(state.watermark.clone());
            let ended = left_behind.iter().cloned().collect();
            return Ok(SourceListing {
                delta: SourceDelta::default(),
                ended,
                short: false,
                renumbered: false,
                messages: Some(0),
                watermark,
            });
        }
        inspect_source(sessions.source.as_mut(), source, before.source_watermark.as_ref(), entries, left_behind)
            .await
            .map_err(Stop::source)
    };
    let keeping_by = |permanent| Keeping { permanent, keywords: keywords.clone() };
    let of_target = async {
        let Some(folder) = target else { return Ok((TargetListing::default(), keeping_by(PermanentFlags::default()))) };
        let keeping = keeping_by(sessions.target.permanent_flags(folder).await.map_err(Stop::target)?);
        let empty = folder.state.as_ref().is_some_and(|state| state.messages == 0);
        if empty && entries.is_empty() {
            return Ok((TargetListing::default(), keeping));
        }
        let since = before.target_watermark.as_ref();
        let listing = inspect_target(sessions.target.as_mut(), folder, since, entries, &keeping).await;
        Ok((listing.map_err(Stop::target)?, keeping))
    };
    let (source, (target, keeping)) = tokio::try_join!(of_source, of_target)?;
    Ok((source, target, keeping))
}

/// Finds by content which messages to be copied stand on the target already, and notes them instead.
///
/// # Errors
/// Those of the connections and the ledger.
pub async fn adopt(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    work: &mut Work,
    unexplained: &IdList,
    dry_run: bool,
) -> Result<(), Stop> {
    // What was left behind by an earlier pass may stand there by now, mended by one that was cut off.
    let mut seeking = work.steps.copy.clone();
    seeking.extend(work.left_behind.iter().filter(|id| !work.steps.copy.contains(id)).cloned());
    if unexplained.is_empty() || seeking.is_empty() {
        return Ok(());
    }
    let mut ours = Outlines::read(sessions.source.as_mut(), &work.source, &seeking).await.map_err(Stop::source)?;
    let refused = work.refused.iter().map(|refused| refused.id.clone());
    ours.distrust(&work.left_behind.iter().cloned().chain(refused).collect());
    let target: &mut dyn Mailbox = sessions.target.as_mut();
    let mut theirs = Outlines::read(target, &work.target, unexplained).await.map_err(Stop::target)?;
    let Matched { found, undecided } = match_by_content(
        Seekers { mailbox: sessions.source.as_mut(), folder: &work.source, outlines: &mut ours },
        Seekers { mailbox: target, folder: &work.target, outlines: &mut theirs },
    )
    .await?;
    if !undecided.is_empty() {
        let (folder, messages) = (&work.source.path, undecided.len());
        tracing::warn!(%folder, messages, "neither copied nor found: messages on the target that look like them cannot be read");
        work.steps.copy = work.steps.copy.iter().filter(|id| !undecided.contains(id)).collect();
        work.incomplete = true;
    }
    if found.is_empty() {
        return Ok(());
    }
    let taken: HashSet<&MessageId> = found.iter().map(|found| &found.entry.source).collect();
    work.steps.copy = work.steps.copy.iter().filter(|id| !taken.contains(id)).collect();
    for found in &found {
        work.repaired(&found.entry.source, found.mends);
    }
    let reason = |found: &Found| match work.refused.iter().find(|refused| refused.id == found.entry.source) {
        Some(repaired) if !found.mends.is_empty() => Some(repaired.reason.clone()),
        _ => found.differs.then(other_bytes),
    };
    let changed: Vec<_> = found.iter().filter_map(|found| Some((&found.entry.source, reason(found)?))).collect();
    let exceptions = match dry_run {
        true => Vec::new(),
        false => describe(sessions.source.as_mut(), &work.source, &changed).await.map_err(Stop::source)?,
    };
    note_found(ledger, work, found, exceptions, dry_run).await
}

async fn note_found(
    ledger: &dyn Ledger,
    work: &mut Work,
    found: Vec<Found>,
    exceptions: Vec<Exception>,
    dry_run: bool,
) -> Result<(), Stop> {
    work.done.found += found.len() as u64;
    let differing = found.iter().filter(|found| !work.keeping.is_right(&found.entry.flags, &found.target_flags));
    let wanted: Vec<_> = differing.map(|found| (found.entry.source.clone(), found.entry.flags.clone())).collect();
    work.steps.set_flags.extend(by_flags(wanted));
    let entries: Vec<_> = found.into_iter().map(|found| found.entry).collect();
    if !dry_run {
        let settlement = Settlement { entries: entries.clone(), exceptions, ..Settlement::default() };
        ledger.settle(&work.source.path, &settlement).await?;
    }
    for entry in entries {
        work.ledger.insert(entry);
    }
    Ok(())
}

/// A folder that the source has no more: everything that the ledger knows of it is gone. If the target has made its folder
/// anew since, the ids that the ledger knows would name other messages there: then nothing is removed.
///
/// # Errors
/// The target's and the ledger's.
pub async fn prepare_gone(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    gone: &LedgerFolder,
    target: Option<Folder>,
    options: &Options,
) -> Result<Work, Stop> {
    let (entries, damage) = damage::load(ledger, &gone.source).await?;
    let all = entries.iter().map(|entry| entry.source).collect();
    let delta = SourceDelta { gone: all, ..SourceDelta::default() };
    let target = target.filter(|folder| ids_of(Some(folder)).is_some_and(|ids| ids == gone.target_ids));
    let steps = match target {
        Some(_) => plan_folder(&entries, &delta, &TargetDelta::default(), &HashSet::new(), options.deletions),
        None => FolderSteps::default(),
    };
    let mut work = Work {
        source: absent(&gone.source),
        target: target.unwrap_or_else(|| absent(&gone.target)),
        keeping: Keeping::default(),
        ledger: entries,
        steps,
        source_watermark: None,
        target_watermark: None,
        source_messages: 0,
        done: Done::default(),
        unnamed: Vec::new(),
        refused: Vec::new(),
        doubtful: Vec::new(),
        expected: Expected::default(),
        left_behind: HashSet::new(),
        ended: Vec::new(),
        vanished: Vec::new(),
        strays: Vec::new(),
        damage,
        set_aside: false,
        incomplete: false,
    };
    let sent = ledger.sending(&gone.source).await?;
    if work.target.selectable && !sent.is_empty() && options.deletions != Deletions::Keep {
        let target = sessions.target.as_mut();
        let came = target.arrivals(&work.target, gone.target_watermark.as_ref()).await.map_err(Stop::target)?;
        let unexplained = work.ledger.unknown_targets(&came);
        let is_settled = |note: &Sending| *note.ids == *gone.source_ids && work.ledger.get(&note.id).is_some();
        let left: Vec<Sending> = sent.into_iter().filter(|note| !is_settled(note)).collect();
        claim(target, &mut work, &left, &unexplained).await.map_err(Stop::target)?;
    }
    Ok(work)
}

/// What the ledger shall know of a folder that it does not know yet.
fn unknown(source: &Folder, path: &FolderPath, target: Option<&Folder>) -> LedgerFolder {
    LedgerFolder {
        source: source.path.clone(),
        target: path.clone(),
        source_watermark: None,
        target_watermark: None,
        source_ids: ids_of(Some(source)).unwrap_or_default().to_owned(),
        target_ids: ids_of(target).unwrap_or_default().to_owned(),
        keywords: String::new(),
        source_object_id: source.object_id.clone(),
        messages: 0,
    }
}

/// Whether a source folder is another one than the ledger knows by that name, whatever it gives its ids under: two folders may give
/// theirs under the same (Cyrus makes a UIDVALIDITY of the second in which a folder is made).
pub fn is_another(source: &Folder, known: &LedgerFolder) -> bool {
    source.object_id.is_some() && known.source_object_id.is_some() && source.object_id != known.source_object_id
}

/// Under what a folder gives its ids.
fn ids_of(folder: Option<&Folder>) -> Option<&str> {
    folder.and_then(|folder| folder.state.as_ref()).map(|state| state.ids.as_str())
}

/// A folder that is not there.
fn absent(path: &FolderPath) -> Folder {
    Folder {
        path: path.clone(),
        name: path.to_string(),
        selectable: false,
        role: None,
        subscribed: false,
        object_id: None,
        state: None,
    }
}
