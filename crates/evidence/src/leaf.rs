//! A row as bytes that depend on nothing else in the file: what the Merkle tree is built over.

use limosa_model::{Approval, InternalDate, MessageId};

use crate::row::{FolderTotal, LeftBehind, Record, Row};
use crate::wire::{put_number, put_signed, put_text};

/// The kind of a row: the low four bits of its first byte.
pub(crate) const CONTEXT: u8 = 1;
pub(crate) const MESSAGE: u8 = 2;
pub(crate) const EXCEPTION: u8 = 3;
pub(crate) const FOLDER: u8 = 4;

/// What a message has: the high four bits of its first byte.
pub(crate) const SOURCE_KEY: u8 = 0x10;
pub(crate) const TARGET_KEY: u8 = 0x20;
pub(crate) const DATED: u8 = 0x40;
pub(crate) const NAMED: u8 = 0x80;

/// The first byte of a message's row and leaf.
pub(crate) fn message_tag(record: &Record) -> u8 {
    let bit = |set: bool, bit: u8| if set { bit } else { 0 };
    MESSAGE
        | bit(matches!(record.source_id, MessageId::Key(_)), SOURCE_KEY)
        | bit(matches!(record.target_id, MessageId::Key(_)), TARGET_KEY)
        | bit(record.internal_date.is_some(), DATED)
        | bit(record.message_id.is_some(), NAMED)
}

impl Row {
    /// The row's leaf.
    pub fn leaf(&self) -> Vec<u8> {
        let mut leaf = Vec::with_capacity(160);
        match self {
            Self::Message(record) => put_message(record, &mut leaf),
            Self::Exception(left) => put_exception(left, &mut leaf),
            Self::Folder(total) => put_total(total, &mut leaf),
        }
        leaf
    }
}

pub(crate) fn put_message(record: &Record, leaf: &mut Vec<u8>) {
    leaf.push(message_tag(record));
    put_text(&record.folder.source.to_string(), leaf);
    put_text(&record.folder.target.to_string(), leaf);
    for id in [&record.source_id, &record.target_id] {
        match id {
            MessageId::Uid(uid) => put_number(u64::from(*uid), leaf),
            MessageId::Key(key) => put_text(key, leaf),
        }
    }
    if let Some(date) = record.internal_date {
        put_date(date, leaf);
    }
    put_number(record.size, leaf);
    leaf.extend_from_slice(&record.digest.0);
    if let Some(hash) = record.message_id {
        leaf.extend_from_slice(&hash.0);
    }
    put_flags(record, leaf);
}

/// The number of names, then each.
pub(crate) fn put_flags(record: &Record, into: &mut Vec<u8>) {
    put_number(record.flags.names().count() as u64, into);
    record.flags.names().for_each(|name| put_text(name, into));
}

pub(crate) fn put_date(date: InternalDate, into: &mut Vec<u8>) {
    put_signed(date.seconds, into);
    put_signed(date.offset_minutes.into(), into);
}

pub(crate) fn put_exception(left: &LeftBehind, leaf: &mut Vec<u8>) {
    leaf.push(EXCEPTION);
    put_text(&left.folder.to_string(), leaf);
    match &left.id {
        MessageId::Uid(uid) => {
            leaf.push(0);
            put_number(u64::from(*uid), leaf);
        }
        MessageId::Key(key) => {
            leaf.push(1);
            put_text(key, leaf);
        }
    }
    put_optional(left.message_id.as_deref(), leaf, put_text);
    put_optional(left.subject.as_deref(), leaf, put_text);
    put_optional(left.internal_date, leaf, put_date);
    put_optional(left.size, leaf, put_number);
    put_text(&left.code, leaf);
    put_text(&left.reason, leaf);
    put_optional(left.approval.as_ref(), leaf, |approval: &Approval, leaf: &mut Vec<u8>| {
        put_text(&approval.by, leaf);
        put_text(&approval.because, leaf);
        put_signed(approval.at, leaf);
    });
}

/// A byte 0 for nothing; a byte 1 and the value.
fn put_optional<T>(value: Option<T>, into: &mut Vec<u8>, put: impl Fn(T, &mut Vec<u8>)) {
    into.push(value.is_some().into());
    if let Some(value) = value {
        put(value, into);
    }
}

pub(crate) fn put_total(total: &FolderTotal, leaf: &mut Vec<u8>) {
    leaf.push(FOLDER);
    put_text(&total.folder.source.to_string(), leaf);
    put_text(&total.folder.target.to_string(), leaf);
    put_number(total.messages, leaf);
    put_number(total.bytes, leaf);
}
