//! The options that both sides have, each under its side's name: `--source-ca-file`, `--target-ca-file`.

use std::path::PathBuf;

use clap::builder::EnumValueParser;
use clap::error::Error;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, ValueEnum, value_parser};

/// What was typed for one side.
#[derive(Clone, Debug, Default)]
pub struct SideArgs {
    pub password_file: Option<PathBuf>,
    pub token_command: Option<String>,
    pub ca_file: Option<PathBuf>,
    pub fingerprint: Option<String>,
    pub login_as: Option<String>,
    pub login_form: Option<LoginForm>,
    pub connections: Option<u16>,
    pub timeout: Option<u16>,
    pub compress: bool,
}

/// How an administrator signs in on behalf of the mailbox's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum LoginForm {
    /// SASL PLAIN with the owner as authorization identity (Cyrus, Dovecot, Zimbra).
    Authzid,
    /// Dovecot's master users: signs in as `owner*admin`.
    Master,
}

/// What was typed for the source.
#[derive(Clone, Debug, Default)]
pub struct SourceArgs(pub SideArgs);

/// What was typed for the target.
#[derive(Clone, Debug, Default)]
pub struct TargetArgs(pub SideArgs);

/// The names of one side's options, without `--`. They are the arguments' ids, too.
struct Names {
    heading: &'static str,
    password_file: &'static str,
    password_variable: &'static str,
    token_command: &'static str,
    ca_file: &'static str,
    fingerprint: &'static str,
    login_as: &'static str,
    login_form: &'static str,
    connections: &'static str,
    timeout: &'static str,
    compress: &'static str,
}

macro_rules! names {
    ($side:literal, $heading:literal, $variable:literal) => {
        Names {
            heading: $heading,
            password_file: concat!($side, "-password-file"),
            password_variable: $variable,
            token_command: concat!($side, "-token-command"),
            ca_file: concat!($side, "-ca-file"),
            fingerprint: concat!($side, "-fingerprint"),
            login_as: concat!($side, "-login-as"),
            login_form: concat!($side, "-login-form"),
            connections: concat!($side, "-connections"),
            timeout: concat!($side, "-timeout"),
            compress: concat!($side, "-compress"),
        }
    };
}

const SOURCE: Names = names!("source", "Source", "LIMOSA_SOURCE_PASSWORD");
const TARGET: Names = names!("target", "Target", "LIMOSA_TARGET_PASSWORD");

impl Names {
    fn augment(&self, command: Command) -> Command {
        let option = |name: &'static str, value: &'static str, help: String| {
            Arg::new(name).long(name).value_name(value).help(help).help_heading(self.heading)
        };
        command.args([
            option(
                self.password_file,
                "FILE",
                format!(
                    "File that holds the password; a line break at its end is cut off. Without it, the variable {} is \
                     read, and then a terminal is asked",
                    self.password_variable
                ),
            )
            .value_parser(value_parser!(PathBuf))
            .conflicts_with(self.token_command),
            option(
                self.token_command,
                "CMD",
                "Command that prints a fresh OAuth token; run by `sh -c` with the owner's name in LIMOSA_USER, and again when \
                 the token has expired"
                    .into(),
            ),
            option(self.ca_file, "FILE", "Trust the certificates in this PEM file, instead of the system's".into())
                .value_parser(value_parser!(PathBuf))
                .conflicts_with(self.fingerprint),
            option(
                self.fingerprint,
                "SHA256",
                "Trust exactly the certificate with this SHA-256 fingerprint (64 hex digits, with or without colons)"
                    .into(),
            ),
            option(
                self.login_as,
                "ADMIN",
                "Sign in as this user, with this user's password, on behalf of the mailbox's owner".into(),
            ),
            option(self.login_form, "FORM", "How to sign in on behalf of the owner [default: authzid]".into())
                .value_parser(EnumValueParser::<LoginForm>::new()),
            option(self.connections, "N", "Connections to the mailbox at once".into())
                .value_parser(value_parser!(u16).range(1..=64)),
            option(
                self.timeout,
                "SECONDS",
                "How long the server may be silent when an answer is due; then the connection counts as lost [default: 60]"
                    .into(),
            )
            .value_parser(value_parser!(u16).range(1..)),
            option(self.compress, "", "Compress what goes over the wire, where the server can (COMPRESS=DEFLATE)".into())
                .action(ArgAction::SetTrue)
                .value_name(None),
        ])
    }

    fn read(&self, matches: &ArgMatches) -> SideArgs {
        SideArgs {
            password_file: matches.get_one(self.password_file).cloned(),
            token_command: matches.get_one(self.token_command).cloned(),
            ca_file: matches.get_one(self.ca_file).cloned(),
            fingerprint: matches.get_one(self.fingerprint).cloned(),
            login_as: matches.get_one(self.login_as).cloned(),
            login_form: matches.get_one(self.login_form).copied(),
            connections: matches.get_one(self.connections).copied(),
            timeout: matches.get_one(self.timeout).copied(),
            compress: matches.get_flag(self.compress),
        }
    }
}

macro_rules! side {
    ($type:ident, $names:ident) => {
        impl Args for $type {
            fn augment_args(command: Command) -> Command {
                $names.augment(command)
            }

            fn augment_args_for_update(command: Command) -> Command {
                $names.augment(command)
            }
        }

        impl FromArgMatches for $type {
            fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
                Ok(Self($names.read(matches)))
            }

            fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
                self.0 = $names.read(matches);
                Ok(())
            }
        }
    };
}

side!(SourceArgs, SOURCE);
side!(TargetArgs, TARGET);
