//! Which phase may follow which, and through what?
//!
//! [`TRANSITIONS`] is the one table; what it does not have cannot happen. `docs/phases.md` is written from it.

use std::fmt;

use limosa_model::programme::Phase;
use serde::{Deserialize, Serialize};

/// What brings a pair from one phase to the next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Event {
    /// The first pass has begun.
    CopyBegan,
    /// A pass has ended with everything settled.
    CaughtUp,
    /// The steps of a cutover have begun.
    CutoverBegan,
    /// A cutover has stepped back before its record.
    CutoverUndone,
    /// The cutover's record is durable.
    CutoverRecorded,
    /// The steps of a rollback have begun.
    RollbackBegan,
    /// A rollback has stepped back before its record.
    RollbackUndone,
    /// The rollback's record is durable.
    RollbackRecorded,
    /// A person has given the way back up.
    WayBackGivenUp,
    /// A person has called the pair off.
    CalledOff,
}

impl Event {
    /// All of them, in the order of a pair's life.
    pub const ALL: [Self; 10] = [
        Self::CopyBegan,
        Self::CaughtUp,
        Self::CutoverBegan,
        Self::CutoverUndone,
        Self::CutoverRecorded,
        Self::RollbackBegan,
        Self::RollbackUndone,
        Self::RollbackRecorded,
        Self::WayBackGivenUp,
        Self::CalledOff,
    ];

    /// Its name in records and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::CopyBegan => "copy-began",
            Self::CaughtUp => "caught-up",
            Self::CutoverBegan => "cutover-began",
            Self::CutoverUndone => "cutover-undone",
            Self::CutoverRecorded => "cutover-recorded",
            Self::RollbackBegan => "rollback-began",
            Self::RollbackUndone => "rollback-undone",
            Self::RollbackRecorded => "rollback-recorded",
            Self::WayBackGivenUp => "way-back-given-up",
            Self::CalledOff => "called-off",
        }
    }

    /// The phases that allow it, in words.
    fn phases(self) -> String {
        let lines = TRANSITIONS.iter().filter(|line| line.event == self);
        lines.map(|line| line.from.name()).collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for Event {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// One line of the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transition {
    /// The phase before.
    pub from: Phase,
    /// What happens.
    pub event: Event,
    /// The phase after.
    pub to: Phase,
    /// What that means, for people.
    pub sentence: &'static str,
}

const fn transition(from: Phase, event: Event, to: Phase, sentence: &'static str) -> Transition {
    Transition { from, event, to, sentence }
}

/// Every change of phase that there is.
pub const TRANSITIONS: &[Transition] = &[
    transition(Phase::Registered, Event::CopyBegan, Phase::Copying, "The first pass has begun to copy."),
    transition(Phase::Registered, Event::CalledOff, Phase::Cancelled, "Nothing has been copied, and nothing will be."),
    transition(Phase::Copying, Event::CaughtUp, Phase::Following, "The target has everything; passes keep it in step."),
    transition(Phase::Copying, Event::CalledOff, Phase::Cancelled, "What has been copied stays where it is."),
    transition(Phase::Following, Event::CutoverBegan, Phase::CuttingOver, "Nothing blocks it, and its window is open."),
    transition(Phase::Following, Event::CalledOff, Phase::Cancelled, "Mail goes on living on the source."),
    transition(
        Phase::CuttingOver,
        Event::CutoverUndone,
        Phase::Following,
        "A step failed or took too long before the record: each step is undone, and mail lives on the source as if nothing had happened.",
    ),
    transition(
        Phase::CuttingOver,
        Event::CutoverRecorded,
        Phase::Coexisting,
        "The point of no return: mail lives on the target. What fails from here on is done again, or rolled back.",
    ),
    transition(
        Phase::Coexisting,
        Event::RollbackBegan,
        Phase::RollingBack,
        "A person wants the pair back on its source.",
    ),
    transition(
        Phase::Coexisting,
        Event::WayBackGivenUp,
        Phase::Completed,
        "Reverse passes end, and the source may be switched off.",
    ),
    transition(
        Phase::RollingBack,
        Event::RollbackUndone,
        Phase::Coexisting,
        "A step failed or took too long before the record: mail goes on living on the target.",
    ),
    transition(
        Phase::RollingBack,
        Event::RollbackRecorded,
        Phase::Following,
        "Mail lives on the source again, with all that has come meanwhile, and the target follows it.",
    ),
];

/// An event that a pair's phase does not allow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{event} cannot happen to a pair that is {phase}; it happens to one that is {}", .event.phases())]
pub struct NotAllowed {
    /// The phase that the pair is in.
    pub phase: Phase,
    /// What was to happen.
    pub event: Event,
}

/// The phase of a pair after an event.
///
/// # Errors
/// [`NotAllowed`] where the table has no such line; the pair stays as it is.
pub fn after(phase: Phase, event: Event) -> Result<Phase, NotAllowed> {
    let line = TRANSITIONS.iter().find(|line| line.from == phase && line.event == event);
    line.map(|line| line.to).ok_or(NotAllowed { phase, event })
}

/// Whether nothing can happen to a pair any more.
pub fn is_final(phase: Phase) -> bool {
    TRANSITIONS.iter().all(|line| line.from != phase)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use proptest::prelude::*;

    use super::*;

    /// The page, written from the table.
    fn page() -> String {
        let mut text = String::from(
            "# Phases of a pair\n\n\
             A pair's phase changes by the lines of this table and in no other way. The page is written from the table in\n\
             `crates/control/src/phase.rs`.\n\n\
             | phase | what happens | phase after it | what that means |\n|---|---|---|---|\n",
        );
        for Transition { from, event, to, sentence } in TRANSITIONS {
            text.push_str(&format!("| {from} | {event} | {to} | {sentence} |\n"));
        }
        let last: Vec<_> =
            Phase::ALL.into_iter().filter(|phase| is_final(*phase)).map(|phase| format!("*{phase}*")).collect();
        text.push_str(&format!("\nNothing follows {}.\n", last.join(" and ")));
        text
    }

    #[test]
    fn the_page_of_phases_is_fresh() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/phases.md");
        if std::env::var_os("UPDATE_DOCS").is_some() {
            std::fs::write(&path, page()).expect("docs/phases.md can be written");
            return;
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(found == page(), "docs/phases.md is stale: run UPDATE_DOCS=1 cargo test -p limosa-control phase");
    }

    #[test]
    fn an_event_leads_to_one_phase() {
        let lines: BTreeSet<_> = TRANSITIONS.iter().map(|line| (line.from, line.event.name())).collect();
        assert_eq!(lines.len(), TRANSITIONS.len());
        for event in Event::ALL {
            assert!(TRANSITIONS.iter().any(|line| line.event == event), "{event} never happens");
        }
    }

    #[test]
    fn every_phase_can_be_reached() {
        let mut reached = BTreeSet::from([Phase::Registered]);
        for _ in Phase::ALL {
            reached.extend(
                TRANSITIONS.iter().filter(|line| reached.contains(&line.from)).map(|line| line.to).collect::<Vec<_>>(),
            );
        }
        assert_eq!(reached, BTreeSet::from(Phase::ALL));
    }

    #[test]
    fn a_refusal_says_what_would_allow_it() {
        let refused = after(Phase::Registered, Event::CutoverBegan).expect_err("nothing was copied yet");
        assert_eq!(
            refused.to_string(),
            "cutover-began cannot happen to a pair that is registered; it happens to one that is following"
        );
    }

    /// The ways that the design allows, written down a second time and by hand.
    fn is_known(from: Phase, to: Phase) -> bool {
        match from {
            Phase::Registered => matches!(to, Phase::Copying | Phase::Cancelled),
            Phase::Copying => matches!(to, Phase::Following | Phase::Cancelled),
            Phase::Following => matches!(to, Phase::CuttingOver | Phase::Cancelled),
            Phase::CuttingOver => matches!(to, Phase::Following | Phase::Coexisting),
            Phase::Coexisting => matches!(to, Phase::RollingBack | Phase::Completed),
            Phase::RollingBack => matches!(to, Phase::Coexisting | Phase::Following),
            Phase::Completed | Phase::Cancelled => false,
        }
    }

    proptest! {
        #[test]
        fn whatever_happens_a_pair_goes_known_ways(events in prop::collection::vec(prop::sample::select(&Event::ALL[..]), 0..200)) {
            let mut phase = Phase::Registered;
            // Where mail lives: on the target exactly between the two records.
            let mut on_target = false;
            for event in events {
                let Ok(next) = after(phase, event) else { continue };
                prop_assert!(is_known(phase, next), "{} to {}", phase, next);
                match event {
                    Event::CutoverRecorded => on_target = true,
                    Event::RollbackRecorded => on_target = false,
                    _ => {}
                }
                phase = next;
                let lives_on_target = matches!(phase, Phase::Coexisting | Phase::RollingBack | Phase::Completed);
                prop_assert_eq!(on_target, lives_on_target, "{} after {}", phase, event);
            }
        }
    }
}
