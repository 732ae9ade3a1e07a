//! The memory adapters with faults for the asking.

use std::{
    collections::HashMap,
    future::{Future, pending},
    sync::{Arc, Mutex},
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    Credentials, LogId, NewUser, PasswordHash, Position, Revocation, Session, User, Username,
    memory::{MemoryBlacklist, MemorySessions, MemoryUsers},
    ports::{
        Blacklist, Claim, Closed, Closing, Copied, Epoch, Filling, Inserted, Instants, LockLost, NewRevocation, Opened,
        PasswordSet, Pruned, Rotated, Rotation, SessionStore, Standing, StoreError, Tail, UserStore,
    },
    token::{SessionId, TokenId, UserId},
};
use tokio::sync::Semaphore;

/// What goes wrong with one method.
#[derive(Clone)]
pub(crate) enum Fault {
    /// It fails, and nothing was done.
    Fails,
    /// It fails, since the lock on the database may be lost.
    LosesLock,
    /// It is done, and yet fails: the reply was lost.
    LosesReply,
    /// It never answers.
    Hangs,
    /// It panics.
    Panics,
    /// It tells that it began, and waits until it is let go.
    Waits(Gate),
}

/// Where a call waits until a test lets it go.
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
    /// Lets one call go.
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
    pub(crate) fn mend(&self) {
        self.0.lock().unwrap().clear();
    }
    async fn around<T>(
        &self,
        method: &'static str,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let fault = self.0.lock().unwrap().get(method).cloned();
        match fault {
            None => call.await,
            Some(Fault::Fails) => Err(StoreError::unavailable("the store was told to fail")),
            Some(Fault::LosesLock) => Err(StoreError::unavailable(LockLost)),
            Some(Fault::LosesReply) => {
                let _ = call.await?;
                Err(StoreError::unavailable("the reply was lost"))
            }
            Some(Fault::Hangs) => pending().await,
            Some(Fault::Panics) => panic!("the store was told to panic"),
            Some(Fault::Waits(gate)) => {
                gate.arrived.add_permits(1);
                gate.open.acquire().await.unwrap().forget();
                call.await
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
    fn inner(&self) -> Arc<MemorySessions> {
        self.inner.lock().unwrap().clone()
    }

    /// The epoch that a session was opened under.
    pub(crate) fn opened_under(&self, id: SessionId) -> Epoch {
        self.opened_under.lock().unwrap()[&id]
    }

    /// How many sessions were opened.
    pub(crate) fn opened(&self) -> usize {
        self.opened_under.lock().unwrap().len()
    }

    /// As after a restore that began another log.
    pub(crate) fn begin_log(&self, log: LogId) {
        *self.another_log.lock().unwrap() = Some(log);
    }

    /// As after a restore from a backup that held this one row.
    pub(crate) async fn restore(&self, row: &Session) {
        let restored = MemorySessions::new();
        assert_eq!(restored.open(row, Epoch::FIRST).await.unwrap(), Opened::Opened);
        *self.inner.lock().unwrap() = Arc::new(restored);
    }
}

#[async_trait]
impl SessionStore for FaultySessions {
    async fn epoch(&self, user: UserId) -> Result<Epoch, StoreError> {
        self.faults.around("epoch", self.inner().epoch(user)).await
    }
    async fn open(&self, session: &Session, epoch: Epoch) -> Result<Opened, StoreError> {
        self.opened_under.lock().unwrap().insert(session.id, epoch);
        self.faults.around("open", self.inner().open(session, epoch)).await
    }
    async fn find(&self, id: SessionId) -> Result<Option<Session>, StoreError> {
        self.faults.around("find", self.inner().find(id)).await
    }
    async fn rotate(&self, rotation: &Rotation) -> Result<Rotated, StoreError> {
        self.faults.around("rotate", self.inner().rotate(rotation)).await
    }
    async fn list_open(&self, user: UserId) -> Result<Vec<Session>, StoreError> {
        self.faults.around("list_open", self.inner().list_open(user)).await
    }
    async fn close(&self, id: SessionId, closing: &Closing) -> Result<Closed, StoreError> {
        self.faults.around("close", self.inner().close(id, closing)).await
    }
    async fn close_all(
        &self,
        user: UserId,
        except: Option<SessionId>,
        closing: &Closing,
    ) -> Result<Vec<Revocation>, StoreError> {
        self.faults
            .around("close_all", self.inner().close_all(user, except, closing))
            .await
    }
    async fn revoke(&self, token: &NewRevocation) -> Result<Revocation, StoreError> {
        self.faults.around("revoke", self.inner().revoke(token)).await
    }
    async fn log(&self) -> Result<LogId, StoreError> {
        let another = *self.another_log.lock().unwrap();
        let log = self.faults.around("log", self.inner().log()).await?;
        Ok(another.unwrap_or(log))
    }
    async fn revocations_after(&self, position: Position, limit: u32) -> Result<Tail, StoreError> {
        self.faults
            .around("revocations_after", self.inner().revocations_after(position, limit))
            .await
    }
    async fn prune(&self, now: Timestamp, sessions_before: Timestamp, limit: u32) -> Result<Pruned, StoreError> {
        self.faults
            .around("prune", self.inner().prune(now, sessions_before, limit))
            .await
    }
    async fn instants(&self) -> Result<Instants, StoreError> {
        self.faults.around("instants", self.inner().instants()).await
    }
    async fn raise_issue_floor(&self, floor: Timestamp) -> Result<(), StoreError> {
        self.faults
            .around("raise_issue_floor", self.inner().raise_issue_floor(floor))
            .await
    }
    async fn try_write(&self) -> Result<(), StoreError> {
        self.faults.around("try_write", async { Ok(()) }).await
    }
}

#[derive(Default)]
pub(crate) struct FaultyBlacklist {
    pub(crate) inner: MemoryBlacklist,
    pub(crate) faults: Faults,
}

#[async_trait]
impl Blacklist for FaultyBlacklist {
    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.faults.around("insert", self.inner.insert(revocations)).await
    }
    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        self.faults.around("check", self.inner.check(token, session)).await
    }
    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.faults.around("prune", self.inner.prune(now, limit)).await
    }
    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        self.faults.around("claim", self.inner.claim(claim)).await
    }
    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        self.faults.around("fill", self.inner.fill(claim, revocations)).await
    }
    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        self.faults.around("complete", self.inner.complete(claim)).await
    }
}

/// Users of whom one may be gone.
#[derive(Default)]
pub(crate) struct FaultyUsers {
    inner: MemoryUsers,
    gone: Mutex<Vec<UserId>>,
    pub(crate) faults: Faults,
}

impl FaultyUsers {
    /// Takes a user's row away.
    pub(crate) fn remove(&self, id: UserId) {
        self.gone.lock().unwrap().push(id);
    }

    fn is_there(&self, id: UserId) -> bool {
        !self.gone.lock().unwrap().contains(&id)
    }
}

#[async_trait]
impl UserStore for FaultyUsers {
    async fn find(&self, id: UserId) -> Result<Option<User>, StoreError> {
        let found = self.faults.around("find", self.inner.find(id)).await?;
        Ok(found.filter(|user| self.is_there(user.id)))
    }
    async fn credentials(&self, username: &Username) -> Result<Option<Credentials>, StoreError> {
        let found = self
            .faults
            .around("credentials", self.inner.credentials(username))
            .await?;
        Ok(found.filter(|found| self.is_there(found.user.id)))
    }
    async fn insert(&self, new: NewUser) -> Result<Inserted, StoreError> {
        self.faults.around("insert", self.inner.insert(new)).await
    }
    async fn set_password(&self, id: UserId, password_hash: PasswordHash) -> Result<PasswordSet, StoreError> {
        let set = self.inner.set_password(id, password_hash);
        self.faults.around("set_password", set).await
    }
}
