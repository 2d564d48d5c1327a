//! What was found? Rows of outcomes, one row for each contender at each question, as `latest.json` keeps them.

use serde::{Deserialize, Serialize};

use crate::machine::Machine;
use crate::peers::Wire;

/// All that one benchmark found.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Results {
    pub(crate) machine: Machine,
    /// When it began, in UTC.
    pub(crate) date: String,
    /// 1 for the full workloads.
    pub(crate) scale: f64,
    pub(crate) rounds: usize,
    /// After so many seconds a run was ended.
    pub(crate) limit_seconds: u64,
    pub(crate) rows: Vec<Row>,
    /// Of W5.
    pub(crate) rate: Option<Rate>,
}

/// What one contender did at one question.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// `W1`, `W6 unchanged`, `W7 40 ms`, …
    pub(crate) question: String,
    /// The target.
    pub(crate) place: String,
    pub(crate) contender: String,
    /// One for each round that it took part in.
    pub(crate) outcomes: Vec<Outcome>,
    /// From a run of its own through the counting proxy, or as the contender tells.
    pub(crate) wire: Option<Wire>,
}

/// How one run ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    Done(Figures),
    /// Ended at the time limit, with so many messages on the target.
    Late {
        seconds: u64,
        messages: usize,
    },
    /// It failed, or not every message was there afterwards.
    Failed(String),
    /// It cannot take part here.
    Missing(String),
}

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Figures {
    pub(crate) seconds: f64,
    pub(crate) messages: usize,
    /// As the raw reader counted them on the source; 0 where nothing was read.
    pub(crate) bytes: u64,
    pub(crate) client_cpu_seconds: f64,
    pub(crate) source_cpu_seconds: f64,
    pub(crate) target_cpu_seconds: f64,
    /// 0 for the raw limits, which hold prepared mail.
    pub(crate) peak_memory_bytes: u64,
}

/// How the messages of W5 came in.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Rate {
    pub(crate) first_message_seconds: f64,
    /// Messages a second over the first and over the last fifth.
    pub(crate) first_fifth: f64,
    pub(crate) last_fifth: f64,
}

/// A row in one line of a table.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Summary {
    /// Medians, and the range of the time.
    Done { median: Figures, least: f64, most: f64 },
    /// It would have taken longer than this.
    Late { seconds: u64, messages: usize },
    /// Why there is no figure.
    Nothing(String),
}

impl Row {
    /// One failure is the row's: a contender that fails now and then has no time.
    pub(crate) fn summary(&self) -> Summary {
        let mut figures = Vec::new();
        let mut late = None;
        for outcome in &self.outcomes {
            match outcome {
                Outcome::Done(done) => figures.push(*done),
                Outcome::Late { seconds, messages } => late = Some((*seconds, *messages)),
                Outcome::Failed(why) => return Summary::Nothing(format!("failed: {why}")),
                Outcome::Missing(why) => return Summary::Nothing(why.clone()),
            }
        }
        if let Some((seconds, messages)) = late {
            return Summary::Late { seconds, messages };
        }
        figures.sort_by(|one, other| one.seconds.total_cmp(&other.seconds));
        let (Some(first), Some(last)) = (figures.first(), figures.last()) else {
            return Summary::Nothing("not run".to_owned());
        };
        Summary::Done {
            median: Figures {
                seconds: median(&figures, |figures| figures.seconds),
                client_cpu_seconds: median(&figures, |figures| figures.client_cpu_seconds),
                source_cpu_seconds: median(&figures, |figures| figures.source_cpu_seconds),
                target_cpu_seconds: median(&figures, |figures| figures.target_cpu_seconds),
                // The most, not the median: it is a bound that is asked for.
                peak_memory_bytes: figures.iter().map(|figures| figures.peak_memory_bytes).max().unwrap_or(0),
                ..*first
            },
            least: first.seconds,
            most: last.seconds,
        }
    }
}

fn median(figures: &[Figures], of: impl Fn(&Figures) -> f64) -> f64 {
    let mut values: Vec<f64> = figures.iter().map(of).collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() % 2 {
        0 => (values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    }
}

impl Results {
    /// The row of a contender; the place only where a question has several.
    pub(crate) fn row(&self, question: &str, place: &str, contender: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.question == question && row.place == place && row.contender == contender)
    }

    /// The row to add an outcome to.
    pub(crate) fn row_mut(&mut self, question: &str, place: &str, contender: &str) -> &mut Row {
        let found = self
            .rows
            .iter()
            .position(|row| row.question == question && row.place == place && row.contender == contender);
        let at = found.unwrap_or_else(|| {
            self.rows.push(Row {
                question: question.to_owned(),
                place: place.to_owned(),
                contender: contender.to_owned(),
                outcomes: Vec::new(),
                wire: None,
            });
            self.rows.len() - 1
        });
        &mut self.rows[at]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn done(seconds: f64, peak_memory_bytes: u64) -> Outcome {
        Outcome::Done(Figures {
            seconds,
            messages: 10,
            bytes: 0,
            client_cpu_seconds: seconds / 2.0,
            source_cpu_seconds: 0.0,
            target_cpu_seconds: 0.0,
            peak_memory_bytes,
        })
    }

    fn row(outcomes: Vec<Outcome>) -> Row {
        Row { question: "W1".into(), place: "memory".into(), contender: "limosa".into(), outcomes, wire: None }
    }

    #[test]
    fn medians_of_time_and_the_most_of_memory() {
        let Summary::Done { median, least, most } = row(vec![done(3.0, 7), done(1.0, 9), done(2.0, 8)]).summary()
        else {
            panic!("all are done");
        };
        assert_eq!((median.seconds, least, most), (2.0, 1.0, 3.0));
        assert_eq!((median.client_cpu_seconds, median.peak_memory_bytes), (1.0, 9));
    }

    #[test]
    fn one_failure_or_one_late_run_leaves_no_time() {
        let failed = row(vec![done(1.0, 1), Outcome::Failed("9 of 10 messages".into())]).summary();
        assert_eq!(failed, Summary::Nothing("failed: 9 of 10 messages".into()));
        let late = row(vec![done(1.0, 1), Outcome::Late { seconds: 60, messages: 4 }]).summary();
        assert_eq!(late, Summary::Late { seconds: 60, messages: 4 });
        assert_eq!(row(Vec::new()).summary(), Summary::Nothing("not run".into()));
    }
}
