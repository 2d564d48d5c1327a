//! What a real server refuses: left behind by name, mended, kept aside, exported, approved, attested.

use std::fs;
use std::path::Path;

use limosa_lab::{CyrusOptions, Lab, Server};
use serde_json::Value;
use tempfile::TempDir;

use crate::world::{Account, PASSWORD, Program, Run};

/// What Cyrus 3.6 takes as it is, and what it does not.
const MESSAGES: [(&str, &[u8], bool); 4] = [
    ("well", b"Message-ID: <well@x>\r\nSubject: well\r\n\r\nhello\r\n", true),
    ("header", b"Message-ID: <header@x>\r\nSubject: header\r\nthis is no field\r\nX-A: b\r\n\r\nhello\r\n", false),
    ("nameless", b"Subject: nameless\r\nno field either\r\n\r\nhello\r\n", false),
    ("empty", b"", false),
];

struct Scene<'a> {
    folder: TempDir,
    program: Program,
    target: Account<'a>,
}

impl<'a> Scene<'a> {
    async fn new(server: &'a Server, user: &'a str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        for part in ["cur", "new", "tmp"] {
            fs::create_dir_all(folder.path().join("old").join(part)).unwrap();
        }
        for (number, (_, bytes, _)) in MESSAGES.iter().enumerate() {
            let name = format!("old/cur/{}.M{number}P1.host:2,S", 1_600_000_000 + number);
            fs::write(folder.path().join(name), bytes).unwrap();
        }
        Self { folder, program: Program::new(), target: Account::new(server, user).await }
    }

    fn source(&self) -> String {
        format!("maildir:{}", self.folder.path().join("old").display())
    }

    async fn run(&self, command: &[&str], options: &[&str]) -> Run {
        let (source, target) = (self.source(), self.target.url());
        let mut arguments: Vec<&str> = command.to_vec();
        arguments.extend([source.as_str(), target.as_str(), "--json", "--target-ca-file"]);
        let ca_file = self.target.server.ca_file().display().to_string();
        arguments.push(&ca_file);
        arguments.extend(options);
        self.plain(&arguments).await
    }

    async fn plain(&self, arguments: &[&str]) -> Run {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_limosa"));
        command.args(arguments).env("LIMOSA_TARGET_PASSWORD", PASSWORD).stdin(std::process::Stdio::null());
        if arguments[0] != "key" && arguments[1] != "check" {
            command.arg("--state").arg(self.program.state());
        }
        let output = command.output().await.unwrap();
        let json = serde_json::from_slice(&output.stdout).unwrap_or(Value::Null);
        Run { code: output.status.code(), json, err: String::from_utf8(output.stderr).unwrap() }
    }

    async fn stands(&self) -> usize {
        self.target.snapshot().await.values().map(Vec::len).sum()
    }
}

fn refused() -> usize {
    MESSAGES.iter().filter(|(.., taken)| !taken).count()
}

fn files(maildir: &Path) -> Vec<Vec<u8>> {
    let mut files: Vec<Vec<u8>> =
        fs::read_dir(maildir.join("cur")).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    files.sort();
    files
}

/// The originals that ought to be kept.
fn originals() -> Vec<Vec<u8>> {
    let mut bytes: Vec<Vec<u8>> =
        MESSAGES.iter().filter(|(.., taken)| !taken).map(|(_, bytes, _)| bytes.to_vec()).collect();
    bytes.sort();
    bytes
}

fn codes(run: &Run) -> Vec<String> {
    let exceptions = run.json["exceptions"].as_array().unwrap();
    let mut codes: Vec<_> = exceptions.iter().map(|one| one["code"].as_str().unwrap().to_owned()).collect();
    codes.sort();
    codes
}

#[tokio::test]
async fn what_cyrus_refuses_is_named_mended_kept_approved_and_attested() {
    let lab = Lab::shared().await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let scene = Scene::new(&cyrus, "bob").await;

    let exact = scene.run(&["copy"], &[]).await;
    assert_eq!((exact.code, codes(&exact)), (Some(3), vec!["malformed".to_owned(); refused()]), "{exact:#?}");
    let named = &exact.json["exceptions"][0];
    assert!(named["hint"].is_string() && named["date"]["seconds"].is_i64(), "{named:#?}");
    assert_eq!(scene.stands().await, MESSAGES.len() - refused());

    let parked = scene.run(&["copy"], &["--policy", "park"]).await;
    assert_eq!((parked.code, codes(&parked)), (Some(3), vec!["malformed".to_owned(); refused()]), "{parked:#?}");
    let place = parked.json["exceptions"][0]["original"].as_str().unwrap().to_owned();
    let maildir = place.strip_prefix("maildir:").and_then(|place| place.split(' ').next()).unwrap().to_owned();
    assert_eq!(files(Path::new(&maildir)), originals());

    let repaired = scene.run(&["exceptions", "retry"], &["--policy", "repair"]).await;
    assert_eq!((repaired.code, codes(&repaired)), (Some(3), vec!["repaired".to_owned(); refused()]), "{repaired:#?}");
    assert_eq!(files(Path::new(&maildir)), originals(), "kept once");
    assert_eq!(scene.stands().await, MESSAGES.len());
    scene.run(&["copy"], &["--policy", "repair"]).await.did_nothing();

    let exported = scene.folder.path().join("left");
    let to = exported.display().to_string();
    for _ in 0..2 {
        let (source, target) = (scene.source(), scene.target.url());
        let run = scene.plain(&["exceptions", "export", &source, &target, "--to", &to, "--json"]).await;
        assert_eq!((run.code, run.number("/originals")), (Some(0), refused() as u64), "{run:#?}");
        assert_eq!(files(&exported.join("mail")), originals());
    }
    let lines = fs::read_to_string(exported.join("exceptions.csv")).unwrap().lines().count();
    assert_eq!(lines, refused() + 1);

    let (source, target) = (scene.source(), scene.target.url());
    let approve = ["exceptions", "approve", "--pair", &source, &target, "--by", "Ada", "--because", "seen"];
    assert_eq!(scene.plain(&approve).await.code, Some(0));
    let verified = scene.run(&["copy"], &["--verify", "content"]).await;
    assert_eq!((verified.code, verified.json["grade"].as_str()), (Some(0), Some("good")), "{verified:#?}");
    assert_eq!(verified.number("/verify/counts/excepted"), refused() as u64);

    let (key, evidence) = (scene.folder.path().join("key"), scene.folder.path().join("bob.evidence"));
    let (key, evidence) = (key.display().to_string(), evidence.display().to_string());
    let public = scene.plain(&["key", "new", &key, "--json"]).await.json["public_key"].as_str().unwrap().to_owned();
    let made = scene.run(&["evidence", "make"], &["--key", &key, "--out", &evidence]).await;
    assert_eq!(made.code, Some(0), "{made:#?}");
    let checked = scene.plain(&["evidence", "check", &evidence, "--public-key", &public, "--json"]).await;
    assert_eq!((checked.code, checked.number("/approved")), (Some(0), refused() as u64), "{checked:#?}");

    // Without its ledger, nothing is copied, mended or kept again.
    fs::remove_file(scene.program.state().join("ledger.db")).unwrap();
    let again = scene.run(&["copy"], &["--policy", "repair"]).await;
    assert_eq!((again.number("/copied/messages"), scene.stands().await), (0, MESSAGES.len()), "{again:#?}");
    assert_eq!(codes(&again), vec!["repaired".to_owned(); refused()], "{again:#?}");
    assert_eq!(files(Path::new(&maildir)), originals());
}

#[tokio::test]
async fn an_approval_without_a_name_and_a_number_that_is_none_are_refused() {
    let lab = Lab::shared().await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    let scene = Scene::new(&cyrus, "carol").await;
    scene.run(&["copy"], &[]).await;
    let list = scene.plain(&["exceptions", "list", "--json"]).await;
    let number = list.json[0]["number"].as_str().unwrap().to_owned();
    let nameless = scene.plain(&["exceptions", "approve", &number, "--by", " ", "--because", "seen"]).await;
    assert!(nameless.code == Some(2) && nameless.err.contains("needs a name and a reason"), "{nameless:#?}");
    let unknown = scene.plain(&["exceptions", "approve", "zz", "--by", "Ada", "--because", "seen"]).await;
    assert!(unknown.code == Some(1) && unknown.err.contains("no exception zz"), "{unknown:#?}");
    let open = scene.plain(&["exceptions", "list", "--open", "--json"]).await;
    assert_eq!(open.json.as_array().unwrap().len(), refused());
}
