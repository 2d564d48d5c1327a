//! What is known of an IMAP endpoint and an account on it before the first byte is sent.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;

/// Where a mailbox is and how to sign in to it.
#[derive(Clone, Debug)]
pub struct ImapSettings {
    /// The server's name or address.
    pub host: String,
    /// The TCP port; usually 993 with [`Security::Tls`] and 143 otherwise.
    pub port: u16,
    /// How the connection is protected.
    pub security: Security,
    /// The owner of the mailbox.
    pub user: String,
    /// Who signs in on behalf of the owner; the secret is then theirs.
    pub login_as: Option<LoginAs>,
    /// What proves that we may sign in.
    pub secret: SecretSource,
    /// Which certificate is believed.
    pub trust: Trust,
    /// How many connections may be open at once; 0 counts as 1.
    pub connections: usize,
    /// Whether to ask for COMPRESS=DEFLATE (RFC 4978). It pays on thin lines only.
    pub compress: bool,
    /// How long to wait for what.
    pub timeouts: Timeouts,
}

impl ImapSettings {
    /// Settings with the usual port, the platform's trust, four connections and no compression.
    pub fn new(host: impl Into<String>, security: Security, user: impl Into<String>, secret: SecretSource) -> Self {
        Self {
            host: host.into(),
            port: security.usual_port(),
            security,
            user: user.into(),
            login_as: None,
            secret,
            trust: Trust::Platform,
            connections: 4,
            compress: false,
            timeouts: Timeouts::default(),
        }
    }
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Security {
    /// TLS from the first byte (`imaps`, RFC 8314).
    Tls,
    /// STARTTLS, required: nothing is sent before it, and a server without it is refused.
    StartTls,
    /// Cleartext, passwords included: for loopback and by explicit wish only.
    None,
}

impl Security {
    /// The port that goes with it where none is named.
    pub fn usual_port(self) -> u16 {
        match self {
            Self::Tls => 993,
            Self::StartTls | Self::None => 143,
        }
    }
}

/// Signing in on behalf of a mailbox's owner.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoginAs {
    /// SASL's authorization identity (RFC 4616): the administrator's name and password, and the owner's name.
    AuthorizationId {
        /// The administrator's name.
        admin: String,
    },
    /// A user name made of both, as Dovecot's master users: `owner*admin`.
    Master {
        /// The administrator's name.
        admin: String,
        /// What stands between both names; Dovecot's default is `*`.
        separator: char,
    },
}

/// What proves that we may sign in.
#[derive(Clone)]
pub enum SecretSource {
    /// A password.
    Password(SecretString),
    /// OAuth access tokens, which expire.
    Token(Arc<dyn TokenSource>),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Password(_) => "Password",
            Self::Token(_) => "Token",
        })
    }
}

/// Gives OAuth access tokens: runs a command, asks a service.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that was not given before, unless the old one is still good.
    ///
    /// # Errors
    /// In words for people, without any secret.
    async fn fresh(&self) -> Result<SecretString, String>;
}

/// Which certificate is believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trust {
    /// One that the platform's store believes.
    Platform,
    /// One issued by a certificate of this PEM file, and no other.
    CaFile(PathBuf),
    /// This very certificate, whatever its name, issuer and dates.
    Fingerprint(Fingerprint),
}

/// SHA-256 of a certificate in DER form.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

/// 64 hexadecimal digits, with or without colons between bytes, in any letter case.
impl FromStr for Fingerprint {
    type Err = InvalidFingerprint;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let text = text.strip_prefix("sha256:").or_else(|| text.strip_prefix("SHA256:")).unwrap_or(text);
        let mut bytes = [0; 32];
        let mut digits = 0;
        for c in text.chars().filter(|c| *c != ':') {
            let digit = c.to_digit(16).ok_or(InvalidFingerprint)?;
            let byte = bytes.get_mut(digits / 2).ok_or(InvalidFingerprint)?;
            *byte = *byte << 4 | digit as u8;
            digits += 1;
        }
        if digits == 64 { Ok(Self(bytes)) } else { Err(InvalidFingerprint) }
    }
}

/// As `openssl x509 -fingerprint -sha256` writes it.
impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str(":")?;
            }
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not a SHA-256 fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fingerprint is 64 hexadecimal digits (SHA-256 of the certificate)")]
pub struct InvalidFingerprint;

/// How long to wait for what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timeouts {
    /// For a TCP connection, and again for TLS and for the greeting.
    pub connect: Duration,
    /// Of complete silence when an answer is due.
    pub answer: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Self { connect: Duration::from_secs(15), answer: Duration::from_secs(60) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_is_read_back_from_its_display() {
        let fingerprint = Fingerprint(std::array::from_fn(|index| index as u8 * 7));
        assert_eq!(fingerprint.to_string().parse(), Ok(fingerprint));
        assert_eq!(fingerprint.to_string().replace(':', "").to_lowercase().parse(), Ok(fingerprint));
        assert_eq!("12:34".parse::<Fingerprint>(), Err(InvalidFingerprint));
        assert_eq!(format!("{fingerprint}:00").parse::<Fingerprint>(), Err(InvalidFingerprint));
        assert_eq!("zz".repeat(32).parse::<Fingerprint>(), Err(InvalidFingerprint));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let secret = SecretSource::Password(SecretString::from("open sesame"));
        let settings = ImapSettings::new("host", Security::Tls, "user", secret);
        assert!(!format!("{settings:?}").contains("sesame"));
    }
}
