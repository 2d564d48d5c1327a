//! What is still to be copied, and how much of it a lane takes at once.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use limosa_model::IdList;
use limosa_model::mailbox::Batching;
use tokio::time::Instant;

/// Messages that a lane takes at once at most as long as nobody knows how long they take; later no fewer than these, if there are more.
const SMALL: u64 = 50;
/// As long as nobody knows, a lane takes this part of a folder: its messages may be large.
const PART: u64 = 8;
/// Messages that a lane takes at once at most.
const LARGE: u64 = 5_000;
/// How long a lane is likely to be busy with what it takes at once.
const TAKES: Duration = Duration::from_secs(1);

/// A stretch of one folder.
#[derive(Clone, Debug)]
pub struct Unit {
    /// Index of the folder.
    pub folder: usize,
    /// Its messages, by source id.
    pub ids: IdList,
    /// Whether each message goes on its own.
    pub batching: Batching,
}

/// How large portions are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Portions {
    /// As large as they may be: servers are far away, and each portion costs a round trip; or there is one lane, and will be no other.
    Large,
    /// What a lane is likely to carry in a second, and no more than half of what is left of a folder: so lanes come to an end together.
    Measured,
}

/// What is to be copied. Lanes have numbers, from 0 on.
pub struct Queue {
    portions: Portions,
    waiting: Mutex<Waiting>,
}

struct Waiting {
    units: VecDeque<Unit>,
    /// The folder that each lane is in.
    folders: Vec<Option<usize>>,
    /// Lanes of lower numbers than this may take messages.
    lanes: usize,
    /// Messages that have gone through the lanes.
    carried: u64,
    /// Bytes of messages that the target has answered for.
    answered: u64,
    /// When the first was taken.
    begun: Option<Instant>,
}

impl Queue {
    /// These stretches, for one lane as yet.
    pub fn new(units: Vec<Unit>, portions: Portions) -> Self {
        let waiting =
            Waiting { units: units.into(), folders: Vec::new(), lanes: 1, carried: 0, answered: 0, begun: None };
        Self { portions, waiting: Mutex::new(waiting) }
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next messages for a lane, from a folder that no other lane is in, if there is one; with `like`, only such as can go
    /// through the same writer. A lane that takes no more still takes what has to go alone: it may be what it has put back itself, and
    /// nobody else be left to do it.
    pub fn take(&self, lane: usize, like: Option<(usize, Batching)>) -> Option<Unit> {
        let mut waiting = self.waiting();
        let may_take = |unit: &Unit| lane < waiting.lanes || unit.batching == Batching::Alone;
        let is_free = |unit: &Unit| {
            let mut others = waiting.folders.iter().enumerate().filter(|(other, _)| *other != lane);
            others.all(|(_, folder)| *folder != Some(unit.folder))
        };
        let index = match like {
            Some(like) => waiting.units.iter().position(|unit| may_take(unit) && (unit.folder, unit.batching) == like),
            None => {
                let free = waiting.units.iter().position(|unit| may_take(unit) && is_free(unit));
                free.or_else(|| waiting.units.iter().position(may_take))
            }
        };
        if like.is_none() || index.is_some() {
            let folder = index.map(|index| waiting.units[index].folder);
            if waiting.folders.len() <= lane {
                waiting.folders.resize(lane + 1, None);
            }
            waiting.folders[lane] = folder;
        }
        let index = index?;
        let portion = waiting.portion(self.portions, waiting.units[index].ids.len());
        waiting.begun.get_or_insert_with(Instant::now);
        let unit = &mut waiting.units[index];
        let rest = unit.ids.split_off(portion);
        let (folder, batching) = (unit.folder, unit.batching);
        let ids = std::mem::replace(&mut unit.ids, rest);
        if unit.ids.is_empty() {
            waiting.units.remove(index);
        }
        Some(Unit { folder, ids, batching })
    }

    /// Puts messages back that have to go otherwise.
    pub fn put_back(&self, unit: Unit) {
        self.waiting().units.push_front(unit);
    }

    /// Whether no messages wait to be taken.
    pub fn is_empty(&self) -> bool {
        self.waiting().units.is_empty()
    }

    /// From here on lanes of lower numbers than this may take messages, and no others.
    pub fn allow(&self, lanes: usize) {
        self.waiting().lanes = lanes;
    }

    /// Notes that a message has gone through a lane.
    pub fn carried(&self) {
        self.waiting().carried += 1;
    }

    /// Notes that the target has answered for a message of this size.
    pub fn answered(&self, bytes: u64) {
        self.waiting().answered += bytes;
    }

    /// Bytes of the messages that the target has answered for.
    pub fn answered_bytes(&self) -> u64 {
        self.waiting().answered
    }
}

impl Waiting {
    /// How many messages a lane takes of so many.
    fn portion(&self, portions: Portions, left: u64) -> u64 {
        if portions == Portions::Large {
            return LARGE;
        }
        let shared = left.div_ceil(2).max(SMALL);
        match (self.carried, self.begun) {
            (messages @ 1.., Some(begun)) => {
                let by_one_lane = messages as f64 / self.lanes as f64;
                let measured = by_one_lane * TAKES.as_secs_f64() / begun.elapsed().as_secs_f64();
                (measured as u64).clamp(1, LARGE).min(shared)
            }
            _ => left.div_ceil(PART).clamp(1, SMALL),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unit(folder: usize, messages: u32, batching: Batching) -> Unit {
        Unit { folder, ids: IdList::uid_range(1, messages), batching }
    }

    fn queue(units: &[(usize, u32)]) -> Queue {
        let units = units.iter().map(|(folder, messages)| unit(*folder, *messages, Batching::Free));
        Queue::new(units.collect(), Portions::Measured)
    }

    fn taken(queue: &Queue, lane: usize) -> Option<(usize, u64)> {
        queue.take(lane, None).map(|unit| (unit.folder, unit.ids.len()))
    }

    #[tokio::test(start_paused = true)]
    async fn a_lane_takes_what_it_is_likely_to_carry_in_a_second() {
        let queue = queue(&[(0, 20_000)]);
        assert_eq!(taken(&queue, 0), Some((0, SMALL)), "nobody knows yet");
        queue.allow(2);
        (0..1_200).for_each(|_| queue.carried());
        tokio::time::advance(Duration::from_secs(2)).await;
        assert_eq!(taken(&queue, 0), Some((0, 300)), "1,200 messages in two seconds over two lanes");
        (0..100_000).for_each(|_| queue.carried());
        assert_eq!(taken(&queue, 0), Some((0, LARGE)));
    }

    #[tokio::test(start_paused = true)]
    async fn half_of_a_folder_is_left_to_others() {
        let queue = queue(&[(0, 20), (1, 400)]);
        queue.allow(2);
        assert_eq!(taken(&queue, 0), Some((0, 3)), "a part of few, for they may be large");
        (0..10_000).for_each(|_| queue.carried());
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(taken(&queue, 1), Some((1, 200)));
        assert_eq!(
            [0, 0, 1, 1, 1].map(|lane| taken(&queue, lane)),
            [Some((0, 17)), Some((1, 100)), Some((1, SMALL)), Some((1, SMALL)), None]
        );
        assert!(queue.is_empty());
    }

    #[test]
    fn far_away_portions_are_large() {
        let queue = Queue::new(vec![unit(0, 7_000, Batching::Free)], Portions::Large);
        assert_eq!([0, 1].map(|_| taken(&queue, 0)), [Some((0, LARGE)), Some((0, 2_000))]);
    }

    #[test]
    fn lanes_keep_to_folders_of_their_own() {
        let queue = queue(&[(0, 1_000), (1, 1_000), (2, 1_000)]);
        queue.allow(4);
        let folder = |lane| taken(&queue, lane).map(|(folder, _)| folder);
        assert_eq!([0, 1, 2].map(folder), [Some(0), Some(1), Some(2)]);
        assert_eq!(folder(3), Some(0), "each folder has a lane");
        assert!(
            queue.take(1, Some((1, Batching::Free))).is_some_and(|unit| unit.folder == 1),
            "it goes on where it is"
        );
    }

    #[test]
    fn a_lane_that_may_take_no_more_takes_what_it_has_put_back() {
        let queue = queue(&[(0, 1_000)]);
        assert!(taken(&queue, 1).is_none(), "one lane may take messages, of number 0");
        queue.put_back(unit(0, 2, Batching::Alone));
        let alone = std::iter::from_fn(|| queue.take(1, None));
        assert_eq!(alone.map(|unit| (unit.ids.len(), unit.batching)).collect::<Vec<_>>(), [(1, Batching::Alone); 2]);
    }
}
