//! Finding by content what already stands on the target.
//!
//! Used when the ledger cannot say: after a crash between a message's arrival and its settling, when the ledger is gone,
//! when a side has renumbered, when another tool was there before, and when the target gives no ids for what it stores.
//!
//! Two messages are the same when their bytes are. Header blocks are compared first, since they are cheap. Where a header
//! block and a size stand once on each side, and the header names a Message-ID, that is taken as proof, except for
//! drafts, which are edited in place. In all other cases the bodies are read and compared.
//! Message-ID alone is never proof: different messages may bear the same one.

mod digests;
mod outline;

use std::collections::{HashMap, HashSet};

use limosa_model::ledger::{Entry, Fingerprint};
use limosa_model::{ConnectorError, Flags, Folder, InternalDate, Mailbox, MessageId};

use self::digests::read_mended;
use self::outline::Outline;
use crate::mend::Mends;
use crate::reading::Read;
use crate::report::Sides;
use crate::sides::{Side, SideError};

pub use self::digests::{Digests, read_digests};
pub use self::outline::{Outlines, header_field};

/// Digests by message.
type DigestsById = HashMap<MessageId, Digests>;

/// Messages of one folder on one side that look for their like on the other.
pub struct Seekers<'a> {
    /// The mailbox.
    pub mailbox: &'a mut dyn Mailbox,
    /// The folder.
    pub folder: &'a Folder,
    /// The messages; those that find their like are taken out.
    pub outlines: &'a mut Outlines,
}

/// What a comparison by content came to.
#[derive(Debug, Default)]
pub struct Matched {
    /// Pairs of messages with the same content; each message in at most one pair.
    pub found: Vec<Found>,
    /// Source messages that may stand on the target: a message there looks like them, and cannot be read. To copy them might
    /// double them.
    pub undecided: HashSet<MessageId>,
}

/// Compares the messages of both sides.
///
/// # Errors
/// The connection's, with its side.
pub async fn match_by_content(mut source: Seekers<'_>, mut target: Seekers<'_>) -> Result<Matched, SideError> {
    let (mut found, doubtful) = by_header(&source.outlines.0, &target.outlines.0);
    let mut undecided = HashSet::new();
    if !doubtful.source.is_empty() && !doubtful.target.is_empty() {
        let ours = source.read(&doubtful.source).await.map_err(|error| (Side::Source, error))?;
        let theirs = target.read(&doubtful.target).await.map_err(|error| (Side::Target, error))?;
        let read = Sides { source: ours.made, target: theirs.made };
        let mut left = Left { source: doubtful.source.iter().collect(), target: doubtful.target.iter().collect() };
        by_bytes(&mut left, &read, &mut found);
        by_mended_bytes(&mut source, &mut left, &read.target, &mut found).await?;
        by_what_servers_leave_alone(&mut left, &read, &mut found);
        undecided = like_the_unreadable(&doubtful, &theirs.unreadable, &found);
    }
    source.outlines.take_out(&found.iter().map(|found| &found.entry.source).collect());
    target.outlines.take_out(&found.iter().map(|found| &found.entry.target).collect());
    Ok(Matched { found, undecided })
}

/// Source messages without their like that look like one of the target's that cannot be read.
fn like_the_unreadable(
    doubtful: &Sides<Vec<Outline>>,
    unreadable: &HashSet<MessageId>,
    found: &[Found],
) -> HashSet<MessageId> {
    let theirs: Vec<&Outline> = doubtful.target.iter().filter(|outline| unreadable.contains(&outline.id)).collect();
    if theirs.is_empty() {
        return HashSet::new();
    }
    let taken: HashSet<&MessageId> = found.iter().map(|found| &found.entry.source).collect();
    let looks_like = |ours: &&Outline| theirs.iter().any(|one| one.header == ours.header || one.loose == ours.loose);
    let left = doubtful.source.iter().filter(|ours| !taken.contains(&ours.id));
    left.filter(looks_like).map(|ours| ours.id.clone()).collect()
}

/// A message that stands on both sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The source id, the target id, and the source's flags.
    pub entry: Entry,
    /// Its flags on the target.
    pub target_flags: Flags,
    /// Its internal date on either side.
    pub dates: Sides<Option<InternalDate>>,
    /// Its bytes are known to differ between the sides: only what servers leave alone is the same.
    pub differs: bool,
    /// The changes that make the source's bytes the target's: an earlier pass mended it.
    pub mends: Mends,
    /// What its header block on the target shows, where that is taken as proof.
    pub print: Option<Fingerprint>,
}

/// Matches what the headers prove; answers the rest, where bodies must be read, as far as it has a possible like.
fn by_header(ours: &[Outline], theirs: &[Outline]) -> (Vec<Found>, Sides<Vec<Outline>>) {
    let mut groups: HashMap<[u8; 16], Sides<Vec<&Outline>>> = HashMap::new();
    for outline in ours {
        groups.entry(outline.header).or_default().source.push(outline);
    }
    for outline in theirs {
        groups.entry(outline.header).or_default().target.push(outline);
    }
    let mut found = Vec::new();
    let mut rest = Sides::<Vec<Outline>>::default();
    for group in groups.into_values() {
        if let ([ours], [theirs]) = (group.source.as_slice(), group.target.as_slice())
            && ours.trusted
            && theirs.trusted
            && ours.size == theirs.size
        {
            found.push(Found::of(ours, theirs, false));
            continue;
        }
        rest.source.extend(group.source.into_iter().cloned());
        rest.target.extend(group.target.into_iter().cloned());
    }
    found.sort_by(|a, b| a.entry.source.cmp(&b.entry.source));
    let likes = |outlines: &[Outline]| -> HashSet<[u8; 16]> {
        outlines.iter().flat_map(|outline| [outline.header, outline.kin]).collect()
    };
    let has_like =
        |outline: &Outline, likes: &HashSet<[u8; 16]>| likes.contains(&outline.header) || likes.contains(&outline.kin);
    let (sources, targets) = (likes(&rest.source), likes(&rest.target));
    rest.source.retain(|outline| has_like(outline, &targets));
    rest.target.retain(|outline| has_like(outline, &sources));
    (found, rest)
}

impl Found {
    fn of(ours: &Outline, theirs: &Outline, differs: bool) -> Self {
        let entry = Entry { source: ours.id.clone(), target: theirs.id.clone(), flags: ours.flags.clone() };
        let dates = Sides { source: ours.internal_date, target: theirs.internal_date };
        let (target_flags, print) = (theirs.flags.clone(), theirs.print());
        Self { entry, target_flags, dates, differs, mends: Mends::default(), print }
    }
}

/// Matches messages whose bytes are equal. Among equals, equal dates go together.
fn by_bytes(left: &mut Left<'_>, digests: &Sides<DigestsById>, found: &mut Vec<Found>) {
    let whole = |outline: &Outline, of: &DigestsById| of.get(&outline.id).map(|digests| (digests.whole, [0; 16]));
    pair_up(left, digests, whole, false, found);
}

/// Matches messages whose bytes are equal but for what servers are known to replace; then those whose bodies and telling header
/// fields are equal, so that a server that adds header fields on arrival does not make everything look new.
fn by_what_servers_leave_alone(left: &mut Left<'_>, digests: &Sides<DigestsById>, found: &mut Vec<Found>) {
    let replaced =
        |outline: &Outline, of: &DigestsById| of.get(&outline.id).map(|digests| (digests.canonical, [0; 16]));
    let body = |outline: &Outline, of: &DigestsById| Some((of.get(&outline.id)?.body, outline.loose));
    pair_up(left, digests, replaced, true, found);
    pair_up(left, digests, body, true, found);
}

/// Messages that have not found their like yet.
type Left<'a> = Sides<Vec<&'a Outline>>;

type Likeness = ([u8; 16], [u8; 16]);

fn pair_up(
    left: &mut Left<'_>,
    digests: &Sides<DigestsById>,
    likeness: impl Fn(&Outline, &DigestsById) -> Option<Likeness>,
    differs: bool,
    found: &mut Vec<Found>,
) {
    let mut waiting: HashMap<Likeness, Vec<&Outline>> = HashMap::new();
    for theirs in &left.target {
        if let Some(like) = likeness(theirs, &digests.target) {
            waiting.entry(like).or_default().push(theirs);
        }
    }
    let mut taken = HashSet::new();
    // Equal dates first, so that genuine duplicates keep theirs.
    for same_date in [true, false] {
        left.source.retain(|ours| {
            let Some(equals) = likeness(ours, &digests.source).and_then(|like| waiting.get_mut(&like)) else {
                return true;
            };
            let Some(at) = equals.iter().position(|theirs| !same_date || theirs.internal_date == ours.internal_date)
            else {
                return true;
            };
            let theirs = equals.remove(at);
            taken.insert(theirs.id.clone());
            found.push(Found::of(ours, theirs, differs));
            false
        });
    }
    left.target.retain(|theirs| !taken.contains(&theirs.id));
}

impl Seekers<'_> {
    async fn read(&mut self, outlines: &[Outline]) -> Result<Read<Digests>, ConnectorError> {
        let ids = outlines.iter().map(|outline| outline.id.clone()).collect();
        read_digests(self.mailbox, self.folder, &ids).await
    }
}

/// Matches messages of the source that stand on the target with changes made by an earlier pass.
async fn by_mended_bytes(
    source: &mut Seekers<'_>,
    left: &mut Left<'_>,
    standing: &DigestsById,
    found: &mut Vec<Found>,
) -> Result<(), SideError> {
    if left.source.is_empty() || left.target.is_empty() {
        return Ok(());
    }
    let ids = left.source.iter().map(|outline| outline.id.clone()).collect();
    let read = read_mended(source.mailbox, source.folder, &ids).await.map_err(|error| (Side::Source, error))?;
    let targets = &mut left.target;
    left.source.retain(|ours| {
        let forms = read.get(&ours.id).map(Vec::as_slice).unwrap_or_default();
        let like = |theirs: &Outline| {
            let digests = standing.get(&theirs.id)?;
            forms.iter().find(|(_, whole)| *whole == digests.whole).map(|(mends, _)| *mends)
        };
        let Some((at, mends)) = targets.iter().enumerate().find_map(|(at, theirs)| Some((at, like(theirs)?))) else {
            return true;
        };
        found.push(Found { mends, ..Found::of(ours, targets.remove(at), true) });
        false
    });
    Ok(())
}
