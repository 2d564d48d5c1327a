//! One signed-in connection as a mailbox and as a target: which part of the connector answers what.

use std::sync::Arc;

use async_trait::async_trait;
use limosa_imap::UidSet;
use limosa_imap::quirk::Quirks;
use limosa_model::folder::{FolderPath, Role};
use limosa_model::mailbox::{Batching, Cursor, Detail, Fetch, Mailbox, Moved, Page, Result, Survey, Target, Writer};
use limosa_model::message::HeaderItem;
use limosa_model::{Flags, Folder, IdList, PermanentFlags, Watermark};

use super::batches::Batches;
use super::changes::Listing;
use super::connection::Connection;
use super::flags::FlagCache;
use super::names::Names;
use super::select::Selected;
use super::suspects::Suspects;

/// A signed-in connection.
pub(crate) struct ImapMailbox {
    pub(crate) connection: Connection,
    /// Opened as a target: folders are selected for writing.
    pub(crate) writable: bool,
    /// The owner's part of the server's names, once it is known.
    pub(crate) names: Option<Names>,
    pub(crate) selected: Option<Selected>,
    /// How often a folder was opened on this connection.
    pub(crate) openings: u64,
    /// [`Connection::expunged`] when the open folder was opened.
    pub(crate) expunged_at_opening: u64,
    /// The listing whose next page may be asked for.
    pub(crate) listing: Option<Listing>,
    pub(crate) flags: FlagCache,
    /// Messages at which connections of this connector broke.
    pub(crate) suspects: Arc<Suspects>,
    /// QRESYNC, CONDSTORE were refused although the server offers them.
    pub(crate) without_qresync: bool,
    pub(crate) without_condstore: bool,
    /// LIST-STATUS was refused although the server offers it.
    pub(crate) without_list_status: bool,
    /// X-GUID was refused although the server calls itself Dovecot: it may be in front of another one.
    pub(crate) without_guid: bool,
    pub(crate) batches: Arc<Batches>,
}

impl ImapMailbox {
    pub(crate) fn new(connection: Connection, writable: bool, suspects: Arc<Suspects>, batches: Arc<Batches>) -> Self {
        Self {
            connection,
            writable,
            names: None,
            selected: None,
            openings: 0,
            expunged_at_opening: 0,
            listing: None,
            flags: FlagCache::default(),
            suspects,
            without_qresync: false,
            without_condstore: false,
            without_list_status: false,
            without_guid: false,
            batches,
        }
    }

    /// What is known of the server beyond what it says.
    pub(crate) fn quirks(&self) -> Quirks {
        Quirks::detect(self.connection.greeting.as_bytes(), &self.connection.id, &self.connection.capabilities)
    }

    /// Whether the server offers this, and it works there.
    pub(crate) fn can_use(&self, capability: &[u8]) -> bool {
        self.quirks().can_use(&self.connection.capabilities, capability)
    }

    pub(crate) fn can_qresync(&self) -> bool {
        !self.without_qresync && self.can_use(b"QRESYNC")
    }

    pub(crate) fn can_condstore(&self) -> bool {
        !self.without_condstore && self.can_use(b"CONDSTORE")
    }
}

#[async_trait]
impl Mailbox for ImapMailbox {
    async fn survey(&mut self) -> Result<Survey> {
        self.read_survey().await
    }

    async fn identify(&mut self, folders: &mut [Folder]) -> Result<()> {
        self.read_object_ids(folders).await
    }

    async fn check(&mut self) -> Result<Survey> {
        self.read_check().await
    }

    async fn changes(
        &mut self,
        folder: &Folder,
        since: Option<&Watermark>,
        detail: Detail,
        after: Option<&Cursor>,
    ) -> Result<Page> {
        match after {
            Some(cursor) => self.next_page(folder, detail, cursor).await,
            None => self.first_page(folder, since, detail).await,
        }
    }

    async fn arrivals(&mut self, folder: &Folder, since: Option<&Watermark>) -> Result<IdList> {
        self.read_arrivals(folder, since).await
    }

    async fn headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>> {
        self.read_headers(folder, ids).await
    }

    async fn fetch<'a>(&'a mut self, folder: &Folder, ids: &IdList) -> Result<Box<dyn Fetch + 'a>> {
        Ok(Box::new(self.start_fetch(folder, ids).await?))
    }

    async fn close(self: Box<Self>) {
        self.connection.close().await;
    }
}

#[async_trait]
impl Target for ImapMailbox {
    async fn create_folder(&mut self, path: &FolderPath, role: Option<Role>) -> Result<Folder> {
        self.make_folder(path, role).await
    }

    async fn rename_folder(&mut self, folder: &Folder, to: &FolderPath) -> Result<Folder> {
        self.rename(folder, to).await
    }

    async fn create_folders(&mut self, wanted: &[(FolderPath, Option<Role>)]) -> Result<Vec<Result<Folder>>> {
        self.make_folders(wanted).await
    }

    async fn delete_folder(&mut self, folder: &Folder) -> Result<()> {
        self.remove_folder(folder).await
    }

    async fn subscribe(&mut self, folder: &Folder, subscribed: bool) -> Result<()> {
        self.set_subscribed(folder, subscribed).await
    }

    async fn subscribe_all(&mut self, wanted: &[(&Folder, bool)]) -> Result<Vec<Result<()>>> {
        self.set_all_subscribed(wanted).await
    }

    async fn permanent_flags(&mut self, folder: &Folder) -> Result<PermanentFlags> {
        Ok(self.ensure_selected(folder, &UidSet::new()).await?.permanent.clone())
    }

    async fn writer<'a>(&'a mut self, folder: &Folder, batching: Batching) -> Result<Box<dyn Writer + 'a>> {
        Ok(Box::new(self.start_writer(folder, batching).await?))
    }

    async fn set_flags(&mut self, folder: &Folder, ids: &IdList, flags: &Flags) -> Result<()> {
        self.store_flags(folder, ids, flags).await
    }

    async fn remove(&mut self, folder: &Folder, ids: &IdList) -> Result<()> {
        self.expunge(folder, ids).await
    }

    async fn relocate(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>> {
        self.move_messages(from, ids, to).await
    }
}
