//! What a list of capabilities says, and what it implies.

use limosa_imap::{Capabilities, LiteralSupport};

fn of(text: &str) -> Capabilities {
    Capabilities::parse(text.as_bytes())
}

#[test]
fn names_are_compared_without_letter_case() {
    let capabilities = of("imap4REV1  Move AUTH=plain AUTH= auth=XOAUTH2 QUOTA=RES-STORAGE ");
    assert!(capabilities.has(b"MOVE") && capabilities.has(b"IMAP4rev1") && !capabilities.has(b"MOV"));
    assert_eq!(capabilities.mechanisms().collect::<Vec<_>>(), [&b"plain"[..], b"XOAUTH2"]);
    assert!(capabilities.has_mechanism(b"PLAIN") && !capabilities.has_mechanism(b""));
    assert_eq!(capabilities.values(b"QUOTA").collect::<Vec<_>>(), [b"RES-STORAGE"]);
    assert_eq!(capabilities.iter().count(), 6);
    assert!(Capabilities::new().is_empty() && of("  ").is_empty());
}

#[test]
fn some_bring_others_with_them() {
    let cases = [
        ("IMAP4rev1 QRESYNC", "CONDSTORE", true),
        ("IMAP4rev1 QRESYNC", "ENABLE", true),
        ("IMAP4rev1 CONDSTORE", "QRESYNC", false),
        ("IMAP4rev2", "MOVE", true),
        ("IMAP4rev2", "LIST-STATUS", true),
        ("IMAP4rev2", "CONDSTORE", false),
        // With both, rev2 holds only once it is enabled.
        ("IMAP4rev1 IMAP4rev2", "MOVE", false),
        ("IMAP4rev1 LITERAL+", "LITERAL-", true),
    ];
    for (announced, asked, expected) in cases {
        assert_eq!(of(announced).has(asked.as_bytes()), expected, "{announced}: {asked}");
        assert!(!of(announced).announces(asked.as_bytes()) || !expected, "{announced}: {asked}");
    }
}

#[test]
fn limits_and_literals_are_read() {
    assert_eq!(of("APPENDLIMIT=35651584").append_limit(), Some(35_651_584));
    assert_eq!(of("APPENDLIMIT").append_limit(), None);
    assert_eq!(of("APPENDLIMIT=x APPENDLIMIT=7").append_limit(), Some(7));
    assert_eq!(of("LITERAL- LITERAL+").literal_support(), LiteralSupport::Plus);
    assert_eq!(of("LITERAL-").literal_support(), LiteralSupport::Minus);
    assert_eq!(of("IMAP4rev2").literal_support(), LiteralSupport::Minus);
    assert_eq!(of("IMAP4rev1").literal_support(), LiteralSupport::Synchronizing);
    assert!(of("compress=deflate").compress_deflate() && !of("COMPRESS=LZ4").compress_deflate());
    assert!(of("UTF8=ACCEPT").utf8() && of("UTF8=ONLY").utf8() && !of("UTF8=ALL").utf8());
}
