//! Is what is read what was written, how long is it, and what becomes of bytes that are none of ours?

use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::flags::SystemFlags;
use crate::ledger::Entry;

fn seen() -> Flags {
    SystemFlags::SEEN.into()
}

fn uid_entry(source: u32, target: u32, flags: Flags) -> Entry {
    Entry { source: MessageId::Uid(source), target: MessageId::Uid(target), flags }
}

fn read_back(bytes: &[u8]) -> FolderLedger {
    let mut ledger = FolderLedger::new();
    apply(bytes, &mut ledger).expect("these bytes are whole");
    ledger
}

fn entries(ledger: &FolderLedger) -> Vec<Entry> {
    ledger.iter().collect()
}

/// Numbers that look random and are the same every time (splitmix64).
struct Noise(u64);

impl Noise {
    fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % u64::from(bound)) as u32
    }
}

/// A folder as people have them: mail was deleted here and there, most of it was read, some answered, flagged or tagged.
fn ordinary(messages: u32, noise: &mut Noise) -> Vec<Entry> {
    let unusual = [
        Flags::default(),
        SystemFlags::SEEN.union(SystemFlags::ANSWERED).into(),
        SystemFlags::SEEN.union(SystemFlags::FLAGGED).into(),
        Flags::new(SystemFlags::SEEN, ["$Forwarded"]),
        Flags::new(SystemFlags::SEEN, ["NonJunk", "$label1"]),
    ];
    let (mut source, mut target) = (0, 0);
    let entries = (0..messages).map(|_| {
        source += if noise.below(20) == 0 { 2 + noise.below(10) } else { 1 };
        target += if noise.below(200) == 0 { 2 } else { 1 };
        let flags = if noise.below(10) == 0 { unusual[noise.below(5) as usize].clone() } else { seen() };
        uid_entry(source, target, flags)
    });
    entries.collect()
}

fn ledger_of(entries: Vec<Entry>) -> FolderLedger {
    let mut ledger = FolderLedger::new();
    entries.into_iter().for_each(|entry| ledger.insert(entry));
    ledger
}

#[test]
fn an_ordinary_folder_takes_less_than_half_a_byte_a_message() {
    let ledger = ledger_of(ordinary(100_000, &mut Noise(1)));
    let bytes = encode_base(&ledger);
    assert!(bytes.len() < 50_000, "{} bytes", bytes.len());
    assert_eq!(entries(&read_back(&bytes)), entries(&ledger));
}

#[test]
fn an_ordinary_settlement_of_two_thousand_messages_takes_less_than_a_thousand_bytes() {
    let settlement = Settlement { entries: ordinary(2_000, &mut Noise(2)), ..Settlement::default() };
    let bytes = encode_delta(&settlement);
    assert!(bytes.len() < 1_000, "{} bytes", bytes.len());
}

#[test]
fn a_folder_of_which_nothing_is_regular_takes_less_than_eleven_bytes_a_message() {
    let mut noise = Noise(3);
    let mut source = 0;
    let entry = |_| {
        source += 1 + noise.below(40_000);
        uid_entry(source, noise.below(u32::MAX), SystemFlags::from_bits(noise.below(32) as u8).into())
    };
    let ledger = ledger_of((0..100_000).map(entry).collect());
    let bytes = encode_base(&ledger);
    // A byte that says how the run begins, 2 or 3 that say its source, 5 its target, 1 or 2 its flags.
    assert!(bytes.len() < 1_100_000, "{} bytes", bytes.len());
    assert_eq!(entries(&read_back(&bytes)), entries(&ledger));
}

#[test]
fn ids_that_are_long_strings_share_what_they_have_in_common() {
    let entry = |n: u32| {
        let key = |side: &str| MessageId::Key(format!("17356896{n:05}.M{n}P4242.mail.{side}.example").into());
        Entry { source: key("old"), target: key("new"), flags: seen() }
    };
    let ledger = ledger_of((0..10_000).map(entry).collect());
    let bytes = encode_base(&ledger);
    assert!(bytes.len() < 10_000 * 80, "{} bytes", bytes.len());
    assert_eq!(entries(&read_back(&bytes)), entries(&ledger));
}

#[test]
fn the_bytes_of_format_1_are_these() {
    let removed = vec![MessageId::Uid(3), MessageId::Uid(4), MessageId::Key("ab".into()), MessageId::Key("ac".into())];
    let settlement = Settlement {
        removed,
        entries: vec![
            uid_entry(5, 9, seen()),
            uid_entry(6, 10, seen()),
            Entry {
                source: MessageId::Key("é".into()),
                target: MessageId::Uid(2),
                flags: Flags::new(SystemFlags::NONE, ["$x"]),
            },
        ],
        flags: vec![(MessageId::Uid(1), seen())],
        ..Settlement::default()
    };
    #[rustfmt::skip]
    let expected = [
        1, 1,                                       // version, delta
        2, 1, 0, 0, 1, 2, b'$', b'x',               // two flag sets: \Seen; $x
        1, 3, 1, 2, 0, 2, b'a', b'b', 1, 1, b'c',   // removed: UIDs 3 to 4; "ab", "a" + "c"
        1, 4 + 3, 4, 17,                            // one run of 2: skips 5, jumps by 9
        1, 1, 2, 0xC3, 0xA9, 0, 4,                  // another: "é", UID 2
        2, 1,                                       // flags: two of set 0, one of set 1
        1, 1, 0, 0,                                 // changed: UID 1
        0,                                          // its flags: one of set 0
    ];
    let bytes = encode_delta(&settlement);
    assert_eq!(bytes[..bytes.len() - CHECKSUM], expected);
    assert_eq!(bytes[bytes.len() - CHECKSUM..], blake3::hash(&expected).as_bytes()[..CHECKSUM]);
}

#[test]
fn of_two_changes_to_one_message_the_later_counts() {
    let settlement = Settlement {
        removed: vec![MessageId::Uid(1), MessageId::Uid(1)],
        entries: vec![uid_entry(1, 5, seen()), uid_entry(1, 6, Flags::default())],
        flags: vec![(MessageId::Uid(1), SystemFlags::DRAFT.into()), (MessageId::Uid(1), SystemFlags::FLAGGED.into())],
        ..Settlement::default()
    };
    let expected = vec![uid_entry(1, 6, SystemFlags::FLAGGED.into())];
    assert_eq!(entries(&read_back(&encode_delta(&settlement))), expected);
}

#[test]
fn a_keyword_that_looks_like_a_system_flag_stays_a_keyword() {
    let ledger = ledger_of(vec![uid_entry(1, 1, Flags::new(SystemFlags::NONE, ["\\Seen", "Größe"]))]);
    assert_eq!(entries(&read_back(&encode_base(&ledger))), entries(&ledger));
}

#[test]
fn every_byte_counts() {
    let mut before = ledger_of(vec![uid_entry(7, 7, seen())]);
    let good = encode_base(&ledger_of(ordinary(300, &mut Noise(4))));
    for at in 0..good.len() {
        let mut damaged = good.clone();
        damaged[at] ^= 1 << (at % 8);
        let error = apply(&damaged, &mut before).expect_err("these bytes are damaged");
        assert_eq!(error, CodecError::Checksum { bytes: good.len() });
        assert!(apply(&good[..at], &mut before).is_err(), "cut at {at}");
    }
    assert_eq!(entries(&before), [uid_entry(7, 7, seen())], "a damaged segment changes nothing");
}

#[test]
fn a_newer_format_is_told_from_damage() {
    let newer = sealed(vec![VERSION + 1, 42, 42]);
    assert_eq!(apply(&newer, &mut FolderLedger::new()), Err(CodecError::Newer { found: VERSION + 1 }));
}

fn sealed(mut content: Vec<u8>) -> Vec<u8> {
    let hash = blake3::hash(&content);
    content.extend_from_slice(&hash.as_bytes()[..CHECKSUM]);
    content
}

#[test]
fn lengths_that_cannot_be_are_refused_by_name() {
    let huge = [0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x01];
    let check = |content: &[&[u8]], expected: &str| {
        let error = apply(&sealed(content.concat()), &mut FolderLedger::new()).expect_err("these bytes are damaged");
        assert_eq!(error.to_string(), expected);
    };
    check(&[&[1, 0], &huge], "the segment ends in the middle of its flag sets");
    check(&[&[1, 0, 1, 1, 1], &huge], "the segment ends in the middle of its flag sets");
    check(&[&[1, 0, 1, 1, 0], &huge], "the segment ends in the middle of its runs");
    check(&[&[1, 0, 0, 1], &huge], "the segment ends in the middle of its runs");
    check(&[&[1, 0, 0, 1, 3], &huge, &huge], "the segment makes no sense in its runs: a UID is out of range");
    check(
        &[&[1, 0, 0, 1], &[0xF0, 0xFF, 0xFF, 0xFF, 0x3F, 0, 0]],
        "the segment makes no sense in its runs: there are more than a segment can hold",
    );
    check(&[&[1, 0, 0, 1, 0, 0, 0]], "the segment makes no sense in its flags: there are no flag sets");
    check(&[&[1, 0, 1, 0, 0, 1, 0, 0, 1]], "the segment makes no sense in its flags: there are more than messages");
    check(&[&[1, 0, 1, 0x20, 0, 0, 0]], "the segment makes no sense in its flag sets: there is no such system flag");
    check(
        &[&[1, 0, 0, 0, 1, 9, 1, b'a', 0, 0]],
        "the segment makes no sense in its other entries: a key shares more than there is",
    );
    check(&[&[1, 0, 0x80, 0]], "the segment makes no sense in its flag sets: a number is longer than it must be");
    check(&[&[1, 0, 0, 0, 0, 0]], "the segment makes no sense in its end: bytes follow after it");
    check(&[&[1, 3]], "the segment makes no sense in its beginning: there is no such kind of segment");
}

fn id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        6 => (1..60_u32).prop_map(MessageId::Uid),
        1 => prop_oneof![Just(0), Just(u32::MAX), Just(u32::MAX - 1)].prop_map(MessageId::Uid),
        2 => "(shared/)?[aä]{0,3}(😀)?[xy]{0,2}".prop_map(|key| MessageId::Key(Arc::from(key))),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    let keywords = prop::collection::vec("[$kK][a-c]", 0..3);
    prop_oneof![3 => Just(seen()), 1 => (0..32_u8, keywords).prop_map(|(bits, keywords)| Flags::new(SystemFlags::from_bits(bits), keywords))]
}

fn settlement() -> impl Strategy<Value = Settlement> {
    let entry = (id(), id(), flags()).prop_map(|(source, target, flags)| vec![Entry { source, target, flags }]);
    let run = (1..60_u32, 1..60_u32, 1..20_u32, flags()).prop_map(|(source, target, len, flags)| {
        (0..len).map(|n| uid_entry(source + n, target + n, flags.clone())).collect::<Vec<_>>()
    });
    (
        prop::bool::weighted(0.1),
        prop::collection::vec(id(), 0..10),
        prop::collection::vec(prop_oneof![entry, run], 0..10),
        prop::collection::vec((id(), flags()), 0..20),
    )
        .prop_map(|(forget, removed, entries, flags)| Settlement {
            forget,
            removed,
            entries: entries.concat(),
            flags,
            ..Settlement::default()
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn segments_in_a_row_say_what_the_settlements_said(settlements in prop::collection::vec(settlement(), 0..6)) {
        let (mut expected, mut read) = (FolderLedger::new(), FolderLedger::new());
        for settlement in &settlements {
            expected.settle(settlement);
            apply(&encode_delta(settlement), &mut read).expect("these bytes are whole");
        }
        prop_assert_eq!(entries(&read), entries(&expected));
        prop_assert_eq!(entries(&read_back(&encode_base(&read))), entries(&expected));
    }

    #[test]
    fn a_base_is_all_there_is(old in settlement(), new in settlement()) {
        let (mut ledger, mut other) = (FolderLedger::new(), FolderLedger::new());
        ledger.settle(&old);
        other.settle(&new);
        apply(&encode_base(&other), &mut ledger).expect("these bytes are whole");
        prop_assert_eq!(entries(&ledger), entries(&other));
    }

    #[test]
    fn bytes_that_nobody_wrote_are_an_error_and_never_a_panic(
        kind in 0..3_u8,
        noise in prop::collection::vec(prop_oneof![3 => 0..4_u8, 1 => any::<u8>()], 0..60),
    ) {
        let _ = apply(&noise, &mut FolderLedger::new());
        let _ = apply(&sealed([&[VERSION, kind], &noise[..]].concat()), &mut FolderLedger::new());
    }

    #[test]
    fn a_segment_changed_under_a_right_checksum_never_panics(
        settlement in settlement(),
        at in any::<prop::sample::Index>(),
        byte in any::<u8>(),
    ) {
        let mut bytes = encode_delta(&settlement);
        bytes.truncate(bytes.len() - CHECKSUM);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let _ = apply(&sealed(bytes), &mut FolderLedger::new());
    }
}
