//! Migrating the schema through the store.

use rescind_session::ports::{SessionStore, StoreError, UserStore};
use rescind_store::{MigrationState, SqlSettings, SqlStore};
use sea_orm::ConnectionTrait;

use crate::fixture::{Place, opened, user};

async fn applied(store: &SqlStore) -> usize {
    let steps = store.migrate_status().await.unwrap();
    steps
        .iter()
        .filter(|step| step.state == MigrationState::Applied)
        .count()
}

#[tokio::test]
async fn migrate_up_applies_every_step_and_down_reverts_them() {
    let place = Place::new();
    let store = SqlStore::open_file(&place.file(), &SqlSettings::default())
        .await
        .unwrap();
    let steps = store.migrate_status().await.unwrap().len();
    assert!(steps > 1);
    assert_eq!(applied(&store).await, 0);
    assert!(!store.is_current().await.unwrap());

    store.migrate_up().await.unwrap();
    assert!(store.is_current().await.unwrap());

    store.migrate_down(1).await.unwrap();
    assert_eq!(applied(&store).await, steps - 1);
    assert!(!store.is_current().await.unwrap());

    store.migrate_down(u32::MAX).await.unwrap();
    assert_eq!(applied(&store).await, 0);
    store.migrate_up().await.unwrap();
    opened(&store, 1).await;
}

#[tokio::test]
async fn migrate_fresh_empties_our_tables_and_no_others() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    let _ = store.insert(&user(2, "alice")).await.unwrap();
    let stranger = place.stranger().await;
    stranger
        .execute_unprepared("CREATE TABLE invoices (id INTEGER); INSERT INTO invoices VALUES (1)")
        .await
        .unwrap();

    store.migrate_fresh().await.unwrap();
    assert!(store.is_current().await.unwrap());
    assert_eq!(SessionStore::find(&store, session.id).await.unwrap(), None);
    assert_eq!(UserStore::find(&store, &user(2, "alice").user.id).await.unwrap(), None);
    assert_eq!(
        stranger
            .execute_unprepared("DELETE FROM invoices")
            .await
            .unwrap()
            .rows_affected(),
        1
    );
}

#[tokio::test]
async fn a_failed_migration_leaves_the_schema_unchanged() {
    let place = Place::new();
    let store = SqlStore::open_file(&place.file(), &SqlSettings::default())
        .await
        .unwrap();
    // The last of the tables exists already, so the last step fails.
    place
        .stranger()
        .await
        .execute_unprepared("CREATE TABLE rescind_key_ring (id INTEGER)")
        .await
        .unwrap();
    assert!(matches!(store.migrate_up().await, Err(StoreError::Unavailable(_))));
    assert_eq!(applied(&store).await, 0, "the steps before the failed one were kept");
}

#[tokio::test]
async fn a_schema_of_a_newer_program_is_corrupt_and_an_old_one_is_not() {
    let place = Place::new();
    let store = place.store().await;
    place
        .stranger()
        .await
        .execute_unprepared("INSERT INTO rescind_migrations VALUES ('m30000101_000001_holograms', 0)")
        .await
        .unwrap();
    assert!(matches!(store.is_current().await, Err(StoreError::Corrupt(_))));
    assert!(matches!(store.migrate_up().await, Err(StoreError::Corrupt(_))));
}
