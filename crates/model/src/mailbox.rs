//! The contract of an endpoint: a [`Mailbox`] can be read, a [`Target`] can be written too.
//!
//! The clauses have names, `[like.this]`; the conformance suite in `testkit` has a check of the same name for each, and
//! every connector runs it. Nothing here assumes IMAP: ids may be long strings without order, one message may stand in
//! several folders, sizes may lie, changes may come by an opaque token.
//!
//! `[ids.valid]`: whatever takes ids of messages fails, with [`Retry::Now`](crate::Retry::Now), when the folder gives its ids under
//! another [`FolderState::ids`](crate::FolderState::ids) than the folder it was given says: they would name other messages.
//!
//! A mailbox is one signed-in connection. For more connections, [`Connector`] opens more of them.

use async_trait::async_trait;

use crate::error::{ConnectorError, Retry, Scope};
use crate::flags::{Flags, PermanentFlags};
use crate::folder::{Folder, FolderPath, Role, Watermark};
use crate::message::{Head, HeaderItem, IdList, Item, MessageId, Piece, Receipt};
use crate::meter::Meter;

/// What most promises here answer.
pub type Result<T> = std::result::Result<T, ConnectorError>;

/// A way to one mailbox: its endpoint, account and secrets. Opening it again gives another connection.
#[async_trait]
pub trait Connector: Send + Sync {
    /// The account, without secrets: the ledger's key and what reports show, for example `imap://alice@old.example:993`.
    /// The same account gives the same text, however it was written down.
    fn account(&self) -> String;

    /// Opens the mailbox to be read. `[source.read-only]`: nothing done with it changes anything on the endpoint,
    /// not even `\Seen` or `\Recent`.
    async fn open(&self) -> Result<Box<dyn Mailbox>>;

    /// Opens the mailbox to be written.
    async fn open_target(&self) -> Result<Box<dyn Target>>;

    /// Counts what all connections of this connector cost.
    fn meter(&self) -> &Meter;

    /// How many connections to this mailbox may be open at once; at least 1.
    fn connections(&self) -> usize;
}

/// Everything about a mailbox that can be learnt without opening a folder.
#[derive(Clone, Debug)]
pub struct Survey {
    /// All folders of the owner, parents before children, without shared and public ones. `[survey.inbox]`: an IMAP
    /// mailbox always has its inbox.
    pub folders: Vec<Folder>,
    /// What the server calls itself, for people: `Dovecot`, `Cyrus IMAP 3.6.1`.
    pub server: String,
    /// Capabilities in the protocol's own words, for people.
    pub capabilities: Vec<String>,
    /// Names of extensions that this connector will make use of, for people.
    pub used: Vec<String>,
    /// What is odd about this server and how it is dealt with, for people.
    pub quirks: Vec<String>,
    /// What the mailbox cannot do or take.
    pub limits: Limits,
}

/// What a mailbox cannot do or take.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Largest message that the store takes, in bytes, where it says so (APPENDLIMIT, RFC 7889).
    pub message_bytes: Option<u64>,
    /// Room left under the quota, in bytes, where the store says so. Filled by [`Mailbox::check`] only.
    pub room_bytes: Option<u64>,
    /// Folder names that differ in letter case only are one folder here.
    pub case_insensitive_folders: bool,
    /// The inbox can have no folders below it.
    pub flat_inbox: bool,
    /// A folder that holds messages can have no folders below it, and the other way round.
    pub folders_or_messages: bool,
    /// Characters that cannot stand in a folder's name: the server's separator, control characters.
    pub forbidden_in_names: Vec<char>,
    /// Keywords cannot be stored at all.
    pub no_keywords: bool,
    /// 8-bit bytes in message headers are known to be stored as given. Where not, such messages are read back.
    pub keeps_eight_bit_headers: bool,
}

/// How a page of changes is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// What changed since the watermark: unnamed messages are as they were.
    Delta,
    /// All messages: known ids that are not named are gone. Ids are still valid.
    Full,
    /// All messages, and all ids given before are void (IMAP: UIDVALIDITY changed). What stands where must be found by content.
    Renumbered,
}

/// How much a listing tells of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Id and flags: what costs the store least.
    Flags,
    /// Size and internal date too.
    Metadata,
}

/// Where the next page of a listing begins; opaque, valid on the connection that gave it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor(pub String);

/// One page of what stands in a folder or changed in it.
#[derive(Clone, Debug)]
pub struct Page {
    /// How to read it; the same on all pages of one listing.
    pub basis: Basis,
    /// Messages that are there: new, or with other flags, or (in full) simply there. Each at most once in a listing.
    pub present: Vec<Item>,
    /// Ids that are gone. May name ids that never were. Empty unless the basis is [`Basis::Delta`].
    pub vanished: IdList,
    /// The next page; `None` on the last one.
    pub next: Option<Cursor>,
    /// On the last page: where the folder stood when the listing *began*, so that what happens meanwhile is seen next
    /// time. `[changes.watermark]`: it equals the one that a survey gives as long as nothing changes.
    pub watermark: Option<Watermark>,
}

/// One thing from a fetch.
#[derive(Debug)]
pub enum Fetched {
    /// Part of a message.
    Piece(Piece),
    /// The message is gone: expunged since it was listed.
    Gone(MessageId),
    /// The store cannot give this message, and the next ones it can.
    Unreadable(MessageId, ConnectorError),
}

/// A fetch under way.
#[async_trait]
pub trait Fetch: Send {
    /// Adds what has come to `into`, waiting for at least one thing; false when the fetch is over.
    ///
    /// - `[fetch.once]` Each id asked for ends once: by [`Piece::End`], [`Fetched::Gone`] or [`Fetched::Unreadable`]. Order is free;
    ///   the pieces of one message come together.
    /// - `[fetch.whole]` [`Piece::End`] comes only when the store has confirmed that all of the message was sent. A cut,
    ///   short or over-long body ends in an error instead.
    /// - `[fetch.exact]` The bytes are the store's own, and exactly [`Head::size`] of them where it is given.
    /// - `[fetch.bounded]` One call adds at most about 1 MiB, whatever the message's size.
    ///
    /// # Errors
    /// Of scope connection or wider: nothing more comes, and the mailbox must be opened again.
    async fn next(&mut self, into: &mut Vec<Fetched>) -> Result<bool>;
}

/// A mailbox that can be read.
#[async_trait]
pub trait Mailbox: Send {
    /// All folders and where they stand. `[survey.one-round-trip]`: one round trip where the server allows it, and no folder is
    /// opened; `[survey.cheap]`: its cost does not grow with the number of messages.
    async fn survey(&mut self) -> Result<Survey>;

    /// Fills in the object ids of these folders, as a survey gave them, where the store has such ids and a survey cannot tell them.
    /// `[identify.cheap]`: one round trip at most, and none where the survey has told them. `[identify.unique]`: no two folders have the
    /// same one.
    async fn identify(&mut self, folders: &mut [Folder]) -> Result<()>;

    /// Like [`survey`](Self::survey), and also what costs more to learn: quota, bytes of every folder.
    async fn check(&mut self) -> Result<Survey>;

    /// What stands in a folder, or what changed in it since a watermark, page by page: at most 10,000 messages a page.
    /// Give `after` to get the page after another one, with the same `since`.
    ///
    /// - `[changes.full]` Without `since`: every message, basis full.
    /// - `[changes.delta]` With `since`: the changes only, or everything with basis [`Basis::Full`] where the store cannot
    ///   tell changes, or [`Basis::Renumbered`] where it does not know that watermark's ids any more.
    /// - `[changes.flags]` A flag changed is a change; so is a message moved away (vanished) or moved in (present, new id).
    async fn changes(
        &mut self,
        folder: &Folder,
        since: Option<&Watermark>,
        detail: Detail,
        after: Option<&Cursor>,
    ) -> Result<Page>;

    /// Ids of messages that came into a folder after a watermark; all ids without one, or when the store cannot tell.
    /// Costs nothing a message on the wire where the store can say ranges.
    async fn arrivals(&mut self, folder: &Folder, since: Option<&Watermark>) -> Result<IdList>;

    /// Header blocks of these messages, at most 1,000 a call. Messages that are gone are left out, and no others. A header
    /// longer than 1 MiB is cut there, the same way every time.
    async fn headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>>;

    /// Begins to fetch these messages.
    async fn fetch<'a>(&'a mut self, folder: &Folder, ids: &IdList) -> Result<Box<dyn Fetch + 'a>>;

    /// Ends the connection politely, without waiting for the other side.
    async fn close(self: Box<Self>);
}

/// How messages are given to a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Batching {
    /// As it is fastest; if one message is refused, others may come back [`RolledBack`](crate::message::Outcome::RolledBack).
    Free,
    /// Each message on its own, so that a refusal concerns that message and no other.
    Alone,
}

/// Writes messages into one folder of a target.
#[async_trait]
pub trait Writer: Send {
    /// Takes pieces of messages, in order; leaves `pieces` empty. Waits only as long as the target's buffers are full.
    ///
    /// - `[write.whole]` A message is stored whole or not at all: nothing of it is stored before its [`Piece::End`] was taken.
    /// - `[write.exact]` What is stored is what was given, byte for byte, with its internal date and flags; where the
    ///   store cannot do so, the message is refused.
    /// - `[write.in-order]` Messages of one writer get ids in the order they were given, where ids have an order.
    ///
    /// # Errors
    /// Messages without a receipt are then neither known stored nor known absent.
    async fn write(&mut self, pieces: &mut Vec<Piece>) -> Result<()>;

    /// Receipts that have come since the last call. Never waits.
    fn receipts(&mut self) -> Vec<Receipt>;

    /// Waits until every message given has a receipt, and hands over the last ones. `[write.receipt]`: one for each message.
    async fn finish(self: Box<Self>) -> Result<Vec<Receipt>>;

    /// Gives up in the middle of a message. `[write.abort]`: the unfinished message is not stored, now or later. The
    /// connection may be lost by it; messages without a receipt are in doubt.
    async fn abort(self: Box<Self>);
}

/// A message that is on its way from one folder of a target to another: its old id and its new one, where the target tells.
pub type Moved = (MessageId, Option<MessageId>);

/// A mailbox that can be written.
#[async_trait]
pub trait Target: Mailbox {
    /// Makes a folder, with its role where the store takes one, and the parents that it needs.
    /// `[create.idempotent]`: no error if it exists. Answers it as a survey would.
    async fn create_folder(&mut self, path: &FolderPath, role: Option<Role>) -> Result<Folder>;

    /// Gives a folder that holds messages, or can, another name, and makes the parents that it needs (RFC 9051 §6.3.6). Answers it as a
    /// survey would.
    ///
    /// - `[rename.keeps]` Its messages stay, each with its bytes, flags and internal date. If the folder gives its ids under what it
    ///   gave them before, each names the same message.
    /// - `[rename.below]` The folders below it go along, and keep as much.
    /// - `[rename.subscriptions]` Subscriptions to it and to what is below it go along, although IMAP's RENAME leaves them.
    /// - `[rename.no-overwrite]` If there is a folder of that name, it is an error, and nothing has changed.
    /// - `[rename.not-inbox]` The inbox is never renamed: an error, and nothing has changed.
    ///
    /// # Errors
    /// Cut off on the way, it may be done in part where the store has no such act; begun again, it is done whole.
    async fn rename_folder(&mut self, folder: &Folder, to: &FolderPath) -> Result<Folder>;

    /// Makes several folders, parents first, as [`create_folder`](Self::create_folder) does each; in fewer round trips where the store
    /// allows it. `[create.many]`: an answer for each, in order; one that cannot be made does not keep back the others.
    ///
    /// # Errors
    /// Those that concern more than one folder.
    async fn create_folders(&mut self, wanted: &[(FolderPath, Option<Role>)]) -> Result<Vec<Result<Folder>>> {
        let mut made = Vec::new();
        for (path, role) in wanted {
            made.push(of_one_folder(self.create_folder(path, *role).await)?);
        }
        Ok(made)
    }

    /// Removes an empty folder. `[delete.empty-only]`: one that holds messages is left alone, with an error.
    async fn delete_folder(&mut self, folder: &Folder) -> Result<()>;

    /// Subscribes the owner to a folder, or ends it. `[subscribe.idempotent]`
    async fn subscribe(&mut self, folder: &Folder, subscribed: bool) -> Result<()>;

    /// Several at once, as [`subscribe`](Self::subscribe) each; in fewer round trips where the store allows it. `[subscribe.many]`: an
    /// answer for each, in order.
    ///
    /// # Errors
    /// Those that concern more than one folder.
    async fn subscribe_all(&mut self, wanted: &[(&Folder, bool)]) -> Result<Vec<Result<()>>> {
        let mut done = Vec::new();
        for (folder, subscribed) in wanted {
            done.push(of_one_folder(self.subscribe(folder, *subscribed).await)?);
        }
        Ok(done)
    }

    /// Which flags the folder keeps.
    async fn permanent_flags(&mut self, folder: &Folder) -> Result<PermanentFlags>;

    /// Begins to write into a folder.
    async fn writer<'a>(&'a mut self, folder: &Folder, batching: Batching) -> Result<Box<dyn Writer + 'a>>;

    /// Sets the flags of these messages to exactly `flags`. Messages that are gone are passed over.
    async fn set_flags(&mut self, folder: &Folder, ids: &IdList, flags: &Flags) -> Result<()>;

    /// Removes these messages for good, and no others. `[remove.only]`: messages that somebody else marked `\Deleted` stay.
    async fn remove(&mut self, folder: &Folder, ids: &IdList) -> Result<()>;

    /// Moves these messages to another folder, keeping flags and internal dates. `[relocate.once]`: each stands in
    /// exactly one of the two folders afterwards, whatever happens on the way.
    async fn relocate(&mut self, from: &Folder, ids: &IdList, to: &Folder) -> Result<Vec<Moved>>;
}

/// Tells an error that concerns one folder from one that concerns more.
///
/// # Errors
/// The latter.
pub fn of_one_folder<T>(result: Result<T>) -> Result<Result<T>> {
    match result {
        Err(error) if error.scope() > Scope::Folder || error.retry() != Retry::Never => Err(error),
        result => Ok(result),
    }
}

/// Helps a target check what it is given: how far the message under way has come.
#[derive(Debug, Default)]
pub struct WholeMessage {
    announced: Option<u64>,
    got: u64,
    open: bool,
}

impl WholeMessage {
    /// A message begins.
    ///
    /// # Errors
    /// If the one before has not ended.
    pub fn head(&mut self, head: &Head) -> std::result::Result<(), &'static str> {
        if self.open {
            return Err("a message began before the last one ended");
        }
        *self = Self { announced: head.size, got: 0, open: true };
        Ok(())
    }

    /// Bytes came.
    ///
    /// # Errors
    /// If there is no message, or more bytes came than were announced.
    pub fn body(&mut self, bytes: usize) -> std::result::Result<(), &'static str> {
        self.got += bytes as u64;
        if !self.open || self.announced.is_some_and(|size| self.got > size) {
            return Err("more bytes came than the message has");
        }
        Ok(())
    }

    /// The message ended.
    ///
    /// # Errors
    /// If there is none, or bytes are missing.
    pub fn end(&mut self) -> std::result::Result<(), &'static str> {
        if !self.open || self.announced.is_some_and(|size| self.got != size) {
            return Err("the message ended before all of its bytes came");
        }
        self.open = false;
        Ok(())
    }

    /// Whether a message has begun and not ended.
    pub fn is_open(&self) -> bool {
        self.open
    }
}
