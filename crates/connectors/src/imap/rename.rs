//! How a folder gets another name, and its subscriptions with it.

use limosa_imap::command::Command;
use limosa_imap::response::{Tag, Untagged};
use limosa_model::{ConnectorError, ErrorKind, Folder, FolderPath, Retry, Scope};

use super::mailbox::ImapMailbox;
use super::names::{Names, kept_name};
use super::survey::raw;

type Result<T> = std::result::Result<T, ConnectorError>;

impl ImapMailbox {
    pub(crate) async fn rename(&mut self, folder: &Folder, to: &FolderPath) -> Result<Folder> {
        let refused = |text| ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Folder, text);
        if folder.path.is_inbox() {
            // RENAME would move its messages to a new folder and leave it where it is (RFC 9051 §6.3.6).
            return Err(refused(format!("the inbox of {} cannot be renamed", self.connection.place.user)));
        }
        self.leave().await?;
        let names = self.names().await?;
        let (from, to) = (raw(folder), self.new_name(&names, to)?);
        let subscribed = self.subscribed_at(&from, &names).await?;
        let done = self.connection.run(&Command::Rename { from: &from, to: &to }, drop).await?;
        if !done.is_ok() {
            return Err(self.refused("rename", folder, &done));
        }
        self.move_subscriptions(&from, &to, &subscribed).await?;
        self.find_folder(&to).await?.ok_or_else(|| {
            let (server, name) = (self.connection.place.server(), kept_name(&to));
            refused(format!("folder \"{}\" was renamed to \"{name}\" on {server} and is not there", folder.name))
        })
    }

    /// Which names the owner is subscribed to, of this folder and those below it.
    async fn subscribed_at(&mut self, name: &[u8], names: &Names) -> Result<Vec<Vec<u8>>> {
        let below = names.delimiter.map(|delimiter| [name, &[delimiter]].concat());
        let all_below = below.as_ref().map(|below| [below, &b"*"[..]].concat());
        let patterns = std::iter::once(name).chain(all_below.as_deref());
        let tags: Vec<Tag> =
            patterns.map(|pattern| self.connection.send(&Command::Lsub { reference: b"", pattern })).collect();
        let mut subscribed = Vec::new();
        let take = |data| {
            let Untagged::Lsub(entry) = data else { return };
            // The name may hold characters that are wildcards in a pattern.
            let is_it = entry.name == name || below.as_ref().is_some_and(|below| entry.name.starts_with(below));
            if is_it && !entry.has_attribute(b"\\Noselect") {
                subscribed.push(entry.name.to_vec());
            }
        };
        self.connection.finish(&tags, take).await?;
        Ok(subscribed)
    }

    /// Subscriptions are to names, and RENAME leaves them (RFC 9051 §6.3.6), but on Cyrus, where they end with the old name.
    async fn move_subscriptions(&mut self, from: &[u8], to: &[u8], subscribed: &[Vec<u8>]) -> Result<()> {
        if subscribed.is_empty() {
            return Ok(());
        }
        let mut tags = Vec::new();
        for name in subscribed {
            let new = [to, &name[from.len()..]].concat();
            tags.push(self.connection.send(&Command::Subscribe(&new)));
            tags.push(self.connection.send(&Command::Unsubscribe(name)));
        }
        // The folder has its new name, whatever is refused here: the pass sees what is not subscribed, tries again, and notes it. What
        // is refused to be ended has ended already.
        self.connection.finish(&tags, drop).await?;
        Ok(())
    }
}
