//! How does a network misbehave? A TCP proxy on loopback that forwards to a server and, by a plan,
//! delays, narrows, cuts, stalls or half-closes, at an exact byte or after an exact command.
//!
//! Each way of a connection has two tasks' worth of work: one reads and decides, the other waits until
//! a piece is due, writes it and carries out the fault. So a delay costs time but no throughput.

mod commands;

use std::net::{Ipv4Addr, SocketAddr};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use self::commands::CommandCounter;
use crate::error::{LabError, Result};

/// Pieces of this size; at most [`PIECES_IN_FLIGHT`] of them wait for their time in one way.
const PIECE: usize = 16 * 1024;
const PIECES_IN_FLIGHT: usize = 1024;

/// What to do to the connections.
#[derive(Debug, Clone, Default)]
pub struct Plan {
    /// From the client to the server.
    pub to_server: Way,
    /// From the server to the client.
    pub to_client: Way,
    /// The connections that faults happen to, counted from 0; `None` means all. Delays and limits
    /// hold for all connections.
    pub faulty_connections: Option<Range<u64>>,
}

/// What to do to one way of a connection.
#[derive(Debug, Clone, Default)]
pub struct Way {
    /// How much later each byte arrives.
    pub delay: Duration,
    /// At most so many bytes a second, all connections together.
    pub bytes_per_second: Option<u64>,
    /// What happens, and where.
    pub fault: Option<Fault>,
}

/// A fault and where it happens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault {
    /// Where.
    pub at: At,
    /// What.
    pub harm: Harm,
}

/// A point in a way of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum At {
    /// When so many bytes have been forwarded this way, and not one more.
    Byte(u64),
    /// When so many of the client's commands, each with its literals, have been forwarded to the
    /// server. Only for cleartext: within TLS nothing can be counted but bytes.
    Command(u64),
}

/// What happens to a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Harm {
    /// Both sides see the connection closed in order (FIN).
    Cut,
    /// Both sides see the connection reset (RST).
    Reset,
    /// Nothing more passes this way; the connection stays open.
    Stall,
    /// The receiver sees the end of this way; the other way goes on.
    HalfClose,
}

/// What has passed so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Connections accepted.
    pub connections: u64,
    /// Bytes forwarded to the server.
    pub to_server: u64,
    /// Bytes forwarded to clients.
    pub to_client: u64,
    /// Commands forwarded to the server, where they can be seen.
    pub commands: u64,
    /// Times that the server spoke after the client had spoken. A client that waits for each answer
    /// pays one round trip for each; one that sends ahead pays fewer.
    pub turns: u64,
    /// Faults carried out.
    pub faults: u64,
}

#[derive(Debug, Default)]
struct Counters {
    connections: AtomicU64,
    to_server: AtomicU64,
    to_client: AtomicU64,
    commands: AtomicU64,
    turns: AtomicU64,
    faults: AtomicU64,
}

/// When each way of the link has passed on all that it was given. Connections share it.
#[derive(Debug)]
struct Link {
    to_server: Mutex<Instant>,
    to_client: Mutex<Instant>,
}

/// A running proxy. Dropping it closes its connections.
#[derive(Debug)]
pub struct Chaos {
    address: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    counters: Arc<Counters>,
    cut: watch::Sender<u64>,
    listener: JoinHandle<()>,
}

impl Chaos {
    /// Starts a proxy in front of a server, on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// If no port can be opened.
    pub async fn start(server: SocketAddr, plan: Plan) -> Result<Chaos> {
        let failed = |source| LabError::Connection { server: "the proxy's own port".to_owned(), source };
        let socket = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        let plan = Arc::new(Mutex::new(plan));
        let counters = Arc::new(Counters::default());
        let cut = watch::Sender::new(0);
        let listener = tokio::spawn(listen(socket, server, Arc::clone(&plan), Arc::clone(&counters), cut.clone()));
        Ok(Chaos { address, plan, counters, cut, listener })
    }

    /// Where clients connect to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The port of [`Chaos::address`].
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Sets the plan for connections to come; those that stand keep theirs.
    pub fn set_plan(&self, plan: Plan) {
        *self.plan.lock().unwrap_or_else(PoisonError::into_inner) = plan;
    }

    /// Closes all connections that stand.
    pub fn cut_all(&self) {
        self.cut.send_modify(|count| *count += 1);
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Counts {
            connections: read(&self.counters.connections),
            to_server: read(&self.counters.to_server),
            to_client: read(&self.counters.to_client),
            commands: read(&self.counters.commands),
            turns: read(&self.counters.turns),
            faults: read(&self.counters.faults),
        }
    }
}

impl Drop for Chaos {
    fn drop(&mut self) {
        self.listener.abort();
    }
}

async fn listen(
    socket: TcpListener,
    server: SocketAddr,
    plan: Arc<Mutex<Plan>>,
    counters: Arc<Counters>,
    cut: watch::Sender<u64>,
) {
    // Aborting this task drops the set, and that ends all connections.
    let mut connections = JoinSet::new();
    let now = Instant::now();
    let link = Arc::new(Link { to_server: Mutex::new(now), to_client: Mutex::new(now) });
    while let Ok((client, _)) = socket.accept().await {
        let number = counters.connections.fetch_add(1, Ordering::SeqCst);
        let plan = plan.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (counters, link) = (Arc::clone(&counters), Arc::clone(&link));
        let mut cut = cut.subscribe();
        connections.spawn(async move {
            tokio::select! {
                () = connection(client, server, plan, number, &counters, &link) => {}
                _ = cut.changed() => {}
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(
    mut client: TcpStream,
    server: SocketAddr,
    mut plan: Plan,
    number: u64,
    counters: &Counters,
    link: &Link,
) {
    // A server that cannot be reached looks to the client like one that closes at once.
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    if client.set_nodelay(true).and_then(|()| server.set_nodelay(true)).is_err() {
        return;
    }
    if plan.faulty_connections.as_ref().is_some_and(|faulty| !faulty.contains(&number)) {
        plan.to_server.fault = None;
        plan.to_client.fault = None;
    }
    let commands = watch::Sender::new(0);
    let ended = {
        let (client_read, client_write) = client.split();
        let (server_read, server_write) = server.split();
        let client_spoke = AtomicBool::new(false);
        let course =
            |from_client| Course { from_client, commands: &commands, client_spoke: &client_spoke, counters, link };
        let up = pump(client_read, server_write, &plan.to_server, course(true));
        let down = pump(server_read, client_write, &plan.to_client, course(false));
        both(up, down).await
    };
    if ended == End::Reset {
        // What fails here fails because the other side was faster.
        let _ = client.set_zero_linger();
        let _ = server.set_zero_linger();
    }
}

/// How one way of a connection ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The sender closed, and the receiver was told; or the receiver is gone.
    Closed,
    Cut,
    Reset,
}

/// Runs both ways until both are closed or one is cut.
async fn both(up: impl Future<Output = End>, down: impl Future<Output = End>) -> End {
    tokio::pin!(up, down);
    tokio::select! {
        end = &mut up => match end {
            End::Closed => down.await,
            harmed => harmed,
        },
        end = &mut down => match end {
            End::Closed => up.await,
            harmed => harmed,
        },
    }
}

impl Course<'_> {
    /// When a piece that arrives at `due` has passed the link.
    fn passed(&self, way: &Way, due: Instant, length: usize) -> Instant {
        let Some(rate) = way.bytes_per_second else {
            return due;
        };
        let free = if self.from_client { &self.link.to_server } else { &self.link.to_client };
        let mut free = free.lock().unwrap_or_else(PoisonError::into_inner);
        // Counted from when it was free, not from now: timers are late by up to a millisecond, which would add up.
        *free = due.max(*free) + Duration::from_secs_f64(length as f64 / rate.max(1) as f64);
        *free
    }

    fn count(&self, bytes: u64, commands: u64) {
        if self.from_client {
            self.counters.to_server.fetch_add(bytes, Ordering::SeqCst);
            let before = self.commands.send_replace(commands);
            self.counters.commands.fetch_add(commands - before, Ordering::SeqCst);
        } else {
            self.counters.to_client.fetch_add(bytes, Ordering::SeqCst);
            if self.client_spoke.swap(false, Ordering::SeqCst) {
                self.counters.turns.fetch_add(1, Ordering::SeqCst);
            }
        }
    }
}

enum Item {
    Piece { due: Instant, bytes: Vec<u8>, commands: u64 },
    Harm(Harm),
}

/// What one way of a connection shares with the other and with the rest of the proxy.
#[derive(Clone, Copy)]
struct Course<'a> {
    from_client: bool,
    /// The client's commands on this connection so far.
    commands: &'a watch::Sender<u64>,
    client_spoke: &'a AtomicBool,
    counters: &'a Counters,
    link: &'a Link,
}

async fn pump(reader: ReadHalf<'_>, writer: WriteHalf<'_>, way: &Way, course: Course<'_>) -> End {
    let (sender, receiver) = mpsc::channel(PIECES_IN_FLIGHT);
    let reading = read(reader, way, course.from_client, course.commands.subscribe(), sender);
    let writing = write(writer, way, course, receiver);
    tokio::pin!(reading, writing);
    tokio::select! {
        () = &mut reading => writing.await,
        end = &mut writing => end,
    }
}

/// Reads until the end or the fault's place; the channel closes behind it.
async fn read(
    mut reader: ReadHalf<'_>,
    way: &Way,
    from_client: bool,
    mut commands: watch::Receiver<u64>,
    sender: mpsc::Sender<Item>,
) {
    let mut counter = CommandCounter::default();
    let mut seen = 0u64;
    loop {
        let mut bytes = vec![0; PIECE];
        let read = match way.fault {
            Some(Fault { at: At::Command(number), harm }) if !from_client => {
                let read = tokio::select! {
                    biased;
                    () = reached(&mut commands, number) => None,
                    read = reader.read(&mut bytes) => Some(read),
                };
                let Some(read) = read else {
                    // The writer is gone only if the connection is.
                    let _ = sender.send(Item::Harm(harm)).await;
                    return;
                };
                read
            }
            Some(Fault { at: At::Byte(limit), harm }) if seen >= limit => {
                let _ = sender.send(Item::Harm(harm)).await;
                return;
            }
            _ => reader.read(&mut bytes).await,
        };
        let length = match read {
            Ok(0) | Err(_) => return,
            Ok(length) => length,
        };
        bytes.truncate(length);
        let mut harm = None;
        match way.fault {
            Some(fault @ Fault { at: At::Byte(limit), .. }) => {
                let left = usize::try_from(limit - seen).unwrap_or(usize::MAX);
                if bytes.len() >= left {
                    bytes.truncate(left);
                    harm = Some(fault.harm);
                }
                counter.take(&bytes, None);
            }
            Some(fault @ Fault { at: At::Command(number), .. }) if from_client => {
                if let Some(end) = counter.take(&bytes, Some(number)) {
                    bytes.truncate(end);
                    harm = Some(fault.harm);
                }
            }
            _ => {
                counter.take(&bytes, None);
            }
        }
        seen += bytes.len() as u64;
        let piece = Item::Piece { due: Instant::now() + way.delay, bytes, commands: counter.commands() };
        if sender.send(piece).await.is_err() {
            return;
        }
        if let Some(harm) = harm {
            let _ = sender.send(Item::Harm(harm)).await;
            return;
        }
    }
}

/// Waits until so many commands have been forwarded; for ever if the client's way has ended before.
async fn reached(commands: &mut watch::Receiver<u64>, number: u64) {
    let ended = commands.wait_for(|count| *count >= number).await.is_err();
    if ended {
        std::future::pending::<()>().await;
    }
}

async fn write(mut writer: WriteHalf<'_>, way: &Way, course: Course<'_>, mut receiver: mpsc::Receiver<Item>) -> End {
    let counters = course.counters;
    while let Some(item) = receiver.recv().await {
        match item {
            Item::Piece { due, bytes, commands: so_far } => {
                tokio::time::sleep_until(course.passed(way, due, bytes.len())).await;
                if course.from_client {
                    // Before the server can answer.
                    course.client_spoke.store(true, Ordering::SeqCst);
                }
                if writer.write_all(&bytes).await.is_err() {
                    return End::Closed;
                }
                course.count(bytes.len() as u64, so_far);
            }
            Item::Harm(harm) => {
                counters.faults.fetch_add(1, Ordering::SeqCst);
                match harm {
                    Harm::Cut => return End::Cut,
                    Harm::Reset => return End::Reset,
                    Harm::Stall => std::future::pending::<()>().await,
                    Harm::HalfClose => break,
                }
            }
        }
    }
    // Fails only if the receiver is gone already.
    let _ = writer.shutdown().await;
    End::Closed
}
