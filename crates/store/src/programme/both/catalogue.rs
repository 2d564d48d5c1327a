//! Endpoints, migrations, organisations, windows, waves.

use async_trait::async_trait;
use limosa_model::programme::store::{Catalogue, StoreError};
use limosa_model::programme::{
    Capacity, Endpoint, EndpointId, Freeze, Migration, MigrationId, Opening, Organisation, OrganisationId, PairId,
    SignIn, Wave, WaveId, WaveState, Window, WindowId,
};
use serde::{Deserialize, Serialize};

use super::rows::{get, json, read_json, time};
use super::{Result, Row, Store, dialect, refused, statement, unread, unwritten};

/// When a window opens and how much fits, as its column has it.
#[derive(Serialize, Deserialize)]
struct Rules {
    #[serde(with = "jiff::fmt::serde::tz::required")]
    zone: jiff::tz::TimeZone,
    openings: Vec<Opening>,
    freezes: Vec<Freeze>,
    capacity: Capacity,
}

#[async_trait]
impl Catalogue for Store {
    async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<EndpointId> {
        let administrator = match &endpoint.sign_in {
            SignIn::Administrator { user } => Some(user),
            SignIn::EachMailbox => None,
        };
        let put = sqlx::query_scalar(
            "INSERT INTO endpoint (name, address, administrator, budget, connections) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (name) DO UPDATE SET address = excluded.address, administrator = excluded.administrator,
             connections = CASE WHEN endpoint.budget = excluded.budget THEN endpoint.connections ELSE excluded.connections END,
             budget = excluded.budget RETURNING id",
        );
        let put = put.bind(&endpoint.name).bind(&endpoint.address).bind(administrator).bind(json(&endpoint.budget)?);
        let put = put.bind(endpoint.budget.connections.map(i64::from));
        put.fetch_one(&self.writer).await.map(EndpointId).map_err(unwritten)
    }

    async fn endpoints(&self) -> Result<Vec<Endpoint>> {
        let rows = sqlx::query("SELECT id, name, address, administrator, budget FROM endpoint ORDER BY name");
        let rows = rows.fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let name: String = get(row, 1)?;
            let sign_in = match get(row, 3)? {
                Some(user) => SignIn::Administrator { user },
                None => SignIn::EachMailbox,
            };
            let budget = read_json(get(row, 4)?, || format!("the budget of endpoint {name}"))?;
            Ok(Endpoint { id: EndpointId(get(row, 0)?), name, address: get(row, 2)?, sign_in, budget })
        };
        rows.iter().map(read).collect()
    }

    async fn set_connections(&self, endpoint: EndpointId, connections: Option<u32>) -> Result<()> {
        let set = sqlx::query("UPDATE endpoint SET connections = $2 WHERE id = $1");
        let set = set.bind(endpoint.0).bind(connections.map(i64::from)).execute(&self.writer);
        match set.await.map_err(unwritten)?.rows_affected() {
            0 => Err(StoreError::Unknown { what: format!("endpoint {endpoint}") }),
            _ => Ok(()),
        }
    }

    async fn put_migration(&self, migration: &Migration) -> Result<MigrationId> {
        if migration.source == migration.target {
            return Err(StoreError::Conflict { what: "source and target are one endpoint".into() });
        }
        // Changes nothing where it is there already, and answers only when it has the same endpoints.
        let put = sqlx::query_scalar(
            "INSERT INTO migration (name, source, target) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET name = excluded.name
             WHERE migration.source = excluded.source AND migration.target = excluded.target RETURNING id",
        );
        let put = put.bind(&migration.name).bind(migration.source.0).bind(migration.target.0);
        let put = put.fetch_optional(&self.writer).await.map_err(refused(|| "such an endpoint".into()))?;
        put.map(MigrationId).ok_or_else(|| StoreError::Conflict {
            what: format!("the migration {} has other endpoints, and keeps them", migration.name),
        })
    }

    async fn migrations(&self) -> Result<Vec<Migration>> {
        let rows = sqlx::query("SELECT id, name, source, target FROM migration ORDER BY name");
        let rows = rows.fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let (source, target) = (EndpointId(get(row, 2)?), EndpointId(get(row, 3)?));
            Ok(Migration { id: MigrationId(get(row, 0)?), name: get(row, 1)?, source, target })
        };
        rows.iter().map(read).collect()
    }

    async fn put_organisation(&self, organisation: &Organisation) -> Result<OrganisationId> {
        let put = sqlx::query_scalar(
            "INSERT INTO organisation (migration, name) VALUES ($1, $2)
             ON CONFLICT (migration, name) DO UPDATE SET name = excluded.name RETURNING id",
        );
        let put = put.bind(organisation.migration.0).bind(&organisation.name).fetch_one(&self.writer);
        let unknown = || format!("migration {}", organisation.migration);
        put.await.map(OrganisationId).map_err(refused(unknown))
    }

    async fn organisations(&self, migration: MigrationId) -> Result<Vec<Organisation>> {
        let rows = sqlx::query("SELECT id, name FROM organisation WHERE migration = $1 ORDER BY name");
        let rows = rows.bind(migration.0).fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| Ok(Organisation { id: OrganisationId(get(row, 0)?), migration, name: get(row, 1)? });
        rows.iter().map(read).collect()
    }

    async fn put_window(&self, window: &Window) -> Result<WindowId> {
        let rules = Rules {
            zone: window.zone.clone(),
            openings: window.openings.clone(),
            freezes: window.freezes.clone(),
            capacity: window.capacity,
        };
        let put = sqlx::query_scalar(
            "INSERT INTO cutover_window (migration, name, rules) VALUES ($1, $2, $3)
             ON CONFLICT (migration, name) DO UPDATE SET rules = excluded.rules RETURNING id",
        );
        let put = put.bind(window.migration.0).bind(&window.name).bind(json(&rules)?).fetch_one(&self.writer);
        put.await.map(WindowId).map_err(refused(|| format!("migration {}", window.migration)))
    }

    async fn windows(&self, migration: MigrationId) -> Result<Vec<Window>> {
        let rows = sqlx::query("SELECT id, name, rules FROM cutover_window WHERE migration = $1 ORDER BY name");
        let rows = rows.bind(migration.0).fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let name: String = get(row, 1)?;
            let rules: Rules = read_json(get(row, 2)?, || format!("the rules of window {name}"))?;
            let Rules { zone, openings, freezes, capacity } = rules;
            Ok(Window { id: WindowId(get(row, 0)?), migration, name, zone, openings, freezes, capacity })
        };
        rows.iter().map(read).collect()
    }

    async fn put_wave(&self, wave: &Wave) -> Result<WaveId> {
        let put = sqlx::query_scalar(
            "INSERT INTO wave (migration, name, window_id, starts, state) VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (migration, name) DO UPDATE SET window_id = excluded.window_id, starts = excluded.starts,
             state = excluded.state RETURNING id",
        );
        let put = put.bind(wave.migration.0).bind(&wave.name).bind(wave.window.0);
        let put = put.bind(wave.starts.map(|starts| starts.as_microsecond())).bind(wave.state.name());
        let put = put.fetch_one(&self.writer);
        put.await.map(WaveId).map_err(refused(|| format!("window {} or migration {}", wave.window, wave.migration)))
    }

    async fn waves(&self, migration: MigrationId) -> Result<Vec<Wave>> {
        let rows =
            sqlx::query("SELECT id, name, window_id, starts, state FROM wave WHERE migration = $1 ORDER BY name");
        let rows = rows.bind(migration.0).fetch_all(&self.readers).await.map_err(unread)?;
        let read = |row: &Row| {
            let name: String = get(row, 1)?;
            let state = WaveState::from_name(get(row, 4)?)
                .ok_or_else(|| StoreError::Unreadable { what: format!("wave {name} has an unknown state") })?;
            let starts = get::<Option<i64>>(row, 3)?.map(time).transpose()?;
            Ok(Wave { id: WaveId(get(row, 0)?), migration, name, window: WindowId(get(row, 2)?), starts, state })
        };
        rows.iter().map(read).collect()
    }

    async fn assign(&self, assignments: &[(PairId, Option<WaveId>)]) -> Result<()> {
        let mut transaction = self.begin().await?;
        let update = sqlx::query(statement(format!(
            "UPDATE pair SET wave = CAST(value ->> 1 AS BIGINT) FROM {} WHERE pair.id = CAST(value ->> 0 AS BIGINT)",
            dialect::LINES
        )));
        let update = update.bind(json(&assignments)?).execute(&mut *transaction);
        let updated = update.await.map_err(refused(|| "one of these waves".into()))?.rows_affected();
        let distinct: std::collections::HashSet<PairId> = assignments.iter().map(|(pair, _)| *pair).collect();
        if updated != distinct.len() as u64 {
            return Err(StoreError::Unknown { what: "one of these pairs".into() });
        }
        transaction.commit().await.map_err(unwritten)
    }
}
