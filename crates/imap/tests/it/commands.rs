//! Every command as it stands on the wire, where it waits, and that nothing can break out of its argument.

use limosa_imap::{
    Append, AppendMessage, BodyKind, Command, Encoded, FetchItems, HeaderFields, InternalDate, ListReturn,
    ListSelection, LiteralSupport, Qresync, SearchKey, StatusItems, StoreMode, Tag, UidSet, flag_can_be_sent,
};
use proptest::prelude::*;
use secrecy::SecretString;

/// The command with `|` where the sender waits.
fn encode(command: &Command<'_>, literals: LiteralSupport, utf8: bool) -> String {
    let mut out = Encoded::new();
    command.encode(Tag(1), literals, utf8, &mut out);
    show(&out)
}

fn show(out: &Encoded) -> String {
    out.segments()
        .map(|segment| format!("{}{}", String::from_utf8_lossy(segment.bytes), if segment.wait { "|" } else { "" }))
        .collect()
}

fn check(command: &Command<'_>, expected: &str) {
    assert_eq!(encode(command, LiteralSupport::Plus, false), format!("L1 {expected}\r\n"));
}

#[test]
fn commands_without_arguments() {
    for (command, expected) in [
        (Command::Capability, "CAPABILITY"),
        (Command::Noop, "NOOP"),
        (Command::Logout, "LOGOUT"),
        (Command::StartTls, "STARTTLS"),
        (Command::Compress, "COMPRESS DEFLATE"),
        (Command::Namespace, "NAMESPACE"),
        (Command::Unselect, "UNSELECT"),
        (Command::Close, "CLOSE"),
        (Command::Expunge, "EXPUNGE"),
    ] {
        check(&command, expected);
    }
}

#[test]
fn signing_in() {
    let password = SecretString::from("p\"w\\d");
    check(&Command::Login { user: "al", password: &password }, "LOGIN \"al\" \"p\\\"w\\\\d\"");
    let umlaut = SecretString::from("pö");
    check(&Command::Login { user: "al", password: &umlaut }, "LOGIN \"al\" {3+}\r\npö");
    check(&Command::Authenticate { mechanism: "PLAIN", initial: None }, "AUTHENTICATE PLAIN");
    check(&Command::Authenticate { mechanism: "PLAIN", initial: Some(b"\0a\0b") }, "AUTHENTICATE PLAIN AGEAYg==");
    check(&Command::Authenticate { mechanism: "EXTERNAL", initial: Some(b"") }, "AUTHENTICATE EXTERNAL =");
    check(&Command::Id(&[("name", "limosa"), ("version", "0.1")]), "ID (\"name\" \"limosa\" \"version\" \"0.1\")");
    check(&Command::Id(&[]), "ID NIL");
    check(&Command::Enable(&["QRESYNC", "UTF8=ACCEPT"]), "ENABLE QRESYNC UTF8=ACCEPT");
}

#[test]
fn nothing_secret_is_printed() {
    let password = SecretString::from("hunter2");
    let login = Command::Login { user: "alice", password: &password };
    let mut out = Encoded::new();
    login.encode(Tag(1), LiteralSupport::Plus, false, &mut out);
    let printed = format!("{login:?} {out:?} {:?}", out.segments().collect::<Vec<_>>());
    assert!(!printed.contains("hunter2") && !printed.contains("alice"), "{printed}");
    let initial = Command::Authenticate { mechanism: "PLAIN", initial: Some(b"hunter2") };
    assert_eq!(format!("{initial:?}"), "AUTHENTICATE");
}

#[test]
fn folders() {
    let cases: [(&[u8], &str); 12] = [
        (b"INBOX", "INBOX"),
        (b"a/b.c-d_e", "a/b.c-d_e"),
        (b"Entw&APw-rfe", "Entw&APw-rfe"),
        (b"a]b[c", "a]b[c"),
        (b"Sent Items", "\"Sent Items\""),
        (b"", "\"\""),
        (b"nil", "\"nil\""),
        (b"a\"b\\c", "\"a\\\"b\\\\c\""),
        (b"50%", "\"50%\""),
        (b"(x)", "\"(x)\""),
        (b"a\r\nL2 LOGOUT", "{12+}\r\na\r\nL2 LOGOUT"),
        ("ä".as_bytes(), "{2+}\r\nä"),
    ];
    for (name, expected) in cases {
        check(&Command::Delete(name), &format!("DELETE {expected}"));
        check(&Command::Rename { from: name, to: b"x" }, &format!("RENAME {expected} x"));
    }
    check(&Command::Create { folder: b"a", special_use: None }, "CREATE a");
    check(&Command::Create { folder: b"a", special_use: Some("\\Sent") }, "CREATE a (USE (\\Sent))");
    check(&Command::Subscribe(b"a"), "SUBSCRIBE a");
    check(&Command::Unsubscribe(b"a"), "UNSUBSCRIBE a");
    check(&Command::GetQuotaRoot(b"a"), "GETQUOTAROOT a");
    check(&Command::GetQuota(b""), "GETQUOTA \"\"");
    check(&Command::MyRights(b"a"), "MYRIGHTS a");
    assert_eq!(encode(&Command::Delete("ä".as_bytes()), LiteralSupport::Synchronizing, true), "L1 DELETE \"ä\"\r\n");
    assert_eq!(
        encode(&Command::Delete(b"\xff"), LiteralSupport::Plus, true).len(),
        "L1 DELETE {1+}\r\n?\r\n".len() + 2
    );
}

#[test]
fn listing() {
    let plain = Command::List {
        reference: b"",
        patterns: &[b"*"],
        selection: ListSelection::default(),
        returns: ListReturn::default(),
    };
    check(&plain, "LIST \"\" *");
    let status = StatusItems {
        messages: true,
        uid_next: true,
        uid_validity: true,
        highest_modseq: true,
        ..StatusItems::default()
    };
    let all = Command::List {
        reference: b"",
        patterns: &[b"*"],
        selection: ListSelection::default(),
        returns: ListReturn { status: Some(status), special_use: true, subscribed: true, children: true },
    };
    check(
        &all,
        "LIST \"\" * RETURN (SUBSCRIBED CHILDREN SPECIAL-USE STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))",
    );
    let counts_only = Command::List {
        reference: b"",
        patterns: &[b"*"],
        selection: ListSelection::default(),
        returns: ListReturn { status: Some(status), ..ListReturn::default() },
    };
    check(&counts_only, "LIST \"\" * RETURN (STATUS (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ))");
    let selected = Command::List {
        reference: b"a b",
        patterns: &[b"INBOX", b"INBOX.%", b"x y"],
        selection: ListSelection { subscribed: true, recursive_match: true, ..ListSelection::default() },
        returns: ListReturn::default(),
    };
    check(&selected, "LIST (SUBSCRIBED RECURSIVEMATCH) \"a b\" (INBOX INBOX.% \"x y\")");
    check(&Command::Lsub { reference: b"", pattern: b"*" }, "LSUB \"\" *");
    let every = StatusItems {
        messages: true,
        uid_next: true,
        uid_validity: true,
        highest_modseq: true,
        unseen: true,
        recent: true,
        size: true,
        deleted: true,
        mailbox_id: true,
        guid: true,
        append_limit: true,
    };
    check(
        &Command::Status { folder: b"a b", items: every },
        "STATUS \"a b\" (MESSAGES UIDNEXT UIDVALIDITY HIGHESTMODSEQ UNSEEN RECENT SIZE DELETED MAILBOXID X-GUID APPENDLIMIT)",
    );
}

#[test]
fn selecting() {
    let select = |read_only, condstore, qresync| Command::Select { folder: b"a", read_only, condstore, qresync };
    check(&select(false, false, None), "SELECT a");
    check(&select(true, false, None), "EXAMINE a");
    check(&select(true, true, None), "EXAMINE a (CONDSTORE)");
    let known = UidSet::range(1, 41);
    let qresync = Qresync { uid_validity: 67, modseq: 20_050_715_194_045_000, known_uids: Some(&known) };
    check(&select(true, true, Some(qresync)), "EXAMINE a (QRESYNC (67 20050715194045000 1:41))");
    let qresync = Qresync { known_uids: None, ..qresync };
    check(&select(false, false, Some(qresync)), "SELECT a (QRESYNC (67 20050715194045000))");
}

#[test]
fn messages() {
    let uids = UidSet::parse(b"1:3,9").expect("a set");
    let fetch = |items, changed_since, vanished| Command::UidFetch { uids: &uids, items, changed_since, vanished };
    check(&fetch(FetchItems::default(), None, false), "UID FETCH 1:3,9 (UID)");
    let listing = FetchItems {
        flags: true,
        internal_date: true,
        size: true,
        modseq: true,
        email_id: true,
        ..FetchItems::default()
    };
    check(&fetch(listing, None, false), "UID FETCH 1:3,9 (UID FLAGS INTERNALDATE RFC822.SIZE MODSEQ EMAILID)");
    let flags = FetchItems { flags: true, ..FetchItems::default() };
    check(&fetch(flags, Some(12), false), "UID FETCH 1:3,9 (UID FLAGS) (CHANGEDSINCE 12)");
    check(&fetch(flags, Some(12), true), "UID FETCH 1:3,9 (UID FLAGS) (CHANGEDSINCE 12 VANISHED)");
    let whole = FetchItems { body: BodyKind::Whole, extra: &["X-GM-LABELS"], ..flags };
    check(&fetch(whole, None, false), "UID FETCH 1:3,9 (UID FLAGS X-GM-LABELS BODY.PEEK[])");
    let part = FetchItems { body: BodyKind::Part { offset: 10, length: 20 }, ..FetchItems::default() };
    check(&fetch(part, None, false), "UID FETCH 1:3,9 (UID BODY.PEEK[]<10.20>)");
    let binary = FetchItems { body: BodyKind::Binary, ..FetchItems::default() };
    check(&fetch(binary, None, false), "UID FETCH 1:3,9 (UID BINARY.PEEK[])");
    let header = FetchItems { header: HeaderFields::All, ..FetchItems::default() };
    check(&fetch(header, None, false), "UID FETCH 1:3,9 (UID BODY.PEEK[HEADER])");
    let first = FetchItems { header: HeaderFields::First(1_048_576), ..FetchItems::default() };
    check(&fetch(first, None, false), "UID FETCH 1:3,9 (UID BODY.PEEK[HEADER]<0.1048576>)");
    let fields = FetchItems { header: HeaderFields::Only(&["MESSAGE-ID", "DATE"]), ..FetchItems::default() };
    check(&fetch(fields, None, false), "UID FETCH 1:3,9 (UID BODY.PEEK[HEADER.FIELDS (MESSAGE-ID DATE)])");

    let store =
        |unchanged_since, mode, silent, flags| Command::UidStore { uids: &uids, unchanged_since, mode, silent, flags };
    check(&store(None, StoreMode::Add, true, &[b"\\Seen", b"$x"]), "UID STORE 1:3,9 +FLAGS.SILENT (\\Seen $x)");
    check(
        &store(Some(7), StoreMode::Remove, false, &[b"\\Seen"]),
        "UID STORE 1:3,9 (UNCHANGEDSINCE 7) -FLAGS (\\Seen)",
    );
    check(&store(None, StoreMode::Set, true, &[]), "UID STORE 1:3,9 FLAGS.SILENT ()");
    check(
        &store(None, StoreMode::Add, true, &[b"\\Recent", b"a b", b"\\*", b"ok", b"x)\r\nL2 LOGOUT"]),
        "UID STORE 1:3,9 +FLAGS.SILENT (ok)",
    );
    check(&Command::UidMove { uids: &uids, folder: b"a b" }, "UID MOVE 1:3,9 \"a b\"");
    check(&Command::UidCopy { uids: &uids, folder: b"a" }, "UID COPY 1:3,9 a");
    check(&Command::UidExpunge(&uids), "UID EXPUNGE 1:3,9");
}

fn search<'a>(return_all: bool, criteria: &'a [SearchKey<'a>]) -> Command<'a> {
    Command::UidSearch { return_all, criteria }
}

#[test]
fn searching() {
    let uids = UidSet::starting_at(5);
    check(&search(false, &[]), "UID SEARCH ALL");
    check(&search(true, &[SearchKey::All]), "UID SEARCH RETURN (ALL) ALL");
    check(
        &search(true, &[SearchKey::Uid(&uids), SearchKey::Undeleted, SearchKey::Larger(9), SearchKey::Smaller(99)]),
        "UID SEARCH RETURN (ALL) UID 5:* UNDELETED LARGER 9 SMALLER 99",
    );
    let date = InternalDate::utc(837_596_665);
    check(
        &search(false, &[SearchKey::Since(date), SearchKey::Before(date), SearchKey::ModSeq(8), SearchKey::Deleted]),
        "UID SEARCH SINCE 17-Jul-1996 BEFORE 17-Jul-1996 MODSEQ 8 DELETED",
    );
    let id = SearchKey::Header { field: "Message-ID", value: b"<a@b>" };
    check(
        &search(false, &[SearchKey::Not(&id), SearchKey::Keyword("$x")]),
        "UID SEARCH NOT HEADER Message-ID \"<a@b>\" KEYWORD $x",
    );
    let subject = SearchKey::Header { field: "Subject", value: "ä".as_bytes() };
    check(&search(false, &[SearchKey::Not(&subject)]), "UID SEARCH CHARSET UTF-8 NOT HEADER Subject {2+}\r\nä");
    assert_eq!(
        encode(&search(false, &[subject]), LiteralSupport::Plus, true),
        "L1 UID SEARCH HEADER Subject \"ä\"\r\n"
    );
}

#[test]
fn literals_wait_as_the_server_wants_it() {
    let long = vec![b'x'; 5_000];
    let rename = Command::Rename { from: b"a\nb", to: &long };
    let long = "x".repeat(5_000);
    assert_eq!(encode(&rename, LiteralSupport::Plus, false), format!("L1 RENAME {{3+}}\r\na\nb {long}\r\n"));
    let quoted = Command::Rename { from: b"a\nb", to: format!("{long} ").leak().as_bytes() };
    assert_eq!(
        encode(&quoted, LiteralSupport::Plus, false),
        format!("L1 RENAME {{3+}}\r\na\nb {{5001+}}\r\n{long} \r\n")
    );
    assert_eq!(
        encode(&quoted, LiteralSupport::Minus, false),
        format!("L1 RENAME {{3+}}\r\na\nb {{5001}}\r\n|{long} \r\n")
    );
    assert_eq!(
        encode(&quoted, LiteralSupport::Synchronizing, false),
        format!("L1 RENAME {{3}}\r\n|a\nb {{5001}}\r\n|{long} \r\n")
    );
    assert!(!LiteralSupport::Minus.must_wait(4_096) && LiteralSupport::Minus.must_wait(4_097));
}

#[test]
fn several_commands_go_out_together() {
    let mut out = Encoded::new();
    Command::Noop.encode(Tag(1), LiteralSupport::Plus, false, &mut out);
    Command::Delete(b"a\nb").encode(Tag(2), LiteralSupport::Synchronizing, false, &mut out);
    Command::Noop.encode(Tag(3), LiteralSupport::Plus, false, &mut out);
    assert_eq!(show(&out), "L1 NOOP\r\nL2 DELETE {3}\r\n|a\nb\r\nL3 NOOP\r\n");
    assert!(out.must_wait());
    assert_eq!(out.len(), out.bytes().len());
    out.clear();
    assert!(out.is_empty() && !out.must_wait());
    assert_eq!(out.segments().count(), 0);
}

fn message<'a>(flags: &'a [&'a [u8]], date: Option<InternalDate>, size: u64) -> AppendMessage<'a> {
    AppendMessage { flags, date, size, binary: false }
}

#[test]
fn one_message_is_appended() {
    let mut out = Encoded::new();
    let mut append = Append::start(Tag(9), b"Sent Items", LiteralSupport::Plus, false);
    let date = InternalDate { seconds: 837_596_665, offset_minutes: -420 };
    append.message(&message(&[b"\\Seen", b"$x", b"\\Recent"], Some(date), 5), &mut out);
    assert_eq!(show(&out), "L9 APPEND \"Sent Items\" (\\Seen $x) \"17-Jul-1996 02:44:25 -0700\" {5+}\r\n");
    out.clear();
    append.finish(&mut out);
    assert_eq!(show(&out), "\r\n");
}

#[test]
fn several_messages_are_appended_by_one_command() {
    let mut out = Encoded::new();
    let mut append = Append::start(Tag(9), b"a", LiteralSupport::Minus, false);
    append.message(&message(&[], None, 4_096), &mut out);
    append.message(&message(&[b"\\Seen"], None, 4_097), &mut out);
    append.message(&AppendMessage { binary: true, ..message(&[], None, 3) }, &mut out);
    assert_eq!((append.messages(), append.tag()), (3, Tag(9)));
    append.finish(&mut out);
    assert_eq!(show(&out), "L9 APPEND a {4096+}\r\n (\\Seen) {4097}\r\n| ~{3+}\r\n\r\n");
}

#[test]
fn without_literal_plus_each_message_waits() {
    let mut out = Encoded::new();
    let mut append = Append::start(Tag(9), b"a\nb", LiteralSupport::Synchronizing, false);
    append.message(&message(&[], None, 0), &mut out);
    assert_eq!(show(&out), "L9 APPEND {3}\r\n|a\nb {0}\r\n|");
    let last = out.segments().last().expect("three segments");
    assert!(last.wait);
    append.finish(&mut out);
}

#[test]
fn flags_that_a_client_can_send() {
    for flag in ["\\Seen", "\\Junk", "$Forwarded", "NonJunk", "a.b-c_d", "x/y"] {
        assert!(flag_can_be_sent(flag.as_bytes()), "{flag}");
    }
    for flag in [
        "", "\\", "\\Recent", "\\RECENT", "\\*", "*", "a b", "a]b", "(", "a\"b", "a\\b", "{3}", "a%", "ä", "a\r\n",
        "a\0",
    ] {
        assert!(!flag_can_be_sent(flag.as_bytes()), "{flag:?}");
    }
}

/// Reads a command back as a server does: one line, then as many bytes as were announced.
fn lines_of(bytes: &[u8]) -> usize {
    let mut lines = 0;
    let mut rest = bytes;
    while let Some(end) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let (line, after) = rest.split_at(end);
        rest = &after[2..];
        let announced = line.strip_suffix(b"}").and_then(|line| {
            let digits = &line[line.iter().rposition(|&byte| byte == b'{')? + 1..];
            std::str::from_utf8(digits.strip_suffix(b"+").unwrap_or(digits)).ok()?.parse::<usize>().ok()
        });
        match announced {
            Some(size) => rest = &rest[size..],
            None => lines += 1,
        }
    }
    assert!(rest.is_empty());
    lines
}

proptest! {
    #[test]
    fn no_argument_breaks_out_of_its_command(
        one in proptest::collection::vec(any::<u8>(), 0..30),
        other in "[\\x00-\\xff\r\n\"{}+0-9 ]{0,20}",
        flag in proptest::collection::vec(any::<u8>(), 0..8),
        literals in proptest::sample::select(vec![LiteralSupport::Synchronizing, LiteralSupport::Minus, LiteralSupport::Plus]),
        utf8 in any::<bool>(),
    ) {
        let uids = UidSet::single(1);
        let password = SecretString::from(other.clone());
        let status = StatusItems { messages: true, ..StatusItems::default() };
        let commands = [
            Command::Delete(&one),
            Command::Rename { from: other.as_bytes(), to: &one },
            Command::Login { user: &other, password: &password },
            Command::Lsub { reference: &one, pattern: other.as_bytes() },
            Command::Status { folder: &one, items: status },
            Command::UidCopy { uids: &uids, folder: &one },
            Command::UidStore { uids: &uids, unchanged_since: None, mode: StoreMode::Add, silent: true, flags: &[&flag] },
            Command::UidSearch { return_all: false, criteria: &[SearchKey::Header { field: "X", value: &one }] },
            Command::Id(&[("name", &other)]),
        ];
        for command in commands {
            let mut out = Encoded::new();
            command.encode(Tag(1), literals, utf8, &mut out);
            prop_assert_eq!(lines_of(out.bytes()), 1, "{:?} {}", command, out.bytes().escape_ascii());
            prop_assert_eq!(literals == LiteralSupport::Plus && out.must_wait(), false);
        }
    }
}
