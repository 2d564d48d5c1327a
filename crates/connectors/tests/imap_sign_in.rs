//! Signing in with the IMAP connector: mechanisms, TLS in all its ways to fail, tokens, signing in for others.
#![allow(clippy::unwrap_used, reason = "what fails here is the test")]

mod imap_common;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use imap_common::{settings, tls_settings};
use limosa_connectors::imap::{
    Fingerprint, ImapConnector, ImapSettings, LoginAs, SecretSource, Security, TokenSource, Trust,
};
use limosa_lab::{Certificate, CourierOptions, CyrusOptions, DovecotOptions, Lab, Server};
use limosa_model::{Connector, ConnectorError, ErrorKind, Retry, Scope};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject;
use secrecy::SecretString;
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};

async fn dovecot(mut options: DovecotOptions) -> Server {
    // Refusals are made slow against guessing; here they are what is tested.
    let penalty = "service anvil {\n  unix_listener anvil-auth-penalty {\n    mode = 0\n  }\n}\n";
    options.extra.push_str(&format!("auth_failure_delay = 0\n{penalty}"));
    let server = Lab::shared().await.unwrap().dovecot(options).await.unwrap();
    server.add_user("alice", "secret").await.unwrap();
    server
}

fn password(password: &str) -> SecretSource {
    SecretSource::Password(SecretString::from(password))
}

/// Signs in and looks around.
async fn works(settings: ImapSettings) {
    let connector = ImapConnector::new(settings).unwrap();
    let mut mailbox = connector.open().await.unwrap();
    assert!(mailbox.survey().await.unwrap().folders[0].path.is_inbox());
    mailbox.close().await;
}

async fn fails(settings: ImapSettings) -> ConnectorError {
    match ImapConnector::new(settings).unwrap().open().await {
        Ok(_) => panic!("it should not have worked"),
        Err(error) => error,
    }
}

#[tokio::test]
async fn each_mechanism_works_on_a_real_server() {
    for mechanism in ["plain", "login", "cram-md5", "scram-sha-1", "scram-sha-256"] {
        let server = dovecot(DovecotOptions { mechanisms: mechanism.into(), ..DovecotOptions::default() }).await;
        works(settings(&server, "alice")).await;
        works(tls_settings(&server, "alice")).await;
        let error = fails(ImapSettings { secret: password("wrong"), ..settings(&server, "alice") }).await;
        assert_eq!(error.kind(), ErrorKind::SignIn, "{mechanism}");
    }
}

#[tokio::test]
async fn cyrus_and_courier_let_us_in() {
    let lab = Lab::shared().await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions::default()).await.unwrap();
    let courier = lab.courier(CourierOptions::default()).await.unwrap();
    cyrus.add_user("alice", "secret").await.unwrap();
    works(start_tls(&cyrus)).await;
    for server in [&cyrus, &courier] {
        server.add_user("alice", "secret").await.unwrap();
        works(settings(server, "alice")).await;
        works(tls_settings(server, "alice")).await;
        let error = fails(ImapSettings { secret: password("wrong"), ..settings(server, "alice") }).await;
        assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::SignIn, Scope::Mailbox, Retry::Never));
    }
}

#[tokio::test]
async fn a_wrong_password_is_the_mailboxs_error_and_says_what_to_do() {
    let server = dovecot(DovecotOptions::default()).await;
    let error = fails(ImapSettings { secret: password("wrong"), ..settings(&server, "alice") }).await;
    assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::SignIn, Scope::Mailbox, Retry::Never));
    assert!(error.to_string().contains("alice"), "{error}");
    assert!(error.hint_text().is_some());
    assert!(!format!("{error:?}").contains("wrong"), "{error:?}");
}

fn start_tls(server: &Server) -> ImapSettings {
    ImapSettings {
        host: "localhost".into(),
        port: server.imap_port(),
        security: Security::StartTls,
        ..tls_settings(server, "alice")
    }
}

#[tokio::test]
async fn tls_and_starttls_protect() {
    let server = dovecot(DovecotOptions { compress: true, ..DovecotOptions::default() }).await;
    works(tls_settings(&server, "alice")).await;
    works(start_tls(&server)).await;
    works(ImapSettings { compress: true, ..start_tls(&server) }).await;
    let error = fails(ImapSettings { trust: Trust::Platform, ..tls_settings(&server, "alice") }).await;
    assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::Tls, Scope::Endpoint, Retry::Never));
    let hint = error.hint_text().expect("a hint").to_owned();
    assert!(hint.contains(&fingerprint(&server).to_string()), "the hint tells the fingerprint to pin: {hint}");
}

fn fingerprint(server: &Server) -> Fingerprint {
    let certificate = CertificateDer::pem_file_iter(server.dir().join("cert.pem")).unwrap().next().unwrap().unwrap();
    Fingerprint(ring::digest::digest(&ring::digest::SHA256, &certificate).as_ref().try_into().unwrap())
}

#[tokio::test]
async fn a_pinned_certificate_is_believed_and_no_other() {
    let server = dovecot(DovecotOptions { certificate: Certificate::Expired, ..DovecotOptions::default() }).await;
    let pinned = fingerprint(&server);
    let pin = |fingerprint| ImapSettings {
        host: "127.0.0.1".into(),
        trust: Trust::Fingerprint(fingerprint),
        ..tls_settings(&server, "alice")
    };
    works(pin(pinned)).await;
    let mut other = pinned;
    other.0[31] ^= 1;
    let error = fails(pin(other)).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.to_string().contains(&pinned.to_string()), "{error}");
}

#[tokio::test]
async fn a_bad_certificate_is_told_for_what_it_is() {
    for (certificate, word) in [(Certificate::Expired, "expired"), (Certificate::WrongName, "another name")] {
        let server = dovecot(DovecotOptions { certificate, ..DovecotOptions::default() }).await;
        for settings in [tls_settings(&server, "alice"), start_tls(&server)] {
            let error = fails(settings).await;
            assert_eq!((error.kind(), error.scope(), error.retry()), (ErrorKind::Tls, Scope::Endpoint, Retry::Never));
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.hint_text().is_some());
        }
    }
}

#[tokio::test]
async fn a_ca_file_that_is_none_is_named() {
    let server = dovecot(DovecotOptions::default()).await;
    for path in [PathBuf::from("/nowhere/ca.pem"), server.dir().join("key.pem")] {
        let settings = ImapSettings { trust: Trust::CaFile(path.clone()), ..tls_settings(&server, "alice") };
        let Err(error) = ImapConnector::new(settings) else { panic!("{} was read", path.display()) };
        assert_eq!(error.kind(), ErrorKind::LocalIo);
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

#[tokio::test]
async fn the_wrong_kind_of_port_is_recognised() {
    let server = dovecot(DovecotOptions::default()).await;
    let error = fails(ImapSettings { port: server.imap_port(), ..tls_settings(&server, "alice") }).await;
    assert_eq!(error.kind(), ErrorKind::Tls);
    assert!(error.hint_text().unwrap().contains("STARTTLS"), "{error:?}");
    let mut plain = ImapSettings { port: server.imaps_port(), ..settings(&server, "alice") };
    plain.timeouts.connect = std::time::Duration::from_secs(1);
    let error = fails(plain).await;
    assert!(matches!(error.kind(), ErrorKind::TimedOut | ErrorKind::ConnectionLost | ErrorKind::Protocol), "{error:?}");
    assert!(error.hint_text().unwrap().contains("imaps"), "{error:?}");
}

#[tokio::test]
async fn passwords_go_under_tls_only_where_the_server_wants_it_so() {
    let options = DovecotOptions { require_tls: true, mechanisms: "plain login".into(), ..DovecotOptions::default() };
    let server = dovecot(options).await;
    let error = fails(settings(&server, "alice")).await;
    assert_eq!(error.kind(), ErrorKind::NoMechanism);
    assert!(error.hint_text().unwrap().contains("STARTTLS"), "{error:?}");
    let pin = ImapSettings {
        host: server.host().to_string(),
        trust: Trust::Fingerprint(fingerprint(&server)),
        ..start_tls(&server)
    };
    works(pin).await;
}

/// What somebody put in front of the TLS handshake is not taken for the server's word.
#[tokio::test]
async fn what_was_said_before_tls_is_forgotten() {
    let server = dovecot(DovecotOptions::default()).await;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let behind = server.imap_address();
    let meddler = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut server = tokio::net::TcpStream::connect(behind).await.unwrap();
        let mut buffer = [0; 4096];
        let mut asked = false;
        loop {
            let from = if asked { &mut server } else { &mut client };
            if !asked {
                // The greeting first.
                let count = server.read(&mut buffer).await.unwrap();
                client.write_all(&buffer[..count]).await.unwrap();
                let count = client.read(&mut buffer).await.unwrap();
                assert!(buffer[..count].ends_with(b"STARTTLS\r\n"));
                server.write_all(&buffer[..count]).await.unwrap();
                asked = true;
                continue;
            }
            let count = from.read(&mut buffer).await.unwrap();
            let mut answer = buffer[..count].to_vec();
            answer.extend_from_slice(b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\n* BYE injected\r\n");
            client.write_all(&answer).await.unwrap();
            break;
        }
        drop(copy_bidirectional(&mut client, &mut server).await);
    });
    let connector = ImapConnector::new(ImapSettings { port, ..start_tls(&server) }).unwrap();
    let mut mailbox = connector.open().await.unwrap();
    let survey = mailbox.survey().await.unwrap();
    assert!(survey.capabilities.len() > 5, "the real ones: {:?}", survey.capabilities);
    mailbox.close().await;
    meddler.abort();
}

#[tokio::test]
async fn an_administrator_signs_in_for_the_owner() {
    let server = dovecot(DovecotOptions::default()).await;
    server.client("alice", "secret").await.unwrap().command("CREATE Hers").await.unwrap();
    let (admin, secret) = server.master().unwrap();
    let admin = admin.to_owned();
    for login_as in
        [LoginAs::AuthorizationId { admin: admin.clone() }, LoginAs::Master { admin: admin.clone(), separator: '*' }]
    {
        let settings =
            ImapSettings { login_as: Some(login_as.clone()), secret: password(secret), ..settings(&server, "alice") };
        let connector = ImapConnector::new(settings.clone()).unwrap();
        assert!(connector.account().contains("alice@"), "{}", connector.account());
        let mut mailbox = connector.open().await.unwrap();
        let survey = mailbox.survey().await.unwrap();
        assert!(survey.folders.iter().any(|folder| folder.name == "Hers"), "{login_as:?}");
        let error = fails(ImapSettings { secret: password("secret"), ..settings }).await;
        assert_eq!(error.kind(), ErrorKind::SignIn, "the owner's password is not the administrator's");
    }
    let cyrus = Lab::shared().await.unwrap().cyrus(CyrusOptions::default()).await.unwrap();
    cyrus.add_user("alice", "secret").await.unwrap();
    let (admin, secret) = cyrus.master().unwrap();
    let login_as = Some(LoginAs::AuthorizationId { admin: admin.into() });
    works(ImapSettings { login_as, secret: password(secret), ..tls_settings(&cyrus, "alice") }).await;
}

/// Gives one token after the other.
struct Tokens {
    tokens: Vec<&'static str>,
    asked: AtomicUsize,
}

impl Tokens {
    fn new(tokens: &[&'static str]) -> Arc<Self> {
        Arc::new(Self { tokens: tokens.to_vec(), asked: AtomicUsize::new(0) })
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn fresh(&self) -> Result<SecretString, String> {
        let number = self.asked.fetch_add(1, Ordering::Relaxed);
        self.tokens.get(number).map(|token| SecretString::from(*token)).ok_or_else(|| "no more tokens".into())
    }
}

#[tokio::test]
async fn a_token_that_has_expired_is_replaced_once() {
    for mechanism in ["xoauth2", "oauthbearer"] {
        let server = dovecot(DovecotOptions { mechanisms: mechanism.into(), ..DovecotOptions::default() }).await;
        server.set_token("alice", Some("good-token")).await.unwrap();
        let with = |tokens: &Arc<Tokens>| ImapSettings {
            secret: SecretSource::Token(tokens.clone()),
            ..tls_settings(&server, "alice")
        };
        let tokens = Tokens::new(&["good-token"]);
        let connector = ImapConnector::new(with(&tokens)).unwrap();
        for _ in 0..2 {
            connector.open().await.unwrap().close().await;
        }
        assert_eq!(tokens.asked.load(Ordering::Relaxed), 1, "one token for all connections");

        let tokens = Tokens::new(&["expired-token", "good-token"]);
        works(with(&tokens)).await;
        assert_eq!(tokens.asked.load(Ordering::Relaxed), 2);

        let tokens = Tokens::new(&["expired-token", "other-token", "good-token"]);
        let error = fails(with(&tokens)).await;
        assert_eq!((error.kind(), error.retry()), (ErrorKind::SignIn, Retry::Never));
        assert_eq!(tokens.asked.load(Ordering::Relaxed), 2, "a fresh token is tried once");
        assert!(!format!("{error:?}").contains("-token"), "{error:?}");

        let error = fails(with(&Tokens::new(&[]))).await;
        assert!(error.to_string().contains("no more tokens"), "{error}");
    }
}

#[tokio::test]
async fn a_token_is_of_no_use_to_a_server_without_oauth() {
    let server = dovecot(DovecotOptions { mechanisms: "plain".into(), ..DovecotOptions::default() }).await;
    let secret = SecretSource::Token(Tokens::new(&["good-token"]));
    let error = fails(ImapSettings { secret, ..settings(&server, "alice") }).await;
    assert_eq!(error.kind(), ErrorKind::NoMechanism);
}

#[tokio::test]
async fn more_connections_than_the_server_allows_are_a_throttle() {
    let server = dovecot(DovecotOptions { max_connections_per_user: 1, ..DovecotOptions::default() }).await;
    let connector = ImapConnector::new(settings(&server, "alice")).unwrap();
    let mut first = connector.open().await.unwrap();
    let Err(error) = connector.open().await else { panic!("a second connection") };
    assert_eq!(error.kind(), ErrorKind::Throttled, "{error:?}");
    assert!(matches!(error.retry(), Retry::After(_)));
    first.survey().await.unwrap();
}

#[tokio::test]
async fn nobody_there_is_told_with_host_and_port() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let mut settings = ImapSettings::new("127.0.0.1", Security::None, "alice", password("secret"));
    settings.port = port;
    let error = fails(settings).await;
    assert_eq!((error.kind(), error.scope()), (ErrorKind::Unreachable, Scope::Endpoint));
    assert!(error.to_string().contains(&format!("127.0.0.1:{port}")), "{error}");
}
