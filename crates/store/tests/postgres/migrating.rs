//! Migrating the schema of a Postgres through the store.

use rescind_session::ports::{SessionStore, StoreError};
use rescind_store::{MigrationState, SqlSettings, SqlStore};
use sea_orm::ConnectionTrait;

use crate::fixture::{fresh, opened, stranger};

async fn applied(store: &SqlStore) -> usize {
    let steps = store.migrate_status().await.unwrap();
    steps
        .iter()
        .filter(|step| step.state == MigrationState::Applied)
        .count()
}

#[tokio::test]
async fn migrate_up_applies_every_step_and_down_reverts_them() {
    let Some(url) = fresh().await else { return };
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    let steps = store.migrate_status().await.unwrap().len();
    assert_eq!(applied(&store).await, 0);
    store.migrate_up().await.unwrap();
    assert!(store.is_current().await.unwrap());
    store.migrate_down(1).await.unwrap();
    assert_eq!(applied(&store).await, steps - 1);
    store.migrate_down(u32::MAX).await.unwrap();
    assert_eq!(applied(&store).await, 0);
    store.migrate_fresh().await.unwrap();
    opened(&store, 1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn concurrent_migrations_all_succeed_under_each_isolation_level() {
    for isolation in ["read committed", "serializable"] {
        let Some(url) = fresh().await else { return };
        let (_, name) = url.rsplit_once('/').unwrap();
        rescind_testkit::PostgresServer::shared()
            .await
            .sql(&format!(
                "ALTER DATABASE {name} SET default_transaction_isolation = '{isolation}'"
            ))
            .await;
        let starting: Vec<_> = (0..8)
            .map(|seed| {
                let url = url.clone();
                tokio::spawn(async move {
                    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
                    store.migrate_up().await.unwrap();
                    opened(&store, seed).await;
                })
            })
            .collect();
        for start in starting {
            start.await.unwrap();
        }
    }
}

#[tokio::test]
async fn a_failed_migration_leaves_the_schema_unchanged() {
    let Some(url) = fresh().await else { return };
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    let stranger = stranger(&url).await;
    stranger
        .execute_unprepared("CREATE TABLE rescind_key_ring (id INTEGER)")
        .await
        .unwrap();
    assert!(matches!(store.migrate_up().await, Err(StoreError::Unavailable(_))));
    assert_eq!(applied(&store).await, 0, "the steps before the failed one were kept");
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_corrupt_and_an_old_one_is_not() {
    let Some(url) = fresh().await else { return };
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    store.migrate_up().await.unwrap();
    stranger(&url)
        .await
        .execute_unprepared("INSERT INTO rescind_migrations VALUES ('m30000101_000001_holograms', 0)")
        .await
        .unwrap();
    assert!(matches!(store.is_current().await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.migrate_up().await, Err(StoreError::Corrupt(_))));
}

#[tokio::test]
async fn each_log_has_an_identity_of_its_own() {
    let (Some(one), Some(other)) = (fresh().await, fresh().await) else {
        return;
    };
    let (one, other) = (crate::fixture::store(&one).await, crate::fixture::store(&other).await);
    assert_ne!(one.log().await.unwrap(), other.log().await.unwrap());
}
