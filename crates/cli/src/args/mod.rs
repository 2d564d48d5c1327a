//! What was typed. What it means is decided in [`crate::settings`].

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

mod evidence;
mod exceptions;
mod side;

pub use evidence::{EvidenceCheckArgs, EvidenceCommand, EvidenceMakeArgs, KeyCommand};
pub use exceptions::{ExceptionsApproveArgs, ExceptionsCommand, ExceptionsExportArgs, ExceptionsOfArgs};
pub use side::{LoginForm, SideArgs, SourceArgs, TargetArgs};

/// Moves mailboxes from one mail server to another, while their owners go on working.
#[derive(Debug, Parser)]
#[command(name = "limosa", version, max_term_width = 100, disable_help_subcommand = true)]
#[command(after_help = "Endpoints: imaps://USER@HOST[:PORT] (TLS), imap://USER@HOST[:PORT] (STARTTLS), maildir:PATH")]
pub struct Typed {
    #[command(subcommand)]
    pub command: Command,
    #[command(flatten)]
    pub output: OutputArgs,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Bring a target mailbox up to its source. Run it again at any time: it brings over only what is new.
    Copy(Box<CopyArgs>),
    /// Sign in and tell what a copy would meet: folders, sizes, what the target would refuse, and how long it would take.
    Check(Box<CheckArgs>),
    /// Compare both sides anew, independent of what the copy believed. Nothing is changed on either side.
    Verify(Box<VerifyArgs>),
    /// See what was left behind or changed, keep it elsewhere, try it again, approve it.
    #[command(subcommand)]
    Exceptions(ExceptionsCommand),
    /// See or forget what has been recorded of a pair.
    #[command(subcommand)]
    Ledger(LedgerCommand),
    /// Attest in a signed file what stands on both sides, and check such a file.
    #[command(subcommand)]
    Evidence(EvidenceCommand),
    /// Make and see the keys that evidence is signed with.
    #[command(subcommand)]
    Key(KeyCommand),
}

/// How a command speaks. Taken by every command.
#[derive(Clone, Debug, Args)]
#[command(next_help_heading = "Output")]
pub struct OutputArgs {
    /// Show no progress, and no summary where everything went well.
    #[arg(long, short, global = true)]
    pub quiet: bool,
    /// Write one JSON document to standard output instead of the summary; with --list, one line for each pair.
    #[arg(long, global = true)]
    pub json: bool,
    /// Log to standard error what happens; give it twice or three times for more.
    #[arg(long, short, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

#[derive(Debug, Args)]
pub struct CopyArgs {
    /// The mailbox to copy from. It is only read.
    #[arg(required_unless_present = "list")]
    pub source: Option<String>,
    /// The mailbox to bring up to the source.
    #[arg(required_unless_present = "list")]
    pub target: Option<String>,
    /// Copy many pairs: a CSV file with the columns source, target and, for each side, secrets by file or variable.
    #[arg(long, value_name = "CSV", conflicts_with_all = ["source", "target"])]
    pub list: Option<PathBuf>,
    /// How many pairs of the list to work on at once [default: 4]
    #[arg(long, short, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,
    #[command(flatten)]
    pub folders: FolderArgs,
    #[command(flatten)]
    pub pass: PassArgs,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub source_side: SourceArgs,
    #[command(flatten)]
    pub target_side: TargetArgs,
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The mailbox to copy from. It is only read.
    pub source: String,
    /// The mailbox that would be brought up to the source. Nothing is written to it, but with --speed.
    pub target: Option<String>,
    #[command(flatten)]
    pub speed: SpeedArgs,
    #[command(flatten)]
    pub folders: FolderArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub source_side: SourceArgs,
    #[command(flatten)]
    pub target_side: TargetArgs,
}

/// What is to be measured.
#[derive(Debug, Args)]
#[command(next_help_heading = "Speed")]
pub struct SpeedArgs {
    /// Measure how fast both sides are, over one connection and over several, and say how long a first copy would take. Some of the
    /// source's messages are read, and made-up ones of the same sizes are written into a folder of their own on the target, which is
    /// removed again: it takes up to half a minute.
    #[arg(long, requires = "target")]
    pub speed: bool,
    /// Say too how long so many mailboxes like this one would take.
    #[arg(long, value_name = "N", requires = "speed", value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub mailboxes: Option<u64>,
    /// How many of them at once, as `copy --list` takes it [default: 4]
    #[arg(long, short, value_name = "N", requires = "mailboxes", value_parser = clap::value_parser!(u16).range(1..=1000))]
    pub jobs: Option<u16>,
}

#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The mailbox that was copied from. It is only read.
    pub source: String,
    /// The mailbox that was copied to. It is only read.
    pub target: String,
    /// How deep to look.
    #[arg(long, value_name = "DEPTH", value_enum, default_value_t = DepthArg::Metadata)]
    pub depth: DepthArg,
    /// When another run works on the pair, wait for it to end.
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub folders: FolderArgs,
    #[command(flatten)]
    pub state: StateArgs,
    #[command(flatten)]
    pub config: ConfigArgs,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub source_side: SourceArgs,
    #[command(flatten)]
    pub target_side: TargetArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DepthArg {
    /// Number of messages in each folder.
    Counts,
    /// Every message's size, internal date and flags.
    Metadata,
    /// Every message's bytes too, read from both sides.
    Content,
}

#[derive(Debug, Subcommand)]
pub enum LedgerCommand {
    /// List the pairs that have a ledger, and how they stand.
    List(StateArgs),
    /// Forget what is recorded of a pair. Costs no duplicates: the next copy finds by content what stands on the target.
    Forget(ForgetArgs),
}

#[derive(Debug, Args)]
pub struct ForgetArgs {
    /// The source, as given to `copy` or as shown by `ledger list`.
    pub source: String,
    /// The target, likewise.
    pub target: String,
    #[command(flatten)]
    pub state: StateArgs,
}

/// Which folders come over, and where to.
#[derive(Debug, Args)]
#[command(next_help_heading = "Folders")]
pub struct FolderArgs {
    /// Send folder A, and what stands below it, to folder B. Names are joined by `/`; write `\/` and `\=` for these
    /// characters inside a name. Can be given more than once.
    #[arg(long, value_name = "A=B")]
    pub map: Vec<String>,
    /// Leave folders behind that match: `*` stays within a name, `**` does not; a folder's own path means all below it
    /// too. Can be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub exclude: Vec<String>,
    /// Bring over only folders that match, likewise. Can be given more than once.
    #[arg(long, value_name = "GLOB")]
    pub only: Vec<String>,
    /// Bring over views too ("All Mail", "Starred"), whose messages stand in other folders as well.
    #[arg(long)]
    pub include_views: bool,
}

/// How a pass is run.
#[derive(Debug, Args)]
#[command(next_help_heading = "Pass")]
pub struct PassArgs {
    /// What becomes of messages on the target that were expunged on the source.
    #[arg(long, value_name = "RULE", value_enum, default_value_t = DeletionsArg::Follow)]
    pub deletions: DeletionsArg,
    /// What becomes of messages that the target refuses for their content [default: as configured, else exact]
    #[arg(long, value_name = "POLICY", value_enum)]
    pub policy: Option<PolicyArg>,
    /// Try messages again that were left behind by an earlier pass.
    #[arg(long)]
    pub retry_exceptions: bool,
    /// How to compare at the end.
    #[arg(long, value_name = "DEPTH", value_enum, default_value_t = VerifyArg::Touched)]
    pub verify: VerifyArg,
    /// Show what would be done, and change nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// When another run works on the pair, wait for it to end.
    #[arg(long)]
    pub wait: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum DeletionsArg {
    /// Remove them from the target too; stop if that would be more than half of a large mailbox.
    Follow,
    /// Remove them too, however many.
    FollowAll,
    /// Leave them on the target.
    Keep,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PolicyArg {
    /// Never altered: each becomes an exception.
    Exact,
    /// The smallest change that the target takes (bare line ends, NUL bytes, over-long lines, a header without an end); the original is
    /// kept beside the ledger, and the change is named in an exception.
    Repair,
    /// Kept in a Maildir beside the ledger, which can be copied from later.
    Park,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum VerifyArg {
    /// What this pass touched: sizes, internal dates and flags, by the target's own listing.
    Touched,
    /// As `limosa verify --depth counts` does, in addition.
    Counts,
    /// As `limosa verify --depth metadata` does, in addition: all messages of all folders.
    Metadata,
    /// As `limosa verify --depth content` does, in addition: every byte.
    Content,
}

/// Where the configuration is read from.
#[derive(Debug, Args)]
#[command(next_help_heading = "Configuration")]
pub struct ConfigArgs {
    /// Read policies, keywords and thresholds from this file [default: $XDG_CONFIG_HOME/limosa/limosa.toml, else
    /// ~/.config/limosa/limosa.toml, where it is there]
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
}

/// Where the ledger is kept.
#[derive(Debug, Args)]
#[command(next_help_heading = "State")]
pub struct StateArgs {
    /// Folder of the ledger [default: $XDG_STATE_HOME/limosa, else ~/.local/state/limosa]
    #[arg(long, value_name = "DIR")]
    pub state: Option<PathBuf>,
}

/// What both sides' connections have in common.
#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub struct ConnectionArgs {
    /// Allow `?tls=none` for hosts other than this one: mail and password are then sent for all to read.
    #[arg(long)]
    pub allow_cleartext: bool,
}
