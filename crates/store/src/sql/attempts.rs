//! Bounded retries of whole transactions.
//!
//! Postgres may undo a transaction through no fault of the program: two waited for each other (`40P01`), or the
//! isolation level that an administrator chose could not be kept (`40001`). In both cases the whole transaction is run
//! once more, from its first read on. So every operation is an attempt in `retry(|| async { … })`, which changes the
//! database only if it commits.
//!
//! **Only where it is certain that nothing was written.** A connection that breaks before COMMIT was sent has written
//! nothing; one that breaks after it may have: see [`Failure`]. The latter is not retried. A rotation is a
//! compare-and-swap: the second try of one that won would report that it lost, and the caller would look like a thief.
//!
//! **Bounded three times**: in attempts, in the time after which no other attempt begins, and in the time of one
//! attempt, for a network that drops packets silently. An attempt that exceeds that time is dropped, and its connection
//! is left with an unfinished operation; [`postgres`](super::postgres) explains how that is handled.
//!
//! Rejected: a closure that gets the transaction and does not decide when it commits. It reads well, but its type is
//! hard to write down.

use std::{
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use rescind_session::ports::StoreError;
use tokio::time::{Instant, sleep, timeout};

use super::{SqlStore, error::Failure};

/// Large, because the time is the usual bound. This one is for a database that undoes everything at once.
const MOST_ATTEMPTS: u32 = 50;
/// The pause grows by this much with each attempt, on average by half of it.
const STEP: Duration = Duration::from_millis(4);
const LONGEST_PAUSE: Duration = Duration::from_millis(100);

impl SqlStore {
    /// Repeats the attempt until one succeeds or fails for good.
    pub(super) async fn retry<T, Attempt>(&self, once: impl Fn() -> Attempt + Send) -> Result<T, StoreError>
    where
        Attempt: Future<Output = Result<T, Failure>> + Send,
    {
        let begun = Instant::now();
        let mut attempt = 1;
        loop {
            self.verify()?;
            let failure = match self.bounded(once()).await {
                Ok(done) => return self.verify().map(|()| done),
                Err(failure) => failure,
            };
            let go_on =
                failure.is_worth_another_try() && attempt < MOST_ATTEMPTS && begun.elapsed() < self.patience.altogether;
            if !go_on {
                return Err(failure.into());
            }
            sleep(pause_after(attempt)).await;
            attempt += 1;
        }
    }

    /// One attempt, on the heap: it is a large future.
    async fn bounded<T>(&self, attempt: impl Future<Output = Result<T, Failure>> + Send) -> Result<T, Failure> {
        let attempt = self.abandoned.watching(Box::pin(attempt));
        match self.patience.each {
            None => attempt.await,
            Some(longest) => match timeout(longest, attempt).await {
                Ok(outcome) => outcome,
                Err(_) => Err(StoreError::unavailable("the database did not answer in time").into()),
            },
        }
    }
}

/// Longer with each attempt, and different for two that failed together. Its randomness is not security-relevant.
fn pause_after(attempt: u32) -> Duration {
    let longest = (STEP * attempt).min(LONGEST_PAUSE);
    let thousandths = RandomState::new().hash_one(attempt) % 1000;
    longest.mul_f64(thousandths as f64 / 1000.0)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::{
        super::{Patience, SqlSettings},
        *,
    };

    /// How many attempts are made within that time, if each takes no time.
    async fn attempts(altogether: Duration) -> u32 {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("attempts.db");
        let mut store = SqlStore::open_file(&file, &SqlSettings::default()).await.unwrap();
        store.patience = Patience { altogether, each: None };
        tokio::time::pause();
        let made = AtomicU32::new(0);
        let cut_off = || sea_orm::SqlxError::from(std::io::Error::other("reset")).into();
        let told = store.retry(|| async {
            made.fetch_add(1, Ordering::Relaxed);
            Err::<(), _>(sea_orm::DbErr::Conn(sea_orm::RuntimeErr::SqlxError(cut_off())).into())
        });
        assert!(told.await.is_err());
        made.into_inner()
    }

    #[tokio::test]
    async fn a_retryable_failure_is_retried_at_most_fifty_times() {
        assert_eq!(attempts(Duration::from_secs(600)).await, MOST_ATTEMPTS);
    }

    #[tokio::test]
    async fn no_attempt_begins_after_the_time_limit() {
        assert_eq!(attempts(Duration::ZERO).await, 1);
    }

    #[test]
    fn pauses_grow_to_a_bound_and_vary() {
        let longest = |attempt| (0..100).map(|_| pause_after(attempt)).max().unwrap();
        assert!(longest(1) < STEP);
        let late = longest(25);
        assert!(late > LONGEST_PAUSE / 2 && late < LONGEST_PAUSE, "{late:?}");
        assert!(longest(1_000) < LONGEST_PAUSE);
    }
}
