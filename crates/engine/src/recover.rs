//! Finding by content what already stands on the target.
//!
//! Used when the ledger cannot say: after a crash between a message's arrival and its settling, when the ledger is gone,
//! when a side has renumbered, when another tool was there before, and when the target gives no ids for what it stores.
//!
//! Two messages are the same when their bytes are. Header blocks are compared first, since they are cheap. Where a header
//! block and a size stand once on each side, and the header names a Message-ID, that is taken as proof, except for
//! drafts, which are edited in place. In all other cases the bodies are read and compared.
//! Message-ID alone is never proof: different messages may bear the same one.

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};

use limosa_model::flags::SystemFlags;
use limosa_model::ledger::{Entry, Extent, Fingerprint};
use limosa_model::mailbox::Fetched;
use limosa_model::message::HeaderItem;
use limosa_model::{ConnectorError, Flags, Folder, IdList, InternalDate, Mailbox, MessageId, Piece};

use crate::mend::{Mender, Mends};
use crate::report::Sides;
use crate::sides::{Side, SideError};

/// How many header blocks are asked for at once.
const HEADERS_AT_ONCE: u32 = 500;

/// Messages of one folder on one side that look for their like on the other.
pub struct Seekers<'a> {
    /// The mailbox.
    pub mailbox: &'a mut dyn Mailbox,
    /// The folder.
    pub folder: &'a Folder,
    /// The messages; those that find their like are taken out.
    pub outlines: &'a mut Outlines,
}

/// What is known of messages that look for their like.
#[derive(Clone, Debug, Default)]
pub struct Outlines(Vec<Outline>);

impl Outlines {
    /// Reads the header blocks of these messages.
    ///
    /// # Errors
    /// The connection's.
    pub async fn read(mailbox: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> Result<Self, ConnectorError> {
        let mut outlines = Vec::new();
        for ids in ids.chunks(HEADERS_AT_ONCE) {
            let items = mailbox.headers(folder, &ids).await?;
            let missing = ids.len() - items.len() as u64;
            let named: HashSet<MessageId> = items.iter().map(|item| item.id.clone()).collect();
            outlines.extend(items.into_iter().map(Outline::of));
            if missing > 0 && ids.len() > 1 {
                // One message that cannot be given may keep back the others that were asked for with it.
                for id in ids.iter().filter(|id| !named.contains(id)) {
                    let alone = mailbox.headers(folder, &IdList::from_iter([id])).await?;
                    outlines.extend(alone.into_iter().map(Outline::of));
                }
            }
        }
        Ok(Self(outlines))
    }

    /// Headers prove nothing for these messages: what stands on the target in their place may have been mended.
    pub fn distrust(&mut self, ids: &HashSet<MessageId>) {
        for outline in self.0.iter_mut().filter(|outline| ids.contains(&outline.id)) {
            outline.trusted = false;
        }
    }

    /// Of each message that has an internal date: when that was, and what its header block shows, where that is taken as proof.
    pub fn prints(&self) -> impl Iterator<Item = (&MessageId, InternalDate, Option<Fingerprint>)> {
        self.0.iter().filter_map(|outline| Some((&outline.id, outline.internal_date?, outline.print())))
    }

    fn take_out(&mut self, taken: &HashSet<&MessageId>) {
        self.0.retain(|outline| !taken.contains(&outline.id));
    }
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
        let read = Sides { source: ours.digests, target: theirs.digests };
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

/// What is kept of a header block: enough to tell messages apart at little memory.
#[derive(Clone, Debug)]
struct Outline {
    id: MessageId,
    flags: Flags,
    internal_date: Option<InternalDate>,
    /// Of the header block, in its canonical form, without carriage returns and the line ends after it: a mended message may have more.
    header: [u8; 16],
    size: u64,
    /// Equal for messages that a server may have changed on the way in: from fields that servers leave alone; without a
    /// Message-ID, from the internal date too.
    loose: [u8; 16],
    /// Equal for messages that may be the same at all: what is not akin is not worth reading.
    kin: [u8; 16],
    trusted: bool,
}

impl Outline {
    fn of(item: HeaderItem) -> Self {
        let has_message_id = header_field(&item.header, "message-id").is_some_and(|value| !value.is_empty());
        let fields = |names: &[&str], more: &[u8]| {
            let mut hasher = blake3::Hasher::new();
            for name in names {
                let value = canonical(field_bytes(&item.header, name).unwrap_or_default(), true);
                for word in value.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()) {
                    hasher.update(word);
                    hasher.update(b" ");
                }
                hasher.update(b"\n");
            }
            short(hasher.update(more))
        };
        let received = item.internal_date.filter(|_| !has_message_id).map(|date| date.seconds.to_le_bytes());
        let received = received.as_ref().map_or(&[][..], |bytes| bytes);
        let loose = fields(&["message-id", "date", "from", "subject"], received);
        let kin = fields(&["date", "from", "subject"], &[]);
        let mut header = blake3::Hasher::new();
        let canonical = canonical(&item.header, true);
        let end = canonical.iter().rposition(|byte| !matches!(byte, b'\r' | b'\n')).map_or(0, |last| last + 1);
        for piece in canonical[..end].split(|byte| *byte == b'\r') {
            header.update(piece);
        }
        Self {
            header: short(&header),
            size: item.size,
            loose,
            kin,
            trusted: has_message_id && !item.flags.system.contains(SystemFlags::DRAFT),
            id: item.id,
            flags: item.flags,
            internal_date: item.internal_date,
        }
    }

    fn print(&self) -> Option<Fingerprint> {
        let digest = *self.header.first_chunk()?;
        let seconds = self.internal_date.filter(|_| self.trusted)?.seconds;
        Some(Fingerprint { size: self.size, seconds, of: Extent::Header, digest })
    }
}

fn short(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

/// The value of the first field of that name (in lower case), as text; `None` where there is none.
pub fn header_field<'a>(header: &'a [u8], name: &str) -> Option<Cow<'a, str>> {
    field_bytes(header, name).map(String::from_utf8_lossy)
}

/// Bytes as they stand after a server that replaces some: 8-bit ones in headers by `X` (Cyrus), NUL by 0x80 (Dovecot).
fn canonical(bytes: &[u8], in_header: bool) -> Cow<'_, [u8]> {
    let replaced = |byte: u8| match byte {
        _ if in_header && (byte >= 0x80 || byte == 0) => b'X',
        0 => 0x80,
        byte => byte,
    };
    match memchr::memchr(0, bytes).is_some() || (in_header && !bytes.is_ascii()) {
        true => bytes.iter().map(|byte| replaced(*byte)).collect(),
        false => Cow::Borrowed(bytes),
    }
}

/// The value of the first field of that name (in lower case), white space around it aside.
fn field_bytes<'a>(header: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut start = 0;
    while start < header.len() {
        let mut end = start;
        loop {
            end = header[end..].iter().position(|byte| *byte == b'\n').map_or(header.len(), |at| end + at + 1);
            if !matches!(header.get(end), Some(b' ' | b'\t')) {
                break;
            }
        }
        let field = &header[start..end];
        let colon = field.iter().position(|byte| *byte == b':');
        if let Some(colon) =
            colon.filter(|colon| field[..*colon].trim_ascii_end().eq_ignore_ascii_case(name.as_bytes()))
        {
            return Some(field[colon + 1..].trim_ascii());
        }
        start = end;
    }
    None
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

/// What was read of a message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of all bytes.
    whole: [u8; 16],
    /// Of the bytes after the header block, in canonical form: what a server that adds header fields leaves alone.
    body: [u8; 16],
    /// Of all bytes, in canonical form: what a server that replaces some leaves alone.
    canonical: [u8; 16],
}

impl Digests {
    /// Whether two messages have the same bytes.
    pub fn is_same(&self, other: &Self) -> bool {
        self.whole == other.whole
    }
}

/// Digests by message.
pub type DigestsById = HashMap<MessageId, Digests>;

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
    async fn read(&mut self, outlines: &[Outline]) -> Result<Read, ConnectorError> {
        let ids = outlines.iter().map(|outline| outline.id.clone()).collect();
        read_digests(self.mailbox, self.folder, &ids).await
    }
}

/// Messages that were read whole.
#[derive(Debug, Default)]
pub struct Read {
    /// Their digests.
    pub digests: DigestsById,
    /// Those that are there and cannot be read. Those that are gone are in neither.
    pub unreadable: HashSet<MessageId>,
}

/// Reads these messages whole.
///
/// # Errors
/// The connection's.
pub async fn read_digests(mailbox: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> Result<Read, ConnectorError> {
    let mut read = Read::default();
    let mut fetch = mailbox.fetch(folder, ids).await?;
    let mut fetched = Vec::new();
    let mut current: Option<(MessageId, BodyDigest)> = None;
    let mut more = true;
    while more {
        more = fetch.next(&mut fetched).await?;
        for one in fetched.drain(..) {
            match one {
                Fetched::Piece(Piece::Head(head)) => current = Some((head.id, BodyDigest::default())),
                Fetched::Piece(Piece::Body(bytes)) => {
                    if let Some((_, digest)) = &mut current {
                        digest.update(&bytes);
                    }
                }
                Fetched::Piece(Piece::End) => {
                    read.digests.extend(current.take().map(|(id, digest)| (id, digest.finish())));
                }
                Fetched::Gone(_) => current = None,
                Fetched::Unreadable(id, _) => {
                    current = None;
                    read.unreadable.insert(id);
                }
            }
        }
    }
    Ok(read)
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

/// One way of mending a message, under way.
type Mending = (Mends, Mender, blake3::Hasher);

/// The ways in which a message may have been mended, each with the digest of what it then is.
type Forms = Vec<(Mends, [u8; 16])>;

/// Reads these messages whole, and answers what they would be when mended. Messages that need no mending are left out.
async fn read_mended(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<HashMap<MessageId, Forms>, ConnectorError> {
    let begin = || Mends::all().to_try().into_iter().map(|mends| (mends, Mender::new(mends), blake3::Hasher::new()));
    let mut read = HashMap::new();
    let mut fetch = mailbox.fetch(folder, ids).await?;
    let (mut fetched, mut out) = (Vec::new(), Vec::new());
    let mut current: Option<(MessageId, Vec<Mending>)> = None;
    let mut more = true;
    while more {
        more = fetch.next(&mut fetched).await?;
        for one in fetched.drain(..) {
            match one {
                Fetched::Piece(Piece::Head(head)) => current = Some((head.id, begin().collect())),
                Fetched::Piece(Piece::Body(bytes)) => {
                    for (_, mender, hasher) in current.iter_mut().flat_map(|(_, forms)| forms) {
                        out.clear();
                        mender.feed(&bytes, &mut out);
                        hasher.update(&out);
                    }
                }
                Fetched::Piece(Piece::End) => {
                    let Some((id, forms)) = current.take() else { continue };
                    let finished = forms.into_iter().filter_map(|(_, mender, mut hasher)| {
                        out.clear();
                        let changed = mender.finish(&mut out);
                        hasher.update(&out);
                        (!changed.is_empty()).then(|| (changed, short(&hasher)))
                    });
                    read.insert(id, finished.collect());
                }
                Fetched::Gone(_) | Fetched::Unreadable(..) => current = None,
            }
        }
    }
    Ok(read)
}

/// Digests of a message as it comes, whole and after its header block.
#[derive(Default)]
struct BodyDigest {
    whole: blake3::Hasher,
    body: blake3::Hasher,
    canonical: blake3::Hasher,
    in_body: bool,
    /// Whether the line under way is empty so far.
    at_line_start: bool,
}

impl BodyDigest {
    fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        let mut start = 0;
        while !self.in_body && start < bytes.len() {
            match bytes[start] {
                b'\n' if self.at_line_start => self.in_body = true,
                b'\n' => self.at_line_start = true,
                b'\r' => {}
                _ => self.at_line_start = false,
            }
            start += 1;
        }
        let body = canonical(&bytes[start..], false);
        self.body.update(&body);
        self.canonical.update(&canonical(&bytes[..start], true));
        self.canonical.update(&body);
    }

    fn finish(self) -> Digests {
        Digests { whole: short(&self.whole), body: short(&self.body), canonical: short(&self.canonical) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn header_fields_are_found_folded_and_in_any_letter_case() {
        let header = b"Received: x\r\nMESSAGE-id :\r\n <a@b>\r\nSubject: a\r\n b\r\n\r\nSubject: not this\r\n";
        assert_eq!(header_field(header, "message-id").as_deref(), Some("<a@b>"));
        assert_eq!(header_field(header, "subject").as_deref(), Some("a\r\n b"));
        assert_eq!(header_field(header, "date"), None);
        assert_eq!(header_field(b"", "date"), None);
    }

    #[test]
    fn the_body_begins_after_the_first_empty_line_however_the_bytes_are_cut() {
        for message in ["A: b\r\n\r\nbody\r\n\r\nmore", "A: b\n\nbody\r\n\r\nmore"] {
            let mut expect = blake3::Hasher::new();
            expect.update(b"body\r\n\r\nmore");
            for cut in 0..message.len() {
                let mut digest = BodyDigest::default();
                digest.update(&message.as_bytes()[..cut]);
                digest.update(&message.as_bytes()[cut..]);
                assert_eq!(digest.finish().body, short(&expect), "cut at {cut} of {message:?}");
            }
        }
    }
}
