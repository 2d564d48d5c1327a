//! Which letter is which keyword in one folder: Dovecot's `dovecot-keywords` file.

use std::io;
use std::path::Path;

use super::content::read_regular;
use super::lists::replace;

/// The file's name.
pub(super) const FILE: &str = "dovecot-keywords";

const LETTERS: usize = 26;

/// The keywords of one folder, by letter from `a` on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Keywords([Option<Box<str>>; LETTERS]);

impl Keywords {
    /// Reads lines of a number from 0 and a name. Lines of any other form are passed over.
    pub fn parse(text: &[u8]) -> Self {
        let mut keywords = Self::default();
        for line in String::from_utf8_lossy(text).lines() {
            let Some((number, name)) = line.split_once(' ') else { continue };
            let place = number.parse().ok().and_then(|number: usize| keywords.0.get_mut(number));
            if let Some(place) = place.filter(|_| !name.trim().is_empty()) {
                *place = Some(name.trim().into());
            }
        }
        keywords
    }

    /// Reads a folder's file; none where there is none.
    pub fn read(folder: &Path) -> io::Result<Self> {
        match read_regular(&folder.join(FILE)) {
            Ok(text) => Ok(Self::parse(&text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error),
        }
    }

    fn text(&self) -> String {
        let lines = self.0.iter().enumerate().filter_map(|(place, name)| Some(format!("{place} {}\n", name.as_ref()?)));
        lines.collect()
    }

    /// The keyword of that letter.
    pub fn name(&self, letter: u8) -> Option<&str> {
        let place = usize::from(letter.checked_sub(b'a')?);
        self.0.get(place)?.as_deref()
    }

    /// The letter of that keyword.
    pub fn letter(&self, keyword: &str) -> Option<u8> {
        let is_it = |known: &Option<Box<str>>| known.as_ref().is_some_and(|known| known.eq_ignore_ascii_case(keyword));
        let place = self.0.iter().position(is_it)?;
        u8::try_from(place).ok().map(|place| b'a' + place)
    }

    /// All keywords.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.iter().flatten().map(AsRef::as_ref)
    }

    /// Whether a letter is free.
    pub fn has_room(&self) -> bool {
        self.0.iter().any(Option::is_none)
    }

    /// Gives letters to those of `wanted` that have none, as far as there are letters, and writes the file if any was
    /// given. Reads the file anew under its lock: another client may have given letters meanwhile.
    pub fn add(folder: &Path, wanted: &[&str]) -> io::Result<Self> {
        let mut result = Self::default();
        replace(&folder.join(FILE), |text| {
            let mut keywords = Self::parse(text);
            let before = keywords.clone();
            for keyword in wanted {
                if keywords.letter(keyword).is_none()
                    && let Some(free) = keywords.0.iter_mut().find(|place| place.is_none())
                {
                    *free = Some((*keyword).into());
                }
            }
            let text = (keywords != before).then(|| keywords.text().into_bytes());
            result = keywords;
            text
        })?;
        Ok(result)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_and_damage_is_passed_over() {
        let keywords = Keywords::parse(b"0 Work\n25 last\n26 too many\nx y\n3\n4 \n1 $Label1\r\n");
        assert_eq!(keywords.names().collect::<Vec<_>>(), ["Work", "$Label1", "last"]);
        assert_eq!(Keywords::parse(keywords.text().as_bytes()), keywords);
        assert_eq!(keywords.letter("WORK"), Some(b'a'));
        assert_eq!(keywords.name(b'z'), Some("last"));
    }

    #[test]
    fn letters_run_out_and_the_first_ones_stay() {
        let folder = tempfile::tempdir().unwrap();
        let names: Vec<String> = (0..30).map(|n| format!("k{n}")).collect();
        for chunk in names.chunks(7) {
            let wanted: Vec<&str> = chunk.iter().map(String::as_str).collect();
            Keywords::add(folder.path(), &wanted).unwrap();
        }
        let keywords = Keywords::read(folder.path()).unwrap();
        assert!(!keywords.has_room());
        assert_eq!(keywords.names().collect::<Vec<_>>(), names[..26]);
    }
}
