//! A blacklist with faults: the real one in memory, which can be made slow or silent.

use std::{
    ops::Deref,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use rescind_session::{
    decorate::{Answer, Around, Call},
    memory::MemoryBlacklist,
    ports::{Blacklist, StoreError},
};

/// The delay of a slow blacklist; less than the store timeout.
pub(crate) const SLOW: Duration = Duration::from_millis(20);

/// When a call to a silent blacklist ends; much longer than the store timeout.
const SILENT: Duration = Duration::from_secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum BlacklistFault {
    /// It answers at once.
    #[default]
    None,
    /// It answers late, but in time.
    Slow,
    /// It does not answer.
    Stopped,
}

#[derive(Default)]
pub(crate) struct FaultyBlacklist {
    inner: MemoryBlacklist,
    fault: Mutex<BlacklistFault>,
}

impl FaultyBlacklist {
    pub(crate) fn fault(&self) -> BlacklistFault {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_fault(&self, fault: BlacklistFault) {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// The blacklist without its fault, for snapshots.
    pub(crate) fn inner(&self) -> &MemoryBlacklist {
        &self.inner
    }
}

impl Around<dyn Blacklist> for FaultyBlacklist {
    fn inner(&self) -> impl Deref<Target = dyn Blacklist> + Send + Sync {
        &self.inner as &dyn Blacklist
    }

    async fn around<T: Answer>(
        &self,
        _: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        match self.fault() {
            BlacklistFault::None => {}
            BlacklistFault::Slow => tokio::time::sleep(SLOW).await,
            // The caller has timed out long before. But writes are never dropped: they must end, or they would keep an
            // abandoned sandbox in memory.
            BlacklistFault::Stopped => {
                tokio::time::sleep(SILENT).await;
                return Err(StoreError::unavailable("the blacklist does not answer"));
            }
        }
        next.await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_silent_blacklist_ends() {
        let blacklist = FaultyBlacklist::default();
        blacklist.set_fault(BlacklistFault::Stopped);
        let outcome = tokio::time::timeout(2 * SILENT, blacklist.insert(&[])).await;
        assert!(matches!(outcome, Ok(Err(StoreError::Unavailable(_)))), "{outcome:?}");
    }
}
