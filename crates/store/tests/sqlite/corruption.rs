//! Rows that this program never wrote, and a damaged file: errors, never a panic, and never a session that counts as
//! open.

use std::io::{Seek, SeekFrom, Write};

use rescind_session::{
    EndReason, Position, Scope, UserKind,
    ports::{Inserted, NewRevocation, SessionStore, StoreError, UserStore},
    token::TokenId,
};
use rescind_store::{SqlSettings, SqlStore};
use sea_orm::{ConnectionTrait, DbBackend, Statement};

use crate::fixture::{NOON, Place, closing, opened, rng, user};

/// Changes rows with `sqlite3`, without constraints.
async fn tamper(place: &Place, sql: &str) {
    let stranger = place.stranger().await;
    stranger
        .execute_unprepared("PRAGMA ignore_check_constraints = ON")
        .await
        .unwrap();
    let changed = stranger.execute_unprepared(sql).await.unwrap().rows_affected();
    assert_eq!(changed, 1, "{sql}");
    stranger.close().await.unwrap();
}

fn assert_corrupt<T: std::fmt::Debug>(answer: &Result<T, StoreError>, sql: &str) {
    assert!(matches!(answer, Err(StoreError::Corrupt(_))), "{sql}: {answer:?}");
}

#[tokio::test]
async fn an_unreadable_session_is_corrupt() {
    for change in [
        "user_id = x'0102'",
        "user_id = ''",
        "user_id = char(10)",
        "created_at = 'yesterday'",
        "expires_at = 9223372036854775807",
        "access_until = 1.5",
        "generation = -1",
        "generation = 4294967296",
        "generation = NULL",
        "salt = x'00'",
        "salt = NULL",
        "idle_until = NULL",
        "grace_until = -9223372036854775808",
        "closed_at = 1",
        "closed_cause = 'logout'",
        "closed_at = 1, closed_cause = 'boredom'",
        "address = 'nowhere'",
        "reuse_noticed_at = x'ff'",
    ] {
        let place = Place::new();
        let store = place.store().await;
        let session = opened(&store, 1).await;
        tamper(&place, &format!("UPDATE rescind_sessions SET {change}")).await;
        assert_corrupt(&SessionStore::find(&store, session.id).await, change);
    }
}

#[tokio::test]
async fn one_unreadable_session_makes_the_whole_list_corrupt() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    tamper(&place, "UPDATE rescind_sessions SET address = 'nowhere'").await;
    assert_corrupt(&store.list_open(&session.user).await, "address");
}

#[tokio::test]
async fn an_unreadable_revocation_is_corrupt() {
    for change in [
        "scope_kind = 'planet'",
        "cause = 'boredom'",
        "scope_id = x''",
        "until = 'later'",
        "position = -3",
    ] {
        let place = Place::new();
        let store = place.store().await;
        let session = opened(&store, 1).await;
        let _ = store.close(session.id, &closing(EndReason::Logout)).await.unwrap();
        tamper(&place, &format!("UPDATE rescind_revocations SET {change}")).await;
        let everything = store
            .close_all(&session.user, None, &closing(EndReason::LogoutEverywhere))
            .await;
        if change.starts_with("position") {
            assert_corrupt(&everything, change);
        } else {
            assert_corrupt(&store.revocations_after(Position::START, 10).await, change);
        }
    }
}

/// The words in the tables are a format: a database that an older version wrote must stay readable.
#[tokio::test]
async fn stored_words_for_kinds_and_causes_do_not_change() {
    let place = Place::new();
    let store = place.store().await;
    for (seed, name, kind) in [(1, "alice", UserKind::Person), (2, "bob", UserKind::Demo)] {
        let mut new = user(seed, name);
        new.user.kind = kind;
        assert_eq!(store.insert(&new).await.unwrap(), Inserted::Created);
    }
    let session = opened(&store, 3).await;
    let _ = store
        .close(session.id, &closing(EndReason::LogoutElsewhere))
        .await
        .unwrap();
    let token = NewRevocation {
        scope: Scope::Token(TokenId::random(&mut rng(4))),
        user: session.user,
        at: NOON,
        until: NOON,
        cause: EndReason::TokenRevoked,
    };
    store.revoke(&token).await.unwrap();
    for (table, row) in [
        ("rescind_users", "username = 'alice' AND kind = 'person'"),
        ("rescind_users", "username = 'bob' AND kind = 'demo'"),
        ("rescind_sessions", "closed_cause = 'logout_elsewhere'"),
        (
            "rescind_revocations",
            "scope_kind = 'session' AND cause = 'logout_elsewhere'",
        ),
        (
            "rescind_revocations",
            "scope_kind = 'token' AND cause = 'token_revoked'",
        ),
    ] {
        // A statement that changes nothing, but counts the matching rows.
        tamper(&place, &format!("UPDATE {table} SET rowid = rowid WHERE {row}")).await;
    }
}

#[tokio::test]
async fn a_log_without_its_head_is_corrupt_and_revokes_no_session() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    tamper(&place, "DELETE FROM rescind_log_head").await;
    assert_corrupt(&store.close(session.id, &closing(EndReason::Logout)).await, "close");
    assert_corrupt(&store.revocations_after(Position::START, 10).await, "read");
    let row = SessionStore::find(&store, session.id).await.unwrap();
    assert_eq!(row, Some(session), "closed without a revocation");
}

#[tokio::test]
async fn an_unreadable_epoch_is_corrupt_and_opens_no_session() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    tamper(&place, "UPDATE rescind_user_epochs SET epoch = -1").await;
    assert_corrupt(&store.epoch(&session.user).await, "epoch");
    assert_corrupt(
        &store.open(&session, rescind_session::ports::Epoch::FIRST).await,
        "open",
    );
}

#[tokio::test]
async fn an_unreadable_user_is_corrupt() {
    for change in [
        "kind = 'robot'",
        "username = char(10)",
        "username = ''",
        "created_at = 'once'",
        "password_hash = x'ff'",
    ] {
        let place = Place::new();
        let store = place.store().await;
        let new = user(1, "alice");
        let _ = store.insert(&new.clone()).await.unwrap();
        tamper(&place, &format!("UPDATE rescind_users SET {change}")).await;
        assert_corrupt(&UserStore::find(&store, &new.user.id).await, change);
    }
}

#[tokio::test]
async fn a_damaged_file_is_an_error_for_every_call() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    drop(store);
    // A clean copy without a write-ahead log to repair it from; then the first page of each table and index is random.
    let stranger = place.stranger().await;
    stranger
        .execute_unprepared("PRAGMA wal_checkpoint(TRUNCATE)")
        .await
        .unwrap();
    let pages = Statement::from_string(
        DbBackend::Sqlite,
        "SELECT rootpage FROM sqlite_schema WHERE rootpage > 1",
    );
    let pages = stranger.query_all_raw(pages).await.unwrap();
    stranger.close().await.unwrap();
    let mut file = std::fs::OpenOptions::new().write(true).open(place.file()).unwrap();
    for page in pages {
        let page = u64::try_from(page.try_get_by_index::<i64>(0).unwrap()).unwrap();
        file.seek(SeekFrom::Start((page - 1) * 4096)).unwrap();
        file.write_all(&[0xa5; 4096]).unwrap();
    }
    drop(file);

    let store = SqlStore::open_file(&place.file(), &SqlSettings::default())
        .await
        .unwrap();
    assert_corrupt(&SessionStore::find(&store, session.id).await, "find");
    assert_corrupt(&store.list_open(&session.user).await, "list");
    assert_corrupt(&store.close(session.id, &closing(EndReason::Logout)).await, "close");
    assert_corrupt(&store.revocations_after(Position::START, 10).await, "tail");
    assert_corrupt(&store.is_current().await, "schema");
}
