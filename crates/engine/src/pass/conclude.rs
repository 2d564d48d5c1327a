//! The end of a pass: both sides are compared, and what was compared is what the ledger remembers.

use limosa_model::Ledger;

use super::Attempt;
use crate::apply;
use crate::lanes::{Job, Lanes};
use crate::options::Deletions;
use crate::outlook::Outlook;
use crate::prepare::aside;
use crate::progress::Phase;
use crate::report::{Discrepancy, Unfinished};
use crate::sides::Sessions;
use crate::stop::Stop;
use crate::verify::{Comparison, compare, settle_watermarks};
use crate::work::Work;

impl Attempt<'_> {
    /// Compares, settles the watermarks, ends folders that are gone.
    pub(super) async fn conclude(
        &mut self,
        sessions: &mut Sessions,
        lanes: &mut Lanes<'_>,
        works: &mut [Work],
        outlook: &Outlook,
    ) -> Result<Option<Unfinished>, Stop> {
        self.progress.enter(Phase::Verifying);
        let ledger = self.pair.ledger.as_ref();
        let is_gone = |work: &Work| outlook.plan.gone.iter().any(|gone| gone.source == work.source.path);
        for work in works.iter().filter(|work| is_gone(work) && !work.incomplete) {
            let place_is_used = outlook.plan.pairs.iter().any(|pair| pair.place.path() == &work.target.path);
            let delete = self.options.deletions != Deletions::Keep && !place_is_used;
            if let Some(kept) = apply::end_folder(sessions, ledger, work, delete).await? {
                self.summary.note_folder(&work.source.path, "kept", kept);
            }
        }
        let there: Vec<&mut Work> = works.iter_mut().filter(|work| !is_gone(work)).collect();
        let comparisons = there.into_iter().map(|work| Compare { work, ledger }).collect();
        let comparisons = lanes.work_off(sessions, comparisons).await?;
        let survey = sessions.target.survey().await.map_err(Stop::target)?;
        let mut discrepancies = Vec::new();
        for (work, comparison) in works.iter().filter(|work| !is_gone(work)).zip(comparisons) {
            let mut found = comparison.discrepancies;
            let folder = survey.folders.iter().find(|folder| folder.path == work.target.path);
            if let Some(state) = folder.and_then(|folder| folder.state.as_ref()) {
                self.summary.target_messages(&work.source.path, state.messages);
                if state.messages < work.ledger.len() {
                    let stand = work.ledger.len();
                    let what = format!("the target counts {} messages where {stand} should stand", state.messages);
                    found.push(Discrepancy { folder: work.source.path.clone(), id: None, what });
                }
            }
            if found.is_empty() && !work.incomplete {
                if work.set_aside {
                    ledger.remove_folder(&aside(&work.source.path)).await?;
                }
                settle_watermarks(ledger, work, comparison.watermark, &outlook.dropped_flags).await?;
            }
            discrepancies.extend(found);
        }
        let incomplete = works.iter().any(|work| work.incomplete);
        let unfinished = match (discrepancies.is_empty(), incomplete) {
            (false, _) => Some(Unfinished {
                code: "differs".into(),
                what: format!(
                    "the comparison found {} difference{}",
                    discrepancies.len(),
                    if discrepancies.len() == 1 { "" } else { "s" }
                ),
                hint: Some("somebody else may be changing the target; run again to mend it".into()),
            }),
            (true, true) => Some(Unfinished {
                code: "again".into(),
                what: "some messages have to be looked at again".into(),
                hint: Some("run again".into()),
            }),
            (true, false) => None,
        };
        self.summary.discrepancies = discrepancies;
        Ok(unfinished)
    }
}

/// A folder to be compared.
struct Compare<'a> {
    work: &'a mut Work,
    ledger: &'a dyn Ledger,
}

impl Job for Compare<'_> {
    type Done = Comparison;

    async fn run(self, sessions: &mut Sessions) -> Result<Comparison, Stop> {
        compare(sessions, self.ledger, self.work).await
    }
}
