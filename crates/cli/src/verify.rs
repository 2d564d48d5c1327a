//! `limosa verify`: both sides compared anew.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use limosa_engine::audit::{AuditReport, AuditedFolder, Depth, Difference, Kind, NoLedger, NoRecords, audit};
use limosa_engine::{Grade, Pair, Progress};
use limosa_model::{Ledger, PairKey};

use crate::copy::{cannot_work, take_ledger, write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::memory::peak_rss_bytes;
use crate::open::{self, OpenPair};
use crate::settings::VerifySettings;
use crate::status::Screen;
use crate::stopping::Stopping;
use crate::terminal::{Align, Paint, bytes, clean, count, counted, span, table};

/// How many differences of a kind are told one by one; JSON has more.
const SOME: usize = 20;

/// Compares one pair and tells the result.
///
/// # Errors
/// If it cannot work.
pub async fn run(settings: VerifySettings, pair: OpenPair, screen: Screen) -> Result<Exit, Failure> {
    let stopping = Stopping::listen(screen.clone())?;
    let progress = stopping.begin();
    let watch = screen.watch(&progress, None);
    let result = compare(&settings, &pair, &progress, &screen).await;
    watch.end().await;
    let PairKey { source, target } = pair.key();
    let report = result.map_err(|failure| failure.of_pair(source, target))?;
    if settings.json {
        write_json(&report)?;
    } else if !settings.quiet || report.grade > Grade::Good {
        write_out(&render(&report, Paint::stdout()))?;
    }
    Ok(report.grade.into())
}

async fn compare(
    settings: &VerifySettings,
    pair: &OpenPair,
    progress: &Progress,
    screen: &Screen,
) -> Result<AuditReport, Failure> {
    let key = pair.key();
    let ledger = ledger(settings, pair, progress, screen).await?;
    let both = Pair { source: pair.source.as_ref(), target: pair.target.as_ref(), ledger };
    let mut report = audit(both, &settings.options, &mut NoRecords, progress)
        .await
        .map_err(|error| cannot_work(error, &key.source, &key.target))?;
    report.peak_rss_bytes = peak_rss_bytes();
    Ok(report)
}

/// The pair's ledger, so that no other run changes anything meanwhile. Where there is none, looking must not make one.
async fn ledger(
    settings: &VerifySettings,
    pair: &OpenPair,
    progress: &Progress,
    screen: &Screen,
) -> Result<Arc<dyn Ledger>, Failure> {
    if !open::ledger_file(&settings.state).exists() {
        return Ok(Arc::new(NoLedger));
    }
    let (store, key) = (open::store(&settings.state).await?, pair.key());
    let pairs = store.pairs().await.map_err(|error| Failure::ledger(&error))?;
    match pairs.contains(&key) {
        true => take_ledger(&store, &key, settings.wait, progress, screen).await,
        false => Ok(Arc::new(NoLedger)),
    }
}

fn render(report: &AuditReport, paint: Paint) -> String {
    let mut text = String::new();
    let pair = format!("{} → {}", clean(&report.source), clean(&report.target));
    let _ = writeln!(text, "{}\n", paint.bold(&pair));
    folders(report, paint, &mut text);
    for kind in Kind::ALL {
        differences(report, kind, paint, &mut text);
    }
    if !report.dropped_flags.is_empty() {
        let _ = writeln!(text, "Not compared, since the target does not keep them:");
        for dropped in report.dropped_flags.iter().take(SOME) {
            let _ = writeln!(text, "  {}: {}", clean(&dropped.folder.to_string()), clean(&dropped.flag));
        }
        text.push('\n');
    }
    totals(report, &mut text);
    verdict(report, paint, &mut text);
    text
}

fn folders(report: &AuditReport, paint: Paint, text: &mut String) {
    let mut by_folder: BTreeMap<String, u64> = BTreeMap::new();
    for difference in &report.differences {
        *by_folder.entry(difference.folder.to_string()).or_default() += difference.messages;
    }
    let heading = [
        ("folder", Align::Left),
        ("source", Align::Right),
        ("target", Align::Right),
        ("compared", Align::Right),
        ("differences", Align::Right),
    ];
    let name = |folder: &AuditedFolder| match (folder.exists, folder.source == folder.target) {
        (false, _) => format!("{} → (not there)", folder.source),
        (true, true) => folder.source.to_string(),
        (true, false) => format!("{} → {}", folder.source, folder.target),
    };
    let mut shown: Vec<&AuditedFolder> = report.folders.iter().collect();
    shown.sort_by_key(|folder| !folder.source.is_inbox());
    let row = |folder: &&AuditedFolder| {
        let differences = by_folder.get(&folder.source.to_string()).copied().unwrap_or(0);
        let figures = [folder.source_messages, folder.target_messages, folder.compared, differences];
        [name(folder)].into_iter().chain(figures.map(count)).collect()
    };
    text.push_str(&table(&heading, &shown.iter().map(row).collect::<Vec<_>>(), paint));
    for note in &report.folder_notes {
        let _ = writeln!(text, "  {}: {}", clean(&note.folder.to_string()), clean(&note.reason));
    }
    text.push('\n');
}

fn differences(report: &AuditReport, kind: Kind, paint: Paint, text: &mut String) {
    let mut counts = report.counts;
    let total = *counts.of(kind);
    if total == 0 {
        return;
    }
    let title = format!("{}: {}", title(kind), counted(total, "message", "messages"));
    let title = match kind {
        Kind::Missing | Kind::LostUnsettled | Kind::Size | Kind::Content => paint.red(&title),
        Kind::Flags | Kind::Date | Kind::Unreadable | Kind::Excepted | Kind::NewFolder => paint.yellow(&title),
        Kind::Arrived | Kind::Deleted | Kind::Own | Kind::Reflagged => title,
    };
    let _ = writeln!(text, "{title} ({})", kind.name());
    let mut told = 0;
    for difference in report.differences.iter().filter(|one| one.kind == kind).take(SOME) {
        told += difference.messages;
        let _ = writeln!(text, "  {}", clean(&line(difference)));
    }
    if told < total {
        let _ = writeln!(text, "  … and {} more: --json names up to 10,000 of a kind", count(total - told));
    }
    text.push('\n');
}

fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::Missing => "Missing on the target",
        Kind::LostUnsettled => "Lost: never settled, and not on the target",
        Kind::Arrived => "Come to the source since the last pass",
        Kind::NewFolder => "In folders that no pass brought over",
        Kind::Deleted => "Deleted on the source since the last pass",
        Kind::Own => "The target's own",
        Kind::Flags => "Other flags on the target",
        Kind::Reflagged => "Flags changed on the source since the last pass",
        Kind::Date => "Another internal date on the target",
        Kind::Size => "Another size on the target",
        Kind::Content => "Other bytes on the target",
        Kind::Unreadable => "Not compared, since they cannot be read",
        Kind::Excepted => "Known exceptions",
    }
}

fn line(difference: &Difference) -> String {
    let mut line = difference.folder.to_string();
    match (&difference.source_id, &difference.target_id) {
        (Some(source), Some(target)) => {
            let _ = write!(line, ", message {source} (on the target {target})");
        }
        (Some(source), None) => {
            let _ = write!(line, ", message {source}");
        }
        (None, Some(target)) => {
            let _ = write!(line, ", message {target} on the target");
        }
        (None, None) => {
            let _ = write!(line, ", {}", counted(difference.messages, "message", "messages"));
        }
    }
    if let Some(message_id) = &difference.message_id {
        let _ = write!(line, ", {message_id}");
    }
    let _ = write!(line, ": {}", difference.what);
    line
}

fn totals(report: &AuditReport, text: &mut String) {
    let seconds = report.seconds.max(0.0);
    let (messages, what) = match report.depth {
        Depth::Counts => (report.folders.iter().map(|folder| folder.source_messages).sum(), "counted"),
        Depth::Metadata => (report.compared, "compared by size, internal date and flags"),
        Depth::Content => (report.compared, "compared by size, internal date, flags and bytes"),
    };
    let _ = write!(text, "{} {what}", counted(messages, "message", "messages"));
    if report.read.messages > 0 {
        let _ = write!(text, ", {} read from each side ({})", count(report.read.messages), bytes(report.read.bytes));
    }
    let _ = write!(text, "; {}", span(Duration::from_secs_f64(seconds)));
    if messages > 0 && seconds > 0.0 && report.depth != Depth::Counts {
        let _ = write!(text, " ({} messages/s)", count((messages as f64 / seconds).round() as u64));
    }
    text.push('\n');
}

fn verdict(report: &AuditReport, paint: Paint, text: &mut String) {
    let (grade, sentence) = match report.grade {
        Grade::Perfect => ("perfect", paint.green("Everything stands on the target as on the source.")),
        Grade::Good => ("good", paint.green("Everything stands on the target, but for what the reasons tell.")),
        Grade::Investigate => ("investigate", paint.yellow("Something is worth a look.")),
        Grade::Poor if report.unfinished.is_some() => ("poor", paint.red("Not finished.")),
        Grade::Poor => ("poor", paint.red("The target is not what it should be.")),
    };
    let _ = writeln!(text, "{sentence}");
    let _ = write!(text, "Grade: {grade}");
    if !report.reasons.is_empty() {
        let reasons: Vec<_> = report.reasons.iter().map(|reason| clean(reason)).collect();
        let _ = write!(text, " ({})", reasons.join("; "));
    }
    text.push('\n');
    if let Some(hint) = report.unfinished.as_ref().and_then(|unfinished| unfinished.hint.as_deref()) {
        let _ = writeln!(text, "{} {}", paint.cyan("hint:"), clean(hint));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual::sample_audit;

    #[test]
    fn each_difference_is_named_under_its_kind() {
        let text = render(&sample_audit(), Paint::off());
        for part in [
            "folder           source  target  compared  differences\n",
            "Gesendet → Sent      12      11        10            2\n",
            "Missing on the target: 1 message (missing)\n  Gesendet, message 9 (on the target 19), <9@example.org>: ",
            "Come to the source since the last pass: 1 message (arrived)\n",
            "10 messages compared by size, internal date, flags and bytes, 10 read from each side (30.0 kB); 1.5 s",
            "Not finished.\nGrade: poor (1 difference(s) that nothing explains)\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut report = sample_audit();
        report.counts.missing = 12_000;
        report.differences = vec![report.differences[0].clone(); 10_000];
        let text = render(&report, Paint::off());
        assert!(text.contains("Missing on the target: 12,000 messages"), "{text}");
        assert!(text.contains("… and 11,980 more: --json"), "{text}");
    }
}
