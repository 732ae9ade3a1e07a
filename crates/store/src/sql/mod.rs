//! Users, sessions and the revocation log in SQL.
//!
//! **One writer.** SQLite lets one connection write at a time. Without a queue, two hundred writers spin: each finds
//! the database locked, sleeps, tries again, and some starve. So there are two pools: readers, which WAL lets read
//! during a write, and a single writing connection. sqlx queues callers for it in the order in which they came, for at
//! most [`SqlSettings::acquire_timeout`]. SQLite's own waiting ([`SqlSettings::busy_timeout`]) is then only for other
//! processes. Rejected: a mutex around one pool, which is the same queue with a second thing to forget; and retries in
//! this code, since SQLite's own are bounded and better spaced.
//!
//! **Transactions begin IMMEDIATE**: they take the write lock before the first read. A transaction that reads first and
//! takes the lock later gets SQLITE_BUSY at once if another has written in between, and waiting does not help.
//!
//! **Postgres** has one pool for both, and its transactions may have to be run again: see [`attempts`], and
//! [`postgres`] for the checks of a new session. All code here is correct under READ COMMITTED, where each statement
//! sees what was committed before it began and an UPDATE reads again a row that it had to wait for. Under REPEATABLE
//! READ and SERIALIZABLE a transaction whose row was changed meanwhile is undone, and runs again on the new state.
//!
//! **Order of locks**, for databases that lock rows: a user's epoch, then sessions, then the head of the log, which
//! every revoking transaction takes last. The holder of the head commits before the next transaction gets a position:
//! positions follow the order of commits, and there is no deadlock.
//!
//! **No bound value is logged.** sqlx's logging of statements is off, and the traces of sea-orm and sqlx leave out
//! values.

mod abandoned;
mod attempts;
mod connect;
mod entities;
mod error;
mod event_receivers;
mod guard;
mod key_ring;
mod life;
#[cfg(feature = "postgres")]
mod postgres;
#[cfg(test)]
mod query_plans;
mod restored;
mod revocation_log;
mod rows;
mod schema;
mod sessions;
#[cfg(feature = "sqlite")]
mod sqlite;
mod status_list;
mod users;
#[cfg(test)]
mod writer_recovery;

use std::{sync::Arc, time::Duration};

pub(crate) use connect::is_postgres;
pub use connect::{ConnectError, SqlSettings};
pub use event_receivers::EventPosition;
pub use guard::DatabaseGuard;
pub use key_ring::{Claimed, KeyRecord, RecordedRing};
#[cfg(feature = "postgres")]
pub(crate) use postgres::{read_url as read_postgres_url, refuse_pooler};
pub use schema::{MigrationState, MigrationStep};
#[cfg(feature = "sqlite")]
pub use sqlite::sqlite_file;
#[cfg(feature = "sqlite")]
pub(crate) use sqlite::{make_file, makes_missing_file};

use sea_orm::{DatabaseConnection, DatabaseTransaction, SqliteTransactionMode, TransactionOptions, TransactionTrait};

use crate::HighWater;
use abandoned::Abandoned;
use error::{Failure, commit_failed};

/// How long to keep trying.
#[derive(Debug, Clone, Copy)]
struct Patience {
    /// After this time no other attempt begins.
    altogether: Duration,
    /// The longest time of one attempt; `None` for SQLite, where there is no network.
    each: Option<Duration>,
}

/// Users, sessions and the revocation log in a SQL database: SQLite or Postgres.
///
/// It is a handle on connections: clones are cheap and share them.
#[derive(Debug, Clone)]
pub struct SqlStore {
    readers: DatabaseConnection,
    /// On Postgres the same pool.
    writer: DatabaseConnection,
    abandoned: Abandoned,
    patience: Patience,
    /// How long Postgres waits for a lock.
    lock_timeout: Duration,
    keep_entries: Duration,
    event_retention: Duration,
    guard: Option<Arc<dyn DatabaseGuard>>,
}

impl SqlStore {
    /// Begins a write: waits for its turn, then holds the lock until the transaction is committed or dropped.
    async fn begin(&self) -> Result<DatabaseTransaction, Failure> {
        let options = TransactionOptions {
            sqlite_transaction_mode: Some(SqliteTransactionMode::Immediate),
            ..TransactionOptions::default()
        };
        let beginning = self.writer.begin_with_options(options);
        Ok(self.abandoned.watching(beginning).await?)
    }
}

/// Commits. If this fails, it is usually unknown whether the transaction counts.
#[expect(clippy::disallowed_methods, reason = "the one place")]
async fn commit(transaction: DatabaseTransaction) -> Result<(), Failure> {
    transaction.commit().await.map_err(commit_failed)
}
