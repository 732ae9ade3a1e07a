//! Callers who leave in the middle.

use std::{pin::pin, task::Poll};

use rescind_session::ports::{Rotated, SessionStore};
use rescind_store::SqlSettings;
use rescind_testkit::PostgresServer;
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

    let mut generation = 0;
    for times in 0..100 {
        // Of a generation that never was, so that it leaves no trace.
        let done = leave_after(times, store.rotate(&rotation(session.id, 1_000_000))).await;
        let _ = timeout(PATIENCE, store.find(session.id))
            .await
            .expect("it hangs")
            .unwrap();
        let other = store_with(&url, &SqlSettings::default()).await;
        assert_eq!(
            other.rotate(&rotation(session.id, generation)).await.unwrap(),
            Rotated::Won
        );
        generation += 1;
        let row = store.find(session.id).await.unwrap().unwrap();
        assert_eq!(
            row.generation().get(),
            generation,
            "left after waiting {times} times, and the next one reads the past"
        );
        if done {
            assert!(times > 3, "it was never left in the middle");
            return;
        }
    }
    panic!("it waits more than 100 times");
}
