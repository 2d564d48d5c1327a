//! Does the crash matrix cut everywhere, and does it find what is wrong?

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics, in its helpers too")]

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use limosa_model::mailbox::{Basis, Batching, Detail};
use limosa_model::{Connector, Fetched, Flags, FolderPath, IdList, InternalDate, MessageId, Piece, SystemFlags};
use limosa_testkit::crash::{Cuts, crash_matrix};
use limosa_testkit::memory::{Faults, Ids, MemoryConnector, MemoryServer, MemoryTraits, Picture, Verdict};

#[derive(Clone)]
struct World {
    source: MemoryServer,
    target: MemoryServer,
    /// Source ids that were noted as copied.
    noted: Arc<Mutex<BTreeSet<MessageId>>>,
}

fn world(late_landing: bool) -> World {
    let source = MemoryServer::default();
    for number in 0..7 {
        let text = format!("Subject: {number}\r\n\r\n{}", "body\r\n".repeat(number * 300));
        let date = InternalDate { seconds: 1_600_000_000, offset_minutes: 0 };
        source.append("INBOX", text, &Flags::from(SystemFlags::SEEN), date);
    }
    let traits =
        MemoryTraits { ids: Ids::Keys, window: 3, batch: 2, piece: 500, late_landing, ..MemoryTraits::default() };
    World { source, target: MemoryServer::new(traits), noted: Arc::default() }
}

fn end(world: &World) -> Picture {
    world.target.picture()
}

/// Copies what is missing on the target. Whether a message is there: by looking at the target, or by notes alone.
async fn copy(world: World, faults: Faults, looks: bool) -> Result<(), String> {
    let source = MemoryConnector::new(&world.source, "source").with_faults(&faults);
    let target = MemoryConnector::new(&world.target, "target").with_faults(&faults);
    let mut from = source.open().await.map_err(|error| error.to_string())?;
    let mut to = target.open_target().await.map_err(|error| error.to_string())?;
    copy_between(from.as_mut(), to.as_mut(), &world, looks).await.map_err(|error| error.to_string())
}

async fn copy_between(
    from: &mut dyn limosa_model::Mailbox,
    to: &mut dyn limosa_model::Target,
    world: &World,
    looks: bool,
) -> limosa_model::mailbox::Result<()> {
    let inbox = |survey: limosa_model::Survey| survey.folders.into_iter().find(|f| f.path.is_inbox()).unwrap();
    let (source, target) = (inbox(from.survey().await?), inbox(to.survey().await?));
    let page = from.changes(&source, None, Detail::Flags, None).await?;
    assert_eq!((page.basis, page.next), (Basis::Full, None));
    let mut there = BTreeSet::new();
    if looks {
        let ids: IdList =
            to.changes(&target, None, Detail::Flags, None).await?.present.into_iter().map(|i| i.id).collect();
        there.extend(to.headers(&target, &ids).await?.into_iter().map(|item| item.header));
    }
    let ids: IdList = page.present.into_iter().map(|item| item.id).collect();
    let mut missing = IdList::new();
    for item in from.headers(&source, &ids).await? {
        let known = if looks { there.contains(&item.header) } else { world.noted.lock().unwrap().contains(&item.id) };
        if !known {
            missing.push(item.id);
        }
    }
    let mut fetch = from.fetch(&source, &missing).await?;
    let mut writer = to.writer(&target, Batching::Free).await?;
    let mut came = Vec::new();
    while fetch.next(&mut came).await? {
        let mut pieces: Vec<Piece> = came
            .drain(..)
            .map(|fetched| match fetched {
                Fetched::Piece(piece) => piece,
                other => panic!("{other:?}"),
            })
            .collect();
        writer.write(&mut pieces).await?;
    }
    let receipts = writer.finish().await?;
    world.noted.lock().unwrap().extend(receipts.into_iter().map(|receipt| receipt.id));
    Ok(())
}

#[tokio::test]
async fn a_copy_that_looks_first_survives_every_cut() {
    for late_landing in [false, true] {
        let tried =
            crash_matrix(&Cuts::default(), || world(late_landing), |world, faults| copy(world, faults, true), end)
                .await;
        assert!(tried.steps > 15, "{tried:?}");
        assert_eq!((tried.cuts, tried.missed), (tried.steps * 4, 0));
    }
}

#[tokio::test]
async fn it_survives_two_cuts_in_a_row() {
    let cuts = Cuts { stride: 3, verdicts: vec![Verdict::Kill], second_stride: Some(4) };
    let tried = crash_matrix(&cuts, || world(true), |world, faults| copy(world, faults, true), end).await;
    assert!(tried.cuts > tried.steps, "{tried:?}");
}

#[tokio::test]
#[should_panic(expected = "but should be")]
async fn a_copy_that_trusts_its_notes_is_found_out() {
    crash_matrix(&Cuts::default(), || world(false), |world, faults| copy(world, faults, false), end).await;
}

#[tokio::test]
async fn a_cut_before_a_step_leaves_it_undone_and_one_after_it_leaves_it_done() {
    let path = FolderPath::from("New");
    for (moment, verdict, made) in [
        (limosa_testkit::memory::Moment::Before, Verdict::Cut, false),
        (limosa_testkit::memory::Moment::After, Verdict::Cut, true),
        (limosa_testkit::memory::Moment::Before, Verdict::Kill, false),
        (limosa_testkit::memory::Moment::After, Verdict::Kill, true),
    ] {
        let server = MemoryServer::default();
        let faults = Faults::at_name("create_folder", 0, moment, verdict);
        let connector = MemoryConnector::new(&server, "target").with_faults(&faults);
        let mut target = connector.open_target().await.unwrap();
        tokio::select! {
            answer = target.create_folder(&path, None) => {
                assert_eq!(verdict, Verdict::Cut);
                assert_eq!(answer.unwrap_err().scope(), limosa_model::Scope::Connection);
                assert!(target.survey().await.is_err(), "the connection is lost");
                assert!(connector.open().await.is_ok(), "another one works");
            }
            () = faults.killed() => assert_eq!(verdict, Verdict::Kill),
        }
        assert_eq!(server.folders().iter().any(|folder| folder.path == path), made, "{moment:?} {verdict:?}");
        drop(target);
        assert_eq!(connector.open_connections(), 0);
    }
}
