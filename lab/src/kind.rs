//! Which servers can be asked for by name?

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::lab::{Lab, blocking, cache_folder};
use crate::server::{
    CourierOptions, CyrusOptions, DovecotOptions, Fsync, Server, Storage, fetch_courier, fetch_cyrus, fetch_dovecot,
};

/// A server in its usual shape, by the name that the command line has for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Dovecot with Maildir++.
    DovecotMaildir,
    /// Dovecot with one file a message of its own format.
    DovecotSdbox,
    /// Cyrus IMAP.
    Cyrus,
    /// Courier-IMAP.
    Courier,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 4] = [Kind::DovecotMaildir, Kind::DovecotSdbox, Kind::Cyrus, Kind::Courier];

    /// The kind's name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Kind::DovecotMaildir => "dovecot-maildir",
            Kind::DovecotSdbox => "dovecot-sdbox",
            Kind::Cyrus => "cyrus",
            Kind::Courier => "courier",
        }
    }

    /// Downloads and unpacks what the kind needs, if that is not done yet.
    ///
    /// # Errors
    /// If its packages cannot be fetched.
    pub async fn fetch(self) -> Result<()> {
        blocking(move || {
            let cache = cache_folder()?;
            match self {
                Kind::DovecotMaildir | Kind::DovecotSdbox => fetch_dovecot(&cache),
                Kind::Cyrus => fetch_cyrus(&cache),
                Kind::Courier => fetch_courier(&cache),
            }
        })
        .await
    }

    /// Starts a server of this kind under its own name. `fsync` says whether it asks the disk to keep
    /// what it takes, where it can be told.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn start(self, lab: &Lab, fsync: Fsync) -> Result<Server> {
        let dovecot = |storage| DovecotOptions { storage, fsync, ..DovecotOptions::default() };
        match self {
            Kind::DovecotMaildir => lab.dovecot_named(self.name(), dovecot(Storage::Maildir)).await,
            Kind::DovecotSdbox => lab.dovecot_named(self.name(), dovecot(Storage::Sdbox)).await,
            Kind::Cyrus => lab.cyrus_named(self.name(), CyrusOptions::default()).await,
            Kind::Courier => lab.courier_named(self.name(), CourierOptions::default()).await,
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Kind {
    type Err = LabError;

    fn from_str(name: &str) -> Result<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name).ok_or_else(|| LabError::Unsupported {
            what: format!("there is no server {name}; there are {}", Kind::ALL.map(Kind::name).join(", ")),
        })
    }
}
