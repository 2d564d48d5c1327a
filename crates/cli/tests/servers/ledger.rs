//! The ledger is damaged, old or beside the point: everything is found again by content.

use limosa_lab::chaos::{Chaos, Plan, Way};
use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Server};
use limosa_testkit::mail::ordinary;
use sqlx::{ConnectOptions, Connection};

use crate::world::{Account, Program, Run, Snapshot};

async fn dovecot() -> Server {
    let lab = Lab::shared().await.unwrap();
    lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap()
}

async fn cyrus() -> Server {
    let lab = Lab::shared().await.unwrap();
    lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap()
}

fn new_mail(name: &str) -> String {
    format!("Message-ID: <{name}@new.example>\r\nSubject: {name}\r\n\r\n{name}\r\n")
}

async fn stand_alike(from: &Account<'_>, to: &Account<'_>) {
    let (wanted, stands) = (from.snapshot().await, to.snapshot().await);
    for (path, messages) in &wanted {
        assert_eq!(stands.get(path).map_or(&[][..], Vec::as_slice), messages, "{path}");
    }
}

fn messages(snapshot: &Snapshot) -> u64 {
    snapshot.values().map(|messages| messages.len() as u64).sum()
}

fn figures(run: &Run) -> (u64, u64) {
    (run.number("/copied/messages"), run.number("/found"))
}

/// Does something to the ledger behind the program's back.
async fn tamper(program: &Program, statement: &'static str) {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(program.state().join("ledger.db"));
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

/// The ledger with what SQLite keeps beside it.
fn ledger_files(program: &Program) -> [std::path::PathBuf; 3] {
    ["ledger.db", "ledger.db-wal", "ledger.db-shm"].map(|name| program.state().join(name))
}

fn notes(run: &Run) -> Vec<(&str, &str)> {
    let notes = run.json["folder_notes"].as_array().unwrap();
    let notes = notes.iter().filter(|note| note["code"].as_str().unwrap().starts_with("ledger-"));
    notes.map(|note| (note["code"].as_str().unwrap(), note["folder"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn a_damaged_folder_is_named_and_found_again_by_content() {
    let (source, target) = (dovecot().await, cyrus().await);
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &ordinary(21, 120)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let in_inbox = to.snapshot().await["INBOX"].len() as u64;
    tamper(&program, "UPDATE segment SET bytes = substr(bytes, 1, length(bytes) - 1) WHERE folder = (SELECT id FROM folder WHERE source = 'INBOX')").await;

    let verified = program.verify(&from, &to, &[]).await;
    assert_eq!((verified.code, verified.json["grade"].as_str()), (Some(0), Some("perfect")), "{verified:#?}");
    assert_eq!(notes(&verified), [("ledger-damaged", "INBOX")], "looking mends nothing");
    assert_eq!(notes(&program.verify(&from, &to, &[]).await), [("ledger-damaged", "INBOX")]);

    from.append("INBOX", "()", &new_mail("after")).await;
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!(figures(run.is_complete()), (1, in_inbox), "{run:#?}");
    assert_eq!(notes(&run), [("ledger-rebuilt", "INBOX")]);
    assert!(run.err.contains("INBOX") && run.err.contains("WARN"), "{run:#?}");
    stand_alike(&from, &to).await;
    let again = program.copy(&from, &to, &[]).await;
    assert_eq!(notes(again.is_complete().did_nothing()), []);
}

#[tokio::test]
async fn a_damaged_file_is_refused_with_what_to_do() {
    let (source, target) = (dovecot().await, dovecot().await);
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &ordinary(22, 60)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let file = program.state().join("ledger.db");
    // Nothing may be left in the log beside it, from which SQLite would mend the file.
    tamper(&program, "PRAGMA wal_checkpoint(TRUNCATE)").await;
    let whole = std::fs::read(&file).unwrap();
    let noise: Vec<u8> = (0..whole.len()).map(|n| (n * 131 % 251) as u8).collect();
    for damaged in [&whole[..whole.len() / 2], &[], &noise] {
        std::fs::write(&file, damaged).unwrap();
        let run = program.copy(&from, &to, &[]).await;
        assert_eq!((run.code, run.code_of_failure()), (Some(1), Some("ledger-file-damaged")), "{run:#?}");
        let hint = run.json["error"]["hint"].as_str().unwrap();
        assert!(hint.contains(&format!("mv {0} {0}.damaged", file.display())), "{hint}");
        assert_eq!(std::fs::read(&file).unwrap(), damaged, "it is left as it was");
    }
    std::fs::rename(&file, file.with_extension("db.damaged")).unwrap();
    let before = to.snapshot().await;
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!(figures(run.is_complete()), (0, messages(&before)), "{run:#?}");
    assert_eq!(to.snapshot().await, before);
}

#[tokio::test]
async fn a_ledger_restored_from_an_old_backup_doubles_nothing() {
    let (source, target) = (dovecot().await, cyrus().await);
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &ordinary(23, 80)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let backup = ledger_files(&program).map(|file| (std::fs::read(&file).ok(), file));
    for name in ["first", "second"] {
        from.append("INBOX", "(\\Seen)", &new_mail(name)).await;
    }
    from.client().await.command("CREATE Elsewhere").await.unwrap();
    from.append("Elsewhere", "()", &new_mail("elsewhere")).await;
    program.copy(&from, &to, &[]).await.is_complete();

    for (bytes, file) in backup {
        match bytes {
            Some(bytes) => std::fs::write(&file, bytes).unwrap(),
            // A log of later settlements beside an old file would bring it up to date again.
            None => assert!(!file.exists() || std::fs::remove_file(&file).is_ok()),
        }
    }
    from.append("INBOX", "()", &new_mail("third")).await;
    let run = program.copy(&from, &to, &[]).await;
    assert_eq!(figures(run.is_complete()), (1, 3), "{run:#?}");
    stand_alike(&from, &to).await;
    program.copy(&from, &to, &[]).await.is_complete().did_nothing();
}

#[tokio::test]
async fn mail_that_another_tool_brought_is_not_copied_again() {
    let source = dovecot().await;
    let from = Account::new(&source, "alice").await;
    source.seed("alice", &ordinary(24, 80)).await.unwrap();
    for target in [dovecot().await, cyrus().await] {
        let to = Account::new(&target, "bob").await;
        target.seed("bob", &ordinary(24, 80)).await.unwrap();
        let before = messages(&to.snapshot().await);
        from.append("INBOX", "()", &new_mail("after")).await;
        let new = messages(&from.snapshot().await) - before;
        let program = Program::new();
        let run = program.copy(&from, &to, &[]).await;
        assert_eq!(figures(run.is_complete()), (new, before), "{run:#?}");
        stand_alike(&from, &to).await;
        program.copy(&from, &to, &[]).await.is_complete().did_nothing();
    }
}

/// Gives all ids of a folder anew (UIDVALIDITY).
async fn renumber(account: &Account<'_>, folder: &str, validity: &str) {
    account
        .server
        .doveadm(["mailbox", "update", "-u", account.user, "--uid-validity", validity, folder])
        .await
        .unwrap();
}

#[tokio::test]
async fn ids_given_anew_between_two_runs_double_nothing() {
    let (source, target) = (dovecot().await, dovecot().await);
    let (from, to) = (Account::new(&source, "alice").await, Account::new(&target, "bob").await);
    source.seed("alice", &ordinary(25, 80)).await.unwrap();
    let program = Program::new();
    program.copy(&from, &to, &[]).await.is_complete();
    let in_inbox = from.snapshot().await["INBOX"].len() as u64;
    for (account, validity) in [(&from, "1900000001"), (&to, "1900000002")] {
        renumber(account, "INBOX", validity).await;
        let run = program.copy(&from, &to, &[]).await;
        assert_eq!(figures(run.is_complete()), (0, in_inbox), "{run:#?}");
        stand_alike(&from, &to).await;
        program.copy(&from, &to, &[]).await.is_complete().did_nothing();
    }
}

#[tokio::test]
async fn ids_given_anew_while_a_run_goes_on_double_nothing() {
    let source = dovecot().await;
    let from = Account::new(&source, "alice").await;
    for n in 0..40 {
        from.append("INBOX", "()", &(new_mail(&n.to_string()) + &"x".repeat(70).repeat(500))).await;
    }
    let target = dovecot().await;
    for (of_source, user) in [(true, "bob"), (false, "carol")] {
        let to = Account::new(&target, user).await;
        // Slow enough for a run to be under way when it happens.
        let way = Way { bytes_per_second: Some(1_000_000), ..Way::default() };
        let slow = Plan { to_server: way.clone(), to_client: way, faulty_connections: None };
        let road = Chaos::start(target.imap_address(), slow).await.unwrap();
        let slow_url = format!("imap://{user}@{}?tls=none", road.address());
        let program = Program::new();
        let source_url = from.cleartext_url();
        let run = program.copy_urls(&source_url, &slow_url, &source, &[]);
        let meanwhile = async {
            while to.snapshot().await.get("INBOX").is_none_or(Vec::is_empty) {
                tokio::task::yield_now().await;
            }
            let validity = if of_source { "1900000003" } else { "1900000004" };
            renumber(if of_source { &from } else { &to }, "INBOX", validity).await;
        };
        let (mut run, ()) = tokio::join!(run, meanwhile);
        if run.code == Some(4) {
            run = program.copy_urls(&source_url, &slow_url, &source, &[]).await;
        }
        run.is_complete();
        stand_alike(&from, &to).await;
        // It may have happened at the very end, after the last look.
        let run = program.copy_urls(&source_url, &slow_url, &source, &[]).await;
        assert_eq!(run.is_complete().number("/copied/messages"), 0, "{run:#?}");
        program.copy_urls(&source_url, &slow_url, &source, &[]).await.is_complete().did_nothing();
        stand_alike(&from, &to).await;
    }
}
