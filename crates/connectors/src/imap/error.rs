//! How an IMAP endpoint's errors are told: scope, retry, kind, names, and what a person can do.

use std::time::Duration;

use limosa_imap::quirk::suggested_backoff;
use limosa_model::{ConnectorError, ErrorKind, Retry, Scope};

/// Which account on which server an error speaks of.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
}

/// What a server says is shown to people up to this many characters.
const WORDS: usize = 300;

/// How long to leave a server alone that holds us back and does not say for how long.
const PAUSE: Duration = Duration::from_secs(60);

/// No server is taken at its word for longer.
const LONGEST_PAUSE: Duration = Duration::from_secs(3600);

impl Place {
    /// `host:port`, with brackets around an IPv6 address.
    pub(crate) fn server(&self) -> String {
        if self.host.contains(':') {
            format!("[{}]:{}", self.host, self.port)
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }

    pub(crate) fn lost(&self, what: impl std::fmt::Display) -> ConnectorError {
        let text = format!("the connection to {} was lost: {what}", self.server());
        ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ConnectionLost, text)
    }

    pub(crate) fn silent(&self, seconds: u64) -> ConnectorError {
        let text = format!("{} has been silent for {seconds} s while an answer was due", self.server());
        ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::TimedOut, text)
    }

    pub(crate) fn protocol(&self, what: impl std::fmt::Display) -> ConnectorError {
        let text = format!("{} does not keep to the protocol: {what}", self.server());
        ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Protocol, text)
    }

    /// The server said BYE.
    pub(crate) fn farewell(&self, words: &[u8]) -> ConnectorError {
        let text = words_for_people(words);
        if speaks_of_throttling(&text) {
            return self.throttled(&text);
        }
        self.lost(format_args!("the server ended it, saying \"{text}\""))
    }

    /// The server said BYE instead of a greeting.
    pub(crate) fn turned_away(&self, words: &[u8]) -> ConnectorError {
        let text = words_for_people(words);
        if speaks_of_throttling(&text) {
            return self.throttled(&text);
        }
        let text = format!("{} turned us away, saying \"{text}\"", self.server());
        ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::ServerFault, text)
            .hint("the server may be shutting down, or may not want this machine")
    }

    pub(crate) fn throttled(&self, words: &str) -> ConnectorError {
        let pause = Retry::After(pause(words));
        let text = format!("{} holds us back, saying \"{words}\"", self.server());
        ConnectorError::new(Scope::Endpoint, pause, ErrorKind::Throttled, text)
            .hint("use fewer connections, or have the server allow more for each user and address")
    }

    /// A command on a folder, or on the mailbox when no folder is named, was answered NO or BAD.
    pub(crate) fn refused(&self, doing: &str, folder: Option<&str>, refusal: &Refusal) -> ConnectorError {
        let on = folder.map(|name| format!(" folder \"{name}\"")).unwrap_or_default();
        let text = format!("{} would not {doing}{on} of {}: \"{}\"", self.server(), self.user, refusal.words);
        let scope = if folder.is_some() { Scope::Folder } else { Scope::Mailbox };
        match refusal.reason {
            Reason::OverQuota => ConnectorError::new(Scope::Mailbox, Retry::Never, ErrorKind::OverQuota, text)
                .hint("raise the mailbox's quota, or make room in it"),
            Reason::NoPermission => ConnectorError::new(scope, Retry::Never, ErrorKind::NotPermitted, text)
                .hint("the account needs rights on this folder"),
            Reason::Throttled => {
                let pause = Retry::After(pause(&refusal.words));
                ConnectorError::new(Scope::Endpoint, pause, ErrorKind::Throttled, text)
            }
            Reason::Transient => ConnectorError::new(scope, Retry::Now, ErrorKind::ServerFault, text),
            Reason::Missing => ConnectorError::new(scope, Retry::Never, ErrorKind::Gone, text),
            Reason::TooBig | Reason::Other => ConnectorError::new(scope, Retry::Never, ErrorKind::Folder, text),
        }
    }
}

/// A NO or BAD as it matters to us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refusal {
    pub(crate) reason: Reason,
    /// The server's words, for people.
    pub(crate) words: String,
}

/// Why a server refuses, as far as it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reason {
    OverQuota,
    TooBig,
    NoPermission,
    /// The folder is not there.
    Missing,
    Throttled,
    /// The server is broken or busy: the same may work later.
    Transient,
    Other,
}

/// A server's words, safe to show: no control characters, not too long.
pub(crate) fn words_for_people(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let clean = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut words: String = clean.take(WORDS).collect();
    if text.chars().count() > WORDS {
        words.push('…');
    }
    words.trim().to_owned()
}

/// Whether a BYE or NO without a code means that there are too many connections or commands.
pub(crate) fn speaks_of_throttling(words: &str) -> bool {
    reason_in_words(words) == Reason::Throttled
}

/// How long to wait for a server that holds us back: as it says, else a minute.
fn pause(words: &str) -> Duration {
    suggested_backoff(words.as_bytes()).map_or(PAUSE, |said| said.min(LONGEST_PAUSE))
}

/// What a refusal without a telling code speaks of, by the words of servers that have no codes (Courier, old Exchange).
pub(crate) fn reason_in_words(words: &str) -> Reason {
    let words = words.to_ascii_lowercase();
    // The first that fits counts: what stands above is told more surely by its words.
    const SIGNS: [(Reason, &[&str]); 7] = [
        (
            Reason::Throttled,
            &[
                "too many",
                "maximum number of connections",
                "connection limit",
                "simultaneous connections",
                "rate limit",
                "throttl",
            ],
        ),
        (Reason::OverQuota, &["quota", "mailbox is full", "out of space"]),
        (Reason::TooBig, &["too big", "too large", "message size", "maximum size", "exceeds"]),
        (Reason::NoPermission, &["permission denied", "access denied", "read-only", "read only", "not permitted"]),
        (Reason::Missing, &["doesn't exist", "does not exist", "nonexistent", "no such mailbox", "not found"]),
        (Reason::Throttled, &["try again later"]),
        (
            Reason::Transient,
            &["internal error", "temporar", "try again", "unavailable", "busy", "locked", "timeout", "timed out"],
        ),
    ];
    let found = SIGNS.iter().find(|(_, signs)| signs.iter().any(|sign| words.contains(sign)));
    found.map_or(Reason::Other, |(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_made_safe_to_show() {
        assert_eq!(words_for_people(b" a\x1b[2Jb\r\n"), "a [2Jb");
        assert_eq!(words_for_people(&[b'x'; 1000]).chars().count(), WORDS + 1);
    }

    #[test]
    fn the_reason_is_found_in_the_words_of_servers_without_codes() {
        // Courier 1.0, maildirquota
        assert_eq!(reason_in_words("You exceeded your mail quota."), Reason::OverQuota);
        // Exchange 2016
        assert_eq!(reason_in_words("APPEND failed: message exceeds the maximum"), Reason::TooBig);
        assert_eq!(reason_in_words("Mailbox doesn't exist: x"), Reason::Missing);
        assert_eq!(reason_in_words("Invalid message"), Reason::Other);
        assert_eq!(reason_in_words("Mailbox is full, try again later"), Reason::OverQuota);
        assert_eq!(reason_in_words("Not now, try again later"), Reason::Throttled);
    }

    #[test]
    fn a_server_that_says_how_long_to_wait_is_left_alone_for_so_long() {
        let place = Place { host: "h".into(), port: 993, user: "u".into() };
        let words = "Request is throttled. Suggested Backoff Time: 299609 milliseconds";
        let refusal = Refusal { reason: Reason::Throttled, words: words.into() };
        let said = Retry::After(Duration::from_millis(299_609));
        assert_eq!(place.refused("open", Some("x"), &refusal).retry(), said);
        assert_eq!(place.farewell(words.as_bytes()).retry(), said);
        assert_eq!(place.throttled("slowly").retry(), Retry::After(PAUSE));
        let mad = "throttled. Suggested Backoff Time: 99999999999999 milliseconds";
        assert_eq!(place.throttled(mad).retry(), Retry::After(LONGEST_PAUSE));
    }

    #[test]
    fn too_many_connections_is_a_throttle() {
        let place = Place { host: "h".into(), port: 993, user: "u".into() };
        let bye = b"Maximum number of connections from user+IP exceeded (mail_max_userip_connections=10)";
        assert_eq!(place.farewell(bye).kind(), ErrorKind::Throttled);
        assert_eq!(place.farewell(b"Server shutting down.").kind(), ErrorKind::ConnectionLost);
    }
}
