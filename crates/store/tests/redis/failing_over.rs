//! A failover to a replica that had missed the last writes: by sentinels, and by hand.

use rescind_session::ports::{Blacklist, RevocationStatus, StoreError};
use rescind_testkit::{RedisServer, Tool, needs};

use super::fixture::{Log, follow, join_all, new_session, new_token, node, revocation, until, whole};

async fn replica_of(primary: &RedisServer) -> RedisServer {
    let replica = RedisServer::start().await;
    follow(&replica, primary).await;
    replica
}

/// A sentinel does this to a server that it demotes or promotes.
async fn throw_clients_out(server: &RedisServer) {
    server
        .command(&["CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"])
        .await;
}

#[tokio::test]
async fn a_sentinel_failover_to_a_replica_that_missed_a_logout_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let primary = RedisServer::start().await;
    let replica = replica_of(&primary).await;
    let sentinel = RedisServer::with(&["--sentinel"]).await;
    let port = primary.port().to_string();
    sentinel
        .command(&["SENTINEL", "MONITOR", "main", "127.0.0.1", &port, "1"])
        .await;
    for (setting, value) in [("down-after-milliseconds", "500"), ("failover-timeout", "3000")] {
        sentinel.command(&["SENTINEL", "SET", "main", setting, value]).await;
    }
    until("the sentinel knows the replica", || async {
        sentinel
            .command(&["SENTINEL", "REPLICAS", "main"])
            .await
            .contains(&replica.port().to_string())
    })
    .await;

    // One of the sentinels is never reachable.
    let url = format!("redis+sentinel://127.0.0.1:1,127.0.0.1:{}/main", sentinel.port());
    let node = node(&url).await;
    let mut log = Log::new();
    log.append();
    log.rebuild(&node).await;
    until("the replica has the mark", || async {
        replica.command(&["EXISTS", "{test}:mark"]).await == "1"
    })
    .await;

    // From now on the replica receives nothing, and does not see its connection end.
    replica.pause();
    primary.command(&["CLIENT", "KILL", "TYPE", "replica"]).await;
    log.log_out(&node).await;
    primary.kill_9();
    replica.resume();

    until("the replica is promoted", || async {
        log.assert_no_session_passes(&node).await;
        node.claim(log.claim()).await.is_ok()
    })
    .await;
    assert_eq!(replica.info("role").await, "master");
    // Its data and its mark are a prefix of the old primary's. Later entries are in the log.
    log.assert_no_session_passes(&node).await;
    log.goes_on(&node).await;
    log.assert_all_is_well(&node).await;
}

/// A is demoted, refilled from B, which had A's mark, and promoted again: the same process, on the same connections,
/// with an old mark of its own. Only the id of its history differs.
#[tokio::test]
async fn a_double_failover_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    for throws_out in [true, false] {
        let (a, node, mut log) = whole().await;
        let b = replica_of(&a).await;
        until("b has the mark", || async {
            b.command(&["EXISTS", "{test}:mark"]).await == "1"
        })
        .await;
        let before = a.info("run_id").await;

        b.command(&["REPLICAOF", "NO", "ONE"]).await;
        log.log_out(&node).await;
        follow(&a, &b).await;
        a.command(&["REPLICAOF", "NO", "ONE"]).await;
        assert_eq!(a.info("run_id").await, before);
        let last = format!("{{test}}:sid:{}", super::fixture::session_of(&log.entries[8]).as_uuid());
        assert_eq!(
            a.command(&["EXISTS", &last, "{test}:mark"]).await,
            "1",
            "the mark is back, the entry is not"
        );

        if throws_out {
            throw_clients_out(&a).await;
            log.assert_no_session_passes(&node).await;
            log.rebuild(&node).await;
        } else {
            // A failover by hand that leaves the clients connected is noticed at the next check of the server, twice a
            // second.
            log.rebuild(&node).await;
        }
    }
}

/// Unused connections are as old as the others. They are replaced together, without a failed command for each.
#[tokio::test]
async fn after_a_check_of_the_server_no_connection_of_an_earlier_life_is_used() {
    let Some(_) = needs(Tool::Redis) else { return };
    let (a, node, log) = whole().await;
    let ask_at_once = || join_all((0..8).map(|_| node.check(new_token(), new_session())));
    for standing in ask_at_once().await {
        assert_eq!(standing.unwrap(), RevocationStatus::NotRevoked);
    }
    let b = RedisServer::start().await;
    b.command(&["SET", "{test}:mark", "a mark of another life"]).await;
    follow(&a, &b).await;
    a.command(&["REPLICAOF", "NO", "ONE"]).await;
    log.rebuild(&node).await;
    for standing in ask_at_once().await {
        assert_eq!(standing.unwrap(), RevocationStatus::NotRevoked);
    }
}

/// A server that became a replica accepts no revocation and no token.
#[tokio::test]
async fn a_demoted_primary_accepts_no_revocation() {
    let Some(_) = needs(Tool::Redis) else { return };
    for throws_out in [true, false] {
        let (a, node, log) = whole().await;
        let b = RedisServer::start().await;
        follow(&a, &b).await;
        if throws_out {
            throw_clients_out(&a).await;
        }
        let told = node.insert(&[revocation(new_session())]).await;
        assert!(matches!(told, Err(StoreError::Unavailable(_))), "{told:?}");
        log.assert_no_session_passes(&node).await;
        let looked = node.claim(log.claim()).await;
        let words = super::fixture::in_full(&looked.unwrap_err());
        assert!(words.contains("primary"), "{words}");
        assert!(node.check(new_token(), new_session()).await.is_err());

        a.command(&["REPLICAOF", "NO", "ONE"]).await;
        log.assert_no_session_passes(&node).await;
        log.rebuild(&node).await;
    }
}

/// A cluster's client follows a failover by itself, so each check identifies the server.
#[tokio::test]
async fn in_a_cluster_a_server_that_returns_with_an_old_copy_is_noticed() {
    let Some(_) = needs(Tool::Redis) else { return };
    let server = RedisServer::with(&["--cluster-enabled", "yes"]).await;
    let is_up = || async { server.command(&["CLUSTER", "INFO"]).await.contains("cluster_state:ok") };
    server.command(&["CLUSTER", "ADDSLOTSRANGE", "0", "16383"]).await;
    until("the cluster is up", is_up).await;
    let node = node(&server.url().replace("redis://", "redis+cluster://")).await;
    let mut log = Log::new();
    for _ in 0..8 {
        log.append();
    }
    log.rebuild(&node).await;
    server.command(&["SAVE"]).await;
    log.log_out(&node).await;
    // Its slots are in a file next to the snapshot, which it also reads.
    server.kill_9();
    server.start_again().await;
    until("the cluster is up again", is_up).await;
    assert_eq!(
        server.command(&["EXISTS", "{test}:mark"]).await,
        "1",
        "the mark came back"
    );
    until("the node has found it again", || async {
        log.assert_no_session_passes(&node).await;
        node.check(new_token(), new_session()).await.ok() == Some(RevocationStatus::Incomplete)
    })
    .await;
    log.rebuild(&node).await;
}
