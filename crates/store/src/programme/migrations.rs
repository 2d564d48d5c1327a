//! How do tables become those of this version?

use limosa_model::programme::store::StoreError;

/// One step from a format to the next, in the words of both databases. The format is the number of steps taken.
pub(super) struct Migration {
    pub sqlite: &'static str,
    pub postgres: &'static str,
}

pub(super) const MIGRATIONS: [Migration; 1] = [Migration {
    sqlite: include_str!("sqlite/0001-programme.sql"),
    postgres: include_str!("postgres/0001-programme.sql"),
}];

/// The steps that are missing from the tables that were found, if they are ours to change.
///
/// `tables` is how many there are; `format` what is written in ours, `None` where that is not there.
pub(super) fn missing(tables: i64, format: Option<i64>) -> Result<&'static [Migration], StoreError> {
    let known = MIGRATIONS.len();
    match (tables, format) {
        (0, _) => Ok(&MIGRATIONS),
        (_, None) => Err(StoreError::Foreign),
        (_, Some(found)) => match usize::try_from(found).ok().and_then(|found| MIGRATIONS.get(found..)) {
            Some(missing) => Ok(missing),
            None => Err(StoreError::Newer { found, known: known as i64 }),
        },
    }
}
