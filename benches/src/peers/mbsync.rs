//! How is mbsync run? One channel with all folders, following the source; see mbsync(1) of isync 1.4.

use std::path::Path;

use limosa_lab::Invocation;

use super::{Pair, Surroundings};
use crate::error::{BenchError, Result};
use crate::servers::{Account, PASSWORD};

pub(super) async fn pull(pair: &Pair, around: Surroundings<'_>, work: &Path) -> Result<Invocation> {
    let configuration = format!(
        "{far}\n{near}\nChannel all\nFar :far:\nNear :near:\nPatterns *\nSync Pull\nCreate Near\nExpunge Near\n\
         CopyArrivalDate yes\nSyncState {state}/\n",
        far = store("far", &pair.source, pair.tls, around.ca_file),
        near = store("near", &pair.target, pair.tls, around.ca_file),
        state = work.display(),
    );
    let path = work.join("mbsyncrc");
    std::fs::write(&path, configuration).map_err(BenchError::file("write", &path))?;
    Ok(limosa_lab::mbsync(&path, work, &["--quiet", "all"]).await?)
}

/// An account and a store of the same name. The time limit of a single answer is well above that of a run.
fn store(name: &str, account: &Account, tls: bool, ca_file: &Path) -> String {
    let user = &account.user;
    let way = match tls {
        true => format!(
            "Host localhost\nPort {}\nSSLType IMAPS\nCertificateFile {}\nSystemCertificates no",
            account.tls_port,
            ca_file.display()
        ),
        false => format!("Host {}\nPort {}\nSSLType None", account.address.ip(), account.address.port()),
    };
    format!(
        "IMAPAccount {name}\n{way}\nUser {user}\nPass {PASSWORD}\nTimeout 600\n\nIMAPStore {name}\nAccount {name}\n"
    )
}
