//! What can be said of a folder from numbers of messages alone. Pure.

use super::folder::{Look, Standing};
use super::report::{AuditedFolder, Kind};
use super::told::{Subject, Told};
use crate::folders::Place;

/// Compares how many messages both sides count. Differences that offset each other are not seen.
pub fn look(look: &Look<'_>) -> (AuditedFolder, Told) {
    let source = &look.pair.source;
    let mut told = Told::default();
    let messages = |folder: &limosa_model::Folder| folder.state.as_ref().map(|state| state.messages);
    let (ours, theirs) = match &look.pair.place {
        Place::Exists(target) => (messages(source), messages(target)),
        Place::Create { .. } => (messages(source), Some(0)),
    };
    let report = AuditedFolder {
        source: source.path.clone(),
        source_name: source.name.clone(),
        target: look.pair.place.path().clone(),
        exists: matches!(look.pair.place, Place::Exists(_)),
        source_messages: ours.unwrap_or(0),
        target_messages: theirs.unwrap_or(0),
        compared: 0,
        by_content: 0,
    };
    let (Some(ours), Some(theirs)) = (ours, theirs) else {
        told.folder(Kind::Unreadable, &source.path, 1, "one side does not say how many messages there are");
        return (report, told);
    };
    let standing = look.standing();
    let settled = match (&standing, look.known) {
        (Standing::Settled(_) | Standing::Unfinished, Some(known)) => known.messages,
        _ => 0,
    };
    let left_behind: Vec<_> = look.exceptions.iter().filter(|one| one.folder == source.path && !one.stands()).collect();
    for exception in &left_behind {
        told.excepted(exception, Subject::on(&source.path, Some(&exception.id), None));
    }
    let left_behind = left_behind.len() as u64;
    match standing {
        Standing::Settled(watermark) => {
            let gone = settled.saturating_sub(theirs);
            told.folder(Kind::Missing, &source.path, gone, format!("{settled} should stand there, and {theirs} do"));
            let moved = source.state.as_ref().is_some_and(|state| state.watermark != watermark);
            let kind = if moved { Kind::Arrived } else { Kind::LostUnsettled };
            let more = ours.saturating_sub(settled + left_behind);
            told.folder(kind, &source.path, more, format!("the source has {ours}, and {settled} are settled"));
            let fewer = settled.saturating_sub(ours);
            told.folder(
                Kind::Deleted,
                &source.path,
                fewer,
                format!("{settled} are settled, and the source has {ours}"),
            );
            told.folder(Kind::Own, &source.path, theirs.saturating_sub(settled), "the target's own");
        }
        other => {
            let kind = if other == Standing::NewFolder { Kind::NewFolder } else { Kind::Missing };
            let missing = ours.saturating_sub(theirs + left_behind);
            told.folder(kind, &source.path, missing, format!("the source has {ours}, and the target {theirs}"));
            told.folder(Kind::Own, &source.path, theirs.saturating_sub(ours), "the target's own");
        }
    }
    (report, told)
}
