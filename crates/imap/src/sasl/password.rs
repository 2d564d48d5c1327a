//! How is a password shown, or its knowledge: PLAIN, LOGIN, CRAM-MD5.

use std::fmt::Write;

use hmac::{Hmac, KeyInit, Mac};
use md5::Md5;
use secrecy::{ExposeSecret, SecretString};

use super::{Credentials, Mechanism, SaslError};

/// RFC 4616 §2. The password goes as it was typed: servers that hash it once for all compare bytes.
pub(super) fn plain(credentials: &Credentials, password: &SecretString) -> Vec<u8> {
    let act_as = credentials.act_as.as_deref().unwrap_or("");
    format!("{act_as}\0{}\0{}", credentials.user, password.expose_secret()).into_bytes()
}

/// Name, then password, whatever the server's prompts say.
pub(super) struct Login {
    user: String,
    password: SecretString,
    step: u8,
}

impl Login {
    pub(super) fn new(user: &str, password: &SecretString) -> Self {
        Self { user: user.to_owned(), password: password.clone(), step: 0 }
    }

    pub(super) fn answer(&mut self) -> Result<Vec<u8>, SaslError> {
        self.step = self.step.saturating_add(1);
        match self.step {
            1 => Ok(self.user.clone().into_bytes()),
            2 => Ok(self.password.expose_secret().as_bytes().to_vec()),
            _ => Err(SaslError::TooManyChallenges(Mechanism::Login)),
        }
    }
}

/// RFC 2195: the keyed digest of the server's challenge.
pub(super) struct CramMd5 {
    user: String,
    password: SecretString,
    answered: bool,
}

impl CramMd5 {
    pub(super) fn new(user: &str, password: &SecretString) -> Self {
        Self { user: user.to_owned(), password: password.clone(), answered: false }
    }

    pub(super) fn answer(&mut self, challenge: &[u8]) -> Result<Vec<u8>, SaslError> {
        if std::mem::replace(&mut self.answered, true) {
            return Err(SaslError::TooManyChallenges(Mechanism::CramMd5));
        }
        let mut mac = Hmac::<Md5>::new_from_slice(self.password.expose_secret().as_bytes())
            .expect("HMAC takes keys of any length");
        mac.update(challenge);
        let mut answer = format!("{} ", self.user);
        for byte in mac.finalize().into_bytes() {
            let _ = write!(answer, "{byte:02x}");
        }
        Ok(answer.into_bytes())
    }
}
