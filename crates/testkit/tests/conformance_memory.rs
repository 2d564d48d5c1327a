//! Does the reference keep the contract, in all the ways in which stores differ?

use std::sync::Arc;

use async_trait::async_trait;
use limosa_model::{Connector, Flags, FolderPath, PermanentFlags, SystemFlags};
use limosa_testkit::conformance::{Declared, Harness, Seen};
use limosa_testkit::memory::{Changes, Ids, MemoryConnector, MemoryServer, MemoryTraits};

struct Memory {
    server: MemoryServer,
    connector: MemoryConnector,
}

impl Memory {
    fn new(traits: MemoryTraits) -> Self {
        let server = MemoryServer::new(traits);
        Self { connector: MemoryConnector::new(&server, "test"), server }
    }
}

#[async_trait]
impl Harness for Memory {
    fn connector(&self) -> Arc<dyn Connector> {
        Arc::new(self.connector.clone())
    }

    fn declared(&self) -> Declared {
        let traits = self.server.traits();
        Declared {
            delta: traits.changes == Changes::Delta,
            proves_unchanged: traits.changes != Changes::FlagsUnseen,
            ids_ordered: traits.ids == Ids::Uids,
            object_ids: traits.object_ids,
            batches: traits.batch > 1,
            receipt_ids: traits.receipts_with_ids,
            keeps_bytes: traits.added_header.is_none(),
            sizes_exact: traits.listed_size_error == 0,
            keeps: traits.permanent_flags,
            roles: traits.roles,
            below_inbox: !traits.flat_inbox,
            ..Declared::default()
        }
    }

    async fn reset(&self) {
        self.server.reset();
    }

    async fn make_folder(&self, folder: &FolderPath) {
        self.server.add_folder(folder.clone());
    }

    async fn drop_folder(&self, folder: &FolderPath) {
        self.server.delete_folder(folder.clone());
    }

    async fn put(&self, folder: &FolderPath, message: &Seen) {
        self.server.append(folder.clone(), message.bytes.clone(), &message.flags, message.date);
    }

    async fn contents(&self, folder: &FolderPath) -> Vec<Seen> {
        let stored = self.server.contents(folder.clone()).into_iter();
        stored.map(|stored| Seen { bytes: stored.bytes, flags: stored.flags, date: stored.internal_date }).collect()
    }

    async fn set_flags(&self, folder: &FolderPath, index: usize, flags: &Flags) {
        let id = self.server.contents(folder.clone()).swap_remove(index).id;
        self.server.set_flags(folder.clone(), &id, flags);
    }

    async fn expunge(&self, folder: &FolderPath, index: usize) {
        let id = self.server.contents(folder.clone()).swap_remove(index).id;
        assert!(self.server.expunge(folder.clone(), &id));
    }

    async fn renumber(&self, folder: &FolderPath) -> bool {
        self.server.change_uidvalidity(folder.clone());
        true
    }

    async fn subscribed(&self) -> Vec<FolderPath> {
        self.server.folders().into_iter().filter(|folder| folder.subscribed).map(|folder| folder.path).collect()
    }
}

mod friendly {
    use super::*;
    limosa_testkit::conformance_suite!(Memory::new(MemoryTraits::default()));
}

mod awkward {
    use super::*;
    limosa_testkit::conformance_suite!(Memory::new(MemoryTraits::awkward()));
}

/// UIDs and MULTIAPPEND.
mod batched {
    use super::*;
    limosa_testkit::conformance_suite!(Memory::new(MemoryTraits { batch: 6, window: 9, ..MemoryTraits::default() }));
}

/// IMAP without CONDSTORE, UIDPLUS and keywords.
mod plain_imap {
    use super::*;
    limosa_testkit::conformance_suite!(Memory::new(MemoryTraits {
        changes: Changes::FlagsUnseen,
        receipts_with_ids: false,
        window: 4,
        object_ids: false,
        roles: false,
        flat_inbox: true,
        permanent_flags: PermanentFlags {
            system: SystemFlags::ALL.difference(SystemFlags::DRAFT),
            new_keywords: false,
            keywords: vec!["work".into()],
        },
        ..MemoryTraits::default()
    }));
}

/// String ids with deltas, as Graph and JMAP have them, and bytes that are not kept.
mod rendered {
    use super::*;
    limosa_testkit::conformance_suite!(Memory::new(MemoryTraits {
        ids: Ids::Keys,
        sizes_known: false,
        added_header: Some("X-Added: yes"),
        case_insensitive_folders: true,
        surveys_object_ids: false,
        page: 2,
        ..MemoryTraits::default()
    }));
}
