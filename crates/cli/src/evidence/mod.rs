//! `limosa evidence`: what stands on both sides, attested, and attested things checked.

use std::fmt::Write as _;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::Arc;

use limosa_evidence::against::{Against, AgainstError, Listed, against};
use limosa_evidence::proof::Proven;
use limosa_evidence::{EvidenceError, Proof, Report, Row};
use limosa_model::Connector;
use serde::Serialize;

use crate::copy::{write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::{EvidenceCheckSettings, EvidenceProveSettings, EvidenceShowSettings};
use crate::terminal::{Paint, bytes, clean, count, counted};

pub mod make;
mod noting;

pub use make::make;

/// The largest proof that is read, in bytes.
const LARGEST_PROOF: u64 = 64 << 20;
/// How many differences of a kind are named; JSON has more.
const SOME: usize = 20;

/// Evidence that cannot be believed, in words for people.
pub fn failure(error: &EvidenceError) -> Failure {
    let what = error.to_string();
    let failure = match error {
        EvidenceError::File { .. } => Failure::new("local-io", what),
        EvidenceError::Newer { .. } => {
            Failure::new("evidence-newer", what).hint("check it with the newer version of limosa")
        }
        EvidenceError::BadSignature => Failure::new("evidence-signature", what)
            .hint("somebody changed it after it was signed, or wrote it without the key"),
        EvidenceError::OtherKey { .. } => Failure::new("evidence-key", what)
            .hint("ask who made it, by another way than the file came, which public key is theirs"),
        EvidenceError::NoSuchMessage { .. } => Failure::new("message-unknown", what),
        EvidenceError::Key { .. } => Failure::new("key", what).hint("limosa key new FILE makes one"),
        EvidenceError::NamelessApproval(_) => Failure::new("approval-nameless", what),
        EvidenceError::TooLong { .. } => Failure::new("internal", what),
        _ => {
            Failure::new("evidence-damaged", what).hint("nothing in it is to be believed: use another copy of the file")
        }
    };
    failure.because_of(error)
}

/// A file that has been checked.
#[derive(Debug)]
pub enum Checked {
    Evidence(Report),
    Proof(Proven),
}

/// What a check of evidence found, as JSON.
#[derive(Debug, Serialize)]
pub struct Found {
    #[serde(flatten)]
    report: Report,
    /// The mailbox beside it, where one was named.
    against: Option<Against>,
}

/// Checks the file by itself.
///
/// # Errors
/// If it cannot be believed.
pub fn check_file(settings: &EvidenceCheckSettings) -> Result<Checked, Failure> {
    if let Some(proof) = read_proof(&settings.file)? {
        if settings.against.is_some() {
            return Err(Failure::from(crate::failure::Usage::new("a proof cannot be compared with a mailbox")));
        }
        return proof.check(&settings.public_key).map(Checked::Proof).map_err(|error| failure(&error));
    }
    let report = limosa_evidence::check(&settings.file, &settings.public_key).map_err(|error| failure(&error))?;
    Ok(Checked::Evidence(report))
}

/// The proof in a file that begins as one does; evidence never begins with a brace.
fn read_proof(file: &Path) -> Result<Option<Proof>, Failure> {
    use std::io::Read;
    let unread =
        |error: std::io::Error| Failure::new("local-io", format!("{} cannot be read", file.display())).because(&error);
    let mut opened = std::fs::File::open(file).map_err(unread)?;
    let mut first = [0];
    if opened.read(&mut first).map_err(unread)? == 0 || first != *b"{" {
        return Ok(None);
    }
    let mut text = first.to_vec();
    opened.take(LARGEST_PROOF).read_to_end(&mut text).map_err(unread)?;
    serde_json::from_slice(&text)
        .map(Some)
        .map_err(|error| Failure::new("evidence-damaged", format!("{} is no proof", file.display())).because(&error))
}

/// The connector of the mailbox to compare with, asking for a password if it must.
///
/// # Errors
/// If its secret is missing, or certificates cannot be read.
pub fn open_against(
    settings: &EvidenceCheckSettings,
    checked: &Checked,
) -> Result<Option<Arc<dyn Connector>>, Failure> {
    let (Some(side), Checked::Evidence(report)) = (&settings.against, checked) else { return Ok(None) };
    open::beside_evidence(side, &report.header).map(Some)
}

/// Compares the mailbox, if there is one, and tells the result.
///
/// # Errors
/// If the mailbox cannot be read.
pub async fn check(
    settings: EvidenceCheckSettings,
    checked: Checked,
    connector: Option<Arc<dyn Connector>>,
) -> Result<Exit, Failure> {
    let report = match checked {
        Checked::Evidence(report) => report,
        Checked::Proof(proven) => return tell_proven(&settings, &proven),
    };
    let mut found = Found { report, against: None };
    if let Some(connector) = connector {
        found.against = Some(beside(&settings.file, &found.report, connector.as_ref()).await?);
    }
    let is_whole = found.against.as_ref().is_none_or(Against::is_whole);
    if settings.json {
        write_json(&found)?;
    } else if !settings.quiet || !is_whole {
        write_out(&render(&found, Paint::stdout()))?;
    }
    Ok(if is_whole { Exit::Complete } else { Exit::Exceptions })
}

async fn beside(file: &Path, report: &Report, connector: &dyn Connector) -> Result<Against, Failure> {
    let account = connector.account();
    let unread = |error| Failure::connector(&format!("target {account}"), &error);
    let mut mailbox = connector.open().await.map_err(unread)?;
    let found = against(file, report, mailbox.as_mut()).await;
    mailbox.close().await;
    found.map_err(|error| match error {
        AgainstError::Evidence(error) => failure(&error),
        AgainstError::Mailbox(error) => unread(error),
    })
}

fn render(found: &Found, paint: Paint) -> String {
    let Found { report, against } = found;
    let mut text = format!("{} signed by {}, whole and unaltered\n", paint.green("good:"), report.public_key);
    let _ = writeln!(text, "  {} → {}", clean(&report.header.source), clean(&report.header.target));
    scope(&report.header, &mut text);
    let counts = &report.counts;
    let _ = writeln!(
        text,
        "  {} in {}, {}; {}, {} approved",
        counted(counts.messages, "message", "messages"),
        counted(counts.folders, "folder", "folders"),
        bytes(counts.bytes),
        counted(counts.exceptions, "exception", "exceptions"),
        count(report.approved)
    );
    let _ = writeln!(text, "  root {}", report.root);
    if let Some(against) = against {
        let _ = writeln!(text, "{} as attested", counted(against.as_attested, "message is", "messages are"));
        listed("missing", &against.missing, &mut text);
        listed("unreadable", &against.unreadable, &mut text);
        listed("with other flags", &against.flags_changed, &mut text);
        listed("added later", &against.added, &mut text);
    }
    text
}

/// What the file is silent about.
fn scope(header: &limosa_evidence::Header, text: &mut String) {
    for (what, patterns) in [("only", &header.only), ("without", &header.exclude)] {
        if !patterns.is_empty() {
            let _ = writeln!(text, "  {what} source folders that match: {}", clean(&patterns.join(", ")));
        }
    }
}

fn listed(what: &str, listed: &Listed, text: &mut String) {
    if listed.messages == 0 {
        return;
    }
    let _ = writeln!(text, "{} {what}:", counted(listed.messages, "message", "messages"));
    for named in listed.named.iter().take(SOME) {
        let why = named.what.as_deref().map(|what| format!(": {what}")).unwrap_or_default();
        let _ =
            writeln!(text, "  {} {}{}", clean(&named.folder.to_string()), clean(&named.id.to_string()), clean(&why));
    }
    if listed.messages > SOME as u64 {
        let _ = writeln!(text, "  … and {} more: --json names up to 1,000", count(listed.messages - SOME as u64));
    }
}

fn tell_proven(settings: &EvidenceCheckSettings, proven: &Proven) -> Result<Exit, Failure> {
    if settings.json {
        write_json(proven)?;
        return Ok(Exit::Complete);
    }
    let mut text = format!("{} proven; signed by {}\n", Paint::stdout().green("good:"), proven.public_key);
    let _ = writeln!(text, "  {} → {}", clean(&proven.header.source), clean(&proven.header.target));
    for record in &proven.records {
        let _ = writeln!(
            text,
            "  {} {}: {}, BLAKE3 {}",
            clean(&record.folder.target.to_string()),
            clean(&record.target_id.to_string()),
            bytes(record.size),
            record.digest
        );
    }
    if !settings.quiet {
        write_out(&text)?;
    }
    Ok(Exit::Complete)
}

/// Proves one message.
///
/// # Errors
/// If the evidence cannot be believed, or holds no such message.
pub fn prove(settings: &EvidenceProveSettings) -> Result<Exit, Failure> {
    let proof = limosa_evidence::prove(&settings.file, &settings.message_id).map_err(|error| failure(&error))?;
    let Some(out) = &settings.out else {
        write_json(&proof)?;
        return Ok(Exit::Complete);
    };
    let unwritten = |error: std::io::Error| {
        Failure::new("local-io", format!("{} cannot be written", out.display())).because(&error)
    };
    let mut text = serde_json::to_vec(&proof).map_err(|error| unwritten(error.into()))?;
    text.push(b'\n');
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(out).map_err(unwritten)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(unwritten)?;
    Ok(Exit::Complete)
}

/// Lists everything that a file says; with JSON, one line for each row. What it agrees with is told at the end, since that
/// is where it is known.
///
/// # Errors
/// If the file cannot be believed.
pub fn show(settings: &EvidenceShowSettings) -> Result<Exit, Failure> {
    // Nothing is shown of a file that is not whole.
    limosa_evidence::inspect(&settings.file, |_| Ok(())).map_err(|error| failure(&error))?;
    let mut told = Ok(());
    let report = limosa_evidence::inspect(&settings.file, |row| {
        if told.is_ok() {
            told = if settings.json { write_json(row) } else { write_out(&line(row)) };
        }
        Ok(())
    })
    .map_err(|error| failure(&error))?;
    told?;
    if settings.json {
        write_json(&report)?;
    } else {
        write_out(&format!(
            "{} → {}: {}, {}\nroot {}\nsigned by {}; whether that is whose it should be, limosa evidence check tells\n",
            clean(&report.header.source),
            clean(&report.header.target),
            counted(report.counts.messages, "message", "messages"),
            counted(report.counts.exceptions, "exception", "exceptions"),
            report.root,
            report.public_key
        ))?;
    }
    Ok(Exit::Complete)
}

fn line(row: &Row) -> String {
    let text = match row {
        Row::Message(record) => format!(
            "{}\t{}\t{}\t{}\t{}\t{}",
            record.folder.target,
            record.source_id,
            record.target_id,
            record.size,
            record.digest,
            record.flags.names().collect::<Vec<_>>().join(" ")
        ),
        Row::Exception(left) => {
            let approval = left.approval.as_ref().map_or("nobody approved it".to_owned(), |approval| {
                format!("approved by {} because {}", approval.by, approval.because)
            });
            format!("exception\t{}\t{}\t{}\t{}\t{approval}", left.folder, left.id, left.code, left.reason)
        }
        Row::Folder(total) => format!("folder\t{}\t{}\t{}", total.folder.source, total.folder.target, total.messages),
    };
    let cells: Vec<String> = text.split('\t').map(|cell| clean(cell).into_owned()).collect();
    format!("{}\n", cells.join("\t"))
}

/// A check in which every field holds something.
#[cfg(test)]
pub fn sample_found() -> Found {
    use limosa_evidence::against::Named;
    use limosa_evidence::{Counts, Header, Root};
    use limosa_model::{FolderPath, MessageId};

    let named =
        Named { folder: FolderPath::inbox(), id: MessageId::Uid(7), what: Some("had no flags, has \\Seen".into()) };
    let listed = Listed { messages: 1, named: vec![named] };
    Found {
        report: Report {
            header: Header {
                source: "imap://a@old.example:993".into(),
                target: "imap://a@new.example:993".into(),
                begun: 1_700_000_000,
                software: "limosa 0.1.0".into(),
                only: Vec::new(),
                exclude: Vec::new(),
                algorithms: Default::default(),
            },
            finished: 1_700_000_100,
            counts: Counts { folders: 2, messages: 12, exceptions: 1, bytes: 36_000, leaves: 15 },
            approved: 1,
            root: Root([7; 32]),
            public_key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".into(),
        },
        against: Some(Against {
            as_attested: 8,
            missing: listed.clone(),
            flags_changed: listed.clone(),
            added: listed.clone(),
            unreadable: listed,
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_check_says_who_signed_what_and_tells_differences_apart() {
        let text = render(&sample_found(), Paint::off());
        for part in [
            "good: signed by 11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=, whole and unaltered\n",
            "12 messages in 2 folders, 36.0 kB; 1 exception, 1 approved\n",
            "8 messages are as attested\n1 message missing:\n  INBOX 7: had no flags",
            "1 message with other flags:",
            "1 message added later:",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
