//! How long does what take with a country's pairs, and how much room do they need?
//!
//! `cargo run --release -p limosa-store --example programme_size -- sqlite [PAIRS]`, or `postgres`, which the laboratory starts.

use std::time::{Duration, Instant};

use jiff::Timestamp;
use limosa_lab::{Lab, PostgresOptions};
use limosa_model::programme::store::{GrantLine, PairFilter, PairLine, PairWrite, Trouble};
use limosa_model::programme::{
    ActivityKind, Budget, Endpoint, EndpointId, Health, Migration, MigrationId, PairId, Phase, ProgrammeStore, Right,
    SignIn, Size,
};
use limosa_store::programme::{open_postgres, open_sqlite};

type Failure = Box<dyn std::error::Error>;

const BATCH: usize = 5_000;

fn line(number: usize, pairs: usize) -> PairLine {
    // Some organisations are large and most are small.
    let organisations = (pairs / 95).max(1) as f64;
    let organisation = (organisations.powf((number * 7_919 % pairs) as f64 / pairs as f64)) as usize;
    PairLine {
        source: format!("first.last{number}@trust{organisation}.example.org"),
        target: format!("first.last{number}@example.net"),
        organisation: format!("Trust {organisation}"),
        size: Some(Size { messages: 19_000, bytes: 1_100_000_000 }),
        ..PairLine::default()
    }
}

fn say(what: &str, took: Duration) {
    println!("{what:<60} {:>10.1} ms", took.as_secs_f64() * 1e3);
}

/// The quickest and the median of some tries.
async fn times(what: &str, mut act: impl AsyncFnMut() -> Result<usize, Failure>) -> Result<(), Failure> {
    let mut took = Vec::new();
    let mut found = 0;
    for _ in 0..9 {
        let before = Instant::now();
        found = act().await?;
        took.push(before.elapsed());
    }
    took.sort();
    say(&format!("{what} ({found}), slowest of 9"), took[8]);
    say(&format!("{what} ({found}), median"), took[4]);
    Ok(())
}

async fn measure(
    store: &dyn ProgrammeStore,
    pairs: usize,
    settled: impl AsyncFnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let endpoint = |name: &str| Endpoint {
        id: EndpointId(0),
        name: name.into(),
        address: format!("imaps://{name}.example"),
        sign_in: SignIn::EachMailbox,
        budget: Budget { connections: Some(100_000), ..Budget::default() },
    };
    let source = store.put_endpoint(&endpoint("old")).await?;
    let target = store.put_endpoint(&endpoint("new")).await?;
    let migration = Migration { id: MigrationId(0), name: "move".into(), source, target };
    let migration = store.put_migration(&migration).await?;

    let before = Instant::now();
    for first in (0..pairs).step_by(BATCH) {
        let lines: Vec<_> = (first..pairs.min(first + BATCH)).map(|number| line(number, pairs)).collect();
        store.import_pairs(migration, &lines).await?;
    }
    say(&format!("import of {pairs} pairs"), before.elapsed());
    let before = Instant::now();
    let again = pairs.min(100_000);
    for first in (0..again).step_by(BATCH) {
        let lines: Vec<_> = (first..again.min(first + BATCH)).map(|number| line(number, pairs)).collect();
        store.import_pairs(migration, &lines).await?;
    }
    say(&format!("the same lines again, {again} of them"), before.elapsed());
    let before = Instant::now();
    for first in (0..again).step_by(BATCH) {
        let grant = |number: usize| GrantLine {
            owner: line(number, pairs).source,
            trustee: line(number * 31 % pairs, pairs).source,
            right: Right::FullAccess,
        };
        let lines: Vec<_> = (first..again.min(first + BATCH)).map(grant).collect();
        store.import_grants(migration, &lines).await?;
    }
    say(&format!("import of {again} grants"), before.elapsed());

    // Some are in trouble and some are due, everywhere between the others.
    let before = Instant::now();
    let mut after = None;
    let mut written = 0;
    for part in 0..10_000_i64 {
        let start = part * pairs as i64 / 10_000;
        let page = store.pairs(migration, &PairFilter::default(), after.max(Some(PairId(start))), 1).await?;
        let Some(record) = page.first() else { break };
        after = Some(record.pair.id);
        let health = Health { blocked: (part % 100 == 0).then(|| "quota".into()), ..Health::default() };
        let phase = if part % 200 == 0 { Phase::CuttingOver } else { Phase::Registered };
        let write = PairWrite {
            phase,
            health,
            next_pass: Timestamp::from_second(part).ok(),
            ..PairWrite::of(&record.pair, record.fence)
        };
        store.write(&write).await?;
        written += 1;
    }
    say(&format!("reading and writing of {written} pairs, one by one"), before.elapsed());

    settled().await?;
    times("counts", async || Ok(store.counts(migration).await?.len())).await?;
    let organisation = store.find_pair(migration, &line(1, pairs).source).await?.map(|record| record.pair.organisation);
    let filters = [
        ("no filter", PairFilter::default()),
        ("phase registered", PairFilter { phase: Some(Phase::Registered), ..PairFilter::default() }),
        ("phase cutting over", PairFilter { phase: Some(Phase::CuttingOver), ..PairFilter::default() }),
        ("activity idle", PairFilter { activity: Some(ActivityKind::Idle), ..PairFilter::default() }),
        ("activity running", PairFilter { activity: Some(ActivityKind::Running), ..PairFilter::default() }),
        ("blocked", PairFilter { trouble: Some(Trouble::Blocked), ..PairFilter::default() }),
        ("organisation", PairFilter { organisation, ..PairFilter::default() }),
        ("name of many", PairFilter { name: Some("first".into()), ..PairFilter::default() }),
        ("name of few", PairFilter { name: Some("first.last1234".into()), ..PairFilter::default() }),
        ("name of none", PairFilter { name: Some("nobody".into()), ..PairFilter::default() }),
    ];
    for (what, filter) in filters {
        let after = [None, Some(PairId(pairs as i64 / 2))];
        for after in after {
            let what = format!("page: {what}{}", if after.is_some() { ", from the middle" } else { "" });
            times(&what, async || Ok(store.pairs(migration, &filter, after, 100).await?.len())).await?;
        }
    }

    let worker = store.register("measuring", Duration::from_secs(3_600)).await?;
    let now = Timestamp::from_second(1_000_000)?;
    for limit in [1, 50] {
        let before = Instant::now();
        let mut claimed = Vec::new();
        for _ in 0..200 {
            claimed.extend(store.claim(worker, now, limit).await?);
        }
        let took = before.elapsed();
        println!(
            "{:<60} {:>10.0} /s",
            format!("claims in batches of {limit}"),
            claimed.len() as f64 / took.as_secs_f64()
        );
        let before = Instant::now();
        for one in claimed.iter().take(2_000) {
            store.release(&PairWrite { next_pass: None, ..PairWrite::of(&one.pair, one.fence) }).await?;
        }
        let released = claimed.len().min(2_000);
        println!("{:<60} {:>10.0} /s", "releases, one by one", released as f64 / before.elapsed().as_secs_f64());
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let database = arguments.next().unwrap_or_else(|| "sqlite".to_owned());
    let pairs = arguments.next().map_or(Ok(2_100_000), |pairs| pairs.parse())?;
    match database.as_str() {
        "sqlite" => {
            let folder = tempfile::tempdir()?;
            let file = folder.path().join("programme.db");
            let store = open_sqlite(&file).await?;
            measure(&*store, pairs, async || Ok(())).await?;
            drop(store);
            let bytes = std::fs::metadata(&file)?.len();
            println!("{:<60} {:>10.0} bytes", "database, for each pair", bytes as f64 / pairs as f64);
        }
        "postgres" => {
            let extra = "shared_buffers = '512MB'\nmax_wal_size = '4GB'".to_owned();
            let postgres = Lab::shared().await?.postgres(PostgresOptions { fsync: true, extra }).await?;
            let url = postgres.url("postgres");
            let store = open_postgres(&url).await?;
            let pool = sqlx::PgPool::connect(&url).await?;
            // As autovacuum does within a minute or two.
            let vacuum = async || {
                let before = Instant::now();
                sqlx::query("VACUUM (ANALYZE) pair").execute(&pool).await?;
                say("VACUUM (ANALYZE)", before.elapsed());
                Ok(())
            };
            measure(&*store, pairs, vacuum).await?;
            let bytes = sqlx::query_scalar("SELECT pg_database_size(current_database())").fetch_one(&pool).await;
            let bytes: i64 = bytes?;
            println!("{:<60} {:>10.0} bytes", "database, for each pair", bytes as f64 / pairs as f64);
        }
        other => return Err(format!("there is no database {other}; there are sqlite and postgres").into()),
    }
    Ok(())
}
