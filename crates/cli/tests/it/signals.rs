//! Being asked to stop.

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
fn the_second_signal_ends_it_at_once() {
    let world = World::new();
    // It takes the connection and never says a word.
    let silent = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = silent.local_addr().expect("an address").port();
    let endpoint = format!("imap://alice@127.0.0.1:{port}?tls=none");
    let mut command = world.command(&["copy", &endpoint, "maildir:target"]);
    command.env("LIMOSA_SOURCE_PASSWORD", "secret");
    let mut running = Running::start(command);
    running.wait_for("signing in");
    running.signal("INT");
    running.wait_for("stopping");
    running.signal("INT");
    running.end().ends_with(130);
}
