//! One side of a pair: its endpoint, and how to sign in there.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use limosa_connectors::imap::{Fingerprint, LoginAs, Trust};

use crate::args::{LoginForm, SideArgs};
use crate::endpoint::Endpoint;
use crate::failure::Usage;

/// A side of a pair.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Side {
    Source,
    Target,
}

impl Side {
    /// In lower case, as in option names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }

    /// The variable that may hold the side's password.
    pub fn password_variable(self) -> &'static str {
        match self {
            Self::Source => "LIMOSA_SOURCE_PASSWORD",
            Self::Target => "LIMOSA_TARGET_PASSWORD",
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Where a secret is to be had. Never the secret itself.
#[derive(Clone, PartialEq, Eq)]
pub enum Credential {
    /// Nothing was said: the side's variable, else a person at the terminal.
    Usual,
    /// A file with the password.
    File(PathBuf),
    /// A variable with the password.
    Variable(String),
    /// A command that prints an OAuth token.
    TokenCommand(String),
}

/// Commands are not printed: people write secrets into them.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Usual => f.write_str("Usual"),
            Self::File(path) => write!(f, "File({path:?})"),
            Self::Variable(name) => write!(f, "Variable({name:?})"),
            Self::TokenCommand(_) => f.write_str("TokenCommand"),
        }
    }
}

/// How to sign in to a side, whatever its endpoint.
#[derive(Clone, Debug)]
pub struct SideOptions {
    pub credential: Credential,
    pub trust: Trust,
    /// Who signs in for the owner.
    pub admin: Option<String>,
    pub login_form: LoginForm,
    /// Connections at once; `None` for the connector's own number.
    pub connections: Option<usize>,
    /// How long the server may be silent when an answer is due; `None` for the connector's own time.
    pub timeout: Option<Duration>,
    pub compress: bool,
    /// Names of the options that were typed, without `--`.
    pub given: Vec<String>,
}

/// A side with its endpoint.
#[derive(Clone, Debug)]
pub struct SideSettings {
    pub side: Side,
    pub endpoint: Endpoint,
    pub options: SideOptions,
}

impl SideOptions {
    /// Reads what was typed for that side.
    ///
    /// # Errors
    /// If a value is none.
    pub fn read(side: Side, args: SideArgs) -> Result<Self, Usage> {
        let given = [
            (args.password_file.is_some(), "password-file"),
            (args.token_command.is_some(), "token-command"),
            (args.ca_file.is_some(), "ca-file"),
            (args.fingerprint.is_some(), "fingerprint"),
            (args.login_as.is_some(), "login-as"),
            (args.login_form.is_some(), "login-form"),
            (args.connections.is_some(), "connections"),
            (args.timeout.is_some(), "timeout"),
            (args.compress, "compress"),
        ];
        let given = given.into_iter().filter(|(is_given, _)| *is_given).map(|(_, name)| format!("{side}-{name}"));
        let credential = match (args.password_file, args.token_command) {
            (Some(path), _) => Credential::File(path),
            (None, Some(command)) => Credential::TokenCommand(command),
            (None, None) => Credential::Usual,
        };
        let trust = match (args.ca_file, args.fingerprint) {
            (Some(path), _) => Trust::CaFile(path),
            (None, Some(text)) => Trust::Fingerprint(fingerprint(side, &text)?),
            (None, None) => Trust::Platform,
        };
        Ok(Self {
            credential,
            trust,
            admin: args.login_as,
            login_form: args.login_form.unwrap_or(LoginForm::Authzid),
            connections: args.connections.map(usize::from),
            timeout: args.timeout.map(|seconds| Duration::from_secs(seconds.into())),
            compress: args.compress,
            given: given.collect(),
        })
    }

    /// How an administrator signs in for the owner, if one does.
    pub fn login_as(&self) -> Option<LoginAs> {
        let admin = self.admin.clone()?;
        Some(match self.login_form {
            LoginForm::Authzid => LoginAs::AuthorizationId { admin },
            LoginForm::Master => LoginAs::Master { admin, separator: '*' },
        })
    }
}

fn fingerprint(side: Side, text: &str) -> Result<Fingerprint, Usage> {
    text.parse().map_err(|error| {
        Usage::new(format!("--{side}-fingerprint: {error}")).hint(
            "openssl s_client -connect HOST:993 </dev/null | openssl x509 -noout -fingerprint -sha256 shows it; compare it \
             with the server's owner",
        )
    })
}
