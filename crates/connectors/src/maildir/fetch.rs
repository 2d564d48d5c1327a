//! A fetch from a Maildir: files read ahead on another thread, one answer's worth at a time.

use std::collections::VecDeque;
use std::io;

use async_trait::async_trait;
use limosa_model::mailbox::{Fetch, Result};
use limosa_model::{Fetched, FolderPath, Head, IdList, MessageId, Piece, Scope};
use tokio::task::JoinHandle;

use super::connection::{MaildirConnection, blocking, files_of, stopped};
use super::content::{Content, LineEnds};
use super::error::io_error;
use super::files::FolderFiles;
use super::name;

/// Bytes of one answer, a piece more or less.
const BYTES: usize = 512 * 1024;

/// Messages begun in one answer.
const MESSAGES: usize = 128;

/// What goes to the reading thread and comes back from it.
struct Work {
    files: FolderFiles,
    line_ends: LineEnds,
    asked: VecDeque<MessageId>,
    open: Option<(MessageId, Content)>,
}

type Answer = (Work, Result<Vec<Fetched>>);

pub(super) struct MaildirFetch<'a> {
    connection: &'a mut MaildirConnection,
    running: Option<JoinHandle<Answer>>,
}

impl<'a> MaildirFetch<'a> {
    pub async fn begin(connection: &'a mut MaildirConnection, path: FolderPath, ids: &IdList) -> Result<Self> {
        let (root, remembered, line_ends) = (connection.root.clone(), connection.files.take(), connection.line_ends);
        let files = blocking(move || files_of(&root, &path, remembered)).await?;
        let work = Work { files, line_ends, asked: ids.iter().collect(), open: None };
        Ok(Self { connection, running: Some(work.start()) })
    }
}

impl Work {
    fn start(mut self) -> JoinHandle<Answer> {
        tokio::task::spawn_blocking(move || {
            let answer = self.read();
            (self, answer)
        })
    }

    fn is_done(&self) -> bool {
        self.asked.is_empty() && self.open.is_none()
    }

    fn read(&mut self) -> Result<Vec<Fetched>> {
        let mut came = Vec::new();
        let (mut bytes, mut begun) = (0, 0);
        while bytes < BYTES {
            let Some((id, mut content)) = self.open.take() else {
                if begun == MESSAGES {
                    break;
                }
                let Some(id) = self.asked.pop_front() else { break };
                begun += 1;
                self.begin(id, &mut came)?;
                continue;
            };
            match content.next(usize::MAX) {
                Ok(Some(part)) => {
                    bytes += part.len();
                    came.push(Fetched::Piece(Piece::Body(part)));
                    self.open = Some((id, content));
                }
                Ok(None) => came.push(Fetched::Piece(Piece::End)),
                Err(error) => came.push(self.unreadable(id, error)),
            }
        }
        Ok(came)
    }

    fn begin(&mut self, id: MessageId, came: &mut Vec<Fetched>) -> Result<()> {
        let line_ends = self.line_ends;
        let opened = self.files.with_file(&id, |path, letters, files| {
            let content = Content::open(path, line_ends)?;
            let head = Head {
                id: id.clone(),
                flags: name::flags(letters, files.keywords()),
                internal_date: Some(content.modified()),
                size: Some(content.size()),
            };
            Ok((head, content))
        })?;
        match opened {
            None => came.push(Fetched::Gone(id)),
            Some(Err(error)) => came.push(self.unreadable(id, error)),
            Some(Ok((head, content))) => {
                came.push(Fetched::Piece(Piece::Head(head)));
                self.open = Some((id, content));
            }
        }
        Ok(())
    }

    fn unreadable(&self, id: MessageId, error: io::Error) -> Fetched {
        let path = self.files.directory().join("cur").join(id.to_string());
        Fetched::Unreadable(id, io_error(Scope::Item, "read", &path, error))
    }
}

#[async_trait]
impl Fetch for MaildirFetch<'_> {
    async fn next(&mut self, into: &mut Vec<Fetched>) -> Result<bool> {
        let Some(running) = &mut self.running else { return Ok(false) };
        let finished = running.await;
        self.running = None;
        let (work, came) = finished.map_err(stopped)?;
        if came.is_err() || work.is_done() {
            self.connection.files = Some(work.files);
        } else {
            // The next answer is read while this one is on its way.
            self.running = Some(work.start());
        }
        let came = came?;
        let any = !came.is_empty();
        into.extend(came);
        Ok(any)
    }
}
