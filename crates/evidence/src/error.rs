//! What can be wrong with evidence. Each way of being wrong is its own error, and none is half-believed.

use std::path::PathBuf;

/// Evidence could not be written, read or believed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// A file cannot be read or written.
    #[error("{} cannot be {doing}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What was being done: "opened", "read", "written".
        doing: &'static str,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
    /// It does not begin as evidence does.
    #[error("this is not an evidence file")]
    NotEvidence,
    /// It was written by a newer version.
    #[error("the evidence has format {found}, and this version reads up to {known}")]
    Newer {
        /// The format found.
        found: u16,
        /// The newest format known.
        known: u16,
    },
    /// It ends too early.
    #[error("the evidence is cut off in {part}")]
    Truncated {
        /// Where: "the header", "block 3", "the footer".
        part: String,
    },
    /// What was read is not what was written.
    #[error("the evidence is damaged in {part}: {what}")]
    Damaged {
        /// Where, likewise.
        part: String,
        /// What is wrong there.
        what: String,
    },
    /// It is whole, but not what was signed: its sums agree and its root or counts do not.
    #[error("the evidence does not agree with its own footer: {what}")]
    Altered {
        /// What does not agree.
        what: String,
    },
    /// The signature is not the named key's over this file.
    #[error("the signature is not valid")]
    BadSignature,
    /// It is signed, by another key than the one that was asked for.
    #[error("the evidence is signed by another key, {found}")]
    OtherKey {
        /// The key that signed it.
        found: String,
    },
    /// No message of that Message-ID is attested.
    #[error("the evidence holds no message with the Message-ID {message_id}")]
    NoSuchMessage {
        /// As asked for.
        message_id: String,
    },
    /// An exception is approved by nobody, or for no reason.
    #[error(transparent)]
    NamelessApproval(#[from] limosa_model::ledger::NamelessApproval),
    /// A text is longer than the format takes.
    #[error("a text of {bytes} bytes is longer than evidence takes")]
    TooLong {
        /// Its length.
        bytes: usize,
    },
    /// This is no key.
    #[error("{what}")]
    Key {
        /// What is wrong with it.
        what: String,
    },
    /// A proof does not hold.
    #[error("the proof does not hold: {what}")]
    Unproven {
        /// What does not agree.
        what: String,
    },
}

impl EvidenceError {
    pub(crate) fn damaged(part: impl Into<String>, what: impl Into<String>) -> Self {
        Self::Damaged { part: part.into(), what: what.into() }
    }

    pub(crate) fn file(path: &std::path::Path, doing: &'static str, source: std::io::Error) -> Self {
        Self::File { path: path.to_owned(), doing, source }
    }
}
