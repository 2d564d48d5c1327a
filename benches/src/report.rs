//! How are results told to people? As Markdown: goals first, then a table for each question.

use std::fmt::Write;

use crate::goals::{Goal, State};
use crate::results::{Figures, Results, Row, Summary};
use crate::servers::Place;

/// The whole page.
pub(crate) fn page(results: &Results, goals: &[Goal]) -> String {
    let mut page = String::new();
    // Writing to a String cannot fail.
    let _ =
        head(&mut page, results).and_then(|()| goal_table(&mut page, goals)).and_then(|()| tables(&mut page, results));
    page
}

fn head(page: &mut String, results: &Results) -> std::fmt::Result {
    let machine = &results.machine;
    writeln!(page, "# Benchmarks\n")?;
    writeln!(
        page,
        "Written by `make bench`; [benches/README.md](../../benches/README.md) says what is measured and what to doubt.\n"
    )?;
    writeln!(page, "- {}", results.date)?;
    writeln!(
        page,
        "- {}, {} cores for both servers and the program, {} memory, Linux {}; the target on disk is on {}",
        machine.processor,
        machine.cores,
        megabytes(machine.memory_bytes),
        machine.kernel,
        machine.file_system
    )?;
    let programs: Vec<String> = machine.programs.iter().map(|(name, version)| format!("{name}: {version}")).collect();
    writeln!(page, "- {}", programs.join("; "))?;
    writeln!(
        page,
        "- {} rounds, time limit {} s, scale {}; source: Dovecot Maildir in memory; no TLS but where said\n",
        results.rounds, results.limit_seconds, results.scale
    )
}

fn goal_table(page: &mut String, goals: &[Goal]) -> std::fmt::Result {
    let count = |state| goals.iter().filter(|goal| goal.state == state).count();
    writeln!(page, "## Goals\n")?;
    writeln!(
        page,
        "{} met, {} not met, {} not known.\n",
        count(State::Met),
        count(State::NotMet),
        count(State::Unknown)
    )?;
    writeln!(page, "| goal | measured | |\n|---|---|---|")?;
    for goal in goals {
        let state = match goal.state {
            State::Met => "met",
            State::NotMet => "**not met**",
            State::Unknown => "not known",
        };
        let value = goal.value.map_or("-".to_owned(), significant);
        writeln!(page, "| {} | {value} | {state} |", goal.what)?;
    }
    writeln!(page)
}

fn tables(page: &mut String, results: &Results) -> std::fmt::Result {
    let mut done: Vec<(&str, &str)> = Vec::new();
    for row in &results.rows {
        let table = (row.question.as_str(), row.place.as_str());
        if done.contains(&table) {
            continue;
        }
        done.push(table);
        let rows: Vec<&Row> =
            results.rows.iter().filter(|row| (row.question.as_str(), row.place.as_str()) == table).collect();
        writeln!(page, "## {} to {}\n", table.0, place(table.1))?;
        question(page, &rows)?;
        if table.0 == "W5"
            && let Some(rate) = &results.rate
        {
            writeln!(
                page,
                "\nFirst message after {} s; {:.0} messages/s over the first fifth, {:.0} over the last.",
                significant(rate.first_message_seconds),
                rate.first_fifth,
                rate.last_fifth
            )?;
        }
        writeln!(page)?;
    }
    Ok(())
}

fn place(name: &str) -> String {
    let places = [Place::Memory, Place::Disk, Place::Cyrus];
    places.into_iter().find(|place| place.name() == name).map_or(name.to_owned(), |place| place.to_string())
}

fn question(page: &mut String, rows: &[&Row]) -> std::fmt::Result {
    let seconds = |name: &dyn Fn(&str) -> bool| {
        let times = rows.iter().filter(|row| name(&row.contender)).filter_map(|row| match row.summary() {
            Summary::Done { median, .. } => Some(median.seconds),
            _ => None,
        });
        times.min_by(f64::total_cmp)
    };
    let mbsync = seconds(&|name| name == "mbsync");
    // The limit of a whole copy, where there is one; else that of writing.
    let raw = seconds(&|name| name.starts_with("raw FETCH and"))
        .or_else(|| seconds(&|name| name.starts_with("raw MULTIAPPEND")))
        .or_else(|| seconds(&|name| name.starts_with("raw sign-in")));
    writeln!(
        page,
        "| | seconds (range) | messages/s | MB/s | x mbsync | x raw | CPU s | source CPU s | target CPU s | peak MB | \
         round trips | wire |\n|---|---|---|---|---|---|---|---|---|---|---|---|"
    )?;
    for row in rows {
        let name = &row.contender;
        match row.summary() {
            Summary::Done { median, least, most } => {
                let ratio =
                    |other: Option<f64>| other.map_or("-".to_owned(), |other| significant(median.seconds / other));
                writeln!(
                    page,
                    "| {name} | {} ({}–{}) | {:.0} | {} | {} | {} | {} |",
                    significant(median.seconds),
                    significant(least),
                    significant(most),
                    median.messages as f64 / median.seconds,
                    or_dash(median.bytes, |bytes| significant(bytes as f64 / 1e6 / median.seconds)),
                    ratio(mbsync),
                    ratio(raw),
                    costs(&median, row),
                )?;
            }
            Summary::Late { seconds, messages } => {
                writeln!(page, "| {name} | not done in {seconds} s, {messages} messages | | | | | | | | | | |")?
            }
            Summary::Nothing(why) => {
                writeln!(page, "| {name} | {} | | | | | | | | | | |", why.replace(['|', '\n'], " "))?
            }
        }
    }
    Ok(())
}

fn costs(median: &Figures, row: &Row) -> String {
    let (round_trips, wire) = match row.wire {
        Some(wire) => (
            format!("{} + {}", wire.source_round_trips, wire.target_round_trips),
            format!("{} + {}", megabytes(wire.source_bytes), megabytes(wire.target_bytes)),
        ),
        None => ("-".to_owned(), "-".to_owned()),
    };
    format!(
        "{:.2} | {:.2} | {:.2} | {} | {round_trips} | {wire}",
        median.client_cpu_seconds,
        median.source_cpu_seconds,
        median.target_cpu_seconds,
        or_dash(median.peak_memory_bytes, |bytes| format!("{:.0}", bytes as f64 / 1e6)),
    )
}

fn or_dash(value: u64, text: impl Fn(u64) -> String) -> String {
    match value {
        0 => "-".to_owned(),
        value => text(value),
    }
}

/// Bytes with a unit that suits them.
fn megabytes(bytes: u64) -> String {
    match bytes {
        0..10_000 => format!("{bytes} B"),
        10_000..1_000_000 => format!("{:.0} kB", bytes as f64 / 1e3),
        _ => format!("{:.1} MB", bytes as f64 / 1e6),
    }
}

/// Three digits that mean something.
fn significant(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    let digits = 2 - value.abs().log10().floor() as i32;
    // Between 0 and 9, so nothing is cut off.
    format!("{value:.*}", digits.clamp(0, 9) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits() {
        let check = |value, expect: &str| assert_eq!(significant(value), expect);
        check(0.0, "0");
        check(0.012_345, "0.0123");
        check(1.2345, "1.23");
        check(99.96, "100.0");
        check(12_345.6, "12346");
        assert_eq!(megabytes(9_999), "9999 B");
        assert_eq!(megabytes(12_345_678), "12.3 MB");
    }
}
