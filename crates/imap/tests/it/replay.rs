//! Dialogues recorded from real servers, where they are at hand: every server line is read, none is lost.
//!
//! The recordings are not part of this project. They are looked for in the folder that
//! `LIMOSA_TRANSCRIPTS` names, else beside the project; without them there is nothing to replay.

use std::fs;
use std::path::{Path, PathBuf};

use limosa_imap::{Decoder, Event, Limits, Response, Untagged};

use crate::say::drain;

fn folder() -> Option<PathBuf> {
    let named = std::env::var_os("LIMOSA_TRANSCRIPTS").map(PathBuf::from);
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/corpora/transcripts");
    named.or(Some(beside)).filter(|folder| folder.is_dir())
}

fn files_below(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.push(path);
        }
    }
}

/// Recordings made on a Unix file system lost their CRs, on which literals' sizes count.
fn with_line_ends(bytes: &[u8]) -> Vec<u8> {
    if bytes.windows(2).any(|pair| pair == b"\r\n") {
        return bytes.to_vec();
    }
    bytes.split_inclusive(|&byte| byte == b'\n').fold(Vec::new(), |mut lines, line| {
        match line.strip_suffix(b"\n") {
            Some(text) => lines.extend_from_slice(&[text, b"\r\n"].concat()),
            None => lines.extend_from_slice(line),
        }
        lines
    })
}

#[test]
fn recorded_servers_are_understood() {
    let Some(folder) = folder() else {
        println!("no recordings: nothing replayed");
        return;
    };
    let mut files = Vec::new();
    files_below(&folder.join("mailkit/imap"), &mut files);
    files.sort();
    let mut responses = 0;
    let mut bodies = 0;
    let mut bad = Vec::new();
    for path in &files {
        let name = path.strip_prefix(&folder).unwrap_or(path).display();
        let bytes = with_line_ends(&fs::read(path).expect("a readable recording"));
        // The recordings' tags are placeholders; any tag will do.
        let whole = drain(&mut Decoder::new(Limits::default()), &bytes, usize::MAX);
        let chopped = drain(&mut Decoder::new(Limits::default()), &bytes, 7);
        assert_eq!(whole, chopped, "{name}");
        let careful = drain(&mut Decoder::without_fast_path(Limits::default()), &bytes, usize::MAX);
        assert_eq!(whole, careful, "{name}");
        let events = match whole {
            Ok(events) => events,
            Err(error) => {
                bad.push(format!("{name}: {error}"));
                continue;
            }
        };
        for event in &events {
            match event {
                Event::Response(Response::Untagged(Untagged::Unknown { name: word, values }))
                    if !KNOWN_UNKNOWN.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())) =>
                {
                    bad.push(format!("{name}: unknown {} {values:?}", word.escape_ascii()));
                }
                Event::Response(Response::Untagged(Untagged::Fetch(fetch))) | Event::BodyEnd { fetch } => {
                    responses += 1;
                    bad.extend(
                        fetch
                            .bad_items
                            .iter()
                            .map(|(item, raw)| format!("{name}: bad {} <{}>", item.escape_ascii(), raw.escape_ascii())),
                    );
                }
                Event::BodyStart { .. } => bodies += 1,
                _ => responses += 1,
            }
        }
    }
    println!("{} recordings replayed: {responses} responses, {bodies} bodies", files.len());
    bad.retain(|line| !KNOWN_BAD.iter().any(|known| line.contains(known)));
    assert!(bad.is_empty(), "{}", bad.join("\n"));
}

/// Data of extensions that a migration does not use.
const KNOWN_UNKNOWN: &[&str] = &["ACL", "LISTRIGHTS", "METADATA", "THREAD", "COMPARATOR"];

/// What those servers really sent wrong.
const KNOWN_BAD: &[&str] = &[
    "yandex/getbodypart-missing-content.txt: bad BODY[2] <>",
    "zoho/fetch-negative-modseq-values.txt: bad MODSEQ <(-1)>",
    // The recording's literal is one line shorter than its content.
    "gmail/headers.1+unsolicited-info.txt: unknown  [)]",
];

#[test]
fn the_servers_of_protocol_tests_are_understood() {
    let Some(folder) = folder() else { return };
    let mut files = Vec::new();
    files_below(&folder.join("james-mpt"), &mut files);
    let mut lines = 0;
    for path in &files {
        let text = fs::read(path).expect("a readable recording");
        for line in text.split(|&byte| byte == b'\n') {
            let Some(said) = line.strip_prefix(b"S: ") else { continue };
            lines += 1;
            // Patterns rather than lines, so only this: nothing panics, and a line without a
            // literal comes out as something.
            let said = [said, b"\r\n"].concat();
            if let Ok(events) = drain(&mut Decoder::new(Limits::default()), &said, 5) {
                let empty = said.trim_ascii().is_empty() || said.trim_ascii().ends_with(b"}");
                assert!(!events.is_empty() || empty, "{}", said.escape_ascii());
            }
        }
    }
    println!("{lines} lines of {} protocol tests read", files.len());
}
