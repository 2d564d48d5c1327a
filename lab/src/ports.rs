//! Which ports are free, and stay free while a server is down for a moment?

use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use crate::error::{LabError, Result};
use crate::files;

/// Below the range from which Linux takes the ports of outgoing connections (32768 on).
const FIRST: u16 = 12_000;
const LAST: u16 = 31_999;

static NEXT: AtomicU32 = AtomicU32::new(0);

/// A port on 127.0.0.1 that no other laboratory of this user takes while this value lives, so that a
/// server finds its own port again after a restart.
#[derive(Debug)]
pub(crate) struct Port {
    pub(crate) number: u16,
    _reserved: File,
}

impl Port {
    /// Reserves any free port. `folder` holds one lock file a port.
    pub(crate) fn reserve(folder: &Path) -> Result<Port> {
        files::create_dir(folder)?;
        let span = u32::from(LAST - FIRST) + 1;
        // Laboratories started at once begin their search in different places.
        let offset = std::process::id().wrapping_mul(97);
        for _ in 0..span {
            let step = NEXT.fetch_add(1, Ordering::Relaxed);
            let number = FIRST + u16::try_from(offset.wrapping_add(step) % span).unwrap_or(0);
            if let Some(port) = Port::try_reserve(folder, number)? {
                return Ok(port);
            }
        }
        Err(LabError::NoPort { first: FIRST, last: LAST })
    }

    /// Reserves this very port, if it is free.
    pub(crate) fn try_reserve(folder: &Path, number: u16) -> Result<Option<Port>> {
        files::create_dir(folder)?;
        let path = folder.join(number.to_string());
        let lock = File::create(&path).map_err(LabError::file("create", &path))?;
        if lock.try_lock().is_err() {
            return Ok(None);
        }
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, number)).is_ok();
        Ok(free.then_some(Port { number, _reserved: lock }))
    }
}
