//! Is it as fast as we want it to be? Each goal is a ratio of figures of one run, or a bound on one of them.

use serde::{Deserialize, Serialize};

use crate::results::{Figures, Results, Row, Summary};
use crate::workloads::{LINK_BYTES_PER_SECOND, LINK_ROUND_TRIPS, SHORT_ROUND_TRIP};

/// A goal and how it stands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Goal {
    /// In words, with the bound.
    pub(crate) what: String,
    /// What was measured, to be held against the bound; none where something was not measured.
    pub(crate) value: Option<f64>,
    pub(crate) state: State,
}

/// Whether a goal is met.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum State {
    Met,
    NotMet,
    /// Something that it needs was not measured, or a peer was stopped too early to tell.
    Unknown,
}

/// A figure, or what is known of it.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Value {
    Is(f64),
    /// It is less than this: the peer that it is held against was stopped.
    Below(f64),
    Unknown,
}

impl Value {
    fn at_most(self, bound: f64) -> State {
        match self {
            Value::Is(value) if value <= bound => State::Met,
            Value::Below(value) if value <= bound => State::Met,
            Value::Is(_) => State::NotMet,
            Value::Below(_) | Value::Unknown => State::Unknown,
        }
    }
}

fn at_most(what: &str, value: Value, bound: f64) -> Goal {
    let known = match value {
        Value::Is(value) | Value::Below(value) => Some(value),
        Value::Unknown => None,
    };
    Goal { what: what.to_owned(), value: known, state: value.at_most(bound) }
}

/// All goals, as they stand with these results.
pub(crate) fn goals(results: &Results) -> Vec<Goal> {
    let ask = Ask { results };
    let [near, far] = LINK_ROUND_TRIPS.map(|round_trip| format!("W7 {} ms", round_trip.as_millis()));
    let few = format!("W7 {} ms, few", SHORT_ROUND_TRIP.as_millis());
    vec![
        at_most("W1 to memory: time, at most 0.6 of mbsync", ask.against("W1", "memory", "mbsync"), 0.6),
        at_most("W1 to memory: time, at most 1/8 of imapsync", ask.against("W1", "memory", "imapsync"), 1.0 / 8.0),
        at_most("W1 to disk: time, at most 0.35 of mbsync", ask.against("W1", "disk", "mbsync"), 0.35),
        at_most(
            "W1 to disk: time, at most 1.15 of the raw MULTIAPPEND writer",
            ask.against_best("W1", "disk", &["raw MULTIAPPEND"]),
            1.15,
        ),
        at_most("W2 to memory: time, at most 1/3 of mbsync", ask.against("W2", "memory", "mbsync"), 1.0 / 3.0),
        at_most("W2 to memory: time, at most 1/40 of imapsync", ask.against("W2", "memory", "imapsync"), 1.0 / 40.0),
        at_most(
            "W2 to memory: time, at most 1/0.7 of the raw reader and MULTIAPPEND writer at once",
            ask.against_best("W2", "memory", &["raw FETCH and MULTIAPPEND"]),
            1.0 / 0.7,
        ),
        at_most("W1 to Cyrus: time, at most 1/5 of mbsync", ask.against("W1", "cyrus", "mbsync"), 1.0 / 5.0),
        at_most("W2 to Cyrus: time, at most 1/5 of mbsync", ask.against("W2", "cyrus", "mbsync"), 1.0 / 5.0),
        at_most(
            "W3: time, at most 1/3 of the better of mbsync and dsync",
            ask.against_best("W3", "memory", &["mbsync", "dsync"]),
            1.0 / 3.0,
        ),
        at_most(
            "W3: time, at most 1/0.7 of raw sign-ins, 4 at once",
            ask.against_best("W3", "memory", &["raw sign-in and LIST x4"]),
            1.0 / 0.7,
        ),
        at_most("W4: time, at most that of mbsync", ask.against("W4", "memory", "mbsync"), 1.0),
        at_most("W4: peak memory, at most 48 MB", ask.figure("W4", megabytes), 48.0),
        at_most("W5: first fifth's rate, at most 1.2 of the last fifth's", ask.slowing(), 1.2),
        at_most("W5: peak memory, at most 64 MB", ask.figure("W5", megabytes), 64.0),
        at_most("W5: first message, at most 1 s", ask.first_message(), 1.0),
        at_most("W6 unchanged: round trips a side, at most 1", ask.round_trips("W6 unchanged"), 1.0),
        at_most("W6 unchanged: time after sign-in, at most 1/10 of mbsync", ask.after_sign_in("W6 unchanged"), 0.1),
        at_most("W6 unchanged: bytes, at most 1/1000 of mbsync", ask.bytes_against_mbsync("W6 unchanged"), 1e-3),
        at_most("W6 changed: time, at most that of mbsync", ask.against("W6 changed", "memory", "mbsync"), 1.0),
        at_most("W7, 40 ms and 200 Mbit/s: time, at most 1.3 of the link's own", ask.against_link(&near), 1.3),
        at_most("W7, 100 ms and 200 Mbit/s: time, at most 1.3 of the link's own", ask.against_link(&far), 1.3),
        at_most(
            "W7, 1,000 messages at 20 ms: time, at most 1/8 of mbsync",
            ask.against(&few, "memory", "mbsync"),
            1.0 / 8.0,
        ),
        at_most("W2: processor time a message, at most 25 us", ask.figure("W2", microseconds_a_message), 25.0),
        at_most(
            "W4: processor time beyond 25 us a message, at most 1 ns a byte",
            ask.figure("W4", nanoseconds_a_byte),
            1.0,
        ),
    ]
}

fn megabytes(figures: &Figures) -> f64 {
    figures.peak_memory_bytes as f64 / 1e6
}

fn microseconds_a_message(figures: &Figures) -> f64 {
    figures.client_cpu_seconds * 1e6 / figures.messages as f64
}

fn nanoseconds_a_byte(figures: &Figures) -> f64 {
    (figures.client_cpu_seconds - 25e-6 * figures.messages as f64).max(0.0) * 1e9 / figures.bytes as f64
}

struct Ask<'a> {
    results: &'a Results,
}

impl Ask<'_> {
    fn row(&self, question: &str, place: &str, contender: &str) -> Option<&Row> {
        self.results.row(question, place, contender)
    }

    fn limosa(&self, question: &str, place: &str) -> Option<Figures> {
        match self.row(question, place, "limosa")?.summary() {
            Summary::Done { median, .. } => Some(median),
            _ => None,
        }
    }

    fn figure(&self, question: &str, of: impl Fn(&Figures) -> f64) -> Value {
        self.limosa(question, "memory").map_or(Value::Unknown, |figures| Value::Is(of(&figures)))
    }

    /// Limosa's time as a part of another's.
    fn against(&self, question: &str, place: &str, other: &str) -> Value {
        let (Some(own), Some(other)) = (self.limosa(question, place), self.row(question, place, other)) else {
            return Value::Unknown;
        };
        match other.summary() {
            Summary::Done { median, .. } => Value::Is(own.seconds / median.seconds),
            Summary::Late { seconds, .. } => Value::Below(own.seconds / seconds as f64),
            Summary::Nothing(_) => Value::Unknown,
        }
    }

    /// Limosa's time as a part of the quickest of those whose names begin so.
    fn against_best(&self, question: &str, place: &str, others: &[&str]) -> Value {
        let best = self
            .results
            .rows
            .iter()
            .filter(|row| row.question == question && row.place == place)
            .filter(|row| others.iter().any(|other| row.contender.starts_with(other)))
            .filter_map(|row| match row.summary() {
                Summary::Done { median, .. } => Some(median.seconds),
                _ => None,
            })
            .min_by(f64::total_cmp);
        match (self.limosa(question, place), best) {
            (Some(own), Some(best)) => Value::Is(own.seconds / best),
            _ => Value::Unknown,
        }
    }

    fn slowing(&self) -> Value {
        self.results.rate.map_or(Value::Unknown, |rate| Value::Is(rate.first_fifth / rate.last_fifth))
    }

    fn first_message(&self) -> Value {
        self.results.rate.map_or(Value::Unknown, |rate| Value::Is(rate.first_message_seconds))
    }

    fn round_trips(&self, question: &str) -> Value {
        let wire = self.row(question, "memory", "limosa").and_then(|row| row.wire);
        wire.map_or(Value::Unknown, |wire| Value::Is(wire.source_round_trips.max(wire.target_round_trips) as f64))
    }

    fn bytes_against_mbsync(&self, question: &str) -> Value {
        let bytes = |contender| {
            let wire = self.row(question, "memory", contender)?.wire?;
            Some((wire.source_bytes + wire.target_bytes) as f64)
        };
        match (bytes("limosa"), bytes("mbsync")) {
            (Some(own), Some(other)) => Value::Is(own / other),
            _ => Value::Unknown,
        }
    }

    /// As [`Ask::against`] mbsync, without the time that signing in and out takes by itself.
    fn after_sign_in(&self, question: &str) -> Value {
        let seconds = |contender| match self.row(question, "memory", contender)?.summary() {
            Summary::Done { median, .. } => Some(median.seconds),
            _ => None,
        };
        match (seconds("limosa"), seconds("mbsync"), seconds("raw sign-in x1")) {
            // Where mbsync is no slower than a sign-in there is nothing to compare.
            (Some(own), Some(other), Some(sign_in)) if other > sign_in => {
                Value::Is((own - sign_in).max(0.0) / (other - sign_in))
            }
            _ => Value::Unknown,
        }
    }

    /// Limosa's time as a part of what the mail's bytes take over one way of the link.
    fn against_link(&self, question: &str) -> Value {
        self.limosa(question, "memory")
            .map_or(Value::Unknown, |own| Value::Is(own.seconds * LINK_BYTES_PER_SECOND as f64 / own.bytes as f64))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::Machine;
    use crate::peers::Wire;
    use crate::results::Outcome;

    fn results(rows: &[(&str, &str, &str, Outcome)]) -> Results {
        let machine = Machine {
            processor: String::new(),
            cores: 2,
            memory_bytes: 0,
            kernel: String::new(),
            file_system: String::new(),
            programs: Vec::new(),
        };
        let mut results = Results {
            machine,
            date: String::new(),
            scale: 1.0,
            rounds: 1,
            limit_seconds: 60,
            rows: Vec::new(),
            rate: None,
        };
        for (question, place, contender, outcome) in rows {
            results.row_mut(question, place, contender).outcomes.push(outcome.clone());
        }
        results
    }

    fn done(seconds: f64) -> Outcome {
        Outcome::Done(Figures {
            seconds,
            messages: 1_000,
            bytes: 50_000_000,
            client_cpu_seconds: 0.05,
            source_cpu_seconds: 0.0,
            target_cpu_seconds: 0.0,
            peak_memory_bytes: 30_000_000,
        })
    }

    fn check(rows: &[(&str, &str, &str, Outcome)], goal: &str, expect: (Option<f64>, State)) {
        let goals = goals(&results(rows));
        let found = goals.iter().find(|found| found.what.starts_with(goal)).expect("there is such a goal");
        let rounded = found.value.map(|value| (value * 1_000.0).round() / 1_000.0);
        assert_eq!((rounded, found.state), expect, "{goal}");
    }

    #[test]
    fn a_ratio_is_met_or_not() {
        let goal = "W1 to memory: time, at most 0.6 of mbsync";
        let limosa = ("W1", "memory", "limosa", done(3.0));
        check(&[limosa.clone(), ("W1", "memory", "mbsync", done(6.0))], goal, (Some(0.5), State::Met));
        check(&[limosa.clone(), ("W1", "memory", "mbsync", done(4.0))], goal, (Some(0.75), State::NotMet));
        check(&[limosa], goal, (None, State::Unknown));
    }

    #[test]
    fn a_peer_that_was_stopped_can_prove_a_goal_but_not_refute_it() {
        let goal = "W1 to Cyrus: time";
        let stopped = ("W1", "cyrus", "mbsync", Outcome::Late { seconds: 60, messages: 5 });
        check(&[("W1", "cyrus", "limosa", done(6.0)), stopped.clone()], goal, (Some(0.1), State::Met));
        check(&[("W1", "cyrus", "limosa", done(30.0)), stopped], goal, (Some(0.5), State::Unknown));
    }

    #[test]
    fn the_better_of_several_counts() {
        let rows = [
            ("W3", "memory", "limosa", done(2.0)),
            ("W3", "memory", "mbsync", done(8.0)),
            ("W3", "memory", "dsync", done(4.0)),
        ];
        check(&rows, "W3: time, at most 1/3", (Some(0.5), State::NotMet));
    }

    #[test]
    fn sign_in_is_taken_off_both_sides() {
        let rows = [
            ("W6 unchanged", "memory", "limosa", done(0.03)),
            ("W6 unchanged", "memory", "mbsync", done(0.22)),
            ("W6 unchanged", "memory", "raw sign-in x1", done(0.02)),
        ];
        check(&rows, "W6 unchanged: time after sign-in", (Some(0.05), State::Met));
    }

    #[test]
    fn the_link_allows_its_bandwidth() {
        // 50 MB at 25 MB/s.
        check(&[("W7 40 ms", "memory", "limosa", done(2.4))], "W7, 40 ms", (Some(1.2), State::Met));
    }

    #[test]
    fn bytes_and_round_trips_are_counted_on_both_sides() {
        let mut results = results(&[]);
        let wire = |round_trips, bytes| {
            Some(Wire {
                source_round_trips: 1,
                target_round_trips: round_trips,
                source_bytes: bytes,
                target_bytes: bytes,
            })
        };
        results.row_mut("W6 unchanged", "memory", "limosa").wire = wire(2, 1_000);
        results.row_mut("W6 unchanged", "memory", "mbsync").wire = wire(20, 2_000_000);
        let state =
            |what: &str| goals(&results).into_iter().find(|goal| goal.what.starts_with(what)).map(|goal| goal.state);
        assert_eq!(state("W6 unchanged: round trips"), Some(State::NotMet));
        assert_eq!(state("W6 unchanged: bytes"), Some(State::Met));
    }
}
