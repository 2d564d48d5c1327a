//! One connection to a memory server, as a mailbox that is read.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use limosa_model::mailbox::{Basis, Cursor, Detail, Fetch, Limits, Page, Result};
use limosa_model::message::HeaderItem;
use limosa_model::{ConnectorError, ErrorKind, Folder, IdList, Item, Mailbox, Meter, Retry, Scope, Survey, Watermark};

use super::fetch::MemoryFetch;
use super::state::{Position, State};
use super::traits::{Changes, Ids};
use super::{Cut, Faults, MemoryServer};

/// A header longer than this is cut.
const HEADER_LIMIT: usize = 1024 * 1024;

/// Most messages in one call for headers.
const HEADERS_PER_CALL: u64 = 1000;

/// One signed-in connection.
pub(super) struct MemoryConnection {
    pub server: MemoryServer,
    label: Arc<str>,
    pub faults: Faults,
    pub meter: Meter,
    open: Arc<AtomicUsize>,
    dead: bool,
    listings: HashMap<u64, Listing>,
    next_listing: u64,
}

/// A listing as it was when it began: later pages do not see what happens meanwhile.
struct Listing {
    basis: Basis,
    items: Vec<Item>,
    vanished: IdList,
    watermark: Watermark,
}

/// What a connection's owner sees of a cut.
pub(super) fn cut_error(cut: &Cut) -> ConnectorError {
    ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ConnectionLost, cut.to_string())
}

impl MemoryConnection {
    pub fn new(server: MemoryServer, label: Arc<str>, faults: Faults, meter: Meter, open: Arc<AtomicUsize>) -> Self {
        Self { server, label, faults, meter, open, dead: false, listings: HashMap::new(), next_listing: 0 }
    }

    /// Nothing more comes over this connection.
    pub fn die(&mut self) {
        self.dead = true;
    }

    /// One step: `act` on the server, with the faults before and after it.
    pub async fn step<T: Send>(
        &mut self,
        name: &'static str,
        act: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        if self.dead {
            let what = "the connection was lost before";
            return Err(ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::ConnectionLost, what));
        }
        // A step that is dropped half-way leaves the connection in an unknown state, as a real one would be.
        self.dead = true;
        let label = self.label.clone();
        let step = self.faults.before(&label, name).await.map_err(|cut| cut_error(&cut))?;
        let answer = act(&mut self.server.lock());
        self.faults.after(step).await.map_err(|cut| cut_error(&cut))?;
        self.dead = false;
        answer
    }

    /// A step that waits for an answer of its own.
    pub async fn call<T: Send>(
        &mut self,
        name: &'static str,
        act: impl FnOnce(&mut State) -> Result<T> + Send,
    ) -> Result<T> {
        self.meter.round_trip();
        self.step(name, act).await
    }

    fn page(&mut self, number: u64, offset: usize, size: usize) -> Result<Page> {
        let Some(listing) = self.listings.get_mut(&number) else {
            let what = "a cursor that this connection did not give";
            return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Usage, what));
        };
        let rest = listing.items.get(offset..).unwrap_or_default();
        let present = rest[..rest.len().min(size)].to_vec();
        let end = offset + present.len();
        self.server.lock().told.listed += present.len() as u64;
        let last = end == listing.items.len();
        let page = Page {
            basis: listing.basis,
            present,
            vanished: if offset == 0 { listing.vanished.clone() } else { IdList::new() },
            next: (!last).then(|| Cursor(format!("{number}:{end}"))),
            watermark: last.then(|| listing.watermark.clone()),
        };
        if last {
            self.listings.remove(&number);
        }
        Ok(page)
    }
}

impl Drop for MemoryConnection {
    fn drop(&mut self) {
        self.open.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The header block and the empty line after it; the whole message where there is no empty line.
fn header_block(message: &Bytes) -> Bytes {
    let mut end = 0;
    while let Some(length) = message[end..].iter().position(|byte| *byte == b'\n') {
        let line = &message[end..end + length];
        end += length + 1;
        if line.is_empty() || line == b"\r" {
            return message.slice(..end.min(HEADER_LIMIT));
        }
    }
    message.slice(..message.len().min(HEADER_LIMIT))
}

fn list(state: &mut State, folder: &Folder, since: Option<&Watermark>, detail: Detail) -> Result<Listing> {
    let (ids, changes) = (state.traits.ids, state.traits.changes);
    let size_error = state.traits.listed_size_error;
    let data = state.folder(&folder.path)?;
    let since = since.map(Position::read);
    let (basis, from) = match since {
        None => (Basis::Full, 0),
        Some(Some(position)) if position.validity == data.validity => match changes {
            Changes::Delta if position.changes >= data.history_from => (Basis::Delta, position.changes),
            _ => (Basis::Full, 0),
        },
        Some(_) => (Basis::Renumbered, 0),
    };
    let metadata = detail == Detail::Metadata;
    let mut items: Vec<Item> = data
        .messages
        .iter()
        .filter(|(_, message)| message.changed > from)
        .map(|(uid, message)| Item {
            id: data.id(ids, *uid),
            flags: message.flags.clone(),
            size: metadata.then(|| (message.bytes.len() as u64).saturating_add_signed(size_error)),
            internal_date: metadata.then_some(message.date),
        })
        .collect();
    if ids == Ids::Keys {
        items.sort_by(|a, b| a.id.cmp(&b.id));
    }
    let vanished = match basis {
        Basis::Delta => data.vanished.iter().filter(|(at, _)| *at > from).map(|(_, id)| id.clone()).collect(),
        _ => IdList::new(),
    };
    Ok(Listing { basis, items, vanished, watermark: data.watermark(changes) })
}

fn survey(state: &State, everything: bool) -> Survey {
    let traits = &state.traits;
    let mut folders: Vec<Folder> = state.folders.keys().filter_map(|path| state.describe(path)).collect();
    if everything {
        for folder in &mut folders {
            let bytes = state.folders[&folder.path].messages.values().map(|message| message.bytes.len() as u64).sum();
            if let Some(known) = &mut folder.state {
                known.bytes = Some(bytes);
            }
        }
    }
    Survey {
        folders,
        server: "memory".into(),
        capabilities: Vec::new(),
        used: Vec::new(),
        quirks: Vec::new(),
        limits: Limits {
            message_bytes: traits.message_bytes,
            room_bytes: traits.quota.filter(|_| everything).map(|quota| quota.saturating_sub(state.bytes)),
            case_insensitive_folders: traits.case_insensitive_folders,
            flat_inbox: traits.flat_inbox,
            no_keywords: !traits.permanent_flags.new_keywords && traits.permanent_flags.keywords.is_empty(),
            ..Limits::default()
        },
    }
}

#[async_trait]
impl Mailbox for MemoryConnection {
    async fn survey(&mut self) -> Result<Survey> {
        self.call("survey", |state| Ok(survey(state, false))).await
    }

    async fn identify(&mut self, folders: &mut [Folder]) -> Result<()> {
        let traits = self.server.traits();
        if !traits.object_ids || traits.surveys_object_ids {
            return Ok(());
        }
        self.call("identify", |state| {
            for folder in folders {
                folder.object_id = state.object_id(&folder.path);
            }
            Ok(())
        })
        .await
    }

    async fn check(&mut self) -> Result<Survey> {
        self.call("check", |state| Ok(survey(state, true))).await
    }

    async fn changes(
        &mut self,
        folder: &Folder,
        since: Option<&Watermark>,
        detail: Detail,
        after: Option<&Cursor>,
    ) -> Result<Page> {
        let listing = match after {
            None => Some(self.call("changes", |state| list(state, folder, since, detail)).await?),
            Some(_) => self.call("changes", |_| Ok(None)).await?,
        };
        let size = self.server.traits().page.max(1);
        if let Some(listing) = listing {
            let number = self.next_listing;
            self.next_listing += 1;
            self.listings.insert(number, listing);
            return self.page(number, 0, size);
        }
        let cursor = after.and_then(|cursor| cursor.0.split_once(':'));
        let (number, offset) = cursor.unwrap_or_default();
        self.page(number.parse().unwrap_or(u64::MAX), offset.parse().unwrap_or(0), size)
    }

    async fn arrivals(&mut self, folder: &Folder, since: Option<&Watermark>) -> Result<IdList> {
        self.call("arrivals", |state| {
            let (ids, changes) = (state.traits.ids, state.traits.changes);
            let data = state.open(folder)?;
            let position = since.and_then(Position::read).filter(|position| position.validity == data.validity);
            let first = match position {
                Some(position) if changes != Changes::Full => position.next_uid,
                _ => 1,
            };
            let arrivals: IdList = data.messages.range(first..).map(|(uid, _)| data.id(ids, *uid)).collect();
            state.told.arrivals += arrivals.len();
            Ok(arrivals)
        })
        .await
    }

    async fn headers(&mut self, folder: &Folder, ids: &IdList) -> Result<Vec<HeaderItem>> {
        if ids.len() > HEADERS_PER_CALL {
            let what = format!("headers of {} messages in one call", ids.len());
            return Err(ConnectorError::new(Scope::Folder, Retry::Never, ErrorKind::Usage, what));
        }
        self.call("headers", |state| {
            let kind = state.traits.ids;
            let uids = state.open(folder)?.find_all(kind, ids);
            let mut items = Vec::new();
            for uid in uids {
                let data = state.open(folder)?;
                let id = data.id(kind, uid);
                let Some(message) = data.messages.get(&uid) else { continue };
                let (bytes, flags, date) = (message.bytes.clone(), message.flags.clone(), message.date);
                items.push(HeaderItem {
                    id,
                    flags,
                    size: state.listed_size(&bytes),
                    internal_date: Some(date),
                    header: header_block(&bytes),
                });
            }
            state.told.headers += items.len() as u64;
            Ok(items)
        })
        .await
    }

    async fn fetch<'a>(&'a mut self, folder: &Folder, ids: &IdList) -> Result<Box<dyn Fetch + 'a>> {
        self.call("fetch", |state| state.open(folder).map(drop)).await?;
        Ok(Box::new(MemoryFetch::new(self, folder.path.clone(), ids)))
    }

    async fn close(self: Box<Self>) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_ends_after_its_empty_line() {
        for (message, header) in [
            ("A: b\r\nC: d\r\n\r\nbody\r\n\r\n", "A: b\r\nC: d\r\n\r\n"),
            ("A: b\n\nbody", "A: b\n\n"),
            ("\r\nbody", "\r\n"),
            ("A: b\r\nno end", "A: b\r\nno end"),
            ("A: b\r\n", "A: b\r\n"),
            ("x", "x"),
            ("", ""),
        ] {
            assert_eq!(header_block(&Bytes::from(message)), header.as_bytes(), "{message:?}");
        }
    }
}
