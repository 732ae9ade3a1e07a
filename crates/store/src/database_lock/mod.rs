//! The database lock: a database belongs to one node alone, or to any number of nodes that share a blacklist.
//!
//! **The problem.** Without Redis a node keeps its blacklist in its own memory. A second node on the same database
//! would learn of a logout from the log, a moment later, and until then accept a revoked token. So such a node has to
//! be alone, and has to know it: not only when it starts, but at every check.
//!
//! **The choice.** A lock, held for as long as the node serves: [`LockMode::Exclusive`] by a node whose blacklist is in its
//! memory, [`LockMode::Shared`] by those that share a blacklist in Redis, so that the two kinds exclude each other. On
//! SQLite it is the kernel's lock on the database file, which ends with the process and cannot be lost before. On
//! Postgres it is an advisory lock of a session, see [`advisory`]: a session can end without its client noticing, so
//! there [`DatabaseLock::holds`] is a belief that must be renewed, and that expires by itself.
//!
//! **Where it is checked.** [`LockedBlacklist`] wraps a blacklist and refuses to answer for a node that may have lost its
//! lock. Checks in SQL need no lock: every node reads the same rows.
//!
//! Rejected: a row with a heartbeat and a deadline in it. It compares clocks of several machines, and a node that was
//! paused for a while notices too late that its row was taken. With the lock the server that grants it is asked, and
//! only durations are measured, each on one machine.

#[cfg(feature = "postgres")]
mod advisory;
#[cfg(feature = "sqlite")]
mod file;
mod locked_blacklist;

#[cfg(feature = "sqlite")]
use std::path::Path;
use std::{error::Error, io, path::PathBuf};

use rescind_session::ports::StoreError;

use crate::sql::{ConnectError, is_postgres};
#[cfg(feature = "sqlite")]
use crate::sql::{makes_missing_file, sqlite_file};

pub use locked_blacklist::LockedBlacklist;

/// How a database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// By this node only: for a node that keeps its blacklist in the process, and for commands that move tables or
    /// close everything.
    Exclusive,
    /// By any number of nodes whose blacklist is in one Redis.
    Shared,
}

/// Why a database cannot be used in the requested way. No variant prints a URL.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DatabaseLockError {
    /// Another process uses it in a way that excludes this one.
    #[error("another rescind is using the database")]
    InUse {
        /// The requested use.
        asked: LockMode,
        /// The database file, on SQLite: the lock is on it.
        lock: Option<PathBuf>,
    },
    /// The URL's scheme is unknown.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The database file cannot be created, opened or locked.
    #[error("the database file {} cannot be locked", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The server cannot be reached, or grants no locks.
    #[error("the database cannot be reached for its lock")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

/// The source of a [`StoreError::Unavailable`]: the claimed database file is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database file, or a file of SQLite beside it, was deleted, moved or replaced: put it back, or restart")]
pub struct DatabaseLost;

/// The right to use a database, until it is dropped.
///
/// On SQLite, claim it before the file is opened and drop it after the file was closed
/// ([`SqlStore::close_connections`](crate::SqlStore::close_connections)). A process must not claim one file twice:
/// closing a descriptor of the file releases SQLite's own locks.
#[derive(derive_more::Debug)]
#[debug("DatabaseLock(holds: {})", self.holds())]
pub struct DatabaseLock(Lock, LockMode);

enum Lock {
    #[cfg(feature = "sqlite")]
    File(file::DatabaseFile),
    #[cfg(feature = "postgres")]
    Session(advisory::Kept),
}

impl DatabaseLock {
    /// Claims the database of a `DATABASE_URL`. On Postgres the lock does not count yet: see
    /// [`settled`](Self::settled). There a task of the current runtime keeps the lock.
    ///
    /// # Errors
    /// [`DatabaseLockError::InUse`] if others have it and the two uses exclude each other.
    pub async fn claim(url: &str, lock_mode: LockMode) -> Result<Self, DatabaseLockError> {
        if is_postgres(url) {
            #[cfg(feature = "postgres")]
            return Ok(Self(Lock::Session(advisory::claim(url, lock_mode).await?), lock_mode));
            #[cfg(not(feature = "postgres"))]
            return Err(ConnectError::Feature("postgres").into());
        }
        #[cfg(feature = "sqlite")]
        return Self::claim_sqlite(&sqlite_file(url)?, lock_mode, makes_missing_file(url)?).await;
        #[cfg(not(feature = "sqlite"))]
        Err(ConnectError::Feature("sqlite").into())
    }

    /// Claims the SQLite database in that file, which need not exist yet. Its directory is created.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    #[cfg(feature = "sqlite")]
    pub async fn claim_file(database: &Path, lock_mode: LockMode) -> Result<Self, DatabaseLockError> {
        Self::claim_sqlite(database, lock_mode, true).await
    }

    #[cfg(feature = "sqlite")]
    async fn claim_sqlite(database: &Path, lock_mode: LockMode, make: bool) -> Result<Self, DatabaseLockError> {
        let path = database.to_owned();
        let claimed = tokio::task::spawn_blocking(move || file::DatabaseFile::claim(&path, lock_mode, make)).await;
        let file = claimed.map_err(|error| DatabaseLockError::File {
            path: database.to_owned(),
            source: io::Error::other(error),
        })??;
        Ok(Self(Lock::File(file), lock_mode))
    }

    /// How it was claimed.
    pub fn lock_mode(&self) -> LockMode {
        self.1
    }

    /// Whether the database is this node's now. False from the moment at which the lock may be lost, even before the
    /// node notices; and false while the files are lost, as of the last [`verify`](Self::verify).
    pub fn holds(&self) -> bool {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Lock::File(file) => file.was_in_place(),
            #[cfg(feature = "postgres")]
            Lock::Session(kept) => kept.holds(),
        }
    }

    /// Checks whether the SQLite files that were claimed are in place. Call it around every operation. It does not
    /// check the lock on Postgres: rows in SQL are correct for every reader.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with [`DatabaseLost`] as its source.
    pub fn verify(&self) -> Result<(), StoreError> {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Lock::File(file) if !file.is_in_place() => Err(StoreError::unavailable(DatabaseLost)),
            _ => Ok(()),
        }
    }

    /// Waits until [`holds`](Self::holds) is true. On Postgres that may take some seconds after the claim, until a
    /// predecessor that was cut off no longer believes that it holds the lock.
    pub async fn settled(&self) {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Lock::File(_) => {}
            #[cfg(feature = "postgres")]
            Lock::Session(kept) => kept.settled().await,
        }
    }

    /// Calls `act` each time a lost lock is taken again, *before* [`holds`](Self::holds) is true again: other nodes may
    /// have used the database meanwhile, and this node's memory may be out of date. `act` must not wait. Only the first
    /// call of this function counts.
    pub fn when_regained(&self, act: impl Fn() + Send + Sync + 'static) {
        match &self.0 {
            #[cfg(feature = "sqlite")]
            Lock::File(_) => drop(act),
            #[cfg(feature = "postgres")]
            Lock::Session(kept) => kept.when_regained(Box::new(act)),
        }
    }
}
