//! Being asked to stop: the first signal lets passes settle what has arrived, the second ends the process at once.

use std::sync::{Arc, Mutex, PoisonError};

use limosa_engine::Progress;
use tokio::signal::unix::{SignalKind, signal};

use crate::failure::Failure;
use crate::status::Screen;

/// What the shell sees of a process ended by Ctrl-C (128 + SIGINT).
const INTERRUPTED: i32 = 130;

/// All passes that run, and whether they have been asked to stop. Cloning shares it.
#[derive(Clone, Debug, Default)]
pub struct Stopping(Arc<Mutex<Passes>>);

#[derive(Debug, Default)]
struct Passes {
    asked: bool,
    running: Vec<Progress>,
}

impl Stopping {
    /// Begins to listen for Ctrl-C and SIGTERM.
    ///
    /// # Errors
    /// If the system does not let us listen.
    pub fn listen(screen: Screen) -> Result<Self, Failure> {
        let stopping = Self::default();
        let refused =
            |error: std::io::Error| Failure::new("local-io", "signals cannot be listened for").because(&error);
        let mut interrupt = signal(SignalKind::interrupt()).map_err(refused)?;
        let mut terminate = signal(SignalKind::terminate()).map_err(refused)?;
        let asked = stopping.clone();
        tokio::spawn(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if asked.ask() {
                    screen.say("stopping in good order… (once more ends it at once)");
                } else {
                    screen.aside(|| std::process::exit(INTERRUPTED));
                }
            }
        });
        Ok(stopping)
    }

    /// Asks every pass to stop. False if that was asked before.
    fn ask(&self) -> bool {
        let mut passes = self.lock();
        let first = !std::mem::replace(&mut passes.asked, true);
        passes.running.iter().for_each(Progress::stop);
        first
    }

    /// Whether passes have been asked to stop.
    pub fn asked(&self) -> bool {
        self.lock().asked
    }

    /// A new pass, that stops when asked; at once if that was asked before.
    pub fn begin(&self) -> Progress {
        let progress = Progress::default();
        let mut passes = self.lock();
        if passes.asked {
            progress.stop();
        }
        passes.running.retain(|running| running.glance().phase != limosa_engine::Phase::Done);
        passes.running.push(progress.clone());
        progress
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Passes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_pass_stops_whether_it_began_before_or_after() {
        let stopping = Stopping::default();
        let before = stopping.begin();
        assert!(!before.is_stopping());
        assert!(stopping.ask());
        assert!(before.is_stopping());
        assert!(stopping.begin().is_stopping());
        assert!(!stopping.ask(), "the second time is told apart");
    }
}
