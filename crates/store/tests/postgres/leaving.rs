//! Callers that are cancelled during an operation.

use std::{pin::pin, task::Poll};

use rescind_session::ports::{Rotated, SessionStore};
use rescind_store::SqlSettings;
use rescind_testkit::{PostgresServer, rounds};
use tokio::time::timeout;

use crate::fixture::{PATIENCE, fresh, opened, rotation, store_with};

/// Polls a future until it has waited `times` times, and drops it. Returns whether it was done before.
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
async fn a_cancelled_caller_leaves_no_connection_in_a_transaction() {
    let Some(url) = fresh().await else { return };
    let server = PostgresServer::shared().await;
    let (_, name) = url.rsplit_once('/').unwrap();
    // With this level a reader inside of a forgotten transaction would see the same old state for ever.
    let level = format!("ALTER DATABASE {name} SET default_transaction_isolation = 'repeatable read'");
    server.sql(&level).await;
    let settings = SqlSettings::default().max_connections(1);
    let store = store_with(&url, &settings).await;
    let session = opened(&store, 1).await;

    let other = store_with(&url, &settings).await;

    let mut left = 0;
    for round in 0..rounds(60, 1_000) {
        // The number of waits differs: some replies are there at once. The generation never existed, so the rotation
        // changes no row.
        let done = leave_after(round as usize % 5, store.rotate(&rotation(session.id, 1_000_000))).await;
        left += usize::from(!done);
        let first_look = timeout(PATIENCE, store.find(session.id)).await.expect("it hangs");
        assert_eq!(first_look.unwrap().unwrap().generation().get(), round);
        assert_eq!(other.rotate(&rotation(session.id, round)).await.unwrap(), Rotated::Won);
        let row = store.find(session.id).await.unwrap().unwrap();
        assert_eq!(
            row.generation().get(),
            round + 1,
            "left after waiting {} times, and the next caller reads old data",
            round % 5
        );
    }
    assert!(left >= 12, "only {left} operations were cancelled while running");
}
