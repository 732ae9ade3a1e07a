//! A Redis whose clock steps. Its wall clock decides when a key expires.
//!
//! A step ahead has one effect on Redis: every key has that much less time left. So the test shortens that time, key by
//! key. (libfaketime would be the other way; it does not work with the jemalloc that Redis is built with.) A clock that
//! is wrong and does not step needs no test: only durations are sent to Redis, no times.

use std::time::Duration;

use rescind_session::ports::{Blacklist, ClaimOutcome, RevocationStatus};
use rescind_testkit::{RedisServer, Tool, needs};

use super::fixture::{new_token, session_of, whole};

async fn step_ahead(server: &RedisServer, by: Duration) {
    for key in server.command(&["KEYS", "*"]).await.lines() {
        let left: i64 = server.command(&["PTTL", key]).await.parse().unwrap();
        assert!(left > 0, "{key} would stay for ever");
        let rest = left - i64::try_from(by.as_millis()).unwrap();
        // A key with no time left expires at once.
        server.command(&["PEXPIRE", key, &rest.to_string()]).await;
    }
}

const MINUTE: Duration = Duration::from_secs(60);

/// A step of less than an hour: an entry that is still needed still refuses.
#[tokio::test]
async fn a_step_ahead_drops_no_entry_early() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    step_ahead(&server, 59 * MINUTE).await;
    for entry in &log.entries {
        let standing = node.check(new_token(), session_of(entry)).await.unwrap();
        assert_eq!(standing, RevocationStatus::Revoked(entry.scope));
    }
    log.assert_no_session_passes(&node).await;
    log.rebuild(&node).await;
}

/// After a step of any size: if an entry is gone, the mark went before.
#[tokio::test]
async fn a_step_ahead_that_drops_entries_has_dropped_the_mark() {
    let Some(_) = needs(Tool::Redis) else { return };
    for by in [31, 59, 61, 74, 76, 24 * 60] {
        let (server, node, log) = whole().await;
        step_ahead(&server, by * MINUTE).await;
        log.assert_no_session_passes(&node).await;
        assert_eq!(
            node.claim(log.claim()).await.unwrap(),
            ClaimOutcome::Granted,
            "{by} min"
        );
    }
}

/// Small steps, such as those of NTP, change nothing.
#[tokio::test]
async fn a_small_step_costs_no_rebuild() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    step_ahead(&server, 10 * MINUTE).await;
    log.goes_on(&node).await;
    log.assert_all_is_well(&node).await;
}
