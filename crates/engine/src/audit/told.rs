//! What an audit has found so far: counts that are always true, and names up to a bound.

use limosa_model::{Exception, FolderPath, MessageId};

use super::report::{Counts, Difference, Kind};

/// Differences of one kind that are named. More are counted: a report must stay one that can be held and read.
const NAMED: u64 = 10_000;

/// What was found.
#[derive(Debug, Default)]
pub struct Told {
    /// Messages by kind.
    pub counts: Counts,
    /// By name.
    pub named: Vec<Difference>,
    /// Of the excepted, those that were left behind and nobody approved.
    pub left_behind: u64,
    /// Of the excepted, those that somebody approved.
    pub approved: u64,
    named_by_kind: Counts,
}

/// A message, or two that should be one.
#[derive(Clone, Copy, Debug)]
pub struct Subject<'a> {
    /// The source folder.
    pub folder: &'a FolderPath,
    /// Id on the source.
    pub source: Option<&'a MessageId>,
    /// Id on the target.
    pub target: Option<&'a MessageId>,
    /// Its Message-ID, where it is known.
    pub message_id: Option<&'a str>,
}

impl<'a> Subject<'a> {
    /// A message that was not looked at again.
    pub fn on(folder: &'a FolderPath, source: Option<&'a MessageId>, target: Option<&'a MessageId>) -> Self {
        Self { folder, source, target, message_id: None }
    }
}

impl Told {
    /// A difference of one message.
    pub fn tell(&mut self, kind: Kind, subject: Subject<'_>, what: impl Into<String>) {
        self.add(Difference {
            kind,
            folder: subject.folder.clone(),
            source_id: subject.source.cloned(),
            target_id: subject.target.cloned(),
            message_id: subject.message_id.map(str::to_owned),
            messages: 1,
            what: what.into(),
        });
    }

    /// A difference that an exception explains.
    pub fn excepted(&mut self, exception: &Exception, subject: Subject<'_>) {
        self.left_behind += u64::from(!exception.stands() && exception.approval.is_none());
        self.approved += u64::from(exception.approval.is_some());
        let message_id = subject.message_id.or(exception.message_id.as_deref());
        let what = format!("{} ({})", exception.reason, exception.code);
        self.tell(Kind::Excepted, Subject { message_id, ..subject }, what);
    }

    /// A difference of a folder as a whole; nothing where no message is concerned.
    pub fn folder(&mut self, kind: Kind, folder: &FolderPath, messages: u64, what: impl Into<String>) {
        if messages > 0 {
            let folder = folder.clone();
            let (source_id, target_id, message_id) = (None, None, None);
            self.add(Difference { kind, folder, source_id, target_id, message_id, messages, what: what.into() });
        }
    }

    fn add(&mut self, difference: Difference) {
        *self.counts.of(difference.kind) += difference.messages;
        let named = self.named_by_kind.of(difference.kind);
        if *named < NAMED {
            *named += 1;
            self.named.push(difference);
        }
    }

    /// Adds what was found elsewhere.
    pub fn merge(&mut self, mut other: Self) {
        self.left_behind += other.left_behind;
        self.approved += other.approved;
        let unnamed = |kind: Kind, other: &mut Self| {
            let named: u64 = other.named.iter().filter(|one| one.kind == kind).map(|one| one.messages).sum();
            *other.counts.of(kind) - named
        };
        for kind in Kind::ALL {
            *self.counts.of(kind) += unnamed(kind, &mut other);
        }
        for difference in other.named {
            self.add(difference);
        }
    }
}
