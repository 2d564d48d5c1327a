//! What is said to a person when something cannot work: what happened, why, and what to do.

use std::error::Error;
use std::fmt::Write as _;

use limosa_model::{ConnectorError, LedgerError};
use serde::Serialize;

use crate::exit::Exit;
use crate::terminal::{Paint, clean};

/// Where a password belongs that was found on the command line.
const ELSEWHERE: &str = "everybody on this machine can read command lines with ps: use --source-password-file or \
    --target-password-file, the variables LIMOSA_SOURCE_PASSWORD and LIMOSA_TARGET_PASSWORD, or wait to be asked";

/// What was typed makes no sense.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Usage {
    what: String,
    hint: Option<String>,
}

impl Usage {
    /// Says what is wrong, in lower case and without secrets.
    pub fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), hint: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// A URL has a password in it. Says neither.
    pub fn password_in_url() -> Self {
        let hint = format!("{ELSEWHERE} (a : in a user's name is written %3A)");
        Self::new("an endpoint holds a password").hint(hint)
    }

    /// An option that would hold a password. Says no more.
    pub fn password_in_option() -> Self {
        Self::new("a password cannot be given as an option").hint(ELSEWHERE)
    }

    /// Adds where: "source: an endpoint is not a URL".
    #[must_use]
    pub fn at(mut self, place: impl std::fmt::Display) -> Self {
        self.what = format!("{place}: {}", self.what);
        self
    }

    /// What is wrong.
    #[cfg(test)]
    pub fn what(&self) -> &str {
        &self.what
    }
}

/// Something that ends the command, or one pair of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    #[serde(skip)]
    pub exit: Exit,
    /// Stable code, as in `docs/errors.md`.
    pub code: &'static str,
    /// What happened.
    pub what: String,
    /// Why, from the nearest cause to the farthest.
    pub causes: Vec<String>,
    /// What to do about it.
    pub hint: Option<String>,
    /// Source and target, where it is of a pair: as they are told in JSON beside it.
    #[serde(skip)]
    pub pair: Option<Box<(String, String)>>,
}

impl Failure {
    /// Says of which pair it is.
    #[must_use]
    pub fn of_pair(self, source: impl Into<String>, target: impl Into<String>) -> Self {
        Self { pair: Some(Box::new((source.into(), target.into()))), ..self }
    }

    /// Something that cannot work.
    pub fn new(code: &'static str, what: impl Into<String>) -> Self {
        Self { exit: Exit::CannotWork, code, what: what.into(), causes: Vec::new(), hint: None, pair: None }
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// Adds the causes of the error that the failure tells already.
    #[must_use]
    pub fn because_of(self, error: &dyn Error) -> Self {
        match error.source() {
            Some(cause) => self.because(cause),
            None => self,
        }
    }

    /// Adds a cause and the causes of it.
    #[must_use]
    pub fn because(mut self, cause: &dyn Error) -> Self {
        let mut next = Some(cause);
        while let Some(cause) = next {
            let text = cause.to_string();
            // Many errors of libraries repeat their cause in their own text.
            let repeated = self.causes.last().is_some_and(|last| last.contains(&text)) || self.what.contains(&text);
            if !repeated {
                self.causes.push(text);
            }
            next = cause.source();
        }
        self
    }

    /// An endpoint's failure. `at` says which: "source imap://alice@old.example:993".
    pub fn connector(at: &str, error: &ConnectorError) -> Self {
        let mut failure = Self::new(error.kind().code(), format!("{at}: {error}"));
        failure.hint = error.hint_text().map(str::to_owned);
        failure.because_of(error)
    }

    /// The ledger's failure.
    pub fn ledger(error: &LedgerError) -> Self {
        Self::new(error.code(), error.to_string()).hint(error.hint()).because_of(error)
    }

    /// The failure as lines for a person, with a line break at the end.
    pub fn render(&self, paint: Paint) -> String {
        let mut text = format!("{} {}\n", paint.red("error:"), clean(&self.what));
        for cause in &self.causes {
            let _ = writeln!(text, "  because: {}", clean(cause));
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{} {}", paint.cyan("hint:"), clean(hint));
        }
        text
    }

    /// The failure in one line, without colours.
    pub fn one_line(&self) -> String {
        let mut text = clean(&self.what).into_owned();
        for cause in &self.causes {
            let _ = write!(text, ": {}", clean(cause));
        }
        text
    }
}

impl From<Usage> for Failure {
    fn from(usage: Usage) -> Self {
        Self { exit: Exit::Usage, code: "usage", what: usage.what, causes: Vec::new(), hint: usage.hint, pair: None }
    }
}

#[cfg(test)]
mod tests {
    use limosa_model::{ErrorKind, Retry, Scope};

    use super::*;

    #[test]
    fn an_endpoints_failure_says_where_why_and_what_to_do() {
        let cause = std::io::Error::other("certificate expired\u{1b}[2J");
        let error = ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Tls, "TLS failed")
            .hint("ask the server's owner")
            .because(cause);
        let failure = Failure::connector("source imap://a@old.example:993", &error);
        assert_eq!(failure.code, "tls");
        assert_eq!(
            failure.render(Paint::off()),
            "error: source imap://a@old.example:993: TLS failed\n  because: certificate expired\\u{1b}[2J\n\
             hint: ask the server's owner\n"
        );
    }

    #[test]
    fn a_busy_pair_hints_at_waiting() {
        let failure = Failure::ledger(&LedgerError::Busy { pair: "a → b".into() });
        assert_eq!((failure.exit, failure.code), (Exit::CannotWork, "pair-busy"));
        assert!(failure.hint.is_some_and(|hint| hint.contains("--wait")));
    }
}
