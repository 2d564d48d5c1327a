//! Hashes by what they are of, so that one cannot be taken for another.

use std::fmt;
use std::str::FromStr;

use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

macro_rules! hash {
    ($(#[$meta:meta])* $name:ident, $bytes:literal) => {
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(into = "String", try_from = "String")]
        pub struct $name(pub [u8; $bytes]);

        /// In lower-case hex.
        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl From<$name> for String {
            fn from(hash: $name) -> Self {
                hash.to_string()
            }
        }

        impl FromStr for $name {
            type Err = &'static str;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let mut bytes = [0; $bytes];
                hex(text, &mut bytes).ok_or(concat!("expected twice ", stringify!($bytes), " hex digits"))?;
                Ok(Self(bytes))
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;

            fn try_from(text: String) -> Result<Self, Self::Error> {
                text.parse()
            }
        }
    };
}

hash! {
    /// BLAKE3-256 of a message's bytes: the one that Limosa takes while a message passes.
    Digest, 32
}
hash! {
    /// The first 12 bytes of SHA-256 over a Message-ID: enough to find a message by, and short in a file that holds
    /// one for each. What a message *is* is said by its [`Digest`].
    MessageIdHash, 12
}
hash! {
    /// A node of the Merkle tree, SHA-256.
    Node, 32
}
hash! {
    /// The root of the Merkle tree over everything attested.
    Root, 32
}

fn hex(text: &str, into: &mut [u8]) -> Option<()> {
    if text.len() != into.len() * 2 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    for (index, byte) in into.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(index * 2..index * 2 + 2)?, 16).ok()?;
    }
    Some(())
}

/// SHA-256.
pub(crate) fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut sum = [0; 32];
    sum.copy_from_slice(digest(&SHA256, bytes).as_ref());
    sum
}

impl MessageIdHash {
    /// Of a Message-ID, with or without the angle brackets and the white space around them.
    pub fn of(message_id: &str) -> Self {
        let bare = message_id.trim();
        let bare = bare.strip_prefix('<').and_then(|rest| rest.strip_suffix('>')).unwrap_or(bare);
        let mut short = [0; 12];
        short.copy_from_slice(&sha256(bare.as_bytes())[..12]);
        Self(short)
    }
}

impl Digest {
    /// Of a whole message.
    pub fn of(message: &[u8]) -> Self {
        Self(*blake3::hash(message).as_bytes())
    }
}
