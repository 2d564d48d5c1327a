//! What measuring both sides came to, in words.

use std::fmt::Write as _;
use std::time::Duration;

use limosa_engine::Side;
use limosa_engine::check::{ManyMailboxes, MeasuredSide, SpeedReport};
use limosa_engine::report::Unfinished;

use crate::terminal::{Align, Paint, bytes, clean, count, span, table};

pub fn render(speed: &SpeedReport, paint: Paint, text: &mut String) {
    let heading = [
        ("Speed", Align::Left),
        ("connections", Align::Right),
        ("messages/s", Align::Right),
        ("bytes/s", Align::Right),
        ("measured with", Align::Right),
    ];
    let rows: Vec<Vec<String>> = [("reading the source", &speed.source), ("writing to the target", &speed.target)]
        .into_iter()
        .flat_map(rows)
        .collect();
    if !rows.is_empty() {
        text.push_str(&table(&heading, &rows, paint));
    }
    for (name, side) in [("source", &speed.source), ("target", &speed.target)] {
        let times = [("signing in takes", side.sign_in_seconds), ("an answer", side.round_trip_seconds)];
        let times = times.map(|(what, seconds)| seconds.map(|seconds| format!("{what} {:.1} ms", seconds * 1_000.0)));
        let times: Vec<String> = times.into_iter().flatten().collect();
        if !times.is_empty() {
            let _ = writeln!(text, "The {name}: {}.", times.join(", "));
        }
    }
    if let (Some(bound), Some(seconds)) = (bound(speed), speed.seconds) {
        let connections =
            if speed.connections == 1 { "one connection".into() } else { format!("{} connections", speed.connections) };
        let _ = writeln!(
            text,
            "{} about {} for a first copy over {connections}. {bound}",
            paint.bold("Time:"),
            time(seconds),
        );
    }
    if let Some(many) = &speed.many {
        text.push_str(&mailboxes(many));
    }
    if let Some(unfinished) = &speed.unfinished {
        warn("Not everything was measured", unfinished, paint, text);
    }
    for earlier in &speed.earlier {
        let folder = clean(&earlier.folder.to_string()).into_owned();
        match &earlier.left {
            None => {
                let _ = writeln!(text, "The folder \"{folder}\" of an earlier measurement was removed, too.");
            }
            Some(left) => {
                warn(&format!("The folder \"{folder}\" of an earlier measurement was not removed"), left, paint, text)
            }
        }
    }
    if let Some(left) = &speed.scratch.left {
        let folder = clean(&speed.scratch.folder.to_string()).into_owned();
        warn(
            &format!("The folder \"{folder}\" may still be on the target, and could not be removed"),
            left,
            paint,
            text,
        );
        text.push_str("  hint: the next measurement removes it; nothing in it is anybody's mail\n");
    }
}

/// What did not work, and what to do.
fn warn(what: &str, why: &Unfinished, paint: Paint, text: &mut String) {
    let _ = writeln!(text, "{}", paint.yellow(&format!("{what}: {}", clean(&why.what))));
    if let Some(hint) = &why.hint {
        let _ = writeln!(text, "  hint: {}", clean(hint));
    }
}

fn rows((name, side): (&str, &MeasuredSide)) -> Vec<Vec<String>> {
    let rates = [side.alone, side.together].into_iter().flatten();
    rates
        .map(|rate| {
            vec![
                name.to_owned(),
                count(rate.connections),
                count(rate.messages_per_second.round() as u64),
                bytes(rate.bytes_per_second as u64),
                format!("{} messages, {}", count(rate.messages), bytes(rate.bytes)),
            ]
        })
        .collect()
}

fn bound(speed: &SpeedReport) -> Option<&'static str> {
    speed.bound.map(|side| match side {
        Side::Source => "The source is the bound: it gives mail more slowly than the target takes it.",
        Side::Target => "The target is the bound: it takes mail more slowly than the source gives it.",
    })
}

fn mailboxes(many: &ManyMailboxes) -> String {
    format!(
        "{} mailboxes like this one, {} at once: {} if each is served like this one, {} if all of them together are.\n",
        count(many.mailboxes),
        count(many.jobs),
        time(many.least_seconds),
        time(many.most_seconds)
    )
}

fn time(seconds: f64) -> String {
    span(Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manual::sample_check;

    #[test]
    fn speed_is_told_with_what_it_means_and_with_what_is_left() {
        let mut text = String::new();
        render(&sample_check().speed.expect("the sample has it"), Paint::off(), &mut text);
        for part in [
            "writing to the target            1          12",
            "The source: signing in takes 20.0 ms, an answer 2.0 ms.\n",
            "Time: about 1.5 s for a first copy over one connection. The target is the bound",
            "1,000 mailboxes like this one, 4 at once: ",
            "Not everything was measured: the connection was lost\n  hint: try again\n",
            "The folder \"Limosa speed test 0\" of an earlier measurement was removed, too.\n",
            "The folder \"Limosa speed test 0\" of an earlier measurement was not removed: the connection was lost\n",
            "The folder \"Limosa speed test 1\" may still be on the target, and could not be removed: the connection was lost\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
