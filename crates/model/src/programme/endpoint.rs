//! Where mail comes from and goes to, and what may be used of it.

use jiff::civil::Time;
use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

use super::{EndpointId, MigrationId, OrganisationId};

/// A mail platform and the way to sign in to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// Given by the store.
    pub id: EndpointId,
    /// Its name in this programme: letters, digits, `-`.
    pub name: String,
    /// Kind and address without a user, as in `imaps://mail.example.org`.
    pub address: String,
    /// Whose secrets open its mailboxes.
    pub sign_in: SignIn,
    /// What may be used of it.
    pub budget: Budget,
}

/// Whose secret opens a mailbox.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SignIn {
    /// A master or administrator identity opens all; its secret is sealed beside the endpoint.
    Administrator {
        /// Its name.
        user: String,
    },
    /// Each mailbox has a secret of its own, sealed beside its pair.
    EachMailbox,
}

/// What may be used of an endpoint, by all workers together. `None` is no limit.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Budget {
    /// Connections at once.
    pub connections: Option<u32>,
    /// Connections at once to one mailbox.
    pub connections_per_mailbox: Option<u32>,
    /// Messages a second.
    pub messages_per_second: Option<u32>,
    /// Bytes a second.
    pub bytes_per_second: Option<u64>,
    /// Bytes a day of one mailbox.
    pub bytes_per_day_per_mailbox: Option<u64>,
    /// When only a part of all that may be used. The first that holds counts.
    pub hours: Vec<Hours>,
}

/// Hours of the week in which a part of a budget may be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hours {
    /// Monday first.
    pub days: [bool; 7],
    /// From this time on.
    pub from: Time,
    /// Until this time; of the next day where it is not later than `from`.
    pub until: Time,
    /// Whose times these are.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub zone: TimeZone,
    /// Percent of the budget.
    pub percent: u8,
}

/// A whole undertaking: everything from one endpoint to another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Migration {
    /// Given by the store.
    pub id: MigrationId,
    /// Its name: letters, digits, `-`.
    pub name: String,
    /// Where mail comes from.
    pub source: EndpointId,
    /// Where it goes to.
    pub target: EndpointId,
}

/// Whose mailboxes are moved together and whom they belong to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organisation {
    /// Given by the store.
    pub id: OrganisationId,
    /// The migration that it is part of.
    pub migration: MigrationId,
    /// Its name, unique in the migration.
    pub name: String,
}
