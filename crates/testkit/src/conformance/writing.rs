//! Checks of writers: `[write.*]`.

use limosa_model::mailbox::Batching;
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{Flags, Folder, FolderPath, Head, MessageId, Piece, SystemFlags, Target};

use super::drive::{assert_written, fetch, flags_by_id, folder_of, give, pieces, skip, source_id, store_all, whole};
use super::harness::{Harness, Seen};
use super::samples::{numbered, samples};

pub(super) async fn open_folder(harness: &dyn Harness, path: &FolderPath) -> (Box<dyn Target>, Folder) {
    harness.reset().await;
    harness.make_folder(path).await;
    let mut target = harness.connector().open_target().await.expect("open");
    let folder = folder_of(target.as_mut(), path).await;
    (target, folder)
}

fn all_samples(harness: &dyn Harness) -> Vec<Seen> {
    samples(harness).into_iter().map(|sample| sample.message).collect()
}

/// `[write.whole]`: nothing of a message is stored before its end was taken; a writer that is dropped then stores nothing.
pub async fn write_whole(harness: &dyn Harness) {
    let path = FolderPath::from("Whole");
    for end in 0..3 {
        let (mut target, folder) = open_folder(harness, &path).await;
        let mut unfinished = pieces(0, &numbered(0), true);
        unfinished.truncate(end + 1);
        if end == 2 {
            // All bytes, but not the end.
            unfinished = pieces(0, &numbered(0), true);
            unfinished.pop();
        }
        let mut writer = target.writer(&folder, Batching::Free).await.expect("a writer");
        writer.write(&mut unfinished).await.expect("writing");
        assert!(harness.contents(&path).await.is_empty(), "while the message is open");
        assert!(writer.receipts().is_empty(), "a receipt before the message's end");
        drop(writer);
        drop(target);
        let mut after = harness.connector().open_target().await.expect("open again");
        let folder = folder_of(after.as_mut(), &path).await;
        assert!(flags_by_id(after.as_mut(), &folder).await.is_empty());
        assert!(harness.contents(&path).await.is_empty(), "after the writer was dropped");
    }
}

/// `[write.exact]`
pub async fn write_exact(harness: &dyn Harness) {
    if !harness.declared().keeps_bytes {
        return skip("bytes are not kept");
    }
    let path = FolderPath::from("Exact");
    let (mut target, folder) = open_folder(harness, &path).await;
    let messages = all_samples(harness);
    store_all(target.as_mut(), &folder, &messages).await;
    assert_written(harness, &path, &messages).await;
}

/// `[write.in-order]`
pub async fn write_in_order(harness: &dyn Harness) {
    if !harness.declared().ids_ordered {
        return skip("ids know no order");
    }
    let path = FolderPath::from("Ordered");
    let (mut target, folder) = open_folder(harness, &path).await;
    let messages: Vec<Seen> = (0..40).map(numbered).collect();
    let told = store_all(target.as_mut(), &folder, &messages).await;
    let ids: Vec<MessageId> = flags_by_id(target.as_mut(), &folder).await.into_keys().collect();
    if harness.declared().receipt_ids {
        assert_eq!(told.into_iter().flatten().collect::<Vec<_>>(), ids);
    }
    let came = fetch(target.as_mut(), &folder, &ids.iter().cloned().collect()).await;
    let bytes: Vec<_> = came.into_iter().map(|(id, came)| whole(&id, came).bytes).collect();
    assert!(bytes.iter().eq(messages.iter().map(|seen| &seen.bytes)), "ascending ids in the order given");
}

/// `[write.receipt]`
pub async fn write_receipt(harness: &dyn Harness) {
    let path = FolderPath::from("Receipts");
    let (mut target, folder) = open_folder(harness, &path).await;
    // Counted and matched to the messages while they are stored.
    let messages: Vec<Seen> = (0..75).map(numbered).collect();
    let told = store_all(target.as_mut(), &folder, &messages).await;
    assert_eq!(told.iter().flatten().count(), if harness.declared().receipt_ids { 75 } else { 0 }, "ids in receipts");
    assert_eq!(harness.contents(&path).await.len(), 75);
    let writer = target.writer(&folder, Batching::Free).await.expect("a writer");
    assert!(writer.finish().await.expect("no messages, no receipts").is_empty());
    let folder = folder_of(target.as_mut(), &path).await;
    assert_eq!(folder.state.expect("a state").messages, 75, "the connection goes on");
}

/// The id in a receipt is the message's.
pub async fn write_receipt_ids(harness: &dyn Harness) {
    if !harness.declared().receipt_ids {
        return skip("receipts tell no ids");
    }
    let path = FolderPath::from("Ids");
    let (mut target, folder) = open_folder(harness, &path).await;
    let messages = all_samples(harness);
    let told: Vec<MessageId> = store_all(target.as_mut(), &folder, &messages).await.into_iter().flatten().collect();
    assert_eq!(told.len(), messages.len());
    let came = fetch(target.as_mut(), &folder, &told.iter().cloned().collect()).await;
    for (id, came) in came {
        let number = told.iter().position(|told| *told == id).expect("asked for");
        let seen = whole(&id, came);
        if harness.declared().keeps_bytes {
            assert_eq!(seen, messages[number]);
        }
    }
}

/// `[write.abort]`
pub async fn write_abort(harness: &dyn Harness) {
    let path = FolderPath::from("Aborted");
    let (mut target, folder) = open_folder(harness, &path).await;
    let (first, mut second) = (numbered(0), pieces(1, &numbered(1), true));
    second.pop();
    let mut writer = target.writer(&folder, Batching::Alone).await.expect("a writer");
    let mut receipts = Vec::new();
    give(writer.as_mut(), &[(0, &first)], &mut receipts).await;
    writer.write(&mut second).await.expect("writing");
    receipts.extend(writer.receipts());
    writer.abort().await;
    target.close().await;
    let mut target = harness.connector().open_target().await.expect("open again");
    let folder = folder_of(target.as_mut(), &path).await;
    let stood = flags_by_id(target.as_mut(), &folder).await.len();
    let contents = harness.contents(&path).await;
    assert_eq!(contents.len(), stood);
    assert!(contents.iter().all(|seen| seen.bytes.windows(8).all(|part| part != b"number 1")), "{contents:?}");
    let confirmed = receipts.iter().filter(|receipt| matches!(receipt.outcome, Outcome::Stored(_))).count();
    assert!(contents.len() >= confirmed, "a message with a receipt stands there");
    store_all(target.as_mut(), &folder, &[numbered(2)]).await;
}

/// `[write.whole]`: a message that ends before all of its bytes came is an error, and is not stored.
pub async fn write_short(harness: &dyn Harness) {
    let message = numbered(0);
    let mut short = pieces(0, &message, true);
    short[1] = Piece::Body(message.bytes.slice(..message.bytes.len() - 1));
    refuses(harness, short).await;
}

/// `[write.whole]`: so is one of which more bytes come than were announced.
pub async fn write_over_long(harness: &dyn Harness) {
    let message = numbered(0);
    let mut long = pieces(0, &message, true);
    long.insert(2, Piece::Body(message.bytes.slice(..1)));
    refuses(harness, long).await;
}

async fn refuses(harness: &dyn Harness, mut bad: Vec<Piece>) {
    let path = FolderPath::from("Bad");
    let (mut target, folder) = open_folder(harness, &path).await;
    let mut writer = target.writer(&folder, Batching::Free).await.expect("a writer");
    let written = writer.write(&mut bad).await;
    assert!(written.is_err(), "a message whose bytes are not as many as announced was taken");
    drop(writer);
    drop(target);
    let mut target = harness.connector().open_target().await.expect("open again");
    let folder = folder_of(target.as_mut(), &path).await;
    assert!(flags_by_id(target.as_mut(), &folder).await.is_empty());
    assert!(harness.contents(&path).await.is_empty());
}

/// A message whose size nobody knows before its end.
pub async fn write_unknown_size(harness: &dyn Harness) {
    let path = FolderPath::from("Unknown size");
    let (mut target, folder) = open_folder(harness, &path).await;
    let messages = all_samples(harness);
    for (number, message) in messages.iter().enumerate() {
        let mut writer = target.writer(&folder, Batching::Free).await.expect("a writer");
        writer.write(&mut pieces(number, message, false)).await.expect("writing");
        let mut receipts = writer.receipts();
        receipts.extend(writer.finish().await.expect("a receipt"));
        assert!(matches!(receipts[..], [Receipt { outcome: Outcome::Stored(_), .. }]), "{receipts:?}");
    }
    assert_written(harness, &path, &messages).await;
}

/// Without an internal date the store sets its own.
pub async fn write_without_date(harness: &dyn Harness) {
    let path = FolderPath::from("Dateless");
    let (mut target, folder) = open_folder(harness, &path).await;
    let message = numbered(0);
    let mut given = pieces(0, &message, true);
    given[0] = Piece::Head(Head {
        id: source_id(0),
        flags: Flags::default(),
        internal_date: None,
        size: Some(message.bytes.len() as u64),
    });
    let mut writer = target.writer(&folder, Batching::Free).await.expect("a writer");
    writer.write(&mut given).await.expect("writing");
    let mut receipts = writer.receipts();
    receipts.extend(writer.finish().await.expect("a receipt"));
    assert!(matches!(receipts[..], [Receipt { outcome: Outcome::Stored(_), .. }]), "{receipts:?}");
    let contents = harness.contents(&path).await;
    assert_eq!(contents.len(), 1);
    assert!(contents[0].date.seconds > 1_500_000_000, "a date of the store's own, not {:?}", contents[0].date);
}

/// Messages given alone are never rolled back.
pub async fn write_alone(harness: &dyn Harness) {
    let path = FolderPath::from("Alone");
    let (mut target, folder) = open_folder(harness, &path).await;
    let messages: Vec<Seen> = (0..12).map(numbered).collect();
    let mut receipts = Vec::new();
    let mut writer = target.writer(&folder, Batching::Alone).await.expect("a writer");
    let numbered: Vec<(usize, &Seen)> = messages.iter().enumerate().collect();
    give(writer.as_mut(), &numbered, &mut receipts).await;
    receipts.extend(writer.finish().await.expect("the last receipts"));
    assert_eq!(receipts.len(), 12);
    assert!(receipts.iter().all(|receipt| matches!(receipt.outcome, Outcome::Stored(_))), "{receipts:?}");
    assert_written(harness, &path, &messages).await;
}

/// What a folder says it keeps of flags, it keeps; and the harness declares no less.
pub async fn write_permanent_flags(harness: &dyn Harness) {
    let path = FolderPath::from("Kept");
    let (mut target, folder) = open_folder(harness, &path).await;
    let keeps = target.permanent_flags(&folder).await.expect("permanent flags");
    let wanted = Flags::new(SystemFlags::ALL, ["$Forwarded", "Work"]);
    let declared = harness.declared().keeps.keep(&wanted).0;
    let (kept, _) = keeps.keep(&wanted);
    assert_eq!(kept, declared, "what the folder says, and what the harness declares");
    let message = Seen { flags: kept, ..numbered(0) };
    store_all(target.as_mut(), &folder, std::slice::from_ref(&message)).await;
    assert_eq!(harness.contents(&path).await[0].flags, message.flags);
    let again = target.permanent_flags(&folder).await.expect("permanent flags");
    assert_eq!(again.keep(&wanted).0, declared, "with the keywords in use");
}
