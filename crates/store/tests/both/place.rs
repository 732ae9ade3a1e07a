//! A database of either kind.

use std::time::Duration;

use rescind_store::{SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, Tool, needs};
use sea_orm::{ConnectOptions, ConnectionTrait, Database, DatabaseConnection};
use tempfile::TempDir;

/// A database that exists as long as this value.
pub(crate) struct Place {
    pub(crate) is_postgres: bool,
    pub(crate) url: String,
    _directory: Option<TempDir>,
}

pub(crate) fn sqlite() -> Place {
    let directory = tempfile::tempdir().unwrap();
    Place {
        is_postgres: false,
        url: format!("sqlite:{}?mode=rwc", directory.path().join("rescind.db").display()),
        _directory: Some(directory),
    }
}

/// `None` if there is no Postgres, after printing that.
pub(crate) async fn postgres() -> Option<Place> {
    needs(Tool::Postgres)?;
    Some(Place {
        is_postgres: true,
        url: PostgresServer::shared().await.fresh_database().await,
        _directory: None,
    })
}

impl Place {
    /// A store with limits for a slow machine.
    pub(crate) async fn store(&self) -> SqlStore {
        self.store_that_keeps(Duration::ZERO).await
    }

    /// The same with that minimum time for entries of the log after their commit.
    pub(crate) async fn store_that_keeps(&self, keep_entries: Duration) -> SqlStore {
        let settings = SqlSettings::default()
            .keep_entries(keep_entries)
            .event_retention(Duration::from_secs(7 * 24 * 60 * 60))
            .acquire_timeout(Duration::from_secs(90))
            .busy_timeout(Duration::from_secs(90));
        let store = SqlStore::connect(&self.url, &settings).await.unwrap();
        store.migrate_up().await.unwrap();
        store
    }

    /// A store whose tables were not created.
    pub(crate) async fn unmigrated(&self) -> SqlStore {
        SqlStore::connect(&self.url, &SqlSettings::default()).await.unwrap()
    }

    /// A connection of the application's own.
    pub(crate) async fn connection(&self) -> DatabaseConnection {
        let mut options = ConnectOptions::new(&self.url);
        options.max_connections(1).sqlx_logging(false);
        Database::connect(options).await.unwrap()
    }

    /// Runs a statement directly on the database, around the store.
    pub(crate) async fn run(&self, statement: &str) {
        self.connection().await.execute_unprepared(statement).await.unwrap();
    }
}
