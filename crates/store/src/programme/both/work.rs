//! Who works on what.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use limosa_model::programme::store::{Claimed, PairWrite, StoreError, Work};
use limosa_model::programme::{EndpointId, Fence, MigrationId, PairId, WorkerId};

use super::rows::{RECORD, activity_columns, column, count, endpoints, get, json, record};
use super::{Connection, Result, Row, Store, dialect, refused, statement, unread, unwritten};
use crate::programme::claims::{Candidate, Free, choose, granted};

fn microseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[async_trait]
impl Work for Store {
    async fn register(&self, name: &str, lease: Duration) -> Result<WorkerId> {
        let insert = sqlx::query_scalar(statement(format!(
            "INSERT INTO worker (name, until) VALUES ($1, {} + $2) RETURNING id",
            dialect::NOW
        )));
        let insert = insert.bind(name).bind(microseconds(lease)).fetch_one(&self.writer);
        insert.await.map(WorkerId).map_err(unwritten)
    }

    async fn heartbeat(&self, worker: WorkerId, lease: Duration) -> Result<()> {
        let update = sqlx::query(statement(format!(
            "UPDATE worker SET until = {now} + $2 WHERE id = $1 AND until > {now}",
            now = dialect::NOW
        )));
        let update = update.bind(worker.0).bind(microseconds(lease)).execute(&self.writer);
        match update.await.map_err(unwritten)?.rows_affected() {
            0 => Err(StoreError::LeaseEnded { worker }),
            _ => Ok(()),
        }
    }

    async fn claim(&self, worker: WorkerId, due: Timestamp, limit: u32) -> Result<Vec<Claimed>> {
        let mut transaction = self.begin().await?;
        keep_lease(&mut transaction, worker).await?;
        let free = free_connections(&mut transaction, None).await?;
        let candidates = candidates(&mut transaction, &free, due, limit).await?;
        let chosen = choose(candidates, free, limit as usize);
        if chosen.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<[PairId; 1]> = chosen.iter().map(|candidate| [candidate.record.pair.id]).collect();
        let ids = json(&ids)?;
        let update = sqlx::query(statement(format!(
            "UPDATE pair SET worker = $2, fence = fence + 1 FROM {} WHERE pair.id = CAST(value ->> 0 AS BIGINT)",
            dialect::LINES
        )));
        update.bind(&ids).bind(worker.0).execute(&mut *transaction).await.map_err(unwritten)?;
        let ends: Vec<_> = chosen
            .iter()
            .flat_map(|candidate| candidate.endpoints.map(|endpoint| (candidate.record.pair.id, endpoint)))
            .collect();
        let insert = sqlx::query(statement(format!(
            "INSERT INTO connection (pair, endpoint, connections)
             SELECT CAST(value ->> 0 AS BIGINT), CAST(value ->> 1 AS BIGINT), 1 FROM {}",
            dialect::LINES
        )));
        insert.bind(json(&ends)?).execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)?;
        let claimed =
            |Candidate { record, .. }: Candidate| Claimed { fence: Fence(record.fence.0 + 1), pair: record.pair };
        Ok(chosen.into_iter().map(claimed).collect())
    }

    async fn take_connections(&self, pair: PairId, fence: Fence, endpoint: EndpointId, wanted: u32) -> Result<u32> {
        let mut transaction = self.begin().await?;
        let free = free_connections(&mut transaction, Some(endpoint)).await?;
        let ours = sqlx::query(statement(format!(
            "SELECT id FROM pair WHERE id = $1 AND fence = $2 AND worker IS NOT NULL{}",
            dialect::LOCK
        )));
        let ours = ours.bind(pair.0).bind(fence.0).fetch_optional(&mut *transaction).await.map_err(unread)?;
        ours.ok_or(StoreError::Fenced { pair, fence })?;
        let now = sqlx::query_scalar("SELECT connections FROM connection WHERE pair = $1 AND endpoint = $2");
        let now = now.bind(pair.0).bind(endpoint.0).fetch_optional(&mut *transaction).await.map_err(unread)?;
        let unknown = || StoreError::Unknown { what: format!("endpoint {endpoint} of pair {pair}") };
        let now: i64 = now.ok_or_else(unknown)?;
        let granted = granted(connections(now), wanted, free.at(endpoint));
        let update = sqlx::query("UPDATE connection SET connections = $3 WHERE pair = $1 AND endpoint = $2");
        let update = update.bind(pair.0).bind(endpoint.0).bind(i64::from(granted));
        update.execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)?;
        Ok(granted)
    }

    async fn write(&self, write: &PairWrite) -> Result<()> {
        let mut transaction = self.begin().await?;
        write_pair(&mut transaction, write).await?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn release(&self, write: &PairWrite) -> Result<()> {
        let mut transaction = self.begin().await?;
        write_pair(&mut transaction, write).await?;
        let release =
            sqlx::query("UPDATE pair SET worker = NULL, fence = fence + 1 WHERE id = $1 AND worker IS NOT NULL");
        let released = release.bind(write.pair.0).execute(&mut *transaction).await.map_err(unwritten)?;
        if released.rows_affected() == 0 {
            return Err(StoreError::Fenced { pair: write.pair, fence: write.fence });
        }
        let close = sqlx::query("DELETE FROM connection WHERE pair = $1").bind(write.pair.0);
        close.execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn retire(&self, worker: WorkerId) -> Result<()> {
        let mut transaction = self.begin().await?;
        let lock = format!("SELECT id FROM worker WHERE id = $1{}", dialect::LOCK_TO_END);
        let lock = sqlx::query(statement(lock)).bind(worker.0).fetch_optional(&mut *transaction);
        if lock.await.map_err(unread)?.is_some() {
            end(&mut transaction, worker).await?;
        }
        transaction.commit().await.map_err(unwritten)
    }

    async fn take_over(&self, grace: Duration) -> Result<Vec<WorkerId>> {
        let mut transaction = self.begin().await?;
        let ended = sqlx::query_scalar(statement(format!(
            "SELECT id FROM worker WHERE until <= {} - $1 ORDER BY id{}",
            dialect::NOW,
            dialect::LOCK_TO_END
        )));
        let ended: Vec<i64> = ended.bind(microseconds(grace)).fetch_all(&mut *transaction).await.map_err(unread)?;
        for worker in &ended {
            end(&mut transaction, WorkerId(*worker)).await?;
        }
        transaction.commit().await.map_err(unwritten)?;
        Ok(ended.into_iter().map(WorkerId).collect())
    }

    async fn lead(&self, worker: WorkerId) -> Result<bool> {
        let mut transaction = self.begin().await?;
        keep_lease(&mut transaction, worker).await?;
        // Whoever leads is looked up under the lock of the one row: two who ask at once ask one after the other.
        let row = format!("SELECT worker FROM leader WHERE id = 1{}", dialect::LOCK);
        let leader = sqlx::query_scalar(statement(row)).fetch_one(&mut *transaction);
        let leader: Option<i64> = leader.await.map_err(unread)?;
        if let Some(leader) = leader.filter(|leader| *leader != worker.0)
            && holds_lease(&mut transaction, WorkerId(leader)).await?
        {
            return Ok(false);
        }
        let lead = sqlx::query("UPDATE leader SET worker = $1 WHERE id = 1").bind(worker.0);
        lead.execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)?;
        Ok(true)
    }
}

/// Sees that a worker's lease has not ended, and that nobody takes it over before the transaction ends.
async fn keep_lease(connection: &mut Connection, worker: WorkerId) -> Result<()> {
    match holds_lease(connection, worker).await? {
        true => Ok(()),
        false => Err(StoreError::LeaseEnded { worker }),
    }
}

async fn holds_lease(connection: &mut Connection, worker: WorkerId) -> Result<bool> {
    let lease = sqlx::query(statement(format!(
        "SELECT id FROM worker WHERE id = $1 AND until > {}{}",
        dialect::NOW,
        dialect::KEEP
    )));
    let lease = lease.bind(worker.0).fetch_optional(connection).await.map_err(unread)?;
    Ok(lease.is_some())
}

fn connections(number: i64) -> u32 {
    u32::try_from(count(number)).unwrap_or(u32::MAX)
}

/// How many connections are free at one endpoint or all, locked so that nobody else gives them away.
async fn free_connections(connection: &mut Connection, only: Option<EndpointId>) -> Result<Free> {
    let read = |row: &Row| Ok((EndpointId(get(row, 0)?), connections(get(row, 1)?)));
    // In the order of ids, so that two who lock several never wait for one another.
    let limits = sqlx::query(statement(format!(
        "SELECT id, connections FROM endpoint WHERE connections IS NOT NULL AND ($1 = 0 OR id = $1) ORDER BY id{}",
        dialect::LOCK
    )));
    let limits = limits.bind(only.map_or(0, |endpoint| endpoint.0)).fetch_all(&mut *connection);
    let limits = limits.await.map_err(unread)?.iter().map(read).collect::<Result<Vec<_>>>()?;
    let in_use = sqlx::query("SELECT endpoint, CAST(sum(connections) AS BIGINT) FROM connection GROUP BY endpoint");
    let in_use = in_use.fetch_all(&mut *connection).await.map_err(unread)?;
    let in_use = in_use.iter().map(read).collect::<Result<Vec<_>>>()?;
    Ok(Free::new(&limits, &in_use))
}

/// Pairs that are due, of every migration whose endpoints have connections: of each as many as could be chosen of it.
async fn candidates(connection: &mut Connection, free: &Free, due: Timestamp, limit: u32) -> Result<Vec<Candidate>> {
    let migrations = sqlx::query("SELECT id, source, target FROM migration ORDER BY id").fetch_all(&mut *connection);
    let mut candidates = Vec::new();
    for row in migrations.await.map_err(unread)? {
        let migration = MigrationId(get(&row, 0)?);
        let (source, target) = (EndpointId(get(&row, 1)?), EndpointId(get(&row, 2)?));
        let most = limit.min(free.at(source)).min(free.at(target));
        let before = candidates.len();
        let mut below = i64::MAX;
        while candidates.len() < before + most as usize {
            let Some(priority) = next_priority(connection, migration, below).await? else { break };
            let wanted = most as usize - (candidates.len() - before);
            // Rows that somebody else has locked are being claimed.
            let rows = sqlx::query(statement(format!(
                "SELECT {RECORD} FROM pair WHERE migration = $1 AND priority = $2 AND next_pass <= $3
                 AND next_pass IS NOT NULL AND worker IS NULL ORDER BY next_pass, id LIMIT $4{}",
                dialect::LOCK_UNLOCKED
            )));
            let rows = rows.bind(migration.0).bind(priority).bind(due.as_microsecond());
            let rows = rows.bind(i64::try_from(wanted).unwrap_or(i64::MAX)).fetch_all(&mut *connection);
            for row in rows.await.map_err(unread)? {
                candidates.push(Candidate { record: record(&row)?, endpoints: endpoints(&row)? });
            }
            below = priority;
        }
    }
    Ok(candidates)
}

/// The highest priority below another one that a pair without a worker has; so that those of each are read along the index.
async fn next_priority(connection: &mut Connection, migration: MigrationId, below: i64) -> Result<Option<i64>> {
    // Not max(): PostgreSQL would go through all of them where it believes them to be few.
    let next = sqlx::query_scalar(
        "SELECT priority FROM pair WHERE migration = $1 AND priority < $2 AND next_pass IS NOT NULL AND worker IS NULL
         ORDER BY priority DESC LIMIT 1",
    );
    next.bind(migration.0).bind(below).fetch_optional(connection).await.map_err(unread)
}

async fn write_pair(connection: &mut Connection, write: &PairWrite) -> Result<()> {
    let update = sqlx::query(statement(format!(
        "UPDATE pair SET phase = $3, activity = $4, circumstances = $5, grade = $6, exceptions_waiting = $7, failures = $8,
         blocked = $9, next_pass = $10, priority = $11, messages = coalesce($12, messages), bytes = coalesce($13, bytes),
         copied_messages = copied_messages + $14, copied_bytes = copied_bytes + $15, passes = passes + $16,
         last_pass = CASE WHEN $16 = 1 THEN {} ELSE last_pass END WHERE id = $1 AND fence = $2",
        dialect::NOW
    )));
    let (activity, circumstances) = activity_columns(&write.activity)?;
    let health = &write.health;
    let update = update.bind(write.pair.0).bind(write.fence.0).bind(write.phase.name()).bind(activity);
    let update = update.bind(circumstances).bind(&health.grade).bind(column(health.exceptions_waiting));
    let update = update.bind(i64::from(health.failures)).bind(&health.blocked);
    let update = update.bind(write.next_pass.map(|next| next.as_microsecond())).bind(i64::from(write.priority));
    let update = update.bind(write.size.map(|size| column(size.messages)));
    let update = update.bind(write.size.map(|size| column(size.bytes)));
    let update = update.bind(column(write.copied.messages)).bind(column(write.copied.bytes));
    let update = update.bind(i64::from(write.pass_ended)).execute(connection);
    let unwritable = refused(|| format!("pair {}", write.pair));
    match update.await.map_err(unwritable)?.rows_affected() {
        0 => Err(StoreError::Fenced { pair: write.pair, fence: write.fence }),
        _ => Ok(()),
    }
}

/// Ends a worker, whose row is locked, and takes from it what it has.
async fn end(connection: &mut Connection, worker: WorkerId) -> Result<()> {
    for text in [
        "DELETE FROM connection WHERE pair IN (SELECT id FROM pair WHERE worker = $1)",
        "UPDATE pair SET worker = NULL, fence = fence + 1,
         activity = CASE WHEN activity = 'running' THEN 'idle' ELSE activity END,
         circumstances = CASE WHEN activity = 'running' THEN NULL ELSE circumstances END WHERE worker = $1",
        "DELETE FROM worker WHERE id = $1",
    ] {
        sqlx::query(text).bind(worker.0).execute(&mut *connection).await.map_err(unwritten)?;
    }
    Ok(())
}
