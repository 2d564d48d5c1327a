//! What does a row say?

use jiff::Timestamp;
use limosa_model::programme::store::{PairRecord, StoreError};
use limosa_model::programme::{
    Activity, ActivityKind, EndpointId, Fence, Health, Managed, MigrationId, OrganisationId, PairId, PairKind, Phase,
    Size, WaveId, WorkerId,
};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row as _;

use super::{Result, Row, unread};

/// The columns that [`record`] reads.
pub(super) const RECORD: &str =
    "pair.id, pair.migration, pair.organisation, pair.source, pair.target, pair.kind, pair.language,
    pair.messages, pair.bytes, pair.wave, pair.priority, pair.phase, pair.activity, pair.circumstances, pair.grade,
    pair.exceptions_waiting, pair.failures, pair.blocked, pair.next_pass, pair.fence, pair.worker, pair.passes,
    pair.copied_messages, pair.copied_bytes, pair.last_pass, pair.source_endpoint, pair.target_endpoint";

/// A value of a row.
pub(super) fn get<'r, T>(row: &'r Row, column: usize) -> Result<T>
where
    T: sqlx::Decode<'r, super::Db> + sqlx::Type<super::Db>,
{
    row.try_get(column).map_err(unread)
}

/// A pair, with what is kept about it.
pub(super) fn record(row: &Row) -> Result<PairRecord> {
    let id = PairId(get(row, 0)?);
    let unreadable = |what: &str| StoreError::Unreadable { what: format!("pair {id} has {what}") };
    let activity = match (ActivityKind::from_name(get(row, 12)?), get::<Option<&str>>(row, 13)?) {
        (Some(ActivityKind::Idle), None) => Activity::Idle,
        (Some(_), Some(circumstances)) => read_json(circumstances, || format!("the activity of pair {id}"))?,
        _ => return Err(unreadable("an unknown activity")),
    };
    let pair = Managed {
        id,
        migration: MigrationId(get(row, 1)?),
        organisation: OrganisationId(get(row, 2)?),
        source: get(row, 3)?,
        target: get(row, 4)?,
        kind: PairKind::from_name(get(row, 5)?).ok_or_else(|| unreadable("an unknown kind"))?,
        language: get(row, 6)?,
        size: size(get(row, 7)?, get(row, 8)?),
        wave: get::<Option<i64>>(row, 9)?.map(WaveId),
        priority: priority(get(row, 10)?),
        phase: Phase::from_name(get(row, 11)?).ok_or_else(|| unreadable("an unknown phase"))?,
        activity,
        health: Health {
            grade: get(row, 14)?,
            exceptions_waiting: count(get(row, 15)?),
            failures: u32::try_from(count(get(row, 16)?)).unwrap_or(u32::MAX),
            blocked: get(row, 17)?,
        },
        next_pass: get::<Option<i64>>(row, 18)?.map(time).transpose()?,
    };
    Ok(PairRecord {
        pair,
        fence: Fence(get(row, 19)?),
        worker: get::<Option<i64>>(row, 20)?.map(WorkerId),
        passes: count(get(row, 21)?),
        copied: Size { messages: count(get(row, 22)?), bytes: count(get(row, 23)?) },
        last_pass: get::<Option<i64>>(row, 24)?.map(time).transpose()?,
    })
}

/// The endpoints of a pair, source first, from the same columns.
pub(super) fn endpoints(row: &Row) -> Result<[EndpointId; 2]> {
    Ok([EndpointId(get(row, 25)?), EndpointId(get(row, 26)?)])
}

/// A size, where both of its numbers are known.
pub(super) fn size(messages: Option<i64>, bytes: Option<i64>) -> Option<Size> {
    Some(Size { messages: count(messages?), bytes: count(bytes?) })
}

/// What is never negative.
pub(super) fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// A count as a column takes it.
pub(super) fn column(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn priority(number: i64) -> i32 {
    i32::try_from(number).unwrap_or(if number < 0 { i32::MIN } else { i32::MAX })
}

/// A time from microseconds of the Unix epoch.
pub(super) fn time(microseconds: i64) -> Result<Timestamp> {
    Timestamp::from_microsecond(microseconds)
        .map_err(|error| StoreError::Unreadable { what: format!("{microseconds} is no time: {error}") })
}

/// Reads what [`json`] writes.
pub(super) fn read_json<T: DeserializeOwned>(text: &str, what: impl Fn() -> String) -> Result<T> {
    serde_json::from_str(text).map_err(|error| StoreError::Unreadable { what: format!("{}: {error}", what()) })
}

/// A value as JSON.
pub(super) fn json<T: Serialize>(value: &T) -> Result<String> {
    serde_json::to_string(value).map_err(|error| StoreError::Database { doing: "written", source: error.into() })
}

/// An activity as its two columns.
pub(super) fn activity_columns(activity: &Activity) -> Result<(&'static str, Option<String>)> {
    let circumstances = match activity {
        Activity::Idle => None,
        other => Some(json(other)?),
    };
    Ok((activity.kind().name(), circumstances))
}
