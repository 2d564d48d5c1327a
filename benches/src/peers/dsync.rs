//! How is dsync run? As Dovecot's documentation says to migrate mailboxes: over imapc, pulling into its own storage.
//!
//! It writes without IMAP, in its own process, so that its processor time holds the target's work too.

use limosa_lab::Invocation;

use super::{Pair, Surroundings};
use crate::error::Result;
use crate::servers::PASSWORD;

pub(super) fn backup(pair: &Pair, around: Surroundings<'_>) -> Result<Invocation> {
    let settings = [
        format!("imapc_host={}", pair.source.address.ip()),
        format!("imapc_port={}", pair.source.address.port()),
        format!("imapc_user={}", pair.source.user),
        format!("imapc_password={PASSWORD}"),
        "imapc_features=rfc822.size fetch-headers".to_owned(),
        "mail_prefetch_count=20".to_owned(),
    ];
    let mut arguments: Vec<String> = settings.into_iter().flat_map(|setting| ["-o".to_owned(), setting]).collect();
    arguments.extend(["backup", "-R", "-u", &pair.target.user, "imapc:"].map(str::to_owned));
    Ok(around.target.doveadm_invocation(&arguments)?)
}
