//! Where do servers come from? A laboratory owns a run folder, a CA and a watchdog, and starts servers.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use crate::certificates::Authority;
use crate::error::{LabError, Result};
use crate::files::{self, MailUser};
use crate::server::{CourierOptions, CyrusOptions, DovecotOptions, Server};
use crate::watchdog::Watchdog;

/// What all servers of a laboratory share.
#[derive(Debug)]
pub(crate) struct Base {
    pub(crate) cache: PathBuf,
    /// Where servers keep their mail and configuration.
    pub(crate) run: PathBuf,
    /// The same in memory, for servers that are to be free of the disk.
    pub(crate) run_in_memory: Option<PathBuf>,
    /// A short path: a Unix socket's path has at most 107 bytes.
    pub(crate) sockets: PathBuf,
    pub(crate) authority: Authority,
    pub(crate) mail_user: MailUser,
    pub(crate) watchdog: Arc<Watchdog>,
    counter: AtomicU32,
}

/// A place on this machine where mail servers run on loopback.
///
/// Servers end when their [`Server`] is dropped; whatever still runs ends when the process ends, in
/// whichever way. A laboratory in a temporary folder leaves no files behind either.
#[derive(Debug, Clone)]
pub struct Lab {
    pub(crate) base: Arc<Base>,
}

static SHARED: OnceCell<Lab> = OnceCell::const_new();

impl Lab {
    /// The laboratory of this process, made at the first call; for tests. Its folder goes away with
    /// the process.
    ///
    /// # Errors
    /// As [`Lab::temporary`].
    pub async fn shared() -> Result<Lab> {
        SHARED.get_or_try_init(|| async { Lab::temporary().await }).await.cloned()
    }

    /// A laboratory in a temporary folder that goes away with it.
    ///
    /// # Errors
    /// If the folder, the CA or the watchdog cannot be made.
    pub async fn temporary() -> Result<Lab> {
        blocking(|| {
            let watchdog = Watchdog::start()?;
            let run = temporary_folder(&std::env::temp_dir(), &watchdog)?;
            Lab::build(run, watchdog)
        })
        .await
    }

    /// A laboratory whose servers keep their mail in `folder`, which stays. A server started there
    /// under the name of an earlier one finds that one's mail.
    ///
    /// # Errors
    /// As [`Lab::temporary`].
    pub async fn at(folder: &Path) -> Result<Lab> {
        let folder = folder.to_owned();
        blocking(move || {
            files::create_dir(&folder)?;
            let folder = folder.canonicalize().map_err(LabError::file("find", &folder))?;
            files::empty_discarded(&folder);
            Lab::build(folder, Watchdog::start()?)
        })
        .await
    }

    fn build(run: PathBuf, watchdog: Watchdog) -> Result<Lab> {
        let sockets = temporary_folder(Path::new("/tmp"), &watchdog)?;
        let memory = Path::new("/dev/shm");
        let run_in_memory = match memory.is_dir() {
            true => Some(temporary_folder(memory, &watchdog)?),
            false => None,
        };
        let authority = Authority::create(&run.join("ca.pem"))?;
        Ok(Lab {
            base: Arc::new(Base {
                cache: cache_folder()?,
                run,
                run_in_memory,
                sockets,
                authority,
                mail_user: MailUser::find()?,
                watchdog: Arc::new(watchdog),
                counter: AtomicU32::new(0),
            }),
        })
    }

    /// The certificate (PEM) of the CA that signs all servers' certificates.
    pub fn ca_file(&self) -> &Path {
        &self.base.authority.file
    }

    /// The folder below which servers keep their files.
    pub fn folder(&self) -> &Path {
        &self.base.run
    }

    /// Starts a Dovecot and waits until it greets.
    ///
    /// # Errors
    /// If its packages cannot be fetched or it does not start.
    pub async fn dovecot(&self, options: DovecotOptions) -> Result<Server> {
        let name = self.base.next_name("dovecot");
        self.dovecot_named(&name, options).await
    }

    /// As [`Lab::dovecot`], with a name for its folder.
    ///
    /// # Errors
    /// As [`Lab::dovecot`].
    pub async fn dovecot_named(&self, name: &str, options: DovecotOptions) -> Result<Server> {
        let (base, name) = (Arc::clone(&self.base), name.to_owned());
        blocking(move || Server::start_dovecot(base, name, options)).await
    }

    /// Starts a Cyrus and waits until it greets.
    ///
    /// # Errors
    /// If its packages cannot be fetched or it does not start.
    pub async fn cyrus(&self, options: CyrusOptions) -> Result<Server> {
        let name = self.base.next_name("cyrus");
        self.cyrus_named(&name, options).await
    }

    /// As [`Lab::cyrus`], with a name for its folder.
    ///
    /// # Errors
    /// As [`Lab::cyrus`].
    pub async fn cyrus_named(&self, name: &str, options: CyrusOptions) -> Result<Server> {
        let (base, name) = (Arc::clone(&self.base), name.to_owned());
        blocking(move || Server::start_cyrus(base, name, options)).await
    }

    /// Starts a Courier-IMAP and waits until it greets.
    ///
    /// # Errors
    /// If its packages cannot be fetched or it does not start.
    pub async fn courier(&self, options: CourierOptions) -> Result<Server> {
        let name = self.base.next_name("courier");
        self.courier_named(&name, options).await
    }

    /// As [`Lab::courier`], with a name for its folder.
    ///
    /// # Errors
    /// As [`Lab::courier`].
    pub async fn courier_named(&self, name: &str, options: CourierOptions) -> Result<Server> {
        let (base, name) = (Arc::clone(&self.base), name.to_owned());
        blocking(move || Server::start_courier(base, name, options)).await
    }
}

impl Base {
    pub(crate) fn number(&self) -> u32 {
        self.counter.fetch_add(1, Ordering::Relaxed)
    }

    fn next_name(&self, kind: &str) -> String {
        format!("{kind}-{}", self.number())
    }
}

/// Where `limosa-lab up` keeps its servers unless told otherwise: `run` beside [`cache_folder`].
///
/// # Errors
/// As [`cache_folder`].
pub fn run_folder() -> Result<PathBuf> {
    let mut folder = cache_folder()?;
    folder.set_file_name("run");
    Ok(folder)
}

/// The folder of unpacked servers: `LIMOSA_LAB_CACHE`, else `~/.cache/limosa/lab/root`, but for root
/// `/var/cache/limosa/lab/root`: servers started by root leave root behind, and must still be able to
/// reach their programs, which root's home does not allow.
///
/// # Errors
/// If neither `LIMOSA_LAB_CACHE` nor `HOME` says where.
pub fn cache_folder() -> Result<PathBuf> {
    if let Some(folder) = std::env::var_os("LIMOSA_LAB_CACHE") {
        return Ok(PathBuf::from(folder));
    }
    if rustix::process::geteuid().is_root() {
        return Ok(PathBuf::from("/var/cache/limosa/lab/root"));
    }
    match std::env::home_dir() {
        Some(home) => Ok(home.join(".cache/limosa/lab/root")),
        None => Err(LabError::Unsupported {
            what: "set LIMOSA_LAB_CACHE or HOME, so that the lab knows where to unpack servers".to_owned(),
        }),
    }
}

/// A folder that servers of another user may enter, and that the watchdog removes at the end.
fn temporary_folder(parent: &Path, watchdog: &Watchdog) -> Result<PathBuf> {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::Builder::new()
        .prefix("limosa-lab-")
        .permissions(std::fs::Permissions::from_mode(0o755))
        .tempdir_in(parent)
        .map_err(LabError::file("create a folder in", parent))?
        .keep();
    watchdog.dir(&folder)?;
    Ok(folder)
}

/// Runs what blocks (starting programs, waiting for them) apart from the runtime's own threads.
pub(crate) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result,
        Err(_) => Err(LabError::Cancelled),
    }
}
