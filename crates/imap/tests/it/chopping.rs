//! However the bytes arrive, the events are the same; and the quick reader reads what the careful one reads.

use limosa_imap::{Decoder, Event, Limits, ProtocolError};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::hostile::all_lines;
use crate::say::{drain, take_all};

type Outcome = (Vec<Event>, Option<ProtocolError>);

/// Small, so that limits are met too.
const LIMITS: Limits = Limits { line: 4_000, literal: 600 };

/// Feeds the stream with cuts at the given places.
fn chopped(mut decoder: Decoder, bytes: &[u8], cuts: &[Index]) -> Outcome {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.extend([0, bytes.len()]);
    places.sort_unstable();
    let mut events = Vec::new();
    for pair in places.windows(2) {
        decoder.buffer().extend_from_slice(&bytes[pair[0]..pair[1]]);
        if let Err(error) = take_all(&mut decoder, &mut events) {
            return (events, Some(error));
        }
    }
    (events, None)
}

fn whole(decoder: Decoder, bytes: &[u8]) -> Outcome {
    chopped(decoder, bytes, &[])
}

fn number() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => (0u64..100_000).prop_map(|number| number.to_string()),
        1 => any::<u64>().prop_map(|number| number.to_string()),
        1 => select(vec!["", "0", "-1", "007", "4294967296", "99999999999999999999", "NIL", "x", "(1)"]).prop_map(str::to_owned),
    ]
}

fn flag() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => select(vec!["\\Seen", "\\Answered", "\\Flagged", "\\Deleted", "\\Draft", "\\Recent", "\\SEEN"]).prop_map(str::to_owned),
        2 => "[a-zA-Z$][a-zA-Z0-9_.-]{0,8}",
        1 => select(vec!["", "a]b", "\"a b\"", "(x)", "{1}", "NIL", "\\*", "ä", "~", "{1}\r\nx"]).prop_map(str::to_owned),
    ]
}

fn date() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => (0i64..4_000_000_000, -700i16..700).prop_map(|(seconds, offset_minutes)| {
            format!("\"{}\"", limosa_imap::InternalDate { seconds, offset_minutes })
        }),
        1 => select(vec!["NIL", "\"\"", "\" 1-Jul-2024 02:44:25 +0200\"", "\"1-Jul-2024 02:44:25 +0200\"", "\"00-Jan-0000 00:00:00 +0000\"", "\"01-Jul-2024 02:44:25\\\"+0200\""])
            .prop_map(str::to_owned),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![vec(any::<u8>(), 0..300), vec(select(b"\r\n){}0123 *\"".to_vec()), 0..40)]
}

fn literal(content: &[u8], lie: i64, mark: &str) -> Vec<u8> {
    let size = (content.len() as i64 + lie).max(0);
    [format!("{mark}\r\n").replace('n', &size.to_string()).as_bytes(), content].concat()
}

/// One FETCH item with its value.
fn item() -> impl Strategy<Value = Vec<u8>> {
    let named = |names: Vec<&'static str>, value: BoxedStrategy<Vec<u8>>| {
        (select(names), select(vec![" ", " ", " ", "  ", ""]), value)
            .prop_map(|(name, space, value)| [name.as_bytes(), space.as_bytes(), &value].concat())
    };
    let bytes = |strategy: BoxedStrategy<String>| strategy.prop_map(String::into_bytes).boxed();
    let flags =
        (vec(flag(), 0..5), select(vec![" ", "  "])).prop_map(|(flags, space)| format!("({})", flags.join(space)));
    let literals = (body(), select(vec![0i64, 0, 0, 0, 0, 0, 0, -1, 3]), select(vec!["{n}", "{n+}", "~{n}"]))
        .prop_map(|(content, lie, mark)| literal(&content, lie, mark))
        .boxed();
    prop_oneof![
        4 => named(vec!["UID", "uid", "Uid"], bytes(number().boxed())),
        4 => named(vec!["FLAGS", "flags"], bytes(flags.boxed())),
        3 => named(vec!["INTERNALDATE"], bytes(date().boxed())),
        3 => named(vec!["RFC822.SIZE", "rfc822.size"], bytes(number().boxed())),
        3 => named(vec!["MODSEQ"], bytes(number().prop_map(|number| format!("({number})")).boxed())),
        3 => named(vec!["BODY[]", "body[]", "BODY[]<7>", "BINARY[]", "RFC822"], literals.clone()),
        1 => named(vec!["BODY[]", "BODY[HEADER]"], bytes(select(vec!["NIL", "\"a\\\"b\"", "\"\"", "x"]).prop_map(str::to_owned).boxed())),
        1 => named(vec!["BODY[HEADER]", "BODY[HEADER.FIELDS (A \"]\")]", "X-A", "BODY[2]"], literals),
        1 => named(vec!["X-B", "EMAILID", "BODYSTRUCTURE"], bytes(select(vec!["(a (b \"c)\") NIL)", "NIL", "(M1)", "\"open", "("]).prop_map(str::to_owned).boxed())),
    ]
}

fn fetch_line() -> impl Strategy<Value = Vec<u8>> {
    let frame = select(vec![
        ("* 1 FETCH (", ")\r\n"),
        ("* 1 FETCH (", ")\r\n"),
        ("* 77 fetch (", ")\r\n"),
        ("* 1 FETCH  ( ", " ) \r\n"),
        ("* 1 FETCH (", ")\n"),
        ("* 1 FETCH (", "\r\n"),
    ]);
    (frame, vec(item(), 0..6))
        .prop_map(|((start, end), items)| [start.as_bytes(), &items.join(&b' '), end.as_bytes()].concat())
}

fn stream() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&[u8]> = all_lines().collect();
    let line = prop_oneof![4 => fetch_line(), 2 => select(known).prop_map(<[u8]>::to_vec)];
    vec(line, 1..8).prop_map(|lines| lines.concat())
}

/// A stream with a few bytes changed, removed or doubled.
fn damaged() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![any::<u8>(), select(b" ()[]{}~\"\\\r\n*+0".to_vec())];
    (stream(), vec((any::<Index>(), byte, 0u8..3), 1..6)).prop_map(|(mut bytes, changes)| {
        for (place, byte, kind) in changes {
            let place = place.index(bytes.len().max(1));
            match kind {
                _ if bytes.is_empty() => bytes.push(byte),
                0 => bytes[place] = byte,
                1 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]

    #[test]
    fn any_chopping_gives_the_same_events(bytes in prop_oneof![stream(), damaged()], cuts in vec(any::<Index>(), 0..30)) {
        let expected = whole(Decoder::new(LIMITS), &bytes);
        prop_assert_eq!(&chopped(Decoder::new(LIMITS), &bytes, &cuts), &expected);
    }

    #[test]
    fn the_quick_reader_agrees_with_the_careful_one(bytes in prop_oneof![stream(), damaged()]) {
        let quick = whole(Decoder::new(LIMITS), &bytes);
        let careful = whole(Decoder::without_fast_path(LIMITS), &bytes);
        prop_assert_eq!(quick, careful);
    }

    #[test]
    fn any_bytes_at_all_are_survived(bytes in vec(any::<u8>(), 0..600), cuts in vec(any::<Index>(), 0..10)) {
        let expected = whole(Decoder::new(LIMITS), &bytes);
        prop_assert_eq!(chopped(Decoder::new(LIMITS), &bytes, &cuts), expected);
    }

    #[test]
    fn honest_bodies_arrive_byte_for_byte(bodies in vec(body(), 1..6), cuts in vec(any::<Index>(), 0..30)) {
        let mut bytes = Vec::new();
        for (index, body) in bodies.iter().enumerate() {
            bytes.extend_from_slice(format!("* {index} FETCH (UID {} BODY[] {{{}}}\r\n", index + 1, body.len()).as_bytes());
            bytes.extend_from_slice(body);
            bytes.extend_from_slice(b" FLAGS (\\Seen))\r\n");
        }
        let (events, error) = chopped(Decoder::new(LIMITS), &bytes, &cuts);
        prop_assert_eq!(error, None);
        let mut arrived: Vec<Vec<u8>> = Vec::new();
        let mut ended = 0;
        for event in events {
            match event {
                Event::BodyStart { .. } => arrived.push(Vec::new()),
                Event::BodyChunk(chunk) => arrived.last_mut().expect("a body was begun").extend_from_slice(&chunk),
                Event::BodyEnd { fetch } => {
                    ended += 1;
                    prop_assert_eq!(fetch.uid, Some(ended));
                    prop_assert!(fetch.flags.is_some());
                }
                Event::Response(response) => prop_assert!(false, "{:?}", response),
            }
        }
        prop_assert_eq!(arrived, bodies);
    }
}

#[test]
fn every_line_byte_by_byte() {
    for line in all_lines() {
        let at_once = drain(&mut Decoder::new(Limits::default()), line, usize::MAX);
        let by_byte = drain(&mut Decoder::new(Limits::default()), line, 1);
        assert_eq!(at_once, by_byte, "{}", line.escape_ascii());
        let careful = drain(&mut Decoder::without_fast_path(Limits::default()), line, 3);
        assert_eq!(at_once, careful, "{}", line.escape_ascii());
    }
}
