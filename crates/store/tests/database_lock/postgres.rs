//! Postgres: an advisory lock of a session, and the belief in it.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use rescind_store::{DatabaseLock, DatabaseLockError, LockMode, SqlSettings, SqlStore};
use rescind_testkit::{PostgresServer, TcpRelay, Tool, needs};
use tokio::time::{Instant, sleep};

use crate::patience::until;

const MARK: &str = "SELECT holder FROM rescind_database_lock";
/// All sessions that hold or wait for this database's lock.
const LOCK_SESSIONS: &str =
    "FROM pg_stat_activity WHERE application_name = 'rescind lock' AND datname = current_database()";

async fn claimed(url: &str, lock_mode: LockMode) -> DatabaseLock {
    let database_lock = DatabaseLock::claim(url, lock_mode).await.unwrap();
    database_lock.settled().await;
    database_lock
}

/// A database with the schema, where nodes store their mark.
async fn with_schema(url: String) -> String {
    let store = SqlStore::connect(&url, &SqlSettings::default()).await.unwrap();
    store.migrate_up().await.unwrap();
    url
}

async fn assert_in_use(url: &str, lock_mode: LockMode) {
    match DatabaseLock::claim(url, lock_mode).await {
        Err(DatabaseLockError::InUse { asked, lock: None }) => assert_eq!(asked, lock_mode),
        other => panic!("{lock_mode:?} should have been refused: {other:?}"),
    }
}

#[tokio::test]
async fn an_exclusive_lock_excludes_all_and_shared_locks_exclude_an_exclusive_one() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let (url, elsewhere) = (postgres.fresh_database().await, postgres.fresh_database().await);

    let (alone, unrelated) = tokio::join!(
        claimed(&url, LockMode::Exclusive),
        claimed(&elsewhere, LockMode::Exclusive)
    );
    until("a lock is of one database", || alone.holds() && unrelated.holds()).await;
    tokio::join!(
        assert_in_use(&url, LockMode::Exclusive),
        assert_in_use(&url, LockMode::Shared)
    );
    until("it still counts", || alone.holds()).await;
    drop(alone);

    let one = claimed(&url, LockMode::Shared).await;
    let another = claimed(&url, LockMode::Shared).await;
    until("shared locks do not exclude each other", || {
        one.holds() && another.holds()
    })
    .await;
    assert_in_use(&url, LockMode::Exclusive).await;
}

#[tokio::test]
async fn a_node_whose_lock_session_ended_resyncs_before_it_regains_the_lock() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    for lock_mode in [LockMode::Exclusive, LockMode::Shared] {
        let url = postgres.fresh_database().await;
        let database_lock = Arc::new(claimed(&url, lock_mode).await);
        let (doubts, believed) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        database_lock.when_regained({
            let (database_lock, doubts, believed) = (
                Arc::downgrade(&database_lock),
                Arc::clone(&doubts),
                Arc::clone(&believed),
            );
            move || {
                believed.fetch_or(database_lock.upgrade().unwrap().holds(), Ordering::SeqCst);
                doubts.fetch_add(1, Ordering::SeqCst);
            }
        });
        let end_it = format!("SELECT pg_terminate_backend(pid) {LOCK_SESSIONS}");
        assert_eq!(postgres.sql_in(&url, &end_it).await, "t");
        until("it marks its memory as out of date", || {
            doubts.load(Ordering::SeqCst) == 1
        })
        .await;
        until("it is back", || database_lock.holds()).await;
        assert!(
            !believed.load(Ordering::SeqCst),
            "the lock counted before the node's memory was marked as out of date"
        );
        let sessions = format!("SELECT count(*) {LOCK_SESSIONS}");
        assert_eq!(postgres.sql_in(&url, &sessions).await, "1", "it left a session behind");
    }
}

#[tokio::test]
async fn without_the_server_no_node_holds_the_lock_and_with_it_all_do_again() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::start().await;
    let url = with_schema(postgres.url()).await;
    let one = claimed(&url, LockMode::Shared).await;
    let another = claimed(&url, LockMode::Shared).await;
    let mark = postgres.sql_in(&url, MARK).await;

    postgres.pause();
    let paused = Instant::now();
    until("a silent server is not believed", || !one.holds() && !another.holds()).await;
    let silent_for = paused.elapsed();
    postgres.resume();
    until("the session goes on", || one.holds() && another.holds()).await;

    postgres.kill_9();
    let killed = Instant::now();
    until("a killed server is not believed", || !one.holds() && !another.holds()).await;
    println!(
        "stopped believing {silent_for:?} after the pause, {:?} after the kill",
        killed.elapsed()
    );
    // Longer than a heartbeat is believed.
    sleep(Duration::from_millis(2_500)).await;
    postgres.start_again().await;
    let begun = Instant::now();
    until("they are back", || one.holds() && another.holds()).await;
    println!("back after {:?}", begun.elapsed());
    // A node that waits draws a mark.
    assert_eq!(postgres.sql_in(&url, MARK).await, mark, "they waited without a need");
}

#[tokio::test]
async fn a_new_holder_waits_until_a_cut_off_predecessor_has_stopped() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    for newcomers in [LockMode::Exclusive, LockMode::Shared] {
        let url = postgres.fresh_database().await;
        let cable = TcpRelay::to(postgres.port()).await;
        let port = |port: u16| format!("127.0.0.1:{port}/");
        let old = claimed(
            &url.replace(&port(postgres.port()), &port(cable.port())),
            LockMode::Exclusive,
        )
        .await;
        let doubted = Arc::new(AtomicBool::new(false));
        old.when_regained({
            let doubted = Arc::clone(&doubted);
            move || doubted.store(true, Ordering::SeqCst)
        });

        cable.freeze();
        // The server, which is also cut off, frees the lock; the predecessor does not notice.
        let end_it = format!("SELECT pg_terminate_backend(pid) {LOCK_SESSIONS}");
        assert_eq!(postgres.sql_in(&url, &end_it).await, "t");
        let new = tokio::spawn({
            let url = url.clone();
            async move { claimed(&url, newcomers).await }
        });
        // The task itself reports whether its lock counts, and this test checks that the other's does not.
        until("the newcomer counts", || {
            let counts = new.is_finished();
            assert!(!(counts && old.holds()), "two believed at once");
            counts
        })
        .await;
        let new = new.await.unwrap();

        cable.restore().await;
        // Long enough for the old one to notice the end of its session, and to try again.
        sleep(Duration::from_millis(1500)).await;
        assert!(!old.holds() && !doubted.load(Ordering::SeqCst));
        until("the newcomer still counts", || new.holds()).await;
        drop(new);
        until("the old one is back", || old.holds()).await;
        assert!(
            doubted.load(Ordering::SeqCst),
            "it still uses what it knew before others had the lock"
        );
    }
}

#[tokio::test]
async fn a_returning_node_waits_until_a_cut_off_holder_has_stopped() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let port = |port: u16| format!("127.0.0.1:{port}/");
    for newcomers in [LockMode::Exclusive, LockMode::Shared] {
        let url = with_schema(postgres.fresh_database().await).await;
        let cables = [TcpRelay::to(postgres.port()).await, TcpRelay::to(postgres.port()).await];
        let through = |cable: &TcpRelay| url.replace(&port(postgres.port()), &port(cable.port()));
        let end_it = format!("SELECT pg_terminate_backend(pid) {LOCK_SESSIONS}");

        let first = claimed(&through(&cables[0]), LockMode::Exclusive).await;
        cables[0].freeze();
        postgres.sql_in(&url, &end_it).await;
        let second = claimed(&through(&cables[1]), newcomers).await;
        assert!(!first.holds());
        cables[1].freeze();
        postgres.sql_in(&url, &end_it).await;
        cables[0].restore().await;
        until("the first one is back", || {
            let is_back = first.holds();
            assert!(!(is_back && second.holds()), "two believed at once");
            is_back
        })
        .await;
    }
}

#[tokio::test]
async fn a_cut_off_node_regains_the_lock_once_it_is_reconnected() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    let url = postgres.fresh_database().await;
    let cable = TcpRelay::to(postgres.port()).await;
    let port = |port: u16| format!("127.0.0.1:{port}/");
    let database_lock = claimed(
        &url.replace(&port(postgres.port()), &port(cable.port())),
        LockMode::Exclusive,
    )
    .await;
    cable.freeze();
    until("it stops believing", || !database_lock.holds()).await;
    // Longer than it waits for a reply: it has given the session up, and the server has not.
    sleep(Duration::from_secs(6)).await;
    cable.restore().await;
    until("it is back, with or without its old session", || database_lock.holds()).await;
}

/// The callback panics in the task that keeps the lock. No other task waits for that one, so it must be restarted.
#[tokio::test]
async fn a_lock_whose_task_panicked_is_taken_again() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let postgres = PostgresServer::shared().await;
    for lock_mode in [LockMode::Exclusive, LockMode::Shared] {
        let url = postgres.fresh_database().await;
        let database_lock = claimed(&url, lock_mode).await;
        let acts = Arc::new(AtomicUsize::new(0));
        database_lock.when_regained({
            let acts = Arc::clone(&acts);
            move || assert!(acts.fetch_add(1, Ordering::SeqCst) > 0, "on purpose")
        });
        let end_it = format!("SELECT pg_terminate_backend(pid) {LOCK_SESSIONS}");
        assert_eq!(postgres.sql_in(&url, &end_it).await, "t");
        until("it has panicked", || acts.load(Ordering::SeqCst) == 1).await;
        assert!(!database_lock.holds());
        until("it is back, after a second call", || database_lock.holds()).await;
        assert_eq!(acts.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn no_lock_error_contains_the_password() {
    let Some(_) = needs(Tool::Postgres) else { return };
    let nobody = TcpRelay::to(1).await;
    let url = format!("postgres://rescind:s3cret@127.0.0.1:{}/nowhere", nobody.port());
    nobody.cut().await;
    let error = DatabaseLock::claim(&url, LockMode::Exclusive).await.unwrap_err();
    let told = rescind_session::ErrorChain(&error).to_string();
    assert!(!format!("{told} {error:?}").contains("s3cret"), "{error:?}");
    assert!(matches!(error, DatabaseLockError::Unreachable(_)), "{error:?}");
}
