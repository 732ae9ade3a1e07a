//! The ports in memory: the adapters to read first.
//!
//! Each store is a plain structure behind one lock. "One method, one transaction" is then easy to see: a method takes
//! the lock in its first line, releases it in its last, and never awaits in between. A store on SQL does the same with
//! a transaction, and the `conformance` suite tests both.
//!
//! A single node checks [`MemoryBlacklist`] on every request in production. [`MemoryUsers`] and [`MemorySessions`] lose
//! everything when the process ends, so they are only for tests and lessons.
//!
//! A lock is poisoned by a panic while it is held. No code here panics, but if it happened the structure might be half
//! changed, so from then on the store returns that it is unavailable. Rejected: continuing with the locked data. A
//! revocation might be missing from it, unnoticed.

mod blacklist;
mod log;
mod sessions;
mod users;

pub use blacklist::MemoryBlacklist;
pub use sessions::MemorySessions;
pub use users::MemoryUsers;

use std::sync::{Arc, LockResult, PoisonError};

use crate::{clock::Clock, config::Ports, ports::StoreError};

/// All ports in memory, with that clock.
pub fn ports(clock: impl Clock + 'static) -> Ports {
    Ports {
        users: Arc::new(MemoryUsers::new()),
        sessions: Arc::new(MemorySessions::new()),
        blacklist: Arc::new(MemoryBlacklist::new()),
        clock: Arc::new(clock),
    }
}

/// The locked data, unless a panic may have left it half changed.
fn whole<Guard>(locked: LockResult<Guard>) -> Result<Guard, StoreError> {
    locked.map_err(|_: PoisonError<Guard>| StoreError::unavailable("a panic may have left this store half changed"))
}
