//! What must every [`ProgrammeStore`] do?
//!
//! Each check is named like the clause of the contract that it tries to break, and begins in a fresh, empty [`Place`]. A store's test file
//! names its place and calls [`programme_suite!`](crate::programme_suite!).

mod catalogue;
mod pairs;
mod secrets;
mod work;

use std::sync::Arc;

use async_trait::async_trait;
use limosa_model::programme::store::{Imported, PairLine, PairRecord, StoreError};
use limosa_model::programme::{Budget, Endpoint, EndpointId, Migration, MigrationId, PairId, ProgrammeStore, SignIn};

pub use catalogue::*;
pub use pairs::*;
pub use secrets::*;
pub use work::*;

/// Where a programme is kept, and stays when a process ends.
#[async_trait]
pub trait Place: Send + Sync {
    /// Opens the database as a process does that has just started.
    async fn open(&self) -> Result<Arc<dyn ProgrammeStore>, StoreError>;
}

/// Makes one test of each check. The expression is awaited for each, and answers a fresh [`Place`].
#[macro_export]
macro_rules! programme_suite {
    ($fresh:expr) => {
        $crate::programme_suite!($fresh =>
            a_fresh_programme_is_empty, put_idempotent, list_order, migration_keeps_its_endpoints, windows_and_waves_are_kept, durable,
            import_rest, import_idempotent, import_changes, import_one_target, names_are_kept_byte_by_byte, grants_are_taken_in,
            two_imports_at_once, pages_steady, filters_let_through_what_they_say, counts_add_up, waves_are_assigned, secrets_are_kept_apart, secrets_no_overwrite,
            claim_due, claim_order, claim_once, claim_slots, slots_changed, slots_more, write_fenced, release_fenced,
            writes_are_kept, lease_ends, takeover, retiring_frees, leader_one, leader_next);
    };
    ($fresh:expr => $($check:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $check() {
                $crate::programme_suite::$check(&$fresh.await).await;
            }
        )*
    };
}

type Store = Arc<dyn ProgrammeStore>;

async fn opened(place: &dyn Place) -> Store {
    place.open().await.expect("the database opens")
}

fn endpoint(name: &str, connections: Option<u32>) -> Endpoint {
    Endpoint {
        id: EndpointId(0),
        name: name.into(),
        address: format!("imaps://{name}.example"),
        sign_in: SignIn::Administrator { user: "admin".into() },
        budget: Budget { connections, ..Budget::default() },
    }
}

async fn put_endpoint(store: &Store, name: &str, connections: Option<u32>) -> EndpointId {
    store.put_endpoint(&endpoint(name, connections)).await.expect("the endpoint is put")
}

async fn put_migration(store: &Store, name: &str, source: EndpointId, target: EndpointId) -> MigrationId {
    let migration = Migration { id: MigrationId(0), name: name.into(), source, target };
    store.put_migration(&migration).await.expect("the migration is put")
}

/// A programme with one migration from `old` to `new`, without limits.
async fn with_migration(place: &dyn Place) -> (Store, MigrationId) {
    let store = opened(place).await;
    let (old, new) = (put_endpoint(&store, "old", None).await, put_endpoint(&store, "new", None).await);
    let migration = put_migration(&store, "move", old, new).await;
    (store, migration)
}

fn line(source: &str, target: &str, organisation: &str) -> PairLine {
    PairLine { source: source.into(), target: target.into(), organisation: organisation.into(), ..PairLine::default() }
}

/// Takes in pairs of these names, in one organisation, and answers their ids.
async fn with_pairs(store: &Store, migration: MigrationId, names: &[&str]) -> Vec<PairId> {
    let lines: Vec<PairLine> = names.iter().map(|name| line(name, &format!("new-{name}"), "org")).collect();
    let imported = store.import_pairs(migration, &lines).await.expect("the pairs are taken in");
    assert_eq!(imported, vec![Imported::Added; names.len()]);
    let mut ids = Vec::new();
    for name in names {
        ids.push(found(store, migration, name).await.pair.id);
    }
    ids
}

async fn found(store: &Store, migration: MigrationId, source: &str) -> PairRecord {
    store.find_pair(migration, source).await.expect("the pair is read").expect("the pair is known")
}

async fn read(store: &Store, pair: PairId) -> PairRecord {
    store.pair(pair).await.expect("the pair is read")
}
