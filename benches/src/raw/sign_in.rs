//! How many accounts can be signed in to? Both sides at the same time, as every copy has to.

use std::io::Result;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::connection::Connection;
use super::{Moved, Sides, Work};

/// So many threads take one pair after another.
pub(super) fn prepare(pairs: &[Sides], at_once: usize, list: bool) -> Vec<Work> {
    let pairs: Arc<[Sides]> = pairs.into();
    let next = Arc::new(AtomicUsize::new(0));
    (0..at_once)
        .map(|_| {
            let (pairs, next) = (Arc::clone(&pairs), Arc::clone(&next));
            let work: Work = Box::new(move |start| {
                start.wait();
                let mut moved = Moved::default();
                while let Some(pair) = pairs.get(next.fetch_add(1, Ordering::Relaxed)) {
                    std::thread::scope(|scope| {
                        let target = scope.spawn(|| visit(&pair.target, list));
                        visit(&pair.source, list)?;
                        target.join().map_err(|_| std::io::Error::other("a thread panicked"))?
                    })?;
                    moved.messages += 1;
                }
                Ok(moved)
            });
            work
        })
        .collect()
}

fn visit((server, user): &(SocketAddr, String), list: bool) -> Result<()> {
    let mut connection = Connection::open(*server, user)?;
    if list {
        connection.folders()?;
    }
    connection.command("LOGOUT").map(drop)
}
