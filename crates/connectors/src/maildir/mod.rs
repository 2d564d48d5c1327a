//! Maildir++ on the local file system, as source and as target.
//!
//! The root is the inbox, with `cur`, `new` and `tmp`; other folders stand beside them as `.Name.Below`, names in modified
//! UTF-7, as Dovecot and Courier write them. A message's id is its file name up to the `:`; flags stand after it
//! (`:2,FS`), keywords as letters that `dovecot-keywords` gives names to; its internal date is the file's modification
//! time, its size the file's. Sizes that file names claim (`S=`, `W=`) are not looked at: they are wrong more often than
//! one would like.
//!
//! # Line ends
//!
//! A Maildir holds lines that end as whoever wrote them liked: Dovecot writes LF unless `mail_save_crlf` is set, and its
//! IMAP server then presents CRLF; nothing in the file says so. [`LineEnds`] decides what reading gives:
//!
//! - [`LineEnds::Crlf`], the default of a source: a file with bare LF and not one CRLF is given with CRLF, as an IMAP
//!   server would present it, so that Maildir and IMAP copies of one message are the same bytes. A file with any CRLF was
//!   written as it came, and is given as it stands.
//! - [`LineEnds::AsStored`], the default of a target: bytes are bytes. What was written is read back, so that a copy can be
//!   compared with what was sent; between two Maildirs, both read so, files stay equal to the byte.
//!
//! Writing never changes a byte.
//!
//! # Other clients
//!
//! Maildir has no locks: other clients add, rename and remove files at any time. A listing is read again until it stands
//! still; a file that is not where the listing saw it is looked for under its other names before it counts as gone.
//! A source is only read: files stay in `new`, no index or list is written.
//!
//! # Modules, in reading order
//!
//! - `name`: what a file name says. `keywords`: letters and keywords. `layout`: folders and their directories. `lists`:
//!   small files that other clients change too.
//! - `files`: the files of one folder and where they are now. `content`: bytes and headers of one file.
//! - `connection`, `fetch`: reading through the contract. `target`, `writer`: writing.

mod connection;
mod content;
mod error;
mod fetch;
mod files;
mod keywords;
mod layout;
mod lists;
mod name;
mod target;
mod writer;

use std::path::{Path, PathBuf};

use async_trait::async_trait;
use limosa_model::mailbox::Result;
use limosa_model::{Connector, Mailbox, Meter, Target};

pub use content::LineEnds;

use connection::{MaildirConnection, blocking};

/// How many connections are worth having: a few keep a disk busy while another one waits for its sync.
const CONNECTIONS: usize = 4;

/// The way to one Maildir.
#[derive(Clone, Debug)]
pub struct MaildirConnector {
    root: PathBuf,
    line_ends: LineEnds,
    meter: Meter,
}

impl MaildirConnector {
    /// The Maildir at this path: the folder that holds `cur`, `new` and `tmp`. Nothing is looked at yet.
    pub fn new(path: impl AsRef<Path>, line_ends: LineEnds) -> Self {
        Self { root: canonical(path.as_ref()), line_ends, meter: Meter::default() }
    }

    /// Its path: absolute, without symbolic links.
    pub fn root(&self) -> &Path {
        &self.root
    }
}

/// The one way to write a path: links resolved as far as it exists.
fn canonical(path: &Path) -> PathBuf {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    for ancestor in absolute.ancestors() {
        let Ok(resolved) = ancestor.canonicalize() else { continue };
        return match absolute.strip_prefix(ancestor) {
            Ok(rest) if rest.as_os_str().is_empty() => resolved,
            Ok(rest) => resolved.join(rest),
            Err(_) => absolute,
        };
    }
    absolute
}

#[async_trait]
impl Connector for MaildirConnector {
    /// `maildir:/absolute/path`
    fn account(&self) -> String {
        format!("maildir:{}", self.root.display())
    }

    async fn open(&self) -> Result<Box<dyn Mailbox>> {
        let root = self.root.clone();
        blocking(move || layout::check(&root)).await?;
        self.meter.connected();
        Ok(Box::new(MaildirConnection::new(self.root.clone(), self.line_ends)))
    }

    async fn open_target(&self) -> Result<Box<dyn Target>> {
        let root = self.root.clone();
        blocking(move || layout::make_root(&root)).await?;
        self.meter.connected();
        Ok(Box::new(MaildirConnection::new(self.root.clone(), self.line_ends)))
    }

    /// Counts connections only: nothing here goes over a wire.
    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn connections(&self) -> usize {
        CONNECTIONS
    }
}
