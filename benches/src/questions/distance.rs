//! W7: what does distance cost? Both servers stand behind links with delay, and with a bandwidth.

use std::time::Duration;

use limosa_lab::chaos::{Chaos, Plan, Way};

use super::again::wire;
use crate::bench::{Bench, Run};
use crate::error::Result;
use crate::peers::{Contender, Pair};
use crate::servers::{Account, Place};
use crate::workloads::{LINK_BYTES_PER_SECOND, LINK_ROUND_TRIPS, Mail, SHORT_ROUND_TRIP};

/// The long ones are measured in one round only: the link makes them steady.
pub(super) async fn copy(bench: &mut Bench, place: Place) -> Result<()> {
    for round_trip in LINK_ROUND_TRIPS {
        let question = format!("W7 {} ms", round_trip.as_millis());
        across(bench, &question, Mail::Ordinary, place, round_trip, Some(LINK_BYTES_PER_SECOND)).await?;
    }
    for _ in 0..bench.rounds {
        let question = format!("W7 {} ms, few", SHORT_ROUND_TRIP.as_millis());
        across(bench, &question, Mail::Few, place, SHORT_ROUND_TRIP, None).await?;
    }
    Ok(())
}

async fn across(
    bench: &mut Bench,
    question: &str,
    mail: Mail,
    place: Place,
    round_trip: Duration,
    bytes_per_second: Option<u64>,
) -> Result<()> {
    let (source, messages, bytes) = bench.source(mail).await?;
    let way = Way { delay: round_trip / 2, bytes_per_second, ..Way::default() };
    let plan = Plan { to_server: way.clone(), to_client: way, ..Plan::default() };
    for contender in [Contender::Limosa, Contender::Mbsync] {
        if !bench.takes_part(question, place, contender) {
            continue;
        }
        let targets = bench.servers.fresh(place, 1).await?;
        let far_source = Chaos::start(source.address, plan.clone()).await?;
        let far_target = Chaos::start(targets[0].address, plan.clone()).await?;
        let pairs = [Pair {
            source: Account { address: far_source.address(), ..source.clone() },
            target: Account { address: far_target.address(), ..targets[0].clone() },
            tls: false,
        }];
        let state = format!("distance-{}", targets[0].user);
        let run = Run { question, place, pairs: &pairs, at_once: 1, mail, messages, bytes, state: &state };
        bench.measure(contender, &run).await?;
        let row = bench.results.row_mut(question, place.name(), &contender.to_string());
        row.wire.get_or_insert(wire(far_source.counts(), far_target.counts()));
        bench.servers.forget(place, &targets).await?;
    }
    Ok(())
}
