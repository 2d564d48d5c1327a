//! Where do the client's commands end? A command is a line with all the literals that it announces.

/// Counts commands in a stream that arrives in pieces.
#[derive(Debug, Default)]
pub(super) struct CommandCounter {
    commands: u64,
    /// The bytes of a literal that are still to come.
    literal: u64,
    /// The last bytes of the line so far; a literal's announcement is no longer than this.
    tail: Vec<u8>,
}

const TAIL: usize = 32;

impl CommandCounter {
    pub(super) fn commands(&self) -> u64 {
        self.commands
    }

    /// Takes the next piece. If a command of this number ends in it, answers where, and has taken
    /// the piece only so far.
    pub(super) fn take(&mut self, piece: &[u8], number: Option<u64>) -> Option<usize> {
        let mut position = 0;
        while position < piece.len() {
            if self.literal > 0 {
                let left = (piece.len() - position) as u64;
                let skipped = self.literal.min(left);
                self.literal -= skipped;
                // Not more than what is left of the piece.
                position += skipped as usize;
                continue;
            }
            let byte = piece[position];
            position += 1;
            if self.tail.len() == TAIL {
                self.tail.remove(0);
            }
            self.tail.push(byte);
            if byte != b'\n' {
                continue;
            }
            self.literal = announced(&self.tail).unwrap_or(0);
            let ends = announced(&self.tail).is_none();
            self.tail.clear();
            if ends {
                self.commands += 1;
                if number == Some(self.commands) {
                    return Some(position);
                }
            }
        }
        None
    }
}

/// The length that a line ending in `{n}`, `{n+}` or `{n-}` announces.
fn announced(line: &[u8]) -> Option<u64> {
    let line = line.strip_suffix(b"\n")?;
    let line = line.strip_suffix(b"\r").unwrap_or(line).strip_suffix(b"}")?;
    let line = line.strip_suffix(b"+").or_else(|| line.strip_suffix(b"-")).unwrap_or(line);
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIALOGUE: &[u8] = b"a LOGIN x y\r\nb APPEND z {5+}\r\n1\r\n2\n {3}\r\n\r\n\n\r\nc NOOP\r\n";

    #[test]
    fn literals_belong_to_their_command_however_the_bytes_are_chopped() {
        for size in 1..DIALOGUE.len() {
            let mut counter = CommandCounter::default();
            for piece in DIALOGUE.chunks(size) {
                assert_eq!(counter.take(piece, None), None);
            }
            assert_eq!(counter.commands(), 3, "pieces of {size}");
        }
    }

    #[test]
    fn the_end_of_a_command_is_found_to_the_byte() {
        let mut counter = CommandCounter::default();
        let end = DIALOGUE.len() - b"c NOOP\r\n".len();
        assert_eq!(counter.take(DIALOGUE, Some(2)), Some(end));
    }
}
