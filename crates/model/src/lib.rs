//! The words Limosa is built of, and the promises its parts make to one another.
//!
//! # Words
//!
//! A **mailbox** is one person's (or team's, or resource's) whole mail store; IMAP's "mailbox" is a **folder** here. A
//! **source** and a **target** mailbox form a **pair**. A **pass** brings the target up to its source. What has arrived is
//! written to the **ledger** (source id ↔ target id, flags last seen); that write is called to **settle**. A **watermark** is
//! an opaque position in one folder up to which everything is settled.
//!
//! # Modules, in reading order
//!
//! - [`folder`], [`message`], [`flags`]: what a mailbox holds.
//! - [`mailbox`]: the contract of a mailbox that can be read, [`Mailbox`], and of one that can be written, [`Target`].
//! - [`ledger`]: what stands where, and the [`Ledger`] that keeps it.
//! - [`error`]: what can go wrong at an endpoint: how far it reaches and whether to try again.
//! - [`meter`]: round trips and bytes on the wire.
//! - [`pair`]: how a pair is named.
//! - [`programme`]: many pairs over time: endpoints, organisations, phases, grants, windows, waves.
//!
//! There is no I/O here and no runtime: a crate that knows only this one can be tested in memory.

pub mod error;
pub mod flags;
pub mod folder;
pub mod ledger;
pub mod mailbox;
pub mod message;
pub mod meter;
pub mod pair;
pub mod programme;

pub use error::{ConnectorError, ErrorKind, Retry, Scope};
pub use flags::{Flags, Keywords, PermanentFlags, SystemFlags};
pub use folder::{Folder, FolderPath, FolderState, Role, Watermark};
pub use ledger::{Approval, Exception, FolderLedger, Ledger, LedgerError, Settlement};
pub use mailbox::{Connector, Fetched, Mailbox, Survey, Target, Writer};
pub use message::{Head, IdList, InternalDate, Item, MessageId, Piece};
pub use meter::Meter;
pub use pair::PairKey;
