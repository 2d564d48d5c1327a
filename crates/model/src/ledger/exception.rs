//! Messages that were left behind or changed, by name, and who took that so.

use serde::{Deserialize, Serialize};

use crate::folder::FolderPath;
use crate::message::{InternalDate, MessageId};

/// A message that was left behind, or that stands on the target not quite as it was, by name. Never a silence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exception {
    /// The source folder.
    pub folder: FolderPath,
    /// Its id on the source.
    pub id: MessageId,
    /// Its Message-ID, where it has one.
    pub message_id: Option<String>,
    /// When the source received it, where that is known.
    pub date: Option<InternalDate>,
    /// Its subject as it stands in the header, where it has one.
    pub subject: Option<String>,
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Stable code of the reason: [`ErrorKind::code`](crate::ErrorKind::code)'s, `altered`, `date-changed` or `repaired`.
    pub code: String,
    /// The reason, in words: the server's own where there are any.
    pub reason: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// Where its original bytes are kept, where they are: an endpoint, a folder in it, and an id there.
    pub original: Option<String>,
    /// Who took it so; `None` while nobody did.
    pub approval: Option<Approval>,
}

impl Exception {
    /// Code of a message that stands on the target with other bytes.
    pub const ALTERED: &str = "altered";
    /// Code of a message that stands on the target with another internal date.
    pub const DATE_CHANGED: &str = "date-changed";
    /// Code of a message that was mended, by a named change, to be taken by the target.
    pub const REPAIRED: &str = "repaired";

    /// Whether the message stands on the target all the same, not quite as it was.
    pub fn stands(&self) -> bool {
        [Self::ALTERED, Self::DATE_CHANGED, Self::REPAIRED].contains(&self.code.as_str())
    }

    /// Whether it explains that the message has other bytes on the target.
    pub fn explains_bytes(&self) -> bool {
        [Self::ALTERED, Self::REPAIRED].contains(&self.code.as_str())
    }

    /// This exception in the place of an earlier one of the same message. With the same code, what it does not know stays as it was:
    /// a later attempt that fails the same way may have learnt less, and does not take back what a person approved.
    #[must_use]
    pub fn replacing(self, earlier: &Self) -> Self {
        if self.code != earlier.code {
            return self;
        }
        let earlier = earlier.clone();
        Self {
            message_id: self.message_id.or(earlier.message_id),
            date: self.date.or(earlier.date),
            subject: self.subject.or(earlier.subject),
            size: self.size.or(earlier.size),
            hint: self.hint.or(earlier.hint),
            original: self.original.or(earlier.original),
            approval: self.approval.or(earlier.approval),
            ..self
        }
    }
}

/// Who approved that a message was left behind, or that it stands there as it does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approval {
    /// The person's name; never empty.
    pub by: String,
    /// The reason; never empty.
    pub because: String,
    /// When, in seconds of the Unix epoch.
    pub at: i64,
}

/// An approval without a name or a reason: it would approve nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an approval needs a name and a reason")]
pub struct NamelessApproval;

impl Approval {
    /// An approval by that person, for that reason; white space around both is cut off.
    ///
    /// # Errors
    /// Without a name or a reason.
    pub fn new(by: &str, because: &str, at: i64) -> Result<Self, NamelessApproval> {
        let approval = Self { by: by.trim().into(), because: because.trim().into(), at };
        approval.validate()?;
        Ok(approval)
    }

    /// Whether it approves anything, wherever it comes from.
    ///
    /// # Errors
    /// Without a name or a reason.
    pub fn validate(&self) -> Result<(), NamelessApproval> {
        match self.by.trim().is_empty() || self.because.trim().is_empty() {
            true => Err(NamelessApproval),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn exception(code: &str) -> Exception {
        Exception {
            folder: FolderPath::inbox(),
            id: MessageId::Uid(7),
            message_id: None,
            date: None,
            subject: None,
            size: None,
            code: code.into(),
            reason: "refused".into(),
            hint: None,
            original: None,
            approval: None,
        }
    }

    #[test]
    fn an_approval_stays_as_long_as_the_message_fails_the_same_way() {
        let approval = Approval::new(" Ada ", "spam", 1).ok();
        let earlier = Exception { subject: Some("Hello".into()), approval: approval.clone(), ..exception("malformed") };
        let again = exception("malformed").replacing(&earlier);
        assert_eq!((again.approval, again.subject.as_deref()), (approval, Some("Hello")));
        assert_eq!(exception("repaired").replacing(&earlier).approval, None);
    }

    #[test]
    fn an_approval_needs_a_name_and_a_reason() {
        assert_eq!(Approval::new(" ", "because", 1), Err(NamelessApproval));
        assert_eq!(Approval::new("Ada", "\t", 1), Err(NamelessApproval));
    }
}
