//! Waiting for a condition.

use std::time::Duration;

use tokio::time::{interval, timeout};

/// Far more than any wait here, even on a machine that compiles at the same time.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Polls until the condition holds.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let mut again = interval(Duration::from_millis(5));
    let so = async {
        while !is_so() {
            again.tick().await;
        }
    };
    if timeout(DEADLINE, so).await.is_err() {
        panic!("after {} s it is not so that {what}", DEADLINE.as_secs());
    }
}
