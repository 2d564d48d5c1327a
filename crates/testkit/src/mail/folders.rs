//! What folders do people have, and what are they called?

use super::{Folder, Mailbox, Sizes, nasty_messages};

/// Names that some servers refuse and some take: wildcards, quotes, separators, blanks at the end.
pub const PICKY_NAMES: &[&str] = &[
    "100% sure",
    "a*b",
    "say \"hi\"",
    "back\\slash",
    "blank at the end ",
    "version 1.2",
    "and/or",
    "~tilde",
    "#hash",
    "tab\there",
    "..",
];

/// Path, SPECIAL-USE flag, share of the messages in percent, whether subscribed.
type Row = (&'static [&'static str], Option<&'static str>, usize, bool);

const ORDINARY: &[Row] = &[
    (&["INBOX"], None, 34, true),
    (&["Sent"], Some("\\Sent"), 18, true),
    (&["Drafts"], Some("\\Drafts"), 1, true),
    (&["Trash"], Some("\\Trash"), 6, true),
    (&["Junk"], Some("\\Junk"), 4, false),
    // `Archive` and `Projekte` themselves are left out: their names stand above folders only.
    (&["Archive", "2023"], None, 12, true),
    (&["Archive", "2024"], None, 10, true),
    (&["Projekte", "Entwürfe & Co"], None, 6, true),
    (&["Projekte", "Brücke", "Angebote"], None, 3, false),
    (&["Familie 🦆"], None, 3, true),
    (&["日本語", "仕事"], None, 2, true),
    (&["Счета"], None, 1, true),
];

const SMALL: &[Row] = &[
    (&["INBOX"], None, 50, true),
    (&["Lists"], None, 20, true),
    (&["Lists", "dev"], None, 15, true),
    (&["Sent"], Some("\\Sent"), 10, true),
    (&["Trash"], Some("\\Trash"), 5, true),
];

const LARGE: &[Row] = &[(&["INBOX"], None, 50, true), (&["Anhänge"], None, 50, true)];

const ODD_PATHS: &[&[&str]] = &[
    &["2024"],
    &["2024", "0001"],
    &["A & B"],
    &["&"],
    &["it's (almost) all, there"],
    &["two  blanks"],
    &["CamelCase"],
    &["camelcase"],
    &["Größenübersicht", "Ärger", "Ölwechsel"],
    &["Écoles", "été"],
    &["Ελληνικά"],
    &["العربية"],
    &["עברית"],
    &["한국어"],
    &["ไทย"],
    &["👩‍👩‍👧 Familie"],
    &["e\u{301}te\u{301} in two code points"],
    &["a very long name that goes on and on so that whoever counts bytes in a small field will notice it"],
    &["one", "two", "three", "four", "five", "six", "seven", "eight"],
    &["nothing in it"],
];

fn mailbox(seed: u64, messages: usize, sizes: Sizes, rows: &[Row]) -> Mailbox {
    // What rounding leaves over goes to INBOX, so that the sum is exact.
    let shares: Vec<usize> = rows.iter().map(|row| messages * row.2 / 100).collect();
    let rest = messages - shares.iter().sum::<usize>();
    let folders = rows
        .iter()
        .zip(shares)
        .enumerate()
        .map(|(number, ((path, special_use, _, subscribed), share))| {
            let count = if number == 0 { share + rest } else { share };
            let folder_seed = seed.wrapping_mul(1_000).wrapping_add(number as u64);
            let mut folder = Folder::composed(path, count, folder_seed, sizes);
            folder.special_use = *special_use;
            folder.subscribed = *subscribed;
            folder
        })
        .collect();
    Mailbox { folders }
}

pub(super) fn ordinary(seed: u64, messages: usize, sizes: Sizes) -> Mailbox {
    mailbox(seed, messages, sizes, ORDINARY)
}

pub(super) fn small(seed: u64, messages: usize, sizes: Sizes) -> Mailbox {
    mailbox(seed, messages, sizes, SMALL)
}

pub(super) fn large(seed: u64, messages: usize, sizes: Sizes) -> Mailbox {
    mailbox(seed, messages, sizes, LARGE)
}

pub(super) fn nasty(seed: u64) -> Mailbox {
    let sizes = Sizes::Uniform { min: 500, max: 3_000 };
    let messages = nasty_messages().into_iter().map(|nasty| nasty.message);
    let mut folders = vec![Folder::fixed(&["INBOX"], messages.collect())];
    for (number, path) in ODD_PATHS.iter().enumerate() {
        let last = number + 1 == ODD_PATHS.len();
        let count = if last { 0 } else { 1 + number % 4 };
        let folder_seed = seed.wrapping_mul(1_000).wrapping_add(500 + number as u64);
        let folder = Folder::composed(path, count, folder_seed, sizes);
        folders.push(if number % 3 == 2 { folder.unsubscribed() } else { folder });
    }
    Mailbox { folders }
}
