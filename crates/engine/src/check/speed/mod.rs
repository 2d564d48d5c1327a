//! How fast both sides are: some mail read from the source, and some written to the target, over one connection and over several.
//!
//! 1. read a sample of the source's messages: over one connection, then over as many as a copy would open;
//! 2. remove what an earlier measurement left on the target that was killed;
//! 3. make a folder of our own there;
//! 4. write made-up messages of the same sizes into it, over one connection and over several likewise;
//! 5. remove them and the folder, whatever has happened from step 3 on. What cannot be removed is named.
//!
//! Steps 1 to 4 end after a minute, wherever they are.

use std::time::Duration;

use limosa_model::error::Retry;
use limosa_model::mailbox::Limits;
use limosa_model::{Connector, ConnectorError, Folder, FolderPath, MessageId};
use tokio::time::{Instant, sleep};

use super::sample::Sample;
use crate::progress::{Phase, Progress};
use crate::report::{Unfinished, Volume};
use crate::stop::Stop;

mod letters;
mod read;
mod report;
mod scratch;
mod write;

use letters::Letters;
pub use report::{ManyMailboxes, MeasuredSide, Rate, ScratchFolder, SpeedReport};
use scratch::{Doubt, remove};

/// All measuring shall take no longer; each part of it has some seconds, and most of them need less.
const TIME: Duration = Duration::from_secs(60);

/// What to measure with.
#[derive(Clone, Debug)]
pub struct SpeedTest {
    /// The folder that is made on the target and removed again.
    pub folder: FolderPath,
    /// Messages that are read or written over one connection at most, and bytes over all, each time that something is measured.
    pub most: Volume,
    /// How many mailboxes like this one are to be copied, and how many of them at once.
    pub many: Option<(u64, u64)>,
}

impl SpeedTest {
    /// With as much mail as shows the speed of fast servers; slow ones are given less. The folder has a name made of `number`: a random one,
    /// so that nobody else has it.
    pub fn new(number: u64, many: Option<(u64, u64)>) -> Self {
        Self { folder: scratch::path(number), most: Volume { messages: 1_280, bytes: 32 << 20 }, many }
    }
}

/// Both sides, and what is to be copied from one to the other.
pub(super) struct Sides<'a> {
    pub source: &'a dyn Connector,
    pub target: &'a dyn Connector,
    /// The folder with most messages, and some of them.
    pub sample: Option<&'a (Folder, Sample)>,
    pub total: Volume,
    /// How many folders that is in.
    pub folders: usize,
    /// What the target cannot take.
    pub limits: &'a Limits,
    pub test: &'a SpeedTest,
}

/// Measures. Whatever goes wrong is told in the report, along with what was measured until then.
pub(super) async fn measure(sides: &Sides<'_>, progress: &Progress) -> SpeedReport {
    let test = sides.test;
    progress.enter(Phase::Measuring);
    let mut report = SpeedReport::new(test);
    let mut doubt = None;
    report.unfinished = tokio::select! {
        biased;
        () = progress.stopped() => Some(stopped()),
        measured = sides.both(&mut report, &mut doubt) => measured.err().map(|stop| stop.unfinished()),
        () = sleep(TIME) => Some(too_slow()),
    };
    if let Some(doubt) = doubt {
        let left = remove(sides.target, &test.folder, doubt).await.err();
        report.scratch.left = left.map(|error| Stop::target(error).unfinished());
    }
    report.estimate(sides.total, sides.folders, test.many);
    report
}

fn stopped() -> Unfinished {
    Unfinished { code: "stopped".into(), what: "stopped by hand".into(), hint: None }
}

fn too_slow() -> Unfinished {
    Unfinished {
        code: "timed-out".into(),
        what: format!("measuring took longer than {} s", TIME.as_secs()),
        hint: Some("one side answers very slowly: measure again when there is less to do for it".into()),
    }
}

impl Sides<'_> {
    /// As many as a copy of a large mailbox would open.
    fn connections(&self) -> usize {
        self.source.connections().min(self.target.connections())
    }

    async fn both(&self, report: &mut SpeedReport, doubt: &mut Option<Doubt>) -> Result<(), Stop> {
        // Half of it for one connection, and half for all of them together.
        let Volume { messages, bytes } = self.test.most;
        let chosen = self.sample.map(|(_, sample)| sample.choose(2 * messages as usize, 2 * bytes)).unwrap_or_default();
        self.read(&mut report.source, &chosen).await.map_err(Stop::source)?;
        let mut letters = Letters::new(chosen.iter().map(|(_, size)| *size), self.limits);
        self.write(report, doubt, &mut letters).await.map_err(Stop::target)
    }

    async fn read(&self, measured: &mut MeasuredSide, chosen: &[(MessageId, u64)]) -> Result<(), ConnectorError> {
        let open = || self.source.open();
        let (mut mailboxes, started) = (Vec::new(), Instant::now());
        widen(&mut mailboxes, 1, open).await?;
        measured.sign_in_seconds = Some(started.elapsed().as_secs_f64());
        mailboxes[0].survey().await?;
        measured.round_trip_seconds = round_trip(self.source);
        if let Some((folder, _)) = self.sample {
            let [first, second] = read::halves(chosen, 4 * self.connections());
            measured.alone = read::over(&mut mailboxes, folder, first).await?;
            widen(&mut mailboxes, self.connections(), open).await?;
            measured.together = read::over(&mut mailboxes, folder, second).await?;
        }
        for mailbox in mailboxes {
            mailbox.close().await;
        }
        Ok(())
    }

    async fn write(
        &self,
        report: &mut SpeedReport,
        doubt: &mut Option<Doubt>,
        letters: &mut Letters,
    ) -> Result<(), ConnectorError> {
        let open = || self.target.open_target();
        let (mut targets, started) = (Vec::new(), Instant::now());
        widen(&mut targets, 1, open).await?;
        report.target.sign_in_seconds = Some(started.elapsed().as_secs_f64());
        let survey = targets[0].survey().await?;
        let round_trip = round_trip(self.target);
        report.target.round_trip_seconds = round_trip;
        // What cannot be opened holds nothing that we have written.
        let is_earlier = |folder: &&Folder| folder.selectable && scratch::is_ours(&folder.path);
        for folder in survey.folders.iter().filter(is_earlier) {
            let left = scratch::remove_earlier(&mut *targets[0], folder).await?;
            report.earlier.push(ScratchFolder { folder: folder.path.clone(), left });
        }
        *doubt = Some(Doubt::Asked);
        let folder = targets[0].create_folder(&report.scratch.folder, None).await.map_err(needs_a_folder)?;
        *doubt = Some(Doubt::Made);
        report.target.alone = write::rounds(&mut targets, &folder, letters, self.test.most).await?;
        widen(&mut targets, self.connections(), open).await?;
        report.target.together = write::rounds(&mut targets, &folder, letters, self.test.most).await?;
        for target in targets {
            target.close().await;
        }
        Ok(())
    }
}

/// Says what the folder is for, where a target does not let us make it.
fn needs_a_folder(error: ConnectorError) -> ConnectorError {
    if error.retry() != Retry::Never {
        return error;
    }
    error.hint(
        "how fast it takes mail is measured in a folder made for that: let this account make folders at the top, which a copy may need, \
         too, or measure with another account of the same server",
    )
}

/// Opens connections until there are so many. One is needed; where a server limits their number, those that it lets in are enough, as they
/// are for a copy.
async fn widen<C, F>(connections: &mut Vec<C>, count: usize, open: impl Fn() -> F) -> Result<(), ConnectorError>
where
    F: Future<Output = Result<C, ConnectorError>>,
{
    while connections.len() < count {
        match open().await {
            Ok(connection) => connections.push(connection),
            Err(error) if connections.is_empty() => return Err(error),
            Err(error) => {
                tracing::warn!(%error, connections = connections.len(), "no further connection");
                break;
            }
        }
    }
    Ok(())
}

/// How long the server takes for an answer at least, in seconds; `None` where nothing is asked over a network.
fn round_trip(connector: &dyn Connector) -> Option<f64> {
    connector.meter().quickest_answer().map(|time| time.as_secs_f64())
}
