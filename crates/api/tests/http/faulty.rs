//! Stores that fail or hang when they are told to.

use std::sync::{
    Mutex, MutexGuard, PoisonError,
    atomic::{AtomicUsize, Ordering},
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    Clock, ClockNotReady, Credentials, LogId, ManualClock, NewUser, PasswordHash, Position, Revocation, Session, User,
    Username,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{
        Blacklist, Claim, Closed, Closing, Copied, Epoch, Filling, Inserted, Instants, LockLost, NewRevocation, Opened,
        PasswordSet, Pruned, Rotated, Rotation, SessionStore, Standing, StoreError, Tail, UserStore,
    },
    token::{SessionId, TokenId, UserId},
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

/// A store in memory with a fault that can be switched on.
#[derive(Default)]
pub(crate) struct Faulty<Store> {
    store: Store,
    fault: Mutex<Fault>,
    lost_rotations: AtomicUsize,
}

impl<Store> Faulty<Store> {
    pub(crate) fn around(store: Store) -> Self {
        Self {
            store,
            fault: Mutex::default(),
            lost_rotations: AtomicUsize::default(),
        }
    }

    pub(crate) fn now(&self, fault: Fault) {
        *self.lock() = fault;
    }

    /// How many refreshes had read the row before another wrote it.
    pub(crate) fn lost_rotations(&self) -> usize {
        self.lost_rotations.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Fault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn sound(&self) -> Result<&Store, StoreError> {
        let fault = *self.lock();
        match fault {
            Fault::None | Fault::FailsToClose => Ok(&self.store),
            Fault::Fails => Err(broken()),
            Fault::LosesTheLock => Err(StoreError::unavailable(LockLost)),
            Fault::Hangs => std::future::pending().await,
            Fault::Slow => {
                tokio::time::sleep(std::time::Duration::from_millis(300)).await;
                Ok(&self.store)
            }
        }
    }

    async fn sound_for_closing(&self) -> Result<&Store, StoreError> {
        if *self.lock() == Fault::FailsToClose {
            Err(broken())
        } else {
            self.sound().await
        }
    }
}

/// What must not be seen outside.
pub(crate) const INTERNAL: &str = "disk sda1 at db-7.internal is on fire";

fn broken() -> StoreError {
    StoreError::unavailable(INTERNAL)
}

#[async_trait]
impl SessionStore for Faulty<MemorySessions> {
    async fn epoch(&self, user: UserId) -> Result<Epoch, StoreError> {
        self.sound().await?.epoch(user).await
    }
    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        self.sound().await?.open(session, epoch).await
    }
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.sound().await?.find(id).await
    }
    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        let rotated = self.sound().await?.rotate(rotation).await?;
        self.lost_rotations
            .fetch_add(usize::from(rotated == Rotated::Lost), Ordering::SeqCst);
        Ok(rotated)
    }
    async fn list_open(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.sound().await?.list_open(user).await
    }
    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        self.sound_for_closing().await?.close(id, closing).await
    }
    async fn close_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.sound_for_closing().await?.close_all(user, except, closing).await
    }
    async fn revoke(&self, token: &NewRevocation) -> Result<Revocation, StoreError> {
        self.sound().await?.revoke(token).await
    }
    async fn log(&self) -> Result<LogId, StoreError> {
        self.sound().await?.log().await
    }
    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError> {
        self.sound().await?.revocations_after(position, limit).await
    }
    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.sound().await?.prune(now, sessions_before, limit).await
    }
    async fn instants(&self) -> Result<Instants, StoreError> {
        self.sound().await?.instants().await
    }
    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        self.sound().await?.raise_issue_floor(floor).await
    }
}

#[async_trait]
impl UserStore for Faulty<MemoryUsers> {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        self.sound().await?.find(id).await
    }
    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        self.sound().await?.credentials(username).await
    }
    async fn insert(&self, new: NewUser) -> Result<Inserted, StoreError> {
        self.sound().await?.insert(new).await
    }
    async fn set_password(&self, id: UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        self.sound().await?.set_password(id, password_hash).await
    }
}

#[async_trait]
impl Blacklist for Faulty<MemoryBlacklist> {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.sound_for_closing().await?.insert(revocations).await
    }
    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        self.sound().await?.check(token, session).await
    }
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.sound().await?.prune(now, limit).await
    }
    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        self.sound().await?.claim(claim).await
    }
    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        self.sound().await?.fill(claim, revocations).await
    }
    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        self.sound().await?.complete(claim).await
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
