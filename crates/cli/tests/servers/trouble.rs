//! What is said when something is wrong, and that a later run completes.

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Storage};
use limosa_testkit::mail::{ordinary, small};

use crate::world::{Account, Program};

#[tokio::test]
async fn a_wrong_password_is_told_with_a_hint() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let from = Account::new(&server, "alice").await;
    let to = Account::new(&server, "bob").await;
    let program = Program::new();
    let output = program
        .command(&["copy", &from.url(), &to.url()], server.ca_file())
        .env("LIMOSA_TARGET_PASSWORD", "wrong-and-secret")
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("hint:") && said.contains("bob"), "{said}");
    assert!(!said.contains("wrong-and-secret"), "{said}");
}

#[tokio::test]
async fn the_same_account_twice_is_refused() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let alice = Account::new(&server, "alice").await;
    let run = Program::new().copy(&alice, &alice, &[]).await;
    assert_eq!(run.code, Some(1), "{run:#?}");
    assert_eq!(run.json["error"]["code"], "same-account", "{run:#?}");
}

#[tokio::test]
async fn one_mailbox_by_two_names_is_refused() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let alice = Account::new(&server, "alice").await;
    server.seed("alice", &small(4, 20)).await.unwrap();
    let before = alice.snapshot().await;
    let options = ["--map", "Lists=Elsewhere"];
    let run = Program::new().copy_urls(&alice.cleartext_url(), &alice.url(), &server, &options).await;
    assert_eq!((run.code, run.code_of_failure()), (Some(1), Some("same-account")), "{run:#?}");
    assert_eq!(alice.snapshot().await, before);
}

/// Cyrus takes no `%` in a folder's name. What was moved into such a folder has no other copy on the target than that in its old one.
#[tokio::test]
async fn nothing_is_removed_that_may_have_gone_to_a_folder_that_is_refused() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    from.append("INBOX", "(\\Seen)", "Message-ID: <1@old.example>\r\nFrom: a@old.example\r\n\r\nmoved\r\n").await;
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let mut client = from.client().await;
    for command in ["CREATE \"a%b\"", "SELECT INBOX", "MOVE 1 \"a%b\""] {
        client.command(command).await.unwrap();
    }
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!((run.code, run.code_of_failure()), (Some(4), Some("deletions-held")), "{run:#?}");
    assert!(run.json["unfinished"]["what"].as_str().unwrap().contains("a%b"), "{run:#?}");
    assert_eq!(to.snapshot().await["INBOX"].len(), 1);
    program.copy(&from, &to, &["--map", "a%b=a-b"]).await.is_complete();
    let stands = to.snapshot().await;
    assert_eq!((stands["INBOX"].len(), stands["a-b"].len()), (0, 1), "{stands:#?}");
}

#[tokio::test]
async fn every_failure_is_a_json_document_too() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let (from, to) = (Account::new(&server, "alice").await, Account::new(&server, "bob").await);
    for (removed, options, exit, code) in [
        ("LIMOSA_SOURCE_PASSWORD", &[][..], 1, "no-password"),
        ("NOTHING", &["--map", "a"], 2, "usage"),
        ("NOTHING", &["--map", "INBOX=a"], 2, "usage"),
        ("NOTHING", &["--map", "a=b", "--map", "a=c"], 2, "usage"),
    ] {
        let urls = [from.url(), to.url()];
        let arguments = [&["copy", &urls[0], &urls[1], "--json"], options].concat();
        let mut command = Program::new().command(&arguments, server.ca_file());
        let output = command.env_remove(removed).output().await.unwrap();
        let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((output.status.code(), json["error"]["code"].as_str()), (Some(exit), Some(code)), "{json:#?}");
    }
}

#[tokio::test]
async fn to_compare_nothing_is_no_success() {
    let lab = Lab::shared().await.unwrap();
    let server = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let (from, to) = (Account::new(&server, "alice").await, Account::new(&server, "bob").await);
    for options in [["--only", "Nix"], ["--exclude", "**"]] {
        let run = Program::new().verify(&from, &to, &options).await;
        assert_eq!((run.code, run.code_of_failure()), (Some(4), Some("nothing-matches")), "{run:#?}");
    }
}

#[tokio::test]
async fn a_full_quota_is_unfinished_and_goes_on_when_there_is_room() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions { quota_kib: Some(60), ..DovecotOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &small(4, 100)).await.unwrap();
    let program = Program::new();
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!(run.code, Some(4), "{run:#?}");
    assert_eq!(run.json["unfinished"]["code"], "over-quota", "{run:#?}");
    assert_eq!(run.json["exceptions"].as_array().unwrap().len(), 0, "{run:#?}");
}

#[tokio::test]
async fn a_message_over_the_targets_limit_is_an_exception_by_name() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.cyrus(CyrusOptions { append_limit: Some(100_000), ..CyrusOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    from.append("INBOX", "()", "Message-ID: <small@x>\r\nSubject: small\r\n\r\nx\r\n").await;
    let large = format!("Message-ID: <large@x>\r\nSubject: large\r\n\r\n{}", "0123456789\r\n".repeat(20_000));
    from.append("INBOX", "()", &large).await;
    let program = Program::new();
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!(run.code, Some(3), "{run:#?}");
    assert_eq!(run.number("/copied/messages"), 1);
    let exception = &run.json["exceptions"][0];
    assert_eq!(
        (exception["message_id"].as_str(), exception["code"].as_str()),
        (Some("<large@x>"), Some("too-big")),
        "{run:#?}"
    );
}

#[tokio::test]
async fn a_read_only_target_is_told() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions { read_only: true, ..DovecotOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &small(4, 10)).await.unwrap();
    let run = Program::new().copy(&from, &to, &[]).await;
    assert!(matches!(run.code, Some(1 | 4)), "{run:#?}");
    assert_eq!(run.json["unfinished"]["code"], "not-permitted", "{run:#?}");
    assert_eq!(to.snapshot().await.values().map(Vec::len).sum::<usize>(), 0);
}

#[tokio::test]
async fn two_runs_at_once_on_one_pair_do_not_mix() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &ordinary(4, 1_000)).await.unwrap();
    let program = Program::new();
    let (one, other) = tokio::join!(program.copy(&from, &to, &[]), program.copy(&from, &to, &["--wait"]));
    let mut codes = [one.code, other.code];
    codes.sort();
    // Without --wait a run that comes second says so and stops.
    assert!(codes == [Some(0), Some(0)] || codes == [Some(0), Some(1)], "{one:#?} {other:#?}");
    let alone = program.copy(&from, &to, &[]).await;
    alone.is_complete();
    let counts = |snapshot: crate::world::Snapshot| snapshot.values().map(Vec::len).sum::<usize>();
    assert_eq!(counts(to.snapshot().await), 1_000);
}

#[tokio::test]
async fn cleartext_is_allowed_on_loopback_and_an_untrusted_certificate_is_refused() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    from.append("INBOX", "()", "Subject: x\r\n\r\nx\r\n").await;
    let program = Program::new();
    program.copy_urls(&from.cleartext_url(), &to.cleartext_url(), &source, &[]).await.is_complete();

    let output = tokio::process::Command::new(env!("CARGO_BIN_EXE_limosa"))
        .args(["copy", &from.url(), &to.url()])
        .env("LIMOSA_SOURCE_PASSWORD", "x")
        .env("LIMOSA_TARGET_PASSWORD", "x")
        .env("XDG_STATE_HOME", program.state())
        .output()
        .await
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("certificate") && said.contains("-ca-file"), "{said}");
}

/// Dovecot's `mail_max_userip_connections`: the first connections are let in, the others are turned away.
#[tokio::test]
async fn fewer_connections_than_wanted_are_enough() {
    let lab = Lab::shared().await.unwrap();
    let limited = DovecotOptions { memory: true, max_connections_per_user: 2, ..DovecotOptions::default() };
    let free = || DovecotOptions { memory: true, ..DovecotOptions::default() };
    for (source, target) in [(limited.clone(), free()), (free(), limited)] {
        let source = lab.dovecot(source).await.unwrap();
        let target = lab.dovecot(target.with_storage(Storage::Sdbox)).await.unwrap();
        let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
        source.seed("alice", &small(9, 3_000)).await.unwrap();
        let program = Program::new();
        let run = program.copy(&from, &to, &[]).await;
        run.is_complete();
        assert_eq!((run.number("/copied/messages"), run.number("/attempts")), (3_000, 1), "{run:#?}");
        let connections = ["/connections/source", "/connections/target"].map(|side| run.number(side));
        assert!(connections.iter().all(|count| (2..=4).contains(count)), "{run:#?}");
        assert_eq!(to.snapshot().await.values().map(Vec::len).sum::<usize>(), 3_000);
    }
}
