//! The schema, moved by hand: `connect` never changes it.
//!
//! A whole move is one transaction. Of two nodes that migrate at once, the second waits and then finds nothing to do; of a
//! move that fails, nothing is left.

use rescind_migrations::{MigrationStatus, Migrator, MigratorTrait};
use rescind_session::ports::StoreError;

use super::{SqlStore, commit, error::failed};

/// One step of the schema's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MigrationStep {
    /// Its name, which begins with its date.
    pub name: String,
    /// Whether this database has it.
    pub state: MigrationState,
}

/// Whether a step of the schema's history was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationState {
    /// The database has it.
    Applied,
    /// [`SqlStore::migrate_up`] will take it.
    Pending,
}

impl SqlStore {
    /// Takes every step that the database does not have yet.
    ///
    /// # Errors
    /// [`StoreError`]; then nothing was changed. `Corrupt` if the database has steps that this program does not know: it
    /// was moved by a newer one.
    pub async fn migrate_up(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        Migrator::up(&transaction, None).await.map_err(failed)?;
        commit(transaction).await
    }

    /// Takes the latest `steps` steps back, and with them what their tables held; [`u32::MAX`] takes all of them back.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_down(&self, steps: u32) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        Migrator::down(&transaction, Some(steps)).await.map_err(failed)?;
        commit(transaction).await
    }

    /// Takes all steps back and then takes them again: empty tables. Tables of others in the same database stay, unlike
    /// with sea-orm's own `fresh`.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_fresh(&self) -> Result<(), StoreError> {
        let transaction = self.begin().await?;
        Migrator::refresh(&transaction).await.map_err(failed)?;
        commit(transaction).await
    }

    /// Every step that this program knows, oldest first. Writes nothing.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn migrate_status(&self) -> Result<Vec<MigrationStep>, StoreError> {
        let steps = Migrator::get_migration_with_status_read_only(&self.readers)
            .await
            .map_err(failed)?;
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

    /// Whether the database has every step. Nothing else works before it has.
    ///
    /// # Errors
    /// As [`migrate_up`](Self::migrate_up).
    pub async fn is_current(&self) -> Result<bool, StoreError> {
        let steps = self.migrate_status().await?;
        Ok(steps.iter().all(|step| step.state == MigrationState::Applied))
    }
}
