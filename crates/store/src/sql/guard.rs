//! Checks around every operation, and the orderly shutdown.

use std::{fmt::Debug, sync::Arc};

use rescind_session::ports::StoreError;
use sea_orm::{ConnectionTrait, DbBackend};

use super::{HighWater, SqlStore, error::Failure};

/// Watches a node's database. An operation fails with the errors of its guard.
pub trait DatabaseGuard: Debug + Send + Sync {
    /// Whether the node still has the database. Called before and after every operation of a port: an operation whose
    /// database was lost meanwhile is not confirmed. Must not wait.
    fn verify(&self) -> Result<(), StoreError>;

    /// Called when SQLite has committed revocations; they are answered after it returns. May block.
    fn record(&self, known: HighWater) -> Result<(), StoreError>;
}

impl SqlStore {
    /// This store with a guard.
    #[must_use]
    pub fn guarded(mut self, guard: Arc<dyn DatabaseGuard>) -> Self {
        self.guard = Some(guard);
        self
    }

    pub(crate) fn is_guarded(&self) -> bool {
        self.guard.is_some()
    }

    /// Closes all connections. On SQLite the contents of the write-ahead log are moved into the file, which is then
    /// complete by itself.
    ///
    /// # Errors
    /// [`StoreError`] if that failed. The next start does it then.
    pub async fn close_connections(&self) -> Result<(), StoreError> {
        if self.is_sqlite() {
            let move_all = "PRAGMA wal_checkpoint(TRUNCATE)";
            self.writer.execute_unprepared(move_all).await.map_err(Failure::from)?;
        }
        // The writer last: closing the last connection moves the rest.
        self.readers.close_by_ref().await.map_err(Failure::from)?;
        Ok(self.writer.close_by_ref().await.map_err(Failure::from)?)
    }

    pub(super) fn verify(&self) -> Result<(), StoreError> {
        self.guard.as_ref().map_or(Ok(()), |guard| guard.verify())
    }

    /// Lets the guard of an SQLite file record committed revocations.
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
