//! How is Debian's Cyrus IMAP run from an unpacked package?

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Driver, Place};
use crate::certificates::Certificate;
use crate::error::{LabError, Result};
use crate::files;
use crate::packages::PackageSet;
use crate::process::Program;

pub(crate) const PACKAGES: PackageSet = PackageSet {
    server: "cyrus",
    packages: &["cyrus-common", "cyrus-imapd", "libsasl2-modules", "libsasl2-modules-db", "sasl2-bin"],
    without: &["exim4", "gawk", "libsigsegv", "db-util", "db5.3-util", "debconf"],
    programs: &[
        "usr/lib/cyrus/bin/ctl_cyrusdb",
        "usr/lib/cyrus/bin/imapd",
        "usr/lib/cyrus/bin/master",
        "usr/sbin/saslpasswd2",
    ],
    libraries: &[],
    patches: &[],
};

/// What kind of Cyrus to start. It says nothing to its log: Cyrus logs to syslog only.
#[derive(Debug, Clone)]
pub struct CyrusOptions {
    /// Whether mail is kept in `/dev/shm` rather than in the laboratory's folder: Cyrus cannot be
    /// kept from calling fsync.
    pub memory: bool,
    /// The hierarchy separator: `/` (`unixhierarchysep`) or `.`.
    pub separator: char,
    /// Whether folders stand beside INBOX (`altnamespace`) rather than below it.
    pub beside_inbox: bool,
    /// A quota for each mailbox, in kibibytes, set when it is made.
    pub quota_kib: Option<u64>,
    /// The largest message taken, in bytes (`APPENDLIMIT`).
    pub append_limit: Option<u64>,
    /// Capabilities not to announce (`suppress_capabilities`).
    pub suppress: Vec<String>,
    /// The certificate to show.
    pub certificate: Certificate,
    /// Whether cleartext sign-in is refused outside TLS.
    pub require_tls: bool,
    /// SASL mechanisms, as in `sasl_mech_list`.
    pub mechanisms: String,
    /// Further lines for the end of `imapd.conf`.
    pub extra: String,
}

impl Default for CyrusOptions {
    fn default() -> Self {
        CyrusOptions {
            memory: false,
            separator: '/',
            beside_inbox: true,
            quota_kib: None,
            append_limit: None,
            suppress: Vec::new(),
            certificate: Certificate::default(),
            require_tls: false,
            mechanisms: "PLAIN LOGIN CRAM-MD5 SCRAM-SHA-1 SCRAM-SHA-256".to_owned(),
            extra: String::new(),
        }
    }
}

const ADMINISTRATOR: (&str, &str) = ("cyrus", "cyrus-secret");

impl CyrusOptions {
    fn configuration(&self, place: &Place, chain: &Path, key: &Path) -> String {
        let yes_or_no = |yes| if yes { "yes" } else { "no" };
        let (administrator, _) = ADMINISTRATOR;
        let mut text = format!(
            "configdirectory: {dir}/conf
partition-default: {dir}/spool
defaultpartition: default
cyrus_user: {user}
admins: {administrator}
servername: localhost
sasl_pwcheck_method: auxprop
sasl_auxprop_plugin: sasldb
sasl_sasldb_path: {dir}/sasl/sasldb2
sasl_mech_list: {mechanisms}
allowplaintext: {allow_plaintext}
unixhierarchysep: {unix_separator}
altnamespace: {beside_inbox}
virtdomains: off
tls_server_cert: {chain}
tls_server_key: {key}
tls_session_timeout: 0
autocreate_quota: {quota}
autocreate_post: yes
imapidlepoll: 1
idlesocket: {sockets}/idle
search_engine: none
",
            dir = place.dir.display(),
            sockets = place.sockets.display(),
            user = place.base.mail_user.name,
            mechanisms = self.mechanisms,
            allow_plaintext = yes_or_no(!self.require_tls),
            unix_separator = yes_or_no(self.separator == '/'),
            beside_inbox = yes_or_no(self.beside_inbox),
            chain = chain.display(),
            key = key.display(),
            quota = self.quota_kib.unwrap_or(0),
        );
        if let Some(bytes) = self.append_limit {
            text.push_str(&format!("maxmessagesize: {bytes}\n"));
        }
        if !self.suppress.is_empty() {
            text.push_str(&format!("suppress_capabilities: {}\n", self.suppress.join(" ")));
        }
        text.push_str(&self.extra);
        text.push('\n');
        text
    }

    fn services(place: &Place) -> String {
        let bin = place.root.join("usr/lib/cyrus/bin");
        let bin = bin.display();
        let configuration = place.dir.join("imapd.conf");
        let configuration = configuration.display();
        let (host, imap, imaps) = (place.host, place.imap.number, place.imaps.number);
        format!(
            "START {{
  recover cmd=\"{bin}/ctl_cyrusdb -C {configuration} -r\"
}}
SERVICES {{
  imap cmd=\"{bin}/imapd -C {configuration} -U 1000\" listen=\"{host}:{imap}\" prefork=1 maxchild=1000
  imaps cmd=\"{bin}/imapd -s -C {configuration} -U 1000\" listen=\"{host}:{imaps}\" prefork=1 maxchild=1000
}}
EVENTS {{
}}
"
        )
    }

    fn environment(place: &Place) -> Vec<(String, String)> {
        vec![
            ("LD_LIBRARY_PATH".to_owned(), PACKAGES.library_path(&place.root)),
            ("SASL_PATH".to_owned(), PACKAGES.library_folder(&place.root).join("sasl2").display().to_string()),
        ]
    }

    fn set_password(place: &Place, user: &str, password: &str) -> Result<()> {
        let failed = |source| LabError::Run { program: "saslpasswd2".to_owned(), source };
        let database = place.dir.join("sasl/sasldb2");
        let mut child = Command::new(place.root.join("usr/sbin/saslpasswd2"))
            .arg("-f")
            .arg(&database)
            .args(["-p", "-c", "-u", "localhost", user])
            .envs(CyrusOptions::environment(place))
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(failed)?;
        if let Some(mut stdin) = child.stdin.take() {
            stdin.write_all(password.as_bytes()).map_err(failed)?;
        }
        let output = child.wait_with_output().map_err(failed)?;
        if !output.status.success() {
            return Err(LabError::Refused {
                program: "saslpasswd2".to_owned(),
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        place.base.mail_user.own(&database)
    }
}

impl Driver for CyrusOptions {
    fn prepare(&self, place: &Place) -> Result<()> {
        let user = &place.base.mail_user;
        // Cyrus's first process leaves root behind before it starts the others.
        user.must_reach(&place.root)?;
        for folder in ["conf", "spool", "sasl"] {
            let folder = place.dir.join(folder);
            files::create_dir(&folder)?;
            user.own(&folder)?;
        }
        user.own(&place.sockets)?;
        let (chain, key) = place.certificate(self.certificate)?;
        user.own(&key)?;
        files::write(&place.dir.join("imapd.conf"), self.configuration(place, &chain, &key))?;
        files::write(&place.dir.join("cyrus.conf"), CyrusOptions::services(place))?;
        let (administrator, password) = ADMINISTRATOR;
        CyrusOptions::set_password(place, administrator, password)
    }

    fn programs(&self, place: &Place) -> Vec<Program> {
        let path = |path: PathBuf| path.display().to_string();
        vec![Program {
            argv: vec![
                path(place.root.join("usr/lib/cyrus/bin/master")),
                "-C".to_owned(),
                path(place.dir.join("imapd.conf")),
                "-M".to_owned(),
                path(place.dir.join("cyrus.conf")),
                "-p".to_owned(),
                path(place.sockets.join("master.pid")),
            ],
            environment: CyrusOptions::environment(place),
            directory: place.dir.clone(),
            log: place.log(),
        }]
    }

    fn add_user(&self, place: &Place, user: &str, password: &str) -> Result<bool> {
        CyrusOptions::set_password(place, user, password)?;
        Ok(false)
    }

    fn mail_dir(&self, _place: &Place, _user: &str) -> Option<PathBuf> {
        None
    }

    fn mail_state(&self, place: &Place) -> Vec<PathBuf> {
        vec![place.dir.join("conf"), place.dir.join("spool")]
    }

    fn master(&self) -> Option<(&'static str, &'static str)> {
        Some(ADMINISTRATOR)
    }
}
