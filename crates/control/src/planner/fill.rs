//! Which block goes into which wave?
//!
//! One occurrence after another is filled. What is pinned to it comes first; then always the block that has the largest share of its
//! ties in this wave already, so that ties of few are closed before ties of many are opened. Where nothing is tied to it, it is the largest
//! block that still fits.
//!
//! Organisations that have to be taken apart have their own rule, since their pieces fit everywhere, and would end as fillers of all gaps:
//! pieces go into the windows with the most room, so that they are few and large, and elsewhere only where most of the room would stay
//! empty.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap, HashMap};
use std::iter::Peekable;

use jiff::Timestamp;
use limosa_model::programme::{Window, WindowId};

use super::blocks::Blocks;
use super::pins::Rules;
use super::room::{Load, Room};
use super::{LeftOutReason, Question};
use crate::windows::{self, Occurrence, Occurrences};

/// A wave while it is filled.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wave {
    pub(super) window: WindowId,
    pub(super) occurrence: Occurrence,
    pub(super) room: Room,
    pub(super) load: Load,
}

/// Where everything went.
pub(super) struct Filled {
    /// All occurrences that were looked at; some may be empty.
    pub(super) waves: Vec<Wave>,
    /// The wave of each block.
    pub(super) wave_of: Vec<Option<u32>>,
    /// Why the others have none.
    pub(super) left_out: HashMap<u32, LeftOutReason>,
}

/// Fills waves until every block has its place, or there is no time left.
pub(super) fn fill(question: &Question<'_>, rules: &Rules, blocks: &Blocks, rooms: &[Room]) -> Filled {
    let mut filling = Filling::new(rules, blocks, rooms, question.from);
    for (window, occurrence) in Calendar::new(question, question.from) {
        if filling.is_done() {
            break;
        }
        let room = Room::of(&window.capacity, &occurrence);
        filling.fill_wave(Wave { window: window.id, occurrence, room, load: Load::default() });
    }
    filling.end(question)
}

/// The occurrences of all windows, by time.
struct Calendar<'a> {
    windows: Vec<(&'a Window, Peekable<Occurrences<'a>>)>,
    from: Timestamp,
    until: Timestamp,
}

impl<'a> Calendar<'a> {
    fn new(question: &Question<'a>, from: Timestamp) -> Self {
        let windows = question.windows.iter().map(|window| (window, windows::occurrences(window, from).peekable()));
        Self { windows: windows.collect(), from, until: question.until }
    }
}

impl<'a> Iterator for Calendar<'a> {
    type Item = (&'a Window, Occurrence);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let next = self.windows.iter_mut().filter_map(|(window, occurrences)| {
                let occurrence = *occurrences.peek()?;
                Some((occurrence, window.id, *window, occurrences))
            });
            let (occurrence, _, window, occurrences) = next.min_by_key(|(occurrence, id, ..)| (*occurrence, *id))?;
            occurrences.next();
            if occurrence.opens >= self.until {
                return None;
            }
            if occurrence.opens >= self.from {
                return Some((window, occurrence));
            }
        }
    }
}

/// Blocks that may be placed, by size: pairs, bytes, and of equal ones the first.
type Pool = BTreeSet<(u64, u64, Reverse<u32>)>;

struct Filling<'a> {
    rules: &'a Rules,
    blocks: &'a Blocks,
    rooms: &'a [Room],
    waves: Vec<Wave>,
    wave_of: Vec<Option<u32>>,
    left_out: HashMap<u32, LeftOutReason>,
    /// What may be placed now.
    ready: Pool,
    /// The same for pieces of organisations that are taken apart: by the pairs of those.
    pieces: BTreeSet<(u64, Reverse<u32>)>,
    /// What may be placed when nothing else is left.
    last: Pool,
    /// How many blocks that are neither pinned nor last are still to be placed.
    before_last: usize,
    /// What may not be placed yet, the earliest at the end.
    later: Vec<(Timestamp, u32)>,
    /// What is pinned, by when; the largest first.
    pinned: BTreeMap<Timestamp, Vec<u32>>,
    /// Whether a piece is in the wave that is filled now.
    wave_has_pieces: bool,
    /// The weight of each block's ties into the wave that is filled now.
    drawn: Vec<u64>,
    /// The weight of all its ties.
    tied: Vec<u64>,
}

impl<'a> Filling<'a> {
    fn new(rules: &'a Rules, blocks: &'a Blocks, rooms: &'a [Room], from: Timestamp) -> Self {
        let count = blocks.len() as usize;
        let tied = (0..blocks.len()).map(|block| blocks.ties(block).iter().map(|(_, weight)| weight).sum()).collect();
        let mut filling = Self {
            rules,
            blocks,
            rooms,
            wave_has_pieces: false,
            waves: Vec::new(),
            wave_of: vec![None; count],
            left_out: HashMap::new(),
            ready: Pool::new(),
            pieces: BTreeSet::new(),
            last: Pool::new(),
            before_last: 0,
            later: Vec::new(),
            pinned: BTreeMap::new(),
            drawn: vec![0; count],
            tied,
        };
        for block in 0..blocks.len() {
            let rule = rules.rule(blocks.rule[block as usize]);
            if !rooms.iter().any(|room| room.holds(blocks.load[block as usize])) {
                filling.left_out.insert(block, LeftOutReason::LargerThanAnyWindow);
            } else if let Some(at) = rule.at {
                filling.pinned.entry(at).or_default().push(block);
            } else {
                filling.before_last += usize::from(!rule.last);
                filling.later.push((rule.not_before.unwrap_or(from), block));
            }
        }
        filling.later.sort_by_key(|(earliest, block)| Reverse((*earliest, *block)));
        for pinned in filling.pinned.values_mut() {
            pinned.sort_by_key(|block| (Reverse(blocks.load[*block as usize]), *block));
        }
        filling
    }

    fn is_done(&self) -> bool {
        self.pinned.is_empty()
            && self.later.is_empty()
            && self.ready.is_empty()
            && self.pieces.is_empty()
            && self.last.is_empty()
    }

    fn fill_wave(&mut self, wave: Wave) {
        let opens = wave.occurrence.opens;
        self.waves.push(wave);
        while let Some((_, block)) = self.later.pop_if(|(earliest, _)| *earliest <= opens) {
            let is_last = self.rules.rule(self.blocks.rule[block as usize]).last;
            let key = self.key(block);
            if is_last {
                self.last.insert(key);
            } else {
                match self.piece(block) {
                    Some(piece) => self.pieces.insert(piece),
                    None => self.ready.insert(key),
                };
            }
        }
        // The next blocks by the share of their ties in this wave, in millionths; then by the weight of those ties.
        let mut drawn_in = BinaryHeap::new();
        if let Some(pinned) = self.pinned.remove(&opens) {
            let mut too_many = Vec::new();
            for block in pinned {
                if self.fits(block) { self.place(block, &mut drawn_in) } else { too_many.push(block) }
            }
            if !too_many.is_empty() {
                self.pinned.insert(opens, too_many);
            }
        }
        while let Some(block) = self.next(&mut drawn_in) {
            self.place(block, &mut drawn_in);
        }
        self.drawn.fill(0);
        self.wave_has_pieces = false;
    }

    /// The block that is placed next.
    fn next(&self, drawn_in: &mut DrawnIn) -> Option<u32> {
        let takes_pieces = self.takes_pieces();
        while let Some((_, drawn, Reverse(block))) = drawn_in.pop() {
            // Blocks that were drawn in further have a newer entry.
            let is_newest = drawn == self.drawn[block as usize];
            if is_newest && self.may_be_placed(block, takes_pieces) && self.fits(block) {
                return Some(block);
            }
        }
        let piece = self.pieces.last().map(|(_, Reverse(block))| *block);
        let piece = piece.filter(|block| takes_pieces && self.fits(*block));
        piece
            .or_else(|| self.largest_that_fits(&self.ready))
            .or_else(|| self.largest_that_fits(&self.last).filter(|_| self.before_last == 0))
    }

    fn may_be_placed(&self, block: u32, takes_pieces: bool) -> bool {
        let key = self.key(block);
        match self.piece(block) {
            Some(piece) if self.pieces.contains(&piece) => takes_pieces,
            _ => self.ready.contains(&key) || (self.before_last == 0 && self.last.contains(&key)),
        }
    }

    /// Whether the wave that is filled now takes pieces of organisations that are taken apart.
    fn takes_pieces(&self) -> bool {
        let Some(wave) = self.waves.last() else { return false };
        let pairs = |room: &Room| room.pairs.unwrap_or(u64::MAX);
        let is_roomiest = self.rooms.iter().all(|room| pairs(room) <= pairs(&wave.room));
        is_roomiest
            || self.wave_has_pieces
            || (self.is_rather_empty(wave) && self.largest_that_fits(&self.ready).is_none())
    }

    fn is_rather_empty(&self, wave: &Wave) -> bool {
        let is_below =
            |used: u64, of: Option<u64>| of.is_none_or(|most| used.saturating_mul(10) < most.saturating_mul(9));
        is_below(wave.load.pairs, wave.room.pairs) && is_below(wave.load.bytes, wave.room.bytes)
    }

    fn largest_that_fits(&self, pool: &Pool) -> Option<u32> {
        let wave = self.waves.last()?;
        let mut pairs = wave.room.pairs.map_or(u64::MAX, |pairs| pairs.saturating_sub(wave.load.pairs));
        let bytes = wave.room.bytes.map_or(u64::MAX, |bytes| bytes.saturating_sub(wave.load.bytes));
        loop {
            let (of_pairs, of_bytes, Reverse(block)) = *pool.range(..=(pairs, bytes, Reverse(0))).next_back()?;
            if of_bytes <= bytes {
                return Some(block);
            }
            // It has fewer pairs and too many bytes: of those with as few pairs, one with fewer bytes.
            pairs = of_pairs;
        }
    }

    fn fits(&self, block: u32) -> bool {
        let load = self.blocks.load[block as usize];
        self.waves.last().is_some_and(|wave| wave.room.holds(wave.load.with(load)))
    }

    fn place(&mut self, block: u32, drawn_in: &mut DrawnIn) {
        let key = self.key(block);
        let is_piece = self.piece(block).is_some_and(|piece| self.pieces.remove(&piece));
        self.wave_has_pieces |= is_piece;
        if is_piece || self.ready.remove(&key) {
            self.before_last -= 1;
        } else {
            self.last.remove(&key);
        }
        let number = self.waves.len() - 1;
        self.wave_of[block as usize] = Some(number as u32);
        let wave = &mut self.waves[number];
        wave.load = wave.load.with(self.blocks.load[block as usize]);
        for (other, weight) in self.blocks.ties(block) {
            if self.wave_of[*other as usize].is_none() {
                let drawn = &mut self.drawn[*other as usize];
                *drawn += weight;
                let share = u128::from(*drawn) * 1_000_000 / u128::from(self.tied[*other as usize].max(1));
                drawn_in.push((share as u64, *drawn, Reverse(*other)));
            }
        }
    }

    fn key(&self, block: u32) -> (u64, u64, Reverse<u32>) {
        let load = self.blocks.load[block as usize];
        (load.pairs, load.bytes, Reverse(block))
    }

    fn piece(&self, block: u32) -> Option<(u64, Reverse<u32>)> {
        let pairs = self.blocks.taken_from[block as usize];
        (pairs > 0).then_some((pairs, Reverse(block)))
    }

    fn end(mut self, question: &Question<'_>) -> Filled {
        for (opens, pinned) in std::mem::take(&mut self.pinned) {
            let because = self.wave_full(question, opens);
            self.left_out.extend(pinned.into_iter().map(|block| (block, because)));
        }
        for (block, wave) in self.wave_of.iter().enumerate() {
            if wave.is_none() {
                let because = LeftOutReason::NoTimeLeft { until: question.until };
                self.left_out.entry(block as u32).or_insert(because);
            }
        }
        Filled { waves: self.waves, wave_of: self.wave_of, left_out: self.left_out }
    }

    /// Why not all that is pinned to a time has its place there, and what would do.
    fn wave_full(&self, question: &Question<'_>, starts: Timestamp) -> LeftOutReason {
        let is_pinned = |block: &u32| self.rules.rule(self.blocks.rule[*block as usize]).at == Some(starts);
        let loads = (0..self.blocks.len()).filter(is_pinned).map(|block| self.blocks.load[block as usize]);
        let needs = loads.fold(Load::default(), Load::with);
        let rooms = |from| {
            let calendar = Calendar::new(question, from);
            calendar.map(|(window, occurrence)| (occurrence.opens, Room::of(&window.capacity, &occurrence)))
        };
        let holds = rooms(starts).next().map(|(_, room)| room).unwrap_or_default();
        let together = rooms(question.from).find(|(_, room)| room.holds(needs)).map(|(opens, _)| opens);
        let mut rest = needs;
        let spread = rooms(starts).find(|(_, room)| {
            let taken = Load { pairs: room.pairs.unwrap_or(u64::MAX), bytes: room.bytes.unwrap_or(u64::MAX) };
            rest = rest.without(taken);
            rest == Load::default()
        });
        LeftOutReason::WaveFull { starts, needs, holds, together, spread: spread.map(|(opens, _)| opens) }
    }
}

/// Blocks with ties into the wave: the share of their ties, the weight, which.
type DrawnIn = BinaryHeap<(u64, u64, Reverse<u32>)>;
