//! The choice of a blacklist: in the memory of a node that is alone on its database, or in a Redis that nodes share and
//! read directly or from a copy in their memory.
//!
//! The choice decides how the database is locked ([`rescind_store::LockMode`]). It also decides which errors stop the start. **A wrong
//! configuration stops it**: a URL that cannot be parsed, a refused password, a Redis that may evict entries. **A Redis that
//! does not answer does not stop it**: the node starts, answers 503, and serves within a second of Redis's return. Otherwise
//! a fleet restarted during an outage would stay down after it. An error that is found only later (an eviction policy, say)
//! keeps the node unready and is logged. A missing database always stops the start: without it neither the schema nor the
//! keys can be compared, and a node that starts on the wrong ones is worse than one that does not start.

use std::sync::Arc;

use rescind_session::{ErrorChain, Policy, memory::MemoryBlacklist};
use rescind_store::{ChosenBlacklist, RedisBlacklist, RedisSettings, ReplicatedBlacklist};

use crate::{
    failure::Failure,
    settings::{BlacklistRead, Redis, Settings},
};

/// The blacklist that the settings choose, not yet connected. Fails if `REDIS_URL` cannot be read.
pub(crate) fn chosen(settings: &Settings) -> Result<ChosenBlacklist, Failure> {
    Ok(match (directly(settings)?, &settings.storage.redis) {
        (
            ChosenBlacklist::Redis(redis),
            Some(Redis {
                read: BlacklistRead::Replicated { lease },
                ..
            }),
        ) => ChosenBlacklist::Replicated(ReplicatedBlacklist::new(redis, *lease)),
        (direct, _) => direct,
    })
}

/// The same, read directly: for a command, which ends before a copy is worth its filling. Fails if `REDIS_URL` cannot
/// be read.
pub(crate) fn directly(settings: &Settings) -> Result<ChosenBlacklist, Failure> {
    let Some(redis) = &settings.storage.redis else {
        return Ok(ChosenBlacklist::InProcess(Arc::new(MemoryBlacklist::new())));
    };
    let options = RedisSettings::default()
        .connections(redis.connections)
        // No request waits longer.
        .timeout(settings.limits.store_timeout)
        .namespace(redis.namespace.clone());
    let redis = RedisBlacklist::unconnected(&redis.url, &options)?;
    Ok(ChosenBlacklist::Redis(Arc::new(redis)))
}

/// The blacklist in the memory of this node, if it is the chosen one.
pub(crate) fn in_process(blacklist: &ChosenBlacklist) -> Option<Arc<MemoryBlacklist>> {
    match blacklist {
        ChosenBlacklist::InProcess(memory) => Some(Arc::clone(memory)),
        _ => None,
    }
}

/// Checks that Redis is usable. One that does not answer is no error: it may answer later.
///
/// Runs under every policy: a node whose policy never checks the blacklist still fills it, for the nodes that do. Fails
/// if the configuration has to be changed first.
pub(crate) async fn verify(blacklist: &ChosenBlacklist, policy: &Policy) -> Result<(), Failure> {
    let Some(redis) = blacklist.redis() else {
        return Ok(());
    };
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
