//! Sealed secrets.

use async_trait::async_trait;
use limosa_model::programme::store::{Sealed, SecretOf, Secrets, StoreError};
use limosa_model::programme::{EndpointId, PairId};

use super::rows::get;
use super::{Result, Row, Store, dialect, statement, unread, unwritten};

/// The table and the number of whoever has a secret, and the word for which of his it is.
fn owner(of: SecretOf) -> (&'static str, i64, &'static str) {
    match of {
        SecretOf::Endpoint(endpoint) => ("endpoint", endpoint.0, "endpoint"),
        SecretOf::Source(pair) => ("pair", pair.0, "source"),
        SecretOf::Target(pair) => ("pair", pair.0, "target"),
    }
}

#[async_trait]
impl Secrets for Store {
    async fn put_secret(&self, of: SecretOf, secret: &Sealed) -> Result<()> {
        let (table, id, word) = owner(of);
        let mut transaction = self.begin().await?;
        let there = format!("SELECT id FROM {table} WHERE id = $1{}", dialect::KEEP);
        let there = sqlx::query(statement(there)).bind(id).fetch_optional(&mut *transaction).await.map_err(unread)?;
        there.ok_or_else(|| StoreError::Unknown { what: format!("{table} {id}") })?;
        let put = sqlx::query(
            "INSERT INTO secret (kind, owner, key_id, sealed) VALUES ($1, $2, $3, $4)
             ON CONFLICT (kind, owner) DO UPDATE SET key_id = excluded.key_id, sealed = excluded.sealed",
        );
        let put = put.bind(word).bind(id).bind(&secret.key).bind(&secret.bytes);
        put.execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn secret(&self, of: SecretOf) -> Result<Option<Sealed>> {
        let (_, id, word) = owner(of);
        let row = sqlx::query("SELECT key_id, sealed FROM secret WHERE kind = $1 AND owner = $2").bind(word).bind(id);
        let row = row.fetch_optional(&self.readers).await.map_err(unread)?;
        row.map(|row| Ok(Sealed { key: get(&row, 0)?, bytes: get(&row, 1)? })).transpose()
    }

    async fn secrets_not_under(&self, key: &str, limit: u32) -> Result<Vec<(SecretOf, Sealed)>> {
        let rows = sqlx::query(
            "SELECT key_id, sealed, kind, owner FROM secret WHERE key_id < $1 OR key_id > $1 ORDER BY kind, owner LIMIT $2",
        );
        let rows = rows.bind(key).bind(i64::from(limit)).fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let id = get(row, 3)?;
            let of = match get(row, 2)? {
                "endpoint" => SecretOf::Endpoint(EndpointId(id)),
                "source" => SecretOf::Source(PairId(id)),
                "target" => SecretOf::Target(PairId(id)),
                other => return Err(StoreError::Unreadable { what: format!("a secret of an unknown {other}") }),
            };
            Ok((of, Sealed { key: get(row, 0)?, bytes: get(row, 1)? }))
        };
        rows.iter().map(read).collect()
    }

    async fn replace_secret(&self, of: SecretOf, before: &Sealed, secret: &Sealed) -> Result<bool> {
        let (_, id, word) = owner(of);
        let replace = sqlx::query(
            "UPDATE secret SET key_id = $1, sealed = $2 WHERE kind = $3 AND owner = $4 AND key_id = $5 AND sealed = $6",
        );
        let replace =
            replace.bind(&secret.key).bind(&secret.bytes).bind(word).bind(id).bind(&before.key).bind(&before.bytes);
        Ok(replace.execute(&self.writer).await.map_err(unwritten)?.rows_affected() > 0)
    }
}
