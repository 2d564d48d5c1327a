//! How fast does a server give its mail? Each connection fetches its part of every folder, and drops it.

use std::io::Result;
use std::net::SocketAddr;

use super::connection::Connection;
use super::{Moved, Work};

pub(super) fn prepare((server, user): &(SocketAddr, String), connections: usize) -> Result<Vec<Work>> {
    let folders = Connection::open(*server, user)?.folders()?;
    (0..connections)
        .map(|part| {
            let mut connection = Connection::open(*server, user)?;
            let folders = folders.clone();
            let work: Work = Box::new(move |start| {
                start.wait();
                let mut moved = Moved::default();
                for (name, count) in folders {
                    // Numbers from 1; the parts differ in length by one at most.
                    let (first, last) = (count * part / connections + 1, count * (part + 1) / connections);
                    if first > last {
                        continue;
                    }
                    connection.command(&format!("EXAMINE {name}"))?;
                    let fetched =
                        connection.command(&format!("FETCH {first}:{last} (UID FLAGS INTERNALDATE BODY.PEEK[])"))?;
                    moved.messages += fetched.messages;
                    moved.bytes += fetched.bytes;
                }
                Ok(moved)
            });
            Ok(work)
        })
        .collect()
}
