//! Both sides of a pair, and the connections to them.

use limosa_model::{ConnectorError, Mailbox, Target};
use serde::Serialize;

/// An error, and the side it came from.
pub type SideError = (Side, ConnectorError);

/// One of a pair's sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Where mail comes from.
    Source,
    /// Where it goes to.
    Target,
}

/// A connection to each side: the main ones of a pass, or a further lane's.
pub struct Sessions {
    /// To the source.
    pub source: Box<dyn Mailbox>,
    /// To the target.
    pub target: Box<dyn Target>,
}

impl Sessions {
    /// Ends both connections politely.
    pub async fn close(self) {
        tokio::join!(self.source.close(), self.target.close());
    }
}
