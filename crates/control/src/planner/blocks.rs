//! Which pairs are never taken apart?
//!
//! First each organisation that a window can hold is one part, and of the others each pair is one. Then parts that ties join, however
//! indirectly, become one block, where a window can hold them all; where none can, each part is a block. What is pinned otherwise is never
//! in one block.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use limosa_model::programme::OrganisationId;

use super::pins::Rules;
use super::room::{Load, Room};
use super::sets::{Sets, numbered};
use super::{Candidate, Edge, Group};

/// Pairs in blocks, and what ties those.
pub(super) struct Blocks {
    /// The block of each pair, by position.
    pub(super) of_pair: Vec<u32>,
    /// How large each is.
    pub(super) load: Vec<Load>,
    /// The number of the rule of its pairs.
    pub(super) rule: Vec<u32>,
    /// Pairs of its organisation, where that is taken apart because no window can hold it; 0 for all other blocks.
    pub(super) taken_from: Vec<u64>,
    /// Groups that no window can hold.
    pub(super) too_large: Vec<Group>,
    /// Ties of block `n`: from `start[n]` to `start[n + 1]`.
    start: Vec<usize>,
    ties: Vec<(u32, u64)>,
}

impl Blocks {
    /// The blocks that one is tied to, and the weight of those ties.
    pub(super) fn ties(&self, block: u32) -> &[(u32, u64)] {
        &self.ties[self.start[block as usize]..self.start[block as usize + 1]]
    }

    /// How many there are.
    pub(super) fn len(&self) -> u32 {
        self.load.len() as u32
    }
}

/// Makes blocks.
pub(super) fn make(pairs: &[Candidate], edges: &[Edge], rules: &Rules, rooms: &[Room]) -> Blocks {
    let fits = |load: Load| rooms.iter().any(|room| room.holds(load));
    let organisations = Organisations::new(pairs, rules);
    let parts = parts(pairs, &organisations, fits);
    let loads = sums(&parts, pairs.iter().map(load_of));
    let mut groups = Sets::new(loads);
    for edge in edges.iter().filter(|edge| rules.of(edge.one) == rules.of(edge.other)) {
        groups.join(parts[edge.one as usize], parts[edge.other as usize]);
    }
    let too_large = too_large(pairs, &parts, &mut groups, fits);
    let of_pair = numbered(parts.iter().map(|part| if fits(groups.load(*part)) { groups.find(*part) } else { *part }));
    let load = sums(&of_pair, pairs.iter().map(load_of));
    let (mut rule, mut taken_from) = (vec![0; load.len()], vec![0; load.len()]);
    for (position, block) in of_pair.iter().enumerate() {
        rule[*block as usize] = rules.of(position as u32);
        let (_, organisation) = organisations.of(position, pairs);
        taken_from[*block as usize] = if fits(organisation) { 0 } else { organisation.pairs };
    }
    let (start, ties) = neighbours(edges, &of_pair, load.len());
    Blocks { of_pair, load, rule, taken_from, too_large, start, ties }
}

fn load_of(pair: &Candidate) -> Load {
    Load { pairs: 1, bytes: pair.bytes }
}

/// Organisations, each as far as it is pinned alike: the position of its first pair, and its load.
struct Organisations<'a> {
    rules: &'a Rules,
    loads: HashMap<(OrganisationId, u32), (u32, Load)>,
}

impl<'a> Organisations<'a> {
    fn new(pairs: &[Candidate], rules: &'a Rules) -> Self {
        let mut loads = HashMap::new();
        for (position, pair) in pairs.iter().enumerate() {
            let key = (pair.organisation, rules.of(position as u32));
            let (_, load) = loads.entry(key).or_insert((position as u32, Load::default()));
            *load = load.with(load_of(pair));
        }
        Self { rules, loads }
    }

    /// That of the pair at this position.
    fn of(&self, position: usize, pairs: &[Candidate]) -> (u32, Load) {
        self.loads[&(pairs[position].organisation, self.rules.of(position as u32))]
    }
}

/// The part that each pair is in: its organisation where a window holds that, and otherwise a part of its own.
fn parts(pairs: &[Candidate], organisations: &Organisations<'_>, fits: impl Fn(Load) -> bool) -> Vec<u32> {
    numbered((0..pairs.len()).map(|position| {
        let (first, load) = organisations.of(position, pairs);
        if fits(load) { first } else { position as u32 }
    }))
}

/// The loads of all that have the same number.
fn sums(numbers: &[u32], loads: impl Iterator<Item = Load>) -> Vec<Load> {
    let count = numbers.iter().max().map_or(0, |most| *most as usize + 1);
    let mut sums = vec![Load::default(); count];
    for (number, load) in numbers.iter().zip(loads) {
        sums[*number as usize] = sums[*number as usize].with(load);
    }
    sums
}

fn too_large(pairs: &[Candidate], parts: &[u32], groups: &mut Sets, fits: impl Fn(Load) -> bool) -> Vec<Group> {
    let mut found: BTreeMap<u32, (Group, BTreeSet<_>)> = BTreeMap::new();
    for (pair, part) in pairs.iter().zip(parts) {
        let load = groups.load(*part);
        // A single mailbox that is too large is no group: it is left out, and that says why.
        if load.pairs > 1 && !fits(load) {
            let group = Group { first: pair.pair, load, organisations: 0 };
            let (_, organisations) = found.entry(groups.find(*part)).or_insert_with(|| (group, BTreeSet::new()));
            organisations.insert(pair.organisation);
        }
    }
    let counted =
        found.into_values().map(|(group, organisations)| Group { organisations: organisations.len(), ..group });
    let mut groups: Vec<_> = counted.collect();
    groups.sort_by_key(|group| group.first);
    groups
}

/// The ties of each block to others, one after another, and where those of each begin.
fn neighbours(edges: &[Edge], of_pair: &[u32], count: usize) -> (Vec<usize>, Vec<(u32, u64)>) {
    let between = edges.iter().filter_map(|edge| {
        let (one, other) = (of_pair[edge.one as usize], of_pair[edge.other as usize]);
        (one != other).then_some((one, other, u64::from(edge.weight)))
    });
    let mut ties: Vec<_> =
        between.flat_map(|(one, other, weight)| [(one, other, weight), (other, one, weight)]).collect();
    ties.sort_unstable();
    ties.dedup_by(|next, kept| {
        let is_same = (next.0, next.1) == (kept.0, kept.1);
        if is_same {
            kept.2 += next.2;
        }
        is_same
    });
    let mut start = vec![0; count + 1];
    for (from, ..) in &ties {
        start[*from as usize + 1] += 1;
    }
    for block in 0..count {
        start[block + 1] += start[block];
    }
    (start, ties.into_iter().map(|(_, to, weight)| (to, weight)).collect())
}
