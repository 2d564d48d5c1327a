//! `limosa-bench`: how fast is Limosa, held against other programs and against what the servers can do at all?
//!
//! In reading order: [`workloads`] says what is asked, [`servers`] what stands on both sides, [`peers`] and [`raw`] who
//! is measured, [`questions`] how each workload goes; [`bench`] measures and checks one run by means of [`measure`];
//! [`results`], [`goals`], [`report`] and [`history`] say what came out. `README.md` says what to doubt.

mod bench;
mod error;
mod goals;
mod history;
mod machine;
mod measure;
mod peers;
mod questions;
mod raw;
mod report;
mod results;
mod servers;
mod workloads;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand};

use crate::bench::Bench;
use crate::error::{BenchError, Result};
use crate::goals::State;
use crate::history::Kept;
use crate::results::Results;
use crate::servers::{Place, Servers};
use crate::workloads::Workload;

/// Measure Limosa beside other programs, on real servers on this machine.
#[derive(Debug, Parser)]
#[command(name = "limosa-bench", version)]
struct Arguments {
    #[command(subcommand)]
    own: Option<OwnProcess>,
    /// The workloads to measure.
    #[arg(long, value_delimiter = ',', default_value = "W1,W2,W3,W4,W5,W6,W7,W8")]
    workloads: Vec<Workload>,
    /// The targets to copy to, where a workload has several.
    #[arg(long, value_delimiter = ',', default_value = "memory,disk,cyrus")]
    targets: Vec<Place>,
    /// How often each is measured.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(1..=9))]
    rounds: u8,
    /// Multiplies the number of messages, or of mailboxes.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Seconds after which a run is ended.
    #[arg(long, default_value_t = 60)]
    limit: u64,
    /// Limosa's program [default: beside this one].
    #[arg(long)]
    limosa: Option<PathBuf>,
    /// Where results are kept, and compared with the last ones.
    #[arg(long, default_value = "docs/benchmarks")]
    out: PathBuf,
}

/// What this program runs itself as.
#[derive(Debug, Subcommand)]
enum OwnProcess {
    /// Run a program, and write down what it took.
    #[command(hide = true)]
    Meter {
        report: PathBuf,
        #[arg(last = true)]
        argv: Vec<String>,
    },
    /// Measure a limit of the servers.
    #[command(hide = true)]
    Raw { task: String },
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match &arguments.own {
        Some(OwnProcess::Meter { report, argv }) => measure::meter(report, argv),
        Some(OwnProcess::Raw { task }) => raw::carry_out(task).map(|()| ExitCode::SUCCESS),
        None => benchmark(&arguments),
    };
    outcome.unwrap_or_else(|error| {
        eprintln!("limosa-bench: {}", error.line());
        ExitCode::FAILURE
    })
}

/// Ends in order on Ctrl-C: dropping what runs ends the contenders and the servers.
fn benchmark(arguments: &Arguments) -> Result<ExitCode> {
    let runtime = tokio::runtime::Runtime::new()
        .map_err(|source| BenchError::Run { program: "the runtime".to_owned(), source })?;
    let outcome = runtime.block_on(async {
        tokio::select! {
            ended = measure_all(arguments) => ended,
            _ = tokio::signal::ctrl_c() => {
                eprintln!("stopped; nothing was kept");
                Ok(ExitCode::from(130))
            }
        }
    });
    // A mailbox that is being seeded takes its time, and nobody waits for it any more.
    runtime.shutdown_timeout(Duration::from_secs(1));
    outcome
}

async fn measure_all(arguments: &Arguments) -> Result<ExitCode> {
    let limosa = match &arguments.limosa {
        Some(limosa) => limosa.clone(),
        None => beside_this_program("limosa")?,
    };
    if !limosa.is_file() {
        return Err(BenchError::Unsupported(format!("{} is not there; `make build` makes it", limosa.display())));
    }
    let before = Kept::read(&arguments.out)?;
    let mut workloads = arguments.workloads.clone();
    workloads.sort_unstable();
    workloads.dedup();
    let places = workloads.iter().flat_map(|workload| workload.places()).copied();
    let servers = Servers::start(places.filter(|place| arguments.targets.contains(place))).await?;
    let programs = peers::versions(&limosa, &servers).await?;
    let results = Results {
        machine: machine::Machine::look(servers.folder(), programs)?,
        date: jiff::Timestamp::now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
        scale: arguments.scale,
        rounds: usize::from(arguments.rounds),
        limit_seconds: arguments.limit,
        rows: Vec::new(),
        rate: None,
    };
    let mut bench = Bench {
        servers,
        results,
        scale: arguments.scale,
        rounds: usize::from(arguments.rounds),
        limit: Duration::from_secs(arguments.limit),
        limosa,
        started: Instant::now(),
        work: tempfile::tempdir_in("/dev/shm").map_err(BenchError::file("create a folder in", "/dev/shm"))?,
    };
    for workload in workloads {
        questions::ask(&mut bench, workload, &arguments.targets).await?;
    }
    conclude(bench.results, before, &arguments.out)
}

/// Keeps and tells what was found.
fn conclude(results: Results, before: Option<Kept>, out: &Path) -> Result<ExitCode> {
    let goals = goals::goals(&results);
    let kept = Kept { results, goals };
    kept.write(out)?;
    print!("{}", report::page(&kept.results, &kept.goals));
    if let Some(before) = before {
        for line in history::changes(&before.results, &kept.results) {
            println!("{line}");
        }
    }
    let missed = kept.goals.iter().filter(|goal| goal.state == State::NotMet).count();
    eprintln!("kept in {}; {missed} goals not met", out.display());
    Ok(ExitCode::SUCCESS)
}

fn beside_this_program(name: &str) -> Result<PathBuf> {
    let own = std::env::current_exe()
        .map_err(|source| BenchError::Run { program: "this program again".to_owned(), source })?;
    Ok(own.with_file_name(name))
}
