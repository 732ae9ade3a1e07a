//! How many of these tests run at once: each starts two to five servers, and they measure response times.

use tokio::sync::{Semaphore, SemaphorePermit};

const AT_ONCE: u32 = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// Waits for this test's turn, which ends when the result is dropped.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    TURNS.acquire().await.unwrap()
}

/// The same, for a test that wants the machine for itself: no other of these runs beside it.
pub(crate) async fn alone() -> SemaphorePermit<'static> {
    TURNS.acquire_many(AT_ONCE).await.unwrap()
}
