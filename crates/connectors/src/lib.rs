//! The endpoints that Limosa can speak to, behind the promises of `limosa-model`.
//!
//! One module a kind of endpoint, with the same file names in each: `connect` and `sign_in` where there is a server,
//! `survey`, `changes`, `fetch`, `writer`, `steps`, `error`.

pub mod imap;
pub mod maildir;
mod twins;
