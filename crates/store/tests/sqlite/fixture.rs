//! A database in a directory of its own.

use std::path::PathBuf;

use rescind_store::{SqlSettings, SqlStore};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};
use tempfile::TempDir;

pub(crate) use crate::stories::*;

/// A database file that is removed with its directory.
pub(crate) struct Place {
    directory: TempDir,
}

impl Place {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.directory.path().join("rescind.db")
    }

    pub(crate) async fn store_with(&self, settings: &SqlSettings) -> SqlStore {
        let store = SqlStore::open_file(&self.file(), settings).await.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    pub(crate) async fn store(&self) -> SqlStore {
        self.store_with(&SqlSettings::default()).await
    }

    /// A foreign connection: another program, or a person with `sqlite3`.
    pub(crate) async fn stranger(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(format!("sqlite:{}", self.file().display()));
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }
}
