//! What a copy would meet: both sides looked at, and nothing written but to measure speed, where that is asked for.

use std::collections::BTreeMap;
use std::time::Duration;

use limosa_model::mailbox::{Detail, Limits, Survey};
use limosa_model::{Connector, ConnectorError, Flags, Folder, FolderPath, Mailbox, PermanentFlags, Scope, Target};
use tokio::time::Instant;

use crate::folders::{FolderPair, FolderPlan, FolderRules, Place, match_folders};
use crate::progress::{Phase, Progress};
use crate::report::{FolderNote, Volume};
use crate::sides::Side;
use crate::stop::PassError;

mod largest;
mod report;
mod sample;
mod speed;

use largest::Largest;
pub use report::{CheckReport, CheckedFolder, CheckedMessage, CheckedSide, Estimate, QuotaCheck, TooBig, UnkeptFlag};
use sample::Sample;
pub use speed::{ManyMailboxes, MeasuredSide, Rate, ScratchFolder, SpeedReport, SpeedTest};

/// How many of the largest messages are named.
const LARGEST: usize = 10;
/// How many messages that the target would refuse are named.
const TOO_BIG: usize = 1_000;

/// Looks at the source, and at the target if there is one: folders, sizes, what the target would refuse, and how long a
/// first copy would take. Reads a small sample of messages to measure the source's speed; with `speed`, measures both sides, and
/// writes to the target for that.
///
/// # Errors
/// When an endpoint cannot be used. A single folder that cannot be listed is a note in the report.
pub async fn check(
    source: &dyn Connector,
    target: Option<&dyn Connector>,
    rules: &FolderRules,
    speed: Option<&SpeedTest>,
    progress: &Progress,
) -> Result<CheckReport, PassError> {
    if let Some(target) = target.filter(|target| target.account() == source.account()) {
        return Err(PassError::SameAccount { account: target.account() });
    }
    let started = Instant::now();
    progress.enter(Phase::Connecting);
    let mut mailbox = source.open().await.map_err(at_source)?;
    let mut other = match target {
        Some(target) => Some(target.open_target().await.map_err(at_target)?),
        None => None,
    };
    progress.enter(Phase::Surveying);
    let survey = mailbox.check().await.map_err(at_source)?;
    let target_survey = match &mut other {
        Some(target) => Some(target.check().await.map_err(at_target)?),
        None => None,
    };
    let limits = target_survey.as_ref().map(|survey| survey.limits.clone()).unwrap_or_default();
    let target_folders = target_survey.as_ref().map_or(&[][..], |survey| &survey.folders);
    let plan = match_folders(&survey.folders, target_folders, &limits, &[], rules);

    let mut look = Look::new(limits, target.is_some());
    look.notes.clone_from(&plan.notes);
    look.all_folders(&mut *mailbox, other.as_deref_mut(), &plan, target_folders, progress).await?;
    let speed = speed.zip(target);
    let sample = match speed {
        Some(_) => None,
        None => look.measure(&mut *mailbox).await.map_err(at_source)?,
    };
    mailbox.close().await;
    if let Some(target) = other {
        target.close().await;
    }
    let speed = match speed {
        Some((test, target)) => Some(look.speed(source, target, test, progress).await),
        None => None,
    };
    progress.enter(Phase::Done);
    let sides =
        (side(source, &survey), target.zip(target_survey.as_ref()).map(|(target, survey)| side(target, survey)));
    Ok(look.report(sides, sample, speed, started.elapsed()))
}

fn at_source(error: ConnectorError) -> PassError {
    PassError::Connector { side: Side::Source, error }
}

fn at_target(error: ConnectorError) -> PassError {
    PassError::Connector { side: Side::Target, error }
}

fn side(connector: &dyn Connector, survey: &Survey) -> CheckedSide {
    CheckedSide {
        account: connector.account(),
        server: survey.server.clone(),
        capabilities: survey.capabilities.clone(),
        used: survey.used.clone(),
        quirks: survey.quirks.clone(),
        connections: connector.connections() as u64,
        message_bytes: survey.limits.message_bytes,
        room_bytes: survey.limits.room_bytes,
    }
}

/// What has been seen so far.
struct Look {
    limits: Limits,
    has_target: bool,
    folders: Vec<CheckedFolder>,
    notes: Vec<FolderNote>,
    total: Volume,
    largest: Largest,
    too_big: TooBig,
    unkept: BTreeMap<(FolderPath, String), u64>,
    /// The folder with most messages, and some of them.
    sample: Option<(Folder, Sample)>,
}

impl Look {
    fn new(limits: Limits, has_target: bool) -> Self {
        Self {
            limits,
            has_target,
            folders: Vec::new(),
            notes: Vec::new(),
            total: Volume::default(),
            largest: Largest::new(LARGEST),
            too_big: TooBig::default(),
            unkept: BTreeMap::new(),
            sample: None,
        }
    }

    async fn all_folders(
        &mut self,
        source: &mut dyn Mailbox,
        mut target: Option<&mut (dyn Target + '_)>,
        plan: &FolderPlan,
        target_folders: &[Folder],
        progress: &Progress,
    ) -> Result<(), PassError> {
        progress.enter(Phase::Inspecting);
        for pair in &plan.pairs {
            progress.folder(pair.source.path.to_string());
            let kept = match &mut target {
                Some(target) => Some(self.kept_flags(&mut **target, pair, target_folders).await.map_err(at_target)?),
                None => None,
            };
            match self.folder(source, pair, kept.as_ref()).await {
                Err(error) if error.scope() <= Scope::Folder => self.notes.push(FolderNote {
                    folder: pair.source.path.clone(),
                    code: "unreadable".into(),
                    reason: format!("the folder cannot be listed: {error}"),
                }),
                listed => listed.map_err(at_source)?,
            }
        }
        Ok(())
    }

    /// Which flags the folder's place will keep. A folder that is yet to be made is taken to be like the inbox.
    async fn kept_flags(
        &self,
        target: &mut dyn Target,
        pair: &FolderPair,
        folders: &[Folder],
    ) -> Result<PermanentFlags, ConnectorError> {
        let folder = match &pair.place {
            Place::Exists(folder) => Some(folder),
            Place::Create { .. } => folders.iter().find(|folder| folder.path.is_inbox()),
        };
        let mut kept = match folder.filter(|folder| folder.selectable) {
            None => PermanentFlags::default(),
            Some(folder) => match target.permanent_flags(folder).await {
                // The copy will meet this, too, and tell it.
                Err(error) if error.scope() <= Scope::Folder => PermanentFlags::default(),
                kept => kept?,
            },
        };
        if self.limits.no_keywords {
            kept.new_keywords = false;
            kept.keywords.clear();
        }
        Ok(kept)
    }

    async fn folder(
        &mut self,
        source: &mut dyn Mailbox,
        pair: &FolderPair,
        kept: Option<&PermanentFlags>,
    ) -> Result<(), ConnectorError> {
        let mut found = Volume::default();
        let mut sample = Sample::default();
        if pair.source.selectable {
            let mut after = None;
            loop {
                let page = source.changes(&pair.source, None, Detail::Metadata, after.as_ref()).await?;
                for item in page.present {
                    let size = item.size.unwrap_or(0);
                    found.messages += 1;
                    found.bytes += size;
                    let message =
                        || CheckedMessage { folder: pair.source.path.clone(), id: item.id.clone(), bytes: size };
                    self.largest.offer(size, message);
                    if self.limits.message_bytes.is_some_and(|limit| size > limit) {
                        self.too_big.add(size, TOO_BIG, message);
                    }
                    if let Some(kept) = kept {
                        self.flags(&pair.source.path, kept, &item.flags);
                    }
                    sample.offer(item.id, size);
                }
                match page.next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        self.total.messages += found.messages;
        self.total.bytes += found.bytes;
        if found.messages > self.sample.as_ref().map_or(0, |(_, sample)| sample.offered()) {
            self.sample = Some((pair.source.clone(), sample));
        }
        let (target, is_new) = match &pair.place {
            Place::Exists(folder) => (folder.path.clone(), false),
            Place::Create { path, .. } => (path.clone(), true),
        };
        self.folders.push(CheckedFolder {
            source: pair.source.path.clone(),
            source_name: pair.source.name.clone(),
            role: pair.source.role,
            target: self.has_target.then_some(target),
            create: self.has_target && is_new,
            messages: found.messages,
            bytes: found.bytes,
        });
        Ok(())
    }

    fn flags(&mut self, folder: &FolderPath, kept: &PermanentFlags, flags: &Flags) {
        if flags.is_empty() {
            return;
        }
        for flag in kept.keep(flags).1 {
            *self.unkept.entry((folder.clone(), flag)).or_default() += 1;
        }
    }

    /// Reads the sample, to learn how fast the source gives messages. `None` if there is nothing to read.
    async fn measure(&self, source: &mut dyn Mailbox) -> Result<Option<(Volume, Duration)>, ConnectorError> {
        let Some((folder, sample)) = &self.sample else { return Ok(None) };
        match sample::read(source, folder, &sample.ids()).await {
            Err(error) if error.scope() <= Scope::Folder => Ok(None),
            read => read.map(|read| (read.volume.messages > 0).then_some((read.volume, read.time))),
        }
    }

    /// Measures both sides.
    async fn speed(
        &self,
        source: &dyn Connector,
        target: &dyn Connector,
        test: &SpeedTest,
        progress: &Progress,
    ) -> SpeedReport {
        let (sample, total, limits, folders) = (self.sample.as_ref(), self.total, &self.limits, self.folders.len());
        speed::measure(&speed::Sides { source, target, sample, total, folders, limits, test }, progress).await
    }

    fn report(
        self,
        (source, target): (CheckedSide, Option<CheckedSide>),
        sample: Option<(Volume, Duration)>,
        speed: Option<SpeedReport>,
        time: Duration,
    ) -> CheckReport {
        let room = target.as_ref().and_then(|target| target.room_bytes);
        let alone = speed.as_ref().and_then(|speed| speed.source.alone).filter(|rate| rate.messages > 0);
        let sample = sample.or(alone.map(|rate| (rate.volume(), Duration::from_secs_f64(rate.seconds))));
        CheckReport {
            speed,
            estimate: sample.map(|(sample, time)| Estimate::new(self.total, sample, time)),
            quota: room.map(|room_bytes| QuotaCheck {
                room_bytes,
                needed_bytes: self.total.bytes,
                fits: self.total.bytes <= room_bytes,
            }),
            source,
            target,
            folders: self.folders,
            folder_notes: self.notes,
            total: self.total,
            largest: self.largest.into_sorted(),
            too_big: self.too_big,
            unkept_flags: self
                .unkept
                .into_iter()
                .map(|((folder, flag), messages)| UnkeptFlag { folder, flag, messages })
                .collect(),
            seconds: time.as_secs_f64(),
        }
    }
}
