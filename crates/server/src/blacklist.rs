//! The blacklist, chosen: in the memory of a node that is alone on its database, or in a Redis that nodes share.
//!
//! Which of the two decides how the database is taken ([`LockMode`]), and what may be wrong at the start. **A mistake in the
//! configuration stops it**: a URL that cannot be read, a password that is refused, a Redis that may drop entries. **A Redis
//! that is away does not**: the node starts, answers 503, and serves within a second of its return; a fleet that is
//! restarted during an outage would otherwise stay down after it. What is found wrong only then (an eviction policy, say)
//! keeps the node unready and stands in the log. The database has no such grace: without it neither the schema nor the
//! keys can be compared, and a node that starts on the wrong ones is worse than one that does not start.

use std::sync::Arc;

use rescind_session::{
    ErrorChain, Maintenance, Policy, SessionService,
    life::{RENEW_EVERY, Timing},
    memory::MemoryBlacklist,
    ports::Blacklist,
};
use rescind_store::{DatabaseLock, LockMode, LockedBlacklist, RedisBlacklist, RedisSettings, SqlStore};
use tokio::time::{sleep, timeout};

use crate::{failure::Failure, settings::Settings};

/// The blacklist of this node.
#[derive(Clone)]
pub(crate) enum Chosen {
    /// For a node that is alone.
    InProcess(Arc<MemoryBlacklist>),
    /// For any number.
    Redis(Arc<RedisBlacklist>),
}

impl Chosen {
    /// The one that the settings ask for. Nothing is asked of it yet.
    ///
    /// # Errors
    /// `REDIS_URL` cannot be read.
    pub(crate) fn by(settings: &Settings) -> Result<Self, Failure> {
        let Some(redis) = &settings.storage.redis else {
            return Ok(Self::InProcess(Arc::new(MemoryBlacklist::new())));
        };
        let settings = RedisSettings {
            connections: redis.connections,
            // No request waits for longer.
            timeout: settings.limits.store_timeout,
            namespace: redis.namespace.clone(),
        };
        Ok(Self::Redis(Arc::new(RedisBlacklist::unconnected(
            &redis.url, &settings,
        )?)))
    }

    /// How a node with this blacklist uses its database.
    pub(crate) fn lock_mode(&self) -> LockMode {
        match self {
            Self::InProcess(_) => LockMode::Exclusive,
            Self::Redis(_) => LockMode::Shared,
        }
    }

    /// Has the database say which Redis counts.
    pub(crate) fn register_in(&self, store: &SqlStore) {
        if let Self::Redis(redis) = self {
            redis.set_register(Arc::new(store.clone()));
        }
    }

    /// Whether it is in Redis.
    pub(crate) fn is_shared(&self) -> bool {
        self.redis().is_some()
    }

    /// Redis, if it is there.
    pub(crate) fn redis(&self) -> Option<Arc<RedisBlacklist>> {
        match self {
            Self::InProcess(_) => None,
            Self::Redis(redis) => Some(Arc::clone(redis)),
        }
    }

    /// Asks Redis whether it will do. One that does not answer may do later.
    ///
    /// Under every policy: one that never asks the blacklist fills it all the same, for the nodes that do.
    ///
    /// # Errors
    /// [`Failure::Redis`] if somebody has to change something first.
    pub(crate) async fn look(&self, policy: &Policy) -> Result<(), Failure> {
        let Self::Redis(redis) = self else { return Ok(()) };
        if !policy.keeps_sessions() {
            tracing::warn!(
                policy = %policy.preset,
                "a logout under this RESCIND_POLICY takes nothing back, at no node: no other node of this database may have \
                 another policy"
            );
        }
        match redis.verify_server().await {
            Ok(()) => Ok(()),
            Err(error) if error.may_pass() => {
                tracing::error!(
                    error = %ErrorChain(&error),
                    "Redis does not answer; what has to ask it or to tell it something is answered 503 until it does"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The port, for as long as this node is a tenant of its database.
    pub(crate) fn behind_lock(&self, database_lock: &Arc<DatabaseLock>) -> Arc<dyn Blacklist> {
        let blacklist: Arc<dyn Blacklist> = match self {
            Self::InProcess(memory) => Arc::clone(memory) as _,
            Self::Redis(redis) => Arc::clone(redis) as _,
        };
        Arc::new(LockedBlacklist::new(blacklist, Arc::clone(database_lock)))
    }

    /// Has what this node knows doubted before a lock that it had lost counts again: somebody else may have been on the
    /// database meanwhile.
    pub(crate) fn resync_when_regained(&self, database_lock: &DatabaseLock, service: &SessionService) {
        let (blacklist, service) = (self.clone(), service.clone());
        database_lock.when_regained(move || {
            if let Self::InProcess(memory) = &blacklist
                && let Err(error) = memory.forget()
            {
                // Then a panic has poisoned it, and it answers nobody.
                tracing::error!(error = %ErrorChain(&error), "the blacklist cannot be emptied");
            }
            service.require_resync();
        });
    }

    /// Trusts Redis by the time at which the start is over, if it answers: until then others may trust an earlier one.
    pub(crate) async fn trust(&self) {
        let Self::Redis(redis) = self else { return };
        let renewing = async {
            loop {
                let _ = redis.renew().await;
                sleep(RENEW_EVERY).await;
            }
        };
        let _: Result<(), _> = timeout(Timing::FORMAT.wait + RENEW_EVERY, renewing).await;
    }

    /// Fills it before the port answers. One in Redis may be filled by another node at this moment, or not answer just
    /// now: then the maintenance goes on with it.
    ///
    /// # Errors
    /// The database failed, and nobody else will fill this one.
    pub(crate) async fn fill(&self, service: &SessionService) -> Result<(), Failure> {
        match service.sync_blacklist(Maintenance::default().batch).await {
            Ok(carried) if carried.whole => Ok(()),
            Ok(_) => {
                tracing::warn!("another node is filling the blacklist; this one is ready when that is done");
                Ok(())
            }
            Err(error) if self.is_shared() => {
                tracing::error!(error = %ErrorChain(&error), "the blacklist cannot be filled yet; this node is ready when it is");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }
}
