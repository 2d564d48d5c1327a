//! How does the laboratory itself talk to a server? A small IMAP client: cleartext, one command at a
//! time, no parser beyond literals. It shares nothing with the client under test.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::error::{LabError, Result};

/// Longer than any server here thinks about any command.
const PATIENCE: Duration = Duration::from_secs(300);

/// A connection to a server's cleartext port.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<TcpStream>,
    server: SocketAddr,
    tags: u32,
    greeting: String,
}

/// What a server answered to one command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The untagged responses, each whole with its literals, without the last line end.
    pub untagged: Vec<Vec<u8>>,
    /// What follows the tag: `OK …`, `NO …` or `BAD …`.
    pub status: String,
}

impl Answer {
    /// The untagged responses as text, with U+FFFD for what is no UTF-8.
    pub fn text(&self) -> String {
        self.untagged.iter().map(|line| String::from_utf8_lossy(line).into_owned()).collect::<Vec<_>>().join("\n")
    }
}

impl Client {
    /// Connects and reads the greeting.
    ///
    /// # Errors
    /// If the connection fails or ends before a greeting.
    pub async fn connect(server: SocketAddr) -> Result<Client> {
        let stream = TcpStream::connect(server).await.map_err(|source| connection(server, source))?;
        stream.set_nodelay(true).map_err(|source| connection(server, source))?;
        let mut client =
            Client { stream: BufReader::with_capacity(64 * 1024, stream), server, tags: 0, greeting: String::new() };
        let greeting = client.read_response().await?;
        client.greeting = String::from_utf8_lossy(&greeting).into_owned();
        Ok(client)
    }

    /// The server's greeting.
    pub fn greeting(&self) -> &str {
        &self.greeting
    }

    /// Signs in with LOGIN.
    ///
    /// # Errors
    /// If the server says no or the connection fails.
    pub async fn login(&mut self, user: &str, password: &str) -> Result<()> {
        let command = format!("LOGIN {} {}", quoted(user), quoted(password));
        let answer = self.exchange(&command).await?;
        expect_ok(&format!("LOGIN {user}"), answer).map(drop)
    }

    /// Sends one command (without tag and line end) and reads its answer.
    ///
    /// # Errors
    /// If the answer is not OK or the connection fails.
    pub async fn command(&mut self, command: &str) -> Result<Answer> {
        let answer = self.exchange(command).await?;
        expect_ok(command, answer)
    }

    /// As [`Client::command`], but NO and BAD are answers like any other.
    ///
    /// # Errors
    /// If the connection fails.
    pub async fn exchange(&mut self, command: &str) -> Result<Answer> {
        let tag = self.next_tag();
        self.send(format!("{tag} {command}\r\n").as_bytes()).await?;
        self.read_answer(&tag).await
    }

    /// Appends one message with a synchronizing literal, which every server takes.
    /// `flags` stand in parentheses; `date` is as in IMAP, without quotes.
    ///
    /// # Errors
    /// If the answer is not OK or the connection fails.
    pub async fn append(&mut self, folder: &str, flags: &str, date: Option<&str>, message: &[u8]) -> Result<Answer> {
        let tag = self.next_tag();
        let date = date.map(|date| format!(" \"{date}\"")).unwrap_or_default();
        let command = format!("APPEND {} {flags}{date} {{{}}}", quoted(folder), message.len());
        self.send(format!("{tag} {command}\r\n").as_bytes()).await?;
        loop {
            let line = self.read_response().await?;
            if line.starts_with(b"+") {
                break;
            }
            if let Some(status) = status_of(&line, &tag) {
                return Err(LabError::Answer { command, answer: status });
            }
        }
        self.send(message).await?;
        self.send(b"\r\n").await?;
        let answer = self.read_answer(&tag).await?;
        expect_ok(&command, answer)
    }

    /// The server's capabilities, in upper case.
    ///
    /// # Errors
    /// If the answer is not OK or the connection fails.
    pub async fn capabilities(&mut self) -> Result<Vec<String>> {
        let answer = self.command("CAPABILITY").await?;
        Ok(answer
            .text()
            .lines()
            .filter_map(|line| line.strip_prefix("* CAPABILITY "))
            .flat_map(str::split_whitespace)
            .map(str::to_ascii_uppercase)
            .collect())
    }

    /// The hierarchy separator and the prefix of the personal namespace.
    ///
    /// # Errors
    /// If the answer is not OK or the connection fails.
    pub async fn namespace(&mut self) -> Result<(char, String)> {
        let answer = self.command("NAMESPACE").await?.text();
        let personal: Vec<&str> = answer.split('"').collect();
        match personal.as_slice() {
            [_, prefix, _, separator, ..] => Ok((separator.chars().next().unwrap_or('/'), (*prefix).to_owned())),
            _ => Err(LabError::Answer { command: "NAMESPACE".to_owned(), answer }),
        }
    }

    pub(crate) fn next_tag(&mut self) -> String {
        self.tags += 1;
        format!("L{}", self.tags)
    }

    pub(crate) async fn send(&mut self, bytes: &[u8]) -> Result<()> {
        let sent = tokio::time::timeout(PATIENCE, self.stream.get_mut().write_all(bytes)).await;
        self.timely(sent)
    }

    pub(crate) async fn read_answer(&mut self, tag: &str) -> Result<Answer> {
        let mut untagged = Vec::new();
        loop {
            let line = self.read_response().await?;
            if let Some(status) = status_of(&line, tag) {
                return Ok(Answer { untagged, status });
            }
            untagged.push(line);
        }
    }

    /// Reads one response with its literals, without the last line end.
    pub(crate) async fn read_response(&mut self) -> Result<Vec<u8>> {
        let read = tokio::time::timeout(PATIENCE, read_response(&mut self.stream)).await;
        self.timely(read)
    }

    fn timely<T>(&self, outcome: Result<std::io::Result<T>, tokio::time::error::Elapsed>) -> Result<T> {
        outcome
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()))
            .map_err(|source| connection(self.server, source))
    }
}

async fn read_response(stream: &mut BufReader<TcpStream>) -> std::io::Result<Vec<u8>> {
    let mut response = Vec::new();
    loop {
        let line_start = response.len();
        stream.read_until(b'\n', &mut response).await?;
        if response.len() == line_start || response.last() != Some(&b'\n') {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        let Some(length) = literal_length(&response[line_start..]) else {
            response.pop();
            if response.last() == Some(&b'\r') {
                response.pop();
            }
            return Ok(response);
        };
        let literal_start = response.len();
        response.resize(literal_start + length, 0);
        stream.read_exact(&mut response[literal_start..]).await?;
    }
}

/// The length that a line ending in `{n}` announces.
fn literal_length(line: &[u8]) -> Option<usize> {
    let line = line.strip_suffix(b"}\r\n")?;
    let open = line.iter().rposition(|byte| *byte == b'{')?;
    std::str::from_utf8(&line[open + 1..]).ok()?.parse().ok()
}

fn status_of(line: &[u8], tag: &str) -> Option<String> {
    let rest = line.strip_prefix(tag.as_bytes())?.strip_prefix(b" ")?;
    Some(String::from_utf8_lossy(rest).into_owned())
}

pub(crate) fn expect_ok(command: &str, answer: Answer) -> Result<Answer> {
    if answer.status.starts_with("OK") {
        return Ok(answer);
    }
    Err(LabError::Answer { command: command.to_owned(), answer: answer.status })
}

fn connection(server: SocketAddr, source: std::io::Error) -> LabError {
    LabError::Connection { server: server.to_string(), source }
}

/// A quoted string (RFC 3501 §4.3).
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
