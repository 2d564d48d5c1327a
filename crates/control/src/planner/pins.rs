//! What have people decided, and does it go together?
//!
//! A pin is of a pair or of a whole organisation. What a pair's own pin says of its wave goes before what its organisation's says: it
//! is the more exact word. A "not before" is a promise, and holds whoever gave it.

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use jiff::Timestamp;
use limosa_model::programme::{OrganisationId, PairId};

use super::{Candidate, Question};
use crate::windows;

/// A decision that the planner has to keep to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pin {
    /// Of whom.
    pub who: Who,
    /// Where they go.
    pub place: Place,
}

/// Of whom something was decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// One pair.
    Pair(PairId),
    /// All of an organisation.
    Organisation(OrganisationId),
}

/// Where somebody goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Place {
    /// Into the wave that opens at this time.
    At(Timestamp),
    /// Into any that opens at this time or later.
    NotBefore(Timestamp),
    /// Into the last waves, when all others have their place.
    Last,
}

impl fmt::Display for Pin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.who {
            Who::Pair(pair) => write!(formatter, "pair {pair} ")?,
            Who::Organisation(organisation) => write!(formatter, "organisation {organisation} ")?,
        }
        match self.place {
            Place::At(opens) => write!(formatter, "at {opens}"),
            Place::NotBefore(earliest) => write!(formatter, "not before {earliest}"),
            Place::Last => formatter.write_str("last"),
        }
    }
}

/// Pins that cannot be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PinError {
    /// Two that exclude each other.
    #[error("the pins `{0}` and `{1}` contradict each other; hint: remove one of them")]
    Contradiction(Pin, Pin),
    /// No window opens then.
    #[error("the pin `{pin}` is at a time at which no window opens{}; hint: pin it to a time at which one opens", or_at(*next))]
    NoOpening {
        /// Which.
        pin: Pin,
        /// When the next one opens, as far as is planned.
        next: Option<Timestamp>,
    },
}

fn or_at(next: Option<Timestamp>) -> String {
    next.map_or_else(String::new, |opens| format!(" (the next does at {opens})"))
}

/// What holds for a pair, all pins taken together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Rule {
    /// Only at this time.
    pub(super) at: Option<Timestamp>,
    /// Not before.
    pub(super) not_before: Option<Timestamp>,
    /// After all that have no such rule.
    pub(super) last: bool,
}

impl Rule {
    /// Whether what it holds for may be in a wave that opens then.
    pub(super) fn allows(&self, opens: Timestamp) -> bool {
        self.at.is_none_or(|at| at == opens) && self.not_before.is_none_or(|earliest| earliest <= opens)
    }
}

/// The rules of all pairs. Few pairs have one, and those of an organisation share theirs.
pub(super) struct Rules {
    rules: Vec<Rule>,
    /// Which, by the pair's position; the first is "anywhere". Empty where nobody has pinned anything.
    of_pair: Vec<u32>,
}

impl Rules {
    pub(super) fn new(question: &Question<'_>) -> Result<Self, PinError> {
        let mut pins: BTreeMap<Who, Pins> = BTreeMap::new();
        for pin in question.pins {
            check_opening(question, pin)?;
            pins.entry(pin.who).or_default().add(*pin)?;
        }
        let mut rules = vec![Rule::default()];
        if pins.is_empty() {
            return Ok(Self { rules, of_pair: Vec::new() });
        }
        let none = Pins::default();
        let mut numbers = HashMap::from([(Rule::default(), 0)]);
        let mut of_pair = Vec::with_capacity(question.pairs.len());
        for Candidate { pair, organisation, .. } in question.pairs {
            let organisations = pins.get(&Who::Organisation(*organisation)).unwrap_or(&none);
            let rule = pins.get(&Who::Pair(*pair)).unwrap_or(&none).within(organisations)?;
            let number = *numbers.entry(rule).or_insert_with(|| {
                rules.push(rule);
                rules.len() as u32 - 1
            });
            of_pair.push(number);
        }
        Ok(Self { rules, of_pair })
    }

    /// The number of the rule of the pair at this position.
    pub(super) fn of(&self, position: u32) -> u32 {
        self.of_pair.get(position as usize).copied().unwrap_or(0)
    }

    /// The rule of that number.
    pub(super) fn rule(&self, number: u32) -> &Rule {
        &self.rules[number as usize]
    }
}

/// Somebody's pins.
#[derive(Clone, Copy, Default)]
struct Pins {
    at: Option<Pin>,
    not_before: Option<Pin>,
    last: Option<Pin>,
}

impl Pins {
    fn add(&mut self, pin: Pin) -> Result<(), PinError> {
        let slot = match pin.place {
            Place::At(_) => &mut self.at,
            Place::NotBefore(_) => &mut self.not_before,
            Place::Last => &mut self.last,
        };
        match slot {
            // Of two "not before" the later one holds.
            Some(before) if matches!(pin.place, Place::NotBefore(_)) => *before = pin.max(*before),
            Some(before) if *before != pin => return Err(PinError::Contradiction(*before, pin)),
            _ => *slot = Some(pin),
        }
        self.rule().map(drop)
    }

    /// A pair's pins together with those of its organisation.
    fn within(&self, organisation: &Self) -> Result<Rule, PinError> {
        let own_wave = self.at.is_some() || self.last.is_some();
        let (at, last) = if own_wave { (self.at, self.last) } else { (organisation.at, organisation.last) };
        let not_before = [self.not_before, organisation.not_before].into_iter().flatten().max_by_key(|pin| pin.place);
        Self { at, not_before, last }.rule()
    }

    fn rule(&self) -> Result<Rule, PinError> {
        let at = match self.at.map(|pin| (pin, pin.place)) {
            Some((_, Place::At(opens))) => Some(opens),
            _ => None,
        };
        let not_before = match self.not_before.map(|pin| pin.place) {
            Some(Place::NotBefore(earliest)) => Some(earliest),
            _ => None,
        };
        let too_early = at.zip(not_before).is_some_and(|(at, earliest)| at < earliest);
        match (self.at, self.not_before, self.last) {
            (Some(pin), Some(other), _) if too_early => Err(PinError::Contradiction(pin, other)),
            (Some(pin), _, Some(other)) => Err(PinError::Contradiction(pin, other)),
            _ => Ok(Rule { at, not_before, last: self.last.is_some() }),
        }
    }
}

/// Whether a window opens at the time that a pin names.
fn check_opening(question: &Question<'_>, pin: &Pin) -> Result<(), PinError> {
    let Place::At(opens) = pin.place else { return Ok(()) };
    let next = question.windows.iter().filter_map(|window| windows::next_opening(window, opens.max(question.from)));
    let next = next.map(|occurrence| occurrence.opens).filter(|next| *next < question.until).min();
    if next == Some(opens) { Ok(()) } else { Err(PinError::NoOpening { pin: *pin, next }) }
}
