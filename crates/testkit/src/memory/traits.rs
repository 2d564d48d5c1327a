//! How a memory server behaves: the ways in which real stores differ.

use std::fmt;
use std::sync::Arc;

use limosa_model::{ErrorKind, PermanentFlags};

/// What ids look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// Numbers that grow with arrival (IMAP).
    Uids,
    /// Long strings whose order says nothing (JMAP, Graph).
    Keys,
}

/// What a folder can tell of changes since a watermark.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Changes {
    /// All of them (IMAP with QRESYNC, JMAP, Graph).
    Delta,
    /// Only that there are some: everything is listed again (Maildir).
    Full,
    /// Not even that where flags are concerned (IMAP without CONDSTORE).
    FlagsUnseen,
}

/// Says why a message is refused, from its bytes: [`ErrorKind::TooBig`] or [`ErrorKind::Malformed`]; `None` takes it.
pub type Refuse = Arc<dyn Fn(&[u8]) -> Option<ErrorKind> + Send + Sync>;

/// How a memory server behaves. The default is a friendly one: UIDs, full delta, exact everything.
#[derive(Clone)]
pub struct MemoryTraits {
    /// What ids look like.
    pub ids: Ids,
    /// What it can tell of changes.
    pub changes: Changes,
    /// Whether `Head::size` is told before the body.
    pub sizes_known: bool,
    /// Added to every size in a listing and in headers: such sizes lie. A fetch's `Head::size` never does.
    pub listed_size_error: i64,
    /// Whether a receipt says under which id a message stands (UIDPLUS).
    pub receipts_with_ids: bool,
    /// Messages stored together, all or none, where batching is free (MULTIAPPEND). 1: each alone. In a batch of several
    /// with one refused, all come back rolled back: the server does not say which it was.
    pub batch: usize,
    /// Whole messages that may be under way before the oldest of them (or its batch) is stored and gets its receipt.
    pub window: usize,
    /// Whether whole messages still under way are stored all the same when the connection breaks: a server works off
    /// what stands in its socket's buffer.
    pub late_landing: bool,
    /// What every folder keeps of flags.
    pub permanent_flags: PermanentFlags,
    /// Which messages are refused.
    pub refuse: Option<Refuse>,
    /// Largest message taken, told in the survey's limits.
    pub message_bytes: Option<u64>,
    /// Quota in bytes over all folders.
    pub quota: Option<u64>,
    /// A header line put before every message that is written: bytes are then not kept.
    pub added_header: Option<&'static str>,
    /// Whether names that differ in letter case only are one folder.
    pub case_insensitive_folders: bool,
    /// Whether the inbox can have no folders below it.
    pub flat_inbox: bool,
    /// Whether folders have roles and take them.
    pub roles: bool,
    /// Whether folders have ids that outlive a rename.
    pub object_ids: bool,
    /// Whether a survey tells them; elsewhere they have to be asked for (Cyrus).
    pub surveys_object_ids: bool,
    /// Whether nothing can be written.
    pub read_only: bool,
    /// Messages on one page of a listing.
    pub page: usize,
    /// Bytes in one piece of a fetched body.
    pub piece: usize,
    /// How many connections may be open at once.
    pub connections: usize,
    /// The first UIDVALIDITY that it gives: two servers made alike are told apart by it.
    pub first_validity: u32,
}

impl Default for MemoryTraits {
    fn default() -> Self {
        Self {
            ids: Ids::Uids,
            changes: Changes::Delta,
            sizes_known: true,
            listed_size_error: 0,
            receipts_with_ids: true,
            batch: 1,
            window: 0,
            late_landing: false,
            permanent_flags: PermanentFlags::default(),
            refuse: None,
            message_bytes: None,
            quota: None,
            added_header: None,
            case_insensitive_folders: false,
            flat_inbox: false,
            roles: true,
            object_ids: true,
            surveys_object_ids: true,
            read_only: false,
            page: 10_000,
            piece: 64 * 1024,
            connections: 4,
            first_validity: 1,
        }
    }
}

impl MemoryTraits {
    /// As unlike IMAP as the contract allows: string ids, only full listings, sizes unknown or wrong, receipts without
    /// ids, small pages, batches that roll back, no object ids.
    pub fn awkward() -> Self {
        Self {
            ids: Ids::Keys,
            changes: Changes::Full,
            sizes_known: false,
            listed_size_error: 7,
            receipts_with_ids: false,
            batch: 5,
            window: 12,
            late_landing: true,
            object_ids: false,
            page: 3,
            piece: 1000,
            ..Self::default()
        }
    }
}

impl fmt::Debug for MemoryTraits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryTraits")
            .field("ids", &self.ids)
            .field("changes", &self.changes)
            .field("batch", &self.batch)
            .field("window", &self.window)
            .field("page", &self.page)
            .finish_non_exhaustive()
    }
}
