//! Concurrent callers on the same rows.

use std::time::Duration;

use rescind_session::{
    EndReason, Position,
    ports::{Closed, Rotated, SessionStore, StoreError, Tail},
    token::{Generation, SessionId},
};
use rescind_store::{SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, rounds};
use sea_orm::{ConnectionTrait, DatabaseConnection, TransactionTrait};
use tokio::{task::JoinHandle, time::timeout};

use crate::fixture::{PATIENCE, closing, fresh, impatient, opened, rotation, store_with, stranger};

/// Rotates one generation `count` times at once; returns how many won and how many got no answer.
async fn rotate_at_once(store: &SqlStore, session: SessionId, from: u32, count: usize) -> (u32, u32) {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.rotate(&rotation(session, from)).await })
        })
        .collect();
    let (mut won, mut unanswered) = (0, 0);
    for task in tasks {
        match task.await.unwrap() {
            Ok(Rotated::Won) => won += 1,
            Ok(Rotated::Lost) => {}
            Err(StoreError::Unavailable(_)) => unanswered += 1,
            Err(error) => panic!("{error:?}"),
        }
    }
    (won, unanswered)
}

/// Takes the locks in the wrong order until it is aborted: the head of the log, then a session.
fn troublemaker(stranger: DatabaseConnection, session: SessionId) -> JoinHandle<()> {
    tokio::spawn(async move {
        loop {
            let transaction = stranger.begin().await.unwrap();
            let head = "UPDATE rescind_log_head SET floor_position = floor_position";
            let row = format!("UPDATE rescind_sessions SET address = address WHERE id = '{session}'");
            // Postgres may choose either transaction to undo.
            if transaction.execute_unprepared(head).await.is_ok() {
                let _ = transaction.execute_unprepared(&row).await;
            }
            #[expect(clippy::disallowed_methods, reason = "any outcome will do")]
            let _ = transaction.commit().await;
            tokio::task::yield_now().await;
        }
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn under_deadlocks_and_serialization_failures_a_rotation_wins_once() {
    let Some(url) = fresh().await else { return };
    let (_, name) = url.rsplit_once('/').unwrap();
    for setting in [
        "default_transaction_isolation = 'serializable'",
        "deadlock_timeout = '5ms'",
    ] {
        PostgresServer::shared()
            .await
            .sql(&format!("ALTER DATABASE {name} SET {setting}"))
            .await;
    }
    let settings = SqlSettings::default()
        .acquire_timeout(Duration::from_secs(20))
        .busy_timeout(Duration::from_secs(5));
    let (one, other) = (store_with(&url, &settings).await, store_with(&url, &settings).await);

    let mut closed_now = 0;
    for round in 0..rounds(3, 30) {
        let session = opened(&one, u64::from(round)).await;
        let trouble = [
            troublemaker(stranger(&url).await, session.id),
            troublemaker(stranger(&url).await, session.id),
        ];
        let mut wins = 0;
        for _ in 0..5 {
            let (here, there) = tokio::join!(
                rotate_at_once(&one, session.id, wins, 8),
                rotate_at_once(&other, session.id, wins, 8)
            );
            let won = here.0 + there.0;
            assert!(won <= 1, "{won} won one generation");
            wins += won;
        }
        let row = one.find(session.id).await.unwrap().unwrap();
        assert_eq!(
            row.generation(),
            Generation::from(wins),
            "the row has the winner's generation"
        );

        let closings: Vec<_> = (0..16)
            .map(|nth| {
                let store = if nth % 2 == 0 { one.clone() } else { other.clone() };
                tokio::spawn(async move { store.close(session.id, &closing(EndReason::Logout)).await })
            })
            .collect();
        let mut closed = 0;
        for task in closings {
            match task.await.unwrap() {
                Ok(Closed::Now(_)) => closed += 1,
                Ok(Closed::Already(Some(_))) | Err(StoreError::Unavailable(_)) => {}
                other => panic!("{other:?}"),
            }
        }
        assert!(closed <= 1, "{closed} closed one session");
        closed_now += closed;
        trouble.iter().for_each(JoinHandle::abort);
    }
    let Tail::Entries(entries) = one.revocations_after(Position::START, 1000).await.unwrap() else {
        panic!("the log was not pruned");
    };
    assert_eq!(entries.len(), closed_now);
    assert!(closed_now > 0, "no attempt got through");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn with_all_connections_taken_callers_get_unavailable_in_time() {
    let Some(url) = fresh().await else { return };
    let settings = SqlSettings::default()
        .max_connections(2)
        .acquire_timeout(Duration::from_secs(1))
        .busy_timeout(Duration::from_secs(60));
    let store = store_with(&url, &settings).await;
    let session = opened(&store, 1).await;
    let stranger = stranger(&url).await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("UPDATE rescind_sessions SET address = address")
        .await
        .unwrap();

    let waiting: Vec<_> = (0..2)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.rotate(&rotation(session.id, 0)).await.unwrap() })
        })
        .collect();
    until_blocked(&url, 2).await;
    for _ in 0..5 {
        let refused = timeout(PATIENCE, store.find(session.id)).await.expect("it hangs");
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }

    lock.rollback().await.unwrap();
    let mut won = 0;
    for task in waiting {
        won += usize::from(task.await.unwrap() == Rotated::Won);
    }
    assert_eq!(won, 1);
    assert!(store.find(session.id).await.unwrap().is_some());
}

async fn until_blocked(url: &str, count: usize) {
    let server = PostgresServer::shared().await;
    let ask = "SELECT count(*) FROM pg_stat_activity
               WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let blocked = async { while server.sql_in(url, ask).await != count.to_string() {} };
    timeout(PATIENCE, blocked).await.expect("no caller waits for the lock");
}

#[tokio::test]
async fn a_writer_behind_a_lock_gets_unavailable_in_bounded_time() {
    let Some(url) = fresh().await else { return };
    let store = store_with(&url, &impatient()).await;
    let session = opened(&store, 1).await;
    let stranger = stranger(&url).await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("UPDATE rescind_log_head SET floor_position = floor_position")
        .await
        .unwrap();

    let refused = timeout(PATIENCE, store.close(session.id, &closing(EndReason::Logout)))
        .await
        .expect("it hangs");
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    assert_eq!(
        store.find(session.id).await.unwrap(),
        Some(session.clone()),
        "readers do not wait for a writer"
    );

    lock.rollback().await.unwrap();
    let closed = store.close(session.id, &closing(EndReason::Logout)).await;
    assert!(
        matches!(closed, Ok(Closed::Now(_))),
        "the lock is free again: {closed:?}"
    );
}
