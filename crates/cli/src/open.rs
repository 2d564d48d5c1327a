//! From settings to things that work: connectors, the ledger's store, a pair's ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limosa_connectors::imap::ImapConnector;
use limosa_connectors::imap::settings::{ImapSettings, SecretSource, Security};
use limosa_connectors::maildir::MaildirConnector;
use limosa_model::{Connector, PairKey};
use limosa_store::SqliteStore;
use secrecy::SecretString;
use url::Host;

use crate::endpoint::{Encryption, Endpoint, ImapAddress};
use crate::failure::Failure;
use crate::secrets::{self, Wanted};
use crate::settings::{PairSettings, SideOptions, SideSettings};

/// Both mailboxes of a pair.
pub struct OpenPair {
    pub source: Arc<dyn Connector>,
    pub target: Arc<dyn Connector>,
}

impl OpenPair {
    /// The key of the pair's ledger.
    pub fn key(&self) -> PairKey {
        PairKey { source: self.source.account(), target: self.target.account() }
    }
}

/// Makes both connectors, asking for passwords if it must and may.
///
/// # Errors
/// If a secret is missing.
pub fn pair(settings: &PairSettings, may_ask: bool) -> Result<OpenPair, Failure> {
    Ok(OpenPair { source: connector(&settings.source, may_ask)?, target: connector(&settings.target, may_ask)? })
}

/// Makes the connector of one side. Nothing is sent yet.
///
/// # Errors
/// If its secret is missing.
pub fn connector(settings: &SideSettings, may_ask: bool) -> Result<Arc<dyn Connector>, Failure> {
    let address = match &settings.endpoint {
        Endpoint::Maildir(path) => return Ok(maildir(path)),
        Endpoint::Imap(address) => address,
    };
    let options = &settings.options;
    let admin = options.admin.as_deref();
    let secret = secrets::obtain(&options.credential, Wanted { side: settings.side, address, admin, may_ask })?;
    Ok(imap(address, options, secret))
}

fn maildir(path: &Path) -> Arc<dyn Connector> {
    Arc::new(MaildirConnector::new(path))
}

fn imap(address: &ImapAddress, options: &SideOptions, secret: SecretSource) -> Arc<dyn Connector> {
    let mut settings = ImapSettings::new(host(address), security(address), &address.user, secret);
    settings.port = address.port;
    settings.login_as = options.login_as();
    settings.trust = options.trust.clone();
    settings.compress = options.compress;
    if let Some(connections) = options.connections {
        settings.connections = connections;
    }
    Arc::new(ImapConnector::new(settings))
}

/// Without the brackets that a URL puts around an IPv6 address.
fn host(address: &ImapAddress) -> String {
    match &address.host {
        Host::Ipv6(address) => address.to_string(),
        other => other.to_string(),
    }
}

fn security(address: &ImapAddress) -> Security {
    match address.encryption {
        Encryption::Tls => Security::Tls,
        Encryption::StartTls => Security::StartTls,
        Encryption::Cleartext => Security::None,
    }
}

/// How the ledger names the account of an endpoint. Needs no secret.
pub fn account(endpoint: &Endpoint) -> String {
    match endpoint {
        Endpoint::Maildir(path) => maildir(path).account(),
        Endpoint::Imap(address) => {
            let secret = SecretSource::Password(SecretString::default());
            let settings = ImapSettings::new(host(address), security(address), &address.user, secret);
            ImapConnector::new(ImapSettings { port: address.port, ..settings }).account()
        }
    }
}

/// The file of the ledger in a state folder.
pub fn ledger_file(state: &Path) -> PathBuf {
    state.join("ledger.db")
}

/// Opens the store of all ledgers; makes it, and its folder, if it is not there.
///
/// # Errors
/// If it cannot be opened or made.
pub async fn store(state: &Path) -> Result<SqliteStore, Failure> {
    let file = ledger_file(state);
    SqliteStore::open(&file).await.map_err(|error| {
        let mut failure = Failure::ledger(&error);
        failure.what = format!("{}: {}", file.display(), failure.what);
        failure
    })
}
