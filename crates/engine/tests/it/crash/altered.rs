//! A target that adds a header field to whatever it takes: no message stands there as it was sent.

use std::collections::BTreeMap;

use limosa_engine::Outcome;
use limosa_testkit::memory::{Faults, MemoryServer, MemoryTraits, Verdict};

use super::{CASES, begin, places, the_ledger_explains_the_target};

const ADDED: &str = "X-Added: on arrival";

/// Bytes by folder, in no order, without what the target adds.
fn bytes(server: &MemoryServer) -> BTreeMap<String, Vec<Vec<u8>>> {
    let folders = server.folders().into_iter().filter(|folder| folder.selectable);
    folders
        .map(|folder| {
            let messages = server.contents(folder.path.clone()).into_iter();
            let mut bytes: Vec<Vec<u8>> = messages
                .map(|message| {
                    message.bytes.strip_prefix(format!("{ADDED}\r\n").as_bytes()).unwrap_or(&message.bytes).to_vec()
                })
                .collect();
            bytes.sort();
            (folder.path.to_string(), bytes)
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_a_target_alters_is_found_again_after_any_cut() {
    let source = MemoryTraits::default();
    let target = MemoryTraits { added_header: Some(ADDED), ..MemoryTraits::default() };
    let mut cuts = 0;
    for case in &CASES {
        let undisturbed = Faults::none();
        begin(case, &source, &target).await.pass_with(&undisturbed).await;
        for (step, moment) in places(undisturbed.steps(), 0, 1) {
            for verdict in [Verdict::Kill, Verdict::Cut] {
                let world = begin(case, &source, &target).await;
                world.pass_with(&Faults::at(step, moment, verdict)).await;
                let what = format!("{} / {verdict:?} {moment:?} {}", case.name, undisturbed.log()[step as usize]);
                let mut report = world.pass().await;
                if report.outcome == Outcome::Unfinished {
                    report = world.pass().await;
                }
                assert_ne!(report.outcome, Outcome::Unfinished, "{what}: {report:#?}");
                assert_eq!(bytes(&world.target), bytes(&world.source), "{what}");
                let again = world.pass().await;
                assert_eq!((again.copied.messages, again.found, again.removed), (0, 0, 0), "{what}: {again:#?}");
                the_ledger_explains_the_target(&world, &what).await;
                cuts += 1;
            }
        }
    }
    println!("{cuts} cuts");
    assert!(cuts >= 1_000, "{cuts} cuts");
}
