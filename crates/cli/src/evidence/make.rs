//! `limosa evidence make`: an audit to the last byte, and what it found equal, attested.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use limosa_engine::Pair;
use limosa_engine::audit::{AuditOptions, AuditReport, Counts, Depth, Record as Compared, Records, audit};
use limosa_evidence::{Digest, EvidenceError, FolderPair, Header, LeftBehind, Record, Root, SigningKey, Writer};
use limosa_model::{Exception, FolderPath};
use serde::Serialize;

use super::failure;
use super::noting::{Notes, Noting};
use crate::copy::{cannot_work, take_ledger, write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open::{self, OpenPair};
use crate::settings::EvidenceMakeSettings;
use crate::status::Screen;
use crate::stopping::Stopping;
use crate::terminal::{bytes, clean, counted};

/// What was made, as JSON.
#[derive(Debug, Serialize)]
pub struct Made {
    source: String,
    target: String,
    /// The file.
    file: String,
    messages: u64,
    exceptions: u64,
    /// Bytes of the file.
    file_bytes: u64,
    root: Root,
    public_key: String,
}

/// Reads both sides and writes the file; there is none unless all of it could be attested.
///
/// # Errors
/// If a side cannot be read, or a message is neither equal on both sides nor an exception.
pub async fn make(settings: EvidenceMakeSettings, pair: OpenPair, screen: Screen) -> Result<Exit, Failure> {
    let signing = SigningKey::read(&settings.key).map_err(|error| failure(&error))?;
    let key = pair.key();
    let stopping = Stopping::listen(screen.clone())?;
    let progress = stopping.begin();
    let unread = |error| Failure::ledger(&error);
    let unknown = || {
        Failure::new("pair-unknown", format!("no copy of {key} is recorded, so there is nothing to attest"))
            .hint("limosa copy it first; limosa ledger list shows all pairs")
    };
    // Looking must not make a ledger.
    if !open::ledger_file(&settings.state).exists() {
        return Err(unknown());
    }
    let store = open::store(&settings.state).await?;
    if !store.pairs().await.map_err(unread)?.contains(&key) {
        return Err(unknown());
    }
    let ledger = take_ledger(&store, &key, false, &progress, &screen).await?;
    let exceptions = ledger.exceptions().await.map_err(unread)?;
    let folders = ledger.folders().await.map_err(unread)?;
    let (source, source_notes) = Noting::new(pair.source);
    let (target, target_notes) = Noting::new(pair.target);
    let header = Header {
        source: key.source.clone(),
        target: key.target.clone(),
        begun: now(),
        software: concat!("limosa ", env!("CARGO_PKG_VERSION")).into(),
        only: patterns(&settings.folders.only),
        exclude: patterns(&settings.folders.exclude),
        algorithms: Default::default(),
    };
    let mut sink = Attesting {
        writer: Writer::create(&settings.out, &header, &signing).map_err(|error| failure(&error))?,
        folders: HashMap::new(),
        source_notes,
        target_notes,
        attested: 0,
        failed: None,
    };
    for folder in folders {
        let attested = Arc::new(FolderPair { source: folder.source.clone(), target: folder.target });
        sink.folders.insert(folder.source, attested);
    }
    let options = AuditOptions {
        depth: Depth::Content,
        folders: settings.folders.clone(),
        keywords: settings.keywords.clone(),
        ..AuditOptions::default()
    };
    let both = Pair { source: &source, target: &target, ledger };
    let watch = screen.watch(&progress, None);
    let report = audit(both, &options, &mut sink, &progress).await;
    watch.end().await;
    let report = report.map_err(|error| cannot_work(error, &key.source, &key.target))?;
    let (messages, root) = sink.finish(&report, &exceptions)?;
    let made = Made {
        source: key.source,
        target: key.target,
        file: settings.out.display().to_string(),
        messages,
        exceptions: exceptions.len() as u64,
        file_bytes: std::fs::metadata(&settings.out).map_or(0, |file| file.len()),
        root,
        public_key: signing.public_key().to_string(),
    };
    tell(&settings, &made)?;
    Ok(Exit::Complete)
}

fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// Attests each message that an audit found equal.
struct Attesting<'a> {
    writer: Writer<'a>,
    /// By source folder.
    folders: HashMap<FolderPath, Arc<FolderPair>>,
    source_notes: Notes,
    target_notes: Notes,
    attested: u64,
    /// What went wrong first: records cannot answer.
    failed: Option<Failure>,
}

impl Records for Attesting<'_> {
    fn record(&mut self, compared: &Compared) {
        if self.failed.is_none() {
            self.failed = self.attest(compared).err();
        }
    }
}

impl Attesting<'_> {
    fn attest(&mut self, compared: &Compared) -> Result<(), Failure> {
        let Some(folder) = self.folders.get(&compared.folder) else {
            // Not the ledger's: nobody brought it over, and the audit says so.
            return Ok(());
        };
        let named = self.source_notes.take(&compared.folder, &compared.source);
        let standing = self.target_notes.take(&folder.target, &compared.target);
        // Other bytes are an exception, or a difference that ends all this.
        if compared.digest != compared.target_digest {
            return Ok(());
        }
        let (Some(named), Some(standing)) = (named, standing) else {
            let what = format!("message {} of {} was compared unseen", compared.source, compared.folder);
            return Err(Failure::new("internal", what));
        };
        let record = Record {
            folder: folder.clone(),
            source_id: compared.source.clone(),
            target_id: compared.target.clone(),
            internal_date: compared.internal_date,
            size: compared.size,
            digest: Digest(compared.digest),
            message_id: named.message_id,
            flags: standing.flags,
        };
        self.attested += 1;
        self.writer.record(&record).map_err(|error| failure(&error))
    }

    /// Ends the file, if the audit found nothing that it would be silent about.
    fn finish(mut self, report: &AuditReport, exceptions: &[Exception]) -> Result<(u64, Root), Failure> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        if let Some(unfinished) = &report.unfinished {
            let what = format!("the sides were not read to the end: {}", unfinished.what);
            let failed = Failure { hint: unfinished.hint.clone(), ..Failure::new("not-attested", what) };
            return Err(Failure { exit: Exit::Unfinished, ..failed });
        }
        unexplained(&report.counts)?;
        let attested = self.attested;
        let finish = || -> Result<(u64, Root), EvidenceError> {
            for audited in report.folders.iter().filter(|folder| folder.exists) {
                if let Some(folder) = self.folders.get(&audited.source) {
                    self.writer.folder(folder);
                }
            }
            for exception in exceptions {
                self.writer.exception(&left_behind(exception))?;
            }
            Ok((attested, self.writer.finish(now())?))
        };
        finish().map_err(|error| failure(&error))
    }
}

/// What no evidence may be silent about: messages that are neither equal nor an exception by name.
fn unexplained(counts: &Counts) -> Result<(), Failure> {
    let Counts { missing, lost_unsettled, arrived, new_folder, size, content, unreadable, .. } = *counts;
    let unexplained = missing + lost_unsettled + arrived + new_folder + size + content + unreadable;
    match unexplained {
        0 => Ok(()),
        _ => Err(Failure::new(
            "not-attested",
            format!(
                "{} of the source neither on the target as they are nor exceptions, so nothing was attested",
                counted(unexplained, "message is", "messages are")
            ),
        )
        .hint("limosa copy brings over what has come since; limosa verify --depth content names each")),
    }
}

fn left_behind(exception: &Exception) -> LeftBehind {
    LeftBehind {
        folder: exception.folder.clone(),
        id: exception.id.clone(),
        message_id: exception.message_id.clone(),
        subject: exception.subject.clone(),
        internal_date: exception.date,
        size: exception.size,
        code: exception.code.clone(),
        reason: exception.reason.clone(),
        approval: exception.approval.clone(),
    }
}

fn tell(settings: &EvidenceMakeSettings, made: &Made) -> Result<(), Failure> {
    if settings.json {
        return write_json(made);
    }
    if settings.quiet {
        return Ok(());
    }
    write_out(&format!(
        "{}: {} and {} attested in {}\nroot {}\nsigned by {}\n",
        clean(&made.file),
        counted(made.messages, "message", "messages"),
        counted(made.exceptions, "exception", "exceptions"),
        bytes(made.file_bytes),
        made.root,
        made.public_key
    ))
}

/// What a run may answer.
fn patterns(globs: &[globset::Glob]) -> Vec<String> {
    globs.iter().map(|glob| glob.glob().to_owned()).collect()
}

#[cfg(test)]
pub fn sample_made() -> Made {
    Made {
        source: "imap://a@old.example:993".into(),
        target: "imap://a@new.example:993".into(),
        file: "alice.evidence".into(),
        messages: 12,
        exceptions: 1,
        file_bytes: 900,
        root: Root([7; 32]),
        public_key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".into(),
    }
}
