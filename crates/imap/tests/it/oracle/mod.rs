//! What two other parsers accept, we accept, and read the same values.
//!
//! Each side's reading becomes a list of facts (`uid` = `7`); every fact of the other parser must be
//! among ours. They are asked about the hostile lines, about plain ones, and about random responses
//! that imap-codec writes.

mod codec;
mod ours;
mod proto;

use std::collections::BTreeMap;
use std::panic::catch_unwind;

use arbitrary::{Arbitrary, Unstructured};
use imap_codec::ResponseCodec;
use imap_codec::decode::Decoder as _;
use imap_codec::encode::Encoder as _;
use imap_codec::imap_types::response::Response as CodecResponse;

use crate::hostile::all_lines;
use crate::say::events;

type Facts = BTreeMap<&'static str, String>;

/// Lines of which an oracle makes something that is not there.
const THEIR_MISTAKES: &[&[u8]] = &[
    // imap-proto goes on with items inside a quote that is never closed.
    b"* 1 FETCH (UID 2 X-A \"oops UID 3)\r\n",
];

/// Ordinary lines, so that the oracles surely have something to say about each kind.
const PLAIN: &[&[u8]] = &[
    b"* OK [CAPABILITY IMAP4rev1 STARTTLS AUTH=PLAIN] ready\r\n",
    b"* PREAUTH welcome\r\n",
    b"* BYE [ALERT] going down\r\n",
    b"* CAPABILITY IMAP4rev1 IDLE LITERAL+ AUTH=SCRAM-SHA-256 QRESYNC\r\n",
    b"* LIST (\\HasChildren \\Noselect) \"/\" \"Projects\"\r\n",
    b"* LIST (\\Marked \\NoInferiors) \".\" INBOX\r\n",
    b"* LIST () NIL {7}\r\nso what\r\n",
    b"* LSUB () \".\" INBOX.Drafts\r\n",
    b"* STATUS Drafts (MESSAGES 12 UIDNEXT 400 UIDVALIDITY 17 UNSEEN 0 RECENT 1)\r\n",
    b"* STATUS \"a b\" (MESSAGES 12 HIGHESTMODSEQ 71505)\r\n",
    b"* STATUS x (SIZE 8589934592)\r\n",
    b"* FLAGS (\\Answered \\Flagged \\Deleted \\Seen \\Draft $Forwarded NonJunk)\r\n",
    b"* OK [PERMANENTFLAGS (\\Answered \\Seen $Forwarded \\*)] limited\r\n",
    b"* OK [UIDVALIDITY 3857529045] valid\r\n",
    b"* OK [UIDNEXT 4392] predicted\r\n",
    b"* OK [UNSEEN 12] first\r\n",
    b"* OK [HIGHESTMODSEQ 715194045007] highest\r\n",
    b"* OK [NOMODSEQ] none kept\r\n",
    b"* 172 EXISTS\r\n",
    b"* 1 RECENT\r\n",
    b"* 44 EXPUNGE\r\n",
    b"* SEARCH 2 84 882\r\n",
    b"* SEARCH\r\n",
    b"* 12 FETCH (FLAGS (\\Seen $Junk) UID 4827313 RFC822.SIZE 44827 INTERNALDATE \"17-Jul-1996 02:44:25 -0700\")\r\n",
    b"* 12 FETCH (UID 7 MODSEQ (12121231000))\r\n",
    b"* 12 FETCH (UID 7 BODY[] {12}\r\nA: b\r\n\r\nbody)\r\n",
    b"* 12 FETCH (BODY[]<0> {4}\r\nA: b UID 7)\r\n",
    b"* 12 FETCH (RFC822 \"A: b\" UID 7)\r\n",
    b"* 12 FETCH (BODY[HEADER.FIELDS (DATE FROM)] {4}\r\n\r\n\r\n UID 7)\r\n",
    b"* 12 FETCH (BODY[HEADER] NIL UID 7)\r\n",
    b"* 12 FETCH (RFC822.HEADER {2}\r\n\r\n FLAGS ())\r\n",
    b"* 12 FETCH (BODY[] NIL UID 7)\r\n",
    b"* 12 FETCH (ENVELOPE (\"Wed, 17 Jul 1996 02:23:25 -0700\" \"s\" NIL NIL NIL NIL NIL NIL NIL \"<x@y>\") UID 9)\r\n",
    b"* 12 FETCH (UID 9 BODYSTRUCTURE (\"TEXT\" \"PLAIN\" (\"CHARSET\" \"US-ASCII\") NIL NIL \"7BIT\" 3028 92 NIL NIL NIL NIL))\r\n",
    b"* VANISHED (EARLIER) 41,43:116,118\r\n",
    b"* VANISHED 405,407\r\n",
    b"* ENABLED CONDSTORE QRESYNC\r\n",
    b"* ID (\"name\" \"Cyrus\" \"version\" \"1.5\")\r\n",
    b"* NAMESPACE ((\"\" \"/\")) NIL ((\"#public/\" \"/\"))\r\n",
    b"* QUOTA \"user.x\" (STORAGE 10 512)\r\n",
    b"* QUOTAROOT INBOX \"user.x\"\r\n",
    b"L7 OK [READ-ONLY] done\r\n",
    b"L7 NO [TRYCREATE] no such folder\r\n",
    b"L7 OK [APPENDUID 38505 3955] done\r\n",
    b"L7 OK [COPYUID 38505 304,319:320 3956:3958] done\r\n",
    b"L7 OK [MODIFIED 7,9] conditional\r\n",
    b"L7 BAD what\r\n",
    b"+ ready for more\r\n",
    b"+ dGVzdA==\r\n",
];

/// Names in one order and spelling, since system flags are kept as a set.
fn names<T: AsRef<[u8]>>(all: impl Iterator<Item = T>) -> String {
    let mut all: Vec<String> = all.map(|name| text(name.as_ref()).to_lowercase()).collect();
    all.sort();
    all.join(" ")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn joined<T: ToString>(all: impl Iterator<Item = T>) -> String {
    all.map(|one| one.to_string().to_uppercase()).collect::<Vec<_>>().join(" ")
}

fn folder(name: &[u8]) -> String {
    if name.eq_ignore_ascii_case(b"inbox") { "INBOX".to_owned() } else { text(name) }
}

fn put(facts: &mut Facts, name: &'static str, value: Option<impl ToString>) {
    if let Some(value) = value {
        facts.insert(name, value.to_string());
    }
}

/// The facts of theirs that are not ours.
fn missing(ours: &Facts, theirs: &Facts) -> Vec<String> {
    theirs
        .iter()
        .filter(|(name, value)| ours.get(*name) != Some(value))
        .map(|(name, value)| format!("{name}: theirs {value:?}, ours {:?}", ours.get(name)))
        .collect()
}

#[derive(Default)]
struct Tally {
    asked: usize,
    codec: usize,
    proto: usize,
    wrong: Vec<String>,
}

/// Asks both oracles about the first response in `line`.
fn compare(line: &[u8], tally: &mut Tally) {
    tally.asked += 1;
    let wrong =
        |who: &str, missing: Vec<String>| format!("{who}: {}\n    {}", line.escape_ascii(), missing.join("\n    "));
    if let Ok((rest, response)) = ResponseCodec::new().decode(line) {
        tally.codec += 1;
        let ours = read(&line[..line.len() - rest.len()]);
        let missing = missing(&ours, &codec::facts(&response));
        if !missing.is_empty() {
            tally.wrong.push(wrong("imap-codec", missing));
        }
    }
    // It panics on INTERNALDATE NIL.
    let parsed = catch_unwind(|| {
        imap_proto::Response::parse(line).map(|(rest, response)| (rest.len(), proto::facts(line, &response)))
    });
    if let Ok(Ok((rest, theirs))) = parsed {
        tally.proto += 1;
        let missing = missing(&read(&line[..line.len() - rest]), &theirs);
        if !missing.is_empty() {
            tally.wrong.push(wrong("imap-proto", missing));
        }
    }
}

fn read(line: &[u8]) -> Facts {
    match events(line) {
        Ok(events) => ours::facts(&events),
        Err(error) => Facts::from([("error", error.to_string())]),
    }
}

#[test]
fn written_lines_are_read_as_the_oracles_read_them() {
    let mut tally = Tally::default();
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    for line in all_lines().chain(PLAIN.iter().copied()).filter(|line| !THEIR_MISTAKES.contains(line)) {
        compare(line, &mut tally);
    }
    std::panic::set_hook(quiet);
    assert!(tally.wrong.is_empty(), "{} differences:\n{}", tally.wrong.len(), tally.wrong.join("\n"));
    println!("of {} lines imap-codec accepts {}, imap-proto {}", tally.asked, tally.codec, tally.proto);
    assert!(tally.codec > 60 && tally.proto > 80, "the oracles say too little: {} {}", tally.codec, tally.proto);
}

#[test]
fn random_responses_are_read_as_the_oracles_read_them() {
    let mut tally = Tally::default();
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut seed = vec![0u8; 4096];
    for _ in 0..3_000 {
        for byte in &mut seed {
            // xorshift: any spread of bytes will do, and a failure must come again.
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            *byte = random as u8;
        }
        let Ok(response) = CodecResponse::arbitrary(&mut Unstructured::new(&seed)) else {
            continue;
        };
        compare(&ResponseCodec::new().encode(&response).dump(), &mut tally);
    }
    let shown: Vec<_> = tally.wrong.iter().take(20).cloned().collect();
    assert!(tally.wrong.is_empty(), "{} differences:\n{}", tally.wrong.len(), shown.join("\n"));
    println!("of {} random responses imap-codec accepts {}, imap-proto {}", tally.asked, tally.codec, tally.proto);
    assert!(tally.codec > 1_000, "the oracle says too little: {}", tally.codec);
}

/// The tables above would be worthless if our own reading had no facts.
#[test]
fn our_facts_are_not_empty() {
    for line in PLAIN {
        assert!(!read(line).is_empty(), "{}", line.escape_ascii());
    }
}
