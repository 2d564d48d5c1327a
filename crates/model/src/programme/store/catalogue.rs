//! What a programme is made of, but for its pairs.

use async_trait::async_trait;

use super::StoreError;
use crate::programme::{
    Endpoint, EndpointId, Migration, MigrationId, Organisation, OrganisationId, PairId, Wave, WaveId, Window, WindowId,
};

/// Endpoints, migrations, organisations, windows and waves.
///
/// All are known by name, windows, waves and organisations by that in their migration. To put one makes it or changes it
/// (`[put.idempotent]`): the id that it carries is not looked at, the one that it has is answered. Lists are in the order of names, byte by
/// byte (`[list.order]`).
#[async_trait]
pub trait Catalogue: Send + Sync {
    /// Makes or changes an endpoint. A new budget holds from the next claim on.
    async fn put_endpoint(&self, endpoint: &Endpoint) -> Result<EndpointId, StoreError>;

    /// All endpoints.
    async fn endpoints(&self) -> Result<Vec<Endpoint>, StoreError>;

    /// Sets how many connections may be open to an endpoint right now, all workers together; `None` is no limit. It holds until the
    /// next call, or until the endpoint is put with another budget; those that are open stay. `[slots.changed]`
    async fn set_connections(&self, endpoint: EndpointId, connections: Option<u32>) -> Result<(), StoreError>;

    /// Makes a migration.
    ///
    /// # Errors
    /// [`StoreError::Conflict`] when there is one of this name with other endpoints (`[migration.keeps-its-endpoints]`), or both are the
    /// same; [`StoreError::Unknown`] when there is no such endpoint.
    async fn put_migration(&self, migration: &Migration) -> Result<MigrationId, StoreError>;

    /// All migrations.
    async fn migrations(&self) -> Result<Vec<Migration>, StoreError>;

    /// Makes an organisation.
    async fn put_organisation(&self, organisation: &Organisation) -> Result<OrganisationId, StoreError>;

    /// All organisations of a migration.
    async fn organisations(&self, migration: MigrationId) -> Result<Vec<Organisation>, StoreError>;

    /// Makes or changes a window.
    async fn put_window(&self, window: &Window) -> Result<WindowId, StoreError>;

    /// All windows of a migration.
    async fn windows(&self, migration: MigrationId) -> Result<Vec<Window>, StoreError>;

    /// Makes or changes a wave.
    async fn put_wave(&self, wave: &Wave) -> Result<WaveId, StoreError>;

    /// All waves of a migration.
    async fn waves(&self, migration: MigrationId) -> Result<Vec<Wave>, StoreError>;

    /// Puts pairs into waves, or takes them out of theirs; some thousands at once. A pair that a worker has is changed too: what a wave
    /// is to it, is read with its next pass.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] when there is no such pair or wave; nothing was written then.
    async fn assign(&self, assignments: &[(PairId, Option<WaveId>)]) -> Result<(), StoreError>;
}
