//! Which mechanism should be tried on this server?

use super::{Credentials, Mechanism, Secret};
use crate::capability::Capabilities;

/// The mechanisms that server and credentials have in common, best first.
///
/// `encrypted`: the connection is under TLS. Without, CRAM-MD5 goes before PLAIN and LOGIN.
///
/// A server may offer what this account cannot use (SCRAM without stored keys, as Cyrus beside
/// saslauthd does): after a NO the next one is worth a try, unless the code says that the account is to blame.
pub fn candidates(capabilities: &Capabilities, credentials: &Credentials, encrypted: bool) -> Vec<Mechanism> {
    let token = matches!(credentials.secret, Secret::Token(_));
    let mut mechanisms: Vec<_> = Mechanism::ALL
        .into_iter()
        .filter(|mechanism| mechanism.wants_token() == token)
        .filter(|mechanism| token || credentials.act_as.is_none() || mechanism.can_act_as())
        .filter(|mechanism| capabilities.has_mechanism(mechanism.name().as_bytes()))
        .collect();
    if !encrypted {
        // Stable: the order among those that hide the password stays, as among those that do not.
        mechanisms.sort_by_key(|mechanism| matches!(mechanism, Mechanism::Plain | Mechanism::Login));
    }
    mechanisms
}

/// The first of [`candidates`]. `None`: the LOGIN command may still do, unless LOGINDISABLED is announced.
pub fn choose(capabilities: &Capabilities, credentials: &Credentials, encrypted: bool) -> Option<Mechanism> {
    candidates(capabilities, credentials, encrypted).first().copied()
}
