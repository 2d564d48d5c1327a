//! The ledger of a pair that has none.

use async_trait::async_trait;
use limosa_model::ledger::{DroppedFlag, Ledger, LedgerError, LedgerFolder, Sending, Settlement};
use limosa_model::{Exception, FolderLedger, FolderPath};

/// Knows nothing, and takes nothing: what an audit reads where no ledger is, so that none is made by looking.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoLedger;

fn refused<T>() -> Result<T, LedgerError> {
    Err(LedgerError::Store { doing: "written", source: "there is no ledger".into() })
}

#[async_trait]
impl Ledger for NoLedger {
    async fn folders(&self) -> Result<Vec<LedgerFolder>, LedgerError> {
        Ok(Vec::new())
    }

    async fn load(&self, _source: &FolderPath) -> Result<FolderLedger, LedgerError> {
        Ok(FolderLedger::new())
    }

    async fn put_folder(&self, _folder: &LedgerFolder) -> Result<(), LedgerError> {
        refused()
    }

    async fn rename_folder(&self, _: &FolderPath, _: &FolderPath, _: &FolderPath) -> Result<(), LedgerError> {
        refused()
    }

    async fn remove_folder(&self, _source: &FolderPath) -> Result<(), LedgerError> {
        refused()
    }

    async fn settle(&self, _source: &FolderPath, _settlement: &Settlement) -> Result<(), LedgerError> {
        refused()
    }

    async fn note_sending(&self, _source: &FolderPath, _messages: &[Sending]) -> Result<(), LedgerError> {
        refused()
    }

    async fn sending(&self, _source: &FolderPath) -> Result<Vec<Sending>, LedgerError> {
        Ok(Vec::new())
    }

    async fn compact(&self, _source: &FolderPath) -> Result<(), LedgerError> {
        Ok(())
    }

    async fn exceptions(&self) -> Result<Vec<Exception>, LedgerError> {
        Ok(Vec::new())
    }

    async fn dropped_flags(&self) -> Result<Vec<DroppedFlag>, LedgerError> {
        Ok(Vec::new())
    }

    async fn set_writing(&self, _writing: bool) -> Result<bool, LedgerError> {
        refused()
    }

    async fn bytes(&self) -> Result<u64, LedgerError> {
        Ok(0)
    }
}
