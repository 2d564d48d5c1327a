//! What the bytes of a message tell, read whole.

use std::borrow::Cow;
use std::collections::HashMap;

use limosa_model::{ConnectorError, Folder, IdList, Mailbox, MessageId};

use crate::mend::{Mender, Mends};
use crate::reading::{Onlooker, Read, read_whole};

/// What was read of a message's bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Of all bytes.
    pub whole: [u8; 16],
    /// Of the bytes after the header block, in canonical form: what a server that adds header fields leaves alone.
    pub body: [u8; 16],
    /// Of all bytes, in canonical form: what a server that replaces some leaves alone.
    pub canonical: [u8; 16],
}

impl Digests {
    /// Whether two messages have the same bytes.
    pub fn is_same(&self, other: &Self) -> bool {
        self.whole == other.whole
    }
}

/// Reads these messages whole.
///
/// # Errors
/// The connection's.
pub async fn read_digests(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<Read<Digests>, ConnectorError> {
    read_whole(mailbox, folder, ids, |_| Some(BodyDigest::default())).await
}

/// Reads these messages whole, and answers what they would be when mended: the ways in which each may have been, with the digest of
/// what it then is. None for messages that need no mending.
///
/// # Errors
/// The connection's.
pub async fn read_mended(
    mailbox: &mut dyn Mailbox,
    folder: &Folder,
    ids: &IdList,
) -> Result<HashMap<MessageId, Vec<(Mends, [u8; 16])>>, ConnectorError> {
    Ok(read_whole(mailbox, folder, ids, |_| Some(Forms::default())).await?.made)
}

/// A message under all ways of mending, each with the digest of what it makes.
struct Forms {
    ways: Vec<(Mender, blake3::Hasher)>,
    out: Vec<u8>,
}

impl Default for Forms {
    fn default() -> Self {
        let ways = Mends::all().to_try().into_iter().map(|mends| (Mender::new(mends), blake3::Hasher::new()));
        Self { ways: ways.collect(), out: Vec::new() }
    }
}

impl Onlooker for Forms {
    type Made = Vec<(Mends, [u8; 16])>;

    fn update(&mut self, bytes: &[u8]) {
        for (mender, hasher) in &mut self.ways {
            self.out.clear();
            mender.feed(bytes, &mut self.out);
            hasher.update(&self.out);
        }
    }

    fn finish(self) -> Self::Made {
        let finished = self.ways.into_iter().filter_map(|(mender, mut hasher)| {
            let mut rest = Vec::new();
            let changed = mender.finish(&mut rest);
            hasher.update(&rest);
            (!changed.is_empty()).then(|| (changed, short(&hasher)))
        });
        finished.collect()
    }
}

/// Digests of a message as it comes, whole and after its header block.
#[derive(Default)]
struct BodyDigest {
    whole: blake3::Hasher,
    body: blake3::Hasher,
    canonical: blake3::Hasher,
    in_body: bool,
    /// Whether the line under way is empty so far.
    at_line_start: bool,
}

impl Onlooker for BodyDigest {
    type Made = Digests;

    fn update(&mut self, bytes: &[u8]) {
        self.whole.update(bytes);
        let mut start = 0;
        while !self.in_body && start < bytes.len() {
            match bytes[start] {
                b'\n' if self.at_line_start => self.in_body = true,
                b'\n' => self.at_line_start = true,
                b'\r' => {}
                _ => self.at_line_start = false,
            }
            start += 1;
        }
        let body = canonical(&bytes[start..], false);
        self.body.update(&body);
        self.canonical.update(&canonical(&bytes[..start], true));
        self.canonical.update(&body);
    }

    fn finish(self) -> Digests {
        Digests { whole: short(&self.whole), body: short(&self.body), canonical: short(&self.canonical) }
    }
}

/// Bytes as they stand after a server that replaces some: 8-bit ones in headers by `X` (Cyrus), NUL by 0x80 (Dovecot).
pub fn canonical(bytes: &[u8], in_header: bool) -> Cow<'_, [u8]> {
    let replaced = |byte: u8| match byte {
        _ if in_header && (byte >= 0x80 || byte == 0) => b'X',
        0 => 0x80,
        byte => byte,
    };
    match memchr::memchr(0, bytes).is_some() || (in_header && !bytes.is_ascii()) {
        true => bytes.iter().map(|byte| replaced(*byte)).collect(),
        false => Cow::Borrowed(bytes),
    }
}

/// The beginning of a digest.
pub fn short(hasher: &blake3::Hasher) -> [u8; 16] {
    let mut digest = [0; 16];
    hasher.finalize_xof().fill(&mut digest);
    digest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_body_begins_after_the_first_empty_line_however_the_bytes_are_cut() {
        for message in ["A: b\r\n\r\nbody\r\n\r\nmore", "A: b\n\nbody\r\n\r\nmore"] {
            let mut expect = blake3::Hasher::new();
            expect.update(b"body\r\n\r\nmore");
            for cut in 0..message.len() {
                let mut digest = BodyDigest::default();
                digest.update(&message.as_bytes()[..cut]);
                digest.update(&message.as_bytes()[cut..]);
                assert_eq!(digest.finish().body, short(&expect), "cut at {cut} of {message:?}");
            }
        }
    }
}
