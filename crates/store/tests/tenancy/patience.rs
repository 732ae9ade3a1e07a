//! Waiting for what has to come.

use std::time::Duration;

use tokio::time::{interval, timeout};

/// Far more than anything here takes, even on a machine that compiles beside it.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Asks until it is so.
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
