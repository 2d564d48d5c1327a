//! How fast both sides are: some mail read from the source, and some written to the target, over one connection and over several.
//!
//! 1. read a sample of the source's messages: over one connection, then over as many as a copy would open;
//! 2. make a folder of our own on the target;
//! 3. write made-up messages of the same sizes into it, likewise;
//! 4. remove them and the folder, whatever has happened from step 2 on. What cannot be removed is named.

use futures_util::future::try_join_all;
use limosa_model::mailbox::Limits;
use limosa_model::{Connector, ConnectorError, Folder, FolderPath, IdList, Mailbox};
use tokio::time::Instant;

use super::sample::{self, Sample};
use crate::progress::{Phase, Progress};
use crate::report::Volume;
use crate::stop::{Stop, stopped};

mod letters;
mod report;
mod scratch;
mod write;

use letters::Letters;
pub use report::{ManyMailboxes, MeasuredSide, Rate, ScratchFolder, SpeedReport};
use scratch::{Doubt, remove};

/// How often both sides are asked for nothing much, to see how long an answer takes.
const QUESTIONS: usize = 3;

/// What to measure with.
#[derive(Clone, Debug)]
pub struct SpeedTest {
    /// The folder that is made on the target and removed again: a name that nobody else has.
    pub folder: FolderPath,
    /// Messages that are read or written over one connection at most, and bytes over all, each time that something is measured.
    pub most: Volume,
    /// How many mailboxes like this one are to be copied, and how many of them at once.
    pub many: Option<(u64, u64)>,
}

impl SpeedTest {
    /// With that folder and as much mail as shows the speed of fast servers; slow ones are given less.
    pub fn new(folder: FolderPath, many: Option<(u64, u64)>) -> Self {
        Self { folder, most: Volume { messages: 1_280, bytes: 32 << 20 }, many }
    }
}

/// Both sides, and what is to be copied from one to the other.
pub(super) struct Sides<'a> {
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    /// The folder with most messages, and some of them.
    pub sample: Option<&'a (Folder, Sample)>,
    pub total: Volume,
    /// What the target cannot take.
    pub limits: &'a Limits,
    pub test: &'a SpeedTest,
}

/// Measures. Whatever goes wrong is told in the report, along with what was measured until then.
pub(super) async fn measure(sides: &Sides<'_>, progress: &Progress) -> SpeedReport {
    let test = sides.test;
    progress.enter(Phase::Measuring);
    let mut report = SpeedReport::new(test, sides.connections());
    let mut doubt = None;
    let measured = tokio::select! {
        biased;
        () = progress.stopped() => Ok(Some(stopped())),
        measured = sides.both(&mut report, &mut doubt) => measured.map(|()| None),
    };
    report.unfinished = measured.unwrap_or_else(|stop| Some(stop.unfinished()));
    if let Some(doubt) = doubt {
        let left = remove(sides.target, &test.folder, doubt).await.err();
        report.scratch.left = left.map(|error| Stop::target(error).unfinished());
    }
    report.estimate(sides.total, test.many);
    report
}

impl Sides<'_> {
    /// As many as a copy of a large mailbox would open.
    fn connections(&self) -> usize {
        self.source.connections().min(self.target.connections())
    }

    async fn both(&self, report: &mut SpeedReport, doubt: &mut Option<Doubt>) -> Result<(), Stop> {
        // Half of it for one connection, and half for all the others.
        let Volume { messages, bytes } = self.test.most;
        let chosen = self.sample.map(|(_, sample)| sample.choose(2 * messages as usize, 2 * bytes)).unwrap_or_default();
        let parts = sample::halves(&chosen, self.connections());
        report.source.round_trip_seconds = self.ask_source().await.map_err(Stop::source)?;
        if let Some((folder, _)) = self.sample {
            for (lists, rate) in parts.into_iter().zip([&mut report.source.alone, &mut report.source.together]) {
                *rate = self.read(folder, lists).await.map_err(Stop::source)?;
            }
        }
        let mut letters = Letters::new(chosen.iter().map(|(_, size)| *size), self.limits);
        self.write(report, doubt, &mut letters).await.map_err(Stop::target)
    }

    async fn ask_source(&self) -> Result<Option<f64>, ConnectorError> {
        let mut mailbox = self.source.open().await?;
        let seconds = round_trip(self.source, &mut *mailbox).await?;
        mailbox.close().await;
        Ok(seconds)
    }

    /// Reads each list over a connection of its own, all at once. `None` if there was nothing to read.
    async fn read(&self, folder: &Folder, lists: Vec<IdList>) -> Result<Option<Rate>, ConnectorError> {
        let mut mailboxes = Vec::new();
        for _ in &lists {
            mailboxes.push(self.source.open().await?);
        }
        let started = Instant::now();
        let reading = mailboxes.iter_mut().zip(&lists).map(|(mailbox, ids)| sample::read(&mut **mailbox, folder, ids));
        let volumes = try_join_all(reading).await?;
        // Reading may have ended in the middle: such a connection is of no more use, and is not said goodbye to.
        Ok(Rate::new(mailboxes.len(), volumes.into_iter().map(|(volume, _)| volume), started.elapsed()))
    }

    async fn write(
        &self,
        report: &mut SpeedReport,
        doubt: &mut Option<Doubt>,
        letters: &mut Letters,
    ) -> Result<(), ConnectorError> {
        let mut targets = vec![self.target.open_target().await?];
        report.target.round_trip_seconds = round_trip(self.target, &mut *targets[0]).await?;
        *doubt = Some(Doubt::Asked);
        let folder = targets[0].create_folder(&report.scratch.folder, None).await?;
        *doubt = Some(Doubt::Made);
        report.target.alone = write::rounds(&mut targets, &folder, letters, self.test.most).await?;
        while targets.len() < self.connections() {
            targets.push(self.target.open_target().await?);
        }
        report.target.together = write::rounds(&mut targets, &folder, letters, self.test.most).await?;
        for target in targets {
            target.close().await;
        }
        Ok(())
    }
}

/// How long the server takes to answer a short question, in seconds; `None` where nothing is asked over a network.
async fn round_trip<M: Mailbox + ?Sized>(
    connector: &dyn Connector,
    mailbox: &mut M,
) -> Result<Option<f64>, ConnectorError> {
    let mut least: Option<f64> = None;
    for _ in 0..QUESTIONS {
        let (before, started) = (connector.meter().read().round_trips, Instant::now());
        mailbox.survey().await?;
        let seconds = started.elapsed().as_secs_f64();
        let trips = connector.meter().read().round_trips - before;
        if trips > 0 {
            let seconds = seconds / trips as f64;
            least = Some(least.map_or(seconds, |least| least.min(seconds)));
        }
    }
    Ok(least)
}
