//! Which pairs cut over together, and when?
//!
//! People who work in each other's mailboxes should move on the same night. [`plan`] takes pairs, the ties between them, pins and
//! windows, and answers with waves. What it holds to, in this order:
//!
//! 1. Capacities, windows and pins hold, always. What cannot be placed is left out with its reason.
//! 2. Organisations stay together where one window can hold them.
//! 3. Organisations and pairs that are tied to each other, however indirectly, stay together where one window can hold them all.
//! 4. Where a group is too large for that, the ties that are cut are few and weak.
//! 5. Waves are full, the earliest first.
//!
//! Both hold for what is pinned alike; what is tied to something pinned follows it where there is room.
//!
//! The steps: organisations and ties make `blocks` that are never cut; `fill` puts blocks into one occurrence after another, and
//! takes next what has most of its ties in there already; `refine` moves blocks between waves as long as that cuts fewer ties. All of
//! it depends on nothing but the question: the same question has the same answer.

mod blocks;
mod fill;
mod pins;
mod refine;
mod room;
mod sets;
#[cfg(test)]
mod tests;

use jiff::Timestamp;
use limosa_model::programme::{OrganisationId, PairId, Right, Window, WindowId};

pub use pins::{Pin, PinError, Place, Who};
pub use room::{Load, Room};

use crate::windows::{self, Occurrence, WindowError};

/// A pair that is to be planned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Which.
    pub pair: PairId,
    /// Whose.
    pub organisation: OrganisationId,
    /// Bytes of its mailbox; 0 where that is not known.
    pub bytes: u64,
}

/// Two pairs that should move together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tie {
    /// The one.
    pub one: PairId,
    /// The other.
    pub other: PairId,
    /// How much it hurts to cut it: see [`weight`].
    pub weight: u32,
}

/// How much it hurts when a grant's two mailboxes are on different sides for a while: who works in a mailbox all day is hurt more than who
/// looks into one folder of it.
pub fn weight(right: &Right) -> u32 {
    match right {
        Right::FullAccess => 8,
        Right::SendAs => 4,
        Right::SendOnBehalf => 2,
        Right::Folder { .. } => 1,
    }
}

/// What is to be planned.
#[derive(Clone, Copy, Debug)]
pub struct Question<'a> {
    /// All pairs, ascending by id, each once.
    pub pairs: &'a [Candidate],
    /// What ties them. Ties to pairs that are not among them do not count.
    pub ties: &'a [Tie],
    /// What people have decided.
    pub pins: &'a [Pin],
    /// When cutovers may happen.
    pub windows: &'a [Window],
    /// No wave opens before.
    pub from: Timestamp,
    /// No wave opens at this time or later.
    pub until: Timestamp,
}

/// The answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// By time.
    pub waves: Vec<PlannedWave>,
    /// Ties between pairs of different waves, in the order of the question.
    pub cut: Vec<CutTie>,
    /// Groups tied together that no window can hold, by their first pair.
    pub too_large: Vec<Group>,
    /// Pairs that are in no wave.
    pub left_out: Vec<LeftOut>,
}

impl Plan {
    /// The weight of all ties that are cut.
    pub fn cut_weight(&self) -> u64 {
        self.cut.iter().map(|cut| u64::from(cut.tie.weight)).sum()
    }
}

/// Pairs that cut over together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlannedWave {
    /// In which window.
    pub window: WindowId,
    /// When it opens and closes.
    pub occurrence: Occurrence,
    /// Which, ascending.
    pub pairs: Vec<PairId>,
    /// Bytes of their mailboxes.
    pub bytes: u64,
}

/// A tie whose pairs do not move together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CutTie {
    /// Which.
    pub tie: Tie,
    /// Why.
    pub because: CutReason,
}

/// Why a tie is cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum CutReason {
    /// Pins hold its pairs apart.
    Pins,
    /// One of its pairs is in no wave.
    LeftOut,
    /// No window can hold all that is tied to them.
    GroupTooLarge,
}

/// Pairs that are tied together, however indirectly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Group {
    /// One of them: that with the smallest id.
    pub first: PairId,
    /// How many, and how large.
    pub load: Load,
    /// Organisations that they are of.
    pub organisations: usize,
}

/// Pairs in no wave.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeftOut {
    /// Which, ascending.
    pub pairs: Vec<PairId>,
    /// Why.
    pub because: LeftOutReason,
}

/// Why pairs are in no wave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum LeftOutReason {
    /// It is larger than any window.
    #[error("the mailbox is larger than any window holds; hint: raise the bytes of a window, or plan without sizes")]
    LargerThanAnyWindow,
    /// Its pinned wave is full.
    #[error(
        "pinned to {starts}, where {needs} are pinned and {holds} fit{}{}; hint: pin some to another date",
        or_all_at(*together), or_until(*spread)
    )]
    WaveFull {
        /// When that opens.
        starts: Timestamp,
        /// All that is pinned to it.
        needs: Load,
        /// What fits.
        holds: Room,
        /// When the first window opens that holds all of it; `None` where none does.
        together: Option<Timestamp>,
        /// When the last window opens that is needed if all of it is spread over what opens from then on.
        spread: Option<Timestamp>,
    },
    /// There are not enough windows.
    #[error("no window before {until} has room; hint: plan further ahead, or give windows more capacity")]
    NoTimeLeft {
        /// The end of what is planned.
        until: Timestamp,
    },
}

fn or_all_at(together: Option<Timestamp>) -> String {
    together.map_or_else(|| ", and no window holds all".to_owned(), |opens| format!("; all would fit on {opens}"))
}

fn or_until(spread: Option<Timestamp>) -> String {
    spread.map_or_else(String::new, |opens| format!("; spread over all windows from then on, until {opens}"))
}

/// What cannot be planned.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// Nothing to plan into.
    #[error("there is no window; hint: add one, as in `Mon-Thu 18:00-06:00`")]
    NoWindow,
    /// A window is not sound.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// Pins contradict each other, or the windows.
    #[error(transparent)]
    Pin(#[from] PinError),
    /// Pairs are not ascending.
    #[error("pair {0} is given twice, or not in the order of ids")]
    OutOfOrder(PairId),
}

/// Puts pairs into waves.
///
/// # Errors
/// [`PlanError`] where the question makes no sense. What makes sense and cannot be done is in the answer.
pub fn plan(question: &Question<'_>) -> Result<Plan, PlanError> {
    if question.windows.is_empty() {
        return Err(PlanError::NoWindow);
    }
    for window in question.windows {
        windows::check(window, question.from)?;
    }
    if let Some(pairs) = question.pairs.windows(2).find(|pairs| pairs[0].pair >= pairs[1].pair) {
        return Err(PlanError::OutOfOrder(pairs[1].pair));
    }
    let rules = pins::Rules::new(question)?;
    let rooms = room::largest(question.windows, question.from);
    let edges = edges(question);
    let blocks = blocks::make(question.pairs, &edges, &rules, &rooms);
    let mut filled = fill::fill(question, &rules, &blocks, &rooms);
    refine::refine(&rules, &blocks, &mut filled);
    Ok(answer(question, &rules, &edges, &blocks, filled))
}

/// A tie between pairs by their positions in the question.
#[derive(Clone, Copy, Debug)]
struct Edge {
    one: u32,
    other: u32,
    weight: u32,
    /// Its position among the ties.
    tie: u32,
}

/// The ties between pairs that are there.
fn edges(question: &Question<'_>) -> Vec<Edge> {
    let position = |pair| position(question.pairs, pair);
    let edge = |(tie, Tie { one, other, weight }): (usize, &Tie)| {
        let (one, other) = (position(*one)?, position(*other)?);
        (one != other).then_some(Edge { one, other, weight: *weight, tie: tie as u32 })
    };
    question.ties.iter().enumerate().filter_map(edge).collect()
}

/// Where a pair stands in the question.
fn position(pairs: &[Candidate], pair: PairId) -> Option<u32> {
    // A database's ids have few gaps: most pairs are where counting from the first one puts them.
    let guess = usize::try_from(pair.0.checked_sub(pairs.first()?.pair.0)?).ok()?;
    if pairs.get(guess).is_some_and(|candidate| candidate.pair == pair) {
        return Some(guess as u32);
    }
    pairs.binary_search_by_key(&pair, |candidate| candidate.pair).ok().map(|position| position as u32)
}

/// Names what was decided by positions.
fn answer(
    question: &Question<'_>,
    rules: &pins::Rules,
    edges: &[Edge],
    blocks: &blocks::Blocks,
    filled: fill::Filled,
) -> Plan {
    let wave_of = |position: u32| filled.wave_of[blocks.of_pair[position as usize] as usize];
    let mut waves: Vec<_> = filled
        .waves
        .iter()
        .map(|wave| PlannedWave { window: wave.window, occurrence: wave.occurrence, pairs: Vec::new(), bytes: 0 })
        .collect();
    let mut left_out = std::collections::BTreeMap::<LeftOutReason, Vec<PairId>>::new();
    for (position, candidate) in question.pairs.iter().enumerate() {
        match wave_of(position as u32) {
            Some(wave) => {
                let wave = &mut waves[wave as usize];
                wave.pairs.push(candidate.pair);
                wave.bytes = wave.bytes.saturating_add(candidate.bytes);
            }
            None => {
                let because = filled.left_out[&blocks.of_pair[position]];
                left_out.entry(because).or_default().push(candidate.pair);
            }
        }
    }
    waves.retain(|wave| !wave.pairs.is_empty());
    let cut = edges.iter().filter_map(|edge| {
        let because = match (wave_of(edge.one), wave_of(edge.other)) {
            (Some(one), Some(other)) if one == other => return None,
            (None, _) | (_, None) => CutReason::LeftOut,
            _ if rules.of(edge.one) != rules.of(edge.other) => CutReason::Pins,
            _ => CutReason::GroupTooLarge,
        };
        Some(CutTie { tie: question.ties[edge.tie as usize], because })
    });
    Plan {
        cut: cut.collect(),
        waves,
        too_large: blocks.too_large.clone(),
        left_out: left_out.into_iter().map(|(because, pairs)| LeftOut { pairs, because }).collect(),
    }
}
