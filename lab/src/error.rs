//! What can go wrong while a laboratory is built, run or asked.

use std::path::PathBuf;

/// A failure of the laboratory; the variant says which operation failed.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// A file or folder could not be read, written or moved.
    #[error("cannot {operation} {}", path.display())]
    File {
        /// What was tried, as a verb.
        operation: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program could not be started at all.
    #[error("cannot run {program}")]
    Run {
        /// The program's name.
        program: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A program ran and said no.
    #[error("{program} failed: {output}")]
    Refused {
        /// The program's name.
        program: String,
        /// The last of what it printed.
        output: String,
    },
    /// Unpacked programs still need a shared library that is nowhere.
    #[error("the unpacked {server} lacks shared libraries: {missing}")]
    MissingLibraries {
        /// The server's name.
        server: &'static str,
        /// The libraries' names.
        missing: String,
    },
    /// This machine lacks something that the laboratory cannot bring along.
    #[error("{what}")]
    Unsupported {
        /// What is lacking, and what to do about it.
        what: String,
    },
    /// No free port was found.
    #[error("no free port between {first} and {last}")]
    NoPort {
        /// First port of the range that was tried.
        first: u16,
        /// Last port of that range.
        last: u16,
    },
    /// The watchdog, which ends what outlives its owner, is gone.
    #[error("the watchdog process is gone")]
    Watchdog(#[source] std::io::Error),
    /// A server ended while it was being started.
    #[error("{server} ended at its start; its log says: {log}")]
    Ended {
        /// The server's name.
        server: String,
        /// The end of its log.
        log: String,
    },
    /// A server did not become ready in time.
    #[error("{server} was not ready in {seconds} s; its log says: {log}")]
    NotReady {
        /// The server's name.
        server: String,
        /// How long was waited.
        seconds: u64,
        /// The end of its log.
        log: String,
    },
    /// The server was asked for something that only another kind has.
    #[error("{server} has no {what}")]
    NotThisKind {
        /// The server's name.
        server: String,
        /// What was asked for.
        what: &'static str,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate")]
    Certificate(#[from] rcgen::Error),
    /// The connection to a server failed.
    #[error("connection to {server} failed")]
    Connection {
        /// The server's address.
        server: String,
        /// Why.
        #[source]
        source: std::io::Error,
    },
    /// A server answered `NO`, `BAD` or something unforeseen.
    #[error("{command} was answered with: {answer}")]
    Answer {
        /// The command that was sent (without secrets).
        command: String,
        /// The answer's line.
        answer: String,
    },
    /// A laboratory's description could not be read.
    #[error("cannot understand {}", path.display())]
    Description {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
    /// A task of the runtime was cancelled.
    #[error("a background task was cancelled")]
    Cancelled,
}

impl LabError {
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> LabError {
        let path = path.into();
        move |source| LabError::File { operation, path, source }
    }
}

/// The result of what the laboratory does.
pub type Result<T, E = LabError> = std::result::Result<T, E>;
