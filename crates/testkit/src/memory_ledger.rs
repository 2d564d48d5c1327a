//! How does a ledger behave that keeps all in memory, and whose power can be cut at every step?

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use limosa_model::flags::Flags;
use limosa_model::folder::FolderPath;
use limosa_model::ledger::codec;
use limosa_model::ledger::{
    DroppedFlag, Entry, Exception, FolderLedger, Ledger, LedgerError, LedgerFolder, Sending, Settlement,
};
use limosa_model::message::MessageId;
use limosa_model::pair::PairKey;

/// Whether the power is cut before a durable step is done or after it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum When {
    /// Nothing of the step is there.
    Before,
    /// All of the step is there, and nobody was told.
    After,
}

/// Asked before and after every durable step, by its name (`settle`, `put_folder` …): false cuts the power there. Share one
/// between a ledger and a mailbox to number the steps of both.
pub type PowerHook = Arc<dyn Fn(When, &'static str) -> bool + Send + Sync>;

/// The cause of every error after a power cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PowerCut;

impl fmt::Display for PowerCut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the power was cut")
    }
}

impl std::error::Error for PowerCut {}

/// A ledger of one pair in memory.
///
/// What it keeps outlives it: [`MemoryLedger::reopen`] is the next life on the same disk, and fences off the one before.
/// After its [`PowerHook`] has cut the power, every call fails until then. Entries stand in plain maps and settlements are
/// applied to them one by one, so that runs and segments are compared with something that has neither.
pub struct MemoryLedger {
    disk: Arc<Mutex<Disk>>,
    pair: String,
    fence: u64,
    hook: PowerHook,
    dead: AtomicBool,
}

#[derive(Clone, Default)]
struct Disk {
    fence: u64,
    writing: bool,
    folders: BTreeMap<FolderPath, KeptFolder>,
    sending: BTreeMap<FolderPath, BTreeSet<Sending>>,
}

#[derive(Clone)]
struct KeptFolder {
    about: LedgerFolder,
    entries: BTreeMap<MessageId, (MessageId, Flags)>,
    exceptions: BTreeMap<MessageId, Exception>,
    dropped: BTreeSet<String>,
    damaged: bool,
}

impl Default for MemoryLedger {
    fn default() -> Self {
        Self::new()
    }
}

impl MemoryLedger {
    /// An empty ledger whose power stays on.
    pub fn new() -> Self {
        Self::with_hook(Arc::new(|_, _| true))
    }

    /// An empty ledger whose power this hook can cut.
    pub fn with_hook(hook: PowerHook) -> Self {
        let pair = PairKey { source: "memory:source".into(), target: "memory:target".into() };
        Self::take(Arc::default(), &pair.to_string(), hook)
    }

    /// The next life: power is on, what was written is there, and whoever held the pair before is fenced off.
    #[must_use]
    pub fn reopen(&self) -> Self {
        Self::take(self.disk.clone(), &self.pair, self.hook.clone())
    }

    /// Like [`MemoryLedger::reopen`], with another hook.
    #[must_use]
    pub fn reopen_with_hook(&self, hook: PowerHook) -> Self {
        Self::take(self.disk.clone(), &self.pair, hook)
    }

    /// Forgets which messages were about to be written, as the failing of a machine may: no disk has been waited for.
    pub fn lose_notes(&self) {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner).sending.clear();
    }

    fn take(disk: Arc<Mutex<Disk>>, pair: &str, hook: PowerHook) -> Self {
        let fence = {
            let mut disk = disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.fence += 1;
            disk.fence
        };
        Self { disk, pair: pair.into(), fence, hook, dead: AtomicBool::new(false) }
    }

    /// What it keeps, on another disk: a backup.
    #[must_use]
    pub fn backup(&self) -> Self {
        let disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Self::take(Arc::new(Mutex::new(disk)), &self.pair, self.hook.clone())
    }

    /// Makes a folder's entries unreadable, as a bad disk does, until they are forgotten.
    ///
    /// # Panics
    /// If the ledger does not know the folder.
    pub fn damage(&self, folder: &FolderPath) {
        let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
        disk.folders.get_mut(folder).expect("no such folder").damaged = true;
    }

    fn read(&self) -> Result<MutexGuard<'_, Disk>, LedgerError> {
        if self.dead.load(Ordering::SeqCst) {
            return Err(failed("read", PowerCut));
        }
        Ok(self.disk.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn cut(&self, when: When, step: &'static str) -> Result<(), LedgerError> {
        if self.dead.load(Ordering::SeqCst) || !(self.hook)(when, step) {
            self.dead.store(true, Ordering::SeqCst);
            return Err(failed("written", PowerCut));
        }
        Ok(())
    }

    /// One durable step. The hook is called without the lock, so that it may look at the ledger's next life.
    fn step<T>(
        &self,
        name: &'static str,
        act: impl FnOnce(&mut Disk) -> Result<T, LedgerError>,
    ) -> Result<T, LedgerError> {
        self.cut(When::Before, name)?;
        let answer = {
            let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
            if disk.fence != self.fence {
                return Err(LedgerError::Fenced { pair: self.pair.clone() });
            }
            act(&mut disk)?
        };
        self.cut(When::After, name)?;
        Ok(answer)
    }
}

fn failed(doing: &'static str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> LedgerError {
    LedgerError::Store { doing, source: source.into() }
}

fn damaged(folder: &FolderPath) -> LedgerError {
    LedgerError::Damaged { folder: folder.to_string(), what: "somebody said so".into() }
}

fn known<'a>(disk: &'a mut Disk, folder: &FolderPath) -> Result<&'a mut KeptFolder, LedgerError> {
    disk.folders.get_mut(folder).ok_or_else(|| failed("written", format!("folder {folder} is not in the ledger")))
}

impl KeptFolder {
    fn entries(&self) -> FolderLedger {
        let mut ledger = FolderLedger::new();
        for (source, (target, flags)) in &self.entries {
            ledger.insert(Entry { source: source.clone(), target: target.clone(), flags: flags.clone() });
        }
        ledger
    }

    fn settle(&mut self, settlement: &Settlement) {
        if settlement.forget {
            self.damaged = false;
            self.entries.clear();
            self.exceptions.clear();
            self.about.source_watermark = None;
            self.about.target_watermark = None;
        }
        for source in &settlement.removed {
            self.entries.remove(source);
        }
        for entry in &settlement.entries {
            self.entries.insert(entry.source.clone(), (entry.target.clone(), entry.flags.clone()));
        }
        for (source, flags) in &settlement.flags {
            if let Some(entry) = self.entries.get_mut(source) {
                entry.1 = flags.clone();
            }
        }
        for id in &settlement.resolved {
            self.exceptions.remove(id);
        }
        for exception in &settlement.exceptions {
            let replacing = match self.exceptions.get(&exception.id) {
                Some(earlier) => exception.clone().replacing(earlier),
                None => exception.clone(),
            };
            self.exceptions.insert(exception.id.clone(), replacing);
        }
        for kept in &settlement.kept_flags {
            self.dropped.remove(&kept.flag);
        }
        self.dropped.extend(settlement.dropped_flags.iter().map(|dropped| dropped.flag.clone()));
        if let Some(watermark) = &settlement.source_watermark {
            self.about.source_watermark = Some(watermark.clone());
        }
        if let Some(watermark) = &settlement.target_watermark {
            self.about.target_watermark = Some(watermark.clone());
        }
        if let Some(keywords) = &settlement.keywords {
            self.about.keywords.clone_from(keywords);
        }
    }
}

#[async_trait]
impl Ledger for MemoryLedger {
    async fn folders(&self) -> Result<Vec<LedgerFolder>, LedgerError> {
        let disk = self.read()?;
        let about = |kept: &KeptFolder| match kept.damaged {
            true => LedgerFolder { source_watermark: None, target_watermark: None, messages: 0, ..kept.about.clone() },
            false => LedgerFolder { messages: kept.entries.len() as u64, ..kept.about.clone() },
        };
        Ok(disk.folders.values().map(about).collect())
    }

    async fn load(&self, source: &FolderPath) -> Result<FolderLedger, LedgerError> {
        match self.read()?.folders.get(source) {
            Some(kept) if kept.damaged => Err(damaged(source)),
            kept => Ok(kept.map(KeptFolder::entries).unwrap_or_default()),
        }
    }

    async fn put_folder(&self, folder: &LedgerFolder) -> Result<(), LedgerError> {
        self.step("put_folder", |disk| {
            let fresh = LedgerFolder {
                source_watermark: None,
                target_watermark: None,
                keywords: String::new(),
                ..folder.clone()
            };
            let kept = disk.folders.entry(folder.source.clone()).or_insert_with(|| KeptFolder {
                about: fresh,
                entries: BTreeMap::new(),
                exceptions: BTreeMap::new(),
                dropped: BTreeSet::new(),
                damaged: false,
            });
            kept.about.target = folder.target.clone();
            kept.about.source_ids = folder.source_ids.clone();
            kept.about.target_ids = folder.target_ids.clone();
            kept.about.source_object_id = folder.source_object_id.clone();
            Ok(())
        })
    }

    async fn rename_folder(
        &self,
        source: &FolderPath,
        to: &FolderPath,
        target: &FolderPath,
    ) -> Result<(), LedgerError> {
        self.step("rename_folder", |disk| {
            let before = known(disk, source)?.about.target.clone();
            if source != to && disk.folders.contains_key(to) {
                return Err(failed("written", format!("folder {to} is in the ledger already")));
            }
            for kept in disk.folders.values_mut() {
                kept.about.target = kept.about.target.renamed(&before, target);
            }
            if let Some(mut kept) = disk.folders.remove(source) {
                kept.about.source = to.clone();
                kept.about.target = target.clone();
                disk.folders.insert(to.clone(), kept);
            }
            if let Some(sending) = disk.sending.remove(source) {
                disk.sending.insert(to.clone(), sending);
            }
            Ok(())
        })
    }

    async fn remove_folder(&self, source: &FolderPath) -> Result<(), LedgerError> {
        self.step("remove_folder", |disk| {
            disk.folders.remove(source);
            disk.sending.remove(source);
            Ok(())
        })
    }

    async fn settle(&self, source: &FolderPath, settlement: &Settlement) -> Result<(), LedgerError> {
        self.step("settle", |disk| {
            let kept = known(disk, source)?;
            kept.settle(settlement);
            let ids = kept.about.source_ids.clone();
            if settlement.target_watermark.is_some() {
                disk.sending.remove(source);
            } else if let Some(sending) = disk.sending.get_mut(source) {
                let settled: BTreeSet<&MessageId> = settlement.entries.iter().map(|entry| &entry.source).collect();
                sending.retain(|noted| *noted.ids != *ids || !settled.contains(&noted.id));
            }
            Ok(())
        })
    }

    async fn note_sending(&self, source: &FolderPath, messages: &[Sending]) -> Result<(), LedgerError> {
        // Whether somebody has taken the pair over is not asked, as no store would for every few messages.
        self.cut(When::Before, "note_sending")?;
        {
            let mut disk = self.disk.lock().unwrap_or_else(PoisonError::into_inner);
            disk.sending.entry(source.clone()).or_default().extend(messages.iter().cloned());
        }
        self.cut(When::After, "note_sending")
    }

    async fn sending(&self, source: &FolderPath) -> Result<Vec<Sending>, LedgerError> {
        Ok(self.read()?.sending.get(source).into_iter().flatten().cloned().collect())
    }

    async fn compact(&self, source: &FolderPath) -> Result<(), LedgerError> {
        self.step("compact", |disk| match disk.folders.get(source) {
            Some(kept) if kept.damaged => Err(damaged(source)),
            _ => Ok(()),
        })
    }

    async fn exceptions(&self) -> Result<Vec<Exception>, LedgerError> {
        let disk = self.read()?;
        let exceptions = disk.folders.iter().flat_map(|(folder, kept)| {
            kept.exceptions.values().map(|exception| Exception { folder: folder.clone(), ..exception.clone() })
        });
        Ok(exceptions.collect())
    }

    async fn dropped_flags(&self) -> Result<Vec<DroppedFlag>, LedgerError> {
        let disk = self.read()?;
        let dropped = disk.folders.iter().flat_map(|(folder, kept)| {
            kept.dropped.iter().map(|flag| DroppedFlag { folder: folder.clone(), flag: flag.clone() })
        });
        Ok(dropped.collect())
    }

    async fn set_writing(&self, writing: bool) -> Result<bool, LedgerError> {
        self.step("set_writing", |disk| Ok(std::mem::replace(&mut disk.writing, writing)))
    }

    async fn bytes(&self) -> Result<u64, LedgerError> {
        let disk = self.read()?;
        Ok(disk.folders.values().map(|kept| codec::encode_base(&kept.entries()).len() as u64).sum())
    }
}

#[cfg(test)]
#[path = "memory_ledger_tests.rs"]
mod tests;
