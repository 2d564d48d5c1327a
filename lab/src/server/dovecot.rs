//! How is Debian's Dovecot run from an unpacked package, in its many shapes?

use std::fmt::Write;
use std::net::Ipv4Addr;
use std::path::PathBuf;

use super::{Driver, Place};
use crate::certificates::Certificate;
use crate::error::Result;
use crate::files;
use crate::maildir;
use crate::packages::PackageSet;
use crate::process::Program;

pub(crate) const PACKAGES: PackageSet = PackageSet {
    server: "dovecot",
    packages: &["dovecot-core", "dovecot-imapd"],
    without: &[],
    programs: &[
        "usr/sbin/dovecot",
        "usr/bin/doveadm",
        "usr/lib/dovecot/auth",
        "usr/lib/dovecot/imap",
        "usr/lib/dovecot/imap-login",
    ],
    libraries: &["usr/lib/dovecot", "usr/lib/dovecot/modules/old-stats"],
    // The folder of the TLS module is compiled in and no setting moves it. A relative path of the
    // same length is found from the servers' working folder, where `modules` is a link.
    patches: &[("/usr/lib/dovecot/modules", ".//./././././././modules")],
};

/// How Dovecot stores mail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Storage {
    /// Maildir++, as in `maildir:~/Maildir`.
    #[default]
    Maildir,
    /// One file a message, Dovecot's own format.
    Sdbox,
    /// Many messages a file, Dovecot's own format.
    Mdbox,
}

/// When Dovecot asks the disk to keep what it wrote.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fsync {
    /// Before it says OK; Dovecot's default.
    Optimized,
    /// Never; right for tests, since a killed process loses nothing that it wrote.
    #[default]
    Never,
}

/// What kind of Dovecot to start. The default is a quick one for tests: Maildir without fsync.
#[derive(Debug, Clone)]
pub struct DovecotOptions {
    /// The storage format.
    pub storage: Storage,
    /// When to fsync.
    pub fsync: Fsync,
    /// Whether mail is kept in `/dev/shm` rather than in the laboratory's folder.
    pub memory: bool,
    /// The capabilities to announce after sign-in (`imap_capability`), to play a poorer server;
    /// `None` announces all. Dovecot still understands what it does not announce.
    pub capability: Option<String>,
    /// A quota for each mailbox, in kibibytes.
    pub quota_kib: Option<u64>,
    /// Whether users may only read (ACL `lr`): SELECT answers READ-ONLY, APPEND and CREATE NO.
    pub read_only: bool,
    /// Connections a user may hold from one address (`mail_max_userip_connections`).
    pub max_connections_per_user: u32,
    /// The hierarchy separator; `None` is the storage's own (`.` for Maildir, else `/`).
    pub separator: Option<char>,
    /// Whether all folders but INBOX stand below `INBOX`, as in Courier and Cyrus.
    pub inbox_prefix: bool,
    /// The certificate to show.
    pub certificate: Certificate,
    /// Whether sign-in is refused outside TLS (`LOGINDISABLED`). Such a server listens on 127.0.0.2,
    /// since Dovecot trusts whoever comes from its own address, and clients come from 127.0.0.1.
    pub require_tls: bool,
    /// Whether COMPRESS=DEFLATE is offered (the `imap_zlib` plugin).
    pub compress: bool,
    /// The folders that carry a role, as name and SPECIAL-USE flag. They are not created.
    pub special_use: Vec<(String, String)>,
    /// SASL mechanisms, as in `auth_mechanisms`.
    pub mechanisms: String,
    /// Further lines for the end of the configuration file.
    pub extra: String,
}

impl Default for DovecotOptions {
    fn default() -> Self {
        let role = |name: &str, flag: &str| (name.to_owned(), flag.to_owned());
        DovecotOptions {
            storage: Storage::default(),
            fsync: Fsync::default(),
            memory: false,
            capability: None,
            quota_kib: None,
            read_only: false,
            max_connections_per_user: 200,
            separator: None,
            inbox_prefix: false,
            certificate: Certificate::default(),
            require_tls: false,
            compress: false,
            special_use: vec![
                role("Archive", "\\Archive"),
                role("Drafts", "\\Drafts"),
                role("Junk", "\\Junk"),
                role("Sent", "\\Sent"),
                role("Trash", "\\Trash"),
            ],
            mechanisms: "plain login cram-md5 scram-sha-1 scram-sha-256 xoauth2 oauthbearer".to_owned(),
            extra: String::new(),
        }
    }
}

pub(crate) const STRICT_HOST: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 2);
const MASTER: (&str, &str) = ("master", "master-secret");

impl DovecotOptions {
    /// The same options with another storage format.
    #[must_use]
    pub fn with_storage(self, storage: Storage) -> Self {
        DovecotOptions { storage, ..self }
    }

    fn configuration(&self, place: &Place, chain: &str, key: &str) -> String {
        let dir = place.dir.display();
        let sockets = place.sockets.display();
        let libraries = place.root.join("usr/lib/dovecot");
        let libraries = libraries.display();
        let user = &place.base.mail_user;
        let login_user = if user.root { "nobody" } else { &user.name };
        let (mail_user, mail_group) = (&user.name, &user.group);
        let (imap, imaps) = (place.imap.number, place.imaps.number);
        let mechanisms = &self.mechanisms;
        let connections = self.max_connections_per_user;
        let fsync = match self.fsync {
            Fsync::Optimized => "optimized",
            Fsync::Never => "never",
        };
        let (disable_plaintext, ssl) = match self.require_tls {
            true => ("yes", "required"),
            false => ("no", "yes"),
        };
        let location = match self.storage {
            Storage::Maildir => "maildir:~/Maildir",
            Storage::Sdbox => "sdbox:~/sdbox",
            Storage::Mdbox => "mdbox:~/mdbox",
        };
        let separator = self.separator();
        let prefix = match self.inbox_prefix {
            true => format!("INBOX{separator}"),
            false => String::new(),
        };
        let plugins = self.plugins();
        let mut text = format!(
            "base_dir = {sockets}/base
state_dir = {dir}/state
libexec_dir = {libraries}
mail_plugin_dir = {libraries}/modules
instance_name = {name}
log_path = {dir}/server.log
import_environment = TZ LD_LIBRARY_PATH
protocols = imap
listen = {host}
default_login_user = {login_user}
default_internal_user = {mail_user}
default_internal_group = {mail_group}
first_valid_uid = 1
first_valid_gid = 1

disable_plaintext_auth = {disable_plaintext}
ssl = {ssl}
ssl_cert = <{chain}
ssl_key = <{key}
ssl_min_protocol = TLSv1.2
auth_mechanisms = {mechanisms}
auth_master_user_separator = *
auth_failure_delay = 0
passdb {{
  driver = passwd-file
  master = yes
  args = scheme=PLAIN {dir}/masters
}}
passdb {{
  driver = passwd-file
  mechanisms = xoauth2 oauthbearer
  args = scheme=PLAIN username_format=%u {dir}/tokens/%u
}}
passdb {{
  driver = passwd-file
  mechanisms = plain login cram-md5 scram-sha-1 scram-sha-256
  args = scheme=PLAIN username_format=%u {dir}/users/%u
}}
userdb {{
  driver = static
  args = allow_all_users=yes uid={mail_user} gid={mail_group} home={dir}/mail/%u
}}

mail_location = {location}
mail_fsync = {fsync}
mail_plugins = {plugins}
mail_max_userip_connections = {connections}
namespace inbox {{
  inbox = yes
  separator = {separator}
  prefix = {prefix}
",
            name = place.name,
            host = place.host,
        );
        for (folder, flag) in &self.special_use {
            // Writing to a String cannot fail.
            let _ = write!(text, "  mailbox \"{folder}\" {{\n    special_use = {flag}\n  }}\n");
        }
        let _ = write!(
            text,
            "}}

default_vsz_limit = 4G
default_client_limit = 8192
default_process_limit = 2048
service anvil {{
  chroot =
}}
service imap-login {{
  chroot =
  service_count = 0
  client_limit = 2048
  process_limit = 4
  process_min_avail = 1
  inet_listener imap {{
    port = {imap}
  }}
  inet_listener imaps {{
    port = {imaps}
    ssl = yes
  }}
}}
service imap {{
  process_limit = 2048
}}
protocol imap {{
  mail_plugins = {plugins} {imap_plugins}
",
            imap_plugins = self.imap_plugins(),
        );
        if let Some(capability) = &self.capability {
            let _ = writeln!(text, "  imap_capability = {capability}");
        }
        text.push_str("}\nplugin {\n");
        if let Some(kib) = self.quota_kib {
            let _ = writeln!(
                text,
                "  quota = count:User quota\n  quota_vsizes = yes\n  quota_rule = *:storage={kib}K\n  quota_grace = 0"
            );
        }
        if self.read_only {
            let _ = writeln!(text, "  acl = vfile:{dir}/acl");
        }
        text.push_str("}\n");
        text.push_str(&self.extra);
        text.push('\n');
        text
    }

    fn separator(&self) -> char {
        self.separator.unwrap_or(match self.storage {
            Storage::Maildir => '.',
            Storage::Sdbox | Storage::Mdbox => '/',
        })
    }

    fn plugins(&self) -> &'static str {
        match (self.quota_kib.is_some(), self.read_only) {
            (false, false) => "",
            (true, false) => "quota",
            (false, true) => "acl",
            (true, true) => "quota acl",
        }
    }

    fn imap_plugins(&self) -> &'static str {
        match (self.quota_kib.is_some(), self.compress) {
            (false, false) => "",
            (true, false) => "imap_quota",
            (false, true) => "imap_zlib",
            (true, true) => "imap_quota imap_zlib",
        }
    }

    fn program(&self, place: &Place, service: &[&str], program: &str, arguments: &[String]) -> Program {
        // The programs look for `doveconf` where Debian installs it, so it is run first, by its
        // path here; it hands the settings on in the environment.
        let root = &place.root;
        let configuration = place.dir.join("dovecot.conf").display().to_string();
        let mut argv =
            vec![root.join("usr/bin/doveconf").display().to_string(), "-c".to_owned(), configuration.clone()];
        argv.extend(service.iter().map(|argument| (*argument).to_owned()));
        argv.push("-e".to_owned());
        argv.push(root.join(program).display().to_string());
        argv.extend(["-c".to_owned(), configuration]);
        argv.extend_from_slice(arguments);
        Program {
            argv,
            environment: vec![("LD_LIBRARY_PATH".to_owned(), PACKAGES.library_path(root))],
            directory: place.sockets.join("base"),
            log: place.log(),
        }
    }
}

/// Dovecot reads a changed file anew only if its size or its time in seconds differs.
fn passwd_line(place: &Place, folder: &str, user: &str, secret: &str) -> Result<bool> {
    let path = place.dir.join(folder).join(user);
    let before = std::fs::metadata(&path).map(|metadata| metadata.len()).ok();
    let mut content = format!("{user}:{{PLAIN}}{secret}\n");
    while before == u64::try_from(content.len()).ok() {
        content.push('\n');
    }
    files::replace(&path, content)?;
    Ok(before.is_some())
}

impl Driver for DovecotOptions {
    fn prepare(&self, place: &Place) -> Result<()> {
        let dir = &place.dir;
        for folder in ["state", "mail", "users", "tokens"] {
            files::create_dir(&dir.join(folder))?;
        }
        place.base.mail_user.own(&dir.join("mail"))?;
        let base = place.sockets.join("base");
        files::create_dir(&base.join("login"))?;
        let modules = place.root.join("usr/lib/dovecot/modules");
        files::symlink(&modules, &base.join("modules"))?;
        files::symlink(&modules, &base.join("login/modules"))?;
        let (chain, key) = place.certificate(self.certificate)?;
        let (master, secret) = MASTER;
        files::write(&dir.join("masters"), format!("{master}:{{PLAIN}}{secret}\n"))?;
        if self.read_only {
            files::write(&dir.join("acl"), "* owner lr\n* user=master lr\n")?;
        }
        let text = self.configuration(place, &chain.display().to_string(), &key.display().to_string());
        files::write(&dir.join("dovecot.conf"), text)
    }

    fn programs(&self, place: &Place) -> Vec<Program> {
        vec![self.program(
            place,
            &["-f", "service=master", "-m", "master", "-p"],
            "usr/sbin/dovecot",
            &["-F".to_owned()],
        )]
    }

    fn add_user(&self, place: &Place, user: &str, password: &str) -> Result<bool> {
        let stale = passwd_line(place, "users", user, password)?;
        Ok(stale && !self.require_tls)
    }

    fn mail_dir(&self, place: &Place, user: &str) -> Option<PathBuf> {
        let folder = match self.storage {
            Storage::Maildir => "Maildir",
            Storage::Sdbox => "sdbox",
            Storage::Mdbox => "mdbox",
        };
        Some(place.dir.join("mail").join(user).join(folder))
    }

    fn mail_state(&self, place: &Place) -> Vec<PathBuf> {
        vec![place.dir.join("mail"), place.dir.join("state")]
    }

    fn master(&self) -> Option<(&'static str, &'static str)> {
        Some(MASTER)
    }

    fn set_token(&self, place: &Place, user: &str, token: Option<&str>) -> Result<bool> {
        match token {
            Some(token) => passwd_line(place, "tokens", user, token)?,
            None => {
                files::remove_file(&place.dir.join("tokens").join(user))?;
                true
            }
        };
        Ok(true)
    }

    fn admin_program(&self, place: &Place, arguments: &[String]) -> Option<Program> {
        Some(self.program(place, &["-f", "service=doveadm"], "usr/bin/doveadm", arguments))
    }

    fn maildir(&self) -> Option<maildir::Style> {
        (self.storage == Storage::Maildir).then_some(maildir::Style::Dovecot)
    }
}
