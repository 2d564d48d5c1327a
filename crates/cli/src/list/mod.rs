//! `limosa copy --list`: many pairs in one process. One that fails does not stop the rest.

use std::sync::Arc;

use limosa_engine::{Outcome, Report};
use limosa_store::SqliteStore;
use tokio::task::JoinSet;

use crate::copy::{Failed, one_pass, write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::{ListSettings, PairSettings, RunSettings};
use crate::status::Screen;
use crate::stopping::Stopping;
use crate::summary;
use crate::terminal::{Paint, bytes, clean, count, counted};

mod rows;

use rows::Row;

/// What became of one row.
struct Done {
    row: Row,
    result: Result<Report, Failure>,
}

/// Copies all pairs of the list.
///
/// # Errors
/// If the list cannot be read or the ledger not be opened: then no pair was begun.
pub async fn run(settings: ListSettings, screen: Screen) -> Result<Exit, Failure> {
    let rows = rows::read(&settings)?;
    let stopping = Stopping::listen(screen.clone())?;
    let store = Arc::new(open::store(&settings.run.state).await?);
    let run = Arc::new(settings.run);

    let mut rows = rows.into_iter();
    let mut pairs = JoinSet::new();
    let mut tally = Tally::default();
    loop {
        while pairs.len() < settings.jobs
            && let Some(row) = rows.next()
        {
            let (store, run, stopping, screen) = (store.clone(), run.clone(), stopping.clone(), screen.clone());
            pairs.spawn(async move {
                let result = match &row.settings {
                    Ok(pair) => one_row(pair, &store, &run, &stopping, &screen).await,
                    Err(failure) => Err(failure.clone()),
                };
                Done { row, result }
            });
        }
        let Some(done) = pairs.join_next().await else { break };
        let done = done.map_err(|error| Failure::new("internal", "a pair's task broke down").because(&error))?;
        tally.add(&done);
        screen.aside(|| tell(&done, &run))?;
    }
    let unsaid = run.json || (run.quiet && tally.exit() == Exit::Complete);
    if !unsaid {
        write_out(&tally.render())?;
    }
    Ok(tally.exit())
}

async fn one_row(
    pair: &PairSettings,
    store: &SqliteStore,
    run: &RunSettings,
    stopping: &Stopping,
    screen: &Screen,
) -> Result<Report, Failure> {
    if stopping.asked() {
        let stopped = Failure::new("stopped", "it was asked to stop before this pair began");
        return Err(Failure { exit: Exit::Unfinished, ..stopped });
    }
    let pair = open::pair(pair, false)?;
    let progress = stopping.begin();
    let watch = screen.watch(&progress, Some(&pair.source.account()));
    let report = one_pass(store, &pair, run, &progress, screen).await;
    watch.end().await;
    report
}

fn tell(done: &Done, run: &RunSettings) -> Result<(), Failure> {
    let Row { line, source, target, .. } = &done.row;
    match &done.result {
        Ok(report) if run.json => write_json(report),
        Ok(report) if run.quiet && report.outcome == Outcome::Complete => Ok(()),
        Ok(report) => write_out(&summary::lines(report, Paint::stdout())),
        Err(failure) if run.json => write_json(&Failed::typed(source, target, failure)),
        Err(failure) => {
            let mut text = format!("{}  line {line}", Paint::stdout().red("failed"));
            if !source.is_empty() {
                text.push_str(&format!(", {} → {}", clean(source), clean(target)));
            }
            text.push_str(&format!(": {}\n", failure.one_line()));
            if let Some(hint) = &failure.hint {
                text.push_str(&format!("  hint: {}\n", clean(hint)));
            }
            write_out(&text)
        }
    }
}

/// All pairs together.
#[derive(Debug, Default)]
struct Tally {
    exits: Vec<Exit>,
    messages: u64,
    bytes: u64,
    exceptions: u64,
}

impl Tally {
    fn add(&mut self, done: &Done) {
        match &done.result {
            Ok(report) => {
                self.exits.push(report.outcome.into());
                self.messages += report.copied.messages;
                self.bytes += report.copied.bytes;
                self.exceptions += report.exceptions.len() as u64;
            }
            Err(failure) => self.exits.push(failure.exit),
        }
    }

    fn exit(&self) -> Exit {
        Exit::of_list(self.exits.iter().copied())
    }

    fn render(&self) -> String {
        let number = |wanted: fn(&Exit) -> bool| count(self.exits.iter().filter(|exit| wanted(exit)).count() as u64);
        format!(
            "\n{}: {} complete, {} with exceptions, {} unfinished, {} failed; {} copied ({}), {}\n",
            counted(self.exits.len() as u64, "pair", "pairs"),
            number(|exit| *exit == Exit::Complete),
            number(|exit| *exit == Exit::Exceptions),
            number(|exit| *exit == Exit::Unfinished),
            number(|exit| matches!(exit, Exit::CannotWork | Exit::Usage)),
            counted(self.messages, "message", "messages"),
            bytes(self.bytes),
            counted(self.exceptions, "exception", "exceptions"),
        )
    }
}
