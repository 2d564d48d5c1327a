//! What measuring both sides came to, in words.

use std::fmt::Write as _;
use std::time::Duration;

use limosa_engine::Side;
use limosa_engine::check::{ManyMailboxes, MeasuredSide, SpeedReport};

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
        if let Some(seconds) = side.round_trip_seconds {
            let _ = writeln!(text, "An answer of the {name} takes {:.1} ms.", seconds * 1_000.0);
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
        let _ =
            writeln!(text, "{}", paint.yellow(&format!("Not everything was measured: {}", clean(&unfinished.what))));
    }
    let folder = speed.scratch.folder.to_string();
    if let Some(left) = &speed.scratch.left {
        let line = format!(
            "The folder \"{}\" may still be on the target, and could not be removed: {}",
            clean(&folder),
            clean(&left.what)
        );
        let _ = writeln!(
            text,
            "{}\n  hint: remove it with a mail program; nothing in it is anybody's mail",
            paint.yellow(&line)
        );
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
            "An answer of the source takes 2.0 ms.\n",
            "Time: about 1.5 s for a first copy over one connection. The target is the bound",
            "1,000 mailboxes like this one, 4 at once: ",
            "Not everything was measured: the connection was lost\n",
            "The folder \"Limosa speed test 1\" may still be on the target, and could not be removed: the connection was lost\n",
        ] {
            assert!(text.contains(part), "{part:?} is not in\n{text}");
        }
    }
}
