//! How long do passes over mailboxes of a size take?

use std::collections::BTreeMap;

use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

use crate::random::Random;

/// Fewer measured passes than this say too little about how much they differ.
const ENOUGH: u64 = 3;

/// With so many passes their sum is as good as normal.
const MANY: u64 = 64;

/// What passes have taken, by size. Initial, incremental and final passes, and other endpoints, have rates of their own.
///
/// Sizes are classed by powers of two. Within a class the logarithm of the time is taken for normal, as times of many small causes
/// are: most near what is usual, a few several times as long, none below zero.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    classes: BTreeMap<u32, Measured>,
}

/// Measured passes of a class: number, mean, and sum of squared differences from it (Welford), of the logarithms of seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Measured {
    count: u64,
    mean: f64,
    squares: f64,
}

impl Rates {
    /// Notes a pass over a mailbox of that size.
    pub fn add(&mut self, bytes: u64, took: SignedDuration) {
        let measured = self.classes.entry(number(bytes)).or_default();
        // A millisecond is less than anything that can be measured here.
        let logarithm = took.as_secs_f64().max(0.001).ln();
        measured.count += 1;
        let before = logarithm - measured.mean;
        measured.mean += before / measured.count as f64;
        measured.squares += before * (logarithm - measured.mean);
    }

    /// What is known of passes over mailboxes of that size: from the nearest class with enough measured; `None` where none has.
    ///
    /// From a class of smaller mailboxes it is concluded by the bytes, from one of larger ones not at all: that a small mailbox takes
    /// as long as a large one is the safe guess.
    pub fn class(&self, bytes: u64) -> Option<Class> {
        self.class_numbered(number(bytes))
    }

    /// Whether enough passes over mailboxes of that size were measured.
    pub fn knows(&self, bytes: u64) -> bool {
        self.classes.get(&number(bytes)).is_some_and(|measured| measured.count >= ENOUGH)
    }

    fn class_numbered(&self, wanted: u32) -> Option<Class> {
        let known = self.classes.iter().filter(|(_, measured)| measured.count >= ENOUGH);
        let (number, measured) = known.min_by_key(|(number, _)| number.abs_diff(wanted))?;
        let larger_by = f64::from(wanted.saturating_sub(*number));
        let free = (measured.count - 1) as f64;
        Some(Class {
            count: measured.count as f64,
            mean: measured.mean + larger_by * std::f64::consts::LN_2,
            deviation: (measured.squares / free).sqrt(),
        })
    }
}

/// The number of a size's class.
fn number(bytes: u64) -> u32 {
    bytes.max(1).ilog2()
}

/// The classes of mailboxes of those sizes, each with how many they are; `None` where too little is known.
pub(super) fn grouped(rates: &Rates, mailboxes: &[u64]) -> Option<Vec<(Class, u64)>> {
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    for bytes in mailboxes {
        *counts.entry(number(*bytes)).or_default() += 1;
    }
    counts.into_iter().map(|(number, count)| Some((rates.class_numbered(number)?, count))).collect()
}

/// What so many measured passes say of the next ones. Mean and deviation are of the logarithms of seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Class {
    count: f64,
    mean: f64,
    deviation: f64,
}

impl Class {
    /// The seconds that the next pass does not exceed with the chance that a standard normal number does not exceed `normal`.
    ///
    /// The next pass differs from the mean by Student's distribution, since mean and deviation are only estimated; its quantile is
    /// that of the normal distribution, corrected for few degrees of freedom (Abramowitz and Stegun 26.7.5).
    pub(super) fn quantile(&self, normal: f64) -> f64 {
        let free = self.count - 1.0;
        let first = (normal.powi(3) + normal) / (4.0 * free);
        let second = (5.0 * normal.powi(5) + 16.0 * normal.powi(3) + 3.0 * normal) / (96.0 * free * free);
        let student = normal + first + second;
        (self.mean + student * self.deviation * (1.0 + 1.0 / self.count).sqrt()).exp()
    }

    /// What may be the truth behind what was measured: a deviation and a mean that would make it likely (from the posterior without a
    /// prior opinion).
    pub(super) fn draw(&self, random: &mut Random) -> Truth {
        let free = self.count - 1.0;
        let deviation = self.deviation * (free / chi_squared(free, random)).sqrt();
        Truth { mean: self.mean + deviation / self.count.sqrt() * random.normal(), deviation }
    }
}

/// A possible truth: how long passes of a class really take.
#[derive(Clone, Copy, Debug)]
pub(super) struct Truth {
    mean: f64,
    deviation: f64,
}

impl Truth {
    /// How long so many passes take one after another, and the longest of them; in seconds.
    pub(super) fn passes(&self, count: u64, random: &mut Random) -> (f64, f64) {
        if count > MANY {
            return self.many(count as f64, random);
        }
        (0..count).fold((0.0, 0.0_f64), |(sum, longest), _| {
            let seconds = (self.mean + self.deviation * random.normal()).exp();
            (sum + seconds, longest.max(seconds))
        })
    }

    /// The same from the moments of the log-normal distribution.
    fn many(&self, count: f64, random: &mut Random) -> (f64, f64) {
        let variance = self.deviation * self.deviation;
        let mean = (self.mean + variance / 2.0).exp();
        let spread = mean * variance.exp_m1().sqrt();
        let sum = count * mean + count.sqrt() * spread * random.normal();
        // The longest of many is where one in so many is beyond it.
        let longest = (self.mean + self.deviation * (2.0 * count.ln()).sqrt()).exp();
        (sum.max(longest), longest)
    }
}

/// A number of the chi-squared distribution, by the cube root of Wilson and Hilferty; exact enough from two degrees of freedom on.
fn chi_squared(free: f64, random: &mut Random) -> f64 {
    let part = 2.0 / (9.0 * free);
    let root = 1.0 - part + part.sqrt() * random.normal();
    free * root.max(0.05).powi(3)
}
