//! What was typed of evidence and keys.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArgs, ConnectionArgs, FolderArgs, SourceArgs, StateArgs, TargetArgs};

#[derive(Debug, Subcommand)]
pub enum EvidenceCommand {
    /// Read every message from both sides, and attest in a signed file what is equal and what was left behind.
    Make(Box<EvidenceMakeArgs>),
    /// Check a file of evidence, or a proof; needs neither ledger nor server.
    Check(Box<EvidenceCheckArgs>),
    /// Prove one message out of a file of evidence; the proof says nothing of the others.
    Prove(EvidenceProveArgs),
    /// List what a file of evidence says, whoever signed it.
    Show {
        /// The file.
        file: PathBuf,
    },
}

#[derive(Debug, Args)]
pub struct EvidenceMakeArgs {
    /// The mailbox that was copied from. It is only read.
    pub source: String,
    /// The mailbox that was copied to. It is only read.
    pub target: String,
    /// File of the key to sign with, as made by `limosa key new`.
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
    /// The file to write. There must be none of that name.
    #[arg(long, short, value_name = "FILE")]
    pub out: PathBuf,
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

#[derive(Debug, Args)]
pub struct EvidenceCheckArgs {
    /// The evidence, or a proof.
    pub file: PathBuf,
    /// The public key of who should have signed it, or a file that holds it. It must have come by another way.
    #[arg(long, value_name = "KEY")]
    pub public_key: String,
    /// Compare with this mailbox too, by content: what is as attested, what is missing, has other flags, or came later.
    #[arg(long, value_name = "URL")]
    pub against: Option<String>,
    #[command(flatten)]
    pub connection: ConnectionArgs,
    #[command(flatten)]
    pub target_side: TargetArgs,
}

#[derive(Debug, Args)]
pub struct EvidenceProveArgs {
    /// The evidence.
    pub file: PathBuf,
    /// The message's Message-ID, with or without angle brackets.
    #[arg(long, value_name = "ID")]
    pub message_id: String,
    /// File to write the proof to, instead of standard output.
    #[arg(long, short, value_name = "FILE")]
    pub out: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key that evidence is signed with, and print its public half.
    New {
        /// File to write the private key to; only its owner will be able to read it. There must be none of that name.
        file: PathBuf,
    },
    /// Print the public half of a key.
    Show {
        /// The file of the private key.
        file: PathBuf,
    },
}
