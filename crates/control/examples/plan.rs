//! How long does it take to plan a nation, and how well is it planned?
//!
//! `cargo run --release -p limosa-control --example plan [PAIRS ORGANISATIONS GRANTS [FOLDER]]`
//!
//! With a folder, the ties and the sizes of the waves are written there for METIS, so that its cut can be held beside ours:
//! `gpmetis -tpwgts=FOLDER/sizes FOLDER/graph WAVES`.

use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;
use std::time::Instant;

use jiff::tz::TimeZone;
use limosa_control::planner::{Candidate, Plan, Question, Tie, plan, weight};
use limosa_control::windows;
use limosa_model::programme::{Capacity, MigrationId, PairId, Window, WindowId};
use limosa_testkit::programme::{Dimensions, generate};

fn main() {
    let mut given = std::env::args().skip(1);
    let mut number = |usual: usize| given.next().map_or(usual, |number| number.parse().expect("a number"));
    let Dimensions { pairs, organisations, grants, across } = Dimensions::NATION;
    let dimensions =
        Dimensions { pairs: number(pairs), organisations: number(organisations), grants: number(grants), across };
    let programme = generate(1, dimensions);
    let pairs: Vec<_> = programme
        .members
        .iter()
        .map(|member| Candidate { pair: member.pair, organisation: member.organisation, bytes: member.bytes })
        .collect();
    let ties: Vec<_> = programme
        .grants
        .iter()
        .map(|(one, other, right)| Tie { one: *one, other: *other, weight: weight(right) })
        .collect();
    drop(programme);
    let scale = dimensions.pairs as f64 / Dimensions::NATION.pairs as f64;
    let windows = [
        window(1, "Mon-Thu 18:00-06:00", (22_000.0 * scale).ceil() as u32),
        window(2, "Fri 18:00 - Mon 06:00", (83_000.0 * scale).ceil() as u32),
    ];
    let from = "2026-11-30T12:00:00Z".parse().expect("a time");
    let until = "2029-11-30T00:00:00Z".parse().expect("a time");
    let began = Instant::now();
    let plan = plan(&Question { pairs: &pairs, ties: &ties, pins: &[], windows: &windows, from, until });
    let plan = plan.expect("a plan");
    println!("{} pairs, {} ties: planned in {:.1} s", pairs.len(), ties.len(), began.elapsed().as_secs_f64());
    describe(&plan, &pairs, &ties);
    println!("most memory: {}", most_memory());
    if let Some(folder) = given.next() {
        write_for_metis(Path::new(&folder), &plan, &pairs, &ties).expect("the folder can be written");
    }
}

fn window(id: i64, openings: &str, pairs: u32) -> Window {
    Window {
        id: WindowId(id),
        migration: MigrationId(1),
        name: openings.to_owned(),
        zone: TimeZone::get("Europe/London").expect("a zone"),
        openings: windows::parse(openings).expect("openings"),
        freezes: Vec::new(),
        capacity: Capacity { pairs: Some(pairs), ..Capacity::default() },
    }
}

fn describe(plan: &Plan, pairs: &[Candidate], ties: &[Tie]) {
    let all: u64 = ties.iter().map(|tie| u64::from(tie.weight)).sum();
    let share = |weight: u64| format!("{weight} ({:.2} %)", 100.0 * weight as f64 / all as f64);
    let mut in_order = pairs.iter().map(|candidate| candidate.pair);
    let mut wave_of: BTreeMap<PairId, usize> = BTreeMap::new();
    for (wave, planned) in plan.waves.iter().enumerate() {
        wave_of.extend(in_order.by_ref().take(planned.pairs.len()).map(|pair| (pair, wave)));
    }
    let by_order = ties.iter().filter(|tie| wave_of.get(&tie.one) != wave_of.get(&tie.other));
    let left_out: usize = plan.left_out.iter().map(|left_out| left_out.pairs.len()).sum();
    println!("{} waves, {left_out} pairs left out, {} groups too large", plan.waves.len(), plan.too_large.len());
    let by_window = |window: i64| {
        let pairs = plan.waves.iter().filter(|wave| wave.window == WindowId(window)).map(|wave| wave.pairs.len());
        format!(
            "{} of {} pairs in the mean",
            pairs.clone().count(),
            pairs.clone().sum::<usize>() / pairs.count().max(1)
        )
    };
    println!("evenings: {}; weekends: {}", by_window(1), by_window(2));
    println!("{} ties cut, of weight {}", plan.cut.len(), share(plan.cut_weight()));
    println!("filled in the order of organisations: {}", share(by_order.map(|tie| u64::from(tie.weight)).sum()));
}

/// In the formats of METIS 5.1 (manual, §4.1.1 and §4.1.3). Pairs have their positions as numbers, from 1 on.
fn write_for_metis(folder: &Path, plan: &Plan, pairs: &[Candidate], ties: &[Tie]) -> std::io::Result<()> {
    let mut neighbours = vec![BTreeMap::<i64, u64>::new(); pairs.len()];
    for tie in ties.iter().filter(|tie| tie.one != tie.other) {
        for (one, other) in [(tie.one, tie.other), (tie.other, tie.one)] {
            *neighbours[one.0 as usize - 1].entry(other.0).or_default() += u64::from(tie.weight);
        }
    }
    let mut graph = BufWriter::new(std::fs::File::create(folder.join("graph"))?);
    writeln!(graph, "{} {} 001", pairs.len(), neighbours.iter().map(BTreeMap::len).sum::<usize>() / 2)?;
    for neighbours in &neighbours {
        let words: Vec<_> = neighbours.iter().map(|(other, weight)| format!("{other} {weight}")).collect();
        writeln!(graph, "{}", words.join(" "))?;
    }
    graph.flush()?;
    let mut sizes = BufWriter::new(std::fs::File::create(folder.join("sizes"))?);
    for (number, wave) in plan.waves.iter().enumerate() {
        writeln!(sizes, "{number} = {:.9}", wave.pairs.len() as f64 / pairs.len() as f64)?;
    }
    sizes.flush()
}

/// As Linux tells it.
fn most_memory() -> String {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.map_or_else(|| "not known here".to_owned(), |line| line.trim().to_owned())
}
