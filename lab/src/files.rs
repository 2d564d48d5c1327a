//! How does the laboratory write files, so that every error names its path?

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{LabError, Result};

pub(crate) fn create_dir(path: &Path) -> Result<()> {
    std::fs::create_dir_all(path).map_err(LabError::file("create", path))
}

pub(crate) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    std::fs::write(path, content).map_err(LabError::file("write", path))
}

/// Replaces a file in one step, so that a server never reads half of it.
pub(crate) fn replace(path: &Path, content: impl AsRef<[u8]>) -> Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = Path::new(&beside);
    write(beside, content)?;
    std::fs::rename(beside, path).map_err(LabError::file("replace", path))
}

pub(crate) fn set_mode(path: &Path, mode: u32) -> Result<()> {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode))
        .map_err(LabError::file("set the mode of", path))
}

pub(crate) fn remove_tree(path: &Path) -> Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

/// The name of the folder, beside the servers', for what is being removed.
pub(crate) const DISCARDED: &str = ".discarded";

/// Removes a folder from view at once and from the disk by and by: that takes minutes for some
/// hundred thousand files. What a killed process leaves is removed by [`empty_discarded`].
pub(crate) fn discard(path: &Path, discarded: &Path) -> Result<()> {
    static COUNTER: AtomicU32 = AtomicU32::new(0);
    if !path.exists() {
        return Ok(());
    }
    create_dir(discarded)?;
    let number = COUNTER.fetch_add(1, Ordering::Relaxed);
    let aside = discarded.join(format!("{}-{number}", std::process::id()));
    std::fs::rename(path, &aside).map_err(LabError::file("move aside", path))?;
    // Nobody waits for it, and what it cannot remove is tried again at the next start.
    std::thread::spawn(move || remove_tree(&aside));
    Ok(())
}

/// Removes what an earlier life had discarded in a folder of servers, by and by.
pub(crate) fn empty_discarded(run: &Path) {
    let discarded = run.join(DISCARDED);
    let Ok(entries) = std::fs::read_dir(discarded) else {
        return;
    };
    let old: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    std::thread::spawn(move || old.iter().map(|path| remove_tree(path)).filter(Result::is_err).count());
}

/// Removes a file; no error if there is none.
pub(crate) fn remove_file(path: &Path) -> Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(LabError::file("remove", path)(error)),
        _ => Ok(()),
    }
}

pub(crate) fn symlink(target: &Path, link: &Path) -> Result<()> {
    match std::os::unix::fs::symlink(target, link) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(LabError::file("link", link)(error)),
        _ => Ok(()),
    }
}

/// The user whom the servers' mail belongs to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MailUser {
    pub(crate) name: String,
    pub(crate) group: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    /// Whether the laboratory runs as root, and servers may change user.
    pub(crate) root: bool,
}

impl MailUser {
    /// Debian's ever-present user `mail` where the laboratory runs as root
    /// (mail servers refuse to keep mail as root), else whoever runs it.
    pub(crate) fn find() -> Result<MailUser> {
        let root = rustix::process::geteuid().is_root();
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(LabError::file("read", "/etc/passwd"))?;
        let group_file = std::fs::read_to_string("/etc/group").map_err(LabError::file("read", "/etc/group"))?;
        let own_uid = rustix::process::geteuid().as_raw();
        let user = passwd.lines().find_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid: u32 = fields.nth(1)?.parse().ok()?;
            let gid: u32 = fields.next()?.parse().ok()?;
            let wanted = if root { name == "mail" } else { uid == own_uid };
            wanted.then(|| (name.to_owned(), uid, gid))
        });
        let Some((name, uid, gid)) = user else {
            return Err(LabError::Unsupported {
                what: "the mail servers need an entry in /etc/passwd for the user they run as".to_owned(),
            });
        };
        let group = group_file
            .lines()
            .find_map(|line| {
                let mut fields = line.split(':');
                let name = fields.next()?;
                (fields.nth(1)?.parse::<u32>().ok()? == gid).then(|| name.to_owned())
            })
            .unwrap_or_else(|| gid.to_string());
        Ok(MailUser { name, group, uid, gid, root })
    }

    /// Hands a file or folder to the mail user; nothing to do for an ordinary user.
    pub(crate) fn own(&self, path: &Path) -> Result<()> {
        if !self.root {
            return Ok(());
        }
        std::os::unix::fs::chown(path, Some(self.uid), Some(self.gid)).map_err(LabError::file("hand over", path))
    }

    /// As [`MailUser::own`], for an open file.
    pub(crate) fn own_file(&self, file: &File, path: &Path) -> Result<()> {
        if !self.root {
            return Ok(());
        }
        std::os::unix::fs::fchown(file, Some(self.uid), Some(self.gid)).map_err(LabError::file("hand over", path))
    }

    /// Says so if the mail user cannot enter a folder because of one above it.
    pub(crate) fn must_reach(&self, path: &Path) -> Result<()> {
        use std::os::unix::fs::PermissionsExt;
        if !self.root {
            return Ok(());
        }
        for folder in path.ancestors() {
            let metadata = std::fs::metadata(folder).map_err(LabError::file("look at", folder))?;
            if metadata.permissions().mode() & 0o001 == 0 {
                return Err(LabError::Unsupported {
                    what: format!(
                        "the user {} cannot enter {}: set LIMOSA_LAB_CACHE to a folder that all users can reach",
                        self.name,
                        folder.display()
                    ),
                });
            }
        }
        Ok(())
    }
}
