//! The grade, by the rules in `docs/grades.md`: the same for a pass and for an audit.

use crate::report::Grade;

/// Where a grade turns into a worse one. Shares are of messages, from 0 to 1.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Thresholds {
    /// Share of the compared messages with other flags or another internal date, above which the grade is poor.
    pub metadata_poor: f64,
    /// Share of the source's messages that have come since the last pass, above which the grade is investigate: the target
    /// is not up to its source, whatever the reason.
    pub behind_investigate: f64,
}

impl Default for Thresholds {
    fn default() -> Self {
        Self { metadata_poor: 0.01, behind_investigate: 0.1 }
    }
}

/// What is graded. Numbers are of messages where nothing else is said.
#[derive(Clone, Debug, Default)]
pub struct Findings<'a> {
    /// Flags and keywords that the target does not keep.
    pub dropped_flags: u64,
    /// Left behind by name, and approved by nobody.
    pub left_behind: u64,
    /// Changed by the target or for it, by name, and approved by nobody.
    pub changed: u64,
    /// Left behind or changed, and approved by somebody.
    pub approved: u64,
    /// Folders that were not brought over as they should be, in words.
    pub folders: Vec<String>,
    /// That cannot be read, so not compared.
    pub unreadable: u64,
    /// With other flags or another internal date, and no reason for it.
    pub metadata: u64,
    /// That stand on both sides.
    pub compared: u64,
    /// On the source.
    pub source_messages: u64,
    /// That have come since the last pass.
    pub arrived: u64,
    /// Differences that nothing explains.
    pub unexplained: u64,
    /// Why it did not finish.
    pub unfinished: Option<&'a str>,
}

/// The grade, and why it is not better.
pub fn grade(findings: &Findings<'_>, thresholds: &Thresholds) -> (Grade, Vec<String>) {
    let mut grade = Grade::Perfect;
    let mut reasons = Vec::new();
    let mut because = |applies: bool, worse: Grade, reason: String| {
        if applies {
            grade = grade.max(worse);
            reasons.push(reason);
        }
    };
    let Findings { dropped_flags, left_behind, changed, approved, unreadable, metadata, arrived, unexplained, .. } =
        *findings;
    because(dropped_flags > 0, Grade::Good, format!("the target does not keep {dropped_flags} flag(s) or keyword(s)"));
    because(approved > 0, Grade::Good, format!("{approved} message(s) left behind or changed, and approved"));
    because(left_behind > 0, Grade::Investigate, format!("{left_behind} message(s) left behind"));
    because(changed > 0, Grade::Investigate, format!("{changed} message(s) that are not as they were"));
    for folder in &findings.folders {
        because(true, Grade::Investigate, folder.clone());
    }
    because(unreadable > 0, Grade::Investigate, format!("{unreadable} message(s) that could not be read"));
    let is_above = |share: f64, part: u64, whole: u64| part as f64 > share * whole as f64;
    let many = is_above(thresholds.metadata_poor, metadata, findings.compared);
    let worse = if many { Grade::Poor } else { Grade::Investigate };
    because(metadata > 0, worse, format!("{metadata} message(s) with other flags or another date"));
    because(
        is_above(thresholds.behind_investigate, arrived, findings.source_messages),
        Grade::Investigate,
        format!("{arrived} of {} message(s) have come since the last pass", findings.source_messages),
    );
    because(unexplained > 0, Grade::Poor, format!("{unexplained} difference(s) that nothing explains"));
    if let Some(unfinished) = findings.unfinished {
        because(true, Grade::Poor, format!("not finished: {unfinished}"));
    }
    (grade, reasons)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(findings: Findings<'_>, expect: Grade) {
        let findings = Findings { compared: 1_000, source_messages: 1_000, ..findings };
        let (found, reasons) = grade(&findings, &Thresholds::default());
        assert_eq!(found, expect, "{reasons:?}");
        let worth_a_word = expect != Grade::Perfect;
        assert_eq!(!reasons.is_empty(), worth_a_word, "{reasons:?}");
    }

    #[test]
    fn the_worst_finding_decides() {
        check(Findings::default(), Grade::Perfect);
        check(Findings { dropped_flags: 3, ..Findings::default() }, Grade::Good);
        check(Findings { approved: 2, ..Findings::default() }, Grade::Good);
        check(Findings { dropped_flags: 3, left_behind: 1, ..Findings::default() }, Grade::Investigate);
        check(Findings { left_behind: 1, unexplained: 1, ..Findings::default() }, Grade::Poor);
        check(Findings { unfinished: Some("the line is cut"), ..Findings::default() }, Grade::Poor);
    }

    #[test]
    fn thresholds_are_shares() {
        check(Findings { metadata: 10, ..Findings::default() }, Grade::Investigate);
        check(Findings { metadata: 11, ..Findings::default() }, Grade::Poor);
        check(Findings { arrived: 100, ..Findings::default() }, Grade::Perfect);
        check(Findings { arrived: 101, ..Findings::default() }, Grade::Investigate);
    }
}
