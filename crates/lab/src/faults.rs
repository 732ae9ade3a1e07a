//! A blacklist with moods: the real one in memory, which can be told to be slow, or not to answer at all.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use jiff::Timestamp;
use rescind_session::{
    Revocation,
    memory::MemoryBlacklist,
    ports::{Blacklist, Claim, Copied, Filling, Standing, StoreError},
    token::{SessionId, TokenId},
};

/// How long a slow blacklist takes; less than the store timeout.
pub(crate) const SLOW: Duration = Duration::from_millis(20);

/// How the blacklist is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mood {
    /// It answers at once.
    #[default]
    Well,
    /// It answers late, but in time.
    Slow,
    /// It does not answer.
    Stopped,
}

#[derive(Default)]
pub(crate) struct MoodyBlacklist {
    inner: MemoryBlacklist,
    mood: Mutex<Mood>,
}

impl MoodyBlacklist {
    pub(crate) fn mood(&self) -> Mood {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn set_mood(&self, mood: Mood) {
        *self.mood.lock().unwrap_or_else(PoisonError::into_inner) = mood;
    }

    /// Without its mood, for whoever draws what is on it.
    pub(crate) fn inner(&self) -> &MemoryBlacklist {
        &self.inner
    }

    async fn in_its_mood(&self) {
        match self.mood() {
            Mood::Well => {}
            Mood::Slow => tokio::time::sleep(SLOW).await,
            // Whoever waits gives up by their own timeout, as with a server that was stopped.
            Mood::Stopped => std::future::pending().await,
        }
    }
}

#[async_trait]
impl Blacklist for MoodyBlacklist {
    /// There is one server. What its policy does not ask need not be told.
    fn is_shared(&self) -> bool {
        false
    }

    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.in_its_mood().await;
        self.inner.insert(revocations).await
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        self.in_its_mood().await;
        self.inner.check(token, session).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.in_its_mood().await;
        self.inner.prune(now, limit).await
    }

    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        self.in_its_mood().await;
        self.inner.claim(claim).await
    }

    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        self.in_its_mood().await;
        self.inner.fill(claim, revocations).await
    }

    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        self.in_its_mood().await;
        self.inner.complete(claim).await
    }
}
