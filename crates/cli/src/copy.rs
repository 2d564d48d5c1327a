//! `limosa copy`: one pass over one pair.

use std::path::Path;
use std::sync::Arc;

use limosa_engine::{Options, Outcome, Pair, PassError, Progress, Refusals, Report, Side};
use limosa_model::{ConnectorError, ErrorKind, Ledger, LedgerError, PairKey};
use limosa_store::SqliteStore;
use serde::Serialize;

use crate::exit::Exit;
use crate::failure::Failure;
use crate::memory::peak_rss_bytes;
use crate::open::{self, OpenPair};
use crate::settings::{CopySettings, Policy, RunSettings};
use crate::status::Screen;
use crate::stopping::Stopping;
use crate::summary;
use crate::terminal::Paint;

/// Copies one pair and tells the result.
///
/// # Errors
/// If it cannot work.
pub async fn run(settings: CopySettings, pair: OpenPair, screen: Screen) -> Result<Exit, Failure> {
    let CopySettings { run, .. } = &settings;
    let result = copy_one(run, &pair, &screen).await;
    let ledger = open::ledger_file(&run.state);
    let PairKey { source, target } = pair.key();
    let report = result.map_err(|failure| failure.of_pair(source, target))?;
    tell(&report, run, &ledger)?;
    Ok(report.outcome.into())
}

async fn copy_one(run: &RunSettings, pair: &OpenPair, screen: &Screen) -> Result<Report, Failure> {
    let stopping = Stopping::listen(screen.clone())?;
    let store = open::store(&run.state).await?;
    let progress = stopping.begin();
    let watch = screen.watch(&progress, None);
    let report = one_pass(&store, pair, run, &progress, screen).await;
    watch.end().await;
    report
}

impl RunSettings {
    /// What becomes of messages that the pair's target refuses: as typed, else as configured for it.
    fn refusals(&self, pair: &OpenPair) -> Refusals {
        let originals = || open::originals(&self.state, &pair.key());
        match self.policy.unwrap_or_else(|| self.config.policy(pair.target_host.as_deref())) {
            Policy::Exact => Refusals::Exact,
            Policy::Repair => Refusals::Repair(originals()),
            Policy::Park => Refusals::Park(originals()),
        }
    }
}

/// Takes the pair's ledger and runs a pass over it.
///
/// # Errors
/// If it cannot work at all. Whatever else befalls it is in the report.
pub async fn one_pass(
    store: &SqliteStore,
    pair: &OpenPair,
    run: &RunSettings,
    progress: &Progress,
    screen: &Screen,
) -> Result<Report, Failure> {
    let key = pair.key();
    let ledger = take_ledger(store, &key, run.wait, progress, screen).await?;
    let both = Pair { source: pair.source.as_ref(), target: pair.target.as_ref(), ledger };
    let options = Options { refusals: run.refusals(pair), ..run.options.clone() };
    let mut report = limosa_engine::run(both, &options, progress)
        .await
        .map_err(|error| cannot_work(error, &key.source, &key.target))?;
    report.peak_rss_bytes = peak_rss_bytes();
    Ok(report)
}

/// Takes the pair's ledger; with `wait`, when another run has ended.
///
/// # Errors
/// If it cannot be had.
pub async fn take_ledger(
    store: &SqliteStore,
    key: &PairKey,
    wait: bool,
    progress: &Progress,
    screen: &Screen,
) -> Result<Arc<dyn Ledger>, Failure> {
    match store.pair(key).await {
        Err(LedgerError::Busy { .. }) if wait => {}
        other => return other.map_err(|error| Failure::ledger(&error)),
    }
    screen.say(&format!("another run works on {key}: waiting until it has ended"));
    tokio::select! {
        ledger = store.pair_waiting(key) => ledger.map_err(|error| Failure::ledger(&error)),
        () = progress.stopped() => {
            let stopped = Failure::new("stopped", "it was asked to stop while it waited for another run");
            Err(Failure { exit: Exit::Unfinished, ..stopped })
        }
    }
}

/// A pass or check that could not work, in words for people.
pub fn cannot_work(error: PassError, source: &str, target: &str) -> Failure {
    match error {
        PassError::Connector { side: Side::Source, error } => connector("source", source, &error),
        PassError::Connector { side: Side::Target, error } => connector("target", target, &error),
        PassError::Ledger(error) => Failure::ledger(&error),
        PassError::SameAccount { account } => {
            Failure::new("same-account", format!("source and target are the same mailbox, {account}"))
                .hint("name another account as the target")
        }
        PassError::SameMailbox { .. } => {
            Failure::new("same-account", error.to_string()).hint("name another account as the target")
        }
        other => Failure::new("internal", other.to_string()).because_of(&other),
    }
}

/// A connector knows what helps, and not how it is typed.
fn connector(side: &str, account: &str, error: &ConnectorError) -> Failure {
    let mut failure = Failure::connector(&format!("{side} {account}"), error);
    use ErrorKind::{ConnectionLost, ServerFault, Throttled, TimedOut};
    if matches!(error.kind(), ConnectionLost | ServerFault | Throttled | TimedOut) {
        // What may be over later is a reason to run it again, not to change something.
        failure.exit = Exit::Unfinished;
    }
    if error.kind() == ErrorKind::Tls {
        let hint =
            failure.hint.get_or_insert_with(|| "to trust this server, compare its certificate with its owner".into());
        hint.push_str(&format!("; options: --{side}-ca-file FILE, --{side}-fingerprint SHA256"));
    }
    failure
}

fn tell(report: &Report, run: &RunSettings, ledger: &Path) -> Result<(), Failure> {
    if run.json {
        return write_json(report);
    }
    if run.quiet && report.outcome == Outcome::Complete && !report.dry_run {
        return Ok(());
    }
    write_out(&summary::render(report, ledger, Paint::stdout()))
}

/// What stands in the place of a report when a command cannot work.
#[derive(Debug, Serialize)]
pub struct Failed<'a> {
    source: Option<&'a str>,
    target: Option<&'a str>,
    error: &'a Failure,
}

impl<'a> Failed<'a> {
    /// With the pair, where it is of one.
    pub fn new(error: &'a Failure) -> Self {
        let (source, target) = error.pair.as_ref().map(|pair| (pair.0.as_str(), pair.1.as_str())).unzip();
        Self { source, target, error }
    }

    /// Of a pair that is not even understood; as typed.
    pub fn typed(source: &'a str, target: &'a str, error: &'a Failure) -> Self {
        Self { source: Some(source), target: Some(target), error }
    }
}

/// Writes a JSON document in one line to standard output.
///
/// # Errors
/// If nobody takes it.
pub fn write_json(value: &impl Serialize) -> Result<(), Failure> {
    let mut text = serde_json::to_string(value)
        .map_err(|error| Failure::new("local-io", "the JSON document cannot be written").because(&error))?;
    text.push('\n');
    write_out(&text)
}

/// Writes to standard output.
///
/// # Errors
/// If nobody takes it.
pub fn write_out(text: &str) -> Result<(), Failure> {
    use std::io::Write;
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(|error| Failure::new("local-io", "standard output cannot be written").because(&error))
}
