//! What must be done before requests are answered: the clock is anchored, and the program's `before_ready` succeeds.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use rescind_session::{
    AnchoredClock, Clock, ClockNotReady, SessionService,
    ports::{SessionStore, StoreError},
    supervise,
};
use rescind_store::SqlStore;
use tokio::time::sleep;

use crate::failure::Failure;

const BETWEEN_LOOKS_AT_THE_CLOCK: Duration = Duration::from_secs(1);
/// How often a start tries `before_ready`: a busy disk must not stop it.
const TRIES: usize = 20;
const BETWEEN_TRIES: Duration = Duration::from_millis(500);

/// What the program does before requests are answered.
pub(crate) type BeforeReady = Box<dyn Fn(SessionService) -> BoxFuture<'static, Result<(), Failure>> + Send + Sync>;

/// The conditions for answering requests.
pub(crate) struct Readiness {
    pub(crate) store: SqlStore,
    pub(crate) clock: Arc<AnchoredClock>,
    pub(crate) service: SessionService,
    pub(crate) before_ready: BeforeReady,
    /// Whether the blacklist is in Redis.
    pub(crate) is_shared: bool,
    pub(crate) session_max: Duration,
}

impl Readiness {
    /// Tries once. If that fails for a reason that may pass, goes on trying in the background. Fails if `before_ready`
    /// fails, and the blacklist is not in Redis.
    pub(crate) async fn begin(self) -> Result<(), Failure> {
        let ready = Arc::new(self);
        let trying = Arc::clone(&ready);
        let keep_trying = supervise("readiness", move || Arc::clone(&trying).keep_trying());
        match ready.try_once().await {
            Ok(Ok(())) => {}
            Ok(Err(not_ready)) => {
                tracing::error!(error = %not_ready, "the time is not known; every request is answered 503 until it is");
                tokio::spawn(keep_trying);
            }
            // Ending sessions takes Redis, which may be away.
            Err(failure) if ready.is_shared => {
                tracing::error!(error = failure.with_causes(), "not ready yet");
                tokio::spawn(keep_trying);
            }
            Err(failure) => return Err(failure),
        }
        Ok(())
    }

    /// Anchors the clock and runs `before_ready`. The inner error is why the time is not known.
    async fn try_once(&self) -> Result<Result<(), NotReady>, Failure> {
        let anchored = match self.store.store_clock().await {
            Ok(instants) => {
                let anchored = self.clock.anchor(instants).map_err(NotReady::from);
                // Whether a file lay untouched or the clock is wrong cannot be decided, so it is only logged.
                if let (Some(newest), Ok(now)) = (instants.newest, self.clock.now())
                    && now.duration_since(newest).unsigned_abs() > self.session_max
                {
                    tracing::warn!(
                        %newest, %now,
                        "this machine's clock is more than RESCIND_SESSION_MAX ahead of the newest instant in the database. If the \
                         clock is wrong, stop the program and correct it: what has passed by it is removed within a minute"
                    );
                }
                anchored
            }
            Err(error) => Err(NotReady::from(error)),
        };
        if anchored.is_ok() {
            let tries = if self.is_shared { 1 } else { TRIES };
            let mut done = (self.before_ready)(self.service.clone()).await;
            for _ in 1..tries {
                if done.is_ok() {
                    break;
                }
                sleep(BETWEEN_TRIES).await;
                done = (self.before_ready)(self.service.clone()).await;
            }
            done?;
        }
        Ok(anchored)
    }

    async fn keep_trying(self: Arc<Self>) {
        loop {
            sleep(BETWEEN_LOOKS_AT_THE_CLOCK).await;
            match self.try_once().await {
                Ok(Ok(())) => {
                    tracing::info!("the time is known; requests are answered");
                    return;
                }
                Ok(Err(error)) => tracing::error!(%error, "the time is still not known"),
                Err(failure) => tracing::error!(error = failure.with_causes(), "not ready yet"),
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum NotReady {
    #[error(transparent)]
    Clock(#[from] ClockNotReady),
    #[error("the database cannot be asked for the time")]
    Store(#[from] StoreError),
}
