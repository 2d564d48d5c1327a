//! How is an OAuth 2 token shown: OAUTHBEARER (RFC 7628) and XOAUTH2.

use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, Mechanism, SaslError};

/// The exchange behind its first message: only a refusal can follow.
pub(super) struct OAuth {
    mechanism: Mechanism,
    server_error: Option<Vec<u8>>,
}

pub(super) fn first_message(mechanism: Mechanism, credentials: &Credentials, token: &SecretString) -> Vec<u8> {
    // The token says who acts; the name says on which mailbox.
    let mailbox = credentials.act_as.as_deref().unwrap_or(&credentials.user);
    let token = token.expose_secret();
    match mechanism {
        Mechanism::XOAuth2 => format!("user={mailbox}\x01auth=Bearer {token}\x01\x01").into_bytes(),
        _ => {
            let name = super::scram::escape_name(mailbox);
            format!("n,a={name},\x01auth=Bearer {token}\x01\x01").into_bytes()
        }
    }
}

impl OAuth {
    pub(super) fn new(mechanism: Mechanism) -> Self {
        Self { mechanism, server_error: None }
    }

    /// A challenge is a refusal with its reason; the server says NO only once it was answered
    /// (RFC 7628 §3.2.3: with a lone ^A; XOAUTH2: with nothing).
    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        if self.server_error.is_some() {
            return Err(SaslError::TooManyChallenges(self.mechanism));
        }
        self.server_error = Some(challenge.to_vec());
        Ok(match self.mechanism {
            Mechanism::XOAuth2 => Vec::new(),
            _ => b"\x01".to_vec(),
        })
    }

    pub(super) fn server_error(&self) -> Option<&[u8]> {
        self.server_error.as_deref()
    }
}
