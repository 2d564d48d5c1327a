//! Writing the originals of exceptions into a Maildir, and a list of them into a CSV file.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use limosa_engine::{Side, SideError, refusals};
use limosa_model::{Connector, Folder, FolderPath, IdList, Mailbox, MessageId};
use serde::Serialize;

use super::moment;
use super::numbered::{Numbered, find};
use crate::copy::{write_json, write_out};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::open;
use crate::settings::{ExceptionsExportSettings, ExceptionsOf};
use crate::terminal::{clean, counted};

/// What was exported.
#[derive(Debug, Serialize)]
pub struct Exported {
    /// The Maildir.
    mail: String,
    /// The list.
    list: String,
    exceptions: u64,
    /// Originals that stand in the Maildir now.
    originals: u64,
    /// Exceptions whose message the source does not give any more.
    not_given: u64,
}

/// One line of the list.
#[derive(Serialize)]
struct Line<'a> {
    number: &'a str,
    folder: String,
    message: String,
    message_id: Option<&'a str>,
    date: Option<String>,
    subject: Option<&'a str>,
    size: Option<u64>,
    code: &'a str,
    reason: &'a str,
    hint: Option<&'a str>,
    original: Option<&'a str>,
    approved_by: Option<&'a str>,
    approved_because: Option<&'a str>,
    approved_at: Option<i64>,
}

/// Exports a pair's exceptions. Once more into the same folder adds what is new.
///
/// # Errors
/// If the source cannot be read, or the folder not be written.
pub async fn export(
    settings: ExceptionsExportSettings,
    source: std::sync::Arc<dyn Connector>,
) -> Result<Exit, Failure> {
    let pair = Some((source.account(), settings.target.clone()));
    let found = find(&ExceptionsOf { pair, ..ExceptionsOf::default() }, &settings.state).await?;
    let (mail, list) = (settings.to.join("mail"), settings.to.join("exceptions.csv"));
    let mut originals = HashMap::new();
    if !found.is_empty() {
        std::fs::create_dir_all(&settings.to).map_err(|error| unwritten(&settings.to, &error))?;
        originals = keep(source.as_ref(), &mail, &found).await?;
    }
    let exported = Exported {
        mail: format!("maildir:{}", mail.display()),
        list: list.display().to_string(),
        exceptions: found.len() as u64,
        originals: originals.len() as u64,
        not_given: (found.len() - originals.len()) as u64,
    };
    if !found.is_empty() {
        write_list(&list, &found, &originals)?;
    }
    match settings.json {
        true => write_json(&exported)?,
        false => write_out(&render(&exported))?,
    }
    Ok(if exported.not_given == 0 { Exit::Complete } else { Exit::Exceptions })
}

type Originals = HashMap<(FolderPath, MessageId), String>;

async fn keep(source: &dyn Connector, mail: &Path, found: &[Numbered]) -> Result<Originals, Failure> {
    let account = source.account();
    let of_source = |error| Failure::connector(&format!("source {account}"), &error);
    let failed = |(side, error): SideError| match side {
        Side::Source => of_source(error),
        Side::Target => Failure::connector(&mail.display().to_string(), &error),
    };
    let mut mailbox: Box<dyn Mailbox> = source.open().await.map_err(of_source)?;
    let survey = mailbox.survey().await.map_err(of_source)?;
    let mut by_folder: BTreeMap<(&FolderPath, &str), IdList> = BTreeMap::new();
    for one in found {
        let folder = (&one.exception.folder, one.source_ids.as_str());
        by_folder.entry(folder).or_default().push(one.exception.id.clone());
    }
    let mut originals = Originals::new();
    for ((path, given_under), ids) in by_folder {
        // What the source has no more is told in the list. Under ids that were given anew other messages would be found.
        let has_it = |folder: &&Folder| {
            let same_ids = folder.state.as_ref().is_none_or(|state| state.ids == given_under);
            folder.path == *path && folder.selectable && same_ids
        };
        let Some(folder) = survey.folders.iter().find(has_it) else { continue };
        let kept =
            refusals::keep(open::maildir(mail).as_ref(), mailbox.as_mut(), folder, &ids).await.map_err(failed)?;
        originals.extend(kept.into_iter().map(|(id, place)| ((path.clone(), id), place)));
    }
    mailbox.close().await;
    Ok(originals)
}

fn write_list(list: &Path, found: &[Numbered], originals: &Originals) -> Result<(), Failure> {
    let mut writer = csv::Writer::from_path(list).map_err(|error| unwritten(list, &error))?;
    for Numbered { number, exception, .. } in found {
        let approval = exception.approval.as_ref();
        let line = Line {
            number,
            folder: exception.folder.to_string(),
            message: exception.id.to_string(),
            message_id: exception.message_id.as_deref(),
            date: exception.date.and_then(moment),
            subject: exception.subject.as_deref(),
            size: exception.size,
            code: &exception.code,
            reason: &exception.reason,
            hint: exception.hint.as_deref(),
            original: originals.get(&(exception.folder.clone(), exception.id.clone())).map(String::as_str),
            approved_by: approval.map(|approval| approval.by.as_str()),
            approved_because: approval.map(|approval| approval.because.as_str()),
            approved_at: approval.map(|approval| approval.at),
        };
        writer.serialize(line).map_err(|error| unwritten(list, &error))?;
    }
    writer.flush().map_err(|error| unwritten(list, &error))
}

fn unwritten(path: &Path, error: &dyn std::error::Error) -> Failure {
    Failure::new("local-io", format!("{} cannot be written", path.display())).because(error)
}

fn render(exported: &Exported) -> String {
    if exported.exceptions == 0 {
        return "There is no exception of this pair.\n".into();
    }
    let mut text = format!(
        "{} in {}\n{} in {}\n",
        counted(exported.exceptions, "exception", "exceptions"),
        clean(&exported.list),
        counted(exported.originals, "original", "originals"),
        clean(&exported.mail)
    );
    if exported.not_given > 0 {
        let not_given = counted(exported.not_given, "message is", "messages are");
        text.push_str(&format!("{not_given} not to be had from the source any more: gone, or unreadable\n"));
    }
    text
}

/// What an export may answer.
#[cfg(test)]
pub fn sample_exported() -> Exported {
    Exported {
        mail: "maildir:/left/mail".into(),
        list: "/left/exceptions.csv".into(),
        exceptions: 2,
        originals: 1,
        not_given: 1,
    }
}
