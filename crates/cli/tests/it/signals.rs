//! Being asked to stop.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;

use crate::ledger::hold;
use crate::support::{Running, World, seed};

#[tokio::test]
async fn a_run_that_waits_can_be_stopped() {
    for signal in ["INT", "TERM"] {
        let world = World::new();
        seed(world.path("source"));
        let _held = hold(&world).await;
        let state = world.state().display().to_string();
        let arguments =
            ["copy", &world.maildir("source"), &world.maildir("target"), "--wait", "--json", "--state", &state];
        let mut waiting = Running::start(world.command(&arguments));
        waiting.wait_for("waiting until it has ended");
        waiting.signal(signal);
        let run = waiting.end().ends_with(4);
        assert_eq!(run.json()["error"]["code"], "stopped");
        assert!(!world.path("target").exists());
    }
}

#[test]
fn a_server_that_says_nothing_does_not_keep_a_signal_waiting() {
    let world = World::new();
    // It takes the connection and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut running = copy_from(&world, &silent);
    running.wait_for("signing in");
    running.signal("INT");
    running.end().ends_with(4);
}

#[test]
fn the_second_signal_ends_it_at_once() {
    let world = World::new();
    let server = TcpListener::bind("127.0.0.1:0").expect("a port");
    let mut running = copy_from(&world, &server);
    // It lets whoever comes sign in, and then never says a word.
    let (connection, _) = server.accept().expect("a connection");
    let mut lines = BufReader::new(connection.try_clone().expect("its other end"));
    (&connection).write_all(b"* OK [CAPABILITY IMAP4rev1] ready\r\n").expect("sent");
    let mut line = String::new();
    lines.read_line(&mut line).expect("LOGIN");
    let tag = line.split(' ').next().expect("a tag");
    (&connection).write_all(format!("{tag} OK [CAPABILITY IMAP4rev1] in\r\n").as_bytes()).expect("sent");
    running.wait_for("looking at folders");
    running.signal("INT");
    running.wait_for("stopping");
    running.signal("INT");
    running.end().ends_with(130);
}

fn copy_from(world: &World, server: &TcpListener) -> Running {
    let port = server.local_addr().expect("an address").port();
    let endpoint = format!("imap://alice@127.0.0.1:{port}?tls=none");
    let mut command = world.command(&["copy", &endpoint, "maildir:target"]);
    command.env("LIMOSA_SOURCE_PASSWORD", "secret");
    Running::start(command)
}
