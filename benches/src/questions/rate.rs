//! W5: does a folder that grows to half a million messages slow the copy down, and when does the first message arrive?

use std::time::{Duration, Instant};

use limosa_lab::Client;

use crate::bench::{Bench, Run};
use crate::error::{BenchError, Result};
use crate::peers::{Contender, Pair};
use crate::results::Rate;
use crate::servers::{PASSWORD, Place};
use crate::workloads::Mail;

/// How often the target is asked: at first, to see the first message, and later.
const FIRST: Duration = Duration::from_millis(5);
const LATER: Duration = Duration::from_millis(200);

pub(super) async fn copy(bench: &mut Bench, place: Place) -> Result<()> {
    let (source, messages, bytes) = bench.source(Mail::Long).await?;
    let targets = bench.servers.fresh(place, 1).await?;
    let target = targets[0].clone();
    let pairs = [Pair { source, target: target.clone(), tls: false }];
    let run =
        Run { question: "W5", place, pairs: &pairs, at_once: 1, mail: Mail::Long, messages, bytes, state: "rate" };
    let mut watcher = Client::connect(target.address).await?;
    watcher.login(&target.user, PASSWORD).await?;
    let mut samples = Vec::new();
    tokio::select! {
        measured = bench.measure(Contender::Limosa, &run) => measured?,
        failed = watch(&mut watcher, &mut samples) => return Err(failed),
    }
    let since_start: Vec<(f64, usize)> = samples
        .iter()
        .map(|(at, count): &(Instant, usize)| (at.saturating_duration_since(bench.started).as_secs_f64(), *count))
        .collect();
    bench.results.rate = rate(&since_start, messages);
    bench.servers.forget(place, &targets).await
}

/// Notes how many messages there are, until it is dropped; answers only with what is wrong.
async fn watch(client: &mut Client, samples: &mut Vec<(Instant, usize)>) -> BenchError {
    loop {
        let answer = match client.command("STATUS INBOX (MESSAGES)").await {
            Ok(answer) => answer.text(),
            Err(error) => return error.into(),
        };
        let count = answer.rsplit_once("(MESSAGES ").and_then(|(_, count)| count.strip_suffix(')')?.parse().ok());
        let count = count.unwrap_or(0);
        samples.push((Instant::now(), count));
        tokio::time::sleep(if count == 0 { FIRST } else { LATER }).await;
    }
}

/// `None` where there are too few samples to tell.
fn rate(samples: &[(f64, usize)], messages: usize) -> Option<Rate> {
    let fifth = messages / 5;
    let speed = |from: usize, to: usize| Some((to - from) as f64 / (when(samples, to)? - when(samples, from)?));
    let first = when(samples, 1)?;
    let first_fifth = fifth as f64 / (when(samples, fifth)? - first);
    let last_fifth = speed(messages - fifth, messages)?;
    let can_be_told = first_fifth.is_finite() && last_fifth.is_finite();
    can_be_told.then_some(Rate { first_message_seconds: first, first_fifth, last_fifth })
}

/// When so many messages were there: between two samples as if they came evenly, but the first when it was seen.
fn when(samples: &[(f64, usize)], messages: usize) -> Option<f64> {
    let after = samples.iter().position(|(_, count)| *count >= messages)?;
    let (time, count) = samples[after];
    let Some((time_before, count_before)) = after.checked_sub(1).map(|before| samples[before]) else {
        return Some(time);
    };
    if count_before == 0 || count == count_before {
        return Some(time);
    }
    let part = (messages - count_before) as f64 / (count - count_before) as f64;
    Some(time_before + (time - time_before) * part)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_of_the_first_and_the_last_fifth() {
        // 100 messages a second at first, 50 at the end; the first is seen after half a second.
        let samples = [(0.2, 0), (0.5, 10), (1.4, 100), (2.0, 200), (6.0, 400), (8.0, 500), (9.0, 500)];
        let rate = rate(&samples, 500).expect("enough samples");
        assert_eq!(rate.first_message_seconds, 0.5);
        assert!((rate.first_fifth - 100.0 / 0.9).abs() < 1e-9, "{rate:?}");
        assert!((rate.last_fifth - 50.0).abs() < 1e-9, "{rate:?}");
    }

    #[test]
    fn without_the_last_message_there_is_no_rate() {
        assert_eq!(rate(&[(0.5, 1), (1.0, 499)], 500), None);
        assert_eq!(rate(&[], 500), None);
    }
}
