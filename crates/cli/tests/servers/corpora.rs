//! Mail of all kinds to a server and back into a Maildir: the same bytes, or named.
//!
//! The mail is what the generator makes, and the files below `../shared/corpora` or `LIMOSA_CORPORA` where there are any.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::nasty_messages;

use crate::world::{Account, PASSWORD, Program, Run};

/// Digests of messages by the names of their files.
type Digests = BTreeMap<String, String>;

fn digest(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex()[..24].to_owned()
}

/// As an IMAP server would present it: a file with bare LF only has its line ends made CRLF.
fn presented(bytes: &[u8]) -> Vec<u8> {
    if bytes.windows(2).any(|pair| pair == b"\r\n") {
        return bytes.to_vec();
    }
    let mut crlf = Vec::with_capacity(bytes.len() + bytes.len() / 40);
    for byte in bytes {
        if *byte == b'\n' {
            crlf.push(b'\r');
        }
        crlf.push(*byte);
    }
    crlf
}

fn files_below(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => files_below(&path, files),
            path if path.extension().is_some_and(|extension| extension == "eml") => files.push(path),
            _ => {}
        }
    }
}

/// All the mail there is, with a name each.
fn mail() -> Vec<(String, Vec<u8>)> {
    let made = nasty_messages().into_iter().enumerate();
    let mut mail: Vec<_> = made.map(|(number, message)| (format!("made{number}"), message.message.bytes)).collect();
    let corpora = std::env::var("LIMOSA_CORPORA")
        .unwrap_or(concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/corpora").into());
    for kind in ["real", "nasty"] {
        let mut files = Vec::new();
        files_below(&Path::new(&corpora).join(kind), &mut files);
        files.sort();
        mail.extend(
            files.iter().enumerate().map(|(number, file)| (format!("{kind}{number}"), fs::read(file).unwrap())),
        );
    }
    mail
}

fn write_maildir(folder: &Path, mail: &[(String, Vec<u8>)]) {
    for part in ["cur", "new", "tmp"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    for (number, (name, bytes)) in mail.iter().enumerate() {
        fs::write(folder.join("cur").join(format!("{}.{name}.corpora:2,S", 1_600_000_000 + number)), bytes).unwrap();
    }
}

/// Digests of what stands in a Maildir's inbox.
fn maildir(folder: &Path) -> Vec<String> {
    let files = ["cur", "new"].into_iter().flat_map(|part| fs::read_dir(folder.join(part)).unwrap());
    files.map(|file| digest(&fs::read(file.unwrap().path()).unwrap())).collect()
}

async fn copy(program: &Program, source: &str, target: &str, server: &Server) -> Run {
    let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_limosa"));
    command.args(["copy", source, target, "--json", "--state"]).arg(program.state());
    let side = if source.starts_with("maildir:") { "target" } else { "source" };
    command.arg(format!("--{side}-ca-file")).arg(server.ca_file());
    command.env(format!("LIMOSA_{}_PASSWORD", side.to_uppercase()), PASSWORD);
    let output = command.output().await.unwrap();
    let json = serde_json::from_slice(&output.stdout).unwrap_or_default();
    Run { code: output.status.code(), json, err: String::from_utf8_lossy(&output.stderr).into_owned() }
}

/// Of a refusal, what the server said: without the message's name and the time that it took.
fn in_short(reason: &str) -> &str {
    let said = reason.split_once(": \"").map_or(reason, |(_, said)| said);
    said.split(" (0.").next().unwrap_or(said).trim_end_matches('"')
}

async fn there_and_back(server: &Server, kind: &str) {
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (folder.path().join("old"), folder.path().join("new"));
    let mail = mail();
    write_maildir(&old, &mail);
    let sent: Digests = mail.iter().map(|(name, bytes)| (name.clone(), digest(&presented(bytes)))).collect();
    let user = Account::new(server, "corpora").await;
    let program = Program::new();
    let there = copy(&program, &format!("maildir:{}", old.display()), &user.url(), server).await;
    let back = copy(&program, &user.url(), &format!("maildir:{}", new.display()), server).await;
    assert_eq!(back.code, Some(0), "{back:#?}");

    let mut named: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    let exceptions = there.json["exceptions"].as_array().unwrap_or_else(|| panic!("{there:#?}"));
    for exception in exceptions.iter().filter(|exception| exception["code"] != "date-changed") {
        let name = exception["id"].as_str().and_then(|id| id.split('.').nth(1)).expect("the name in the id");
        let (code, reason) = (exception["code"].as_str().unwrap(), exception["reason"].as_str().unwrap());
        named.entry(format!("{code}: {}", in_short(reason))).or_default().insert(name.to_owned());
    }
    let mut arrived: BTreeMap<String, usize> = BTreeMap::new();
    for digest in maildir(&new) {
        *arrived.entry(digest).or_default() += 1;
    }
    let mut identical = 0;
    for (name, digest) in &sent {
        match arrived.get_mut(digest).filter(|count| **count > 0) {
            Some(count) => {
                *count -= 1;
                identical += 1;
            }
            None => assert!(
                named.values().any(|names| names.contains(name)),
                "{name} did not come back from {kind}, and nobody says so"
            ),
        }
    }
    println!("{kind}: {identical} of {} messages came back byte for byte", sent.len());
    for (what, names) in &named {
        println!("{kind}: {} {what}", names.len());
    }
    assert!(identical + named.values().map(BTreeSet::len).sum::<usize>() >= sent.len());
    program_is_done(&program, &old, &user, server).await;
}

/// A second run has nothing to copy.
async fn program_is_done(program: &Program, old: &Path, user: &Account<'_>, server: &Server) {
    let again = copy(program, &format!("maildir:{}", old.display()), &user.url(), server).await;
    again.did_nothing();
}

#[tokio::test]
async fn dovecot_gives_back_what_it_was_given() {
    let lab = Lab::shared().await.unwrap();
    let options = DovecotOptions { memory: true, ..DovecotOptions::default() };
    there_and_back(&lab.dovecot(options.with_storage(Storage::Sdbox)).await.unwrap(), "Dovecot").await;
}

#[tokio::test]
async fn cyrus_gives_back_what_it_was_given() {
    let lab = Lab::shared().await.unwrap();
    there_and_back(&lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap(), "Cyrus").await;
}
