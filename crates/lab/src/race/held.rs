//! Shared by both servers: the result of a refresh, and how two callers are held.

use std::sync::Arc;

use tokio::sync::{Barrier, Semaphore};

use super::Party;

/// The tokens from a refresh or a login.
#[derive(Clone)]
pub(super) struct Tokens {
    pub(super) access: String,
    pub(super) refresh: String,
}

/// A server's reply to a refresh.
pub(super) enum RefreshReply {
    Given(Tokens),
    Reused,
    Closed,
}

/// One of two callers, held between reading and writing until both have read. Then the first caller writes first.
#[derive(Clone)]
pub(super) struct Held {
    who: Party,
    both_have_read: Arc<Barrier>,
    first_has_written: Arc<Semaphore>,
}

impl Held {
    pub(super) fn two() -> [Self; 2] {
        let first = Self {
            who: Party::First,
            both_have_read: Arc::new(Barrier::new(2)),
            first_has_written: Arc::new(Semaphore::new(0)),
        };
        let second = Self {
            who: Party::Second,
            ..first.clone()
        };
        [first, second]
    }

    pub(super) async fn has_read(&self) {
        self.both_have_read.wait().await;
    }

    pub(super) async fn may_write(&self) {
        if self.who == Party::Second {
            // It is never closed.
            let _ = self.first_has_written.acquire().await;
        }
    }

    pub(super) fn has_written(&self) {
        if self.who == Party::First {
            self.first_has_written.add_permits(1);
        }
    }
}
