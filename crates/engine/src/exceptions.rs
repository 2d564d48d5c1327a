//! Naming what was left behind or changed: from a message's id and the reason to all that a person needs to know.

use std::borrow::Cow;
use std::collections::HashMap;

use limosa_model::message::HeaderItem;
use limosa_model::{ConnectorError, ErrorKind, Exception, Folder, IdList, Mailbox, MessageId, Scope};

use crate::recover::header_field;

/// Headers asked for at once.
const HEADERS_AT_ONCE: u32 = 500;

/// What is known of an exception before its message's header is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// Stable code.
    pub code: Cow<'static, str>,
    /// The reason, in words.
    pub what: String,
    /// What a person can do about it.
    pub hint: Option<String>,
    /// The message's size, where it is known.
    pub size: Option<u64>,
    /// Where its original bytes are kept, where they are.
    pub original: Option<String>,
}

impl Reason {
    /// Of that code.
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        let hint = usual_hint(code).map(str::to_owned);
        Self { code: code.into(), what: what.into(), hint, size: None, original: None }
    }

    /// That of an exception which was noted in a hurry: its message's header is yet to be read.
    pub fn of_undescribed(exception: &Exception) -> Option<Self> {
        let is_described = exception.date.is_some() || (exception.stands() && exception.code != Exception::REPAIRED);
        (!is_described).then(|| Self {
            code: exception.code.clone().into(),
            what: exception.reason.clone(),
            hint: exception.hint.clone(),
            size: exception.size,
            original: exception.original.clone(),
        })
    }

    /// A side would not take the message, or not give it.
    pub fn refused(error: &ConnectorError, size: Option<u64>) -> Self {
        let usual = Self::new(error.kind().code(), error.to_string());
        let hint = error.hint_text().map(str::to_owned).or_else(|| usual.hint.clone());
        Self { hint, size, ..usual }
    }

    /// The exception of that message, with what its header tells.
    pub fn exception(&self, folder: &Folder, id: &MessageId, header: Option<&HeaderItem>) -> Exception {
        let field = |name| header.and_then(|item| header_field(&item.header, name)).map(|value| bounded(&value));
        Exception {
            folder: folder.path.clone(),
            id: id.clone(),
            message_id: field("message-id"),
            date: header.and_then(|item| item.internal_date),
            subject: field("subject"),
            size: self.size.or(header.map(|item| item.size)),
            code: self.code.clone().into_owned(),
            reason: self.what.clone(),
            hint: self.hint.clone(),
            original: self.original.clone(),
            approval: None,
        }
    }
}

/// Exceptions of these messages, with what their headers tell. What the source cannot give whole it may not give in part either:
/// such an exception says less.
///
/// # Errors
/// The connection's.
pub async fn describe(
    source: &mut dyn Mailbox,
    folder: &Folder,
    reasons: &[(&MessageId, Reason)],
) -> Result<Vec<Exception>, ConnectorError> {
    let ids: IdList = reasons.iter().map(|(id, _)| (*id).clone()).collect();
    let mut headers = HashMap::new();
    for ids in ids.chunks(HEADERS_AT_ONCE) {
        match source.headers(folder, &ids).await {
            Ok(items) => headers.extend(items.into_iter().map(|item| (item.id.clone(), item))),
            Err(error) if error.scope() <= Scope::Folder => {}
            Err(error) => return Err(error),
        }
    }
    Ok(reasons.iter().map(|(id, reason)| reason.exception(folder, id, headers.get(id))).collect())
}

/// What helps with exceptions of that code, where nobody knows better.
fn usual_hint(code: &str) -> Option<&'static str> {
    let is = |kind: ErrorKind| code == kind.code();
    Some(match code {
        _ if is(ErrorKind::Malformed) => {
            "--policy repair makes the smallest change that the target takes; --policy park keeps the message in a Maildir"
        }
        _ if is(ErrorKind::TooBig) => {
            "raise the target's limit and run with --retry-exceptions; --policy park keeps the message in a Maildir"
        }
        Exception::ALTERED => {
            "the source has the original; where the target's setting can be changed, remove the message there and run again"
        }
        Exception::DATE_CHANGED => "programs may show it out of order; the message itself is whole",
        Exception::REPAIRED => "the original is kept; approve the exception if the change is well",
        _ => return None,
    })
}

/// A header value for a report: no line breaks, at most 400 characters.
pub fn bounded(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ").chars().take(400).collect()
}
