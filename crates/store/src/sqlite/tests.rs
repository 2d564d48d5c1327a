//! What becomes of a settlement when the disk is full or cannot be written?

use limosa_model::flags::Flags;
use limosa_model::folder::FolderPath;
use limosa_model::ledger::{Entry, LedgerFolder, Settlement};
use limosa_model::message::MessageId;
use tempfile::TempDir;

use super::*;

/// Entries that nothing can be saved on, so that they need many pages.
fn large(from: u32) -> Settlement {
    let entry = |uid: u32| Entry {
        source: MessageId::Uid(uid),
        target: MessageId::Key(blake3::hash(&uid.to_le_bytes()).to_string().into()),
        flags: Flags::default(),
    };
    Settlement { entries: (from..from + 2_000).map(entry).collect(), ..Settlement::default() }
}

/// Makes writing fail by one PRAGMA, sees that nothing was written, and makes it work again by another.
async fn check(fail: &'static str, work: &'static str, expected: &str) {
    let folder = TempDir::new().expect("there is room for temporary files");
    let store = SqliteStore::open(&folder.path().join("ledger.db")).await.expect("the store opens");
    let key = PairKey { source: "a".into(), target: "b".into() };
    let ledger = store.pair(&key).await.expect("the pair is free");
    let inbox = FolderPath::inbox();
    let about = LedgerFolder {
        source: inbox.clone(),
        target: inbox.clone(),
        source_watermark: None,
        target_watermark: None,
        source_ids: "1".into(),
        target_ids: "1".into(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    };
    ledger.put_folder(&about).await.expect("the folder is put");
    ledger.settle(&inbox, &large(1)).await.expect("the settlement is written");

    let pragma = async |statement: &'static str| {
        let mut connection = store.0.connection().await;
        sqlx::raw_sql(statement).execute(&mut *connection).await.expect("the statement is right");
    };
    pragma(fail).await;
    let error = ledger.settle(&inbox, &large(5_000)).await.expect_err("the disk is full");
    let LedgerError::Store { doing: "written", source } = error else { panic!("{error:?}") };
    assert!(source.to_string().contains(expected), "{source}");
    assert_eq!(ledger.load(&inbox).await.expect("the folder is read").len(), 2_000);
    assert_eq!(ledger.folders().await.expect("the folders are read")[0].messages, 2_000);

    pragma(work).await;
    ledger.settle(&inbox, &large(5_000)).await.expect("the settlement is written");
    assert_eq!(ledger.load(&inbox).await.expect("the folder is read").len(), 4_000);
}

#[tokio::test]
async fn a_full_disk_is_an_error_of_writing_and_nothing_is_lost() {
    check("PRAGMA max_page_count = 1", "PRAGMA max_page_count = 1000000", "full").await;
}

#[tokio::test]
async fn a_store_that_cannot_be_written_says_so() {
    check("PRAGMA query_only = ON", "PRAGMA query_only = OFF", "readonly").await;
}
