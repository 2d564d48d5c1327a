//! What was typed, as what it means: every value read and checked, nothing opened yet.

use std::path::{Path, PathBuf};

use limosa_engine::audit::{AuditOptions, Depth};
use limosa_engine::{Deletions, Options};

use crate::args::{
    CheckArgs, Command, CopyArgs, DeletionsArg, DepthArg, KeyCommand, LedgerCommand, OutputArgs, StateArgs, Typed,
    VerifyArg, VerifyArgs,
};
use crate::endpoint::Endpoint;
use crate::failure::Usage;

mod config;
mod evidence;
mod exceptions;
mod folders;
mod side;

pub use config::{Config, Policy};
pub use evidence::{EvidenceCheckSettings, EvidenceMakeSettings, EvidenceProveSettings, EvidenceShowSettings};
pub use exceptions::{
    ExceptionsApproveSettings, ExceptionsExportSettings, ExceptionsListSettings, ExceptionsOf, ExceptionsShowSettings,
};
pub use folders::folder_rules;
pub use side::{Credential, Side, SideOptions, SideSettings};

/// Pairs of a list at once, where nothing else was typed.
const JOBS: usize = 4;

/// A command with all that it needs to know.
#[derive(Debug)]
pub enum Settings {
    Copy(CopySettings),
    List(ListSettings),
    Check(CheckSettings),
    Verify(VerifySettings),
    LedgerList(LedgerListSettings),
    LedgerForget(LedgerForgetSettings),
    ExceptionsList(ExceptionsListSettings),
    ExceptionsShow(ExceptionsShowSettings),
    ExceptionsExport(ExceptionsExportSettings),
    ExceptionsApprove(ExceptionsApproveSettings),
    EvidenceMake(EvidenceMakeSettings),
    EvidenceCheck(EvidenceCheckSettings),
    EvidenceProve(EvidenceProveSettings),
    EvidenceShow(EvidenceShowSettings),
    KeyNew(PathBuf),
    KeyShow(PathBuf),
}

/// Both mailboxes of a pair, and how to sign in to them.
#[derive(Clone, Debug)]
pub struct PairSettings {
    pub source: SideSettings,
    pub target: SideSettings,
}

/// How passes are run, whichever the pair.
#[derive(Debug)]
pub struct RunSettings {
    /// What holds for every pair; what is refused, by `policy`.
    pub options: Options,
    /// As typed; else as configured for the target.
    pub policy: Option<Policy>,
    pub config: Config,
    /// Folder of the ledger.
    pub state: PathBuf,
    /// Wait while another run works on the pair.
    pub wait: bool,
    /// Write JSON to standard output.
    pub json: bool,
    /// Say nothing where all went well.
    pub quiet: bool,
}

/// `limosa copy SOURCE TARGET`
#[derive(Debug)]
pub struct CopySettings {
    pub pair: PairSettings,
    pub run: RunSettings,
}

/// `limosa copy --list`
#[derive(Debug)]
pub struct ListSettings {
    /// The CSV file.
    pub list: PathBuf,
    /// Pairs at once.
    pub jobs: usize,
    /// What holds for every source where its row says nothing else.
    pub source: SideOptions,
    /// What holds for every target where its row says nothing else.
    pub target: SideOptions,
    pub allow_cleartext: bool,
    pub run: RunSettings,
}

/// `limosa check`
#[derive(Debug)]
pub struct CheckSettings {
    pub source: SideSettings,
    pub target: Option<SideSettings>,
    pub folders: limosa_engine::folders::FolderRules,
    /// Measure speed too.
    pub speed: Option<SpeedSettings>,
    pub json: bool,
}

/// `limosa check --speed`
#[derive(Clone, Copy, Debug)]
pub struct SpeedSettings {
    /// How many mailboxes are to be reckoned with, and how many at once.
    pub many: Option<(u64, u64)>,
}

/// `limosa verify`
#[derive(Debug)]
pub struct VerifySettings {
    pub pair: PairSettings,
    pub options: AuditOptions,
    /// Folder of the ledger.
    pub state: PathBuf,
    /// Wait while another run works on the pair.
    pub wait: bool,
    /// Write JSON to standard output.
    pub json: bool,
    /// Say nothing where all is well.
    pub quiet: bool,
}

/// `limosa ledger list`
#[derive(Debug)]
pub struct LedgerListSettings {
    pub state: PathBuf,
    pub json: bool,
}

/// `limosa ledger forget`
#[derive(Debug)]
pub struct LedgerForgetSettings {
    pub state: PathBuf,
    /// The source, as typed: an endpoint, or an account as the ledger names it.
    pub source: String,
    /// The target, likewise.
    pub target: String,
}

impl Settings {
    /// Reads what was typed.
    ///
    /// # Errors
    /// If it makes no sense.
    pub fn read(typed: Typed) -> Result<Self, Usage> {
        let output = typed.output;
        match typed.command {
            Command::Copy(args) => copy(*args, &output),
            Command::Check(args) => check(*args, &output),
            Command::Verify(args) => verify(*args, &output),
            Command::Exceptions(command) => exceptions::read(command, &output),
            Command::Evidence(command) => evidence::read(command, &output),
            Command::Key(KeyCommand::New { file }) => Ok(Self::KeyNew(file)),
            Command::Key(KeyCommand::Show { file }) => Ok(Self::KeyShow(file)),
            Command::Ledger(LedgerCommand::List(state)) => {
                Ok(Self::LedgerList(LedgerListSettings { state: state_folder(&state)?, json: output.json }))
            }
            Command::Ledger(LedgerCommand::Forget(args)) => Ok(Self::LedgerForget(LedgerForgetSettings {
                state: state_folder(&args.state)?,
                source: args.source,
                target: args.target,
            })),
        }
    }
}

fn copy(args: CopyArgs, output: &OutputArgs) -> Result<Settings, Usage> {
    let allow_cleartext = args.connection.allow_cleartext;
    let config = Config::read(&args.config)?;
    let run = RunSettings {
        options: Options {
            folders: folder_rules(&args.folders)?,
            deletions: match args.pass.deletions {
                DeletionsArg::Follow => Deletions::Follow,
                DeletionsArg::FollowAll => Deletions::FollowAll,
                DeletionsArg::Keep => Deletions::Keep,
            },
            dry_run: args.pass.dry_run,
            retry_exceptions: args.pass.retry_exceptions,
            keywords: config.keywords.clone(),
            thresholds: config.thresholds,
            verify: match args.pass.verify {
                VerifyArg::Touched => None,
                VerifyArg::Counts => Some(Depth::Counts),
                VerifyArg::Metadata => Some(Depth::Metadata),
                VerifyArg::Content => Some(Depth::Content),
            },
            ..Options::default()
        },
        policy: args.pass.policy.map(Policy::from),
        config,
        state: state_folder(&args.state)?,
        wait: args.pass.wait,
        json: output.json,
        quiet: output.quiet,
    };
    let source = SideOptions::read(Side::Source, args.source_side.0)?;
    let target = SideOptions::read(Side::Target, args.target_side.0)?;
    if args.jobs.is_some() && args.list.is_none() {
        return Err(Usage::new("--jobs was given, but no --list"));
    }
    match (args.list, args.source, args.target) {
        (Some(list), ..) => {
            let jobs = args.jobs.map_or(JOBS, usize::from);
            Ok(Settings::List(ListSettings { list, jobs, source, target, allow_cleartext, run }))
        }
        (None, Some(source_url), Some(target_url)) => {
            let pair = PairSettings {
                source: one_side(Side::Source, &source_url, source, allow_cleartext)?,
                target: one_side(Side::Target, &target_url, target, allow_cleartext)?,
            };
            Ok(Settings::Copy(CopySettings { pair, run }))
        }
        _ => Err(Usage::new("copy needs a source and a target, or --list")),
    }
}

fn check(args: CheckArgs, output: &OutputArgs) -> Result<Settings, Usage> {
    let allow_cleartext = args.connection.allow_cleartext;
    let source = SideOptions::read(Side::Source, args.source_side.0)?;
    let target = SideOptions::read(Side::Target, args.target_side.0)?;
    if let (None, Some(option)) = (&args.target, target.given.first()) {
        return Err(Usage::new(format!("--{option} was given, but no target")));
    }
    let target = match args.target {
        Some(url) => Some(one_side(Side::Target, &url, target, allow_cleartext)?),
        None => None,
    };
    Ok(Settings::Check(CheckSettings {
        source: one_side(Side::Source, &args.source, source, allow_cleartext)?,
        target,
        folders: folder_rules(&args.folders)?,
        speed: args.speed.speed.then(|| {
            let jobs = args.speed.jobs.map_or(JOBS as u64, u64::from);
            SpeedSettings { many: args.speed.mailboxes.map(|mailboxes| (mailboxes, jobs)) }
        }),
        json: output.json,
    }))
}

fn verify(args: VerifyArgs, output: &OutputArgs) -> Result<Settings, Usage> {
    let allow_cleartext = args.connection.allow_cleartext;
    let source = SideOptions::read(Side::Source, args.source_side.0)?;
    let target = SideOptions::read(Side::Target, args.target_side.0)?;
    let config = Config::read(&args.config)?;
    Ok(Settings::Verify(VerifySettings {
        pair: PairSettings {
            source: one_side(Side::Source, &args.source, source, allow_cleartext)?,
            target: one_side(Side::Target, &args.target, target, allow_cleartext)?,
        },
        options: AuditOptions {
            depth: match args.depth {
                DepthArg::Counts => Depth::Counts,
                DepthArg::Metadata => Depth::Metadata,
                DepthArg::Content => Depth::Content,
            },
            folders: folder_rules(&args.folders)?,
            keywords: config.keywords,
            thresholds: config.thresholds,
        },
        state: state_folder(&args.state)?,
        wait: args.wait,
        json: output.json,
        quiet: output.quiet,
    }))
}

/// A side whose options were typed for it alone: an option that its endpoint has no use for is a mistake.
fn one_side(side: Side, url: &str, options: SideOptions, allow_cleartext: bool) -> Result<SideSettings, Usage> {
    let endpoint = Endpoint::parse(url, allow_cleartext).map_err(|usage| usage.at(side.name()))?;
    if let (Endpoint::Maildir(_), Some(option)) = (&endpoint, options.given.first()) {
        return Err(Usage::new(format!("--{option} makes no sense for a maildir")));
    }
    if options.admin.is_none() && options.given.iter().any(|option| option.ends_with("-login-form")) {
        return Err(Usage::new(format!("--{side}-login-form needs --{side}-login-as")));
    }
    Ok(SideSettings { side, endpoint, options })
}

/// The ledger's folder: as typed, else where XDG says (Base Directory Specification: relative values are to be ignored).
fn state_folder(args: &StateArgs) -> Result<PathBuf, Usage> {
    let usual = || base_folder("XDG_STATE_HOME", ".local/state").map(|base| base.join("limosa"));
    args.state.clone().or_else(usual).ok_or_else(|| {
        Usage::new("there is no place for the ledger: neither XDG_STATE_HOME nor HOME is set")
            .hint("name one with --state DIR")
    })
}

/// A folder as XDG names it: by the variable, else below the home folder.
fn base_folder(variable: &str, below_home: &str) -> Option<PathBuf> {
    let absolute = |variable: &str| std::env::var_os(variable).map(PathBuf::from).filter(|path| path.is_absolute());
    absolute(variable).or_else(|| absolute("HOME").map(|home| home.join(Path::new(below_home))))
}
