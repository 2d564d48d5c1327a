//! The words of a programme: many pairs, moved over weeks, in waves.
//!
//! A **migration** brings the mailboxes of its **organisations** from one **endpoint** to another. Each **pair** goes through the same
//! [`Phase`]s; **grants** tie pairs together; **windows** recur, and a **wave** is what cuts over in one of their occurrences.
//!
//! Records here are what the store keeps and what is decided upon; they know neither.
//! [`store`]: the promise of a database that keeps them, and lets many workers share the work.

mod endpoint;
mod grant;
mod pair;
pub mod store;
mod wave;

pub use endpoint::{Budget, Endpoint, Hours, Migration, Organisation, SignIn};
pub use grant::{Grant, Right};
pub use pair::{Activity, ActivityKind, Health, Managed, PairKind, PassKind, Phase, Size, WaitReason};
pub use store::ProgrammeStore;
pub use wave::{Capacity, Freeze, Opening, Wave, WaveState, Window};

/// Makes the id of a record: a number that the store gives.
macro_rules! id {
    ($name:ident, $what:literal) => {
        #[doc = concat!("Which ", $what, ".")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub i64);

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.fmt(formatter)
            }
        }
    };
}

id!(EndpointId, "endpoint");
id!(MigrationId, "migration");
id!(OrganisationId, "organisation");
id!(PairId, "pair");
id!(WindowId, "window");
id!(WaveId, "wave");
id!(WorkerId, "worker");

/// The number that grows whenever a pair is taken over: writes that carry an older one fail.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(transparent)]
pub struct Fence(pub i64);
