//! Against real servers: every way to sign in that can be typed, and what is said when it fails.

use limosa_lab::{Certificate, DovecotOptions, Lab, Server, Storage};

use crate::support::{Run, World};

const MESSAGES: u64 = 3;

async fn dovecot(options: DovecotOptions) -> Server {
    let server = Lab::shared().await.expect("a lab").dovecot(options).await.expect("a Dovecot");
    server.add_user("alice", "secret").await.expect("a user");
    server
}

async fn with_mail(server: &Server) {
    let mut client = server.client("alice", "secret").await.expect("a connection");
    for number in 1..=MESSAGES {
        let text = format!("Message-ID: <{number}@example.org>\r\nSubject: No. {number}\r\n\r\nHello\r\n");
        client.append("INBOX", "(\\Seen Work)", None, text.as_bytes()).await.expect("a message");
    }
}

fn tls(server: &Server) -> String {
    format!("imaps://alice@localhost:{}", server.imaps_port())
}

fn starttls(server: &Server) -> String {
    format!("imap://alice@localhost:{}", server.imap_port())
}

fn cleartext(server: &Server) -> String {
    format!("imap://alice@{}?tls=none", server.imap_address())
}

/// Checks the source with these options and with the password in its variable, if there is one.
fn check(world: &World, endpoint: &str, password: Option<&str>, options: &[&str]) -> Run {
    let mut arguments = vec!["check", endpoint, "--json"];
    arguments.extend(options);
    let mut command = world.command(&arguments);
    if let Some(password) = password {
        command.env("LIMOSA_SOURCE_PASSWORD", password);
    }
    Run::of(command.output().expect("the program runs"))
}

#[tokio::test]
async fn every_way_to_sign_in_can_be_typed() {
    let world = World::new();
    let server = dovecot(DovecotOptions::default()).await;
    with_mail(&server).await;
    server.set_token("alice", Some("token-1")).await.expect("a token");
    let (admin, admin_password) = server.master().expect("a master user");
    let ca = server.ca_file().display().to_string();
    let file = world.write("password", "secret\n").display().to_string();
    let signs_in = |endpoint: &str, password: Option<&str>, options: &[&str]| {
        let run = check(&world, endpoint, password, options).ends_with(0);
        assert_eq!(run.json()["total"]["messages"], MESSAGES, "{run:#?}");
        run.never_says("secret");
    };
    signs_in(&tls(&server), Some("secret"), &["--source-ca-file", &ca]);
    signs_in(&starttls(&server), None, &["--source-ca-file", &ca, "--source-password-file", &file]);
    signs_in(&cleartext(&server), Some("secret"), &["--source-connections", "1"]);
    signs_in(&cleartext(&server), None, &["--source-token-command", "echo token-1"]);
    signs_in(&cleartext(&server), Some(admin_password), &["--source-login-as", admin]);
    let master = ["--source-login-as", admin, "--source-login-form", "master"];
    signs_in(&cleartext(&server), Some(admin_password), &master);
}

#[track_caller]
fn fails(run: Run, code: &str, hint: &str) {
    let run = run.ends_with(1);
    assert_eq!(run.json()["error"]["code"], code, "{run:#?}");
    run.says_on_err("error: source imap://alice@");
    run.says_on_err("hint: ");
    run.says_on_err(hint);
    run.never_says("wrong-secret");
    run.never_says("\u{1b}");
}

#[tokio::test]
async fn what_cannot_work_says_why_and_what_to_do() {
    let world = World::new();
    let server = dovecot(DovecotOptions::default()).await;
    let ca = server.ca_file().display().to_string();
    fails(check(&world, &cleartext(&server), Some("wrong-secret"), &[]), "sign-in", "password");
    let other = "ab".repeat(32);
    fails(check(&world, &tls(&server), Some("secret"), &["--source-fingerprint", &other]), "tls", "fingerprint");
    let expired = dovecot(DovecotOptions { certificate: Certificate::Expired, ..DovecotOptions::default() }).await;
    fails(check(&world, &tls(&expired), Some("secret"), &["--source-ca-file", &ca]), "tls", "");
    // TLS is spoken to a port that speaks none.
    let crossed = format!("imaps://alice@localhost:{}", server.imap_port());
    fails(check(&world, &crossed, Some("secret"), &["--source-ca-file", &ca]), "tls", "");
    server.stop().await.expect("it stops");
    fails(check(&world, &cleartext(&server), Some("secret"), &[]), "unreachable", "port");
}

#[tokio::test]
async fn a_hint_on_a_certificate_can_be_followed() {
    let world = World::new();
    let server = dovecot(DovecotOptions::default()).await;
    let refused = check(&world, &tls(&server), Some("secret"), &[]).ends_with(1);
    refused.says_on_err("--source-ca-file FILE, --source-fingerprint SHA256");
    let (_, told) = refused.err.split_once("fingerprint is ").expect("the fingerprint is told");
    let fingerprint: String = told.chars().take_while(|c| c.is_ascii_hexdigit() || *c == ':').collect();
    check(&world, &tls(&server), Some("secret"), &["--source-fingerprint", &fingerprint]).ends_with(0);
}

#[tokio::test]
async fn a_mailbox_moves_between_servers_and_then_costs_one_round_trip() {
    let world = World::new();
    let source = dovecot(DovecotOptions::default()).await;
    with_mail(&source).await;
    let target = dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await;
    let ca = source.ca_file().display().to_string();
    let state = world.state().display().to_string();
    let copy = || {
        let (from, to) = (tls(&source), starttls(&target));
        let arguments =
            ["copy", &from, &to, "--source-ca-file", &ca, "--target-ca-file", &ca, "--state", &state, "--json"];
        let mut command = world.command(&arguments);
        command.env("LIMOSA_SOURCE_PASSWORD", "secret").env("LIMOSA_TARGET_PASSWORD", "secret");
        Run::of(command.output().expect("the program runs")).ends_with(0).json()
    };
    let report = copy();
    assert_eq!((&report["copied"]["messages"], &report["grade"]), (&MESSAGES.into(), &"perfect".into()));
    let stands = target.doveadm(["-f", "flow", "fetch", "-u", "alice", "flags", "mailbox", "INBOX"]).await;
    assert_eq!(stands.expect("doveadm looks").matches("Work").count() as u64, MESSAGES);
    let again = copy();
    assert_eq!(again["round_trips"], serde_json::json!({ "source": 1, "target": 1 }));
    assert_eq!(again["copied"]["messages"], 0);
}
