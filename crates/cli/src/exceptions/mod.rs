//! `limosa exceptions`: what was left behind or changed, by name.
//!
//! - [`numbered`]: exceptions and the numbers that people call them by; which of them are meant.
//! - [`approve`], [`export`]: acting on them. Trying again is a copy.

use std::fmt::Write as _;

use limosa_model::{Exception, InternalDate};

use crate::copy::{write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{ExceptionsListSettings, ExceptionsShowSettings};
use crate::terminal::{Align, Paint, bytes, clean, counted, table};

mod approve;
mod export;
mod numbered;

pub use approve::approve;
pub use export::export;
use numbered::{Numbered, find};

#[cfg(test)]
pub use export::sample_exported;
#[cfg(test)]
pub use numbered::sample_numbered;

/// Characters of a subject in a table.
const SUBJECT: usize = 40;

/// Lists exceptions.
///
/// # Errors
/// If the ledger cannot be read.
pub async fn list(settings: ExceptionsListSettings) -> Result<Exit, Failure> {
    let found = find(&settings.of, &settings.state).await?;
    if settings.json {
        write_json(&found)?;
    } else if found.is_empty() {
        write_out("There is no such exception.\n")?;
    } else {
        write_out(&render(&found, Paint::stdout()))?;
    }
    Ok(Exit::Complete)
}

/// Tells all that is known of some.
///
/// # Errors
/// If the ledger cannot be read, or there are none of these numbers.
pub async fn show(settings: ExceptionsShowSettings) -> Result<Exit, Failure> {
    let found = find(&settings.of, &settings.state).await?;
    match settings.json {
        true => write_json(&found)?,
        false => write_out(&found.iter().map(describe).collect::<Vec<_>>().join("\n"))?,
    }
    Ok(Exit::Complete)
}

fn render(found: &[Numbered], paint: Paint) -> String {
    let mut text = String::new();
    for of_pair in found.chunk_by(|a, b| (&a.source, &a.target) == (&b.source, &b.target)) {
        let _ = writeln!(text, "{}\n", paint.bold(&format!("{} → {}", of_pair[0].source, of_pair[0].target)));
        let heading = [
            ("number", Align::Left),
            ("folder", Align::Left),
            ("message", Align::Right),
            ("code", Align::Left),
            ("size", Align::Right),
            ("subject", Align::Left),
            ("approved by", Align::Left),
        ];
        let row = |one: &Numbered| {
            let Exception { folder, id, code, size, subject, approval, .. } = &one.exception;
            let subject: String = subject.as_deref().unwrap_or_default().chars().take(SUBJECT).collect();
            vec![
                one.number.clone(),
                folder.to_string(),
                id.to_string(),
                code.clone(),
                size.map(bytes).unwrap_or_default(),
                subject,
                approval.as_ref().map(|approval| approval.by.clone()).unwrap_or_default(),
            ]
        };
        text.push_str(&table(&heading, &of_pair.iter().map(row).collect::<Vec<_>>(), paint));
        text.push('\n');
    }
    let open = found.iter().filter(|one| one.exception.approval.is_none()).count() as u64;
    let _ = writeln!(
        text,
        "{}, {} not approved; limosa exceptions show NUMBER tells more",
        counted(found.len() as u64, "exception", "exceptions"),
        open
    );
    text
}

fn describe(one: &Numbered) -> String {
    let Numbered { number, source, target, exception, .. } = one;
    let mut text = format!("{number}\n");
    let mut line = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            let _ = writeln!(text, "  {name:<11} {}", clean(&value));
        }
    };
    line("pair", Some(format!("{source} → {target}")));
    line("folder", Some(exception.folder.to_string()));
    line("message", Some(exception.id.to_string()));
    line("Message-ID", exception.message_id.clone());
    line("date", exception.date.and_then(moment));
    line("subject", exception.subject.clone());
    line("size", exception.size.map(bytes));
    line("code", Some(exception.code.clone()));
    line("reason", Some(exception.reason.clone()));
    line("hint", exception.hint.clone());
    line("original", exception.original.clone());
    let approval = exception.approval.as_ref();
    line("approved by", approval.map(|approval| format!("{}, because: {}", approval.by, approval.because)));
    line("approved at", approval.and_then(|approval| moment(InternalDate { seconds: approval.at, offset_minutes: 0 })));
    text
}

/// A moment in UTC, for people.
fn moment(date: InternalDate) -> Option<String> {
    jiff::Timestamp::from_second(date.seconds).ok().map(|moment| moment.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_known_is_told() {
        let one = sample_numbered();
        let text = describe(&one);
        for part in
            ["pair        imap://a@old.example:993 → ", "2023-11-14T22:13:20Z", "approved by Ada, because: spam\n"]
        {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        let text = render(&[one], Paint::off());
        assert!(text.contains("1 exception, 0 not approved"), "{text}");
    }
}
