//! Who fills the copy, and a filler that fails, pauses, or fills a copy that was lost meanwhile.

use rescind_session::ports::{Blacklist, ClaimOutcome, RebuildStep, RevocationStatus};
use rescind_testkit::{RedisServer, Tool, needs};

use super::fixture::{Log, in_full, node, says, whole};

/// An empty server, two nodes, and a log with entries.
async fn two_nodes() -> (RedisServer, [rescind_store::RedisBlacklist; 2], Log) {
    let server = RedisServer::start().await;
    let nodes = [node(&server.url()).await, node(&server.url()).await];
    let mut log = Log::new();
    log.append();
    (server, nodes, log)
}

#[tokio::test]
async fn of_two_nodes_one_fills_and_both_see_a_complete_copy() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (_server, [one, other], log) = two_nodes().await;
    let claim = log.claim();
    assert_eq!(one.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(other.claim(log.claim()).await.unwrap(), ClaimOutcome::HeldByOther);
    assert_eq!(one.fill(claim, &log.entries).await.unwrap(), RebuildStep::Accepted);
    assert_eq!(other.claim(log.claim()).await.unwrap(), ClaimOutcome::HeldByOther);
    assert_eq!(says(&other).await, RevocationStatus::Incomplete);
    assert_eq!(one.complete(claim).await.unwrap(), RebuildStep::Accepted);
    log.goes_on(&other).await;
    for node in [one, other] {
        log.assert_all_is_well(&node).await;
    }
}

/// Only the reply may have been lost.
#[tokio::test]
async fn a_claim_may_be_repeated_and_completed_once() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (_server, [one, _], log) = two_nodes().await;
    let claim = log.claim();
    for _ in 0..2 {
        assert_eq!(one.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    }
    assert_eq!(one.complete(claim).await.unwrap(), RebuildStep::Accepted);
    assert_eq!(one.complete(claim).await.unwrap(), RebuildStep::ClaimLost);
    assert!(matches!(one.claim(claim).await.unwrap(), ClaimOutcome::CompleteTo(_)));
}

/// The claim lapses after a few seconds; the test shortens that. When the filler continues, it has lost.
#[tokio::test]
async fn a_silent_fillers_claim_lapses_and_its_late_pages_are_lost() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, [dead, alive], log) = two_nodes().await;
    let old = log.claim();
    assert_eq!(dead.claim(old).await.unwrap(), ClaimOutcome::Granted);
    let left: i64 = server.command(&["PTTL", "{test}:filling"]).await.parse().unwrap();
    assert!((1..=5000).contains(&left), "{left}");

    server.command(&["PEXPIRE", "{test}:filling", "0"]).await;
    // Before another node has claimed.
    assert_eq!(dead.fill(old, &[]).await.unwrap(), RebuildStep::ClaimLost);
    assert_eq!(dead.complete(old).await.unwrap(), RebuildStep::ClaimLost);
    let new = log.claim();
    assert_eq!(alive.claim(new).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(dead.fill(old, &log.entries).await.unwrap(), RebuildStep::ClaimLost);
    assert_eq!(dead.complete(old).await.unwrap(), RebuildStep::ClaimLost);
    assert_eq!(says(&alive).await, RevocationStatus::Incomplete);
    assert_eq!(alive.fill(new, &log.entries).await.unwrap(), RebuildStep::Accepted);
    assert_eq!(alive.complete(new).await.unwrap(), RebuildStep::Accepted);
    log.assert_no_session_passes(&dead).await;
    log.goes_on(&dead).await;
    log.assert_all_is_well(&dead).await;
}

/// RebuildStep a log of many pages takes longer than a claim lasts.
#[tokio::test]
async fn each_page_renews_the_claim() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, [one, _], log) = two_nodes().await;
    let claim = log.claim();
    assert_eq!(one.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    for page in [&log.entries[..], &[]] {
        server.command(&["PERSIST", "{test}:filling"]).await;
        assert_eq!(one.fill(claim, page).await.unwrap(), RebuildStep::Accepted);
        let left: i64 = server.command(&["PTTL", "{test}:filling"]).await.parse().unwrap();
        assert!((1..=5000).contains(&left), "{left}");
    }
}

/// Every node renews it twice a second. A mark that is not renewed expires, long before the entries do.
#[tokio::test]
async fn the_mark_lapses_unless_it_is_renewed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    let half_an_hour = 30 * 60 * 1000;
    server.command(&["PEXPIRE", "{test}:mark", "600000"]).await;
    log.goes_on(&node).await;
    let left: i64 = server.command(&["PTTL", "{test}:mark"]).await.parse().unwrap();
    assert!((600_001..=half_an_hour).contains(&left), "{left}");
    server.command(&["PEXPIRE", "{test}:mark", "0"]).await;
    log.assert_no_session_passes(&node).await;
    log.rebuild(&node).await;
}

/// A database that was restored from a backup, or another one.
#[tokio::test]
async fn a_copy_of_another_log_is_incomplete_for_every_node() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, one, mut log) = whole().await;
    let other = node(&server.url()).await;
    let restored = Log::new();
    let claim = restored.claim();
    // The nodes of the first log count as running as long as its mark is renewed.
    let refused = other.claim(claim).await.unwrap_err();
    assert!(in_full(&refused).contains("RESCIND_REDIS_NAMESPACE"), "{refused:?}");
    log.assert_all_is_well(&one).await;
    assert_eq!(says(&other).await, RevocationStatus::Incomplete);
    let six_seconds_ago = (30 * 60 - 6) * 1000;
    server
        .command(&["PEXPIRE", "{test}:mark", &six_seconds_ago.to_string()])
        .await;
    assert_eq!(other.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    log.assert_no_session_passes(&one).await;
    assert_eq!(other.complete(claim).await.unwrap(), RebuildStep::Accepted);
    log.assert_no_session_passes(&one).await;
    // Until that node has synced its log, too.
    restored.goes_on(&one).await;
    log.entries.clear();
    log.assert_all_is_well(&one).await;
}
