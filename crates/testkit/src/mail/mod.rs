//! Where does test mail come from? A generator that makes the same mailbox from the same seed.
//!
//! A [`Mailbox`] is a list of [`Folder`]s; a folder makes its messages one at a time, when asked, so
//! that half a million of them need no memory. Four workloads have names:
//!
//! | workload | messages | folders |
//! |---|---|---|
//! | [`ordinary`] | median 8 kB, mean 60 kB, at most 20 MB | 12, nested, several languages |
//! | [`small`] | 2–6 kB | 5, half of the mail in INBOX |
//! | [`large`] | 10–25 MB | 2 |
//! | [`nasty`] | each odd in its own way | many odd names |

mod compose;
mod folders;
mod nasty;
mod random;

use std::fmt;
use std::sync::Arc;

pub use folders::PICKY_NAMES;
pub use nasty::{Nasty, nasty_messages};
pub use random::Random;

/// A message with all that must survive a move.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The message as it is sent in APPEND.
    pub bytes: Vec<u8>,
    /// System flags with their backslash, such as `\Seen`; sorted, without `\Recent`.
    pub flags: Vec<&'static str>,
    /// Keywords, sorted.
    pub keywords: Vec<String>,
    /// When the server took the message.
    pub internal_date: InternalDate,
}

impl Message {
    /// Flags and keywords as in APPEND, in parentheses.
    pub fn flag_list(&self) -> String {
        let keywords = self.keywords.iter().map(String::as_str);
        let all: Vec<&str> = self.flags.iter().copied().chain(keywords).collect();
        format!("({})", all.join(" "))
    }
}

/// A point in time with the zone it is written in. Servers keep the time and may change the zone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct InternalDate {
    /// Seconds since 1970-01-01T00:00:00Z.
    pub seconds: i64,
    /// Minutes east of Greenwich.
    pub offset_minutes: i32,
}

impl fmt::Display for InternalDate {
    /// As in APPEND and FETCH, without quotes: ` 1-Feb-2003 04:05:06 -0330` (RFC 3501 `date-time`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = jiff::tz::Offset::from_seconds(self.offset_minutes * 60)
            .ok()
            .zip(jiff::Timestamp::from_second(self.seconds).ok())
            .map(|(offset, time)| offset.to_datetime(time));
        let Some(local) = text else {
            return Err(fmt::Error);
        };
        let sign = if self.offset_minutes < 0 { '-' } else { '+' };
        let minutes = self.offset_minutes.abs();
        write!(
            f,
            "{:2}-{}-{:04} {:02}:{:02}:{:02} {sign}{:02}{:02}",
            local.day(),
            compose::MONTHS[usize::from(local.month().unsigned_abs()) - 1],
            local.year(),
            local.hour(),
            local.minute(),
            local.second(),
            minutes / 60,
            minutes % 60,
        )
    }
}

/// A folder and how to make its messages.
#[derive(Debug, Clone)]
pub struct Folder {
    /// Its name and those of the folders above it, from the top. These parents are folders themselves
    /// only if they are listed too; else they are `\Noselect` at most.
    pub path: Vec<String>,
    /// Its SPECIAL-USE flag, such as `\Sent`.
    pub special_use: Option<&'static str>,
    /// Whether it is subscribed to.
    pub subscribed: bool,
    /// How many messages it holds.
    pub message_count: usize,
    content: Content,
}

#[derive(Debug, Clone)]
enum Content {
    Composed { seed: u64, sizes: Sizes },
    Fixed(Arc<[Message]>),
}

impl Folder {
    /// A folder whose messages are made from a seed.
    pub fn composed(path: &[&str], message_count: usize, seed: u64, sizes: Sizes) -> Folder {
        Folder {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            special_use: None,
            subscribed: true,
            message_count,
            content: Content::Composed { seed, sizes },
        }
    }

    /// A folder of given messages.
    pub fn fixed(path: &[&str], messages: Vec<Message>) -> Folder {
        Folder {
            path: path.iter().map(|name| (*name).to_owned()).collect(),
            special_use: None,
            subscribed: true,
            message_count: messages.len(),
            content: Content::Fixed(messages.into()),
        }
    }

    /// The same folder with a role, given as SPECIAL-USE flag.
    #[must_use]
    pub fn with_special_use(self, flag: &'static str) -> Folder {
        Folder { special_use: Some(flag), ..self }
    }

    /// The same folder, not subscribed to.
    #[must_use]
    pub fn unsubscribed(self) -> Folder {
        Folder { subscribed: false, ..self }
    }

    /// Makes the message at a position from 0; the same each time.
    ///
    /// # Panics
    /// If there are not so many.
    pub fn message(&self, position: usize) -> Message {
        assert!(position < self.message_count, "no message {position}");
        match &self.content {
            Content::Fixed(messages) => messages[position].clone(),
            Content::Composed { seed, sizes } => compose::message(*seed, position, *sizes, self.special_use),
        }
    }

    /// Makes all messages, one at a time.
    pub fn messages(&self) -> impl ExactSizeIterator<Item = Message> + '_ {
        (0..self.message_count).map(|position| self.message(position))
    }
}

/// How large messages are, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Sizes {
    /// Log-normally distributed, as in real mailboxes.
    LogNormal {
        /// Half of the messages are smaller.
        median: f64,
        /// The mean; not less than the median.
        mean: f64,
        /// No message is larger (but by its headers).
        max: usize,
    },
    /// Each size in the range equally often.
    Uniform {
        /// The smallest.
        min: usize,
        /// The largest.
        max: usize,
    },
}

/// A whole mailbox.
#[derive(Debug, Clone)]
pub struct Mailbox {
    /// Its folders, parents before children; INBOX first.
    pub folders: Vec<Folder>,
}

impl Mailbox {
    /// The number of messages in all folders.
    pub fn message_count(&self) -> usize {
        self.folders.iter().map(|folder| folder.message_count).sum()
    }
}

/// About `messages` messages as in a grown private or office mailbox: median 8 kB, mean 60 kB, at
/// most 20 MB, in 12 folders.
pub fn ordinary(seed: u64, messages: usize) -> Mailbox {
    let sizes = Sizes::LogNormal { median: 8_000.0, mean: 60_000.0, max: 20_000_000 };
    folders::ordinary(seed, messages, sizes)
}

/// About `messages` messages of 2–6 kB in 5 folders, half of them in INBOX: much metadata, few bytes.
pub fn small(seed: u64, messages: usize) -> Mailbox {
    let sizes = Sizes::Uniform { min: 2_000, max: 6_000 };
    folders::small(seed, messages, sizes)
}

/// `messages` messages of 10–25 MB in 2 folders: few, but many bytes.
pub fn large(seed: u64, messages: usize) -> Mailbox {
    let sizes = Sizes::Uniform { min: 10_000_000, max: 25_000_000 };
    folders::large(seed, messages, sizes)
}

/// Odd folder names, each with a few messages, and all of [`nasty_messages`] in INBOX. Dovecot takes
/// it whole; other servers refuse or change some messages, as their documentation says.
pub fn nasty(seed: u64) -> Mailbox {
    folders::nasty(seed)
}

#[cfg(test)]
mod tests;
