//! Pairs and grants, taken in by the thousand.

use std::collections::HashMap;

use limosa_model::programme::store::{GrantLine, Imported, PairLine, Refusal, StoreError};
use limosa_model::programme::{MigrationId, PairId, PairKind, Right};
use sqlx::Row as _;

use super::rows::{get, json, size};
use super::{Connection, Result, Store, dialect, statement, unread, unwritten};
use crate::programme::imports::{Known, Register, columns, is_name};

/// The ids of a migration's endpoints.
struct Ends {
    source: i64,
    target: i64,
}

/// Locks a migration's endpoints against other imports: two of them must not find the same mailbox free.
async fn lock(connection: &mut Connection, migration: MigrationId) -> Result<Ends> {
    let ends = sqlx::query("SELECT source, target FROM migration WHERE id = $1").bind(migration.0);
    let ends = ends.fetch_optional(&mut *connection).await.map_err(unread)?;
    let ends = ends.ok_or_else(|| StoreError::Unknown { what: format!("migration {migration}") })?;
    let ends = Ends { source: get(&ends, 0)?, target: get(&ends, 1)? };
    let lock =
        sqlx::query(statement(format!("SELECT id FROM endpoint WHERE id IN ($1, $2) ORDER BY id{}", dialect::LOCK)));
    lock.bind(ends.source).bind(ends.target).fetch_all(connection).await.map_err(unread)?;
    Ok(ends)
}

/// Every pair that has the source or the target of a line.
async fn known(connection: &mut Connection, ends: &Ends, lines: &[PairLine]) -> Result<Register> {
    let mut register = Register::default();
    let sources: Vec<&str> = lines.iter().map(|line| line.source.as_str()).filter(|name| is_name(name)).collect();
    let targets: Vec<&str> = lines.iter().map(|line| line.target.as_str()).filter(|name| is_name(name)).collect();
    for (side, end, names) in [("source", ends.source, sources), ("target", ends.target, targets)] {
        // CROSS JOIN, so that SQLite looks up each name and does not go through all pairs.
        let rows = sqlx::query(statement(format!(
            "SELECT pair.id, pair.migration, migration.name, pair.source, pair.target, organisation.name, pair.kind, pair.language,
             pair.messages, pair.bytes
             FROM (SELECT value ->> 0 AS name FROM {}) AS named CROSS JOIN pair
             JOIN migration ON migration.id = pair.migration JOIN organisation ON organisation.id = pair.organisation
             WHERE pair.{side}_endpoint = $2 AND pair.{side} = named.name",
            dialect::LINES
        )));
        let names: Vec<[&str; 1]> = names.into_iter().map(|name| [name]).collect();
        let rows = rows.bind(json(&names)?).bind(end).fetch_all(&mut *connection).await.map_err(unread)?;
        for row in rows {
            let id = PairId(get(&row, 0)?);
            let line = PairLine {
                source: get(&row, 3)?,
                target: get(&row, 4)?,
                organisation: get(&row, 5)?,
                kind: PairKind::from_name(get(&row, 6)?)
                    .ok_or_else(|| StoreError::Unreadable { what: format!("pair {id} has an unknown kind") })?,
                language: get(&row, 7)?,
                size: size(get(&row, 8)?, get(&row, 9)?),
            };
            let migration = MigrationId(get(&row, 1)?);
            register.note(Known { id: Some(id), migration, migration_name: get(&row, 2)?, line, changed: false });
        }
    }
    Ok(register)
}

/// Makes the organisations that are new.
async fn put_organisations<'l>(
    connection: &mut Connection,
    migration: MigrationId,
    names: impl Iterator<Item = &'l str>,
) -> Result<()> {
    let mut names: Vec<[&str; 1]> = names.map(|name| [name]).collect();
    names.sort_unstable();
    names.dedup();
    // A SELECT needs its WHERE here: SQLite would take ON CONFLICT for the condition of a join.
    let put = sqlx::query(statement(format!(
        "INSERT INTO organisation (migration, name) SELECT $2, value ->> 0 FROM {} WHERE $2 = $2 ON CONFLICT DO NOTHING",
        dialect::LINES
    )));
    put.bind(json(&names)?).bind(migration.0).execute(connection).await.map(drop).map_err(unwritten)
}

pub(super) async fn import_pairs(store: &Store, migration: MigrationId, lines: &[PairLine]) -> Result<Vec<Imported>> {
    let mut transaction = store.begin().await?;
    let ends = lock(&mut transaction, migration).await?;
    let mut register = known(&mut transaction, &ends, lines).await?;
    let imported = lines.iter().map(|line| register.take(migration, line)).collect();
    let (added, changed) = register.changes();
    let organisations = added.iter().copied().chain(changed.iter().map(|(_, line)| *line));
    put_organisations(&mut transaction, migration, organisations.map(|line| line.organisation.as_str())).await?;
    if !added.is_empty() {
        let insert = sqlx::query(statement(format!(
            "INSERT INTO pair (migration, source_endpoint, target_endpoint, organisation, source, target, kind, language, messages, bytes)
             SELECT $2, $3, $4, organisation.id, value ->> 0, value ->> 1, value ->> 3, value ->> 4,
             CAST(value ->> 5 AS BIGINT), CAST(value ->> 6 AS BIGINT)
             FROM {} CROSS JOIN organisation WHERE organisation.migration = $2 AND organisation.name = value ->> 2",
            dialect::LINES
        )));
        let rows: Vec<_> = added.iter().map(|line| columns(line)).collect();
        let insert = insert.bind(json(&rows)?).bind(migration.0).bind(ends.source).bind(ends.target);
        insert.execute(&mut *transaction).await.map_err(unwritten)?;
    }
    if !changed.is_empty() {
        let update = sqlx::query(statement(format!(
            "UPDATE pair SET kind = value -> 1 ->> 3, language = value -> 1 ->> 4,
             messages = CAST(value -> 1 ->> 5 AS BIGINT), bytes = CAST(value -> 1 ->> 6 AS BIGINT),
             organisation = (SELECT id FROM organisation
                 WHERE organisation.migration = $2 AND organisation.name = value -> 1 ->> 2)
             FROM {} WHERE pair.id = CAST(value ->> 0 AS BIGINT)",
            dialect::LINES
        )));
        let rows: Vec<_> = changed.iter().map(|(id, line)| (id, columns(line))).collect();
        let update = update.bind(json(&rows)?).bind(migration.0);
        update.execute(&mut *transaction).await.map_err(unwritten)?;
    }
    transaction.commit().await.map_err(unwritten)?;
    Ok(imported)
}

/// A grant's key: owner, trustee, kind and folder.
type Key<'l> = (i64, &'l str, &'static str, &'l str);

/// Kind, folder and letters of a right, as their columns have them.
pub(super) fn right_columns(right: &Right) -> (&'static str, &str, &str) {
    match right {
        Right::FullAccess => ("full-access", "", ""),
        Right::SendAs => ("send-as", "", ""),
        Right::SendOnBehalf => ("send-on-behalf", "", ""),
        Right::Folder { path, rights } => ("folder", path, rights),
    }
}

/// Which column of a grant has nothing that can be a name.
fn without_name(line: &GrantLine) -> Option<&'static str> {
    let folder = match &line.right {
        Right::Folder { path, rights } => [Some(("folder", path)), Some(("rights", rights))],
        Right::FullAccess | Right::SendAs | Right::SendOnBehalf => [None, None],
    };
    let names = [("owner", &line.owner), ("trustee", &line.trustee)].into_iter().chain(folder.into_iter().flatten());
    names.into_iter().find(|(_, name)| !is_name(name)).map(|(column, _)| column)
}

pub(super) async fn import_grants(store: &Store, migration: MigrationId, lines: &[GrantLine]) -> Result<Vec<Imported>> {
    let mut transaction = store.begin().await?;
    let ends = lock(&mut transaction, migration).await?;
    // Owner and letters of those that are known, by the number of the line.
    let mut owners: HashMap<usize, (i64, Option<String>)> = HashMap::new();
    let rows = sqlx::query(statement(format!(
        "SELECT CAST(value ->> 0 AS BIGINT), pair.id, mailbox_grant.rights FROM {} CROSS JOIN pair
         LEFT JOIN mailbox_grant ON mailbox_grant.pair = pair.id AND mailbox_grant.trustee = value ->> 2
         AND mailbox_grant.kind = value ->> 3 AND mailbox_grant.path = value ->> 4
         WHERE pair.source_endpoint = $2 AND pair.source = value ->> 1 AND pair.migration = $3",
        dialect::LINES
    )));
    let asked: Vec<_> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| without_name(line).is_none())
        .map(|(number, line)| {
            let (kind, path, _) = right_columns(&line.right);
            (number, &line.owner, &line.trustee, kind, path)
        })
        .collect();
    let rows = rows.bind(json(&asked)?).bind(ends.source).bind(migration.0).fetch_all(&mut *transaction);
    for row in rows.await.map_err(unread)? {
        let number: i64 = get(&row, 0)?;
        owners.insert(usize::try_from(number).unwrap_or(usize::MAX), (get(&row, 1)?, row.try_get(2).map_err(unread)?));
    }

    let mut letters: HashMap<Key<'_>, String> = HashMap::new();
    let mut written: HashMap<Key<'_>, &str> = HashMap::new();
    let mut imported = Vec::with_capacity(lines.len());
    for (number, line) in lines.iter().enumerate() {
        let (kind, path, rights) = right_columns(&line.right);
        imported.push(match owners.remove(&number) {
            None => Imported::Refused(match without_name(line) {
                Some(column) => Refusal::NoName { column },
                None => Refusal::NoSuchOwner { owner: line.owner.clone() },
            }),
            Some((owner, stored)) => {
                let key = (owner, line.trustee.as_str(), kind, path);
                let before = letters.remove(&key).or(stored);
                letters.insert(key, rights.to_owned());
                match before {
                    Some(before) if before == rights => Imported::Same,
                    before => {
                        written.insert(key, rights);
                        if before.is_some() { Imported::Changed } else { Imported::Added }
                    }
                }
            }
        });
    }
    if !written.is_empty() {
        let put = sqlx::query(statement(format!(
            "INSERT INTO mailbox_grant (pair, trustee, kind, path, rights)
             SELECT CAST(value ->> 0 AS BIGINT), value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM {} WHERE $2 = $2
             ON CONFLICT (pair, trustee, kind, path) DO UPDATE SET rights = excluded.rights",
            dialect::LINES
        )));
        let mut rows: Vec<_> =
            written.iter().map(|((owner, trustee, kind, path), rights)| (owner, trustee, kind, path, rights)).collect();
        rows.sort_unstable();
        put.bind(json(&rows)?).bind(migration.0).execute(&mut *transaction).await.map_err(unwritten)?;
    }
    transaction.commit().await.map_err(unwritten)?;
    Ok(imported)
}
