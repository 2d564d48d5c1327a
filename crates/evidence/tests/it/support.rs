//! A folder with a key, and rows to attest.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limosa_evidence::{
    Approval, Digest, FolderPair, Header, LeftBehind, MessageIdHash, Record, Root, Row, SigningKey, Writer,
};
use limosa_model::{Flags, FolderPath, InternalDate, MessageId, SystemFlags};
use tempfile::TempDir;

pub struct World {
    folder: TempDir,
    pub key: SigningKey,
}

impl World {
    pub fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = SigningKey::create(&folder.path().join("key")).expect("a key");
        Self { folder, key }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Writes rows (folders' totals are the writer's own) to a new file.
    pub fn write(&self, name: &str, rows: &[Row]) -> (PathBuf, Root) {
        let path = self.path(name);
        let mut writer = Writer::create(&path, &header(), &self.key).expect("it begins");
        for row in rows {
            match row {
                Row::Message(record) => writer.record(record).expect("it is written"),
                Row::Exception(left) => writer.exception(left).expect("it is written"),
                Row::Folder(total) => writer.folder(&total.folder),
            }
        }
        let root = writer.finish(1_700_000_100).expect("it ends");
        assert!(Path::exists(&path));
        (path, root)
    }
}

pub fn header() -> Header {
    Header {
        source: "imap://alice@old.example:993".into(),
        target: "imap://alice@new.example:993".into(),
        begun: 1_700_000_000,
        software: "limosa test".into(),
        only: Vec::new(),
        exclude: Vec::new(),
        algorithms: Default::default(),
    }
}

pub fn folder(source: &str, target: &str) -> Arc<FolderPair> {
    Arc::new(FolderPair { source: FolderPath::from(source), target: FolderPath::from(target) })
}

pub fn record(folder: &Arc<FolderPair>, number: u32) -> Record {
    Record {
        folder: folder.clone(),
        source_id: MessageId::Uid(number * 2),
        target_id: MessageId::Uid(number),
        internal_date: Some(InternalDate { seconds: 1_600_000_000 + i64::from(number) * 777, offset_minutes: 120 }),
        size: 2000 + u64::from(number) * 31 % 9000,
        digest: Digest::of(&number.to_be_bytes()),
        message_id: Some(MessageIdHash::of(&format!("<{number}@example.org>"))),
        flags: Flags::new(SystemFlags::SEEN, ["$Forwarded"]),
    }
}

pub fn left_behind() -> LeftBehind {
    LeftBehind {
        folder: FolderPath::from("INBOX"),
        id: MessageId::Uid(77),
        message_id: Some("<77@example.org>".into()),
        subject: Some("Fotos, groß".into()),
        internal_date: Some(InternalDate { seconds: -5, offset_minutes: -300 }),
        size: Some(90_000_000),
        code: "too-big".into(),
        reason: "the server takes 50 MB".into(),
        approval: Some(Approval::new("Dr. Meier", "kept on disk", 1_700_000_050).expect("it has a name")),
    }
}

/// One of everything.
pub fn small() -> Vec<Row> {
    let (inbox, sent) = (folder("INBOX", "INBOX"), folder("Gesendet", "Sent"));
    let mut keyed = record(&sent, 3);
    keyed.source_id = MessageId::Key("1700.M1P2.host".into());
    keyed.internal_date = None;
    keyed.message_id = None;
    keyed.flags = Flags::default();
    vec![
        Row::Message(record(&inbox, 1)),
        Row::Message(record(&inbox, 2)),
        Row::Message(keyed),
        Row::Exception(left_behind()),
        Row::Exception(LeftBehind { approval: None, subject: None, size: None, ..left_behind() }),
    ]
}
