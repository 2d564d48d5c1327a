//! The way to a memory server: opens connections, counts them.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use limosa_model::mailbox::Result;
use limosa_model::{Connector, ConnectorError, ErrorKind, Mailbox, Meter, Retry, Scope, Target};

use super::connection::{MemoryConnection, cut_error};
use super::{Faults, MemoryServer};

/// The way to one [`MemoryServer`].
#[derive(Clone)]
pub struct MemoryConnector {
    server: MemoryServer,
    label: Arc<str>,
    faults: Faults,
    meter: Meter,
    open: Arc<AtomicUsize>,
}

impl MemoryConnector {
    /// A way to this server without faults. The label names it in steps; its account is `memory:LABEL`.
    pub fn new(server: &MemoryServer, label: &str) -> Self {
        Self {
            server: server.clone(),
            label: label.into(),
            faults: Faults::none(),
            meter: Meter::default(),
            open: Arc::default(),
        }
    }

    /// The same with these faults, and counts of its own.
    #[must_use]
    pub fn with_faults(&self, faults: &Faults) -> Self {
        Self { faults: faults.clone(), meter: Meter::default(), open: Arc::default(), ..self.clone() }
    }

    /// The server.
    pub fn server(&self) -> &MemoryServer {
        &self.server
    }

    /// The steps taken so far, and where they are cut.
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open.load(Ordering::SeqCst)
    }

    async fn connect(&self) -> Result<MemoryConnection> {
        let step = self.faults.before(&self.label, "open").await.map_err(|cut| cut_error(&cut))?;
        self.meter.sign_in_round_trip();
        if self.open.fetch_add(1, Ordering::SeqCst) >= self.connections() {
            self.open.fetch_sub(1, Ordering::SeqCst);
            let what = format!("{} connections are open already", self.connections());
            return Err(ConnectorError::new(Scope::Connection, Retry::Now, ErrorKind::Throttled, what));
        }
        self.meter.connected();
        self.meter.answered(Duration::ZERO);
        // Made before the second moment, so that a cut there gives the connection back.
        let connection = MemoryConnection::new(
            self.server.clone(),
            self.label.clone(),
            self.faults.clone(),
            self.meter.clone(),
            self.open.clone(),
        );
        self.faults.after(step).await.map_err(|cut| cut_error(&cut))?;
        Ok(connection)
    }
}

#[async_trait]
impl Connector for MemoryConnector {
    fn account(&self) -> String {
        format!("memory:{}", self.label)
    }

    async fn open(&self) -> Result<Box<dyn Mailbox>> {
        Ok(Box::new(self.connect().await?))
    }

    async fn open_target(&self) -> Result<Box<dyn Target>> {
        Ok(Box::new(self.connect().await?))
    }

    fn meter(&self) -> &Meter {
        &self.meter
    }

    fn connections(&self) -> usize {
        self.server.traits().connections.max(1)
    }
}
