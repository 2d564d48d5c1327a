//! Driving a connector by the rules of the contract, and comparing what comes of it.

use std::collections::{BTreeMap, BTreeSet};

use bytes::BytesMut;
use limosa_model::mailbox::{Basis, Batching, Detail};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{
    Fetched, Flags, Folder, FolderPath, Head, IdList, Item, Mailbox, MessageId, Piece, Target, Watermark, Writer,
};

use super::harness::{Harness, Seen};

/// Most bytes of one body piece, by the contract.
const PIECE: usize = 256 * 1024;

/// Most bytes that one call of a fetch adds: about 1 MiB, and a piece over.
const CALL: usize = 1024 * 1024 + PIECE;

/// All pages of a listing.
#[derive(Clone, Debug)]
pub struct Listing {
    /// How to read it.
    pub basis: Basis,
    /// What is there.
    pub present: Vec<Item>,
    /// What is gone.
    pub vanished: IdList,
    /// Where the folder stood when the listing began.
    pub watermark: Watermark,
}

/// A folder as a survey sees it.
///
/// # Panics
/// If it is not there.
pub async fn folder_of<M: Mailbox + ?Sized>(mailbox: &mut M, path: &FolderPath) -> Folder {
    find_folder(mailbox, path).await.unwrap_or_else(|| panic!("the survey has no folder {path}"))
}

pub(super) async fn find_folder<M: Mailbox + ?Sized>(mailbox: &mut M, path: &FolderPath) -> Option<Folder> {
    let survey = mailbox.survey().await.expect("a survey");
    survey.folders.into_iter().find(|folder| folder.path == *path)
}

/// The watermark in a survey's folder.
pub(super) fn watermark_of(folder: &Folder) -> Watermark {
    folder.state.as_ref().expect("a folder with a state").watermark.clone()
}

/// Lists a folder, all pages, by the rules: `[changes.full]` and the clauses on pages.
///
/// # Panics
/// If it fails or a rule is broken.
pub async fn list<M: Mailbox + ?Sized>(
    mailbox: &mut M,
    folder: &Folder,
    since: Option<&Watermark>,
    detail: Detail,
) -> Listing {
    let mut page = mailbox.changes(folder, since, detail, None).await.expect("a listing");
    let basis = page.basis;
    let mut present = Vec::new();
    let mut ids = BTreeSet::new();
    let mut vanished = IdList::new();
    loop {
        assert_eq!(page.basis, basis, "the basis is the same on all pages");
        assert!(page.present.len() <= 10_000, "a page of {} messages", page.present.len());
        assert!(basis == Basis::Delta || page.vanished.is_empty(), "vanished ids without a delta");
        for item in &page.present {
            assert!(ids.insert(item.id.clone()), "message {} stands in the listing twice", item.id);
        }
        present.append(&mut page.present);
        vanished.extend(page.vanished.iter());
        let Some(next) = page.next else {
            let watermark = page.watermark.expect("the last page has a watermark");
            return Listing { basis, present, vanished, watermark };
        };
        assert!(page.watermark.is_none(), "a watermark before the last page");
        page = mailbox.changes(folder, since, detail, Some(&next)).await.expect("another page");
    }
}

/// Ids and flags of a folder.
pub(super) async fn flags_by_id<M: Mailbox + ?Sized>(mailbox: &mut M, folder: &Folder) -> BTreeMap<MessageId, Flags> {
    let listing = list(mailbox, folder, None, Detail::Flags).await;
    listing.present.into_iter().map(|item| (item.id, item.flags)).collect()
}

/// What one who knew `known` knows after reading the listing.
pub(super) fn apply(mut known: BTreeMap<MessageId, Flags>, listing: Listing) -> BTreeMap<MessageId, Flags> {
    if listing.basis != Basis::Delta {
        known.clear();
    }
    known.retain(|id, _| match id {
        MessageId::Uid(uid) => !listing.vanished.uid_ranges().iter().any(|(first, last)| (first..=last).contains(&uid)),
        MessageId::Key(key) => !listing.vanished.keys().contains(key),
    });
    known.extend(listing.present.into_iter().map(|item| (item.id, item.flags)));
    known
}

/// What a fetch said of one message.
#[derive(Debug)]
pub(super) enum Came {
    Whole(Head, Seen),
    Gone,
    Unreadable(String),
}

/// Fetches messages by the rules: `[fetch.once]`, `[fetch.exact]`'s size, `[fetch.bounded]`, pieces in order.
pub(super) async fn fetch<M: Mailbox + ?Sized>(
    mailbox: &mut M,
    folder: &Folder,
    ids: &IdList,
) -> BTreeMap<MessageId, Came> {
    let mut fetch = mailbox.fetch(folder, ids).await.expect("a fetch");
    let mut ended = BTreeMap::new();
    let mut open: Option<(Head, BytesMut)> = None;
    let mut came = Vec::new();
    let mut end = |id: MessageId, what: Came| {
        assert!(ended.insert(id.clone(), what).is_none(), "message {id} ended twice");
    };
    while fetch.next(&mut came).await.expect("more of the fetch") {
        assert!(!came.is_empty(), "a call that waited for nothing");
        let mut bytes = 0;
        for fetched in came.drain(..) {
            match fetched {
                Fetched::Piece(Piece::Head(head)) => {
                    assert!(open.is_none(), "message {} began inside another one", head.id);
                    open = Some((head, BytesMut::new()));
                }
                Fetched::Piece(Piece::Body(part)) => {
                    assert!(part.len() <= PIECE, "a piece of {} bytes", part.len());
                    bytes += part.len();
                    open.as_mut().expect("a body inside a message").1.extend_from_slice(&part);
                }
                Fetched::Piece(Piece::End) => {
                    let (head, body) = open.take().expect("the end of a message that began");
                    if let Some(size) = head.size {
                        assert_eq!(body.len() as u64, size, "the size of message {}", head.id);
                    }
                    let date = head.internal_date.expect("an internal date");
                    let seen = Seen { bytes: body.freeze(), flags: head.flags.clone(), date };
                    end(head.id.clone(), Came::Whole(head, seen));
                }
                Fetched::Gone(id) => {
                    assert!(open.is_none(), "another message's end inside a message");
                    end(id, Came::Gone);
                }
                Fetched::Unreadable(id, error) => {
                    // The message under way may turn out unreadable; another one may not come between its pieces.
                    if let Some((head, _)) = open.take() {
                        assert_eq!(head.id, id, "another message's end inside a message");
                    }
                    end(id, Came::Unreadable(error.to_string()));
                }
            }
        }
        assert!(bytes <= CALL, "one call added {bytes} bytes");
    }
    assert!(open.is_none(), "the fetch was over inside a message");
    drop(fetch);
    assert_eq!(ended.len() as u64, ids.len(), "as many messages ended as were asked for");
    for id in ids.iter() {
        assert!(ended.contains_key(&id), "message {id} did not end");
    }
    ended
}

/// Every message of a folder, as the connector reads it.
///
/// # Panics
/// If one cannot be read, or a rule of the contract is broken.
pub async fn read_all<M: Mailbox + ?Sized>(mailbox: &mut M, folder: &Folder) -> Vec<Seen> {
    let ids: IdList = flags_by_id(mailbox, folder).await.into_keys().collect();
    let came = fetch(mailbox, folder, &ids).await;
    came.into_iter().map(|(id, came)| whole(&id, came)).collect()
}

pub(super) fn whole(id: &MessageId, came: Came) -> Seen {
    match came {
        Came::Whole(_, seen) => seen,
        Came::Gone => panic!("message {id} is gone"),
        Came::Unreadable(error) => panic!("message {id} cannot be read: {error}"),
    }
}

/// The id that a message of this number has on its imagined source.
pub(super) fn source_id(number: usize) -> MessageId {
    MessageId::Uid(u32::try_from(number).expect("few messages") + 1)
}

/// The pieces of a message.
pub(super) fn pieces(number: usize, message: &Seen, size_known: bool) -> Vec<Piece> {
    let head = Head {
        id: source_id(number),
        flags: message.flags.clone(),
        internal_date: Some(message.date),
        size: size_known.then_some(message.bytes.len() as u64),
    };
    let mut pieces = vec![Piece::Head(head)];
    let mut rest = message.bytes.clone();
    while !rest.is_empty() {
        pieces.push(Piece::Body(rest.split_to(rest.len().min(100_000))));
    }
    pieces.push(Piece::End);
    pieces
}

/// Gives messages to a writer a few pieces at a time, as a copy does.
pub(super) async fn give(writer: &mut dyn Writer, messages: &[(usize, &Seen)], receipts: &mut Vec<Receipt>) {
    let mut buffer = Vec::new();
    for (number, message) in messages {
        for piece in pieces(*number, message, true) {
            buffer.push(piece);
            if buffer.len() == 3 {
                writer.write(&mut buffer).await.expect("writing");
                assert!(buffer.is_empty(), "write leaves no pieces");
                receipts.append(&mut writer.receipts());
            }
        }
    }
    writer.write(&mut buffer).await.expect("writing");
}

/// Writes these messages, once more alone what was rolled back; receipts in the order of the messages.
///
/// # Panics
/// If a message is refused, or gets no receipt or two.
pub async fn store_all<T: Target + ?Sized>(
    target: &mut T,
    folder: &Folder,
    messages: &[Seen],
) -> Vec<Option<MessageId>> {
    let mut stored: BTreeMap<usize, Option<MessageId>> = BTreeMap::new();
    for batching in [Batching::Free, Batching::Alone] {
        let left: Vec<(usize, &Seen)> = messages.iter().enumerate().filter(|(n, _)| !stored.contains_key(n)).collect();
        if left.is_empty() {
            break;
        }
        let mut receipts = Vec::new();
        let mut writer = target.writer(folder, batching).await.expect("a writer");
        give(writer.as_mut(), &left, &mut receipts).await;
        receipts.extend(writer.finish().await.expect("the last receipts"));
        assert_eq!(receipts.len(), left.len(), "one receipt for each message");
        for receipt in receipts {
            let number = left.iter().map(|(n, _)| *n).find(|n| source_id(*n) == receipt.id);
            let number = number.unwrap_or_else(|| panic!("a receipt for {}, which was not given", receipt.id));
            match receipt.outcome {
                Outcome::Stored(id) => assert!(stored.insert(number, id).is_none(), "two receipts for {number}"),
                Outcome::RolledBack => assert_eq!(batching, Batching::Free, "rolled back though alone"),
                Outcome::Refused(error) => panic!("{:?} was refused: {error}", messages[number]),
            }
        }
    }
    assert_eq!(stored.len(), messages.len(), "every message is stored");
    stored.into_values().collect()
}

/// That both hold the same messages, as many times each, in any order.
#[track_caller]
pub(super) fn assert_same(mut left: Vec<Seen>, mut right: Vec<Seen>, what: &str) {
    let key = |seen: &Seen| (seen.bytes.clone(), seen.date.seconds, seen.flags.names().collect::<String>());
    left.sort_by_key(key);
    right.sort_by_key(key);
    for (left, right) in left.iter().zip(&right) {
        assert!(left == right, "{what}: {left:?} is not {right:?}");
    }
    assert_eq!(left.len(), right.len(), "{what}: number of messages");
}

/// That a folder holds what was written there: where bytes are not kept, as many messages as were written.
pub(super) async fn assert_written(harness: &dyn Harness, folder: &FolderPath, written: &[Seen]) {
    let contents = harness.contents(folder).await;
    if harness.declared().keeps_bytes {
        assert_same(contents, written.to_vec(), &format!("what was written into {folder}"));
    } else {
        assert_eq!(contents.len(), written.len(), "what was written into {folder}: number of messages");
    }
}

/// Fills a folder with numbered messages through the second pair of eyes.
pub(super) async fn put_numbered(harness: &dyn Harness, folder: &FolderPath, numbers: std::ops::Range<usize>) {
    for number in numbers {
        harness.put(folder, &super::samples::numbered(number)).await;
    }
}

/// Says that a check is left out, and why.
pub(super) fn skip(why: &str) {
    println!("skipped: the harness declares: {why}");
}
