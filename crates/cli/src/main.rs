//! `limosa`: moves mailboxes from one mail server to another.
//!
//! # Modules, in reading order
//!
//! - [`args`], [`endpoint`], [`settings`]: what was typed, and what it means.
//! - [`secrets`], [`open`]: from settings to connectors and ledgers.
//! - [`copy`], [`list`], [`check`], [`verify`], [`exceptions`], [`ledger`], [`evidence`], [`key`]: the commands.
//! - [`status`], [`summary`], [`failure`], [`exit`]: what a person and a script are told.

mod args;
mod check;
mod copy;
mod endpoint;
mod evidence;
mod exceptions;
mod exit;
mod failure;
mod key;
mod ledger;
mod list;
mod logging;
#[cfg(test)]
mod manual;
mod memory;
mod open;
mod secrets;
mod settings;
mod status;
mod stopping;
mod summary;
mod terminal;
mod verify;

use std::process::ExitCode;

use clap::Parser;

use args::{OutputArgs, Typed};
use copy::Failed;
use exit::Exit;
use failure::{Failure, Usage};
use settings::Settings;
use status::Screen;
use terminal::Paint;

fn main() -> ExitCode {
    let exit = run().unwrap_or_else(|failure| {
        eprint!("{}", failure.render(Paint::stderr()));
        failure.exit
    });
    ExitCode::from(exit.code())
}

fn run() -> Result<Exit, Failure> {
    refuse_secrets_in_arguments()?;
    let typed = Typed::parse();
    let output = typed.output.clone();
    let ended = carry_out(typed, &output);
    if let (true, Err(failure)) = (output.json, &ended) {
        copy::write_json(&Failed::new(failure))?;
    }
    ended
}

/// Does what was typed. With `--json`, what it writes to standard output it writes before it fails, or not at all.
fn carry_out(typed: Typed, output: &OutputArgs) -> Result<Exit, Failure> {
    let settings = Settings::read(typed)?;

    let screen = Screen::new(output.quiet);
    logging::start(output.verbose, &screen);
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|error| Failure::new("local-io", "threads cannot be started").because(&error))?;
    match settings {
        Settings::Copy(settings) => {
            // Passwords are asked for before anything else moves on the terminal.
            let pair = open::pair(&settings.pair, true)?;
            runtime.block_on(copy::run(settings, pair, screen))
        }
        Settings::List(settings) => runtime.block_on(list::run(settings, screen)),
        Settings::Check(settings) => {
            let connectors = check::open(&settings)?;
            runtime.block_on(check::run(settings, connectors, screen))
        }
        Settings::Verify(settings) => {
            let pair = open::pair(&settings.pair, true)?;
            runtime.block_on(verify::run(settings, pair, screen))
        }
        Settings::ExceptionsList(settings) => runtime.block_on(exceptions::list(settings)),
        Settings::ExceptionsShow(settings) => runtime.block_on(exceptions::show(settings)),
        Settings::ExceptionsApprove(settings) => runtime.block_on(exceptions::approve(settings, screen)),
        Settings::ExceptionsExport(settings) => {
            let source = open::source_as_stored(&settings.source)?;
            runtime.block_on(exceptions::export(settings, source))
        }
        Settings::EvidenceMake(settings) => {
            let pair = open::pair(&settings.pair, true)?;
            runtime.block_on(evidence::make(settings, pair, screen))
        }
        Settings::EvidenceCheck(settings) => {
            // A file that cannot be believed is told before anybody is asked for a password.
            let checked = evidence::check_file(&settings)?;
            let against = evidence::open_against(&settings, &checked)?;
            runtime.block_on(evidence::check(settings, checked, against))
        }
        Settings::EvidenceProve(settings) => evidence::prove(&settings),
        Settings::EvidenceShow(settings) => evidence::show(&settings),
        Settings::KeyNew(file) => key::new(&file, output.json),
        Settings::KeyShow(file) => key::show(&file, output.json),
        Settings::LedgerList(settings) => runtime.block_on(ledger::list(settings)),
        Settings::LedgerForget(settings) => runtime.block_on(ledger::forget(settings)),
    }
}

/// Looks at every argument before anything is made of it, so that no error can repeat a secret that does not belong there.
fn refuse_secrets_in_arguments() -> Result<(), Usage> {
    const NAMES: [&str; 3] = ["--password", "--source-password", "--target-password"];
    for argument in std::env::args_os().skip(1) {
        let argument = argument.to_string_lossy();
        if endpoint::holds_password(&argument) {
            return Err(Usage::password_in_url());
        }
        let name = argument.split_once('=').map_or(argument.as_ref(), |(name, _)| name);
        if NAMES.contains(&name) {
            return Err(Usage::password_in_option());
        }
    }
    Ok(())
}
