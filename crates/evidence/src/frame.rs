//! What stands before and after the blocks: the header, and the footer with the signature over both.

use serde::{Deserialize, Serialize};

use crate::error::EvidenceError;
use crate::hash::{Root, sha256};
use crate::key::{PublicKey, SigningKey};
use crate::wire::Bytes;

/// The first bytes of every evidence file, whatever its version.
pub const MAGIC: &[u8; 8] = b"LIMOSAEV";
/// The format that is written here, and the newest that is read.
pub const VERSION: u16 = 1;
/// The largest header, in bytes.
pub const MAX_HEADER: usize = 1 << 20;
/// A footer's bytes without its signature.
pub const FOOTER_LENGTH: usize = 6 * 8 + 32 + 32;
/// The first byte of a block, and of the footer.
pub const BLOCK: u8 = b'B';
pub const FOOTER: u8 = b'F';
/// What every signature begins with, so that it is good for nothing else.
const SIGNED: &[u8] = b"limosa evidence 1\n";

/// Who moved to where, when, and with what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The source account, as the ledger names it.
    pub source: String,
    /// The target account.
    pub target: String,
    /// When the comparison began, in seconds of the Unix epoch.
    pub begun: i64,
    /// The program that wrote this, with its version.
    pub software: String,
    /// Patterns of the only source folders that were compared; all were where there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub only: Vec<String>,
    /// Patterns of source folders that were not compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub exclude: Vec<String>,
    /// What the format's hashes are, for whoever reads the file with other eyes.
    #[serde(default)]
    pub algorithms: Algorithms,
}

/// The algorithms of this format's version.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Algorithms {
    /// Of a message's bytes.
    pub digest: String,
    /// Of a Message-ID.
    pub message_id: String,
    /// Of the Merkle tree.
    pub tree: String,
    /// Of the signature.
    pub signature: String,
}

impl Default for Algorithms {
    fn default() -> Self {
        Self {
            digest: "BLAKE3-256".into(),
            message_id: "SHA-256/96".into(),
            tree: "RFC 6962 SHA-256".into(),
            signature: "Ed25519".into(),
        }
    }
}

/// What a file holds, in numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Folders.
    pub folders: u64,
    /// Messages.
    pub messages: u64,
    /// Exceptions.
    pub exceptions: u64,
    /// Bytes of all messages.
    pub bytes: u64,
    /// Leaves of the tree: folders, messages and exceptions together.
    pub leaves: u64,
}

/// What a file ends with, all of it signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Footer {
    /// When the comparison ended, in seconds of the Unix epoch.
    pub finished: i64,
    /// What the file holds.
    pub counts: Counts,
    /// The root over all of it.
    pub root: Root,
    /// Who signed.
    pub key: PublicKey,
}

impl Footer {
    /// As bytes, without the signature.
    pub fn encode(&self) -> [u8; FOOTER_LENGTH] {
        let counts = &self.counts;
        let mut bytes = Vec::with_capacity(FOOTER_LENGTH);
        bytes.extend_from_slice(&self.finished.to_le_bytes());
        for number in [counts.folders, counts.messages, counts.exceptions, counts.bytes, counts.leaves] {
            bytes.extend_from_slice(&number.to_le_bytes());
        }
        bytes.extend_from_slice(&self.root.0);
        bytes.extend_from_slice(&self.key.0);
        bytes.try_into().expect("six numbers, a root and a key are what the length counts")
    }

    /// Reads what [`Footer::encode`] writes.
    pub fn decode(bytes: &[u8; FOOTER_LENGTH]) -> Self {
        let mut rest = Bytes(bytes);
        let mut number = || u64::from_le_bytes(rest.array().expect("the length is fixed"));
        let finished = number() as i64;
        let [folders, messages, exceptions, size, leaves] = [number(), number(), number(), number(), number()];
        let counts = Counts { folders, messages, exceptions, bytes: size, leaves };
        let root = Root(rest.array().expect("the length is fixed"));
        let key = PublicKey(rest.array().expect("the length is fixed"));
        Self { finished, counts, root, key }
    }

    /// The signature over this footer and what stands before the blocks.
    pub fn sign(&self, head: &[u8], key: &SigningKey) -> [u8; 64] {
        key.sign(&self.signed(head))
    }

    /// Whether that is the signature of the key that the footer names.
    ///
    /// # Errors
    /// [`EvidenceError::BadSignature`]
    pub fn verify(&self, head: &[u8], signature: &[u8; 64]) -> Result<(), EvidenceError> {
        match self.key.verifies(&self.signed(head), signature) {
            true => Ok(()),
            false => Err(EvidenceError::BadSignature),
        }
    }

    fn signed(&self, head: &[u8]) -> Vec<u8> {
        [SIGNED, &sha256(head), &self.encode()].concat()
    }
}

/// Everything before the blocks: magic, version, length, header. Its SHA-256 follows it in the file.
pub fn encode_head(header: &Header) -> Result<Vec<u8>, EvidenceError> {
    let json = serde_json::to_vec(header).expect("texts and numbers can always be JSON");
    if json.len() > MAX_HEADER {
        return Err(EvidenceError::TooLong { bytes: json.len() });
    }
    let mut head = MAGIC.to_vec();
    head.extend_from_slice(&VERSION.to_le_bytes());
    head.extend_from_slice(&(json.len() as u32).to_le_bytes());
    head.extend_from_slice(&json);
    Ok(head)
}

/// Reads the header out of everything before the blocks.
pub fn decode_head(head: &[u8]) -> Result<Header, EvidenceError> {
    let wrong = |what: &str| EvidenceError::damaged("the header", what);
    let mut rest = Bytes(head);
    let magic: [u8; 8] = rest.array().map_err(|_| EvidenceError::NotEvidence)?;
    if &magic != MAGIC {
        return Err(EvidenceError::NotEvidence);
    }
    let version = u16::from_le_bytes(rest.array().map_err(wrong)?);
    readable(version)?;
    let length = u32::from_le_bytes(rest.array().map_err(wrong)?);
    if rest.0.len() != length as usize {
        return Err(wrong("it is not as long as it says"));
    }
    let header: Header = serde_json::from_slice(rest.0).map_err(|error| wrong(&error.to_string()))?;
    match header.algorithms == Algorithms::default() {
        true => Ok(header),
        false => Err(wrong("it names algorithms that its format does not have")),
    }
}

/// Whether files of that version are understood.
pub fn readable(version: u16) -> Result<(), EvidenceError> {
    match version {
        VERSION => Ok(()),
        0 => Err(EvidenceError::damaged("the header", "there is no format 0")),
        found => Err(EvidenceError::Newer { found, known: VERSION }),
    }
}
