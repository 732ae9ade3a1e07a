//! Concurrent callers for SQLite's one write lock.

use std::{
    io::{BufRead, BufReader, Read, Write},
    process::{Command, Stdio},
    sync::Arc,
    time::Duration,
};

use rescind_session::{
    EndReason,
    ports::{Closed, Rotated, SessionStore, StoreError},
    token::{Generation, SessionId},
};
use rescind_store::{SqlSettings, SqlStore};
use sea_orm::{ConnectionTrait, TransactionTrait};
use tokio::time::timeout;

use crate::fixture::{NOON, Place, closing, opened, rotation, session};

/// Longer than any wait here, and shorter than a hang.
const PATIENCE: Duration = Duration::from_secs(20);

/// For callers that are to be refused. Those that are not use another store on the same file: on a busy machine they may take
/// longer.
fn impatient() -> SqlSettings {
    SqlSettings::default().busy_timeout(Duration::from_millis(100))
}

/// Rotates the first generation `count` times at once, and returns how many won.
async fn rotate_at_once(store: &SqlStore, session: SessionId, count: usize) -> usize {
    let tasks: Vec<_> = (0..count)
        .map(|_| {
            let store = store.clone();
            tokio::spawn(async move { store.rotate(&rotation(session, 0)).await.unwrap() })
        })
        .collect();
    let mut won = 0;
    for task in tasks {
        won += usize::from(task.await.unwrap() == Rotated::Won);
    }
    won
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_two_hundred_rotations_over_two_stores_on_one_file_one_wins() {
    let place = Place::new();
    let (one, other) = (place.store().await, place.store().await);
    let session = opened(&one, 1).await;
    let (won_here, won_there) = tokio::join!(
        rotate_at_once(&one, session.id, 100),
        rotate_at_once(&other, session.id, 100)
    );
    assert_eq!(won_here + won_there, 1);
    let row = one.find(session.id).await.unwrap().unwrap();
    assert_eq!(row.generation(), Generation::from(1));
}

const CHILD_FILE: &str = "RESCIND_TEST_FILE";
const CHILD_SESSION: &str = "RESCIND_TEST_SESSION";
const READY: &str = "the file is open";

#[ignore = "a process of the next test, which starts it"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_process_that_rotates() {
    // A run of all ignored tests starts it too, without a file to use.
    let Ok(file) = std::env::var(CHILD_FILE) else { return };
    let session = std::env::var(CHILD_SESSION).unwrap().parse().unwrap();
    let store = SqlStore::open_file(file.as_ref(), &SqlSettings::default())
        .await
        .unwrap();
    println!("{READY}");
    std::io::stdin().read_line(&mut String::new()).unwrap();
    println!("won={}", rotate_at_once(&store, session, 100).await);
}

#[tokio::test]
async fn of_two_hundred_rotations_by_two_processes_one_wins() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    let mut children: Vec<_> = (0..2)
        .map(|_| {
            Command::new(std::env::current_exe().unwrap())
                .args([
                    "--ignored",
                    "--exact",
                    "contention::child_process_that_rotates",
                    "--nocapture",
                ])
                .env(CHILD_FILE, place.file())
                .env(CHILD_SESSION, session.id.to_string())
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap()
        })
        .collect();
    // Neither begins before both have started: one after the other would prove nothing about two processes.
    let outputs: Vec<_> = children
        .iter_mut()
        .map(|child| {
            let mut output = BufReader::new(child.stdout.take().unwrap());
            let mut line = String::new();
            while !line.contains(READY) {
                line.clear();
                assert_ne!(output.read_line(&mut line).unwrap(), 0, "the process ended");
            }
            output
        })
        .collect();
    for child in &mut children {
        child.stdin.take().unwrap().write_all(b"\n").unwrap();
    }
    let mut won = 0;
    for (mut child, mut output) in children.into_iter().zip(outputs) {
        let mut said = String::new();
        output.read_to_string(&mut said).unwrap();
        assert!(child.wait().unwrap().success(), "{said}");
        let count = said
            .split_once("won=")
            .and_then(|(_, rest)| rest.lines().next())
            .unwrap();
        won += count.trim().parse::<usize>().unwrap();
    }
    assert_eq!(won, 1);
    assert_eq!(
        store.find(session.id).await.unwrap().unwrap().generation(),
        Generation::from(1)
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_logins_at_once_wait_for_their_turn_and_all_succeed() {
    let place = Place::new();
    let store = place.store().await;
    let logins: Vec<_> = (0..200)
        .map(|seed| {
            let store = store.clone();
            tokio::spawn(async move { opened(&store, seed).await })
        })
        .collect();
    for login in logins {
        login.await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_transaction_does_not_read_before_it_has_the_write_lock() {
    let place = Place::new();
    let (one, other) = (place.store().await, place.store().await);
    let logins = tokio::spawn(async move {
        for seed in 0..200 {
            opened(&one, seed).await;
        }
    });
    // Pruning reads before it removes. If it read without the lock, a login in between would make it fail at once.
    while !logins.is_finished() {
        other.prune(NOON, NOON, 10).await.unwrap();
    }
    logins.await.unwrap();
}

#[tokio::test]
async fn a_writer_behind_another_process_gets_unavailable_in_time() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    let hasty = place.store_with(&impatient()).await;
    let stranger = place.stranger().await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("UPDATE rescind_log_head SET floor_position = floor_position")
        .await
        .unwrap();

    let refused = timeout(PATIENCE, hasty.close(session.id, &closing(EndReason::Logout)))
        .await
        .expect("it hangs");
    assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");

    lock.rollback().await.unwrap();
    let closed = store.close(session.id, &closing(EndReason::Logout)).await;
    assert!(
        matches!(closed, Ok(Closed::Now(_))),
        "the lock is free again: {closed:?}"
    );
}

#[tokio::test]
async fn a_writer_that_waits_too_long_gets_unavailable() {
    let place = Place::new();
    let session = opened(&place.store().await, 1).await;
    // The writer in front waits long for the foreign connection; those behind it have shorter limits.
    let settings = SqlSettings::default()
        .acquire_timeout(Duration::from_secs(1))
        .busy_timeout(Duration::from_secs(15));
    let store = Arc::new(place.store_with(&settings).await);
    let stranger = place.stranger().await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("UPDATE rescind_log_head SET floor_position = floor_position")
        .await
        .unwrap();

    let first = {
        let store = Arc::clone(&store);
        tokio::spawn(async move { store.rotate(&rotation(session.id, 0)).await })
    };
    let mut behind = Vec::new();
    for _ in 0..10 {
        let store = Arc::clone(&store);
        behind.push(tokio::spawn(
            async move { store.rotate(&rotation(session.id, 0)).await },
        ));
    }
    let mut refused = 0;
    for waiting in behind {
        match timeout(PATIENCE, waiting).await.expect("it hangs").unwrap() {
            Err(StoreError::Unavailable(_)) => refused += 1,
            other => panic!("no writer can have succeeded: {other:?}"),
        }
    }
    assert_eq!(refused, 10);
    lock.rollback().await.unwrap();
    assert_eq!(
        first.await.unwrap().unwrap(),
        Rotated::Won,
        "it was waiting in front and got its turn"
    );
}

#[tokio::test]
async fn readers_do_not_wait_for_a_writer() {
    let place = Place::new();
    let store = place.store().await;
    let session = opened(&store, 1).await;
    let stranger = place.stranger().await;
    let lock = stranger.begin().await.unwrap();
    lock.execute_unprepared("UPDATE rescind_sessions SET last_seen_at = last_seen_at + 1")
        .await
        .unwrap();

    let read = timeout(PATIENCE, store.find(session.id)).await.expect("it hangs");
    assert_eq!(read.unwrap(), Some(session), "the state before the uncommitted write");
    lock.rollback().await.unwrap();
}

#[tokio::test]
async fn a_cancelled_waiting_caller_blocks_no_other() {
    let place = Place::new();
    let store = place.store().await;
    let (kept, left) = (opened(&store, 1).await, session(2));
    for _ in 0..50 {
        let epoch = store.epoch(&left.user).await.unwrap();
        // Long enough to begin, too short to finish: at any point of cancellation the next caller gets a turn.
        let _ = timeout(Duration::from_micros(50), store.open(&left, epoch)).await;
    }
    let won = timeout(PATIENCE, store.rotate(&rotation(kept.id, 0)))
        .await
        .expect("it hangs");
    assert_eq!(won.unwrap(), Rotated::Won);
}
