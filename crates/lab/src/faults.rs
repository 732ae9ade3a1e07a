//! A blacklist with moods: the real one in memory, which can be told to be slow, or not to answer at all.

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
}

impl Around<dyn Blacklist> for MoodyBlacklist {
    fn inner(&self) -> impl Deref<Target = dyn Blacklist> + Send + Sync {
        &self.inner as &dyn Blacklist
    }

    async fn around<T: Answer>(
        &self,
        _: Call<'_>,
        next: impl Future<Output = Result<T, StoreError>> + Send,
    ) -> Result<T, StoreError> {
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
        next.await
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
