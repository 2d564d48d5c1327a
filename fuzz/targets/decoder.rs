//! Is every byte stream survived, read alike in any pieces, and alike by both readers?
#![no_main]

use libfuzzer_sys::fuzz_target;
use limosa_imap::{Decoder, Event, Limits, ProtocolError};

/// Small, so that the limits are met within an input's size.
const LIMITS: Limits = Limits { line: 2_000, literal: 500 };

type Outcome = (Vec<Event>, Option<ProtocolError>);

/// Feeds `stream` in pieces whose lengths `cuts` gives, over and over; all at once if there are none.
fn read(mut decoder: Decoder, stream: &[u8], cuts: &[u8]) -> Outcome {
    let mut events = Vec::new();
    let mut rest = stream;
    let mut lengths = cuts.iter().cycle().map(|&cut| usize::from(cut) % 40 + 1);
    while !rest.is_empty() {
        let length = lengths.next().unwrap_or(rest.len()).min(rest.len());
        let (piece, after) = rest.split_at(length);
        rest = after;
        decoder.buffer().extend_from_slice(piece);
        loop {
            match decoder.next() {
                Ok(None) => break,
                Ok(Some(event)) => push(&mut events, event),
                Err(error) => {
                    assert_eq!(decoder.next(), Err(error.clone()), "an error is forgotten");
                    return (events, Some(error));
                }
            }
        }
    }
    (events, None)
}

/// Joins neighbouring chunks of one body and checks that the events of a body are in order.
fn push(events: &mut Vec<Event>, event: Event) {
    match (&event, events.last_mut()) {
        (Event::BodyChunk(chunk), Some(Event::BodyChunk(joined))) => {
            assert!(!chunk.is_empty());
            *joined = [&joined[..], chunk].concat().into();
            return;
        }
        (Event::BodyChunk(_), Some(Event::BodyStart { size, .. })) => assert!(*size > 0),
        (Event::BodyEnd { .. }, Some(Event::BodyChunk(_))) => {}
        (Event::BodyEnd { .. }, Some(Event::BodyStart { size, .. })) => assert_eq!(*size, 0),
        (Event::Response(_) | Event::BodyStart { .. }, None | Some(Event::Response(_) | Event::BodyEnd { .. })) => {}
        (event, last) => panic!("{event:?} after {last:?}"),
    }
    events.push(event);
}

fn check_sizes(events: &[Event]) {
    for window in events.windows(3) {
        if let [Event::BodyStart { size, fetch }, Event::BodyChunk(body), Event::BodyEnd { fetch: all }] = window {
            assert_eq!(*size, body.len() as u64);
            assert_eq!(fetch.sequence, all.sequence);
        }
    }
}

fuzz_target!(|input: &[u8]| {
    let Some((&count, rest)) = input.split_first() else {
        return;
    };
    let (cuts, stream) = rest.split_at(usize::from(count % 16).min(rest.len()));
    let whole = read(Decoder::new(LIMITS), stream, &[]);
    check_sizes(&whole.0);
    assert_eq!(read(Decoder::new(LIMITS), stream, cuts), whole, "chopped differently");
    assert_eq!(read(Decoder::without_fast_path(LIMITS), stream, cuts), whole, "the two readers differ");
});
