//! The configuration file: policies, keywords, thresholds. `docs/config.md` describes it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use limosa_engine::grade::Thresholds;
use limosa_model::Keywords;
use serde::Deserialize;

use crate::args::{ConfigArgs, PolicyArg};
use crate::failure::Usage;

/// What becomes of messages that a target refuses for their content.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Policy {
    #[default]
    Exact,
    Repair,
    Park,
}

impl From<PolicyArg> for Policy {
    fn from(policy: PolicyArg) -> Self {
        match policy {
            PolicyArg::Exact => Self::Exact,
            PolicyArg::Repair => Self::Repair,
            PolicyArg::Park => Self::Park,
        }
    }
}

/// The configuration file, as it is written.
#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    policy: Option<Policy>,
    keywords: BTreeMap<String, String>,
    grade: Grades,
    target: BTreeMap<String, OfTarget>,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default, rename_all = "kebab-case")]
struct Grades {
    metadata_poor: Option<f64>,
    behind_investigate: Option<f64>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfTarget {
    policy: Policy,
}

/// What was configured.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// How keywords of the source are named on the target.
    pub keywords: Keywords,
    /// Where a grade turns into a worse one.
    pub thresholds: Thresholds,
    policy: Policy,
    policies: BTreeMap<String, Policy>,
}

impl Config {
    /// Reads the file that was named, else the usual one where it is there.
    ///
    /// # Errors
    /// If it cannot be read, or holds what nobody knows: with the line.
    pub fn read(args: &ConfigArgs) -> Result<Self, Usage> {
        let path = match &args.config {
            Some(path) => path.clone(),
            None => match usual_place().filter(|path| path.exists()) {
                Some(path) => path,
                None => return Ok(Self::default()),
            },
        };
        let unreadable = |error: &dyn std::fmt::Display| Usage::new(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(&path).map_err(|error| unreadable(&error))?;
        Self::parse(&text, &path)
    }

    fn parse(text: &str, path: &Path) -> Result<Self, Usage> {
        let wrong = |what: &dyn std::fmt::Display| {
            Usage::new(format!("{}: {what}", path.display())).hint("docs/config.md describes the configuration file")
        };
        let file: File = toml::from_str(text).map_err(|error| wrong(&error.to_string().trim_end()))?;
        let share = |name: &str, value: Option<f64>, usual: f64| match value {
            Some(value) if !(0.0..=1.0).contains(&value) => {
                Err(wrong(&format!("grade.{name} is a share from 0 to 1, not {value}")))
            }
            value => Ok(value.unwrap_or(usual)),
        };
        let usual = Thresholds::default();
        Ok(Self {
            keywords: keywords(file.keywords).map_err(|what| wrong(&what))?,
            thresholds: Thresholds {
                metadata_poor: share("metadata-poor", file.grade.metadata_poor, usual.metadata_poor)?,
                behind_investigate: share(
                    "behind-investigate",
                    file.grade.behind_investigate,
                    usual.behind_investigate,
                )?,
            },
            policy: file.policy.unwrap_or_default(),
            policies: file.target.into_iter().map(|(host, of)| (host.to_ascii_lowercase(), of.policy)).collect(),
        })
    }

    /// The policy for a target on that host; `None` for one without a host.
    pub fn policy(&self, host: Option<&str>) -> Policy {
        let of_host = host.and_then(|host| self.policies.get(&host.to_ascii_lowercase()));
        of_host.copied().unwrap_or(self.policy)
    }
}

/// The table of keywords, once it is sure that each can stand in a command (RFC 9051 §9, `flag-keyword`) and that none is named twice.
fn keywords(table: BTreeMap<String, String>) -> Result<Keywords, String> {
    let mut seen = BTreeSet::new();
    for (from, to) in &table {
        if let Some(name) = [from, to].into_iter().find(|name| !Keywords::is_keyword(name)) {
            return Err(format!(
                "keywords: {name:?} is no keyword: ASCII without white space, backslashes and any of (){{%*\"]}}"
            ));
        }
        if !seen.insert(from.to_ascii_lowercase()) {
            return Err(format!("keywords: {from:?} is named twice; its letters' case does not count"));
        }
    }
    Ok(Keywords::new(table))
}

/// Where XDG says (Base Directory Specification: relative values are to be ignored).
fn usual_place() -> Option<PathBuf> {
    super::base_folder("XDG_CONFIG_HOME", ".config").map(|base| base.join("limosa/limosa.toml"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, String> {
        Config::parse(text, Path::new("limosa.toml")).map_err(|usage| usage.what().to_owned())
    }

    #[test]
    fn everything_that_can_be_configured() {
        let config = parse(
            r#"
            policy = "park"
            [keywords]
            Forwarded = "$Forwarded"
            [grade]
            metadata-poor = 0.5
            [target."New.example"]
            policy = "repair"
            "#,
        )
        .expect("it is right");
        assert_eq!(config.policy(None), Policy::Park);
        assert_eq!(config.policy(Some("new.EXAMPLE")), Policy::Repair);
        assert!(config.keywords.names("forwarded"));
        assert_eq!(config.thresholds, Thresholds { metadata_poor: 0.5, ..Thresholds::default() });
        assert_eq!(parse("").expect("nothing is right").policy(Some("x")), Policy::Exact);
    }

    #[test]
    fn what_nobody_knows_is_told_with_its_line() {
        for (text, expect) in [
            ("policy = \"exact\"\nkeyword = 1\n", "line 2"),
            ("policy = \"mend\"\n", "line 1"),
            ("[grade]\nmetadata-poor = 3\n", "a share from 0 to 1"),
            ("[target.\"a\"]\n", "policy"),
            ("[keywords]\nA = \n", "line 2"),
            ("[keywords]\nA = 'B C'\n", "\"B C\" is no keyword"),
            ("[keywords]\n'\\Seen' = 'B'\n", "is no keyword"),
            ("[keywords]\nA = ''\n", "is no keyword"),
            ("[keywords]\nA = 'B'\na = 'C'\n", "named twice"),
        ] {
            let error = parse(text).expect_err("it is wrong");
            assert!(error.contains(expect) && error.starts_with("limosa.toml: "), "{text}: {error}");
        }
    }
}
