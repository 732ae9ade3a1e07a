//! Stores that must not be used, or no longer: the node reports it, instead of trusting them.

use std::time::Duration;

use rescind_testkit::{ApiClient, PostgresServer, RedisServer};

use crate::{
    cluster::{Database, Node, Plan, has_stores, until},
    report::held,
    turns::turn,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_may_evict_refuses_the_start_and_turns_a_running_node_unready() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let [node] = plan.start().await;
    let live = node.log_in().await;
    // Open connections stay: each check of the copy, twice a second, reads the policy on one of them.
    let policy = async |policy| redis.command(&["CONFIG", "SET", "maxmemory-policy", policy]).await;
    policy("allkeys-lru").await;
    let noticed = until(async || node.api.get("/health/ready", None).await.status == 503).await;
    assert!(noticed < Duration::from_secs(10), "noticed after {noticed:?}");
    node.api.me(live.access()).await.expect_status(503);

    let refused = plan.program().run_to_exit().await.unwrap();
    assert!(!refused.status.success(), "a second node started: {}", refused.stderr);
    assert!(
        refused.stderr.contains("noeviction"),
        "it says what to set: {}",
        refused.stderr
    );

    policy("noeviction").await;
    let again = node.until_serving(&live).await;
    held!(
        Refused,
        a_redis_that_may_evict_refuses_the_start_and_turns_a_running_node_unready,
        "the eviction policy changed: a running node turns unready, a new one does not start",
        "noticed after {} ms on connections that stood, service again after {} ms",
        noticed.as_millis(),
        again.as_millis()
    );
}

/// Queues for the lock that another session of this database holds, and keeps it for six seconds: longer than its former
/// holder may believe that it still holds it.
const QUEUE_FOR_THE_LOCK: &str = "
    DO $$
    DECLARE held record;
    BEGIN
        SELECT l.classid::int AS class, l.objid::int AS object INTO STRICT held
        FROM pg_locks l JOIN pg_database d ON d.oid = l.database
        WHERE l.locktype = 'advisory' AND d.datname = current_database();
        PERFORM pg_advisory_lock(held.class, held.object);
        PERFORM pg_sleep(6);
    END $$";

/// Without Redis a node is alone on its database. It may rely on that only while it holds the lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_loses_the_database_lock_answers_503_until_it_has_it_again() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let database = Database::on_shared_postgres().await;
    let plan = Plan::on(&database);
    let [node] = plan.start().await;
    let (live, leaving) = (node.log_in().await, node.log_in().await);
    node.api.log_out(leaving.access()).await.expect_status(204);

    let second = plan.program().run_to_exit().await.unwrap();
    assert!(
        !second.status.success(),
        "two nodes on one database, without Redis: {}",
        second.stderr
    );

    // Another session is next in the queue, so that it gets the lock at the moment in which this node loses it.
    let postgres = PostgresServer::shared().await;
    let usurper = tokio::spawn({
        let url = database.url().to_owned();
        async move { postgres.sql_in(&url, QUEUE_FOR_THE_LOCK).await }
    });
    let locks = |what, granted| {
        format!(
            "SELECT {what} FROM pg_locks l JOIN pg_database d ON d.oid = l.database
             WHERE l.locktype = 'advisory' AND d.datname = current_database() AND l.granted = {granted}"
        )
    };
    let (waiting, holder) = (locks("count(*)", false), locks("pg_terminate_backend(pid)", true));
    until(async || postgres.sql_in(database.url(), &waiting).await == "1").await;
    assert_eq!(postgres.sql_in(database.url(), &holder).await, "t");
    let noticed = node.until_refusing_service(&live).await;
    let mut refused = 0;
    while !usurper.is_finished() {
        let reply = node.api.me(live.access()).await;
        if !usurper.is_finished() {
            reply.expect_status(503);
            refused += 1;
        }
    }
    usurper.await.unwrap();
    assert!(refused > 0, "the lock was lost for too short a time to be seen");
    let again = node.until_serving(&live).await;
    node.assert_dead(&leaving).await;
    held!(
        Refused,
        a_node_that_loses_the_database_lock_answers_503_until_it_has_it_again,
        "one node without Redis, its lock lost: 503 until it has it again and has read the log; a second node does not start",
        "503 after {} ms, {refused} answers 503 while another had the lock, service again after {} ms",
        noticed.as_millis(),
        again.as_millis()
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_other_keys_is_refused_the_database() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let redis = RedisServer::start().await;
    let plan = Plan::on(&Database::on_shared_postgres().await).with_redis(&redis.url());
    let [node] = plan.start().await;
    let live = node.log_in().await;
    let others = tempfile::TempDir::with_prefix("rescind-other-keys-").unwrap();
    let stranger = plan.program().env("RESCIND_KEYS", others.path().join("keys"));
    let ended = stranger.run_to_exit().await.unwrap();
    assert!(
        !ended.status.success(),
        "a node with keys of its own started: {}",
        ended.stderr
    );
    assert!(ended.stderr.contains("key"), "it says why: {}", ended.stderr);
    node.assert_alive(&live).await;
    let also = Node::of(plan.program()).await;
    also.assert_alive(&live).await;
    held!(
        Refused,
        a_node_with_other_keys_is_refused_the_database,
        "a second node with other keys does not start, one with the same does",
        "1 of each"
    );
}

/// The port is bound before the lock on the database counts, which takes seconds.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_answers_retry_after_until_its_lock_counts() {
    if !has_stores() {
        return;
    }
    let _turn = turn().await;
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let plan = Plan::on(&Database::on_shared_postgres().await).env("RESCIND_BIND", &address.to_string());
    let client = ApiClient::new(&format!("http://{address}"));
    let starting = tokio::spawn(plan.program().start());
    let first = loop {
        match client.attempt(client.request("GET", "/api/me")).await {
            Ok(reply) => break reply,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert_eq!(first.header("retry-after"), "1");
    first.expect_problem(503, "store_unavailable");
    let running = starting.await.unwrap().unwrap();
    running.ready().await.unwrap();
    client.get("/api/me", None).await.expect_problem(401, "token_missing");
}
