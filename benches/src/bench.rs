//! How is one run measured and checked? Into a fresh target, timed, and counted afterwards.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use limosa_lab::Invocation;

use crate::error::{BenchError, Result};
use crate::measure::{self, Ran, Taken};
use crate::peers::{Contender, Pair, Surroundings, Wire};
use crate::raw::{RawLimit, Task};
use crate::results::{Figures, Outcome, Results};
use crate::servers::{Account, Place, Servers, count};
use crate::workloads::Mail;

/// A contender that took longer than this is not measured again in later rounds.
const LONG: f64 = 30.0;
/// What is read and written before anything is timed is no contender's run, so their limit does not hold.
const UNTIMED: Duration = Duration::from_secs(600);

/// A running benchmark.
pub(crate) struct Bench {
    pub(crate) servers: Servers,
    pub(crate) results: Results,
    pub(crate) scale: f64,
    pub(crate) rounds: usize,
    pub(crate) limit: Duration,
    /// Limosa's program.
    pub(crate) limosa: PathBuf,
    /// The contenders' state, in memory for all of them.
    pub(crate) work: tempfile::TempDir,
    /// When the last contender's programs were started.
    pub(crate) started: Instant,
}

/// What one timed run is about.
#[derive(Debug, Clone)]
pub(crate) struct Run<'a> {
    pub(crate) question: &'a str,
    pub(crate) place: Place,
    pub(crate) pairs: &'a [Pair],
    pub(crate) at_once: usize,
    /// What the raw limits write.
    pub(crate) mail: Mail,
    /// On the source, in all pairs together.
    pub(crate) messages: usize,
    pub(crate) bytes: u64,
    /// Where the contender's state of an earlier run stands.
    pub(crate) state: &'a str,
}

impl Bench {
    /// Whether a contender takes part in a round: not where it failed, ran into the limit or is slow, since the others'
    /// time is better spent.
    pub(crate) fn takes_part(&mut self, question: &str, place: Place, contender: Contender) -> bool {
        let row = self.results.row_mut(question, place.name(), &contender.to_string());
        if let (Some(why), true) = (contender.missing(), row.outcomes.is_empty()) {
            row.outcomes.push(Outcome::Missing(why.to_owned()));
        }
        row.outcomes.iter().all(|outcome| matches!(outcome, Outcome::Done(figures) if figures.seconds <= LONG))
    }

    /// One timed run, noted in its row.
    ///
    /// # Errors
    /// If the benchmark itself fails; the contender's failures are outcomes.
    pub(crate) async fn measure(&mut self, contender: Contender, run: &Run<'_>) -> Result<()> {
        let (outcome, wire) = self.run(contender, run).await?;
        let text = match &outcome {
            Outcome::Done(figures) => format!("{:.3} s", figures.seconds),
            Outcome::Late { seconds, messages } => format!("not done in {seconds} s, {messages} messages"),
            Outcome::Failed(why) | Outcome::Missing(why) => why.clone(),
        };
        eprintln!("  {:<14} {:<9} {:<34} {text}", run.question, run.place.name(), contender.to_string());
        let row = self.results.row_mut(run.question, run.place.name(), &contender.to_string());
        row.outcomes.push(outcome);
        row.wire = wire.or(row.wire);
        Ok(())
    }

    /// One run, measured and checked.
    ///
    /// # Errors
    /// As [`Bench::measure`].
    pub(crate) async fn run(&mut self, contender: Contender, run: &Run<'_>) -> Result<(Outcome, Option<Wire>)> {
        // What earlier runs left to be written would be written during this one.
        rustix::fs::sync();
        let invocations = self.invocations(contender, run).await?;
        let (source, target) = (&self.servers.source, self.servers.target(run.place));
        let cpu_before = (source.cpu_time(), target.cpu_time());
        self.started = Instant::now();
        let ran = measure::run(invocations, run.at_once, self.limit).await?;
        let source_cpu_seconds = source.cpu_time().saturating_sub(cpu_before.0).as_secs_f64();
        let target_cpu_seconds = target.cpu_time().saturating_sub(cpu_before.1).as_secs_f64();
        let there = self.messages_there(run.pairs).await?;
        let Taken { seconds, cpu_seconds, peak_memory_bytes, outputs } = match ran {
            Ran::Done(taken) => taken,
            Ran::Late => return Ok((Outcome::Late { seconds: self.limit.as_secs(), messages: there }, None)),
            Ran::Failed(why) => return Ok((Outcome::Failed(why), None)),
        };
        let said = contender.said(&outputs)?;
        let moved = said.raw.map_or(there, |raw| raw.messages);
        let arrived = match contender {
            Contender::Raw(RawLimit::Read { .. }) => moved,
            Contender::Raw(RawLimit::SignIn { .. }) => run.messages,
            _ => there,
        };
        if arrived != run.messages {
            return Ok((Outcome::Failed(format!("{arrived} of {} messages", run.messages)), None));
        }
        let mut figures = Figures {
            seconds,
            messages: moved,
            bytes: run.bytes,
            client_cpu_seconds: cpu_seconds,
            source_cpu_seconds,
            target_cpu_seconds,
            peak_memory_bytes,
        };
        if let Some(raw) = said.raw {
            figures.seconds = raw.seconds;
            figures.client_cpu_seconds = raw.cpu_seconds;
            figures.bytes = raw.bytes;
            figures.peak_memory_bytes = 0;
        }
        Ok((Outcome::Done(figures), said.wire))
    }

    async fn invocations(&self, contender: Contender, run: &Run<'_>) -> Result<Vec<Invocation>> {
        let work = self.work.path().join(run.state).join(contender.to_string());
        std::fs::create_dir_all(&work).map_err(BenchError::file("create", &work))?;
        if let Contender::Raw(limit) = contender {
            return Ok(vec![self.raw(limit, run.pairs, run.mail)?]);
        }
        let around = Surroundings {
            limosa: &self.limosa,
            target: self.servers.target(run.place),
            ca_file: self.servers.ca_file(),
            work: &work,
            at_once: run.at_once,
        };
        contender.invocations(run.pairs, around).await
    }

    async fn messages_there(&self, pairs: &[Pair]) -> Result<usize> {
        let mut messages = 0;
        for pair in pairs {
            messages += count(&pair.target).await?;
        }
        Ok(messages)
    }

    /// One run into fresh targets, which are removed afterwards.
    ///
    /// # Errors
    /// As [`Bench::measure`].
    pub(crate) async fn measure_fresh(
        &mut self,
        contender: Contender,
        sources: &[Account],
        tls: bool,
        run: &Run<'_>,
    ) -> Result<()> {
        let targets = self.servers.fresh(run.place, sources.len()).await?;
        let pairs = pairs(sources, &targets, tls);
        let state = format!("{}-{}", run.state, targets.first().map_or("", |target| &target.user));
        self.measure(contender, &Run { pairs: &pairs, state: &state, ..run.clone() }).await?;
        let work = self.work.path().join(&state);
        std::fs::remove_dir_all(&work).map_err(BenchError::file("remove", &work))?;
        self.servers.forget(run.place, &targets).await
    }

    /// One run into fresh targets that is not noted: memory that nothing has used since the machine began takes longer to be written to,
    /// and whoever is measured first would pay for it.
    ///
    /// # Errors
    /// As [`Bench::measure`].
    pub(crate) async fn warm_up(&mut self, contender: Contender, source: &Account, run: &Run<'_>) -> Result<()> {
        let targets = self.servers.fresh(run.place, 1).await?;
        let pairs = pairs(std::slice::from_ref(source), &targets, false);
        let limit = std::mem::replace(&mut self.limit, UNTIMED);
        let warmed = self.run(contender, &Run { pairs: &pairs, state: "warming-up", ..run.clone() }).await;
        self.limit = limit;
        let warmed = warmed?;
        if !matches!(warmed, (Outcome::Done(_), _)) {
            return Err(BenchError::Unsupported(format!("the target cannot be written to: {warmed:?}")));
        }
        self.servers.forget(run.place, &targets).await
    }

    /// The source account of this mail with its messages and bytes. Reading all of it once tells the bytes, and warms
    /// the server's caches for whoever is measured first.
    ///
    /// # Errors
    /// If it cannot be seeded or read.
    pub(crate) async fn source(&mut self, mail: Mail) -> Result<(Account, usize, u64)> {
        eprintln!("  {mail} mail on the source");
        let account = self.servers.mail(mail, self.scale).await?;
        let messages = count(&account).await?;
        let bytes = self.read_once(std::slice::from_ref(&account), mail, messages).await?;
        Ok((account, messages, bytes))
    }

    /// Reads all mail of these accounts; its size.
    ///
    /// # Errors
    /// If it cannot be read whole.
    pub(crate) async fn read_once(&self, accounts: &[Account], mail: Mail, messages: usize) -> Result<u64> {
        let contender = Contender::Raw(RawLimit::Read { connections: 1 });
        let (mut read, mut bytes) = (0, 0);
        for account in accounts {
            // Nothing is written, so the target is never spoken to.
            let pair = Pair { source: account.clone(), target: account.clone(), tls: false };
            let invocation = self.raw(RawLimit::Read { connections: 1 }, &[pair], mail)?;
            let outputs = match measure::run(vec![invocation], 1, UNTIMED).await? {
                Ran::Done(taken) => taken.outputs,
                other => return Err(BenchError::Unsupported(format!("the source cannot be read: {other:?}"))),
            };
            if let Some(done) = contender.said(&outputs)?.raw {
                read += done.messages;
                bytes += done.bytes;
            }
        }
        match read == messages {
            true => Ok(bytes),
            false => Err(BenchError::Unsupported(format!("the source gave {read} of {messages} messages"))),
        }
    }

    fn raw(&self, limit: RawLimit, pairs: &[Pair], mail: Mail) -> Result<Invocation> {
        let own_program = std::env::current_exe()
            .map_err(|source| BenchError::Run { program: "this program again".to_owned(), source })?;
        let task = Task::new(limit, pairs, mail, self.scale).argument()?;
        Ok(Invocation {
            argv: vec![own_program.display().to_string(), "raw".to_owned(), task],
            environment: Vec::new(),
            directory: self.work.path().to_owned(),
        })
    }
}

fn pairs(sources: &[Account], targets: &[Account], tls: bool) -> Vec<Pair> {
    let pair = |(source, target): (&Account, &Account)| Pair { source: source.clone(), target: target.clone(), tls };
    sources.iter().zip(targets).map(pair).collect()
}
