//! Writing what has arrived to the ledger, while copying goes on.

use std::time::Duration;

use limosa_model::ledger::Entry;
use limosa_model::{Ledger, LedgerError};
use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::copy::{Arrival, News};
use crate::exceptions::Reason;
use crate::progress::Progress;
use crate::work::{Pending, Refused, Work};

/// Entries after which a settlement is written. A crash leaves at most about as many messages to be found by content.
const ENTRIES_AT_ONCE: usize = 2_000;
/// Time after which a settlement is written, however little has arrived.
const AT_LEAST_EVERY: Duration = Duration::from_millis(500);

/// Settles what lanes tell, until all of them have ended.
///
/// # Errors
/// The ledger's: what was not written then is found by content in the next pass.
pub async fn settle_arrivals(
    ledger: &dyn Ledger,
    works: &mut [Work],
    mut news: mpsc::Receiver<News>,
    progress: &Progress,
) -> Result<(), LedgerError> {
    let mut pending: Vec<Pending> = works.iter().map(|_| Pending::default()).collect();
    let mut waiting = 0;
    let mut due = Instant::now() + AT_LEAST_EVERY;
    loop {
        let told = tokio::select! {
            biased;
            told = news.recv() => told,
            () = tokio::time::sleep_until(due), if waiting > 0 => Some((0, Vec::new())),
        };
        let Some((folder, arrivals)) = told else { break };
        if waiting == 0 {
            due = Instant::now() + AT_LEAST_EVERY;
        }
        for arrival in arrivals {
            note(&mut works[folder], &mut pending[folder], arrival, progress);
        }
        waiting = pending.iter().map(Pending::len).sum();
        if waiting >= ENTRIES_AT_ONCE || (waiting > 0 && Instant::now() >= due) {
            write(ledger, works, &mut pending, progress).await?;
            waiting = 0;
        }
    }
    write(ledger, works, &mut pending, progress).await
}

fn note(work: &mut Work, pending: &mut Pending, arrival: Arrival, progress: &Progress) {
    let mut copied = |bytes| {
        work.done.copied.messages += 1;
        work.done.copied.bytes += bytes;
        progress.copied(1);
    };
    match arrival {
        Arrival::Stored { entry, bytes, internal_date, doubtful } => {
            copied(bytes);
            if doubtful {
                work.doubtful.push((entry.source.clone(), entry.target.clone()));
            }
            work.expected.stored(&entry.target, bytes, internal_date);
            pending.arrived(entry);
        }
        Arrival::Unnamed { id, flags, bytes } => {
            copied(bytes);
            work.unnamed.push((id, flags));
        }
        Arrival::Refused { id, size, error } => {
            let refused = Refused { id, reason: Reason::refused(&error, size) };
            // At once, so that it is known however the attempt ends; what its header tells is added later.
            pending.settlement.exceptions.push(refused.reason.exception(&work.source, &refused.id, None));
            // It may have stood on the target before and been lost there.
            pending.settlement.removed.push(refused.id.clone());
            work.refused.push(refused);
        }
        Arrival::Gone(id) => work.vanished.push(id),
        Arrival::Dropped(flags) => pending.dropped(work, flags),
    }
}

async fn write(
    ledger: &dyn Ledger,
    works: &mut [Work],
    pending: &mut [Pending],
    progress: &Progress,
) -> Result<(), LedgerError> {
    for (work, pending) in works.iter_mut().zip(pending) {
        let Some(mut settlement) = pending.take() else { continue };
        // In order of ids, so that what several lanes brought is kept as few runs.
        settlement.entries.sort_by(|a, b| a.source.cmp(&b.source));
        ledger.settle(&work.source.path, &settlement).await?;
        for id in &settlement.removed {
            work.ledger.remove(id);
        }
        progress.settled(settlement.entries.len() as u64);
        enter(work, settlement.entries);
    }
    Ok(())
}

fn enter(work: &mut Work, entries: Vec<Entry>) {
    for entry in entries {
        work.ledger.insert(entry);
    }
}
