//! Where secrets come from: a file, a variable, a command, a person at the terminal. They are never shown.

use std::fmt;
use std::io::IsTerminal;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use limosa_connectors::imap::{SecretSource, TokenSource};
use secrecy::SecretString;

use crate::endpoint::ImapAddress;
use crate::failure::Failure;
use crate::settings::{Credential, Side};

/// How long a token command may take.
const TOKEN_TIME: Duration = Duration::from_secs(60);
/// How much of what a token command says on standard error is told, in bytes.
const TOKEN_WORDS: usize = 300;

/// Whose secret is wanted, for messages and prompts.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    pub side: Side,
    pub address: &'a ImapAddress,
    /// The administrator, where one signs in for the owner.
    pub admin: Option<&'a str>,
    /// Whether a person may be asked.
    pub may_ask: bool,
}

impl fmt::Display for Wanted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let who = self.admin.unwrap_or(&self.address.user);
        write!(f, "{who} on {} ({})", self.address.host, self.side)
    }
}

/// Gets a secret.
///
/// # Errors
/// If there is none, or it cannot be read.
pub fn obtain(credential: &Credential, wanted: Wanted<'_>) -> Result<SecretSource, Failure> {
    match credential {
        Credential::File(path) => password_file(path, wanted).map(SecretSource::Password),
        Credential::Variable(name) => match variable(name, wanted)? {
            Some(password) => Ok(SecretSource::Password(password)),
            None => {
                Err(no_password(format!("the variable {name} is not set; it was to hold the password of {wanted}")))
            }
        },
        Credential::TokenCommand(command) => Ok(SecretSource::Token(Arc::new(TokenCommand::new(command, wanted)))),
        Credential::Usual => match variable(wanted.side.password_variable(), wanted)? {
            Some(password) => Ok(SecretSource::Password(password)),
            None => ask(wanted).map(SecretSource::Password),
        },
    }
}

fn no_password(what: String) -> Failure {
    Failure::new("no-password", what)
}

fn password_file(path: &Path, wanted: Wanted<'_>) -> Result<SecretString, Failure> {
    let place = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| {
        no_password(format!("the password file {place} of {wanted} cannot be read")).because(&error)
    })?;
    if others_may_read(path) {
        tracing::warn!(file = %place, "others may read this password file; chmod 600 takes that from them");
    }
    let password = without_line_break(&text);
    if password.is_empty() {
        return Err(no_password(format!("the password file {place} of {wanted} is empty")));
    }
    Ok(password.into())
}

/// Only the last line break goes: a password may end in spaces.
fn without_line_break(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(unix)]
fn others_may_read(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    let Ok(metadata) = std::fs::metadata(path) else { return false };
    // A pipe or /dev/fd/N of a shell is as private as the process that wrote it.
    metadata.is_file() && metadata.permissions().mode() & 0o044 != 0
}

#[cfg(not(unix))]
fn others_may_read(_path: &Path) -> bool {
    false
}

fn variable(name: &str, wanted: Wanted<'_>) -> Result<Option<SecretString>, Failure> {
    match std::env::var(name) {
        Ok(password) if password.is_empty() => Ok(None),
        Ok(password) => Ok(Some(password.into())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(no_password(format!("the variable {name} with the password of {wanted} is not UTF-8")))
        }
    }
}

fn ask(wanted: Wanted<'_>) -> Result<SecretString, Failure> {
    let Wanted { side, may_ask, .. } = wanted;
    let variable = side.password_variable();
    if !may_ask || !std::io::stdin().is_terminal() {
        let hint = format!(
            "give --{side}-password-file FILE or --{side}-token-command CMD, or set {variable}{}",
            if may_ask { ", or run it at a terminal to be asked" } else { "; a list has columns for them, too" }
        );
        return Err(no_password(format!("there is no password for {wanted}")).hint(hint));
    }
    let password = rpassword::prompt_password(format!("Password for {wanted}: "))
        .map_err(|error| no_password(format!("the password for {wanted} could not be asked for")).because(&error))?;
    if password.is_empty() {
        return Err(no_password(format!("no password was typed for {wanted}")));
    }
    Ok(password.into())
}

/// A command that prints an OAuth token.
struct TokenCommand {
    command: String,
    side: Side,
    /// The mailbox's owner: one command can serve a whole list.
    user: String,
}

impl TokenCommand {
    fn new(command: &str, wanted: Wanted<'_>) -> Self {
        Self { command: command.to_owned(), side: wanted.side, user: wanted.address.user.clone() }
    }
}

#[async_trait::async_trait]
impl TokenSource for TokenCommand {
    /// The command itself is not told: people write secrets into it.
    async fn fresh(&self) -> Result<SecretString, String> {
        let name = format!("the command of --{}-token-command", self.side);
        let running = tokio::process::Command::new("sh")
            .args(["-c", &self.command])
            .env("LIMOSA_USER", &self.user)
            .stdin(std::process::Stdio::null())
            .kill_on_drop(true)
            .output();
        let output = tokio::time::timeout(TOKEN_TIME, running)
            .await
            .map_err(|_| format!("{name} has not ended within {} s", TOKEN_TIME.as_secs()))?
            .map_err(|error| format!("{name} could not be run: {error}"))?;
        if !output.status.success() {
            return Err(format!("{name} ended with {}{}", output.status, last_words(&output.stderr)));
        }
        let token =
            String::from_utf8(output.stdout).map_err(|_| format!("{name} printed something that is no token"))?;
        let token = token.trim();
        if token.is_empty() {
            return Err(format!("{name} printed no token{}", last_words(&output.stderr)));
        }
        if token.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(format!("{name} printed more than a token: it must print the token alone"));
        }
        Ok(token.into())
    }
}

/// The last line of standard error, in brackets, if there is one.
fn last_words(stderr: &[u8]) -> String {
    let text = String::from_utf8_lossy(stderr);
    let Some(line) = text.lines().rev().find(|line| !line.trim().is_empty()) else { return String::new() };
    let line: String = line.trim().chars().take(TOKEN_WORDS).collect();
    format!(" ({line})")
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    fn command(command: &str) -> TokenCommand {
        TokenCommand { command: command.into(), side: Side::Source, user: "alice".into() }
    }

    async fn token(text: &str) -> Result<String, String> {
        let source = command(text);
        source.fresh().await.map(|token| token.expose_secret().to_owned())
    }

    #[tokio::test]
    async fn a_command_prints_the_token() {
        assert_eq!(token("echo ya29.$LIMOSA_USER").await.as_deref(), Ok("ya29.alice"));
    }

    #[tokio::test]
    async fn each_call_gives_a_fresh_token() {
        let folder = tempfile::tempdir().expect("a folder");
        let count = folder.path().join("count");
        let source = command(&format!("echo x >> {0}; wc -l < {0} | tr -d ' '", count.display()));
        for expected in ["1", "2"] {
            assert_eq!(source.fresh().await.expect("a token").expose_secret(), expected);
        }
    }

    #[tokio::test]
    async fn a_failing_command_is_told_without_its_secrets() {
        let error = token("client_secret=hunter2; echo 'login first' >&2; exit 3").await.expect_err("it failed");
        assert!(error.contains("exit status: 3") && error.contains("(login first)"), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert!(token("true").await.is_err_and(|error| error.contains("no token")));
        assert!(token("echo a b").await.is_err_and(|error| error.contains("more than a token")));
    }

    #[test]
    fn only_the_last_line_break_is_cut_off() {
        for (text, password) in [("a \n", "a "), ("a\r\n", "a"), ("a\n\n", "a\n"), ("a", "a")] {
            assert_eq!(without_line_break(text), password);
        }
    }

    #[test]
    fn a_readable_file_is_noticed() {
        use std::os::unix::fs::PermissionsExt;
        let file = tempfile::NamedTempFile::new().expect("a file");
        for (mode, readable) in [(0o600, false), (0o640, true), (0o604, true)] {
            file.as_file().set_permissions(std::fs::Permissions::from_mode(mode)).expect("the mode is set");
            assert_eq!(others_may_read(file.path()), readable, "{mode:o}");
        }
    }
}
