//! How is imapsync run, where it is installed? Telling messages apart by UID: by headers, it would leave genuine
//! duplicates behind, and the count of messages would not agree.

use std::path::{Path, PathBuf};

use limosa_lab::Invocation;

use super::{Pair, in_path};
use crate::error::{BenchError, Result};
use crate::servers::PASSWORD;

pub(super) fn program() -> Option<PathBuf> {
    in_path("imapsync")
}

pub(super) fn copy(pair: &Pair, work: &Path) -> Result<Invocation> {
    let program = program().ok_or_else(|| BenchError::Unsupported("imapsync is not installed".to_owned()))?;
    let mut argv = vec![program.display().to_string()];
    for (side, account) in [("1", &pair.source), ("2", &pair.target)] {
        argv.extend([
            format!("--host{side}={}", account.address.ip()),
            format!("--port{side}={}", account.address.port()),
            format!("--user{side}={}", account.user),
            format!("--password{side}={PASSWORD}"),
            format!("--nossl{side}"),
            format!("--notls{side}"),
        ]);
    }
    argv.extend(
        ["--useuid", "--nofoldersizes", "--nofoldersizesatend", "--nolog", "--noreleasecheck"].map(str::to_owned),
    );
    argv.push(format!("--tmpdir={}", work.display()));
    Ok(Invocation {
        argv,
        environment: vec![("HOME".to_owned(), work.display().to_string())],
        directory: work.to_owned(),
    })
}
