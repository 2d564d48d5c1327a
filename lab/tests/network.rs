//! Do the proxy and the fake server misbehave exactly as planned?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::time::{Duration, Instant};

use limosa_lab::chaos::{At, Chaos, Fault, Harm, Plan, Way};
use limosa_lab::scripted::{Script, Scripted, Then};
use limosa_lab::{Client, LabError};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

async fn fake() -> Scripted {
    Scripted::start(vec![Script::well_behaved("IMAP4rev1 LITERAL+").on("APPEND", "{tag} OK kept\r\n")]).await.unwrap()
}

fn fault(at: At, harm: Harm) -> Way {
    Way { fault: Some(Fault { at, harm }), ..Way::default() }
}

async fn read_all(chaos: &Chaos) -> std::io::Result<Vec<u8>> {
    let mut stream = TcpStream::connect(chaos.address()).await?;
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await?;
    Ok(bytes)
}

#[tokio::test]
async fn without_a_plan_everything_passes_and_is_counted() {
    let server = fake().await;
    let chaos = Chaos::start(server.address(), Plan::default()).await.unwrap();
    let mut client = Client::connect(chaos.address()).await.unwrap();
    client.login("a", "b").await.unwrap();
    client.append("INBOX", "()", None, b"x\r\ny\r\n").await.unwrap();
    let counts = chaos.counts();
    assert_eq!((counts.connections, counts.commands, counts.faults), (1, 2, 0));
    assert_eq!(server.commands(), ["LOGIN \"a\" \"b\"", "APPEND \"INBOX\" () {6}"]);
}

#[tokio::test]
async fn a_cut_comes_at_the_very_byte() {
    let server = fake().await;
    for harm in [Harm::Cut, Harm::HalfClose] {
        let plan = Plan { to_client: fault(At::Byte(7), harm), ..Plan::default() };
        let chaos = Chaos::start(server.address(), plan).await.unwrap();
        assert_eq!(read_all(&chaos).await.unwrap(), b"* OK [C");
        assert_eq!(chaos.counts().to_client, 7);
    }
}

#[tokio::test]
async fn a_reset_is_a_reset() {
    let server = fake().await;
    let plan = Plan { to_server: fault(At::Byte(3), Harm::Reset), ..Plan::default() };
    let chaos = Chaos::start(server.address(), plan).await.unwrap();
    let mut stream = TcpStream::connect(chaos.address()).await.unwrap();
    stream.write_all(b"abcdef").await.unwrap();
    let error = stream.read_to_end(&mut Vec::new()).await.unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset);
}

#[tokio::test]
async fn a_command_arrives_whose_answer_never_comes() {
    let server = fake().await;
    for way in ["to_client", "to_server"] {
        let before = server.commands().len();
        let cut = fault(At::Command(2), Harm::Cut);
        let plan = match way {
            "to_client" => Plan { to_client: cut, ..Plan::default() },
            _ => Plan { to_server: cut, ..Plan::default() },
        };
        let chaos = Chaos::start(server.address(), plan).await.unwrap();
        let mut client = Client::connect(chaos.address()).await.unwrap();
        client.login("a", "b").await.unwrap();
        let lost = client.append("INBOX", "()", None, b"message").await;
        assert!(matches!(lost, Err(LabError::Connection { .. })), "{lost:?}");
        // The bytes were handed over before the connection was cut.
        while server.commands().len() < before + 2 {
            tokio::task::yield_now().await;
        }
    }
}

#[tokio::test]
async fn only_the_first_connections_are_faulty() {
    let server = fake().await;
    let plan = Plan { to_client: fault(At::Byte(0), Harm::Cut), faulty_connections: Some(0..2), ..Plan::default() };
    let chaos = Chaos::start(server.address(), plan).await.unwrap();
    assert!(Client::connect(chaos.address()).await.is_err());
    assert!(Client::connect(chaos.address()).await.is_err());
    Client::connect(chaos.address()).await.unwrap();
}

#[tokio::test]
async fn a_stalled_way_is_silent_and_cut_all_ends_it() {
    let server = fake().await;
    let plan = Plan { to_client: fault(At::Command(1), Harm::Stall), ..Plan::default() };
    let chaos = Chaos::start(server.address(), plan).await.unwrap();
    let mut client = Client::connect(chaos.address()).await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(100), client.command("NOOP")).await;
    assert!(silent.is_err());
    chaos.cut_all();
    assert!(client.command("NOOP").await.is_err());
}

#[tokio::test]
async fn delay_costs_time_once_and_a_narrow_way_for_each_byte() {
    let server = fake().await;
    let delay = Way { delay: Duration::from_millis(40), ..Way::default() };
    let plan = Plan { to_server: delay.clone(), to_client: delay, ..Plan::default() };
    let chaos = Chaos::start(server.address(), plan).await.unwrap();
    let mut client = Client::connect(chaos.address()).await.unwrap();
    let before = Instant::now();
    client.command("NOOP").await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(80));

    chaos.set_plan(Plan { to_server: Way { bytes_per_second: Some(100_000), ..Way::default() }, ..Plan::default() });
    let mut client = Client::connect(chaos.address()).await.unwrap();
    let before = Instant::now();
    client.append("INBOX", "()", None, &[b'x'; 20_000]).await.unwrap();
    assert!(before.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn connections_share_a_narrow_way() {
    let server = fake().await;
    let way = Way { bytes_per_second: Some(100_000), ..Way::default() };
    let chaos = Chaos::start(server.address(), Plan { to_server: way, ..Plan::default() }).await.unwrap();
    let mut one = Client::connect(chaos.address()).await.unwrap();
    let mut other = Client::connect(chaos.address()).await.unwrap();
    let before = Instant::now();
    let message = [b'x'; 10_000];
    let appended = tokio::join!(one.append("INBOX", "()", None, &message), other.append("INBOX", "()", None, &message));
    assert!(appended.0.is_ok() && appended.1.is_ok());
    assert!(before.elapsed() >= Duration::from_millis(200));
}

#[tokio::test]
async fn turns_are_answers_that_were_waited_for() {
    let server = fake().await;
    let chaos = Chaos::start(server.address(), Plan::default()).await.unwrap();
    let mut client = Client::connect(chaos.address()).await.unwrap();
    for _ in 0..3 {
        client.command("NOOP").await.unwrap();
    }
    // A literal waits once more.
    client.append("INBOX", "()", None, b"x\r\n").await.unwrap();
    assert_eq!(chaos.counts().turns, 5);
}

#[tokio::test]
async fn a_script_lies_falls_silent_and_hangs_up() {
    let lies = Script::well_behaved("IMAP4rev1").first(
        Script::default()
            .once("NOOP", "* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[] {3}\r\nabc)\r\n{tag} OK lied\r\n")
            .last("IDLE", "+ idling\r\n", Then::Silence)
            .last("FETCH", "* 1 FETCH (BODY[] {100}\r\nshort", Then::Close)
            .last("CHECK", "* BYE in the middle\r\n", Then::Reset),
    );
    let server = Scripted::start(vec![lies]).await.unwrap();
    let mut client = Client::connect(server.address()).await.unwrap();
    let lied = client.command("NOOP").await.unwrap();
    assert_eq!(lied.text(), "* 1 FETCH (UID 1 RFC822.SIZE 10 BODY[] {3}\r\nabc)");
    assert_eq!(client.command("NOOP").await.unwrap().untagged.len(), 0);
    assert!(client.command("FETCH 1 BODY[]").await.is_err());

    let mut client = Client::connect(server.address()).await.unwrap();
    assert!(client.command("CHECK").await.is_err());

    let mut client = Client::connect(server.address()).await.unwrap();
    let silent = tokio::time::timeout(Duration::from_millis(100), client.command("IDLE")).await;
    assert!(silent.is_err());
    assert_eq!(server.connections(), 3);
}

#[tokio::test]
async fn steps_are_taken_in_order() {
    let steps = Script::new("* PREAUTH hello\r\n").on("SELECT", "{tag} OK\r\n").on("CLOSE", "{tag} OK\r\n").in_order();
    let server = Scripted::start(vec![steps]).await.unwrap();
    let mut client = Client::connect(server.address()).await.unwrap();
    client.command("select INBOX").await.unwrap();
    assert!(client.command("NOOP").await.is_err());
    assert_eq!(server.mismatches(), ["NOOP"]);
}

#[tokio::test]
async fn a_fake_server_takes_a_sasl_response() {
    let server = fake().await;
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    stream.write_all(b"a AUTHENTICATE PLAIN\r\nAGEAYg==\r\nb LOGOUT\r\n").await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).await.unwrap();
    assert!(answers.ends_with("+ \r\na OK signed in\r\n* BYE\r\nb OK done\r\n"), "{answers}");
    assert_eq!(server.commands(), ["AUTHENTICATE PLAIN", "LOGOUT"]);
}
