//! Is `docs/cli.md` what the command line is? It is generated; `UPDATE_DOCS=1` writes it anew.

use std::fmt::Write as _;

use clap::{Arg, Command, CommandFactory};

use super::docs;
use crate::args::Typed;
use crate::exit::Exit;

const HEAD: &str = "\
# The command line

Generated from the program itself; `limosa COMMAND --help` says the same.

## Endpoints

| written | means |
|---|---|
| `imaps://USER@HOST[:PORT]` | IMAP with TLS from the first byte; port 993 |
| `imap://USER@HOST[:PORT]` | IMAP with STARTTLS, which is required; port 143 |
| `imap://USER@HOST[:PORT]?tls=none` | IMAP in cleartext; refused unless the host is this machine, or with `--allow-cleartext` |
| `maildir:PATH` | a Maildir++ folder tree on this machine |

The last `@` ends the user, so `imaps://alice@example.org@host` is well; other odd characters are written `%XX`, and `%` itself
`%25`. An IPv6 address stands in brackets. A password inside an endpoint is refused, since everybody on the machine can read
command lines with `ps`.

## Variables

| variable | holds |
|---|---|
| `LIMOSA_SOURCE_PASSWORD`, `LIMOSA_TARGET_PASSWORD` | a side's password, where no option names another place |
| `LIMOSA_USER` | set for token commands: the mailbox's owner |
| `LIMOSA_LOG` | which log records to write, as `limosa_engine=debug`; goes before `-v` |
| `XDG_STATE_HOME` | where the ledger is kept, in a folder `limosa` |
| `NO_COLOR` | if not empty: no colours |

## Lists of pairs

`limosa copy --list pairs.csv` reads a CSV file whose first row names the columns: `source` and `target`, and where wanted
`source_password_file`, `source_password_env`, `source_token_command`, `source_login_as`, and the same with `target_`. Lines that
begin with `#` are passed over. What a row leaves empty holds as typed for all (`--source-password-file`, `--source-ca-file`, …).
A bad row is told with its line, and the others go on. With `--json` each pair gives one line on standard output.

```csv
source,target,source_password_file,target_password_env
imaps://alice@old.example,imaps://alice@new.example,/run/secrets/alice-old,ALICE_NEW
imaps://bob@old.example,imaps://bob@new.example,/run/secrets/bob-old,BOB_NEW
```

## Stopping

Ctrl-C (or SIGTERM) lets what is on its way arrive, writes it down, and ends with code 4; the next run goes on from there. A second
Ctrl-C ends the process at once, with code 130; nothing is lost or doubled by that either.

";

/// The exit codes and what they mean.
const EXITS: [(Exit, &str); 5] = [
    (
        Exit::Complete,
        "Everything stands on the target, and the comparison agrees. `verify`: the grade is perfect or good.",
    ),
    (Exit::CannotWork, "It cannot work as it is: wrong password, unknown host, another run on the same pair."),
    (Exit::Usage, "What was typed makes no sense; nothing was done."),
    (
        Exit::Exceptions,
        "Finished, with exceptions: messages or folders that were left behind, each by name. `verify`: the grade is investigate. \
         `evidence check --against`: something attested is not there.",
    ),
    (
        Exit::Unfinished,
        "Not finished, or with `--list` a pair that did not finish or cannot work: run it again. `verify`: the grade is poor. \
         `check --speed`: not everything was measured, or its folder could not be removed.",
    ),
];

fn render() -> String {
    let mut text = HEAD.to_owned();
    text.push_str("## Exit codes\n\n| code | means |\n|---|---|\n");
    for (exit, meaning) in EXITS {
        let _ = writeln!(text, "| {} | {meaning} |", exit.code());
    }
    let mut command = Typed::command();
    command.build();
    for sub in command.get_subcommands() {
        section(sub, "limosa", &mut text);
    }
    text
}

fn section(command: &Command, above: &str, text: &mut String) {
    let name = format!("{above} {}", command.get_name());
    let subs: Vec<&Command> = command.get_subcommands().collect();
    if !subs.is_empty() {
        subs.into_iter().for_each(|sub| section(sub, &name, text));
        return;
    }
    let about = command.get_about().map(ToString::to_string).unwrap_or_default();
    let usage = command.clone().bin_name(&name).render_usage().to_string();
    let _ = writeln!(text, "\n## `{name}`\n\n{about}.\n\n```\n{}\n```", usage.trim_start_matches("Usage: "));
    let arguments = || command.get_arguments().filter(|argument| argument.get_id() != "help");
    let mut headings: Vec<&str> = Vec::new();
    for argument in arguments() {
        let heading = heading(argument);
        if !headings.contains(&heading) {
            headings.push(heading);
        }
    }
    for wanted in headings {
        let _ = writeln!(text, "\n{wanted}:\n");
        for argument in arguments().filter(|argument| heading(argument) == wanted) {
            item(argument, text);
        }
    }
}

fn heading(argument: &Arg) -> &str {
    match argument.get_help_heading() {
        Some(heading) => heading,
        None if argument.is_positional() => "Arguments",
        None => "Options",
    }
}

fn item(argument: &Arg, text: &mut String) {
    let values: Vec<String> = argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string).collect();
    let mut name = match (argument.get_long(), argument.get_short()) {
        (Some(long), Some(short)) => format!("-{short}, --{long}"),
        (Some(long), None) => format!("--{long}"),
        _ => values.join(" "),
    };
    let takes_value = argument.get_action().takes_values();
    if argument.get_long().is_some() && takes_value {
        let _ = write!(name, " {}", values.join(" "));
    }
    let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
    let _ = write!(text, "- `{name}`: {}", help.trim_end_matches('.'));
    let defaults: Vec<_> = argument.get_default_values().iter().map(|value| value.to_string_lossy()).collect();
    if takes_value && !defaults.is_empty() {
        let _ = write!(text, " [default: {}]", defaults.join(", "));
    }
    text.push('\n');
    if !takes_value {
        return;
    }
    for value in argument.get_possible_values() {
        let help = value.get_help().map(ToString::to_string).unwrap_or_default();
        let _ = writeln!(text, "  - `{}`: {help}", value.get_name());
    }
}

#[test]
fn the_page_of_the_command_line_is_fresh() {
    let path = docs().join("cli.md");
    let wanted = render();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, wanted).expect("docs/cli.md can be written");
        return;
    }
    let found = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(found == wanted, "docs/cli.md is stale: run UPDATE_DOCS=1 cargo test -p limosa --bin limosa manual");
}

#[test]
fn the_command_line_is_consistent() {
    Typed::command().debug_assert();
}
