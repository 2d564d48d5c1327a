//! What a person is told when a pass has ended. Pure: report → text.

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use limosa_engine::report::{FolderReport, PassKind, Volume};
use limosa_engine::{Grade, Outcome, Report};
use limosa_model::Exception;

use crate::terminal::{Align, Paint, bytes, clean, count, counted, span, table};

/// How many exceptions, notes, dropped flags, discrepancies are told one by one; JSON has them all.
const SOME: usize = 20;

/// The summary, with a line break at the end.
pub fn render(report: &Report, ledger: &Path, paint: Paint) -> String {
    let mut text = String::new();
    let pair = format!("{} → {}", clean(&report.source), clean(&report.target));
    let _ = writeln!(text, "{}\n", paint.bold(&pair));
    folders(report, paint, &mut text);
    steps(report, &mut text);
    notes(report, &mut text);
    exceptions(report, paint, &mut text);
    totals(report, &mut text);
    verdict(report, paint, &mut text);
    let _ = writeln!(text, "Ledger: {} ({} for this pair)", ledger.display(), bytes(report.ledger_bytes));
    if let Some(next) = next_step(report) {
        let _ = writeln!(text, "Next: {next}");
    }
    text
}

/// One line for a pair of a list.
pub fn one_line(report: &Report, paint: Paint) -> String {
    let verdict = match report.outcome {
        Outcome::Complete => paint.green("complete"),
        Outcome::Exceptions => paint.yellow("exceptions"),
        Outcome::Unfinished => paint.red("unfinished"),
    };
    let mut text = format!("{verdict}  {} → {}  ", clean(&report.source), clean(&report.target));
    let _ = write!(text, "{}", volume(&report.copied, if report.dry_run { "to copy" } else { "copied" }));
    for (number, what) in
        [(report.found, "found"), (report.flags_set, "flags set"), (report.moved, "moved"), (report.removed, "removed")]
    {
        if number > 0 {
            let _ = write!(text, ", {} {what}", count(number));
        }
    }
    if report.renamed > 0 {
        let _ = write!(text, ", {} renamed", counted(report.renamed, "folder", "folders"));
    }
    if !report.exceptions.is_empty() {
        let _ = write!(text, ", {}", counted(report.exceptions.len() as u64, "exception", "exceptions"));
    }
    let _ = write!(text, ", {}", span(Duration::from_secs_f64(report.seconds.max(0.0))));
    if let Some(unfinished) = &report.unfinished {
        let _ = write!(text, ": {}", clean(&unfinished.what));
    }
    text
}

/// Whether a column is shown where its figures are all 0.
type Column = (&'static str, bool, fn(&FolderReport) -> u64);

const COLUMNS: [Column; 7] = [
    ("messages", true, |folder| folder.source_messages),
    ("copied", true, |folder| folder.copied.messages),
    ("found", false, |folder| folder.found),
    ("flags set", false, |folder| folder.flags_set),
    ("moved", false, |folder| folder.moved),
    ("removed", false, |folder| folder.removed),
    ("exceptions", false, |folder| folder.exceptions),
];

/// In an incremental pass only folders in which something happened are worth a line.
fn happened(folder: &FolderReport) -> bool {
    COLUMNS[1..].iter().any(|(_, _, figure)| figure(folder) > 0)
}

fn folders(report: &Report, paint: Paint, text: &mut String) {
    let mut shown: Vec<&FolderReport> =
        report.folders.iter().filter(|folder| report.pass == PassKind::Initial || happened(folder)).collect();
    let unchanged = report.folders.len() - shown.len();
    shown.sort_by_key(|folder| !folder.source.is_inbox());
    if !shown.is_empty() {
        let columns: Vec<&Column> = COLUMNS
            .iter()
            .filter(|(_, always, figure)| *always || shown.iter().any(|folder| figure(folder) > 0))
            .collect();
        let mut heading = vec![("folder", Align::Left)];
        heading.extend(columns.iter().map(|(title, ..)| (*title, Align::Right)));
        // A dry run knows how many messages there are to copy, and not how large they are.
        if report.dry_run {
            heading[2].0 = "to copy";
        } else {
            heading.insert(3, ("size", Align::Right));
        }
        let rows: Vec<Vec<String>> = shown
            .iter()
            .map(|folder| {
                let mut row = vec![folder_name(folder)];
                row.extend(columns.iter().map(|(_, _, figure)| count(figure(folder))));
                if !report.dry_run {
                    row.insert(3, bytes(folder.copied.bytes));
                }
                row
            })
            .collect();
        text.push_str(&table(&heading, &rows, paint));
    }
    if unchanged > 0 {
        let _ = writeln!(text, "{} as they were", counted(unchanged as u64, "folder", "folders"));
    }
    text.push('\n');
}

fn folder_name(folder: &FolderReport) -> String {
    if folder.source == folder.target {
        folder.source.to_string()
    } else {
        format!("{} → {}", folder.source, folder.target)
    }
}

fn steps(report: &Report, text: &mut String) {
    if !report.dry_run {
        return;
    }
    text.push_str(if report.steps.is_empty() { "There is nothing to do.\n" } else { "What would be done:\n" });
    for step in &report.steps {
        let _ = writeln!(text, "  {}", clean(step));
    }
    text.push('\n');
}

fn notes(report: &Report, text: &mut String) {
    let notes = report.folder_notes.iter().map(|note| format!("{}: {} ({})", note.folder, note.reason, note.code));
    listed("Folders", report.folder_notes.len(), notes, text);
    let dropped = report.dropped_flags.iter().map(|dropped| format!("{}: {}", dropped.folder, dropped.flag));
    listed("Flags that the target does not keep", report.dropped_flags.len(), dropped, text);
    let differences = report.discrepancies.iter().map(|difference| match &difference.id {
        Some(id) => format!("{}, message {id}: {}", difference.folder, difference.what),
        None => format!("{}: {}", difference.folder, difference.what),
    });
    listed("Differences that nothing explains", report.discrepancies.len(), differences, text);
}

/// One line for a pair of a list, and what did not come over, by name.
pub fn lines(report: &Report, paint: Paint) -> String {
    let mut text = one_line(report, paint);
    text.push('\n');
    exceptions(report, paint, &mut text);
    let refused = report.folder_notes.iter().filter(|note| note.code == "refused");
    for note in refused {
        let _ = writeln!(text, "  {}: {} ({})", note.folder, note.reason, note.code);
    }
    text
}

fn exceptions(report: &Report, paint: Paint, text: &mut String) {
    let open = report.exceptions.iter().filter(|exception| exception.approval.is_none());
    let (changed, left): (Vec<_>, Vec<_>) = open.partition(|exception| exception.stands());
    let approved = report.exceptions.len() - changed.len() - left.len();
    listed(&paint.yellow("Left behind"), left.len(), left.into_iter().map(exception), text);
    listed(&paint.yellow("On the target, not as they were"), changed.len(), changed.into_iter().map(exception), text);
    if approved > 0 {
        let _ = writeln!(text, "Approved exceptions: {} (limosa exceptions list)\n", count(approved as u64));
    }
}

fn exception(exception: &Exception) -> String {
    let mut line = format!("{}, message {}", exception.folder, exception.id);
    if let Some(message_id) = &exception.message_id {
        let _ = write!(line, ", {message_id}");
    }
    if let Some(size) = exception.size {
        let _ = write!(line, ", {}", bytes(size));
    }
    let _ = write!(line, ": {} ({})", exception.reason, exception.code);
    line
}

fn listed(title: &str, number: usize, lines: impl Iterator<Item = String>, text: &mut String) {
    if number == 0 {
        return;
    }
    let _ = writeln!(text, "{title}: {}", count(number as u64));
    for line in lines.take(SOME) {
        let _ = writeln!(text, "  {}", clean(&line));
    }
    if number > SOME {
        let _ = writeln!(text, "  … and {} more: --json names them all", count((number - SOME) as u64));
    }
    text.push('\n');
}

fn volume(volume: &Volume, what: &str) -> String {
    let messages = counted(volume.messages, "message", "messages");
    if volume.messages == 0 {
        return format!("0 {what}");
    }
    let size = if volume.bytes > 0 { format!(" ({})", bytes(volume.bytes)) } else { String::new() };
    format!("{messages} {what}{size}")
}

fn totals(report: &Report, text: &mut String) {
    let would = if report.dry_run { "to be " } else { "" };
    let mut parts = vec![volume(&report.copied, &format!("{would}copied"))];
    for (number, what) in [
        (report.found, "found on the target already"),
        (report.flags_set, "with flags set"),
        (report.moved, "moved"),
        (report.removed, "removed"),
        (report.unchanged, "unchanged"),
    ] {
        if number > 0 {
            parts.push(format!("{} {what}", count(number)));
        }
    }
    if report.renamed > 0 {
        parts.push(format!("{} {would}renamed", counted(report.renamed, "folder", "folders")));
    }
    let seconds = report.seconds.max(0.0);
    let _ = write!(text, "{}; {}", parts.join(", "), span(Duration::from_secs_f64(seconds)));
    if report.copied.messages > 0 && seconds > 0.0 && !report.dry_run {
        let rate = |number: u64| (number as f64 / seconds).round() as u64;
        let _ = write!(
            text,
            " ({} messages/s, {}/s)",
            count(rate(report.copied.messages)),
            bytes(rate(report.copied.bytes))
        );
    }
    let trips = report.round_trips;
    // A Maildir knows no round trips.
    if trips.source + trips.target > 0 {
        let _ = write!(
            text,
            ", {} round trips to the source and {} to the target",
            count(trips.source),
            count(trips.target)
        );
    }
    text.push('\n');
}

fn verdict(report: &Report, paint: Paint, text: &mut String) {
    if let Some(verified) = &report.verify {
        let depth = format!("{:?}", verified.depth).to_lowercase();
        let compared = counted(verified.compared, "message", "messages");
        let _ = writeln!(text, "Both sides compared anew ({depth}): {compared}, {}", grade_word(verified.grade));
    }
    let approved = report.exceptions.iter().any(|exception| exception.approval.is_some());
    let sentence = match report.outcome {
        Outcome::Complete if report.dry_run => paint.green("Dry run: nothing was changed."),
        Outcome::Complete if approved => {
            paint.green("Complete, but for what somebody approved; the comparison agrees.")
        }
        Outcome::Complete => paint.green("Complete: everything stands on the target, and the comparison agrees."),
        Outcome::Exceptions => {
            paint.yellow("Finished, with exceptions: what is named above was left behind, or is not as it was.")
        }
        Outcome::Unfinished => paint.red("Not finished."),
    };
    let _ = writeln!(text, "{sentence}");
    if !report.dry_run {
        let _ = write!(text, "Grade: {}", grade_word(report.grade));
        // Why it did not finish is told below.
        let told = report.unfinished.as_ref().map_or("", |unfinished| unfinished.what.as_str());
        let reasons = report.reasons.iter().filter(|reason| told.is_empty() || !reason.contains(told));
        let reasons: Vec<_> = reasons.map(|reason| clean(reason)).collect();
        if !reasons.is_empty() {
            let _ = write!(text, " ({})", reasons.join("; "));
        }
        text.push('\n');
    }
    if let Some(unfinished) = &report.unfinished {
        let _ = writeln!(text, "{} {} ({})", paint.red("because:"), clean(&unfinished.what), unfinished.code);
        if let Some(hint) = &unfinished.hint {
            let _ = writeln!(text, "{} {}", paint.cyan("hint:"), clean(hint));
        }
    }
}

fn grade_word(grade: Grade) -> &'static str {
    match grade {
        Grade::Perfect => "perfect",
        Grade::Good => "good",
        Grade::Investigate => "investigate",
        Grade::Poor => "poor",
    }
}

fn next_step(report: &Report) -> Option<&'static str> {
    match report.outcome {
        _ if report.dry_run => Some("run it without --dry-run."),
        Outcome::Complete => Some("run the same command at any time: it brings over only what is new."),
        Outcome::Exceptions if report.exceptions.iter().any(|exception| !exception.stands()) => Some(
            "limosa exceptions list shows what was left behind; mend the causes and run with --retry-exceptions, or choose \
             another --policy, or have it approved with limosa exceptions approve.",
        ),
        Outcome::Exceptions if !report.exceptions.is_empty() => Some(
            "what is named above stands on the target, not quite as it was; limosa exceptions show tells more, limosa \
             exceptions approve notes who takes it so.",
        ),
        Outcome::Exceptions => Some("see the folders above; run the same command once the causes are mended."),
        // The hint says what to do.
        Outcome::Unfinished if report.unfinished.as_ref().is_some_and(|unfinished| unfinished.hint.is_some()) => None,
        Outcome::Unfinished => Some("run the same command again: it goes on where this run stopped."),
    }
}

#[cfg(test)]
mod tests {
    use limosa_model::MessageId;

    use super::*;
    use crate::manual::sample_report;

    #[test]
    fn a_finished_pass_names_what_was_left_behind() {
        let text = render(&sample_report(), Path::new("/state/ledger.db"), Paint::off());
        for part in [
            "imap://a@old.example:993 → imap://a@new.example:993\n",
            "folder           messages  copied    size  found  flags set  moved  removed  exceptions\n",
            "Gesendet → Sent        12       3  9.0 kB      1          2      1        1           1\n",
            ", 1 folder renamed; ",
            "Left behind: 1\n  Gesendet, message 7, <m@example.org>, 5.0 kB: the server says no (too-big)\n",
            "Grade: investigate (1 message was left behind)\n",
            "Ledger: /state/ledger.db (40 B for this pair)\n",
            "--retry-exceptions",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }

    #[test]
    fn folders_as_they_were_take_one_line() {
        let mut report = sample_report();
        let quiet = FolderReport {
            copied: Volume::default(),
            found: 0,
            flags_set: 0,
            removed: 0,
            moved: 0,
            exceptions: 0,
            ..report.folders[0].clone()
        };
        report.pass = PassKind::Incremental;
        report.folders = vec![quiet.clone(), quiet];
        let text = render(&report, Path::new("l"), Paint::off());
        assert!(text.contains("2 folders as they were\n"), "{text}");
        assert!(!text.contains("Gesendet →"), "{text}");
    }

    #[test]
    fn long_lists_are_cut_and_say_so() {
        let mut report = sample_report();
        let one = report.exceptions[0].clone();
        report.exceptions = (1..=50).map(|uid| Exception { id: MessageId::Uid(uid), ..one.clone() }).collect();
        let text = render(&report, Path::new("l"), Paint::off());
        assert!(text.contains("Left behind: 50\n") && text.contains("… and 30 more: --json"), "{text}");
    }

    #[test]
    fn a_list_takes_one_line_a_pair() {
        assert_eq!(
            one_line(&sample_report(), Paint::off()),
            "exceptions  imap://a@old.example:993 → imap://a@new.example:993  3 messages copied (9.0 kB), 1 found, \
             2 flags set, 1 moved, 1 removed, 1 folder renamed, 1 exception, 1.5 s: the connection was lost"
        );
    }
}
