//! Folder names: modified UTF-7 and UTF-8, and what servers send instead.

use limosa_imap::{decode_folder_name, encode_folder_name};
use proptest::prelude::*;

#[test]
fn names_by_the_standard_go_both_ways() {
    let cases: [(&[u8], &str); 13] = [
        (b"INBOX", "INBOX"),
        // RFC 3501 §5.1.3.
        (b"~peter/mail/&U,BTFw-/&ZeVnLIqe-", "~peter/mail/台北/日本語"),
        (b"Entw&APw-rfe", "Entwürfe"),
        (b"&AMQ-rger", "Ärger"),
        (b"Q&-A", "Q&A"),
        (b"&-", "&"),
        (b"&-&-", "&&"),
        (b"&2D3eAA-", "😀"),
        (b"a &AOQA9gD8- z", "a äöü z"),
        (b"&BB4EQgQ,BEAEMAQyBDsENQQ9BD0ESwQ1-", "Отправленные"),
        (b"&XfJT0ZAB-", "已发送"),
        (b"&AAk-tab", "\ttab"),
        (b"", ""),
    ];
    for (raw, text) in cases {
        assert_eq!(decode_folder_name(raw, false), text, "{}", raw.escape_ascii());
        assert_eq!(encode_folder_name(text, false), raw, "{text}");
    }
}

#[test]
fn names_that_would_not_come_back_are_kept_raw() {
    let cases: [&[u8]; 9] = [
        b"&",
        b"a&b",
        b"&AGE-",      // a plain letter in base64
        b"&AOQ-&APY-", // two parts where one would do
        b"&2D0-",      // half a surrogate
        b"&AOR-",      // stray bits
        b"&A-",
        b"&AO Q-",
        b"&AOQ",
    ];
    for raw in cases {
        assert_eq!(decode_folder_name(raw, false).as_bytes(), raw, "{}", raw.escape_ascii());
    }
}

#[test]
fn names_outside_ascii_are_understood() {
    assert_eq!(decode_folder_name("Entwürfe & mehr".as_bytes(), false), "Entwürfe & mehr");
    assert_eq!(decode_folder_name(b"Entw\xfcrfe", false), "Entwürfe");
    assert_eq!(decode_folder_name(b"Entw\xfcrfe", true), "Entwürfe");
}

#[test]
fn with_utf8_an_ampersand_is_an_ampersand() {
    assert_eq!(decode_folder_name(b"Q&-A &APw-", true), "Q&-A &APw-");
    assert_eq!(encode_folder_name("Entwürfe & mehr", true), "Entwürfe & mehr".as_bytes());
}

proptest! {
    #[test]
    fn every_text_comes_back(text in ".{0,40}") {
        let raw = encode_folder_name(&text, false);
        prop_assert!(raw.iter().all(|byte| (b' '..=b'~').contains(byte)));
        prop_assert_eq!(decode_folder_name(&raw, false), text.clone());
        prop_assert_eq!(decode_folder_name(&encode_folder_name(&text, true), true), text);
    }

    #[test]
    fn no_bytes_make_names_panic(raw in proptest::collection::vec(any::<u8>(), 0..40), ampersands in "[&A-Za-z0-9+,-]{0,20}", utf8 in any::<bool>()) {
        let _ = decode_folder_name(&raw, utf8);
        let _ = decode_folder_name(ampersands.as_bytes(), utf8);
    }
}
