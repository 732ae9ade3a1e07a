//! All checks share one connection, which is replaced when it can no longer be relied on.

use std::time::Duration;

use rescind_session::ports::{Blacklist, RevocationStatus};
use rescind_store::RedisBlacklist;
use rescind_testkit::{RedisServer, TcpRelay, Tool, needs};

use super::fixture::{
    Log, join_all, new_session, new_token, node, revocation, says, session_of, settings, until, whole,
};

/// Connections that the server has accepted, without the one of this command.
async fn accepted(server: &RedisServer) -> u64 {
    server.info("total_connections_received").await.parse().unwrap()
}

async fn all_pass(node: &RedisBlacklist) {
    let checks = (0..200).map(|_| node.check(new_token(), new_session()));
    for status in join_all(checks).await {
        assert_eq!(status.unwrap(), RevocationStatus::NotRevoked);
    }
}

#[tokio::test]
async fn checks_at_once_share_one_connection_which_is_replaced_once() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    all_pass(&node).await;
    // The command that reads the number is a connection of its own.
    let before = accepted(&server).await + 1;
    all_pass(&node).await;
    assert_eq!(accepted(&server).await, before, "a connection for some checks");
    server.command(&["CLIENT", "KILL", "TYPE", "normal"]).await;
    let before = accepted(&server).await + 1;
    all_pass(&node).await;
    assert_eq!(accepted(&server).await, before + 1, "more than one new connection");
    log.assert_all_is_well(&node).await;
}

/// `CLIENT PAUSE … WRITE` holds scripts back and lets reads pass.
#[tokio::test]
async fn checks_wait_for_no_connection_of_the_pool() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, _, log) = whole().await;
    let node = RedisBlacklist::connect(&server.url(), &settings().connections(1))
        .await
        .unwrap();
    log.goes_on(&node).await;
    assert_eq!(says(&node).await, RevocationStatus::NotRevoked);
    server.command(&["CLIENT", "PAUSE", "60000", "WRITE"]).await;
    let entry = [revocation(new_session())];
    let insert = async {
        node.insert(&entry).await.unwrap();
    };
    let checks = async {
        until("the only connection is taken", || async {
            server.command(&["INFO", "clients"]).await.contains("blocked_clients:1")
        })
        .await;
        all_pass(&node).await;
        server.command(&["CLIENT", "UNPAUSE"]).await;
    };
    tokio::join!(insert, checks);
    assert_eq!(
        node.check(new_token(), session_of(&entry[0])).await.unwrap(),
        RevocationStatus::Revoked(entry[0].scope)
    );
}

/// A request has a deadline of its own, which may pass before that of the command.
#[tokio::test]
async fn a_check_cancelled_during_a_silence_makes_the_next_one_connect() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (silent, elsewhere) = (RedisServer::start().await, RedisServer::start().await);
    let relay = TcpRelay::to(silent.port()).await;
    let node = node(&silent.url_through(relay.port())).await;
    let mut log = Log::new();
    log.append();
    log.rebuild(&node).await;
    silent.pause();
    relay.lead_to(elsewhere.port());
    let longer_than_a_reply = settings().timeout / 3;
    let check = tokio::time::timeout(longer_than_a_reply, node.check(new_token(), new_session()));
    assert!(check.await.is_err(), "a paused server replied");
    assert_eq!(says(&node).await, RevocationStatus::Incomplete);
}

/// A client that hangs up early must not cost a connection.
#[tokio::test]
async fn a_check_cancelled_at_once_keeps_the_connection() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (server, node, log) = whole().await;
    let before = accepted(&server).await + 1;
    for _ in 0..100 {
        let check = node.check(new_token(), new_session());
        let _ = tokio::time::timeout(Duration::ZERO, check).await;
    }
    assert_eq!(says(&node).await, RevocationStatus::NotRevoked);
    assert_eq!(accepted(&server).await, before);
    log.assert_all_is_well(&node).await;
}
