//! W6: what does a second run cost, with nothing changed and with a few changes?

use limosa_lab::Client;
use limosa_lab::chaos::{Chaos, Counts, Plan};
use limosa_testkit::mail::{Folder, Sizes};

use crate::bench::{Bench, Run};
use crate::error::{BenchError, Result};
use crate::peers::{Contender, Pair, Wire};
use crate::raw::RawLimit;
use crate::results::Outcome;
use crate::servers::{Account, PASSWORD, Place, count};
use crate::workloads::{CHANGES, Mail};

pub(super) const UNCHANGED: &str = "W6 unchanged";
pub(super) const CHANGED: &str = "W6 changed";
const CONTENDERS: [Contender; 3] = [Contender::Limosa, Contender::Mbsync, Contender::Dsync];
const SIGN_IN: Contender = Contender::Raw(RawLimit::SignIn { at_once: 1, list: false });

/// Each contender brings a target of its own up to the same source, again and again.
pub(super) async fn copy(bench: &mut Bench, place: Place) -> Result<()> {
    let (source, messages, _) = bench.source(Mail::Small).await?;
    let targets = bench.servers.fresh(place, CONTENDERS.len()).await?;
    let pairs: Vec<(Contender, Pair)> = CONTENDERS
        .into_iter()
        .zip(&targets)
        .map(|(contender, target)| (contender, Pair { source: source.clone(), target: target.clone(), tls: false }))
        .collect();
    let mut ready = Vec::new();
    for (contender, pair) in &pairs {
        let pairs = std::slice::from_ref(pair);
        let run = Run { question: "W6 first", ..run(UNCHANGED, place, pairs, messages) };
        match bench.run(*contender, &run).await? {
            (Outcome::Done(_), _) => ready.push((*contender, pair.clone())),
            (failed, _) => {
                for question in [UNCHANGED, CHANGED] {
                    let row = bench.results.row_mut(question, place.name(), &contender.to_string());
                    row.outcomes.push(failed.clone());
                }
            }
        }
    }
    for _ in 0..bench.rounds {
        in_turn(bench, UNCHANGED, place, &ready, messages).await?;
    }
    sign_in(bench, place, &ready, messages).await?;
    count_wire(bench, UNCHANGED, place, &ready, messages).await?;
    for round in 0..bench.rounds {
        change(&source, round).await?;
        let messages = count(&source).await?;
        in_turn(bench, CHANGED, place, &ready, messages).await?;
    }
    change(&source, bench.rounds).await?;
    let messages = count(&source).await?;
    count_wire(bench, CHANGED, place, &ready, messages).await?;
    bench.servers.forget(place, &targets).await
}

fn run<'a>(question: &'a str, place: Place, pairs: &'a [Pair], messages: usize) -> Run<'a> {
    Run { question, place, pairs, at_once: 1, mail: Mail::Small, messages, bytes: 0, state: "again" }
}

async fn in_turn(
    bench: &mut Bench,
    question: &str,
    place: Place,
    ready: &[(Contender, Pair)],
    messages: usize,
) -> Result<()> {
    for (contender, pair) in ready {
        if bench.takes_part(question, place, *contender) {
            bench.measure(*contender, &run(question, place, std::slice::from_ref(pair), messages)).await?;
        }
    }
    Ok(())
}

/// What signing in and out on both sides takes by itself, since an unchanged run is little more.
async fn sign_in(bench: &mut Bench, place: Place, ready: &[(Contender, Pair)], messages: usize) -> Result<()> {
    for _ in 0..bench.rounds {
        if let Some((_, pair)) = ready.first() {
            bench.measure(SIGN_IN, &run(UNCHANGED, place, std::slice::from_ref(pair), messages)).await?;
        }
    }
    Ok(())
}

/// One run of each contender that does not count for itself, through proxies that do; it is not timed.
async fn count_wire(
    bench: &mut Bench,
    question: &str,
    place: Place,
    ready: &[(Contender, Pair)],
    messages: usize,
) -> Result<()> {
    for (contender, pair) in ready {
        if *contender == Contender::Limosa || !bench.takes_part(question, place, *contender) {
            continue;
        }
        let (source, target) = (counting(&pair.source).await?, counting(&pair.target).await?);
        let through = Pair {
            source: Account { address: source.address(), ..pair.source.clone() },
            target: Account { address: target.address(), ..pair.target.clone() },
            tls: false,
        };
        let pairs = [through];
        let counted = bench.run(*contender, &run(question, place, &pairs, messages)).await?;
        if !matches!(counted, (Outcome::Done(_), _)) {
            return Err(BenchError::Unsupported(format!("{contender} fails through the proxy: {counted:?}")));
        }
        let wire = wire(source.counts(), target.counts());
        bench.results.row_mut(question, place.name(), &contender.to_string()).wire = Some(wire);
    }
    Ok(())
}

async fn counting(account: &Account) -> Result<Chaos> {
    Ok(Chaos::start(account.address, Plan::default()).await?)
}

/// What went through two proxies.
pub(super) fn wire(source: Counts, target: Counts) -> Wire {
    Wire {
        source_round_trips: source.turns,
        target_round_trips: target.turns,
        source_bytes: source.to_server + source.to_client,
        target_bytes: target.to_server + target.to_client,
    }
}

/// 100 new messages, 100 with other flags, 100 removed, 100 moved, all in INBOX; fewer where it is small.
async fn change(source: &Account, round: usize) -> Result<()> {
    let mut client = Client::connect(source.address).await?;
    client.login(&source.user, PASSWORD).await?;
    let selected = client.command("SELECT INBOX").await?.text();
    let held = selected.lines().find_map(|line| line.strip_prefix("* ")?.strip_suffix(" EXISTS")?.parse().ok());
    let number = CHANGES.min(held.unwrap_or(0) / 40);
    let seed = 9_000 + round as u64;
    let sizes = Sizes::Uniform { min: 2_000, max: 6_000 };
    for mut message in Folder::composed(&["INBOX"], number, seed, sizes).messages() {
        // As at seeding: mbsync would leave it behind.
        message.flags.retain(|flag| *flag != "\\Deleted");
        let date = message.internal_date.to_string();
        client.append("INBOX", &message.flag_list(), Some(&date), &message.bytes).await?;
    }
    if number == 0 {
        return Ok(());
    }
    // Few messages have exactly these flags before. Each round changes others, the oldest stay.
    let first = 3 * number * round + 1;
    client
        .command(&format!("STORE {}:{} FLAGS.SILENT (\\Seen \\Answered \\Flagged)", first, first + number - 1))
        .await?;
    let (first, last) = (first + number, first + 2 * number - 1);
    let doomed = client.command(&format!("FETCH {first}:{last} (UID)")).await?.text();
    let uids: Vec<&str> = doomed.lines().filter_map(|line| line.rsplit_once("(UID ")?.1.strip_suffix(')')).collect();
    let uids = uids.join(",");
    client.command(&format!("UID STORE {uids} +FLAGS.SILENT (\\Deleted)")).await?;
    client.command(&format!("UID EXPUNGE {uids}")).await?;
    client.command(&format!("MOVE {first}:{last} Lists")).await?;
    // The source takes note of what was done now, and not for whoever is measured first.
    for folder in ["Lists", "INBOX"] {
        client.command(&format!("EXAMINE {folder}")).await?;
        client.command("UID FETCH 1:* (FLAGS)").await?;
    }
    Ok(())
}
