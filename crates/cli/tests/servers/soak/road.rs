//! The way from a source to a target on which things go wrong.

use std::time::Duration;

use limosa_lab::chaos::{Chaos, Plan};

use super::troubles::{Side, Trouble, Weather, What};
use crate::world::{Account, Program, Run};

/// While something is to go wrong, silence of a second is taken for a lost connection.
const IMPATIENT: &[&str] = &["--source-timeout", "1", "--target-timeout", "1"];

/// The pair of mailboxes as seen through proxies that can be told to break connections.
pub struct Road<'a> {
    program: Program,
    source: Chaos,
    target: Chaos,
    from: Account<'a>,
    to: Account<'a>,
}

impl<'a> Road<'a> {
    pub async fn new(from: Account<'a>, to: Account<'a>) -> Self {
        Self {
            program: Program::new(),
            source: Chaos::start(from.server.imap_address(), Plan::default()).await.unwrap(),
            target: Chaos::start(to.server.imap_address(), Plan::default()).await.unwrap(),
            from,
            to,
        }
    }

    /// An undisturbed run.
    pub async fn copy(&self) -> Run {
        self.copy_with(&[]).await
    }

    /// A run that meets this; `None` where it was killed and could say nothing.
    pub async fn meets(&self, trouble: &Trouble) -> Option<Run> {
        self.source.set_plan(self.plan(Side::Source, trouble));
        self.target.set_plan(self.plan(Side::Target, trouble));
        let run = match trouble.what {
            What::Broken { .. } => Some(self.copy_with(IMPATIENT).await),
            What::ProgramKilled(moment) => {
                self.copy_killed(moment).await;
                None
            }
            What::ServerKilled(side, moment) => {
                let server = match side {
                    Side::Source => self.from.server,
                    Side::Target => self.to.server,
                };
                let killer = async {
                    tokio::time::sleep(moment).await;
                    server.kill9();
                    server.restart().await.unwrap();
                };
                Some(tokio::join!(self.copy_with(IMPATIENT), killer).0)
            }
            What::DiskFull(kib) => {
                let run = self.program.copy_with_room(&self.urls(), self.from.server, kib).await;
                let code = run.code_of_failure();
                assert!(run.code == Some(0) || code == Some("ledger-store"), "{kib} KiB of room: {run:#?}");
                Some(run)
            }
        };
        self.source.set_plan(Plan::default());
        self.target.set_plan(Plan::default());
        run
    }

    /// Faults that the proxies have carried out.
    pub fn faults(&self) -> u64 {
        self.source.counts().faults + self.target.counts().faults
    }

    fn urls(&self) -> [String; 2] {
        let url = |account: Account<'_>, proxy: &Chaos| format!("imap://{}@{}?tls=none", account.user, proxy.address());
        [url(self.from, &self.source), url(self.to, &self.target)]
    }

    /// What the proxy of this side does.
    fn plan(&self, side: Side, trouble: &Trouble) -> Plan {
        let mut plan = Weather::plan(trouble.weather);
        if let What::Broken { side: broken, to_server, fault, connections } = trouble.what
            && broken == side
        {
            let proxy = if side == Side::Source { &self.source } else { &self.target };
            let so_far = proxy.counts().connections;
            plan.faulty_connections = Some(so_far..so_far + connections);
            let way = if to_server { &mut plan.to_server } else { &mut plan.to_client };
            way.fault = Some(fault);
        }
        plan
    }

    async fn copy_with(&self, options: &[&str]) -> Run {
        let [source, target] = self.urls();
        self.program.copy_urls(&source, &target, self.from.server, options).await
    }

    async fn copy_killed(&self, moment: Duration) {
        let [source, target] = self.urls();
        let mut child = self.program.command(&["copy", &source, &target], self.from.server.ca_file()).spawn().unwrap();
        // Whether it ended by itself before makes no difference.
        let _ = tokio::time::timeout(moment, child.wait()).await;
        child.kill().await.unwrap();
    }
}
