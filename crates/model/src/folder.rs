//! Folders: their paths, roles and states.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Where a folder stands in its mailbox: the names from the top down, in Unicode, with no separator of any server in them.
///
/// The inbox is the path `INBOX`, in whatever letter case a server writes it. A personal namespace's prefix (`INBOX.` of
/// Courier and Cyrus) is not part of the path: connectors take it off and put it on.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String")]
#[serde(from = "String")]
pub struct FolderPath(Vec<String>);

impl FolderPath {
    /// The path of these names from the top down. An inbox in any letter case becomes `INBOX`.
    ///
    /// # Panics
    /// If there is no name at all: a mailbox itself is not a folder.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let mut names: Vec<String> = names.into_iter().map(Into::into).collect();
        assert!(!names.is_empty(), "a folder path has at least one name");
        if names[0].eq_ignore_ascii_case("INBOX") {
            names[0] = "INBOX".into();
        }
        Self(names)
    }

    /// The inbox.
    pub fn inbox() -> Self {
        Self(vec!["INBOX".into()])
    }

    /// Whether this is the inbox itself.
    pub fn is_inbox(&self) -> bool {
        self.0.len() == 1 && self.0[0] == "INBOX"
    }

    /// The names from the top down; never empty.
    pub fn names(&self) -> &[String] {
        &self.0
    }

    /// The last name.
    pub fn last(&self) -> &str {
        self.0.last().map_or("", String::as_str)
    }

    /// The folder above, if this one is not at the top.
    pub fn parent(&self) -> Option<Self> {
        (self.0.len() > 1).then(|| Self(self.0[..self.0.len() - 1].to_vec()))
    }

    /// The folder of that name below this one.
    #[must_use]
    pub fn child(&self, name: impl Into<String>) -> Self {
        let mut names = self.0.clone();
        names.push(name.into());
        Self(names)
    }

    /// Whether this folder stands somewhere below that one.
    pub fn is_below(&self, other: &Self) -> bool {
        self.0.len() > other.0.len() && self.0.starts_with(&other.0)
    }

    /// Where this folder stands once `from` is called `to`: at `to` or below it if it stood at `from` or below it, else where it was.
    #[must_use]
    pub fn renamed(&self, from: &Self, to: &Self) -> Self {
        match self.0.strip_prefix(&from.0[..]) {
            Some(below) => Self::new(to.0.iter().chain(below)),
            None => self.clone(),
        }
    }
}

/// For people and for files: names joined by `/`; a `/` or `\` inside a name is written with a `\` before it.
impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            if index > 0 {
                f.write_str("/")?;
            }
            for c in name.chars() {
                if c == '/' || c == '\\' {
                    f.write_str("\\")?;
                }
                write!(f, "{c}")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{self}\"")
    }
}

/// Reads what [`FolderPath`]'s `Display` writes.
impl From<String> for FolderPath {
    fn from(text: String) -> Self {
        let mut names = vec![String::new()];
        let mut characters = text.chars();
        while let Some(c) = characters.next() {
            match c {
                '/' => names.push(String::new()),
                '\\' => names.last_mut().expect("never empty").extend(characters.next()),
                c => names.last_mut().expect("never empty").push(c),
            }
        }
        Self::new(names)
    }
}

impl From<&str> for FolderPath {
    fn from(text: &str) -> Self {
        text.to_owned().into()
    }
}

impl From<FolderPath> for String {
    fn from(path: FolderPath) -> Self {
        path.to_string()
    }
}

/// What a folder is for (SPECIAL-USE, RFC 6154; `Inbox` and `Important` beside it, RFC 8457).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The inbox.
    Inbox,
    /// `\All`: a view of all messages; its messages stand in other folders too.
    All,
    /// `\Archive`
    Archive,
    /// `\Drafts`
    Drafts,
    /// `\Flagged`: a view of flagged messages; they stand in other folders too.
    Flagged,
    /// `\Important`
    Important,
    /// `\Junk`
    Junk,
    /// `\Sent`
    Sent,
    /// `\Trash`
    Trash,
}

impl Role {
    const ATTRIBUTES: [(Self, &'static str); 8] = [
        (Self::All, "\\All"),
        (Self::Archive, "\\Archive"),
        (Self::Drafts, "\\Drafts"),
        (Self::Flagged, "\\Flagged"),
        (Self::Important, "\\Important"),
        (Self::Junk, "\\Junk"),
        (Self::Sent, "\\Sent"),
        (Self::Trash, "\\Trash"),
    ];

    /// The IMAP attribute; `None` for the inbox, which needs none.
    pub fn attribute(self) -> Option<&'static str> {
        Self::ATTRIBUTES.iter().find(|(role, _)| *role == self).map(|(_, name)| *name)
    }

    /// The role of that IMAP attribute, in any letter case.
    pub fn from_attribute(attribute: &str) -> Option<Self> {
        Self::ATTRIBUTES.iter().find(|(_, name)| name.eq_ignore_ascii_case(attribute)).map(|(role, _)| *role)
    }

    /// Whether a folder of this role shows messages that stand in other folders too.
    pub fn is_view(self) -> bool {
        matches!(self, Self::All | Self::Flagged)
    }
}

/// A position in one folder up to which everything is settled. Only the connector that made it can read it: IMAP's holds
/// UIDVALIDITY, UIDNEXT, HIGHESTMODSEQ and the number of messages, JMAP's a state string, Graph's a delta link.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Watermark(String);

impl Watermark {
    /// A watermark of this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the connector that made it and for the store.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Watermark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What a survey says about one folder's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FolderState {
    /// Where the folder stands now.
    pub watermark: Watermark,
    /// Under what ids are given out (IMAP: UIDVALIDITY). Ids given under another one are void. Empty where an id is never
    /// given to another message.
    pub ids: String,
    /// Whether an equal watermark proves that nothing changed. False where flags can change unseen (IMAP without CONDSTORE).
    pub proves_unchanged: bool,
    /// Number of messages.
    pub messages: u64,
    /// Bytes of all messages, where the store tells it at no cost.
    pub bytes: Option<u64>,
}

/// One folder, as a survey sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Folder {
    /// Where it stands.
    pub path: FolderPath,
    /// Its name as the server writes it, separators and prefix included: for commands, logs and reports.
    pub name: String,
    /// Whether it can hold messages. False for IMAP's `\Noselect` and `\NonExistent`.
    pub selectable: bool,
    /// Its role by the server's own word (SPECIAL-USE); by its name only where a connector's server has no such word.
    pub role: Option<Role>,
    /// Whether the owner subscribed to it.
    pub subscribed: bool,
    /// An id that outlives a rename (MAILBOXID, RFC 8474), where the store has one.
    pub object_id: Option<String>,
    /// What it holds; `None` when it cannot be selected, or when the survey could not learn it.
    pub state: Option<FolderState>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_read_back_from_its_display() {
        for names in [vec!["INBOX"], vec!["a/b", "c\\d"], vec!["Entwürfe", " x "], vec!["a", "", "b"]] {
            let path = FolderPath::new(names);
            assert_eq!(FolderPath::from(path.to_string()), path);
        }
    }

    #[test]
    fn what_stands_below_a_renamed_folder_goes_along() {
        let (from, to) = (FolderPath::from("a/b"), FolderPath::from("c"));
        for (path, expect) in [("a/b", "c"), ("a/b/x/y", "c/x/y"), ("a", "a"), ("a/bc", "a/bc"), ("b/a/b", "b/a/b")] {
            assert_eq!(FolderPath::from(path).renamed(&from, &to).to_string(), expect);
        }
        assert!(FolderPath::from("a/b/x").is_below(&from));
        assert!(!from.is_below(&from) && !FolderPath::from("a/bc").is_below(&from));
    }

    #[test]
    fn the_inbox_is_one_in_any_letter_case() {
        assert_eq!(FolderPath::new(["inbox", "Sub"]).to_string(), "INBOX/Sub");
        assert!(FolderPath::from("Inbox").is_inbox());
    }
}
