//! What a failed file operation means to a pass.

use std::io;
use std::path::Path;

use limosa_model::{ConnectorError, ErrorKind, Retry, Scope};

/// The operating system's "not now" numbers that `io::ErrorKind` has no name for are left to the cause's text.
pub(super) fn io_error(scope: Scope, doing: &str, path: &Path, error: io::Error) -> ConnectorError {
    let shown = path.display();
    let failed = |scope, kind, why: &str| {
        ConnectorError::new(scope, Retry::Never, kind, format!("{shown} cannot be {doing}: {why}"))
    };
    let made = match error.kind() {
        io::ErrorKind::NotFound => failed(scope, ErrorKind::Gone, "it is not there"),
        io::ErrorKind::PermissionDenied => failed(scope, ErrorKind::LocalIo, "permission denied")
            .hint("run as the user whose mail it is, or as root; or give this user the right to it"),
        io::ErrorKind::ReadOnlyFilesystem => failed(Scope::Mailbox, ErrorKind::NotPermitted, "it can only be read")
            .hint("the file system is mounted read-only"),
        io::ErrorKind::StorageFull => failed(Scope::Mailbox, ErrorKind::OverQuota, "the disk is full")
            .hint("free space and run again; what was copied is not copied again"),
        io::ErrorKind::QuotaExceeded => failed(Scope::Mailbox, ErrorKind::OverQuota, "the disk quota is full")
            .hint("raise the quota and run again; what was copied is not copied again"),
        io::ErrorKind::InvalidFilename => failed(scope, ErrorKind::Folder, "the name is too long"),
        _ => failed(scope, ErrorKind::LocalIo, "the file system answered with an error"),
    };
    made.because(error)
}

/// Shortens `map_err` for operations on a folder.
pub(super) fn folder_io(doing: &'static str, path: &Path) -> impl FnOnce(io::Error) -> ConnectorError + use<> {
    let path = path.to_owned();
    move |error| io_error(Scope::Folder, doing, &path, error)
}
