//! A blacklist that answers only while the node holds the database lock.

use std::{ops::Deref, sync::Arc};

use rescind_session::{
    decorate::{Answer, Around, Call},
    ports::{Blacklist, LockLost, RevocationStatus, StoreError},
};

use super::{DatabaseLock, LockMode};

/// A blacklist behind the database lock: while the lock may be lost, every call is [`StoreError::Unavailable`], with
/// [`LockLost`] as its source.
///
/// The lock is checked *before* the blacklist. A check that then takes its time began while the node held the lock;
/// until then no other node could have confirmed a logout.
///
/// Behind its lock a blacklist [covers all nodes](Blacklist::covers_all_nodes) if they share it, or if the lock is exclusive.
///
/// **Before a regained lock counts**, the node's memory must be marked as out of date: see [`DatabaseLock::when_regained`].
pub struct LockedBlacklist {
    blacklist: Arc<dyn Blacklist>,
    database_lock: Arc<DatabaseLock>,
}

impl LockedBlacklist {
    /// Puts that blacklist behind that lock.
    pub fn new(blacklist: Arc<dyn Blacklist>, database_lock: Arc<DatabaseLock>) -> Self {
        Self {
            blacklist,
            database_lock,
        }
    }
}

impl Around<dyn Blacklist> for LockedBlacklist {
    fn inner(&self) -> impl Deref<Target = dyn Blacklist> + Send + Sync {
        &*self.blacklist
    }

    fn at_once(&self, inner: impl FnOnce() -> Option<RevocationStatus>) -> Option<RevocationStatus> {
        self.database_lock.holds().then(inner).flatten()
    }

    fn covering(&self, _: bool) -> bool {
        self.database_lock.lock_mode() == LockMode::Exclusive || self.blacklist.is_shared()
    }

    async fn around<T: Answer>(
        &self,
        _: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if self.database_lock.holds() {
            next.await
        } else {
            Err(StoreError::unavailable(LockLost))
        }
    }
}
