//! Operations that were dropped before they ended.

use std::{
    mem,
    pin::pin,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::time::Instant;

/// Whether an attempt was dropped lately before it had ended: then a connection may be given back in the middle of an
/// operation. Which one is unknown, so all that are given back in the next minute, and at least the next
/// [`CHECKED`](Self::CHECKED), are suspect. A connection is given back by a task that begins when the attempt is dropped,
/// so it is among the first of them.
#[derive(Debug, Clone, Default)]
pub(super) struct Abandoned(Arc<Mutex<Option<Suspicion>>>);

#[derive(Debug)]
#[cfg_attr(
    not(feature = "postgres"),
    expect(dead_code, reason = "the connections of SQLite are checked by sqlx")
)]
struct Suspicion {
    until: Instant,
    releases: u32,
}

impl Abandoned {
    const CHECKED: u32 = 1_000;
    const CHECKED_FOR: Duration = Duration::from_secs(60);

    /// Waits for an operation. If this is dropped before it has ended, connections become suspect.
    pub(super) async fn watching<T>(&self, operation: impl Future<Output = T>) -> T {
        let mut operation = pin!(operation);
        // Declared after it, so dropped before it: the connection is given back when this is known.
        let unfinished = Unfinished(self);
        let outcome = operation.as_mut().await;
        mem::forget(unfinished);
        outcome
    }

    /// Whether a connection that is given back now has to be checked.
    #[cfg(feature = "postgres")]
    pub(super) fn suspects_a_release(&self) -> bool {
        let mut suspicion = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(lasting) = suspicion.as_mut() {
            lasting.releases = lasting.releases.saturating_sub(1);
        }
        let over = suspicion.take_if(|lasting| lasting.releases == 0 && lasting.until < Instant::now());
        suspicion.is_some() || over.is_some()
    }
}

/// An operation that has not ended.
struct Unfinished<'a>(&'a Abandoned);

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(Suspicion {
            until: Instant::now() + Abandoned::CHECKED_FOR,
            releases: Abandoned::CHECKED,
        });
    }
}
