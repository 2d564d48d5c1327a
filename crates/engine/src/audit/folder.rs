//! One folder: listed on both sides, matched, its differences told apart.

use std::collections::{HashMap, HashSet};

use limosa_model::ledger::{DroppedFlag, LedgerFolder};
use limosa_model::message::HeaderItem;
use limosa_model::{
    ConnectorError, Exception, Folder, FolderLedger, IdList, Keywords, Ledger, Mailbox, MessageId, Watermark,
};

use super::content::{Compared, Found, Route, compare};
use super::join::{Joined, Readers, join};
use super::judge::{Kept, State, differences, sizes_differ, words};
use super::report::{AuditedFolder, Depth, Kind};
use super::told::{Subject, Told};
use crate::damage;
use crate::exceptions::bounded;
use crate::folders::{FolderPair, Place};
use crate::progress::Progress;
use crate::recover::{Outlines, Seekers, header_field, match_by_content};
use crate::report::{FolderNote, Volume};
use crate::sides::{Side, SideError};
use crate::stop::Stop;

/// Messages looked at again in one command on each side.
const AGAIN_AT_ONCE: usize = 500;

/// Messages with other sizes that are read before the stores' word on sizes is given up, where the bytes of all of them are
/// the same.
const SIZES_READ: u64 = 1_000;

/// What is known of a folder before it is looked at.
pub struct Look<'a> {
    /// The folder and its place.
    pub pair: &'a FolderPair,
    /// The folder in the ledger.
    pub known: Option<&'a LedgerFolder>,
    /// The ledger knows no folder at all.
    pub no_ledger: bool,
    /// All exceptions of the pair.
    pub exceptions: &'a [Exception],
    /// All flags that passes found not to be kept.
    pub dropped: &'a [DroppedFlag],
    /// The target keeps no keywords.
    pub no_keywords: bool,
    /// How keywords of the source are named on the target.
    pub keywords: &'a Keywords,
    /// How deep to look.
    pub depth: Depth,
}

/// What was found of a folder.
pub struct Looked {
    /// The folder.
    pub report: AuditedFolder,
    /// What differs, as far as listings tell.
    pub told: Told,
    /// What was odd about the folder in the ledger.
    pub note: Option<FolderNote>,
    /// The way to messages that are still to be read whole, and which: at [`Depth::Content`].
    pub to_read: Option<(Route, IdList)>,
    /// Messages read whole meanwhile.
    pub read: Volume,
    /// Messages looked at a second time.
    pub looked_again: u64,
}

/// What the ledger is worth for a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// There is none.
    NoLedger,
    /// It does not know this folder.
    NewFolder,
    /// Its ids are void: a side gives other ones now, or the folder has another place.
    Void,
    /// It cannot be read.
    Damaged,
    /// No pass over the folder has ended.
    Unfinished,
    /// Everything up to there is settled.
    Settled(Watermark),
}

impl Look<'_> {
    /// What the ledger is worth here.
    pub fn standing(&self) -> Standing {
        let Some(known) = self.known else {
            return if self.no_ledger { Standing::NoLedger } else { Standing::NewFolder };
        };
        let same = |folder: &Folder, ids: &str| folder.state.as_ref().is_none_or(|state| state.ids == ids);
        let target_is_same = match &self.pair.place {
            Place::Exists(folder) => same(folder, &known.target_ids),
            Place::Create { .. } => true,
        };
        if known.target != *self.pair.place.path() || !target_is_same || !same(&self.pair.source, &known.source_ids) {
            return Standing::Void;
        }
        known.source_watermark.clone().map_or(Standing::Unfinished, Standing::Settled)
    }

    /// Exceptions of the folder by id; none where the source gives other ids now.
    fn exceptions(&self) -> HashMap<MessageId, Exception> {
        let ids = self.pair.source.state.as_ref().map(|state| state.ids.as_str());
        let void = self.known.zip(ids).is_some_and(|(known, ids)| known.source_ids != ids);
        let of_folder = self.exceptions.iter().filter(|one| !void && one.folder == self.pair.source.path);
        of_folder.map(|exception| (exception.id.clone(), exception.clone())).collect()
    }

    fn target(&self) -> Option<&Folder> {
        match &self.pair.place {
            Place::Exists(folder) => Some(folder),
            Place::Create { .. } => None,
        }
    }
}

/// Compares a folder by listings; where only bytes can decide, by these.
///
/// # Errors
/// Those of the connections and the ledger.
pub async fn look(
    readers: &mut Readers,
    ledger: &dyn Ledger,
    look: &Look<'_>,
    progress: &Progress,
) -> Result<Looked, Stop> {
    let (source, mut standing) = (&look.pair.source, look.standing());
    let (mut entries, mut damage) = (FolderLedger::new(), None);
    if let Standing::Unfinished | Standing::Settled(_) = standing {
        (entries, damage) = damage::load(ledger, &source.path).await?;
    }
    if damage.is_some() {
        standing = Standing::Damaged;
    }
    let kept = Kept::new(&source.path, look.dropped, look.no_keywords, look.keywords.clone());
    let counted = (look.depth == Depth::Metadata).then_some(progress);
    let joined = join(readers, source, look.target(), &entries, &kept, counted).await?;
    let report = AuditedFolder {
        source: source.path.clone(),
        source_name: source.name.clone(),
        target: look.pair.place.path().clone(),
        exists: look.target().is_some(),
        source_messages: joined.source_messages,
        target_messages: joined.target_messages,
        compared: 0,
        by_content: 0,
    };
    let route = Route {
        source: source.clone(),
        target: look.target().unwrap_or(source).clone(),
        pairs: entries,
        exceptions: look.exceptions(),
    };
    let note = damage.map(|damage| FolderNote {
        folder: source.path.clone(),
        code: damage.code().to_owned(),
        reason: format!("{damage}; the folder was compared by content"),
    });
    let mut work = Work { look, standing, kept, joined, route, report, told: Told::default(), suspects: Vec::new() };
    work.match_the_unknown(readers).await?;
    work.tell_the_unmatched(readers).await?;
    let looked_again = work.suspects.len() as u64;
    work.look_again(readers).await?;
    work.report.compared = work.joined.matched.len();
    let mut looked = Volume::default();
    let mut again = looked_again;
    if look.depth == Depth::Metadata {
        let read = work.read_resized(readers, progress).await?;
        looked = read.read;
        again += read.again;
        work.tell_known_alterations();
    }
    let to_read =
        (look.depth == Depth::Content && !work.joined.matched.is_empty()).then_some((work.route, work.joined.matched));
    Ok(Looked { report: work.report, told: work.told, note, to_read, read: looked, looked_again: again })
}

/// A message to be looked at again before it counts.
struct Suspect {
    source: MessageId,
    target: Option<MessageId>,
    why: Why,
}

#[derive(Clone, Copy)]
enum Why {
    /// A pair whose flags or dates differ.
    Odd,
    /// The ledger says that it stands there, and the listing did not name it.
    Lost,
    /// It has no like on the target, and this is what that means.
    Unmatched(Kind, &'static str),
}

struct Work<'a> {
    look: &'a Look<'a>,
    standing: Standing,
    kept: Kept,
    joined: Joined,
    route: Route,
    report: AuditedFolder,
    told: Told,
    suspects: Vec<Suspect>,
}

impl Work<'_> {
    /// Finds by content what the ledger is silent about, or wrong.
    async fn match_the_unknown(&mut self, readers: &mut Readers) -> Result<(), SideError> {
        let mut seeking = self.joined.unknown.clone();
        seeking.extend(self.joined.lost.iter().cloned());
        if let (false, false, Some(target)) =
            (seeking.is_empty(), self.joined.unexplained.is_empty(), self.look.target())
        {
            let source = &self.look.pair.source;
            let ours = async {
                Outlines::read(readers.source.as_mut(), source, &seeking).await.map_err(|error| (Side::Source, error))
            };
            let theirs = async {
                let outlines = Outlines::read(readers.target.as_mut(), target, &self.joined.unexplained).await;
                outlines.map_err(|error| (Side::Target, error))
            };
            let (mut ours, mut theirs) = tokio::try_join!(ours, theirs)?;
            let found = match_by_content(
                Seekers { mailbox: readers.source.as_mut(), folder: source, outlines: &mut ours },
                Seekers { mailbox: readers.target.as_mut(), folder: target, outlines: &mut theirs },
            )
            .await?
            .found;
            self.report.by_content = found.len() as u64;
            let (mut sources, mut targets) = (HashSet::new(), HashSet::new());
            for found in found {
                let state = |flags, date| State { flags, size: None, date };
                let here = state(found.entry.flags.clone(), found.dates.source);
                let there = state(found.target_flags, found.dates.target);
                let id = found.entry.source.clone();
                if !differences(&here, &there, None, &self.kept).is_empty() {
                    self.joined.odd.push(id.clone());
                }
                if found.differs {
                    self.joined.resized.push(id.clone());
                }
                self.joined.matched.push(id.clone());
                sources.insert(id);
                targets.insert(found.entry.target.clone());
                self.route.pairs.insert(found.entry);
            }
            self.joined.lost.retain(|id| !sources.contains(id));
            self.joined.unknown = self.joined.unknown.iter().filter(|id| !sources.contains(id)).collect();
            self.joined.unexplained = self.joined.unexplained.iter().filter(|id| !targets.contains(id)).collect();
        }
        Ok(())
    }

    /// Tells what has no like on the other side; what would be a loss only becomes a suspect.
    async fn tell_the_unmatched(&mut self, readers: &mut Readers) -> Result<(), SideError> {
        let path = &self.look.pair.source.path;
        for id in self.joined.unexplained.iter() {
            self.told.tell(Kind::Own, Subject::on(path, None, Some(&id)), "the target's own: the source never had it");
        }
        for id in &self.joined.gone {
            let target = self.route.pairs.get(id).map(|(target, _)| target);
            self.told.tell(Kind::Deleted, Subject::on(path, Some(id), target.as_ref()), "gone from the source");
        }
        let exceptions = &self.route.exceptions;
        let (excepted, unknown): (Vec<MessageId>, Vec<MessageId>) =
            self.joined.unknown.iter().partition(|id| exceptions.get(id).is_some_and(|one| !one.stands()));
        for id in &excepted {
            if let Some(exception) = exceptions.get(id) {
                self.told.excepted(exception, Subject::on(path, Some(id), None));
            }
        }
        let unmatched = match &self.standing {
            _ if unknown.is_empty() => return self.suspect_the_listed(),
            Standing::NoLedger => (Kind::Missing, "not on the target, and there is no ledger that could say why"),
            Standing::NewFolder => (Kind::NewFolder, "not on the target: no pass has brought this folder over"),
            Standing::Void => {
                (Kind::Missing, "not on the target; a folder was made anew, so nobody can say whether it is new")
            }
            Standing::Damaged => (
                Kind::Missing,
                "not on the target; the folder's ledger is damaged, so nobody can say whether it is new",
            ),
            Standing::Unfinished => (Kind::Missing, "not on the target: no pass over this folder has ended"),
            Standing::Settled(watermark) => {
                let arrived = readers.source.arrivals(&self.look.pair.source, Some(watermark)).await;
                let arrived = Members::of(&arrived.map_err(|error| (Side::Source, error))?);
                let (new, old): (Vec<MessageId>, Vec<MessageId>) =
                    unknown.into_iter().partition(|id| arrived.contain(id));
                for id in &new {
                    self.told.tell(Kind::Arrived, Subject::on(path, Some(id), None), "has come since the last pass");
                }
                let lost =
                    (Kind::LostUnsettled, "older than the last pass, and neither the ledger nor the target knows it");
                self.suspects.extend(old.into_iter().map(|id| unmatched(id, lost)));
                return self.suspect_the_listed();
            }
        };
        self.suspects.extend(unknown.into_iter().map(|id| self::unmatched(id, unmatched)));
        self.suspect_the_listed()
    }

    fn suspect_the_listed(&mut self) -> Result<(), SideError> {
        for (ids, why) in [(&self.joined.lost, Why::Lost), (&self.joined.odd, Why::Odd)] {
            for source in ids {
                let target = self.route.pairs.get(source).map(|(target, _)| target);
                self.suspects.push(Suspect { source: source.clone(), target, why });
            }
        }
        Ok(())
    }

    /// Looks at every suspect a second time: what changed or vanished meanwhile is no difference.
    async fn look_again(&mut self, readers: &mut Readers) -> Result<(), SideError> {
        let suspects = std::mem::take(&mut self.suspects);
        for suspects in suspects.chunks(AGAIN_AT_ONCE) {
            let source_ids: IdList = suspects.iter().map(|suspect| suspect.source.clone()).collect();
            let target_ids: IdList = suspects.iter().filter_map(|suspect| suspect.target.clone()).collect();
            let ours = async {
                let items = headers(readers.source.as_mut(), Some(&self.look.pair.source), &source_ids).await;
                items.map_err(|error| (Side::Source, error))
            };
            let theirs = async {
                let items = headers(readers.target.as_mut(), self.look.target(), &target_ids).await;
                items.map_err(|error| (Side::Target, error))
            };
            let (ours, theirs) = tokio::try_join!(ours, theirs)?;
            for suspect in suspects {
                let here = ours.get(&suspect.source);
                let there = suspect.target.as_ref().and_then(|target| theirs.get(target));
                self.judge(suspect, here, there);
            }
        }
        Ok(())
    }

    fn judge(&mut self, suspect: &Suspect, here: Option<&HeaderItem>, there: Option<&HeaderItem>) {
        let message_id = here.or(there).and_then(|item| header_field(&item.header, "message-id"));
        let message_id = message_id.map(|value| bounded(&value));
        let subject = Subject {
            folder: &self.look.pair.source.path,
            source: Some(&suspect.source),
            target: suspect.target.as_ref(),
            message_id: message_id.as_deref(),
        };
        let lost = "the ledger says that it stands on the target, and it does not";
        match (here, there, suspect.why) {
            (Some(_), None, Why::Unmatched(kind, what)) => self.told.tell(kind, subject, what),
            (None, None, _) | (_, _, Why::Unmatched(..)) => {}
            (None, Some(_), _) => self.told.tell(Kind::Deleted, subject, "gone from the source"),
            (Some(_), None, _) => self.told.tell(Kind::Missing, subject, lost),
            (Some(here), Some(there), why) => {
                let (here, there) = (State::from(here), State::from(there));
                if matches!(why, Why::Lost) {
                    self.joined.matched.push(suspect.source.clone());
                    if sizes_differ(&here, &there) {
                        self.joined.resized.push(suspect.source.clone());
                    }
                }
                let settled = self.route.pairs.get(&suspect.source).map(|(_, flags)| flags);
                for kind in differences(&here, &there, settled, &self.kept) {
                    let known = self.route.exceptions.get(&suspect.source).filter(|one| one.stands());
                    match known.filter(|_| kind == Kind::Date) {
                        // Of a message that the target has altered it is told with that.
                        Some(exception) if exception.explains_bytes() => {}
                        Some(exception) => self.told.excepted(exception, subject),
                        None => self.told.tell(kind, subject, words(kind, &here, &there)),
                    }
                }
            }
        }
    }

    /// Where the stores state other sizes, the bytes decide; until so many were the same that a store is known to
    /// misstate sizes.
    async fn read_resized(
        &mut self,
        readers: &mut Readers,
        progress: &Progress,
    ) -> Result<super::content::Looked, SideError> {
        let mut sum = super::content::Looked::default();
        let altered = |id: &MessageId| self.route.exceptions.get(id).is_some_and(Exception::explains_bytes);
        let ids: IdList = self.joined.resized.iter().filter(|id| !altered(id)).cloned().collect();
        let mut all_same = true;
        for ids in ids.chunks(AGAIN_AT_ONCE as u32) {
            if all_same && sum.read.messages >= SIZES_READ {
                break;
            }
            let (compared, looked) = compare(readers, &self.route, &ids, progress).await?;
            sum.read.messages += looked.read.messages;
            sum.read.bytes += looked.read.bytes;
            sum.again += looked.again;
            all_same &= looked.again == 0;
            compared.iter().for_each(|one| tell_compared(&mut self.told, &self.route, one));
        }
        Ok(sum)
    }

    /// Messages that the target is known to have altered: without reading them it cannot be said more.
    fn tell_known_alterations(&mut self) {
        let known = self.route.exceptions.values().filter(|one| one.explains_bytes());
        let mut known: Vec<&Exception> = known.filter(|one| self.joined.matched.contains(&one.id)).collect();
        known.sort_by(|a, b| a.id.cmp(&b.id));
        for exception in known {
            let target = self.route.pairs.get(&exception.id).map(|(target, _)| target);
            let subject = Subject::on(&self.look.pair.source.path, Some(&exception.id), target.as_ref());
            self.told.excepted(exception, subject);
        }
    }
}

fn unmatched(source: MessageId, (kind, what): (Kind, &'static str)) -> Suspect {
    Suspect { source, target: None, why: Why::Unmatched(kind, what) }
}

async fn headers(
    mailbox: &mut dyn Mailbox,
    folder: Option<&Folder>,
    ids: &IdList,
) -> Result<HashMap<MessageId, HeaderItem>, ConnectorError> {
    let Some(folder) = folder.filter(|_| !ids.is_empty()) else { return Ok(HashMap::new()) };
    let items = mailbox.headers(folder, ids).await?;
    Ok(items.into_iter().map(|item| (item.id.clone(), item)).collect())
}

/// Tells how two messages that were read whole differ.
pub fn tell_compared(told: &mut Told, route: &Route, compared: &Compared) {
    let Compared { source, target, found } = compared;
    let known = route.exceptions.get(source);
    let subject = Subject::on(&route.source.path, Some(source), Some(target));
    let (kind, what) = match found {
        Found::Gone => return,
        Found::Both(record, size) if record.size != *size => {
            (Kind::Size, format!("{} bytes on the source, {size} on the target", record.size))
        }
        Found::Both(record, _) if record.digest == record.target_digest => return,
        Found::Both(record, _) => {
            let digest = |digest: &[u8; 32]| blake3::Hash::from(*digest).to_hex()[..16].to_owned();
            let (ours, theirs) = (digest(&record.digest), digest(&record.target_digest));
            (Kind::Content, format!("other bytes: BLAKE3 {ours}… on the source, {theirs}… on the target"))
        }
        Found::Missing => (Kind::Missing, "it stood on the target when it was listed, and does not any more".into()),
        Found::Deleted => (Kind::Deleted, "gone from the source".into()),
        Found::Unreadable(why) => (Kind::Unreadable, why.clone()),
    };
    let explains = |exception: &&Exception| match kind {
        Kind::Size | Kind::Content => exception.explains_bytes(),
        Kind::Unreadable => !exception.stands(),
        _ => false,
    };
    match known.filter(explains) {
        Some(exception) => told.excepted(exception, subject),
        None => told.tell(kind, subject, what),
    }
}

/// Ids that are asked for often.
struct Members {
    ranges: Vec<(u32, u32)>,
    keys: HashSet<MessageId>,
}

impl Members {
    fn of(ids: &IdList) -> Self {
        let mut ranges = ids.uid_ranges().to_vec();
        ranges.sort_unstable();
        Self { ranges, keys: ids.keys().iter().cloned().map(MessageId::Key).collect() }
    }

    fn contain(&self, id: &MessageId) -> bool {
        match *id {
            MessageId::Uid(uid) => {
                let after = self.ranges.partition_point(|(first, _)| *first <= uid);
                after.checked_sub(1).is_some_and(|at| uid <= self.ranges[at].1)
            }
            MessageId::Key(_) => self.keys.contains(id),
        }
    }
}
