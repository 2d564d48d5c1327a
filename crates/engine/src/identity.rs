//! Whether source and target are one mailbox under two names: another port, another name of the host, an alias of the user.

use limosa_model::mailbox::Survey;
use limosa_model::{Folder, FolderPath, Ledger};

use crate::sides::Sessions;
use crate::stop::{Stop, concerns_a_folder};

/// The folder by which it is found out.
const PROBE: &str = "Limosa looks whether these are two mailboxes";

/// Whether they are. Two that look the same may be replicas: then an empty folder is made on the target for a moment, and looked for on the
/// source. A pair that the ledger knows was found to be two before.
///
/// # Errors
/// Those of the connections and the ledger.
pub async fn is_one_mailbox(
    sessions: &mut Sessions,
    ledger: &dyn Ledger,
    source: &Survey,
    target: &Survey,
) -> Result<bool, Stop> {
    if !look_the_same(&source.folders, &target.folders) || !ledger.folders().await?.is_empty() {
        return Ok(false);
    }
    let probe = FolderPath::new([PROBE]);
    let folder = match sessions.target.create_folder(&probe, None).await {
        Ok(folder) => folder,
        // Nothing can be made there: nothing will be copied either, and the pass tells why.
        Err(error) if concerns_a_folder(&error) => return Ok(false),
        Err(error) => return Err(Stop::target(error)),
    };
    let again = sessions.source.survey().await.map_err(Stop::source);
    sessions.target.delete_folder(&folder).await.map_err(Stop::target)?;
    Ok(again?.folders.iter().any(|folder| folder.path == probe))
}

/// Whether two surveys are of one mailbox: every folder has its like, with ids given under the same and equal object ids, and one that
/// holds messages stands at the same position. Owners may change the others between the two.
fn look_the_same(source: &[Folder], target: &[Folder]) -> bool {
    let like = |folder: &Folder| target.iter().find(|other| other.path == folder.path);
    let same_ids = |folder: &Folder, other: &Folder| match (&folder.state, &other.state) {
        (Some(ours), Some(theirs)) => ours.ids == theirs.ids && folder.object_id == other.object_id,
        (ours, theirs) => ours.is_none() && theirs.is_none(),
    };
    let stands_alike = |folder: &Folder| {
        let state = folder.state.as_ref().filter(|state| state.messages > 0 && !state.ids.is_empty());
        state.is_some() && like(folder).is_some_and(|other| other.state == folder.state)
    };
    source.len() == target.len()
        && source.iter().all(|folder| like(folder).is_some_and(|other| same_ids(folder, other)))
        && source.iter().any(stands_alike)
}
