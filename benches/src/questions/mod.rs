//! What is asked of the contenders? Each workload's runs, in turn, round after round.

mod again;
mod distance;
mod first;
mod fleet;
mod rate;

use crate::bench::Bench;
use crate::error::Result;
use crate::servers::Place;
use crate::workloads::{Mail, Workload};

/// Answers one workload's questions for those targets that it has.
///
/// # Errors
/// If the benchmark itself fails.
pub(crate) async fn ask(bench: &mut Bench, workload: Workload, wanted: &[Place]) -> Result<()> {
    for place in workload.places() {
        if !wanted.contains(place) {
            continue;
        }
        eprintln!("{workload:?} to {place}");
        match workload {
            Workload::W1 => first::copy(bench, "W1", Mail::Ordinary, *place).await?,
            Workload::W2 => first::copy(bench, "W2", Mail::Small, *place).await?,
            Workload::W3 => fleet::copy(bench, *place).await?,
            Workload::W4 => {
                first::copy(bench, "W4", Mail::Large, *place).await?;
                bench.servers.drop_mail(Mail::Large).await?;
            }
            Workload::W5 => {
                rate::copy(bench, *place).await?;
                bench.servers.drop_mail(Mail::Long).await?;
            }
            Workload::W6 => again::copy(bench, *place).await?,
            Workload::W7 => distance::copy(bench, *place).await?,
            Workload::W8 => {
                first::copy_over_tls(bench, "W8 ordinary", Mail::Ordinary, *place).await?;
                first::copy_over_tls(bench, "W8 small", Mail::Small, *place).await?;
            }
        }
    }
    Ok(())
}
