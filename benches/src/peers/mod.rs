//! Who copies? Limosa, the programs it is held against, and the raw limits, each as a program to run.

mod dsync;
mod imapsync;
mod limosa;
mod mbsync;

use std::fmt;
use std::path::{Path, PathBuf};

use limosa_lab::{Invocation, Server};
use serde::Deserialize;

use crate::error::{BenchError, Result};
use crate::raw::{Done, RawLimit};
use crate::servers::{Account, Place, Servers};

/// A source account, a target account and the way between them.
#[derive(Debug, Clone)]
pub(crate) struct Pair {
    pub(crate) source: Account,
    pub(crate) target: Account,
    /// Whether both sides are spoken to over TLS.
    pub(crate) tls: bool,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Contender {
    Limosa,
    /// isync's, from Debian.
    Mbsync,
    /// `doveadm backup -R` over imapc, into the target's storage without IMAP.
    Dsync,
    Imapsync,
    /// A limit of the servers, measured by a program that does nothing else.
    Raw(RawLimit),
}

impl fmt::Display for Contender {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Contender::Limosa => f.write_str("limosa"),
            Contender::Mbsync => f.write_str("mbsync"),
            Contender::Dsync => f.write_str("dsync"),
            Contender::Imapsync => f.write_str("imapsync"),
            Contender::Raw(limit) => write!(f, "{limit}"),
        }
    }
}

/// What a contender needs to know beside the pairs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Surroundings<'a> {
    /// Limosa's program.
    pub(crate) limosa: &'a Path,
    /// The target's server, into whose storage dsync writes.
    pub(crate) target: &'a Server,
    pub(crate) ca_file: &'a Path,
    /// For configuration and state; the same in a later run over the same pairs.
    pub(crate) work: &'a Path,
    /// How many pairs at once.
    pub(crate) at_once: usize,
}

impl Contender {
    /// Why it cannot take part, if so.
    pub(crate) fn missing(self) -> Option<&'static str> {
        (self == Contender::Imapsync && imapsync::program().is_none()).then_some("not installed")
    }

    /// The programs to run for these pairs.
    ///
    /// # Errors
    /// If configuration cannot be written or a package cannot be had.
    pub(crate) async fn invocations(self, pairs: &[Pair], around: Surroundings<'_>) -> Result<Vec<Invocation>> {
        if self == Contender::Limosa {
            return Ok(vec![limosa::copy(pairs, around)?]);
        }
        let mut invocations = Vec::new();
        for pair in pairs {
            let work = around.work.join(&pair.target.user);
            std::fs::create_dir_all(&work).map_err(BenchError::file("create", &work))?;
            invocations.push(match self {
                Contender::Mbsync => mbsync::pull(pair, around, &work).await?,
                Contender::Dsync => dsync::backup(pair, around)?,
                Contender::Imapsync => imapsync::copy(pair, &work)?,
                Contender::Raw(_) | Contender::Limosa => {
                    return Err(BenchError::Unsupported(format!("{self} takes no pairs")));
                }
            });
        }
        Ok(invocations)
    }

    /// What the programs said about their own work.
    ///
    /// # Errors
    /// If it cannot be understood.
    pub(crate) fn said(self, outputs: &[String]) -> Result<Said> {
        match self {
            Contender::Limosa => limosa::said(outputs),
            Contender::Raw(_) => {
                let done: Done = document("a raw limit's result", &outputs.concat())?;
                Ok(Said { raw: Some(done), ..Said::default() })
            }
            _ => Ok(Said::default()),
        }
    }
}

/// What a contender tells about its run.
#[derive(Debug, Clone, Default)]
pub(crate) struct Said {
    pub(crate) wire: Option<Wire>,
    /// The raw limits leave their preparations out of the time.
    pub(crate) raw: Option<Done>,
}

/// What went over the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize, Deserialize)]
pub(crate) struct Wire {
    pub(crate) source_round_trips: u64,
    pub(crate) target_round_trips: u64,
    /// Both ways.
    pub(crate) source_bytes: u64,
    pub(crate) target_bytes: u64,
}

fn document<T: serde::de::DeserializeOwned>(what: &str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|source| BenchError::Document { what: what.to_owned(), source })
}

/// A program of this name in `PATH`.
fn in_path(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|folder| folder.join(name)).find(|program| program.is_file())
}

/// What the programs say about their versions.
pub(crate) async fn versions(limosa: &Path, servers: &Servers) -> Result<Vec<(String, String)>> {
    let nowhere = std::env::temp_dir();
    let mbsync = limosa_lab::mbsync(Path::new("/dev/null"), &nowhere, &["--version"]).await?;
    let limosa = Invocation {
        argv: vec![limosa.display().to_string(), "--version".to_owned()],
        environment: Vec::new(),
        directory: nowhere,
    };
    // `doveconf`, which the lab runs first, prints the version above the settings: `# 2.3.19.1 (9b53102964): …`.
    let mut doveconf = servers.source.doveadm_invocation(&[])?;
    doveconf.argv.truncate(3);
    doveconf.argv.push("-n".to_owned());
    let mut versions = Vec::new();
    for (name, invocation) in [("limosa", limosa), ("mbsync", mbsync), ("dovecot", doveconf)] {
        let output = tokio::process::Command::from(invocation.command())
            .output()
            .await
            .map_err(|source| BenchError::Run { program: name.to_owned(), source })?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().next().unwrap_or("unknown").trim_start_matches("# ");
        versions.push((name.to_owned(), version.split(": /").next().unwrap_or(version).to_owned()));
    }
    for (place, server) in servers.places().filter(|(place, _)| *place == Place::Cyrus) {
        // Its greeting says which it is.
        let client = limosa_lab::Client::connect(server.imap_address()).await?;
        versions.push((place.name().to_owned(), client.greeting().rsplit("] ").next().unwrap_or_default().to_owned()));
    }
    Ok(versions)
}
