//! From settings to things that work: connectors, the ledger's store, a pair's ledger.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use limosa_connectors::imap::{ImapConnector, ImapSettings, SecretSource, Security};
use limosa_connectors::maildir::{LineEnds, MaildirConnector};
use limosa_model::{Connector, ConnectorError, LedgerError, PairKey};
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
    /// The target's host, where it has one.
    pub target_host: Option<String>,
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
/// If a secret is missing, or certificates cannot be read.
pub fn pair(settings: &PairSettings, may_ask: bool) -> Result<OpenPair, Failure> {
    let between_maildirs = is_maildir(&settings.source) && is_maildir(&settings.target);
    let line_ends = if between_maildirs { LineEnds::AsStored } else { LineEnds::Crlf };
    Ok(OpenPair {
        source: connector(&settings.source, line_ends, may_ask)?,
        target: connector(&settings.target, LineEnds::AsStored, may_ask)?,
        target_host: match &settings.target.endpoint {
            Endpoint::Imap(address) => Some(host(address)),
            Endpoint::Maildir(_) => None,
        },
    })
}

/// The connector of a source that is looked at for its own sake.
///
/// # Errors
/// If its secret is missing, or certificates cannot be read.
pub fn source_alone(settings: &SideSettings, may_ask: bool) -> Result<Arc<dyn Connector>, Failure> {
    connector(settings, LineEnds::Crlf, may_ask)
}

/// The connector of a source whose messages are wanted as they are, byte for byte.
///
/// # Errors
/// If its secret is missing, or certificates cannot be read.
pub fn source_as_stored(settings: &SideSettings) -> Result<Arc<dyn Connector>, Failure> {
    connector(settings, LineEnds::AsStored, true)
}

/// The connector of a mailbox that is held beside evidence: its bytes are read as they were when it was attested.
///
/// # Errors
/// If its secret is missing, or certificates cannot be read.
pub fn beside_evidence(
    settings: &SideSettings,
    header: &limosa_evidence::Header,
) -> Result<Arc<dyn Connector>, Failure> {
    let between_maildirs = [&header.source, &header.target].iter().all(|account| account.starts_with("maildir:"));
    let is_the_target = account(&settings.endpoint) == header.target;
    let line_ends = if between_maildirs || is_the_target { LineEnds::AsStored } else { LineEnds::Crlf };
    connector(settings, line_ends, true)
}

fn is_maildir(side: &SideSettings) -> bool {
    matches!(side.endpoint, Endpoint::Maildir(_))
}

/// Makes the connector of one side. Nothing is sent yet.
fn connector(settings: &SideSettings, line_ends: LineEnds, may_ask: bool) -> Result<Arc<dyn Connector>, Failure> {
    let address = match &settings.endpoint {
        Endpoint::Maildir(path) => return Ok(Arc::new(MaildirConnector::new(path, line_ends))),
        Endpoint::Imap(address) => address,
    };
    let options = &settings.options;
    let admin = options.admin.as_deref();
    let secret = secrets::obtain(&options.credential, Wanted { side: settings.side, address, admin, may_ask })?;
    imap(address, options, secret).map_err(|error| Failure::connector(settings.side.name(), &error))
}

fn imap(
    address: &ImapAddress,
    options: &SideOptions,
    secret: SecretSource,
) -> Result<Arc<dyn Connector>, ConnectorError> {
    let mut settings = ImapSettings::new(host(address), security(address), &address.user, secret);
    settings.port = address.port;
    settings.login_as = options.login_as();
    settings.trust = options.trust.clone();
    settings.compress = options.compress;
    if let Some(connections) = options.connections {
        settings.connections = connections;
    }
    if let Some(timeout) = options.timeout {
        settings.timeouts.answer = timeout;
        settings.timeouts.connect = settings.timeouts.connect.min(timeout);
    }
    Ok(Arc::new(ImapConnector::new(settings)?))
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

/// How the ledger names the account of an endpoint. Needs no secret and opens nothing.
pub fn account(endpoint: &Endpoint) -> String {
    let address = match endpoint {
        Endpoint::Maildir(path) => return MaildirConnector::new(path, LineEnds::AsStored).account(),
        Endpoint::Imap(address) => address,
    };
    let nothing = SecretSource::Password(SecretString::default());
    // Without TLS no certificates are read; the account is the same.
    let mut settings = ImapSettings::new(host(address), Security::None, &address.user, nothing);
    settings.port = address.port;
    ImapConnector::new(settings).map_or_else(|_| endpoint.to_string(), |connector| connector.account())
}

/// The file of the ledger in a state folder.
pub fn ledger_file(state: &Path) -> PathBuf {
    state.join("ledger.db")
}

/// The Maildir beside the ledger in which originals of a pair's messages are kept: below `exceptions`, under the source's name and so much
/// of a hash that no two pairs share one.
pub fn originals(state: &Path, key: &PairKey) -> Arc<dyn Connector> {
    let readable = key.source.rsplit("//").next().unwrap_or(&key.source);
    let plain = |c: char| if c.is_ascii_alphanumeric() || "@.-".contains(c) { c } else { '_' };
    let name: String = readable.chars().rev().take(60).map(plain).collect::<Vec<_>>().into_iter().rev().collect();
    let hash = blake3::hash(format!("{}\n{}", key.source, key.target).as_bytes()).to_hex();
    let path = state.join("exceptions").join(format!("{}-{}", name.trim_start_matches('.'), &hash[..12]));
    maildir(&path)
}

/// The Maildir at that path, to be written as things stand.
pub fn maildir(path: &Path) -> Arc<dyn Connector> {
    Arc::new(MaildirConnector::new(path, LineEnds::AsStored))
}

/// The account that a text names: an endpoint's; or the text itself, where it is not one but perhaps the ledger's own name for an account.
pub fn account_of(text: &str) -> String {
    Endpoint::parse(text, true).map_or_else(|_| text.to_owned(), |endpoint| account(&endpoint))
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
        if let LedgerError::FileDamaged { .. } = error {
            failure.hint = Some(format!(
                "put a backup in its place, however old, or begin anew: mv {0} {0}.damaged; the next run finds by content \
                 what stands on the target, for every pair",
                file.display()
            ));
        }
        failure
    })
}
