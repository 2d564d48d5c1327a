//! Keys: Ed25519 (RFC 8032). The private one in a PEM file that only its owner can read, the public one as a short text.

use std::fmt;
use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::str::FromStr;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ring::rand::SystemRandom;
use ring::signature::{ED25519, Ed25519KeyPair, KeyPair, UnparsedPublicKey};

use crate::error::EvidenceError;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// A key that signs. It cannot be printed.
pub struct SigningKey(Ed25519KeyPair);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey of {}", self.public_key())
    }
}

impl SigningKey {
    /// Makes a key and writes it to a new file (PEM, PKCS#8) that only its owner can read.
    ///
    /// # Errors
    /// If there is a file of that name, or it cannot be written: a key is never overwritten.
    pub fn create(path: &Path) -> Result<Self, EvidenceError> {
        let document = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new())
            .map_err(|_| EvidenceError::Key { what: "the system gives no random numbers".into() })?;
        let key = Self::from_pkcs8(document.as_ref())?;
        let unwritten = |error| EvidenceError::file(path, "written", error);
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(unwritten)?;
        let pem = format!("{BEGIN}\n{}\n{END}\n", STANDARD.encode(document.as_ref()));
        file.write_all(pem.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritten)?;
        Ok(key)
    }

    /// Reads a key file: ours, or any Ed25519 key in PKCS#8 PEM (`openssl genpkey -algorithm ed25519`).
    ///
    /// # Errors
    /// If it cannot be read or holds no such key. The error repeats nothing of it.
    pub fn read(path: &Path) -> Result<Self, EvidenceError> {
        let text = std::fs::read_to_string(path).map_err(|error| EvidenceError::file(path, "read", error))?;
        let no_key = |what: &str| EvidenceError::Key { what: format!("{} {what}", path.display()) };
        let inner = text.split_once(BEGIN).and_then(|(_, rest)| rest.split_once(END));
        let (inner, _) = inner.ok_or_else(|| no_key("holds no private key in PEM"))?;
        let packed: String = inner.split_whitespace().collect();
        let document = STANDARD.decode(packed).map_err(|_| no_key("is not base64"))?;
        Self::from_pkcs8(&document).map_err(|_| no_key("holds no Ed25519 key"))
    }

    fn from_pkcs8(document: &[u8]) -> Result<Self, EvidenceError> {
        // OpenSSL writes no public key into the file; ours has it, and then it is checked.
        Ed25519KeyPair::from_pkcs8_maybe_unchecked(document)
            .map(Self)
            .map_err(|error| EvidenceError::Key { what: format!("this is no Ed25519 key: {error}") })
    }

    /// The public half.
    pub fn public_key(&self) -> PublicKey {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(self.0.public_key().as_ref());
        PublicKey(bytes)
    }

    pub(crate) fn sign(&self, message: &[u8]) -> [u8; 64] {
        let mut signature = [0; 64];
        signature.copy_from_slice(self.0.sign(message).as_ref());
        signature
    }
}

/// The public half of a key. As text: base64 of its 32 bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct PublicKey(pub [u8; 32]);

impl PublicKey {
    /// Whether the signature is this key's over the message.
    pub(crate) fn verifies(&self, message: &[u8], signature: &[u8; 64]) -> bool {
        UnparsedPublicKey::new(&ED25519, self.0).verify(message, signature).is_ok()
    }
}

impl fmt::Display for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&STANDARD.encode(self.0))
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for PublicKey {
    type Err = EvidenceError;

    fn from_str(text: &str) -> Result<Self, EvidenceError> {
        let bytes = STANDARD.decode(text.trim()).ok().and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or_else(|| EvidenceError::Key {
            what: "this is no public key: it is written as 44 characters of base64".into(),
        })
    }
}
