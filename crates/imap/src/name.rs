//! How does a folder's name read, and how is it written: modified UTF-7 (RFC 3501 §5.1.3) and UTF-8.

use base64::Engine;
use base64::alphabet::Alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 with a comma for the slash and without padding (RFC 3501 §5.1.3).
const MODIFIED_BASE64: GeneralPurpose = GeneralPurpose::new(
    &match Alphabet::new("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,") {
        Ok(alphabet) => alphabet,
        Err(_) => panic!("64 different printable characters"),
    },
    GeneralPurposeConfig::new().with_encode_padding(false).with_decode_padding_mode(DecodePaddingMode::RequireNone),
);

/// A raw folder name as text for people and for comparing with other stores.
///
/// `utf8`: UTF8=ACCEPT is enabled, so that names are UTF-8 and an `&` is an `&`.
///
/// Names outside the standard are understood where that is safe: bytes above 127 are read as UTF-8,
/// else as Latin-1; modified UTF-7 that would not come out the same when encoded again (a base64
/// part for plain letters, stray bits, half a surrogate) is kept as it stands. In these cases
/// [`encode_folder_name`] does not lead back to the raw name, so commands must use the raw one.
pub fn decode_folder_name(raw: &[u8], utf8: bool) -> String {
    if !raw.is_ascii() || utf8 {
        return match std::str::from_utf8(raw) {
            Ok(text) => text.to_owned(),
            Err(_) => raw.iter().map(|&byte| char::from(byte)).collect(),
        };
    }
    match decode_modified_utf7(raw) {
        Some(text) if encode_modified_utf7(&text) == raw => text,
        _ => raw.iter().map(|&byte| char::from(byte)).collect(),
    }
}

/// The raw form of a folder name. `utf8` as in [`decode_folder_name`].
pub fn encode_folder_name(name: &str, utf8: bool) -> Vec<u8> {
    if utf8 {
        return name.as_bytes().to_vec();
    }
    encode_modified_utf7(name)
}

fn decode_modified_utf7(mut raw: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(raw.len());
    while let Some((&first, rest)) = raw.split_first() {
        if first != b'&' {
            text.push(char::from(first));
            raw = rest;
            continue;
        }
        let length = memchr::memchr(b'-', rest)?;
        if length == 0 {
            text.push('&');
        } else {
            let bytes = MODIFIED_BASE64.decode(&rest[..length]).ok()?;
            if bytes.len() % 2 != 0 {
                return None;
            }
            let units = bytes.chunks_exact(2).map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
            for character in char::decode_utf16(units) {
                text.push(character.ok()?);
            }
        }
        raw = &rest[length + 1..];
    }
    Some(text)
}

fn encode_modified_utf7(name: &str) -> Vec<u8> {
    let mut raw = Vec::with_capacity(name.len());
    let mut units: Vec<u8> = Vec::new();
    for character in name.chars() {
        if !matches!(character, ' '..='~') {
            let mut pair = [0u16; 2];
            for unit in character.encode_utf16(&mut pair) {
                units.extend_from_slice(&unit.to_be_bytes());
            }
            continue;
        }
        flush(&mut units, &mut raw);
        raw.push(character as u8);
        if character == '&' {
            raw.push(b'-');
        }
    }
    flush(&mut units, &mut raw);
    raw
}

fn flush(units: &mut Vec<u8>, raw: &mut Vec<u8>) {
    if units.is_empty() {
        return;
    }
    raw.push(b'&');
    raw.extend_from_slice(MODIFIED_BASE64.encode(&units).as_bytes());
    raw.push(b'-');
    units.clear();
}
