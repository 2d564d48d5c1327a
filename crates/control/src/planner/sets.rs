//! Which things belong together, when pairs of them are joined one after another? (Union-find, by size and with halved paths.)

use std::collections::HashMap;

use super::room::Load;

/// Sets of numbers from 0 on, each with its load.
pub(super) struct Sets {
    parent: Vec<u32>,
    load: Vec<Load>,
}

impl Sets {
    /// Each number by itself.
    pub(super) fn new(loads: Vec<Load>) -> Self {
        Self { parent: (0..loads.len() as u32).collect(), load: loads }
    }

    /// The number that stands for the set of `member`.
    pub(super) fn find(&mut self, mut member: u32) -> u32 {
        while self.parent[member as usize] != member {
            let grandparent = self.parent[self.parent[member as usize] as usize];
            self.parent[member as usize] = grandparent;
            member = grandparent;
        }
        member
    }

    /// The load of the set of `member`.
    pub(super) fn load(&mut self, member: u32) -> Load {
        let root = self.find(member);
        self.load[root as usize]
    }

    /// Joins two sets.
    pub(super) fn join(&mut self, one: u32, other: u32) {
        let (one, other) = (self.find(one), self.find(other));
        if one == other {
            return;
        }
        let is_larger = self.load[one as usize].pairs >= self.load[other as usize].pairs;
        let (larger, smaller) = if is_larger { (one, other) } else { (other, one) };
        self.load[larger as usize] = self.load[larger as usize].with(self.load[smaller as usize]);
        self.parent[smaller as usize] = larger;
    }
}

/// Gives things new numbers, from 0 on in the order in which they come: the same to those that had the same.
pub(super) fn numbered(old: impl Iterator<Item = u32>) -> Vec<u32> {
    let mut new_of_old = HashMap::new();
    let number = |old| {
        let next = new_of_old.len() as u32;
        *new_of_old.entry(old).or_insert(next)
    };
    old.map(number).collect()
}
