#![doc = include_str!("../README.md")]
#![deny(missing_docs)]

mod clock;
mod redis;
mod sql;
mod tenancy;

pub use clock::SystemClock;
pub use redis::{RedisBlacklist, RedisConnectError, RedisSettings};
pub use sql::{
    Claimed, ConnectError, DatabaseGuard, HighWater, MigrationState, MigrationStep, SqlSettings, SqlStore, sqlite_file,
};
pub use tenancy::{DatabaseLost, Tenancy, TenancyError, Tenant, Tenanted};
