//! What can go wrong with the benchmark itself? A run that fails is a result, not an error.

use std::path::PathBuf;

/// An error of the benchmark.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// A server of the laboratory.
    #[error("the lab failed")]
    Lab(#[from] limosa_lab::LabError),
    /// A file.
    #[error("cannot {operation} {}", path.display())]
    File {
        operation: &'static str,
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    /// A program could not be run at all.
    #[error("cannot run {program}")]
    Run {
        program: String,
        #[source]
        source: std::io::Error,
    },
    /// A document that is not as it should be.
    #[error("cannot understand {what}")]
    Document {
        what: String,
        #[source]
        source: serde_json::Error,
    },
    /// A raw connection.
    #[error("the raw client failed")]
    Raw(#[source] std::io::Error),
    /// The machine cannot do what was asked for.
    #[error("{0}")]
    Unsupported(String),
}

impl BenchError {
    pub(crate) fn file(operation: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> BenchError {
        let path = path.into();
        move |source| BenchError::File { operation, path, source }
    }

    /// The error with its causes, in one line.
    pub(crate) fn line(&self) -> String {
        let mut text = self.to_string();
        let mut source = std::error::Error::source(self);
        while let Some(cause) = source {
            text.push_str(&format!(": {cause}"));
            source = cause.source();
        }
        text
    }
}

pub(crate) type Result<T, E = BenchError> = std::result::Result<T, E>;
