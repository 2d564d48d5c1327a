//! One pair's ledger in SQLite.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use limosa_model::folder::{FolderPath, Watermark};
use limosa_model::ledger::codec;
use limosa_model::ledger::{
    Approval, DroppedFlag, Exception, FolderLedger, Ledger, LedgerError, LedgerFolder, Sending, Settlement,
};
use limosa_model::message::InternalDate;
use limosa_model::pair::PairKey;
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{Connection, Row, Sqlite, Transaction};

use super::{BEGIN_WRITE, Doing, Inner};
use crate::lock::FileLock;
use crate::notes::Notes;
use crate::rows::{SegmentRow, SegmentSizes, Tally, id_text, read_id, read_segments, touches_entries};

pub(super) struct SqliteLedger {
    store: Arc<Inner>,
    pair: i64,
    fence: i64,
    /// For people.
    name: String,
    notes: Mutex<Notes>,
    _lock: FileLock,
}

type Result<T> = std::result::Result<T, LedgerError>;

/// Exceptions, as [`read_exception`] reads them; without a condition.
const EXCEPTIONS: &str =
    "SELECT folder.source, message, message_id, subject, size, code, reason, date, zone, hint, original,
    approved_by, approved_because, approved_at, pair.source, pair.target
    FROM exception JOIN folder ON folder.id = exception.folder JOIN pair ON pair.id = folder.pair";

fn unread(error: sqlx::Error) -> LedgerError {
    Doing::Read.failed(error)
}

fn unwritten(error: sqlx::Error) -> LedgerError {
    Doing::Write.failed(error)
}

fn not_noted(error: std::io::Error) -> LedgerError {
    Doing::Write.failed(error)
}

/// What a write must know of the folder that it is about.
struct FolderRow {
    id: i64,
    source_ids: String,
    tally: Tally,
}

impl SqliteLedger {
    pub(super) fn new(store: Arc<Inner>, pair: i64, fence: i64, name: String, notes: Notes, lock: FileLock) -> Self {
        Self { store, pair, fence, name, notes: Mutex::new(notes), _lock: lock }
    }

    fn notes(&self) -> MutexGuard<'_, Notes> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a write, unless somebody else has the pair by now. Dropped without a commit, nothing of it has happened.
    async fn begin<'c>(&self, connection: &'c mut SqliteConnection) -> Result<Transaction<'c, Sqlite>> {
        let mut transaction = connection.begin_with(BEGIN_WRITE).await.map_err(unwritten)?;
        let ours = sqlx::query("SELECT 1 FROM pair WHERE id = ? AND fence = ?").bind(self.pair).bind(self.fence);
        if ours.fetch_optional(&mut *transaction).await.map_err(unwritten)?.is_none() {
            return Err(LedgerError::Fenced { pair: self.name.clone() });
        }
        Ok(transaction)
    }

    async fn folder(&self, connection: &mut SqliteConnection, source: &FolderPath) -> Result<Option<FolderRow>> {
        let row = sqlx::query("SELECT id, messages, highest, source_ids FROM folder WHERE pair = ? AND source = ?");
        let row = row.bind(self.pair).bind(source.to_string()).fetch_optional(connection).await.map_err(unwritten)?;
        let read = |row: SqliteRow| {
            let tally = Tally { messages: row.try_get(1)?, highest: row.try_get(2)? };
            Ok(FolderRow { id: row.try_get(0)?, source_ids: row.try_get(3)?, tally })
        };
        row.map(read).transpose().map_err(unwritten)
    }

    async fn known_folder(&self, connection: &mut SqliteConnection, source: &FolderPath) -> Result<FolderRow> {
        let folder = self.folder(connection, source).await?;
        folder.ok_or_else(|| Doing::Write.failed(format!("folder {source} is not in the ledger")))
    }

    /// A folder's segments, in ascending order, and how many entries they hold, where that is known.
    async fn segments(
        &self,
        connection: &mut SqliteConnection,
        source: &FolderPath,
    ) -> std::result::Result<(Vec<SegmentRow>, Option<i64>), sqlx::Error> {
        let rows = sqlx::query(
            "SELECT messages, number, is_base, bytes FROM folder LEFT JOIN segment ON segment.folder = folder.id
             WHERE pair = ? AND source = ? ORDER BY number",
        );
        let rows = rows.bind(self.pair).bind(source.to_string()).fetch_all(connection).await?;
        let messages = rows.first().map_or(Ok(None), |row| row.try_get(0))?;
        let mut segments = Vec::with_capacity(rows.len());
        for row in rows {
            // A folder without segments is one row without a number.
            if let Some(number) = row.try_get(1)? {
                segments.push(SegmentRow { number, is_base: row.try_get(2)?, bytes: row.try_get(3)? });
            }
        }
        Ok((segments, messages))
    }
}

async fn write_entries(connection: &mut SqliteConnection, folder: &FolderRow, settlement: &Settlement) -> Result<()> {
    if settlement.forget {
        for delete in ["DELETE FROM segment WHERE folder = ?", "DELETE FROM exception WHERE folder = ?"] {
            sqlx::query(delete).bind(folder.id).execute(&mut *connection).await.map_err(unwritten)?;
        }
    }
    if !touches_entries(settlement) {
        return Ok(());
    }
    let insert = sqlx::query(
        "INSERT INTO segment (folder, number, is_base, bytes)
         SELECT ?1, coalesce(max(number), 0) + 1, 0, ?2 FROM segment WHERE folder = ?1",
    );
    let insert = insert.bind(folder.id).bind(codec::encode_delta(settlement));
    insert.execute(connection).await.map(drop).map_err(unwritten)
}

async fn write_exceptions(
    connection: &mut SqliteConnection,
    folder: &FolderRow,
    settlement: &Settlement,
) -> Result<()> {
    for id in &settlement.resolved {
        let delete = sqlx::query("DELETE FROM exception WHERE folder = ? AND message = ?");
        delete.bind(folder.id).bind(id_text(id)?).execute(&mut *connection).await.map_err(unwritten)?;
    }
    for exception in &settlement.exceptions {
        write_exception(&mut *connection, folder, exception).await?;
    }
    for kept in &settlement.kept_flags {
        let delete = sqlx::query("DELETE FROM dropped_flag WHERE folder = ? AND flag = ?");
        delete.bind(folder.id).bind(&kept.flag).execute(&mut *connection).await.map_err(unwritten)?;
    }
    for dropped in &settlement.dropped_flags {
        let insert = sqlx::query("INSERT INTO dropped_flag (folder, flag) VALUES (?, ?) ON CONFLICT DO NOTHING");
        insert.bind(folder.id).bind(&dropped.flag).execute(&mut *connection).await.map_err(unwritten)?;
    }
    Ok(())
}

async fn write_exception(connection: &mut SqliteConnection, folder: &FolderRow, exception: &Exception) -> Result<()> {
    let id = id_text(&exception.id)?;
    let earlier = sqlx::query(sqlx::AssertSqlSafe(format!("{EXCEPTIONS} WHERE exception.folder = ? AND message = ?")));
    let earlier = earlier.bind(folder.id).bind(&id).fetch_optional(&mut *connection).await.map_err(unwritten)?;
    let exception = match earlier {
        Some(row) => exception.clone().replacing(&read_exception(&row)?),
        None => exception.clone(),
    };
    let insert = sqlx::query(
        "INSERT OR REPLACE INTO exception (folder, message, message_id, subject, size, code, reason, date, zone, hint, original,
         approved_by, approved_because, approved_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
    );
    let Exception { date, approval, .. } = &exception;
    let insert = insert
        .bind(folder.id)
        .bind(id)
        .bind(&exception.message_id)
        .bind(&exception.subject)
        .bind(exception.size.map(|size| i64::try_from(size).unwrap_or(i64::MAX)))
        .bind(&exception.code)
        .bind(&exception.reason)
        .bind(date.map(|date| date.seconds))
        .bind(date.map(|date| date.offset_minutes))
        .bind(&exception.hint)
        .bind(&exception.original)
        .bind(approval.as_ref().map(|approval| &approval.by))
        .bind(approval.as_ref().map(|approval| &approval.because))
        .bind(approval.as_ref().map(|approval| approval.at));
    insert.execute(connection).await.map(drop).map_err(unwritten)
}

async fn write_position(connection: &mut SqliteConnection, folder: &FolderRow, settlement: &Settlement) -> Result<()> {
    let tally = folder.tally.after(settlement);
    let update = sqlx::query(
        "UPDATE folder SET messages = ?2, highest = ?3,
         source_watermark = coalesce(?4, CASE WHEN ?6 THEN NULL ELSE source_watermark END),
         target_watermark = coalesce(?5, CASE WHEN ?6 THEN NULL ELSE target_watermark END),
         keywords = coalesce(?7, keywords) WHERE id = ?1",
    );
    let update = update
        .bind(folder.id)
        .bind(tally.messages)
        .bind(tally.highest)
        .bind(settlement.source_watermark.as_ref().map(Watermark::as_str))
        .bind(settlement.target_watermark.as_ref().map(Watermark::as_str))
        .bind(settlement.forget)
        .bind(&settlement.keywords);
    update.execute(connection).await.map(drop).map_err(unwritten)
}

/// Notes how many entries a folder has, now that somebody has read them.
async fn write_count(connection: &mut SqliteConnection, folder: &FolderRow, entries: &FolderLedger) -> Result<()> {
    let update = sqlx::query("UPDATE folder SET messages = ? WHERE id = ?");
    let update = update.bind(i64::try_from(entries.len()).unwrap_or(i64::MAX)).bind(folder.id);
    update.execute(connection).await.map(drop).map_err(unwritten)
}

#[async_trait]
impl Ledger for SqliteLedger {
    async fn folders(&self) -> Result<Vec<LedgerFolder>> {
        let mut connection = self.store.connection().await;
        let rows = sqlx::query(
            "SELECT source, target, source_watermark, target_watermark, source_ids, target_ids, keywords, messages,
             source_object_id
             FROM folder WHERE pair = ?",
        );
        let rows = rows.bind(self.pair).fetch_all(&mut *connection).await.map_err(unread)?;
        let mut folders = Vec::with_capacity(rows.len());
        for row in rows {
            let (folder, messages) = read_folder(&row).map_err(unread)?;
            if let Some(messages) = messages {
                folders.push(LedgerFolder { messages: u64::try_from(messages).unwrap_or(0), ..folder });
                continue;
            }
            let (segments, _) = self.segments(&mut connection, &folder.source).await.map_err(unread)?;
            folders.push(match read_segments(&folder.source, &segments, None) {
                Ok(entries) => LedgerFolder { messages: entries.len(), ..folder },
                Err(LedgerError::Damaged { .. }) => {
                    LedgerFolder { source_watermark: None, target_watermark: None, ..folder }
                }
                Err(error) => return Err(error),
            });
        }
        folders.sort_by(|a, b| a.source.cmp(&b.source));
        Ok(folders)
    }

    async fn load(&self, source: &FolderPath) -> Result<FolderLedger> {
        let mut connection = self.store.connection().await;
        let (segments, messages) = self.segments(&mut connection, source).await.map_err(unread)?;
        drop(connection);
        read_segments(source, &segments, messages)
    }

    async fn put_folder(&self, folder: &LedgerFolder) -> Result<()> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let put = sqlx::query(
            "INSERT INTO folder (pair, source, target, source_ids, target_ids, source_object_id, messages, highest)
             VALUES (?, ?, ?, ?, ?, ?, 0, 0)
             ON CONFLICT (pair, source) DO UPDATE SET target = excluded.target, source_ids = excluded.source_ids,
             target_ids = excluded.target_ids, source_object_id = excluded.source_object_id",
        );
        let put = put.bind(self.pair).bind(folder.source.to_string()).bind(folder.target.to_string());
        let put = put.bind(&folder.source_ids).bind(&folder.target_ids).bind(&folder.source_object_id);
        put.execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)
    }

    async fn rename_folder(&self, source: &FolderPath, to: &FolderPath, target: &FolderPath) -> Result<()> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let folder = self.known_folder(&mut transaction, source).await?;
        let stood = sqlx::query("SELECT target FROM folder WHERE id = ?").bind(folder.id);
        let stood = stood.fetch_one(&mut *transaction).await.and_then(|row| path(&row, 0)).map_err(unwritten)?;
        // A name that another folder has breaks UNIQUE.
        let rename = sqlx::query("UPDATE folder SET source = ?, target = ? WHERE id = ?");
        let rename = rename.bind(to.to_string()).bind(target.to_string()).bind(folder.id);
        rename.execute(&mut *transaction).await.map_err(unwritten)?;
        let others = sqlx::query("SELECT id, target FROM folder WHERE pair = ? AND id <> ?");
        let others = others.bind(self.pair).bind(folder.id).fetch_all(&mut *transaction).await.map_err(unwritten)?;
        for row in others {
            let (id, stands): (i64, _) = (row.try_get(0).map_err(unwritten)?, path(&row, 1).map_err(unwritten)?);
            let stands_now = stands.renamed(&stood, target);
            if stands_now != stands {
                let update = sqlx::query("UPDATE folder SET target = ? WHERE id = ?");
                let update = update.bind(stands_now.to_string()).bind(id);
                update.execute(&mut *transaction).await.map_err(unwritten)?;
            }
        }
        // First under the new name, so that they are under that of the ledger whenever it ends.
        let sending = self.notes().of(source);
        if !sending.is_empty() && source != to {
            self.notes().add(to, &sending).map_err(not_noted)?;
        }
        transaction.commit().await.map_err(unwritten)?;
        if source != to {
            self.notes().end(source).map_err(not_noted)?;
        }
        Ok(())
    }

    async fn remove_folder(&self, source: &FolderPath) -> Result<()> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let delete = sqlx::query("DELETE FROM folder WHERE pair = ? AND source = ?");
        delete.bind(self.pair).bind(source.to_string()).execute(&mut *transaction).await.map_err(unwritten)?;
        transaction.commit().await.map_err(unwritten)?;
        self.notes().end(source).map_err(not_noted)
    }

    async fn settle(&self, source: &FolderPath, settlement: &Settlement) -> Result<()> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let folder = self.known_folder(&mut transaction, source).await?;
        write_entries(&mut transaction, &folder, settlement).await?;
        write_exceptions(&mut transaction, &folder, settlement).await?;
        write_position(&mut transaction, &folder, settlement).await?;
        transaction.commit().await.map_err(unwritten)?;
        self.notes().settled(source, &folder.source_ids, settlement).map_err(not_noted)
    }

    async fn note_sending(&self, source: &FolderPath, messages: &[Sending]) -> Result<()> {
        self.notes().add(source, messages).map_err(not_noted)
    }

    async fn sending(&self, source: &FolderPath) -> Result<Vec<Sending>> {
        Ok(self.notes().of(source))
    }

    async fn compact(&self, source: &FolderPath) -> Result<()> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let Some(folder) = self.folder(&mut transaction, source).await? else { return Ok(()) };
        let sizes = sqlx::query(
            "SELECT coalesce(sum(CASE WHEN is_base = 1 THEN length(bytes) END), 0),
             coalesce(sum(CASE WHEN is_base = 0 THEN length(bytes) END), 0), count(*) FROM segment WHERE folder = ?",
        );
        let row = sizes.bind(folder.id).fetch_one(&mut *transaction).await.map_err(unwritten)?;
        let read = || Ok(SegmentSizes { base: row.try_get(0)?, deltas: row.try_get(1)?, segments: row.try_get(2)? });
        let worth_it = read().map_err(unwritten)?.worth_compacting();
        if !worth_it && folder.tally.messages.is_some() {
            return Ok(());
        }
        let (segments, messages) = self.segments(&mut transaction, source).await.map_err(unwritten)?;
        let entries = read_segments(source, &segments, messages)?;
        write_count(&mut transaction, &folder, &entries).await?;
        if let Some(last) = segments.last().filter(|_| worth_it && entries.len() <= codec::MOST_ENTRIES) {
            let delete = sqlx::query("DELETE FROM segment WHERE folder = ?").bind(folder.id);
            delete.execute(&mut *transaction).await.map_err(unwritten)?;
            let insert = sqlx::query("INSERT INTO segment (folder, number, is_base, bytes) VALUES (?, ?, 1, ?)");
            let insert = insert.bind(folder.id).bind(last.number).bind(codec::encode_base(&entries));
            insert.execute(&mut *transaction).await.map_err(unwritten)?;
        }
        transaction.commit().await.map_err(unwritten)
    }

    async fn exceptions(&self) -> Result<Vec<Exception>> {
        let mut connection = self.store.connection().await;
        let rows = sqlx::query(sqlx::AssertSqlSafe(format!("{EXCEPTIONS} WHERE folder.pair = ?")));
        let rows = rows.bind(self.pair).fetch_all(&mut *connection).await.map_err(unread)?;
        let mut exceptions = rows.iter().map(read_exception).collect::<Result<Vec<_>>>()?;
        exceptions.sort_by(|a, b| (&a.folder, &a.id).cmp(&(&b.folder, &b.id)));
        Ok(exceptions)
    }

    async fn dropped_flags(&self) -> Result<Vec<DroppedFlag>> {
        let mut connection = self.store.connection().await;
        let rows = sqlx::query(
            "SELECT source, flag FROM dropped_flag JOIN folder ON folder.id = dropped_flag.folder WHERE pair = ?",
        );
        let rows = rows.bind(self.pair).fetch_all(&mut *connection).await.map_err(unread)?;
        let read = |row: &SqliteRow| Ok(DroppedFlag { folder: path(row, 0)?, flag: row.try_get(1)? });
        let mut dropped =
            rows.iter().map(read).collect::<std::result::Result<Vec<_>, sqlx::Error>>().map_err(unread)?;
        dropped.sort();
        Ok(dropped)
    }

    async fn set_writing(&self, writing: bool) -> Result<bool> {
        let mut connection = self.store.connection().await;
        let mut transaction = self.begin(&mut connection).await?;
        let before = sqlx::query_scalar("SELECT writing FROM pair WHERE id = ?").bind(self.pair);
        let before: bool = before.fetch_one(&mut *transaction).await.map_err(unwritten)?;
        if before != writing {
            let set = sqlx::query("UPDATE pair SET writing = ? WHERE id = ?").bind(writing).bind(self.pair);
            set.execute(&mut *transaction).await.map_err(unwritten)?;
        }
        transaction.commit().await.map_err(unwritten)?;
        Ok(before)
    }

    /// The lengths of all segments, and of the texts and numbers in the folders' rows; without what SQLite adds to both.
    async fn bytes(&self) -> Result<u64> {
        let mut connection = self.store.connection().await;
        let sum = sqlx::query_scalar(
            "SELECT coalesce((SELECT sum(length(bytes)) FROM segment JOIN folder ON folder.id = segment.folder WHERE pair = ?1), 0)
             + coalesce((SELECT sum(32 + length(CAST(source || target AS BLOB)) + length(coalesce(source_watermark, ''))
             + length(coalesce(target_watermark, '')) + length(source_ids) + length(target_ids)) FROM folder WHERE pair = ?1), 0)",
        );
        let sum: i64 = sum.bind(self.pair).fetch_one(&mut *connection).await.map_err(unread)?;
        Ok(u64::try_from(sum).unwrap_or(0))
    }
}

pub(super) async fn all_exceptions(connection: &mut SqliteConnection) -> Result<Vec<(PairKey, Exception)>> {
    let rows = sqlx::query(EXCEPTIONS).fetch_all(connection).await.map_err(unread)?;
    let read = |row: &SqliteRow| {
        let side = |column| row.try_get(column).map_err(unread);
        Ok((PairKey { source: side(14)?, target: side(15)? }, read_exception(row)?))
    };
    let mut exceptions = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    exceptions.sort_by_cached_key(|(pair, one)| (pair.clone(), one.folder.clone(), one.id.clone()));
    Ok(exceptions)
}

fn path(row: &SqliteRow, column: usize) -> std::result::Result<FolderPath, sqlx::Error> {
    row.try_get::<String, _>(column).map(FolderPath::from)
}

/// A folder, and the number of its entries where that is known.
fn read_folder(row: &SqliteRow) -> std::result::Result<(LedgerFolder, Option<i64>), sqlx::Error> {
    let watermark = |column| Ok::<_, sqlx::Error>(row.try_get::<Option<String>, _>(column)?.map(Watermark::new));
    let folder = LedgerFolder {
        source: path(row, 0)?,
        target: path(row, 1)?,
        source_watermark: watermark(2)?,
        target_watermark: watermark(3)?,
        source_ids: row.try_get(4)?,
        target_ids: row.try_get(5)?,
        keywords: row.try_get(6)?,
        source_object_id: row.try_get(8)?,
        messages: 0,
    };
    Ok((folder, row.try_get(7)?))
}

fn read_exception(row: &SqliteRow) -> Result<Exception> {
    let folder = path(row, 0).map_err(unread)?;
    let text: String = row.try_get(1).map_err(unread)?;
    let id = read_id(&folder, &text)?;
    let read = || {
        Ok(Exception {
            folder,
            id,
            message_id: row.try_get(2)?,
            subject: row.try_get(3)?,
            size: row.try_get::<Option<i64>, _>(4)?.and_then(|size| u64::try_from(size).ok()),
            code: row.try_get(5)?,
            reason: row.try_get(6)?,
            date: match (row.try_get(7)?, row.try_get(8)?) {
                (Some(seconds), Some(offset_minutes)) => Some(InternalDate { seconds, offset_minutes }),
                _ => None,
            },
            hint: row.try_get(9)?,
            original: row.try_get(10)?,
            approval: match (row.try_get(11)?, row.try_get(12)?, row.try_get(13)?) {
                (Some(by), Some(because), Some(at)) => Some(Approval { by, because, at }),
                _ => None,
            },
        })
    };
    read().map_err(unread)
}
