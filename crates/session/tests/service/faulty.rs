//! The memory adapters with injected faults.

use std::{
    collections::HashMap,
    future::{Future, pending},
    ops::Deref,
    sync::{Arc, Mutex},
};

use rescind_session::{
    LogId, Session,
    decorate::{Answer, Around, Call, Reply},
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{Blacklist, Epoch, LockLost, Opened, SessionStore, StoreError, UserStore},
    token::{SessionId, UserId},
};
use tokio::sync::Semaphore;

/// A fault of one method.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It fails and has no effect.
    Fails,
    /// It fails, since the lock on the database may be lost.
    LosesLock,
    /// It has its effect and fails: the reply was lost.
    LosesReply,
    /// It never answers.
    Hangs,
    /// It panics.
    Panics,
    /// It reports that it began, and waits until the test releases it.
    Waits(Gate),
}

/// Where a call waits until a test releases it.
#[derive(Clone)]
pub(crate) struct Gate {
    arrived: Arc<Semaphore>,
    open: Arc<Semaphore>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self {
            arrived: Arc::new(Semaphore::new(0)),
            open: Arc::new(Semaphore::new(0)),
        }
    }
    /// Returns when a call has arrived.
    pub(crate) async fn arrival(&self) {
        self.arrived.acquire().await.unwrap().forget();
    }
    /// Releases one call.
    pub(crate) fn let_go(&self) {
        self.open.add_permits(1);
    }
}

#[derive(Default)]
pub(crate) struct Faults(Mutex<HashMap<&'static str, Fault>>);

impl Faults {
    pub(crate) fn set(&self, method: &'static str, fault: Fault) {
        self.0.lock().unwrap().insert(method, fault);
    }
    pub(crate) fn clear(&self) {
        self.0.lock().unwrap().clear();
    }
    async fn around<T>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        // A fault of a method also applies to the methods that do the same at another position of the log.
        let method = match call {
            Call::Snapshot(_) => "log",
            Call::Advance(..) => "insert",
            Call::CompleteTo(_) => "complete",
            _ => call.method(),
        };
        let fault = self.0.lock().unwrap().get(method).cloned();
        match fault {
            None => {
                // No store answers at once, and a deadline that has passed must not be hidden by one that does.
                tokio::task::yield_now().await;
                next.await
            }
            Some(Fault::Fails) => Err(StoreError::unavailable("the store was told to fail")),
            Some(Fault::LosesLock) => Err(StoreError::unavailable(LockLost)),
            Some(Fault::LosesReply) => {
                let _ = next.await?;
                Err(StoreError::unavailable("the reply was lost"))
            }
            Some(Fault::Hangs) => pending().await,
            Some(Fault::Panics) => panic!("the store was told to panic"),
            Some(Fault::Waits(gate)) => {
                gate.arrived.add_permits(1);
                gate.open.acquire().await.unwrap().forget();
                next.await
            }
        }
    }
}

#[derive(Default)]
pub(crate) struct FaultySessions {
    inner: Mutex<Arc<MemorySessions>>,
    opened_under: Mutex<HashMap<SessionId, Epoch>>,
    another_log: Mutex<Option<LogId>>,
    pub(crate) faults: Faults,
}

impl FaultySessions {
    /// The epoch that a session was opened under.
    pub(crate) fn opened_under(&self, id: SessionId) -> Epoch {
        self.opened_under.lock().unwrap()[&id]
    }

    /// How many sessions were opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened_under.lock().unwrap().len()
    }

    /// Simulates a restore that began another log.
    pub(crate) fn begin_log(&self, log: LogId) {
        *self.another_log.lock().unwrap() = Some(log);
    }

    /// Simulates a restore from a backup with this one row.
    pub(crate) async fn restore(&self, row: &Session) {
        let restored = MemorySessions::new();
        assert_eq!(restored.open(row, Epoch::FIRST).await.unwrap(), Opened::Opened);
        *self.inner.lock().unwrap() = Arc::new(restored);
    }
}

impl Around<dyn SessionStore> for FaultySessions {
    fn inner(&self) -> impl Deref<Target = dyn SessionStore> + Send + Sync {
        self.inner.lock().unwrap().clone() as Arc<dyn SessionStore>
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        if let Call::Open(session, epoch) = call {
            self.opened_under.lock().unwrap().insert(session.id, epoch);
        }
        let mut answer = self.faults.around(call, next).await?;
        if let Some(another) = *self.another_log.lock().unwrap() {
            match answer.reply() {
                Reply::LogId(log) => *log = another,
                Reply::LogSnapshot(sight) => sight.log = another,
                _ => {}
            }
        }
        Ok(answer)
    }
}

#[derive(Default)]
pub(crate) struct FaultyBlacklist {
    pub(crate) inner: MemoryBlacklist,
    pub(crate) faults: Faults,
}

impl Around<dyn Blacklist> for FaultyBlacklist {
    fn inner(&self) -> impl Deref<Target = dyn Blacklist> + Send + Sync {
        &self.inner as &dyn Blacklist
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.faults.around(call, next).await
    }

    fn shared(&self, _: bool) -> bool {
        true
    }
}

/// A user store from which one user can be removed.
#[derive(Default)]
pub(crate) struct FaultyUsers {
    inner: MemoryUsers,
    gone: Mutex<Vec<UserId>>,
    pub(crate) faults: Faults,
}

impl FaultyUsers {
    /// Removes a user's row.
    pub(crate) fn remove(&self, id: &UserId) {
        self.gone.lock().unwrap().push(id.clone());
    }

    fn is_gone(&self, id: &UserId) -> bool {
        self.gone.lock().unwrap().contains(id)
    }
}

impl Around<dyn UserStore> for FaultyUsers {
    fn inner(&self) -> impl Deref<Target = dyn UserStore> + Send + Sync {
        &self.inner as &dyn UserStore
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        let mut answer = self.faults.around(call, next).await?;
        match answer.reply() {
            Reply::User(found) => drop(found.take_if(|user| self.is_gone(&user.id))),
            Reply::Credentials(found) => drop(found.take_if(|found| self.is_gone(&found.user.id))),
            _ => {}
        }
        Ok(answer)
    }
}
