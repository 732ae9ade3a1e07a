//! Who may use a database: one node for itself, or any number that tell each other.
//!
//! **The problem.** Without Redis a node keeps its blacklist in its own memory. A second node on the same database would
//! hear of a logout from the log, a moment later, and in that moment accept a token that was taken back. So such a node has
//! to be alone, and has to know it: not when it starts, but at every check.
//!
//! **The choice.** A lock, held for as long as the node serves: [`Tenancy::Alone`] by a node that remembers by itself,
//! [`Tenancy::Shared`] by those that share a blacklist in Redis, so that the two kinds keep each other out. On SQLite it is
//! the kernel's lock on the database file, which goes when the process does and cannot be lost before. On Postgres
//! it is an advisory lock of a session, see [`advisory`]: a session can end without its client hearing of it, so there
//! [`Tenant::holds`] is a belief that has to be renewed, and that ends by itself.
//!
//! **Where it is asked.** [`Tenanted`] stands before a blacklist and refuses to answer for a node that may have lost its
//! lock. What only SQL decides needs none: a row is the truth, whoever reads it.
//!
//! Rejected: a row with a heartbeat and a deadline in it. It compares clocks of several machines, and a node that stood
//! still for a while finds its row taken when it is too late. The lock is asked of whoever grants it, and only durations
//! are measured, each on one machine.

mod advisory;
mod file;
mod tenanted;

use std::{
    error::Error,
    fmt, io,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use rescind_session::ports::StoreError;

use crate::sql::{ConnectError, is_postgres, makes_missing_file, sqlite_file};

pub use tenanted::Tenanted;

/// How a database is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tenancy {
    /// By nobody else: for a node that keeps its blacklist in the process, and for whoever moves tables or closes everything.
    Alone,
    /// By any number that keep no secrets from each other: nodes whose blacklist is in one Redis.
    Shared,
}

/// Why a database cannot be used as asked. No variant prints a URL.
#[derive(Debug, thiserror::Error)]
pub enum TenancyError {
    /// Somebody else is using it in a way that this one does not go with.
    #[error("another rescind is using the database")]
    InUse {
        /// How it was asked for.
        asked: Tenancy,
        /// The database file, on SQLite: it is what is locked.
        lock: Option<PathBuf>,
    },
    /// The URL is not one of a database that is known here.
    #[error(transparent)]
    Url(#[from] ConnectError),
    /// The database file cannot be made, opened or locked.
    #[error("the database file {} cannot be locked", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The server cannot be reached, or would not grant locks.
    #[error("the database cannot be reached for its lock")]
    Unreachable(#[source] Box<dyn Error + Send + Sync>),
}

/// The source of a [`StoreError::Unavailable`]: the database that was claimed is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the database file, or a file of SQLite beside it, was deleted, moved or replaced: put it back, or restart")]
pub struct DatabaseLost;

/// The right to use a database, until it is dropped.
///
/// On SQLite it has to be claimed before the file is opened and dropped after it was closed
/// ([`SqlStore::close_connections`](crate::SqlStore::close_connections)), and a process must not claim one file twice: a
/// descriptor of the file that is closed takes SQLite's own locks with it.
pub struct Tenant {
    lock: Lock,
    /// As of the last look.
    is_in_place: AtomicBool,
}

enum Lock {
    File(file::DatabaseFile),
    Session(advisory::Kept),
}

impl From<Lock> for Tenant {
    fn from(lock: Lock) -> Self {
        Self {
            lock,
            is_in_place: true.into(),
        }
    }
}

impl Tenant {
    /// Takes the database of a `DATABASE_URL`. On Postgres it does not count yet: see [`settled`](Self::settled). There the lock is kept by a task of the runtime in which this was called.
    ///
    /// # Errors
    /// [`TenancyError::InUse`] if others have it and this is not how it can be shared.
    pub async fn claim(url: &str, tenancy: Tenancy) -> Result<Self, TenancyError> {
        if is_postgres(url) {
            return Ok(Lock::Session(advisory::claim(url, tenancy).await?).into());
        }
        Self::claim_sqlite(&sqlite_file(url)?, tenancy, makes_missing_file(url)?).await
    }

    /// Takes the SQLite database in that file, which need not be there yet. The directory around it is made.
    ///
    /// # Errors
    /// As [`claim`](Self::claim).
    pub async fn claim_file(database: &Path, tenancy: Tenancy) -> Result<Self, TenancyError> {
        Self::claim_sqlite(database, tenancy, true).await
    }

    async fn claim_sqlite(database: &Path, tenancy: Tenancy, make: bool) -> Result<Self, TenancyError> {
        let path = database.to_owned();
        let claimed = tokio::task::spawn_blocking(move || file::DatabaseFile::claim(&path, tenancy, make)).await;
        let file = claimed.map_err(|error| TenancyError::File {
            path: database.to_owned(),
            source: io::Error::other(error),
        })??;
        Ok(Lock::File(file).into())
    }

    /// Whether the database is this node's now. False from the moment at which the lock may be lost, whether or not the
    /// node has been told; and while the database is lost, as of the last [`verify`](Self::verify).
    #[must_use]
    pub fn holds(&self) -> bool {
        match &self.lock {
            Lock::File(_) => self.is_in_place.load(Ordering::SeqCst),
            Lock::Session(kept) => kept.holds(),
        }
    }

    /// Looks whether the files of SQLite are in their places: the ones that were claimed. To be called around every
    /// operation. The lock on Postgres is not a part of it: what SQL decides is true whoever reads it.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] with [`DatabaseLost`] as its source.
    pub fn verify(&self) -> Result<(), StoreError> {
        if let Lock::File(file) = &self.lock {
            let is_in_place = file.is_in_place();
            self.is_in_place.store(is_in_place, Ordering::SeqCst);
            if !is_in_place {
                return Err(StoreError::unavailable(DatabaseLost));
            }
        }
        Ok(())
    }

    /// Waits until [`holds`](Self::holds) is true. On Postgres that may take some seconds after the claim, until a
    /// predecessor that was cut off has stopped believing that the database is its own.
    pub async fn settled(&self) {
        match &self.lock {
            Lock::File(_) => {}
            Lock::Session(kept) => kept.settled().await,
        }
    }

    /// Has this done each time a lost lock is taken anew, *before* [`holds`](Self::holds) is true again: others may have
    /// been here meanwhile, and what the node remembers may be old. It must not wait for anything. Only the first call
    /// counts.
    pub fn when_regained(&self, act: impl Fn() + Send + Sync + 'static) {
        if let Lock::Session(kept) = &self.lock {
            kept.when_regained(Box::new(act));
        }
    }
}

impl fmt::Debug for Tenant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tenant").field("holds", &self.holds()).finish()
    }
}
