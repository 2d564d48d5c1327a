//! Does the SQLite store keep the contract of a ledger, and what does it do when things go wrong around it?

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use limosa_model::flags::SystemFlags;
use limosa_model::folder::{FolderPath, Watermark};
use limosa_model::ledger::{
    DroppedFlag, Entry, Exception, Extent, Fingerprint, Ledger, LedgerError, LedgerFolder, Sending, Settlement,
};
use limosa_model::message::MessageId;
use limosa_model::pair::PairKey;
use limosa_store::SqliteStore;
use limosa_testkit::ledger_suite::Place;
use sqlx::{ConnectOptions, Connection};
use tempfile::TempDir;

struct Kept {
    folder: TempDir,
}

#[async_trait]
impl Place for Kept {
    async fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        SqliteStore::open(&self.file()).await?.pair(&pair("alice")).await
    }
}

impl Kept {
    fn fresh() -> Self {
        Self { folder: TempDir::new().expect("there is room for temporary files") }
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("state").join("ledger.db")
    }

    async fn store(&self) -> SqliteStore {
        SqliteStore::open(&self.file()).await.expect("the store opens")
    }

    /// Does something to the database behind the store's back.
    async fn tamper(&self, statement: &'static str) {
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.file());
        let mut connection = options.connect().await.expect("the database opens");
        sqlx::raw_sql(statement).execute(&mut connection).await.expect("the statement is right");
        connection.close().await.expect("the database closes");
    }

    /// The file's bytes, once the last connection has closed it: until then some stand in the log beside it.
    async fn bytes(&self) -> Vec<u8> {
        let mut log = self.file().into_os_string();
        log.push("-wal");
        while Path::new(&log).exists() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        std::fs::read(self.file()).expect("the file is read")
    }
}

limosa_testkit::ledger_suite!(async { Kept::fresh() });

fn pair(name: &str) -> PairKey {
    PairKey { source: format!("imap://{name}@old.example:993"), target: format!("imap://{name}@new.example:993") }
}

fn about(path: &FolderPath) -> LedgerFolder {
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

fn new(uids: impl IntoIterator<Item = u32>) -> Settlement {
    let entry =
        |uid| Entry { source: MessageId::Uid(uid), target: MessageId::Uid(uid), flags: SystemFlags::SEEN.into() };
    Settlement { entries: uids.into_iter().map(entry).collect(), ..Settlement::default() }
}

async fn uids(ledger: &dyn Ledger, path: &FolderPath) -> Vec<u32> {
    let entries = ledger.load(path).await.expect("the folder is read");
    let uid = |entry: Entry| match entry.source {
        MessageId::Uid(uid) => uid,
        MessageId::Key(key) => panic!("nobody has put {key} in"),
    };
    entries.iter().map(uid).collect()
}

/// A place with two folders, of which the first has three segments.
async fn with_segments() -> (Kept, FolderPath, FolderPath) {
    let place = Kept::fresh();
    let ledger = place.open().await.expect("the ledger opens");
    let (first, second) = (FolderPath::from("Größe"), FolderPath::from("Other"));
    for path in [&first, &second] {
        ledger.put_folder(&about(path)).await.expect("the folder is put");
    }
    for batch in [1..10, 20..30, 40..50_u32] {
        ledger.settle(&first, &new(batch)).await.expect("the settlement is written");
    }
    ledger.settle(&second, &new(1..5)).await.expect("the settlement is written");
    (place, first, second)
}

#[tokio::test]
async fn damage_is_named_and_nothing_is_half_believed() {
    let check = async |tampering, expected: &str| {
        let (place, first, second) = with_segments().await;
        place.tamper(tampering).await;
        let ledger = place.open().await.expect("the ledger opens");
        let error = ledger.load(&first).await.expect_err("the folder is damaged");
        assert!(matches!(error, LedgerError::Damaged { .. }), "{error:?}");
        assert_eq!(error.to_string(), format!("the ledger of folder Größe is damaged: {expected}"));
        assert_eq!(uids(&*ledger, &second).await, [1, 2, 3, 4], "the other folder is whole");

        // Forgetting is the way out, and needs nothing of what is damaged.
        let again = Settlement { forget: true, ..new([7]) };
        ledger.settle(&first, &again).await.expect("the settlement is written");
        assert_eq!(uids(&*ledger, &first).await, [7]);
    };
    check(
        "UPDATE segment SET bytes = CAST(substr(bytes, 1, 5) || x'FF' || substr(bytes, 7) AS BLOB) WHERE folder = 1 AND number = 2",
        "segment 2: the checksum does not match: 19 bytes were read that are not those that were written",
    )
    .await;
    check(
        "UPDATE segment SET bytes = x'' WHERE folder = 1 AND number = 3",
        "segment 3: the segment ends in the middle of its checksum",
    )
    .await;
    check("DELETE FROM segment WHERE folder = 1 AND number = 1", "segment 1 is not there").await;
    check("DELETE FROM segment WHERE folder = 1 AND number = 2", "segment 2 is not there").await;
    check("DELETE FROM segment WHERE folder = 1 AND number = 3", "19 entries were read where 29 were written").await;
    check("DELETE FROM segment WHERE folder = 1", "0 entries were read where 29 were written").await;
}

#[tokio::test]
async fn a_damaged_folder_is_not_compacted_and_asks_to_be_looked_at() {
    let (place, first, second) = with_segments().await;
    let ledger = place.open().await.expect("the ledger opens");
    let watermark = || Some(Watermark::new("here"));
    let ended = Settlement { source_watermark: watermark(), target_watermark: watermark(), ..Settlement::default() };
    for path in [&first, &second] {
        ledger.settle(path, &ended).await.expect("the settlement is written");
    }
    drop(ledger);
    place
        .tamper("UPDATE segment SET bytes = x'00112233445566' WHERE folder = 1; UPDATE folder SET messages = NULL")
        .await;
    let ledger = place.open().await.expect("the ledger opens");
    let result = ledger.compact(&first).await;
    assert!(matches!(&result, Err(LedgerError::Damaged { folder, .. }) if folder == "Größe"), "{result:?}");
    let folders = ledger.folders().await.expect("the folders are read");
    let standing: Vec<_> =
        folders.iter().map(|folder| (&folder.source_watermark, &folder.target_watermark, folder.messages)).collect();
    assert_eq!(standing, [(&None, &None, 0), (&watermark(), &watermark(), 4)]);
}

#[tokio::test]
async fn a_newer_format_is_refused() {
    let (place, first, _) = with_segments().await;
    let mut segment = vec![2, 0, 0];
    let checksum = blake3::hash(&segment);
    segment.extend_from_slice(&checksum.as_bytes()[..4]);
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.file());
    let mut connection = options.connect().await.expect("the database opens");
    let update = sqlx::query("UPDATE segment SET bytes = ? WHERE folder = 1").bind(segment);
    update.execute(&mut connection).await.expect("the statement is right");
    let ledger = place.open().await.expect("the ledger opens");
    let error = ledger.load(&first).await.expect_err("the segment is too new");
    assert!(matches!(error, LedgerError::Newer { found: 2, known: 1 }), "{error:?}");
    drop(ledger);

    place.tamper("PRAGMA user_version = 99").await;
    let error = SqliteStore::open(&place.file()).await.expect_err("the tables are too new");
    assert!(matches!(error, LedgerError::Newer { found: 99, known: limosa_store::sqlite::FORMAT }), "{error:?}");
}

/// All that can be read of a pair's two folders.
async fn reads(place: &Kept, folders: [&FolderPath; 2]) -> Result<(Vec<LedgerFolder>, [Vec<Entry>; 2]), LedgerError> {
    let ledger = place.open().await?;
    let mut entries = Vec::new();
    for folder in folders {
        entries.push(ledger.load(folder).await?.iter().collect());
    }
    let [first, second] = entries.try_into().expect("two folders");
    Ok((ledger.folders().await?, [first, second]))
}

/// Random bytes in the place of any page: either nobody notices, since nothing stood there, or it is named.
#[tokio::test]
async fn a_page_that_is_not_what_was_written_is_named() {
    let (place, first, second) = with_segments().await;
    let ledger = place.open().await.expect("the ledger opens");
    // A base of many pages, so that most of the file is entries.
    let scattered = (0..6_000_u32).map(|n| Entry {
        source: MessageId::Uid(n + 1),
        target: MessageId::Uid(1 + n.wrapping_mul(2_654_435_761) % 10_000_000),
        flags: SystemFlags::SEEN.into(),
    });
    let scattered = Settlement { entries: scattered.collect(), ..Settlement::default() };
    ledger.settle(&second, &scattered).await.expect("the settlement is written");
    drop(ledger);
    let written = reads(&place, [&first, &second]).await.expect("it is whole");
    let whole = place.bytes().await;
    let (mut file_damaged, mut folder_damaged, mut unharmed) = (0, 0, 0);
    // A whole page, and the middle of one, which leaves what SQLite itself needs to know of it.
    let places = (0..whole.len()).step_by(4096).flat_map(|page| [page..page + 4096, page + 1024..page + 3072]);
    for place_of_noise in places {
        let mut bytes = whole.clone();
        blake3::Hasher::new()
            .update(&place_of_noise.start.to_le_bytes())
            .finalize_xof()
            .fill(&mut bytes[place_of_noise.clone()]);
        place.bytes().await;
        std::fs::write(place.file(), &bytes).expect("the file is written");
        match reads(&place, [&first, &second]).await {
            Err(LedgerError::FileDamaged { .. }) => file_damaged += 1,
            Err(LedgerError::Damaged { .. }) => folder_damaged += 1,
            Err(error) => panic!("{place_of_noise:?}: {error:?}"),
            Ok(read) => {
                assert_eq!(read, written, "{place_of_noise:?}");
                unharmed += 1;
            }
        }
    }
    println!(
        "{file_damaged} times the file, {folder_damaged} times a folder, {unharmed} times nothing that was in use"
    );
    assert!(file_damaged >= 10 && folder_damaged >= 3, "{file_damaged} {folder_damaged} {unharmed}");
}

#[tokio::test]
async fn a_file_cut_short_is_named_and_left_as_it_is() {
    let (place, first, second) = with_segments().await;
    let whole = place.bytes().await;
    for length in [0, 1, 100, whole.len() / 2, whole.len() - 4096] {
        std::fs::write(place.file(), &whole[..length]).expect("the file is written");
        let read = reads(&place, [&first, &second]).await;
        assert!(matches!(read, Err(LedgerError::FileDamaged { .. })), "{length} bytes: {read:?}");
        assert_eq!(place.bytes().await, whole[..length]);
    }
    // Moved away, it makes room for a new one; put back, it is what it was.
    std::fs::remove_file(place.file()).expect("the file is removed");
    assert_eq!(reads(&place, [&first, &second]).await.expect("a new one"), (Vec::new(), [Vec::new(), Vec::new()]));
    place.bytes().await;
    std::fs::write(place.file(), &whole).expect("the file is written");
    assert_eq!(uids(&*place.open().await.expect("the ledger opens"), &second).await, [1, 2, 3, 4]);
}

/// A file of the first format, with what a run wrote into it, is brought up and keeps all.
#[tokio::test]
async fn a_file_of_the_first_format_is_brought_up() {
    let place = Kept::fresh();
    std::fs::create_dir(place.folder.path().join("state")).expect("the folder is made");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(place.file()).create_if_missing(true);
    let mut connection = options.connect().await.expect("the database is made");
    let tables = include_str!("../src/sqlite/0001-ledger.sql");
    sqlx::raw_sql(tables).execute(&mut connection).await.expect("the tables are made");
    let insert = sqlx::query("INSERT INTO pair (id, source, target, fence, writing) VALUES (1, ?, ?, 5, 0)");
    let key = pair("alice");
    let insert = insert.bind(&key.source).bind(&key.target).execute(&mut connection).await;
    insert.expect("the pair is written");
    let rows = "INSERT INTO folder (id, pair, source, target, source_watermark, target_watermark, source_ids, target_ids, messages,
                highest) VALUES (1, 1, 'Größe', 'Size', 'source 1', 'target 1', '1', '1', 3, 3)";
    sqlx::raw_sql(rows).execute(&mut connection).await.expect("the folder is written");
    let segment = sqlx::query("INSERT INTO segment (folder, number, is_base, bytes) VALUES (1, 1, 0, ?)");
    let segment = segment.bind(limosa_model::ledger::codec::encode_delta(&new(1..4)));
    segment.execute(&mut connection).await.expect("the entries are written");
    connection.close().await.expect("the database closes");

    let ledger = place.open().await.expect("the ledger opens");
    let path = FolderPath::from("Größe");
    let known = LedgerFolder {
        target: "Size".into(),
        source_watermark: Some(Watermark::new("source 1")),
        target_watermark: Some(Watermark::new("target 1")),
        messages: 3,
        ..about(&path)
    };
    assert_eq!(ledger.folders().await.expect("the folders are read"), std::slice::from_ref(&known));
    assert_eq!(uids(&*ledger, &path).await, [1, 2, 3]);
    let identified = LedgerFolder { source_object_id: Some("F1".into()), ..known };
    ledger.put_folder(&identified).await.expect("the folder is put");
    drop(ledger);
    let ledger = place.open().await.expect("the ledger opens again");
    assert_eq!(ledger.folders().await.expect("the folders are read"), [identified]);
}

#[tokio::test]
async fn files_of_others_are_left_alone() {
    let place = Kept::fresh();
    std::fs::create_dir(place.folder.path().join("state")).expect("the folder is made");
    std::fs::write(place.file(), "Dear diary, it is not a database that I am.").expect("the file is written");
    let error = SqliteStore::open(&place.file()).await.expect_err("the file is no database");
    assert!(matches!(error, LedgerError::FileDamaged { .. }), "{error:?}");

    std::fs::remove_file(place.file()).expect("the file is removed");
    std::fs::write(place.file(), "").expect("the file is written");
    place.tamper("CREATE TABLE diary (day TEXT); INSERT INTO diary VALUES ('Monday')").await;
    let before = std::fs::read(place.file()).expect("the file is read");
    let error = SqliteStore::open(&place.file()).await.expect_err("the database is another program's");
    assert!(matches!(error, LedgerError::Store { doing: "opened", .. }), "{error:?}");
    assert_eq!(std::fs::read(place.file()).expect("the file is read"), before);
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_an_error_of_opening() {
    let place = Kept::fresh();
    std::fs::write(place.folder.path().join("state"), "a file where a folder should be").expect("the file is written");
    let error = SqliteStore::open(&place.file()).await.expect_err("there is no such folder");
    assert!(matches!(error, LedgerError::Store { doing: "opened", .. }), "{error:?}");
}

#[tokio::test]
async fn a_settlement_that_fails_at_its_end_leaves_nothing() {
    let (place, first, _) = with_segments().await;
    let ledger = place.open().await.expect("the ledger opens");
    place
        .tamper(
            "CREATE TRIGGER cut BEFORE UPDATE OF messages ON folder
             BEGIN SELECT RAISE(ABORT, 'the power is cut'); END",
        )
        .await;
    let read = async || {
        let exceptions = ledger.exceptions().await.expect("the exceptions are read");
        (uids(&*ledger, &first).await, exceptions, ledger.dropped_flags().await.expect("the flags are read"))
    };
    let before = (ledger.folders().await.expect("the folders are read"), read().await);
    let settlement = Settlement {
        forget: true,
        exceptions: vec![Exception {
            folder: first.clone(),
            id: MessageId::Uid(60),
            message_id: None,
            date: None,
            subject: None,
            size: None,
            code: "too-big".into(),
            reason: "no".into(),
            hint: None,
            original: None,
            approval: None,
        }],
        dropped_flags: vec![DroppedFlag { folder: first.clone(), flag: "$Junk".into() }],
        ..new(50..60)
    };
    let error = ledger.settle(&first, &settlement).await.expect_err("the last statement fails");
    assert!(matches!(error, LedgerError::Store { doing: "written", .. }), "{error:?}");
    assert_eq!((ledger.folders().await.expect("the folders are read"), read().await), before);

    place.tamper("DROP TRIGGER cut").await;
    ledger.settle(&first, &settlement).await.expect("the settlement is written");
    let after = read().await;
    assert_eq!((after.0, after.1.len(), after.2.len()), ((50..60).collect(), 1, 1));
}

#[tokio::test]
async fn a_run_that_was_overtaken_elsewhere_cannot_write() {
    let (place, first, _) = with_segments().await;
    let ledger = place.open().await.expect("the ledger opens");
    place.tamper("UPDATE pair SET fence = fence + 1").await;
    let before = uids(&*ledger, &first).await;
    for result in [
        ledger.settle(&first, &new([99])).await,
        ledger.put_folder(&about(&"New".into())).await,
        ledger.remove_folder(&first).await,
        ledger.compact(&first).await,
        ledger.set_writing(true).await.map(drop),
    ] {
        let LedgerError::Fenced { pair: name } = result.expect_err("another run has the pair") else {
            panic!("the error is not the fence's");
        };
        assert_eq!(name, pair("alice").to_string());
    }
    assert_eq!(uids(&*ledger, &first).await, before);
}

/// Whoever is stopped drops what is under way, at any point of it.
#[tokio::test]
async fn a_settlement_given_up_is_there_or_not_and_the_next_one_works() {
    let (place, first, _) = with_segments().await;
    let ledger = place.open().await.expect("the ledger opens");
    for step in 0..150_u32 {
        let (given_up, next) = (1_000 + 2 * step, 1_001 + 2 * step);
        let limit = std::time::Duration::from_micros(u64::from(step) * 10);
        let answered = tokio::time::timeout(limit, ledger.settle(&first, &new([given_up]))).await.is_ok();
        ledger.settle(&first, &new([next])).await.expect("the settlement is written");
        let found = uids(&*ledger, &first).await;
        assert!(found.contains(&next));
        assert!(found.contains(&given_up) || !answered, "{given_up} was settled");
    }
    let counted = ledger.folders().await.expect("the folders are read");
    let counted = counted.iter().find(|folder| folder.source == first).expect("the folder is known").messages;
    assert_eq!(counted, uids(&*ledger, &first).await.len() as u64);
}

#[tokio::test]
async fn a_pair_is_one_runs_at_a_time_and_pairs_do_not_meet() {
    let place = Kept::fresh();
    let (store, other_store) = (place.store().await, place.store().await);
    let alice = store.pair(&pair("alice")).await.expect("the pair is free");
    for store in [&store, &other_store] {
        let Err(error) = store.pair(&pair("alice")).await else { panic!("the pair is taken") };
        assert_eq!(error.to_string(), format!("another run works on {}", pair("alice")));
        assert!(matches!(store.forget(&pair("alice")).await, Err(LedgerError::Busy { .. })));
    }
    let bob = other_store.pair(&pair("bob")).await.expect("the pair is free");
    let inbox = FolderPath::inbox();
    let write = async |ledger: &dyn Ledger, first: u32| {
        ledger.put_folder(&about(&inbox)).await.expect("the folder is put");
        for uid in first..first + 50 {
            ledger.settle(&inbox, &new([uid])).await.expect("writers take turns");
        }
    };
    tokio::join!(write(&*alice, 1), write(&*bob, 1_000));
    assert_eq!(uids(&*alice, &inbox).await, (1..51).collect::<Vec<_>>());
    assert_eq!(uids(&*bob, &inbox).await, (1_000..1_050).collect::<Vec<_>>());

    drop((alice, bob));
    assert_eq!(store.pairs().await.expect("the pairs are read"), [pair("alice"), pair("bob")]);
    assert!(store.forget(&pair("alice")).await.expect("the pair is free"));
    assert!(!store.forget(&pair("alice")).await.expect("the pair is free"));
    assert_eq!(other_store.pairs().await.expect("the pairs are read"), [pair("bob")]);
    let alice = store.pair(&pair("alice")).await.expect("the pair is free");
    assert!(alice.folders().await.expect("the folders are read").is_empty());
    assert_eq!(alice.bytes().await.expect("the size is read"), 0);
}

#[tokio::test]
async fn whoever_waits_gets_the_pair_when_it_is_free() {
    let place = Kept::fresh();
    let store = place.store().await;
    let first = store.pair(&pair("alice")).await.expect("the pair is free");
    let (key, other, inbox) = (pair("alice"), place.store().await, about(&FolderPath::inbox()));
    let waiting = other.pair_waiting(&key);
    tokio::pin!(waiting);
    // What is ready first is looked at first: the one who waits is not, while the pair is taken.
    tokio::select! {
        biased;
        _ = &mut waiting => panic!("the pair is taken"),
        result = first.put_folder(&inbox) => result.expect("the folder is put"),
    }
    drop(first);
    let second = waiting.await.expect("the pair is free");
    assert_eq!(second.folders().await.expect("the folders are read").len(), 1);
}

#[tokio::test]
async fn many_may_open_a_new_store_at_once() {
    let place = Kept::fresh();
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..8 {
        let file = place.file();
        tasks.spawn(async move {
            let store = SqliteStore::open(&file).await.expect("the store opens");
            store.pair(&pair(&format!("user{number}"))).await.map(drop).expect("the pair is free");
        });
    }
    while let Some(result) = tasks.join_next().await {
        result.expect("no task panics");
    }
    assert_eq!(place.store().await.pairs().await.expect("the pairs are read").len(), 8);
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_look_inside() {
    use std::os::unix::fs::PermissionsExt;
    let (place, _, _) = with_segments().await;
    let _ledger = place.open().await.expect("the ledger opens");
    let mode = |path: &Path| std::fs::metadata(path).expect("it is there").permissions().mode() & 0o777;
    let state = place.folder.path().join("state");
    assert_eq!(mode(&state), 0o700);
    let inside = |folder: &Path| std::fs::read_dir(folder).expect("the folder is read");
    for entry in inside(&state).chain(inside(&state.join("ledger.db.locks"))) {
        let path = entry.expect("the folder is read").path();
        assert_eq!(mode(&path), if path.is_dir() { 0o700 } else { 0o600 }, "{}", path.display());
    }
}

const CHILD: &str = "LIMOSA_STORE_TEST_FILE";

/// What the child notes before anything else, and never settles.
fn under_way() -> Sending {
    let print = Fingerprint { size: 4_000, seconds: 1_600_000_000, of: Extent::Whole, digest: [7; 8] };
    Sending { id: MessageId::Key("under way".into()), ids: "1".into(), print }
}

/// The process that the next test kills: settles one message after another, and says so after each.
#[tokio::test]
async fn child_that_settles_until_it_is_killed() {
    let Some(file) = std::env::var_os(CHILD) else { return };
    let store = SqliteStore::open(Path::new(&file)).await.expect("the store opens");
    let ledger = store.pair(&pair("alice")).await.expect("the pair is free");
    let inbox = FolderPath::inbox();
    ledger.put_folder(&about(&inbox)).await.expect("the folder is put");
    ledger.set_writing(true).await.expect("it is noted");
    ledger.note_sending(&inbox, &[under_way()]).await.expect("it is noted");
    for uid in 1.. {
        ledger.settle(&inbox, &new([uid])).await.expect("the settlement is written");
        println!("settled {uid}");
    }
}

#[tokio::test]
async fn what_a_killed_process_settled_is_there_and_its_pair_is_free() {
    let place = Kept::fresh();
    let mut child = Command::new(std::env::current_exe().expect("this test has a file"))
        .args(["--exact", "child_that_settles_until_it_is_killed", "--nocapture"])
        .env(CHILD, place.file())
        .stdout(Stdio::piped())
        .spawn()
        .expect("this test starts itself");
    let output = BufReader::new(child.stdout.take().expect("the output is piped"));
    let mut settled =
        output.lines().map_while(Result::ok).filter_map(|line| line.strip_prefix("settled ")?.parse::<u32>().ok());
    let reached = settled.by_ref().find(|uid| *uid == 25);
    assert_eq!(reached, Some(25));
    let busy = place.open().await.map(drop);
    assert!(matches!(busy, Err(LedgerError::Busy { .. })), "{busy:?}");
    child.kill().expect("the child is killed");
    child.wait().expect("the child has ended");
    let last = settled.last().unwrap_or(25);

    let ledger = place.open().await.expect("the pair is free");
    let inbox = FolderPath::inbox();
    let found = uids(&*ledger, &inbox).await;
    assert!(found.len() as u32 == last || found.len() as u32 == last + 1, "{} found, {last} settled", found.len());
    assert_eq!(found, (1..=found.len() as u32).collect::<Vec<_>>());
    assert!(ledger.set_writing(false).await.expect("it is noted"), "the child was cut off while it wrote");
    assert_eq!(ledger.sending(&inbox).await.expect("the notes are read"), [under_way()]);
}
