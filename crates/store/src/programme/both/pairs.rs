//! Pairs and grants: looking at them.

use async_trait::async_trait;
use limosa_model::programme::store::{
    Counted, GrantLine, Imported, PairFilter, PairLine, PairRecord, Pairs, StoreError, Trouble,
};
use limosa_model::programme::{ActivityKind, Grant, MigrationId, PairId, Phase, Right};
use sqlx::QueryBuilder;

use super::rows::{RECORD, count, get, record};
use super::{Db, Result, Row, Store, dialect, imports, statement, unread};

/// Names that begin with a text are looked up if they are no more; with more, going through all pairs finds a page of them soon.
const FEW: i64 = 5_000;

/// No name has a higher character.
const BEYOND: char = char::MAX;

#[async_trait]
impl Pairs for Store {
    async fn import_pairs(&self, migration: MigrationId, lines: &[PairLine]) -> Result<Vec<Imported>> {
        imports::import_pairs(self, migration, lines).await
    }

    async fn import_grants(&self, migration: MigrationId, lines: &[GrantLine]) -> Result<Vec<Imported>> {
        imports::import_grants(self, migration, lines).await
    }

    async fn pair(&self, pair: PairId) -> Result<PairRecord> {
        let row = sqlx::query(statement(format!("SELECT {RECORD} FROM pair WHERE id = $1"))).bind(pair.0);
        let row = row.fetch_optional(&self.readers).await.map_err(unread)?;
        record(&row.ok_or_else(|| StoreError::Unknown { what: format!("pair {pair}") })?)
    }

    async fn find_pair(&self, migration: MigrationId, source: &str) -> Result<Option<PairRecord>> {
        let row = sqlx::query(statement(format!(
            "SELECT {RECORD} FROM pair JOIN migration ON migration.id = pair.migration
             WHERE pair.source_endpoint = migration.source AND migration.id = $1 AND pair.source = $2"
        )));
        let row = row.bind(migration.0).bind(source).fetch_optional(&self.readers).await.map_err(unread)?;
        row.as_ref().map(record).transpose()
    }

    async fn pairs(
        &self,
        migration: MigrationId,
        filter: &PairFilter,
        after: Option<PairId>,
        limit: u32,
    ) -> Result<Vec<PairRecord>> {
        let by_name = match &filter.name {
            Some(prefix) if self.few(migration, prefix).await? => Names::Few,
            _ => Names::Many,
        };
        let mut page = page(migration, filter, by_name, after.map_or(0, |pair| pair.0), limit);
        let rows = page.build().fetch_all(&self.readers).await.map_err(unread)?;
        rows.iter().map(record).collect()
    }

    async fn counts(&self, migration: MigrationId) -> Result<Vec<Counted>> {
        // Each state by itself, along the index: counting by groups takes half as long again, since it looks at each row's.
        let states: Vec<_> =
            Phase::ALL.into_iter().flat_map(|phase| ActivityKind::ALL.map(|activity| (phase, activity))).collect();
        let mut count_each = QueryBuilder::<Db>::new("");
        for (number, (phase, activity)) in states.iter().enumerate() {
            count_each.push(if number == 0 { "" } else { " UNION ALL " });
            count_each.push(format!("SELECT CAST({number} AS BIGINT), count(*) FROM pair WHERE migration = "));
            count_each.push_bind(migration.0);
            count_each.push(format!(" AND phase = '{phase}' AND activity = '{}'", activity.name()));
        }
        let rows = count_each.build().fetch_all(&self.readers).await.map_err(unread)?;
        let mut counted = Vec::new();
        for row in &rows {
            let (number, pairs) = (count(get(row, 0)?), count(get(row, 1)?));
            if let Some((phase, activity)) = states.get(number as usize).filter(|_| pairs > 0) {
                counted.push(Counted { phase: *phase, activity: *activity, pairs });
            }
        }
        counted.sort_by_key(|counted| (counted.phase, counted.activity));
        Ok(counted)
    }

    async fn grants(&self, owner: PairId) -> Result<Vec<Grant>> {
        let rows = sqlx::query(
            "SELECT trustee, kind, path, rights FROM mailbox_grant WHERE pair = $1 ORDER BY trustee, kind, path",
        );
        let rows = rows.bind(owner.0).fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let right = match get(row, 1)? {
                "full-access" => Right::FullAccess,
                "send-as" => Right::SendAs,
                "send-on-behalf" => Right::SendOnBehalf,
                "folder" => Right::Folder { path: get(row, 2)?, rights: get(row, 3)? },
                other => {
                    return Err(StoreError::Unreadable { what: format!("pair {owner} grants an unknown {other}") });
                }
            };
            Ok(Grant { owner, trustee: get(row, 0)?, right })
        };
        rows.iter().map(read).collect()
    }
}

impl Store {
    /// Whether few names of a migration begin with a text.
    async fn few(&self, migration: MigrationId, prefix: &str) -> Result<bool> {
        let side = |side| {
            format!(
                "SELECT 1 AS one FROM pair WHERE {side}_endpoint = (SELECT {side} FROM migration WHERE id = $1)
                 AND {side} >= $2 AND {side} < $3"
            )
        };
        let (source, target) = (side("source"), side("target"));
        let found = sqlx::query_scalar(statement(format!(
            "SELECT count(*) FROM (SELECT one FROM ({source} UNION ALL {target}) AS both_sides LIMIT {FEW}) AS first"
        )));
        let found = found.bind(migration.0).bind(prefix).bind(format!("{prefix}{BEYOND}")).fetch_one(&self.readers);
        let found: i64 = found.await.map_err(unread)?;
        Ok(found < FEW)
    }
}

/// How many names begin with the text that is asked for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    Few,
    Many,
}

/// The statement for a page of pairs.
///
/// Each of its forms goes along an index in the order of ids, or looks at few rows, whatever the database believes to know of how many
/// there are: what leads to few rows is asked first.
fn page(migration: MigrationId, filter: &PairFilter, names: Names, after: i64, limit: u32) -> QueryBuilder<Db> {
    // Pairs of a migration are many: what goes along an index of theirs says so itself.
    let aside = if filter.trouble.is_some() { "" } else { dialect::ASIDE };
    let mut page = QueryBuilder::new(format!("SELECT {RECORD} FROM pair WHERE {aside}pair.migration = "));
    page.push_bind(migration.0).push(" AND pair.id > ").push_bind(after);
    match filter.trouble {
        Some(Trouble::Blocked) => drop(page.push(" AND pair.blocked IS NOT NULL")),
        Some(Trouble::Exceptions) => drop(page.push(" AND pair.exceptions_waiting > 0")),
        None => {}
    }
    if let Some(organisation) = filter.organisation {
        page.push(" AND pair.organisation = ").push_bind(organisation.0);
    }
    if let Some(wave) = filter.wave {
        page.push(" AND pair.wave = ").push_bind(wave.0);
    }
    if let Some(prefix) = &filter.name {
        push_names(&mut page, migration, prefix, names);
    }
    let narrow = filter.trouble.is_some() || filter.organisation.is_some() || filter.wave.is_some();
    push_states(&mut page, migration, filter, (!narrow && filter.name.is_none()).then_some((after, limit)));
    page.push(" ORDER BY pair.id LIMIT ").push_bind(i64::from(limit));
    page
}

fn push_names(page: &mut QueryBuilder<Db>, migration: MigrationId, prefix: &str, names: Names) {
    let beyond = format!("{prefix}{BEYOND}");
    page.push(if names == Names::Few { " AND pair.id IN (" } else { " AND (" });
    for (number, side) in ["source", "target"].into_iter().enumerate() {
        match names {
            Names::Few => {
                page.push(if number == 0 { "" } else { " UNION ALL " });
                page.push(format!(
                    "SELECT id FROM pair WHERE {side}_endpoint = (SELECT {side} FROM migration WHERE id = "
                ));
                page.push_bind(migration.0).push(format!(") AND {side} >= "));
                page.push_bind(prefix.to_owned()).push(format!(" AND {side} < ")).push_bind(beyond.clone());
            }
            Names::Many => {
                page.push(if number == 0 { "" } else { " OR " });
                page.push(format!("pair.{side} >= ")).push_bind(prefix.to_owned());
                page.push(format!(" AND pair.{side} < ")).push_bind(beyond.clone());
            }
        }
    }
    page.push(")");
}

/// Pairs in the states that are asked for. Where nothing else leads to few pairs, the page is put together from the beginnings of the lists
/// of pairs in each state: after an id, at most so many.
fn push_states(page: &mut QueryBuilder<Db>, migration: MigrationId, filter: &PairFilter, lists: Option<(i64, u32)>) {
    if filter.phase.is_none() && filter.activity.is_none() {
        return;
    }
    let phases = Phase::ALL.into_iter().filter(|phase| filter.phase.is_none_or(|asked| asked == *phase));
    let activities = || ActivityKind::ALL.into_iter().filter(|kind| filter.activity.is_none_or(|asked| asked == *kind));
    let Some((after, limit)) = lists else {
        let words = |words: Vec<&str>| format!("('{}')", words.join("', '"));
        page.push(" AND pair.phase IN ").push(words(phases.map(Phase::name).collect()));
        page.push(" AND pair.activity IN ").push(words(activities().map(ActivityKind::name).collect()));
        return;
    };
    page.push(" AND pair.id IN (");
    for (number, (phase, activity)) in phases.flat_map(|phase| activities().map(move |kind| (phase, kind))).enumerate()
    {
        page.push(if number == 0 { "" } else { " UNION ALL " });
        page.push("SELECT id FROM (SELECT id FROM pair WHERE migration = ").push_bind(migration.0);
        page.push(format!(" AND phase = '{phase}' AND activity = '{}' AND id > ", activity.name())).push_bind(after);
        page.push(" ORDER BY id LIMIT ").push_bind(i64::from(limit)).push(") AS one_state");
    }
    page.push(")");
}
