//! Users, sessions and the revocation log in SQL.
//!
//! **One writer.** SQLite lets one connection write at a time, whatever a program does about it. Left alone, two hundred
//! writers spin: each finds the database locked, sleeps, tries again, and some starve. So there are two pools: readers,
//! which WAL lets read while somebody writes, and a single writing connection, for which sqlx queues callers in the order
//! in which they came and for no longer than [`SqlSettings::acquire_timeout`]. What remains of SQLite's own waiting
//! ([`SqlSettings::busy_timeout`]) is for other processes. Rejected: a mutex around one pool, which is the same queue with
//! a second thing to forget; and retries in this code, since SQLite's own are bounded and better spaced.
//!
//! **Transactions begin IMMEDIATE**: the lock to write is taken before the first read. A transaction that reads, and only
//! then asks for the lock, is told SQLITE_BUSY at once if another has written in between, and no waiting mends that.
//!
//! **Postgres** has one pool for both, and its transactions may have to be run again: see [`attempts`], and [`postgres`] for
//! what a session is asked before it is trusted. Everything here holds under READ COMMITTED, where each statement sees what
//! was committed before it began and an UPDATE looks again at a row that it had to wait for; under REPEATABLE READ and
//! SERIALIZABLE whoever meets a row that changed meanwhile is undone, and runs again on the new state.
//!
//! **Order of locks**, for databases that lock rows: a user's epoch, then sessions, then the head of the log, which every
//! revoking transaction takes last. Whoever holds it commits before the next one is given a position: positions follow the
//! order of commits, and nobody waits in a circle.
//!
//! **Nothing bound is logged.** sqlx's logging of statements is off, and what sea-orm and sqlx trace leaves out values.

mod attempts;
mod connect;
mod entities;
mod error;
mod guard;
mod key_ring;
mod life;
mod postgres;
#[cfg(test)]
mod query_plans;
mod restored;
mod revocation_log;
mod rows;
mod schema;
mod sessions;
mod users;
#[cfg(test)]
mod writer_recovery;

use std::{sync::Arc, time::Duration};

pub use connect::{ConnectError, SqlSettings, sqlite_file};
pub(crate) use connect::{is_postgres, make_file, makes_missing_file};
pub use guard::DatabaseGuard;
pub use key_ring::Claimed;
pub(crate) use postgres::{read_url as read_postgres_url, refuse_pooler};
pub use revocation_log::HighWater;
pub use schema::{MigrationState, MigrationStep};

use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use error::{Failure, commit_failed, failed};

/// How long to go on.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// Once this has passed, no other attempt begins.
    altogether: Duration,
    /// The longest that one attempt may take; `None` where no network can swallow it.
    each: Option<Duration>,
}

/// Users, sessions and the revocation log in a SQL database: SQLite or Postgres.
///
/// It is a handle on connections: cloning it is cheap, and clones share them.
#[derive(Debug, Clone)]
pub struct SqlStore {
    readers: DatabaseConnection,
    /// On Postgres the same pool.
    writer: DatabaseConnection,
    patience: Patience,
    /// How long Postgres waits for a lock.
    lock_timeout: Duration,
    keep_entries: Duration,
    guard: Option<Arc<dyn DatabaseGuard>>,
}

impl SqlStore {
    /// Begins to write: waits for its turn, then holds the lock until the transaction is committed or dropped.
    async fn begin(&self) -> Result<DatabaseTransaction, Failure> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        self.writer.begin_with_options(options).await.map_err(failed)
    }
}

/// Commits. If this fails, it is mostly unknown whether the transaction counts.
async fn commit(transaction: DatabaseTransaction) -> Result<(), Failure> {
    transaction.commit().await.map_err(commit_failed)
}
