//! What does an ordinary message look like?

use std::sync::LazyLock;

use super::{InternalDate, Message, Random, Sizes};

pub(super) const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// Minutes east of Greenwich, with the odd ones: Nepal, Newfoundland, Kiribati, the date line.
const OFFSETS: [i32; 10] = [0, 60, 120, -300, -480, 345, -210, 840, -720, 570];

const PEOPLE: [(&str, &str); 8] = [
    ("Anna Berg", "anna@berg.example"),
    ("Bj=?UTF-8?Q?=C3=B6rn?= Lund", "bjorn@lund.example"),
    ("\"Chen, Wei\"", "wei.chen@shanghai.example"),
    ("Dolores Ruiz", "dolores@ruiz.example"),
    ("=?UTF-8?B?0JXQu9C10L3QsA==?=", "elena@moskva.example"),
    ("Farid", "farid@tehran.example"),
    ("news", "noreply@news.example"),
    ("=?ISO-8859-1?Q?G=FCnter?=", "guenter@alt.example"),
];

const SUBJECTS: [&str; 10] = [
    "Re: the minutes of yesterday",
    "=?UTF-8?Q?=C3=9Cbersicht_der_Angebote?=",
    "Invoice 4711",
    "=?UTF-8?B?8J+mhiBEdWNrIQ==?=",
    "Fwd: Fwd: Re: have you seen this",
    "",
    "=?ISO-2022-JP?B?GyRCMnE1RBsoQg==?=",
    "[dev] patch 3/7: make it faster",
    "Urlaub",
    "Your parcel has arrived",
];

const WORDS: [&str; 24] = [
    "the",
    "migration",
    "of",
    "godwits",
    "takes",
    "eleven",
    "days",
    "without",
    "rest",
    "or",
    "food",
    "across",
    "ocean",
    "and",
    "nobody",
    "knows",
    "quite",
    "how",
    "they",
    "find",
    "their",
    "way",
    "over",
    "water",
];

const CUSTOM_KEYWORDS: [&str; 5] = ["Projekt-Nord", "$label1", "$label4", "todo", "Rechnung"];

/// Blocks of lines that bodies are cut from; long enough that bodies differ, short enough to be
/// made in an instant. Each line has its line end.
struct Blocks {
    text: Vec<u8>,
    base64: Vec<u8>,
}

/// The length of each line of the base64 block, with its line end.
const BASE64_LINE: usize = 78;
const BLOCK: usize = 256 * 1024;

static BLOCKS: LazyLock<Blocks> = LazyLock::new(|| {
    let mut random = Random::new(0x6c69_6d6f_7361);
    let mut text = Vec::with_capacity(BLOCK + 100);
    while text.len() < BLOCK {
        let mut column = 0;
        while column < 60 {
            let word = random.choose(&WORDS);
            text.extend_from_slice(word.as_bytes());
            text.push(b' ');
            column += word.len() + 1;
        }
        text.pop();
        text.extend_from_slice(b"\r\n");
    }
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut base64 = Vec::with_capacity(BLOCK + 100);
    while base64.len() < BLOCK {
        for _ in 0..BASE64_LINE - 2 {
            base64.push(random.choose(ALPHABET));
        }
        base64.extend_from_slice(b"\r\n");
    }
    Blocks { text, base64 }
});

/// Makes the message at a position of a folder.
///
/// About one in a hundred is a genuine duplicate of the one before, one in a hundred has the headers
/// of the one before and another body, and one in fifty has no Message-ID.
pub(super) fn message(seed: u64, position: usize, sizes: Sizes, special_use: Option<&'static str>) -> Message {
    let likeness = Random::for_part(seed, position as u64 * 2 + 1).below(100);
    let (headers_of, body_of) = match (position, likeness) {
        (1.., 0) => (position - 1, position - 1),
        (1.., 1) => (position - 1, position),
        _ => (position, position),
    };
    let mut random = Random::for_part(seed, headers_of as u64 * 2);
    let mut message = Message {
        bytes: Vec::new(),
        flags: flags(&mut random, special_use),
        keywords: keywords(&mut random, special_use),
        internal_date: date(&mut random, headers_of),
    };
    let mut body_random = Random::for_part(seed ^ 0x00b0_d1e5, body_of as u64);
    let size = size(&mut body_random, sizes);
    message.bytes.reserve(size + 2_000);
    headers(&mut message, &mut random, seed, headers_of);
    body(&mut message.bytes, &mut body_random, size, body_of);
    message
}

fn size(random: &mut Random, sizes: Sizes) -> usize {
    match sizes {
        Sizes::LogNormal { median, mean, max } => {
            // A float beyond usize becomes usize::MAX, and a negative one 0: both are then bounded.
            (random.log_normal(median, mean) as usize).clamp(700, max)
        }
        Sizes::Uniform { min, max } => min + random.below(max - min + 1),
    }
}

fn flags(random: &mut Random, special_use: Option<&'static str>) -> Vec<&'static str> {
    let mut flags = Vec::new();
    for (flag, percent) in [
        ("\\Answered", 15),
        ("\\Deleted", 1),
        ("\\Draft", if special_use == Some("\\Drafts") { 95 } else { 0 }),
        ("\\Flagged", 5),
        ("\\Seen", 70),
    ] {
        if random.percent(percent) {
            flags.push(flag);
        }
    }
    flags
}

fn keywords(random: &mut Random, special_use: Option<&'static str>) -> Vec<String> {
    let junk = special_use == Some("\\Junk");
    let mut keywords = Vec::new();
    for (keyword, percent) in [
        ("$Forwarded", 5),
        ("$Junk", if junk { 90 } else { 0 }),
        ("$MDNSent", 2),
        ("NonJunk", if junk { 0 } else { 30 }),
    ] {
        if random.percent(percent) {
            keywords.push(keyword.to_owned());
        }
    }
    if random.percent(8) {
        keywords.push(random.choose(&CUSTOM_KEYWORDS).to_owned());
    }
    keywords.sort();
    keywords
}

/// Mail mostly comes in order, some minutes apart from 2001 on; moved mail does not.
fn date(random: &mut Random, position: usize) -> InternalDate {
    const START: i64 = 1_000_000_000;
    const YEARS: usize = 24 * 365 * 86_400;
    let seconds =
        if random.percent(10) { random.below(YEARS) } else { (position * 2_700 + random.below(2_700)) % YEARS };
    InternalDate { seconds: START + i64::try_from(seconds).unwrap_or(0), offset_minutes: random.choose(&OFFSETS) }
}

fn headers(message: &mut Message, random: &mut Random, seed: u64, number: usize) {
    let (from_name, from) = random.choose(&PEOPLE);
    let (to_name, to) = random.choose(&PEOPLE);
    let subject = random.choose(&SUBJECTS);
    let id = random.next_u64();
    let date = message.internal_date;
    let mut text = String::with_capacity(1_200);
    for hop in 0..1 + random.below(3) {
        text.push_str(&format!(
            "Received: from relay{hop}.example (relay{hop}.example [192.0.2.{}])\r\n\tby mx.example with ESMTPS id {:016x}\r\n\tfor <{to}>; {date}\r\n",
            1 + hop,
            random.next_u64(),
        ));
    }
    text.push_str(&format!(
        "From: {from_name} <{from}>\r\nTo: {to_name} <{to}>\r\nSubject: {subject}\r\nDate: {date}\r\n"
    ));
    if !random.percent(2) {
        text.push_str(&format!("Message-ID: <{seed}.{number}.{id:x}@mx.example>\r\n"));
    }
    if random.percent(40) {
        text.push_str(&format!(
            "In-Reply-To: <{:x}@mx.example>\r\nReferences: <{:x}@mx.example>\r\n <{:x}@mx.example>\r\n",
            random.next_u64(),
            random.next_u64(),
            random.next_u64(),
        ));
    }
    text.push_str("MIME-Version: 1.0\r\n");
    message.bytes.extend_from_slice(text.as_bytes());
}

/// Plain text up to 12 kB, beyond that a text with an attachment.
fn body(bytes: &mut Vec<u8>, random: &mut Random, size: usize, number: usize) {
    let blocks = &*BLOCKS;
    if size <= 12_000 {
        bytes.extend_from_slice(
            format!("Content-Type: text/plain; charset=utf-8\r\n\r\nNumber {number}, {:016x}.\r\n", random.next_u64())
                .as_bytes(),
        );
        fill_text(bytes, random, size, &blocks.text);
        return;
    }
    let boundary = format!("=_{:016x}", random.next_u64());
    bytes.extend_from_slice(
        format!(
            "Content-Type: multipart/mixed; boundary=\"{boundary}\"\r\n\r\nThis is MIME.\r\n--{boundary}\r\nContent-Type: text/plain\r\n\r\nNumber {number}.\r\n\r\n--{boundary}\r\nContent-Type: application/pdf; name=\"Bericht {number}.pdf\"\r\nContent-Disposition: attachment\r\nContent-Transfer-Encoding: base64\r\n\r\n"
        )
        .as_bytes(),
    );
    while bytes.len() < size {
        let lines = blocks.base64.len() / BASE64_LINE;
        let first = random.below(lines);
        let wanted = (size - bytes.len()).div_ceil(BASE64_LINE).min(lines - first);
        let range = first * BASE64_LINE..(first + wanted) * BASE64_LINE;
        bytes.extend_from_slice(&blocks.base64[range]);
    }
    bytes.extend_from_slice(format!("--{boundary}--\r\n").as_bytes());
}

/// Appends whole lines until the message has about its size.
fn fill_text(bytes: &mut Vec<u8>, random: &mut Random, size: usize, text: &[u8]) {
    let wanted = size.saturating_sub(bytes.len());
    let start = random.below(text.len() - wanted.min(text.len() - 1));
    let tail = &text[start..];
    let line_start = tail.iter().position(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    let piece = &tail[line_start..];
    let piece = &piece[..wanted.min(piece.len())];
    let end = piece.iter().rposition(|byte| *byte == b'\n').map_or(0, |end| end + 1);
    bytes.extend_from_slice(&piece[..end]);
}
