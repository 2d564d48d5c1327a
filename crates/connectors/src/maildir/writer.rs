//! Writing into one folder of a Maildir: whole files in `tmp`, made durable and renamed in batches.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use limosa_model::mailbox::{Result, WholeMessage};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{ConnectorError, ErrorKind, Flags, Head, MessageId, Piece, Retry, Scope, Writer};

use super::connection::blocking;
use super::content::time_of;
use super::error::io_error;
use super::keywords::Keywords;
use super::lists::{give_to_owner, sync_folder};
use super::name::{self, FORWARDED};

/// Files that are made durable together: the directory is synced once for all of them.
const BATCH: usize = 64;

/// Threads that sync files of a batch: the file system writes its journal once for all that wait for it.
const SYNCING: usize = 8;

/// A file that is removed unless it was renamed to its place.
struct Temporary(Option<PathBuf>);

impl Drop for Temporary {
    fn drop(&mut self) {
        if let Some(path) = &self.0 {
            drop(fs::remove_file(path));
        }
    }
}

/// A message under way or waiting for its batch.
struct Message {
    id: MessageId,
    base: String,
    letters: String,
    file: File,
    temporary: Temporary,
}

/// What goes to the writing thread and comes back from it.
struct Work {
    directory: PathBuf,
    mode: u32,
    keywords: Keywords,
    whole: WholeMessage,
    /// The message under way. An error stands for one that cannot be stored: its bytes are passed over.
    current: Option<std::result::Result<(Message, Head), (MessageId, ConnectorError)>>,
    batch: Vec<Message>,
    receipts: Vec<Receipt>,
}

pub(super) struct MaildirWriter {
    /// Away while a call is under way; lost with a call that was given up.
    work: Option<Work>,
    receipts: Vec<Receipt>,
}

impl MaildirWriter {
    /// A writer into that directory, which holds `cur`, `new` and `tmp`.
    pub fn new(directory: PathBuf) -> io::Result<Self> {
        let work = Work {
            mode: fs::metadata(&directory)?.mode() & 0o666,
            keywords: Keywords::read(&directory)?,
            directory,
            whole: WholeMessage::default(),
            current: None,
            batch: Vec::new(),
            receipts: Vec::new(),
        };
        Ok(Self { work: Some(work), receipts: Vec::new() })
    }

    async fn run(&mut self, act: impl FnOnce(&mut Work) -> Result<()> + Send + 'static) -> Result<()> {
        let Some(mut work) = self.work.take() else { return Err(usage("a writer was used after it failed")) };
        let (mut work, answer) = blocking(move || {
            let answer = act(&mut work);
            Ok((work, answer))
        })
        .await?;
        self.receipts.append(&mut work.receipts);
        if answer.is_ok() {
            self.work = Some(work);
        }
        answer
    }
}

fn usage(what: &str) -> ConnectorError {
    ConnectorError::new(Scope::Connection, Retry::Never, ErrorKind::Usage, what)
}

/// Letters for these flags, giving new ones to keywords where there are any left.
///
/// # Errors
/// Of scope item, and worth trying again, where no letter is left: the folder's permanent flags now say so.
pub(super) fn letters_for(flags: &Flags, keywords: &mut Keywords, directory: &Path, old: &[u8]) -> Result<String> {
    if let Some(letters) = name::letters_for(flags, keywords, old) {
        return Ok(letters);
    }
    let wanted: Vec<&str> =
        flags.keywords().iter().map(AsRef::as_ref).filter(|keyword| !keyword.eq_ignore_ascii_case(FORWARDED)).collect();
    *keywords = Keywords::add(directory, &wanted)
        .map_err(|error| io_error(Scope::Folder, "written", &directory.join(super::keywords::FILE), error))?;
    name::letters_for(flags, keywords, old).ok_or_else(|| {
        let what = "a Maildir folder holds 26 keywords at most, and all of them are taken";
        ConnectorError::new(Scope::Item, Retry::Now, ErrorKind::NotPermitted, what)
    })
}

impl Work {
    fn take(&mut self, pieces: Vec<Piece>) -> Result<()> {
        for piece in pieces {
            match piece {
                Piece::Head(head) => {
                    self.whole.head(&head).map_err(usage)?;
                    let id = head.id.clone();
                    self.current = Some(match self.begin(&head) {
                        Ok(message) => Ok((message, head)),
                        Err(error) => Err((id, refusal(error)?)),
                    });
                }
                Piece::Body(part) => {
                    self.whole.body(part.len()).map_err(usage)?;
                    let Some(Ok((message, _))) = &mut self.current else { continue };
                    if let Err(error) = message.file.write_all(&part) {
                        let error = io_error(Scope::Item, "written", &self.directory, error);
                        self.current = Some(Err((message.id.clone(), refusal(error)?)));
                    }
                }
                Piece::End => {
                    self.whole.end().map_err(usage)?;
                    self.end()?;
                }
            }
        }
        Ok(())
    }

    fn begin(&mut self, head: &Head) -> Result<Message> {
        let letters = letters_for(&head.flags, &mut self.keywords, &self.directory, b"")?;
        let base = name::unique();
        let path = self.directory.join("tmp").join(&base);
        let failed = |error| io_error(Scope::Folder, "written", &path, error);
        let file = OpenOptions::new().write(true).create_new(true).mode(self.mode).open(&path).map_err(failed)?;
        let temporary = Temporary(Some(path.clone()));
        give_to_owner(&file, &self.directory).map_err(failed)?;
        Ok(Message { id: head.id.clone(), base, letters, file, temporary })
    }

    fn end(&mut self) -> Result<()> {
        match self.current.take() {
            None => {}
            Some(Err((id, error))) => self.receipts.push(Receipt { id, outcome: Outcome::Refused(error) }),
            Some(Ok((message, head))) => {
                if let Some(date) = head.internal_date {
                    let set = message.file.set_modified(time_of(date));
                    set.map_err(|error| io_error(Scope::Folder, "dated", &self.directory.join("tmp"), error))?;
                }
                self.batch.push(message);
            }
        }
        if self.batch.len() < BATCH { Ok(()) } else { self.commit() }
    }

    /// Makes the batch durable, file by file and then the directory, and only then says so.
    fn commit(&mut self) -> Result<()> {
        let batch = std::mem::take(&mut self.batch);
        if batch.is_empty() {
            return Ok(());
        }
        let cur = self.directory.join("cur");
        let mut stored = Vec::with_capacity(batch.len());
        let synced = sync_all(&batch);
        for (mut message, synced) in batch.into_iter().zip(synced) {
            if let Err(error) = synced {
                // A full disk may show itself only now.
                let error = refusal(io_error(Scope::Item, "written", &self.directory, error))?;
                self.receipts.push(Receipt { id: message.id, outcome: Outcome::Refused(error) });
                continue;
            }
            let Some(from) = message.temporary.0.take() else { continue };
            let to = cur.join(format!("{}:2,{}", message.base, message.letters));
            if let Err(error) = fs::rename(&from, &to) {
                message.temporary.0 = Some(from);
                return Err(io_error(Scope::Folder, "written", &to, error));
            }
            let key: Arc<str> = message.base.into();
            stored.push(Receipt { id: message.id, outcome: Outcome::Stored(Some(MessageId::Key(key))) });
        }
        sync_folder(&cur).map_err(|error| io_error(Scope::Folder, "written", &cur, error))?;
        self.receipts.append(&mut stored);
        Ok(())
    }
}

/// What becomes of a message that was not stored: an error of its own is its refusal; so is a full disk, which is then
/// the mailbox's error, but is certain to have stored nothing. Anything wider ends the writer.
fn refusal(error: ConnectorError) -> Result<ConnectorError> {
    if error.scope() == Scope::Item || error.kind() == ErrorKind::OverQuota { Ok(error) } else { Err(error) }
}

/// Makes the files' bytes and dates durable, several at a time.
fn sync_all(batch: &[Message]) -> Vec<io::Result<()>> {
    let size = batch.len().div_ceil(SYNCING);
    let sync = |part: &[Message]| part.iter().map(|message| message.file.sync_all()).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let threads: Vec<_> = batch.chunks(size).map(|part| scope.spawn(move || sync(part))).collect();
        let results =
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.flatten().collect()
    })
}

#[async_trait]
impl Writer for MaildirWriter {
    async fn write(&mut self, pieces: &mut Vec<Piece>) -> Result<()> {
        let pieces: Vec<Piece> = std::mem::take(pieces);
        if pieces.is_empty() {
            return Ok(());
        }
        self.run(move |work| work.take(pieces)).await
    }

    fn receipts(&mut self) -> Vec<Receipt> {
        std::mem::take(&mut self.receipts)
    }

    async fn finish(mut self: Box<Self>) -> Result<Vec<Receipt>> {
        self.run(|work| {
            if work.whole.is_open() {
                return Err(usage("the writer was finished in the middle of a message"));
            }
            work.commit()
        })
        .await?;
        Ok(std::mem::take(&mut self.receipts))
    }

    /// Whatever has no receipt is removed with its temporary file.
    async fn abort(self: Box<Self>) {
        let work = self.work;
        drop(tokio::task::spawn_blocking(move || drop(work)).await);
    }
}
