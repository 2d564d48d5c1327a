//! What the suite needs beside the connector: a second pair of eyes on the same mailbox, and what the store cannot do.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use limosa_model::{Connector, Flags, FolderPath, InternalDate, PermanentFlags};

/// One message as the second pair of eyes sees it.
#[derive(Clone, PartialEq, Eq)]
pub struct Seen {
    /// Its bytes.
    pub bytes: Bytes,
    /// Its flags.
    pub flags: Flags,
    /// Its internal date.
    pub date: InternalDate,
}

/// Short, whatever the message's size.
impl fmt::Debug for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let begin = String::from_utf8_lossy(&self.bytes[..self.bytes.len().min(60)]);
        write!(f, "{} bytes {begin:?} {:?} at {}", self.bytes.len(), self.flags, self.date.seconds)
    }
}

/// What a store can do. What is absent here is skipped, and nothing else.
#[derive(Clone, Debug)]
pub struct Declared {
    /// `changes` with a watermark answers with the changes only.
    pub delta: bool,
    /// An equal watermark proves that nothing changed, flags included.
    pub proves_unchanged: bool,
    /// Ids are UIDs, which grow with arrival.
    pub ids_ordered: bool,
    /// Folders have ids that outlive a rename, in a survey or when they are asked for.
    pub object_ids: bool,
    /// Messages are stored in batches: one refused message may roll others back.
    pub batches: bool,
    /// Receipts and relocations tell ids.
    pub receipt_ids: bool,
    /// What is stored is what was given, byte for byte.
    pub keeps_bytes: bool,
    /// Sizes in listings and headers are those of the bytes.
    pub sizes_exact: bool,
    /// What folders keep of flags.
    pub keeps: PermanentFlags,
    /// Folders take roles.
    pub roles: bool,
    /// Folders can be subscribed to.
    pub subscriptions: bool,
    /// Round trips of a survey on an open connection; `None` where there is no promise.
    pub survey_round_trips: Option<u64>,
    /// Names of samples (see [`samples`](super::samples)) that the store is known to refuse or to change.
    pub refused_samples: Vec<&'static str>,
    /// Folder names that the store is known to refuse.
    pub refused_names: Vec<&'static str>,
    /// The store can hold folders below the inbox.
    pub below_inbox: bool,
    /// A folder can be removed while there are folders below it.
    pub removes_parents: bool,
}

impl Default for Declared {
    /// A store that can do everything.
    fn default() -> Self {
        Self {
            delta: true,
            proves_unchanged: true,
            ids_ordered: true,
            object_ids: true,
            batches: false,
            receipt_ids: true,
            keeps_bytes: true,
            sizes_exact: true,
            keeps: PermanentFlags::default(),
            roles: true,
            subscriptions: true,
            survey_round_trips: Some(1),
            refused_samples: Vec::new(),
            refused_names: Vec::new(),
            below_inbox: true,
            removes_parents: true,
        }
    }
}

/// A mailbox under test: the way to it through the contract, and another way that shares no code with it.
///
/// Whatever fails here panics: it is the test that cannot be run.
#[async_trait]
pub trait Harness: Send + Sync {
    /// The connector under test. The same one each time.
    fn connector(&self) -> Arc<dyn Connector>;

    /// What the store can do.
    fn declared(&self) -> Declared;

    /// Empties the mailbox: an inbox without messages is left.
    async fn reset(&self);

    /// Makes a folder and the parents it needs; nothing when it is there.
    async fn make_folder(&self, folder: &FolderPath);

    /// Ends a folder with everything in it.
    async fn drop_folder(&self, folder: &FolderPath);

    /// Adds a message to a folder, which is made where it is missing.
    async fn put(&self, folder: &FolderPath, message: &Seen);

    /// All messages of a folder, in an order that stays while nothing is added or removed; empty when it is missing.
    async fn contents(&self, folder: &FolderPath) -> Vec<Seen>;

    /// Sets the flags of the message at that place in [`Harness::contents`] to exactly these.
    async fn set_flags(&self, folder: &FolderPath, index: usize, flags: &Flags);

    /// Removes the message at that place in [`Harness::contents`], and no other.
    async fn expunge(&self, folder: &FolderPath, index: usize);

    /// Moves the message at that place in [`Harness::contents`] to another folder that is there.
    async fn relocate(&self, from: &FolderPath, index: usize, to: &FolderPath) {
        let message = self.contents(from).await.swap_remove(index);
        self.expunge(from, index).await;
        self.put(to, &message).await;
    }

    /// Makes all ids of a folder void (UIDVALIDITY); false where the store knows no such thing.
    async fn renumber(&self, _folder: &FolderPath) -> bool {
        false
    }

    /// Folders that the owner is subscribed to. Asked only where subscriptions are declared.
    async fn subscribed(&self) -> Vec<FolderPath>;

    /// Everything that reading could disturb beside contents (file names, `\Recent`), in whatever form.
    async fn fingerprint(&self) -> String {
        String::new()
    }
}
