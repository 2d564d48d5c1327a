//! Which servers stand on both sides, and who has mail there?

use std::collections::BTreeMap;
use std::fmt;
use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use limosa_lab::{Client, CyrusOptions, DovecotOptions, Fsync, Lab, Server, Storage};
use limosa_testkit::mail::Mailbox;
use serde::{Deserialize, Serialize};

use crate::error::{BenchError, Result};
use crate::workloads::{Mail, fleet_mailbox};

/// Everybody's password.
pub(crate) const PASSWORD: &str = "secret";

/// A target server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Place {
    /// Dovecot, sdbox in memory, without fsync.
    Memory,
    /// Dovecot, Maildir on disk, `mail_fsync = optimized`.
    Disk,
    /// Cyrus in memory; it always calls fsync.
    Cyrus,
}

impl Place {
    /// Its name in tables and on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Place::Memory => "memory",
            Place::Disk => "disk",
            Place::Cyrus => "cyrus",
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Place::Memory => "Dovecot sdbox in memory, no fsync",
            Place::Disk => "Dovecot Maildir on disk, fsync",
            Place::Cyrus => "Cyrus in memory, fsync",
        })
    }
}

/// An account on one side, as a client reaches it.
#[derive(Debug, Clone)]
pub(crate) struct Account {
    /// Where contenders connect to: the server, or a proxy before it.
    pub(crate) address: SocketAddr,
    /// The server itself, for what is not measured.
    pub(crate) server: SocketAddr,
    pub(crate) tls_port: u16,
    pub(crate) user: String,
}

/// The servers of one benchmark.
#[derive(Debug)]
pub(crate) struct Servers {
    lab: Lab,
    pub(crate) source: Server,
    targets: BTreeMap<Place, Server>,
    seeded: BTreeMap<Mail, Account>,
    fleet: Vec<Account>,
    fresh_users: usize,
}

impl Servers {
    /// Starts the source and those targets.
    pub(crate) async fn start(places: impl Iterator<Item = Place>) -> Result<Servers> {
        let lab = Lab::temporary().await?;
        // dsync wants equal separators on both sides.
        let separator = Some('/');
        let source = DovecotOptions { memory: true, separator, ..DovecotOptions::default() };
        let source = lab.dovecot_named("source", source).await?;
        let mut targets = BTreeMap::new();
        for place in places {
            if targets.contains_key(&place) {
                continue;
            }
            let server = match place {
                Place::Memory => {
                    let options = DovecotOptions { memory: true, separator, ..DovecotOptions::default() };
                    lab.dovecot_named("memory", options.with_storage(Storage::Sdbox)).await?
                }
                Place::Disk => {
                    must_be_a_disk(lab.folder())?;
                    let fsync = Fsync::Optimized;
                    lab.dovecot_named("disk", DovecotOptions { fsync, separator, ..DovecotOptions::default() }).await?
                }
                Place::Cyrus => {
                    lab.cyrus_named("cyrus", CyrusOptions { memory: true, ..CyrusOptions::default() }).await?
                }
            };
            targets.insert(place, server);
        }
        Ok(Servers { lab, source, targets, seeded: BTreeMap::new(), fleet: Vec::new(), fresh_users: 0 })
    }

    pub(crate) fn target(&self, place: Place) -> &Server {
        &self.targets[&place]
    }

    pub(crate) fn places(&self) -> impl Iterator<Item = (Place, &Server)> {
        self.targets.iter().map(|(place, server)| (*place, server))
    }

    /// The certificate of the authority that all servers' certificates are from.
    pub(crate) fn ca_file(&self) -> &Path {
        self.lab.ca_file()
    }

    /// The folder of the servers that are not in memory.
    pub(crate) fn folder(&self) -> &Path {
        self.lab.folder()
    }

    /// The source account with this mail, seeded at the first call.
    pub(crate) async fn mail(&mut self, mail: Mail, scale: f64) -> Result<Account> {
        if let Some(account) = self.seeded.get(&mail) {
            return Ok(account.clone());
        }
        let account = self.seed(&format!("{mail}"), &mail.mailbox(scale)).await?;
        self.seeded.insert(mail, account.clone());
        Ok(account)
    }

    /// The source accounts of the fleet, seeded at the first call.
    pub(crate) async fn fleet(&mut self, size: usize) -> Result<Vec<Account>> {
        for number in self.fleet.len()..size {
            let account = self.seed(&format!("fleet{number}"), &fleet_mailbox(number)).await?;
            self.fleet.push(account);
        }
        Ok(self.fleet.clone())
    }

    async fn seed(&self, user: &str, mailbox: &Mailbox) -> Result<Account> {
        let seeded = self.source.seed(user, mailbox).await?;
        if seeded.messages != mailbox.message_count() {
            return Err(BenchError::Unsupported(format!("the source did not take all mail: {:?}", seeded.refused)));
        }
        let account = account(&self.source, user);
        undelete(&account).await?;
        Ok(account)
    }

    /// Removes mail that no workload needs any more: memory is short.
    pub(crate) async fn drop_mail(&mut self, mail: Mail) -> Result<()> {
        match self.seeded.remove(&mail) {
            Some(account) => remove_mail(&self.source, &account.user).await,
            None => Ok(()),
        }
    }

    /// So many users without mail on a target.
    pub(crate) async fn fresh(&mut self, place: Place, count: usize) -> Result<Vec<Account>> {
        let mut accounts = Vec::new();
        for _ in 0..count {
            self.fresh_users += 1;
            let user = format!("t{}", self.fresh_users);
            let server = self.target(place);
            server.add_user(&user, PASSWORD).await?;
            accounts.push(account(server, &user));
        }
        Ok(accounts)
    }

    /// Removes the mail of users of [`Servers::fresh`], and waits until it is gone. Cyrus loses everybody's mail.
    pub(crate) async fn forget(&self, place: Place, accounts: &[Account]) -> Result<()> {
        let server = self.target(place);
        if place == Place::Cyrus {
            server.wipe().await?;
            let discarded = server.dir().with_file_name(".discarded");
            while !is_empty(&discarded)? {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            return Ok(());
        }
        for account in accounts {
            remove_mail(server, &account.user).await?;
        }
        Ok(())
    }
}

fn account(server: &Server, user: &str) -> Account {
    let address = server.imap_address();
    Account { address, server: address, tls_port: server.imaps_port(), user: user.to_owned() }
}

/// The number of messages in all folders of an account.
pub(crate) async fn count(account: &Account) -> Result<usize> {
    let mut client = Client::connect(account.server).await?;
    client.login(&account.user, PASSWORD).await?;
    Ok(folders(&mut client).await?.iter().map(|(_, messages)| messages).sum())
}

/// The folders that hold messages or can, as the server writes them in commands, with their numbers of messages.
async fn folders(client: &mut Client) -> Result<Vec<(String, usize)>> {
    let listed = client.command("LIST \"\" \"*\" RETURN (STATUS (MESSAGES))").await?.text();
    Ok(listed
        .lines()
        .filter_map(|line| {
            let (name, count) = line.strip_prefix("* STATUS ")?.rsplit_once(" (MESSAGES ")?;
            Some((name.to_owned(), count.strip_suffix(')')?.parse().ok()?))
        })
        .collect())
}

/// Takes the mark `\Deleted` from all messages: mbsync does not copy what is about to be expunged, and then the count
/// of messages would not agree.
async fn undelete(account: &Account) -> Result<()> {
    let mut client = Client::connect(account.server).await?;
    client.login(&account.user, PASSWORD).await?;
    for (name, _) in folders(&mut client).await? {
        client.command(&format!("SELECT {name}")).await?;
        let found = client.command("SEARCH RETURN (ALL) DELETED").await?.text();
        if let Some((_, marked)) = found.rsplit_once(" ALL ") {
            client.command(&format!("STORE {marked} -FLAGS.SILENT (\\Deleted)")).await?;
        }
    }
    Ok(())
}

/// Sessions of a client that was killed may go on writing for a moment; then the folder is not empty when it should be.
async fn remove_mail(server: &Server, user: &str) -> Result<()> {
    let mail = server.mail_dir(user)?;
    let home = mail.parent().map(Path::to_owned).unwrap_or(mail);
    let until = Instant::now() + Duration::from_secs(30);
    loop {
        match std::fs::remove_dir_all(&home) {
            Ok(()) => return Ok(()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) if error.kind() != ErrorKind::DirectoryNotEmpty || Instant::now() >= until => {
                return Err(BenchError::file("remove", home)(error));
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
        }
    }
}

fn is_empty(folder: &PathBuf) -> Result<bool> {
    match std::fs::read_dir(folder) {
        Ok(mut entries) => Ok(entries.next().is_none()),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(BenchError::file("read", folder)(error)),
    }
}

fn must_be_a_disk(folder: &Path) -> Result<()> {
    // TMPFS_MAGIC of linux/magic.h.
    const IN_MEMORY: i64 = 0x0102_1994;
    let kind = rustix::fs::statfs(folder).map_err(|error| BenchError::file("look at", folder)(error.into()))?;
    if kind.f_type == IN_MEMORY {
        return Err(BenchError::Unsupported(format!(
            "{} is in memory; set TMPDIR to a folder on a disk, or leave the target disk out",
            folder.display()
        )));
    }
    Ok(())
}
