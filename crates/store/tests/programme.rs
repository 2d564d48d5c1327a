//! Do both databases keep the contract of a programme's, and are they alike?

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use limosa_lab::{Lab, Postgres, PostgresOptions};
use limosa_model::programme::ProgrammeStore;
use limosa_model::programme::store::StoreError;
use limosa_store::programme::{open_postgres, open_sqlite};
use limosa_testkit::programme_suite::Place;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, PgConnection, Row, SqliteConnection};
use tempfile::TempDir;
use tokio::sync::OnceCell;

/// A file of its own.
struct File(TempDir);

impl File {
    fn fresh() -> Self {
        Self(TempDir::new().expect("there is room for temporary files"))
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("state").join("programme.db")
    }

    async fn connection(&self) -> SqliteConnection {
        std::fs::create_dir_all(self.0.path().join("state")).expect("the folder is made");
        let options = sqlx::sqlite::SqliteConnectOptions::new().filename(self.path()).create_if_missing(true);
        options.connect().await.expect("the database opens")
    }
}

#[async_trait]
impl Place for File {
    async fn open(&self) -> Result<Arc<dyn ProgrammeStore>, StoreError> {
        open_sqlite(&self.path()).await
    }
}

/// A database of its own, in the one PostgreSQL of this process.
struct Database {
    url: String,
}

static POSTGRES: OnceCell<Postgres> = OnceCell::const_new();

impl Database {
    async fn fresh() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let start = async || {
            let lab = Lab::shared().await.expect("there is a laboratory");
            let extra = "max_connections = 500".to_owned();
            lab.postgres(PostgresOptions { extra, ..PostgresOptions::default() }).await.expect("PostgreSQL starts")
        };
        let postgres = POSTGRES.get_or_init(start).await;
        let name = format!("programme{}", NUMBER.fetch_add(1, Ordering::Relaxed));
        let mut connection = PgConnection::connect(&postgres.url("postgres")).await.expect("PostgreSQL answers");
        let create = sqlx::raw_sql(AssertSqlSafe(format!("CREATE DATABASE {name}"))).execute(&mut connection).await;
        create.expect("the database is made");
        Self { url: postgres.url(&name) }
    }

    async fn connection(&self) -> PgConnection {
        PgConnection::connect(&self.url).await.expect("PostgreSQL answers")
    }
}

#[async_trait]
impl Place for Database {
    async fn open(&self) -> Result<Arc<dyn ProgrammeStore>, StoreError> {
        open_postgres(&self.url).await
    }
}

mod sqlite {
    limosa_testkit::programme_suite!(async { super::File::fresh() });
}

mod postgres {
    limosa_testkit::programme_suite!(super::Database::fresh());
}

/// What a schema is made of, in words that both databases have.
type Schema = BTreeSet<String>;

async fn sqlite_schema(connection: &mut SqliteConnection) -> Schema {
    let columns = "SELECT 'column ' || t.name || '.' || c.name || ' ' || lower(c.type)
            || CASE WHEN c.\"notnull\" OR c.pk THEN ' not null' ELSE '' END
            FROM sqlite_schema t, pragma_table_info(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let keys = "SELECT 'reference ' || t.name || '.' || f.\"from\" || ' ' || f.\"table\" || ' ' || lower(f.on_delete)
            FROM sqlite_schema t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'";
    let indexes = "SELECT 'index ' || t.name || ' ' || CASE WHEN i.\"unique\" THEN 'unique ' ELSE '' END
            || (SELECT group_concat(x.name, ', ') FROM pragma_index_info(i.name) x)
            || CASE WHEN i.partial THEN ' partial' ELSE '' END
            FROM sqlite_schema t, pragma_index_list(t.name) i WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'";
    let mut schema = Schema::new();
    for statement in [columns, keys, indexes] {
        let rows = sqlx::query(statement).fetch_all(&mut *connection).await.expect("the schema is read");
        schema.extend(rows.iter().map(|row| row.get::<String, _>(0).replace("integer", "bigint")));
    }
    schema
}

async fn postgres_schema(connection: &mut PgConnection) -> Schema {
    let columns = "SELECT 'column ' || table_name || '.' || column_name || ' ' || data_type
            || CASE WHEN is_nullable = 'NO' THEN ' not null' ELSE '' END
            FROM information_schema.columns WHERE table_schema = 'public'";
    let keys = "SELECT 'reference ' || c.conrelid::regclass || '.' || a.attname || ' ' || c.confrelid::regclass || ' '
            || CASE c.confdeltype WHEN 'a' THEN 'no action' WHEN 'n' THEN 'set null' WHEN 'c' THEN 'cascade' ELSE c.confdeltype::text END
            FROM pg_constraint c JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = c.conkey[1] WHERE c.contype = 'f'";
    // SQLite has no index for a key that is the row's own number.
    let indexes = "SELECT 'index ' || i.indrelid::regclass || ' ' || CASE WHEN i.indisunique THEN 'unique ' ELSE '' END
            || (SELECT string_agg(a.attname, ', ' ORDER BY k.n) FROM unnest(i.indkey) WITH ORDINALITY k (number, n)
                JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number)
            || CASE WHEN i.indpred IS NOT NULL THEN ' partial' ELSE '' END
            FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid JOIN pg_namespace s ON s.oid = c.relnamespace
            WHERE s.nspname = 'public' AND NOT (i.indisprimary AND i.indnatts = 1)";
    let mut schema = Schema::new();
    for statement in [columns, keys, indexes] {
        let rows = sqlx::query(statement).fetch_all(&mut *connection).await.expect("the schema is read");
        schema.extend(rows.iter().map(|row| row.get::<String, _>(0).replace("bytea", "blob")));
    }
    schema
}

/// Both have the same columns of the same types, the same references and the same indexes.
#[tokio::test]
async fn the_schemas_are_alike() {
    let (file, database) = (File::fresh(), Database::fresh().await);
    file.open().await.expect("the database opens");
    database.open().await.expect("the database opens");
    let sqlite = sqlite_schema(&mut file.connection().await).await;
    let postgres = postgres_schema(&mut database.connection().await).await;
    let only = |one: &Schema, other: &Schema| one.difference(other).cloned().collect::<Vec<_>>();
    assert_eq!((only(&sqlite, &postgres), only(&postgres, &sqlite)), (Vec::new(), Vec::new()));
    assert!(sqlite.len() > 80, "{sqlite:?}");
}

async fn check_newer(place: &dyn Place) {
    match place.open().await.map(drop) {
        Err(StoreError::Newer { found: 77, known }) => assert!(known < 77),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_database_of_a_newer_version_is_refused() {
    let (file, database) = (File::fresh(), Database::fresh().await);
    file.open().await.expect("the database opens");
    database.open().await.expect("the database opens");
    let newer = "UPDATE programme SET format = 77";
    sqlx::query(newer).execute(&mut file.connection().await).await.expect("the format is written");
    sqlx::query(newer).execute(&mut database.connection().await).await.expect("the format is written");
    check_newer(&file).await;
    check_newer(&database).await;
}

#[tokio::test]
async fn databases_of_others_are_left_alone() {
    let (file, database) = (File::fresh(), Database::fresh().await);
    let diary = "CREATE TABLE diary (day TEXT)";
    let mut connections = (file.connection().await, database.connection().await);
    sqlx::query(diary).execute(&mut connections.0).await.expect("the table is made");
    sqlx::query(diary).execute(&mut connections.1).await.expect("the table is made");
    for place in [&file as &dyn Place, &database] {
        let error = place.open().await.map(drop).expect_err("the database is another program's");
        assert!(matches!(error, StoreError::Foreign), "{error:?}");
    }
    let tables = sqlite_schema(&mut connections.0).await;
    assert_eq!(tables.into_iter().collect::<Vec<_>>(), ["column diary.day text"]);
    assert_eq!(postgres_schema(&mut connections.1).await.len(), 1);
}

#[tokio::test]
async fn many_may_open_a_new_database_at_once() {
    for place in [Arc::new(File::fresh()) as Arc<dyn Place>, Arc::new(Database::fresh().await)] {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..8 {
            let place = Arc::clone(&place);
            tasks.spawn(async move { place.open().await.map(drop) });
        }
        while let Some(opened) = tasks.join_next().await {
            opened.expect("no task panics").expect("the database opens");
        }
    }
}

#[cfg(unix)]
#[tokio::test]
async fn only_the_owner_can_look_inside() {
    use std::os::unix::fs::PermissionsExt;
    let file = File::fresh();
    let _store = file.open().await.expect("the database opens");
    for entry in std::fs::read_dir(file.0.path().join("state")).expect("the folder is read") {
        let path = entry.expect("the folder is read").path();
        let mode = std::fs::metadata(&path).expect("it is there").permissions().mode() & 0o777;
        assert_eq!(mode, 0o600, "{}", path.display());
    }
}

/// A call that finds the database down waits for it, and what was written before is there.
#[tokio::test]
async fn a_postgresql_that_was_killed_is_waited_for() {
    let lab = Lab::shared().await.expect("there is a laboratory");
    let postgres = lab.postgres(PostgresOptions::default()).await.expect("PostgreSQL starts");
    let store = open_postgres(&postgres.url("postgres")).await.expect("the database opens");
    let worker = store.register("worker", Duration::from_secs(3_600)).await.expect("the worker is registered");
    postgres.kill9();
    let (heartbeat, restarted) = tokio::join!(store.heartbeat(worker, Duration::from_secs(60)), postgres.restart());
    restarted.expect("PostgreSQL starts again");
    heartbeat.expect("the lease is renewed");
}
