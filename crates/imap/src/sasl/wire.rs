//! How do SASL messages travel in IMAP (RFC 3501 §6.2.2)?

use base64::Engine;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig, STANDARD};
use base64::{alphabet, engine::DecodePaddingMode};

/// Some servers forget the padding.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The line that gives an exchange up.
pub const CANCEL: &[u8] = b"*\r\n";

/// The challenge in a continuation's text. `None` if it is no base64: prose in place of an empty
/// challenge is common (`+ Ready`), so that the first one may be taken as empty.
pub fn decode_challenge(text: &[u8]) -> Option<Vec<u8>> {
    LENIENT.decode(text.trim_ascii()).ok()
}

/// An answer as the line to send, CRLF included.
pub fn encode_reply(answer: &[u8]) -> Vec<u8> {
    let mut line = STANDARD.encode(answer).into_bytes();
    line.extend_from_slice(b"\r\n");
    line
}
