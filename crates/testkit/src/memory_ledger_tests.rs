//! Does the memory ledger keep the contract, and does its power fail where it is told to?

use limosa_model::flags::SystemFlags;

use super::*;
use crate::ledger_suite::Place;

struct Kept(MemoryLedger);

#[async_trait]
impl Place for Kept {
    async fn open(&self) -> Result<Arc<dyn Ledger>, LedgerError> {
        Ok(Arc::new(self.0.reopen()))
    }
}

crate::ledger_suite!(async { Kept(MemoryLedger::new()) });

fn about(source: &FolderPath) -> LedgerFolder {
    LedgerFolder {
        source: source.clone(),
        target: source.clone(),
        source_watermark: None,
        target_watermark: None,
        source_ids: "1".into(),
        target_ids: "1".into(),
        keywords: String::new(),
        source_object_id: None,
        messages: 0,
    }
}

async fn three_steps(ledger: &MemoryLedger) -> Result<(), LedgerError> {
    let inbox = FolderPath::inbox();
    ledger.put_folder(&about(&inbox)).await?;
    for uid in 1..=2 {
        let id = MessageId::Uid(uid);
        let entry = Entry { source: id.clone(), target: id, flags: SystemFlags::SEEN.into() };
        ledger.settle(&inbox, &Settlement { entries: vec![entry], ..Settlement::default() }).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_cut_before_a_step_leaves_nothing_of_it_and_a_cut_after_it_all() {
    for cut in 0..6 {
        let asked = Arc::new(Mutex::new(Vec::new()));
        let hook: PowerHook = {
            let asked = asked.clone();
            Arc::new(move |when, step| {
                let mut asked = asked.lock().expect("nobody has panicked");
                asked.push((when, step));
                asked.len() <= cut
            })
        };
        let ledger = MemoryLedger::with_hook(hook);
        let error = three_steps(&ledger).await.expect_err("the power is cut");
        assert!(matches!(error, LedgerError::Store { doing: "written", .. }), "{error:?}");
        assert!(ledger.folders().await.is_err(), "nothing works without power");
        assert!(ledger.set_writing(true).await.is_err(), "nothing works without power");

        let next = ledger.reopen_with_hook(Arc::new(|_, _| true));
        let folders = next.folders().await.expect("power is back");
        let done = folders.len() as u64 + folders.first().map_or(0, |folder| folder.messages);
        assert_eq!(done, (cut as u64).div_ceil(2), "cut {cut}");
        let names = ["put_folder", "put_folder", "settle", "settle", "settle", "settle"];
        let times = [When::Before, When::After].into_iter().cycle();
        let expected: Vec<_> = times.zip(names).take(cut + 1).collect();
        assert_eq!(*asked.lock().expect("nobody has panicked"), expected);
    }
}
