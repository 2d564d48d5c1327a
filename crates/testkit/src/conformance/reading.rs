//! Checks of headers and fetches: `[fetch.*]`.

use std::collections::BTreeMap;

use limosa_model::mailbox::Detail;
use limosa_model::{Folder, FolderPath, IdList, Mailbox, MessageId};

use super::drive::{Came, assert_same, fetch, flags_by_id, folder_of, list, put_numbered, read_all, skip, whole};
use super::harness::{Harness, Seen};
use super::samples::{numbered, plain, samples};

async fn open_samples(harness: &dyn Harness, path: &FolderPath) -> (Box<dyn Mailbox>, Folder) {
    harness.reset().await;
    for sample in samples(harness) {
        harness.put(path, &sample.message).await;
    }
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), path).await;
    (mailbox, folder)
}

async fn all_ids(mailbox: &mut dyn Mailbox, folder: &Folder) -> IdList {
    flags_by_id(mailbox, folder).await.into_keys().collect()
}

async fn read_by_id(mailbox: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> BTreeMap<MessageId, Seen> {
    let came = fetch(mailbox, folder, ids).await;
    came.into_iter().map(|(id, came)| (id.clone(), whole(&id, came))).collect()
}

/// Where the header block of a message ends, told in another way than any connector does it: line by line.
fn header_end(message: &[u8]) -> usize {
    let mut end = 0;
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        end += line.len();
        if line == b"\n" || line == b"\r\n" {
            break;
        }
    }
    end
}

/// Header blocks are those of the messages, the empty line after them included.
pub async fn headers_blocks(harness: &dyn Harness) {
    let (mut mailbox, folder) = open_samples(harness, &FolderPath::from("Headers")).await;
    let ids = all_ids(mailbox.as_mut(), &folder).await;
    let bodies = read_by_id(mailbox.as_mut(), &folder, &ids).await;
    let headers = mailbox.headers(&folder, &ids).await.expect("headers");
    assert_eq!(headers.len(), bodies.len());
    for item in headers {
        let seen = &bodies[&item.id];
        let wanted = &seen.bytes[..header_end(&seen.bytes)];
        // A message without the empty line, or with line ends of another kind, has no header block that all stores agree
        // on (IMAP servers add the empty line); the lines themselves they do agree on.
        let lines = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "").trim_end_matches('\n').to_owned();
        if wanted.ends_with(b"\r\n\r\n") {
            assert_eq!(item.header, wanted, "{seen:?}");
        } else {
            assert_eq!(lines(&item.header), lines(wanted), "{seen:?}");
        }
        assert_eq!(item.internal_date, Some(seen.date), "{seen:?}");
        assert_eq!(item.flags, seen.flags, "{seen:?}");
        if harness.declared().sizes_exact {
            assert_eq!(item.size, seen.bytes.len() as u64, "{seen:?}");
        }
    }
}

/// Messages that are gone are left out.
pub async fn headers_without_gone(harness: &dyn Harness) {
    let path = FolderPath::from("Headers");
    harness.reset().await;
    put_numbered(harness, &path, 0..5).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let ids = all_ids(mailbox.as_mut(), &folder).await;
    harness.expunge(&path, 2).await;
    let headers = mailbox.headers(&folder, &ids).await.expect("headers");
    assert_eq!(headers.len(), 4);
    for number in [0, 1, 3, 4] {
        let line = format!("Subject: number {number}\r\n");
        let found = headers.iter().filter(|item| item.header.windows(line.len()).any(|part| part == line.as_bytes()));
        assert_eq!(found.count(), 1, "{line}");
    }
}

/// A header longer than 1 MiB is cut there, the same way every time.
pub async fn headers_cut_the_same(harness: &dyn Harness) {
    if harness.declared().refused_samples.contains(&"long-header") {
        return skip("headers of more than 1 MiB are refused");
    }
    let path = FolderPath::from("Long");
    harness.reset().await;
    let line = format!("X-Long: {}\r\n", "x".repeat(60));
    let message = plain(format!("Subject: long\r\n{}\r\nbody\r\n", line.repeat(20_000)));
    harness.put(&path, &message).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let ids = all_ids(mailbox.as_mut(), &folder).await;
    let first = mailbox.headers(&folder, &ids).await.expect("headers");
    let second = mailbox.headers(&folder, &ids).await.expect("headers");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert!(first[0].header == second[0].header, "the same way every time");
    assert_eq!(first[0].header.len(), 1024 * 1024);
    assert!(message.bytes.starts_with(&first[0].header));
}

/// `[fetch.once]`
pub async fn fetch_once(harness: &dyn Harness) {
    let path = FolderPath::from("Once");
    harness.reset().await;
    put_numbered(harness, &path, 0..60).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let ids = all_ids(mailbox.as_mut(), &folder).await;
    harness.expunge(&path, 30).await;
    harness.expunge(&path, 10).await;
    let came = fetch(mailbox.as_mut(), &folder, &ids).await;
    assert_eq!(came.values().filter(|came| matches!(came, Came::Gone)).count(), 2);
    assert_eq!(came.values().filter(|came| matches!(came, Came::Whole(..))).count(), 58);
    // Some of them only, and none at all.
    let left = all_ids(mailbox.as_mut(), &folder).await;
    let some: IdList = left.iter().skip(40).step_by(3).collect();
    assert_eq!(read_by_id(mailbox.as_mut(), &folder, &some).await.len() as u64, some.len());
    assert!(fetch(mailbox.as_mut(), &folder, &IdList::new()).await.is_empty());
    assert_eq!(read_all(mailbox.as_mut(), &folder).await.len(), 58, "the mailbox goes on");
}

/// `[fetch.whole]`: every message comes with all of its bytes before its end; a message cut from outside would not end.
pub async fn fetch_whole(harness: &dyn Harness) {
    let path = FolderPath::from("Whole");
    let (mut mailbox, folder) = open_samples(harness, &path).await;
    let mut lengths: Vec<_> = read_all(mailbox.as_mut(), &folder).await.iter().map(|seen| seen.bytes.len()).collect();
    let mut wanted: Vec<_> = harness.contents(&path).await.iter().map(|seen| seen.bytes.len()).collect();
    lengths.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(lengths, wanted);
}

/// `[fetch.exact]`
pub async fn fetch_exact(harness: &dyn Harness) {
    let path = FolderPath::from("Exact");
    let (mut mailbox, folder) = open_samples(harness, &path).await;
    let read = read_all(mailbox.as_mut(), &folder).await;
    assert_same(read.clone(), harness.contents(&path).await, "as the second pair of eyes sees it");
    assert_same(read, samples(harness).into_iter().map(|sample| sample.message).collect(), "as it was put there");
}

/// `[fetch.bounded]`
pub async fn fetch_bounded(harness: &dyn Harness) {
    let path = FolderPath::from("Bounded");
    harness.reset().await;
    let line = format!("{}\r\n", "y".repeat(70));
    for number in 0..3 {
        let message = plain(format!("Subject: big {number}\r\n\r\n{}", line.repeat(60_000)));
        harness.put(&path, &message).await;
    }
    put_numbered(harness, &path, 0..20).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    // The bounds themselves are asserted while it is read.
    assert_same(read_all(mailbox.as_mut(), &folder).await, harness.contents(&path).await, "bounded");
}

/// A message that is gone is told as gone, and the ones after it come.
pub async fn fetch_gone(harness: &dyn Harness) {
    let path = FolderPath::from("Gone");
    harness.reset().await;
    put_numbered(harness, &path, 0..3).await;
    let mut mailbox = harness.connector().open().await.expect("open");
    let folder = folder_of(mailbox.as_mut(), &path).await;
    let ids = all_ids(mailbox.as_mut(), &folder).await;
    for _ in 0..3 {
        harness.expunge(&path, 0).await;
    }
    let came = fetch(mailbox.as_mut(), &folder, &ids).await;
    assert!(came.values().all(|came| matches!(came, Came::Gone)), "{came:?}");
    harness.put(&path, &numbered(9)).await;
    let folder = folder_of(mailbox.as_mut(), &path).await;
    assert_eq!(read_all(mailbox.as_mut(), &folder).await, [numbered(9)]);
}

/// What goes before the bytes is what the listing says.
pub async fn fetch_head(harness: &dyn Harness) {
    let (mut mailbox, folder) = open_samples(harness, &FolderPath::from("Heads")).await;
    let listing = list(mailbox.as_mut(), &folder, None, Detail::Metadata).await;
    let ids = listing.present.iter().map(|item| item.id.clone()).collect();
    let came = fetch(mailbox.as_mut(), &folder, &ids).await;
    for item in listing.present {
        let Came::Whole(head, seen) = &came[&item.id] else { panic!("{:?}", came[&item.id]) };
        assert_eq!(head.flags, item.flags, "{seen:?}");
        assert_eq!(head.internal_date, item.internal_date, "{seen:?}");
    }
}
