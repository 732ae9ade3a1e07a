#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod clock;
mod database_lock;
mod redis;
mod sql;

pub use clock::SystemClock;
pub use database_lock::{DatabaseLock, DatabaseLockError, DatabaseLost, LockMode, LockedBlacklist};
pub use redis::{RedisBlacklist, RedisConnectError, RedisSettings};
pub use sql::{
    Claimed, ConnectError, DatabaseGuard, HighWater, MigrationState, MigrationStep, SqlSettings, SqlStore, sqlite_file,
};
