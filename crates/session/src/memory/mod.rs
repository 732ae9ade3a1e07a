//! The ports in memory: the adapters to learn the ports from.
//!
//! Each store is a plain structure behind one lock. "One method, one transaction" is then easy to see: a method takes
//! the lock in its first line and gives it back in its last, and nothing is awaited in between. A store on SQL does the
//! same with a transaction, and the `conformance` suite holds both to it.
//!
//! They are real all the same. [`MemoryBlacklist`] is what a single node asks on every request; [`MemoryUsers`] and
//! [`MemorySessions`] forget everything when the process ends, which is right for tests and lessons and for nothing else.
//!
//! A lock is poisoned when somebody panicked while holding it. Nothing here does, but if it ever happened the structure
//! might be half changed, so the store says from then on that it cannot answer. Rejected: carrying on with what the lock
//! holds. A revocation might be missing from it, and nobody would know.

mod blacklist;
mod log;
mod sessions;
mod users;

pub use blacklist::MemoryBlacklist;
pub use sessions::MemorySessions;
pub use users::MemoryUsers;

use std::sync::{LockResult, PoisonError};

use crate::ports::StoreError;

/// What a lock guards, unless a panic may have left it half changed.
fn whole<Guard>(locked: LockResult<Guard>) -> Result<Guard, StoreError> {
    locked.map_err(|_: PoisonError<Guard>| StoreError::unavailable("a panic may have left this store half changed"))
}
