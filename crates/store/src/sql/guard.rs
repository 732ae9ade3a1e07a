//! What stands around every operation, and the end of all.

use std::{fmt::Debug, sync::Arc};

use rescind_session::ports::StoreError;
use sea_orm::{ConnectionTrait, DbBackend};

use super::{HighWater, SqlStore, error::failed};

/// Watches a database for its node. An operation fails with the errors of its guard.
pub trait DatabaseGuard: Debug + Send + Sync {
    /// Whether the database is still the node's. Called before and after every operation of a port: one whose database went
    /// meanwhile is not confirmed. Must not wait.
    fn verify(&self) -> Result<(), StoreError>;

    /// SQLite has committed revocations, which are answered when this has returned. May block.
    fn record(&self, known: HighWater) -> Result<(), StoreError>;
}

impl SqlStore {
    /// This store, watched.
    #[must_use]
    pub fn guarded(mut self, guard: Arc<dyn DatabaseGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    /// Closes all connections. On SQLite what is only in the write-ahead log is moved into the file, which is whole by itself
    /// afterwards.
    ///
    /// # Errors
    /// [`StoreError`] if that could not be done. The next start does it.
    pub async fn close_connections(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            let move_all = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.writer.execute_unprepared(move_all).await.map_err(failed)?;
        }
        // The writer last: closing the last connection moves what is left.
        self.readers.close_by_ref().await.map_err(failed)?;
        Ok(self.writer.close_by_ref().await.map_err(failed)?)
    }

    pub(super) fn verify(&self) -> Result<(), StoreError> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.verify())
    }

    /// Has the guard of an SQLite file record revocations that were committed.
    pub(super) async fn record(&self) -> Result<(), StoreError> {
        match self.guard.clone() {
            Some(guard) if self.is_sqlite() => {
                let known = self.high_water().await?;
                let recorded = tokio::task::spawn_blocking(move || guard.record(known)).await;
                recorded.map_err(StoreError::unavailable)?
            }
            _ => Ok(()),
        }
    }

    fn is_sqlite(&self) -> bool {
        self.writer.get_database_backend() == DbBackend::Sqlite
    }
}
