//! What really happened, kept from the client.

use std::{error::Error, fmt, sync::Arc};

use rescind_session::WithCauses;

/// The cause of a problem that is the server's own. It goes to the log and never into a reply.
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

/// The error and what caused it, in one line: what a log keeps.
impl fmt::Display for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WithCauses(self.error()).fmt(f)
    }
}

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}
