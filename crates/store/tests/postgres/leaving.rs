//! Callers who leave in the middle.

use std::{pin::pin, task::Poll};

use rescind_session::ports::{Rotated, SessionStore};
use rescind_store::SqlSettings;
use rescind_testkit::{PostgresServer, rounds};
use tokio::time::timeout;

use crate::fixture::{PATIENCE, fresh, opened, rotation, store_with};

/// Polls a future until it has waited `times` times, and drops it. Tells whether it was done before.
async fn leave_after<T>(times: usize, future: impl Future<Output = T>) -> bool {
    let mut future = pin!(future);
    let mut waited = 0;
    std::future::poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(_) => Poll::Ready(true),
        Poll::Pending if waited == times => Poll::Ready(false),
        Poll::Pending => {
            waited += 1;
            Poll::Pending
        }
    })
    .await
}

#[tokio::test]
async fn wherever_a_caller_leaves_the_next_one_finds_a_connection_outside_of_any_transaction() {
    let Some(url) = fresh().await else { return };
    let server = PostgresServer::shared().await;
    let (_, name) = url.rsplit_once('/').unwrap();
    // Here a reader inside of a forgotten transaction would see the same past for ever.
    let level = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'");
    server.sql(&level).await;
    let settings = SqlSettings {
        max_connections: 1,
        ..SqlSettings::default()
    };
    let store = store_with(&url, &settings).await;
    let session = opened(&store, 1).await;

    let other = store_with(&url, &settings).await;

    let mut left = 0;
    for round in 0..rounds(60, 1_000) {
        // How often it has to wait differs: some answers are there at once. The generation never was, so it leaves no trace.
        let done = leave_after(round as usize % 5, store.rotate(&rotation(session.id, 1_000_000))).await;
        left += usize::from(!done);
        let first_look = timeout(PATIENCE, store.find(session.id)).await.expect("it hangs");
        assert_eq!(first_look.unwrap().unwrap().generation().get(), round);
        assert_eq!(other.rotate(&rotation(session.id, round)).await.unwrap(), Rotated::Won);
        let row = store.find(session.id).await.unwrap().unwrap();
        assert_eq!(
            row.generation().get(),
            round + 1,
            "left after waiting {} times, and the next one reads the past",
            round % 5
        );
    }
    assert!(left >= 12, "it was hardly ever left in the middle: {left} times");
}
