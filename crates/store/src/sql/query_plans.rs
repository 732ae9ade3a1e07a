//! The query plans of SQLite and Postgres. Statements that scan a table are quick in a test and slow after a year.

use jiff::Timestamp;
use rescind_session::{
    EndReason, StatusIndex,
    ports::Closing,
    token::{SessionId, UserId},
};
use rescind_testkit::{PostgresServer, Tool, needs};
use sea_orm::{ColumnTrait, Condition, ConnectionTrait, DbBackend, QueryTrait, Statement};
use uuid::Uuid;

use super::{
    SqlSettings, SqlStore,
    entities::session::Column,
    revocation_log::{Held, after, delete_passed, of_users_sessions},
    sessions::{close_open, delete_ended, select_newest_seen, select_open},
    status_list::{select_closed, select_highest, select_taken},
};

/// The plan of a statement, one step per line.
async fn plan(store: &SqlStore, explain: &str, statement: Statement) -> String {
    let explained = Statement {
        sql: format!("{explain} {}", statement.sql),
        ..statement
    };
    let steps = store.readers.query_all_raw(explained).await.unwrap();
    let column = match store.readers.get_database_backend() {
        DbBackend::Postgres => "QUERY PLAN",
        _ => "detail",
    };
    let steps: Vec<String> = steps.iter().map(|step| step.try_get("", column).unwrap()).collect();
    steps.join("\n")
}

/// The statement finds rows by that index, without a scan and without a sort.
async fn assert_uses(index: &str, statement: impl QueryTrait) {
    let directory = tempfile::tempdir().unwrap();
    let store = SqlStore::open_file(&directory.path().join("plans.db"), &SqlSettings::default())
        .await
        .unwrap();
    store.migrate_up().await.unwrap();
    let found = plan(&store, "EXPLAIN QUERY PLAN", statement.build(DbBackend::Sqlite)).await;
    assert!(found.contains(index), "{index} is not used:\n{found}");
    assert!(!found.contains("SCAN"), "a table is scanned:\n{found}");
    assert!(!found.contains("TEMP B-TREE"), "rows are sorted:\n{found}");

    // On an empty table Postgres would scan, unless scans are marked as expensive.
    let Some(_) = needs(Tool::Postgres) else { return };
    let settings = SqlSettings {
        max_connections: 1,
        ..SqlSettings::default()
    };
    let url = PostgresServer::shared().await.fresh_database().await;
    let store = SqlStore::connect(&url, &settings).await.unwrap();
    store.migrate_up().await.unwrap();
    store
        .readers
        .execute_unprepared("SET enable_seqscan = off; SET enable_bitmapscan = off")
        .await
        .unwrap();
    let index = match index {
        "INTEGER PRIMARY KEY (rowid>?)" | "INTEGER PRIMARY KEY (rowid<?)" => "rescind_revocations_pkey",
        named => named,
    };
    let found = plan(&store, "EXPLAIN", statement.build(DbBackend::Postgres)).await;
    assert!(found.contains(index), "{index} is not used:\n{found}");
    assert!(!found.contains("Seq Scan"), "a table is scanned:\n{found}");
}

fn a_user() -> UserId {
    UserId::from(Uuid::from_u128(1))
}

fn a_session() -> SessionId {
    SessionId::from_uuid(Uuid::from_u128(2))
}

#[tokio::test]
async fn listing_open_sessions_reads_only_the_users_open_sessions() {
    assert_uses("rescind_sessions_open_by_user", select_open(&a_user())).await;
}

#[tokio::test]
async fn closing_all_sessions_reads_only_the_users_open_sessions() {
    let closing = Closing {
        cause: EndReason::Reuse,
        at: Timestamp::UNIX_EPOCH,
        margin: Default::default(),
    };
    let which = Condition::all()
        .add(Column::UserId.eq(a_user().as_str()))
        .add(Column::Id.ne(a_session().as_uuid()));
    assert_uses("rescind_sessions_open_by_user", close_open(which, &closing)).await;
}

#[tokio::test]
async fn the_revocations_of_a_user_are_found_by_user() {
    assert_uses(
        "rescind_revocations_by_user",
        of_users_sessions(&a_user(), Some(a_session())),
    )
    .await;
}

#[tokio::test]
async fn pruning_sessions_reads_only_ended_ones() {
    assert_uses("rescind_sessions_by_end", delete_ended(Timestamp::UNIX_EPOCH, 100)).await;
}

#[tokio::test]
async fn pruning_revocations_reads_only_passed_ones() {
    assert_uses(
        "rescind_revocations_by_end",
        delete_passed(Timestamp::UNIX_EPOCH, std::time::Duration::ZERO, None, 100),
    )
    .await;
    let held = |is_backlog| Some(Held { up_to: 7, is_backlog });
    let passed = |held| delete_passed(Timestamp::UNIX_EPOCH, std::time::Duration::ZERO, held, 100);
    assert_uses("rescind_revocations_by_end", passed(held(false))).await;
    assert_uses("INTEGER PRIMARY KEY (rowid<?)", passed(held(true))).await;
}

#[tokio::test]
async fn the_tail_of_the_log_is_read_from_its_position_on() {
    assert_uses("INTEGER PRIMARY KEY (rowid>?)", after(7, 100)).await;
}

#[tokio::test]
async fn the_newest_instant_is_read_from_the_end_of_an_index() {
    // SQLite reports a search: with one MAX it steps to the end of the index.
    assert_uses("rescind_sessions_by_last_seen", select_newest_seen()).await;
}

#[tokio::test]
async fn places_in_status_lists_are_found_by_index() {
    let (first, end) = (StatusIndex::new(0), StatusIndex::new(100));
    assert_uses("rescind_sessions_status_index", select_highest(&(first..end))).await;
    assert_uses("rescind_sessions_status_index", select_taken(&[first, end])).await;
}

#[tokio::test]
async fn a_status_list_reads_only_closed_sessions() {
    let (first, end) = (StatusIndex::new(0), StatusIndex::new(100));
    assert_uses("rescind_sessions_closed_by_status", select_closed(&(first..end))).await;
}
