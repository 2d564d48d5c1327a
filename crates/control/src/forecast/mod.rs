//! When will it be done?
//!
//! A forecast is two times: by the first it is done in half of all cases, by the second in nine of ten. It comes from what passes have
//! [taken](Rates) so far, by size, and from when there is time to work ([`Supply`]: windows, and hours in which only a part of the
//! budget may be used). Many possible futures are simulated, from a seed: the same question has the same answer.
//!
//! Of a future only what decides is drawn: what is usual for each size, as far as so few passes can tell; and how much all passes
//! together take. They end when the connections have done all that, but not before the longest pass alone, nor before the bytes are
//! through. So a million pairs cost no more than a thousand.
//!
//! What no measured pass has shown, no forecast can know: that an endpoint will be slower tomorrow. It is therefore to be asked again while
//! work goes on.

mod rates;
mod supply;
#[cfg(test)]
mod tests;

use jiff::{SignedDuration, Timestamp};

pub use rates::{Class, Rates};
pub use supply::Supply;

use crate::random::Random;

/// How many futures are simulated: enough that the nine in ten is off by one or two in a hundred.
const FUTURES: usize = 400;

/// In half of all cases, and in nine of ten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forecast<T> {
    /// Half of all cases are no later.
    pub p50: T,
    /// Nine of ten cases are no later.
    pub p90: T,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub struct Work<'a> {
    /// What passes have taken so far.
    pub rates: &'a Rates,
    /// Bytes of the mailboxes that still need a pass.
    pub mailboxes: &'a [u64],
    /// How many passes run at once.
    pub lanes: u32,
    /// Bytes a second that all together may move, and do move where they can; `None` is no limit.
    pub bytes_per_second: Option<u64>,
}

/// How long one pass over a mailbox of that size takes; `None` where too little has been measured.
pub fn pass(rates: &Rates, bytes: u64) -> Option<Forecast<SignedDuration>> {
    let class = rates.class(bytes)?;
    let seconds = |normal: f64| duration(class.quantile(normal));
    Some(Forecast { p50: seconds(0.0), p90: seconds(Z90) })
}

/// When all of it is done; `None` where too little has been measured, or where `supply` has not enough time.
pub fn end(work: &Work<'_>, supply: &Supply<'_>, from: Timestamp, seed: u64) -> Option<Forecast<Timestamp>> {
    let mut needed = futures(work, seed)?;
    needed.sort_by_key(|seconds| duration(*seconds));
    let at = |share: f64| needed.get((share * FUTURES as f64).ceil() as usize - 1).copied();
    Some(Forecast { p50: supply.after(from, duration(at(0.5)?))?, p90: supply.after(from, duration(at(0.9)?))? })
}

/// The 90th percentile of a standard normal distribution.
const Z90: f64 = 1.281_551_565_545;

/// How long work takes in each simulated future, in seconds at the full budget.
fn futures(work: &Work<'_>, seed: u64) -> Option<Vec<f64>> {
    let classes = rates::grouped(work.rates, work.mailboxes)?;
    let bytes: f64 = work.mailboxes.iter().map(|bytes| *bytes as f64).sum();
    let by_bytes = work.bytes_per_second.map_or(0.0, |rate| bytes / rate.max(1) as f64);
    let future = |number: usize| {
        let mut random = Random::new(seed ^ (number as u64).wrapping_mul(0x9e6c_63d0_876a_9a99));
        let (mut all, mut longest) = (0.0, 0.0_f64);
        for (class, passes) in &classes {
            let (sum, most) = class.draw(&mut random).passes(*passes, &mut random);
            all += sum;
            longest = longest.max(most);
        }
        (all / f64::from(work.lanes.max(1))).max(longest).max(by_bytes)
    };
    Some((0..FUTURES).map(future).collect())
}

/// Seconds as a duration; what is longer than any calendar is the longest.
fn duration(seconds: f64) -> SignedDuration {
    SignedDuration::try_from_secs_f64(seconds).unwrap_or(SignedDuration::MAX)
}
