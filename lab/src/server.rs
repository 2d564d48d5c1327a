//! What can be done with a running server, whatever its kind?

mod courier;
mod cyrus;
mod dovecot;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::io::Read;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::Signal;

pub use self::courier::CourierOptions;
pub use self::cyrus::CyrusOptions;
pub use self::dovecot::{DovecotOptions, Fsync, Storage};
use crate::certificates::Certificate;
use crate::client::Client;
use crate::error::{LabError, Result};
use crate::files;
use crate::lab::{Base, blocking};
use crate::ports::Port;
use crate::process::{Invocation, ProcessGroup, Program, cpu_time, members};

/// How long a server may take to greet; far more than it needs on an idle machine.
const READY_WITHIN: Duration = Duration::from_secs(60);
/// How long a server may take to end in order before it is killed.
const END_WITHIN: Duration = Duration::from_secs(5);

pub(crate) fn fetch_dovecot(cache: &Path) -> Result<()> {
    dovecot::PACKAGES.ensure(cache).map(drop)
}

pub(crate) fn fetch_cyrus(cache: &Path) -> Result<()> {
    cyrus::PACKAGES.ensure(cache).map(drop)
}

pub(crate) fn fetch_courier(cache: &Path) -> Result<()> {
    courier::PACKAGES.ensure(cache).map(drop)
}

/// Where one server lives.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) base: Arc<Base>,
    pub(crate) name: String,
    /// The loopback address that the server listens on.
    pub(crate) host: Ipv4Addr,
    pub(crate) dir: PathBuf,
    /// A folder with a short path for Unix sockets.
    pub(crate) sockets: PathBuf,
    /// The unpacked packages.
    pub(crate) root: PathBuf,
    pub(crate) imap: Port,
    pub(crate) imaps: Port,
}

impl Place {
    fn make(base: Arc<Base>, name: String, memory: bool, root: PathBuf) -> Result<Place> {
        let run = match (memory, &base.run_in_memory) {
            (false, _) => &base.run,
            (true, Some(run)) => run,
            (true, None) => {
                return Err(LabError::Unsupported { what: "a server in memory needs /dev/shm".to_owned() });
            }
        };
        let dir = run.join(&name);
        let sockets = base.sockets.join(base.number().to_string());
        files::create_dir(&dir)?;
        files::set_mode(&dir, 0o755)?;
        files::create_dir(&sockets)?;
        files::set_mode(&sockets, 0o755)?;
        let ports = base.cache.join("ports");
        Ok(Place {
            imap: Port::reserve(&ports)?,
            imaps: Port::reserve(&ports)?,
            host: Ipv4Addr::LOCALHOST,
            base,
            name,
            dir,
            sockets,
            root,
        })
    }

    /// The server's certificate and key, made once.
    fn certificate(&self, certificate: Certificate) -> Result<(PathBuf, PathBuf)> {
        let (chain, key) = (self.dir.join("cert.pem"), self.dir.join("key.pem"));
        let (chain_pem, key_pem) = self.base.authority.issue(certificate)?;
        files::write(&chain, chain_pem)?;
        files::write(&key, key_pem)?;
        files::set_mode(&key, 0o600)?;
        Ok((chain, key))
    }

    /// Where what is removed stays until it is really gone; on the same file system.
    fn discarded(&self) -> PathBuf {
        self.dir.with_file_name(files::DISCARDED)
    }

    fn log(&self) -> PathBuf {
        self.dir.join("server.log")
    }
}

/// What differs from one kind of server to another.
pub(crate) trait Driver: Debug + Send + Sync {
    /// Writes the configuration; called once, before the first start.
    fn prepare(&self, place: &Place) -> Result<()>;
    /// The programs that together are the server, in the order of their start.
    fn programs(&self, place: &Place) -> Vec<Program>;
    /// Whether what stands behind the greeting is ready too.
    fn ready(&self, _place: &Place) -> bool {
        true
    }
    /// Makes a user, or gives an existing one another password. True if the server may for a moment
    /// still answer from what it knew before.
    fn add_user(&self, place: &Place, user: &str, password: &str) -> Result<bool>;
    /// The folder with a user's mail, where the server keeps one a user.
    fn mail_dir(&self, place: &Place, user: &str) -> Option<PathBuf>;
    /// Folders and files whose loss makes the server new again, its users excepted.
    fn mail_state(&self, place: &Place) -> Vec<PathBuf>;
    /// A name and password that may act for any user.
    fn master(&self) -> Option<(&'static str, &'static str)> {
        None
    }
    fn set_token(&self, _place: &Place, _user: &str, _token: Option<&str>) -> Result<bool> {
        Ok(false)
    }
    /// A program of the server's own for administrators.
    fn admin_program(&self, _place: &Place, _arguments: &[String]) -> Option<Program> {
        None
    }
    /// Whether mail may be seeded by writing Maildir files.
    fn maildir(&self) -> Option<crate::maildir::Style> {
        None
    }
}

#[derive(Debug)]
struct Inner {
    place: Place,
    driver: Box<dyn Driver>,
    processes: Mutex<Vec<ProcessGroup>>,
    users: Mutex<BTreeMap<String, String>>,
}

/// A running mail server. It ends, and its ports are free again, when this value is dropped.
#[derive(Debug)]
pub struct Server {
    inner: Arc<Inner>,
}

impl Server {
    pub(crate) fn start_dovecot(base: Arc<Base>, name: String, options: DovecotOptions) -> Result<Server> {
        let root = dovecot::PACKAGES.ensure(&base.cache)?;
        let mut place = Place::make(base, name, options.memory, root)?;
        if options.require_tls {
            place.host = dovecot::STRICT_HOST;
        }
        Server::start_new(place, Box::new(options))
    }

    pub(crate) fn start_cyrus(base: Arc<Base>, name: String, options: CyrusOptions) -> Result<Server> {
        let root = cyrus::PACKAGES.ensure(&base.cache)?;
        let place = Place::make(base, name, options.memory, root)?;
        Server::start_new(place, Box::new(options))
    }

    pub(crate) fn start_courier(base: Arc<Base>, name: String, options: CourierOptions) -> Result<Server> {
        let root = courier::PACKAGES.ensure(&base.cache)?;
        let place = Place::make(base, name, options.memory, root)?;
        Server::start_new(place, Box::new(options))
    }

    fn start_new(place: Place, driver: Box<dyn Driver>) -> Result<Server> {
        driver.prepare(&place)?;
        let inner = Inner { place, driver, processes: Mutex::default(), users: Mutex::default() };
        inner.start()?;
        Ok(Server { inner: Arc::new(inner) })
    }

    /// The server's name within its laboratory.
    pub fn name(&self) -> &str {
        &self.inner.place.name
    }

    /// The folder with the server's configuration, log and mail.
    pub fn dir(&self) -> &Path {
        &self.inner.place.dir
    }

    /// The loopback address that the server listens on: 127.0.0.1, but 127.0.0.2 for
    /// [`DovecotOptions::require_tls`].
    pub fn host(&self) -> Ipv4Addr {
        self.inner.place.host
    }

    /// The port for cleartext IMAP and STARTTLS.
    pub fn imap_port(&self) -> u16 {
        self.inner.place.imap.number
    }

    /// The port for IMAP within TLS.
    pub fn imaps_port(&self) -> u16 {
        self.inner.place.imaps.number
    }

    /// [`Server::host`] with [`Server::imap_port`].
    pub fn imap_address(&self) -> SocketAddr {
        (self.host(), self.imap_port()).into()
    }

    /// [`Server::host`] with [`Server::imaps_port`].
    pub fn imaps_address(&self) -> SocketAddr {
        (self.host(), self.imaps_port()).into()
    }

    /// The certificate (PEM) of the CA that signed the server's certificate.
    pub fn ca_file(&self) -> &Path {
        &self.inner.place.base.authority.file
    }

    /// Makes a user, or changes an existing one's password. When it returns, the server knows.
    ///
    /// # Errors
    /// If the server's list of users cannot be written, or the server does not take the new user.
    pub async fn add_user(&self, user: &str, password: &str) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        let (name, secret) = (user.to_owned(), password.to_owned());
        let stale = blocking(move || {
            let stale = inner.driver.add_user(&inner.place, &name, &secret)?;
            lock(&inner.users).insert(name, secret);
            Ok(stale)
        })
        .await?;
        if stale {
            self.wait_for_sign_in(user, password).await?;
        }
        Ok(())
    }

    /// The users that [`Server::add_user`] made, with their passwords.
    pub fn users(&self) -> BTreeMap<String, String> {
        lock(&self.inner.users).clone()
    }

    /// A name and password that may sign in as any user: Dovecot's `user*master` and SASL's
    /// authorization identity; Cyrus's administrator.
    pub fn master(&self) -> Option<(&'static str, &'static str)> {
        self.inner.driver.master()
    }

    /// Sets the one OAuth token with which a user may sign in (XOAUTH2, OAUTHBEARER), or takes it
    /// away. The server may go on using what it knew before for up to a second.
    ///
    /// # Errors
    /// If the server's list of tokens cannot be written, or servers of this kind take none.
    pub async fn set_token(&self, user: &str, token: Option<&str>) -> Result<()> {
        match self.inner.driver.set_token(&self.inner.place, user, token)? {
            true => Ok(()),
            false => Err(self.not_this_kind("OAuth tokens")),
        }
    }

    /// The folder with a user's mail, to look at without the server.
    ///
    /// # Errors
    /// If servers of this kind have no folder a user.
    pub fn mail_dir(&self, user: &str) -> Result<PathBuf> {
        self.inner.driver.mail_dir(&self.inner.place, user).ok_or_else(|| self.not_this_kind("folder a user"))
    }

    /// How Dovecot's `doveadm` is run on this server's mail.
    ///
    /// # Errors
    /// If the server is no Dovecot.
    pub fn doveadm_invocation(&self, arguments: &[String]) -> Result<Invocation> {
        match self.inner.driver.admin_program(&self.inner.place, arguments) {
            Some(program) => Ok(program.into()),
            None => Err(self.not_this_kind("doveadm")),
        }
    }

    /// Runs Dovecot's `doveadm`, as a second pair of eyes: `["-f", "tab", "fetch", "-u", "alice", …]`.
    /// Answers with what it printed.
    ///
    /// # Errors
    /// If it fails, or the server is no Dovecot.
    pub async fn doveadm<A: AsRef<str>>(&self, arguments: impl IntoIterator<Item = A>) -> Result<String> {
        let arguments: Vec<String> = arguments.into_iter().map(|a| a.as_ref().to_owned()).collect();
        let command = self.doveadm_invocation(&arguments)?.command();
        let output = tokio::process::Command::from(command)
            .stdin(std::process::Stdio::null())
            .output()
            .await
            .map_err(|source| LabError::Run { program: "doveadm".to_owned(), source })?;
        if !output.status.success() {
            return Err(LabError::Refused {
                program: format!("doveadm {}", arguments.join(" ")),
                output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
            });
        }
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    }

    /// Opens a connection to the cleartext port and signs in with LOGIN.
    ///
    /// # Errors
    /// If the connection fails or the server says no.
    pub async fn client(&self, user: &str, password: &str) -> Result<Client> {
        let mut client = Client::connect(self.imap_address()).await?;
        client.login(user, password).await?;
        Ok(client)
    }

    /// Kills every process of the server at once, as a power cut would (but what it wrote without
    /// `fsync` stays, since the machine itself goes on).
    pub fn kill9(&self) {
        for process in lock(&self.inner.processes).iter_mut() {
            process.kill();
        }
    }

    /// Ends the server in order; kills what has not ended after five seconds.
    ///
    /// # Errors
    /// None so far.
    pub async fn stop(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            inner.stop();
            Ok(())
        })
        .await
    }

    /// Ends the server in order if it runs, and starts it again with the same mail and ports.
    ///
    /// # Errors
    /// If it does not start.
    pub async fn restart(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            inner.stop();
            inner.start()
        })
        .await
    }

    /// Removes all mail, as if the server were new; users, ports and configuration stay. The server
    /// is down for a moment.
    ///
    /// # Errors
    /// If the mail cannot be removed or the server does not start again.
    pub async fn wipe(&self) -> Result<()> {
        let inner = Arc::clone(&self.inner);
        blocking(move || {
            inner.stop();
            for path in inner.driver.mail_state(&inner.place) {
                files::discard(&path, &inner.place.discarded())?;
            }
            inner.driver.prepare(&inner.place)?;
            inner.start()?;
            let users = lock(&inner.users).clone();
            for (user, password) in users {
                inner.driver.add_user(&inner.place, &user, &password)?;
            }
            Ok(())
        })
        .await
    }

    /// Stops all processes where they stand: connections stay open and nothing answers.
    pub fn freeze(&self) {
        self.signal(Signal::STOP);
    }

    /// Lets frozen processes go on.
    pub fn thaw(&self) {
        self.signal(Signal::CONT);
    }

    /// The ids of the server's living processes.
    pub fn processes(&self) -> Vec<i32> {
        lock(&self.inner.processes).iter().flat_map(|process| members(process.id())).collect()
    }

    /// The processor time that the server has used so far, that of processes which ended included;
    /// in steps of some 10 ms.
    pub fn cpu_time(&self) -> Duration {
        lock(&self.inner.processes).iter().map(|process| cpu_time(process.id())).sum()
    }

    /// What the server has logged.
    ///
    /// # Errors
    /// If the log cannot be read.
    pub fn log(&self) -> Result<String> {
        let path = self.inner.place.log();
        let log = std::fs::read(&path).map_err(LabError::file("read", path))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }

    pub(crate) fn maildir_style(&self) -> Option<crate::maildir::Style> {
        self.inner.driver.maildir()
    }

    fn signal(&self, signal: Signal) {
        for process in lock(&self.inner.processes).iter() {
            process.signal(signal);
        }
    }

    fn not_this_kind(&self, what: &'static str) -> LabError {
        LabError::NotThisKind { server: self.name().to_owned(), what }
    }

    async fn wait_for_sign_in(&self, user: &str, password: &str) -> Result<()> {
        let until = Instant::now() + Duration::from_secs(10);
        loop {
            match self.client(user, password).await {
                Ok(_) => return Ok(()),
                Err(error) if Instant::now() >= until => return Err(error),
                Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
            }
        }
    }
}

impl Inner {
    fn start(&self) -> Result<()> {
        let mut processes = lock(&self.processes);
        processes.clear();
        for program in self.driver.programs(&self.place) {
            processes.push(ProcessGroup::start(&program, &self.place.base.watchdog)?);
        }
        let ready = self.wait_until_ready(&mut processes);
        if ready.is_err() {
            processes.clear();
        }
        ready
    }

    fn stop(&self) {
        let mut processes = lock(&self.processes);
        for process in processes.iter() {
            process.signal(Signal::CONT);
            process.signal_leader(Signal::TERM);
        }
        for process in processes.iter_mut() {
            process.wait(END_WITHIN);
            process.kill();
        }
        processes.clear();
    }

    fn wait_until_ready(&self, processes: &mut [ProcessGroup]) -> Result<()> {
        let until = Instant::now() + READY_WITHIN;
        let imap = (self.place.host, self.place.imap.number);
        let imaps = (self.place.host, self.place.imaps.number);
        while !(greets(imap.into()) && TcpStream::connect(imaps).is_ok() && self.driver.ready(&self.place)) {
            if processes.iter_mut().any(ProcessGroup::has_ended) {
                return Err(LabError::Ended { server: self.place.name.clone(), log: self.end_of_log() });
            }
            if Instant::now() >= until {
                return Err(LabError::NotReady {
                    server: self.place.name.clone(),
                    seconds: READY_WITHIN.as_secs(),
                    log: self.end_of_log(),
                });
            }
            std::thread::sleep(Duration::from_millis(3));
        }
        Ok(())
    }

    fn end_of_log(&self) -> String {
        let log = std::fs::read(self.place.log()).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        lines[lines.len().saturating_sub(12)..].join("\n")
    }
}

fn greets(server: SocketAddr) -> bool {
    let Ok(mut stream) = TcpStream::connect(server) else {
        return false;
    };
    let limit = Some(Duration::from_secs(5));
    if stream.set_read_timeout(limit).is_err() {
        return false;
    }
    let mut greeting = [0; 4];
    stream.read_exact(&mut greeting).is_ok() && &greeting == b"* OK"
}

impl Drop for Server {
    fn drop(&mut self) {
        // A start or stop may still run on another thread and hold the rest; the processes end here.
        lock(&self.inner.processes).clear();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
