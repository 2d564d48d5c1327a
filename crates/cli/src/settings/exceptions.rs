//! What was typed of exceptions, as what it means.

use std::path::PathBuf;

use limosa_model::{Approval, FolderPath};

use super::{Settings, Side, SideOptions, SideSettings, one_side, state_folder};
use crate::args::{ExceptionsApproveArgs, ExceptionsCommand, ExceptionsExportArgs, ExceptionsOfArgs, OutputArgs};
use crate::failure::Usage;

/// Which exceptions.
#[derive(Debug, Default)]
pub struct ExceptionsOf {
    /// Source and target, as typed: endpoints, or accounts as the ledger names them.
    pub pair: Option<(String, String)>,
    pub code: Option<String>,
    pub folder: Option<FolderPath>,
    /// Only those that nobody has approved.
    pub open: bool,
    /// Beginnings of numbers; all, where there is none.
    pub numbers: Vec<String>,
}

/// `limosa exceptions list`
#[derive(Debug)]
pub struct ExceptionsListSettings {
    pub of: ExceptionsOf,
    pub state: PathBuf,
    pub json: bool,
}

/// `limosa exceptions show`
#[derive(Debug)]
pub struct ExceptionsShowSettings {
    pub of: ExceptionsOf,
    pub state: PathBuf,
    pub json: bool,
}

/// `limosa exceptions export`
#[derive(Debug)]
pub struct ExceptionsExportSettings {
    pub source: SideSettings,
    /// As typed: an endpoint, or an account as the ledger names it.
    pub target: String,
    /// The folder to write.
    pub to: PathBuf,
    pub state: PathBuf,
    pub json: bool,
}

/// `limosa exceptions approve`
#[derive(Debug)]
pub struct ExceptionsApproveSettings {
    pub of: ExceptionsOf,
    pub approval: Approval,
    /// Wait while another run works on a pair.
    pub wait: bool,
    pub state: PathBuf,
    pub json: bool,
}

/// Reads what was typed.
///
/// # Errors
/// If it makes no sense.
pub fn read(command: ExceptionsCommand, output: &OutputArgs) -> Result<Settings, Usage> {
    let json = output.json;
    match command {
        ExceptionsCommand::List(args) => {
            let of = ExceptionsOf { open: args.open, ..of(args.of) };
            Ok(Settings::ExceptionsList(ExceptionsListSettings { of, state: state_folder(&args.state)?, json }))
        }
        ExceptionsCommand::Show(args) => {
            let of = ExceptionsOf { numbers: args.numbers, ..ExceptionsOf::default() };
            Ok(Settings::ExceptionsShow(ExceptionsShowSettings { of, state: state_folder(&args.state)?, json }))
        }
        ExceptionsCommand::Export(args) => export(*args, json),
        ExceptionsCommand::Retry(mut args) => {
            args.pass.retry_exceptions = true;
            super::copy(*args, output)
        }
        ExceptionsCommand::Approve(args) => approve(args, json),
    }
}

fn of(args: ExceptionsOfArgs) -> ExceptionsOf {
    let pair = args.pair.and_then(|pair| <[String; 2]>::try_from(pair).ok()).map(|[source, target]| (source, target));
    ExceptionsOf { pair, code: args.code, folder: args.folder.map(FolderPath::from), ..ExceptionsOf::default() }
}

fn export(args: ExceptionsExportArgs, json: bool) -> Result<Settings, Usage> {
    let options = SideOptions::read(Side::Source, args.source_side.0)?;
    Ok(Settings::ExceptionsExport(ExceptionsExportSettings {
        source: one_side(Side::Source, &args.source, options, args.connection.allow_cleartext)?,
        target: args.target,
        to: args.to,
        state: state_folder(&args.state)?,
        json,
    }))
}

fn approve(args: ExceptionsApproveArgs, json: bool) -> Result<Settings, Usage> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let at = now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    let approval = Approval::new(&args.by, &args.because, at).map_err(|error| {
        Usage::new(error.to_string()).hint("--by says who takes it so, --because for what reason; neither can be empty")
    })?;
    Ok(Settings::ExceptionsApprove(ExceptionsApproveSettings {
        of: ExceptionsOf { open: true, numbers: args.numbers, ..of(args.of) },
        approval,
        wait: args.wait,
        state: state_folder(&args.state)?,
        json,
    }))
}
