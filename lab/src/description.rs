//! What does a running laboratory say about itself? `lab.json`, for the commands of `limosa-lab` and
//! for scripts that need endpoints.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use limosa_testkit::mail::Mailbox;
use serde::{Deserialize, Serialize};

use crate::error::{LabError, Result};
use crate::files;
use crate::kind::Kind;
use crate::lab::Lab;
use crate::maildir::Style;
use crate::seed::{Destination, Seeded};
use crate::server::Server;

/// A running laboratory, as written to `lab.json` in its folder.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Description {
    /// The process that owns the servers.
    pub process: u32,
    /// Counts from 0 and grows with each reset.
    pub resets: u32,
    /// The CA (PEM) that signed the servers' certificates, good for `localhost`.
    pub ca_file: PathBuf,
    /// The servers.
    pub servers: Vec<Endpoint>,
}

/// One server of a laboratory.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Endpoint {
    /// The server's name, which is also its folder's.
    pub name: String,
    /// What it is.
    pub kind: Kind,
    /// Its address.
    pub host: IpAddr,
    /// The port for cleartext and STARTTLS.
    pub imap_port: u16,
    /// The port for TLS.
    pub imaps_port: u16,
    /// Who may sign in.
    pub users: Vec<Account>,
    /// Who may sign in as anybody.
    pub master: Option<Account>,
    maildirs: Option<Style>,
}

/// A name and password.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// The name.
    pub name: String,
    /// The password: a laboratory's, so it may be shown.
    pub password: String,
    /// The folder with the mail, where there is one a user.
    pub mail_dir: Option<PathBuf>,
}

impl Description {
    /// Describes running servers.
    pub fn of(lab: &Lab, servers: &[(Kind, Server)], resets: u32) -> Description {
        Description {
            process: std::process::id(),
            resets,
            ca_file: lab.ca_file().to_owned(),
            servers: servers.iter().map(|(kind, server)| Endpoint::of(*kind, server)).collect(),
        }
    }

    /// Where a laboratory in this folder is described.
    pub fn file(folder: &Path) -> PathBuf {
        folder.join("lab.json")
    }

    /// Reads the description of the laboratory in a folder; `None` if there is none.
    ///
    /// # Errors
    /// If there is a file that cannot be read or understood.
    pub fn read(folder: &Path) -> Result<Option<Description>> {
        let path = Description::file(folder);
        let text = match std::fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(LabError::file("read", path)(error)),
        };
        serde_json::from_slice(&text).map(Some).map_err(|source| LabError::Description { path, source })
    }

    /// Writes the description into a folder, in one step.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write(&self, folder: &Path) -> Result<()> {
        let path = Description::file(folder);
        let text =
            serde_json::to_vec_pretty(self).map_err(|source| LabError::Description { path: path.clone(), source })?;
        files::replace(&path, text)
    }

    /// Removes the description from a folder.
    ///
    /// # Errors
    /// If there is one that cannot be removed.
    pub fn remove(folder: &Path) -> Result<()> {
        files::remove_file(&Description::file(folder))
    }

    /// Fills a mailbox of a running laboratory, as [`Server::seed`] does.
    ///
    /// # Errors
    /// If there is no such server or user, files cannot be written or the connection fails.
    pub async fn seed(&self, server: &str, user: &str, mailbox: &Mailbox) -> Result<Seeded> {
        let unknown = |what: &str| LabError::Unsupported { what: format!("this lab has no {what}") };
        let endpoint = self
            .servers
            .iter()
            .find(|endpoint| endpoint.name == server)
            .ok_or_else(|| unknown(&format!("server {server}")))?;
        let account = endpoint
            .users
            .iter()
            .find(|account| account.name == user)
            .ok_or_else(|| unknown(&format!("user {user} on {server}")))?;
        let destination = Destination {
            server: SocketAddr::new(endpoint.host, endpoint.imap_port),
            user: account.name.clone(),
            password: account.password.clone(),
            maildir: endpoint.maildirs.zip(account.mail_dir.clone()),
        };
        destination.seed(mailbox).await
    }
}

impl Endpoint {
    fn of(kind: Kind, server: &Server) -> Endpoint {
        let users = server.users().into_iter().map(|(name, password)| Account {
            mail_dir: server.mail_dir(&name).ok(),
            name,
            password,
        });
        Endpoint {
            name: server.name().to_owned(),
            kind,
            host: server.host().into(),
            imap_port: server.imap_port(),
            imaps_port: server.imaps_port(),
            users: users.collect(),
            master: server.master().map(|(name, password)| Account {
                name: name.to_owned(),
                password: password.to_owned(),
                mail_dir: None,
            }),
            maildirs: server.maildir_style(),
        }
    }
}

impl fmt::Display for Description {
    /// A table for people, line end included.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let password = |account: &Account| format!("{}:{}", account.name, account.password);
        writeln!(f, "{:<16} {:>10} {:>7}  {:<28} master", "server", "imap", "imaps", "user:password")?;
        for server in &self.servers {
            let users: Vec<String> = server.users.iter().map(password).collect();
            let master = server.master.as_ref().map(password).unwrap_or_default();
            writeln!(
                f,
                "{:<16} {:>10} {:>7}  {:<28} {master}",
                server.name,
                server.imap_port,
                server.imaps_port,
                users.join(" "),
            )?;
        }
        writeln!(f, "\nhost localhost, CA {}", self.ca_file.display())
    }
}
