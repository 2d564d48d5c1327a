//! Costs that do not depend on the machine.

use limosa_lab::{CyrusOptions, DovecotOptions, Lab, Storage};
use limosa_testkit::mail::small;

use crate::world::{Account, Program};

#[tokio::test]
async fn an_unchanged_mailbox_costs_one_round_trip_a_side_whatever_its_size() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let sdbox = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let cyrus = lab.cyrus(CyrusOptions { memory: true, ..CyrusOptions::default() }).await.unwrap();
    for (messages, user) in [(50, "few"), (2_000, "many")] {
        let from = Account::new(&source, user).await;
        source.seed(user, &small(1, messages)).await.unwrap();
        for server in [&sdbox, &cyrus] {
            let to = Account::new(server, user).await;
            let program = Program::new();
            program.copy(&from, &to, &[]).await.is_complete();
            let second = program.copy(&from, &to, &[]).await;
            second.is_complete().did_nothing();
            assert_eq!(second.number("/unchanged"), messages as u64);
            let trips = ["/round_trips/source", "/round_trips/target"].map(|side| second.number(side));
            assert_eq!(trips, [1, 1], "{second:#?}");
            assert!(second.number("/wire_bytes/source/in") < 8_000, "{second:#?}");
        }
    }
}

#[tokio::test]
async fn the_ledger_takes_at_most_four_bytes_a_message() {
    let lab = Lab::shared().await.unwrap();
    let source = lab.dovecot(DovecotOptions::default()).await.unwrap();
    let target = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await.unwrap();
    let from = Account::new(&source, "alice").await;
    let to = Account::new(&target, "bob").await;
    source.seed("alice", &small(2, 4_000)).await.unwrap();
    let program = Program::new();
    let first = program.copy(&from, &to, &[]).await;
    first.is_complete();
    assert!(first.number("/ledger_bytes") <= 4 * 4_000, "{first:#?}");
}
