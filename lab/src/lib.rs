//! Real mail servers on loopback, for tests, demo and rehearsals.
//!
//! A [`Lab`] starts [`Server`]s (Dovecot, Cyrus and Courier, unpacked from Debian's packages, never
//! installed), each with its own folder, configuration and free ports. They end when they are dropped,
//! and when the process ends, however it ends.
//!
//! ```no_run
//! # async fn example() -> limosa_lab::Result<()> {
//! use limosa_lab::{DovecotOptions, Lab, Storage};
//!
//! let lab = Lab::shared().await?;
//! let server = lab.dovecot(DovecotOptions::default().with_storage(Storage::Sdbox)).await?;
//! server.add_user("alice", "secret").await?;
//! println!("imaps://alice@localhost:{} with {}", server.imaps_port(), server.ca_file().display());
//! # Ok(())
//! # }
//! ```
//!
//! A [`Postgres`] is had likewise, for what keeps its data in one.
//!
//! Beside them stand what no real server does on purpose: a proxy that is a bad network
//! ([`chaos`]) and a server that lies ([`scripted`]).

mod certificates;
pub mod chaos;
mod client;
mod description;
mod error;
mod files;
mod kind;
mod lab;
mod maildir;
mod mbsync;
pub mod mutf7;
mod packages;
mod ports;
mod postgres;
mod process;
pub mod scripted;
mod seed;
mod server;
mod watchdog;

pub use certificates::Certificate;
pub use client::{Answer, Client, quoted};
pub use description::{Account, Description, Endpoint};
pub use error::{LabError, Result};
pub use kind::Kind;
pub use lab::{Lab, cache_folder, run_folder};
pub use mbsync::mbsync;
pub use postgres::{Postgres, PostgresOptions, fetch_postgres};
pub use process::Invocation;
pub use seed::{Refusal, Seeded};
pub use server::{CourierOptions, CyrusOptions, DovecotOptions, Fsync, Server, Storage};
