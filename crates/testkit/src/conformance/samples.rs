//! The messages and folder names that the checks use: ordinary ones, and those that trip careless code.

use bytes::Bytes;
use limosa_model::{Flags, InternalDate};

use super::harness::{Harness, Seen};

/// A message with a name by which a harness can say that its store will not have it.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The name.
    pub name: &'static str,
    /// The message.
    pub message: Seen,
}

/// Folder names that every store is given, but for those it refuses by declaration.
pub const NAMES: [&str; 12] = [
    "Plain",
    "With space",
    "Entwürfe",
    "R&D",
    "&",
    "日本語",
    "Wave 🌊 emoji",
    "Ünïcødé & more",
    "50% * off",
    "\"quoted\"",
    "{3}",
    "~tilde",
];

/// A message of these bytes with no flags, dated by its length.
pub fn plain(bytes: impl Into<Bytes>) -> Seen {
    let bytes = bytes.into();
    let seconds = 1_500_000_000 + bytes.len() as i64;
    Seen { bytes, flags: Flags::default(), date: InternalDate { seconds, offset_minutes: 0 } }
}

/// An ordinary small message that differs from those of other numbers.
pub fn numbered(number: usize) -> Seen {
    let text = format!(
        "From: a@example.org\r\nSubject: number {number}\r\nMessage-ID: <n{number}@example.org>\r\n\r\nThis is {number}.\r\n"
    );
    Seen { date: InternalDate { seconds: 1_600_000_000 + number as i64, offset_minutes: 0 }, ..plain(text) }
}

/// Every sample that the store takes.
pub fn samples(harness: &dyn Harness) -> Vec<Sample> {
    let declared = harness.declared();
    let mut samples = all();
    for sample in samples.iter().filter(|sample| declared.refused_samples.contains(&sample.name)) {
        println!("left out by declaration: sample {}", sample.name);
    }
    samples.retain(|sample| !declared.refused_samples.contains(&sample.name));
    for sample in &mut samples {
        sample.message.flags = declared.keeps.keep(&sample.message.flags).0;
    }
    samples
}

/// Name, bytes, flags, date with its zone's minutes.
type Row = (&'static str, Bytes, &'static [&'static str], (i64, i16));

fn all() -> Vec<Sample> {
    let head = "From: a@example.org\r\nTo: b@example.org\r\nSubject: sample\r\nMessage-ID: <s@example.org>\r\n\r\n";
    let mut big = head.as_bytes().to_vec();
    let mut line = 0_u32;
    while big.len() < 3_000_000 {
        big.extend_from_slice(format!("{line:08} {}\r\n", "0123456789".repeat(6)).as_bytes());
        line += 1;
    }
    let with_head = |body: &[u8]| Bytes::from([head.as_bytes(), body].concat());
    let contents: [Row; 18] = [
        ("ordinary", with_head(b"Hello.\r\n"), &["\\Seen"], (1_700_000_000, 60)),
        ("duplicate", with_head(b"Hello.\r\n"), &["\\Seen"], (1_700_000_000, 60)),
        ("empty", Bytes::new(), &[], (1_700_000_001, 0)),
        ("one-byte", Bytes::from_static(b"x"), &["\\Flagged"], (1_700_000_002, -210)),
        ("three-megabytes", big.into(), &["\\Answered"], (1_700_000_003, 345)),
        ("bare-lf", Bytes::from(with_head(b"a\nb\r\nc\n").to_vec()), &[], (1_700_000_004, 0)),
        ("lf-only", Bytes::from_static(b"Subject: lf\n\nbody\n"), &["\\Draft"], (1_700_000_005, 720)),
        ("lone-cr", with_head(b"a\rb\r\n\r\r\n"), &[], (1_700_000_006, -720)),
        ("eight-bit", with_head("Grüße \u{1f30a}\r\n".as_bytes()), &["$Forwarded"], (1_700_000_007, 0)),
        ("not-utf8", with_head(b"\xff\xfe\x80\xe4\r\n"), &["Work", "$Label1"], (1_700_000_008, 0)),
        ("nul", with_head(b"a\0b\r\n"), &[], (1_700_000_009, 0)),
        ("no-message-id", Bytes::from_static(b"Subject: none\r\n\r\nbody\r\n"), &["\\Seen", "work"], (0, 0)),
        ("no-header", Bytes::from_static(b"\r\nonly a body\r\n"), &["\\Deleted"], (2_200_000_000, 0)),
        ("no-end-of-header", Bytes::from_static(b"Subject: open\r\nX: y\r\n"), &[], (1_000_000_000, 0)),
        ("no-last-line-end", with_head(b"no line end"), &[], (1_330_000_000, 0)),
        ("twin-a", with_head(b"one body\r\n"), &[], (1_700_000_010, 0)),
        ("twin-b", with_head(b"another!\r\n"), &[], (1_700_000_010, 0)),
        ("dots-and-literals", with_head(b".\r\n..\r\n{10}\r\nA1 OK done\r\n+ go\r\n)\r\n"), &[], (1_700_000_011, 0)),
    ];
    contents
        .into_iter()
        .map(|(name, bytes, flags, (seconds, offset_minutes))| Sample {
            name,
            message: Seen {
                bytes,
                flags: Flags::from_names(flags.iter().copied()).0,
                date: InternalDate { seconds, offset_minutes },
            },
        })
        .collect()
}
