//! Stores that fail or hang on demand.

use std::{
    ops::Deref,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
};

use jiff::Timestamp;
use rescind_session::{
    Clock, ClockNotReady, ManualClock,
    decorate::{Answer, Around, Call, Reply},
    ports::{LockLost, Rotated, StoreError},
};

/// What a store does instead of answering.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Fault {
    #[default]
    None,
    /// Everything fails.
    Fails,
    /// Nothing is ever answered.
    Hangs,
    /// Everything is answered, within the store timeout, but only once in it.
    Slow,
    /// Closing a session fails; everything else works.
    FailsToClose,
    /// It is behind the lock on the database, and that may be lost.
    LosesTheLock,
}

/// A store with a fault that can be switched on.
pub(crate) struct Faulty<Store: ?Sized> {
    fault: Mutex<Fault>,
    lost_rotations: AtomicUsize,
    calls: AtomicUsize,
    store: Arc<Store>,
}

impl<Store: ?Sized> Faulty<Store> {
    pub(crate) fn around(store: Arc<Store>) -> Self {
        Self {
            store,
            fault: Mutex::default(),
            lost_rotations: AtomicUsize::default(),
            calls: AtomicUsize::default(),
        }
    }

    pub(crate) fn now(&self, fault: Fault) {
        *self.lock() = fault;
    }

    /// How often the store was called.
    pub(crate) fn calls(&self) -> usize {
        self.calls.load(Ordering::SeqCst)
    }

    /// How many refreshes had read the row before another wrote it.
    pub(crate) fn lost_rotations(&self) -> usize {
        self.lost_rotations.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What must not be seen outside.
pub(crate) const INTERNAL: &str = "disk sda1 at db-7.internal is on fire";

fn broken() -> StoreError {
    StoreError::unavailable(INTERNAL)
}

impl<Store: ?Sized + Send + Sync> Around<Store> for Faulty<Store> {
    fn inner(&self) -> impl Deref<Target = Store> + Send + Sync {
        &*self.store
    }

    async fn around<T: Answer>(
        &self,
        call: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        let fault = *self.lock();
        match fault {
            Fault::FailsToClose if matches!(call, Call::Close(..) | Call::CloseAll(..) | Call::Insert(_)) => {
                return Err(broken());
            }
            Fault::None | Fault::FailsToClose => {}
            Fault::Fails => return Err(broken()),
            Fault::LosesTheLock => return Err(StoreError::unavailable(LockLost)),
            Fault::Hangs => std::future::pending().await,
            Fault::Slow => tokio::time::sleep(std::time::Duration::from_millis(300)).await,
        }
        let mut answer = next.await?;
        if let Reply::Rotated(Rotated::Lost) = answer.reply() {
            self.lost_rotations.fetch_add(1, Ordering::SeqCst);
        }
        Ok(answer)
    }

    fn shared(&self, _: bool) -> bool {
        true
    }
}

impl Clock for Faulty<ManualClock> {
    fn now(&self) -> Result<Timestamp, ClockNotReady> {
        match *self.lock() {
            Fault::None => self.store.now(),
            _ => Err(ClockNotReady::NotAnchored),
        }
    }
}
