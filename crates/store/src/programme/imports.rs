//! What becomes of lines that are taken in?

use std::collections::HashMap;

use limosa_model::programme::store::{Imported, PairLine, Refusal};
use limosa_model::programme::{MigrationId, PairId, PairKind, Size};

/// A pair that is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    /// `None` for one that these lines have added.
    pub id: Option<PairId>,
    pub migration: MigrationId,
    /// Its name, for people.
    pub migration_name: String,
    pub line: PairLine,
    /// Whether what is known is other than what is written.
    pub changed: bool,
}

/// What is known of sources and targets that lines name.
#[derive(Debug, Default)]
pub(super) struct Register {
    pairs: Vec<Known>,
    by_source: HashMap<String, usize>,
    by_target: HashMap<String, usize>,
}

impl Register {
    /// Takes note of a pair; once for each is enough.
    pub(super) fn note(&mut self, known: Known) {
        if !self.by_source.contains_key(&known.line.source) || !self.by_target.contains_key(&known.line.target) {
            self.by_source.insert(known.line.source.clone(), self.pairs.len());
            self.by_target.insert(known.line.target.clone(), self.pairs.len());
            self.pairs.push(known);
        }
    }

    /// Decides about a line, and takes note of what it adds or changes.
    pub(super) fn take(&mut self, migration: MigrationId, line: &PairLine) -> Imported {
        let names = [("source", &line.source), ("target", &line.target), ("organisation", &line.organisation)];
        let language = line.language.as_ref().map(|language| ("language", language));
        if let Some((column, _)) = names.into_iter().chain(language).find(|(_, name)| !is_name(name)) {
            return Imported::Refused(Refusal::NoName { column });
        }
        if let Some(position) = self.by_source.get(&line.source) {
            return self.known_source(migration, line, *position);
        }
        if let Some(position) = self.by_target.get(&line.target) {
            let known = &self.pairs[*position];
            return Imported::Refused(match known.migration == migration {
                true => Refusal::TargetTaken { source: known.line.source.clone() },
                false => elsewhere(&line.target, known),
            });
        }
        let (migration_name, line) = (String::new(), line.clone());
        self.note(Known { id: None, migration, migration_name, line, changed: true });
        Imported::Added
    }

    fn known_source(&mut self, migration: MigrationId, line: &PairLine, position: usize) -> Imported {
        let known = &mut self.pairs[position];
        if known.migration != migration {
            return Imported::Refused(elsewhere(&line.source, known));
        }
        if known.line.target != line.target {
            return Imported::Refused(Refusal::OtherTarget { target: known.line.target.clone() });
        }
        let line = PairLine {
            language: line.language.clone().or_else(|| known.line.language.clone()),
            size: line.size.or(known.line.size),
            ..line.clone()
        };
        if known.line == line {
            return Imported::Same;
        }
        known.line = line;
        known.changed = true;
        Imported::Changed
    }

    /// What is to be written: first the new ones, then the others with their ids.
    pub(super) fn changes(&self) -> (Vec<&PairLine>, Vec<(PairId, &PairLine)>) {
        let changed = || self.pairs.iter().filter(|known| known.changed);
        let added = changed().filter(|known| known.id.is_none()).map(|known| &known.line).collect();
        (added, changed().filter_map(|known| Some((known.id?, &known.line))).collect())
    }
}

fn elsewhere(mailbox: &str, known: &Known) -> Refusal {
    Refusal::OtherMigration { mailbox: mailbox.to_owned(), migration: known.migration_name.clone() }
}

/// Whether a mailbox or organisation can be called so. PostgreSQL takes no NUL, and people see no other control character.
pub(super) fn is_name(name: &str) -> bool {
    !name.trim().is_empty() && !name.chars().any(char::is_control)
}

/// The columns of a line, as JSON has them: source, target, organisation, kind, language, messages, bytes.
pub(super) type Columns<'l> = (&'l str, &'l str, &'l str, &'static str, Option<&'l str>, Option<u64>, Option<u64>);

pub(super) fn columns(line: &PairLine) -> Columns<'_> {
    let Size { messages, bytes } = line.size.unwrap_or_default();
    let known = line.size.is_some();
    let (messages, bytes) = (known.then_some(messages), known.then_some(bytes));
    let kind = PairKind::name(line.kind);
    (&line.source, &line.target, &line.organisation, kind, line.language.as_deref(), messages, bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: MigrationId = MigrationId(1);
    const THERE: MigrationId = MigrationId(2);

    fn line(source: &str, target: &str) -> PairLine {
        PairLine { source: source.into(), target: target.into(), organisation: "org".into(), ..PairLine::default() }
    }

    fn register(known: &[(i64, MigrationId, PairLine)]) -> Register {
        let mut register = Register::default();
        for (id, migration, line) in known.iter().cloned() {
            let migration_name = format!("m{migration}");
            register.note(Known { id: Some(PairId(id)), migration, migration_name, line, changed: false });
        }
        register
    }

    #[test]
    fn a_source_has_one_target_and_a_target_one_source() {
        let mut register = register(&[(7, HERE, line("a", "x")), (8, THERE, line("b", "y"))]);
        let mut check = |source: &str, target: &str, expected: Result<Imported, Refusal>| {
            assert_eq!(register.take(HERE, &line(source, target)), expected.unwrap_or_else(Imported::Refused));
        };
        let elsewhere = |mailbox: &str| Refusal::OtherMigration { mailbox: mailbox.into(), migration: "m2".into() };
        check("a", "x", Ok(Imported::Same));
        check("a", "z", Err(Refusal::OtherTarget { target: "x".into() }));
        check("c", "x", Err(Refusal::TargetTaken { source: "a".into() }));
        check("b", "z", Err(elsewhere("b")));
        check("c", "y", Err(elsewhere("y")));
        check("c", "z", Ok(Imported::Added));
        check("c", "z", Ok(Imported::Same));
        check("d", "z", Err(Refusal::TargetTaken { source: "c".into() }));
        check("", "z", Err(Refusal::NoName { column: "source" }));
        check("d", "d\0", Err(Refusal::NoName { column: "target" }));
    }

    #[test]
    fn what_a_line_does_not_tell_stays() {
        let size = Some(Size { messages: 3, bytes: 9 });
        let known = PairLine { size, language: Some("de".into()), ..line("a", "x") };
        let mut register = register(&[(7, HERE, known.clone())]);
        assert_eq!(register.take(HERE, &line("a", "x")), Imported::Same);
        assert_eq!(register.take(HERE, &PairLine { kind: PairKind::Shared, ..line("a", "x") }), Imported::Changed);
        assert_eq!(register.take(HERE, &PairLine { language: Some("en".into()), ..line("b", "y") }), Imported::Added);
        let (added, changed) = register.changes();
        assert_eq!(added, [&PairLine { language: Some("en".into()), ..line("b", "y") }]);
        assert_eq!(changed, [(PairId(7), &PairLine { kind: PairKind::Shared, ..known })]);
    }
}
