//! The program is killed in the middle of copying, and what it had copied leaves its place on the source before the next run.

use limosa_lab::{Client, CyrusOptions, DovecotOptions, Lab, Server, Storage, quoted};
use limosa_testkit::mail::small;

use crate::world::{Account, Program, Run, Snapshot, folders};

const MESSAGES: usize = 3_000;

#[tokio::test]
async fn what_left_after_a_kill_leaves_nothing_behind_on_dovecot() {
    let lab = Lab::shared().await.unwrap();
    let options = DovecotOptions { memory: true, ..DovecotOptions::default() };
    killed_and_changed(&lab, &lab.dovecot(options.with_storage(Storage::Sdbox)).await.unwrap()).await;
}

#[tokio::test]
async fn what_left_after_a_kill_leaves_nothing_behind_on_cyrus() {
    let lab = Lab::shared().await.unwrap();
    let options = CyrusOptions { memory: true, ..CyrusOptions::default() };
    killed_and_changed(&lab, &lab.cyrus(options).await.unwrap()).await;
}

async fn killed_and_changed(lab: &Lab, target: &Server) {
    let source = lab.dovecot(DovecotOptions { memory: true, ..DovecotOptions::default() }).await.unwrap();
    let (from, to) = (Account::new(&source, "alice").await, Account::new(target, "bob").await);
    source.seed("alice", &small(41, MESSAGES)).await.unwrap();
    to.append("INBOX", "(\\Seen)", OWN).await;
    let program = Program::new();

    let mut child = program.start(&from, &to);
    let mut counting = to.client().await;
    while in_inbox(&mut counting).await < 300 {
        assert!(child.try_wait().unwrap().is_none(), "it ended before it was killed");
    }
    child.kill().await.unwrap();
    let arrived = to.snapshot().await.values().map(Vec::len).sum::<usize>() - 1;
    assert!((299..MESSAGES).contains(&arrived), "{arrived} messages had arrived when it was killed");

    let changed = a_third_goes_and_a_third_is_moved(&from).await;
    // Most of a mailbox that had hardly been copied: nothing is to be held back.
    let run = program.copy(&from, &to, &["--deletions", "follow-all"]).await;
    run.is_complete();
    println!("{arrived} had arrived; {changed} were moved or removed; {}", figures(&run));
    assert!(run.number("/removed") > 0 && run.number("/moved") > 0, "{run:#?}");
    let mut stands = to.snapshot().await;
    let inbox = stands.get_mut("INBOX").unwrap();
    let own = blake3::hash(OWN.as_bytes()).to_hex()[..16].to_owned();
    assert_eq!(inbox.extract_if(.., |seen| seen.digest == own).count(), 1, "the target's own mail stays");
    assert_eq!(without_empty(stands), without_empty(from.snapshot().await));
    program.copy(&from, &to, &[]).await.is_complete().did_nothing();
}

/// Mail of the target's own.
const OWN: &str = "Message-ID: <own@new.example>\r\nSubject: own\r\n\r\nNot copied.\r\n";

async fn in_inbox(client: &mut Client) -> u64 {
    let status = client.command("STATUS INBOX (MESSAGES)").await.unwrap().text();
    let count = status.split_once("MESSAGES ").unwrap().1;
    count.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

/// Every third message of each folder is removed, and the one after it moved to a new folder. Answers how many were.
async fn a_third_goes_and_a_third_is_moved(account: &Account<'_>) -> usize {
    let mut client = account.client().await;
    let names = folders(&mut client).await;
    client.command("CREATE Elsewhere").await.unwrap();
    let mut changed = 0;
    for (_, name) in names {
        let (_, uids) = account.uids(&name).await;
        let every_third = |offset: usize| {
            let uids: Vec<String> = uids.iter().skip(offset).step_by(3).map(ToString::to_string).collect();
            (uids.len(), uids.join(","))
        };
        let ((gone, removed), (left, moved)) = (every_third(0), every_third(1));
        if gone > 0 && left > 0 {
            client.command(&format!("SELECT {}", quoted(&name))).await.unwrap();
            client.command(&format!("UID STORE {removed} +FLAGS.SILENT (\\Deleted)")).await.unwrap();
            client.command(&format!("UID EXPUNGE {removed}")).await.unwrap();
            client.command(&format!("UID MOVE {moved} Elsewhere")).await.unwrap();
            changed += gone + left;
        }
    }
    changed
}

fn without_empty(mut snapshot: Snapshot) -> Snapshot {
    snapshot.retain(|_, messages| !messages.is_empty());
    snapshot
}

fn figures(run: &Run) -> String {
    let figures = ["/copied/messages", "/found", "/removed", "/moved"];
    figures.map(|figure| format!("{figure} {}", run.number(figure))).join(", ")
}
