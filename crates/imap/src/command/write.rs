//! How is each command spelt?

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use secrecy::ExposeSecret;

use super::encode::Writer;
use super::{
    BodyKind, Command, FetchItems, HeaderFields, ListReturn, ListSelection, Qresync, SearchKey, StatusItems, StoreMode,
};
use crate::response::Tag;

pub(super) fn command(command: &Command<'_>, tag: Tag, out: &mut Writer<'_>) {
    out.raw(b"L");
    out.number(u64::from(tag.0));
    out.raw(b" ");
    out.raw(command.name());
    arguments(command, out);
    out.raw(b"\r\n");
}

fn arguments(command: &Command<'_>, out: &mut Writer<'_>) {
    match *command {
        Command::Capability
        | Command::Noop
        | Command::Logout
        | Command::StartTls
        | Command::Namespace
        | Command::Unselect
        | Command::Close
        | Command::Expunge => {}
        Command::Compress => out.raw(b" DEFLATE"),
        Command::Id(fields) => id(fields, out),
        Command::Enable(extensions) => {
            for extension in extensions {
                out.raw(b" ");
                out.raw(extension);
            }
        }
        Command::Login { user, password } => {
            out.raw(b" ");
            out.string(user.as_bytes());
            out.raw(b" ");
            out.string(password.expose_secret().as_bytes());
        }
        Command::Authenticate { mechanism, initial } => {
            out.raw(b" ");
            out.raw(mechanism);
            match initial {
                None => {}
                // An empty first message differs from none at all (RFC 4959 §3).
                Some([]) => out.raw(b" ="),
                Some(message) => {
                    out.raw(b" ");
                    out.raw(STANDARD.encode(message));
                }
            }
        }
        Command::List { reference, patterns, selection, returns } => list(reference, patterns, selection, returns, out),
        Command::Lsub { reference, pattern } => {
            folder(reference, out);
            out.raw(b" ");
            out.list_pattern(pattern);
        }
        Command::Status { folder: name, items } => {
            folder(name, out);
            out.raw(b" ");
            out.list(status_words(items));
        }
        Command::Select { folder: name, condstore, qresync, .. } => {
            folder(name, out);
            select_parameters(condstore, qresync, out);
        }
        Command::Create { folder: name, special_use } => {
            folder(name, out);
            if let Some(role) = special_use {
                out.raw(b" (USE (");
                out.raw(role);
                out.raw(b"))");
            }
        }
        Command::Rename { from, to } => {
            folder(from, out);
            folder(to, out);
        }
        Command::Delete(name)
        | Command::Subscribe(name)
        | Command::Unsubscribe(name)
        | Command::GetQuotaRoot(name)
        | Command::GetQuota(name)
        | Command::MyRights(name) => folder(name, out),
        Command::UidFetch { uids, items, changed_since, vanished } => {
            set(uids, out);
            out.raw(b" ");
            fetch_items(&items, out);
            if let Some(modseq) = changed_since {
                out.raw(b" (CHANGEDSINCE ");
                out.number(modseq);
                out.raw(if vanished { &b" VANISHED)"[..] } else { b")" });
            }
        }
        Command::UidStore { uids, unchanged_since, mode, silent, flags } => {
            set(uids, out);
            if let Some(modseq) = unchanged_since {
                out.raw(b" (UNCHANGEDSINCE ");
                out.number(modseq);
                out.raw(b")");
            }
            out.raw(match mode {
                StoreMode::Set => " FLAGS",
                StoreMode::Add => " +FLAGS",
                StoreMode::Remove => " -FLAGS",
            });
            out.raw(if silent { ".SILENT " } else { " " });
            out.flags(flags);
        }
        Command::UidMove { uids, folder: name } | Command::UidCopy { uids, folder: name } => {
            set(uids, out);
            folder(name, out);
        }
        Command::UidExpunge(uids) => set(uids, out),
        Command::UidSearch { return_all, criteria } => search(return_all, criteria, out),
    }
}

fn folder(name: &[u8], out: &mut Writer<'_>) {
    out.raw(b" ");
    out.astring(name);
}

fn set(uids: &crate::set::UidSet, out: &mut Writer<'_>) {
    out.raw(b" ");
    uids.encode(out.encoded.out());
}

fn id(fields: &[(&str, &str)], out: &mut Writer<'_>) {
    if fields.is_empty() {
        // Exchange does not know the empty list.
        out.raw(b" NIL");
        return;
    }
    out.raw(b" (");
    for (index, (field, value)) in fields.iter().enumerate() {
        if index > 0 {
            out.raw(b" ");
        }
        out.string(field.as_bytes());
        out.raw(b" ");
        out.string(value.as_bytes());
    }
    out.raw(b")");
}

fn list(reference: &[u8], patterns: &[&[u8]], selection: ListSelection, returns: ListReturn, out: &mut Writer<'_>) {
    let selected = [
        (selection.subscribed, "SUBSCRIBED"),
        (selection.remote, "REMOTE"),
        (selection.special_use, "SPECIAL-USE"),
        (selection.recursive_match, "RECURSIVEMATCH"),
    ];
    if selection != ListSelection::default() {
        out.raw(b" ");
        out.list(chosen(selected));
    }
    folder(reference, out);
    out.raw(b" ");
    if let [only] = patterns {
        out.list_pattern(only);
    } else {
        out.raw(b"(");
        for (index, pattern) in patterns.iter().enumerate() {
            if index > 0 {
                out.raw(b" ");
            }
            out.list_pattern(pattern);
        }
        out.raw(b")");
    }
    if returns == ListReturn::default() {
        return;
    }
    out.raw(b" RETURN (");
    let words =
        [(returns.subscribed, "SUBSCRIBED"), (returns.children, "CHILDREN"), (returns.special_use, "SPECIAL-USE")];
    let mut first = true;
    for word in chosen(words) {
        if !std::mem::take(&mut first) {
            out.raw(b" ");
        }
        out.raw(word);
    }
    if let Some(items) = returns.status {
        out.raw(if first { "STATUS " } else { " STATUS " });
        out.list(status_words(items));
    }
    out.raw(b")");
}

fn chosen<const N: usize>(words: [(bool, &'static str); N]) -> impl Iterator<Item = &'static str> {
    words.into_iter().filter(|(wanted, _)| *wanted).map(|(_, word)| word)
}

fn status_words(items: StatusItems) -> impl Iterator<Item = &'static str> {
    chosen([
        (items.messages, "MESSAGES"),
        (items.uid_next, "UIDNEXT"),
        (items.uid_validity, "UIDVALIDITY"),
        (items.highest_modseq, "HIGHESTMODSEQ"),
        (items.unseen, "UNSEEN"),
        (items.recent, "RECENT"),
        (items.size, "SIZE"),
        (items.deleted, "DELETED"),
        (items.mailbox_id, "MAILBOXID"),
        (items.guid, "X-GUID"),
        (items.append_limit, "APPENDLIMIT"),
    ])
}

fn select_parameters(condstore: bool, qresync: Option<Qresync<'_>>, out: &mut Writer<'_>) {
    let Some(known) = qresync else {
        if condstore {
            out.raw(b" (CONDSTORE)");
        }
        return;
    };
    out.raw(b" (QRESYNC (");
    out.number(u64::from(known.uid_validity));
    out.raw(b" ");
    out.number(known.modseq);
    if let Some(uids) = known.known_uids {
        set(uids, out);
    }
    out.raw(b"))");
}

fn fetch_items(items: &FetchItems<'_>, out: &mut Writer<'_>) {
    out.raw(b"(UID");
    let words = [
        (items.flags, " FLAGS"),
        (items.internal_date, " INTERNALDATE"),
        (items.size, " RFC822.SIZE"),
        (items.modseq, " MODSEQ"),
        (items.email_id, " EMAILID"),
    ];
    for word in chosen(words) {
        out.raw(word);
    }
    for word in items.extra {
        out.raw(b" ");
        out.raw(word);
    }
    match items.header {
        HeaderFields::None => {}
        HeaderFields::All => out.raw(b" BODY.PEEK[HEADER]"),
        HeaderFields::First(bytes) => {
            out.raw(b" BODY.PEEK[HEADER]<0.");
            out.number(u64::from(bytes));
            out.raw(b">");
        }
        HeaderFields::Only(fields) => {
            out.raw(b" BODY.PEEK[HEADER.FIELDS ");
            out.list(fields);
            out.raw(b"]");
        }
    }
    match items.body {
        BodyKind::None => {}
        BodyKind::Whole => out.raw(b" BODY.PEEK[]"),
        BodyKind::Binary => out.raw(b" BINARY.PEEK[]"),
        BodyKind::Part { offset, length } => {
            out.raw(b" BODY.PEEK[]<");
            out.number(offset);
            out.raw(b".");
            out.number(length);
            out.raw(b">");
        }
    }
    out.raw(b")");
}

fn search(return_all: bool, criteria: &[SearchKey<'_>], out: &mut Writer<'_>) {
    if return_all {
        out.raw(b" RETURN (ALL)");
    }
    // With UTF8=ACCEPT the charset is given and must not be named (RFC 6855 §3).
    if !out.utf8 && criteria.iter().any(needs_charset) {
        out.raw(b" CHARSET UTF-8");
    }
    if criteria.is_empty() {
        out.raw(b" ALL");
    }
    for key in criteria {
        out.raw(b" ");
        search_key(key, out);
    }
}

fn needs_charset(key: &SearchKey<'_>) -> bool {
    match key {
        SearchKey::Header { value, .. } => !value.is_ascii(),
        SearchKey::Not(inner) => needs_charset(inner),
        _ => false,
    }
}

fn search_key(key: &SearchKey<'_>, out: &mut Writer<'_>) {
    match *key {
        SearchKey::All => out.raw(b"ALL"),
        SearchKey::Uid(uids) => {
            out.raw(b"UID");
            set(uids, out);
        }
        SearchKey::Deleted => out.raw(b"DELETED"),
        SearchKey::Undeleted => out.raw(b"UNDELETED"),
        SearchKey::Keyword(keyword) => {
            out.raw(b"KEYWORD ");
            out.astring(keyword.as_bytes());
        }
        SearchKey::Header { field, value } => {
            out.raw(b"HEADER ");
            out.astring(field.as_bytes());
            out.raw(b" ");
            out.string(value);
        }
        SearchKey::Larger(size) => {
            out.raw(b"LARGER ");
            out.number(size);
        }
        SearchKey::Smaller(size) => {
            out.raw(b"SMALLER ");
            out.number(size);
        }
        SearchKey::ModSeq(modseq) => {
            out.raw(b"MODSEQ ");
            out.number(modseq);
        }
        SearchKey::Since(date) => {
            out.raw(b"SINCE ");
            out.raw(date.format_day());
        }
        SearchKey::Before(date) => {
            out.raw(b"BEFORE ");
            out.raw(date.format_day());
        }
        SearchKey::Not(inner) => {
            out.raw(b"NOT ");
            search_key(inner, out);
        }
    }
}
