//! What must every [`Ledger`] do?
//!
//! Each check is named like the clause of the contract that it tries to break, and begins in a fresh, empty [`Place`]. A
//! ledger's test file names its place and calls [`ledger_suite!`](crate::ledger_suite!).

use std::sync::Arc;

use async_trait::async_trait;
use limosa_model::flags::{Flags, SystemFlags};
use limosa_model::folder::{FolderPath, Watermark};
use limosa_model::ledger::{
    DroppedFlag, Entry, Exception, Extent, Fingerprint, FolderLedger, Ledger, LedgerError, LedgerFolder, Sending,
    Settlement,
};
use limosa_model::message::MessageId;

/// Where the ledger of one pair is kept, and stays when a run ends.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the ledger as a run does that has just started.
    async fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError>;
}

/// Makes one test of each check. The expression is awaited for each, and answers a fresh [`Place`].
#[macro_export]
macro_rules! ledger_suite {
    ($fresh:expr) => {
        $crate::ledger_suite!($fresh =>
            a_fresh_ledger_is_empty, a_folder_is_put, a_folder_is_put_again, settle_in_order, settle_known_folder, settle_atomic,
            settle_durable, settle_fenced, forgetting_leaves_only_the_folder, exceptions_end_and_are_replaced,
            dropped_flags_are_named_once, rename_keeps, rename_below, rename_no_overwrite, removing_ends_everything, names_are_kept_apart,
            messages_are_counted, compact_changes_nothing, writing_is_noted, sending_kept, sending_ends, sending_renamed,
            sending_bounded, an_ordinary_mailbox_takes_few_bytes);
    };
    ($fresh:expr => $($check:ident),*) => {
        $(
            #[tokio::test]
            async fn $check() {
                $crate::ledger_suite::$check(&$fresh.await).await;
            }
        )*
    };
}

/// Numbers that look random and are the same every time (splitmix64).
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }
}

async fn opened(place: &dyn Place) -> Arc<dyn Ledger> {
    place.open().await.expect("the ledger opens")
}

fn folder(path: &FolderPath) -> LedgerFolder {
    LedgerFolder {
        source: path.clone(),
        target: path.clone(),
        source_watermark: None,
        target_watermark: None,
        source_ids: "1".into(),
        target_ids: "1".into(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    }
}

/// Opens the ledger with the inbox in it.
async fn with_inbox(place: &dyn Place) -> (Arc<dyn Ledger>, FolderPath) {
    let (ledger, inbox) = (opened(place).await, FolderPath::inbox());
    ledger.put_folder(&folder(&inbox)).await.expect("the folder is put");
    (ledger, inbox)
}

fn entry(source: u32, target: u32, flags: SystemFlags) -> Entry {
    Entry { source: MessageId::Uid(source), target: MessageId::Uid(target), flags: flags.into() }
}

fn new(entries: Vec<Entry>) -> Settlement {
    Settlement { entries, ..Settlement::default() }
}

fn exception(path: &FolderPath, id: MessageId, reason: &str) -> Exception {
    Exception {
        folder: path.clone(),
        id,
        message_id: Some("<1@example>".into()),
        date: None,
        subject: Some("=?utf-8?q?Gr=C3=BC=C3=9Fe?= \"; DROP TABLE".into()),
        size: Some(u64::from(u32::MAX) * 3),
        code: "too-big".into(),
        reason: reason.into(),
        hint: None,
        original: None,
        approval: None,
    }
}

fn dropped(path: &FolderPath, flag: &str) -> DroppedFlag {
    DroppedFlag { folder: path.clone(), flag: flag.into() }
}

async fn settle(ledger: &dyn Ledger, path: &FolderPath, settlement: &Settlement) {
    ledger.settle(path, settlement).await.expect("the settlement is written");
}

async fn entries(ledger: &dyn Ledger, path: &FolderPath) -> Vec<Entry> {
    ledger.load(path).await.expect("the folder is read").iter().collect()
}

async fn folders(ledger: &dyn Ledger) -> Vec<LedgerFolder> {
    ledger.folders().await.expect("the folders are read")
}

/// A settlement that has something of everything.
fn full(path: &FolderPath) -> Settlement {
    Settlement {
        entries: vec![
            entry(1, 10, SystemFlags::SEEN),
            entry(2, 11, SystemFlags::SEEN),
            Entry {
                source: MessageId::Key("1735689600.M1P2.høst:2,S".into()),
                target: MessageId::Key("AAMkAGI2=".into()),
                flags: Flags::new(SystemFlags::DRAFT, ["$Forwarded", "Größe"]),
            },
        ],
        exceptions: vec![exception(path, MessageId::Uid(3), "no"), exception(path, MessageId::Key("k".into()), "no")],
        dropped_flags: vec![dropped(path, "$Junk")],
        source_watermark: Some(Watermark::new("source 1")),
        target_watermark: Some(Watermark::new("target 1")),
        ..Settlement::default()
    }
}

/// Everything that can be read of a ledger.
async fn everything(ledger: &dyn Ledger) -> (Vec<LedgerFolder>, Vec<Vec<Entry>>, Vec<Exception>, Vec<DroppedFlag>) {
    let folders = folders(ledger).await;
    let mut loaded = Vec::new();
    for folder in &folders {
        loaded.push(entries(ledger, &folder.source).await);
    }
    let exceptions = ledger.exceptions().await.expect("the exceptions are read");
    (folders, loaded, exceptions, ledger.dropped_flags().await.expect("the dropped flags are read"))
}

/// Nothing is known of a pair never seen, and asking is no error.
pub async fn a_fresh_ledger_is_empty(place: &dyn Place) {
    let ledger = opened(place).await;
    assert_eq!(everything(&*ledger).await, (vec![], vec![], vec![], vec![]));
    assert!(entries(&*ledger, &FolderPath::inbox()).await.is_empty());
    assert_eq!(ledger.bytes().await.expect("the size is read"), 0);
    ledger.remove_folder(&FolderPath::inbox()).await.expect("a folder that is not known is removed already");
    ledger.compact(&FolderPath::inbox()).await.expect("a folder that is not known is small enough");
}

/// A folder begins without watermarks and entries, whatever the caller fills in.
pub async fn a_folder_is_put(place: &dyn Place) {
    let ledger = opened(place).await;
    let path = FolderPath::from("Archive/2020");
    let put = LedgerFolder { target: "Old/2020".into(), source_ids: "F1".into(), ..folder(&path) };
    let filled_in = LedgerFolder { messages: 7, source_watermark: Some(Watermark::new("w")), ..put.clone() };
    ledger.put_folder(&filled_in).await.expect("the folder is put");
    assert_eq!(folders(&*ledger).await, [put]);
}

/// A folder put again gets its new target and object id; entries, watermarks and exceptions stay.
pub async fn a_folder_is_put_again(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    settle(&*ledger, &inbox, &full(&inbox)).await;
    let before = everything(&*ledger).await;
    let put = LedgerFolder {
        target: "Elsewhere".into(),
        source_ids: "F2".into(),
        source_object_id: Some("id".into()),
        ..folder(&inbox)
    };
    ledger.put_folder(&put).await.expect("the folder is put again");
    let mut expected = before;
    expected.0[0].target = "Elsewhere".into();
    expected.0[0].source_ids = "F2".into();
    expected.0[0].source_object_id = Some("id".into());
    assert_eq!(everything(&*ledger).await, expected);
}

/// What a settlement says of the same message is done in the order of its fields.
pub async fn settle_in_order(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let first = new((1..=5).map(|uid| entry(uid, 100 + uid, SystemFlags::NONE)).collect());
    settle(&*ledger, &inbox, &first).await;
    let second = Settlement {
        removed: vec![MessageId::Uid(2), MessageId::Uid(4), MessageId::Uid(77)],
        entries: vec![entry(4, 204, SystemFlags::SEEN), entry(5, 205, SystemFlags::SEEN)],
        flags: vec![
            (MessageId::Uid(1), SystemFlags::FLAGGED.into()),
            (MessageId::Uid(5), SystemFlags::DRAFT.into()),
            (MessageId::Uid(2), SystemFlags::SEEN.into()),
        ],
        ..Settlement::default()
    };
    settle(&*ledger, &inbox, &second).await;
    let expected = [
        entry(1, 101, SystemFlags::FLAGGED),
        entry(3, 103, SystemFlags::NONE),
        entry(4, 204, SystemFlags::SEEN),
        entry(5, 205, SystemFlags::DRAFT),
    ];
    assert_eq!(entries(&*ledger, &inbox).await, expected);
}

/// `[settle.known-folder]`
pub async fn settle_known_folder(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let unknown = FolderPath::from("Unknown");
    let error = ledger.settle(&unknown, &full(&unknown)).await.expect_err("the folder is not known");
    assert!(matches!(error, LedgerError::Store { doing: "written", .. }), "{error:?}");
    assert_eq!(everything(&*ledger).await, (vec![folder(&inbox)], vec![vec![]], vec![], vec![]));
}

/// `[settle.atomic]`: all of a settlement is there, or, when it fails, nothing of it.
pub async fn settle_atomic(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    settle(&*ledger, &inbox, &full(&inbox)).await;
    let before = everything(&*ledger).await;
    assert_eq!((before.1[0].len(), before.2.len(), before.3.len()), (3, 2, 1));
    let other = FolderPath::from("Not there");
    let failing = Settlement { forget: true, ..full(&other) };
    ledger.settle(&other, &failing).await.expect_err("the folder is not known");
    assert_eq!(everything(&*ledger).await, before);
}

/// `[settle.durable]`: what was answered is there in the next life, even though nobody closed anything.
pub async fn settle_durable(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    settle(&*ledger, &inbox, &full(&inbox)).await;
    let before = everything(&*ledger).await;
    let bytes = ledger.bytes().await.expect("the size is read");
    assert!(bytes > 0);
    drop(ledger);
    let ledger = opened(place).await;
    assert_eq!(everything(&*ledger).await, before);
    assert_eq!(ledger.bytes().await.expect("the size is read"), bytes);
}

/// `[settle.fenced]`: two runs never both write. The second is told that the pair is busy, or the first is fenced off.
pub async fn settle_fenced(place: &dyn Place) {
    let (first, inbox) = with_inbox(place).await;
    let second = match place.open().await {
        Err(LedgerError::Busy { .. }) => {
            settle(&*first, &inbox, &full(&inbox)).await;
            drop(first);
            let second = opened(place).await;
            assert_eq!(entries(&*second, &inbox).await.len(), 3);
            return;
        }
        second => second.expect("the pair is taken over or busy"),
    };
    let before = everything(&*second).await;
    let fenced =
        |result: Result<(), LedgerError>| assert!(matches!(result, Err(LedgerError::Fenced { .. })), "{result:?}");
    fenced(first.settle(&inbox, &full(&inbox)).await);
    fenced(first.put_folder(&folder(&"New".into())).await);
    fenced(first.remove_folder(&inbox).await);
    fenced(first.rename_folder(&inbox, &"New".into(), &"New".into()).await);
    fenced(first.compact(&inbox).await);
    fenced(first.set_writing(true).await.map(drop));
    assert_eq!(everything(&*second).await, before);
    settle(&*second, &inbox, &full(&inbox)).await;
}

/// Forgetting ends entries, exceptions and watermarks, and then the settlement's own are written.
pub async fn forgetting_leaves_only_the_folder(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    settle(&*ledger, &inbox, &full(&inbox)).await;
    settle(&*ledger, &inbox, &Settlement { forget: true, ..Settlement::default() }).await;
    let empty = (vec![folder(&inbox)], vec![vec![]], vec![], vec![dropped(&inbox, "$Junk")]);
    assert_eq!(everything(&*ledger).await, empty);

    settle(&*ledger, &inbox, &full(&inbox)).await;
    let again = Settlement {
        forget: true,
        entries: vec![entry(1, 50, SystemFlags::SEEN)],
        exceptions: vec![exception(&inbox, MessageId::Uid(9), "still no")],
        source_watermark: Some(Watermark::new("source 2")),
        ..Settlement::default()
    };
    settle(&*ledger, &inbox, &again).await;
    let about = LedgerFolder { source_watermark: again.source_watermark.clone(), messages: 1, ..folder(&inbox) };
    let expected = (vec![about], vec![again.entries], again.exceptions, vec![dropped(&inbox, "$Junk")]);
    assert_eq!(everything(&*ledger).await, expected);
}

/// An exception ends when it is resolved, and one for the same message takes its place. They come by folder and id.
pub async fn exceptions_end_and_are_replaced(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let uids = |uids: &[u32], reason: &str| Settlement {
        exceptions: uids.iter().map(|uid| exception(&inbox, MessageId::Uid(*uid), reason)).collect(),
        ..Settlement::default()
    };
    settle(&*ledger, &inbox, &uids(&[100, 20, 3], "first")).await;
    let key = MessageId::Key("20".into());
    let more = Settlement {
        exceptions: vec![exception(&inbox, key.clone(), "a key"), exception(&inbox, MessageId::Uid(20), "second")],
        resolved: vec![MessageId::Uid(3), MessageId::Uid(4)],
        ..Settlement::default()
    };
    settle(&*ledger, &inbox, &more).await;
    let expected = [
        exception(&inbox, MessageId::Uid(20), "second"),
        exception(&inbox, MessageId::Uid(100), "first"),
        exception(&inbox, key, "a key"),
    ];
    assert_eq!(ledger.exceptions().await.expect("the exceptions are read"), expected);
}

/// A flag that the target does not keep is named once for each folder.
pub async fn dropped_flags_are_named_once(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let other = FolderPath::from("Other");
    ledger.put_folder(&folder(&other)).await.expect("the folder is put");
    for (path, flags) in [(&other, ["b", "a"]), (&inbox, ["b", "b"]), (&other, ["a", "c"])] {
        let dropped_flags = flags.iter().map(|flag| dropped(path, flag)).collect();
        settle(&*ledger, path, &Settlement { dropped_flags, ..Settlement::default() }).await;
    }
    let expected = [dropped(&inbox, "b"), dropped(&other, "a"), dropped(&other, "b"), dropped(&other, "c")];
    assert_eq!(ledger.dropped_flags().await.expect("the dropped flags are read"), expected);
}

/// `[rename.keeps]`: everything is known as it was, under the new name; also in the next life. The old name is free.
pub async fn rename_keeps(place: &dyn Place) {
    let ledger = opened(place).await;
    let (from, to, target) = (FolderPath::from("Work"), FolderPath::from("Work/Old"), FolderPath::from("Arbeit"));
    let known = LedgerFolder { source_object_id: Some("F1".into()), ..folder(&from) };
    ledger.put_folder(&known).await.expect("the folder is put");
    settle(&*ledger, &from, &full(&from)).await;
    let (about, loaded, ..) = everything(&*ledger).await;
    ledger.rename_folder(&from, &to, &target).await.expect("the folder is renamed");
    drop(ledger);

    let ledger = opened(place).await;
    let renamed = LedgerFolder { source: to.clone(), target, ..about[0].clone() };
    let expected = full(&to);
    assert_eq!(everything(&*ledger).await, (vec![renamed], loaded, expected.exceptions, expected.dropped_flags));
    ledger.put_folder(&folder(&from)).await.expect("a folder is put under the old name");
    assert_eq!(entries(&*ledger, &from).await, []);
    assert_eq!(entries(&*ledger, &to).await, expected.entries);
}

/// `[rename.below]`: what stands in the target folder or below it goes along; what only looks so stays.
pub async fn rename_below(place: &dyn Place) {
    let ledger = opened(place).await;
    let places = [("a", "x"), ("a/b", "x/b"), ("c", "x/b/c"), ("d", "xb"), ("e", "y"), ("g", "x")];
    for (source, target) in places {
        let known = LedgerFolder { target: target.into(), ..folder(&source.into()) };
        ledger.put_folder(&known).await.expect("the folder is put");
    }
    ledger.rename_folder(&"a".into(), &"n".into(), &"z/x".into()).await.expect("the folder is renamed");
    ledger.rename_folder(&"e".into(), &"f".into(), &"y".into()).await.expect("only the source is renamed");
    let found = folders(&*ledger).await.into_iter();
    let found: Vec<_> = found.map(|folder| (folder.source.to_string(), folder.target.to_string())).collect();
    let expected = [("a/b", "z/x/b"), ("c", "z/x/b/c"), ("d", "xb"), ("f", "y"), ("g", "z/x"), ("n", "z/x")];
    assert_eq!(found, expected.map(|(source, target)| (source.to_owned(), target.to_owned())));
}

/// `[rename.no-overwrite]` `[rename.atomic]`
pub async fn rename_no_overwrite(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    for path in ["Work", "Work/Below"].map(FolderPath::from) {
        ledger.put_folder(&folder(&path)).await.expect("the folder is put");
        settle(&*ledger, &path, &full(&path)).await;
    }
    let before = everything(&*ledger).await;
    for (source, to) in [("Work", &inbox), ("Unknown", &FolderPath::from("New"))] {
        let error = ledger.rename_folder(&source.into(), to, &"New".into()).await.expect_err("it cannot be renamed");
        assert!(matches!(error, LedgerError::Store { doing: "written", .. }), "{error:?}");
        assert_eq!(everything(&*ledger).await, before);
    }
}

/// Nothing is left of a folder removed; one of the same name later begins empty.
pub async fn removing_ends_everything(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let other = FolderPath::from("Other");
    ledger.put_folder(&folder(&other)).await.expect("the folder is put");
    settle(&*ledger, &inbox, &full(&inbox)).await;
    settle(&*ledger, &other, &full(&other)).await;
    ledger.remove_folder(&inbox).await.expect("the folder is removed");
    ledger.put_folder(&folder(&inbox)).await.expect("the folder is put again");
    let (about, loaded, exceptions, flags) = everything(&*ledger).await;
    assert_eq!(about[0], folder(&inbox));
    assert_eq!(loaded, [vec![], full(&other).entries]);
    assert!(exceptions.iter().all(|exception| exception.folder == other), "{exceptions:?}");
    assert_eq!(flags, [dropped(&other, "$Junk")]);
}

/// Names that look alike are different folders, and each comes back as it was given.
pub async fn names_are_kept_apart(place: &dyn Place) {
    let ledger = opened(place).await;
    let mut paths = vec![
        FolderPath::inbox(),
        FolderPath::new(["INBOX", "inbox"]),
        FolderPath::new(["Work"]),
        FolderPath::new(["work"]),
        FolderPath::new(["work "]),
        FolderPath::new(["a/b"]),
        FolderPath::new(["a", "b"]),
        FolderPath::new(["a\\", "b"]),
        FolderPath::new(["a", "", "b"]),
        FolderPath::new(["Entw\u{fc}rfe"]),
        FolderPath::new(["Entwu\u{308}rfe"]),
        FolderPath::new(["送信済みアイテム", "😀\u{200d}🚀"]),
        FolderPath::new(["%_'\";--"]),
        FolderPath::new(["x".repeat(1_000)]),
    ];
    for (uid, path) in (1..).zip(&paths) {
        ledger.put_folder(&folder(path)).await.expect("the folder is put");
        settle(&*ledger, path, &new(vec![entry(uid, uid, SystemFlags::SEEN)])).await;
    }
    for (uid, path) in (1..).zip(&paths) {
        assert_eq!(entries(&*ledger, path).await, [entry(uid, uid, SystemFlags::SEEN)], "{path}");
    }
    paths.sort();
    let found: Vec<_> = folders(&*ledger).await.into_iter().map(|folder| folder.source).collect();
    assert_eq!(found, paths);
}

/// The number of a folder's entries is right whatever came: more, again, elsewhere, gone, never there.
pub async fn messages_are_counted(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    let uids = |uids: &[u32]| new(uids.iter().map(|uid| entry(*uid, 1_000 + uid, SystemFlags::SEEN)).collect());
    let gone = |uids: &[u32]| Settlement {
        removed: uids.iter().copied().map(MessageId::Uid).collect(),
        ..Settlement::default()
    };
    let steps = [
        (uids(&[1, 2, 3]), 3),
        (uids(&[10, 11]), 5),
        (uids(&[11, 12]), 6),
        (uids(&[5, 4]), 8),
        (gone(&[1, 99]), 7),
        (Settlement { entries: uids(&[2, 20]).entries, ..gone(&[2, 3]) }, 7),
        (Settlement { flags: vec![(MessageId::Uid(99), Flags::default())], ..Settlement::default() }, 7),
        (Settlement { forget: true, ..uids(&[1]) }, 1),
        (
            Settlement {
                entries: vec![entry(2, 7, SystemFlags::SEEN), entry(2, 8, SystemFlags::SEEN)],
                ..Settlement::default()
            },
            2,
        ),
    ];
    for compacting in [false, true] {
        settle(&*ledger, &inbox, &Settlement { forget: true, ..Settlement::default() }).await;
        for (number, (settlement, expected)) in steps.iter().enumerate() {
            settle(&*ledger, &inbox, settlement).await;
            if compacting {
                ledger.compact(&inbox).await.expect("the folder is compacted");
            }
            assert_eq!(folders(&*ledger).await[0].messages, *expected, "after step {number}");
            assert_eq!(entries(&*ledger, &inbox).await.len() as u64, *expected, "after step {number}");
        }
    }
}

/// Hundreds of settlements of any kind, compacted now and then, read as what a plain replay of them gives.
pub async fn compact_changes_nothing(place: &dyn Place) {
    let (mut ledger, inbox) = with_inbox(place).await;
    let mut noise = Noise(7);
    let mut expected = FolderLedger::new();
    for round in 0..200 {
        let id = |noise: &mut Noise| match noise.below(8) {
            0 => MessageId::Key(format!("key {}", noise.below(50)).into()),
            _ => MessageId::Uid(1 + noise.below(3_000)),
        };
        let flags = |noise: &mut Noise| Flags::new(SystemFlags::from_bits(noise.below(32) as u8), Vec::<String>::new());
        let settlement = Settlement {
            forget: noise.below(60) == 0,
            removed: (0..noise.below(20)).map(|_| id(&mut noise)).collect(),
            entries: (0..noise.below(60))
                .map(|_| Entry { source: id(&mut noise), target: id(&mut noise), flags: flags(&mut noise) })
                .collect(),
            flags: (0..noise.below(20)).map(|_| (id(&mut noise), flags(&mut noise))).collect(),
            ..Settlement::default()
        };
        expected.settle(&settlement);
        settle(&*ledger, &inbox, &settlement).await;
        if noise.below(5) == 0 {
            ledger.compact(&inbox).await.expect("the folder is compacted");
        }
        if noise.below(40) == 0 {
            drop(ledger);
            ledger = opened(place).await;
        }
        if round % 10 == 0 {
            assert_eq!(entries(&*ledger, &inbox).await, expected.iter().collect::<Vec<_>>(), "in round {round}");
        }
    }
    ledger.compact(&inbox).await.expect("the folder is compacted");
    assert_eq!(entries(&*ledger, &inbox).await, expected.iter().collect::<Vec<_>>());
    assert_eq!(folders(&*ledger).await[0].messages, expected.len());
}

/// That messages are on their way is known to the next life.
pub async fn writing_is_noted(place: &dyn Place) {
    let ledger = opened(place).await;
    assert!(!ledger.set_writing(true).await.expect("it is noted"));
    assert!(ledger.set_writing(true).await.expect("it is noted"));
    drop(ledger);
    let ledger = opened(place).await;
    assert!(ledger.set_writing(false).await.expect("it is noted"), "the last run was cut off");
    drop(ledger);
    let ledger = opened(place).await;
    assert!(!ledger.set_writing(false).await.expect("it is noted"));
}

fn sending(id: MessageId, size: u64) -> Sending {
    let print = Fingerprint { size, seconds: -1, of: Extent::Whole, digest: [0xFF, 0, 1, 2, 3, 4, 5, 6] };
    Sending { id, ids: "1".into(), print }
}

async fn under_way(ledger: &dyn Ledger, path: &FolderPath) -> Vec<Sending> {
    let mut noted = ledger.sending(path).await.expect("the notes are read");
    noted.sort();
    noted
}

/// `[sending.kept]`: what is under way is known to the next life, under whichever ids, each once; also when noted again.
pub async fn sending_kept(place: &dyn Place) {
    let (ledger, inbox) = with_inbox(place).await;
    assert_eq!(under_way(&*ledger, &inbox).await, []);
    let first =
        [sending(MessageId::Uid(u32::MAX), 1), sending(MessageId::Key("høst:2,S".into()), u64::from(u32::MAX) * 3)];
    let header = Fingerprint { of: Extent::Header, seconds: i64::MAX, ..first[0].print };
    let second = [first[0].clone(), Sending { ids: "".into(), print: header, ..first[0].clone() }];
    ledger.note_sending(&inbox, &first).await.expect("it is noted");
    ledger.note_sending(&inbox, &second).await.expect("it is noted");
    let mut expected = vec![first[0].clone(), first[1].clone(), second[1].clone()];
    expected.sort();
    assert_eq!(under_way(&*ledger, &inbox).await, expected);
    assert_eq!(under_way(&*ledger, &"Other".into()).await, []);
    drop(ledger);
    let ledger = opened(place).await;
    assert_eq!(under_way(&*ledger, &inbox).await, expected);
}

/// `[sending.ends]`: notes of a folder end with the watermark of its target and with the folder, and not before; those of others stay.
pub async fn sending_ends(place: &dyn Place) {
    let (mut ledger, inbox) = with_inbox(place).await;
    let other = FolderPath::from("Other");
    ledger.put_folder(&folder(&other)).await.expect("the folder is put");
    // The same id, given before the ids became void.
    let under = |ids: &str| Sending { ids: ids.into(), ..sending(MessageId::Uid(1), 70) };
    let noted = [under("0"), sending(MessageId::Uid(7), 70)];
    let ended = Settlement { target_watermark: Some(Watermark::new("t")), ..Settlement::default() };
    for end_by_removal in [false, true] {
        for path in [&inbox, &other] {
            ledger.note_sending(path, &noted).await.expect("it is noted");
        }
        let source_watermark = Some(Watermark::new("s"));
        for goes_on in [
            new(vec![entry(1, 1, SystemFlags::SEEN)]),
            Settlement { forget: true, ..Settlement::default() },
            Settlement { source_watermark, ..Settlement::default() },
        ] {
            settle(&*ledger, &inbox, &goes_on).await;
            assert_eq!(under_way(&*ledger, &inbox).await, noted, "{goes_on:?}");
        }
        match end_by_removal {
            true => ledger.remove_folder(&inbox).await.expect("the folder is removed"),
            false => settle(&*ledger, &inbox, &ended).await,
        }
        for _ in 0..2 {
            assert_eq!(under_way(&*ledger, &inbox).await, []);
            assert_eq!(under_way(&*ledger, &other).await, noted);
            drop(ledger);
            ledger = opened(place).await;
        }
    }
}

/// `[sending.renamed]`
pub async fn sending_renamed(place: &dyn Place) {
    let (mut ledger, inbox) = with_inbox(place).await;
    let (from, to) = (FolderPath::from("Work"), FolderPath::from("Arbeit"));
    ledger.put_folder(&folder(&from)).await.expect("the folder is put");
    let noted = [sending(MessageId::Uid(7), 70)];
    for path in [&from, &inbox] {
        ledger.note_sending(path, &noted).await.expect("it is noted");
    }
    ledger.rename_folder(&from, &to, &to).await.expect("the folder is renamed");
    for _ in 0..2 {
        assert_eq!(under_way(&*ledger, &from).await, []);
        assert_eq!(under_way(&*ledger, &to).await, noted);
        assert_eq!(under_way(&*ledger, &inbox).await, noted);
        drop(ledger);
        ledger = opened(place).await;
    }
}

/// `[sending.bounded]`: of messages that are settled, the next life reads few notes; of those that are not, all.
pub async fn sending_bounded(place: &dyn Place) {
    const AT_ONCE: u32 = 1_000;
    let (ledger, inbox) = with_inbox(place).await;
    let stays = sending(MessageId::Uid(u32::MAX), 1);
    ledger.note_sending(&inbox, std::slice::from_ref(&stays)).await.expect("it is noted");
    for first in (1..=30 * AT_ONCE).step_by(AT_ONCE as usize) {
        let uids = first..first + AT_ONCE;
        let noted: Vec<_> = uids.clone().map(|uid| sending(MessageId::Uid(uid), 4_000)).collect();
        ledger.note_sending(&inbox, &noted).await.expect("it is noted");
        settle(&*ledger, &inbox, &new(uids.map(|uid| entry(uid, uid, SystemFlags::SEEN)).collect())).await;
    }
    drop(ledger);
    let ledger = opened(place).await;
    let noted = under_way(&*ledger, &inbox).await;
    assert!(noted.len() < 10 * AT_ONCE as usize, "{} notes", noted.len());
    assert!(noted.contains(&stays));
}

/// 100,000 messages, settled 2,000 at a time, of which some are missing and a tenth have other flags: at most a byte each once
/// compacted, and at most 4 before.
pub async fn an_ordinary_mailbox_takes_few_bytes(place: &dyn Place) {
    const MESSAGES: u64 = 100_000;
    let (ledger, inbox) = with_inbox(place).await;
    let mut noise = Noise(11);
    let unusual = [
        Flags::default(),
        SystemFlags::SEEN.union(SystemFlags::ANSWERED).into(),
        SystemFlags::SEEN.union(SystemFlags::FLAGGED).into(),
        Flags::new(SystemFlags::SEEN, ["$Forwarded"]),
        Flags::new(SystemFlags::SEEN, ["NonJunk", "$label1"]),
    ];
    let (mut source, mut target) = (0, 0);
    let mut message = || {
        source += if noise.below(20) == 0 { 2 + noise.below(10) } else { 1 };
        target += if noise.below(200) == 0 { 2 } else { 1 };
        let flags = match noise.below(10) {
            0 => unusual[noise.below(5) as usize].clone(),
            _ => SystemFlags::SEEN.into(),
        };
        Entry { source: MessageId::Uid(source), target: MessageId::Uid(target), flags }
    };
    for _ in 0..MESSAGES / 2_000 {
        settle(&*ledger, &inbox, &new((0..2_000).map(|_| message()).collect())).await;
    }
    let before = ledger.bytes().await.expect("the size is read");
    assert!(before <= 4 * MESSAGES, "{before} bytes before compacting");
    let expected = entries(&*ledger, &inbox).await;
    ledger.compact(&inbox).await.expect("the folder is compacted");
    let after = ledger.bytes().await.expect("the size is read");
    assert!(after <= MESSAGES, "{after} bytes after compacting");
    assert!(after <= before, "{after} bytes after compacting, {before} before");
    assert_eq!(expected.len() as u64, MESSAGES);
    assert_eq!(entries(&*ledger, &inbox).await, expected);
}
