//! Migrations, started explicitly: `connect` never changes the schema.
//!
//! A whole migration is one transaction. If two nodes migrate at once, the second waits and then finds nothing to do; a
//! migration that fails changes nothing.

use rescind_migrations::{MigrationStatus, Migrator, MigratorTrait};
use rescind_session::ports::StoreError;

use sea_orm::{ConnectionTrait, DatabaseTransaction, DbBackend, IsolationLevel, TransactionTrait};

use super::{SqlStore, commit, error::Failure};

/// The number of the advisory lock for migrating a Postgres: "rescheme" in ASCII.
const SCHEMA_LOCK: i64 = 0x7265_7363_6865_6d65;

/// One step of the schema's history.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MigrationStep {
    /// Its name, which begins with its date.
    pub name: String,
    /// Whether this database has applied it.
    pub state: MigrationState,
}

/// Whether a migration step was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it.
    Applied,
    /// [`SqlStore::migrate_up`] will apply it.
    Pending,
}

impl SqlStore {
    /// Applies every step that the database does not have yet.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed. `Corrupt` if the database has steps that this program does not know: a
    /// newer one has migrated it.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        let transaction = self.begin_move().await?;
        Migrator::up(&transaction, None).await.map_err(Failure::from)?;
        Ok(commit(transaction).await?)
    }

    /// Reverts the latest `steps` steps and deletes their tables' contents; [`u32::MAX`] reverts all of them.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.begin_move().await?;
        Migrator::down(&transaction, Some(steps)).await.map_err(Failure::from)?;
        Ok(commit(transaction).await?)
    }

    /// Reverts all steps and then applies them again: empty tables. Other tables in the same database stay, unlike with
    /// sea-orm's own `fresh`.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_fresh(&self) -> Result<(), StoreError> {
        let is_current = self.is_current().await?;
        let transaction = self.begin_move().await?;
        if is_current {
            // Their user ids may be no UUIDs, which the older schema on the way down cannot store.
            for table in ["users", "sessions", "user_epochs", "revocations"] {
                let delete = format!("DELETE FROM rescind_{table}");
                transaction.execute_unprepared(&delete).await.map_err(Failure::from)?;
            }
        }
        Migrator::refresh(&transaction).await.map_err(Failure::from)?;
        Ok(commit(transaction).await?)
    }

    /// Every step that this program knows, oldest first. Writes nothing.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_status(&self) -> Result<Vec<MigrationStep>, StoreError> {
        let steps = self
            .retry(|| async { Ok(Migrator::get_migration_with_status_read_only(&self.readers).await?) })
            .await?;
        let state = |status| match status {
            MigrationStatus::Applied => MigrationState::Applied,
            MigrationStatus::Pending => MigrationState::Pending,
        };
        let step = |step: &rescind_migrations::Migration| MigrationStep {
            name: step.name().to_owned(),
            state: state(step.status()),
        };
        Ok(steps.iter().map(step).collect())
    }

    /// Whether the database has every step. Before that, no other operation works.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        let steps = self.migrate_status().await?;
        Ok(steps.iter().all(|step| step.state == MigrationState::Applied))
    }

    /// Begins a migration, exclusively.
    ///
    /// SQLite has one writer anyway. On Postgres a migration holds a lock that makes other migrations wait, and may
    /// take any time. But it waits for a table only for a bounded time, since all other queries would queue up behind
    /// it. Always READ COMMITTED: a migration that waited for the lock must see its predecessor's changes.
    async fn begin_move(&self) -> Result<DatabaseTransaction, Failure> {
        if self.writer.get_database_backend() != DbBackend::Postgres {
            return self.begin().await;
        }
        let read_committed = Some(IsolationLevel::ReadCommitted);
        let beginning = self.writer.begin_with_config(read_committed, None);
        let transaction = self.abandoned.watching(beginning).await?;
        let alone = format!(
            "SET LOCAL statement_timeout = 0;
             SET LOCAL idle_in_transaction_session_timeout = 0;
             SET LOCAL lock_timeout = 0;
             SELECT pg_advisory_xact_lock({SCHEMA_LOCK});
             SET LOCAL lock_timeout = {};",
            self.lock_timeout.as_millis().min(i32::MAX as u128)
        );
        transaction.execute_unprepared(&alone).await?;
        Ok(transaction)
    }
}
