//! Where does `mbsync` (isync) come from, that copies are compared with? From Debian's package, unpacked.

use std::path::Path;

use crate::error::Result;
use crate::lab::{blocking, cache_folder};
use crate::packages::PackageSet;
use crate::process::Invocation;

const PACKAGES: PackageSet = PackageSet {
    server: "isync",
    packages: &["isync"],
    without: &["debconf"],
    programs: &["usr/bin/mbsync"],
    libraries: &[],
    patches: &[],
};

/// How `mbsync` is run with a configuration file; downloads and unpacks it first if need be.
///
/// # Errors
/// If its package cannot be fetched.
pub async fn mbsync(configuration: &Path, directory: &Path, arguments: &[&str]) -> Result<Invocation> {
    let root = blocking(|| PACKAGES.ensure(&cache_folder()?)).await?;
    let program = root.join("usr/bin/mbsync").display().to_string();
    let configuration = ["-c".to_owned(), configuration.display().to_string()];
    let arguments = arguments.iter().map(|argument| (*argument).to_owned());
    Ok(Invocation {
        argv: [program].into_iter().chain(configuration).chain(arguments).collect(),
        environment: vec![
            ("LD_LIBRARY_PATH".to_owned(), PACKAGES.library_path(&root)),
            ("HOME".to_owned(), directory.display().to_string()),
        ],
        directory: directory.to_owned(),
    })
}
