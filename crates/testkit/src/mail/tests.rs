//! Is generated mail the same each time, as large as promised, and odd where it should be?

use std::collections::{BTreeSet, HashSet};

use super::*;

#[test]
fn equal_seeds_make_equal_mail_and_others_do_not() {
    let folder = |seed| ordinary(seed, 200).folders.remove(0);
    let (one, same, other) = (folder(1), folder(1), folder(2));
    assert!(one.messages().eq(same.messages()));
    assert!(one.messages().zip(other.messages()).all(|(a, b)| a.bytes != b.bytes));
    assert_eq!(one.message(7), one.messages().nth(7).unwrap());
}

#[test]
fn sizes_are_those_of_the_workload() {
    let mut sizes: Vec<usize> = ordinary(3, 4_000)
        .folders
        .iter()
        .flat_map(|folder| folder.messages().map(|message| message.bytes.len()).collect::<Vec<_>>())
        .collect();
    sizes.sort_unstable();
    let mean = sizes.iter().sum::<usize>() / sizes.len();
    let median = sizes[sizes.len() / 2];
    assert_eq!(sizes.len(), 4_000);
    assert!((7_000..=9_500).contains(&median), "{median}");
    assert!((40_000..=80_000).contains(&mean), "{mean}");
    assert!(sizes[sizes.len() - 1] < 20_010_000);
    for message in small(3, 500).folders[0].messages() {
        assert!((1_900..=6_100).contains(&message.bytes.len()), "{}", message.bytes.len());
    }
    let size = large(3, 2).folders[0].message(0).bytes.len();
    assert!((10_000_000..=25_001_000).contains(&size), "{size}");
}

#[test]
fn counts_add_up_and_folders_differ() {
    for mailbox in [ordinary(1, 1_234), small(1, 1_234), large(1, 7), nasty(1)] {
        let paths: HashSet<&Vec<String>> = mailbox.folders.iter().map(|folder| &folder.path).collect();
        assert_eq!(paths.len(), mailbox.folders.len());
        assert_eq!(mailbox.folders[0].path, ["INBOX"]);
    }
    assert_eq!(ordinary(1, 1_234).message_count(), 1_234);
    assert_eq!(ordinary(1, 1_234).folders.len(), 12);
    assert_eq!(small(1, 1_234).message_count(), 1_234);
    assert_eq!(small(1, 1_234).folders.len(), 5);
}

#[test]
fn some_messages_are_twins_and_some_have_no_message_id() {
    let folder = &small(5, 4_000).folders[0];
    let messages: Vec<Message> = folder.messages().collect();
    let distinct: HashSet<&[u8]> = messages.iter().map(|message| message.bytes.as_slice()).collect();
    let duplicates = messages.len() - distinct.len();
    assert!((5..=60).contains(&duplicates), "{duplicates}");
    let header = |message: &Message| {
        let end = message.bytes.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        message.bytes[..end].to_vec()
    };
    let same_header_other_body = messages
        .windows(2)
        .filter(|pair| header(&pair[0]) == header(&pair[1]) && pair[0].bytes != pair[1].bytes)
        .count();
    assert!((5..=60).contains(&same_header_other_body), "{same_header_other_body}");
    let without_id =
        messages.iter().filter(|message| !String::from_utf8_lossy(&message.bytes).contains("Message-ID:")).count();
    assert!((10..=100).contains(&without_id), "{without_id}");
    let keywords: BTreeSet<String> = messages.into_iter().flat_map(|message| message.keywords).collect();
    for keyword in ["$Forwarded", "NonJunk", "Projekt-Nord"] {
        assert!(keywords.contains(keyword), "{keywords:?}");
    }
}

#[test]
fn ordinary_messages_have_proper_line_ends() {
    for message in ordinary(9, 300).folders[0].messages() {
        let bytes = &message.bytes;
        assert!(bytes.ends_with(b"\r\n"));
        for (position, byte) in bytes.iter().enumerate() {
            match byte {
                b'\n' => assert_eq!(bytes[position - 1], b'\r'),
                b'\r' => assert_eq!(bytes[position + 1], b'\n'),
                _ => {}
            }
        }
    }
}

#[test]
fn internal_dates_are_written_as_imap_wants_them() {
    let date = InternalDate { seconds: 1_044_084_906, offset_minutes: -210 };
    assert_eq!(date.to_string(), " 1-Feb-2003 04:05:06 -0330");
}

#[test]
fn no_two_nasty_messages_have_the_same_name() {
    let messages = nasty_messages();
    let names: HashSet<&str> = messages.iter().map(|nasty| nasty.name).collect();
    assert_eq!(names.len(), messages.len());
}
