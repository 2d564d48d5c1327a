//! What the decoder keeps, how much of it, and what becomes of it after an error.

use bytes::Bytes;
use limosa_imap::{Decoder, Event, Limits, ProtocolError, Response, Untagged, Value};

use crate::say::{drain, events};

fn fetch_of(events: &[Event]) -> &limosa_imap::Fetch {
    match events {
        [Event::Response(Response::Untagged(Untagged::Fetch(fetch)))] => fetch,
        other => panic!("{other:?}"),
    }
}

#[test]
fn body_chunks_are_slices_of_the_read_buffer() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.buffer().extend_from_slice(b"* 1 FETCH (BODY[] {9}\r\nsome body)\r\n");
    let before = decoder.buffer().as_ptr() as usize;
    assert!(matches!(decoder.next(), Ok(Some(Event::BodyStart { .. }))));
    let Ok(Some(Event::BodyChunk(chunk))) = decoder.next() else { panic!() };
    assert_eq!(&chunk[..], b"some body");
    assert_eq!(chunk.as_ptr() as usize - before, 23);
}

#[test]
fn headers_are_slices_of_the_read_buffer() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.buffer().extend_from_slice(b"* 1 FETCH (BODY[HEADER] {6}\r\nA: b\r\n)\r\n");
    let before = decoder.buffer().as_ptr() as usize;
    let Ok(Some(Event::Response(Response::Untagged(Untagged::Fetch(fetch))))) = decoder.next() else { panic!() };
    let header = fetch.header.expect("a header was sent");
    assert_eq!(header.as_ptr() as usize - before, 29);
}

#[test]
fn a_body_of_any_size_needs_little_memory() {
    const SIZE: usize = 64 << 20;
    let mut decoder = Decoder::new(Limits { line: 1_000, literal: 1_000 });
    decoder.buffer().extend_from_slice(format!("* 1 FETCH (UID 9 BODY[] {{{SIZE}}}\r\n").as_bytes());
    let mut largest = 0;
    let mut fed = 0;
    let mut received = 0;
    let piece = [b'x'; 50_000];
    while received < SIZE {
        match decoder.next().expect("an honest body") {
            Some(Event::BodyChunk(chunk)) => received += chunk.len(),
            Some(event) => assert!(matches!(event, Event::BodyStart { size, .. } if size == SIZE as u64)),
            None => {
                let length = piece.len().min(SIZE - fed);
                let buffer = decoder.buffer();
                buffer.extend_from_slice(&piece[..length]);
                largest = largest.max(buffer.capacity());
                fed += length;
            }
        }
    }
    assert!(largest <= 1 << 20, "{largest} bytes of buffer");
    assert!(decoder.in_body());
    assert_eq!(decoder.next(), Ok(None));
    decoder.buffer().extend_from_slice(b")\r\n");
    assert!(matches!(decoder.next(), Ok(Some(Event::BodyEnd { fetch })) if fetch.uid == Some(9)));
    assert!(!decoder.in_body() && decoder.is_idle());
}

#[test]
fn there_is_always_room_to_read_into() {
    let mut decoder = Decoder::new(Limits::default());
    let mut kept: Vec<Bytes> = Vec::new();
    decoder.buffer().extend_from_slice(b"* 1 FETCH (BODY[] {10000000}\r\n");
    for _ in 0..100 {
        while let Some(event) = decoder.next().expect("an honest body") {
            if let Event::BodyChunk(chunk) = event {
                kept.push(chunk);
            }
        }
        let buffer = decoder.buffer();
        assert!(buffer.capacity() - buffer.len() >= 64 << 10);
        buffer.extend_from_slice(&[0; 70_000]);
    }
}

#[test]
fn limits_hold_for_text_and_for_literals() {
    let limits = Limits { line: 100, literal: 50 };
    let feed = |bytes: &[u8], piece| drain(&mut Decoder::new(limits), bytes, piece);
    let long_line = [&b"* OK "[..], &[b'x'; 200], b"\r\n"].concat();
    for piece in [1, 30, usize::MAX] {
        assert_eq!(feed(&long_line, piece), Err(ProtocolError::LineTooLong { limit: 100 }), "{piece}");
        let endless = &long_line[..180];
        assert_eq!(feed(endless, piece), Err(ProtocolError::LineTooLong { limit: 100 }), "{piece}");
        let literal = b"* LIST () \"/\" {51}\r\n";
        assert_eq!(feed(literal, piece), Err(ProtocolError::LiteralTooLong { size: 51, limit: 50 }), "{piece}");
        let absurd = b"* 1 FETCH (BODY[] {99999999999999999999999}\r\n";
        assert_eq!(feed(absurd, piece), Err(ProtocolError::LiteralTooLong { size: u64::MAX, limit: 50 }), "{piece}");
        // Several literals share the limit; text between them does not count for it, nor they for the text's.
        let two = b"* X {30}\r\n123456789012345678901234567890 {20}\r\n12345678901234567890 y\r\n";
        assert_eq!(feed(two, piece).map(|events| events.len()), Ok(1), "{piece}");
        let three = b"* X {30}\r\n123456789012345678901234567890 {20}\r\n12345678901234567890 {1}\r\n";
        assert_eq!(feed(three, piece), Err(ProtocolError::LiteralTooLong { size: 1, limit: 50 }), "{piece}");
        // A body is under neither.
        let body = [&b"* 1 FETCH (BODY[] {500}\r\n"[..], &[b'x'; 500], b")\r\n"].concat();
        assert_eq!(feed(&body, piece).map(|events| events.len()), Ok(3), "{piece}");
    }
}

#[test]
fn after_an_error_there_is_only_the_error() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.buffer().extend_from_slice(b"* 1 FETCH (BODY[] {1}\r\nxyz)\r\n* OK fine\r\n");
    let error = ProtocolError::BodyNotClosed { sequence: 1, size: 1 };
    let mut result = decoder.next();
    while matches!(result, Ok(Some(_))) {
        result = decoder.next();
    }
    assert_eq!(result, Err(error.clone()));
    decoder.buffer().extend_from_slice(b"* OK again\r\n");
    assert_eq!(decoder.next(), Err(error));
}

#[test]
fn what_follows_the_last_event_can_be_taken_out() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.buffer().extend_from_slice(b"L4 OK deflate\r\n\x01\x02\n\x03");
    assert!(matches!(decoder.next(), Ok(Some(Event::Response(Response::Tagged { .. })))));
    assert!(!decoder.is_idle());
    // Even after a look at what seemed to be the start of a line.
    let mut hasty = Decoder::new(Limits::default());
    hasty.buffer().extend_from_slice(b"\x01\x02\x03");
    assert_eq!(hasty.next(), Ok(None));
    assert_eq!(&hasty.take_unread()[..], b"\x01\x02\x03");
    hasty.buffer().extend_from_slice(b"+\r\n");
    assert!(matches!(hasty.next(), Ok(Some(Event::Response(Response::Continue { .. })))));

    let rest = decoder.take_unread();
    assert_eq!(&rest[..], b"\x01\x02\n\x03");
    decoder.buffer().extend_from_slice(b"* OK inflated\r\n");
    assert!(matches!(decoder.next(), Ok(Some(Event::Response(Response::Untagged(_))))));
    assert!(decoder.is_idle());
}

#[test]
fn nothing_of_the_mail_is_printed() {
    let mut decoder = Decoder::new(Limits::default());
    decoder.buffer().extend_from_slice(b"* 1 FETCH (BODY[] {20}\r\nconfidential");
    assert!(matches!(decoder.next(), Ok(Some(Event::BodyStart { .. }))));
    let printed = format!("{decoder:?}");
    assert!(printed.contains("unread: 12") && !printed.contains("confidential"), "{printed}");
}

#[test]
fn deep_lists_are_read_and_deeper_ones_cost_their_item() {
    let nested = |depth: usize| {
        let line = format!("* 1 FETCH (UID 5 X-A {}{} FLAGS (\\Seen))\r\n", "(".repeat(depth), ")".repeat(depth));
        events(line.as_bytes()).expect("odd, but readable")
    };
    let fine = nested(60);
    assert_eq!(fetch_of(&fine).unknown.len(), 1);
    for depth in [65, 1_000, 1_000_000] {
        let deep = nested(depth);
        let fetch = fetch_of(&deep);
        assert_eq!((fetch.uid, fetch.unknown.len(), fetch.bad_items.len()), (Some(5), 0, 1), "{depth}");
        assert!(fetch.flags.is_some(), "{depth}");
    }
    // Without any closing parenthesis, and outside of FETCH.
    for line in
        ["* 1 FETCH (UID 5 X-A ", "* ID ", "* LIST ", "* X ", "* OK [X ", "* STATUS a ", "* ESEARCH ", "* QUOTA "]
    {
        events(format!("{line}{}\r\n", "(".repeat(100_000)).as_bytes()).expect("odd, but readable");
    }
}

#[test]
fn a_line_of_very_many_values_does_not_grow_without_bound() {
    let line = format!("* 1 FETCH (UID 5 X-A ({}) FLAGS (\\Seen))\r\n", "a ".repeat(1_000_000));
    let read = events(line.as_bytes()).expect("odd, but readable");
    let fetch = fetch_of(&read);
    assert_eq!((fetch.uid, fetch.unknown.len()), (Some(5), 0));
    assert!(fetch.flags.is_some());
    let line = format!("* X {}\r\n", "a ".repeat(1_000_000));
    let read = events(line.as_bytes()).expect("odd, but readable");
    let [Event::Response(Response::Untagged(Untagged::Unknown { values, .. }))] = &read[..] else { panic!() };
    assert!(values.len() <= 200_001);
    assert!(matches!(values.last(), Some(Value::Atom(rest)) if rest.len() > 1_000_000));
}

#[test]
fn very_many_literals_in_one_response_are_read_in_linear_time() {
    // Each of these looks like a body's announcement; only a few are looked at.
    let line = format!("* 1 FETCH (X-A ({}) UID 5)\r\n", "BODY[] {0}\r\n ".repeat(100_000));
    let read = events(line.as_bytes()).expect("odd, but readable");
    assert_eq!(fetch_of(&read).uid, Some(5));
}

#[test]
fn very_many_opening_brackets_are_read_in_linear_time() {
    for piece in ["a[ ", "BODY[ ", "a[\" ", "a (", "a \"", "{1 ", "UID "] {
        let line = format!("* 1 FETCH (UID 5 {})\r\n", piece.repeat(2_000_000 / piece.len()));
        let read = events(line.as_bytes()).expect("odd, but readable");
        assert_eq!(fetch_of(&read).uid, Some(5), "{piece}");
    }
}

#[test]
fn very_many_ids_are_read() {
    let mut line = b"* SEARCH".to_vec();
    for id in 1..=1_000_000u32 {
        line.extend_from_slice(format!(" {id}").as_bytes());
    }
    line.extend_from_slice(b"\r\n");
    let read = drain(&mut Decoder::new(Limits::default()), &line, 60_000).expect("one line");
    let [Event::Response(Response::Untagged(Untagged::Search { ids, .. }))] = &read[..] else { panic!() };
    assert_eq!((ids.len(), ids[999_999]), (1_000_000, 1_000_000));
}

#[test]
fn kept_flags_keep_no_read_buffer_alive() {
    let mut decoder = Decoder::new(Limits::default());
    let mut names = Vec::new();
    for sequence in 1..1_000 {
        let line = format!("* {sequence} FETCH (FLAGS (\\Seen MyKeyword k{}))\r\n", sequence % 200);
        decoder.buffer().extend_from_slice(line.as_bytes());
        let area = decoder.buffer().as_ptr_range();
        let Ok(Some(Event::Response(Response::Untagged(Untagged::Fetch(fetch))))) = decoder.next() else { panic!() };
        for keyword in fetch.flags.expect("flags were sent").keywords() {
            assert!(!area.contains(&keyword.as_ptr()));
            names.push(keyword.clone());
        }
    }
    // The same keyword is the same memory.
    assert_eq!(names[0].as_ptr(), names[2].as_ptr());
}
