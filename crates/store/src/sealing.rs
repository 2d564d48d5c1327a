//! How are secrets kept, so that nobody finds them in the database or in a backup of it?
//!
//! Each is sealed by itself with XChaCha20-Poly1305 under a key that stands elsewhere: a file, a credential of systemd, or the environment.
//! A sealed value is bound to whose it is ([`SecretOf`]): put into another row, it does not open. It carries the id of its
//! key, so that keys can be changed one value at a time.
//!
//! Sealed bytes: 24 bytes of nonce, drawn at random, and what the cipher made, whose last 16 bytes are the tag.

use std::fmt;
use std::path::PathBuf;

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{Key, XChaCha20Poly1305, XNonce};
use limosa_model::programme::store::{Sealed, SecretOf};
use secrecy::zeroize::Zeroizing;
use secrecy::{ExposeSecret, SecretString};

const NONCE: usize = 24;

/// Bytes of a key.
const KEY: usize = 32;

/// Where a key is read from: 64 hexadecimal digits, as `openssl rand -hex 32` makes them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// A file.
    File(PathBuf),
    /// A credential of this name that systemd hands to the service (`LoadCredential=`), below `$CREDENTIALS_DIRECTORY`.
    Credential(String),
    /// An environment variable.
    Environment(String),
}

impl fmt::Display for KeySource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "the file {}", path.display()),
            Self::Credential(name) => write!(f, "the credential {name}"),
            Self::Environment(name) => write!(f, "the environment variable {name}"),
        }
    }
}

/// What can go wrong with sealed secrets.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SealingError {
    /// The key could not be read.
    #[error("the key for secrets cannot be read from {from}")]
    NoKey {
        /// Where it was looked for.
        from: KeySource,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// What was read is not a key.
    #[error("what {from} holds is no key for secrets: 64 hexadecimal digits are")]
    NotAKey {
        /// Where it was read.
        from: KeySource,
    },
    /// The secret was sealed under a key that is not here.
    #[error("the secret of {of} was sealed under the key {needed}, and here is {}", known.join(", "))]
    OtherKey {
        /// Whose secret.
        of: SecretOf,
        /// The id of its key.
        needed: String,
        /// The ids of the keys that are here.
        known: Vec<String>,
    },
    /// The secret is not what was sealed, or another one's.
    #[error("the sealed secret of {of} was changed, or is another one's")]
    Altered {
        /// Whose secret.
        of: SecretOf,
    },
    /// The system gave no random numbers.
    #[error("the system gave no random numbers: {0}")]
    NoRandomness(getrandom::Error),
}

impl SealingError {
    /// The stable code, as in `docs/errors.md`.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoKey { .. } | Self::NotAKey { .. } => "secrets-no-key",
            Self::OtherKey { .. } => "secrets-other-key",
            Self::Altered { .. } => "secrets-altered",
            Self::NoRandomness(_) => "internal",
        }
    }

    /// What a person can do about it.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::NoKey { .. } | Self::NotAKey { .. } => {
                "make one with: openssl rand -hex 32. All servers and workers need the same one"
            }
            Self::OtherKey { .. } => {
                "give the key that it was sealed under beside the new one, until all are sealed anew; or set the secret again"
            }
            Self::Altered { .. } => "set the secret again",
            Self::NoRandomness(_) => "try again",
        }
    }
}

/// A key for secrets.
struct SealingKey {
    id: String,
    cipher: XChaCha20Poly1305,
}

/// The keys that are known: one to seal with, and earlier ones that still open.
pub struct Keyring {
    current: SealingKey,
    earlier: Vec<SealingKey>,
}

impl fmt::Debug for Keyring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Keyring").field(&self.ids().collect::<Vec<_>>()).finish()
    }
}

impl Keyring {
    /// Reads the key to seal with, and those that were sealed with before.
    ///
    /// # Errors
    /// [`SealingError::NoKey`], [`SealingError::NotAKey`].
    pub fn read(current: &KeySource, earlier: &[KeySource]) -> Result<Self, SealingError> {
        let earlier = earlier.iter().map(read_key).collect::<Result<_, _>>()?;
        Ok(Self { current: read_key(current)?, earlier })
    }

    /// The id of the key that seals.
    pub fn current(&self) -> &str {
        &self.current.id
    }

    fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys().map(|key| key.id.as_str())
    }

    fn keys(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.current).chain(&self.earlier)
    }

    /// Seals somebody's secret.
    ///
    /// # Errors
    /// [`SealingError::NoRandomness`].
    pub fn seal(&self, of: SecretOf, secret: &SecretString) -> Result<Sealed, SealingError> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(SealingError::NoRandomness)?;
        let place = of.to_string();
        let payload = Payload { msg: secret.expose_secret().as_bytes(), aad: place.as_bytes() };
        // It fails for messages beyond 256 GB only.
        let sealed = self.current.cipher.encrypt(&XNonce::from(nonce), payload);
        let sealed = sealed.map_err(|_| SealingError::Altered { of })?;
        Ok(Sealed { key: self.current.id.clone(), bytes: [&nonce[..], &sealed].concat() })
    }

    /// Opens somebody's secret.
    ///
    /// # Errors
    /// [`SealingError::OtherKey`] when its key is not here, [`SealingError::Altered`] when it is not what was sealed there.
    pub fn open(&self, of: SecretOf, sealed: &Sealed) -> Result<SecretString, SealingError> {
        let key = self.keys().find(|key| key.id == sealed.key).ok_or_else(|| SealingError::OtherKey {
            of,
            needed: sealed.key.clone(),
            known: self.ids().map(str::to_owned).collect(),
        })?;
        let altered = || SealingError::Altered { of };
        let (nonce, ciphertext) = sealed.bytes.split_first_chunk::<NONCE>().ok_or_else(altered)?;
        let place = of.to_string();
        let payload = Payload { msg: ciphertext, aad: place.as_bytes() };
        let opened = key.cipher.decrypt(&XNonce::from(*nonce), payload).map_err(|_| altered())?;
        String::from_utf8(opened).map(SecretString::from).map_err(|_| altered())
    }

    /// The same secret under the key that seals now; `None` where it is so already.
    ///
    /// # Errors
    /// As [`Keyring::open`] and [`Keyring::seal`].
    pub fn seal_anew(&self, of: SecretOf, sealed: &Sealed) -> Result<Option<Sealed>, SealingError> {
        if sealed.key == self.current.id {
            return Ok(None);
        }
        self.seal(of, &self.open(of, sealed)?).map(Some)
    }
}

fn read_key(from: &KeySource) -> Result<SealingKey, SealingError> {
    let unread = |source| SealingError::NoKey { from: from.clone(), source };
    let missing = || std::io::Error::from(std::io::ErrorKind::NotFound);
    let text = Zeroizing::new(match from {
        KeySource::File(path) => std::fs::read_to_string(path).map_err(unread)?,
        KeySource::Credential(name) => {
            let folder = std::env::var_os("CREDENTIALS_DIRECTORY").ok_or_else(|| unread(missing()))?;
            std::fs::read_to_string(PathBuf::from(folder).join(name)).map_err(unread)?
        }
        KeySource::Environment(name) => std::env::var(name).map_err(|_| unread(missing()))?,
    });
    let bytes = hexadecimal(text.trim()).ok_or_else(|| SealingError::NotAKey { from: from.clone() })?;
    // What tells the id tells nothing of the key.
    let id = blake3::derive_key("limosa 2026 id of a key for secrets", &bytes[..]);
    let id = blake3::Hash::from_bytes(id).to_hex()[..16].to_owned();
    Ok(SealingKey { id, cipher: XChaCha20Poly1305::new(&Key::from(*bytes)) })
}

fn hexadecimal(text: &str) -> Option<Zeroizing<[u8; KEY]>> {
    let mut bytes = Zeroizing::new([0; KEY]);
    if text.len() != 2 * KEY || !text.is_ascii() {
        return None;
    }
    for (byte, digits) in bytes.iter_mut().zip(text.as_bytes().chunks(2)) {
        let digit = |digit: u8| char::from(digit).to_digit(16);
        *byte = u8::try_from(digit(digits[0])? * 16 + digit(digits[1])?).ok()?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use limosa_model::programme::EndpointId;

    use super::*;

    const HERE: SecretOf = SecretOf::Endpoint(EndpointId(7));

    struct Keys(tempfile::TempDir);

    impl Keys {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn put(&self, name: &str, text: &str) -> KeySource {
            let path = self.0.path().join(name);
            std::fs::write(&path, text).unwrap();
            KeySource::File(path)
        }
    }

    fn secret() -> SecretString {
        SecretString::from("größer als \"alles\"")
    }

    #[test]
    fn what_was_sealed_opens_in_its_place_only_and_not_when_a_bit_has_changed() {
        let keys = Keys::new();
        let ring = Keyring::read(&keys.put("a", &format!("{}\n", "0a".repeat(32))), &[]).unwrap();
        let sealed = ring.seal(HERE, &secret()).unwrap();
        assert_eq!(ring.open(HERE, &sealed).unwrap().expose_secret(), secret().expose_secret());
        assert_ne!(ring.seal(HERE, &secret()).unwrap().bytes, sealed.bytes, "a nonce is used once");
        let altered =
            |of: SecretOf, sealed: &Sealed| matches!(ring.open(of, sealed), Err(SealingError::Altered { .. }));
        assert!(altered(SecretOf::Endpoint(EndpointId(8)), &sealed));
        for position in 0..sealed.bytes.len() {
            let mut bytes = sealed.bytes.clone();
            bytes[position] ^= 1;
            assert!(altered(HERE, &Sealed { bytes, ..sealed.clone() }));
            let bytes = sealed.bytes[..position].to_vec();
            assert!(altered(HERE, &Sealed { bytes, ..sealed.clone() }));
        }
    }

    #[test]
    fn keys_are_changed_one_secret_at_a_time() {
        let keys = Keys::new();
        let (old, new) = (keys.put("old", &"1b".repeat(32)), keys.put("new", &"2C".repeat(32)));
        let before = Keyring::read(&old, &[]).unwrap();
        let sealed = before.seal(HERE, &secret()).unwrap();
        let both = Keyring::read(&new, std::slice::from_ref(&old)).unwrap();
        let anew = both.seal_anew(HERE, &sealed).unwrap().expect("it was sealed under the old key");
        assert_eq!(both.seal_anew(HERE, &anew).unwrap(), None);
        let after = Keyring::read(&new, &[]).unwrap();
        assert_eq!(after.open(HERE, &anew).unwrap().expose_secret(), secret().expose_secret());
        let error = after.open(HERE, &sealed).unwrap_err();
        let expected = format!(
            "the secret of endpoint 7 was sealed under the key {}, and here is {}",
            before.current(),
            after.current()
        );
        assert_eq!((error.to_string(), error.code()), (expected, "secrets-other-key"));
    }

    #[test]
    fn what_is_no_key_is_said_to_be_none_and_nothing_shows_a_key() {
        let keys = Keys::new();
        for text in ["", "0a", &"0a".repeat(33), &"0g".repeat(32), &"ö".repeat(32)] {
            let source = keys.put("bad", text);
            let error = Keyring::read(&source, &[]).expect_err("it is no key");
            assert!(matches!(error, SealingError::NotAKey { .. }), "{error:?}");
        }
        for missing in [
            KeySource::File("/nonexistent/key".into()),
            KeySource::Environment("LIMOSA_NO_SUCH_VARIABLE".into()),
            KeySource::Credential("none".into()),
        ] {
            let error = Keyring::read(&missing, &[]).expect_err("there is none");
            assert!(matches!(error, SealingError::NoKey { .. }), "{error:?}");
        }
        let ring = Keyring::read(&keys.put("good", &"3d".repeat(32)), &[]).unwrap();
        assert_eq!(format!("{ring:?}"), format!("Keyring([\"{}\"])", ring.current()));
        assert!(!ring.current().contains("3d3d"));
    }
}
