//! A database of its own in the server that tests share, or in a server of one test alone.

use std::time::Duration;

use rescind_store::{SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, Tool, needs};
use sea_orm::{ConnectOptions, Database, DatabaseConnection};

pub(crate) use crate::stories::*;

/// Longer than any wait here, and shorter than a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The URL of an empty database in the shared server; `None` if there is no Postgres, after printing that.
pub(crate) async fn fresh() -> Option<String> {
    needs(Tool::Postgres)?;
    Some(PostgresServer::shared().await.fresh_database().await)
}

/// A server that the test may stop or reconfigure.
pub(crate) async fn own_server(settings: &[&str]) -> Option<PostgresServer> {
    needs(Tool::Postgres)?;
    Some(PostgresServer::with(settings).await)
}

pub(crate) async fn store_with(url: &str, settings: &SqlSettings) -> SqlStore {
    let store = SqlStore::connect(url, settings).await.unwrap();
    store.migrate_up().await.unwrap();
    store
}

pub(crate) async fn store(url: &str) -> SqlStore {
    store_with(url, &SqlSettings::default()).await
}

/// Settings with short time limits.
pub(crate) fn impatient() -> SqlSettings {
    SqlSettings::default()
        .acquire_timeout(Duration::from_secs(1))
        .busy_timeout(Duration::from_secs(1))
}

/// A foreign connection: another program, or a person with `psql`.
pub(crate) async fn stranger(url: &str) -> DatabaseConnection {
    let mut options = ConnectOptions::new(url);
    options.max_connections(1).sqlx_logging(false);
    Database::connect(options).await.unwrap()
}
