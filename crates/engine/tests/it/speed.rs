//! Measuring both sides' speed: the target is left as it was, wherever that is cut; what could not be removed is named.

use limosa_engine::check::{CheckReport, SpeedTest, check};
use limosa_engine::folders::FolderRules;
use limosa_engine::report::Volume;
use limosa_engine::{PassError, Progress, Side};
use limosa_model::FolderPath;
use limosa_testkit::memory::{Faults, MemoryConnector, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, kinds, put};

const SCRATCH: &str = "Limosa speed test 1";

fn test() -> SpeedTest {
    SpeedTest {
        most: Volume { messages: 20, bytes: 50_000 },
        ..SpeedTest::new(FolderPath::from(SCRATCH), Some((100, 4)))
    }
}

fn world(source: MemoryTraits, target: MemoryTraits) -> World {
    let world = World::new(source, target);
    for n in 0..30 {
        put(&world.source, "INBOX", &format!("in-{n}"), &[]);
    }
    put(&world.source, "Sent", "sent", &["\\Seen"]);
    put(&world.target, "INBOX", "already there", &[]);
    world
}

async fn measure(world: &World, faults: &Faults, progress: &Progress) -> Result<CheckReport, PassError> {
    let source = MemoryConnector::new(&world.source, "source").with_faults(faults);
    let target = MemoryConnector::new(&world.target, "target").with_faults(faults);
    check(&source, Some(&target), &FolderRules::default(), Some(&test()), progress).await
}

#[tokio::test(start_paused = true)]
async fn both_sides_are_measured_and_the_target_is_left_as_it_was() {
    for (source, target) in kinds() {
        let world = world(source, target);
        let before = (contents(&world.source), contents(&world.target));
        let report = measure(&world, &Faults::none(), &Progress::default()).await.unwrap();
        let speed = report.speed.expect("it was asked for");
        assert_eq!(speed.unfinished, None);
        assert_eq!((speed.scratch.folder.to_string(), speed.scratch.left), (SCRATCH.to_owned(), None));
        for (side, name) in [(&speed.source, "source"), (&speed.target, "target")] {
            let (alone, together) = (side.alone.expect(name), side.together.expect(name));
            assert_eq!((alone.connections, together.connections), (1, 4), "{name}");
            assert!(alone.messages > 0 && alone.bytes > 0 && together.messages > 0, "{name}");
            assert!(side.round_trip_seconds.is_some(), "{name}");
        }
        assert!(matches!(speed.bound, Some(Side::Source | Side::Target)));
        assert!(speed.seconds.is_some() && speed.many.is_some());
        assert_eq!(speed.connections, 1, "so few messages go over one connection");
        assert!(report.estimate.is_some(), "the source was measured");
        assert_eq!((contents(&world.source), contents(&world.target)), before);
    }
}

#[tokio::test]
async fn nothing_is_written_unless_it_was_asked_for() {
    let world = world(MemoryTraits::default(), MemoryTraits::default());
    let faults = Faults::none();
    let source = MemoryConnector::new(&world.source, "source");
    let target = MemoryConnector::new(&world.target, "target").with_faults(&faults);
    let report = check(&source, Some(&target), &FolderRules::default(), None, &Progress::default()).await.unwrap();
    assert_eq!(report.speed, None);
    let written = |name: &str| ["create_folder", "append", "delete_folder", "remove", "set_flags"].contains(&name);
    assert!(faults.log().iter().all(|step| !written(step.name)), "{:?}", faults.log());
}

/// A connection that breaks costs figures, and leaves nothing behind.
#[tokio::test(start_paused = true)]
async fn a_connection_that_breaks_anywhere_leaves_nothing_behind() {
    let traits = || MemoryTraits { batch: 5, window: 12, late_landing: true, ..MemoryTraits::default() };
    let undisturbed = Faults::none();
    measure(&world(traits(), traits()), &undisturbed, &Progress::default()).await.unwrap();
    let mut unfinished = 0;
    for number in 0..undisturbed.steps() {
        for moment in [Moment::Before, Moment::After] {
            let world = world(traits(), traits());
            let before = contents(&world.target);
            let report = measure(&world, &Faults::at(number, moment, Verdict::Cut), &Progress::default()).await;
            assert_eq!(contents(&world.target), before, "cut {moment:?} step {number}: {report:#?}");
            let Ok(report) = report else { continue };
            let speed = report.speed.unwrap();
            assert_eq!(speed.scratch.left, None, "cut {moment:?} step {number}");
            unfinished += u64::from(speed.unfinished.is_some());
        }
    }
    assert!(unfinished > undisturbed.steps(), "most cuts are told");
}

/// A target that is gone for good keeps the folder: then it is named.
#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_named() {
    let undisturbed = Faults::none();
    measure(&world(MemoryTraits::default(), MemoryTraits::default()), &undisturbed, &Progress::default())
        .await
        .unwrap();
    let mut named = 0;
    for number in 0..undisturbed.steps() {
        let world = world(MemoryTraits::default(), MemoryTraits::default());
        let gone = Faults::hook(move |step, _| if step.number >= number { Verdict::Cut } else { Verdict::GoOn });
        let report = measure(&world, &gone, &Progress::default()).await;
        let is_there = contents(&world.target).contains_key(SCRATCH);
        match report {
            Ok(report) => {
                let speed = report.speed.unwrap();
                assert!(speed.scratch.left.is_some() || !is_there, "gone from step {number}: {speed:#?}");
                named += u64::from(is_there);
            }
            Err(error) => assert!(!is_there, "gone from step {number}: {error}"),
        }
    }
    assert!(named > 0, "some of them leave the folder");
}

/// Ctrl-C in the middle of writing.
#[tokio::test(start_paused = true)]
async fn being_stopped_leaves_nothing_behind() {
    for name in ["fetch.next", "create_folder", "append"] {
        let world = world(MemoryTraits::default(), MemoryTraits::default());
        let before = contents(&world.target);
        let progress = Progress::default();
        let stop = progress.clone();
        let faults = Faults::hook(move |step, moment| {
            if step.name == name && moment == Moment::After && !stop.is_stopping() {
                stop.stop();
                return Verdict::Hold;
            }
            Verdict::GoOn
        });
        let report = measure(&world, &faults, &progress).await.unwrap();
        let speed = report.speed.unwrap();
        assert_eq!(speed.unfinished.map(|unfinished| unfinished.code).as_deref(), Some("stopped"), "{name}");
        assert_eq!((speed.scratch.left, speed.seconds), (None, None), "{name}");
        assert_eq!(contents(&world.target), before, "{name}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_without_room_is_told_and_an_empty_source_measures_the_target() {
    let full = MemoryTraits { quota: Some(200), ..MemoryTraits::default() };
    let report = measure(&world(MemoryTraits::default(), full), &Faults::none(), &Progress::default()).await.unwrap();
    let speed = report.speed.unwrap();
    assert_eq!((speed.target.alone, speed.seconds), (None, None));

    let empty = World::new(MemoryTraits::default(), MemoryTraits::default());
    let report = measure(&empty, &Faults::none(), &Progress::default()).await.unwrap();
    let speed = report.speed.unwrap();
    assert_eq!((speed.source.alone, speed.unfinished), (None, None));
    assert!(speed.target.together.is_some());
}
