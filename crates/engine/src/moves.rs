//! Messages that were moved between folders on the source: moved on the target, not copied again.
//!
//! A message that vanished from one folder and a message that appeared in another are the same if their content is. What
//! vanished can be read no more, but its copy still stands on the target.

use std::collections::{HashMap, HashSet};

use limosa_model::ledger::{Entry, Fingerprint, Sending, Settlement};
use limosa_model::{Flags, IdList, Ledger, Mailbox, MessageId};

use crate::mend::Mends;
use crate::plan::{by_flags, entries_of};
use crate::recover::{Outlines, Seekers, match_by_content};
use crate::sending::given_under;
use crate::sides::Sessions;
use crate::stop::Stop;
use crate::work::Work;

/// A message to be moved on the target.
#[derive(Clone, Debug)]
pub struct Move {
    /// Index of the folder it leaves.
    pub from: usize,
    /// Its target id there.
    pub old: MessageId,
    /// Its source id there, if the ledger has an entry for it.
    pub old_source: Option<MessageId>,
    /// Index of the folder it goes to.
    pub to: usize,
    /// Its source id there, and its flags on the source.
    pub source: MessageId,
    /// Its flags on the source.
    pub flags: Flags,
    /// Its flags on the target.
    pub target_flags: Flags,
    /// The changes with which it stands there.
    pub mends: Mends,
    /// What its header block shows.
    pub print: Option<Fingerprint>,
}

/// Finds moves among what is to be removed and what is to be copied, and takes them out of both.
///
/// # Errors
/// Those of the connections.
pub async fn find_moves(sessions: &mut Sessions, works: &mut [Work]) -> Result<Vec<Move>, Stop> {
    let leaving: Vec<usize> = (0..works.len()).filter(|index| works[*index].removals() > 0).collect();
    let removed: u64 = leaving.iter().map(|index| works[*index].removals()).sum();
    let worthwhile = |work: &Work| !work.steps.copy.is_empty() && work.steps.copy.len() <= 2 * removed + 1_000;
    let arriving: Vec<usize> = (0..works.len()).filter(|index| worthwhile(&works[*index])).collect();
    if !leaving.iter().any(|from| arriving.iter().any(|to| works[*from].target.path != works[*to].target.path)) {
        return Ok(Vec::new());
    }
    let target: &mut dyn Mailbox = sessions.target.as_mut();
    let mut left = Vec::new();
    for &from in &leaving {
        let work = &works[from];
        let entries = entries_of(&work.ledger, &work.steps.remove).map(|entry| entry.target);
        let ids: IdList = entries.chain(work.strays.iter().cloned()).collect();
        left.push((from, Outlines::read(target, &work.target, &ids).await.map_err(Stop::target)?));
    }
    let mut moves = Vec::new();
    for &to in &arriving {
        let mut came = Outlines::read(sessions.source.as_mut(), &works[to].source, &works[to].steps.copy)
            .await
            .map_err(Stop::source)?;
        for (from, gone) in left.iter_mut().filter(|(from, _)| works[*from].target.path != works[to].target.path) {
            let found = match_by_content(
                Seekers { mailbox: sessions.source.as_mut(), folder: &works[to].source, outlines: &mut came },
                Seekers { mailbox: target, folder: &works[*from].target, outlines: gone },
            )
            .await?
            .found;
            for found in found {
                moves.push(Move {
                    mends: found.mends,
                    print: found.print,
                    from: *from,
                    old_source: works[*from].ledger.source_of(&found.entry.target),
                    old: found.entry.target,
                    to,
                    source: found.entry.source,
                    flags: found.entry.flags,
                    target_flags: found.target_flags,
                });
            }
        }
    }
    for moved in &moves {
        works[moved.to].repaired(&moved.source, moved.mends);
    }
    for (index, work) in works.iter_mut().enumerate() {
        let came: HashSet<&MessageId> =
            moves.iter().filter(|moved| moved.to == index).map(|moved| &moved.source).collect();
        if !came.is_empty() {
            work.steps.copy = work.steps.copy.iter().filter(|id| !came.contains(id)).collect();
        }
        let left = || moves.iter().filter(|moved| moved.from == index);
        let left_source: HashSet<&MessageId> = left().filter_map(|moved| moved.old_source.as_ref()).collect();
        let left_target: HashSet<&MessageId> = left().map(|moved| &moved.old).collect();
        work.steps.remove.retain(|id| !left_source.contains(id));
        work.strays.retain(|id| !left_target.contains(id));
    }
    Ok(moves)
}

/// Carries moves out on the target, and settles them.
///
/// Cut off between the two, the next pass finds the message gone from one folder and, by content, standing in the other.
///
/// # Errors
/// Those of the target and the ledger.
pub async fn relocate(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    works: &mut [Work],
    moves: Vec<Move>,
) -> Result<(), Stop> {
    let mut ways: Vec<((usize, usize), Vec<Move>)> = Vec::new();
    for moved in moves {
        let way = (moved.from, moved.to);
        match ways.iter_mut().find(|(known, _)| *known == way) {
            Some((_, moves)) => moves.push(moved),
            None => ways.push((way, vec![moved])),
        }
    }
    for ((from, to), moves) in ways {
        let ids: IdList = moves.iter().map(|moved| moved.old.clone()).collect();
        let under = given_under(&works[to].source);
        let note = |moved: &Move| Some(Sending { id: moved.source.clone(), ids: under.clone(), print: moved.print? });
        let sending: Vec<Sending> = moves.iter().filter_map(note).collect();
        ledger.note_sending(&works[to].source.path, &sending).await?;
        let moved =
            sessions.target.relocate(&works[from].target, &ids, &works[to].target).await.map_err(Stop::target)?;
        let moved: HashMap<MessageId, Option<MessageId>> = moved.into_iter().collect();
        let mut entries = Vec::new();
        let mut wanted = Vec::new();
        for one in &moves {
            match moved.get(&one.old).cloned().flatten() {
                Some(target) => {
                    if !works[to].keeping.is_right(&one.flags, &one.target_flags) {
                        wanted.push((one.source.clone(), one.flags.clone()));
                    }
                    entries.push(Entry { source: one.source.clone(), target, flags: one.flags.clone() });
                }
                // Under an id that the target did not tell, or not there any more: its content will say.
                None => {
                    works[to].done.moved += 1;
                    works[to].unnamed.push((one.source.clone(), one.flags.clone()));
                }
            }
        }
        let removed: Vec<MessageId> = moves.into_iter().filter_map(|one| one.old_source).collect();
        for id in &removed {
            works[from].ledger.remove(id);
        }
        ledger.settle(&works[from].source.path, &Settlement { removed, ..Settlement::default() }).await?;
        ledger
            .settle(&works[to].source.path, &Settlement { entries: entries.clone(), ..Settlement::default() })
            .await?;
        works[to].done.moved += entries.len() as u64;
        works[to].steps.set_flags.extend(by_flags(wanted));
        for entry in entries {
            works[to].ledger.insert(entry);
        }
    }
    Ok(())
}
