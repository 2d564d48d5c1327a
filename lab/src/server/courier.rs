//! How is Debian's Courier-IMAP run from an unpacked package?

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{Driver, Place};
use crate::certificates::Certificate;
use crate::error::{LabError, Result};
use crate::files;
use crate::maildir;
use crate::packages::PackageSet;
use crate::process::Program;

pub(crate) const PACKAGES: PackageSet = PackageSet {
    server: "courier",
    packages: &["courier-authdaemon", "courier-authlib", "courier-authlib-userdb", "courier-base", "courier-imap"],
    without: &["exim4", "debconf", "gamin", "gnutls-bin"],
    programs: &[
        "usr/bin/couriertls",
        "usr/bin/imapd",
        "usr/lib/courier-authlib/libauthuserdb.so.0",
        "usr/lib/courier/courier-authlib/authdaemond",
        "usr/lib/courier/courier/imaplogin",
        "usr/sbin/couriertcpd",
    ],
    libraries: &["usr/lib", "usr/lib/courier-authlib"],
    // Compiled-in absolute paths become paths relative to the server's folder. Of the socket's path
    // only the first 16 bytes stand together in every program.
    //
    // The last one is no path: without a file alteration monitor, which starts as a daemon nobody
    // ends, opening a connection to it takes 1.2 s at each sign-in and SELECT. `getpgid` of what is
    // no process id fails in the same way, at once, and has a name of the same length.
    patches: &[("/run/courier/aut", ".//././././//aut"), ("/etc/courier/", "././././././/"), ("FAMOpen", "getpgid")],
};

/// What kind of Courier-IMAP to start. It has folders below INBOX only, `.` as separator, neither
/// CONDSTORE nor LIST-STATUS nor LITERAL+, and takes no folder name beyond the basic plane (emoji).
#[derive(Debug, Clone)]
pub struct CourierOptions {
    /// Whether mail is kept in `/dev/shm` rather than in the laboratory's folder.
    pub memory: bool,
    /// The capabilities to announce, as in `IMAP_CAPABILITY`.
    pub capability: String,
    /// A quota for each mailbox, in kibibytes.
    pub quota_kib: Option<u64>,
    /// Connections that one address may hold (`MAXPERIP`).
    pub max_connections: u32,
    /// The certificate to show.
    pub certificate: Certificate,
    /// Whether sign-in is refused outside TLS.
    pub require_tls: bool,
}

impl Default for CourierOptions {
    fn default() -> Self {
        CourierOptions {
            memory: false,
            capability: "IMAP4rev1 UIDPLUS CHILDREN NAMESPACE THREAD=ORDEREDSUBJECT \
                THREAD=REFERENCES SORT QUOTA IDLE"
                .to_owned(),
            quota_kib: None,
            max_connections: 400,
            certificate: Certificate::default(),
            require_tls: false,
        }
    }
}

impl CourierOptions {
    fn environment(&self, place: &Place, starttls: bool) -> Vec<(String, String)> {
        let yes_or_no = |yes| if yes { "YES" } else { "NO" };
        let pairs = [
            ("LD_LIBRARY_PATH", PACKAGES.library_path(&place.root)),
            ("IMAP_CAPABILITY", self.capability.clone()),
            ("IMAP_CAPABILITY_TLS", format!("{} AUTH=PLAIN", self.capability)),
            ("IMAP_KEYWORDS", "1".to_owned()),
            ("IMAP_ACL", "1".to_owned()),
            ("IMAP_IDLE_TIMEOUT", "1".to_owned()),
            ("IMAP_USELOCKS", "1".to_owned()),
            ("IMAP_MAILBOX_SANITY_CHECK", "0".to_owned()),
            ("IMAP_TRASHFOLDERNAME", "Trash".to_owned()),
            // Courier else removes old mail from the folder Trash by itself.
            ("IMAP_EMPTYTRASH", String::new()),
            ("IMAP_UMASK", "022".to_owned()),
            ("IMAP_STARTTLS", yes_or_no(starttls).to_owned()),
            ("IMAPDSTARTTLS", yes_or_no(starttls).to_owned()),
            ("IMAP_TLS_REQUIRED", u8::from(self.require_tls).to_string()),
            ("COURIERTLS", place.root.join("usr/bin/couriertls").display().to_string()),
            ("TLS_CERTFILE", place.dir.join("both.pem").display().to_string()),
            ("TLS_VERIFYPEER", "NONE".to_owned()),
            ("MAILDIRPATH", "Maildir".to_owned()),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn listener(&self, place: &Place, port: u16, tls: bool) -> Program {
        let path = |relative: &str| place.root.join(relative).display().to_string();
        let mut argv = vec![
            path("usr/sbin/couriertcpd"),
            format!("-address={}", place.host),
            "-maxprocs=1000".to_owned(),
            format!("-maxperip={}", self.max_connections),
            "-nodnslookup".to_owned(),
            "-noidentlookup".to_owned(),
            port.to_string(),
        ];
        if tls {
            argv.push(path("usr/bin/couriertls"));
            argv.extend(["-server".to_owned(), "-tcpd".to_owned()]);
        }
        argv.extend([path("usr/lib/courier/courier/imaplogin"), path("usr/bin/imapd"), "Maildir".to_owned()]);
        Program { argv, environment: self.environment(place, !tls), directory: place.dir.clone(), log: place.log() }
    }

    fn make_maildir(&self, place: &Place, user: &str) -> Result<()> {
        let owner = &place.base.mail_user;
        let maildir = maildir_of(place, user);
        for folder in ["cur", "new", "tmp"] {
            let folder = maildir.join(folder);
            files::create_dir(&folder)?;
            owner.own(&folder)?;
        }
        if let Some(kib) = self.quota_kib {
            let sizes = maildir.join("maildirsize");
            files::write(&sizes, format!("{}S\n", kib * 1024))?;
            owner.own(&sizes)?;
        }
        owner.own(&maildir)?;
        owner.own(maildir.parent().unwrap_or(&maildir))
    }

    /// Writes the two databases that Courier reads from the lines kept for each user.
    fn write_databases(place: &Place) -> Result<()> {
        let users = place.dir.join("users");
        let (mut plain, mut shadow) = (String::new(), String::new());
        let entries = std::fs::read_dir(&users).map_err(LabError::file("read", &users))?;
        for entry in entries {
            let path = entry.map_err(LabError::file("read", &users))?.path();
            let lines = std::fs::read_to_string(&path).map_err(LabError::file("read", &path))?;
            let (account, secrets) = lines.split_once('\n').unwrap_or_default();
            plain.push_str(&format!("{account}\n"));
            shadow.push_str(secrets);
        }
        for (content, name) in [(plain, "userdb"), (shadow, "userdbshadow")] {
            run(
                place,
                "usr/lib/courier/courier-authlib/makedatprog",
                &["-", &format!("{name}.new"), &format!("{name}.dat")],
                &format!("{content}.\n"),
            )?;
        }
        Ok(())
    }
}

/// Runs one of Courier's programs in the server's folder; what it printed.
fn run(place: &Place, program: &str, arguments: &[&str], input: &str) -> Result<String> {
    let failed = |source| LabError::Run { program: program.to_owned(), source };
    let mut child = Command::new(place.root.join(program))
        .args(arguments)
        .env("LD_LIBRARY_PATH", PACKAGES.library_path(&place.root))
        .current_dir(&place.dir)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    if let Some(mut stdin) = child.stdin.take() {
        stdin.write_all(input.as_bytes()).map_err(failed)?;
    }
    let output = child.wait_with_output().map_err(failed)?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(LabError::Refused {
        program: program.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

fn maildir_of(place: &Place, user: &str) -> PathBuf {
    place.dir.join("mail").join(user).join("Maildir")
}

fn socket(place: &Place) -> PathBuf {
    // The folder's own path may be too long for a socket's; this link is not.
    place.sockets.join("server/authdaemon/socket")
}

impl Driver for CourierOptions {
    fn prepare(&self, place: &Place) -> Result<()> {
        let dir = &place.dir;
        for folder in ["users", "mail", "authdaemon"] {
            files::create_dir(&dir.join(folder))?;
        }
        files::symlink(dir, &place.sockets.join("server"))?;
        let (chain, key) = place.certificate(self.certificate)?;
        let read = |path: &Path| std::fs::read(path).map_err(LabError::file("read", path));
        let both = [read(&chain)?, read(&key)?].concat();
        files::write(&dir.join("both.pem"), both)?;
        files::write(
            &dir.join("authdaemonrc"),
            "authmodulelist=\"authuserdb\"\n\
             authmodulelistorig=\"authuserdb\"\n\
             daemons=5\n\
             authdaemonvar=authdaemon\n\
             DEBUG_LOGIN=0\n\
             DEFAULTOPTIONS=\"\"\n",
        )?;
        files::write(&dir.join("userdb"), "")?;
        CourierOptions::write_databases(place)
    }

    fn programs(&self, place: &Place) -> Vec<Program> {
        let mut environment = self.environment(place, false);
        for (name, value) in [
            ("authmodulelist", "authuserdb"),
            ("authmodulelistorig", "authuserdb"),
            ("daemons", "5"),
            ("authdaemonvar", "authdaemon"),
        ] {
            environment.push((name.to_owned(), value.to_owned()));
        }
        let sign_in = Program {
            argv: vec![place.root.join("usr/lib/courier/courier-authlib/authdaemond").display().to_string()],
            environment,
            directory: place.dir.clone(),
            log: place.log(),
        };
        vec![sign_in, self.listener(place, place.imap.number, false), self.listener(place, place.imaps.number, true)]
    }

    fn ready(&self, place: &Place) -> bool {
        UnixStream::connect(socket(place)).is_ok()
    }

    fn add_user(&self, place: &Place, user: &str, password: &str) -> Result<bool> {
        let owner = &place.base.mail_user;
        let input = format!("{password}\n");
        let crypted = run(place, "usr/sbin/userdbpw", &["-md5"], &input)?;
        let keyed = run(place, "usr/sbin/userdbpw", &["-hmac-md5"], &input)?;
        let home = place.dir.join("mail").join(user);
        let lines = format!(
            "{user}\tuid={uid}|gid={gid}|home={home}|_=\n\
             {user}\timappw={crypted}|hmac-md5pw={keyed}\n",
            uid = owner.uid,
            gid = owner.gid,
            home = home.display(),
        );
        files::replace(&place.dir.join("users").join(user), lines)?;
        self.make_maildir(place, user)?;
        CourierOptions::write_databases(place)?;
        Ok(!self.require_tls)
    }

    fn mail_dir(&self, place: &Place, user: &str) -> Option<PathBuf> {
        Some(maildir_of(place, user))
    }

    fn mail_state(&self, place: &Place) -> Vec<PathBuf> {
        vec![place.dir.join("mail")]
    }

    fn maildir(&self) -> Option<maildir::Style> {
        Some(maildir::Style::Courier)
    }
}
