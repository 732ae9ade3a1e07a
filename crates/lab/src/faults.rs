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

/// How long one that does not answer is waited for by those who would wait for ever; much longer than the store timeout.
const SILENT: Duration = Duration::from_secs(2);

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

    async fn in_its_mood(&self) -> Result<(), StoreError> {
        match self.mood() {
            Mood::Well => {}
            Mood::Slow => tokio::time::sleep(SLOW).await,
            // Whoever asked has given up long before. But some are writes, which nobody drops: they must come to an end, or
            // they would keep the sandbox in memory when everybody has left it.
            Mood::Stopped => {
                tokio::time::sleep(SILENT).await;
                return Err(StoreError::unavailable("the blacklist does not answer"));
            }
        }
        Ok(())
    }
}

#[async_trait]
impl Blacklist for MoodyBlacklist {
    /// There is one server. What its policy does not ask need not be told.
    fn is_shared(&self) -> bool {
        false
    }

    async fn insert(&self, revocations: &[Revocation]) -> Result<(), StoreError> {
        self.in_its_mood().await?;
        self.inner.insert(revocations).await
    }

    async fn check(&self, token: TokenId, session: SessionId) -> Result<Standing, StoreError> {
        self.in_its_mood().await?;
        self.inner.check(token, session).await
    }

    async fn prune(&self, now: Timestamp, limit: u32) -> Result<u64, StoreError> {
        self.in_its_mood().await?;
        self.inner.prune(now, limit).await
    }

    async fn claim(&self, claim: Claim) -> Result<Copied, StoreError> {
        self.in_its_mood().await?;
        self.inner.claim(claim).await
    }

    async fn fill(&self, claim: Claim, revocations: &[Revocation]) -> Result<Filling, StoreError> {
        self.in_its_mood().await?;
        self.inner.fill(claim, revocations).await
    }

    async fn complete(&self, claim: Claim) -> Result<Filling, StoreError> {
        self.in_its_mood().await?;
        self.inner.complete(claim).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_write_to_a_blacklist_that_does_not_answer_comes_to_an_end() {
        let blacklist = MoodyBlacklist::default();
        blacklist.set_mood(Mood::Stopped);
        let outcome = tokio::time::timeout(2 * SILENT, blacklist.insert(&[])).await;
        assert!(matches!(outcome, Ok(Err(StoreError::Unavailable(_)))), "{outcome:?}");
    }
}
