#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod database_lock;
mod high_water;
#[cfg(feature = "redis")]
mod redis;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod sql;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
mod stores;

#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use database_lock::{DatabaseLock, DatabaseLockError, DatabaseLost, LockMode, LockedBlacklist};
pub use high_water::HighWater;
#[cfg(feature = "redis")]
pub use redis::{RedisBlacklist, RedisConnectError, RedisReader, RedisSettings, ReplicatedBlacklist};
#[cfg(feature = "memory")]
pub use rescind_session::memory;
pub use rescind_session::{self as session, SystemClock};
#[cfg(feature = "sqlite")]
pub use sql::sqlite_file;
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use sql::{
    Claimed, ConnectError, DatabaseGuard, EventPosition, KeyRecord, MigrationState, MigrationStep, RecordedRing,
    SqlSettings, SqlStore,
};
#[cfg(any(feature = "sqlite", feature = "postgres"))]
pub use stores::{ChosenBlacklist, Stores, StoresError};
