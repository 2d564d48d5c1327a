//! Are names, dates, sets, challenges and arguments survived, and do they keep their promises?
#![no_main]

use libfuzzer_sys::fuzz_target;
use limosa_imap::sasl::{Credentials, Exchange, Mechanism, Secret, decode_challenge};
use limosa_imap::{
    Capabilities, Command, Encoded, InternalDate, LiteralSupport, Quirks, Tag, UidSet, decode_folder_name,
    encode_folder_name,
};

fuzz_target!(|input: &[u8]| {
    if let Some(date) = InternalDate::parse(input) {
        let text = date.format();
        assert_eq!(text.len(), 26);
        // Only a zone that carries the date beyond the year 9999 or before the year 1 is not told again.
        if let Some(again) = InternalDate::parse(text.as_bytes()) {
            assert_eq!(again.offset_minutes, date.offset_minutes);
        }
    }
    if let Some(set) = UidSet::parse(input)
        && !set.is_empty()
    {
        assert_eq!(UidSet::parse(set.to_string().as_bytes()).as_ref(), Some(&set));
        let pieces: u64 = set.split_for_line(20).iter().map(UidSet::len).sum();
        assert_eq!(pieces, set.len());
        assert!(set.normalized().len() <= set.len());
    }
    for utf8 in [false, true] {
        let name = decode_folder_name(input, utf8);
        assert_eq!(decode_folder_name(&encode_folder_name(&name, utf8), utf8), name);
    }
    let capabilities = Capabilities::parse(input);
    Quirks::detect(input, &[], &capabilities).can_use(&capabilities, input);
    limosa_imap::quirk::suggested_backoff(input);

    let mut out = Encoded::new();
    Command::Rename { from: input, to: input }.encode(Tag(1), LiteralSupport::Synchronizing, false, &mut out);
    let joined: usize = out.segments().map(|segment| segment.bytes.len()).sum();
    assert_eq!(joined, out.len());

    decode_challenge(input);
    for mechanism in [Mechanism::ScramSha1, Mechanism::ScramSha256, Mechanism::CramMd5, Mechanism::Login] {
        let secret = Secret::Password("pencil".into());
        let credentials = Credentials { user: "user".to_owned(), act_as: None, secret };
        let Ok(mut exchange) = Exchange::with_nonce(mechanism, &credentials, "n") else {
            continue;
        };
        exchange.initial();
        // Many rounds of hashing would only slow the search down.
        if input.windows(2).any(|pair| pair == b"i=") && input.len() > 40 {
            continue;
        }
        let _ = exchange.challenge(input);
        let _ = exchange.challenge(input);
        assert!(!matches!(mechanism, Mechanism::ScramSha1 | Mechanism::ScramSha256) || exchange.finish().is_err());
    }
});
