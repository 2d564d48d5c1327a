//! Where does a PostgreSQL come from, for tests of what is kept in one? From Debian's package, unpacked.
//!
//! PostgreSQL will not run as root: then it is the laboratory's mail user's. Its processes lead groups of their own, but end by themselves
//! as soon as the first of them is gone.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::error::{LabError, Result};
use crate::files::{self, MailUser};
use crate::lab::{Base, Lab, blocking, cache_folder};
use crate::packages::PackageSet;
use crate::ports::Port;
use crate::process::{Invocation, ProcessGroup, Program, children};

const PACKAGES: PackageSet = PackageSet {
    server: "postgresql",
    packages: &["postgresql-15"],
    // LLVM is for compiling long queries; the others set up and look after installed servers.
    without: &[
        "debconf",
        "libfile-find-rule-perl",
        "libjson-perl",
        "libllvm",
        "libnumber-compare-perl",
        "libperl",
        "libtext-glob-perl",
        "libz3",
        "locales",
        "openssl",
        "perl",
        "postgresql-c",
        "ssl-cert",
        "ucf",
    ],
    programs: &["usr/lib/postgresql/15/bin/initdb", "usr/lib/postgresql/15/bin/postgres"],
    libraries: &[],
    patches: &[],
};

/// How long a database may take to answer; far more than it needs on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long it may take to end in order before it is killed.
const END_WITHIN: Duration = Duration::from_secs(20);

/// How a PostgreSQL is set up.
#[derive(Debug, Clone, Default)]
pub struct PostgresOptions {
    /// Whether it asks the disk to keep what it takes. Without, it is faster, and safe from being killed but not from a power cut.
    pub fsync: bool,
    /// Lines for `postgresql.conf`.
    pub extra: String,
}

/// A running PostgreSQL. It ends, and its port is free again, when this value is dropped.
#[derive(Debug)]
pub struct Postgres {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    dir: PathBuf,
    root: PathBuf,
    mail_user: MailUser,
    port: Port,
    base: Arc<Base>,
    process: Mutex<Option<ProcessGroup>>,
}

/// Downloads and unpacks PostgreSQL, if that is not done yet.
///
/// # Errors
/// If its packages cannot be fetched.
pub async fn fetch_postgres() -> Result<()> {
    blocking(|| PACKAGES.ensure(&cache_folder()?).map(drop)).await
}

impl Lab {
    /// Starts a PostgreSQL and waits until it answers.
    ///
    /// # Errors
    /// If its packages cannot be fetched or it does not start.
    pub async fn postgres(&self, options: PostgresOptions) -> Result<Postgres> {
        let base = Arc::clone(&self.base);
        blocking(move || Postgres::start(base, &options)).await
    }
}

impl Postgres {
    fn start(base: Arc<Base>, options: &PostgresOptions) -> Result<Postgres> {
        let root = PACKAGES.ensure(&base.cache)?;
        let dir = base.run.join(format!("postgresql-{}", base.number()));
        files::create_dir(&dir)?;
        base.mail_user.own(&dir)?;
        let port = Port::reserve(&base.cache.join("ports"))?;
        let inner = Inner { dir, root, mail_user: base.mail_user.clone(), port, base, process: Mutex::default() };
        inner.prepare(options)?;
        inner.start()?;
        Ok(Postgres { inner: Arc::new(inner) })
    }

    /// The address of a database; `postgres` is always there, and others are made with CREATE DATABASE.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://limosa@127.0.0.1:{}/{database}", self.inner.port.number)
    }

    /// Ends it in order if it runs, and starts it again with the same files and port.
    ///
    /// # Errors
    /// If it does not start again.
    pub async fn restart(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            inner.stop();
            inner.start()
        })
        .await
    }

    /// Kills every process of the database at once; it stays down until [`Postgres::restart`].
    pub fn kill9(&self) {
        self.inner.kill();
    }

    /// The ids of the database's living processes.
    pub fn processes(&self) -> Vec<i32> {
        let process = lock(&self.inner.process);
        process.iter().flat_map(|process| [vec![process.id()], children(process.id())].concat()).collect()
    }

    /// The folder with its files and its log.
    pub fn dir(&self) -> &Path {
        &self.inner.dir
    }
}

impl Inner {
    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }

    fn program(&self, program: &str, arguments: &[String]) -> Program {
        let program = self.root.join("usr/lib/postgresql/15/bin").join(program).display().to_string();
        let mut argv = Vec::new();
        if self.mail_user.root {
            let MailUser { uid, gid, .. } = self.mail_user;
            argv =
                ["setpriv".to_owned(), format!("--reuid={uid}"), format!("--regid={gid}"), "--clear-groups".to_owned()]
                    .into();
        }
        argv.push(program);
        argv.extend_from_slice(arguments);
        Program {
            argv,
            environment: vec![
                ("LD_LIBRARY_PATH".to_owned(), PACKAGES.library_path(&self.root)),
                ("LC_ALL".to_owned(), "C".to_owned()),
                ("TZ".to_owned(), "UTC".to_owned()),
            ],
            directory: self.dir.clone(),
            log: self.log(),
        }
    }

    fn prepare(&self, options: &PostgresOptions) -> Result<()> {
        let data = self.data().display().to_string();
        let arguments =
            ["-D", &data, "-U", "limosa", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync", "--no-instructions"];
        let program = self.program("initdb", &arguments.map(str::to_owned));
        let mut command: Command = Invocation::from(program).command();
        let output = command.output().map_err(|source| LabError::Run { program: "initdb".to_owned(), source })?;
        if !output.status.success() {
            let output = String::from_utf8_lossy(&output.stderr).trim().to_owned();
            return Err(LabError::Refused { program: "initdb".to_owned(), output });
        }
        let on_or_off = if options.fsync { "on" } else { "off" };
        let configuration = format!(
            "listen_addresses = '127.0.0.1'\nport = {}\nunix_socket_directories = ''\nfsync = {on_or_off}\njit = off\n\
             max_connections = 200\nshared_memory_type = mmap\ndynamic_shared_memory_type = mmap\n{}\n",
            self.port.number, options.extra
        );
        let file = self.data().join("conf.d.limosa");
        files::write(&file, configuration)?;
        self.mail_user.own(&file)?;
        let main = self.data().join("postgresql.conf");
        let text = std::fs::read_to_string(&main).map_err(LabError::file("read", &main))?;
        files::write(&main, format!("{text}\ninclude = 'conf.d.limosa'\n"))
    }

    fn start(&self) -> Result<()> {
        let data = self.data().display().to_string();
        let program = self.program("postgres", &["-D".to_owned(), data]);
        let mut process = ProcessGroup::start(&program, &self.base.watchdog)?;
        let until = Instant::now() + READY_WITHIN;
        while !self.is_ready(process.id()) {
            let log = || {
                let log = std::fs::read_to_string(self.log()).unwrap_or_default();
                let lines: Vec<&str> = log.lines().collect();
                lines[lines.len().saturating_sub(12)..].join("\n")
            };
            if process.has_ended() {
                return Err(LabError::Ended { server: "postgresql".to_owned(), log: log() });
            }
            if Instant::now() >= until {
                let (server, seconds) = ("postgresql".to_owned(), READY_WITHIN.as_secs());
                return Err(LabError::NotReady { server, seconds, log: log() });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        *lock(&self.process) = Some(process);
        Ok(())
    }

    /// The last line of its lock file tells when it takes connections; the first is whose file that is.
    fn is_ready(&self, process: i32) -> bool {
        let file = std::fs::read_to_string(self.data().join("postmaster.pid")).unwrap_or_default();
        let mut lines = file.lines();
        lines.next() == Some(&process.to_string()) && lines.any(|line| line.trim() == "ready")
    }

    /// Ends it in order, with whoever is connected: SIGINT is its fast shutdown.
    fn stop(&self) {
        if let Some(process) = lock(&self.process).as_mut() {
            process.signal_leader(Signal::INT);
            process.wait(END_WITHIN);
        }
        self.kill();
    }

    fn kill(&self) {
        if let Some(mut process) = lock(&self.process).take() {
            let children = children(process.id());
            process.kill();
            // They end once they see that the first is gone; a new one would not start beside them.
            let until = Instant::now() + END_WITHIN;
            while children.iter().any(|child| Path::new("/proc").join(child.to_string()).exists())
                && Instant::now() < until
            {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // SIGQUIT ends it at once and gives its shared memory back, which being killed would not.
        if let Some(process) = lock(&self.inner.process).as_mut() {
            process.signal_leader(Signal::QUIT);
            process.wait(END_WITHIN);
        }
        self.inner.kill();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
