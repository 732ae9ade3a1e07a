//! A large prune with concurrent requests.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::SignedDuration;
use rescind_session::{
    EndReason,
    ports::{Closed, Closing, SessionStore},
};
use rescind_store::SqlStore;
use rescind_testkit::rounds;
use tokio::time::Instant;

use crate::{
    place::{self, Place},
    stories::{NOON, opened},
};

/// The batch size of the program.
const BATCH: u32 = 500;
/// Far more than any request may wait, for a machine that compiles at the same time.
const TOO_LONG: Duration = Duration::from_secs(20);

/// Passed revocations, and a tenth as many ended sessions.
fn fill(is_postgres: bool, count: u32) -> [String; 3] {
    let past = NOON.as_millisecond() - 1_000;
    let (id, user, series) = match is_postgres {
        true => (
            "gen_random_uuid()",
            "gen_random_uuid()",
            format!("generate_series(1, {count}) AS series(n)"),
        ),
        false => (
            "randomblob(16)",
            "hex(randomblob(16))",
            format!(
                "(WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {count}) SELECT n FROM series)"
            ),
        ),
    };
    [
        format!(
            "INSERT INTO rescind_revocations (position, scope_kind, scope_id, user_id, at, until, cause, protocol)
             SELECT n, 'session', {id}, {user}, {past} - n, {past} - n, 'logout', 1 FROM {series}"
        ),
        format!(
            "INSERT INTO rescind_sessions (id, user_id, client_id, created_at, last_seen_at, expires_at, access_until, closed_at, closed_cause)
             SELECT {id}, {user}, 'rescind', {past}, {past}, {past} - n, {past}, {past}, 'logout' FROM {series} WHERE n % 10 = 0"
        ),
        format!("UPDATE rescind_log_head SET last_position = {count}"),
    ]
}

/// Logs in and reads in a loop, until `over`; records the longest time of both.
async fn live(store: SqlStore, seeds: u64, over: Arc<AtomicBool>, worst: Arc<AtomicU64>) -> u64 {
    let mut served = 0;
    while !over.load(Ordering::SeqCst) {
        served += 1;
        let begun = Instant::now();
        let session = opened(&store, seeds + served).await;
        let between = Instant::now();
        assert!(store.find(session.id).await.unwrap().is_some());
        for took in [between - begun, between.elapsed()] {
            worst.fetch_max(u64::try_from(took.as_micros()).unwrap(), Ordering::SeqCst);
        }
    }
    served
}

async fn requests_are_served_during_a_large_prune(place: Place) {
    let (store, count) = (place.store().await, rounds(20_000, 1_000_000));
    for statement in fill(place.is_postgres, count) {
        place.run(&statement).await;
    }
    let (over, worst) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
    let others: Vec<_> = (1..=3)
        .map(|nth| tokio::spawn(live(store.clone(), nth * 1_000_000_000, over.clone(), worst.clone())))
        .collect();

    let begun = Instant::now();
    let (mut sessions, mut revocations, mut longest) = (0, 0, Duration::ZERO);
    loop {
        let batch = Instant::now();
        let pruned = store.prune(NOON, NOON, BATCH).await.unwrap();
        longest = longest.max(batch.elapsed());
        assert!(pruned.sessions <= BATCH.into() && pruned.revocations <= BATCH.into());
        if pruned.sessions + pruned.revocations == 0 {
            break;
        }
        sessions += pruned.sessions;
        revocations += pruned.revocations;
    }
    let took = begun.elapsed();
    over.store(true, Ordering::SeqCst);
    let mut served = 0;
    for other in others {
        served += other.await.unwrap();
    }
    assert_eq!((sessions, revocations), ((count / 10).into(), count.into()));
    let worst = Duration::from_micros(worst.load(Ordering::SeqCst));
    println!(
        "{}: {count} revocations and {sessions} sessions pruned in {took:.1?}, longest batch {longest:.1?}; \
         meanwhile {served} logins, slowest answer {worst:.1?}",
        if place.is_postgres { "postgres" } else { "sqlite" },
    );
    assert!(served > 0, "no request was served");
    assert!(worst < TOO_LONG, "a request waited for {worst:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_are_served_during_a_large_prune_on_sqlite() {
    requests_are_served_during_a_large_prune(place::sqlite()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_are_served_during_a_large_prune_on_postgres() {
    if let Some(place) = place::postgres().await {
        requests_are_served_during_a_large_prune(place).await;
    }
}

/// Otherwise it could not be distinguished from an entry that got its position after a loss of commits.
#[tokio::test]
async fn a_passed_entry_stays_on_postgres_for_an_hour_after_its_commit() {
    let Some(place) = place::postgres().await else { return };
    let store = place.store_that_keeps(Duration::from_secs(3_600)).await;
    let session = opened(&store, 1).await;
    let closing = Closing {
        cause: EndReason::Logout,
        at: NOON,
        margin: Duration::ZERO,
    };
    assert!(matches!(
        store.close(session.id, &closing).await.unwrap(),
        Closed::Now(entry) if entry.until < NOON + SignedDuration::from_mins(59)
    ));
    for (minutes, removed) in [(59, 0), (60, 1)] {
        let now = NOON + SignedDuration::from_mins(minutes);
        assert_eq!(store.prune(now, NOON, BATCH).await.unwrap().revocations, removed);
    }
}
