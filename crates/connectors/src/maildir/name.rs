//! What a message's file name says, and how new ones are made.

use std::hash::{BuildHasher, RandomState};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use limosa_model::{Flags, SystemFlags};

use super::keywords::Keywords;

/// The keyword that Maildir has a letter of its own for: `P`, passed on.
pub(super) const FORWARDED: &str = "$Forwarded";

const LETTERS: [(u8, SystemFlags); 5] = [
    (b'D', SystemFlags::DRAFT),
    (b'F', SystemFlags::FLAGGED),
    (b'R', SystemFlags::ANSWERED),
    (b'S', SystemFlags::SEEN),
    (b'T', SystemFlags::DELETED),
];

/// The file name up to the `:`: what stays when flags change.
pub(super) fn base(name: &[u8]) -> &[u8] {
    memchr::memchr(b':', name).map_or(name, |colon| &name[..colon])
}

/// The letters after `:2,`; none where the name has no such part (files in `new`).
pub(super) fn letters(name: &[u8]) -> &[u8] {
    name[base(name).len()..].strip_prefix(b":2,").unwrap_or_default()
}

/// The flags that these letters mean. Letters without a meaning are passed over.
pub(super) fn flags(letters: &[u8], keywords: &Keywords) -> Flags {
    let mut system = SystemFlags::NONE;
    let mut names: Vec<&str> = Vec::new();
    for letter in letters {
        match letter {
            b'P' => names.push(FORWARDED),
            b'a'..=b'z' => names.extend(keywords.name(*letter)),
            _ => {
                if let Some((_, flag)) = LETTERS.iter().find(|(known, _)| known == letter) {
                    system = system.union(*flag);
                }
            }
        }
    }
    Flags::new(system, names)
}

/// The letters for these flags, in the order that the format wants; `None` where a keyword has no letter.
/// Capital letters in `old` that mean nothing to us stay: another program put them there.
pub(super) fn letters_for(flags: &Flags, keywords: &Keywords, old: &[u8]) -> Option<String> {
    let known = |letter: &u8| *letter == b'P' || LETTERS.iter().any(|(known, _)| known == letter);
    let mut letters: Vec<u8> = old.iter().copied().filter(|l| l.is_ascii_uppercase() && !known(l)).collect();
    letters.extend(LETTERS.iter().filter(|(_, flag)| flags.system.contains(*flag)).map(|(letter, _)| *letter));
    for keyword in flags.keywords() {
        letters.push(if keyword.eq_ignore_ascii_case(FORWARDED) { b'P' } else { keywords.letter(keyword)? });
    }
    letters.sort_unstable();
    letters.dedup();
    Some(letters.into_iter().map(char::from).collect())
}

/// A base name that no other message has, by the rules of the format: seconds, microseconds, process, counter, host; and
/// a random part, since processes in containers share numbers and hosts share names. Names of one process ascend.
pub(super) fn unique() -> String {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    static HOST: LazyLock<String> = LazyLock::new(host);
    static RANDOM: LazyLock<u64> = LazyLock::new(|| RandomState::new().hash_one(SystemTime::now()));
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (seconds, micros) = (now.as_secs(), now.subsec_micros());
    let count = COUNTER.fetch_add(1, Ordering::Relaxed);
    format!("{seconds}.M{micros:06}P{}Q{count:08}R{:016x}.{}", std::process::id(), *RANDOM, *HOST)
}

fn host() -> String {
    let name =
        std::fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| std::fs::read_to_string("/etc/hostname"));
    let name: String = name.unwrap_or_default().trim().chars().take(64).collect();
    if name.is_empty() {
        return "localhost".into();
    }
    // The escapes that the format prescribes for what has a meaning in file names.
    name.replace('/', "\\057").replace(':', "\\072").replace(',', "\\054")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keywords() -> Keywords {
        Keywords::parse(b"0 Work\n2 $Label1\n")
    }

    #[test]
    fn names_are_taken_apart() {
        for (name, of_base, of_letters) in [
            ("1.M2P3.host:2,FS", "1.M2P3.host", "FS"),
            ("1.M2P3.host:2,", "1.M2P3.host", ""),
            ("1.M2P3.host", "1.M2P3.host", ""),
            ("1.host,S=12,W=13:2,a", "1.host,S=12,W=13", "a"),
            ("1.host:1,x", "1.host", ""),
        ] {
            assert_eq!((base(name.as_bytes()), letters(name.as_bytes())), (of_base.as_bytes(), of_letters.as_bytes()));
        }
    }

    #[test]
    fn letters_and_flags_are_the_same() {
        let read = flags(b"DFPRSTacz", &keywords());
        assert_eq!(read, Flags::new(SystemFlags::ALL, ["$Forwarded", "work", "$label1"]));
        assert_eq!(letters_for(&read, &keywords(), b"").as_deref(), Some("DFPRSTac"));
    }

    #[test]
    fn strange_capitals_stay_and_known_ones_do_not() {
        let seen = Flags::from(SystemFlags::SEEN);
        assert_eq!(letters_for(&seen, &keywords(), b"AFPXb").as_deref(), Some("ASX"));
    }

    #[test]
    fn a_keyword_without_a_letter_cannot_be_written() {
        assert_eq!(letters_for(&Flags::new(SystemFlags::NONE, ["Other"]), &keywords(), b""), None);
    }

    #[test]
    fn unique_names_differ_and_can_stand_before_flags() {
        let names: std::collections::BTreeSet<String> = (0..1000).map(|_| unique()).collect();
        assert_eq!(names.len(), 1000);
        assert!(names.iter().all(|name| !name.contains(['/', ':', ',']) && !name.starts_with('.')));
    }
}
