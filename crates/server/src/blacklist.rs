//! The choice of a blacklist: in the memory of a node that is alone on its database, or in a Redis that nodes share.
//!
//! The choice decides how the database is locked ([`LockMode`]). It also decides which errors stop the start. **A wrong
//! configuration stops it**: a URL that cannot be parsed, a refused password, a Redis that may evict entries. **A Redis that
//! does not answer does not stop it**: the node starts, answers 503, and serves within a second of Redis's return. Otherwise
//! a fleet restarted during an outage would stay down after it. An error that is found only later (an eviction policy, say)
//! keeps the node unready and is logged. A missing database always stops the start: without it neither the schema nor the
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
    /// For a single node.
    InProcess(Arc<MemoryBlacklist>),
    /// For any number of nodes.
    Redis(Arc<RedisBlacklist>),
}

impl Chosen {
    /// The blacklist that the settings choose, not yet connected.
    ///
    /// # Errors
    /// `REDIS_URL` cannot be read.
    pub(crate) fn by(settings: &Settings) -> Result<Self, Failure> {
        let Some(redis) = &settings.storage.redis else {
            return Ok(Self::InProcess(Arc::new(MemoryBlacklist::new())));
        };
        let settings = RedisSettings {
            connections: redis.connections,
            // No request waits longer.
            timeout: settings.limits.store_timeout,
            namespace: redis.namespace.clone(),
        };
        Ok(Self::Redis(Arc::new(RedisBlacklist::unconnected(
            &redis.url, &settings,
        )?)))
    }

    /// How a node with this blacklist locks its database.
    pub(crate) fn lock_mode(&self) -> LockMode {
        match self {
            Self::InProcess(_) => LockMode::Exclusive,
            Self::Redis(_) => LockMode::Shared,
        }
    }

    /// Records in the database which Redis is in use.
    pub(crate) fn register_in(&self, store: &SqlStore) {
        if let Self::Redis(redis) = self {
            redis.set_register(Arc::new(store.clone()));
        }
    }

    /// Whether it is in Redis.
    pub(crate) fn is_shared(&self) -> bool {
        self.redis().is_some()
    }

    /// The Redis blacklist, if it is the chosen one.
    pub(crate) fn redis(&self) -> Option<Arc<RedisBlacklist>> {
        match self {
            Self::InProcess(_) => None,
            Self::Redis(redis) => Some(Arc::clone(redis)),
        }
    }

    /// Checks that Redis is usable. One that does not answer is no error: it may answer later.
    ///
    /// Runs under every policy: a node whose policy never checks the blacklist still fills it, for the nodes that do.
    ///
    /// # Errors
    /// [`Failure::Redis`] if the configuration has to be changed first.
    pub(crate) async fn look(&self, policy: &Policy) -> Result<(), Failure> {
        let Self::Redis(redis) = self else { return Ok(()) };
        if !policy.keeps_sessions() {
            tracing::warn!(
                policy = %policy.preset,
                "a logout under this RESCIND_POLICY revokes no token at any node: every node of this database must have the \
                 same policy"
            );
        }
        match redis.verify_server().await {
            Ok(()) => Ok(()),
            Err(error) if error.may_pass() => {
                tracing::error!(
                    error = %ErrorChain(&error),
                    "Redis does not answer; requests that read or write it are answered 503 until it does"
                );
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// The port, which works only while this node holds its database lock.
    pub(crate) fn behind_lock(&self, database_lock: &Arc<DatabaseLock>) -> Arc<dyn Blacklist> {
        let blacklist: Arc<dyn Blacklist> = match self {
            Self::InProcess(memory) => Arc::clone(memory) as _,
            Self::Redis(redis) => Arc::clone(redis) as _,
        };
        Arc::new(LockedBlacklist::new(blacklist, Arc::clone(database_lock)))
    }

    /// Requires a resync before a lock that was lost counts again: another node may have used the database meanwhile.
    pub(crate) fn resync_when_regained(&self, database_lock: &DatabaseLock, service: &SessionService) {
        let (blacklist, service) = (self.clone(), service.clone());
        database_lock.when_regained(move || {
            if let Self::InProcess(memory) = &blacklist
                && let Err(error) = memory.forget()
            {
                // A panic has poisoned it, so it answers no request.
                tracing::error!(error = %ErrorChain(&error), "the blacklist cannot be emptied");
            }
            service.require_resync();
        });
    }

    /// Renews the trust in Redis, if it answers, until no node can trust an earlier one.
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

    /// Fills it before the port answers. If another node is filling the one in Redis, or Redis does not answer, maintenance
    /// fills it later.
    ///
    /// # Errors
    /// The database failed, and the blacklist is in the process, so no other node can fill it.
    pub(crate) async fn fill(&self, service: &SessionService) -> Result<(), Failure> {
        match service.sync_blacklist(Maintenance::default().batch).await {
            Ok(synced) if synced.complete => Ok(()),
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
