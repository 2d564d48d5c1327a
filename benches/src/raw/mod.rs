//! What can the servers do at most? A client that does nothing but that: blocking sockets, a thread for each way of a
//! connection, requests prepared before the clock starts, answers dropped.

mod connection;
mod read;
mod sign_in;
mod write;

use std::fmt;
use std::net::SocketAddr;
use std::sync::Barrier;
use std::time::Instant;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use crate::error::{BenchError, Result};
use crate::peers::Pair;
use crate::workloads::Mail;

/// A limit to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum RawLimit {
    /// Fetch everything and drop it.
    Read { connections: usize },
    /// Append prepared messages.
    Write { how: How, connections: usize },
    /// Both at the same time, each on connections of its own; what is written is not what is read.
    Both { how: How, connections: usize },
    /// Sign in to the source and, at the same time, to the target; list there, if wanted; sign out; again.
    SignIn { at_once: usize, list: bool },
}

/// How messages are appended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum How {
    /// Each waits for its answer.
    OneByOne,
    /// None waits.
    Pipelined,
    /// So many in one command (RFC 3502), as far as [`BATCH_BYTES`] allow; no command waits.
    Batches(usize),
}

/// A batch ends before it exceeds this; a single message may be larger.
const BATCH_BYTES: usize = 8 * 1024 * 1024;

impl fmt::Display for RawLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RawLimit::Read { connections } => write!(f, "raw FETCH x{connections}"),
            RawLimit::Write { how, connections } => write!(f, "raw {how} x{connections}"),
            RawLimit::Both { how, connections } => write!(f, "raw FETCH and {how} x{connections}"),
            RawLimit::SignIn { at_once, list: true } => write!(f, "raw sign-in and LIST x{at_once}"),
            RawLimit::SignIn { at_once, list: false } => write!(f, "raw sign-in x{at_once}"),
        }
    }
}

impl fmt::Display for How {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            How::OneByOne => f.write_str("APPEND one by one"),
            How::Pipelined => f.write_str("APPEND pipelined"),
            How::Batches(messages) => write!(f, "MULTIAPPEND {messages}"),
        }
    }
}

/// What the raw client's process is told to do.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Task {
    limit: RawLimit,
    pairs: Vec<Sides>,
    mail: Mail,
    scale: f64,
}

/// Where, and as whom.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Sides {
    source: (SocketAddr, String),
    target: (SocketAddr, String),
}

/// What it did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Done {
    /// From the first request after sign-in to the last answer.
    pub(crate) seconds: f64,
    /// Of this program, in that time.
    pub(crate) cpu_seconds: f64,
    pub(crate) messages: usize,
    pub(crate) bytes: u64,
}

impl Task {
    /// `mail` and `scale` say what is written.
    pub(crate) fn new(limit: RawLimit, pairs: &[Pair], mail: Mail, scale: f64) -> Task {
        let side = |account: &crate::servers::Account| (account.address, account.user.clone());
        let pairs = pairs.iter().map(|pair| Sides { source: side(&pair.source), target: side(&pair.target) });
        Task { limit, pairs: pairs.collect(), mail, scale }
    }

    /// The argument for the process that carries it out.
    pub(crate) fn argument(&self) -> Result<String> {
        serde_json::to_string(self).map_err(not_understood)
    }
}

/// Carries out a task, and prints what was done.
///
/// # Errors
/// If a connection fails or a server says no.
pub(crate) fn carry_out(argument: &str) -> Result<()> {
    let task: Task = serde_json::from_str(argument).map_err(not_understood)?;
    let done = task.done().map_err(BenchError::Raw)?;
    println!("{}", serde_json::to_string(&done).map_err(not_understood)?);
    Ok(())
}

fn not_understood(source: serde_json::Error) -> BenchError {
    BenchError::Document { what: "a raw limit's task".to_owned(), source }
}

/// What one thread moved.
#[derive(Debug, Clone, Copy, Default)]
struct Moved {
    messages: usize,
    bytes: u64,
}

type Work = Box<dyn FnOnce(&Barrier) -> std::io::Result<Moved> + Send>;

impl Task {
    fn done(&self) -> std::io::Result<Done> {
        let Some(Sides { source, target }) = self.pairs.first() else {
            return Ok(Done::default());
        };
        let read = |connections| read::prepare(source, connections);
        let write = |how, connections| write::prepare(target, &self.mail.mailbox(self.scale), how, connections);
        match self.limit {
            RawLimit::Read { connections } => run(read(connections)?),
            RawLimit::Write { how, connections } => run(write(how, connections)?),
            RawLimit::Both { how, connections } => {
                let mut work = write(how, connections)?;
                let written = work.len();
                work.extend(read(connections)?);
                // What was read is not counted twice.
                run_counting(work, written)
            }
            RawLimit::SignIn { at_once, list } => run(sign_in::prepare(&self.pairs, at_once, list)),
        }
    }
}

fn run(work: Vec<Work>) -> std::io::Result<Done> {
    let all = work.len();
    run_counting(work, all)
}

/// Starts all at the same moment; counts what the first `counted` of them moved.
fn run_counting(work: Vec<Work>, counted: usize) -> std::io::Result<Done> {
    let barrier = Barrier::new(work.len() + 1);
    std::thread::scope(|scope| {
        let threads: Vec<_> = work
            .into_iter()
            .map(|work| {
                let barrier = &barrier;
                scope.spawn(move || work(barrier))
            })
            .collect();
        barrier.wait();
        let (begun, cpu) = (Instant::now(), cpu_seconds());
        let mut done = Done::default();
        for (number, thread) in threads.into_iter().enumerate() {
            let moved = thread.join().map_err(|_| std::io::Error::other("a thread panicked"))??;
            if number < counted {
                done.messages += moved.messages;
                done.bytes += moved.bytes;
            }
        }
        Ok(Done { seconds: begun.elapsed().as_secs_f64(), cpu_seconds: cpu_seconds() - cpu, ..done })
    })
}

fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
