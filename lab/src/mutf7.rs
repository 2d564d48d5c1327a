//! How are folder names written in modified UTF-7 (RFC 3501 §5.1.3)?
//!
//! The laboratory has its own encoder so that it does not vouch for the one under test.

use base64::Engine;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, NO_PAD};

const IMAP: GeneralPurpose = GeneralPurpose::new(&alphabet::IMAP_MUTF7, NO_PAD);

/// Encodes a folder's name.
pub fn encode(name: &str) -> String {
    let mut encoded = String::new();
    let mut pending: Vec<u8> = Vec::new();
    for character in name.chars() {
        if !(' '..='~').contains(&character) {
            let mut units = [0; 2];
            for unit in character.encode_utf16(&mut units) {
                pending.extend(unit.to_be_bytes());
            }
            continue;
        }
        flush(&mut pending, &mut encoded);
        encoded.push(character);
        if character == '&' {
            encoded.push('-');
        }
    }
    flush(&mut pending, &mut encoded);
    encoded
}

fn flush(pending: &mut Vec<u8>, encoded: &mut String) {
    if pending.is_empty() {
        return;
    }
    encoded.push('&');
    encoded.push_str(&IMAP.encode(&pending));
    encoded.push('-');
    pending.clear();
}

#[cfg(test)]
mod tests {
    use super::encode;

    #[test]
    fn the_examples_of_the_rfc_and_what_lies_beyond_the_basic_plane() {
        assert_eq!(encode("~peter/mail/台北/日本語"), "~peter/mail/&U,BTFw-/&ZeVnLIqe-");
        assert_eq!(encode("Entwürfe & Co"), "Entw&APw-rfe &- Co");
        assert_eq!(encode("🦆"), "&2D7dhg-");
    }
}
