//! What was typed of evidence, as what it means.

use std::path::{Path, PathBuf};

use limosa_engine::folders::FolderRules;
use limosa_evidence::PublicKey;
use limosa_model::Keywords;

use super::{Config, PairSettings, Settings, Side, SideOptions, SideSettings, folder_rules, one_side, state_folder};
use crate::args::{EvidenceCheckArgs, EvidenceCommand, EvidenceMakeArgs, OutputArgs};
use crate::failure::Usage;

/// `limosa evidence make`
#[derive(Debug)]
pub struct EvidenceMakeSettings {
    pub pair: PairSettings,
    pub folders: FolderRules,
    pub keywords: Keywords,
    /// File of the private key.
    pub key: PathBuf,
    /// The file to write.
    pub out: PathBuf,
    /// Folder of the ledger.
    pub state: PathBuf,
    pub json: bool,
    pub quiet: bool,
}

/// `limosa evidence check`
#[derive(Debug)]
pub struct EvidenceCheckSettings {
    pub file: PathBuf,
    pub public_key: PublicKey,
    /// The mailbox to compare with.
    pub against: Option<SideSettings>,
    pub json: bool,
    pub quiet: bool,
}

/// `limosa evidence prove`
#[derive(Debug)]
pub struct EvidenceProveSettings {
    pub file: PathBuf,
    pub message_id: String,
    /// The file to write; standard output without one.
    pub out: Option<PathBuf>,
}

/// `limosa evidence show`
#[derive(Debug)]
pub struct EvidenceShowSettings {
    pub file: PathBuf,
    pub json: bool,
}

/// Reads what was typed.
///
/// # Errors
/// If it makes no sense.
pub fn read(command: EvidenceCommand, output: &OutputArgs) -> Result<Settings, Usage> {
    match command {
        EvidenceCommand::Make(args) => make(*args, output),
        EvidenceCommand::Check(args) => check(*args, output),
        EvidenceCommand::Prove(args) => {
            let settings = EvidenceProveSettings { file: args.file, message_id: args.message_id, out: args.out };
            Ok(Settings::EvidenceProve(settings))
        }
        EvidenceCommand::Show { file } => Ok(Settings::EvidenceShow(EvidenceShowSettings { file, json: output.json })),
    }
}

fn make(args: EvidenceMakeArgs, output: &OutputArgs) -> Result<Settings, Usage> {
    let allow_cleartext = args.connection.allow_cleartext;
    let source = SideOptions::read(Side::Source, args.source_side.0)?;
    let target = SideOptions::read(Side::Target, args.target_side.0)?;
    Ok(Settings::EvidenceMake(EvidenceMakeSettings {
        pair: PairSettings {
            source: one_side(Side::Source, &args.source, source, allow_cleartext)?,
            target: one_side(Side::Target, &args.target, target, allow_cleartext)?,
        },
        folders: folder_rules(&args.folders)?,
        keywords: Config::read(&args.config)?.keywords,
        key: args.key,
        out: args.out,
        state: state_folder(&args.state)?,
        json: output.json,
        quiet: output.quiet,
    }))
}

fn check(args: EvidenceCheckArgs, output: &OutputArgs) -> Result<Settings, Usage> {
    let target = SideOptions::read(Side::Target, args.target_side.0)?;
    if let (None, Some(option)) = (&args.against, target.given.first()) {
        return Err(Usage::new(format!("--{option} was given, but no --against")));
    }
    let against = match args.against {
        Some(url) => Some(one_side(Side::Target, &url, target, args.connection.allow_cleartext)?),
        None => None,
    };
    let public_key = public_key(&args.public_key)?;
    Ok(Settings::EvidenceCheck(EvidenceCheckSettings {
        file: args.file,
        public_key,
        against,
        json: output.json,
        quiet: output.quiet,
    }))
}

/// A public key as typed: itself, or the name of a file that holds it.
fn public_key(text: &str) -> Result<PublicKey, Usage> {
    if let Ok(key) = text.parse() {
        return Ok(key);
    }
    let wrong = |what: String| {
        Usage::new(format!("--public-key: {what}"))
            .hint("a public key is 44 characters of base64, as `limosa key show` prints it, or a file with that")
    };
    let held = std::fs::read_to_string(Path::new(text))
        .map_err(|_| wrong(format!("\"{text}\" is neither a public key nor a file that can be read")))?;
    // Nothing of the file is repeated: it may be the private one.
    held.parse().map_err(|_| wrong(format!("the file {text} holds no public key")))
}
