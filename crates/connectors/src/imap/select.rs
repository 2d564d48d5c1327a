//! Which folder is open on the connection, and what the server said when it was opened.

use limosa_imap::UidSet;
use limosa_imap::command::{Command, Qresync, StatusItems};
use limosa_imap::quirk::Quirk;
use limosa_imap::response::{Code, Status, Untagged};
use limosa_model::{ConnectorError, ErrorKind, Folder, PermanentFlags, Retry, Scope};

use super::flags::permanent_flags;
use super::mailbox::ImapMailbox;
use super::names::wire_name;
use super::position::Position;

type Result<T> = std::result::Result<T, ConnectorError>;

/// The folder that is open.
#[derive(Clone, Debug)]
pub(crate) struct Selected {
    /// Its name, as [`Folder::name`] has it.
    pub(crate) name: String,
    /// Where it stood when it was opened.
    pub(crate) position: Position,
    pub(crate) permanent: PermanentFlags,
    /// The server lets us only read, although we asked for more.
    pub(crate) read_only: bool,
    /// False where the server says that its UIDs do not last beyond this opening.
    pub(crate) uids_last: bool,
}

#[derive(Default)]
struct Seen {
    exists: Option<u64>,
    validity: Option<u32>,
    next: Option<u32>,
    modseq: Option<u64>,
    permanent: Option<PermanentFlags>,
    uids_last: bool,
}

impl Seen {
    /// Notes what belongs to the opening itself; gives back what does not.
    fn note(&mut self, data: Untagged) -> Option<Untagged> {
        match data {
            Untagged::Exists(count) => self.exists = Some(count.into()),
            Untagged::Condition { code: Some(Code::Closed), .. } => {
                // What came before it was about the folder that was open until now (RFC 7162 §3.2.11).
                *self = Self { uids_last: true, ..Self::default() };
                return Some(data);
            }
            Untagged::Condition { code: Some(ref code), .. } => self.note_code(code),
            other => return Some(other),
        }
        None
    }

    fn note_code(&mut self, code: &Code) {
        match code {
            Code::UidValidity(validity) => self.validity = Some(*validity),
            Code::UidNext(next) => self.next = Some(*next),
            Code::HighestModSeq(modseq) => self.modseq = Some(*modseq).filter(|modseq| *modseq > 0),
            Code::NoModSeq => self.modseq = None,
            Code::PermanentFlags(names) => self.permanent = Some(permanent_flags(names)),
            Code::UidNotSticky => self.uids_last = false,
            _ => {}
        }
    }
}

impl ImapMailbox {
    /// Opens a folder, again if it is open already, so that what is said of it is fresh: EXAMINE on a source,
    /// SELECT on a target.
    ///
    /// With `since` (UIDVALIDITY and mod-sequence; only where QRESYNC can be used) also what changed since; that goes to `on`.
    pub(crate) async fn select(
        &mut self,
        folder: &Folder,
        since: Option<(u32, u64)>,
        mut on: impl FnMut(Untagged),
    ) -> Result<Selected> {
        self.connection.begin().await?;
        self.selected = None;
        self.openings += 1;
        let raw = wire_name(&folder.name);
        let mut since = since.filter(|_| self.can_qresync());
        loop {
            let qresync = since.map(|(uid_validity, modseq)| Qresync { uid_validity, modseq, known_uids: None });
            let condstore = qresync.is_none() && self.can_condstore() && !self.can_qresync();
            let command = Command::Select { folder: &raw, read_only: !self.writable, condstore, qresync };
            let mut seen = Seen { uids_last: true, ..Seen::default() };
            let done = self
                .connection
                .run(&command, |data| {
                    if let Some(other) = seen.note(data) {
                        on(other);
                    }
                })
                .await?;
            match done.status {
                Status::Ok => {
                    self.expunged_at_opening = self.connection.expunged;
                    let read_only = self.writable && done.code == Some(Code::ReadOnly);
                    let position = self.position(folder, &raw, &seen).await?;
                    let mut permanent = seen.permanent.clone().unwrap_or_default();
                    permanent.new_keywords &= !self.quirks().has(Quirk::NoKeywords);
                    let selected = Selected {
                        name: folder.name.clone(),
                        position,
                        permanent,
                        read_only,
                        uids_last: seen.uids_last,
                    };
                    self.selected = Some(selected.clone());
                    return Ok(selected);
                }
                // The parameters are what a server without them chokes on.
                Status::Bad if qresync.is_some() => {
                    self.without_qresync = true;
                    since = None;
                }
                Status::Bad if condstore => self.without_condstore = true,
                _ => return Err(self.connection.place.refused("open", Some(&folder.name), &done.refusal())),
            }
        }
    }

    /// Opens a folder unless it is open and these messages can be seen there.
    ///
    /// A server shows a connection only what it has announced to it: what came since the folder was opened may be missing,
    /// and what is gone may still be there. A NOOP goes out with the next command so that it is announced; that is enough
    /// for what is gone, but not for what came, since Dovecot carries a NOOP out after the commands behind it.
    pub(crate) async fn ensure_selected(&mut self, folder: &Folder, uids: &UidSet) -> Result<Selected> {
        let shows = |selected: &Selected| {
            selected.name == folder.name && uids.max().is_none_or(|last| last < selected.position.next)
        };
        let selected = match self.selected.clone().filter(shows) {
            Some(selected) => {
                self.connection.begin().await?;
                self.connection.send_along(&Command::Noop);
                selected
            }
            None => self.select(folder, None, drop).await?,
        };
        self.has_same_ids(folder, &selected)?;
        Ok(selected)
    }

    /// `[ids.valid]`: ids of a folder that was made anew since it was surveyed would name other messages.
    pub(crate) fn has_same_ids(&self, folder: &Folder, selected: &Selected) -> Result<()> {
        let surveyed = folder.state.as_ref().map(|state| state.ids.as_str());
        if surveyed.is_none_or(|ids| ids == selected.position.validity.to_string()) {
            return Ok(());
        }
        Err(self.made_anew(folder))
    }

    pub(crate) fn made_anew(&self, folder: &Folder) -> ConnectorError {
        let text = format!("folder \"{}\" of {} was made anew meanwhile", folder.name, self.connection.place.user);
        ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Gone, text)
    }

    /// Closes the folder that is open: of an open one STATUS tells what the connection has seen, not what is (Dovecot).
    pub(crate) async fn leave(&mut self) -> Result<()> {
        self.connection.begin().await?;
        if self.selected.take().is_none() {
            return Ok(());
        }
        if self.can_use(b"UNSELECT") {
            self.connection.send_along(&Command::Unselect);
        } else if !self.writable {
            // After EXAMINE nothing is expunged (RFC 9051 §6.4.1).
            self.connection.send_along(&Command::Close);
        } else {
            // Any other opening closes it, and opens INBOX as it is now if that was it.
            let inbox = Command::Select { folder: b"INBOX", read_only: true, condstore: false, qresync: None };
            self.connection.run(&inbox, drop).await?;
        }
        Ok(())
    }

    /// Opens a folder to change what is in it.
    pub(crate) async fn select_to_change(&mut self, folder: &Folder, uids: &UidSet) -> Result<Selected> {
        let selected = self.ensure_selected(folder, uids).await?;
        if selected.read_only {
            let text = format!("folder \"{}\" of {} can only be read", folder.name, self.connection.place.user);
            return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::NotPermitted, text)
                .hint("the account needs the right to write there"));
        }
        Ok(selected)
    }

    /// Where the folder stands; what old servers do not say on opening is asked for. What nobody tells is an error: a
    /// number in its place would make messages look gone. Only where UIDVALIDITY is unknown to the server (0), ids are
    /// taken for such that do not last.
    async fn position(&mut self, folder: &Folder, raw: &[u8], seen: &Seen) -> Result<Position> {
        let mut status = None;
        if seen.next.is_none() || seen.exists.is_none() || seen.validity.is_none() {
            let items = StatusItems { messages: true, uid_next: true, uid_validity: true, ..StatusItems::default() };
            let done = self
                .connection
                .run(&Command::Status { folder: raw, items }, |data| {
                    if let Untagged::Status(counts) = data {
                        status = Some(counts);
                    }
                })
                .await?;
            // Some refuse it for the open folder; then only what SELECT said counts.
            if !done.is_ok() && (seen.exists.is_none() || seen.validity.is_none()) {
                return Err(self.connection.place.refused(
                    "count the messages in",
                    Some(&folder.name),
                    &done.refusal(),
                ));
            }
        }
        let status = status.unwrap_or_default();
        let Some(messages) = seen.exists.or(status.messages) else {
            return Err(self.untold(folder, "how many messages it holds"));
        };
        let next = match seen.next.or(status.uid_next) {
            Some(next) => next,
            None if messages == 0 => 1,
            None => self.highest_uid(folder).await?.saturating_add(1),
        };
        if messages > 0 && next <= 1 {
            return Err(self.untold(folder, "which UIDs its messages have"));
        }
        let validity = seen.validity.or(status.uid_validity).unwrap_or(0);
        Ok(Position { validity, next, modseq: seen.modseq, messages })
    }

    fn untold(&self, folder: &Folder, what: &str) -> ConnectorError {
        let server = self.connection.place.server();
        let text = format!("{server} opens folder \"{}\" and does not tell {what}", folder.name);
        ConnectorError::new(Scope::Folder, Retry::Now, ErrorKind::ServerFault, text)
    }

    async fn highest_uid(&mut self, folder: &Folder) -> Result<u32> {
        // Whatever it begins with, a range up to `*` always holds the last message (RFC 9051 §6.4.9).
        let last = UidSet::starting_at(u32::MAX - 1);
        let mut highest = 0;
        let items = Default::default();
        let command = Command::UidFetch { uids: &last, items, changed_since: None, vanished: false };
        let done = self
            .connection
            .run(&command, |data| {
                if let Untagged::Fetch(fetch) = data {
                    highest = highest.max(fetch.uid.unwrap_or(0));
                }
            })
            .await?;
        if !done.is_ok() {
            return Err(self.connection.place.refused("list", Some(&folder.name), &done.refusal()));
        }
        Ok(highest)
    }
}
