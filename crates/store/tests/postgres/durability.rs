//! Databases whose commits would not survive a power cut are refused.

use rescind_session::ports::{SessionStore, StoreError};
use rescind_store::{ConnectError, SqlSettings, SqlStore};
use tokio::time::{Instant, timeout};

use crate::fixture::{PATIENCE, fresh, impatient, opened, own_server, store_with};

async fn setting_refused(url: &str) -> String {
    match SqlStore::connect(url, &SqlSettings::default()).await {
        Err(ConnectError::NotDurable { setting, .. }) => setting,
        other => panic!("it was not refused for its settings: {other:?}"),
    }
}

#[tokio::test]
async fn a_server_without_durable_commits_is_refused() {
    for setting in ["synchronous_commit", "fsync", "full_page_writes"] {
        let Some(server) = own_server(&[&format!("{setting}=off")]).await else {
            return;
        };
        assert_eq!(setting_refused(&server.url()).await, setting);
    }
}

#[tokio::test]
async fn a_database_or_role_that_weakens_commits_is_refused() {
    let Some(url) = fresh().await else { return };
    let (_, name) = url.rsplit_once('/').unwrap();
    let server = rescind_testkit::PostgresServer::shared().await;
    for (value, is_good) in [("off", false), ("local", true), ("remote_apply", true)] {
        server
            .sql(&format!("ALTER DATABASE {name} SET synchronous_commit = {value}"))
            .await;
        let connected = SqlStore::connect(&url, &SqlSettings::default()).await;
        assert_eq!(connected.is_ok(), is_good, "{value}: {connected:?}");
    }
}

#[tokio::test]
async fn a_server_that_loses_durability_is_refused_by_the_next_session() {
    let Some(server) = own_server(&[]).await else { return };
    let store = store_with(&server.url(), &impatient()).await;
    let session = opened(&store, 1).await;

    server.sql("ALTER SYSTEM SET fsync = off").await;
    server.sql("SELECT pg_reload_conf()").await;
    end_all_sessions(&server).await;
    let refused = timeout(PATIENCE, store.find(session.id)).await.expect("it hangs");
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    server.sql("ALTER SYSTEM RESET fsync").await;
    server.sql("SELECT pg_reload_conf()").await;
    let patience = Instant::now() + PATIENCE;
    while store.find(session.id).await.is_err() {
        assert!(Instant::now() < patience, "it does not recover");
    }
}

/// Ends all sessions and waits until every new one has the reloaded settings.
async fn end_all_sessions(server: &rescind_testkit::PostgresServer) {
    let end = "SELECT pg_terminate_backend(pid, 20000) FROM pg_stat_activity
               WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()";
    server.sql(end).await;
    let patience = Instant::now() + PATIENCE;
    while server.sql("SHOW fsync").await != "off" {
        assert!(Instant::now() < patience, "the server does not read its settings");
    }
}
