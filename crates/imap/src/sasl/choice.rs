//! Which mechanism should be tried on this server?

use super::{Credentials, Mechanism, Secret};
use crate::capability::Capabilities;

/// The mechanisms that server and credentials have in common, best first.
///
/// `private`: nobody can listen on the way, since it is under TLS or does not leave the machine. There PLAIN goes first: it is one round
/// trip, where SCRAM is three, and thousands of hashes on both sides for each connection. Elsewhere what hides the password goes first.
///
/// A server may offer what this account cannot use (SCRAM without stored keys, as Cyrus beside
/// saslauthd does): after a NO the next one is worth a try, unless the code says that the account is to blame.
pub fn candidates(capabilities: &Capabilities, credentials: &Credentials, private: bool) -> Vec<Mechanism> {
    let token = matches!(credentials.secret, Secret::Token(_));
    let mut mechanisms: Vec<_> = Mechanism::ALL
        .into_iter()
        .filter(|mechanism| mechanism.wants_token() == token)
        .filter(|mechanism| token || credentials.act_as.is_none() || mechanism.can_act_as())
        .filter(|mechanism| capabilities.has_mechanism(mechanism.name().as_bytes()))
        .collect();
    // Stable: the order among the others stays.
    match private {
        true => mechanisms.sort_by_key(|mechanism| *mechanism != Mechanism::Plain),
        false => mechanisms.sort_by_key(|mechanism| matches!(mechanism, Mechanism::Plain | Mechanism::Login)),
    }
    mechanisms
}

/// The first of [`candidates`]. `None`: the LOGIN command may still do, unless LOGINDISABLED is announced.
pub fn choose(capabilities: &Capabilities, credentials: &Credentials, private: bool) -> Option<Mechanism> {
    candidates(capabilities, credentials, private).first().copied()
}
