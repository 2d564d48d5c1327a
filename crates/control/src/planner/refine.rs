//! Which block would be better off in another wave?
//!
//! Filling looks forward only. Here each block that has stronger ties to another wave than to its own moves there, if there is room and
//! its pins allow it, until nothing moves any more. Each move makes the weight of cut ties smaller, so that this comes to an end.

use std::collections::BTreeMap;

use super::blocks::Blocks;
use super::fill::Filled;
use super::pins::Rules;

/// The first rounds move most; more are not worth their time.
const ROUNDS: usize = 10;

/// Moves blocks as long as that cuts fewer ties.
pub(super) fn refine(rules: &Rules, blocks: &Blocks, filled: &mut Filled) {
    for _ in 0..ROUNDS {
        let mut has_moved = false;
        for block in 0..blocks.len() {
            if let Some(better) = better_wave(rules, blocks, filled, block) {
                let load = blocks.load[block as usize];
                if let Some(old) = filled.wave_of[block as usize].replace(better) {
                    let old = &mut filled.waves[old as usize];
                    old.load = old.load.without(load);
                }
                let new = &mut filled.waves[better as usize];
                new.load = new.load.with(load);
                has_moved = true;
            }
        }
        if !has_moved {
            break;
        }
    }
}

/// The wave to which a block has the strongest ties, if that is not its own and it can go there.
fn better_wave(rules: &Rules, blocks: &Blocks, filled: &Filled, block: u32) -> Option<u32> {
    let home = filled.wave_of[block as usize]?;
    let rule = rules.rule(blocks.rule[block as usize]);
    if rule.last {
        return None;
    }
    let mut weights: BTreeMap<u32, u64> = BTreeMap::new();
    for (other, weight) in blocks.ties(block) {
        if let Some(wave) = filled.wave_of[*other as usize] {
            *weights.entry(wave).or_default() += weight;
        }
    }
    let at_home = weights.remove(&home).unwrap_or(0);
    let can_go = |wave: u32| {
        let wave = &filled.waves[wave as usize];
        rule.allows(wave.occurrence.opens) && wave.room.holds(wave.load.with(blocks.load[block as usize]))
    };
    let better = weights.into_iter().filter(|(wave, weight)| *weight > at_home && can_go(*wave));
    better.max_by_key(|(wave, weight)| (*weight, std::cmp::Reverse(*wave))).map(|(wave, _)| wave)
}
