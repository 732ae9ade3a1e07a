#![doc = include_str!("../README.md")]

mod clock;
mod sql;

pub use clock::SystemClock;
pub use sql::{Claimed, ConnectError, MigrationState, MigrationStep, SqlSettings, SqlStore, sqlite_file};
