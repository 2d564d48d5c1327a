//! W3: how long do many small mailboxes take, some at once?

use crate::bench::{Bench, Run};
use crate::error::Result;
use crate::peers::Contender;
use crate::raw::RawLimit;
use crate::servers::Place;
use crate::workloads::{FLEET, FLEET_AT_ONCE, Mail, scaled};

pub(super) async fn copy(bench: &mut Bench, place: Place) -> Result<()> {
    let sources = bench.servers.fleet(scaled(FLEET, bench.scale)).await?;
    let mut messages = 0;
    for source in &sources {
        messages += crate::servers::count(source).await?;
    }
    let bytes = bench.read_once(&sources, Mail::Few, messages).await?;
    let run = Run {
        question: "W3",
        place,
        pairs: &[],
        at_once: FLEET_AT_ONCE,
        // The raw limits of this question write nothing.
        mail: Mail::Few,
        messages,
        bytes,
        state: "fleet",
    };
    let limits = [1, FLEET_AT_ONCE].map(|at_once| Contender::Raw(RawLimit::SignIn { at_once, list: true }));
    let programs = [Contender::Limosa, Contender::Mbsync, Contender::Dsync];
    for _ in 0..bench.rounds {
        for contender in programs.into_iter().chain(limits) {
            if bench.takes_part(run.question, place, contender) {
                bench.measure_fresh(contender, &sources, false, &run).await?;
            }
        }
    }
    Ok(())
}
