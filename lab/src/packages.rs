//! How do Debian's mail servers get here without being installed?
//!
//! They exclude one another as installed packages, so each is downloaded with what it needs beyond
//! this machine's own packages, and unpacked into a folder of its own. Nothing is installed, no
//! maintainer script runs, and nothing outside the cache folder is written.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::error::{LabError, Result};
use crate::files;

/// What one server is made of.
#[derive(Debug)]
pub(crate) struct PackageSet {
    /// The folder's name below the cache folder.
    pub(crate) server: &'static str,
    pub(crate) packages: &'static [&'static str],
    /// Prefixes of packages that Debian depends on but the laboratory never runs.
    pub(crate) without: &'static [&'static str],
    /// Programs whose shared libraries must all be found, relative to the unpacked root.
    pub(crate) programs: &'static [&'static str],
    /// Folders of shared libraries, relative to the unpacked root, beside the usual one.
    pub(crate) libraries: &'static [&'static str],
    /// Replacements of equal length made in programs and libraries, for compiled-in paths.
    pub(crate) patches: &'static [(&'static str, &'static str)],
}

/// Raised when what is done to unpacked packages changes, so that older caches are made anew.
const LAYOUT: &str = "1";

impl PackageSet {
    /// The unpacked root; downloads and unpacks first if need be. Blocks, for minutes at worst.
    pub(crate) fn ensure(&self, cache: &Path) -> Result<PathBuf> {
        let root = cache.join(self.server);
        let marker = root.join(format!(".complete-{LAYOUT}"));
        if marker.exists() {
            return Ok(root);
        }
        files::create_dir(cache)?;
        let lock_path = cache.join("lock");
        let lock = File::create(&lock_path).map_err(LabError::file("create", &lock_path))?;
        lock.lock().map_err(LabError::file("lock", &lock_path))?;
        // Another process may have done it while this one waited.
        if marker.exists() {
            return Ok(root);
        }
        let fresh = cache.join(format!("{}.new", self.server));
        files::remove_tree(&fresh)?;
        files::create_dir(&fresh)?;
        let archives = fresh.join("archives");
        files::create_dir(&archives)?;
        self.download(cache, &archives)?;
        self.unpack(&archives, &fresh)?;
        files::remove_tree(&archives)?;
        self.patch(&fresh.join("usr"))?;
        self.check_libraries(&fresh)?;
        files::write(&fresh.join(format!(".complete-{LAYOUT}")), "")?;
        files::remove_tree(&root)?;
        std::fs::rename(&fresh, &root).map_err(LabError::file("rename", &fresh))?;
        Ok(root)
    }

    /// The value of `LD_LIBRARY_PATH` for this server's programs.
    pub(crate) fn library_path(&self, root: &Path) -> String {
        let base_system = root.join("lib").join(multiarch());
        [self.library_folder(root), base_system]
            .into_iter()
            .chain(self.libraries.iter().map(|folder| root.join(folder)))
            .map(|folder| folder.display().to_string())
            .collect::<Vec<_>>()
            .join(":")
    }

    /// The folder where most shared libraries are.
    pub(crate) fn library_folder(&self, root: &Path) -> PathBuf {
        root.join("usr/lib").join(multiarch())
    }

    /// First with the machine's own package lists, then with fresh ones in the cache folder: on a
    /// new machine there are none, and old ones name packages that are no longer served.
    fn download(&self, cache: &Path, archives: &Path) -> Result<()> {
        if self.download_with(&sandbox_options(), archives).is_ok() {
            return Ok(());
        }
        let state = cache.join("apt");
        files::create_dir(&state.join("lists/partial"))?;
        files::create_dir(&state.join("cache/archives/partial"))?;
        let mut options = sandbox_options();
        options.extend([
            format!("-oDir::State::Lists={}", state.join("lists").display()),
            format!("-oDir::Cache={}", state.join("cache").display()),
        ]);
        run("apt-get", Command::new("apt-get").args(&options).args(["-qq", "update"]))?;
        self.download_with(&options, archives)
    }

    fn download_with(&self, options: &[String], archives: &Path) -> Result<()> {
        let plan = run(
            "apt-get",
            Command::new("apt-get")
                .args(options)
                .args(["-s", "install", "--no-install-recommends", "--reinstall"])
                .args(self.packages),
        )?;
        let wanted = self.packages_to_fetch(&plan);
        run(
            "apt-get",
            Command::new("apt-get").args(options).args(["-qq", "download"]).args(&wanted).current_dir(archives),
        )?;
        Ok(())
    }

    /// Reads `Inst name [installed version] (new version …)` lines of a simulated installation.
    /// What is installed already serves as it is, unless it is the server itself.
    fn packages_to_fetch(&self, plan: &str) -> Vec<String> {
        plan.lines()
            .filter_map(|line| {
                let rest = line.strip_prefix("Inst ")?;
                let (name, rest) = rest.split_once(' ')?;
                let own = self.packages.contains(&name);
                let installed = rest.starts_with('[');
                let unwanted = self.without.iter().any(|prefix| name.starts_with(prefix));
                if !own && (installed || unwanted) {
                    return None;
                }
                let version = rest.split_once('(')?.1.split(' ').next()?;
                Some(format!("{name}={version}"))
            })
            .collect()
    }

    fn unpack(&self, archives: &Path, root: &Path) -> Result<()> {
        let entries = std::fs::read_dir(archives).map_err(LabError::file("read", archives))?;
        for entry in entries {
            let archive = entry.map_err(LabError::file("read", archives))?.path();
            run("dpkg", Command::new("dpkg").arg("-x").arg(&archive).arg(root))?;
        }
        // dpkg gives the folder the archive's own mode, or that of a private temporary folder.
        files::set_mode(root, 0o755)
    }

    fn patch(&self, folder: &Path) -> Result<()> {
        if self.patches.is_empty() {
            return Ok(());
        }
        for entry in std::fs::read_dir(folder).map_err(LabError::file("read", folder))? {
            let entry = entry.map_err(LabError::file("read", folder))?;
            let path = entry.path();
            let kind = entry.file_type().map_err(LabError::file("read", &path))?;
            if kind.is_dir() {
                self.patch(&path)?;
            } else if kind.is_file() {
                self.patch_file(&path)?;
            }
        }
        Ok(())
    }

    fn patch_file(&self, path: &Path) -> Result<()> {
        let mut content = std::fs::read(path).map_err(LabError::file("read", path))?;
        if !content.starts_with(b"\x7fELF") {
            return Ok(());
        }
        let mut changed = false;
        for (from, to) in self.patches {
            assert_eq!(from.len(), to.len(), "a patch must not move what follows it");
            let mut position = 0;
            while let Some(found) = memchr::memmem::find(&content[position..], from.as_bytes()) {
                let start = position + found;
                content[start..start + to.len()].copy_from_slice(to.as_bytes());
                position = start + to.len();
                changed = true;
            }
        }
        if changed {
            files::write(path, content)?;
        }
        Ok(())
    }

    fn check_libraries(&self, root: &Path) -> Result<()> {
        let library_path = self.library_path(root);
        let mut missing = Vec::new();
        for program in self.programs {
            let needs = run("ldd", Command::new("ldd").arg(root.join(program)).env("LD_LIBRARY_PATH", &library_path))?;
            missing.extend(
                needs
                    .lines()
                    .filter(|line| line.contains("not found"))
                    .filter_map(|line| line.split_whitespace().next())
                    .map(str::to_owned),
            );
        }
        missing.sort();
        missing.dedup();
        if missing.is_empty() {
            return Ok(());
        }
        Err(LabError::MissingLibraries { server: self.server, missing: missing.join(", ") })
    }
}

/// Root's apt downloads as another user, who cannot write into root's home.
fn sandbox_options() -> Vec<String> {
    if rustix::process::geteuid().is_root() { vec!["-oAPT::Sandbox::User=root".to_owned()] } else { Vec::new() }
}

fn multiarch() -> String {
    format!("{}-linux-gnu", std::env::consts::ARCH)
}

fn run(program: &str, command: &mut Command) -> Result<String> {
    let output = command
        .env("LC_ALL", "C")
        .env("DEBIAN_FRONTEND", "noninteractive")
        .output()
        .map_err(|source| {
            if source.kind() == std::io::ErrorKind::NotFound {
                LabError::Unsupported {
                    what: format!("the lab needs {program}: it unpacks Debian's packages, so it works on Debian and its descendants only"),
                }
            } else {
                LabError::Run {
                    program: program.to_owned(),
                    source,
                }
            }
        })?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    Err(LabError::Refused {
        program: program.to_owned(),
        output: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_installed_or_unwanted_is_not_fetched_but_the_server_always_is() {
        let set = PackageSet {
            server: "example",
            packages: &["dovecot-core"],
            without: &["exim4"],
            programs: &[],
            libraries: &[],
            patches: &[],
        };
        let plan = "Remv courier-imap [5.0]\n\
            Inst libgnutls30 [3.7.9-2+deb12u6] (3.7.9-2+deb12u7 Debian:12 [amd64])\n\
            Inst exim4-base (4.96-15 Debian:12 [amd64])\n\
            Inst libwrap0 (7.6.q-32 Debian:12 [amd64])\n\
            Inst dovecot-core [1:2.3.18] (1:2.3.19 Debian:12 [amd64]) []\n\
            Conf dovecot-core (1:2.3.19 Debian:12 [amd64])\n";
        assert_eq!(set.packages_to_fetch(plan), ["libwrap0=7.6.q-32", "dovecot-core=1:2.3.19"]);
    }
}
