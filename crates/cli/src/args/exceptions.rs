//! What was typed of exceptions.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConnectionArgs, CopyArgs, SourceArgs, StateArgs};

#[derive(Debug, Subcommand)]
pub enum ExceptionsCommand {
    /// List what was left behind or changed, of all pairs or of one.
    List(ExceptionsListArgs),
    /// Tell all that is known of some of them.
    Show(ExceptionsShowArgs),
    /// Write the originals of a pair's exceptions into a Maildir, and a list of them into a CSV file.
    Export(Box<ExceptionsExportArgs>),
    /// Bring the target up to its source, and try messages again that were left behind: `limosa copy --retry-exceptions`.
    Retry(Box<CopyArgs>),
    /// Note that somebody takes some of them as they are. Approved exceptions do not lower the grade, and evidence names who approved them.
    Approve(ExceptionsApproveArgs),
}

/// Which exceptions.
#[derive(Debug, Args)]
pub struct ExceptionsOfArgs {
    /// Only those of this pair, as given to `copy` or as shown by `ledger list`.
    #[arg(long, num_args = 2, value_names = ["SOURCE", "TARGET"])]
    pub pair: Option<Vec<String>>,
    /// Only those of this code.
    #[arg(long, value_name = "CODE")]
    pub code: Option<String>,
    /// Only those of this source folder.
    #[arg(long, value_name = "FOLDER")]
    pub folder: Option<String>,
}

#[derive(Debug, Args)]
pub struct ExceptionsListArgs {
    #[command(flatten)]
    pub of: ExceptionsOfArgs,
    /// Only those that nobody has approved yet.
    #[arg(long)]
    pub open: bool,
    #[command(flatten)]
    pub state: StateArgs,
}

#[derive(Debug, Args)]
pub struct ExceptionsShowArgs {
    /// Their numbers, as shown by `exceptions list`; the beginning of one will do.
    #[arg(value_name = "NUMBER", required = true)]
    pub numbers: Vec<String>,
    #[command(flatten)]
    pub state: StateArgs,
}

#[derive(Debug, Args)]
pub struct ExceptionsExportArgs {
    /// The mailbox that was copied from. It is only read.
    pub source: String,
    /// The mailbox that was copied to. It is not opened.
    pub target: String,
    /// The folder to write: `mail` in it is a Maildir, `exceptions.csv` the list. May be one that an earlier export wrote.
    #[arg(long, value_name = "DIR")]
    pub to: PathBuf,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub source_side: SourceArgs,
}

#[derive(Debug, Args)]
pub struct ExceptionsApproveArgs {
    /// Their numbers, as shown by `exceptions list`; the beginning of one will do.
    #[arg(value_name = "NUMBER", required_unless_present = "pair", conflicts_with_all = ["pair", "code", "folder"])]
    pub numbers: Vec<String>,
    #[command(flatten)]
    pub of: ExceptionsOfArgs,
    /// Who approves.
    #[arg(long, value_name = "NAME")]
    pub by: String,
    /// For what reason.
    #[arg(long, value_name = "REASON")]
    pub because: String,
    /// When a run works on a pair, wait for it to end.
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub state: StateArgs,
}
