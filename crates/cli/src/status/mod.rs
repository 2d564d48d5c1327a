//! Showing how a pass goes: a line that renews itself on a terminal, plain lines elsewhere, nothing when asked to be quiet.

use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};
use limosa_engine::Phase;
use limosa_engine::progress::{Glance, Progress};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

mod line;
mod rate;

use line::{line, same_phase};
use rate::RateMeter;

/// How often a terminal's line is renewed, and how soon a new phase is seen.
const LOOK: Duration = Duration::from_millis(200);
/// How often a plain line is written.
const PLAIN: Duration = Duration::from_secs(10);
/// The same for each of many passes, whose lines would drown one another.
const PLAIN_OF_MANY: Duration = Duration::from_secs(60);

/// Standard error as seen by everything that writes there while passes run. Cloning shares it.
#[derive(Clone, Debug)]
pub struct Screen {
    kind: Kind,
}

#[derive(Clone, Debug)]
enum Kind {
    Quiet,
    Plain,
    Terminal(MultiProgress),
}

impl Screen {
    /// A screen that suits standard error.
    pub fn new(quiet: bool) -> Self {
        use std::io::IsTerminal;
        let kind = if quiet {
            Kind::Quiet
        } else if std::io::stderr().is_terminal() {
            Kind::Terminal(MultiProgress::with_draw_target(ProgressDrawTarget::stderr()))
        } else {
            Kind::Plain
        };
        Self { kind }
    }

    /// Runs `write` while no status line stands in its way.
    pub fn aside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.kind {
            Kind::Terminal(lines) => lines.suspend(write),
            Kind::Quiet | Kind::Plain => write(),
        }
    }

    /// Writes a line to standard error.
    pub fn say(&self, text: &str) {
        self.aside(|| eprintln!("{text}"));
    }

    /// Begins to show a pass. `name` goes before each line, where there is more than one pass.
    pub fn watch(&self, progress: &Progress, name: Option<&str>) -> Watch {
        let (end, ended) = oneshot::channel();
        let prefix = name.map(|name| format!("{} · ", crate::terminal::clean(name))).unwrap_or_default();
        let pass = Pass::new(progress.clone(), prefix);
        let task = match &self.kind {
            Kind::Quiet => None,
            Kind::Plain => Some(tokio::spawn(plain(pass, name.is_some(), ended))),
            Kind::Terminal(lines) => Some(tokio::spawn(renewed(lines.add(ProgressBar::new_spinner()), pass, ended))),
        };
        Watch { task, end }
    }
}

/// A pass that is being shown.
#[derive(Debug)]
pub struct Watch {
    task: Option<JoinHandle<()>>,
    end: oneshot::Sender<()>,
}

impl Watch {
    /// Ends the showing and takes the line away.
    pub async fn end(self) {
        // The task may have ended with the runtime: there is nothing to take away then.
        let _ = self.end.send(());
        if let Some(task) = self.task {
            let _ = task.await;
        }
    }
}

/// What is remembered from look to look.
struct Pass {
    progress: Progress,
    prefix: String,
    began: Instant,
    phase: Phase,
    phase_began: Instant,
    meter: RateMeter,
}

impl Pass {
    fn new(progress: Progress, prefix: String) -> Self {
        let now = Instant::now();
        Self { progress, prefix, began: now, phase: Phase::default(), phase_began: now, meter: RateMeter::default() }
    }

    /// Looks, and tells whether another phase has begun.
    fn look(&mut self) -> (Glance, bool) {
        let glance = self.progress.glance();
        let changed = glance.phase != self.phase;
        let other = !same_phase(&glance.phase, &self.phase);
        if changed {
            self.phase = glance.phase.clone();
            self.phase_began = Instant::now();
        }
        self.meter.observe(self.began.elapsed(), &glance);
        (glance, other)
    }

    fn line(&self, glance: &Glance) -> String {
        let text = line(glance, &self.meter, self.phase_began.elapsed(), self.progress.is_stopping());
        format!("{}{text}", self.prefix)
    }
}

async fn renewed(bar: ProgressBar, mut pass: Pass, mut ended: oneshot::Receiver<()>) {
    if let Ok(style) = ProgressStyle::with_template("{spinner} {wide_msg}") {
        bar.set_style(style);
    }
    let mut ticks = tokio::time::interval(LOOK);
    loop {
        let (glance, _) = pass.look();
        bar.set_message(pass.line(&glance));
        bar.tick();
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut ended => break,
        }
    }
    bar.finish_and_clear();
}

async fn plain(mut pass: Pass, one_of_many: bool, mut ended: oneshot::Receiver<()>) {
    let mut ticks = tokio::time::interval(LOOK);
    let mut said = Instant::now();
    let mut first = true;
    loop {
        let (glance, other) = pass.look();
        let due = if one_of_many { said.elapsed() >= PLAIN_OF_MANY } else { first || other || said.elapsed() >= PLAIN };
        if due {
            eprintln!("{}", pass.line(&glance));
            said = Instant::now();
        }
        first = false;
        tokio::select! {
            _ = ticks.tick() => {}
            _ = &mut ended => break,
        }
    }
}
