//! How flags on the wire become the model's, and back.

use std::collections::HashMap;

use limosa_imap::flags::{FlagSet, SystemFlag};
use limosa_model::{Flags, PermanentFlags, SystemFlags};

/// A folder's messages share few combinations of flags: each is turned into the model's once.
#[derive(Default)]
pub(crate) struct FlagCache {
    known: HashMap<FlagSet, Flags>,
}

/// More combinations with keywords than this are not remembered.
const REMEMBERED: usize = 4096;

const SYSTEM: [(SystemFlag, SystemFlags); 5] = [
    (SystemFlag::Seen, SystemFlags::SEEN),
    (SystemFlag::Answered, SystemFlags::ANSWERED),
    (SystemFlag::Flagged, SystemFlags::FLAGGED),
    (SystemFlag::Deleted, SystemFlags::DELETED),
    (SystemFlag::Draft, SystemFlags::DRAFT),
];

impl FlagCache {
    /// The model's flags. `\Recent` and a vendor's own backslash flags are no part of them.
    pub(crate) fn flags(&mut self, set: &FlagSet) -> Flags {
        if set.keywords().is_empty() {
            return system(set).into();
        }
        if let Some(flags) = self.known.get(set) {
            return flags.clone();
        }
        let names: Vec<_> = set.keywords().iter().map(|name| String::from_utf8_lossy(name)).collect();
        let keywords = names.iter().filter(|name| !name.starts_with('\\')).map(AsRef::as_ref);
        let flags = Flags::new::<&str>(system(set), keywords);
        if self.known.len() < REMEMBERED {
            self.known.insert(set.clone(), flags.clone());
        }
        flags
    }
}

fn system(set: &FlagSet) -> SystemFlags {
    let set_flags = SYSTEM.iter().filter(|(flag, _)| set.has(*flag));
    set_flags.fold(SystemFlags::NONE, |all, (_, flag)| all.union(*flag))
}

/// What PERMANENTFLAGS says (RFC 9051 §7.1).
pub(crate) fn permanent_flags<B: AsRef<[u8]>>(names: &[B]) -> PermanentFlags {
    let mut permanent = PermanentFlags { system: SystemFlags::NONE, new_keywords: false, keywords: Vec::new() };
    for name in names {
        let name = String::from_utf8_lossy(name.as_ref());
        match SystemFlags::from_name(&name) {
            Some(flag) => permanent.system = permanent.system.union(flag),
            None if name == "\\*" => permanent.new_keywords = true,
            None if name.starts_with('\\') => {}
            None => permanent.keywords.push(name.as_ref().into()),
        }
    }
    permanent
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    #[test]
    fn flags_become_the_models() {
        let set: FlagSet = ["\\Seen", "\\Recent", "$Work", "\\X-Vendor"].into_iter().map(Bytes::from).collect();
        let mut cache = FlagCache::default();
        for _ in 0..2 {
            assert_eq!(cache.flags(&set).names().collect::<Vec<_>>(), ["\\Seen", "$Work"]);
        }
    }

    #[test]
    fn permanent_flags_say_what_is_kept() {
        let permanent = permanent_flags(&["\\Answered", "\\Seen", "$Junk", "\\*"]);
        assert_eq!(permanent.system, SystemFlags::ANSWERED.union(SystemFlags::SEEN));
        assert!(permanent.new_keywords);
        assert_eq!(permanent.keywords, ["$Junk".into()]);
    }
}
