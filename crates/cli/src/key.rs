//! `limosa key`: who signs evidence.

use std::path::Path;

use limosa_evidence::SigningKey;
use serde::Serialize;

use crate::copy::{write_json, write_out};
use crate::evidence::failure;
use crate::exit::Exit;
use crate::failure::Failure;

/// A key, as JSON.
#[derive(Debug, Serialize)]
pub struct Key {
    public_key: String,
}

/// Makes a key and prints its public half.
///
/// # Errors
/// If there is a file of that name, or it cannot be written.
pub fn new(file: &Path, json: bool) -> Result<Exit, Failure> {
    let key = SigningKey::create(file).map_err(|error| failure(&error))?;
    tell(&key, json)
}

/// Prints the public half of a key.
///
/// # Errors
/// If the file holds none.
pub fn show(file: &Path, json: bool) -> Result<Exit, Failure> {
    let key = SigningKey::read(file).map_err(|error| failure(&error))?;
    tell(&key, json)
}

fn tell(key: &SigningKey, json: bool) -> Result<Exit, Failure> {
    let public_key = key.public_key().to_string();
    match json {
        true => write_json(&Key { public_key })?,
        false => write_out(&format!("{public_key}\n"))?,
    }
    Ok(Exit::Complete)
}

/// A key in which every field holds something.
#[cfg(test)]
pub fn sample_key() -> Key {
    Key { public_key: "11qYAYKxCrfVS/7TyWQHOg7hcvPapiMlrwIaaPcHURo=".into() }
}
