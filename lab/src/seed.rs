//! How does a mailbox get its mail? Maildir files are written directly; other servers are told by
//! IMAP, in batches where they take them.

use std::net::SocketAddr;
use std::path::PathBuf;

use limosa_testkit::mail::{Folder, Mailbox, Message};

use crate::client::{Client, expect_ok, quoted};
use crate::error::{LabError, Result};
use crate::files::MailUser;
use crate::lab::blocking;
use crate::maildir::{self, Style};
use crate::mutf7;
use crate::server::Server;

/// A batch ends before it exceeds one of these; a single message may be larger.
const BATCH_MESSAGES: usize = 200;
const BATCH_BYTES: usize = 8 * 1024 * 1024;

/// What became of a mailbox that was to be seeded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Seeded {
    /// The messages that the server holds now.
    pub messages: usize,
    /// Their size, with CRLF as line end.
    pub bytes: u64,
    /// What the server did not take.
    pub refused: Vec<Refusal>,
}

/// A folder or message that a server did not take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// The folder's path.
    pub folder: Vec<String>,
    /// The message's position in its folder, or `None` for the folder itself.
    pub position: Option<usize>,
    /// The server's answer.
    pub answer: String,
}

/// A mailbox on a running server, and how to get mail into it.
#[derive(Debug, Clone)]
pub(crate) struct Destination {
    pub(crate) server: SocketAddr,
    pub(crate) user: String,
    pub(crate) password: String,
    /// The user's Maildir++, if mail may be written there.
    pub(crate) maildir: Option<(Style, PathBuf)>,
}

impl Server {
    /// Fills a user's mailbox. A user that [`Server::add_user`] did not make gets the password
    /// `secret`. Folders that exist already keep what they hold.
    ///
    /// # Errors
    /// If files cannot be written or the connection fails. What the server refuses is no error.
    pub async fn seed(&self, user: &str, mailbox: &Mailbox) -> Result<Seeded> {
        let password = match self.users().remove(user) {
            Some(password) => password,
            None => {
                self.add_user(user, "secret").await?;
                "secret".to_owned()
            }
        };
        let maildir = match self.maildir_style() {
            Some(style) => Some((style, self.mail_dir(user)?)),
            None => None,
        };
        let destination = Destination { server: self.imap_address(), user: user.to_owned(), password, maildir };
        destination.seed(mailbox).await
    }
}

impl Destination {
    pub(crate) async fn seed(&self, mailbox: &Mailbox) -> Result<Seeded> {
        let owner = MailUser::find()?;
        let mut seeded = Seeded::default();
        let mut by_imap = Vec::new();
        for (number, folder) in mailbox.folders.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            match self.write_files(folder, number, &owner).await? {
                Some(bytes) => {
                    seeded.messages += folder.message_count;
                    seeded.bytes += bytes;
                }
                None => by_imap.push(folder),
            }
        }
        let mut client = Client::connect(self.server).await?;
        client.login(&self.user, &self.password).await?;
        let target = Target::ask(&mut client).await?;
        for folder in by_imap {
            target.fill(&mut client, folder, &mut seeded).await?;
        }
        for folder in mailbox.folders.iter().filter(|folder| folder.subscribed) {
            let command = format!("SUBSCRIBE {}", quoted(&target.name(folder)));
            // A folder that was refused cannot be subscribed to on every server.
            client.exchange(&command).await?;
        }
        Ok(seeded)
    }

    /// Writes a folder's Maildir files; `None` if the server or the folder does not allow that.
    async fn write_files(&self, folder: &Folder, number: u32, owner: &MailUser) -> Result<Option<u64>> {
        let Some((style, maildir)) = &self.maildir else {
            return Ok(None);
        };
        let Some(place) = maildir::place(*style, maildir, folder) else {
            return Ok(None);
        };
        let (style, folder, owner) = (*style, folder.clone(), owner.clone());
        blocking(move || maildir::write(style, &place, &folder, number, &owner).map(Some)).await
    }
}

/// What the server said about itself.
struct Target {
    separator: char,
    prefix: String,
    special_use: bool,
    batches: bool,
}

impl Target {
    async fn ask(client: &mut Client) -> Result<Target> {
        let (separator, prefix) = client.namespace().await?;
        let capabilities = client.capabilities().await?;
        let has = |name: &str| capabilities.iter().any(|capability| capability == name);
        Ok(Target {
            separator,
            prefix,
            special_use: has("CREATE-SPECIAL-USE"),
            batches: has("MULTIAPPEND") && has("LITERAL+"),
        })
    }

    fn name(&self, folder: &Folder) -> String {
        if let [inbox] = folder.path.as_slice()
            && inbox.eq_ignore_ascii_case("INBOX")
        {
            return "INBOX".to_owned();
        }
        let names: Vec<String> = folder.path.iter().map(|name| mutf7::encode(name)).collect();
        format!("{}{}", self.prefix, names.join(&self.separator.to_string()))
    }

    async fn fill(&self, client: &mut Client, folder: &Folder, seeded: &mut Seeded) -> Result<()> {
        let name = self.name(folder);
        let quoted_name = quoted(&name);
        let role = match folder.special_use {
            Some(flag) if self.special_use => format!(" (USE ({flag}))"),
            _ => String::new(),
        };
        if name != "INBOX" {
            // NO where it exists already; whether it does, SELECT tells.
            client.exchange(&format!("CREATE {quoted_name}{role}")).await?;
        }
        // Dovecot appends to a selected folder without reading its list of messages anew each time.
        let selected = client.exchange(&format!("SELECT {quoted_name}")).await?;
        if !selected.status.starts_with("OK") {
            seeded.refused.push(Refusal { folder: folder.path.clone(), position: None, answer: selected.status });
            return Ok(());
        }
        let mut batch: Vec<(usize, Message)> = Vec::new();
        let mut bytes = 0;
        for (position, message) in folder.messages().enumerate() {
            let size = message.bytes.len();
            if batch.len() == BATCH_MESSAGES || bytes + size > BATCH_BYTES {
                self.append(client, folder, std::mem::take(&mut batch), seeded).await?;
                bytes = 0;
            }
            bytes += size;
            batch.push((position, message));
        }
        self.append(client, folder, batch, seeded).await
    }

    /// Appends all at once, or one by one if the server takes no batches or refuses this one.
    async fn append(
        &self,
        client: &mut Client,
        folder: &Folder,
        batch: Vec<(usize, Message)>,
        seeded: &mut Seeded,
    ) -> Result<()> {
        let name = self.name(folder);
        // An empty literal within a MULTIAPPEND means to forget all of it (RFC 3502 §3).
        let batchable = batch.iter().all(|(_, message)| !message.bytes.is_empty());
        if self.batches && batchable && batch.len() > 1 {
            match client.append_batch(&name, batch.iter().map(|(_, message)| message)).await {
                Ok(()) => {
                    seeded.messages += batch.len();
                    seeded.bytes += batch.iter().map(|(_, message)| message.bytes.len() as u64).sum::<u64>();
                    return Ok(());
                }
                Err(LabError::Answer { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        for (position, message) in batch {
            let date = message.internal_date.to_string();
            let flags = message.flag_list();
            match client.append(&name, &flags, Some(&date), &message.bytes).await {
                Ok(_) => {
                    seeded.messages += 1;
                    seeded.bytes += message.bytes.len() as u64;
                }
                Err(LabError::Answer { answer, .. }) => {
                    seeded.refused.push(Refusal { folder: folder.path.clone(), position: Some(position), answer })
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

impl Client {
    /// Appends several messages with one command (MULTIAPPEND, LITERAL+).
    async fn append_batch(&mut self, folder: &str, messages: impl Iterator<Item = &Message>) -> Result<()> {
        let tag = self.next_tag();
        let command = format!("APPEND {}", quoted(folder));
        let mut out = format!("{tag} {command}").into_bytes();
        for message in messages {
            let head =
                format!(" {} \"{}\" {{{}+}}\r\n", message.flag_list(), message.internal_date, message.bytes.len());
            out.extend_from_slice(head.as_bytes());
            out.extend_from_slice(&message.bytes);
        }
        out.extend_from_slice(b"\r\n");
        self.send(&out).await?;
        let answer = self.read_answer(&tag).await?;
        expect_ok(&command, answer).map(drop)
    }
}
