//! The IMAP connector: a mailbox on any IMAP server, as a source and as a target.
//!
//! # Map
//!
//! - `settings`: where a mailbox is and how to sign in to it; [`ImapConnector`] opens it.
//! - `connect`, `tls`, `deflate`: the byte stream and its layers. `sign_in`: from greeting to signed in.
//! - `connection`, `send_queue`: the pump, which reads and writes at once and matches answers to commands.
//! - `mailbox`: which part answers what. `select`: which folder is open. `names`, `flags`, `position`: small translations.
//! - `survey`: all folders in one round trip. `changes`: what changed in one folder. `fetch`: messages out. `writer`:
//!   messages in. `steps`: flags, removal, moving, folders.
//! - `error`: how errors are told.
//!
//! A **round trip** is a wait for the server that began after something was sent. Everything here is written to have few:
//! commands go out together, and what no caller waits for goes along with what one does.

mod batches;
mod changes;
mod connect;
mod connection;
mod deflate;
mod error;
mod fetch;
mod flags;
mod headers;
mod mailbox;
mod names;
mod position;
mod relocate;
mod rename;
mod select;
mod send_queue;
mod settings;
mod sign_in;
mod steps;
mod survey;
mod suspects;
mod tls;
mod writer;

use std::sync::Arc;

use async_trait::async_trait;
use limosa_model::mailbox::{Mailbox, Result, Target};
use limosa_model::{Connector, Meter};

pub use settings::{
    Fingerprint, ImapSettings, InvalidFingerprint, LoginAs, SecretSource, Security, Timeouts, TokenSource, Trust,
};

use batches::Batches;
use error::Place;
use mailbox::ImapMailbox;
use sign_in::{SharedToken, sign_in};
use suspects::Suspects;
use tls::TlsSetup;

/// A way to one mailbox on an IMAP server.
pub struct ImapConnector {
    settings: ImapSettings,
    place: Arc<Place>,
    /// `None` without TLS.
    tls: Option<TlsSetup>,
    token: SharedToken,
    suspects: Arc<Suspects>,
    batches: Arc<Batches>,
    meter: Meter,
}

impl ImapConnector {
    /// A connector of these settings. Nothing is sent yet.
    ///
    /// # Errors
    /// If the certificates that are trusted cannot be read.
    pub fn new(settings: ImapSettings) -> Result<Self> {
        let place = Arc::new(Place { host: settings.host.clone(), port: settings.port, user: settings.user.clone() });
        let tls = match settings.security {
            Security::None => None,
            Security::Tls | Security::StartTls => Some(TlsSetup::new(&settings.trust, &place)?),
        };
        Ok(Self {
            settings,
            place,
            tls,
            token: SharedToken::default(),
            suspects: Arc::default(),
            batches: Arc::default(),
            meter: Meter::default(),
        })
    }

    async fn connect(&self, writable: bool) -> Result<Box<ImapMailbox>> {
        let connection = sign_in(&self.settings, &self.place, self.tls.as_ref(), &self.token, &self.meter).await?;
        Ok(Box::new(ImapMailbox::new(connection, writable, self.suspects.clone(), self.batches.clone())))
    }
}

#[async_trait]
impl Connector for ImapConnector {
    /// `imap://user@host:port`; the two usual ports of a host are one server.
    fn account(&self) -> String {
        let host = self.settings.host.trim_end_matches('.').to_ascii_lowercase();
        let host = if host.contains(':') && !host.starts_with('[') { format!("[{host}]") } else { host };
        let port = if self.settings.port == 143 { 993 } else { self.settings.port };
        format!("imap://{}@{host}:{port}", encoded(&self.settings.user))
    }

    async fn open(&self) -> Result<Box<dyn Mailbox>> {
        Ok(self.connect(false).await?)
    }

    async fn open_target(&self) -> Result<Box<dyn Target>> {
        Ok(self.connect(true).await?)
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn connections(&self) -> usize {
        self.settings.connections.max(1)
    }
}

/// A user name as it can stand in a URL's user part (RFC 3986 §3.2.1).
fn encoded(user: &str) -> String {
    let mut text = String::with_capacity(user.len());
    for byte in user.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'+' | b'*' => text.push(byte.into()),
            _ => text.push_str(&format!("%{byte:02X}")),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use secrecy::SecretString;

    use super::*;

    fn account(host: &str, port: u16, user: &str) -> String {
        let mut settings =
            ImapSettings::new(host, Security::None, user, SecretSource::Password(SecretString::from("secret")));
        settings.port = port;
        ImapConnector::new(settings).unwrap().account()
    }

    #[test]
    fn one_account_has_one_name() {
        assert_eq!(account("Old.Example.", 143, "alice"), "imap://alice@old.example:993");
        assert_eq!(account("old.example", 993, "alice"), "imap://alice@old.example:993");
        assert_eq!(account("::1", 12143, "a@b.example"), "imap://a%40b.example@[::1]:12143");
    }
}
