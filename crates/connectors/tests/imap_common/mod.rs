//! What the IMAP connector's tests share: ways to a laboratory's servers, and copying through the contract.
#![allow(dead_code, reason = "each test program uses a part of it")]

pub mod eyes;
pub mod scripted;

use limosa_connectors::imap::{ImapConnector, ImapSettings, SecretSource, Security, Trust};
use limosa_lab::Server;
use limosa_model::mailbox::{Batching, Fetched, Mailbox, Target};
use limosa_model::message::{Outcome, Receipt};
use limosa_model::{Connector, Folder, FolderPath, IdList, Piece};
use secrecy::SecretString;

/// Settings for a user whose password is `secret`, in cleartext.
pub fn settings(server: &Server, user: &str) -> ImapSettings {
    let mut settings = ImapSettings::new(
        server.host().to_string(),
        Security::None,
        user,
        SecretSource::Password(SecretString::from("secret")),
    );
    settings.port = server.imap_port();
    settings
}

/// Settings with TLS from the start, believing the laboratory's CA.
pub fn tls_settings(server: &Server, user: &str) -> ImapSettings {
    ImapSettings {
        host: "localhost".into(),
        port: server.imaps_port(),
        security: Security::Tls,
        trust: Trust::CaFile(server.ca_file().into()),
        ..settings(server, user)
    }
}

/// A connector for a new user of a server.
pub async fn new_user(server: &Server, user: &str) -> ImapConnector {
    server.add_user(user, "secret").await.unwrap();
    ImapConnector::new(settings(server, user)).unwrap()
}

/// A folder as a survey shows it.
pub async fn folder(mailbox: &mut (impl Mailbox + ?Sized), path: &str) -> Folder {
    let survey = mailbox.survey().await.unwrap();
    let path = FolderPath::from(path);
    let found = survey.folders.iter().find(|folder| folder.path == path).cloned();
    found.unwrap_or_else(|| panic!("no folder {path} among {:?}", survey.folders))
}

/// A message of its own, with a body of about `size` bytes.
pub fn message(number: u32, size: usize) -> Vec<u8> {
    let mut text = format!(
        "From: a{number}@example.org\r\nTo: b@example.org\r\nSubject: message {number}\r\n\
         Message-ID: <{number}@example.org>\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\n\r\n"
    )
    .into_bytes();
    let mut line = 0_u32;
    while text.len() < size {
        text.extend_from_slice(format!("line {line} of message {number}, and some more words\r\n").as_bytes());
        line += 1;
    }
    text
}

/// Copies messages from one folder to another, as the engine would: everything that a fetch gives goes to the writer.
pub async fn copy(
    source: &mut dyn Mailbox,
    from: &Folder,
    ids: &IdList,
    target: &mut dyn Target,
    to: &Folder,
    batching: Batching,
) -> Vec<Receipt> {
    let mut fetch = source.fetch(from, ids).await.unwrap();
    let mut writer = target.writer(to, batching).await.unwrap();
    let mut receipts = Vec::new();
    let mut things = Vec::new();
    while fetch.next(&mut things).await.unwrap() {
        let mut pieces: Vec<Piece> = Vec::new();
        for thing in things.drain(..) {
            match thing {
                Fetched::Piece(piece) => pieces.push(piece),
                other => panic!("unexpected: {other:?}"),
            }
        }
        writer.write(&mut pieces).await.unwrap();
        assert!(pieces.is_empty());
        receipts.extend(writer.receipts());
    }
    receipts.extend(writer.finish().await.unwrap());
    receipts
}

/// All bytes of the messages, in the order of their ids.
pub async fn bodies(mailbox: &mut dyn Mailbox, folder: &Folder, ids: &IdList) -> Vec<(u32, Vec<u8>)> {
    let mut fetch = mailbox.fetch(folder, ids).await.unwrap();
    let mut things = Vec::new();
    while fetch.next(&mut things).await.unwrap() {}
    drop(fetch);
    let mut bodies: Vec<(u32, Vec<u8>)> = Vec::new();
    for thing in things {
        match thing {
            Fetched::Piece(Piece::Head(head)) => bodies.push((uid(&head.id), Vec::new())),
            Fetched::Piece(Piece::Body(bytes)) => bodies.last_mut().unwrap().1.extend_from_slice(&bytes),
            Fetched::Piece(Piece::End) => {}
            other => panic!("unexpected: {other:?}"),
        }
    }
    bodies.sort();
    bodies
}

/// The number in an IMAP id.
pub fn uid(id: &limosa_model::MessageId) -> u32 {
    match id {
        limosa_model::MessageId::Uid(uid) => *uid,
        limosa_model::MessageId::Key(key) => panic!("{key} is no UID"),
    }
}

/// Whether all messages were stored, and under which ids.
pub fn stored(receipts: &[Receipt]) -> Vec<Option<u32>> {
    receipts
        .iter()
        .map(|receipt| match &receipt.outcome {
            Outcome::Stored(id) => id.as_ref().map(uid),
            other => panic!("message {} was not stored: {other:?}", receipt.id),
        })
        .collect()
}

/// The pieces of one message.
pub fn pieces(id: u32, flags: &[&str], seconds: i64, body: &[u8]) -> Vec<Piece> {
    let head = limosa_model::Head {
        id: limosa_model::MessageId::Uid(id),
        flags: limosa_model::Flags::from_names(flags.iter().copied()).0,
        internal_date: Some(limosa_model::InternalDate { seconds, offset_minutes: 60 }),
        size: Some(body.len() as u64),
    };
    let mut pieces = vec![Piece::Head(head)];
    pieces.extend(body.chunks(100_000).map(|chunk| Piece::Body(bytes::Bytes::copy_from_slice(chunk))));
    pieces.push(Piece::End);
    pieces
}

/// Writes messages into a folder; their ids there.
pub async fn write_all(target: &mut dyn Target, folder: &Folder, messages: &[Vec<u8>]) -> Vec<Option<u32>> {
    let mut writer = target.writer(folder, Batching::Free).await.unwrap();
    let mut receipts = Vec::new();
    for (index, message) in messages.iter().enumerate() {
        let flags: &[&str] = if index % 3 == 0 { &["\\Seen", "$Work"] } else { &[] };
        let number = index as u32 + 1;
        writer.write(&mut pieces(number, flags, 1_700_000_000 + i64::from(number), message)).await.unwrap();
        receipts.extend(writer.receipts());
    }
    receipts.extend(writer.finish().await.unwrap());
    stored(&receipts)
}

/// How many round trips something took after sign-in.
pub fn round_trips(connector: &dyn Connector) -> u64 {
    connector.meter().read().round_trips
}

/// A name in modified UTF-7 as text (RFC 3501 §5.1.3), written by the RFC's text.
pub fn decoded(name: &str) -> String {
    const ALPHABET: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+,";
    let mut text = String::new();
    let mut rest = name;
    while let Some((plain, shifted)) = rest.split_once('&') {
        text.push_str(plain);
        let (shifted, after) = shifted.split_once('-').unwrap();
        rest = after;
        if shifted.is_empty() {
            text.push('&');
            continue;
        }
        let (mut bits, mut count, mut units) = (0_u32, 0, Vec::new());
        for c in shifted.chars() {
            bits = bits << 6 | ALPHABET.find(c).unwrap() as u32;
            count += 6;
            if count >= 16 {
                count -= 16;
                units.push((bits >> count) as u16);
                bits &= (1 << count) - 1;
            }
        }
        text.push_str(&String::from_utf16(&units).unwrap());
    }
    text.push_str(rest);
    text
}
