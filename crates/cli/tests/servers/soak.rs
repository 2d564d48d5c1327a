//! Connections cut, servers killed, the program killed, at random: one more run, and both sides are compared message by message.
//!
//! `LIMOSA_SOAK_RUNS` says how often (20 if it does not), `LIMOSA_SOAK_SEED` with which dice.

use std::net::SocketAddr;
use std::time::Duration;

use limosa_lab::chaos::{At, Chaos, Fault, Harm, Plan, Way};
use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server};
use limosa_testkit::mail::ordinary;

use crate::world::{Account, Program, Run, Snapshot};

/// What goes wrong in one run.
#[derive(Debug)]
enum Trouble {
    Source(Plan),
    Target(Plan),
    Killed(Duration),
    TargetKilled(Duration),
}

struct Dice(u64);

impl Dice {
    /// A number below `limit` (SplitMix64).
    fn roll(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit
    }

    fn plan(&mut self, bytes: u64) -> Plan {
        let at = match self.roll(3) {
            0 => At::Command(self.roll(12)),
            _ => At::Byte(self.roll(bytes)),
        };
        let harm = [Harm::Cut, Harm::Reset, Harm::HalfClose][self.roll(3) as usize];
        let faulty = Way { fault: Some(Fault { at, harm }), ..Way::default() };
        let (to_server, to_client) =
            if self.roll(2) == 0 { (faulty, Way::default()) } else { (Way::default(), faulty) };
        Plan { to_server, to_client, faulty_connections: Some(0..1 + self.roll(4)) }
    }

    fn trouble(&mut self, bytes: u64) -> Trouble {
        match self.roll(8) {
            0..3 => Trouble::Source(self.plan(bytes)),
            3..6 => Trouble::Target(self.plan(bytes)),
            6 => Trouble::Killed(Duration::from_millis(20 + self.roll(400))),
            _ => Trouble::TargetKilled(Duration::from_millis(20 + self.roll(300))),
        }
    }
}

/// The pair of mailboxes as seen through proxies that can be told to break connections.
struct Road<'a> {
    program: Program,
    source: Chaos,
    target: Chaos,
    from: Account<'a>,
    to: Account<'a>,
}

impl Road<'_> {
    fn urls(&self) -> (String, String) {
        let url = |user: &str, address: SocketAddr| format!("imap://{user}@{address}?tls=none");
        (url(self.from.user, self.source.address()), url(self.to.user, self.target.address()))
    }

    async fn copy(&self) -> Run {
        let (source, target) = self.urls();
        self.program.copy_urls(&source, &target, self.from.server, &[]).await
    }

    async fn meets(&self, trouble: &Trouble) {
        match trouble {
            Trouble::Source(plan) => {
                self.source.set_plan(plan.clone());
                self.copy().await;
            }
            Trouble::Target(plan) => {
                self.target.set_plan(plan.clone());
                self.copy().await;
            }
            Trouble::Killed(moment) => {
                let (source, target) = self.urls();
                let mut child =
                    self.program.command(&["copy", &source, &target], self.from.server.ca_file()).spawn().unwrap();
                // Whether it ended by itself before makes no difference.
                let _ = tokio::time::timeout(*moment, child.wait()).await;
                child.kill().await.unwrap();
            }
            Trouble::TargetKilled(moment) => {
                let killer = async {
                    tokio::time::sleep(*moment).await;
                    self.to.server.kill9();
                    self.to.server.restart().await.unwrap();
                };
                tokio::join!(self.copy(), killer);
            }
        }
        self.source.set_plan(Plan::default());
        self.target.set_plan(Plan::default());
    }
}

async fn soak(target: &Server, kind: &str, runs: u64, seed: u64) {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let seeded = source.seed("alice", &ordinary(seed, 250)).await.unwrap();
    let expected: Snapshot = from.snapshot().await.into_iter().filter(|(_, messages)| !messages.is_empty()).collect();
    let mut dice = Dice(seed);
    for run in 0..runs {
        let user = format!("bob{run}");
        let to = Account::new(target, &user).await;
        let way = Road {
            program: Program::new(),
            source: Chaos::start(source.imap_address(), Plan::default()).await.unwrap(),
            target: Chaos::start(target.imap_address(), Plan::default()).await.unwrap(),
            from,
            to,
        };
        let trouble = dice.trouble(seeded.bytes / 3);
        way.meets(&trouble).await;
        let what = format!("run {run} of seed {seed} on {kind}: {trouble:?}");
        let mut last = way.copy().await;
        if last.code == Some(4) {
            last = way.copy().await;
        }
        assert_eq!(last.code, Some(0), "{what}: {last:#?}");
        let arrived = to.snapshot().await;
        for (path, messages) in &expected {
            assert_eq!(arrived.get(path).map(Vec::len), Some(messages.len()), "{path} after {what}");
            assert_eq!(arrived.get(path), Some(messages), "{path} after {what}");
        }
        let second = way.copy().await;
        assert_eq!(second.code, Some(0), "{what}: {second:#?}");
        second.did_nothing();
    }
    println!("{runs} runs on {kind} with seed {seed}");
}

fn dice() -> (u64, u64) {
    let number = |name: &str| std::env::var(name).ok().and_then(|value| value.parse().ok());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    (number("LIMOSA_SOAK_RUNS").unwrap_or(20), number("LIMOSA_SOAK_SEED").unwrap_or(now))
}

#[tokio::test]
async fn dovecot_survives_everything() {
    let (runs, seed) = dice();
    let lab = Lab::shared().await.unwrap();
    let target = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    soak(&target, "Dovecot", runs / 2, seed).await;
}

#[tokio::test]
async fn cyrus_survives_everything() {
    let (runs, seed) = dice();
    let lab = Lab::shared().await.unwrap();
    let target = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    soak(&target, "Cyrus", runs / 2, seed).await;
}
