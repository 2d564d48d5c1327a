//! Logs on standard error, past the status line.

use std::io::Write;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::status::Screen;
use crate::terminal::Paint;

/// Begins to log: warnings always, more with each `-v`. The variable `LIMOSA_LOG` may hold a filter of its own
/// (`limosa_engine=debug`).
pub fn start(verbose: u8, screen: &Screen) {
    let level = match verbose {
        0 => "warn",
        1 => "warn,limosa=info",
        2 => "warn,limosa=debug",
        _ => "info,limosa=trace",
    };
    let filter = EnvFilter::try_from_env("LIMOSA_LOG").unwrap_or_else(|_| EnvFilter::new(level));
    let subscriber = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_ansi(Paint::stderr().is_on())
        .with_target(verbose > 1)
        .with_writer(PastTheStatusLine(screen.clone()));
    // Fails only if logging was begun before, and then there is nothing to do.
    let _ = subscriber.try_init();
}

/// Writes whole records while the status line steps aside.
#[derive(Clone)]
struct PastTheStatusLine(Screen);

impl<'a> MakeWriter<'a> for PastTheStatusLine {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Write for PastTheStatusLine {
    fn write(&mut self, record: &[u8]) -> std::io::Result<usize> {
        self.0.aside(|| std::io::stderr().write_all(record))?;
        Ok(record.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
