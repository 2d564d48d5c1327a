//! How does the raw client speak IMAP? As little as it can: lines, and literals that are skipped.

use std::io::{BufRead, BufReader, Error, Result, Write};
use std::net::{SocketAddr, TcpStream};

use limosa_lab::quoted;

use super::Moved;
use crate::servers::PASSWORD;

/// Large enough that a read takes what the socket holds.
const BUFFER: usize = 256 * 1024;

/// Every command has this tag: nobody here confuses answers, which come in order.
pub(super) const TAG: &str = "a";

/// A connection that has signed in.
pub(super) struct Connection {
    pub(super) answers: Answers,
    pub(super) stream: TcpStream,
}

/// The server's half of a connection.
pub(super) struct Answers {
    reader: BufReader<TcpStream>,
    line: Vec<u8>,
}

impl Connection {
    pub(super) fn open(server: SocketAddr, user: &str) -> Result<Connection> {
        let stream = TcpStream::connect(server)?;
        stream.set_nodelay(true)?;
        let reader = BufReader::with_capacity(BUFFER, stream.try_clone()?);
        let mut connection = Connection { answers: Answers { reader, line: Vec::new() }, stream };
        connection.answers.read_line()?;
        connection.command(&format!("LOGIN {user} {PASSWORD}"))?;
        Ok(connection)
    }

    /// Sends a command and drops all of its answer.
    pub(super) fn command(&mut self, command: &str) -> Result<Moved> {
        self.stream.write_all(format!("{TAG} {command}\r\n").as_bytes())?;
        self.answers.skip(command)
    }

    /// As [`Connection::command`], where NO is well too.
    pub(super) fn try_command(&mut self, command: &str) -> Result<()> {
        self.stream.write_all(format!("{TAG} {command}\r\n").as_bytes())?;
        self.answers.skip_any().map(drop)
    }

    /// The folders that can be opened, as the server writes them in commands, with their numbers of messages.
    pub(super) fn folders(&mut self) -> Result<Vec<(String, usize)>> {
        self.stream.write_all(format!("{TAG} LIST \"\" \"*\" RETURN (STATUS (MESSAGES))\r\n").as_bytes())?;
        let mut folders = Vec::new();
        loop {
            let line = self.answers.read_line()?;
            if line.starts_with(TAG.as_bytes()) {
                return Ok(folders);
            }
            let text = String::from_utf8_lossy(line);
            let status = text.trim_end().strip_prefix("* STATUS ").and_then(|rest| rest.rsplit_once(" (MESSAGES "));
            if let Some((name, count)) = status
                && let Some(count) = count.strip_suffix(')').and_then(|count| count.parse().ok())
            {
                folders.push((name.to_owned(), count));
            }
        }
    }

    /// A folder of the generator, as it is written in commands; made, if it is not there yet.
    pub(super) fn make(&mut self, path: &[String]) -> Result<String> {
        let names: Vec<String> = path.iter().map(|name| limosa_lab::mutf7::encode(name)).collect();
        let name = quoted(&names.join("/"));
        if path != ["INBOX"] {
            self.try_command(&format!("CREATE {name}"))?;
        }
        Ok(name)
    }
}

impl Answers {
    /// Reads to the end of the next command's answer and drops it. Literals are messages.
    pub(super) fn skip(&mut self, command: &str) -> Result<Moved> {
        let moved = self.skip_any()?;
        let status = &self.line[TAG.len()..];
        match status.starts_with(b" OK") {
            true => Ok(moved),
            false => Err(Error::other(format!("{command} was answered with{}", String::from_utf8_lossy(status)))),
        }
    }

    fn skip_any(&mut self) -> Result<Moved> {
        let mut moved = Moved::default();
        loop {
            self.read_line()?;
            if let Some(length) = literal(&self.line) {
                self.skip_bytes(length)?;
                moved.messages += 1;
                moved.bytes += length as u64;
            } else if self.line.starts_with(TAG.as_bytes()) {
                return Ok(moved);
            }
        }
    }

    fn read_line(&mut self) -> Result<&[u8]> {
        self.line.clear();
        match self.reader.read_until(b'\n', &mut self.line)? {
            0 => Err(std::io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(&self.line),
        }
    }

    fn skip_bytes(&mut self, mut left: usize) -> Result<()> {
        while left > 0 {
            let held = self.reader.fill_buf()?.len();
            if held == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            let taken = held.min(left);
            self.reader.consume(taken);
            left -= taken;
        }
        Ok(())
    }
}

/// The length that a line ending in `{n}` announces.
fn literal(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}
