//! Endpoints, migrations, windows, waves.

use jiff::Timestamp;
use jiff::civil::{Weekday, date, time};
use jiff::tz::TimeZone;
use limosa_model::programme::store::StoreError;
use limosa_model::programme::{
    Budget, Capacity, Endpoint, EndpointId, Freeze, Hours, Migration, MigrationId, Opening, Organisation,
    OrganisationId, SignIn, Wave, WaveId, WaveState, Window, WindowId,
};

use super::{Place, endpoint, opened, put_endpoint, put_migration, with_migration, with_pairs};

/// Nothing is known, and asking is no error.
pub async fn a_fresh_programme_is_empty(place: &dyn Place) {
    let store = opened(place).await;
    assert_eq!(store.endpoints().await.expect("read"), []);
    assert_eq!(store.migrations().await.expect("read"), []);
    assert_eq!(store.organisations(MigrationId(1)).await.expect("read"), []);
    assert_eq!(store.counts(MigrationId(1)).await.expect("read"), []);
    assert!(store.find_pair(MigrationId(1), "alice").await.expect("read").is_none());
}

fn with_everything() -> Endpoint {
    let hours = Hours {
        days: [true, true, true, true, true, false, false],
        from: time(8, 0, 0, 0),
        until: time(18, 30, 0, 0),
        zone: TimeZone::get("Europe/London").expect("the zone is known"),
        percent: 20,
    };
    let budget = Budget {
        connections: Some(40),
        connections_per_mailbox: Some(3),
        messages_per_second: Some(500),
        bytes_per_second: Some(1 << 40),
        bytes_per_day_per_mailbox: Some(2_500_000_000),
        hours: vec![hours],
    };
    Endpoint { sign_in: SignIn::EachMailbox, budget, ..endpoint("full", None) }
}

/// What is put again keeps its id and is what it was put as last.
pub async fn put_idempotent(place: &dyn Place) {
    let store = opened(place).await;
    let id = store.put_endpoint(&endpoint("full", Some(1))).await.expect("the endpoint is put");
    for _ in 0..2 {
        assert_eq!(store.put_endpoint(&with_everything()).await.expect("the endpoint is put again"), id);
        assert_eq!(store.endpoints().await.expect("read"), [Endpoint { id, ..with_everything() }]);
    }
    let other = put_endpoint(&store, "other", None).await;
    let migration = put_migration(&store, "move", id, other).await;
    assert_eq!(put_migration(&store, "move", id, other).await, migration);
    let organisation = Organisation { id: OrganisationId(0), migration, name: "NHS Foundation Trust".into() };
    let first = store.put_organisation(&organisation).await.expect("the organisation is put");
    assert_eq!(store.put_organisation(&organisation).await.expect("the organisation is put again"), first);
    assert_eq!(store.organisations(migration).await.expect("read"), [Organisation { id: first, ..organisation }]);
}

/// Lists are in the order of bytes, in every database and language.
pub async fn list_order(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    for name in ["b", "a", "B", "ä", "a b", "Z"] {
        let organisation = Organisation { id: OrganisationId(0), migration, name: name.into() };
        store.put_organisation(&organisation).await.expect("the organisation is put");
    }
    let listed = store.organisations(migration).await.expect("read");
    let names: Vec<&str> = listed.iter().map(|organisation| organisation.name.as_str()).collect();
    assert_eq!(names, ["B", "Z", "a", "a b", "b", "ä"]);
}

/// A migration goes on between the endpoints it began between.
pub async fn migration_keeps_its_endpoints(place: &dyn Place) {
    let store = opened(place).await;
    let (old, new, third) = (
        put_endpoint(&store, "old", None).await,
        put_endpoint(&store, "new", None).await,
        put_endpoint(&store, "third", None).await,
    );
    let id = put_migration(&store, "move", old, new).await;
    for (source, target) in [(old, third), (third, new), (new, old), (third, third)] {
        let other = Migration { id: MigrationId(0), name: "move".into(), source, target };
        let error = store.put_migration(&other).await.expect_err("it has other endpoints");
        assert!(matches!(error, StoreError::Conflict { .. }), "{error:?}");
    }
    let nowhere = Migration { id: MigrationId(0), name: "off".into(), source: old, target: EndpointId(99) };
    let error = store.put_migration(&nowhere).await.expect_err("there is no such endpoint");
    assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
    let expected = Migration { id, name: "move".into(), source: old, target: new };
    assert_eq!(store.migrations().await.expect("read"), [expected]);
}

fn evening(migration: MigrationId) -> Window {
    let opening = |day, next| Opening {
        opens_on: day,
        opens_at: time(18, 0, 0, 0),
        closes_on: next,
        closes_at: time(6, 0, 0, 0),
    };
    let freeze = Freeze {
        from: date(2026, 12, 24),
        until: date(2027, 1, 3),
        reason: "nobody would notice \"soon\" enough".into(),
    };
    Window {
        id: WindowId(0),
        migration,
        name: "evening".into(),
        zone: TimeZone::get("Europe/London").expect("the zone is known"),
        openings: vec![
            opening(Weekday::Monday, Weekday::Tuesday),
            opening(Weekday::Friday, Weekday::Monday),
            opening(Weekday::Sunday, Weekday::Saturday),
        ],
        freezes: vec![freeze],
        capacity: Capacity { pairs: Some(22_000), bytes: Some(u64::from(u32::MAX) * 9), pairs_per_hour: None },
    }
}

/// Windows and waves are read as they were put.
pub async fn windows_and_waves_are_kept(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let window = store.put_window(&evening(migration)).await.expect("the window is put");
    assert_eq!(store.windows(migration).await.expect("read"), [Window { id: window, ..evening(migration) }]);
    let mut wave = Wave { id: WaveId(0), migration, name: "1".into(), window, starts: None, state: WaveState::Planned };
    wave.id = store.put_wave(&wave).await.expect("the wave is put");
    for state in WaveState::ALL {
        wave = Wave { state, starts: Timestamp::from_microsecond(1_800_000_000_123_456).ok(), ..wave };
        assert_eq!(store.put_wave(&wave).await.expect("the wave is put again"), wave.id);
        assert_eq!(store.waves(migration).await.expect("read"), std::slice::from_ref(&wave));
    }
    let nowhere = Wave { name: "2".into(), window: WindowId(99), ..wave };
    let error = store.put_wave(&nowhere).await.expect_err("there is no such window");
    assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
}

/// What was put is there for whoever opens the database next, and for whoever has it open.
pub async fn durable(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let beside = opened(place).await;
    let ids = with_pairs(&store, migration, &["alice"]).await;
    assert_eq!(beside.pair(ids[0]).await.expect("the pair is read").pair.source, "alice");
    drop((store, beside));
    let store = opened(place).await;
    assert_eq!(store.pair(ids[0]).await.expect("the pair is read").pair.source, "alice");
    assert_eq!(store.endpoints().await.expect("read").len(), 2);
}
