//! The folder that is written to, gone again.

use std::time::Duration;

use limosa_model::mailbox::Detail;
use limosa_model::{Connector, ConnectorError, FolderPath, IdList, Target};

/// How often it is tried, with this pause between: a server that was just left may still be storing what it was sent.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What is known of the folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Doubt {
    /// The server was asked to make it.
    Asked,
    /// It has said that it is made.
    Made,
}

/// Removes the folder with all messages in it, over a connection of its own; nothing if it is not there.
///
/// # Errors
/// If it cannot be removed, or nobody can tell whether it is there.
pub(super) async fn remove(
    target: &dyn Connector,
    folder: &FolderPath,
    mut doubt: Doubt,
) -> Result<(), ConnectorError> {
    let mut attempt = 1;
    loop {
        let last = match remove_once(target, folder).await {
            Ok(Found::Removed) => return Ok(()),
            Ok(Found::Absent) if doubt == Doubt::Made => return Ok(()),
            // It may be made yet: what was asked over a connection that broke may still be carried out.
            Ok(Found::Absent) => {
                doubt = Doubt::Made;
                Ok(())
            }
            Err(error) => Err(error),
        };
        if attempt == ATTEMPTS {
            return last;
        }
        attempt += 1;
        tokio::time::sleep(PAUSE).await;
    }
}

enum Found {
    Absent,
    Removed,
}

async fn remove_once(connector: &dyn Connector, path: &FolderPath) -> Result<Found, ConnectorError> {
    let mut target = connector.open_target().await?;
    let found = remove_over(&mut *target, path).await?;
    target.close().await;
    Ok(found)
}

async fn remove_over(target: &mut dyn Target, path: &FolderPath) -> Result<Found, ConnectorError> {
    let survey = target.survey().await?;
    let Some(folder) = survey.folders.into_iter().find(|folder| folder.path == *path) else {
        return Ok(Found::Absent);
    };
    let (mut ids, mut after) = (IdList::new(), None);
    loop {
        let page = target.changes(&folder, None, Detail::Flags, after.as_ref()).await?;
        ids.extend(page.present.into_iter().map(|item| item.id));
        match page.next {
            Some(next) => after = Some(next),
            None => break,
        }
    }
    if !ids.is_empty() {
        target.remove(&folder, &ids).await?;
    }
    target.delete_folder(&folder).await?;
    Ok(Found::Removed)
}
