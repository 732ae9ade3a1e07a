//! The real cause of an error, hidden from the client.

use std::{error::Error, sync::Arc};

use rescind_session::ErrorChain;

/// The cause of a server-side problem. It goes to the log and never into a reply.
///
/// `Display` writes the error and its causes in one line.
#[derive(Clone, derive_more::Debug, derive_more::Display)]
#[debug("{_0:?}")]
#[display("{}", ErrorChain(self.error()))]
pub struct Hidden(Arc<dyn Error + Send + Sync>);

impl Hidden {
    pub(crate) fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }

    /// The error, for the log.
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }
}

/// Of a problem that is only described.
#[cfg(feature = "openapi")]
impl Default for Hidden {
    fn default() -> Self {
        Self::new("none")
    }
}
