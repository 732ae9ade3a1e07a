//! A lock for what every request reads and little changes.
//!
//! The readers of a [`std::sync::RwLock`] count themselves in one word, which moves from core to core: with two cores at work
//! a check then takes four times as long. `ShardedLock` has such a word for each group of threads, and a writer takes
//! them all.

#[cfg(feature = "token-cache")]
pub(crate) use crossbeam_utils::sync::{ShardedLock as Lock, ShardedLockWriteGuard as WriteGuard};
#[cfg(not(feature = "token-cache"))]
pub(crate) use std::sync::{RwLock as Lock, RwLockWriteGuard as WriteGuard};
