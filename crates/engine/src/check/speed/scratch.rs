//! The folder that is written to: its name, and how it goes again.

use std::time::Duration;

use limosa_model::mailbox::Detail;
use limosa_model::{Connector, ConnectorError, Folder, FolderPath, IdList, Item, Target};

use super::letters;
use crate::report::Unfinished;
use crate::stop::{Stop, concerns_a_folder};

/// How often it is tried, with this pause between: a server that was just left may still be storing what it was sent.
const ATTEMPTS: u32 = 5;
const PAUSE: Duration = Duration::from_secs(1);

/// What its name begins with; then come 16 hexadecimal digits.
const NAME: &str = "Limosa speed test ";

/// The folder with that number in its name.
pub(super) fn path(number: u64) -> FolderPath {
    FolderPath::new([format!("{NAME}{number:016x}")])
}

/// Whether a folder has such a name.
pub(super) fn is_ours(folder: &FolderPath) -> bool {
    let [name] = folder.names() else { return false };
    name.strip_prefix(NAME).is_some_and(|number| {
        number.len() == 16 && number.bytes().all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    })
}

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
                // It is looked for once more in any case.
                attempt = attempt.min(ATTEMPTS - 1);
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
    let ids = list(target, &folder).await?.into_iter().map(|item| item.id).collect();
    empty_and_delete(target, &folder, &ids).await?;
    Ok(Found::Removed)
}

/// Removes a folder of such a name that another measurement made: if there is nothing in it but what that wrote. Answers why not, if not.
pub(super) async fn remove_earlier(
    target: &mut dyn Target,
    folder: &Folder,
) -> Result<Option<Unfinished>, ConnectorError> {
    let items = list(target, folder).await?;
    if !items.iter().all(|item| item.internal_date.is_some_and(letters::is_received_by_us)) {
        return Ok(Some(Unfinished {
            code: "not-permitted".into(),
            what: "there is mail in it that no speed test has written".into(),
            hint: Some("look into it with a mail program, and remove it there".into()),
        }));
    }
    let ids = items.into_iter().map(|item| item.id).collect();
    match empty_and_delete(target, folder, &ids).await {
        Err(error) if concerns_a_folder(&error) => Ok(Some(Stop::target(error).unfinished())),
        done => done.map(|()| None),
    }
}

async fn list(target: &mut dyn Target, folder: &Folder) -> Result<Vec<Item>, ConnectorError> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = target.changes(folder, None, Detail::Metadata, after.as_ref()).await?;
        items.extend(page.present);
        match page.next {
            Some(next) => after = Some(next),
            None => return Ok(items),
        }
    }
}

async fn empty_and_delete(target: &mut dyn Target, folder: &Folder, ids: &IdList) -> Result<(), ConnectorError> {
    if !ids.is_empty() {
        target.remove(folder, ids).await?;
    }
    target.delete_folder(folder).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn our_folders_are_known_by_their_names_and_no_others_are() {
        assert!(is_ours(&path(0)) && is_ours(&path(u64::MAX)));
        for other in ["Limosa speed test", "Limosa speed test 1", "Limosa speed test 000000000000000G", "INBOX"] {
            assert!(!is_ours(&FolderPath::new([other])), "{other}");
        }
        assert!(!is_ours(&FolderPath::new(["Old", "Limosa speed test 0000000000000001"])));
    }
}
