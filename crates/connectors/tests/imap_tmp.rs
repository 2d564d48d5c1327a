#![allow(clippy::unwrap_used)]
mod imap_common;
use imap_common::*;
use limosa_lab::*;
use limosa_model::mailbox::*;
use limosa_model::*;
use std::time::Instant;

#[tokio::test]
async fn probes() {
    let lab = Lab::shared().await.unwrap();
    let mem = |s| DovecotOptions { memory: true, ..DovecotOptions::default().with_storage(s) };
    let a = lab.dovecot(mem(Storage::Maildir)).await.unwrap();
    let alice = new_user(&a, "alice").await;
    let mut source = alice.open_target().await.unwrap();
    let inbox = folder(&mut *source, "INBOX").await;
    let n = 10_000u32;
    let messages: Vec<Vec<u8>> = (1..=n).map(|i| message(i, 4000)).collect();
    let t = Instant::now();
    write_all(&mut *source, &inbox, &messages).await;
    println!("seed maildir: {:?}", t.elapsed());
    let ids = IdList::uid_range(1, n);
    for round in 0..2 {
        let t = Instant::now();
        let mut f = source.fetch(&inbox, &ids).await.unwrap();
        let mut v = Vec::new(); let mut calls = 0; let mut things = 0;
        while f.next(&mut v).await.unwrap() { calls += 1; things += v.len(); v.clear(); }
        println!("fetch {round}: {:?} calls {calls} things {things}", t.elapsed());
    }
    let b = lab.dovecot(mem(Storage::Sdbox)).await.unwrap();
    let m = lab.dovecot(mem(Storage::Maildir)).await.unwrap();
    let c = lab.cyrus(CyrusOptions { memory: true, ..Default::default() }).await.unwrap();
    let k = lab.courier(CourierOptions { memory: true, ..Default::default() }).await.unwrap();
    for (name, server, count) in [("sdbox", &b, n), ("maildir", &m, n), ("cyrus", &c, 3000), ("courier", &k, 1000)] {
        let u = new_user(server, "bob").await;
        let mut target = u.open_target().await.unwrap();
        for f in ["INBOX", "Other"] {
            let to = target.create_folder(&FolderPath::from(f), None).await.unwrap();
            let before = u.meter().read();
            let t = Instant::now();
            let receipts = copy(&mut *source, &inbox, &IdList::uid_range(1, count), &mut *target, &to, Batching::Free).await;
            println!("{name} {f}: {:?} {} receipts, {:?}/s, round trips {}", t.elapsed(), receipts.len(), count as f64 / t.elapsed().as_secs_f64(), u.meter().read().round_trips - before.round_trips);
        }
        let t = Instant::now();
        let inbox2 = folder(&mut *target, "INBOX").await;
        target.arrivals(&inbox2, None).await.unwrap();
        println!("{name} arrivals {:?}", t.elapsed());
        let t = Instant::now();
        target.changes(&inbox2, None, Detail::Flags, None).await.unwrap();
        println!("{name} list {:?}", t.elapsed());
    }
}
