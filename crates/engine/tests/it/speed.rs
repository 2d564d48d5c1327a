//! Measuring both sides' speed: the target is left as it was, wherever that is cut; what could not be removed is named.

use limosa_engine::check::{CheckReport, SpeedTest, check};
use limosa_engine::folders::FolderRules;
use limosa_engine::report::Volume;
use limosa_engine::{PassError, Progress, Side};
use limosa_model::error::ErrorKind;
use limosa_testkit::memory::{Faults, MemoryConnector, MemoryTraits, Moment, Verdict};

use crate::world::{World, contents, kinds, put};

/// The folder of number 1.
const SCRATCH: &str = "Limosa speed test 0000000000000001";

fn test(number: u64) -> SpeedTest {
    SpeedTest { most: Volume { messages: 20, bytes: 50_000 }, ..SpeedTest::new(number, Some((100, 4))) }
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
    measure_with(&test(1), world, faults, progress).await
}

async fn measure_with(
    test: &SpeedTest,
    world: &World,
    faults: &Faults,
    progress: &Progress,
) -> Result<CheckReport, PassError> {
    let source = MemoryConnector::new(&world.source, "source").with_faults(faults);
    let target = MemoryConnector::new(&world.target, "target").with_faults(faults);
    check(&source, Some(&target), &FolderRules::default(), Some(test), progress).await
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
        assert_eq!(speed.earlier, []);
        for (side, name) in [(&speed.source, "source"), (&speed.target, "target")] {
            let (alone, together) = (side.alone.expect(name), side.together.expect(name));
            assert_eq!((alone.connections, together.connections), (1, 4), "{name}");
            assert!(alone.messages > 0 && alone.bytes > 0 && together.messages > 0, "{name}");
            assert!(side.sign_in_seconds.is_some() && side.round_trip_seconds.is_some(), "{name}");
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

/// A process that dies leaves its folder, and the next measurement removes it.
#[tokio::test(start_paused = true)]
async fn what_a_killed_measurement_left_is_removed_by_the_next() {
    let traits = MemoryTraits::default;
    let undisturbed = Faults::none();
    measure(&world(traits(), traits()), &undisturbed, &Progress::default()).await.unwrap();
    let mut removed = 0;
    for number in 0..undisturbed.steps() {
        for moment in [Moment::Before, Moment::After] {
            let world = world(traits(), traits());
            let before = contents(&world.target);
            let (faults, progress) = (Faults::at(number, moment, Verdict::Kill), Progress::default());
            tokio::select! {
                biased;
                () = faults.killed() => {}
                report = measure(&world, &faults, &progress) => panic!("it was to be killed {moment:?} step {number}: {report:#?}"),
            }
            let was_left = contents(&world.target).contains_key(SCRATCH);
            let report = measure_with(&test(2), &world, &Faults::none(), &Progress::default()).await.unwrap();
            let speed = report.speed.unwrap();
            let earlier: Vec<_> = speed.earlier.iter().map(|folder| folder.folder.to_string()).collect();
            assert_eq!(earlier, if was_left { vec![SCRATCH] } else { vec![] }, "killed {moment:?} step {number}");
            assert!(speed.earlier.iter().all(|folder| folder.left.is_none()), "{speed:#?}");
            assert_eq!((contents(&world.target), speed.unfinished), (before, None), "killed {moment:?} step {number}");
            removed += u64::from(was_left);
        }
    }
    assert!(removed > 0, "some of them leave the folder");
}

/// The name alone is no licence to remove mail.
#[tokio::test(start_paused = true)]
async fn a_folder_of_such_a_name_with_other_mail_in_it_is_left_alone() {
    let world = world(MemoryTraits::default(), MemoryTraits::default());
    put(&world.target, SCRATCH, "somebody has moved this here", &[]);
    let before = contents(&world.target);
    let report = measure_with(&test(2), &world, &Faults::none(), &Progress::default()).await.unwrap();
    let speed = report.speed.unwrap();
    assert_eq!(speed.earlier[0].left.as_ref().map(|left| left.code.as_str()), Some("not-permitted"));
    assert_eq!((contents(&world.target), speed.unfinished), (before, None));
}

#[tokio::test]
async fn a_folder_of_such_a_name_that_cannot_be_opened_is_no_earlier_one() {
    let world = world(MemoryTraits::default(), MemoryTraits::default());
    put(&world.target, SCRATCH, "not to be seen", &[]);
    world.target.set_selectable(SCRATCH, false);
    let speed = measure_with(&test(2), &world, &Faults::none(), &Progress::default()).await.unwrap().speed.unwrap();
    assert_eq!((speed.earlier, speed.unfinished), (Vec::new(), None));
    assert!(speed.target.together.is_some());
}

/// Servers limit connections, and a copy takes what it gets; so does this.
#[tokio::test(start_paused = true)]
async fn fewer_connections_than_wanted_are_enough() {
    for who in ["source", "target"] {
        let world = world(MemoryTraits::default(), MemoryTraits::default());
        let mut opened = 0;
        // The first one looks at the mailbox, the next two measure.
        let faults = Faults::hook(move |step, moment| {
            opened += u64::from(step.who == who && step.name == "open" && moment == Moment::Before);
            if opened == 4 && step.who == who && step.name == "open" { Verdict::Cut } else { Verdict::GoOn }
        });
        let speed = measure(&world, &faults, &Progress::default()).await.unwrap().speed.unwrap();
        assert_eq!((speed.unfinished, speed.scratch.left), (None, None), "{who}");
        let together = if who == "source" { speed.source.together } else { speed.target.together };
        assert_eq!(together.map(|rate| rate.connections), Some(2), "{who}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_target_that_makes_no_folder_is_told_with_what_the_folder_is_for() {
    let read_only = MemoryTraits { read_only: true, ..MemoryTraits::default() };
    let report = measure(&world(MemoryTraits::default(), read_only), &Faults::none(), &Progress::default()).await;
    let speed = report.unwrap().speed.unwrap();
    let unfinished = speed.unfinished.expect("no folder");
    assert_eq!(unfinished.code, ErrorKind::NotPermitted.code());
    assert!(unfinished.hint.is_some_and(|hint| hint.contains("folder made for that")));
    assert!(speed.source.together.is_some(), "the source was measured all the same");
    assert_eq!(speed.scratch.left, None);
}

/// Neither a source that falls silent nor a target that does makes it last.
#[tokio::test(start_paused = true)]
async fn measuring_ends_in_time_and_leaves_nothing_behind() {
    for (name, code) in [("fetch.next", None), ("create_folder", Some("timed-out")), ("append", Some("timed-out"))] {
        let world = world(MemoryTraits::default(), MemoryTraits::default());
        let before = contents(&world.target);
        let faults = Faults::at_name(name, 0, Moment::Before, Verdict::Hold);
        let started = tokio::time::Instant::now();
        let speed = measure(&world, &faults, &Progress::default()).await.unwrap().speed.unwrap();
        assert!(started.elapsed().as_secs() <= 90, "{name}: {:?} of the test's own time", started.elapsed());
        assert_eq!(speed.unfinished.map(|unfinished| unfinished.code).as_deref(), code, "{name}");
        assert_eq!((speed.scratch.left, contents(&world.target)), (None, before), "{name}");
    }
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
