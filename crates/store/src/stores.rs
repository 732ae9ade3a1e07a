//! A database and a blacklist, opened together with the lock that makes them safe.
//!
//! [`Stores`] claims the lock that its blacklist needs before it opens the database; [`database_lock`](crate::database_lock)
//! says why. Ports that were wired in another way, without the lock, are refused by [`SessionService::new`]. The rest that a
//! node owes its database comes with it: the check of the schema and of the keys, the clock, the filling of the blacklist,
//! and the maintenance.

use std::{convert::Infallible, sync::Arc, time::Duration};

use rescind_session::{
    AnchoredClock, ClockNotReady, ErrorChain, MachineClock, Maintenance, Ports, SessionService, SystemClock,
    life::{RENEW_EVERY, Timing},
    memory::MemoryBlacklist,
    ports::{Blacklist, SessionStore, StoreError},
    token::RingFingerprint,
};
use tokio::{
    task::JoinHandle,
    time::{sleep, timeout},
};

use crate::{
    Claimed, ConnectError, DatabaseGuard, DatabaseLock, DatabaseLockError, HighWater, LockMode, LockedBlacklist,
    SqlSettings, SqlStore,
};
#[cfg(feature = "redis")]
use crate::{RedisBlacklist, RedisConnectError, RedisSettings, ReplicatedBlacklist};

/// Longer than a lock takes to count.
const UNTIL_SETTLED: Duration = Duration::from_secs(20);
/// Longer than any node goes without reading the log.
const KEEP_ENTRIES: Duration = Duration::from_secs(60 * 60);

/// The blacklist of a node. It decides how the database is locked.
#[derive(Clone)]
#[non_exhaustive]
pub enum ChosenBlacklist {
    /// In the memory of this process: for a node that is alone on its database.
    InProcess(Arc<MemoryBlacklist>),
    /// In a Redis that all nodes of the database use.
    #[cfg(feature = "redis")]
    Redis(Arc<RedisBlacklist>),
    /// The same, read from the memory of this process.
    #[cfg(feature = "redis")]
    Replicated(Arc<ReplicatedBlacklist>),
    /// An adapter of yours, and how many nodes may use the database: [`LockMode::Shared`] only if all nodes use the same
    /// copy. A node with a copy of its own would accept what another node has revoked.
    Own(Arc<dyn Blacklist>, LockMode),
}

impl ChosenBlacklist {
    /// How a node with this blacklist locks its database.
    pub fn lock_mode(&self) -> LockMode {
        match self {
            Self::InProcess(_) => LockMode::Exclusive,
            #[cfg(feature = "redis")]
            Self::Redis(_) | Self::Replicated(_) => LockMode::Shared,
            Self::Own(_, mode) => *mode,
        }
    }

    /// The Redis that nodes share, if there is one.
    #[cfg(feature = "redis")]
    pub fn redis(&self) -> Option<&Arc<RedisBlacklist>> {
        match self {
            Self::Redis(redis) => Some(redis),
            Self::Replicated(replicated) => Some(replicated.redis()),
            _ => None,
        }
    }

    fn port(&self) -> Arc<dyn Blacklist> {
        match self {
            Self::InProcess(memory) => Arc::clone(memory) as _,
            #[cfg(feature = "redis")]
            Self::Redis(redis) => Arc::clone(redis) as _,
            #[cfg(feature = "redis")]
            Self::Replicated(replicated) => Arc::clone(replicated) as _,
            Self::Own(own, _) => Arc::clone(own),
        }
    }
}

/// Why stores were not opened, or cannot be used by a service.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoresError {
    /// Another process uses the database in a way that excludes this one, or the lock cannot be taken.
    #[error(transparent)]
    Lock(#[from] DatabaseLockError),
    /// The database cannot be opened.
    #[error(transparent)]
    Connect(#[from] ConnectError),
    /// Redis cannot be used.
    #[cfg(feature = "redis")]
    #[error(transparent)]
    Redis(#[from] RedisConnectError),
    /// The database did not answer.
    #[error("the database cannot be used")]
    Store(#[from] StoreError),
    /// The schema is older or newer than this version.
    #[error("the schema of the database is not the one of this version: run `SqlStore::migrate_up`")]
    Schema,
    /// The database belongs to other keys.
    #[error("the keys are not the keys of this database: every token issued so far would be refused")]
    ForeignKeys,
    /// The lock was lost, and cannot be taken again.
    #[error("the lock on the database was granted and lost again")]
    Unsettled,
    /// The machine's clock and the database's differ.
    #[error(transparent)]
    Clock(#[from] ClockNotReady),
}

/// A database and a blacklist with the lock that they need, for one node. Keep it as long as the service.
pub struct Stores {
    database: SqlStore,
    database_lock: Arc<DatabaseLock>,
    blacklist: ChosenBlacklist,
    clock: Arc<AnchoredClock>,
}

impl Stores {
    /// Opens a database for this node alone, with the blacklist in this process.
    ///
    /// # Errors
    /// [`StoresError::Lock`] if another node uses the database.
    pub async fn alone(database_url: &str, settings: &SqlSettings) -> Result<Self, StoresError> {
        let blacklist = ChosenBlacklist::InProcess(Arc::new(MemoryBlacklist::new()));
        Self::open(database_url, settings, blacklist).await
    }

    /// Opens a database and a Redis for any number of nodes. A Redis that does not answer now is used when it does.
    ///
    /// # Errors
    /// [`StoresError::Lock`] if a node without this Redis uses the database; [`StoresError::Redis`] if Redis is not
    /// configured as [`RedisBlacklist::connect`] requires.
    #[cfg(feature = "redis")]
    pub async fn with_redis(
        database_url: &str,
        settings: &SqlSettings,
        redis_url: &str,
        redis: &RedisSettings,
    ) -> Result<Self, StoresError> {
        let redis = RedisBlacklist::unconnected(redis_url, redis)?;
        match redis.verify_server().await {
            Err(error) if !error.may_pass() => return Err(error.into()),
            _ => {}
        }
        Self::open(database_url, settings, ChosenBlacklist::Redis(Arc::new(redis))).await
    }

    /// Opens a database for that blacklist: takes the lock, then connects. The schema is not changed; entries of the log
    /// are kept for an hour at least.
    pub async fn open(
        database_url: &str,
        settings: &SqlSettings,
        blacklist: ChosenBlacklist,
    ) -> Result<Self, StoresError> {
        let database_lock = DatabaseLock::claim(database_url, blacklist.lock_mode()).await?;
        let settings = SqlSettings {
            keep_entries: settings.keep_entries.max(KEEP_ENTRIES),
            ..settings.clone()
        };
        let database = SqlStore::connect(database_url, &settings).await?;
        Ok(Self::new(database, Arc::new(database_lock), blacklist))
    }

    /// The same of parts: a database, the lock that was claimed on it before it was opened, and the blacklist for which it
    /// was claimed. Without a [guard](SqlStore::guarded) of its own the store gets the lock as its guard.
    pub fn new(mut database: SqlStore, database_lock: Arc<DatabaseLock>, blacklist: ChosenBlacklist) -> Self {
        if !database.is_guarded() {
            database = database.guarded(Arc::clone(&database_lock) as _);
        }
        #[cfg(feature = "redis")]
        if let Some(redis) = blacklist.redis() {
            redis.set_register(Arc::new(database.clone()));
        }
        Self {
            database,
            database_lock,
            blacklist,
            clock: Arc::new(AnchoredClock::new(Arc::new(SystemClock::new()))),
        }
    }

    /// The database: for its schema, and to close it.
    pub fn database(&self) -> &SqlStore {
        &self.database
    }

    /// The clock of the ports.
    pub fn clock(&self) -> &Arc<AnchoredClock> {
        &self.clock
    }

    /// The ports for [`SessionService::new`]. Replace its `users` by a store of yours, if you have one.
    pub fn ports(&self) -> Ports {
        Ports {
            users: Arc::new(self.database.clone()),
            sessions: Arc::new(self.database.clone()),
            blacklist: Arc::new(LockedBlacklist::new(
                self.blacklist.port(),
                Arc::clone(&self.database_lock),
            )),
            clock: self.clock.clone(),
        }
    }

    /// Makes the service ready, and keeps it so: checks the schema, claims the database for the keys, [fills](Self::fill) the
    /// blacklist, starts the clock, and runs the maintenance in a task, whose handle it returns. Until then the service
    /// accepts no token.
    ///
    /// The keys count as older than a database that no node has used, which then gets an issue floor: its first login waits
    /// for about six seconds. See [`SqlStore::claim_fingerprint`].
    ///
    /// # Errors
    /// [`StoresError`], before the maintenance runs.
    pub async fn start(&self, service: &SessionService) -> Result<JoinHandle<Infallible>, StoresError> {
        if !self.database.is_current().await? {
            return Err(StoresError::Schema);
        }
        let keys = service.keys();
        let fingerprint = RingFingerprint::of(&keys.ring, &keys.refresh).to_string();
        let now = SystemClock::new().wall();
        if self.database.claim_fingerprint(&fingerprint, Some(now)).await? == Claimed::Different {
            return Err(StoresError::ForeignKeys);
        }
        self.fill(service).await?;
        self.clock.anchor(self.database.store_clock().await?)?;
        let service = service.clone();
        Ok(tokio::spawn(async move {
            service.run_maintenance(Maintenance::default()).await
        }))
    }

    /// Waits until the lock counts, and fills the blacklist from the log. After a lost lock the service reads the log again
    /// before it accepts a token. If another node is filling a shared blacklist, or that does not answer, the maintenance
    /// fills it later. [`start`](Self::start) calls this.
    ///
    /// # Errors
    /// [`StoresError::Unsettled`]; [`StoresError::Store`] if the database failed and no other node can fill the blacklist.
    pub async fn fill(&self, service: &SessionService) -> Result<(), StoresError> {
        self.resync_when_regained(service);
        let settled = timeout(UNTIL_SETTLED, self.database_lock.settled());
        tokio::join!(settled, self.trust())
            .0
            .map_err(|_| StoresError::Unsettled)?;
        match service.sync_blacklist(Maintenance::default().batch).await {
            Ok(synced) if synced.complete => Ok(()),
            Ok(_) => {
                tracing::warn!("another node is filling the blacklist; this one is ready when that is done");
                Ok(())
            }
            Err(error) if self.blacklist.port().is_shared() => {
                tracing::error!(error = %ErrorChain(&error), "the blacklist cannot be filled yet; this node is ready when it is");
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Requires a resync before a lock that was lost counts again: another node may have used the database meanwhile.
    fn resync_when_regained(&self, service: &SessionService) {
        let (blacklist, service) = (self.blacklist.clone(), service.clone());
        self.database_lock.when_regained(move || {
            if let ChosenBlacklist::InProcess(memory) = &blacklist
                && let Err(error) = memory.forget()
            {
                // A panic has poisoned it, so it answers no request.
                tracing::error!(error = %ErrorChain(&error), "the blacklist cannot be emptied");
            }
            service.require_resync();
        });
    }

    /// Renews the trust in a shared blacklist, if it answers, until no node can trust an earlier one.
    async fn trust(&self) {
        let blacklist = self.blacklist.port();
        if !blacklist.is_shared() {
            return;
        }
        let renewing = async {
            loop {
                let _ = blacklist.renew().await;
                sleep(RENEW_EVERY).await;
            }
        };
        let _: Result<(), _> = timeout(Timing::FORMAT.wait + RENEW_EVERY, renewing).await;
    }
}

/// The lock as a guard: it verifies the files, and records no mark.
impl DatabaseGuard for DatabaseLock {
    fn verify(&self) -> Result<(), StoreError> {
        Self::verify(self)
    }

    fn record(&self, _: HighWater) -> Result<(), StoreError> {
        Ok(())
    }
}
