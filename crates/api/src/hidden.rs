//! The real cause of an error, hidden from the client.

use std::{error::Error, fmt, sync::Arc};

use rescind_session::ErrorChain;

/// The cause of a server-side problem. It goes to the log and never into a reply.
#[derive(Clone)]
pub struct Hidden(Arc<dyn Error + Send + Sync>);

impl Hidden {
    pub(crate) fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self(Arc::from(cause.into()))
    }

    /// The error, for the log.
    #[must_use]
    pub fn error(&self) -> &(dyn Error + 'static) {
        &*self.0
    }
}

/// The error and its causes, in one line, for the log.
impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        ErrorChain(self.error()).fmt(f)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
