//! `limosa check`: what a copy would meet.

use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limosa_engine::check::{CheckReport, CheckedFolder, CheckedMessage, CheckedSide, Estimate, SpeedTest, check};
use limosa_model::Connector;

use crate::copy::{cannot_work, write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::{CheckSettings, PairSettings};
use crate::status::Screen;
use crate::stopping::Stopping;
use crate::terminal::{Align, Paint, bytes, clean, count, counted, span, table};

mod speed;

/// How many messages that the target would refuse are named; JSON has more.
const SOME: usize = 20;

/// Both connectors of a check; a target only where one was named.
type Connectors = (Arc<dyn Connector>, Option<Arc<dyn Connector>>);

/// Makes the connectors, asking for passwords if it must.
///
/// # Errors
/// If a secret is missing, or certificates cannot be read.
pub fn open(settings: &CheckSettings) -> Result<Connectors, Failure> {
    match settings.target.clone() {
        None => Ok((open::source_alone(&settings.source, true)?, None)),
        Some(target) => {
            let pair = open::pair(&PairSettings { source: settings.source.clone(), target }, true)?;
            Ok((pair.source, Some(pair.target)))
        }
    }
}

/// Checks and tells the result.
///
/// # Errors
/// If an endpoint cannot be used.
pub async fn run(settings: CheckSettings, (source, target): Connectors, screen: Screen) -> Result<Exit, Failure> {
    let test = settings.speed.map(|speed| SpeedTest::new(random_number(), speed.many));
    // Without the test nothing is begun that would have to be ended.
    let stopping = if test.is_some() { Stopping::listen(screen.clone())? } else { Stopping::default() };
    let progress = stopping.begin();
    if let Some(test) = &test {
        screen.say(&format!(
            "the speed test writes to the folder \"{}\" on the target, and removes it again",
            test.folder
        ));
    }
    let watch = screen.watch(&progress, None);
    let report = check(source.as_ref(), target.as_deref(), &settings.folders, test.as_ref(), &progress).await;
    watch.end().await;
    let report = report.map_err(|error| {
        let (source, target) = (source.account(), target.as_ref().map(|target| target.account()).unwrap_or_default());
        cannot_work(error, &source, &target).of_pair(source, target)
    })?;
    if settings.json {
        write_json(&report)?;
    } else {
        write_out(&render(&report, Paint::stdout()))?;
    }
    let is_unfinished = report.speed.is_some_and(|speed| speed.unfinished.is_some() || speed.scratch.left.is_some());
    Ok(if is_unfinished { Exit::Unfinished } else { Exit::Complete })
}

/// One that no other run has.
fn random_number() -> u64 {
    RandomState::new().hash_one(SystemTime::now())
}

fn render(report: &CheckReport, paint: Paint) -> String {
    let mut text = String::new();
    side("Source", &report.source, paint, &mut text);
    if let Some(target) = &report.target {
        side("Target", target, paint, &mut text);
    }
    folders(report, paint, &mut text);
    messages("Largest messages", &report.largest, paint, &mut text);
    refusals(report, paint, &mut text);
    if let Some(found) = &report.speed {
        speed::render(found, paint, &mut text);
        return text;
    }
    match &report.estimate {
        Some(found) => estimate(found, paint, &mut text),
        None => text.push_str("There is nothing to copy, so there is no estimate.\n"),
    }
    text
}

fn side(title: &str, side: &CheckedSide, paint: Paint, text: &mut String) {
    let _ = writeln!(text, "{} {}", paint.bold(title), clean(&side.account));
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<14}{}", clean(value));
    };
    line("server", &side.server);
    for (name, values, separator) in
        [("capabilities", &side.capabilities, " "), ("will use", &side.used, ", "), ("oddities", &side.quirks, "; ")]
    {
        if !values.is_empty() {
            line(name, &values.join(separator));
        }
    }
    line("connections", &format!("at most {}", side.connections));
    if let Some(limit) = side.message_bytes {
        line("takes", &format!("messages up to {}", bytes(limit)));
    }
    if let Some(room) = side.room_bytes {
        line("room", &format!("{} left under the quota", bytes(room)));
    }
    text.push('\n');
}

fn folders(report: &CheckReport, paint: Paint, text: &mut String) {
    let mut heading = vec![("folder", Align::Left), ("messages", Align::Right), ("size", Align::Right)];
    if report.target.is_some() {
        heading.push(("goes to", Align::Left));
    }
    let row = |folder: &CheckedFolder| {
        let mut row = vec![folder.source.to_string(), count(folder.messages), bytes(folder.bytes)];
        if let Some(target) = &folder.target {
            row.push(if folder.create { format!("{target} (new)") } else { target.to_string() });
        }
        row
    };
    let mut rows: Vec<Vec<String>> = report.folders.iter().map(row).collect();
    rows.push(vec!["in all".into(), count(report.total.messages), bytes(report.total.bytes)]);
    text.push_str(&table(&heading, &rows, paint));
    for note in &report.folder_notes {
        let _ = writeln!(text, "  {}: {}", clean(&note.folder.to_string()), clean(&note.reason));
    }
    text.push('\n');
}

fn messages(title: &str, messages: &[CheckedMessage], paint: Paint, text: &mut String) {
    if messages.is_empty() {
        return;
    }
    let heading = [(title, Align::Left), ("id", Align::Right), ("size", Align::Right)];
    let row = |message: &CheckedMessage| vec![message.folder.to_string(), message.id.to_string(), bytes(message.bytes)];
    text.push_str(&table(&heading, &messages.iter().take(SOME).map(row).collect::<Vec<_>>(), paint));
    text.push('\n');
}

fn refusals(report: &CheckReport, paint: Paint, text: &mut String) {
    let too_big = &report.too_big;
    if too_big.messages > 0 {
        let number = counted(too_big.messages, "message is", "messages are");
        let line =
            format!("{number} larger than the target takes, and would be left behind ({})", bytes(too_big.bytes));
        let _ = writeln!(text, "{}", paint.yellow(&line));
        messages("Too large", &too_big.named, paint, text);
        if too_big.messages > SOME as u64 {
            let _ = writeln!(text, "… and {} more: --json names up to 1,000\n", count(too_big.messages - SOME as u64));
        }
    }
    if let Some(quota) = report.quota.filter(|quota| !quota.fits) {
        let line = format!(
            "The target has room for {}, and {} would come over, if none of it stands there yet",
            bytes(quota.room_bytes),
            bytes(quota.needed_bytes)
        );
        let _ = writeln!(text, "{}\n", paint.yellow(&line));
    }
    if !report.unkept_flags.is_empty() {
        let _ = writeln!(text, "{}", paint.yellow("Flags and keywords that the target would not keep:"));
        for unkept in &report.unkept_flags {
            let number = counted(unkept.messages, "message", "messages");
            let _ = writeln!(text, "  {}: {} ({number})", clean(&unkept.folder.to_string()), clean(&unkept.flag));
        }
        text.push('\n');
    }
    let nothing =
        too_big.messages == 0 && report.unkept_flags.is_empty() && report.quota.is_none_or(|quota| quota.fits);
    if report.target.is_some() && nothing {
        let _ = writeln!(text, "{}\n", paint.green("The target is expected to take everything."));
    }
}

fn estimate(estimate: &Estimate, paint: Paint, text: &mut String) {
    let time = Duration::try_from_secs_f64(estimate.seconds).unwrap_or(Duration::MAX);
    let _ = writeln!(
        text,
        "{} about {} for a first copy, at {} messages/s and {}/s; provided that",
        paint.bold("Time:"),
        span(time),
        count(estimate.messages_per_second.round() as u64),
        bytes(estimate.bytes_per_second as u64)
    );
    for assumption in &estimate.assumptions {
        let _ = writeln!(text, "  - {}", clean(assumption));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual::sample_check;

    #[test]
    fn a_check_tells_what_the_target_would_refuse() {
        let text = render(&CheckReport { speed: None, ..sample_check() }, Paint::off());
        for part in [
            "Source imap://a@old.example:993\n  server        Dovecot\n  capabilities  IMAP4rev1 IDLE\n",
            "folder    messages     size  goes to\nGesendet        12  36.0 kB  Sent (new)\nin all          12  36.0 kB\n",
            "1 message is larger than the target takes",
            "Gesendet: Work (2 messages)",
            "Time: about 1.5 s for a first copy, at 8 messages/s and 24.0 kB/s; provided that\n  - it holds\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
        assert!(!text.contains("expected to take everything"));
    }
}
