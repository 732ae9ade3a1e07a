//! The writing connection after a failure for which SQLite rolled back by itself.

use rescind_session::{
    NewUser, PasswordHash, User, UserKind, Username,
    ports::{Inserted, StoreError, UserStore},
    token::UserId,
};
use sea_orm::ConnectionTrait;
use uuid::Uuid;

use super::{SqlSettings, SqlStore};

fn user(number: u128, hash: String) -> NewUser {
    let username = Username::parse(&format!("user{number}")).unwrap();
    let id = UserId::from(Uuid::from_u128(number));
    NewUser {
        user: User {
            id,
            username,
            kind: UserKind::Person,
        },
        password_hash: PasswordHash::new(hash),
        created_at: jiff::Timestamp::UNIX_EPOCH,
    }
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_space() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(&directory.path().join("full.db"), &SqlSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();

    // It is a limit of the connection and ends with it: the store must notice that this connection is unusable.
    store
        .writer
        .execute_unprepared("PRAGMA max_page_count = 1")
        .await
        .unwrap();
    let failed = store.insert(&user(1, "x".repeat(1_000_000))).await;
    assert!(matches!(failed, Err(StoreError::Unavailable(_))), "{failed:?}");

    for number in 2..5 {
        assert_eq!(
            store.insert(&user(number, "y".repeat(1_000_000))).await.unwrap(),
            Inserted::Created
        );
    }
    assert!(store.find(&UserId::from(Uuid::from_u128(1))).await.unwrap().is_none());
}

/// A transaction that began with a read could be refused when it writes, and waiting would not help.
#[tokio::test]
async fn a_transaction_has_the_write_lock_before_its_first_statement() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("lock.db");
    let store = SqlStore::open_file(&file, &SqlSettings::default()).await.unwrap();
    let settings = SqlSettings {
        busy_timeout: std::time::Duration::ZERO,
        ..SqlSettings::default()
    };
    let other = SqlStore::open_file(&file, &settings).await.unwrap();
    let transaction = store.begin().await.unwrap();
    assert!(other.begin().await.unwrap_err().is_worth_another_try());
    transaction.rollback().await.unwrap();
    other.begin().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_transaction_leaves_no_change() {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(&directory.path().join("left.db"), &SqlSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();

    let transaction = store.begin().await.unwrap();
    transaction
        .execute_unprepared("UPDATE rescind_log_head SET last_position = 99")
        .await
        .unwrap();
    drop(transaction);

    assert_eq!(
        store.insert(&user(1, "hash".to_owned())).await.unwrap(),
        Inserted::Created
    );
    assert_eq!(store.log_head().await.unwrap().last_position, 0);
}
