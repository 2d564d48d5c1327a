//! Does a folder's ledger answer what a plain map of entries would?

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::flags::SystemFlags;

/// What a ledger must do, in the plainest way.
#[derive(Default)]
struct Plain(BTreeMap<MessageId, (MessageId, Flags)>);

impl Plain {
    fn entries(&self) -> Vec<Entry> {
        let entry = |(source, (target, flags)): (&MessageId, &(MessageId, Flags))| Entry {
            source: source.clone(),
            target: target.clone(),
            flags: flags.clone(),
        };
        self.0.iter().map(entry).collect()
    }

    fn source_of(&self, target: &MessageId) -> Option<MessageId> {
        self.0.iter().find(|(_, (found, _))| found == target).map(|(source, _)| source.clone())
    }
}

#[derive(Clone, Debug)]
enum Step {
    Insert(MessageId, MessageId, Flags),
    InsertRun(u32, u32, u32, Flags),
    Remove(MessageId),
    SetFlags(MessageId, Flags),
}

/// UIDs that meet often, that lie across a page's border, and at both ends of what a UID can be.
fn uid() -> impl Strategy<Value = u32> {
    prop_oneof![8 => 1..24_u32, 4 => 250..262_u32, 1 => Just(0), 1 => u32::MAX - 3..=u32::MAX]
}

fn id() -> impl Strategy<Value = MessageId> {
    prop_oneof![
        6 => uid().prop_map(MessageId::Uid),
        1 => (0..6_u8).prop_map(|n| MessageId::Key(format!("key {n}").into())),
    ]
}

fn flags() -> impl Strategy<Value = Flags> {
    prop_oneof![
        4 => Just(Flags::from(SystemFlags::SEEN)),
        2 => (0..32_u8).prop_map(|bits| SystemFlags::from_bits(bits).into()),
        1 => (0..3_u8).prop_map(|n| Flags::new(SystemFlags::SEEN, [format!("$keyword{n}")])),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (id(), id(), flags()).prop_map(|(source, target, flags)| Step::Insert(source, target, flags)),
        2 => (uid(), uid(), 1..12_u32, flags()).prop_map(|(source, target, len, flags)| {
            let len = len.min(u32::MAX - source).min(u32::MAX - target).max(1);
            Step::InsertRun(source, target, len, flags)
        }),
        2 => id().prop_map(Step::Remove),
        2 => (id(), flags()).prop_map(|(id, flags)| Step::SetFlags(id, flags)),
    ]
}

fn id_list() -> impl Strategy<Value = IdList> {
    let range = prop_oneof![
        (uid(), 0..20_u32).prop_map(|(first, more)| (first, first.saturating_add(more))),
        Just((1, u32::MAX))
    ];
    let keys = prop::collection::vec(0..6_u8, 0..3);
    (prop::collection::vec(range, 0..4), keys).prop_map(|(ranges, keys)| {
        let mut list = IdList::new();
        ranges.into_iter().for_each(|(first, last)| list.push_uids(first, last));
        list.extend(keys.into_iter().map(|n| MessageId::Key(format!("key {n}").into())));
        list
    })
}

fn contains(list: &IdList, id: &MessageId) -> bool {
    match id {
        MessageId::Uid(uid) => list.uid_ranges().iter().any(|(first, last)| (first..=last).contains(&uid)),
        MessageId::Key(key) => list.keys().contains(key),
    }
}

fn play(steps: Vec<Step>) -> (FolderLedger, Plain) {
    let (mut ledger, mut plain) = (FolderLedger::new(), Plain::default());
    for step in steps {
        match step {
            Step::Insert(source, target, flags) => {
                plain.0.insert(source.clone(), (target.clone(), flags.clone()));
                ledger.insert(Entry { source, target, flags });
            }
            Step::InsertRun(source, target, len, flags) => {
                for n in 0..len {
                    plain.0.insert(MessageId::Uid(source + n), (MessageId::Uid(target + n), flags.clone()));
                }
                ledger.insert_run(Run { source, target, len }, &flags);
            }
            Step::Remove(source) => {
                let removed =
                    plain.0.remove(&source).map(|(target, flags)| Entry { source: source.clone(), target, flags });
                assert_eq!(ledger.remove(&source), removed);
            }
            Step::SetFlags(source, flags) => {
                let known = plain.0.get_mut(&source).map(|entry| entry.1 = flags.clone()).is_some();
                assert_eq!(ledger.set_flags(&source, flags), known);
            }
        }
    }
    (ledger, plain)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_ledger_answers_what_a_plain_map_would(
        steps in prop::collection::vec(step(), 0..120),
        asked in prop::collection::vec(id(), 0..20),
        list in id_list(),
        named in prop::collection::vec(id(), 0..40),
    ) {
        let (ledger, plain) = play(steps);
        prop_assert_eq!(ledger.len(), plain.0.len() as u64);
        prop_assert_eq!(ledger.is_empty(), plain.0.is_empty());
        prop_assert_eq!(ledger.iter().collect::<Vec<_>>(), plain.entries());
        for id in &asked {
            let get = ledger.get(id).map(|(target, flags)| (target, flags.clone()));
            prop_assert_eq!(get, plain.0.get(id).cloned());
            prop_assert_eq!(ledger.source_of(id), plain.source_of(id));
        }

        let known: Vec<_> = plain.0.keys().filter(|id| contains(&list, id)).cloned().collect();
        prop_assert_eq!(ledger.known_sources(&list), known);

        let unknown = ledger.unknown_targets(&list);
        prop_assert!(unknown.uid_ranges().windows(2).all(|pair| pair[0].1 < pair[1].0 - 1));
        prop_assert!(unknown.keys().is_sorted());
        let borders = plain.0.values().map(|(target, _)| target.clone());
        for id in asked.iter().cloned().chain(borders) {
            let expected = contains(&list, &id) && plain.source_of(&id).is_none();
            prop_assert_eq!(contains(&unknown, &id), expected, "{:?} in {:?}", id, unknown);
        }

        let mut seen = ledger.seen();
        named.iter().for_each(|id| seen.mark(&ledger, id));
        let missing: Vec<_> = plain.0.keys().filter(|id| !named.contains(id)).cloned().collect();
        prop_assert_eq!(ledger.missing(&seen), missing);
    }

    #[test]
    fn flags_of_one_page_may_change_in_any_way(steps in prop::collection::vec((0..=255_u32, flags()), 0..1_500)) {
        let (mut ledger, mut plain) = (FolderLedger::new(), BTreeMap::new());
        for (uid, flags) in steps {
            let flags = Flags::from(flags.system);
            ledger.insert(Entry { source: MessageId::Uid(uid), target: MessageId::Uid(uid), flags: flags.clone() });
            plain.insert(uid, flags);
        }
        let found: BTreeMap<u32, Flags> = ledger.iter().map(|entry| match entry.source {
            MessageId::Uid(uid) => (uid, entry.flags),
            MessageId::Key(_) => unreachable!("only UIDs were put in"),
        }).collect();
        prop_assert_eq!(found, plain);
    }
}

fn entry(source: u32, target: u32, flags: &Flags) -> Entry {
    Entry { source: MessageId::Uid(source), target: MessageId::Uid(target), flags: flags.clone() }
}

#[test]
fn messages_that_go_on_on_both_sides_are_one_run_in_any_order_of_arrival() {
    let seen = Flags::from(SystemFlags::SEEN);
    let mut ledger = FolderLedger::new();
    for uid in (1..=999).rev().step_by(2).chain((2..=998).step_by(2)) {
        ledger.insert(entry(uid, 5_000 + uid, &seen));
    }
    assert_eq!(ledger.runs.runs(), 1);
    ledger.remove(&MessageId::Uid(500));
    assert_eq!(ledger.runs.runs(), 2);
    ledger.insert(entry(500, 5_500, &seen));
    assert_eq!(ledger.runs.runs(), 1);
    ledger.set_flags(&MessageId::Uid(500), SystemFlags::ALL.into());
    assert_eq!(ledger.runs.runs(), 1, "flags do not break runs");
}

#[test]
fn a_target_that_two_sources_share_stays_known_until_the_last_goes() {
    let mut ledger = FolderLedger::new();
    for source in [3, 1, 2] {
        ledger.insert(entry(source, 70, &Flags::default()));
    }
    let target = MessageId::Uid(70);
    assert_eq!(ledger.source_of(&target), Some(MessageId::Uid(1)));
    for source in [1, 3, 2] {
        assert!(ledger.unknown_targets(&IdList::uid_range(70, 70)).is_empty());
        ledger.remove(&MessageId::Uid(source));
    }
    assert_eq!(ledger.unknown_targets(&IdList::uid_range(70, 70)).len(), 1);
}

#[test]
fn the_widest_range_costs_no_more_than_the_entries() {
    let mut ledger = FolderLedger::new();
    ledger.insert(entry(10, 20, &Flags::default()));
    let everything = IdList::uid_range(0, u32::MAX);
    assert_eq!(ledger.known_sources(&everything), [MessageId::Uid(10)]);
    assert_eq!(ledger.unknown_targets(&everything).uid_ranges(), [(0, 19), (21, u32::MAX)]);
}

#[test]
fn half_a_million_ordinary_messages_take_little_more_than_a_megabyte() {
    let seen = Flags::from(SystemFlags::SEEN);
    let answered = Flags::from(SystemFlags::SEEN.union(SystemFlags::ANSWERED));
    let mut ledger = FolderLedger::new();
    let mut source = 0;
    for target in 1..=500_000_u32 {
        let noise = target.wrapping_mul(2_654_435_761) >> 16;
        source += if noise % 100 < 3 { 4 } else { 1 };
        ledger.insert(entry(source, target, if noise % 100 < 90 { &seen } else { &answered }));
    }
    // A run takes 12 bytes in one map and 8 in the other, whose leaves are half full when appended to.
    let bytes = ledger.runs.runs() * 46 + ledger.flags.heap_bytes();
    assert_eq!(ledger.len(), 500_000);
    assert!(bytes < 1_250_000, "{bytes} bytes in {} runs", ledger.runs.runs());
}
