//! Who works on what.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;

use super::StoreError;
use crate::programme::{Activity, EndpointId, Fence, Health, Managed, PairId, Phase, Size, WorkerId};

/// A pair that a worker has now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The pair, as it was when it was claimed.
    pub pair: Managed,
    /// What every write has to carry from now on.
    pub fence: Fence,
}

/// What becomes of a pair.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PairWrite {
    /// The pair.
    pub pair: PairId,
    /// What whoever writes knows it to be at.
    pub fence: Fence,
    /// Where it stands.
    pub phase: Phase,
    /// What it is doing.
    pub activity: Activity,
    /// How it is.
    pub health: Health,
    /// When the next pass is due; `None` where none is.
    pub next_pass: Option<Timestamp>,
    /// Higher ones first.
    pub priority: i32,
    /// How large it is; `None` leaves what is known.
    pub size: Option<Size>,
    /// What has been copied since the last write.
    pub copied: Size,
    /// Whether a pass has ended.
    pub pass_ended: bool,
}

impl PairWrite {
    /// A write that changes nothing yet, of a pair at a fence.
    pub fn of(pair: &Managed, fence: Fence) -> Self {
        Self {
            pair: pair.id,
            fence,
            phase: pair.phase,
            activity: pair.activity.clone(),
            health: pair.health.clone(),
            next_pass: pair.next_pass,
            priority: pair.priority,
            size: None,
            copied: Size::default(),
            pass_ended: false,
        }
    }
}

/// Workers, their leases, and what they hold.
///
/// A **lease** is a worker's, not a pair's: one small write keeps all that it works on, however much. A lease is no mutual exclusion
/// (its holder may sleep past its end), so the **fence** is what protects a pair: it grows whenever a pair is claimed or taken away, and a
/// write that carries another one fails. A mail server knows no fence: a worker ends its sessions well before its lease does.
#[async_trait]
pub trait Work: Send + Sync {
    /// A new worker, with a lease that ends after `lease`. `name` is for people.
    async fn register(&self, name: &str, lease: Duration) -> Result<WorkerId, StoreError>;

    /// Renews a worker's lease: it ends after `lease` from now on.
    ///
    /// # Errors
    /// [`StoreError::LeaseEnded`] when it has ended: the worker stops everything, and registers anew. `[lease.ends]`
    async fn heartbeat(&self, worker: WorkerId, lease: Duration) -> Result<(), StoreError>;

    /// Gives a worker at most `limit` pairs that are due by `due`.
    ///
    /// - `[claim.due]` A pair is due when its `next_pass` is set and not later, and no worker has it. Nothing else is asked: whoever
    ///   pauses or blocks a pair takes its `next_pass` away.
    /// - `[claim.order]` By priority, the highest first; then the longest due; then by id.
    /// - `[claim.once]` However many claim at once, a pair is one worker's.
    /// - `[claim.slots]` Each takes one connection to its source and one to its target. A pair for which there is none is passed over,
    ///   and does not keep others from being claimed that go elsewhere.
    /// - `[claim.fence]` Its fence grows.
    ///
    /// # Errors
    /// [`StoreError::LeaseEnded`].
    async fn claim(&self, worker: WorkerId, due: Timestamp, limit: u32) -> Result<Vec<Claimed>, StoreError>;

    /// Asks for as many as `wanted` connections in all for a pair at one of its endpoints, and answers how many it has now: at least
    /// one, and what it had where the budget has no more. Fewer than before gives some back. `[slots.more]`
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; also when no worker has the pair.
    async fn take_connections(
        &self,
        pair: PairId,
        fence: Fence,
        endpoint: EndpointId,
        wanted: u32,
    ) -> Result<u32, StoreError>;

    /// Writes what has become of a pair; whoever has it keeps it.
    ///
    /// # Errors
    /// [`StoreError::Fenced`] when its fence is another one. `[write.fenced]`
    async fn write(&self, write: &PairWrite) -> Result<(), StoreError>;

    /// Writes what has become of a pair and gives it back, with its connections. Its fence grows, so that nothing that is still on its
    /// way can be written afterwards. `[release.fenced]`
    ///
    /// # Errors
    /// [`StoreError::Fenced`]; also when no worker has the pair.
    async fn release(&self, write: &PairWrite) -> Result<(), StoreError>;

    /// Ends a worker, and takes from it what it still has, as [`Work::take_over`] does. No error if there is none.
    async fn retire(&self, worker: WorkerId) -> Result<(), StoreError>;

    /// Takes everything from workers whose lease ended more than `grace` ago, and answers whose: their pairs do not run any more, are due
    /// as they were written last and at a new fence, and their connections are free. `[takeover]`
    async fn take_over(&self, grace: Duration) -> Result<Vec<WorkerId>, StoreError>;

    /// Whether this worker leads now: it does when it led before or nobody does whose lease still holds. It leads for as long as its own
    /// lease holds, and nobody beside it. `[leader.one]` `[leader.next]`
    ///
    /// # Errors
    /// [`StoreError::LeaseEnded`].
    async fn lead(&self, worker: WorkerId) -> Result<bool, StoreError>;
}
