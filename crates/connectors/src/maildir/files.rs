//! The files of one folder: which there are, under which names, and where one is now.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use limosa_model::mailbox::Result;
use limosa_model::{Flags, MessageId, Watermark};

use super::error::folder_io;
use super::keywords::Keywords;
use super::name;

/// A directory changed this recently may change once more without its time telling: file systems' clocks tick coarsely.
const TICK: Duration = Duration::from_millis(50);

/// How often a folder that does not stand still is listed before everything seen so far is taken for true.
const ATTEMPTS: usize = 5;

/// One message's file in a [`Snapshot`].
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    at: u32,
    length: u8,
    base: u8,
    new: bool,
}

/// The names of one listing in order of their bases, each base once. Kept in one block: folders hold a million.
#[derive(Default, Clone)]
struct Snapshot {
    names: Vec<u8>,
    places: Vec<Place>,
}

impl PartialEq for Snapshot {
    fn eq(&self, other: &Self) -> bool {
        self.places.len() == other.places.len()
            && (0..self.places.len())
                .all(|n| self.name(n) == other.name(n) && self.places[n].new == other.places[n].new)
    }
}

impl Snapshot {
    fn push(&mut self, name: &[u8], new: bool) {
        // File names are 255 bytes long at most; a block of 4 GiB of them cannot be.
        let (Ok(at), Ok(length)) = (u32::try_from(self.names.len()), u8::try_from(name.len())) else { return };
        let base = u8::try_from(name::base(name).len()).unwrap_or(length);
        self.names.extend_from_slice(name);
        self.places.push(Place { at, length, base, new });
    }

    fn name(&self, index: usize) -> &[u8] {
        let place = self.places[index];
        &self.names[place.at as usize..][..usize::from(place.length)]
    }

    fn base(&self, index: usize) -> &[u8] {
        &self.name(index)[..usize::from(self.places[index].base)]
    }

    /// Orders by base; of several files with one base, which a rename leaves for a moment, the one in `cur` stays.
    fn order(&mut self) {
        let Self { names, places } = self;
        let name = |place: &Place| &names[place.at as usize..][..usize::from(place.length)];
        let base = |place: &Place| &name(place)[..usize::from(place.base)];
        places.sort_unstable_by(|a, b| (base(a), a.new, name(a)).cmp(&(base(b), b.new, name(b))));
        places.dedup_by(|later, earlier| base(later) == base(earlier));
    }

    fn find(&self, key: &str) -> Option<usize> {
        let found = self
            .places
            .binary_search_by(|place| self.names[place.at as usize..][..usize::from(place.base)].cmp(key.as_bytes()));
        match found {
            Ok(index) => Some(index),
            // A name that is not UTF-8 stands in its key in another form.
            Err(_) if key.contains("\\x") => (0..self.places.len()).find(|index| key_of(self.base(*index)) == key),
            Err(_) => None,
        }
    }
}

/// The id of a base name: itself; bytes that are not UTF-8 as `\xHH`.
fn key_of(base: &[u8]) -> String {
    if let Ok(text) = std::str::from_utf8(base) {
        return text.to_owned();
    }
    base.iter()
        .map(|byte| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("\\x{byte:02x}") })
        .collect()
}

/// When both directories of a folder last changed.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Stamp([Option<SystemTime>; 2]);

impl Stamp {
    fn of(folder: &Path) -> io::Result<Self> {
        let changed = |part: &str| match fs::metadata(folder.join(part)) {
            Ok(metadata) => metadata.modified().map(Some),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        };
        Ok(Self([changed("cur")?, changed("new")?]))
    }

    /// Whether a change after `now` would show.
    fn is_older_than_a_tick(self, now: SystemTime) -> bool {
        self.0.iter().flatten().all(|changed| now.duration_since(*changed).is_ok_and(|ago| ago > TICK))
    }
}

/// One folder's files as last listed.
pub(super) struct FolderFiles {
    directory: PathBuf,
    keywords: Keywords,
    snapshot: Snapshot,
    stamp: Stamp,
    /// Whether an unchanged stamp proves that the listing is still true.
    settled: bool,
}

impl FolderFiles {
    /// Lists a folder.
    pub fn open(directory: PathBuf) -> Result<Self> {
        let mut files = Self {
            directory,
            keywords: Keywords::default(),
            snapshot: Snapshot::default(),
            stamp: Stamp([None; 2]),
            settled: false,
        };
        files.list()?;
        Ok(files)
    }

    pub fn directory(&self) -> &Path {
        &self.directory
    }

    pub fn keywords(&self) -> &Keywords {
        &self.keywords
    }

    /// Lists the folder anew.
    ///
    /// A file that is renamed while a directory is read may be missed, and a message missed would count as deleted. So
    /// it is read until it stood still meanwhile, or reads the same twice; if it never does, all that was seen counts.
    pub fn list(&mut self) -> Result<()> {
        let failed = folder_io("read", &self.directory);
        self.try_list().map_err(failed)
    }

    fn try_list(&mut self) -> io::Result<()> {
        let mut last: Option<Snapshot> = None;
        let mut all = Snapshot::default();
        for _ in 0..ATTEMPTS {
            let before = Stamp::of(&self.directory)?;
            let began = SystemTime::now();
            let snapshot = read_names(&self.directory)?;
            // Letters are given names before they are used: what is read after the names explains them all.
            self.keywords = Keywords::read(&self.directory)?;
            self.stamp = Stamp::of(&self.directory)?;
            self.settled = before == self.stamp && before.is_older_than_a_tick(began);
            if self.settled || last.as_ref() == Some(&snapshot) {
                self.snapshot = snapshot;
                return Ok(());
            }
            for index in 0..snapshot.places.len() {
                all.push(snapshot.name(index), snapshot.places[index].new);
            }
            all.order();
            last = Some(snapshot);
        }
        self.snapshot = all;
        Ok(())
    }

    pub fn len(&self) -> usize {
        self.snapshot.places.len()
    }

    /// The message at that place in the order of ids.
    pub fn id(&self, index: usize) -> MessageId {
        MessageId::Key(Arc::from(key_of(self.snapshot.base(index))))
    }

    pub fn flags(&self, index: usize) -> Flags {
        name::flags(name::letters(self.snapshot.name(index)), &self.keywords)
    }

    /// The first place whose id comes after this one.
    pub fn place_after(&self, base: &[u8]) -> usize {
        let Snapshot { names, places } = &self.snapshot;
        places.partition_point(|place| &names[place.at as usize..][..usize::from(place.base)] <= base)
    }

    pub fn base(&self, index: usize) -> &[u8] {
        self.snapshot.base(index)
    }

    /// Where the folder stands: a digest of all names with their flags, and of what the letters mean. Whether a file lies
    /// in `new` or `cur` says nothing about the message.
    pub fn watermark(&self) -> Watermark {
        let mut digest = blake3::Hasher::new();
        for index in 0..self.len() {
            digest.update(self.snapshot.base(index));
            digest.update(b":");
            digest.update(name::letters(self.snapshot.name(index)));
            digest.update(b"/");
        }
        for letter in b'a'..=b'z' {
            digest.update(self.keywords.name(letter).unwrap_or_default().as_bytes());
            digest.update(b"/");
        }
        Watermark::new(format!("{}:{}", self.len(), &digest.finalize().to_hex()[..32]))
    }

    /// Does something with a message's file where it is now: its path, letters and place. `None`: the message is gone.
    ///
    /// `act` answers [`io::ErrorKind::NotFound`] when the file is not where it is told to be; it is then looked for anew.
    pub fn with_file<T>(
        &mut self,
        id: &MessageId,
        mut act: impl FnMut(&Path, &[u8], &Self) -> io::Result<T>,
    ) -> Result<Option<io::Result<T>>> {
        let MessageId::Key(key) = id else { return Ok(None) };
        for _ in 0..ATTEMPTS {
            if let Some(index) = self.snapshot.find(key) {
                let path = self.path(index);
                match act(&path, name::letters(self.snapshot.name(index)), self) {
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    answer => return Ok(Some(answer)),
                }
            }
            let now = Stamp::of(&self.directory).map_err(folder_io("read", &self.directory))?;
            if self.settled && now == self.stamp {
                return Ok(None);
            }
            self.list()?;
            if self.snapshot.find(key).is_none() {
                return Ok(None);
            }
        }
        Ok(None)
    }

    fn path(&self, index: usize) -> PathBuf {
        let part = if self.snapshot.places[index].new { "new" } else { "cur" };
        self.directory.join(part).join(OsStr::from_bytes(self.snapshot.name(index)))
    }
}

fn read_names(folder: &Path) -> io::Result<Snapshot> {
    let mut snapshot = Snapshot::default();
    // Messages go from `new` to `cur` and never back: in this order none slips by.
    for (part, new) in [("new", true), ("cur", false)] {
        let entries = match fs::read_dir(folder.join(part)) {
            Ok(entries) => entries,
            Err(error) if new && error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            if !name.as_bytes().starts_with(b".") && entry.file_type()?.is_file() {
                snapshot.push(name.as_bytes(), new);
            }
        }
    }
    snapshot.order();
    Ok(snapshot)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn folder(names: &[&str]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        for part in ["cur", "new"] {
            fs::create_dir(folder.path().join(part)).unwrap();
        }
        for name in names {
            fs::write(folder.path().join(name), name).unwrap();
        }
        folder
    }

    fn ids(files: &FolderFiles) -> Vec<String> {
        (0..files.len()).map(|index| files.id(index).to_string()).collect()
    }

    fn key(text: &str) -> MessageId {
        MessageId::Key(text.into())
    }

    #[test]
    fn each_message_is_listed_once_and_other_files_are_not() {
        let folder = folder(&["cur/b:2,S", "new/a", "new/b", "cur/.hidden", "cur/c"]);
        fs::create_dir(folder.path().join("cur/directory")).unwrap();
        std::os::unix::fs::symlink("/etc/hostname", folder.path().join("cur/link")).unwrap();
        let files = FolderFiles::open(folder.path().into()).unwrap();
        assert_eq!(ids(&files), ["a", "b", "c"]);
        assert_eq!(files.flags(1).names().collect::<Vec<_>>(), ["\\Seen"]);
    }

    #[test]
    fn a_renamed_file_is_found_under_its_new_name_and_a_removed_one_is_gone() {
        let folder = folder(&["new/a", "cur/b:2,"]);
        let mut files = FolderFiles::open(folder.path().into()).unwrap();
        fs::rename(folder.path().join("new/a"), folder.path().join("cur/a:2,FS")).unwrap();
        fs::remove_file(folder.path().join("cur/b:2,")).unwrap();
        let read = |files: &mut FolderFiles, id: &str| {
            let found = files.with_file(&key(id), |path, letters, _| Ok((fs::read_to_string(path)?, letters.to_vec())));
            found.unwrap().map(io::Result::unwrap)
        };
        assert_eq!(read(&mut files, "a"), Some(("new/a".into(), b"FS".to_vec())));
        assert_eq!(read(&mut files, "b"), None);
        assert_eq!(read(&mut files, "never"), None);
    }

    #[test]
    fn the_watermark_knows_names_flags_and_keywords_and_no_more() {
        let folder = folder(&["new/a", "cur/b:2,S"]);
        let at = |name: &str| folder.path().join(name);
        let mut seen = vec![FolderFiles::open(folder.path().into()).unwrap().watermark()];
        fs::rename(at("new/a"), at("cur/a:2,")).unwrap();
        assert_eq!(FolderFiles::open(folder.path().into()).unwrap().watermark(), seen[0], "the move out of new");
        fs::write(at("cur/b:2,S"), "other text").unwrap();
        assert_eq!(FolderFiles::open(folder.path().into()).unwrap().watermark(), seen[0], "only names are looked at");
        let changes: [&dyn Fn(); 3] = [
            &|| fs::rename(at("cur/a:2,"), at("cur/a:2,b")).unwrap(),
            &|| fs::write(at("dovecot-keywords"), "1 Work\n").unwrap(),
            &|| fs::remove_file(at("cur/b:2,S")).unwrap(),
        ];
        for change in changes {
            change();
            let now = FolderFiles::open(folder.path().into()).unwrap().watermark();
            assert!(!seen.contains(&now));
            seen.push(now);
        }
    }

    #[test]
    fn a_name_that_is_not_utf8_has_an_id_and_is_found_by_it() {
        let folder = folder(&["cur/b"]);
        let name = OsStr::from_bytes(b"a\xff\x80:2,F");
        fs::write(folder.path().join("cur").join(name), "odd").unwrap();
        let mut files = FolderFiles::open(folder.path().into()).unwrap();
        assert_eq!(ids(&files), ["a\\xff\\x80", "b"]);
        let id = files.id(0);
        let text = files.with_file(&id, |path, _, _| fs::read_to_string(path)).unwrap().unwrap().unwrap();
        assert_eq!(text, "odd");
    }
}
