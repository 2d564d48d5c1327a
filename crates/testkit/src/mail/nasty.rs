//! Which messages have broken programs that move mail?

use super::{InternalDate, Message};

/// A message that is odd in one way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nasty {
    /// What is odd about it.
    pub name: &'static str,
    /// The message itself.
    pub message: Message,
}

/// Messages that are odd in one way each. Some break the standards: Cyrus refuses those, and Dovecot
/// changes a NUL byte to 0x80 and a bare LF to CRLF.
pub fn nasty_messages() -> Vec<Nasty> {
    let with_headers = |body: &[u8]| {
        let headers = b"From: a@example\r\nTo: b@example\r\nSubject: nasty\r\n";
        [headers.as_slice(), b"Message-ID: <nasty@example>\r\n\r\n", body].concat()
    };
    let long_header = [
        b"From: a@example\r\nSubject: long\r\n".to_vec(),
        b"X-Long: ".to_vec(),
        b"0123456789abcdef ".repeat(60_000),
        b"\r\n\r\nbody\r\n".to_vec(),
    ]
    .concat();
    let many_headers = [
        b"From: a@example\r\nSubject: many\r\n".to_vec(),
        b"X-Many: 0123456789abcdef0123456789abcdef\r\n".repeat(25_000),
        b"\r\nbody\r\n".to_vec(),
    ]
    .concat();
    let shared = b"From: a@example\r\nSubject: twin\r\nMessage-ID: <twin@example>\r\n\r\n";
    let pieces: Vec<(&'static str, Vec<u8>)> = vec![
        ("empty", Vec::new()),
        ("one byte", b"x".to_vec()),
        ("only an empty line", b"\r\n".to_vec()),
        ("headers only", b"Subject: no body, no empty line\r\n".to_vec()),
        ("no line end at all", b"Subject: cut off".to_vec()),
        ("no headers", b"\r\nThere are no headers here.\r\n".to_vec()),
        ("no message id", b"From: a@example\r\nSubject: no id\r\n\r\nbody\r\n".to_vec()),
        ("genuine duplicate", with_headers(b"the same\r\n")),
        ("genuine duplicate, again", with_headers(b"the same\r\n")),
        ("same headers, one body", [shared.as_slice(), b"one\r\n"].concat()),
        ("same headers, another body", [shared.as_slice(), b"two\r\n"].concat()),
        (
            "8-bit headers",
            b"From: Bj\xf6rn <b@example>\r\nSubject: Gr\xc3\xbc\xc3\x9fe und Gr\xfc\xdfe\r\n\r\nbody\r\n".to_vec(),
        ),
        ("every byte but NUL", with_headers(&(1..=255).collect::<Vec<u8>>())),
        ("NUL bytes", with_headers(b"zero \0 and \0\r\n")),
        ("bare LF", b"From: a@example\nSubject: unix\n\nbody\nbody\n".to_vec()),
        ("bare CR", with_headers(b"one\rtwo\r\n")),
        ("mixed line ends", with_headers(b"dos\r\nunix\nmac\rend\r\r\n\n")),
        ("a line of 300 kB", with_headers(&[b"x".repeat(300_000), b"\r\n".to_vec()].concat())),
        ("a header line of 1 MB", long_header),
        ("1 MB of headers", many_headers),
        ("a line of a single dot", with_headers(b"before\r\n.\r\n..\r\nafter\r\n")),
        ("mbox From line", b"From a@example Thu Jan  1 00:00:00 1970\r\nSubject: mbox\r\n\r\nFrom here\r\n".to_vec()),
        ("looks like IMAP", with_headers(b"A1 OK FETCH completed\r\n* BYE\r\n{12}\r\n)\r\n")),
        ("header folded with nothing", b"Subject: a\r\n \r\n\t\r\n b\r\n\r\nbody\r\n".to_vec()),
        (
            "unclosed multipart",
            b"From: a@example\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n--b\r\n--b".to_vec(),
        ),
        ("UTF-8 byte order mark", b"\xef\xbb\xbfFrom: a@example\r\nSubject: bom\r\n\r\nbody\r\n".to_vec()),
    ];
    let epoch_and_odd =
        [(0, 0), (86_399, 840), (1_000_000_000, -210), (951_782_400, 345), (2_147_483_647, -720), (4_102_444_800, 60)];
    let keywords: [&[&str]; 4] = [&[], &["$Forwarded"], &["NonJunk", "Projekt/Nord"], &["$label1", "without-umlaut"]];
    pieces
        .into_iter()
        .enumerate()
        .map(|(number, (name, bytes))| {
            let (seconds, offset_minutes) = epoch_and_odd[number % epoch_and_odd.len()];
            let keywords = keywords[number % keywords.len()].iter().map(|keyword| (*keyword).to_owned()).collect();
            Nasty {
                name,
                message: Message {
                    bytes,
                    flags: [vec![], vec!["\\Seen"], vec!["\\Deleted", "\\Flagged"]][number % 3].clone(),
                    keywords,
                    internal_date: InternalDate { seconds, offset_minutes },
                },
            }
        })
        .collect()
}
