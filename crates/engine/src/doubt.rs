//! Which messages a target may change without changing their size: those with bytes that servers are known to replace.
//!
//! Cyrus replaces 8-bit bytes in headers by `X` (`munge8bit`), Dovecot replaces NUL by 0x80. A listing does not show that,
//! so such messages are read back.

/// Looks at one message as it passes.
#[derive(Debug)]
pub struct Doubt {
    eight_bit_headers: bool,
    in_header: bool,
    /// Bytes of the line under way, line ends aside.
    line: usize,
    found: bool,
}

impl Doubt {
    /// A message begins. `eight_bit_headers`: whether 8-bit bytes in its header are a reason for doubt.
    pub fn new(eight_bit_headers: bool) -> Self {
        Self { eight_bit_headers, in_header: eight_bit_headers, line: 0, found: false }
    }

    /// Some of its bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        if self.found {
            return;
        }
        self.found = memchr::memchr(0, bytes).is_some();
        let mut start = 0;
        while self.in_header && start < bytes.len() {
            let end = memchr::memchr(b'\n', &bytes[start..]).map_or(bytes.len(), |at| start + at);
            let line = &bytes[start..end];
            self.found |= self.eight_bit_headers && !line.is_ascii();
            self.line += line.len() - usize::from(line.ends_with(b"\r"));
            if end < bytes.len() {
                self.in_header = self.line > 0;
                self.line = 0;
            }
            start = end + 1;
        }
    }

    /// Whether the message should be read back.
    pub fn found(&self) -> bool {
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(message: &[u8], eight_bit_headers: bool, expect: bool) {
        for cut in 0..=message.len() {
            let mut doubt = Doubt::new(eight_bit_headers);
            doubt.update(&message[..cut]);
            doubt.update(&message[cut..]);
            assert_eq!(doubt.found(), expect, "{:?} cut at {cut}", String::from_utf8_lossy(message));
        }
    }

    #[test]
    fn eight_bit_headers_and_nul_are_doubtful_and_eight_bit_bodies_are_not() {
        check("Subject: ä\r\n\r\nplain".as_bytes(), true, true);
        check("Subject: ä\r\n\r\nplain".as_bytes(), false, false);
        check("Subject: a\r\n\r\nbödy\r\n\r\nmöre".as_bytes(), true, false);
        check("Subject: a\n\nbödy".as_bytes(), true, false);
        check(b"Subject: a\r\n\r\nnul \0 here", false, true);
        check(b"", true, false);
        check(b"\r\n\xff", true, false);
    }
}
