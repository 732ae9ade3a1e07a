//! Background tasks that must not end unnoticed.

use std::{future::Future, time::Duration};

use tokio::{task::JoinSet, time::sleep};
use tracing::{Instrument, instrument::WithSubscriber};

const BEFORE_A_RESTART: Duration = Duration::from_secs(1);

/// Runs a background task to its end. If it panics, the panic is logged, and `start` restarts it a second later.
///
/// A dropped handle of [`tokio::spawn`] would hide the panic, and the work would never be done again. Dropping this
/// future ends the task.
pub async fn supervise<F>(name: &'static str, mut start: impl FnMut() -> F) -> F::Output
where
    F: Future<Output: Send> + Send + 'static,
{
    loop {
        let mut task = JoinSet::new();
        task.spawn(start().in_current_span().with_current_subscriber());
        match task.join_next().await {
            Some(Ok(done)) => return done,
            Some(Err(error)) => tracing::error!(task = name, %error, "a background task failed and is started again"),
            None => {}
        }
        sleep(BEFORE_A_RESTART).await;
    }
}
