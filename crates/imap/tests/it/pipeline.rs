//! What may be in flight together, whose end is whose, and how often the server was waited for.

use limosa_imap::{Class, Command, Pipeline, Tag, UidSet, Window};

const ALL: [Class; 10] = [
    Class::Alone,
    Class::Last,
    Class::Ask,
    Class::List,
    Class::Lsub,
    Class::Folders,
    Class::Fetch,
    Class::Search,
    Class::Change,
    Class::Append,
];

/// Rows: in flight; columns: to be sent; both in the order of `ALL`.
const MAY_FOLLOW: [&str; 10] = [
    "----------", // Alone
    "----------", // Last
    "-+++++++++", // Ask
    "-++-+-++++", // List
    "-+++--++++", // Lsub
    "-++--++++-", // Folders
    "-+++++++-+", // Fetch
    "-++++++---", // Search
    "-+++++--++", // Change
    "-++++-+-++", // Append
];

#[test]
fn classes_follow_one_another_as_the_table_says() {
    for (earlier, row) in ALL.into_iter().zip(MAY_FOLLOW) {
        let row: Vec<char> = row.chars().collect();
        assert_eq!(row.len(), ALL.len(), "{earlier:?}");
        for (later, sign) in ALL.into_iter().zip(row) {
            assert_eq!(later.may_follow(earlier), sign == '+', "{later:?} after {earlier:?}");
        }
    }
}

#[test]
fn nothing_crosses_a_select() {
    let select = Command::Select { folder: b"a", read_only: true, condstore: false, qresync: None };
    let mut pipeline = Pipeline::new(Window::default());
    let noop = pipeline.start(Command::Noop.class(), 0, ());
    assert!(!pipeline.may_start(select.class(), 0));
    pipeline.finish(noop);
    assert!(pipeline.may_start(select.class(), 0));
    pipeline.start(select.class(), 0, ());
    for class in ALL {
        assert!(!pipeline.may_start(class, 0), "{class:?}");
    }
}

#[test]
fn every_command_that_changes_the_connection_is_alone() {
    let password = "x".into();
    let uids = UidSet::single(1);
    let alone = [
        Command::StartTls,
        Command::Compress,
        Command::Login { user: "u", password: &password },
        Command::Authenticate { mechanism: "PLAIN", initial: None },
        Command::Unselect,
        Command::Close,
        Command::Select { folder: b"a", read_only: false, condstore: false, qresync: None },
    ];
    for command in alone {
        assert_eq!(command.class(), Class::Alone, "{command:?}");
    }
    assert_eq!(Command::UidExpunge(&uids).class(), Class::Change);
    assert_eq!(Command::Logout.class(), Class::Last);
}

#[test]
fn the_window_holds_commands_and_bytes() {
    let mut pipeline = Pipeline::new(Window { commands: 3, bytes: 100 });
    // However large: with nothing in flight it must be possible.
    assert!(pipeline.may_start(Class::Append, 1_000_000));
    let first = pipeline.start(Class::Append, 60, "a");
    assert!(pipeline.may_start(Class::Append, 40));
    assert!(!pipeline.may_start(Class::Append, 41));
    assert!(!pipeline.may_start(Class::Append, u64::MAX));
    pipeline.start(Class::Append, 20, "b");
    pipeline.start(Class::Append, 10, "c");
    assert!(!pipeline.may_start(Class::Append, 0));
    assert_eq!((pipeline.len(), pipeline.bytes()), (3, 90));
    pipeline.finish(first);
    assert_eq!((pipeline.len(), pipeline.bytes()), (2, 30));
    assert!(pipeline.may_start(Class::Append, 70));
}

#[test]
fn ends_find_their_commands_in_any_order() {
    let mut pipeline = Pipeline::new(Window::default());
    let tags: Vec<Tag> = ["a", "b", "c"].into_iter().map(|state| pipeline.start(Class::Append, 1, state)).collect();
    assert_eq!(tags, [Tag(1), Tag(2), Tag(3)]);
    assert_eq!(pipeline.oldest().map(|command| command.state), Some("a"));
    assert_eq!(pipeline.finish(tags[1]).map(|command| command.state), Some("b"));
    assert!(pipeline.finish(tags[1]).is_none());
    assert!(pipeline.finish(Tag(0)).is_none());
    pipeline.start(Class::Ask, 0, "d");
    assert_eq!(pipeline.oldest_of(Class::Ask).map(|command| command.state), Some("d"));
    assert_eq!(pipeline.oldest_of(Class::List).map(|command| command.state), None);
    pipeline.get_mut(tags[2]).expect("in flight").state = "C";
    assert_eq!(pipeline.iter().map(|command| command.state).collect::<Vec<_>>(), ["a", "C", "d"]);
    let lost: Vec<_> = pipeline.abandon().map(|command| command.state).collect();
    assert_eq!(lost, ["a", "C", "d"]);
    assert!(pipeline.is_empty());
    assert_eq!((pipeline.bytes(), pipeline.start(Class::Ask, 0, "e")), (0, Tag(5)));
}

#[test]
fn a_round_trip_is_a_wait_after_sending() {
    let mut pipeline = Pipeline::new(Window::default());
    // The greeting is read without having sent anything.
    pipeline.waiting();
    assert_eq!(pipeline.round_trips(), 0);
    for _ in 0..10 {
        pipeline.start(Class::Append, 0, ());
    }
    pipeline.waiting();
    pipeline.waiting();
    assert_eq!(pipeline.round_trips(), 1);
    pipeline.sent();
    pipeline.waiting();
    assert_eq!(pipeline.round_trips(), 2);
}
