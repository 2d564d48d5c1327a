//! Which commands may be in flight together, and whose end is this?

use std::collections::VecDeque;

use crate::response::Tag;

/// What a command may share the connection with.
///
/// RFC 3501 §5.5 lets a client send ahead unless one command can change the meaning of another's
/// answer. The classes are coarser than that rule, so that an answer can always be told apart by
/// what it is, on servers too that work on several commands at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Class {
    /// Changes what every other command means (SELECT, CLOSE, sign-in) or the bytes themselves
    /// (STARTTLS, COMPRESS): nothing before it, nothing behind it.
    Alone,
    /// LOGOUT: may follow others, nothing may follow it.
    Last,
    /// Asks about the server or a named folder; its answer cannot be taken for another's.
    Ask,
    /// LIST: two of them could not be told apart.
    List,
    /// LSUB: likewise.
    Lsub,
    /// Makes, removes, renames or subscribes folders.
    Folders,
    /// Reads messages by UID.
    Fetch,
    /// Searches; answers bear no name, so only one at a time.
    Search,
    /// Changes messages or removes them.
    Change,
    /// Adds messages to a folder.
    Append,
}

impl Class {
    /// Whether a command of this class may be sent while one of class `earlier` is in flight.
    pub fn may_follow(self, earlier: Self) -> bool {
        use Class::{Alone, Append, Ask, Change, Fetch, Folders, Last, List, Lsub, Search};
        match (earlier, self) {
            (Alone | Last, _) | (_, Alone) => false,
            (_, Last) => true,
            (Ask, _) | (_, Ask) => true,
            // Which folders there are must stand still while they are listed or written to.
            (Folders, List | Lsub | Append) | (List | Lsub | Append, Folders) => false,
            (List, List) | (Lsub, Lsub) | (Search, Search) => false,
            // Flags in an answer would be those from before or from after the change.
            (Change, Fetch | Search) | (Fetch | Search, Change) => false,
            // Appended messages would be found or not.
            (Append, Search) | (Search, Append) => false,
            _ => true,
        }
    }
}

/// How much may be in flight.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// Commands. A single one makes a pipeline of a ping-pong.
    pub commands: usize,
    /// Bytes, sent or expected, by the callers' own count.
    pub bytes: u64,
}

impl Default for Window {
    fn default() -> Self {
        Self { commands: 64, bytes: 16 << 20 }
    }
}

/// A command whose end has not come yet.
#[derive(Debug)]
pub struct InFlight<T> {
    /// Its tag.
    pub tag: Tag,
    /// Its class.
    pub class: Class,
    /// Its share of [`Window::bytes`].
    pub bytes: u64,
    /// Whatever the caller needs when it ends.
    pub state: T,
}

/// The commands in flight on one connection, oldest first, each with a state of the caller's.
///
/// Answers without a tag belong, by the rules of [`Class`], to the oldest command of the class
/// that such an answer can belong to: [`oldest_of`](Self::oldest_of).
#[derive(Debug)]
pub struct Pipeline<T> {
    window: Window,
    last_tag: u32,
    in_flight: VecDeque<InFlight<T>>,
    bytes: u64,
    sent_since_wait: bool,
    round_trips: u64,
}

impl<T> Pipeline<T> {
    /// Nothing in flight.
    pub fn new(window: Window) -> Self {
        Self { window, last_tag: 0, in_flight: VecDeque::new(), bytes: 0, sent_since_wait: false, round_trips: 0 }
    }

    /// Whether a command may be sent now. With nothing in flight always, however large it is.
    pub fn may_start(&self, class: Class, bytes: u64) -> bool {
        if self.in_flight.is_empty() {
            return true;
        }
        self.in_flight.len() < self.window.commands
            && self.bytes.saturating_add(bytes) <= self.window.bytes
            && self.in_flight.iter().all(|earlier| class.may_follow(earlier.class))
    }

    /// Notes a command as sent and gives its tag. Ask [`may_start`](Self::may_start) first.
    pub fn start(&mut self, class: Class, bytes: u64, state: T) -> Tag {
        self.last_tag = match self.last_tag.wrapping_add(1) {
            0 => 1,
            next => next,
        };
        let tag = Tag(self.last_tag);
        self.bytes = self.bytes.saturating_add(bytes);
        self.in_flight.push_back(InFlight { tag, class, bytes, state });
        self.sent_since_wait = true;
        tag
    }

    /// Takes out the command with this tag, in whichever order ends come; `None`: not ours.
    pub fn finish(&mut self, tag: Tag) -> Option<InFlight<T>> {
        let index = self.in_flight.iter().position(|command| command.tag == tag)?;
        let finished = self.in_flight.remove(index)?;
        self.bytes = self.bytes.saturating_sub(finished.bytes);
        Some(finished)
    }

    /// The command with this tag.
    pub fn get_mut(&mut self, tag: Tag) -> Option<&mut InFlight<T>> {
        self.in_flight.iter_mut().find(|command| command.tag == tag)
    }

    /// The oldest command in flight.
    pub fn oldest(&self) -> Option<&InFlight<T>> {
        self.in_flight.front()
    }

    /// The oldest command of a class: whom data without a tag belongs to.
    pub fn oldest_of(&mut self, class: Class) -> Option<&mut InFlight<T>> {
        self.in_flight.iter_mut().find(|command| command.class == class)
    }

    /// All commands in flight, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &InFlight<T>> {
        self.in_flight.iter()
    }

    /// Number of commands in flight.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether nothing is in flight.
    pub fn is_empty(&self) -> bool {
        self.in_flight.is_empty()
    }

    /// Bytes in flight, by the callers' count.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Takes out everything: the connection is lost, and nobody knows which of them were carried out.
    pub fn abandon(&mut self) -> impl Iterator<Item = InFlight<T>> + use<T> {
        self.bytes = 0;
        std::mem::take(&mut self.in_flight).into_iter()
    }

    /// Notes that something was sent that is no command of its own: a literal, a SASL answer.
    pub fn sent(&mut self) {
        self.sent_since_wait = true;
    }

    /// Notes that the caller is going to wait for the server. A wait begun after something was sent
    /// is a round trip; reading on in the same answer is none.
    pub fn waiting(&mut self) {
        if std::mem::take(&mut self.sent_since_wait) {
            self.round_trips += 1;
        }
    }

    /// Round trips so far.
    pub fn round_trips(&self) -> u64 {
        self.round_trips
    }
}
