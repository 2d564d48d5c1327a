//! Workers, leases, fences, connections.

use std::time::Duration;

use jiff::Timestamp;
use limosa_model::programme::store::{Claimed, PairRecord, PairWrite, StoreError};
use limosa_model::programme::{
    Activity, Fence, Health, MigrationId, PairId, PassKind, Phase, Size, WaitReason, WorkerId,
};

use super::{Place, Store, endpoint, found, opened, put_endpoint, put_migration, read, with_migration, with_pairs};

/// Longer than any test takes.
const LONG: Duration = Duration::from_secs(3_600);

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).expect("it is a time")
}

async fn worker(store: &Store) -> WorkerId {
    store.register("worker", LONG).await.expect("the worker is registered")
}

/// Makes a pair due.
async fn due(store: &Store, pair: PairId, second: i64, priority: i32) {
    let PairRecord { pair, fence, .. } = read(store, pair).await;
    let write = PairWrite { next_pass: Some(at(second)), priority, ..PairWrite::of(&pair, fence) };
    store.write(&write).await.expect("the pair is written");
}

async fn claim(store: &Store, worker: WorkerId, limit: u32) -> Vec<Claimed> {
    store.claim(worker, at(1_000), limit).await.expect("pairs are claimed")
}

fn ids(claimed: &[Claimed]) -> Vec<PairId> {
    claimed.iter().map(|claimed| claimed.pair.id).collect()
}

/// A programme with these pairs, all due and without limits, and a worker.
async fn with_due(place: &dyn Place, names: &[&str]) -> (Store, MigrationId, Vec<PairId>, WorkerId) {
    let (store, migration) = with_migration(place).await;
    let pairs = with_pairs(&store, migration, names).await;
    for (number, pair) in pairs.iter().enumerate() {
        due(&store, *pair, number as i64, 0).await;
    }
    let worker = worker(&store).await;
    (store, migration, pairs, worker)
}

fn is_fenced<T: std::fmt::Debug>(result: Result<T, StoreError>) {
    assert!(matches!(result, Err(StoreError::Fenced { .. })), "{result:?}");
}

/// Only what is due is given out.
pub async fn claim_due(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let pairs = with_pairs(&store, migration, &["never", "later", "now"]).await;
    let worker = worker(&store).await;
    assert_eq!(claim(&store, worker, 9).await, []);
    due(&store, pairs[1], 1_001, 0).await;
    due(&store, pairs[2], 1_000, 0).await;
    let claimed = claim(&store, worker, 9).await;
    assert_eq!(ids(&claimed), [pairs[2]]);
    assert_eq!(claimed[0].pair.next_pass, Some(at(1_000)));
    let record = read(&store, pairs[2]).await;
    assert_eq!((record.worker, record.fence), (Some(worker), claimed[0].fence));
    assert_eq!(claim(&store, worker, 9).await, []);
    assert_eq!(ids(&store.claim(worker, at(1_001), 9).await.expect("pairs are claimed")), [pairs[1]]);
}

/// The highest priority first, then the longest due, then the first known, over all migrations.
pub async fn claim_order(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let (third, fourth) = (put_endpoint(&store, "third", None).await, put_endpoint(&store, "fourth", None).await);
    let elsewhere = put_migration(&store, "another move", third, fourth).await;
    let here = with_pairs(&store, migration, &["a", "b", "c", "d"]).await;
    let there = with_pairs(&store, elsewhere, &["a", "b"]).await;
    let order =
        [(there[1], 500, 9), (here[2], 10, 3), (here[0], 5, 0), (there[0], 6, 0), (here[1], 7, 0), (here[3], 1, -2)];
    for (pair, second, priority) in order {
        due(&store, pair, second, priority).await;
    }
    let worker = worker(&store).await;
    let mut claimed = ids(&claim(&store, worker, 2).await);
    claimed.extend(ids(&claim(&store, worker, 3).await));
    claimed.extend(ids(&claim(&store, worker, 3).await));
    assert_eq!(claimed, order.map(|(pair, ..)| pair));
}

/// However many claim at once, a pair is one worker's, and every pair is somebody's.
pub async fn claim_once(place: &dyn Place) {
    let names: Vec<String> = (0..60).map(|number| format!("user{number}")).collect();
    let (store, _, pairs, _) = with_due(place, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        // Each as a process of its own.
        let store = opened(place).await;
        tasks.spawn(async move {
            let worker = worker(&store).await;
            let mut mine = Vec::new();
            loop {
                let claimed = claim(&store, worker, 3).await;
                if claimed.is_empty() {
                    return (worker, mine);
                }
                mine.extend(ids(&claimed));
            }
        });
    }
    let mut all = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let (worker, mine) = task.expect("no task panics");
        for pair in &mine {
            assert_eq!(read(&store, *pair).await.worker, Some(worker));
        }
        all.extend(mine);
    }
    // Who finds the rest locked by somebody else finds nothing; what was left over is there for the next.
    let last = worker(&store).await;
    all.extend(ids(&claim(&store, last, 60).await));
    all.sort();
    assert_eq!(all, pairs);
}

/// Pairs are claimed as long as there are connections, and one endpoint's lack is not another's.
pub async fn claim_slots(place: &dyn Place) {
    let store = opened(place).await;
    let [old, new, other] = [
        put_endpoint(&store, "old", Some(2)).await,
        put_endpoint(&store, "new", Some(4)).await,
        put_endpoint(&store, "other", None).await,
    ];
    let scarce = put_migration(&store, "scarce", old, new).await;
    let plenty = put_migration(&store, "plenty", other, new).await;
    let first = with_pairs(&store, scarce, &["a", "b", "c", "d"]).await;
    let second: Vec<PairId> = {
        let names = ["e", "f", "g", "h"];
        with_pairs(&store, plenty, &names).await
    };
    for (number, pair) in first.iter().chain(&second).enumerate() {
        due(&store, *pair, number as i64, 0).await;
    }
    let worker = worker(&store).await;
    let claimed = claim(&store, worker, 9).await;
    assert_eq!(ids(&claimed), [first[0], first[1], second[0], second[1]]);
    assert_eq!(claim(&store, worker, 9).await, []);
    let done = PairWrite { next_pass: None, ..PairWrite::of(&claimed[0].pair, claimed[0].fence) };
    store.release(&done).await.expect("the pair is released");
    assert_eq!(ids(&claim(&store, worker, 9).await), [first[2]]);
}

/// What may be open is changed while it is in use.
pub async fn slots_changed(place: &dyn Place) {
    let (store, _, pairs, worker) = with_due(place, &["a", "b", "c", "d"]).await;
    let new = put_endpoint(&store, "new", Some(3)).await;
    assert_eq!(claim(&store, worker, 1).await.len(), 1);
    store.set_connections(new, Some(1)).await.expect("the limit is set");
    assert_eq!(claim(&store, worker, 9).await, []);
    // The same budget again takes nothing back; another one does.
    put_endpoint(&store, "new", Some(3)).await;
    assert_eq!(claim(&store, worker, 9).await, []);
    store.put_endpoint(&endpoint("new", Some(2))).await.expect("the endpoint is put");
    assert_eq!(ids(&claim(&store, worker, 9).await), [pairs[1]]);
    store.set_connections(new, None).await.expect("the limit is set");
    assert_eq!(ids(&claim(&store, worker, 9).await), pairs[2..]);
    let unknown = store.set_connections(limosa_model::programme::EndpointId(99), None).await;
    assert!(matches!(unknown, Err(StoreError::Unknown { .. })), "{unknown:?}");
}

/// A pair gets more connections as far as the budget goes, and gives them back.
pub async fn slots_more(place: &dyn Place) {
    let (store, _, pairs, worker) = with_due(place, &["a", "b", "c"]).await;
    let [old, new] = [put_endpoint(&store, "old", None).await, put_endpoint(&store, "new", Some(4)).await];
    let claimed = claim(&store, worker, 2).await;
    let take = async |claimed: &Claimed, endpoint, wanted| {
        store.take_connections(claimed.pair.id, claimed.fence, endpoint, wanted).await
    };
    assert_eq!(take(&claimed[0], new, 9).await.expect("connections are taken"), 3);
    assert_eq!(take(&claimed[0], old, 9).await.expect("connections are taken"), 9);
    assert_eq!(take(&claimed[1], new, 2).await.expect("connections are taken"), 1);
    assert_eq!(claim(&store, worker, 9).await, []);
    assert_eq!(take(&claimed[0], new, 0).await.expect("connections are given back"), 1);
    assert_eq!(take(&claimed[1], new, 2).await.expect("connections are taken"), 2);
    let third = claim(&store, worker, 9).await;
    assert_eq!(ids(&third), [pairs[2]]);

    let stale = Claimed { fence: Fence(claimed[0].fence.0 - 1), ..claimed[0].clone() };
    is_fenced(take(&stale, new, 2).await);
    store.release(&PairWrite::of(&claimed[0].pair, claimed[0].fence)).await.expect("the pair is released");
    is_fenced(take(&claimed[0], new, 2).await);
}

/// A write with another fence than the pair's does nothing.
pub async fn write_fenced(place: &dyn Place) {
    let (store, _, pairs, first) = with_due(place, &["a"]).await;
    let before = read(&store, pairs[0]).await;
    let claimed = claim(&store, first, 1).await.remove(0);
    assert!(claimed.fence > before.fence);
    let write = PairWrite { phase: Phase::Completed, ..PairWrite::of(&before.pair, before.fence) };
    is_fenced(store.write(&write).await);
    is_fenced(store.release(&write).await);
    is_fenced(store.write(&PairWrite { fence: Fence(claimed.fence.0 + 1), ..write.clone() }).await);
    assert_eq!(read(&store, pairs[0]).await.pair, before.pair);
    is_fenced(store.write(&PairWrite { pair: PairId(99), ..write }).await);
}

/// Once released, a pair takes nothing from whoever had it.
pub async fn release_fenced(place: &dyn Place) {
    let (store, _, pairs, worker) = with_due(place, &["a"]).await;
    let claimed = claim(&store, worker, 1).await.remove(0);
    let write = PairWrite { next_pass: Some(at(1)), ..PairWrite::of(&claimed.pair, claimed.fence) };
    store.release(&write).await.expect("the pair is released");
    is_fenced(store.write(&write).await);
    is_fenced(store.release(&write).await);
    let record = read(&store, pairs[0]).await;
    assert_eq!(record.worker, None);
    // Nobody has it: there is nothing to release, and what is written stays without a worker.
    let write = PairWrite { fence: record.fence, ..write };
    is_fenced(store.release(&write).await);
    store.write(&write).await.expect("the pair is written");
    let again = claim(&store, worker, 1).await.remove(0);
    assert!(again.fence > claimed.fence);
}

/// All that a write says is read again.
pub async fn writes_are_kept(place: &dyn Place) {
    let (store, migration, pairs, worker) = with_due(place, &["a"]).await;
    let claimed = claim(&store, worker, 1).await.remove(0);
    let activities = [
        Activity::Running { pass: PassKind::Reverse },
        Activity::Waiting { reason: WaitReason::TooLate { would_end: at(9), closes: at(5) } },
        Activity::Throttled { reason: "BYE \"later\"".into(), until: Some(at(77)) },
        Activity::Retrying { error: "größer\nals".into(), at: at(78) },
        Activity::Paused { by: "o'brien".into() },
        Activity::Idle,
    ];
    for (number, (phase, activity)) in Phase::ALL.into_iter().zip(activities.iter().cycle()).enumerate() {
        let health = Health {
            grade: Some("investigate".into()),
            exceptions_waiting: 3,
            failures: 7,
            blocked: Some("no quota\nhint: make room".into()),
        };
        let size = Some(Size { messages: 5, bytes: 1 << 50 });
        let next_pass = Timestamp::from_microsecond(1_700_000_000_654_321).ok();
        let write = PairWrite {
            pair: pairs[0],
            fence: claimed.fence,
            phase,
            activity: activity.clone(),
            health: health.clone(),
            next_pass,
            priority: -7,
            size,
            copied: Size { messages: 2, bytes: 100 },
            pass_ended: true,
        };
        store.write(&write).await.expect("the pair is written");
        let record = read(&store, pairs[0]).await;
        let pair = &record.pair;
        assert_eq!((pair.phase, &pair.activity, &pair.health), (phase, activity, &health));
        assert_eq!((pair.next_pass, pair.priority, pair.size), (next_pass, -7, size));
        let passes = number as u64 + 1;
        assert_eq!(record.passes, passes);
        assert_eq!(record.copied, Size { messages: 2 * passes, bytes: 100 * passes });
        assert!(record.last_pass.is_some());
        // What is not told stays.
        store.write(&PairWrite::of(pair, record.fence)).await.expect("the pair is written");
        assert_eq!(read(&store, pairs[0]).await, record);
    }
    assert_eq!(found(&store, migration, "a").await.pair.id, pairs[0]);
}

/// A worker whose lease has ended is told so, and can do nothing any more.
pub async fn lease_ends(place: &dyn Place) {
    let (store, _, _, first) = with_due(place, &["a", "b"]).await;
    store.heartbeat(first, LONG).await.expect("the lease is renewed");
    store.heartbeat(first, Duration::ZERO).await.expect("the lease is renewed, for no time at all");
    let ended = |result: Result<(), StoreError>| match result {
        Err(StoreError::LeaseEnded { worker }) => assert_eq!(worker, first),
        other => panic!("{other:?}"),
    };
    ended(store.heartbeat(first, LONG).await);
    ended(store.claim(first, at(1_000), 9).await.map(drop));
    ended(store.lead(first).await.map(drop));
    // Nobody else is ever given its number.
    assert_eq!(store.take_over(Duration::ZERO).await.expect("it is taken over"), [first]);
    assert!(worker(&store).await > first);
    ended(store.heartbeat(first, LONG).await);
}

/// What a lost worker has moves on, and it cannot write any more.
pub async fn takeover(place: &dyn Place) {
    let (store, _, pairs, lost) = with_due(place, &["a", "b", "c"]).await;
    let [old, new] = [put_endpoint(&store, "old", Some(2)).await, put_endpoint(&store, "new", Some(9)).await];
    let other = worker(&store).await;
    let claimed = claim(&store, lost, 2).await;
    let running = Activity::Running { pass: PassKind::Initial };
    let write =
        PairWrite { activity: running, phase: Phase::Copying, ..PairWrite::of(&claimed[0].pair, claimed[0].fence) };
    store.write(&write).await.expect("the pair is written");
    store.take_connections(pairs[0], claimed[0].fence, new, 5).await.expect("connections are taken");
    assert_eq!(store.take_over(Duration::ZERO).await.expect("nobody is lost"), []);
    assert_eq!(claim(&store, other, 9).await, []);

    store.heartbeat(lost, Duration::ZERO).await.expect("the lease ends");
    assert_eq!(store.take_over(LONG).await.expect("it is not lost for so long"), []);
    assert_eq!(store.take_over(Duration::ZERO).await.expect("it is taken over"), [lost]);
    assert_eq!(store.take_over(Duration::ZERO).await.expect("nobody is lost any more"), []);
    is_fenced(store.write(&write).await);
    is_fenced(store.release(&write).await);
    is_fenced(store.take_connections(pairs[1], claimed[1].fence, old, 1).await);
    let record = read(&store, pairs[0]).await;
    assert_eq!((record.worker, &record.pair.activity, record.pair.phase), (None, &Activity::Idle, Phase::Copying));
    let again = claim(&store, other, 9).await;
    assert_eq!(ids(&again), pairs[..2]);
    assert!(again[0].fence > claimed[0].fence);
    is_fenced(store.write(&write).await);
}

/// A worker that ends in order leaves nothing held.
pub async fn retiring_frees(place: &dyn Place) {
    let (store, _, pairs, first) = with_due(place, &["a"]).await;
    let claimed = claim(&store, first, 9).await;
    assert!(store.lead(first).await.expect("nobody leads yet"));
    store.retire(first).await.expect("the worker ends");
    store.retire(first).await.expect("it has ended already");
    is_fenced(store.write(&PairWrite::of(&claimed[0].pair, claimed[0].fence)).await);
    let second = worker(&store).await;
    assert_eq!(ids(&claim(&store, second, 9).await), pairs);
    assert!(store.lead(second).await.expect("nobody leads any more"));
}

/// Of many who would lead at once, one does, and goes on.
pub async fn leader_one(place: &dyn Place) {
    let store = opened(place).await;
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..6 {
        let store = opened(place).await;
        tasks.spawn(async move {
            let worker = worker(&store).await;
            (worker, store.lead(worker).await.expect("it is asked"))
        });
    }
    let mut leaders = Vec::new();
    let mut others = Vec::new();
    while let Some(task) = tasks.join_next().await {
        let (worker, leads) = task.expect("no task panics");
        if leads { leaders.push(worker) } else { others.push(worker) }
    }
    assert_eq!((leaders.len(), others.len()), (1, 5));
    assert!(store.lead(leaders[0]).await.expect("it is asked"), "it goes on");
    for other in others {
        assert!(!store.lead(other).await.expect("it is asked"));
    }
}

/// When the leader's lease has ended, the next one leads, before anybody has cleaned up.
pub async fn leader_next(place: &dyn Place) {
    let store = opened(place).await;
    let (first, second) = (worker(&store).await, worker(&store).await);
    assert!(store.lead(first).await.expect("it is asked"));
    assert!(!store.lead(second).await.expect("it is asked"));
    store.heartbeat(first, Duration::ZERO).await.expect("the lease ends");
    assert!(store.lead(second).await.expect("it is asked"));
    assert_eq!(store.take_over(Duration::ZERO).await.expect("it is taken over"), [first]);
    assert!(store.lead(second).await.expect("it is asked"));
}
