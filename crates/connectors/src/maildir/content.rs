//! Bytes and header of one message's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use limosa_model::InternalDate;
use rustix::fs::OFlags;

/// How reading gives the ends of lines. See the [module](super) for the reasons.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnds {
    /// Every byte as it stands in the file.
    AsStored,
    /// As an IMAP server would present it: bare LF becomes CRLF in files without any CRLF.
    Crlf,
}

/// Bytes read at a time; twice that when each of them is a line end, which is still one piece.
const CHUNK: usize = 128 * 1024;

/// A header longer than this is cut.
const HEADER_LIMIT: usize = 1024 * 1024;

/// Bytes read first when only a header is wanted.
const HEADER_CHUNK: usize = 8 * 1024;

/// A message's file, open to be read once from its beginning.
pub(super) struct Content {
    file: File,
    convert: bool,
    left: u64,
    size: u64,
    modified: InternalDate,
}

impl Content {
    /// Opens a file. Where line ends are to be converted, it is read through once to learn whether and to what size.
    pub fn open(path: &Path, line_ends: LineEnds) -> io::Result<Self> {
        let mut file = open_regular(path)?;
        let metadata = file.metadata()?;
        let bare = match line_ends {
            LineEnds::AsStored => None,
            LineEnds::Crlf => bare_line_ends(&mut file)?,
        };
        let left = metadata.len();
        Ok(Self {
            file,
            convert: bare.is_some(),
            left,
            size: left + bare.unwrap_or(0),
            modified: date_of(metadata.modified()?),
        })
    }

    /// Exact number of bytes that reading gives.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// When the file was last modified: the message's internal date.
    pub fn modified(&self) -> InternalDate {
        self.modified
    }

    /// The next bytes, at most 256 KiB; `None` at the end.
    ///
    /// # Errors
    /// Also when the file turns out shorter or longer than it was: the message must not be taken as whole.
    pub fn next(&mut self, at_most: usize) -> io::Result<Option<Bytes>> {
        if self.left == 0 {
            return Ok(None);
        }
        // One byte more than there should be, so that a file that has grown shows itself in the same read.
        let wanted = usize::try_from(self.left).unwrap_or(usize::MAX).min(at_most.min(CHUNK));
        let mut part = Vec::with_capacity(wanted + 1);
        let ends_here = wanted as u64 == self.left;
        let got = Read::by_ref(&mut self.file).take(wanted as u64 + u64::from(ends_here)).read_to_end(&mut part)?;
        if got != wanted {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "the file changed while it was read"));
        }
        self.left -= wanted as u64;
        Ok(Some(if self.convert { with_crlf(&part) } else { part }.into()))
    }

    /// The header block, the empty line after it included where there is one.
    pub fn header(&mut self) -> io::Result<Bytes> {
        let mut header = Vec::new();
        let mut chunk = HEADER_CHUNK;
        while let Some(part) = self.next(chunk)? {
            // The empty line may lie across two parts: three bytes of the last one are looked at again.
            let from = header.len().saturating_sub(3);
            header.extend_from_slice(&part);
            let begins =
                if from == 0 { header_end(&header) } else { empty_line(&header[from..]).map(|end| from + end) };
            if let Some(end) = begins {
                header.truncate(end);
                break;
            }
            if header.len() >= HEADER_LIMIT {
                break;
            }
            chunk = CHUNK;
        }
        header.truncate(HEADER_LIMIT);
        Ok(header.into())
    }
}

/// Opens a file for reading that is nothing else than a file. The mailbox's owner can put a link or a pipe in its place, and
/// whoever reads may read more than the owner, or would wait for ever.
pub(super) fn open_regular(path: &Path) -> io::Result<File> {
    let flags = (OFlags::NOFOLLOW | OFlags::NONBLOCK).bits();
    let file = OpenOptions::new().read(true).custom_flags(flags.cast_signed()).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is no regular file"));
    }
    Ok(file)
}

/// All of a file that [`open_regular`] opens.
pub(super) fn read_regular(path: &Path) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    open_regular(path)?.read_to_end(&mut all)?;
    Ok(all)
}

/// Number of bare LF in a file without any CRLF; `None` where there is a CRLF. Leaves the file at its beginning.
fn bare_line_ends(file: &mut File) -> io::Result<Option<u64>> {
    let mut buffer = vec![0; CHUNK];
    let mut last = 0;
    let mut bare = 0;
    loop {
        let got = match file.read(&mut buffer) {
            Ok(got) => got,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        };
        if got == 0 {
            break;
        }
        for at in memchr::memchr_iter(b'\n', &buffer[..got]) {
            let before = if at == 0 { last } else { buffer[at - 1] };
            if before == b'\r' {
                file.rewind()?;
                return Ok(None);
            }
            bare += 1;
        }
        last = buffer[got - 1];
    }
    file.rewind()?;
    Ok(Some(bare))
}

fn with_crlf(part: &[u8]) -> Vec<u8> {
    let mut converted = Vec::with_capacity(part.len() + part.len() / 32);
    let mut from = 0;
    for at in memchr::memchr_iter(b'\n', part) {
        converted.extend_from_slice(&part[from..at]);
        converted.extend_from_slice(b"\r\n");
        from = at + 1;
    }
    converted.extend_from_slice(&part[from..]);
    converted
}

/// Where the header block at the beginning ends, if its empty line is there.
fn header_end(message: &[u8]) -> Option<usize> {
    if message.starts_with(b"\n") {
        return Some(1);
    }
    if message.starts_with(b"\r\n") {
        return Some(2);
    }
    empty_line(message)
}

/// Where the first empty line after another one ends.
fn empty_line(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'\n', text).find_map(|at| match &text[at + 1..] {
        [b'\n', ..] => Some(at + 2),
        [b'\r', b'\n', ..] => Some(at + 3),
        _ => None,
    })
}

/// A time of the file system as an internal date. It knows no zone.
pub(super) fn date_of(time: SystemTime) -> InternalDate {
    let seconds = match time.duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_secs()).unwrap_or(i64::MAX),
        // Whole seconds downwards, so that times before 1970 round as those after it do.
        Err(before) => {
            let before = before.duration();
            -i64::try_from(before.as_secs()).unwrap_or(i64::MAX) - i64::from(before.subsec_nanos() > 0)
        }
    };
    InternalDate { seconds, offset_minutes: 0 }
}

/// An internal date as a time of the file system.
pub(super) fn time_of(date: InternalDate) -> SystemTime {
    let length = Duration::from_secs(date.seconds.unsigned_abs());
    let time = if date.seconds < 0 { UNIX_EPOCH.checked_sub(length) } else { UNIX_EPOCH.checked_add(length) };
    time.unwrap_or(UNIX_EPOCH)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &[u8], line_ends: LineEnds, at_most: usize) -> Vec<u8> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let mut content = Content::open(file.path(), line_ends).unwrap();
        let mut all = Vec::new();
        while let Some(part) = content.next(at_most).unwrap() {
            all.extend_from_slice(&part);
        }
        assert_eq!(all.len() as u64, content.size());
        all
    }

    #[test]
    fn bare_line_ends_become_crlf_only_where_there_is_no_crlf() {
        for (stored, presented) in [
            ("a\nb\n", "a\r\nb\r\n"),
            ("\n\n", "\r\n\r\n"),
            ("a\r\nb\n", "a\r\nb\n"),
            ("a\nb\r\n", "a\nb\r\n"),
            ("a\rb\n", "a\rb\r\n"),
            ("a", "a"),
            ("", ""),
        ] {
            for at_most in [1, 2, 3, 1000] {
                assert_eq!(read(stored.as_bytes(), LineEnds::Crlf, at_most), presented.as_bytes(), "{stored:?}");
                assert_eq!(read(stored.as_bytes(), LineEnds::AsStored, at_most), stored.as_bytes());
            }
        }
    }

    #[test]
    fn a_crlf_across_two_reads_is_seen() {
        let mut text = vec![b'x'; CHUNK - 1];
        text.extend_from_slice(b"\r\nend\n");
        assert_eq!(read(&text, LineEnds::Crlf, CHUNK), text);
    }

    #[test]
    fn a_header_ends_after_its_empty_line_wherever_reads_end() {
        for length in
            [10, HEADER_CHUNK - 4, HEADER_CHUNK - 3, HEADER_CHUNK - 2, HEADER_CHUNK - 1, HEADER_CHUNK, 300_000]
        {
            for end in ["\r\n\r\n", "\n\n", "\n\r\n"] {
                let header = format!("{}{end}", "x".repeat(length));
                let file = tempfile::NamedTempFile::new().unwrap();
                std::fs::write(file.path(), format!("{header}body\r\n\r\nmore")).unwrap();
                let read = Content::open(file.path(), LineEnds::AsStored).unwrap().header().unwrap();
                assert_eq!(read.len(), header.len(), "{length} {end:?}");
            }
        }
    }

    #[test]
    fn a_file_that_changes_while_it_is_read_is_an_error() {
        for change in [&b"longer than it was before"[..], b"short"] {
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), b"ten bytes!").unwrap();
            let mut content = Content::open(file.path(), LineEnds::AsStored).unwrap();
            std::fs::write(file.path(), change).unwrap();
            assert!(content.next(1000).is_err());
        }
    }

    #[test]
    fn dates_before_1970_are_kept() {
        for seconds in [-86_400 * 365, -1, 0, 1, 4_000_000_000] {
            let date = InternalDate { seconds, offset_minutes: 0 };
            assert_eq!(date_of(time_of(date)).seconds, seconds);
        }
    }

    #[test]
    fn only_a_regular_file_is_opened() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("secret"), "of somebody else").unwrap();
        std::os::unix::fs::symlink(at("secret"), at("link")).unwrap();
        rustix::fs::mkfifoat(rustix::fs::CWD, at("pipe"), rustix::fs::Mode::RUSR).unwrap();
        std::fs::create_dir(at("directory")).unwrap();
        for name in ["link", "pipe", "directory"] {
            assert!(Content::open(&at(name), LineEnds::AsStored).is_err(), "{name}");
        }
        assert!(Content::open(&at("secret"), LineEnds::AsStored).is_ok());
    }
}
