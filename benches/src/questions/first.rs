//! W1, W2, W4, W8: how long does the first copy of one mailbox take?

use crate::bench::{Bench, Run};
use crate::error::Result;
use crate::peers::Contender;
use crate::raw::{How, RawLimit};
use crate::servers::Place;
use crate::workloads::Mail;

const PROGRAMS: [Contender; 4] = [Contender::Limosa, Contender::Mbsync, Contender::Dsync, Contender::Imapsync];

/// The limits that goals rest upon are measured in every round, the others once.
fn limits(mail: Mail, place: Place, round: usize) -> Vec<RawLimit> {
    let batches = How::Batches(if mail == Mail::Small { 200 } else { 50 });
    let mut limits = vec![
        RawLimit::Write { how: batches, connections: 1 },
        RawLimit::Both { how: batches, connections: 1 },
        RawLimit::Both { how: batches, connections: 2 },
    ];
    if place == Place::Memory {
        limits.push(RawLimit::Read { connections: 1 });
    }
    if round == 0 && place == Place::Memory && mail != Mail::Large {
        limits.extend([2, 4].map(|connections| RawLimit::Read { connections }));
        limits.extend([How::OneByOne, How::Pipelined].map(|how| RawLimit::Write { how, connections: 1 }));
        let other = How::Batches(if mail == Mail::Small { 50 } else { 200 });
        limits.push(RawLimit::Write { how: other, connections: 1 });
        limits.extend([2, 4].map(|connections| RawLimit::Write { how: batches, connections }));
    }
    limits
}

pub(super) async fn copy(bench: &mut Bench, question: &str, mail: Mail, place: Place) -> Result<()> {
    if place == Place::Memory {
        let (source, messages, bytes) = bench.source(mail).await?;
        let run = Run { question, place, pairs: &[], at_once: 1, mail, messages, bytes, state: "first" };
        let batches = Contender::Raw(RawLimit::Write { how: How::Batches(50), connections: 1 });
        bench.warm_up(batches, &source, &run).await?;
    }
    for round in 0..bench.rounds {
        let limits = limits(mail, place, round).into_iter().map(Contender::Raw);
        // dsync writes its mail into the target's storage itself, which is not Cyrus's.
        let programs = PROGRAMS.into_iter().filter(|contender| place != Place::Cyrus || *contender != Contender::Dsync);
        let contenders: Vec<Contender> = programs.chain(limits).collect();
        in_turn(bench, question, mail, place, false, &contenders).await?;
    }
    Ok(())
}

pub(super) async fn copy_over_tls(bench: &mut Bench, question: &str, mail: Mail, place: Place) -> Result<()> {
    for _ in 0..bench.rounds {
        in_turn(bench, question, mail, place, true, &[Contender::Limosa, Contender::Mbsync]).await?;
    }
    Ok(())
}

/// One round.
async fn in_turn(
    bench: &mut Bench,
    question: &str,
    mail: Mail,
    place: Place,
    tls: bool,
    contenders: &[Contender],
) -> Result<()> {
    let (source, messages, bytes) = bench.source(mail).await?;
    let run = Run { question, place, pairs: &[], at_once: 1, mail, messages, bytes, state: "first" };
    for contender in contenders {
        if bench.takes_part(question, place, *contender) {
            bench.measure_fresh(*contender, std::slice::from_ref(&source), tls, &run).await?;
        }
    }
    Ok(())
}
