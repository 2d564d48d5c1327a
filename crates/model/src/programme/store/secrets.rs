//! Secrets of endpoints and mailboxes, sealed.

use std::fmt;

use async_trait::async_trait;

use super::StoreError;
use crate::programme::{EndpointId, PairId};

/// A secret as the database has it. What seals and opens it never comes here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sealed {
    /// The id of the key that opens it.
    pub key: String,
    /// What only that key can read.
    pub bytes: Vec<u8>,
}

/// Whose secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum SecretOf {
    /// An endpoint's administrator's.
    Endpoint(EndpointId),
    /// A pair's mailbox's on the source.
    Source(PairId),
    /// A pair's mailbox's on the target.
    Target(PairId),
}

impl fmt::Display for SecretOf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Endpoint(endpoint) => write!(f, "endpoint {endpoint}"),
            Self::Source(pair) => write!(f, "pair {pair}, source"),
            Self::Target(pair) => write!(f, "pair {pair}, target"),
        }
    }
}

/// Sealed secrets.
#[async_trait]
pub trait Secrets: Send + Sync {
    /// Keeps a secret, in place of an earlier one.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is nobody whose secret it would be.
    async fn put_secret(&self, of: SecretOf, secret: &Sealed) -> Result<(), StoreError>;

    /// A secret, if there is one.
    async fn secret(&self, of: SecretOf) -> Result<Option<Sealed>, StoreError>;

    /// At most `limit` secrets that are sealed under another key than this one, to be sealed anew.
    async fn secrets_not_under(&self, key: &str, limit: u32) -> Result<Vec<(SecretOf, Sealed)>, StoreError>;

    /// Puts a secret in the place of one that it was made from; false, and nothing is done, when another one has been put there since.
    /// `[secrets.no-overwrite]`
    async fn replace_secret(&self, of: SecretOf, before: &Sealed, secret: &Sealed) -> Result<bool, StoreError>;
}
