//! What makes no sense is refused with code 2, a word on what is wrong, and a hint.

use crate::support::World;

#[track_caller]
fn refused(arguments: &[&str], what: &str) {
    let world = World::new();
    let run = world.run(arguments).ends_with(2);
    run.says_on_err(what);
    assert_eq!(run.out, "", "nothing on standard output");
    assert!(!world.path("limosa").exists(), "no ledger is made");
}

#[test]
fn commands_and_options() {
    refused(&[], "Usage: limosa");
    refused(&["move"], "error: unrecognized subcommand");
    refused(&["copy"], "required arguments");
    refused(&["copy", "maildir:a"], "required arguments");
    refused(&["copy", "maildir:a", "maildir:b", "--list", "x.csv"], "cannot be used with");
    refused(&["copy", "maildir:a", "maildir:b", "-j", "2"], "--list");
    refused(&["copy", "maildir:a", "maildir:b", "--deletions", "all"], "invalid value");
    refused(&["copy", "maildir:a", "maildir:b", "--source-connections", "0"], "invalid value");
}

#[test]
fn endpoints() {
    refused(&["copy", "alice@host", "maildir:b"], "error: source: an endpoint is not a URL");
    refused(&["copy", "maildir:a", "pop3://alice@host"], "target: endpoints of kind \"pop3\"");
    refused(&["copy", "imaps://old.example", "maildir:b"], "names no user");
    refused(&["check", "imaps://alice@old.example?tls=none"], "contradicts");
    refused(&["copy", "imap://alice@old.example?tls=none", "maildir:b"], "--allow-cleartext");
    refused(&["check", "imaps://alice@old.example?colour=red"], "colour=");
}

#[test]
fn options_that_do_not_fit_their_side() {
    refused(&["copy", "maildir:a", "maildir:b", "--source-password-file", "f"], "makes no sense for a maildir");
    refused(&["check", "maildir:a", "--target-compress"], "no target");
    refused(&["check", "imaps://a@h", "--source-login-form", "master"], "needs --source-login-as");
    refused(&["check", "imaps://a@h", "--source-fingerprint", "12:34"], "64 hexadecimal digits");
    refused(&["check", "imaps://a@h", "--source-ca-file", "f", "--source-fingerprint", "12"], "cannot be used with");
    refused(
        &["check", "imaps://a@h", "--source-password-file", "f", "--source-token-command", "c"],
        "cannot be used with",
    );
}

#[test]
fn folders() {
    refused(&["copy", "maildir:a", "maildir:b", "--map", "Sent"], "has no =");
    refused(&["copy", "maildir:a", "maildir:b", "--map", "a=b=c"], "more than one =");
    refused(&["copy", "maildir:a", "maildir:b", "--only", "a["], "not a pattern");
}

#[test]
fn help_and_version_are_no_mistake() {
    let world = World::new();
    let help = world.run(&["copy", "--help"]).ends_with(0);
    assert!(help.out.contains("--source-token-command"), "{help:#?}");
    assert!(world.run(&["--version"]).ends_with(0).out.starts_with("limosa "));
}
