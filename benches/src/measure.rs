//! What does a run cost? Programs run under a meter: this program again, as their only parent.
//!
//! The meter exists because a child's peak memory, as the kernel tells it (`ru_maxrss`), is never below
//! that of the process that started it. The meter holds a few megabytes; the benchmark may hold more.

use std::path::{Path, PathBuf};
use std::process::{ExitCode, Stdio};
use std::time::{Duration, Instant};

use limosa_lab::Invocation;
use nix::sys::resource::{UsageWho, getrusage};
use rustix::process::{Pid, Signal};
use serde::{Deserialize, Serialize};
use tokio::task::JoinSet;

use crate::error::{BenchError, Result};

/// What a meter saw.
#[derive(Debug, Serialize, Deserialize)]
struct Reading {
    seconds: f64,
    /// User and system time, of the program's own children too.
    cpu_seconds: f64,
    peak_memory_bytes: u64,
    exit_code: Option<i32>,
}

/// What one or several programs took.
#[derive(Debug)]
pub(crate) struct Taken {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    /// Of the largest process.
    pub(crate) peak_memory_bytes: u64,
    /// What each has printed.
    pub(crate) outputs: Vec<String>,
}

/// How it went.
#[derive(Debug)]
pub(crate) enum Ran {
    Done(Taken),
    /// Not done in time, and killed.
    Late,
    /// A program said no: its exit code, and the end of what it printed on standard error.
    Failed(String),
}

/// Runs programs, so many at once, within a time limit for all together.
///
/// # Errors
/// If a program cannot be run at all.
pub(crate) async fn run(invocations: Vec<Invocation>, at_once: usize, limit: Duration) -> Result<Ran> {
    let single = invocations.len() == 1;
    let folder = tempfile::tempdir().map_err(BenchError::file("create a folder in", std::env::temp_dir()))?;
    let mut waiting = invocations.into_iter().enumerate();
    let mut running = JoinSet::new();
    let mut taken = Taken { seconds: 0.0, cpu_seconds: 0.0, peak_memory_bytes: 0, outputs: Vec::new() };
    let begun = Instant::now();
    let until = tokio::time::Instant::now() + limit;
    loop {
        while running.len() < at_once
            && let Some((number, invocation)) = waiting.next()
        {
            running.spawn(metered(invocation, folder.path().join(number.to_string())));
        }
        let Ok(next) = tokio::time::timeout_at(until, running.join_next()).await else {
            // Ends the programs too.
            running.shutdown().await;
            return Ok(Ran::Late);
        };
        let (reading, output, complaint) = match next {
            Some(Ok(ended)) => ended?,
            Some(Err(error)) => {
                return Err(BenchError::Run { program: "the meter".to_owned(), source: error.into() });
            }
            None => break,
        };
        if reading.exit_code != Some(0) {
            running.shutdown().await;
            let code = reading.exit_code.map_or("a signal".to_owned(), |code| format!("exit code {code}"));
            return Ok(Ran::Failed(format!("{code}: {}", complaint.trim())));
        }
        taken.seconds = if single { reading.seconds } else { begun.elapsed().as_secs_f64() };
        taken.cpu_seconds += reading.cpu_seconds;
        taken.peak_memory_bytes = taken.peak_memory_bytes.max(reading.peak_memory_bytes);
        taken.outputs.push(output);
    }
    Ok(Ran::Done(taken))
}

async fn metered(invocation: Invocation, report: PathBuf) -> Result<(Reading, String, String)> {
    let failed = |source| BenchError::Run { program: "the meter".to_owned(), source };
    let own_program = std::env::current_exe().map_err(failed)?;
    let mut argv = vec![own_program.display().to_string(), "meter".to_owned(), report.display().to_string()];
    argv.push("--".to_owned());
    argv.extend(invocation.argv);
    let mut command = tokio::process::Command::from(Invocation { argv, ..invocation }.command());
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
    let child = command.spawn().map_err(failed)?;
    let mut group = Group(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw));
    let output = child.wait_with_output().await.map_err(failed)?;
    // All have ended, and the number may soon be another's.
    group.0 = None;
    let text = std::fs::read(&report).map_err(BenchError::file("read", &report))?;
    let reading = serde_json::from_slice(&text)
        .map_err(|source| BenchError::Document { what: "the meter's reading".to_owned(), source })?;
    let end = |bytes: &[u8]| String::from_utf8_lossy(&bytes[bytes.len().saturating_sub(1_000)..]).into_owned();
    Ok((reading, String::from_utf8_lossy(&output.stdout).into_owned(), end(&output.stderr)))
}

/// A meter with its program; both are killed when this is dropped.
struct Group(Option<Pid>);

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // Fails where all have ended in this very moment, which is well.
            let _ = rustix::process::kill_process_group(group, Signal::KILL);
        }
    }
}

/// The meter itself: runs a program, waits for it and writes down what it took.
pub(crate) fn meter(report: &Path, argv: &[String]) -> Result<ExitCode> {
    let program = argv.first().cloned().unwrap_or_default();
    let failed = |source| BenchError::Run { program: program.clone(), source };
    // Without the benchmark there is nobody to report to.
    rustix::process::set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| failed(error.into()))?;
    let begun = Instant::now();
    let status = std::process::Command::new(&program).args(argv.iter().skip(1)).status().map_err(failed)?;
    let seconds = begun.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).map_err(|error| failed(error.into()))?;
    let of = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    let reading = Reading {
        seconds,
        cpu_seconds: of(usage.user_time()) + of(usage.system_time()),
        // The kernel counts kibibytes.
        peak_memory_bytes: u64::try_from(usage.max_rss()).unwrap_or(0) * 1024,
        exit_code: status.code(),
    };
    let text = serde_json::to_vec(&reading)
        .map_err(|source| BenchError::Document { what: "the meter's reading".to_owned(), source })?;
    std::fs::write(report, text).map_err(BenchError::file("write", report))?;
    Ok(ExitCode::SUCCESS)
}
