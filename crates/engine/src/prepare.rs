//! From a pair of folders to what is to be done in it: lists both sides, finds what stands already, plans.

use std::collections::HashSet;

use limosa_model::ledger::{LedgerFolder, Settlement};
use limosa_model::{Exception, Folder, FolderLedger, FolderPath, IdList, Ledger, Mailbox, MessageId, PermanentFlags};

use crate::expected::Expected;
use crate::folders::FolderPair;
use crate::inspect::{SourceListing, TargetListing, inspect_source, inspect_target};
use crate::options::{Deletions, Options};
use crate::plan::{FolderSteps, SourceDelta, TargetDelta, by_flags, plan_folder};
use crate::recover::{Found, Outlines, Seekers, match_by_content};
use crate::sides::Sessions;
use crate::stop::Stop;
use crate::work::{Done, Work};

/// What is known of a folder before it is looked at.
pub struct Known<'a> {
    /// The folder in the ledger.
    pub ledger: Option<&'a LedgerFolder>,
    /// The source folder's name in the ledger: another one than it has in a dry run that follows a rename.
    pub path: &'a FolderPath,
    /// All exceptions of the pair.
    pub exceptions: &'a [Exception],
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
    let mut entries = match known.ledger {
        Some(_) => ledger.load(known.path).await?,
        None => FolderLedger::new(),
    };
    let mut before = known.ledger.cloned().unwrap_or_else(|| unknown(&pair.source, &target_path, target.as_ref()));
    let same_ids = |folder: Option<&Folder>, ids: &str| ids_of(folder).is_none_or(|now| now == ids);
    let mut forget = before.target != target_path
        || is_another(&pair.source, &before)
        || !same_ids(Some(&pair.source), &before.source_ids)
        || !same_ids(target.as_ref(), &before.target_ids);
    if known.ledger.is_none() && !options.dry_run {
        ledger.put_folder(&before).await?;
    }
    let permanent = match &target {
        Some(folder) => sessions.target.permanent_flags(folder).await.map_err(Stop::target)?,
        None => PermanentFlags::default(),
    };
    let of_folder = known.exceptions.iter().filter(|exception| exception.folder == *known.path);
    let (changed, of_folder): (Vec<&Exception>, Vec<&Exception>) = of_folder.partition(|exception| exception.stands());
    let mut left_behind: HashSet<MessageId> = of_folder.into_iter().map(|exception| exception.id.clone()).collect();
    let mut ended = Vec::new();
    let mut former = FolderLedger::new();
    let (source, found_there) = loop {
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
            // The ledger forgets them with all the rest.
            left_behind.clear();
            if !options.dry_run {
                // Forget first: ids of another folder must never be taken for this one's.
                ledger.settle(&pair.source.path, &Settlement { forget: true, ..Settlement::default() }).await?;
                ledger.put_folder(&before).await?;
            }
        }
        let (source, listing) =
            list(sessions, &pair.source, target.as_ref(), &before, &entries, &permanent, &left_behind).await?;
        if forget || !(source.renumbered || listing.renumbered) {
            break (source, listing);
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
    let not_again = match options.retry_exceptions {
        false => &left_behind,
        true => {
            let unnamed: Vec<MessageId> = left_behind.iter().filter(|id| !delta.new.contains(id)).cloned().collect();
            delta.new.extend(unnamed);
            &HashSet::new()
        }
    };
    let steps = plan_folder(&entries, &delta, &found_there.delta, not_again, options.deletions);
    let mut work = Work {
        target: target.unwrap_or_else(|| absent(&target_path)),
        source: pair.source.clone(),
        permanent,
        ledger: entries,
        steps,
        source_watermark: source.watermark,
        target_watermark: before.target_watermark,
        source_messages: source.messages.or(pair.source.state.as_ref().map(|state| state.messages)).unwrap_or(0),
        done: Done::default(),
        unnamed: Vec::new(),
        refused: Vec::new(),
        doubtful: Vec::new(),
        expected: Expected::default(),
        left_behind,
        ended,
        vanished: Vec::new(),
        strays: Vec::new(),
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
    permanent: &PermanentFlags,
    left_behind: &HashSet<MessageId>,
) -> Result<(SourceListing, TargetListing), Stop> {
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
    let of_target = async {
        let empty = target.is_none_or(|folder| folder.state.as_ref().is_some_and(|state| state.messages == 0));
        match target.filter(|_| !(empty && entries.is_empty())) {
            None => Ok(TargetListing::default()),
            Some(folder) => {
                let since = before.target_watermark.as_ref();
                inspect_target(sessions.target.as_mut(), folder, since, entries, permanent).await.map_err(Stop::target)
            }
        }
    };
    tokio::try_join!(of_source, of_target)
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
    if unexplained.is_empty() || work.steps.copy.is_empty() {
        return Ok(());
    }
    let mut ours =
        Outlines::read(sessions.source.as_mut(), &work.source, &work.steps.copy).await.map_err(Stop::source)?;
    let target: &mut dyn Mailbox = sessions.target.as_mut();
    let mut theirs = Outlines::read(target, &work.target, unexplained).await.map_err(Stop::target)?;
    let found = match_by_content(
        Seekers { mailbox: sessions.source.as_mut(), folder: &work.source, outlines: &mut ours },
        Seekers { mailbox: target, folder: &work.target, outlines: &mut theirs },
    )
    .await?;
    if found.is_empty() {
        return Ok(());
    }
    let taken: HashSet<&MessageId> = found.iter().map(|found| &found.entry.source).collect();
    work.steps.copy = work.steps.copy.iter().filter(|id| !taken.contains(id)).collect();
    note_found(ledger, work, found, dry_run).await
}

async fn note_found(ledger: &dyn Ledger, work: &mut Work, found: Vec<Found>, dry_run: bool) -> Result<(), Stop> {
    work.done.found += found.len() as u64;
    let differing = found
        .iter()
        .filter(|found| work.permanent.keep(&found.entry.flags).0 != work.permanent.keep(&found.target_flags).0);
    let wanted: Vec<_> = differing.map(|found| (found.entry.source.clone(), found.entry.flags.clone())).collect();
    work.steps.set_flags.extend(by_flags(wanted));
    let entries: Vec<_> = found.into_iter().map(|found| found.entry).collect();
    if !dry_run {
        ledger.settle(&work.source.path, &Settlement { entries: entries.clone(), ..Settlement::default() }).await?;
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
/// The ledger's.
pub async fn prepare_gone(
    ledger: &dyn Ledger,
    gone: &LedgerFolder,
    target: Option<Folder>,
    options: &Options,
) -> Result<Work, Stop> {
    let entries = ledger.load(&gone.source).await?;
    let all = entries.iter().map(|entry| entry.source).collect();
    let delta = SourceDelta { gone: all, ..SourceDelta::default() };
    let target = target.filter(|folder| ids_of(Some(folder)).is_some_and(|ids| ids == gone.target_ids));
    let steps = match target {
        Some(_) => plan_folder(&entries, &delta, &TargetDelta::default(), &HashSet::new(), options.deletions),
        None => FolderSteps::default(),
    };
    Ok(Work {
        source: absent(&gone.source),
        target: target.unwrap_or_else(|| absent(&gone.target)),
        permanent: PermanentFlags::default(),
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
        set_aside: false,
        incomplete: false,
    })
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
