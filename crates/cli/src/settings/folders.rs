//! Which folders come over, as typed: `--map`, `--only`, `--exclude`.

use globset::{Glob, GlobBuilder};
use limosa_engine::folders::FolderRules;
use limosa_model::FolderPath;

use crate::args::FolderArgs;
use crate::failure::Usage;

/// Reads the folder options.
///
/// # Errors
/// If a value is none.
pub fn folder_rules(args: &FolderArgs) -> Result<FolderRules, Usage> {
    let globs = |option: &str, texts: &[String]| -> Result<Vec<Glob>, Usage> {
        texts.iter().map(|text| glob(option, text)).collect()
    };
    let maps: Vec<(FolderPath, FolderPath)> = args.map.iter().map(|text| map(text)).collect::<Result<_, _>>()?;
    for (index, (from, _)) in maps.iter().enumerate() {
        if from.is_inbox() {
            return Err(Usage::new("--map cannot give the inbox another name: it is the inbox on every server"));
        }
        if maps[..index].iter().any(|(other, _)| other == from) {
            return Err(Usage::new(format!("--map says twice what becomes of {from}")));
        }
    }
    Ok(FolderRules {
        map: maps,
        only: globs("--only", &args.only)?,
        exclude: globs("--exclude", &args.exclude)?,
        include_views: args.include_views,
    })
}

fn glob(option: &str, text: &str) -> Result<Glob, Usage> {
    let glob = GlobBuilder::new(text).literal_separator(true).backslash_escape(true).build();
    glob.map_err(|error| {
        Usage::new(format!("{option} \"{text}\" is not a pattern: {}", error.kind()))
            .hint("* stands for any characters of a name, ** for any levels; \\ takes a sign's meaning away")
    })
}

/// `A=B`; an equals sign inside a name is written `\=`.
fn map(text: &str) -> Result<(FolderPath, FolderPath), Usage> {
    let wrong = |what: &str| {
        Usage::new(format!("--map \"{text}\" {what}"))
            .hint("write --map 'Old name=New name'; levels are joined by /, and \\= and \\/ stand for these characters")
    };
    let mut escaped = false;
    let signs: Vec<usize> = text
        .char_indices()
        .filter(|&(_, c)| {
            let is_sign = c == '=' && !escaped;
            escaped = c == '\\' && !escaped;
            is_sign
        })
        .map(|(index, _)| index)
        .collect();
    let &[sign] = signs.as_slice() else {
        return Err(wrong(if signs.is_empty() { "has no =" } else { "has more than one =" }));
    };
    let (from, to) = (FolderPath::from(&text[..sign]), FolderPath::from(&text[sign + 1..]));
    if from.names().iter().chain(to.names()).any(String::is_empty) {
        return Err(wrong("has an empty name"));
    }
    Ok((from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_are_mapped_by_name() {
        for (text, from, to) in [
            ("Gesendet=Sent", vec!["Gesendet"], vec!["Sent"]),
            ("a\\=b/c=x/y", vec!["a=b", "c"], vec!["x", "y"]),
            ("a\\/b=INBOX/b", vec!["a/b"], vec!["INBOX", "b"]),
            ("a\\\\=b", vec!["a\\"], vec!["b"]),
        ] {
            assert_eq!(map(text), Ok((FolderPath::new(from), FolderPath::new(to))), "{text}");
        }
        for text in ["Sent", "a=b=c", "=b", "a=", "a/=b", "a\\=b"] {
            assert!(map(text).is_err(), "{text}");
        }
    }

    #[test]
    fn a_star_stays_within_its_level() {
        let matches =
            |pattern: &str, path: &str| glob("--only", pattern).expect(pattern).compile_matcher().is_match(path);
        assert!(matches("Archive/*", "Archive/2019"));
        assert!(!matches("Archive/*", "Archive/2019/May"));
        assert!(matches("Archive/**", "Archive/2019/May"));
        assert!(matches("**/Spam", "a/b/Spam"));
        assert!(glob("--only", "a[").is_err());
    }
}
