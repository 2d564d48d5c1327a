//! How is a Maildir++ filled without its server, so that 100,000 messages take seconds?
//!
//! Files, UIDs and keywords are written as the server itself would have written them: with LF as line
//! end, sizes in the file name, UIDs in the order of the messages.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{File, FileTimes};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use limosa_testkit::mail::{Folder, InternalDate, Message};
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::files::{self, MailUser};
use crate::mutf7;

/// Whose Maildir++ it is: they differ in where keywords and UIDs are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Style {
    /// Dovecot: `dovecot-keywords`, `dovecot-uidlist`.
    Dovecot,
    /// Courier: `courierimapkeywords`, `courierimapuiddb`.
    Courier,
}

/// Dovecot has letters for so many keywords in a file's name.
const LETTERS: usize = 26;

/// The folder's place on disk, if it can be written without the server: its name must be one that
/// Maildir++ can hold, and no server may have numbered its messages yet.
pub(crate) fn place(style: Style, maildir: &Path, folder: &Folder) -> Option<PathBuf> {
    let place = match folder.path.as_slice() {
        [inbox] if inbox.eq_ignore_ascii_case("INBOX") => maildir.to_owned(),
        names if names.iter().any(|name| name.is_empty() || name.contains(['.', '/'])) => return None,
        // Courier 5 knows no modified UTF-7 beyond the basic plane: its clients could not name these.
        names if style == Style::Courier && names.iter().any(|name| has_astral(name)) => return None,
        names => {
            let names: Vec<String> = match style {
                Style::Dovecot => names.iter().map(|name| mutf7::encode(name)).collect(),
                // Since its version 5 Courier writes names as they are.
                Style::Courier => names.to_vec(),
            };
            maildir.join(format!(".{}", names.join(".")))
        }
    };
    let numbered = match style {
        Style::Dovecot => "dovecot-uidlist",
        Style::Courier => "courierimapuiddb",
    };
    (!place.join(numbered).exists()).then_some(place)
}

fn has_astral(name: &str) -> bool {
    name.chars().any(|character| character > '\u{ffff}')
}

/// Writes a folder with all its messages to a place of [`place`]; the bytes written.
/// `number` tells folders of one mailbox apart. Blocks.
pub(crate) fn write(style: Style, place: &Path, folder: &Folder, number: u32, owner: &MailUser) -> Result<u64> {
    for part in ["cur", "new", "tmp"] {
        let part = place.join(part);
        files::create_dir(&part)?;
        owner.own(&part)?;
    }
    owner.own(place)?;
    if let Some(home) = place.parent() {
        owner.own(home)?;
    }
    let mut index = Index::default();
    let mut bytes = 0;
    for (position, message) in folder.messages().enumerate() {
        bytes += message.bytes.len() as u64;
        write_message(style, place, number, position, &message, owner, &mut index)?;
    }
    let validity = seconds_now() + u64::from(number);
    for (name, content) in index.files(style, validity, number) {
        let path = place.join(name);
        if let Some(parent) = path.parent()
            && parent != place
        {
            files::create_dir(parent)?;
            owner.own(parent)?;
        }
        files::write(&path, content)?;
        owner.own(&path)?;
    }
    if folder.path.len() > 1 || !folder.path[0].eq_ignore_ascii_case("INBOX") {
        let marker = place.join("maildirfolder");
        files::write(&marker, "")?;
        owner.own(&marker)?;
    }
    Ok(bytes)
}

/// What is known of the messages written so far.
#[derive(Default)]
struct Index {
    /// Names without flags, in the order of UIDs.
    names: Vec<String>,
    /// Keywords in the order of their first appearance, with their numbers.
    keywords: BTreeMap<String, usize>,
    keyword_order: Vec<String>,
    /// Courier's lines: a name and the numbers of its keywords.
    keyword_lines: String,
}

impl Index {
    fn keyword(&mut self, keyword: &str) -> usize {
        if let Some(number) = self.keywords.get(keyword) {
            return *number;
        }
        let number = self.keyword_order.len();
        self.keywords.insert(keyword.to_owned(), number);
        self.keyword_order.push(keyword.to_owned());
        number
    }

    fn files(self, style: Style, validity: u64, number: u32) -> Vec<(&'static str, String)> {
        let next = self.names.len() + 1;
        // Writing to a String cannot fail.
        match style {
            Style::Dovecot => {
                let mut uids = format!("3 V{validity} N{next} G{validity:016x}{number:016x}\n");
                for (position, name) in self.names.iter().enumerate() {
                    let _ = writeln!(uids, "{} :{name}", position + 1);
                }
                let mut keywords = String::new();
                for (position, keyword) in self.keyword_order.iter().enumerate() {
                    let _ = writeln!(keywords, "{position} {keyword}");
                }
                vec![("dovecot-uidlist", uids), ("dovecot-keywords", keywords)]
            }
            Style::Courier => {
                let mut uids = format!("1 {validity} {next}\n");
                for (position, name) in self.names.iter().enumerate() {
                    let _ = writeln!(uids, "{} {name}", position + 1);
                }
                let mut keywords = String::new();
                for keyword in &self.keyword_order {
                    let _ = writeln!(keywords, "{keyword}");
                }
                let _ = write!(keywords, "\n{}", self.keyword_lines);
                vec![("courierimapuiddb", uids), ("courierimapkeywords/:list", keywords)]
            }
        }
    }
}

fn write_message(
    style: Style,
    place: &Path,
    number: u32,
    position: usize,
    message: &Message,
    owner: &MailUser,
    index: &mut Index,
) -> Result<()> {
    let (stored, virtual_size) = as_stored(&message.bytes);
    let name = format!("{}.M{position:06}P{number}.lab,S={},W={virtual_size}", 1_700_000_000 + position, stored.len(),);
    let mut flags: Vec<char> = message.flags.iter().filter_map(|flag| letter(flag)).collect();
    flags.sort_unstable();
    let keywords: Vec<usize> = message.keywords.iter().map(|keyword| index.keyword(keyword)).collect();
    match style {
        Style::Dovecot => {
            let mut letters: Vec<u8> = keywords
                .iter()
                .filter(|number| **number < LETTERS)
                // Less than 26, so it fits.
                .map(|number| b'a' + *number as u8)
                .collect();
            letters.sort_unstable();
            flags.extend(letters.into_iter().map(char::from));
        }
        Style::Courier if !keywords.is_empty() => {
            let numbers: Vec<String> = keywords.iter().map(usize::to_string).collect();
            let _ = writeln!(index.keyword_lines, "{name}:{}", numbers.join(" "));
        }
        Style::Courier => {}
    }
    let flags: String = flags.into_iter().collect();
    let path = place.join("cur").join(format!("{name}:2,{flags}"));
    let mut file = File::create(&path).map_err(LabError::file("create", &path))?;
    file.write_all(&stored).map_err(LabError::file("write", &path))?;
    file.set_times(FileTimes::new().set_modified(system_time(message.internal_date)))
        .map_err(LabError::file("date", &path))?;
    owner.own_file(&file, &path)?;
    index.names.push(name);
    Ok(())
}

/// The message with LF as line end, and the size it has with CRLF as line end.
fn as_stored(message: &[u8]) -> (Vec<u8>, usize) {
    let mut stored = Vec::with_capacity(message.len());
    let mut lines = 0;
    let mut start = 0;
    for end in memchr::memchr_iter(b'\n', message) {
        let line = &message[start..end];
        stored.extend_from_slice(line.strip_suffix(b"\r").unwrap_or(line));
        // Of CR CR LF one CR is left, and Dovecot takes that for a line end that is CRLF already.
        lines += usize::from(stored.last() != Some(&b'\r'));
        stored.push(b'\n');
        start = end + 1;
    }
    stored.extend_from_slice(&message[start..]);
    let virtual_size = stored.len() + lines;
    (stored, virtual_size)
}

fn letter(flag: &str) -> Option<char> {
    match flag {
        "\\Draft" => Some('D'),
        "\\Flagged" => Some('F'),
        "\\Answered" => Some('R'),
        "\\Seen" => Some('S'),
        "\\Deleted" => Some('T'),
        _ => None,
    }
}

fn system_time(date: InternalDate) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(date.seconds).unwrap_or(0))
}

fn seconds_now() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, |since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::as_stored;

    #[test]
    fn line_ends_are_those_of_unix_and_the_virtual_size_counts_both() {
        assert_eq!(as_stored(b"a\r\nb\nc\r"), (b"a\nb\nc\r".to_vec(), 8));
        assert_eq!(as_stored(b""), (Vec::new(), 0));
    }
}
