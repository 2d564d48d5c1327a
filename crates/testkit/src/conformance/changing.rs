//! Checks of listings and changes: `[changes.*]`, and of arrivals.

use std::collections::BTreeSet;

use limosa_model::mailbox::{Basis, Detail};
use limosa_model::{ErrorKind, Flags, FolderPath, Mailbox, MessageId};

use super::drive::{apply, assert_same, flags_by_id, folder_of, list, put_numbered, read_all, skip, watermark_of};
use super::harness::Harness;
use super::samples::{numbered, samples};

async fn open_with(harness: &dyn Harness, path: &FolderPath, messages: usize) -> Box<dyn Mailbox> {
    harness.reset().await;
    harness.make_folder(path).await;
    put_numbered(harness, path, 0..messages).await;
    harness.connector().open().await.expect("open")
}

fn flags(harness: &dyn Harness, names: &[&str]) -> Flags {
    harness.declared().keeps.keep(&Flags::from_names(names.iter().copied()).0).0
}

/// `[changes.full]`
pub async fn changes_full(harness: &dyn Harness) {
    let path = FolderPath::from("Listed");
    let mut mailbox = open_with(harness, &path, 0).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let empty = list(mailbox.as_mut(), &folder, None, Detail::Flags).await;
    assert_eq!((empty.basis, empty.present.len()), (Basis::Full, 0));
    for sample in samples(harness) {
        harness.put(&path, &sample.message).await;
    }
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Flags).await;
    assert_eq!(listing.basis, Basis::Full);
    let names = |flags: &Flags| flags.names().map(str::to_ascii_lowercase).collect::<BTreeSet<_>>();
    let mut told: Vec<_> = listing.present.iter().map(|item| names(&item.flags)).collect();
    let mut seen: Vec<_> = harness.contents(&path).await.iter().map(|seen| names(&seen.flags)).collect();
    told.sort();
    seen.sort();
    assert_eq!(told, seen, "flags of all messages");
}

/// With metadata, sizes and internal dates come too.
pub async fn changes_metadata(harness: &dyn Harness) {
    let path = FolderPath::from("Measured");
    let mut mailbox = open_with(harness, &path, 0).await;
    for sample in samples(harness) {
        harness.put(&path, &sample.message).await;
    }
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Metadata).await;
    let exact = harness.declared().sizes_exact;
    let mut told: Vec<_> = listing
        .present
        .iter()
        .map(|item| (item.internal_date.expect("a date").seconds, item.size.expect("a size") * u64::from(exact)))
        .collect();
    let contents = harness.contents(&path).await;
    let mut seen: Vec<_> =
        contents.iter().map(|seen| (seen.date.seconds, seen.bytes.len() as u64 * u64::from(exact))).collect();
    told.sort_unstable();
    seen.sort_unstable();
    assert_eq!(told, seen, "dates and sizes");
    if !exact {
        skip("sizes in listings lie");
    }
}

/// Each message stands in a listing at most once, over all pages; UIDs ascend where they are declared.
pub async fn changes_once(harness: &dyn Harness) {
    let path = FolderPath::from("Many");
    let mut mailbox = open_with(harness, &path, 40).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Flags).await;
    let ids: BTreeSet<MessageId> = listing.present.iter().map(|item| item.id.clone()).collect();
    assert_eq!((listing.present.len(), ids.len()), (40, 40));
    let uids = ids.iter().all(|id| matches!(id, MessageId::Uid(_)));
    assert_eq!(uids, harness.declared().ids_ordered, "what ids look like");
}

/// `[changes.watermark]`
pub async fn changes_watermark(harness: &dyn Harness) {
    let path = FolderPath::from("Still");
    let mut mailbox = open_with(harness, &path, 9).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Flags).await;
    assert_eq!(listing.watermark, watermark_of(&folder), "the survey before");
    assert_eq!(listing.watermark, watermark_of(&folder_of(mailbox.as_mut(), &path).await), "the survey after");
    let again = list(mailbox.as_mut(), &folder, Some(&listing.watermark), Detail::Flags).await;
    assert_eq!(again.watermark, listing.watermark, "the same since itself");
    let mut other = harness.connector().open().await.expect("another connection");
    assert_eq!(listing.watermark, watermark_of(&folder_of(other.as_mut(), &path).await), "on another connection");
}

/// `[changes.delta]`
pub async fn changes_delta(harness: &dyn Harness) {
    let path = FolderPath::from("Delta");
    let mut mailbox = open_with(harness, &path, 20).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let known = flags_by_id(mailbox.as_mut(), &folder).await;
    let since = watermark_of(&folder);
    if harness.declared().delta {
        let nothing = list(mailbox.as_mut(), &folder, Some(&since), Detail::Flags).await;
        assert_eq!(nothing.basis, Basis::Delta);
        assert_eq!(
            (nothing.present.len(), nothing.vanished.iter().filter(|id| known.contains_key(id)).count()),
            (0, 0)
        );
    } else {
        skip("the store cannot tell changes");
    }
    put_numbered(harness, &path, 20..23).await;
    harness.expunge(&path, 5).await;
    harness.expunge(&path, 0).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let listing = list(mailbox.as_mut(), &folder, Some(&since), Detail::Flags).await;
    if harness.declared().delta {
        assert_eq!(listing.basis, Basis::Delta);
        assert_eq!(listing.present.len(), 3, "the new messages and no others");
    } else {
        assert_eq!(listing.basis, Basis::Full, "ids are still valid");
    }
    assert_ne!(listing.watermark, since);
    let now = apply(known.clone(), listing);
    assert_eq!(now.len(), 21);
    assert_eq!(now, flags_by_id(mailbox.as_mut(), &folder).await, "the changes lead to what is there");
    assert_eq!(now.keys().filter(|id| known.contains_key(id)).count(), 18, "ids stay");
}

/// `[changes.flags]`: a flag changed is a change.
pub async fn changes_flags(harness: &dyn Harness) {
    let path = FolderPath::from("Flags");
    let mut mailbox = open_with(harness, &path, 6).await;
    harness.set_flags(&path, 1, &flags(harness, &["\\Seen", "Work"])).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let known = flags_by_id(mailbox.as_mut(), &folder).await;
    let since = watermark_of(&folder);
    harness.set_flags(&path, 1, &flags(harness, &["\\Flagged"])).await;
    harness.set_flags(&path, 4, &flags(harness, &["\\Answered", "\\Deleted"])).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let listing = list(mailbox.as_mut(), &folder, Some(&since), Detail::Flags).await;
    if harness.declared().delta {
        assert_eq!((listing.basis, listing.present.len()), (Basis::Delta, 2));
    }
    let now = apply(known.clone(), listing);
    assert_eq!(now, flags_by_id(mailbox.as_mut(), &folder).await);
    assert!(now.keys().eq(known.keys()), "ids stay when flags change");
    let mut told: Vec<_> = now.values().map(|flags| format!("{flags:?}")).collect();
    let mut seen: Vec<_> = harness.contents(&path).await.iter().map(|seen| format!("{:?}", seen.flags)).collect();
    told.sort();
    seen.sort();
    assert_eq!(told, seen);
}

/// `[changes.flags]`: a message moved away has vanished; one moved in is present under a new id.
pub async fn changes_moved(harness: &dyn Harness) {
    let (path, other) = (FolderPath::from("From here"), FolderPath::from("To there"));
    let mut mailbox = open_with(harness, &path, 5).await;
    harness.make_folder(&other).await;
    put_numbered(harness, &other, 10..12).await;
    let (from, to) = (folder_of(mailbox.as_mut(), &path).await, folder_of(mailbox.as_mut(), &other).await);
    let known = (flags_by_id(mailbox.as_mut(), &from).await, flags_by_id(mailbox.as_mut(), &to).await);
    let since = (watermark_of(&from), watermark_of(&to));
    harness.relocate(&path, 2, &other).await;
    let (from, to) = (folder_of(mailbox.as_mut(), &path).await, folder_of(mailbox.as_mut(), &other).await);
    let left = apply(known.0, list(mailbox.as_mut(), &from, Some(&since.0), Detail::Flags).await);
    assert_eq!(left.len(), 4);
    assert_eq!(left, flags_by_id(mailbox.as_mut(), &from).await);
    let there = apply(known.1.clone(), list(mailbox.as_mut(), &to, Some(&since.1), Detail::Flags).await);
    assert_eq!(there.len(), 3);
    assert!(known.1.keys().all(|id| there.contains_key(id)));
    assert_same(read_all(mailbox.as_mut(), &to).await, harness.contents(&other).await, "after the move");
}

/// What happens while a listing is read is seen next time.
pub async fn changes_meanwhile(harness: &dyn Harness) {
    let path = FolderPath::from("Meanwhile");
    let mut mailbox = open_with(harness, &path, 12).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let mut page = mailbox.changes(&folder, None, Detail::Flags, None).await.expect("a page");
    let mut present = std::mem::take(&mut page.present);
    harness.put(&path, &numbered(100)).await;
    let change = flags(harness, &["\\Seen"]);
    harness.set_flags(&path, 0, &change).await;
    while let Some(next) = page.next.take() {
        page = mailbox.changes(&folder, None, Detail::Flags, Some(&next)).await.expect("another page");
        present.append(&mut page.present);
    }
    let since = page.watermark.expect("a watermark");
    let known = present.into_iter().map(|item| (item.id, item.flags)).collect();
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let now = apply(known, list(mailbox.as_mut(), &folder, Some(&since), Detail::Flags).await);
    assert_eq!(now.len(), 13, "the message that came meanwhile");
    assert_eq!(now.values().filter(|flags| **flags == change).count(), 1, "the flag set meanwhile");
    assert_ne!(since, watermark_of(&folder), "the watermark is of the listing's begin");
}

/// `[changes.delta]`: ids made void are told as such.
pub async fn changes_renumbered(harness: &dyn Harness) {
    let path = FolderPath::from("Renumbered");
    let mut mailbox = open_with(harness, &path, 4).await;
    let since = watermark_of(&folder_of(mailbox.as_mut(), &path).await);
    mailbox.close().await;
    if !harness.renumber(&path).await {
        return skip("ids are never made void");
    }
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    assert_ne!(watermark_of(&folder), since);
    let listing = list(mailbox.as_mut(), &folder, Some(&since), Detail::Flags).await;
    assert_eq!(listing.basis, Basis::Renumbered);
    assert_eq!(listing.present.len(), 4);
    let next = list(mailbox.as_mut(), &folder, Some(&listing.watermark), Detail::Flags).await;
    assert_ne!(next.basis, Basis::Renumbered);
    assert_eq!(mailbox.arrivals(&folder, Some(&since)).await.expect("arrivals").len(), 4, "all have arrived anew");
}

/// A folder that is gone is an error that says so, and the mailbox goes on.
pub async fn changes_of_a_gone_folder(harness: &dyn Harness) {
    let path = FolderPath::from("Short-lived");
    let mut mailbox = open_with(harness, &path, 1).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    harness.drop_folder(&path).await;
    let error = mailbox.changes(&folder, None, Detail::Flags, None).await.expect_err("no folder, no listing");
    assert!(matches!(error.kind(), ErrorKind::Gone | ErrorKind::Folder), "{error}: {:?}", error.kind());
    let survey = mailbox.survey().await.expect("the mailbox goes on");
    assert!(survey.folders.iter().all(|folder| folder.path != path || !folder.selectable));
}

/// Without a watermark, all ids have arrived.
pub async fn arrivals_all(harness: &dyn Harness) {
    let path = FolderPath::from("Arrivals");
    let mut mailbox = open_with(harness, &path, 8).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let known = flags_by_id(mailbox.as_mut(), &folder).await;
    let arrived = mailbox.arrivals(&folder, None).await.expect("arrivals");
    for id in known.keys() {
        assert!(arrived.iter().any(|arrived| arrived == *id), "{id} has arrived");
    }
}

/// With a watermark, those that came since; every one of them.
pub async fn arrivals_since(harness: &dyn Harness) {
    let path = FolderPath::from("Since");
    let mut mailbox = open_with(harness, &path, 8).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let (since, known) = (watermark_of(&folder), flags_by_id(mailbox.as_mut(), &folder).await);
    put_numbered(harness, &path, 8..11).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let arrived = mailbox.arrivals(&folder, Some(&since)).await.expect("arrivals");
    let now = flags_by_id(mailbox.as_mut(), &folder).await;
    let new: Vec<_> = now.keys().filter(|id| !known.contains_key(id)).collect();
    assert_eq!(new.len(), 3);
    for id in &new {
        assert!(arrived.iter().any(|arrived| arrived == **id), "{id} has arrived");
    }
    if harness.declared().ids_ordered {
        assert!(arrived.iter().all(|id| !known.contains_key(&id)), "no older message among {arrived:?}");
    }
}
