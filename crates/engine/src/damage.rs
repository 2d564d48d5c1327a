//! Folders whose entries in the ledger are not what was written.
//!
//! Such a folder is found again by content, like one whose ids have become void. There is nothing to be asked of anybody:
//! what stands on the target is neither doubted nor copied again. One thing is lost with the entries: of messages that the
//! source has no more, nobody can say whether their copies on the target are ours, so these stay, but for what a run that was cut off
//! had sent ([`sending`](crate::sending)).

use limosa_model::{FolderLedger, FolderPath, Ledger, LedgerError};

/// Reads a folder's entries; where they are damaged, none of them, and what is wrong.
///
/// # Errors
/// The ledger's, but for [`LedgerError::Damaged`].
pub async fn load(
    ledger: &dyn Ledger,
    folder: &FolderPath,
) -> Result<(FolderLedger, Option<LedgerError>), LedgerError> {
    match ledger.load(folder).await {
        Ok(entries) => Ok((entries, None)),
        Err(damage @ LedgerError::Damaged { .. }) => {
            tracing::warn!(%folder, %damage, "finding the folder again by content");
            Ok((FolderLedger::new(), Some(damage)))
        }
        Err(error) => Err(error),
    }
}
