//! Who may work on a pair on this machine?
//!
//! An operating system's file lock: it ends with its process, however that ends, so that there is nothing to clean up
//! after a kill. Where it does not reach (a state folder shared by machines) the fence still does.

use std::fs::{DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

/// How often somebody who waits looks again. Asked for and not waited for inside the system, so that waiting can be given up.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

/// A lock held until it is dropped.
#[derive(Debug)]
pub(crate) struct FileLock {
    _file: File,
}

impl FileLock {
    /// Takes the lock; `None` when another one holds it.
    pub(crate) fn try_take(path: &Path) -> io::Result<Option<Self>> {
        let file = private_file(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Self { _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(error),
        }
    }

    /// Takes the lock, waiting for whoever holds it.
    pub(crate) async fn take(path: &Path) -> io::Result<Self> {
        loop {
            if let Some(lock) = Self::try_take(path)? {
                return Ok(lock);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }
}

/// Makes a folder, and those above it, that only its owner can look into. One that exists is left as it is.
pub(crate) fn private_folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path)
}

/// Opens a file to be written, and makes it readable by its owner alone if it is new.
pub(crate) fn private_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
