//! What do we read in a response?

use limosa_imap::{Code, Event, Fetch, ListEntry, Response, Untagged};

use super::{Facts, folder, names, put, text};

pub fn facts(events: &[Event]) -> Facts {
    let mut facts = Facts::new();
    for event in events {
        match event {
            Event::Response(response) => response_facts(response, &mut facts),
            Event::BodyStart { .. } => {
                facts.insert("body", String::new());
            }
            Event::BodyChunk(chunk) => {
                facts.insert("body", text(chunk));
            }
            Event::BodyEnd { fetch } => fetch_facts(fetch, &mut facts),
        }
    }
    facts
}

fn response_facts(response: &Response, facts: &mut Facts) {
    match response {
        Response::Continue { text: said } => {
            facts.insert("continue", text(said));
        }
        Response::Tagged { tag, status, code, text: said } => {
            facts.insert("tag", tag.0.to_string());
            facts.insert("status", format!("{status:?}").to_uppercase());
            facts.insert("text", text(said));
            code_facts(code, facts);
        }
        Response::Untagged(data) => data_facts(data, facts),
    }
}

fn code_facts(code: &Option<Code>, facts: &mut Facts) {
    let Some(code) = code else { return };
    let (name, value) = match code {
        Code::Capability(all) => ("CAPABILITY", all.to_string().to_uppercase()),
        Code::UidValidity(number) => ("UIDVALIDITY", number.to_string()),
        Code::UidNext(number) => ("UIDNEXT", number.to_string()),
        Code::Unseen(number) => ("UNSEEN", number.to_string()),
        Code::HighestModSeq(number) => ("HIGHESTMODSEQ", number.to_string()),
        Code::PermanentFlags(flags) => ("PERMANENTFLAGS", names(flags.iter())),
        Code::AppendUid { validity, uids } => ("APPENDUID", format!("{validity} {uids}")),
        Code::CopyUid { validity, from, to } => ("COPYUID", format!("{validity} {from} {to}")),
        Code::Modified(uids) => ("MODIFIED", uids.normalized().to_string()),
        Code::Alert => ("ALERT", String::new()),
        Code::ReadOnly => ("READ-ONLY", String::new()),
        Code::ReadWrite => ("READ-WRITE", String::new()),
        Code::TryCreate => ("TRYCREATE", String::new()),
        Code::UidNotSticky => ("UIDNOTSTICKY", String::new()),
        Code::NoModSeq => ("NOMODSEQ", String::new()),
        Code::Closed => ("CLOSED", String::new()),
        Code::OverQuota => ("OVERQUOTA", String::new()),
        Code::TooBig => ("TOOBIG", String::new()),
        Code::CompressionActive => ("COMPRESSIONACTIVE", String::new()),
        Code::UnknownCte => ("UNKNOWN-CTE", String::new()),
        _ => return,
    };
    facts.insert("code", name.to_owned());
    facts.insert("code value", value);
}

fn data_facts(data: &Untagged, facts: &mut Facts) {
    match data {
        Untagged::Condition { kind, code, text: said } => {
            facts.insert("condition", format!("{kind:?}").to_uppercase());
            facts.insert("text", text(said));
            code_facts(code, facts);
        }
        Untagged::Capability(all) => {
            facts.insert("capability", all.to_string().to_uppercase());
        }
        Untagged::Enabled(all) => {
            facts.insert("enabled", names(all.iter()));
        }
        Untagged::List(entry) => list_facts("list", entry, facts),
        Untagged::Lsub(entry) => list_facts("lsub", entry, facts),
        Untagged::Status(status) => {
            facts.insert("folder", folder(&status.name));
            put(facts, "messages", status.messages);
            put(facts, "recent", status.recent);
            put(facts, "uidnext", status.uid_next);
            put(facts, "uidvalidity", status.uid_validity);
            put(facts, "unseen", status.unseen);
            put(facts, "deleted", status.deleted);
            put(facts, "folder size", status.size);
            put(facts, "highestmodseq", status.highest_modseq);
        }
        Untagged::Flags(flags) => {
            facts.insert("folder flags", names(flags.iter()));
        }
        Untagged::Exists(number) => put(facts, "exists", Some(number)),
        Untagged::Recent(number) => put(facts, "recent", Some(number)),
        Untagged::Expunge(number) => put(facts, "expunge", Some(number)),
        Untagged::Fetch(fetch) => fetch_facts(fetch, facts),
        Untagged::Vanished { earlier, uids } => {
            facts.insert("vanished", format!("{earlier} {}", uids.normalized()));
        }
        Untagged::Search { ids, modseq } => {
            facts.insert("search", format!("{ids:?}"));
            put(facts, "search modseq", *modseq);
        }
        Untagged::Namespace(all) => {
            let count = |kind: &[limosa_imap::Namespace]| {
                kind.iter()
                    .map(|one| format!("{}{:?}", text(&one.prefix), one.delimiter.map(char::from)))
                    .collect::<String>()
            };
            facts.insert("namespace", format!("{}|{}|{}", count(&all.personal), count(&all.other), count(&all.shared)));
        }
        Untagged::Quota(quota) => {
            facts.insert("quota root", text(&quota.root));
            let resources = quota
                .resources
                .iter()
                .map(|one| format!("{} {} {};", text(&one.name).to_uppercase(), one.usage, one.limit));
            facts.insert("quota", resources.collect());
        }
        Untagged::QuotaRoot { folder: name, roots } => {
            facts.insert("folder", folder(name));
            facts.insert("roots", roots.iter().map(|root| text(root) + ";").collect());
        }
        Untagged::Id(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| (text(name), value.as_ref().map(|value| text(value))));
            facts.insert("id", format!("{:?}", pairs.collect::<Vec<_>>()));
        }
        _ => {}
    }
}

fn list_facts(kind: &'static str, entry: &ListEntry, facts: &mut Facts) {
    facts.insert("list kind", kind.to_owned());
    facts.insert("folder", folder(&entry.name));
    facts.insert("delimiter", format!("{:?}", entry.delimiter.map(char::from)));
    facts.insert("attributes", names(entry.attributes.iter()));
}

fn fetch_facts(fetch: &Fetch, facts: &mut Facts) {
    facts.insert("sequence", fetch.sequence.to_string());
    put(facts, "uid", fetch.uid);
    put(facts, "size", fetch.size);
    put(facts, "modseq", fetch.modseq);
    put(facts, "origin", fetch.body_origin);
    put(facts, "email", fetch.email_id.as_ref().map(|id| text(id)));
    put(facts, "header", fetch.header.as_ref().map(|header| text(header)));
    put(facts, "date", fetch.internal_date.map(|date| format!("{} {}", date.seconds, date.offset_minutes)));
    put(facts, "date text", fetch.internal_date.map(|_| "read"));
    put(facts, "nil", fetch.body_nil.then_some("yes"));
    if let Some(flags) = &fetch.flags {
        facts.insert("flags", names(flags.iter()));
    }
}
