//! What can go wrong at an endpoint: how far it reaches, whether to try again, and what a person can do about it.

use std::fmt;
use std::time::Duration;

/// How far an error reaches, from near to far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scope {
    /// One message; others can go on.
    Item,
    /// One folder.
    Folder,
    /// The mailbox: its owner cannot sign in, its quota is full.
    Mailbox,
    /// This connection only: another one to the same endpoint may work.
    Connection,
    /// The whole endpoint: host unknown, certificate not trusted.
    Endpoint,
}

/// Whether trying again can help.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Retry {
    /// The same will happen again until somebody changes something.
    Never,
    /// Trying again soon may work.
    Now,
    /// The endpoint asked for a pause of this length.
    After(Duration),
}

/// What happened, as a stable code. Each has a page in `docs/errors.md` under its [`ErrorKind::code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The host's name is not known, or nobody answers there.
    Unreachable,
    /// The connection broke or went silent.
    ConnectionLost,
    /// Nothing came within the time limit.
    TimedOut,
    /// The other side does not speak the protocol.
    Protocol,
    /// The certificate is expired, for another name, or of an unknown issuer; or TLS itself failed.
    Tls,
    /// The server offers no TLS where TLS is required.
    TlsRefused,
    /// User or password (or token) was refused.
    SignIn,
    /// No sign-in mechanism that both sides know.
    NoMechanism,
    /// The account may not do this: read-only target, missing rights.
    NotPermitted,
    /// The mailbox's quota is full.
    OverQuota,
    /// The message is larger than the store takes.
    TooBig,
    /// The store refuses the message's content.
    Malformed,
    /// The folder cannot be made or used.
    Folder,
    /// The message or folder is not there any more.
    Gone,
    /// The endpoint holds us back.
    Throttled,
    /// The store says that it is broken or busy.
    ServerFault,
    /// A local file or folder cannot be read or written.
    LocalIo,
    /// What was asked for makes no sense.
    Usage,
}

impl ErrorKind {
    /// The stable code: lower case, words joined by hyphens.
    pub fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "unreachable",
            Self::ConnectionLost => "connection-lost",
            Self::TimedOut => "timed-out",
            Self::Protocol => "protocol",
            Self::Tls => "tls",
            Self::TlsRefused => "tls-refused",
            Self::SignIn => "sign-in",
            Self::NoMechanism => "no-mechanism",
            Self::NotPermitted => "not-permitted",
            Self::OverQuota => "over-quota",
            Self::TooBig => "too-big",
            Self::Malformed => "malformed",
            Self::Folder => "folder",
            Self::Gone => "gone",
            Self::Throttled => "throttled",
            Self::ServerFault => "server-fault",
            Self::LocalIo => "local-io",
            Self::Usage => "usage",
        }
    }
}

/// An endpoint's error. Every connector answers the same three questions: scope, retry, kind.
#[derive(Debug)]
pub struct ConnectorError(Box<Inner>);

#[derive(Debug)]
struct Inner {
    scope: Scope,
    retry: Retry,
    kind: ErrorKind,
    what: String,
    hint: Option<String>,
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

impl ConnectorError {
    /// An error of that kind; `what` says what happened in lower case, with names and numbers, without secrets.
    pub fn new(scope: Scope, retry: Retry, kind: ErrorKind, what: impl Into<String>) -> Self {
        Self(Box::new(Inner { scope, retry, kind, what: what.into(), hint: None, source: None }))
    }

    /// Adds what a person can do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.0.hint = Some(hint.into());
        self
    }

    /// Adds the cause.
    #[must_use]
    pub fn because(mut self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.0.source = Some(source.into());
        self
    }

    /// How far it reaches.
    pub fn scope(&self) -> Scope {
        self.0.scope
    }

    /// Whether trying again can help.
    pub fn retry(&self) -> Retry {
        self.0.retry
    }

    /// What happened.
    pub fn kind(&self) -> ErrorKind {
        self.0.kind
    }

    /// What a person can do about it.
    pub fn hint_text(&self) -> Option<&str> {
        self.0.hint.as_deref()
    }
}

impl fmt::Display for ConnectorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.what)
    }
}

impl std::error::Error for ConnectorError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_deref().map(|source| source as &(dyn std::error::Error + 'static))
    }
}
