//! Everything that the crate promises, tried from outside.

mod capabilities;
mod chopping;
mod commands;
mod decoder;
mod hostile;
mod names;
mod oracle;
mod pipeline;
mod replay;
mod sasl;
mod say;
mod sets_and_dates;
