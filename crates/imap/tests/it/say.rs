//! How are events written down briefly, so that a table can say what is expected?

use std::fmt::Write;

use limosa_imap::{Code, Decoder, Event, Fetch, Limits, ListEntry, ProtocolError, Response, Untagged, Value};

/// Reads a whole stream at once. Bodies are joined, so that chunk sizes do not matter.
pub fn events(bytes: &[u8]) -> Result<Vec<Event>, ProtocolError> {
    drain(&mut Decoder::new(Limits::default()), bytes, usize::MAX)
}

/// Feeds `bytes` in pieces of `piece` bytes and joins neighbouring chunks.
pub fn drain(decoder: &mut Decoder, bytes: &[u8], piece: usize) -> Result<Vec<Event>, ProtocolError> {
    let mut events = Vec::new();
    for piece in bytes.chunks(piece.clamp(1, bytes.len().max(1))) {
        decoder.buffer().extend_from_slice(piece);
        take_all(decoder, &mut events)?;
    }
    Ok(events)
}

/// Takes what there is, joining chunks of one body.
pub fn take_all(decoder: &mut Decoder, events: &mut Vec<Event>) -> Result<(), ProtocolError> {
    while let Some(event) = decoder.next()? {
        if let Event::BodyChunk(chunk) = &event
            && let Some(Event::BodyChunk(joined)) = events.last_mut()
        {
            *joined = [&joined[..], chunk].concat().into();
            continue;
        }
        events.push(event);
    }
    Ok(())
}

/// All events of a stream, one a line.
pub fn say_all(bytes: &[u8]) -> String {
    match events(bytes) {
        Ok(events) => events.iter().map(say).collect::<Vec<_>>().join("\n"),
        Err(error) => format!("error: {error}"),
    }
}

pub fn say(event: &Event) -> String {
    match event {
        Event::Response(response) => say_response(response),
        Event::BodyStart { fetch, size } => format!("start({size}) {}", say_fetch(fetch)),
        Event::BodyChunk(chunk) => format!("chunk {}", text(chunk)),
        Event::BodyEnd { fetch } => format!("end {}", say_fetch(fetch)),
    }
}

fn say_response(response: &Response) -> String {
    match response {
        Response::Continue { text: said } => format!("+ {}", text(said)),
        Response::Tagged { tag, status, code, text: said } => {
            format!("{tag} {status:?}{} {}", say_code(code), text(said)).trim_end().to_owned()
        }
        Response::Untagged(data) => say_untagged(data),
    }
}

fn say_code(code: &Option<Code>) -> String {
    code.as_ref().map_or_else(String::new, |code| match code {
        Code::Other { name, values } => format!(" [{} {values:?}]", text(name)),
        Code::PermanentFlags(flags) => format!(" [PermanentFlags {}]", words(flags)),
        Code::MailboxId(id) => format!(" [MailboxId {}]", text(id)),
        known => format!(" [{known:?}]"),
    })
}

fn say_untagged(data: &Untagged) -> String {
    match data {
        Untagged::Condition { kind, code, text: said } => {
            format!("* {kind:?}{} {}", say_code(code), text(said)).trim_end().to_owned()
        }
        Untagged::Fetch(fetch) => say_fetch(fetch),
        Untagged::List(entry) => format!("list {}", say_list(entry)),
        Untagged::Lsub(entry) => format!("lsub {}", say_list(entry)),
        Untagged::Flags(flags) => format!("flags {}", words(flags)),
        Untagged::Enabled(names) => format!("enabled {}", words(names)),
        Untagged::Unknown { name, values } => format!("unknown {} {values:?}", text(name)),
        Untagged::QuotaRoot { folder, roots } => format!("quotaroot {} {}", text(folder), words(roots)),
        Untagged::MyRights { folder, rights } => format!("myrights {} {}", text(folder), text(rights)),
        Untagged::Id(pairs) => {
            let pairs = pairs.iter().map(|(name, value)| match value {
                Some(value) => format!("{}={}", text(name), text(value)),
                None => format!("{}=NIL", text(name)),
            });
            format!("id {}", pairs.collect::<Vec<_>>().join(" "))
        }
        Untagged::Status(status) => {
            let mut said = format!("status {}", text(&status.name));
            put(&mut said, "messages", status.messages);
            put(&mut said, "uidnext", status.uid_next);
            put(&mut said, "uidvalidity", status.uid_validity);
            put(&mut said, "modseq", status.highest_modseq);
            put(&mut said, "unseen", status.unseen);
            put(&mut said, "recent", status.recent);
            put(&mut said, "size", status.size);
            put(&mut said, "deleted", status.deleted);
            put(&mut said, "id", status.mailbox_id.as_ref().map(|id| text(id)));
            put(&mut said, "limit", status.append_limit.map(|limit| format!("{limit:?}")));
            said + &unknown(&status.unknown)
        }
        Untagged::Esearch(found) => {
            let mut said = "esearch".to_owned();
            put(&mut said, "tag", found.tag);
            put(&mut said, "uid", found.uid.then_some("yes"));
            put(&mut said, "min", found.min);
            put(&mut said, "max", found.max);
            put(&mut said, "all", found.all.as_ref());
            put(&mut said, "count", found.count);
            put(&mut said, "modseq", found.modseq);
            said + &unknown(&found.unknown)
        }
        Untagged::Namespace(all) => {
            let kind = |namespaces: &[limosa_imap::Namespace]| {
                let parts =
                    namespaces.iter().map(|one| format!("{}{:?}", text(&one.prefix), one.delimiter.map(char::from)));
                parts.collect::<Vec<_>>().join(" ")
            };
            format!("namespace ({}) ({}) ({})", kind(&all.personal), kind(&all.other), kind(&all.shared))
        }
        Untagged::Quota(quota) => {
            let mut said = format!("quota {}", text(&quota.root));
            for resource in &quota.resources {
                let _ = write!(said, " {} {}/{}", text(&resource.name), resource.usage, resource.limit);
            }
            said
        }
        other => format!("{other:?}"),
    }
}

fn say_list(entry: &ListEntry) -> String {
    let delimiter = entry.delimiter.map_or("NIL".to_owned(), |byte| char::from(byte).to_string());
    format!("{} {delimiter} <{}>{}", words(&entry.attributes), text(&entry.name), unknown(&entry.extended))
}

fn say_fetch(fetch: &Fetch) -> String {
    let mut said = format!("fetch {}", fetch.sequence);
    put(&mut said, "uid", fetch.uid);
    if let Some(flags) = &fetch.flags {
        let names: Vec<_> = flags.iter().map(text).collect();
        let _ = write!(said, " flags=({})", names.join(" "));
    }
    put(&mut said, "date", fetch.internal_date.map(|date| format!("{}@{date}", date.seconds)));
    put(&mut said, "size", fetch.size);
    put(&mut said, "modseq", fetch.modseq);
    put(&mut said, "email", fetch.email_id.as_ref().map(|id| text(id)));
    put(&mut said, "header", fetch.header.as_ref().map(|header| text(header)));
    put(&mut said, "origin", fetch.body_origin);
    if fetch.body_nil {
        said.push_str(" nil");
    }
    said += &unknown(&fetch.unknown);
    for (name, raw) in &fetch.bad_items {
        let _ = write!(said, " bad:{}=<{}>", text(name), text(raw));
    }
    said
}

fn unknown(items: &[(bytes::Bytes, Value)]) -> String {
    items.iter().fold(String::new(), |mut said, (name, value)| {
        let _ = write!(said, " ?{}={value:?}", text(name));
        said
    })
}

fn put(said: &mut String, name: &str, value: Option<impl std::fmt::Display>) {
    if let Some(value) = value {
        let _ = write!(said, " {name}={value}");
    }
}

fn words(names: &[bytes::Bytes]) -> String {
    let names: Vec<_> = names.iter().map(|name| text(name)).collect();
    format!("({})", names.join(" "))
}

/// UTF-8 as it is, anything else escaped.
pub fn text(bytes: &[u8]) -> String {
    match std::str::from_utf8(bytes) {
        Ok(text) if !text.contains(char::is_control) => text.to_owned(),
        _ => bytes.escape_ascii().to_string(),
    }
}
