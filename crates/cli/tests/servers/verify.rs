//! Both sides compared anew, on real servers: nothing told where nothing differs, and every difference told.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server, Storage};
use limosa_testkit::mail::{nasty, ordinary};

use crate::world::{Account, Program, Run};

const DEPTHS: [&str; 3] = ["counts", "metadata", "content"];

/// What was told: kind and folder of each difference.
fn told(run: &Run) -> Vec<(String, String)> {
    let differences = run.json["differences"].as_array().unwrap_or_else(|| panic!("no differences in {run:#?}"));
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    differences.iter().map(|one| (text(&one["kind"]), text(&one["folder"]))).collect()
}

#[track_caller]
fn tells(run: &Run, code: i32, expect: &[(&str, &str)]) {
    let expect: Vec<_> = expect.iter().map(|(kind, folder)| ((*kind).to_owned(), (*folder).to_owned())).collect();
    assert_eq!((run.code, told(run)), (Some(code), expect), "{run:#?}");
}

/// Copied, then compared with the ledger and without it; both sides stay as they are.
async fn is_clean(target: &Server) {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(target, "bob").await;
    source.seed("alice", &ordinary(21, 400)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let before = (from.snapshot().await, to.snapshot().await);
    for depth in DEPTHS {
        let run = program.verify(&from, &to, &["--depth", depth]).await;
        tells(&run, 0, &[]);
        assert_eq!(run.json["grade"], "perfect", "{run:#?}");
        let (compared, read) = match depth {
            "counts" => (0, 0),
            "metadata" => (400, 0),
            _ => (400, 400),
        };
        assert_eq!((run.number("/compared"), run.number("/read/messages")), (compared, read), "{run:#?}");
        let without = Program::new();
        let run = without.verify(&from, &to, &["--depth", depth]).await;
        tells(&run, 0, &[]);
        assert_eq!(run.number("/compared"), compared, "{run:#?}");
        assert_eq!(fs::read_dir(without.state()).unwrap().count(), 0, "no ledger is made by looking");
    }
    assert_eq!((from.snapshot().await, to.snapshot().await), before);
    program.copy(&from, &to, &[]).await.is_complete().did_nothing();
}

#[tokio::test]
async fn nothing_is_told_between_dovecot_and_sdbox() {
    let lab = Lab::shared().await.unwrap();
    is_clean(&lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap()).await;
}

#[tokio::test]
async fn nothing_is_told_between_dovecot_and_cyrus() {
    let lab = Lab::shared().await.unwrap();
    is_clean(&lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap()).await;
}

/// The only file below a folder that holds this text.
fn file_with(folder: &Path, text: &[u8]) -> PathBuf {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else if memchr_find(&fs::read(entry.path()).unwrap(), text).is_some() {
                found.push(entry.path());
            }
        }
    }
    let mail = found
        .into_iter()
        .filter(|path| path.parent().is_some_and(|parent| parent.ends_with("cur") || parent.ends_with("new")));
    let mail: Vec<_> = mail.collect();
    assert_eq!(mail.len(), 1, "{mail:?}");
    mail[0].clone()
}

fn memchr_find(bytes: &[u8], text: &[u8]) -> Option<usize> {
    bytes.windows(text.len()).position(|window| window == text)
}

#[tokio::test]
async fn a_byte_changed_on_disk_is_found_by_content_alone() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &ordinary(22, 100)).await.unwrap();
    from.append("INBOX", "()", "Message-ID: <marked@x>\r\n\r\nthe marked message\r\n").await;
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();

    let path = file_with(&target.mail_dir("bob").unwrap(), b"the marked message");
    let modified = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    let at = memchr_find(&bytes, b"marked message").unwrap();
    bytes[at] = b'M';
    fs::write(&path, bytes).unwrap();
    // The file's time is the internal date.
    File::options().append(true).open(&path).unwrap().set_modified(modified).unwrap();

    tells(&program.verify(&from, &to, &["--depth", "metadata"]).await, 0, &[]);
    let run = program.verify(&from, &to, &["--depth", "content"]).await;
    tells(&run, 4, &[("content", "INBOX")]);
    assert_eq!(run.json["grade"], "poor");
    assert_eq!(run.number("/looked_again"), 1, "{run:#?}");
}

#[tokio::test]
async fn what_somebody_did_on_the_target_is_told() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    for number in 0..6 {
        from.append("INBOX", "(\\Seen)", &format!("Message-ID: <{number}@x>\r\n\r\nNo. {number}\r\n")).await;
    }
    for server in [&sdbox, &cyrus] {
        let to = Account::new(server, "bob").await;
        let program = Program::new();
        program.copy(&from, &to, &[]).await.is_complete();
        let mut client = to.client().await;
        client.command("SELECT INBOX").await.unwrap();
        client.command("STORE 2 FLAGS (\\Flagged)").await.unwrap();
        client.command("STORE 5 +FLAGS (\\Deleted)").await.unwrap();
        client.command("EXPUNGE").await.unwrap();
        to.append("INBOX", "()", "Message-ID: <own@x>\r\n\r\nown\r\n").await;
        for depth in ["metadata", "content"] {
            let run = program.verify(&from, &to, &["--depth", depth]).await;
            tells(&run, 4, &[("missing", "INBOX"), ("own", "INBOX"), ("flags", "INBOX")]);
            assert_eq!(run.json["differences"][0]["message_id"], "<4@x>", "{run:#?}");
            assert_eq!(run.json["differences"][2]["message_id"], "<1@x>", "{run:#?}");
        }
        // By numbers alone, the target's own message offsets the one that is missing.
        tells(&program.verify(&from, &to, &["--depth", "counts"]).await, 0, &[]);
        program.copy(&from, &to, &[]).await.is_complete();
        tells(&program.verify(&from, &to, &[]).await, 0, &[("own", "INBOX")]);
    }
}

#[tokio::test]
async fn what_its_owner_did_on_the_source_meanwhile_is_no_loss() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &ordinary(23, 100)).await.unwrap();
    let mut client = from.client().await;
    client.command("CREATE Busy").await.unwrap();
    for number in 0..3 {
        from.append("Busy", "()", &format!("Message-ID: <{number}@x>\r\n\r\nNo. {number}\r\n")).await;
    }
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    from.append("Busy", "()", "Message-ID: <later@x>\r\n\r\nlater\r\n").await;
    client.command("SELECT Busy").await.unwrap();
    client.command("STORE 1 FLAGS (\\Answered)").await.unwrap();
    client.command("STORE 2 +FLAGS (\\Deleted)").await.unwrap();
    client.command("EXPUNGE").await.unwrap();
    for depth in ["metadata", "content"] {
        let run = program.verify(&from, &to, &["--depth", depth]).await;
        tells(&run, 0, &[("arrived", "Busy"), ("deleted", "Busy"), ("reflagged", "Busy")]);
        assert_eq!(run.json["grade"], "perfect", "{run:#?}");
    }
    program.copy(&from, &to, &[]).await.is_complete();
    tells(&program.verify(&from, &to, &["--depth", "content"]).await, 0, &[]);
}

#[tokio::test]
async fn nasty_mail_differs_only_by_known_exceptions() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let from = Account::new(&source, "alice").await;
    source.seed("alice", &nasty(3)).await.unwrap();
    for server in [&sdbox, &cyrus] {
        let to = Account::new(server, "bob").await;
        let program = Program::new();
        let copy = program.copy(&from, &to, &[]).await;
        let exceptions = copy.json["exceptions"].as_array().unwrap().len();
        for depth in ["metadata", "content"] {
            let run = program.verify(&from, &to, &["--depth", depth]).await;
            let others: Vec<_> = told(&run).into_iter().filter(|(kind, _)| kind != "excepted").collect();
            assert_eq!(others, [], "{depth}: {run:#?}");
            assert_eq!(run.number("/counts/excepted"), exceptions as u64, "{depth}: {run:#?} {copy:#?}");
            assert_eq!(run.code, Some(if exceptions == 0 { 0 } else { 3 }), "{run:#?}");
        }
    }
}

#[tokio::test]
async fn while_another_run_works_on_the_pair_it_says_so() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &ordinary(24, 300)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let (one, other) = tokio::join!(program.verify(&from, &to, &[]), program.verify(&from, &to, &["--wait"]));
    assert_eq!(other.code, Some(0), "{other:#?}");
    match one.code {
        Some(1) => assert_eq!(one.json["error"]["code"], "pair-busy", "{one:#?}"),
        code => assert_eq!(code, Some(0), "{one:#?}"),
    }
}
