//! How a connection comes to be signed in: greeting, TLS, capabilities, SASL, compression.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use limosa_imap::command::Command;
use limosa_imap::quirk::Quirks;
use limosa_imap::response::{Code, Condition, Status, Untagged};
use limosa_imap::sasl::{self, Credentials, Exchange, Mechanism, SaslError, Secret};
use limosa_model::{ConnectorError, ErrorKind, Meter, Retry, Scope};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Mutex;

use super::connect::connect;
use super::connection::{Connection, Done, Incoming};
use super::error::{Place, Reason, words_for_people};
use super::settings::{ImapSettings, LoginAs, SecretSource, Security, TokenSource};
use super::tls::TlsSetup;

type Result<T> = std::result::Result<T, ConnectorError>;

/// A token that all connections of a connector use until it is refused.
#[derive(Default)]
pub(crate) struct SharedToken(Mutex<Option<SecretString>>);

impl SharedToken {
    /// The token in use, or a fresh one. `refused` is one that the server did not take.
    async fn get(
        &self,
        source: &dyn TokenSource,
        refused: Option<&SecretString>,
        place: &Place,
    ) -> Result<SecretString> {
        let mut current = self.0.lock().await;
        let same = |token: &SecretString| refused.is_some_and(|old| old.expose_secret() == token.expose_secret());
        // Another connection may have brought a fresh one meanwhile.
        if let Some(token) = current.clone().filter(|token| !same(token)) {
            return Ok(token);
        }
        let token = source.fresh().await.map_err(|what| {
            let text = format!("no access token for {} on {}: {what}", place.user, place.server());
            ConnectorError::new(Scope::Mailbox, Retry::Never, ErrorKind::SignIn, text)
                .hint("run the token command by hand to see what it says")
        })?;
        *current = Some(token.clone());
        Ok(token)
    }
}

/// Opens a connection and signs in on it.
pub(crate) async fn sign_in(
    settings: &ImapSettings,
    place: &Arc<Place>,
    tls: Option<&TlsSetup>,
    token: &SharedToken,
    meter: &Meter,
) -> Result<Connection> {
    let mut stream = connect(place, &settings.timeouts, meter).await?;
    if let (Security::Tls, Some(tls)) = (settings.security, tls) {
        stream = stream.start_tls(tls, settings.security, place, &settings.timeouts).await?;
    }
    let mut connection = Connection::new(stream, place.clone(), meter.clone(), settings.timeouts.answer);
    let preauthenticated = greeting(&mut connection, settings).await?;
    if let (Security::StartTls, Some(tls)) = (settings.security, tls) {
        start_tls(&mut connection, settings, tls, preauthenticated).await?;
    }
    connection.learn_capabilities().await?;
    if !preauthenticated {
        authenticate(&mut connection, settings, token).await?;
        connection.learn_capabilities().await?;
    }
    if settings.compress && connection.capabilities.compress_deflate() {
        let done = connection.run(&Command::Compress, drop).await?;
        if done.is_ok() {
            connection.compress();
        }
    }
    connection.signed_in = true;
    prepare(&mut connection);
    Ok(connection)
}

/// Asks for what every use of the connection needs; it goes out with the first real command.
fn prepare(connection: &mut Connection) {
    let quirks = Quirks::detect(connection.greeting.as_bytes(), &connection.id, &connection.capabilities);
    let offers = |name: &[u8]| quirks.can_use(&connection.capabilities, name);
    let extension = match (offers(b"ENABLE"), offers(b"QRESYNC"), offers(b"CONDSTORE")) {
        (true, true, _) => Some("QRESYNC"),
        (true, false, true) => Some("CONDSTORE"),
        _ => None,
    };
    let (id, namespace) = (offers(b"ID"), offers(b"NAMESPACE"));
    if let Some(extension) = extension {
        connection.send_along(&Command::Enable(&[extension]));
    }
    if id {
        connection.send_along(&Command::Id(&[("name", "limosa"), ("version", env!("CARGO_PKG_VERSION"))]));
    }
    if namespace {
        connection.send_along(&Command::Namespace);
    }
}

/// Reads the greeting; whether we are signed in already (PREAUTH).
async fn greeting(connection: &mut Connection, settings: &ImapSettings) -> Result<bool> {
    let place = connection.place.clone();
    let limit = settings.timeouts.connect;
    let first = tokio::time::timeout(limit, connection.next()).await;
    let other_security = match settings.security {
        Security::Tls => "if this port begins without TLS, use STARTTLS (imap://), usually on port 143",
        _ => "if this port speaks TLS from the start, use imaps://, usually on port 993",
    };
    let not_imap = |what: String| {
        let text = format!("{} is not an IMAP server: {what}", place.server());
        ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::Protocol, text)
            .hint(format!("check that {} is the port of IMAP; {other_security}", place.port))
    };
    match first {
        Err(_) => {
            let text = format!("{} has sent no greeting within {} s", place.server(), limit.as_secs());
            Err(ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::TimedOut, text).hint(other_security))
        }
        Ok(Err(error)) if error.kind() == ErrorKind::Protocol => {
            Err(not_imap("what it says first is no greeting".into()).because(error))
        }
        Ok(Err(error)) if error.kind() == ErrorKind::ConnectionLost => {
            let text = format!("{} ended the connection before its greeting", place.server());
            Err(ConnectorError::new(Scope::Endpoint, Retry::Now, ErrorKind::ConnectionLost, text)
                .hint(other_security)
                .because(error))
        }
        Ok(Err(error)) => Err(error),
        Ok(Ok(Incoming::Data(Untagged::Condition { kind, text, .. }))) => {
            connection.greeting = words_for_people(&text);
            if connection.greeting.is_empty() {
                connection.greeting = "IMAP server".into();
            }
            match kind {
                Condition::Ok => Ok(false),
                Condition::Preauth => Ok(true),
                _ => Err(place.turned_away(&text)),
            }
        }
        Ok(Ok(Incoming::Data(Untagged::Unknown { name, .. }))) => {
            Err(not_imap(format!("it begins with \"{}\"", words_for_people(&name))))
        }
        Ok(Ok(_)) => Err(not_imap("what it says first is no greeting".into())),
    }
}

async fn start_tls(
    connection: &mut Connection,
    settings: &ImapSettings,
    tls: &TlsSetup,
    preauthenticated: bool,
) -> Result<()> {
    let place = connection.place.clone();
    let refused = |what: String| {
        let text = format!("{} offers no TLS on this port: {what}", place.server());
        ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::TlsRefused, text)
            .hint("try imaps://, usually on port 993; nothing was sent that could be overheard")
    };
    if preauthenticated {
        return Err(refused("it claims that we are signed in already".into()));
    }
    if !connection.capabilities.is_empty() && !connection.capabilities.has(b"STARTTLS") {
        return Err(refused("STARTTLS is not among its capabilities".into()));
    }
    let done = connection.run(&Command::StartTls, drop).await?;
    if !done.is_ok() {
        return Err(refused(format!("STARTTLS was answered \"{}\"", words_for_people(&done.text))));
    }
    let stream = connection.take_stream();
    let stream = stream.start_tls(tls, settings.security, &place, &settings.timeouts).await?;
    connection.set_stream(stream);
    connection.forget_all();
    Ok(())
}

async fn authenticate(connection: &mut Connection, settings: &ImapSettings, token: &SharedToken) -> Result<()> {
    let place = connection.place.clone();
    let source = match &settings.secret {
        SecretSource::Password(password) => {
            let credentials = credentials(settings, Secret::Password(password.clone()));
            return match attempt(connection, settings, &credentials).await? {
                Ok(()) => Ok(()),
                Err(done) => Err(refusal(&place, &done, settings)),
            };
        }
        SecretSource::Token(source) => source,
    };
    let mut refused: Option<SecretString> = None;
    loop {
        let current = token.get(source.as_ref(), refused.as_ref(), &place).await?;
        let credentials = credentials(settings, Secret::Token(current.clone()));
        match attempt(connection, settings, &credentials).await? {
            Ok(()) => return Ok(()),
            // It may just have expired.
            Err(_) if refused.is_none() => refused = Some(current),
            Err(done) => return Err(refusal(&place, &done, settings)),
        }
    }
}

fn credentials(settings: &ImapSettings, secret: Secret) -> Credentials {
    let owner = settings.user.clone();
    let (user, act_as) = match &settings.login_as {
        None => (owner, None),
        Some(LoginAs::AuthorizationId { admin }) => (admin.clone(), Some(owner)),
        Some(LoginAs::Master { admin, separator }) => (format!("{owner}{separator}{admin}"), None),
    };
    Credentials { user, act_as, secret }
}

/// Tries the mechanisms that fit; the inner error is the server's refusal of the credentials.
async fn attempt(
    connection: &mut Connection,
    settings: &ImapSettings,
    credentials: &Credentials,
) -> Result<std::result::Result<(), Done>> {
    let encrypted = settings.security != Security::None;
    let private = encrypted || is_local(&settings.host);
    let mut mechanisms = sasl::candidates(&connection.capabilities, credentials, private);
    let mut last_refusal: Option<Done> = None;
    while !mechanisms.is_empty() {
        let mechanism = mechanisms.remove(0);
        let done = match (exchange(connection, mechanism, credentials).await, last_refusal.take()) {
            (Ok(done), _) => done,
            // Some servers hang up after the first refusal: that one says more.
            (Err(error), Some(refusal)) if error.kind() == ErrorKind::ConnectionLost => return Ok(Err(refusal)),
            (Err(error), _) => return Err(error),
        };
        if done.is_ok() {
            return Ok(Ok(()));
        }
        // A server may offer SCRAM or CRAM-MD5 although it keeps this password in another form. Anything else that is
        // refused is refused for good: wrong passwords are counted, and accounts locked.
        let hides_password = matches!(mechanism, Mechanism::ScramSha1 | Mechanism::ScramSha256 | Mechanism::CramMd5);
        match done.status {
            Status::Bad => {}
            _ if !may_be_the_mechanisms_fault(&done) => return Ok(Err(done)),
            _ if hides_password => mechanisms.retain(|next| matches!(next, Mechanism::Plain | Mechanism::Login)),
            _ => return Ok(Err(done)),
        }
        last_refusal = Some(done);
    }
    let Secret::Password(password) = &credentials.secret else {
        return last_refusal.map(Err).ok_or_else(|| no_mechanism(connection, encrypted));
    };
    if credentials.act_as.is_some() || connection.capabilities.has(b"LOGINDISABLED") {
        return last_refusal.map(Err).ok_or_else(|| no_mechanism(connection, encrypted));
    }
    if let Some(done) = last_refusal.filter(|done| done.status == Status::No) {
        return Ok(Err(done));
    }
    connection.forget_capabilities();
    let mut done = connection.run(&Command::Login { user: &credentials.user, password }, drop).await?;
    let mut said = Said::new(credentials);
    said.add(password.expose_secret().replace('\\', "\\\\").replace('"', "\\\"").as_bytes());
    said.hide_in(&mut done);
    Ok(if done.is_ok() { Ok(()) } else { Err(done) })
}

/// Whether what is sent to that host stays on this machine.
fn is_local(host: &str) -> bool {
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

/// Whether another mechanism may work where this one was refused.
fn may_be_the_mechanisms_fault(done: &Done) -> bool {
    let code_says_otherwise = matches!(
        done.code,
        Some(
            Code::Limit
                | Code::Unavailable
                | Code::InUse
                | Code::ServerBug
                | Code::Throttled
                | Code::Expired
                | Code::AuthorizationFailed
                | Code::PrivacyRequired
        )
    );
    !code_says_otherwise && !matches!(done.refusal().reason, Reason::Throttled)
}

fn no_mechanism(connection: &Connection, encrypted: bool) -> ConnectorError {
    let offered: Vec<_> = connection.capabilities.mechanisms().map(String::from_utf8_lossy).collect();
    let offered = if offered.is_empty() { "none".to_owned() } else { offered.join(", ") };
    let text = format!("{} offers no way to sign in that fits (offered: {offered})", connection.place.server());
    ConnectorError::new(Scope::Endpoint, Retry::Never, ErrorKind::NoMechanism, text).hint(if encrypted {
        "with a token the server must offer XOAUTH2 or OAUTHBEARER; signing in for others needs PLAIN"
    } else {
        "the server may take passwords under TLS only: use imaps:// or STARTTLS"
    })
}

/// One AUTHENTICATE, to its end.
async fn exchange(connection: &mut Connection, mechanism: Mechanism, credentials: &Credentials) -> Result<Done> {
    let place = connection.place.clone();
    let failed = |error: SaslError| {
        let text = format!("signing in to {} as {} by {mechanism} failed", place.server(), place.user);
        let kind = if error == SaslError::ServerNotAuthentic { ErrorKind::Protocol } else { ErrorKind::SignIn };
        ConnectorError::new(Scope::Mailbox, Retry::Never, kind, text).because(error)
    };
    let mut exchange = Exchange::new(mechanism, credentials).map_err(&failed)?;
    let initial = connection.capabilities.has(b"SASL-IR").then(|| exchange.initial()).flatten();
    connection.forget_capabilities();
    let command = Command::Authenticate { mechanism: mechanism.name(), initial: initial.as_deref() };
    let tag = connection.send(&command);
    let mut said = Said::new(credentials);
    initial.iter().for_each(|reply| said.add(&sasl::encode_reply(reply)));
    let mut broken = None;
    let mut first = initial.is_none();
    loop {
        match connection.next().await? {
            Incoming::Continue(text) if broken.is_none() => {
                let answer = match sasl::decode_challenge(&text) {
                    Some(challenge) => exchange.challenge(&challenge),
                    // Prose in place of the empty first challenge is common.
                    None if std::mem::take(&mut first) => exchange.challenge(b""),
                    None => Err(SaslError::Challenge { mechanism, what: "it is not base64" }),
                };
                match answer {
                    Ok(reply) => {
                        let line = sasl::encode_reply(&reply);
                        said.add(&line);
                        connection.push(tag, line.into());
                    }
                    Err(error) => {
                        connection.push(tag, Bytes::from_static(sasl::CANCEL));
                        broken = Some(error);
                    }
                }
                first = false;
            }
            Incoming::Done(mut done) if done.tag == tag => {
                said.hide_in(&mut done);
                if let Some(error) = broken {
                    return Err(failed(error));
                }
                if done.is_ok() {
                    exchange.finish().map_err(&failed)?;
                }
                return Ok(done);
            }
            _ => {}
        }
    }
}

/// What was said that nobody may read. There are servers that repeat the command which they did not understand.
struct Said(Vec<Vec<u8>>);

/// So many bytes of a secret in a row are no accident.
const STRETCH: usize = 12;

/// Of longer answers less than this is shown.
const LOOKED_AT: usize = 16 << 10;

impl Said {
    fn new(credentials: &Credentials) -> Self {
        let secret = match &credentials.secret {
            Secret::Password(secret) | Secret::Token(secret) => secret.expose_secret(),
        };
        Self(vec![secret.as_bytes().to_vec()])
    }

    fn add(&mut self, line: &[u8]) {
        let line = line.trim_ascii();
        // An empty reply, and one in base64 that is no longer than a word, tells nothing.
        if line.len() >= STRETCH {
            self.0.push(line.to_vec());
        }
    }

    /// Takes the words from an answer in which a secret, or a stretch of one, stands.
    fn hide_in(&self, done: &mut Done) {
        let words = &done.text[..done.text.len().min(LOOKED_AT)];
        let stands = |stretch: &[u8]| !stretch.is_empty() && memchr::memmem::find(words, stretch).is_some();
        if self.0.iter().any(|said| said.windows(STRETCH.min(said.len().max(1))).any(stands)) {
            done.text = Bytes::from_static(b"(not shown)");
        }
    }
}

/// What the server's NO means to a person.
fn refusal(place: &Place, done: &Done, settings: &ImapSettings) -> ConnectorError {
    let refusal = done.refusal();
    let words = &refusal.words;
    let text = format!("{} does not let {} sign in: \"{words}\"", place.server(), place.user);
    let error = |kind, retry| ConnectorError::new(Scope::Mailbox, retry, kind, text.clone());
    match (&done.code, refusal.reason) {
        // First, since servers give it other codes too.
        (Some(Code::Limit), _) | (_, Reason::Throttled) => place.throttled(words),
        (Some(Code::Unavailable | Code::InUse | Code::ServerBug), _) => error(ErrorKind::ServerFault, Retry::Now),
        (Some(Code::PrivacyRequired), _) => error(ErrorKind::TlsRefused, Retry::Never)
            .hint("use imaps:// or STARTTLS: the server takes passwords under TLS only"),
        (Some(Code::Expired), _) => {
            error(ErrorKind::SignIn, Retry::Never).hint("the password or token has expired: renew it")
        }
        (Some(Code::AuthorizationFailed), _) => {
            error(ErrorKind::SignIn, Retry::Never).hint("the administrator may not sign in for this mailbox")
        }
        _ => error(ErrorKind::SignIn, Retry::Never).hint(match (&settings.secret, &settings.login_as) {
            (SecretSource::Token(_), _) => "a fresh token was refused too: check its scope and whose it is",
            (_, Some(_)) => "check the administrator's name and password, and that he may sign in for others",
            (_, None) => "check user name and password; large providers want an app password or a token",
        }),
    }
}
