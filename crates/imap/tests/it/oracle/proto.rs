//! What does imap-proto read in a response?

use imap_proto::AttributeValue;
use limosa_imap::UidSet;

use super::{Facts, folder, joined, names, put, text};

pub fn facts(line: &[u8], response: &imap_proto::Response<'_>) -> Facts {
    use imap_proto::{MailboxDatum, Response as Proto};
    let mut facts = Facts::new();
    match response {
        Proto::Capabilities(all) => {
            let all = all.iter().map(|one| match one {
                imap_proto::Capability::Imap4rev1 => "IMAP4REV1".to_owned(),
                imap_proto::Capability::Auth(name) => format!("AUTH={name}"),
                imap_proto::Capability::Atom(name) => name.to_string(),
            });
            // ENABLED looks the same to it.
            let enabled = line.starts_with(b"* ENABLED");
            facts
                .insert(if enabled { "enabled" } else { "capability" }, if enabled { names(all) } else { joined(all) });
        }
        Proto::Done { tag, status, outcome } => {
            facts.insert("tag", limosa_imap::Tag::parse(tag.as_bytes()).0.to_string());
            facts.insert("status", format!("{status:?}").to_uppercase());
            proto_outcome(outcome, &mut facts);
        }
        Proto::Data { status, outcome } => {
            facts.insert("condition", format!("{status:?}").to_uppercase());
            proto_outcome(outcome, &mut facts);
        }
        Proto::Expunge(number) => put(&mut facts, "expunge", Some(number)),
        Proto::Vanished { earlier, uids } => {
            let mut set = UidSet::new();
            for range in uids {
                set.push_range(*range.start(), *range.end());
            }
            facts.insert("vanished", format!("{earlier} {}", set.normalized()));
        }
        Proto::Fetch(sequence, items) => {
            facts.insert("sequence", sequence.to_string());
            proto_items(items, &mut facts);
        }
        Proto::MailboxData(MailboxDatum::Exists(number)) => put(&mut facts, "exists", Some(number)),
        Proto::MailboxData(MailboxDatum::Recent(number)) => put(&mut facts, "recent", Some(number)),
        Proto::MailboxData(MailboxDatum::Flags(flags)) => {
            facts.insert("folder flags", names(flags.iter().map(|flag| flag.as_bytes())));
        }
        Proto::MailboxData(MailboxDatum::Search(ids)) => {
            facts.insert("search", format!("{ids:?}"));
        }
        Proto::MailboxData(MailboxDatum::List(entry)) => {
            facts.insert("folder", folder(entry.name.as_bytes()));
        }
        Proto::MailboxData(MailboxDatum::Status { mailbox, status }) => {
            facts.insert("folder", folder(mailbox.as_bytes()));
            for item in status {
                use imap_proto::StatusAttribute as Item;
                let (name, value) = match item {
                    Item::HighestModSeq(number) => ("highestmodseq", *number),
                    Item::Messages(number) => ("messages", u64::from(*number)),
                    Item::Recent(number) => ("recent", u64::from(*number)),
                    Item::UidNext(number) => ("uidnext", u64::from(*number)),
                    Item::UidValidity(number) => ("uidvalidity", u64::from(*number)),
                    Item::Unseen(number) => ("unseen", u64::from(*number)),
                    _ => continue,
                };
                facts.insert(name, value.to_string());
            }
        }
        Proto::Quota(quota) => {
            facts.insert("quota root", quota.root_name.to_string());
        }
        Proto::QuotaRoot(root) => {
            facts.insert("folder", folder(root.mailbox_name.as_bytes()));
            facts.insert("roots", root.quota_root_names.iter().map(|root| format!("{root};")).collect());
        }
        _ => {}
    }
    // It leaves escapes in strings.
    if line.windows(2).any(|pair| pair == b"\\\\" || pair == b"\\\"") {
        facts.remove("folder");
        facts.remove("body");
    }
    facts
}

fn proto_outcome(outcome: &imap_proto::Outcome<'_>, facts: &mut Facts) {
    use imap_proto::ResponseCode;
    let (name, value) = match &outcome.code {
        None => return,
        Some(ResponseCode::HighestModSeq(number)) => ("HIGHESTMODSEQ", number.to_string()),
        Some(ResponseCode::UidNext(number)) => ("UIDNEXT", number.to_string()),
        Some(ResponseCode::UidValidity(number)) => ("UIDVALIDITY", number.to_string()),
        Some(ResponseCode::Unseen(number)) => ("UNSEEN", number.to_string()),
        Some(ResponseCode::PermanentFlags(flags)) => {
            ("PERMANENTFLAGS", names(flags.iter().map(|flag| flag.as_bytes())))
        }
        Some(ResponseCode::Alert) => ("ALERT", String::new()),
        Some(ResponseCode::ReadOnly) => ("READ-ONLY", String::new()),
        Some(ResponseCode::ReadWrite) => ("READ-WRITE", String::new()),
        Some(ResponseCode::TryCreate) => ("TRYCREATE", String::new()),
        Some(ResponseCode::AppendUid(validity, uids)) => ("APPENDUID", format!("{validity} {}", proto_uids(uids))),
        Some(ResponseCode::CopyUid(validity, from, to)) => {
            ("COPYUID", format!("{validity} {} {}", proto_uids(from), proto_uids(to)))
        }
        Some(_) => return,
    };
    facts.insert("code", name.to_owned());
    facts.insert("code value", value);
}

fn proto_uids(members: &[imap_proto::rfc4315::UidSetMember]) -> String {
    let mut uids = UidSet::new();
    for member in members {
        match member {
            imap_proto::rfc4315::UidSetMember::Uid(uid) => uids.push(*uid),
            imap_proto::rfc4315::UidSetMember::UidRange(range) => uids.push_range(*range.start(), *range.end()),
        }
    }
    uids.to_string()
}

fn proto_items(items: &[AttributeValue<'_>], facts: &mut Facts) {
    for item in items {
        match item {
            AttributeValue::Uid(uid) if *uid > 0 => put(facts, "uid", Some(uid)),
            AttributeValue::Rfc822Size(size) => put(facts, "size", Some(size)),
            AttributeValue::ModSeq(modseq) => put(facts, "modseq", Some(modseq)),
            AttributeValue::EmailId(id) => put(facts, "email", Some(id)),
            // Not looked at by imap-proto: what is a date for us must be decided by us.
            AttributeValue::InternalDate(date) if limosa_imap::InternalDate::parse(date.as_bytes()).is_some() => {
                put(facts, "date text", Some("read"));
            }
            AttributeValue::Flags(flags) => {
                let mut all: Vec<_> = flags.iter().map(|flag| flag.to_lowercase()).collect();
                all.sort();
                all.dedup_by(|one, other| one == other && one.starts_with('\\'));
                facts.insert("flags", all.join(" "));
            }
            AttributeValue::Rfc822(Some(data))
            | AttributeValue::BodySection { section: None, data: Some(data), .. } => {
                facts.entry("body").or_insert_with(|| text(data));
            }
            AttributeValue::Rfc822Header(Some(data)) => {
                facts.entry("header").or_insert_with(|| text(data));
            }
            _ => {}
        }
    }
}
