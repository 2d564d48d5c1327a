//! One message, proven: its record, the path from its leaf to the root, and the signature over that root. A proof says
//! nothing of the other messages, and can be handed to somebody who must not see them.

use std::path::Path;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::error::EvidenceError;
use crate::frame::{FOOTER_LENGTH, Footer, Header, decode_head};
use crate::hash::{Digest, MessageIdHash, Node, Root};
use crate::key::PublicKey;
use crate::reader::Reader;
use crate::row::{Record, Row};
use crate::tree::root_of_path;

/// What a proof file says that it is.
const KIND: &str = "limosa evidence proof 1";

/// A proof, as it stands in its JSON file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proof {
    /// `limosa evidence proof 1`
    pub kind: String,
    /// The Message-ID that was asked for.
    pub message_id: String,
    /// Every message of that Message-ID; the same one may stand in several folders.
    pub messages: Vec<Inclusion>,
    /// How many more there are that this proof leaves out.
    pub left_out: u64,
    /// The evidence's bytes before its blocks, in base64.
    pub head: String,
    /// The evidence's footer without its tag and signature, in base64.
    pub footer: String,
    /// The signature, in base64.
    pub signature: String,
}

/// One message, and the way from it to the root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Inclusion {
    /// What is attested of it.
    pub record: Record,
    /// The same as the leaf's bytes, in base64: what is hashed.
    pub leaf: String,
    /// The leaf's place among all leaves, from 0.
    pub index: u64,
    /// The nodes beside the way, from the leaf upwards.
    pub path: Vec<Node>,
}

/// What a proof proves.
#[derive(Clone, Debug, Serialize)]
pub struct Proven {
    /// Who moved to where, when, and with what.
    pub header: Header,
    /// When the comparison ended, in seconds of the Unix epoch.
    pub finished: i64,
    /// The root.
    pub root: Root,
    /// Who signed, as text.
    pub public_key: String,
    /// The messages.
    pub records: Vec<Record>,
}

/// Proves the messages of one Message-ID out of an evidence file, which is checked on the way.
///
/// # Errors
/// [`EvidenceError::NoSuchMessage`]; or what is wrong with the file.
pub fn prove(path: &Path, message_id: &str) -> Result<Proof, EvidenceError> {
    let mut reader = Reader::open(path)?.following(MessageIdHash::of(message_id));
    while reader.next_row()?.is_some() {}
    let end = reader.end().expect("a reader answers that there is no more only once it has found the end");
    if end.followed.is_empty() {
        return Err(EvidenceError::NoSuchMessage { message_id: message_id.into() });
    }
    let messages = end.followed.iter().map(|(index, record, path)| {
        let leaf = STANDARD.encode(Row::Message(record.clone()).leaf());
        Inclusion { record: record.clone(), leaf, index: *index, path: path.clone() }
    });
    Ok(Proof {
        kind: KIND.into(),
        message_id: message_id.into(),
        messages: messages.collect(),
        left_out: end.not_followed,
        head: STANDARD.encode(reader.head()),
        footer: STANDARD.encode(end.footer.encode()),
        signature: STANDARD.encode(end.signature),
    })
}

impl Proof {
    /// Whether each message is under that root, and is of the Message-ID asked for.
    ///
    /// # Errors
    /// [`EvidenceError::Unproven`]
    pub fn verify(&self, root: &Root) -> Result<(), EvidenceError> {
        if self.kind != KIND {
            return Err(unproven("it is of another kind"));
        }
        if self.messages.is_empty() {
            return Err(unproven("it holds no message"));
        }
        let leaves = self.footer()?.counts.leaves;
        for inclusion in &self.messages {
            let record = &inclusion.record;
            if record.message_id != Some(MessageIdHash::of(&self.message_id)) {
                return Err(unproven("a message is of another Message-ID"));
            }
            let leaf = Row::Message(record.clone()).leaf();
            if STANDARD.encode(&leaf) != inclusion.leaf {
                return Err(unproven("what is said of a message is not what was attested"));
            }
            if root_of_path(&leaf, inclusion.index, leaves, &inclusion.path) != Some(*root) {
                return Err(unproven("a message is not under the root"));
            }
        }
        Ok(())
    }

    /// Whether that key signed the root, and each message is under it.
    ///
    /// # Errors
    /// [`EvidenceError::OtherKey`], [`EvidenceError::BadSignature`], [`EvidenceError::Unproven`]
    pub fn check(&self, key: &PublicKey) -> Result<Proven, EvidenceError> {
        let footer = self.footer()?;
        let head = decode(&self.head)?;
        let signature = decode(&self.signature)?.try_into().map_err(|_| unproven("its signature is no signature"))?;
        footer.verify(&head, &signature)?;
        if footer.key != *key {
            return Err(EvidenceError::OtherKey { found: footer.key.to_string() });
        }
        self.verify(&footer.root)?;
        Ok(Proven {
            header: decode_head(&head)?,
            finished: footer.finished,
            root: footer.root,
            public_key: footer.key.to_string(),
            records: self.messages.iter().map(|inclusion| inclusion.record.clone()).collect(),
        })
    }

    /// Whether these bytes are one of the messages proven.
    pub fn is_of(&self, message: &[u8]) -> bool {
        let digest = Digest::of(message);
        self.messages.iter().any(|inclusion| inclusion.record.digest == digest)
    }

    fn footer(&self) -> Result<Footer, EvidenceError> {
        let bytes: [u8; FOOTER_LENGTH] =
            decode(&self.footer)?.try_into().map_err(|_| unproven("its footer is no footer"))?;
        Ok(Footer::decode(&bytes))
    }
}

fn unproven(what: &str) -> EvidenceError {
    EvidenceError::Unproven { what: what.into() }
}

fn decode(text: &str) -> Result<Vec<u8>, EvidenceError> {
    STANDARD.decode(text).map_err(|_| unproven("it is not base64"))
}
