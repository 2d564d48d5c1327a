//! Does `limosa-lab` start, seed, reset and stop servers, and leave nothing when it is killed?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::path::Path;
use std::process::{Command, Output};

use limosa_lab::{Client, Description};
use tokio::io::AsyncReadExt;

fn lab(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_limosa-lab")).arg("--dir").arg(dir).args(arguments).output().unwrap()
}

fn lab_ok(dir: &Path, arguments: &[&str]) -> String {
    let output = lab(dir, arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

async fn messages(description: &Description, server: &str) -> String {
    let endpoint = description.servers.iter().find(|endpoint| endpoint.name == server).unwrap();
    let mut client = Client::connect((endpoint.host, endpoint.imap_port).into()).await.unwrap();
    client.login("alice", "secret").await.unwrap();
    client.command("STATUS INBOX (MESSAGES)").await.unwrap().text()
}

/// Whether a process lives (one that ended but was not waited for does not).
fn lives(process: i32) -> bool {
    std::fs::read_link(format!("/proc/{process}/exe")).is_ok()
}

/// The processes whose command line names a folder.
fn processes_of(dir: &Path) -> Vec<i32> {
    let dir = dir.to_str().unwrap();
    std::fs::read_dir("/proc")
        .unwrap()
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|process: &i32| {
            std::fs::read(format!("/proc/{process}/cmdline"))
                .is_ok_and(|line| String::from_utf8_lossy(&line).contains(dir))
        })
        .collect()
}

#[tokio::test]
async fn up_seed_reset_and_down() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let dir = folder.path();
    assert_eq!(lab(dir, &["status"]).status.code(), Some(3));
    let table = lab_ok(dir, &["up", "--detach", "--users", "alice"]);
    for name in ["dovecot-maildir", "dovecot-sdbox", "cyrus", "courier", "alice:secret"] {
        assert!(table.contains(name), "{table}");
    }
    assert_eq!(lab_ok(dir, &["status"]), table);
    assert!(!lab(dir, &["up"]).status.success());
    for server in ["dovecot-maildir", "dovecot-sdbox", "cyrus", "courier"] {
        lab_ok(dir, &["seed", "--server", server, "--workload", "small", "--messages", "100"]);
    }
    let before = Description::read(dir).unwrap().unwrap();
    for endpoint in &before.servers {
        let status = messages(&before, &endpoint.name).await;
        assert!(status.contains("(MESSAGES 50)"), "{}: {status}", endpoint.name);
    }
    lab_ok(dir, &["reset"]);
    let after = Description::read(dir).unwrap().unwrap();
    for (old, new) in before.servers.iter().zip(&after.servers) {
        assert_eq!((old.imap_port, old.imaps_port), (new.imap_port, new.imaps_port));
        let status = messages(&after, &new.name).await;
        assert!(status.contains("(MESSAGES 0)"), "{}: {status}", new.name);
    }
    lab_ok(dir, &["down"]);
    assert_eq!(lab(dir, &["status"]).status.code(), Some(3));
    assert_eq!(processes_of(dir), Vec::<i32>::new(), "processes are left");
}

#[tokio::test]
async fn what_was_kept_is_found_again() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let dir = folder.path();
    let servers = ["--servers", "dovecot-maildir,cyrus"];
    lab_ok(dir, &[&["up", "--detach"], servers.as_slice()].concat());
    for server in ["dovecot-maildir", "cyrus"] {
        lab_ok(dir, &["seed", "--server", server, "--workload", "small", "--messages", "10"]);
    }
    lab_ok(dir, &["down"]);
    lab_ok(dir, &[&["up", "--detach"], servers.as_slice()].concat());
    let description = Description::read(dir).unwrap().unwrap();
    for server in ["dovecot-maildir", "cyrus"] {
        let status = messages(&description, server).await;
        assert!(status.contains("(MESSAGES 6)"), "{server}: {status}");
    }
    lab_ok(dir, &["down"]);
}

#[tokio::test]
async fn killed_it_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::set_permissions(folder.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let dir = folder.path();
    lab_ok(dir, &["up", "--detach"]);
    let description = Description::read(dir).unwrap().unwrap();
    let processes = processes_of(dir);
    assert!(processes.len() > 4, "{processes:?}");
    // A session that stands when the lab is killed ends with its server, which tells us when.
    let endpoint = &description.servers[0];
    let mut session = tokio::net::TcpStream::connect((endpoint.host, endpoint.imap_port)).await.unwrap();
    let killed = Command::new("kill").arg("-9").arg(description.process.to_string()).status().unwrap();
    assert!(killed.success());
    let _ = session.read_to_end(&mut Vec::new()).await;
    while processes.iter().any(|process| lives(*process)) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert_eq!(lab(dir, &["status"]).status.code(), Some(3));
}
