//! All the ways in which Redis loses data. After each of them no token is accepted until the copy is complete again.

use rescind_session::ports::{Blacklist, ClaimOutcome, RebuildStep};
use rescind_testkit::{RedisServer, Tool, needs};

use super::fixture::{Log, node, whole};

/// After the fault no token is accepted, and a new node sees the same as one that was running.
async fn is_noticed_and_recovers(server: &RedisServer, witness: &rescind_store::RedisBlacklist, log: &Log) {
    log.assert_no_session_passes(witness).await;
    let newcomer = node(&server.url()).await;
    log.assert_no_session_passes(&newcomer).await;

    let claim = log.claim();
    assert_eq!(witness.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(newcomer.claim(log.claim()).await.unwrap(), ClaimOutcome::HeldByOther);
    let (some, rest) = log.entries.split_at(3);
    assert_eq!(witness.fill(claim, some).await.unwrap(), RebuildStep::Accepted);
    for node in [witness, &newcomer] {
        log.assert_no_session_passes(node).await;
    }
    assert_eq!(witness.fill(claim, rest).await.unwrap(), RebuildStep::Accepted);
    for node in [witness, &newcomer] {
        log.assert_no_session_passes(node).await;
    }
    assert_eq!(witness.complete(claim).await.unwrap(), RebuildStep::Accepted);
    log.goes_on(&newcomer).await;
    for node in [witness, &newcomer] {
        log.assert_all_is_well(node).await;
    }
}

#[tokio::test]
async fn a_flush_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server.flush_all().await;
    is_noticed_and_recovers(&server, &node, &log).await;
}

#[tokio::test]
async fn a_restart_without_data_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server.restart_empty().await;
    is_noticed_and_recovers(&server, &node, &log).await;
}

/// All data is there, but that cannot be proved.
#[tokio::test]
async fn a_restart_with_all_data_makes_the_copy_incomplete() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server.restart_keeping_data().await;
    is_noticed_and_recovers(&server, &node, &log).await;
}

/// It holds the mark and most entries: a mark without a server's name would be trusted.
#[tokio::test]
async fn an_old_snapshot_with_the_mark_in_it_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log) = whole().await;
    let snapshot = server.save_snapshot().await;
    log.log_out(&node).await;
    server.restart_from(&snapshot).await;
    assert!(
        server.command(&["GET", "{test}:mark"]).await.contains('/'),
        "the mark came back"
    );
    is_noticed_and_recovers(&server, &node, &log).await;
}

/// It holds the claim, which must not be valid in the new life: neither may its node go on, nor may it delay others.
#[tokio::test]
async fn a_snapshot_taken_during_a_rebuild_is_not_completed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log) = whole().await;
    server.flush_all().await;
    let claim = log.claim();
    assert_eq!(node.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    assert_eq!(
        node.fill(claim, &log.entries[..4]).await.unwrap(),
        RebuildStep::Accepted
    );
    let snapshot = server.save_snapshot().await;
    assert_eq!(
        node.fill(claim, &log.entries[4..]).await.unwrap(),
        RebuildStep::Accepted
    );
    log.log_out(&node).await;
    server.restart_from(&snapshot).await;
    assert_eq!(
        server.command(&["EXISTS", "{test}:filling"]).await,
        "1",
        "the claim came back"
    );
    assert_eq!(node.fill(claim, &[]).await.unwrap(), RebuildStep::ClaimLost);
    assert_eq!(node.complete(claim).await.unwrap(), RebuildStep::ClaimLost);
    is_noticed_and_recovers(&server, &node, &log).await;
}

/// At any point of a rebuild a flush ends that rebuild.
#[tokio::test]
async fn a_flush_during_a_rebuild_ends_it() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    for after_pages in 0..=2 {
        server.flush_all().await;
        let claim = log.claim();
        assert_eq!(node.claim(claim).await.unwrap(), ClaimOutcome::Granted);
        let mut pages = log.entries.chunks(4);
        for page in pages.by_ref().take(after_pages) {
            assert_eq!(node.fill(claim, page).await.unwrap(), RebuildStep::Accepted);
        }
        server.flush_all().await;
        for page in pages {
            assert_eq!(node.fill(claim, page).await.unwrap(), RebuildStep::ClaimLost);
        }
        assert_eq!(node.complete(claim).await.unwrap(), RebuildStep::ClaimLost);
        log.assert_no_session_passes(&node).await;
    }
    is_noticed_and_recovers(&server, &node, &log).await;
}

/// A logout during a rebuild counts, whether the sync has passed its entry or not: it also inserts by itself.
#[tokio::test]
async fn a_logout_beside_a_rebuild_counts() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, mut log) = whole().await;
    server.flush_all().await;
    let claim = log.claim();
    assert_eq!(node.claim(claim).await.unwrap(), ClaimOutcome::Granted);
    let read_before = log.entries.clone();
    log.log_out(&node).await;
    assert_eq!(node.fill(claim, &read_before).await.unwrap(), RebuildStep::Accepted);
    log.log_out(&node).await;
    assert_eq!(node.complete(claim).await.unwrap(), RebuildStep::Accepted);
    log.assert_all_is_well(&node).await;
}

/// Pooled connections are closed by a restart; no command fails because of that.
#[tokio::test]
async fn a_restart_fails_no_command() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    server.restart_keeping_data().await;
    log.rebuild(&node).await;
}
