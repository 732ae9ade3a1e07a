//! A server that is killed, that is paused, and that cannot be reached.

use std::{
    collections::HashMap,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use rescind_session::{
    EndReason, SessionState,
    ports::{Closed, Epoch, Opened, Rotated, SessionStore, StoreError},
    token::SessionId,
};
use rescind_store::{SqlSettings, SqlStore};
use rescind_testkit::{TcpRelay, rounds};
use tokio::time::{Instant, timeout};

use crate::fixture::{PATIENCE, closing, impatient, opened, own_server, rotation, session, store, store_with};

/// The replies that one client got, and the operations whose outcome it does not know.
#[derive(Default)]
struct Outcomes {
    /// For each session the acknowledged generation, and the one that may have been reached.
    rotated: HashMap<SessionId, (u32, u32)>,
    closed: Vec<SessionId>,
}

/// Logs in, refreshes three times and logs out in a loop, and records the acknowledged outcomes.
async fn live(store: SqlStore, client: u64, acknowledged: Arc<AtomicU64>, over: Arc<AtomicBool>) -> Outcomes {
    let mut told = Outcomes::default();
    let mut seed = client * 1_000_000;
    while !over.load(Ordering::SeqCst) {
        seed += 1;
        let new = session(seed);
        if !matches!(store.open(&new, Epoch::FIRST).await, Ok(Opened::Opened)) {
            continue;
        }
        let (mut sure, mut perhaps) = (0, 0);
        for generation in 0..3 {
            match store.rotate(&rotation(new.id, generation)).await {
                Ok(Rotated::Won) => (sure, perhaps) = (generation + 1, generation + 1),
                Ok(Rotated::Lost) => panic!("there is no other caller"),
                Err(_) => {
                    perhaps = generation + 1;
                    break;
                }
            }
            acknowledged.fetch_add(1, Ordering::SeqCst);
        }
        told.rotated.insert(new.id, (sure, perhaps));
        if let Ok(Closed::Now(_)) = store.close(new.id, &closing(EndReason::Logout)).await {
            told.closed.push(new.id);
        }
    }
    told
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn kill_9_loses_no_acknowledged_commit_and_the_store_recovers() {
    let Some(server) = own_server(&[]).await else { return };
    let store = store_with(&server.url(), &impatient()).await;
    let (acknowledged, over) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let clients: Vec<_> = (0..6)
        .map(|client| tokio::spawn(live(store.clone(), client, acknowledged.clone(), over.clone())))
        .collect();
    for round in 0..rounds(3, 20) {
        let enough = acknowledged.load(Ordering::SeqCst) + 60;
        let busy = async {
            while acknowledged.load(Ordering::SeqCst) < enough {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, busy)
            .await
            .unwrap_or_else(|_| panic!("it does not work by itself after kill {round}"));
        server.kill_9();
        server.start_again().await;
    }
    over.store(true, Ordering::SeqCst);

    let mut checked = 0;
    for client in clients {
        let told = client.await.unwrap();
        for (id, (sure, perhaps)) in told.rotated {
            let row = store.find(id).await.unwrap().expect("an acknowledged login is lost");
            let generation = row.generation().get();
            assert!(
                (sure..=perhaps).contains(&generation),
                "acknowledged {sure}, found {generation}"
            );
            checked += 1;
        }
        for id in told.closed {
            let row = store.find(id).await.unwrap().unwrap();
            assert!(
                matches!(row.state, SessionState::Closed { .. }),
                "an acknowledged logout is lost"
            );
        }
    }
    assert!(checked > 0);
}

/// Every caller gets Unavailable, in bounded time, even with many callers.
async fn assert_every_caller_is_unavailable(store: &SqlStore, id: SessionId) {
    let asking: Vec<_> = (0..20)
        .map(|nth| {
            let store = store.clone();
            tokio::spawn(async move {
                match nth % 2 {
                    0 => store.find(id).await.map(drop),
                    _ => store.rotate(&rotation(id, 0)).await.map(drop),
                }
            })
        })
        .collect();
    for asked in asking {
        let refused = timeout(PATIENCE, asked).await.expect("it hangs").unwrap();
        assert!(matches!(refused, Err(StoreError::Unavailable(_))), "{refused:?}");
    }
}

async fn assert_it_works_again(store: &SqlStore, id: SessionId) {
    let patience = Instant::now() + PATIENCE;
    while store.find(id).await.is_err() {
        assert!(Instant::now() < patience, "it does not work again");
    }
    // Uses all connections, not only one.
    for seed in 100..120 {
        opened(store, seed).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_paused_server_is_unavailable_in_bounded_time_and_then_serves() {
    let Some(server) = own_server(&[]).await else { return };
    let store = store_with(&server.url(), &impatient()).await;
    let session = opened(&store, 1).await;
    server.pause();
    assert_every_caller_is_unavailable(&store, session.id).await;
    server.resume();
    assert_it_works_again(&store, session.id).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_silent_network_is_unavailable_in_bounded_time() {
    let Some(server) = own_server(&[]).await else { return };
    let relay = TcpRelay::to(server.port()).await;
    let url = server
        .url()
        .replace(&server.port().to_string(), &relay.port().to_string());
    let store = store_with(&url, &impatient()).await;
    let session = opened(&store, 1).await;

    relay.freeze();
    assert_every_caller_is_unavailable(&store, session.id).await;
    relay.cut().await;
    assert_every_caller_is_unavailable(&store, session.id).await;
    relay.restore().await;
    assert_it_works_again(&store, session.id).await;
}

#[tokio::test]
async fn a_read_succeeds_after_a_restart_of_the_server() {
    let Some(server) = own_server(&[]).await else { return };
    let store = store(&server.url()).await;
    let session = opened(&store, 1).await;
    server.stop().await;
    server.start_again().await;
    // The pool holds connections to a server that is gone.
    assert_eq!(store.find(session.id).await.unwrap(), Some(session.clone()));
    assert_eq!(store.rotate(&rotation(session.id, 0)).await.unwrap(), Rotated::Won);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rotation_with_an_unanswered_commit_is_unavailable_not_lost() {
    let Some(server) = own_server(&[]).await else { return };
    let settings = SqlSettings::default().acquire_timeout(PATIENCE).busy_timeout(PATIENCE);
    let store = store_with(&server.url(), &settings).await;
    // COMMIT is on disk and waits for a standby that does not exist before it is answered. The server does not show
    // when that begins, so rotations are made until one waits.
    let mut sessions = Vec::new();
    for number in 1..=50 {
        sessions.push(opened(&store, number).await);
    }
    server
        .sql("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        .await;
    server.sql("SELECT pg_reload_conf()").await;
    let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    let committing = async {
        for session in sessions {
            let (store, rotation) = (store.clone(), rotation(session.id, 0));
            let rotating = tokio::spawn(async move { store.rotate(&rotation).await });
            while !rotating.is_finished() {
                if server.sql(waits).await == "1" {
                    return Some((session, rotating));
                }
            }
        }
        None
    };
    let (session, rotating) = timeout(PATIENCE, committing)
        .await
        .ok()
        .flatten()
        .expect("no commit waits for the standby");
    server.sql("ALTER SYSTEM RESET synchronous_standby_names").await;
    server.kill_9();
    server.start_again().await;

    let told = timeout(PATIENCE * 2, rotating).await.expect("it hangs").unwrap();
    assert!(matches!(told, Err(StoreError::Unavailable(_))), "it won: {told:?}");
    let row = store.find(session.id).await.unwrap().unwrap();
    assert_eq!(row.generation().get(), 1);
}
