//! The list of pairs: a CSV file with a header row.

use std::collections::HashMap;

use csv::{ReaderBuilder, StringRecord, Trim};

use crate::endpoint::Endpoint;
use crate::failure::{Failure, Usage};
use crate::open;
use crate::settings::{Credential, ListSettings, PairSettings, Side, SideOptions, SideSettings};

/// One pair of the list.
#[derive(Debug)]
pub struct Row {
    /// Its line in the file, from 1.
    pub line: u64,
    /// The source as written, empty where that may hold a secret.
    pub source: String,
    /// The target, likewise.
    pub target: String,
    /// What it means.
    pub settings: Result<PairSettings, Failure>,
}

/// What a column holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Column {
    Endpoint,
    PasswordFile,
    PasswordVariable,
    TokenCommand,
    LoginAs,
}

const COLUMNS: [(&str, Side, Column); 10] = [
    ("source", Side::Source, Column::Endpoint),
    ("target", Side::Target, Column::Endpoint),
    ("source_password_file", Side::Source, Column::PasswordFile),
    ("source_password_env", Side::Source, Column::PasswordVariable),
    ("source_token_command", Side::Source, Column::TokenCommand),
    ("source_login_as", Side::Source, Column::LoginAs),
    ("target_password_file", Side::Target, Column::PasswordFile),
    ("target_password_env", Side::Target, Column::PasswordVariable),
    ("target_token_command", Side::Target, Column::TokenCommand),
    ("target_login_as", Side::Target, Column::LoginAs),
];

/// Reads the list.
///
/// # Errors
/// If the file or its header row cannot be read. A bad row is answered as such.
pub fn read(settings: &ListSettings) -> Result<Vec<Row>, Failure> {
    let place = settings.list.display();
    let bytes = std::fs::read(&settings.list)
        .map_err(|error| Failure::from(Usage::new(format!("the list {place} cannot be read"))).because(&error))?;
    parse(&bytes, settings).map_err(|usage| usage.at(place).into())
}

fn parse(bytes: &[u8], settings: &ListSettings) -> Result<Vec<Row>, Usage> {
    let mut reader = ReaderBuilder::new().trim(Trim::All).flexible(true).comment(Some(b'#')).from_reader(bytes);
    let header = reader.headers().map_err(|error| Usage::new(format!("the header row cannot be read: {error}")))?;
    let columns = columns(header)?;
    let mut seen: HashMap<(String, String), u64> = HashMap::new();
    let mut rows = Vec::new();
    for record in reader.records() {
        let mut row = match record {
            Ok(record) => row(&record, line_of(bytes, record.position()), &columns, settings),
            Err(error) => Row {
                line: line_of(bytes, error.position()),
                source: String::new(),
                target: String::new(),
                settings: Err(Usage::new(format!("the row cannot be read: {error}")).into()),
            },
        };
        if let Ok(pair) = &row.settings {
            // Two runs at once on one pair would stand in each other's way.
            let key = (open::account(&pair.source.endpoint), open::account(&pair.target.endpoint));
            if let Some(line) = seen.get(&key) {
                row.settings = Err(Usage::new(format!("the same pair stands in line {line}")).into());
            } else {
                seen.insert(key, row.line);
            }
        }
        rows.push(row);
    }
    if rows.is_empty() {
        return Err(Usage::new("the list names no pair"));
    }
    Ok(rows)
}

fn columns(header: &StringRecord) -> Result<Vec<(Side, Column)>, Usage> {
    let known = || COLUMNS.map(|(name, ..)| name).join(", ");
    let mut columns = Vec::new();
    for name in header {
        if name.to_ascii_lowercase().ends_with("password") {
            return Err(Usage::new(format!("the column \"{name}\" would hold passwords in clear")).hint(
                "name a file for each row in source_password_file, or a variable in source_password_env (target_… likewise)",
            ));
        }
        let Some(&(_, side, column)) = COLUMNS.iter().find(|(known, ..)| *known == name) else {
            // A list without a header row: its first row is not repeated, it may hold a secret.
            let what = if name.contains(':') {
                "the first row is no header".into()
            } else {
                format!("the column \"{name}\" is not known")
            };
            return Err(Usage::new(what).hint(format!("the first row names the columns; known are {}", known())));
        };
        if columns.contains(&(side, column)) {
            return Err(Usage::new(format!("the column \"{name}\" stands there twice")));
        }
        columns.push((side, column));
    }
    for (side, name) in [(Side::Source, "source"), (Side::Target, "target")] {
        if !columns.contains(&(side, Column::Endpoint)) {
            return Err(Usage::new(format!("there is no column \"{name}\"")).hint(format!("known are {}", known())));
        }
    }
    Ok(columns)
}

/// The line on which a row stands. The reader's own position is where it began to look for the row: before the remarks and
/// empty lines that it passed over.
fn line_of(bytes: &[u8], position: Option<&csv::Position>) -> u64 {
    let Some(position) = position else { return 0 };
    let rest = usize::try_from(position.byte()).ok().and_then(|start| bytes.get(start..)).unwrap_or_default();
    let passed_over = |line: &&[u8]| line.is_empty() || line.starts_with(b"#") || *line == b"\r";
    position.line() + rest.split(|byte| *byte == b'\n').take_while(passed_over).count() as u64
}

fn row(record: &StringRecord, line: u64, columns: &[(Side, Column)], settings: &ListSettings) -> Row {
    let cells: HashMap<(Side, Column), &str> =
        columns.iter().copied().zip(record).filter(|(_, cell)| !cell.is_empty()).collect();
    let shown = |side| {
        let text = cells.get(&(side, Column::Endpoint)).copied().unwrap_or_default();
        if crate::endpoint::holds_password(text) { String::new() } else { text.to_owned() }
    };
    let read = || -> Result<PairSettings, Usage> {
        if record.len() != columns.len() {
            let what = format!("the row has {} fields, and the header row {}", record.len(), columns.len());
            return Err(Usage::new(what).hint("a field with a comma in it stands in double quotes"));
        }
        Ok(PairSettings {
            source: side(Side::Source, &cells, &settings.source, settings.allow_cleartext)?,
            target: side(Side::Target, &cells, &settings.target, settings.allow_cleartext)?,
        })
    };
    Row { line, source: shown(Side::Source), target: shown(Side::Target), settings: read().map_err(Failure::from) }
}

/// One side of a row; what the row does not say holds as typed for all.
fn side(
    side: Side,
    cells: &HashMap<(Side, Column), &str>,
    for_all: &SideOptions,
    allow_cleartext: bool,
) -> Result<SideSettings, Usage> {
    let cell = |column| cells.get(&(side, column)).copied();
    let Some(url) = cell(Column::Endpoint) else { return Err(Usage::new(format!("the row names no {side}"))) };
    let endpoint = Endpoint::parse(url, allow_cleartext).map_err(|usage| usage.at(side))?;
    let mut options = for_all.clone();
    let secrets = [
        cell(Column::PasswordFile).map(|path| Credential::File(path.into())),
        cell(Column::PasswordVariable).map(|name| Credential::Variable(name.into())),
        cell(Column::TokenCommand).map(|command| Credential::TokenCommand(command.into())),
    ];
    let mut secrets = secrets.into_iter().flatten();
    if let Some(secret) = secrets.next() {
        options.credential = secret;
    }
    if secrets.next().is_some() {
        return Err(Usage::new(format!("the row names more than one secret for its {side}")));
    }
    if let Some(admin) = cell(Column::LoginAs) {
        options.admin = Some(admin.into());
    }
    Ok(SideSettings { side, endpoint, options })
}

#[cfg(test)]
mod tests;
