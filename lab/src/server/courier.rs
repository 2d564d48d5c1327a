//! How is Debian's Courier run from an unpacked package?

use std::path::PathBuf;

use super::{Driver, Place};
use crate::error::{LabError, Result};
use crate::packages::PackageSet;
use crate::process::Program;

pub(crate) const PACKAGES: PackageSet = PackageSet {
    server: "courier",
    packages: &["courier-imap"],
    without: &[],
    programs: &[],
    libraries: &[],
    patches: &[],
};

/// What kind of Courier to start.
#[derive(Debug, Clone, Default)]
pub struct CourierOptions {
    /// Whether mail is kept in `/dev/shm` rather than in the laboratory's folder.
    pub memory: bool,
}

impl Driver for CourierOptions {
    fn prepare(&self, _place: &Place) -> Result<()> {
        Err(LabError::Unsupported {
            what: "not yet".to_owned(),
        })
    }
    fn programs(&self, _place: &Place) -> Vec<Program> {
        Vec::new()
    }
    fn add_user(&self, _place: &Place, _user: &str, _password: &str) -> Result<bool> {
        Ok(false)
    }
    fn mail_dir(&self, _place: &Place, _user: &str) -> Option<PathBuf> {
        None
    }
    fn mail_state(&self, _place: &Place) -> Vec<PathBuf> {
        Vec::new()
    }
}
