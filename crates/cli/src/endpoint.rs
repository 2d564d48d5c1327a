//! Endpoints as they are typed: `imaps://user@host:port`, `imap://…`, `maildir:PATH`. Pure.

use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use percent_encoding::percent_decode_str;
use url::Host;

use crate::failure::Usage;

/// Where a mailbox is, without secrets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// A mailbox on an IMAP server.
    Imap(ImapAddress),
    /// A Maildir++ folder tree on this machine.
    Maildir(PathBuf),
}

/// A mailbox on an IMAP server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ImapAddress {
    /// The mailbox's owner, decoded.
    pub user: String,
    pub host: Host,
    pub port: u16,
    pub encryption: Encryption,
}

/// How the connection is protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encryption {
    /// TLS from the first byte.
    Tls,
    /// STARTTLS, required.
    StartTls,
    /// None at all.
    Cleartext,
}

impl Endpoint {
    /// Reads an endpoint. Cleartext to other machines is refused unless `allow_cleartext`.
    ///
    /// # Errors
    /// If it is none. The error never holds what may be a password.
    pub fn parse(text: &str, allow_cleartext: bool) -> Result<Self, Usage> {
        if let Some(path) = text.strip_prefix("maildir:") {
            return maildir(path);
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            // Not repeated: what is not understood may hold a secret.
            return Err(Usage::new("an endpoint is not a URL").hint(FORMS));
        };
        refuse_password(rest)?;
        let encryption = match scheme {
            "imaps" => Encryption::Tls,
            "imap" => Encryption::StartTls,
            other => {
                return Err(Usage::new(format!("endpoints of kind \"{other}\" are not known")).hint(FORMS));
            }
        };
        let address = imap(rest, encryption)?;
        if address.encryption == Encryption::Cleartext && !allow_cleartext && !address.is_loopback() {
            return Err(Usage::new(format!(
                "tls=none would send mail and password to {} for all to read",
                address.host
            ))
            .hint("use imaps:// or imap:// with STARTTLS; or, in a network that you trust, --allow-cleartext"));
        }
        Ok(Self::Imap(address))
    }
}

const FORMS: &str = "write imaps://user@host[:port], imap://user@host[:port] or maildir:PATH";

/// Whether this argument is a URL with a password in it. Looks at any argument, understood or not, so that no later
/// message can repeat it.
pub fn holds_password(argument: &str) -> bool {
    argument.split_once("://").is_some_and(|(_, rest)| refuse_password(rest).is_err())
}

/// A password may hold any character, `/` and `?` too, so everything before the last `@` counts as user and password.
fn refuse_password(rest: &str) -> Result<(), Usage> {
    let has_password = rest.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'));
    if has_password {
        return Err(Usage::password_in_url());
    }
    Ok(())
}

fn maildir(path: &str) -> Result<Endpoint, Usage> {
    // `maildir:///var/mail/alice` means what it says: an empty host and an absolute path.
    let path = match path.strip_prefix("//") {
        Some(rest) if rest.starts_with('/') => rest,
        Some(_) => return Err(Usage::new("maildir: takes a path, not a host").hint("write maildir:/var/mail/alice")),
        None => path,
    };
    if path.is_empty() {
        return Err(Usage::new("maildir: needs a path").hint("write maildir:/var/mail/alice"));
    }
    Ok(Endpoint::Maildir(PathBuf::from(path)))
}

fn imap(rest: &str, encryption: Encryption) -> Result<ImapAddress, Usage> {
    let Some((user, server)) = rest.rsplit_once('@') else {
        return Err(Usage::new("the endpoint names no user").hint("write imaps://user@host"));
    };
    let user = decode_user(user)?;
    let (server, query) = server.split_once('?').unwrap_or((server, ""));
    let encryption = read_query(query, encryption)?;
    let server = server.strip_suffix('/').unwrap_or(server);
    if server.contains(['/', '#']) {
        return Err(Usage::new("an IMAP endpoint has no path after its host")
            .hint("choose folders with --only, --exclude and --map"));
    }
    let (host, port) = split_port(server)?;
    let host = read_host(host)?;
    let port = port.unwrap_or(match encryption {
        Encryption::Tls => 993,
        Encryption::StartTls | Encryption::Cleartext => 143,
    });
    Ok(ImapAddress { user, host, port, encryption })
}

fn decode_user(user: &str) -> Result<String, Usage> {
    let wrong = |what: &str| Usage::new(format!("the user of an endpoint {what}"));
    let mut rest = user;
    while let Some((_, after)) = rest.split_once('%') {
        if !after.as_bytes().get(..2).is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
            return Err(wrong("has a % without two hex digits after it").hint("write %25 for the sign % itself"));
        }
        rest = after;
    }
    let Ok(user) = percent_decode_str(user).decode_utf8() else {
        return Err(wrong("is not UTF-8").hint("write %25 for the sign % itself"));
    };
    if user.is_empty() {
        return Err(wrong("is empty").hint("write imaps://user@host"));
    }
    if user.chars().any(char::is_control) {
        return Err(wrong("holds control characters"));
    }
    Ok(user.into_owned())
}

fn read_query(query: &str, encryption: Encryption) -> Result<Encryption, Usage> {
    let mut encryption = encryption;
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        encryption = match (key, value, encryption) {
            ("tls", "none", Encryption::Tls) => {
                return Err(Usage::new("imaps:// is TLS, and tls=none contradicts it").hint("write imap://…?tls=none"));
            }
            ("tls", "none", _) => Encryption::Cleartext,
            ("tls", _, _) => return Err(Usage::new("tls= takes the value none only")),
            _ => {
                return Err(
                    Usage::new(format!("endpoints know no \"{key}=\"")).hint("after ? only tls=none is understood")
                );
            }
        };
    }
    Ok(encryption)
}

/// Splits `host:port`, `[v6]:port` and a bare IPv6 address.
fn split_port(server: &str) -> Result<(&str, Option<u16>), Usage> {
    let bare_v6 = server.matches(':').count() > 1 && !server.starts_with('[');
    if bare_v6 {
        return Err(
            Usage::new("an IPv6 address in an endpoint needs brackets").hint("write imaps://user@[2001:db8::1]:993")
        );
    }
    let split = match server.rfind(']') {
        Some(end) => server[end + 1..].strip_prefix(':').map(|port| (&server[..=end], port)),
        None => server.split_once(':'),
    };
    let Some((host, port)) = split else { return Ok((server, None)) };
    match port.parse::<u16>() {
        Ok(port) if port > 0 => Ok((host, Some(port))),
        _ => Err(Usage::new(format!("\"{port}\" is not a port")).hint("a port is a number from 1 to 65535")),
    }
}

fn read_host(host: &str) -> Result<Host, Usage> {
    if host.is_empty() {
        return Err(Usage::new("the endpoint names no host").hint("write imaps://user@host"));
    }
    Host::parse(host).map_err(|error| Usage::new(format!("\"{host}\" is not a host: {error}")))
}

impl ImapAddress {
    /// Whether the host is this machine.
    pub fn is_loopback(&self) -> bool {
        match &self.host {
            Host::Domain(name) => name == "localhost" || name.ends_with(".localhost"),
            Host::Ipv4(address) => Ipv4Addr::is_loopback(address),
            Host::Ipv6(address) => Ipv6Addr::is_loopback(address),
        }
    }
}

/// As a person types it, so that it can be typed again.
impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = match self {
            Self::Maildir(path) => return write!(f, "maildir:{}", path.display()),
            Self::Imap(address) => address,
        };
        let (scheme, query, usual) = match address.encryption {
            Encryption::Tls => ("imaps", "", 993),
            Encryption::StartTls => ("imap", "", 143),
            Encryption::Cleartext => ("imap", "?tls=none", 143),
        };
        let user = address.user.replace('%', "%25").replace(':', "%3A");
        write!(f, "{scheme}://{user}@{}", address.host)?;
        if address.port != usual {
            write!(f, ":{}", address.port)?;
        }
        f.write_str(query)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn imap(text: &str) -> ImapAddress {
        match Endpoint::parse(text, true) {
            Ok(Endpoint::Imap(address)) => address,
            other => panic!("{text}: {other:?}"),
        }
    }

    fn refused(text: &str) -> String {
        Endpoint::parse(text, false).expect_err(text).what().to_owned()
    }

    #[test]
    fn the_three_kinds_of_protection() {
        for (text, encryption, port) in [
            ("imaps://a@h", Encryption::Tls, 993),
            ("imap://a@h", Encryption::StartTls, 143),
            ("imap://a@h?tls=none", Encryption::Cleartext, 143),
            ("imap://a@h:1143/?tls=none", Encryption::Cleartext, 1143),
        ] {
            let address = imap(text);
            assert_eq!((address.encryption, address.port), (encryption, port), "{text}");
        }
    }

    #[test]
    fn the_last_at_sign_ends_the_user() {
        assert_eq!(imap("imaps://alice@example.org@host").user, "alice@example.org");
        assert_eq!(imap("imaps://alice%40example.org@host").user, "alice@example.org");
        assert_eq!(imap("imaps://100%25@host").user, "100%");
        assert_eq!(imap("imaps://j%C3%BCrgen@host").user, "jürgen");
    }

    #[test]
    fn hosts_of_every_kind() {
        assert_eq!(imap("imaps://a@Old.EXAMPLE:1993").host.to_string(), "old.example");
        assert_eq!(imap("imaps://a@[2001:db8::1]:1993").port, 1993);
        assert_eq!(imap("imaps://a@[::1]").host.to_string(), "[::1]");
        assert_eq!(imap("imaps://a@münchen.example").host.to_string(), "xn--mnchen-3ya.example");
    }

    #[test]
    fn cleartext_stays_on_this_machine_unless_allowed() {
        for host in ["localhost", "127.0.0.1", "127.3.2.1", "[::1]", "a.localhost"] {
            let text = format!("imap://a@{host}?tls=none");
            assert!(Endpoint::parse(&text, false).is_ok(), "{text}");
        }
        assert!(refused("imap://a@old.example?tls=none").contains("for all to read"));
        assert!(refused("imap://a@localhost.example?tls=none").contains("for all to read"));
        assert!(Endpoint::parse("imap://a@old.example?tls=none", true).is_ok());
    }

    #[test]
    fn a_password_is_refused_and_never_repeated() {
        for text in [
            "imaps://alice:hunter2@host",
            "imaps://alice:hun/ter2?x@host",
            "imaps://alice@example.org:hunter2@host",
            "imaps://alice:hunter2%40@host:993/",
            "https://alice:hunter2@host",
        ] {
            assert!(holds_password(text), "{text}");
            let error = Endpoint::parse(text, true).expect_err(text);
            assert!(!format!("{error:?}").contains("hun"), "{error:?}");
        }
        for text in ["imaps://alice@host:993", "imaps://alice@[::1]:993", "maildir:/a:b@c", "INBOX=a:b@c"] {
            assert!(!holds_password(text), "{text}");
        }
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for (text, what) in [
            ("alice@host", "not a URL"),
            ("pop3://alice@host", "not known"),
            ("imaps://host", "no user"),
            ("imaps://@host", "is empty"),
            ("imaps://alice@", "no host"),
            ("imaps://alice@host:0", "not a port"),
            ("imaps://alice@host:imap", "not a port"),
            ("imaps://alice@::1", "brackets"),
            ("imaps://alice@host/INBOX", "no path"),
            ("imaps://alice@host?tls=none", "contradicts"),
            ("imap://alice@host?tls=starttls", "none only"),
            ("imap://alice@host?compress=1", "know no"),
            ("imaps://al%ice@host", "hex digits"),
            ("imaps://a%00b@host", "control"),
            ("imaps://a%ff@host", "UTF-8"),
            ("imaps://alice@ho st", "not a host"),
            ("maildir:", "needs a path"),
            ("maildir://host/path", "not a host"),
        ] {
            assert!(refused(text).contains(what), "{text}: {}", refused(text));
        }
    }

    #[test]
    fn a_maildir_is_a_path() {
        assert_eq!(Endpoint::parse("maildir:a b", false).ok(), Some(Endpoint::Maildir("a b".into())));
        assert_eq!(Endpoint::parse("maildir:///x", false).ok(), Some(Endpoint::Maildir("/x".into())));
    }

    #[test]
    fn an_endpoint_is_read_back_from_its_display() {
        for text in [
            "imaps://alice@example.org@host",
            "imap://a%25b%3Ac@[::1]:1143?tls=none",
            "imap://a@host",
            "maildir:/var/mail",
        ] {
            let endpoint = Endpoint::parse(text, true).expect(text);
            assert_eq!(endpoint.to_string(), text);
        }
    }
}
