//! Does PostgreSQL start, keep what it is told, survive a kill, and end without leftovers?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;

use limosa_lab::{Lab, Postgres, PostgresOptions};

fn lives(process: i32) -> bool {
    Path::new(&format!("/proc/{process}/exe")).read_link().is_ok()
}

/// Whether it greets a client: it says something to whoever introduces himself (protocol 3.0, StartupMessage).
fn greets(postgres: &Postgres) -> bool {
    let url = postgres.url("postgres");
    let address = url.split('@').nth(1).unwrap().split('/').next().unwrap();
    let Ok(mut stream) = TcpStream::connect(address) else { return false };
    let parameters = b"user\0limosa\0database\0postgres\0\0";
    let length = u32::try_from(8 + parameters.len()).unwrap();
    let message = [&length.to_be_bytes()[..], &196_608_u32.to_be_bytes(), parameters].concat();
    let mut answer = [0; 1];
    // AuthenticationOk: 'R'.
    stream.write_all(&message).is_ok() && stream.read_exact(&mut answer).is_ok() && &answer == b"R"
}

#[tokio::test]
async fn it_answers_survives_a_kill_and_leaves_nothing() {
    let postgres = Lab::shared().await.unwrap().postgres(PostgresOptions::default()).await.unwrap();
    assert!(greets(&postgres));
    let before = postgres.processes();
    assert!(before.len() > 1);
    postgres.kill9();
    assert!(!before.into_iter().any(lives));
    assert!(!greets(&postgres));
    for _ in 0..2 {
        postgres.restart().await.unwrap();
        assert!(greets(&postgres));
    }
    let processes = postgres.processes();
    drop(postgres);
    assert!(!processes.into_iter().any(lives));
}
