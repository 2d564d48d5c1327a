//! A server that says what a test tells it to, for what no real server does on demand.

use std::future::Future;

use limosa_connectors::imap::{ImapConnector, ImapSettings, SecretSource, Security, Timeouts};
use secrecy::SecretString;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::task::JoinHandle;

/// What a plain server offers.
pub const PLAIN: &str = "IMAP4rev1 AUTH=PLAIN SASL-IR";

/// One connection of the scripted server.
pub struct Peer {
    stream: BufReader<TcpStream>,
    /// Every line read so far, for looking back.
    pub heard: Vec<String>,
}

impl Peer {
    pub fn new(stream: TcpStream) -> Self {
        Self { stream: BufReader::new(stream), heard: Vec::new() }
    }

    pub async fn send(&mut self, text: impl AsRef<[u8]>) {
        self.stream.get_mut().write_all(text.as_ref()).await.unwrap();
    }

    /// False when the other side has closed.
    pub async fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.stream.get_mut().write_all(bytes).await.is_ok()
    }

    /// The next line, without its end; empty at the end of the stream.
    pub async fn line(&mut self) -> String {
        let mut line = Vec::new();
        self.stream.read_until(b'\n', &mut line).await.unwrap();
        let line = String::from_utf8_lossy(&line).trim_end().to_owned();
        self.heard.push(line.clone());
        line
    }

    pub async fn read(&mut self, count: usize) -> Vec<u8> {
        let mut bytes = vec![0; count];
        self.stream.read_exact(&mut bytes).await.unwrap();
        bytes
    }

    /// Reads what there is, and adds its length to `count`; `Ok(0)` or an error at the end.
    pub async fn try_read(&mut self, count: &mut usize) -> std::io::Result<usize> {
        let length = self.stream.fill_buf().await?.len();
        self.stream.consume(length);
        *count += length;
        Ok(length)
    }

    /// Whether the other side has closed.
    pub async fn at_end(&mut self) -> bool {
        !matches!(self.stream.fill_buf().await, Ok([_, ..]))
    }

    /// The next command that means something: its tag and the rest. What goes along with every connection is answered OK.
    pub async fn command(&mut self) -> (String, String) {
        loop {
            let line = self.line().await;
            let (tag, rest) = line.split_once(' ').unwrap_or((&line, ""));
            let name = rest.split(' ').next().unwrap();
            if ["ID", "ENABLE", "NAMESPACE", "NOOP"].contains(&name) {
                self.send(format!("{tag} OK done\r\n")).await;
                continue;
            }
            return (tag.to_owned(), rest.to_owned());
        }
    }

    /// Greets and lets the client in.
    pub async fn sign_in(&mut self, capabilities: &str) {
        self.send(format!("* OK [CAPABILITY {capabilities}] ready\r\n")).await;
        let (tag, command) = self.command().await;
        assert!(command.starts_with("AUTHENTICATE PLAIN"), "{command}");
        self.send(format!("{tag} OK [CAPABILITY {capabilities}] welcome\r\n")).await;
    }

    /// Answers SELECT or EXAMINE with an ordinary folder of so many messages, whose UIDs count from 1.
    pub async fn select(&mut self, messages: u32) {
        let (tag, command) = self.command().await;
        assert!(command.starts_with("SELECT") || command.starts_with("EXAMINE"), "{command}");
        self.send(format!(
            "* {messages} EXISTS\r\n* OK [UIDVALIDITY 7] v\r\n* OK [UIDNEXT {}] n\r\n{tag} OK [READ-WRITE] done\r\n",
            messages + 1
        ))
        .await;
    }
}

/// Starts a server for one connection; a connector to it, and the script's end.
pub async fn serve<F, S>(script: S) -> (ImapConnector, JoinHandle<()>)
where
    S: FnOnce(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let (settings, server) = serve_settings(script).await;
    (ImapConnector::new(settings).unwrap(), server)
}

/// The same, with settings that can still be changed.
pub async fn serve_settings<F, S>(script: S) -> (ImapSettings, JoinHandle<()>)
where
    S: FnOnce(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    serve_on(TcpListener::bind("127.0.0.1:0").await.unwrap(), script)
}

/// Starts a server for so many connections, one after another; the script is told the number of each.
pub async fn serve_each<F, S>(connections: usize, script: S) -> (ImapConnector, JoinHandle<()>)
where
    S: Fn(usize, Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings_for(&listener);
    let server = tokio::spawn(async move {
        for number in 0..connections {
            let (stream, _) = listener.accept().await.unwrap();
            script(number, Peer::new(stream)).await;
        }
    });
    (ImapConnector::new(settings).unwrap(), server)
}

/// The same with as little room as the system allows for what is on its way to the server and from it.
pub async fn serve_tight<F, S>(script: S) -> (ImapConnector, JoinHandle<()>)
where
    S: FnOnce(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let socket = TcpSocket::new_v4().unwrap();
    // Sockets that are accepted have the listener's sizes.
    socket.set_recv_buffer_size(4096).unwrap();
    socket.set_send_buffer_size(4096).unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let (settings, server) = serve_on(socket.listen(1).unwrap(), script);
    (ImapConnector::new(settings).unwrap(), server)
}

fn serve_on<F, S>(listener: TcpListener, script: S) -> (ImapSettings, JoinHandle<()>)
where
    S: FnOnce(Peer) -> F + Send + 'static,
    F: Future<Output = ()> + Send,
{
    let settings = settings_for(&listener);
    let server = tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        script(Peer::new(stream)).await;
    });
    (settings, server)
}

fn settings_for(listener: &TcpListener) -> ImapSettings {
    let secret = SecretSource::Password(SecretString::from("open-sesame"));
    let mut settings = ImapSettings::new("127.0.0.1", Security::None, "alice", secret);
    settings.port = listener.local_addr().unwrap().port();
    // Long enough for a busy machine; tests of silence set their own.
    settings.timeouts = Timeouts { connect: std::time::Duration::from_secs(20), ..Timeouts::default() };
    settings
}
