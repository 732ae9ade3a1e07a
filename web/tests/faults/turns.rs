//! How many of these tests run at once: each starts two to five servers, and they measure how soon something is answered.

use tokio::sync::{Semaphore, SemaphorePermit};

const AT_ONCE: u32 = 2;
static TURNS: Semaphore = Semaphore::const_new(AT_ONCE as usize);

/// Waits until it is this test's turn; its turn ends with what is returned.
pub(crate) async fn turn() -> SemaphorePermit<'static> {
    TURNS.acquire().await.unwrap()
}

/// The same, for a test that wants the machine for itself: no other of these runs beside it.
pub(crate) async fn alone() -> SemaphorePermit<'static> {
    TURNS.acquire_many(AT_ONCE).await.unwrap()
}
