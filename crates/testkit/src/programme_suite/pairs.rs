//! Pairs and grants.

use limosa_model::programme::store::{
    GrantLine, Imported, PairFilter, PairLine, PairRecord, PairWrite, Refusal, StoreError, Trouble,
};
use limosa_model::programme::{
    Activity, ActivityKind, Grant, Health, MigrationId, PairId, PairKind, Phase, Right, Size, WaitReason, Wave, WaveId,
    WaveState, Window, WindowId,
};

use super::{Place, Store, found, line, put_endpoint, put_migration, read, with_migration, with_pairs};

async fn import(store: &Store, migration: MigrationId, lines: &[PairLine]) -> Vec<Imported> {
    store.import_pairs(migration, lines).await.expect("the pairs are taken in")
}

/// Bad lines cost themselves.
pub async fn import_rest(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let lines = [
        line("alice", "a", "org"),
        line("", "b", "org"),
        line("carol", "c\0", "org"),
        line("dave", "d", ""),
        line("eve", "e", "org"),
    ];
    let refused = |column| Imported::Refused(Refusal::NoName { column });
    let expected = [Imported::Added, refused("source"), refused("target"), refused("organisation"), Imported::Added];
    assert_eq!(import(&store, migration, &lines).await, expected);
    assert_eq!(found(&store, migration, "eve").await.pair.target, "e");
    let error = store.import_pairs(MigrationId(99), &lines).await.expect_err("there is no such migration");
    assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
    assert_eq!(import(&store, migration, &[]).await, []);
}

/// The same lines again change nothing.
pub async fn import_idempotent(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let lines: Vec<PairLine> =
        (0..2_500).map(|n| line(&format!("user{n}"), &format!("new{n}"), &format!("org{}", n % 40))).collect();
    let twice = [&lines[..], &lines[..10]].concat();
    let expected = [vec![Imported::Added; 2_500], vec![Imported::Same; 10]].concat();
    assert_eq!(import(&store, migration, &twice).await, expected);
    let before = found(&store, migration, "user7").await;
    assert_eq!(import(&store, migration, &twice).await, vec![Imported::Same; 2_510]);
    assert_eq!(found(&store, migration, "user7").await, before);
    assert_eq!(store.organisations(migration).await.expect("read").len(), 40);
}

/// What a line says of a known pair becomes so; what it does not say, and where the pair stands, stays.
pub async fn import_changes(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let size = Some(Size { messages: 1_000, bytes: 1 << 40 });
    let first =
        PairLine { kind: PairKind::Resource, language: Some("cy-GB".into()), size, ..line("alice", "a", "org") };
    assert_eq!(import(&store, migration, std::slice::from_ref(&first)).await, [Imported::Added]);
    let record = found(&store, migration, "alice").await;
    assert_eq!((record.pair.size, record.pair.language.as_deref()), (size, Some("cy-GB")));
    let write = PairWrite { phase: Phase::Following, ..PairWrite::of(&record.pair, record.fence) };
    store.write(&write).await.expect("the pair is written");

    let moved = PairLine { kind: PairKind::Shared, ..line("alice", "a", "another org") };
    assert_eq!(import(&store, migration, &[moved.clone(), moved]).await, [Imported::Changed, Imported::Same]);
    let after = found(&store, migration, "alice").await;
    let organisations = store.organisations(migration).await.expect("read");
    let name = |id| organisations.iter().find(|one| one.id == id).map(|one| one.name.as_str());
    assert_eq!(name(after.pair.organisation), Some("another org"));
    let mut expected = record;
    (expected.pair.organisation, expected.pair.kind, expected.pair.phase) =
        (after.pair.organisation, PairKind::Shared, Phase::Following);
    assert_eq!(after, expected);
}

/// A source has one target, a target one source, and a mailbox one migration.
pub async fn import_one_target(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let (old, new) = (put_endpoint(&store, "old", None).await, put_endpoint(&store, "new", None).await);
    let elsewhere = put_migration(&store, "another move", old, new).await;
    with_pairs(&store, migration, &["alice"]).await;
    let refused = Imported::Refused;
    let lines = [
        line("alice", "other", "org"),
        line("bob", "new-alice", "org"),
        line("bob", "new-bob", "org"),
        line("carol", "new-bob", "org"),
    ];
    let taken = |source: &str| refused(Refusal::TargetTaken { source: source.into() });
    let other = refused(Refusal::OtherTarget { target: "new-alice".into() });
    assert_eq!(import(&store, migration, &lines).await, [other, taken("alice"), Imported::Added, taken("bob")]);

    let lines = [line("alice", "x", "org"), line("y", "new-bob", "org"), line("y", "z", "org")];
    let part = |mailbox: &str| refused(Refusal::OtherMigration { mailbox: mailbox.into(), migration: "move".into() });
    assert_eq!(import(&store, elsewhere, &lines).await, [part("alice"), part("new-bob"), Imported::Added]);
    // At another endpoint, names are others'.
    let third = put_endpoint(&store, "third", None).await;
    let onward = put_migration(&store, "onward", new, third).await;
    assert_eq!(import(&store, onward, &[line("new-alice", "alice", "org")]).await, [Imported::Added]);
}

/// Names are told apart by their bytes, and come back as they went in.
pub async fn names_are_kept_byte_by_byte(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let names = [
        "alice",
        "Alice",
        "ALICE",
        "o'brien",
        "\"quoted\"",
        "größe",
        "gro\u{308}ße",
        "日本",
        "a\\b",
        "100%",
        "_",
        "'; DROP TABLE pair; --",
        "\u{10FFFF}",
    ];
    let ids = with_pairs(&store, migration, &names).await;
    let listed = store.pairs(migration, &PairFilter::default(), None, 100).await.expect("read");
    let listed: Vec<(PairId, &str)> =
        listed.iter().map(|record| (record.pair.id, record.pair.source.as_str())).collect();
    let mut expected: Vec<(PairId, &str)> = ids.into_iter().zip(names).collect();
    expected.sort();
    assert_eq!(listed, expected);
}

/// Grants are added once, follow their letters, and need an owner.
pub async fn grants_are_taken_in(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let ids = with_pairs(&store, migration, &["alice", "team"]).await;
    let folder = |rights: &str| Right::Folder { path: "Post/2020".into(), rights: rights.into() };
    let grant = |owner: &str, trustee: &str, right| GrantLine { owner: owner.into(), trustee: trustee.into(), right };
    let lines = [
        grant("team", "alice", Right::FullAccess),
        grant("team", "alice", Right::SendAs),
        grant("team", "alice", folder("lr")),
        grant("nobody", "alice", Right::SendOnBehalf),
        grant("team", "", Right::SendOnBehalf),
        grant("team", "bob", Right::Folder { path: "\0".into(), rights: "l".into() }),
        grant("team", "alice", Right::FullAccess),
        grant("team", "alice", folder("lrs")),
        grant("alice", "team", Right::SendOnBehalf),
    ];
    let refused = Imported::Refused;
    let import =
        async |lines: &[GrantLine]| store.import_grants(migration, lines).await.expect("the grants are taken in");
    let expected = [
        Imported::Added,
        Imported::Added,
        Imported::Added,
        refused(Refusal::NoSuchOwner { owner: "nobody".into() }),
        refused(Refusal::NoName { column: "trustee" }),
        refused(Refusal::NoName { column: "folder" }),
        Imported::Same,
        Imported::Changed,
        Imported::Added,
    ];
    assert_eq!(import(&lines).await, expected);
    assert_eq!(import(&lines[7..]).await, [Imported::Same, Imported::Same]);
    assert_eq!(import(&[]).await, []);
    let of = |owner, trustee: &str, right| Grant { owner, trustee: trustee.into(), right };
    let team = [
        of(ids[1], "alice", folder("lrs")),
        of(ids[1], "alice", Right::FullAccess),
        of(ids[1], "alice", Right::SendAs),
    ];
    assert_eq!(sorted(store.grants(ids[1]).await.expect("read")), sorted(team.into()));
    assert_eq!(store.grants(ids[0]).await.expect("read"), [of(ids[0], "team", Right::SendOnBehalf)]);
}

fn sorted(mut grants: Vec<Grant>) -> Vec<Grant> {
    grants.sort_by(|a, b| (&a.trustee, &a.right).cmp(&(&b.trustee, &b.right)));
    grants
}

/// Two who take in the same lines at once add each pair once.
pub async fn two_imports_at_once(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let lines: Vec<PairLine> = (0..500).map(|n| line(&format!("u{n}"), &format!("n{n}"), "org")).collect();
    let (one, other) = tokio::join!(import(&store, migration, &lines), import(&store, migration, &lines));
    let added = one.iter().chain(&other).filter(|imported| **imported == Imported::Added).count();
    let same = one.iter().chain(&other).filter(|imported| **imported == Imported::Same).count();
    assert_eq!((added, same), (500, 500));
}

/// Every page begins where the last one ended.
pub async fn pages_steady(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let names: Vec<String> = (0..25).map(|n| format!("user{n}")).collect();
    let ids = with_pairs(&store, migration, &names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let page = store.pairs(migration, &PairFilter::default(), after, 7).await.expect("the page is read");
        assert!(page.len() <= 7);
        let Some(last) = page.last() else { break };
        after = Some(last.pair.id);
        seen.extend(page.iter().map(|record| record.pair.id));
        // What is changed and added between two pages makes no other pair move.
        let first = read(&store, ids[0]).await;
        let write = PairWrite { phase: Phase::Copying, ..PairWrite::of(&first.pair, first.fence) };
        store.write(&write).await.expect("the pair is written");
    }
    let mut expected = ids;
    expected.sort();
    assert_eq!(seen, expected);
}

/// Pairs in many states, of three organisations, in two waves or none.
async fn varied(store: &Store, migration: MigrationId) -> Vec<PairRecord> {
    let lines: Vec<PairLine> = (0..240)
        .map(|n| {
            line(
                &format!("{}{n}", ["ann", "bob", "Ann"][n % 3]),
                &format!("{}{n}", ["x", "ann"][n % 2]),
                &format!("org{}", n % 5 % 3),
            )
        })
        .collect();
    import(store, migration, &lines).await;
    let window = Window {
        id: WindowId(0),
        migration,
        name: "night".into(),
        zone: jiff::tz::TimeZone::UTC,
        openings: Vec::new(),
        freezes: Vec::new(),
        capacity: Default::default(),
    };
    let window = store.put_window(&window).await.expect("the window is put");
    let mut waves = vec![None];
    for name in ["1", "2"] {
        let wave =
            Wave { id: WaveId(0), migration, name: name.into(), window, starts: None, state: WaveState::Planned };
        waves.push(Some(store.put_wave(&wave).await.expect("the wave is put")));
    }
    let mut records = store.pairs(migration, &PairFilter::default(), None, 1_000).await.expect("read");
    let waves: Vec<_> = records.iter().enumerate().map(|(n, record)| (record.pair.id, waves[n / 7 % 3])).collect();
    store.assign(&waves).await.expect("the waves are assigned");
    for (n, record) in records.iter_mut().enumerate() {
        let activity = match n % 4 {
            0 => Activity::Idle,
            1 => Activity::Waiting { reason: WaitReason::Order { before: 3 } },
            2 => Activity::Paused { by: "o'brien".into() },
            _ => Activity::Throttled { reason: "too many \"connections\"".into(), until: None },
        };
        let health = Health {
            blocked: (n % 11 == 0).then(|| "quota".into()),
            exceptions_waiting: u64::from(n % 13 == 0),
            ..Health::default()
        };
        let write =
            PairWrite { phase: Phase::ALL[n % 6], activity, health, ..PairWrite::of(&record.pair, record.fence) };
        store.write(&write).await.expect("the pair is written");
        *record = read(store, record.pair.id).await;
    }
    records
}

/// Whether a filter says that it lets a pair through.
fn passes(filter: &PairFilter, record: &PairRecord) -> bool {
    let pair = &record.pair;
    let trouble = match filter.trouble {
        None => true,
        Some(Trouble::Blocked) => pair.health.blocked.is_some(),
        Some(Trouble::Exceptions) => pair.health.exceptions_waiting > 0,
    };
    let name = |prefix: &String| pair.source.starts_with(prefix) || pair.target.starts_with(prefix);
    trouble
        && filter.phase.is_none_or(|phase| pair.phase == phase)
        && filter.activity.is_none_or(|activity| pair.activity.kind() == activity)
        && filter.organisation.is_none_or(|organisation| pair.organisation == organisation)
        && filter.wave.is_none_or(|wave| pair.wave == Some(wave))
        && filter.name.as_ref().is_none_or(name)
}

/// Every combination of filters lets through what it says, page by page.
pub async fn filters_let_through_what_they_say(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let all = varied(&store, migration).await;
    let organisation = all[1].pair.organisation;
    let wave = all.iter().find_map(|record| record.pair.wave);
    let mut checked = 0;
    for phase in [None, Some(Phase::Following), Some(Phase::Completed)] {
        for activity in [None, Some(ActivityKind::Idle), Some(ActivityKind::Throttled)] {
            for trouble in [None, Some(Trouble::Blocked), Some(Trouble::Exceptions)] {
                for organisation in [None, Some(organisation)] {
                    for wave in [None, wave] {
                        for name in [None, Some("ann".to_owned()), Some("x1'".to_owned())] {
                            let filter = PairFilter { phase, activity, trouble, organisation, wave, name };
                            check_filter(&store, migration, &filter, &all).await;
                            checked += 1;
                        }
                    }
                }
            }
        }
    }
    assert_eq!(checked, 324);
}

async fn check_filter(store: &Store, migration: MigrationId, filter: &PairFilter, all: &[PairRecord]) {
    let expected: Vec<&PairRecord> = all.iter().filter(|record| passes(filter, record)).collect();
    let first = store.pairs(migration, filter, None, 10).await.expect("the page is read");
    assert_eq!(first.iter().collect::<Vec<_>>(), expected[..expected.len().min(10)], "{filter:?}");
    let Some(last) = first.last() else { return };
    let second = store.pairs(migration, filter, Some(last.pair.id), 500).await.expect("the page is read");
    assert_eq!(second.iter().collect::<Vec<_>>(), expected[first.len()..], "{filter:?}");
}

/// Counts say how many pairs there are in each state, of this migration.
pub async fn counts_add_up(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let all = varied(&store, migration).await;
    let counted = store.counts(migration).await.expect("the pairs are counted");
    assert_eq!(counted.iter().map(|one| one.pairs).sum::<u64>(), all.len() as u64);
    for one in &counted {
        let same = |record: &&PairRecord| (record.pair.phase, record.pair.activity.kind()) == (one.phase, one.activity);
        assert_eq!(all.iter().filter(same).count() as u64, one.pairs, "{one:?}");
    }
    assert!(counted.is_sorted_by_key(|one| (one.phase, one.activity)));
    assert_eq!(store.counts(MigrationId(migration.0 + 1)).await.expect("the pairs are counted"), []);
}

/// Waves are assigned to all or none.
pub async fn waves_are_assigned(place: &dyn Place) {
    let (store, migration) = with_migration(place).await;
    let all = varied(&store, migration).await;
    let wave = all.iter().find_map(|record| record.pair.wave).expect("there is a wave");
    let (first, second) = (all[0].pair.id, all[1].pair.id);
    for (bad_pair, bad_wave) in [(PairId(99_999), wave), (second, WaveId(99_999))] {
        let error =
            store.assign(&[(first, Some(wave)), (bad_pair, Some(bad_wave))]).await.expect_err("one is not there");
        assert!(matches!(error, StoreError::Unknown { .. }), "{error:?}");
        assert_eq!(read(&store, first).await, all[0]);
    }
    store.assign(&[(first, Some(wave)), (second, None)]).await.expect("the waves are assigned");
    assert_eq!((read(&store, first).await.pair.wave, read(&store, second).await.pair.wave), (Some(wave), None));
    store.assign(&[]).await.expect("nothing is assigned");
}
