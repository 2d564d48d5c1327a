//! Numbers and texts as bytes: LEB128, zigzag, text with its length before it.

/// The longest text, in bytes: headers are cut at 1 MiB before they come here.
pub const MAX_TEXT: usize = 2 << 20;

/// Writes an unsigned LEB128 number.
pub fn put_number(mut number: u64, into: &mut Vec<u8>) {
    while number >= 0x80 {
        into.push(number as u8 | 0x80);
        number >>= 7;
    }
    into.push(number as u8);
}

/// Writes a signed number: zigzag, then LEB128.
pub fn put_signed(number: i64, into: &mut Vec<u8>) {
    put_number(((number << 1) ^ (number >> 63)) as u64, into);
}

/// Writes a text: its bytes' number, then its bytes.
pub fn put_text(text: &str, into: &mut Vec<u8>) {
    put_number(text.len() as u64, into);
    into.extend_from_slice(text.as_bytes());
}

/// Reads from the front of bytes; says in words what is wrong.
#[derive(Clone, Debug)]
pub struct Bytes<'a>(pub &'a [u8]);

impl<'a> Bytes<'a> {
    /// The next `count` bytes.
    pub fn take(&mut self, count: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    /// The next bytes, as many as the array holds.
    pub fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        let (taken, rest) = self.0.split_first_chunk().ok_or("it ends too early")?;
        self.0 = rest;
        Ok(*taken)
    }

    /// The next byte.
    pub fn byte(&mut self) -> Result<u8, &'static str> {
        self.array().map(|[byte]| byte)
    }

    /// An unsigned LEB128 number, in as few bytes as it needs: there is one way to write a number.
    pub fn number(&mut self) -> Result<u64, &'static str> {
        let mut number = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            if shift == 63 && byte > 1 {
                return Err("a number is too large");
            }
            number |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return if byte == 0 && shift > 0 { Err("a number is written too long") } else { Ok(number) };
            }
        }
        Err("a number is too large")
    }

    /// A zigzag number.
    pub fn signed(&mut self) -> Result<i64, &'static str> {
        let number = self.number()?;
        Ok((number >> 1) as i64 ^ -((number & 1) as i64))
    }

    /// A text.
    pub fn text(&mut self) -> Result<&'a str, &'static str> {
        let length = usize::try_from(self.number()?).map_err(|_| "a text is too long")?;
        if length > MAX_TEXT {
            return Err("a text is too long");
        }
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn numbers_are_read_back(unsigned: u64, signed: i64, text: String) {
            let mut bytes = Vec::new();
            put_number(unsigned, &mut bytes);
            put_signed(signed, &mut bytes);
            put_text(&text, &mut bytes);
            let mut read = Bytes(&bytes);
            prop_assert_eq!((read.number(), read.signed(), read.text()), (Ok(unsigned), Ok(signed), Ok(text.as_str())));
            prop_assert!(read.0.is_empty());
        }
    }

    #[test]
    fn a_number_can_be_written_in_one_way_only() {
        assert_eq!(Bytes(&[0x80, 0x00]).number(), Err("a number is written too long"));
        assert_eq!(Bytes(&[0xff; 10]).number(), Err("a number is too large"));
        assert_eq!(Bytes(&[0x80]).number(), Err("it ends too early"));
    }
}
