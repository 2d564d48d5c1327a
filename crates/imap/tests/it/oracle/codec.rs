//! What does imap-codec read in a response?

use imap_codec::imap_types as types;
use imap_codec::imap_types::response as codec;
use limosa_imap::UidSet;

use super::{Facts, joined, names, put, text};

pub fn facts(response: &codec::Response<'_>) -> Facts {
    let mut facts = Facts::new();
    match response {
        codec::Response::CommandContinuationRequest(codec::CommandContinuationRequest::Base64(_)) => {}
        codec::Response::CommandContinuationRequest(codec::CommandContinuationRequest::Basic(basic)) => {
            // imap-codec puts three dots in place of a missing text.
            if basic.code().is_none() && basic.text().as_ref() != "..." {
                facts.insert("continue", basic.text().to_string());
            }
        }
        codec::Response::Status(codec::Status::Bye(bye)) => {
            facts.insert("condition", "BYE".to_owned());
            codec_code(&bye.code, &bye.text, &mut facts);
        }
        codec::Response::Status(codec::Status::Untagged(body)) => {
            facts.insert("condition", format!("{:?}", body.kind).to_uppercase());
            codec_code(&body.code, &body.text, &mut facts);
        }
        codec::Response::Status(codec::Status::Tagged(tagged)) => {
            facts.insert("status", format!("{:?}", tagged.body.kind).to_uppercase());
            facts.insert("tag", limosa_imap::Tag::parse(tagged.tag.as_ref().as_bytes()).0.to_string());
            codec_code(&tagged.body.code, &tagged.body.text, &mut facts);
        }
        codec::Response::Data(data) => codec_data(data, &mut facts),
    }
    facts
}

fn codec_code(code: &Option<codec::Code<'_>>, said: &types::core::Text<'_>, facts: &mut Facts) {
    // imap-codec puts this in place of a missing text.
    if said.as_ref() != "..." {
        facts.insert("text", said.to_string());
    }
    let Some(code) = code else {
        return;
    };
    let (name, value) = match code {
        codec::Code::Capability(all) => ("CAPABILITY", joined(all.as_ref().iter())),
        codec::Code::UidNext(number) => ("UIDNEXT", number.to_string()),
        codec::Code::UidValidity(number) => ("UIDVALIDITY", number.to_string()),
        codec::Code::Unseen(number) => ("UNSEEN", number.to_string()),
        codec::Code::HighestModSeq(number) => ("HIGHESTMODSEQ", number.to_string()),
        codec::Code::PermanentFlags(flags) => (
            "PERMANENTFLAGS",
            names(flags.iter().map(|flag| match flag {
                types::flag::FlagPerm::Asterisk => "\\*".to_owned(),
                types::flag::FlagPerm::Flag(flag) => flag.to_string(),
            })),
        ),
        codec::Code::AppendUid { uid_validity, uid } => ("APPENDUID", format!("{uid_validity} {uid}")),
        codec::Code::CopyUid { uid_validity, source, destination } => {
            ("COPYUID", format!("{uid_validity} {} {}", codec_uids(source), codec_uids(destination)))
        }
        codec::Code::Modified(set) => ("MODIFIED", codec_set(set)),
        codec::Code::Alert => ("ALERT", String::new()),
        codec::Code::ReadOnly => ("READ-ONLY", String::new()),
        codec::Code::ReadWrite => ("READ-WRITE", String::new()),
        codec::Code::TryCreate => ("TRYCREATE", String::new()),
        codec::Code::UidNotSticky => ("UIDNOTSTICKY", String::new()),
        codec::Code::NoModSeq => ("NOMODSEQ", String::new()),
        codec::Code::Closed => ("CLOSED", String::new()),
        codec::Code::OverQuota => ("OVERQUOTA", String::new()),
        codec::Code::TooBig => ("TOOBIG", String::new()),
        codec::Code::CompressionActive => ("COMPRESSIONACTIVE", String::new()),
        codec::Code::UnknownCte => ("UNKNOWN-CTE", String::new()),
        _ => {
            // No variant of ours. A code of theirs may hold brackets, which ends it elsewhere.
            facts.remove("text");
            return;
        }
    };
    facts.insert("code", name.to_owned());
    facts.insert("code value", value);
}

fn codec_uids(set: &types::extensions::uidplus::UidSet) -> String {
    let mut uids = UidSet::new();
    for element in set.0.as_ref() {
        match element {
            types::extensions::uidplus::UidElement::Single(uid) => uids.push(uid.get()),
            types::extensions::uidplus::UidElement::Range(first, last) => uids.push_range(first.get(), last.get()),
        }
    }
    uids.to_string()
}

fn codec_set(set: &types::sequence::SequenceSet) -> String {
    use types::sequence::{SeqOrUid, Sequence};
    let end = |end: &SeqOrUid| match end {
        SeqOrUid::Value(value) => value.get(),
        SeqOrUid::Asterisk => u32::MAX,
    };
    let mut uids = UidSet::new();
    for part in set.0.as_ref() {
        match part {
            Sequence::Single(one) => uids.push(end(one)),
            Sequence::Range(first, last) => uids.push_range(end(first), end(last)),
        }
    }
    uids.normalized().to_string()
}

fn codec_folder(name: &types::mailbox::Mailbox<'_>) -> String {
    match name {
        types::mailbox::Mailbox::Inbox => "INBOX".to_owned(),
        types::mailbox::Mailbox::Other(other) => text(other.as_ref()),
    }
}

fn codec_data(data: &codec::Data<'_>, facts: &mut Facts) {
    use codec::Data;
    match data {
        Data::Capability(all) => {
            facts.insert("capability", joined(all.as_ref().iter()));
        }
        Data::List { items, delimiter, mailbox } | Data::Lsub { items, delimiter, mailbox } => {
            let kind = if matches!(data, Data::List { .. }) { "list" } else { "lsub" };
            facts.insert("list kind", kind.to_owned());
            facts.insert("folder", codec_folder(mailbox));
            facts.insert("delimiter", format!("{:?}", delimiter.as_ref().map(|one| one.inner())));
            facts.insert("attributes", names(items.iter().map(ToString::to_string)));
        }
        Data::Status { mailbox, items } => {
            facts.insert("folder", codec_folder(mailbox));
            for item in items.iter() {
                use types::status::StatusDataItem as Item;
                let (name, value) = match item {
                    Item::Messages(number) => ("messages", number.to_string()),
                    Item::Recent(number) => ("recent", number.to_string()),
                    Item::UidNext(number) => ("uidnext", number.to_string()),
                    Item::UidValidity(number) => ("uidvalidity", number.to_string()),
                    Item::Unseen(number) => ("unseen", number.to_string()),
                    Item::Deleted(number) => ("deleted", number.to_string()),
                    Item::Size(number) => ("folder size", number.to_string()),
                    Item::HighestModSeq(number) => ("highestmodseq", number.to_string()),
                    Item::DeletedStorage(_) => continue,
                };
                facts.insert(name, value);
            }
        }
        Data::Search(ids, modseq) | Data::Sort(ids, modseq) => {
            let ids: Vec<u32> = ids.iter().map(|id| id.get()).collect();
            facts.insert("search", format!("{ids:?}"));
            put(facts, "search modseq", *modseq);
        }
        Data::Flags(flags) => {
            facts.insert("folder flags", names(flags.iter().map(ToString::to_string)));
        }
        Data::Exists(number) => put(facts, "exists", Some(number)),
        Data::Recent(number) => put(facts, "recent", Some(number)),
        Data::Expunge(number) => put(facts, "expunge", Some(number)),
        Data::Enabled { capabilities } => {
            facts.insert("enabled", names(capabilities.iter().map(ToString::to_string)));
        }
        Data::Quota { root, quotas } => {
            facts.insert("quota root", text(root.as_ref()));
            let resources = quotas
                .as_ref()
                .iter()
                .map(|one| format!("{} {} {};", one.resource.to_string().to_uppercase(), one.usage, one.limit));
            facts.insert("quota", resources.collect());
        }
        Data::QuotaRoot { mailbox, roots } => {
            facts.insert("folder", codec_folder(mailbox));
            facts.insert("roots", roots.iter().map(|root| text(root.as_ref()) + ";").collect());
        }
        Data::Id { parameters } => {
            let pairs = parameters
                .iter()
                .flatten()
                .map(|(name, value)| (text(name.as_ref()), value.0.as_ref().map(|value| text(value.as_ref()))));
            facts.insert("id", format!("{:?}", pairs.collect::<Vec<_>>()));
        }
        Data::Vanished { earlier, known_uids } => {
            facts.insert("vanished", format!("{earlier} {}", codec_set(known_uids)));
        }
        Data::Namespace { personal, other, shared } => {
            let kind = |kind: &[types::extensions::namespace::Namespace<'_>]| {
                let parts = kind.iter().map(|one| {
                    format!("{}{:?}", text(one.prefix.as_ref()), one.delimiter.as_ref().map(|one| one.inner()))
                });
                parts.collect::<String>()
            };
            facts.insert("namespace", format!("{}|{}|{}", kind(personal), kind(other), kind(shared)));
        }
        Data::Fetch { seq, items } => {
            facts.insert("sequence", seq.to_string());
            codec_items(items.as_ref(), facts);
        }
        _ => {}
    }
}

fn codec_items(items: &[types::fetch::MessageDataItem<'_>], facts: &mut Facts) {
    use types::fetch::{MessageDataItem as Item, Section};
    let mut bodies = 0;
    let mut headers = 0;
    for item in items {
        match item {
            Item::Uid(uid) => put(facts, "uid", Some(uid)),
            Item::Rfc822Size(size) => put(facts, "size", Some(size)),
            Item::ModSeq(modseq) => put(facts, "modseq", Some(modseq)),
            Item::InternalDate(date) => {
                let date = date.as_ref();
                facts.insert("date", format!("{} {}", date.timestamp(), date.offset().local_minus_utc() / 60));
            }
            Item::Flags(flags) => {
                use types::flag::FlagFetch;
                let flags = flags.iter().map(|flag| match flag {
                    FlagFetch::Recent => "\\recent".to_owned(),
                    FlagFetch::Flag(flag) => flag.to_string(),
                });
                // A flag given twice is set once.
                let mut flags: Vec<_> = flags.map(|flag| flag.to_lowercase()).collect();
                flags.sort();
                flags.dedup_by(|one, other| one == other && one.starts_with('\\'));
                facts.insert("flags", flags.join(" "));
            }
            Item::BodyExt { section: None, data, origin } => {
                bodies += 1;
                body_fact(data, bodies, facts);
                if data.0.is_some() && bodies == 1 {
                    put(facts, "origin", *origin);
                }
            }
            Item::Rfc822(data) => {
                bodies += 1;
                body_fact(data, bodies, facts);
            }
            Item::Rfc822Header(data)
            | Item::BodyExt {
                section: Some(Section::Header(None) | Section::HeaderFields(None, _)),
                data,
                origin: None,
            } => {
                headers += 1;
                if headers == 1 {
                    put(facts, "header", data.0.as_ref().map(|data| text(data.as_ref())));
                }
            }
            _ => {}
        }
    }
    // With several of one kind, which of them counts is a matter of taste.
    if bodies > 1 {
        facts.retain(|name, _| !matches!(*name, "body" | "nil" | "origin"));
    }
    if headers > 1 {
        facts.remove("header");
    }
}

fn body_fact(data: &types::core::NString<'_>, bodies: u32, facts: &mut Facts) {
    match &data.0 {
        Some(data) if bodies == 1 => facts.insert("body", text(data.as_ref())),
        Some(_) => None,
        None => facts.insert("nil", "yes".to_owned()),
    };
}
