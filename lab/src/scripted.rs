//! How does a server lie? A fake IMAP server that plays a script: it answers commands by rules and
//! may send anything, fall silent or hang up.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::{JoinHandle, JoinSet};

use crate::error::{LabError, Result};

/// What a fake server does in one connection.
///
/// For each command the first rule that fits and is not used up answers. A rule fits if the command
/// without its tag begins with the rule's words, in any case. In a reply, `{tag}` stands for the
/// command's tag and `{line}` for a pause in which one line is read (a SASL response); all else is
/// sent as it stands, so that line ends and wrong literals can be given exactly. What fits no rule is
/// answered with BAD.
#[derive(Debug, Clone, Default)]
pub struct Script {
    greeting: Vec<u8>,
    rules: Vec<Rule>,
    ordered: bool,
}

#[derive(Debug, Clone)]
struct Rule {
    words: String,
    reply: Vec<u8>,
    /// How often the rule may still be used.
    left: Option<u32>,
    then: Then,
}

/// What follows a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Then {
    /// The next command is read.
    #[default]
    GoOn,
    /// The connection is closed in order.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing is ever sent again; what the client sends is read and ignored.
    Silence,
}

impl Script {
    /// A script that begins with a greeting, line end included; an empty one is silence.
    pub fn new(greeting: impl AsRef<[u8]>) -> Script {
        Script { greeting: greeting.as_ref().to_vec(), ..Script::default() }
    }

    /// A script with proper answers up to the choice of a folder: `INBOX` alone, empty, with these
    /// capabilities. Rules added later come after, so put what shall differ into [`Script::first`].
    pub fn well_behaved(capabilities: &str) -> Script {
        let capability = format!("* CAPABILITY {capabilities}\r\n{{tag}} OK done\r\n");
        Script::new(format!("* OK [CAPABILITY {capabilities}] ready\r\n"))
            .on("CAPABILITY", capability)
            .on("LOGIN", "{tag} OK signed in\r\n")
            .on("AUTHENTICATE", "+ \r\n{line}{tag} OK signed in\r\n")
            .on("ID", "* ID NIL\r\n{tag} OK done\r\n")
            .on("ENABLE", "* ENABLED\r\n{tag} OK done\r\n")
            .on("NAMESPACE", "* NAMESPACE ((\"\" \"/\")) NIL NIL\r\n{tag} OK done\r\n")
            .on("LIST", "* LIST (\\HasNoChildren) \"/\" INBOX\r\n{tag} OK done\r\n")
            .on("LSUB", "* LSUB () \"/\" INBOX\r\n{tag} OK done\r\n")
            .on("STATUS", "* STATUS INBOX (MESSAGES 0 UIDNEXT 1 UIDVALIDITY 1)\r\n{tag} OK done\r\n")
            .on("NOOP", "{tag} OK done\r\n")
            .on("LOGOUT", "* BYE\r\n{tag} OK done\r\n")
    }

    /// Adds a rule after those that stand.
    #[must_use]
    pub fn on(self, words: &str, reply: impl AsRef<[u8]>) -> Script {
        self.rule(words, reply, None, Then::GoOn)
    }

    /// Adds a rule that is used once, after those that stand.
    #[must_use]
    pub fn once(self, words: &str, reply: impl AsRef<[u8]>) -> Script {
        self.rule(words, reply, Some(1), Then::GoOn)
    }

    /// Adds a rule after which the connection does not simply go on.
    #[must_use]
    pub fn last(self, words: &str, reply: impl AsRef<[u8]>, then: Then) -> Script {
        self.rule(words, reply, None, then)
    }

    /// Puts another script's rules before those that stand.
    #[must_use]
    pub fn first(mut self, other: Script) -> Script {
        let rest = std::mem::replace(&mut self.rules, other.rules);
        self.rules.extend(rest);
        self
    }

    /// The same rules as steps: each is used once, in this order, and a command that does not fit the
    /// next step ends the connection and is a mismatch.
    #[must_use]
    pub fn in_order(mut self) -> Script {
        self.ordered = true;
        self
    }

    fn rule(mut self, words: &str, reply: impl AsRef<[u8]>, left: Option<u32>, then: Then) -> Script {
        self.rules.push(Rule { words: words.to_ascii_uppercase(), reply: reply.as_ref().to_vec(), left, then });
        self
    }

    fn choose(&mut self, command: &str) -> Option<Rule> {
        if self.ordered {
            let fits = self.rules.first().is_some_and(|rule| command.starts_with(&rule.words));
            return fits.then(|| self.rules.remove(0));
        }
        let rule = self.rules.iter_mut().find(|rule| rule.left != Some(0) && command.starts_with(&rule.words))?;
        rule.left = rule.left.map(|left| left - 1);
        Some(rule.clone())
    }
}

/// A running fake server. Dropping it closes its connections.
#[derive(Debug)]
pub struct Scripted {
    address: SocketAddr,
    heard: Arc<Mutex<Heard>>,
    listener: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Heard {
    connections: usize,
    commands: Vec<String>,
    mismatches: Vec<String>,
}

impl Scripted {
    /// Starts a fake server on a free port of 127.0.0.1. Each connection plays the next script; the
    /// last one is played again and again.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(scripts: Vec<Script>) -> Result<Scripted> {
        let failed = |source| LabError::Connection { server: "the fake server's own port".to_owned(), source };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let heard = Arc::new(Mutex::new(Heard::default()));
        let listener = tokio::spawn(listen(socket, scripts, Arc::clone(&heard)));
        Ok(Scripted { address, heard, listener })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`Scripted::address`].
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// How many connections there have been.
    pub fn connections(&self) -> usize {
        lock(&self.heard).connections
    }

    /// The commands received so far, without tags and without the contents of literals.
    pub fn commands(&self) -> Vec<String> {
        lock(&self.heard).commands.clone()
    }

    /// The commands that did not fit their step ([`Script::in_order`]).
    pub fn mismatches(&self) -> Vec<String> {
        lock(&self.heard).mismatches.clone()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

fn lock(heard: &Mutex<Heard>) -> std::sync::MutexGuard<'_, Heard> {
    heard.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn listen(socket: TcpListener, scripts: Vec<Script>, heard: Arc<Mutex<Heard>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = socket.accept().await {
        let number = lock(&heard).connections;
        lock(&heard).connections += 1;
        let script = scripts.get(number).or(scripts.last()).cloned().unwrap_or_default();
        let heard = Arc::clone(&heard);
        // A connection that fails is one that the client has closed.
        connections.spawn(async move { play(stream, script, &heard).await.unwrap_or(()) });
        while connections.try_join_next().is_some() {}
    }
}

async fn play(stream: TcpStream, mut script: Script, heard: &Mutex<Heard>) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    stream.get_mut().write_all(&script.greeting).await?;
    loop {
        let Some((tag, command)) = read_command(&mut stream).await? else {
            return Ok(());
        };
        lock(heard).commands.push(command.clone());
        let rule = script.choose(&command.to_ascii_uppercase());
        let Some(rule) = rule else {
            if script.ordered {
                lock(heard).mismatches.push(command);
                return Ok(());
            }
            let reply = format!("{tag} BAD not in the script\r\n");
            stream.get_mut().write_all(reply.as_bytes()).await?;
            continue;
        };
        answer(&mut stream, &rule.reply, &tag).await?;
        match rule.then {
            Then::GoOn => {}
            Then::Close => return Ok(()),
            Then::Reset => return stream.get_mut().set_zero_linger(),
            Then::Silence => {
                tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
                return Ok(());
            }
        }
    }
}

/// Sends a reply with its placeholders filled in.
async fn answer(stream: &mut BufReader<TcpStream>, reply: &[u8], tag: &str) -> std::io::Result<()> {
    let mut rest = reply;
    loop {
        let pause = memchr::memmem::find(rest, b"{line}");
        let (now, later) = match pause {
            Some(position) => (&rest[..position], Some(&rest[position + 6..])),
            None => (rest, None),
        };
        let mut filled = Vec::with_capacity(now.len());
        let mut start = 0;
        for position in memchr::memmem::find_iter(now, b"{tag}") {
            filled.extend_from_slice(&now[start..position]);
            filled.extend_from_slice(tag.as_bytes());
            start = position + 5;
        }
        filled.extend_from_slice(&now[start..]);
        stream.get_mut().write_all(&filled).await?;
        let Some(later) = later else {
            return Ok(());
        };
        let mut line = Vec::new();
        stream.read_until(b'\n', &mut line).await?;
        rest = later;
    }
}

/// Reads a command with its literals, inviting those that wait to be invited. The tag, and the rest
/// without the contents of literals; `None` at the end.
async fn read_command(stream: &mut BufReader<TcpStream>) -> std::io::Result<Option<(String, String)>> {
    let mut text = String::new();
    loop {
        let mut line = Vec::new();
        if stream.read_until(b'\n', &mut line).await? == 0 {
            return Ok(None);
        }
        let line = String::from_utf8_lossy(&line);
        let line = line.trim_end_matches(['\r', '\n']);
        text.push_str(line);
        let Some((length, waits)) = announced(line) else {
            break;
        };
        if waits {
            stream.get_mut().write_all(b"+ go on\r\n").await?;
        }
        let copied = tokio::io::copy(&mut stream.take(length), &mut tokio::io::sink()).await?;
        if copied < length {
            return Ok(None);
        }
    }
    let (tag, command) = text.split_once(' ').unwrap_or((&text, ""));
    Ok(Some((tag.to_owned(), command.to_owned())))
}

/// The length of the literal that a line announces, and whether the client waits.
fn announced(line: &str) -> Option<(u64, bool)> {
    let inside = line.strip_suffix('}')?.rsplit_once('{')?.1;
    match inside.strip_suffix('+') {
        Some(length) => Some((length.parse().ok()?, false)),
        None => Some((inside.parse().ok()?, true)),
    }
}
