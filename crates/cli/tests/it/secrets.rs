//! Secrets are never shown, wherever they were put.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;

use crate::support::{Run, World};

const SECRET: &str = "hunter2-äß";
/// `\0alice\0hunter2-äß`, as SASL PLAIN sends it.
const ENCODED: &str = "AGFsaWNlAGh1bnRlcjItw6TDnw";

#[test]
fn on_the_command_line_they_are_refused_and_not_repeated() {
    let world = World::new();
    let url = format!("imaps://alice:{SECRET}@old.example");
    let option = format!("--source-ca-file={url}");
    let joined = format!("--source-password={SECRET}");
    for arguments in [
        vec!["copy", &url, "maildir:b"],
        vec!["copy", "maildir:a", &url],
        vec!["copy", "maildir:a", "maildir:b", &url],
        vec!["check", "imaps://a@h", &option],
        vec!["copy", "imaps://a@h", "maildir:b", "--source-password", SECRET],
        vec!["copy", "imaps://a@h", "maildir:b", &joined],
        vec!["ledger", "forget", &url, "maildir:b"],
        vec![&url],
    ] {
        let run = world.run(&arguments).ends_with(2);
        run.never_says(SECRET);
        run.says_on_err("password-file");
        run.says_on_err("ps");
    }
}

#[test]
fn without_a_secret_and_a_terminal_it_says_where_to_put_one() {
    let world = World::new();
    let run = world.run(&["copy", "maildir:a", "imaps://alice@localhost:1"]).ends_with(1);
    run.says_on_err("there is no password for alice on localhost (target)");
    run.says_on_err("LIMOSA_TARGET_PASSWORD");
    run.says_on_err("--target-password-file");
}

#[test]
fn a_password_file_must_hold_something() {
    let world = World::new();
    let empty = world.write("empty", "\n").display().to_string();
    let check = |file: &str| world.run(&["check", "imaps://a@localhost:1", "--source-password-file", file]);
    check(&empty).ends_with(1).says_on_err("is empty");
    check("nowhere").ends_with(1).says_on_err("cannot be read");
}

#[test]
fn a_password_file_that_others_may_read_is_warned_of() {
    use std::os::unix::fs::PermissionsExt;
    let world = World::new();
    let server = refusing_server();
    let path = world.write("password", SECRET);
    let check = |mode: u32| {
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).expect("the mode is set");
        world.run(&["check", &server, "--source-password-file", &path.display().to_string()]).ends_with(1)
    };
    check(0o644).says_on_err("others may read this password file");
    check(0o600).never_says("others may read");
}

#[test]
fn a_refused_sign_in_tells_no_secret_even_to_the_log() {
    let world = World::new();
    let server = refusing_server();
    let run = |json: &[&str]| {
        let mut arguments = vec!["copy", &server, "maildir:target", "-vvv"];
        arguments.extend(json);
        let mut command = world.command(&arguments);
        command.env("LIMOSA_SOURCE_PASSWORD", SECRET);
        Run::of(command.output().expect("the program runs")).ends_with(1)
    };
    for run in [run(&[]), run(&["--json"])] {
        run.never_says(SECRET);
        run.never_says(ENCODED);
        run.says_on_err("hint: ");
    }
    assert_eq!(run(&["--json"]).json()["error"]["code"], "sign-in");
    nowhere_in(&world.path("limosa"), SECRET);
}

#[test]
fn a_token_commands_failure_is_told_without_the_command() {
    let world = World::new();
    let server = refusing_server();
    let command = format!("REFRESH={SECRET}; echo 'sign in first' >&2; exit 7");
    let run = world.run(&["check", &server, "--source-token-command", &command]).ends_with(1);
    run.never_says(SECRET);
    run.says_on_err("sign in first");
}

#[track_caller]
fn nowhere_in(folder: &Path, secret: &str) {
    let mut files = 0;
    for entry in std::fs::read_dir(folder).expect("the folder is there").map(|entry| entry.expect("an entry")) {
        if entry.path().is_file() {
            let bytes = std::fs::read(entry.path()).expect("the file is read");
            assert!(!bytes.windows(secret.len()).any(|window| window == secret.as_bytes()), "{:?}", entry.path());
            files += 1;
        }
    }
    assert!(files > 0, "there was nothing to look at");
}

/// A server that lets nobody in. Answers its endpoint.
fn refusing_server() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = listener.local_addr().expect("an address").port();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { return };
            std::thread::spawn(move || refuse(stream));
        }
    });
    format!("imap://alice@127.0.0.1:{port}?tls=none")
}

fn refuse(stream: TcpStream) -> std::io::Result<()> {
    let mut answers = stream.try_clone()?;
    answers.write_all(b"* OK [CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2] ready\r\n")?;
    for line in BufReader::new(stream).lines() {
        let line = line?;
        let mut words = line.split(' ');
        let (tag, command) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let answer = match command.to_ascii_uppercase().as_str() {
            "CAPABILITY" => format!("* CAPABILITY IMAP4rev1 SASL-IR AUTH=PLAIN AUTH=XOAUTH2\r\n{tag} OK done\r\n"),
            "AUTHENTICATE" | "LOGIN" => format!("{tag} NO [AUTHENTICATIONFAILED] not you\r\n"),
            "LOGOUT" => format!("* BYE bye\r\n{tag} OK done\r\n"),
            _ => format!("{tag} BAD what?\r\n"),
        };
        answers.write_all(answer.as_bytes())?;
    }
    Ok(())
}
